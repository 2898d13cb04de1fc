"""A ward: people, chats and the program between them, on a real database and without a homeserver.

It delivers outbox rows to chats and brings back their results; everything else is the program itself.
"""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.chat import CHAT
from bot.chat.desk import Desk, House, RoomFacts
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.consults import CONSULTS
from bot.consults.paging.capability import PAGING
from bot.consults.store import consult_rows
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.kernel import inbox, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer, timer_rows
from bot.oncall import ONCALL
from bot.rooms.file import NetworkFile
from bot.settings import BotSettings, Settings

BOT = "@curbside:hs"
REQ, ANNA, BEN, CARA, MOD = "@req:hs", "@anna:hs", "@ben:hs", "@cara:hs", "@mod:hs"
CAPABILITIES = (CHAT, ONCALL, CONSULTS, PAGING)
TIMERS = {kind: run for one in CAPABILITIES for kind, run in one.timers.items()}
TOPICS = {topic: run for one in CAPABILITIES for topic, run in one.topics.items()}
QUESTION = "new AF, rate 140: cardiovert?"
ROSTER = """
[services.cardiology]
name = "Cardiology"
name_de = "Kardiologie"
synonyms = ["heart"]
on_call = ["@anna:hs", "@ben:hs"]
timers = { urgent = "10m" }
[services.surgery]
[services.selfcare]
on_call = ["@req:hs"]
[clinicians."@anna:hs"]
name = "Dr Anna Berg"
[clinicians."@req:hs"]
name = "Dr Rosa Quill"
"""


class Ward:
    """Chats by room id, each a list of (event id, content) with edits applied."""

    def __init__(
        self,
        db: Database,
        clock: ManualClock,
        folder: Path,
        *,
        moderators: bool = True,
        roster: str = ROSTER,
    ) -> None:
        self.clock = clock
        (folder / "roster.toml").write_text(roster, "utf-8")
        settings = Settings(
            hospital="North",
            homeserver="http://127.0.0.1:9",
            server_name="hs",
            bots={"curbside": BotSettings(user_id=BOT, token_file=Path("token"))},
            moderators=(MOD,) if moderators else (),
            base=folder,
        )
        folders = [one.locale for one in CAPABILITIES if one.locale is not None]
        book = RosterFile(folder / "roster.toml")
        self.house = House(
            settings,
            Texts(folders),
            self,
            {"curbside": BOT},
            HospitalBook(settings),
            {RosterFile: book, NetworkFile: NetworkFile(folder / "network.toml")},
        )
        self.chats: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.plain_rooms: set[str] = set()
        self.broken: set[str] = set()  # rooms that nothing reaches
        self.made: list[tuple[str, Any]] = []  # rooms made and people invited
        self.events = 0
        self.restart(db)

    def restart(self, db: Database) -> None:
        """The same database under a new process."""
        self.db = db
        self.dispatcher = Dispatcher(self.house, CAPABILITIES)
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        room_id = self.room_id(room)
        direct = room_id.startswith("!dm-")
        members = (BOT, "@" + room_id[4:]) if direct else (BOT, REQ, ANNA, BEN, MOD)
        power = dict.fromkeys(self.house.settings.moderators, 50)
        return RoomFacts(room_id, room not in self.plain_rooms, members, direct, power=power)

    def room_id(self, room: str) -> str:
        if room.startswith("dm:@"):
            return "!dm-" + room[4:]
        return "!" + room[5:] if room.startswith("room:") else room

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = TOPICS.get(entry.topic)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        else:
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        await TIMERS[timer.kind](Desk(self.house, tx, str(timer.facts.get("bot", "curbside"))), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")

    async def hears(self, user: str, room: str, kind: str, content: dict[str, Any]) -> None:
        """An event of a person arrives and is worked on until everything is quiet."""
        await self.journal(user, room, kind, content)
        await self.settle()

    async def journal(self, user: str, room: str, kind: str, content: dict[str, Any]) -> None:
        """An event of a person arrives."""
        self.events += 1
        room_id, event_id = self.room_id(room), f"$in{self.events}"
        event = {
            "type": kind,
            "sender": user,
            "event_id": event_id,
            "content": content,
            "origin_server_ts": 0,
        }
        payload = {"room_id": room_id, "event": event, "encrypted": True, "decrypted": True}
        async with self.db.begin() as tx:
            lane = f"curbside {room_id}"
            await inbox.put(tx, inbox.Incoming("curbside", "matrix.event", event_id, lane, payload))

    async def says(self, user: str, text: str, *, room: str = "") -> None:
        content = {"msgtype": "m.text", "body": text.replace("C-ID", self.consult_id)}
        await self.hears(user, room or f"dm:{user}", "m.room.message", content)

    async def taps(self, user: str, emoji: str, *, room: str = "", on: str = "") -> None:
        """React to the last message with that button, or to the one called `on`."""
        place = room or f"dm:{user}"
        event_id = on
        for event, _content in [] if on else self.chat(place):
            event_id = event if emoji in await self.buttons(event) else event_id
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": emoji}
        await self.hears(user, place, "m.reaction", {"m.relates_to": relation})

    async def buttons(self, event_id: str) -> dict[str, str]:
        async with self.db.read() as tx:
            return await outbox.buttons_on(tx, "curbside", event_id)

    async def settle(self) -> None:
        """Handle and deliver until there is nothing left to do now."""
        while await self.engine.handle_one() or await self._deliver():
            pass

    async def passes(self, **time: float) -> None:
        """Time passes; timers that are due fire."""
        self.clock.advance(timedelta(**time))
        while await self.engine.fire_one():
            pass
        await self.settle()

    async def _deliver(self) -> bool:
        async with self.db.begin() as tx:
            rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
            for row in rows:
                if row.room in self.broken:
                    await outbox.mark_failed(tx, row.id, "WITHHELD")
                elif row.op == "send":
                    await self._show(tx, row)
                else:
                    self.made.append((row.op, dict(row.body)))
                    await outbox.mark_sent(tx, row.id, room_id=self.room_id(row.room))
        return bool(rows)

    async def _show(self, tx: Tx, row: outbox.OutboxRow) -> None:
        content = row.body["content"]
        relation = content.get("m.relates_to", {})
        target = relation.get("event_id")
        if isinstance(target, dict):
            target = await outbox.event_of(tx, target["$out"])
        chat = self.chat(row.room)
        if relation.get("rel_type") == "m.replace":
            place = next(index for index, (event, _content) in enumerate(chat) if event == target)
            relates = {key: value for key, value in chat[place][1].items() if key == "m.relates_to"}
            shown = {**content["m.new_content"], "org.curbside": content["org.curbside"]}
            chat[place] = (target, {**relates, **shown})
        elif relation.get("rel_type") != "m.annotation":
            chat.append((f"${row.id}", content))
        await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=self.room_id(row.room))

    def chat(self, room: str) -> list[tuple[str, dict[str, Any]]]:
        return self.chats.setdefault(self.room_id(room), [])

    def texts(self, room: str) -> list[str]:
        return [content["body"] for _event, content in self.chat(room)]

    def last(self, room: str) -> str:
        return self.texts(room)[-1]

    def kinds(self, room: str) -> list[str]:
        return [content["org.curbside"]["kind"] for _event, content in self.chat(room)]

    @property
    def consult_id(self) -> str:
        everything = " ".join(text for chat in self.chats.values() for text in map(str, chat))
        found = re.findall(r"C-[0-9A-Z]{4}", everything)
        return found[-1] if found else "C-ID"

    @property
    def room(self) -> str:
        return f"room:consult-{self.consult_id}"

    async def state(self) -> str:
        async with self.db.read() as tx:
            query = consult_rows.select().where(consult_rows.c.id == self.consult_id)
            return str((await tx.conn.execute(query)).one().state)

    async def timers(self) -> set[str]:
        """The kinds of the timers that wait, without their prefix."""
        async with self.db.read() as tx:
            rows = (await tx.conn.execute(timer_rows.select())).all()
            return {str(row.kind).removeprefix("consults.") for row in rows}

    async def asks(self, line: str = f"!consult cardiology urgent {QUESTION}", **where: str) -> None:
        await self.says(REQ, line, **where)
