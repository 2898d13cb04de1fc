"""A network of declared rooms and the people around it, on a real database and without a homeserver.

Whatever leaves by the outbox is carried out on the room index, as a homeserver and the sync would.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from bot.chat import CHAT
from bot.chat.desk import Desk, House
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.directory.service import add_evidence, withdraw
from bot.directory.standing import Level
from bot.kernel import inbox, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.matrix import store as matrix
from bot.matrix.roomindex.store import RoomIndex
from bot.rooms import store as rooms_store
from bot.rooms.admission import ROOMS
from bot.rooms.file import NetworkFile
from bot.settings import BotSettings, Settings

BOT = "@curbside:north.example"
MOD = "@mira:north.example"
ANNA, BEN, CARA = "@anna:north.example", "@ben:south.example", "@cara:east.example"
STRANGER = "@eve:elsewhere.example"
MODERATORS = "!moderators:north.example"
_MARKER = "org.curbside"

FILE = """
name = "Lakeland"

[templates.default]
join = "knock"
level = "L2"

[spaces.medicine]
name = "Medicine"
name_de = "Innere"
level = "L1"
rooms = ["cardiology", "neurology", "icu", "lobby", "stroke"]

[rooms.cardiology]
name = "Cardiology"
name_de = "Kardiologie"
specialty = "cardiology"
welcome = "Say which hospital you are from."
welcome_de = "Sagen Sie, aus welchem Haus Sie sind."
rules = "No patient names."
rules_de = "Keine Namen von Patienten."
mute = true

[rooms.neurology]
name = "Neurology"
specialty = "neurology"

[rooms.stroke]
name = "Stroke unit"
specialty = "neurology"
level = "L3"

[rooms.icu]
name = "Intensive care"
level = "L3"

[rooms.lobby]
name = "Lobby"
level = "L0"
"""


class NetworkStage:
    """One house with a network file; every declared room exists."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, network: str = FILE) -> None:
        self.db = db
        self.clock = clock
        self.folder = folder
        (folder / "network.toml").write_text(network, "utf-8")
        (folder / "roster.toml").write_text("", "utf-8")
        settings = Settings(
            hospital="North",
            homeserver="http://127.0.0.1:9",
            server_name="north.example",
            allowed_servers=("south.example", "east.example"),
            bots={"curbside": BotSettings(user_id=BOT, token_file=Path("token"))},
            moderators=(MOD,),
            base=folder,
        )
        known = [one for one in (CHAT, ROOMS) if one.locale is not None]
        bots = {"curbside": BOT}
        parts: Mapping[type, Any] = {
            RosterFile: RosterFile(folder / "roster.toml"),
            NetworkFile: NetworkFile(folder / "network.toml"),
        }
        texts = Texts([one.locale for one in known if one.locale is not None])
        self.house = House(settings, texts, RoomIndex(bots), bots, HospitalBook(settings), parts)
        self.dispatcher = Dispatcher(self.house, [CHAT, ROOMS])
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)
        self.chats: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.done: list[tuple[str, str, Any]] = []  # what was done to rooms: room, operation, to whom
        self.seen = 0
        self.events = 0

    async def open(self) -> NetworkStage:
        """Let every declared room exist, and the moderators' room."""
        async with self.db.begin() as tx:
            for key in self.house.part(NetworkFile).current.rooms:
                await self._room(tx, self.room_id(key), f"room:network/{key}", {BOT: "join"})
                await rooms_store.place(tx, key, self.room_id(key))
            await self._room(tx, MODERATORS, "room:moderators", {BOT: "join", MOD: "join"}, {MOD: 50})
        return self

    async def _room(
        self,
        tx: Tx,
        room_id: str,
        name: str,
        members: Mapping[str, str],
        power: Mapping[str, int] | None = None,
    ) -> None:
        row = matrix.RoomRow("curbside", room_id, "join", True, "11", len(members), 0, True)
        row.shape.users = {BOT: 100, **(power or {})}
        row.shape.has_levels = True
        await matrix.keep_rooms(tx, [row])
        await matrix.keep_members(tx, "curbside", room_id, members)
        await matrix.name_room(tx, "curbside", name, room_id)

    @staticmethod
    def room_id(key: str) -> str:
        return f"!{key}:north.example"

    # What happens --------------------------------------------------------------------------------

    async def arrives(self, user: str, key: str, membership: str = "join", *, by: str | None = None) -> None:
        """Somebody's membership of a room changes, and everything that follows."""
        await self.journal(user, key, membership, by=by)
        await self.settle()

    async def journal(self, user: str, key: str, membership: str, *, by: str | None = None) -> None:
        """Somebody's membership of a room changes."""
        room_id = key if key.startswith("!") else self.room_id(key)
        self.events += 1
        async with self.db.begin() as tx:
            before = (await matrix.members(tx, "curbside", room_id)).get(user)
            await matrix.keep_members(tx, "curbside", room_id, {user: membership})
            event = {
                "type": "m.room.member",
                "state_key": user,
                "sender": by or user,
                "event_id": f"$in{self.events}",
                "content": {"membership": membership},
                "unsigned": {"prev_content": {"membership": before}} if before else {},
            }
            await self._put(tx, room_id, event)

    async def says(self, user: str, text: str, *, room: str = "") -> list[str]:
        """Somebody writes to the bot; returns what it answered them since."""
        return await self._hears(user, room, "m.room.message", {"msgtype": "m.text", "body": text})

    async def taps(self, user: str, emoji: str) -> list[str]:
        """React to the last message of one's direct chat that has this button."""
        target = ""
        for event_id, _content in self.chats.get(self.dm(user), []):
            async with self.db.read() as tx:
                if emoji in await outbox.buttons_on(tx, "curbside", event_id):
                    target = event_id
        relation = {"rel_type": "m.annotation", "event_id": target, "key": emoji}
        return await self._hears(user, "", "m.reaction", {"m.relates_to": relation})

    async def _hears(self, user: str, room: str, kind: str, content: dict[str, Any]) -> list[str]:
        self.events += 1
        event = {"type": kind, "sender": user, "event_id": f"$in{self.events}", "content": content}
        before = len(self.chats.get(self.dm(user), []))
        async with self.db.begin() as tx:
            if not room:
                await self._room(tx, self.dm(user), f"dm:{user}", {BOT: "join", user: "join"})
            await self._put(tx, room or self.dm(user), event)
        await self.settle()
        return [content["body"] for _event, content in self.chats.get(self.dm(user), [])[before:]]

    async def _put(self, tx: Tx, room_id: str, event: Mapping[str, Any]) -> None:
        payload = {"room_id": room_id, "event": dict(event), "encrypted": True, "decrypted": True}
        entry = inbox.Incoming(
            "curbside", "matrix.event", str(event["event_id"]), f"curbside {room_id}", payload
        )
        await inbox.put(tx, entry)

    async def verifies(
        self, user: str, level: Level = Level.L2, *, until: datetime | None = None, method: str = "email"
    ) -> None:
        """Something proves who somebody is."""
        async with self.db.begin() as tx:
            desk = Desk(self.house, tx, "curbside")
            await add_evidence(desk, user, method, level, until=until, by="system")
        await self.settle()

    async def withdraws(self, user: str, *, by: str = "scim", method: str | None = None) -> None:
        """It no longer does."""
        async with self.db.begin() as tx:
            await withdraw(Desk(self.house, tx, "curbside"), user, by=by, method=method)
        await self.settle()

    async def tells(self, topic: str, payload: Mapping[str, Any]) -> None:
        """An inbox entry of a topic."""
        self.events += 1
        async with self.db.begin() as tx:
            await inbox.put(tx, inbox.Incoming("curbside", topic, f"t{self.events}", topic, payload))
        await self.settle()

    async def passes(self, **time: float) -> None:
        """Time passes; timers that are due fire."""
        self.clock.advance(timedelta(**time))
        while await self.engine.fire_one():
            pass
        await self.settle()

    async def settle(self) -> None:
        """Handle and deliver until there is nothing left to do now."""
        while await self.engine.handle_one() or await self._deliver():
            pass

    # What came of it -----------------------------------------------------------------------------

    @staticmethod
    def dm(user: str) -> str:
        return f"!dm-{user[1:].replace(':', '-')}:north.example"

    def told(self, user: str) -> list[str]:
        """All that the bot wrote to somebody."""
        return [content["body"] for _event, content in self.chats.get(self.dm(user), [])]

    def kinds(self, user: str) -> list[str]:
        return [content[_MARKER]["kind"] for _event, content in self.chats.get(self.dm(user), [])]

    def in_room(self, room_id: str) -> list[str]:
        """All that the bot wrote into a room."""
        return [content["body"] for _event, content in self.chats.get(room_id, [])]

    def acts(self) -> list[tuple[str, str, Any]]:
        """What was done to rooms since this was asked last."""
        fresh, self.seen = self.done[self.seen :], len(self.done)
        return fresh

    async def membership(self, user: str, key: str) -> str:
        async with self.db.read() as tx:
            return (await matrix.members(tx, "curbside", self.room_id(key))).get(user, "leave")

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = ROOMS.topics.get(entry.topic)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        elif entry.topic == "matrix.event":
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        if timer.kind in ROOMS.timers:
            await ROOMS.timers[timer.kind](Desk(self.house, tx, "curbside"), timer)
        elif timer.kind == "directory.expiry":
            from bot.directory.service import expiry_due

            await expiry_due(Desk(self.house, tx, "curbside"), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")

    async def _deliver(self) -> bool:
        async with self.db.begin() as tx:
            rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
            for row in rows:
                await self._carry_out(tx, row)
        return bool(rows)

    async def _carry_out(self, tx: Tx, row: outbox.OutboxRow) -> None:
        room_id = row.room
        if room_id.startswith("dm:"):
            room_id = self.dm(room_id[3:])
        elif not room_id.startswith("!"):
            room_id = await matrix.named_room(tx, "curbside", room_id) or room_id
        if row.op == "send":
            content = row.body["content"]
            if row.body["type"] == "m.room.message":
                self.chats.setdefault(room_id, []).append((f"${row.id}", content))
        elif row.op in ("invite", "kick", "ban"):
            user = str(row.body["user_id"])
            self.done.append((room_id, row.op, user))
            now = {"invite": "invite", "kick": "leave", "ban": "ban"}[row.op]
            await matrix.keep_members(tx, "curbside", room_id, {user: now})
        else:
            self.done.append((room_id, row.op, dict(row.body).get("users")))
        await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=room_id)
