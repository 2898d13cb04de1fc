"""A rota and its people on a real database, without a homeserver: they type, tap, and read what comes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from bot.chat import CHAT
from bot.chat.attachment import unpacked
from bot.chat.desk import MODERATORS_ROOM, Desk, House, RoomFacts, StateEvent
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.oncall import ONCALL
from bot.settings import BotSettings, LimitSettings, Settings

BOT = "@curbside:hs"
ANNA, BEN, CARA, DORA, REQ, MOD = "@anna:hs", "@ben:hs", "@cara:hs", "@dora:hs", "@req:hs", "@mod:hs"
ROSTER = """
[services.cardiology]
name = "Cardiology"
name_de = "Kardiologie"
synonyms = ["heart"]
rota = "cardiology"
[services.chest_pain]
name = "Chest Pain Unit"
rota = "team"
[services.surgery]
on_call = ["@dora:hs"]

[rotas.cardiology]
timezone = "Europe/Berlin"
[[rotas.cardiology.layers]]
people = ["@anna:hs", "@ben:hs", "@cara:hs"]
turn = "daily"
start = 2026-02-23
handover = "08:00"

[rotas.team]
timezone = "Europe/Berlin"
[[rotas.team.layers]]
people = [["@cara:hs", "@dora:hs"]]

[clinicians."@anna:hs"]
name = "Dr Anna Berg"
[clinicians."@ben:hs"]
name = "Dr Ben Ode"
"""


class RotaStage:
    """What each person and room has read since `clear`, as events' contents with their ids."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, roster: str = ROSTER) -> None:
        self.db, self.clock = db, clock
        self.file = folder / "roster.toml"
        self.file.write_text(roster, "utf-8")
        settings = Settings(
            hospital="North",
            homeserver="http://127.0.0.1:9",
            server_name="hs",
            bots={"curbside": BotSettings(user_id=BOT, token_file=Path("token"))},
            moderators=(MOD,),
            timezone="Europe/Berlin",
            limits=LimitSettings(commands_per_minute=1000),
            base=folder,
        )
        locales = [one.locale for one in (CHAT, ONCALL) if one.locale is not None]
        self.roster = RosterFile(self.file, "Europe/Berlin")
        book, parts = HospitalBook(settings), {RosterFile: self.roster}
        self.house = House(settings, Texts(locales), self, {"curbside": BOT}, book, parts)
        self.dispatcher = Dispatcher(self.house, [CHAT, ONCALL])
        self.engine = Engine(db, on_entry=self._entry, on_timer=self._timer, gave_up=self._gave_up)
        self.read: dict[str, list[dict[str, Any]]] = {}
        self.files: list[tuple[str, bytes]] = []
        self.events = 0

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        key = room.removeprefix("!")
        if key.startswith("dm:"):
            return RoomFacts("!" + key, True, (BOT, key[3:]), True)
        return (
            RoomFacts("!" + key, True, (BOT, MOD), False, power={MOD: 50}) if key == MODERATORS_ROOM else None
        )

    async def state(self, tx: Tx, bot: str, room: str, prefix: str) -> Sequence[StateEvent]:
        return ()

    async def says(self, who: str, text: str, *, pills: Sequence[str] = ()) -> str:
        """Somebody types in their direct chat; returns the last thing that they read then."""
        content: dict[str, Any] = {"msgtype": "m.text", "body": text}
        if pills:
            content["m.mentions"] = {"user_ids": list(pills)}
        await self._hears(who, "m.room.message", content)
        return self.last(who)

    async def taps(self, who: str, emoji: str) -> str:
        """Somebody taps a button of their last message that has it."""
        for content in reversed(self.read.get(who, [])):
            async with self.db.read() as tx:
                known = await outbox.buttons_on(tx, "curbside", content["event_id"])
            if emoji in known:
                relation = {"rel_type": "m.annotation", "event_id": content["event_id"], "key": emoji}
                await self._hears(who, "m.reaction", {"m.relates_to": relation})
                return self.last(who)
        raise AssertionError(f"{who} has no button {emoji}")

    async def taps_first(self, who: str, command: str, emoji: str) -> str:
        """Somebody types a command and taps a button of its answer."""
        await self.says(who, command)
        return await self.taps(who, emoji)

    async def passes(self, **time: float) -> None:
        """Time passes; timers that are due fire."""
        self.clock.advance(timedelta(**time))
        while await self.engine.fire_one():
            pass
        await self._deliver()

    async def daily(self) -> None:
        """A day's work of the rotas."""
        assert ONCALL.daily is not None
        async with self.db.begin() as tx:
            await ONCALL.daily(Desk(self.house, tx, "curbside"))
        await self._deliver()

    def texts(self, who: str) -> list[str]:
        return [content["body"].replace("\u202f", " ") for content in self.read.get(who, [])]

    def last(self, who: str) -> str:
        found = self.texts(who)
        return found[-1] if found else ""

    async def _hears(self, who: str, kind: str, content: dict[str, Any]) -> None:
        self.events += 1
        event = {
            "type": kind,
            "sender": who,
            "event_id": f"$in{self.events}",
            "content": content,
            "origin_server_ts": 0,
        }
        payload = {"room_id": f"!dm:{who}", "event": event, "encrypted": True, "decrypted": True}
        entry = InboxEntry("1", "curbside", "matrix.event", "$s", "lane", payload, 0, self.clock.now())
        async with self.db.begin() as tx:
            await self.dispatcher.handle(tx, entry)
        await self._deliver()

    async def _deliver(self) -> None:
        async with self.db.begin() as tx:
            while rows := (await outbox.due(tx, outbox.MATRIX, "curbside")).rows:
                for row in rows:
                    if row.body["type"] == "m.room.message":
                        whose = row.room.removeprefix("!").removeprefix("dm:")
                        content = {**row.body["content"], "event_id": f"${row.id}"}
                        self.read.setdefault(whose, []).append(content)
                        if "file" in row.body:
                            self.files.append(unpacked(row.body["file"]))
                    await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id=row.room)

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError("events come in by hand")

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        await ONCALL.timers[timer.kind](Desk(self.house, tx, str(timer.facts["bot"])), timer)

    async def _gave_up(self, tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"a handler of {entry.topic} failed")
