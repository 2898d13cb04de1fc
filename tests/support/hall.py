"""A hall: two specialty rooms, their people, the moderators' room, and the program between them.

Like the ward, it delivers outbox rows and keeps what they did; the database and the program are real.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.chat import CHAT
from bot.chat.desk import Desk, House, RoomFacts
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.kernel import inbox, outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.rooms import store as rooms_store
from bot.rooms.file import NetworkFile
from bot.rooms.moderation import MODERATION
from bot.settings import BotSettings, LimitSettings, ModerationSettings, Settings

BOT = "@curbside:hs"
MIRA, OTTO = "@mira:hs", "@otto:hs"  # moderators
EVE, ADA, BEN = "@eve:hs", "@ada:hs", "@ben:far"
HEART, BRAIN, SPACE = "!heart:hs", "!brain:hs", "!medicine:hs"
MODS = "!moderators:hs"
NETWORK = """
name = "Lakeland"
[spaces.medicine]
name = "Medicine"
rooms = ["cardiology", "neurology"]
[rooms.cardiology]
name = "Cardiology"
[rooms.neurology]
name = "Neurology"
"""
ROSTER = '[clinicians."@eve:hs"]\nname = "Dr Eve Stone"\n[clinicians."@ada:hs"]\nname = "Dr Ada Reed"\n'
_NAMES = {
    "room:moderators": MODS, "room:network/cardiology": HEART, "room:network/neurology": BRAIN,
    "room:network/medicine": SPACE,
}  # fmt: skip


class Hall:
    """Rooms with members and power, chats as lists of (event id, content) with edits applied."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, **moderation: Any) -> None:
        self.db, self.clock = db, clock
        (folder / "network.toml").write_text(NETWORK, "utf-8")
        (folder / "roster.toml").write_text(ROSTER, "utf-8")
        self.settings = Settings(
            hospital="North",
            homeserver="http://127.0.0.1:9",
            server_name="hs",
            bots={"curbside": BotSettings(user_id=BOT, token_file=Path("token"))},
            moderators=(MIRA, OTTO),
            limits=LimitSettings(commands_per_minute=0),
            moderation=ModerationSettings(**moderation),
            base=folder,
        )
        folders = [one.locale for one in (CHAT, MODERATION) if one.locale is not None]
        self.house = House(
            self.settings,
            Texts(folders),
            self,
            {"curbside": BOT},
            HospitalBook(self.settings),
            {
                RosterFile: RosterFile(folder / "roster.toml"),
                NetworkFile: NetworkFile(folder / "network.toml"),
            },
        )
        self.members: dict[str, dict[str, str]] = {
            MODS: dict.fromkeys((BOT, MIRA, OTTO), "join"),
            **{
                room: dict.fromkeys((BOT, MIRA, OTTO, EVE, ADA, BEN), "join")
                for room in (HEART, BRAIN, SPACE)
            },
        }
        self.levels: dict[str, dict[str, int]] = {room: {} for room in self.members}
        self.general: dict[str, dict[str, Any]] = {room: {} for room in self.members}
        self.power = {MIRA: 50, OTTO: 50, BOT: 100}
        self.redacted: list[str] = []
        self.done: list[tuple[str, str, Mapping[str, Any]]] = []  # room, operation, body
        self.chats: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.events = 0
        self.dispatcher = Dispatcher(self.house, [CHAT, MODERATION])
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)

    async def open(self) -> Hall:
        """Note which room each declared one is."""
        async with self.db.begin() as tx:
            for key, room in (("cardiology", HEART), ("neurology", BRAIN), ("medicine", SPACE)):
                await rooms_store.place(tx, key, room)
        return self

    # The room index ------------------------------------------------------------------------------

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        room = _NAMES.get(room, room)
        if room.startswith(("dm:", "!dm-")):
            user = room.removeprefix("dm:").removeprefix("!dm-")
            return RoomFacts(f"!dm-{user}", True, (BOT, user), True)
        present = [user for user, now in self.members.get(room, {}).items() if now in ("join", "invite")]
        return RoomFacts(room, True, tuple(present), False, power=self.power) if present else None

    async def rooms_of(self, tx: Tx, bot: str, user_id: str) -> Mapping[str, str]:
        here = ("join", "invite", "knock")
        return {room: who[user_id] for room, who in self.members.items() if who.get(user_id) in here}

    async def people_in(
        self, tx: Tx, bot: str, rooms: Collection[str], server: str | None = None
    ) -> Sequence[tuple[str, str, str]]:
        return [(room, user, now) for room in rooms for user, now in sorted(self.members[room].items())]

    # What people do ------------------------------------------------------------------------------

    async def hears(self, user: str, room: str, kind: str, content: Mapping[str, Any], **more: Any) -> str:
        """An event arrives and is worked on until everything is quiet; returns its id."""
        self.events += 1
        room_id, event_id = self.room_id(room), f"$in{self.events}"
        event = {
            "type": kind, "sender": user, "event_id": event_id, "content": dict(content),
            "origin_server_ts": round(self.clock.now().timestamp() * 1000), **more,
        }  # fmt: skip
        readable = kind != "m.room.encrypted"
        payload = {"room_id": room_id, "event": event, "encrypted": True, "decrypted": readable}
        async with self.db.begin() as tx:
            await inbox.put(
                tx, inbox.Incoming("curbside", "matrix.event", event_id, f"curbside {room_id}", payload)
            )
        await self.settle()
        return event_id

    def room_id(self, room: str) -> str:
        return f"!dm-{room[3:]}" if room.startswith("dm:") else _NAMES.get(room, room)

    async def says(self, user: str, text: str, room: str = HEART, *, reply: str = "", **content: Any) -> str:
        """Somebody writes."""
        body: dict[str, Any] = {"msgtype": "m.text", "body": text, **content}
        if reply:
            body["m.relates_to"] = {"m.in_reply_to": {"event_id": reply}}
        return await self.hears(user, room, "m.room.message", body)

    async def reacts(self, user: str, event_id: str, key: str, room: str) -> str:
        """Somebody puts a reaction under an event."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.hears(user, room, "m.reaction", {"m.relates_to": relation})

    async def taps(self, user: str, key: str, room: str = MODS) -> None:
        """Somebody presses a button of the newest message that has it."""
        for event_id, _content in reversed(self.chat(room)):
            async with self.db.read() as tx:
                buttons = await outbox.buttons_on(tx, "curbside", event_id)
            if key in buttons:
                await self.reacts(user, event_id, key, room)
                return
        raise AssertionError(f"no message with {key}")

    async def moves(self, user: str, room: str, now: str, *, by: str = "") -> None:
        """Somebody's membership changes."""
        before = self.members[room].get(user, "leave")
        self.members[room][user] = now
        await self.hears(
            by or user, room, "m.room.member", {"membership": now}, state_key=user,
            unsigned={"prev_content": {"membership": before}},
        )  # fmt: skip

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

    # What people see -----------------------------------------------------------------------------

    def chat(self, room: str) -> list[tuple[str, dict[str, Any]]]:
        return self.chats.setdefault(self.room_id(room), [])

    def texts(self, room: str) -> list[str]:
        return [content["body"] for _event, content in self.chat(room)]

    def last(self, room: str = MODS) -> str:
        return (self.texts(room) or [""])[-1]

    def ops(self, op: str, room: str = "") -> list[Mapping[str, Any]]:
        return [body for where, what, body in self.done if what == op and room in ("", where)]

    async def audit(self) -> list[str]:
        async with self.db.read() as tx:
            rows = await tx.conn.execute(select(audit_lines).order_by(audit_lines.c.seq))
            return [f"{row.actor} {row.action} {row.subject}" for row in rows]

    # Behind the scenes ---------------------------------------------------------------------------

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = MODERATION.topics.get(entry.topic)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        elif entry.topic == "matrix.event":
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        await MODERATION.timers[timer.kind](Desk(self.house, tx, "curbside"), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")

    async def _deliver(self) -> bool:
        async with self.db.begin() as tx:
            rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
            for row in rows:
                room = self.room_id(row.room)
                event_id = f"$out-{row.id}"
                if row.op == "send":
                    await self._said(tx, room, event_id, row.body)
                else:
                    self.done.append((room, row.op, row.body))
                    self._act(room, row.op, row.body)
                await outbox.mark_sent(tx, row.id, event_id=event_id, room_id=room)
        return bool(rows)

    async def _said(self, tx: Tx, room: str, event_id: str, body: Mapping[str, Any]) -> None:
        if body["type"] != "m.room.message":
            return
        content = body["content"]
        relation = content.get("m.relates_to", {})
        if relation.get("rel_type") != "m.replace":
            self.chat(room).append((event_id, dict(content)))
            return
        target = relation["event_id"]
        original = await outbox.event_of(tx, target["$out"]) if isinstance(target, dict) else target
        for place, (event, _content) in enumerate(self.chat(room)):
            if event == original:
                self.chat(room)[place] = (event, dict(content["m.new_content"]))

    def _act(self, room: str, op: str, body: Mapping[str, Any]) -> None:
        after = {"kick": "leave", "ban": "ban", "unban": "leave", "invite": "invite"}.get(op)
        if after is not None:
            self.members[room][str(body["user_id"])] = after
        elif op == "redact":
            self.redacted.append(str(body["event_id"]))
        elif op == "levels":
            self.general[room].update(body.get("set", {}))
            for user, level in body.get("users", {}).items():
                if level is None:
                    self.levels[room].pop(user, None)
                else:
                    self.levels[room][user] = level
