"""People, their chats with the bot and what it keeps of them, on a real database without a homeserver.

It delivers what the bot says to chats, catches its mail, and moves time; all else is the program itself.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.chat import CHAT
from bot.chat.capability import Capability
from bot.chat.command import Args, Command
from bot.chat.desk import Context, Desk, House, RoomFacts, Said
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.chat.store import stranger
from bot.directory import service
from bot.directory.capability import DIRECTORY
from bot.directory.commands import MOD_PARTS
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.directory.service import STANDING
from bot.directory.standing import Level, Standing
from bot.kernel import inbox, outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import OutboxRow
from bot.kernel.timers import Timer
from bot.settings import BotSettings, EmailSettings, Settings, VerificationSettings

BOT = "@curbside:north.example"
ANNA, BEN, CARA = "@anna:north.example", "@ben:north.example", "@cara:north.example"
MOD = "@mod:north.example"
EAST, WEST, SOUTH = "east.example", "west.example", "south.example"
MODERATORS = "room:moderators"
WARD = "!ward:north.example"
ROSTER = """
[clinicians."@anna:north.example"]
name = "Dr Anna Berg"
specialty = "cards"
"""


async def _nothing(_ctx: Context, _args: Args) -> None:
    return None


_MOD = Capability("mod", commands=(Command("mod", "see whether I am there", _nothing, parts=MOD_PARTS),))


class Stage:
    """Chats by room, each a list of (event id, content); mails; who was announced."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, **verification: Any) -> None:
        self.db, self.clock, self.folder = db, clock, folder
        self.say_roster(ROSTER)
        email = EmailSettings(
            host="mail.north.example",
            sender="curbside@north.example",
            domains={"north.example": "North Hospital", "east.example": ""},
        )
        self.settings = Settings(
            hospital="North Hospital",
            homeserver="http://127.0.0.1:9",
            server_name="north.example",
            bots={"curbside": BotSettings(user_id=BOT, token_file=Path("unused"))},
            moderators=(MOD,),
            allowed_servers=(EAST, WEST, SOUTH),
            verification=VerificationSettings(**{"email": email, **verification}),
            base=folder,
        )
        known = (CHAT, DIRECTORY, _MOD)
        folders = [one.locale for one in known if one.locale is not None]
        self.roster = RosterFile(folder / "roster.toml")
        self.house = House(
            self.settings,
            Texts(folders),
            self,
            {"curbside": BOT},
            HospitalBook(self.settings),
            {RosterFile: self.roster},
        )
        self.dispatcher = Dispatcher(self.house, known)
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)
        self.chats: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.mails: list[dict[str, str]] = []
        self.redacted: list[str] = []
        self.announced: list[str] = []
        self.refused_mail: str | None = None  # the reason for which the mail server refuses everything
        self.events = 0

    def say_roster(self, text: str) -> None:
        (self.folder / "roster.toml").write_text(text, "utf-8")

    # The room index

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        room_id = self.room_id(room)
        if room_id.startswith("!dm-"):
            return RoomFacts(room_id, True, (BOT, "@" + room_id[4:]), True, power={BOT: 100})
        if room_id == "!moderators":
            return RoomFacts(room_id, True, (BOT, MOD), False, power={BOT: 100, MOD: 100})
        return RoomFacts(room_id, False, (BOT, ANNA, BEN, MOD), False)

    async def rooms_of(self, tx: Tx, bot: str, user_id: str) -> Mapping[str, str]:
        return {}

    async def people_in(
        self, tx: Tx, bot: str, rooms: Collection[str], server: str | None = None
    ) -> Sequence[tuple[str, str, str]]:
        return ()

    def room_id(self, room: str) -> str:
        if room.startswith("dm:@"):
            return "!dm-" + room[4:]
        return "!" + room[5:] if room.startswith("room:") else room

    # The program

    def desk(self, tx: Tx) -> Desk:
        return Desk(self.house, tx, "curbside")

    async def context(self, tx: Tx, user: str) -> Context:
        """A desk at which somebody asks for something in their direct chat."""
        room = await self.facts(tx, "curbside", f"dm:{user}")
        assert room is not None
        person = stranger(user, self.settings)
        return Context(
            self.house, tx, "curbside", person=person, room=room, said=Said("$in", room.room_id, user, "")
        )

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        if entry.topic == STANDING:
            self.announced.append(entry.payload["user_id"])
        elif entry.topic in DIRECTORY.topics:
            await DIRECTORY.topics[entry.topic](Desk(self.house, tx, entry.bot), entry)
        else:
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        await DIRECTORY.timers[timer.kind](self.desk(tx), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")

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
            mails = (await outbox.due(tx, "smtp", "curbside")).rows
            for row in rows:
                await self._show(tx, row)
            for row in mails:
                if self.refused_mail is not None:
                    await outbox.mark_failed(tx, row.id, self.refused_mail)
                else:
                    self.mails.append(dict(row.body))
                    await outbox.mark_sent(tx, row.id)
        return bool(rows or mails)

    async def _show(self, tx: Tx, row: OutboxRow) -> None:
        if row.op == "redact":
            self.redacted.append(row.body["event_id"])
        elif row.body["type"] == "m.room.message":
            self.chat(row.room).append((f"${row.id}", row.body["content"]))
        await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=self.room_id(row.room))

    # People

    async def says(self, user: str, text: str, *, room: str = "", content: Any = None) -> str:
        """Somebody writes; returns the last of what they read then where they wrote."""
        place = room or f"dm:{user}"
        await self._hears(user, place, "m.room.message", content or {"msgtype": "m.text", "body": text})
        return self.last(place)

    async def taps(self, user: str, emoji: str, *, room: str = "") -> str:
        """React to the last message that has that button."""
        place = room or f"dm:{user}"
        for event, _content in reversed(self.chat(place)):
            async with self.db.read() as tx:
                if emoji not in await outbox.buttons_on(tx, "curbside", event):
                    continue
            relation = {"rel_type": "m.annotation", "event_id": event, "key": emoji}
            await self._hears(user, place, "m.reaction", {"m.relates_to": relation})
            return self.last(place)
        raise AssertionError(f"no message has the button {emoji}")

    async def _hears(self, user: str, room: str, kind: str, content: dict[str, Any]) -> None:
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
        await self.settle()

    def chat(self, room: str) -> list[tuple[str, dict[str, Any]]]:
        return self.chats.setdefault(self.room_id(room), [])

    def texts(self, room: str) -> list[str]:
        return [content["body"] for _event, content in self.chat(room)]

    def last(self, room: str) -> str:
        return self.texts(room)[-1] if self.chat(room) else ""

    async def standing(self, user: str) -> Standing:
        async with self.db.read() as tx:
            return await service.standing_of(self.desk(tx), user)

    async def level(self, user: str) -> Level:
        return (await self.standing(user)).level

    async def verified(self, user: str, level: Level = Level.L3, **lasting: float) -> None:
        """The hospital's directory vouches for somebody."""
        async with self.db.begin() as tx:
            until = tx.now + timedelta(**lasting) if lasting else None
            await service.add_evidence(self.desk(tx), user, "ldap", level, until=until, by="ldap")
        await self.settle()

    async def withdrawn(self, user: str) -> None:
        """The hospital's directory no longer vouches for somebody."""
        async with self.db.begin() as tx:
            assert await service.withdraw(self.desk(tx), user, by="ldap", method="ldap")
        await self.settle()

    async def audit(self) -> list[tuple[str, str, str, str]]:
        async with self.db.read() as tx:
            rows = await tx.conn.execute(audit_lines.select().order_by(audit_lines.c.seq))
            return [(row.actor, row.action, row.subject, row.facts) for row in rows]
