"""Hospitals with a Curbside each and a link between them, on real databases and without homeservers.

Each is the program itself; what leaves by the outbox is shown in chats, carried out, or put on the link, from
which the test takes it: in order, out of order, twice, or never.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.app import capabilities
from bot.chat import CHAT
from bot.chat.desk import Desk, House, RoomFacts
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.consults import CONSULTS
from bot.consults.between import keeping, letters
from bot.consults.between.capability import BETWEEN
from bot.consults.store import consult_rows, page_rows
from bot.directory.hospital import service as hospitals
from bot.directory.hospital import statement
from bot.directory.hospital.capability import HOSPITALS
from bot.directory.hospitals import HospitalBook
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.roster import RosterFile
from bot.directory.service import hospitals_of
from bot.directory.standing import Level
from bot.kernel import inbox, outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer, timer_rows
from bot.oncall import ONCALL
from bot.rooms.file import NetworkFile
from bot.settings import BotSettings, Settings

KNOWN = (CHAT, HOSPITALS, ONCALL, CONSULTS, BETWEEN)


class Link:
    """Letters under way: (to which bot, the event)."""

    def __init__(self) -> None:
        self.under_way: list[tuple[str, dict[str, Any]]] = []
        self.sent = 0


class Site:
    """One hospital: its Curbside, its people, and what they read."""

    def __init__(self, name: str, db: Database, clock: ManualClock, folder: Path, link: Link) -> None:
        self.server, self.db, self.clock, self.folder, self.link = f"{name}.example", db, clock, folder, link
        self.bot = f"@curbside:{self.server}"
        folder.mkdir(exist_ok=True)
        self.roster("")
        self.settings = Settings(
            hospital=f"{name.capitalize()} Hospital",
            homeserver="http://127.0.0.1:9",
            server_name=self.server,
            bots={"curbside": BotSettings(user_id=self.bot, token_file=Path("token"))},
            moderators=(f"@mod:{self.server}",),
            base=folder,
        )
        capabilities()  # every table is known
        self.house = House(
            self.settings,
            Texts([one.locale for one in KNOWN if one.locale is not None]),
            self,
            {"curbside": self.bot},
            HospitalBook(self.settings),
            {
                RosterFile: RosterFile(folder / "roster.toml"),
                NetworkFile: NetworkFile(folder / "network.toml"),
            },
        )
        self.dispatcher = Dispatcher(self.house, KNOWN)
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)
        self.chats: dict[str, list[tuple[str, dict[str, Any]]]] = {}
        self.made: list[tuple[str, str, Any]] = []
        self.plain_rooms: set[str] = set()
        self.events = 0

    def person(self, name: str) -> str:
        return f"@{name}:{self.server}"

    def roster(self, text: str) -> None:
        """A new roster; a real file system's clock would tell its readers, whatever ours says."""
        (self.folder / "roster.toml").write_text(text, "utf-8")

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        room_id = self.room_id(room)
        if not (room_id.startswith("!dm-") or room_id.endswith(self.server)):
            return None  # a room of another hospital, which its bot has made
        direct = room_id.startswith("!dm-")
        members = (self.bot, "@" + room_id[4:]) if direct else (self.bot,)
        power = dict.fromkeys(self.settings.moderators, 50)
        return RoomFacts(room_id, room_id not in self.plain_rooms, (*members, *power), direct, power=power)

    def room_id(self, room: str) -> str:
        if room.startswith("dm:@"):
            return "!dm-" + room[4:]
        return f"!{room[5:]}:{self.server}" if room.startswith("room:") else room

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        if entry.topic in hospitals.TOPICS:
            await hospitals_of(self.house).refresh(tx)
        topic = next((one.topics[entry.topic] for one in KNOWN if entry.topic in one.topics), None)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        elif entry.topic == "matrix.event":
            await self.dispatcher.handle(tx, entry)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        handler = next(one.timers[timer.kind] for one in KNOWN if timer.kind in one.timers)
        await handler(Desk(self.house, tx, "curbside"), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")

    # What people do ------------------------------------------------------------------------------

    async def says(self, name: str, text: str) -> None:
        """Somebody writes to the bot in their direct chat."""
        user = self.person(name)
        content = {"msgtype": "m.text", "body": text}
        await self.hears(user, f"dm:{user}", "m.room.message", content)

    async def hears(
        self,
        sender: str,
        room: str,
        kind: str,
        content: dict[str, Any],
        *,
        state_key: str = "",
        before: str = "",
    ) -> None:
        """An event arrives, and all is worked on; `before`: the membership till then."""
        self.events += 1
        event_id = f"$in{self.events}:{self.server}"
        event = {"type": kind, "sender": sender, "event_id": event_id, "content": content}
        if state_key:
            event |= {"state_key": state_key, "unsigned": {"prev_content": {"membership": before}}}
        payload = {"room_id": self.room_id(room), "event": event, "encrypted": True, "decrypted": True}
        async with self.db.begin() as tx:
            lane = f"curbside {self.room_id(room)}"
            await inbox.put(tx, inbox.Incoming("curbside", "matrix.event", event_id, lane, payload))
        await self.settle()

    async def looks(self) -> None:
        """The worker beside the engine looks at the roster and the hospitals."""
        async with self.db.begin() as tx:
            await hospitals_of(self.house).refresh(tx)
            await keeping.bring_up_to_date(Desk(self.house, tx, "curbside"))
        await self.settle()

    async def fires(self) -> None:
        """Timers that are due fire."""
        while await self.engine.fire_one():
            pass
        await self.settle()

    async def settle(self) -> None:
        """Handle and deliver until there is nothing left to do now."""
        while await self.engine.handle_one() or await self._deliver():
            pass

    async def _deliver(self) -> bool:
        async with self.db.begin() as tx:
            rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
            for row in rows:
                if row.op != "send":
                    self.made.append((row.op, row.room, dict(row.body)))
                elif row.body["type"] == letters.EVENT:
                    self.link.under_way.append((row.room[3:], dict(row.body["content"])))
                    self.link.sent += 1
                else:
                    await self._show(tx, row)
                await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=self.room_id(row.room))
        return bool(rows)

    async def _show(self, tx: Tx, row: outbox.OutboxRow) -> None:
        content, chat = row.body["content"], self.chat(row.room)
        relation = content.get("m.relates_to", {})
        target = relation.get("event_id")
        if isinstance(target, dict):
            target = await outbox.event_of(tx, target["$out"])
        if relation.get("rel_type") == "m.replace":
            place = next(index for index, (event, _content) in enumerate(chat) if event == target)
            chat[place] = (str(target), {**content["m.new_content"], "org.curbside": content["org.curbside"]})
        elif relation.get("rel_type") != "m.annotation":
            chat.append((f"${row.id}", content))

    # What they read, and what is kept ------------------------------------------------------------

    def chat(self, room: str) -> list[tuple[str, dict[str, Any]]]:
        return self.chats.setdefault(self.room_id(room), [])

    def texts(self, name: str) -> str:
        """All that somebody has read in their direct chat."""
        return "\n".join(content["body"] for _event, content in self.chat(f"dm:{self.person(name)}"))

    def moderators(self) -> str:
        """All that the moderators have read."""
        return "\n".join(content["body"] for _event, content in self.chat(MODERATORS_ROOM))

    def kinds(self, name: str) -> list[str]:
        return [content["org.curbside"]["kind"] for _event, content in self.chat(f"dm:{self.person(name)}")]

    async def consults(self) -> list[Any]:
        async with self.db.read() as tx:
            return list(
                (await tx.conn.execute(consult_rows.select().order_by(consult_rows.c.opened_at))).all()
            )

    async def pages(self) -> list[tuple[str, str]]:
        """Everybody who was asked, and what became of it."""
        async with self.db.read() as tx:
            query = page_rows.select().order_by(page_rows.c.consult, page_rows.c.number)
            return [(row.user_id, row.outcome) for row in await tx.conn.execute(query)]

    async def timers(self) -> list[str]:
        async with self.db.read() as tx:
            return [row.kind for row in await tx.conn.execute(timer_rows.select())]

    async def audit(self) -> list[tuple[str, str]]:
        async with self.db.read() as tx:
            rows = await tx.conn.execute(audit_lines.select().order_by(audit_lines.c.seq))
            return [(row.action, row.facts) for row in rows]


class Region:
    """Several hospitals that know each other, and the link between them."""

    def __init__(self, clock: ManualClock, link: Link, *sites: Site) -> None:
        self.clock, self.link, self.sites = clock, link, sites

    async def acquaint(self) -> None:
        """Every operator adds every other one's statement."""
        told: dict[str, tuple[str, str]] = {}
        for site in self.sites:
            async with site.db.begin() as tx:
                signed = await hospitals.issue(tx, site.settings)
                told[site.server] = statement.write(signed), site.server
        for site in self.sites:
            for server, (text, _name) in told.items():
                if server != site.server:
                    async with site.db.begin() as tx:
                        offer = await hospitals.examine(tx, site.settings, text)
                        await hospitals.accept(tx, site.settings, offer, permit=None, proves=Level.L2)
            await site.looks()

    async def arrive(self, index: int = 0, *, keep: bool = False) -> None:
        """One letter arrives; `keep`: it stays under way, to arrive once more."""
        to, content = self.link.under_way[index] if keep else self.link.under_way.pop(index)
        site = next(one for one in self.sites if one.bot == to)
        sender = "@curbside:" + content["letter"]["hospital"]
        await site.hears(sender, f"dm:{sender}", letters.EVENT, content)

    async def heal(self) -> None:
        """All that is under way arrives, in its order, and what follows from it."""
        for _letter in range(2000):
            if not self.link.under_way:
                return
            await self.arrive()
        raise AssertionError("the two never come to an end")

    async def passes(self, **time: float) -> None:
        """Time passes; what is due fires on every side."""
        self.clock.advance(timedelta(**time))
        for site in self.sites:
            await site.fires()
