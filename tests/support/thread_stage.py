"""A hall with cases: posted under pseudonyms, and what authors, readers and moderators do with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.app import capabilities
from bot.cases import store as cases
from bot.cases.drafting import posting
from bot.cases.model import Case, Draft, Event, Shown
from bot.cases.rules import Who
from bot.cases.thread.saying import working
from bot.cases.thread.saying.service import CHANNEL
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk, House
from bot.chat.dispatch import Dispatcher
from bot.chat.filing import make_one
from bot.chat.i18n import Texts
from bot.deid.engine import Engine
from bot.directory.hospitals import HospitalBook
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.rooms import store as rooms_store
from tests.support.hall import BRAIN, EVE, ROSTER, Hall

TEXT = "Third fall since Monday, on a DOAC: stop it?"
NETWORK = """
name = "Lakeland"
[templates.default]
level = "L0"
join = "knock"
[spaces.medicine]
name = "Medicine"
rooms = ["cardiology", "neurology"]
[rooms.cardiology]
name = "Cardiology"
[rooms.neurology]
name = "Neurology"
name_de = "Neurologie"
"""
SERVICES = '\n[services.cardiology]\nname = "Cardiology on call"\non_call = ["@ada:hs", "@mira:hs"]\n'


class Threads(Hall):
    """A hall whose rooms hold cases; Eve writes them, Ada and Ben read."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path) -> None:
        super().__init__(db, clock, folder)
        (folder / "network.toml").write_text(NETWORK, "utf-8")
        (folder / "roster.toml").write_text(ROSTER + SERVICES, "utf-8")
        self.settings = self.settings.model_copy(update={"allowed_servers": ("far",)})
        self.known = capabilities()
        self.deidentifier = Deidentifier(lambda: Engine(None))
        folders = [one.locale for one in self.known if one.locale is not None]
        self.house = House(
            self.settings,
            Texts(folders),
            self.house.rooms,
            self.house.bot_users,
            HospitalBook(self.settings),
            {**self.house.parts, Deidentifier: self.deidentifier},
        )
        self.dispatcher = Dispatcher(self.house, self.known)
        self.moved: dict[str, str] = {}
        self.polls: list[tuple[str, str, dict[str, Any]]] = []  # event, its type, its content

    async def posts(
        self, text: str = TEXT, *, author: str = EVE, key: str = "neurology", tags: str = "",
        pictures: Sequence[bytes] = (),
    ) -> Case:  # fmt: skip
        """Somebody's case comes into a room, as after their ✅; `pictures` are cleaned ones."""
        await self.deidentifier.warm()
        async with self.db.begin() as tx:
            desk = Desk(self.house, tx, "curbside")
            one = await cases.add(tx, "curbside", author)
            await cases.keep_draft(tx, one.id, Draft(text, f"!dm-{author}"))
            await cases.change(tx, one.id, room_key=key, tags=cases.tags_kept(tags.split()))
            shown = Shown(text, "en", tags=tuple(tags.split()))
            await cases.keep_shown(tx, one.id, shown, "0" * 64)
            await cases.keep_text(tx, one.id, text)
            for picture in pictures:
                await cases.add_file(tx, one.id, [("image/png", picture)])
            one = replace(one, room_key=key, pseudonym="Grey Heron 41", tags=tuple(tags.split()))
            for event in (Event.COMPLETE, Event.SHOW):
                who = Who.AUTHOR if event is Event.COMPLETE else Who.HOUSE
                one = replace(one, state=await cases.move(tx, one, event, who))
            one = replace(one, state=await cases.move(tx, one, Event.CONFIRM, Who.AUTHOR))
            state = await cases.move(tx, one, Event.POST, Who.HOUSE, pseudonym="Grey Heron 41", language="en")
            await posting.put_up(desk, replace(one, state=state), topic=posting.POSTED)
        await self.settle()
        return await self.case(one.id)

    async def case(self, case_id: str) -> Case:
        async with self.db.read() as tx:
            found = await cases.case(tx, case_id)
        assert found is not None
        return found

    async def answers(self, user: str, text: str, case: Case, room: str = BRAIN, **content: Any) -> str:
        """Somebody writes in the thread of a case."""
        relation = {"rel_type": "m.thread", "event_id": case.event_id}
        return await self.says(user, text, room, **{"m.relates_to": relation, **content})

    async def replaces(self, key: str, room: str) -> None:
        """A declared room is replaced by another."""
        self.members[room] = dict(self.members[BRAIN])
        self.levels[room], self.general[room] = {}, {}
        self.moved[f"room:network/{key}"] = room
        async with self.db.begin() as tx:
            await rooms_store.place(tx, key, room)

    def room_id(self, room: str) -> str:
        return self.moved.get(room) or super().room_id(room)

    async def settle(self) -> None:
        while (
            await self.engine.handle_one()
            or await self._deliver()
            or await make_one(self.house, self.db, CHANNEL, working.make)
        ):
            pass

    async def taps_on(self, user: str, key: str, room: str, contains: str) -> None:
        """Somebody presses a button of the newest message with these words."""
        for event_id, content in reversed(self.chat(room)):
            if contains in content["body"]:
                async with self.db.read() as tx:
                    assert key in await outbox.buttons_on(tx, "curbside", event_id), content["body"]
                await self.reacts(user, event_id, key, room)
                return
        raise AssertionError(f"no message with {contains}: {self.texts(room)}")

    async def _said(self, tx: Tx, room: str, event_id: str, body: Mapping[str, Any]) -> None:
        if body["type"].startswith("org.matrix.msc3381"):
            self.polls.append((event_id, str(body["type"]), dict(body["content"])))
        await super()._said(tx, room, event_id, body)

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = next((one.topics[entry.topic] for one in self.known if entry.topic in one.topics), None)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        elif entry.topic == "matrix.event":
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        handler = next(one.timers[timer.kind] for one in self.known if timer.kind in one.timers)
        await handler(Desk(self.house, tx, "curbside"), timer)
