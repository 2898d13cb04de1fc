"""Retention without a homeserver: when it announces, when it stops, what it counts."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.chat.desk import Desk, House
from bot.chat.i18n import Texts
from bot.directory.hospitals import HospitalBook
from bot.kernel import outbox, timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import outbox_rows
from bot.kernel.timers import Timer
from bot.matrix.roomindex.store import RoomIndex
from bot.matrix.roomstate import StateChanges
from bot.matrix.roomstate import store as roomstate
from bot.rooms import store as rooms
from bot.rooms.file import NetworkFile
from bot.rooms.moderation.retention import service, store
from bot.rooms.moderation.retention.capability import RETENTION
from bot.settings import BotSettings, Settings

BOT, MOD, HEART = "@curbside:hs", "@mod:hs", "!heart:hs"


class Stage:
    """A declared room with messages, and the daily work on them."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path) -> None:
        self.db, self.clock, self.file = db, clock, folder / "network.toml"
        settings = Settings(
            hospital="Test", homeserver="https://hs", server_name="hs", moderators=(MOD,), base=folder,
            bots={"curbside": BotSettings(user_id=BOT, password_file=Path("secret"))},
        )  # fmt: skip
        assert RETENTION.locale is not None
        self.house = House(
            settings, Texts([RETENTION.locale]), RoomIndex({"curbside": BOT}), {"curbside": BOT},
            HospitalBook(settings), {NetworkFile: NetworkFile(self.file)},
        )  # fmt: skip

    async def declares(self, keeps: str | None, text: str = "") -> None:
        line = "" if keeps is None else f'retention = "{keeps}"'
        self.file.write_text(text or f'name = "T"\n[rooms.cardiology]\nname = "Heart"\n{line}\n')
        async with self.db.begin() as tx:
            if await rooms.room_of(tx, "cardiology") is None:
                await rooms.place(tx, "cardiology", HEART)
            await service.follow(Desk(self.house, tx, "curbside"))

    async def hears(self, *messages: str, room: str = HEART) -> None:
        changes = StateChanges()
        sent_at = int(self.clock.now().timestamp() * 1000)
        for event_id in messages:
            event = {
                "type": "m.room.message",
                "event_id": event_id,
                "origin_server_ts": sent_at,
                "content": {},
            }
            changes.take_message(room, event)
        async with self.db.begin() as tx:
            await roomstate.keep(tx, "curbside", changes)

    async def runs(self, **passed: float) -> list[str]:
        """Time passes, the timer fires; what the moderators read then."""
        self.clock.advance(timedelta(**passed))
        async with self.db.begin() as tx:
            timer = Timer(service.RUN_TIMER, "house", tx.now, {}, 0)
            await service.run(Desk(self.house, tx, "curbside"), timer)
        async with self.db.begin() as tx:
            said = []
            for row in (await outbox.due(tx, outbox.MATRIX, "curbside")).rows:
                if row.op == "send":
                    said.append(row.body["content"]["body"])
                    await outbox.mark_sent(tx, row.id, event_id=f"${row.id}", room_id="!mods:hs")
            return said

    async def deletes(self, error: str | None = None) -> list[str]:
        """The homeserver answers to all redactions; which events they were for."""
        found: list[str] = []
        while True:
            async with self.db.begin() as tx:
                rows = [
                    row
                    for row in (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
                    if row.op == "redact"
                ]
                for row in rows:
                    found.append(str(row.body["event_id"]))
                    await outbox.mark_sent(tx, row.id, room_id=HEART)
                    payload: dict[str, Any] = {"room": row.room, "error": error}
                    entry = InboxEntry("1", "curbside", service.DONE_TOPIC, row.id, "l", payload, 0, tx.now)
                    await service.one_done(Desk(self.house, tx, "curbside"), entry)
            if not rows:
                return found

    async def begins(self) -> Any:
        async with self.db.read() as tx:
            return (await store.rooms(tx))[HEART].begins_at


@pytest.fixture
def stage(db: Database, clock: ManualClock, tmp_path: Path) -> Stage:
    return Stage(db, clock, tmp_path)


async def test_announced_deleted_in_steps_and_reported(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    await stage.declares("7d")
    await stage.hears("$a", "$b", "$c")
    assert await stage.runs(days=5) == []
    (said,) = await stage.runs(days=1, hours=1)
    assert "cannot be undone" in said and "Heart: 3" in said
    assert await stage.runs(hours=23) == [] and await stage.deletes() == []
    assert await stage.runs(hours=2) == []
    assert await stage.runs(minutes=1) == [], "what is under way is waited for"
    assert await stage.deletes() == ["$a", "$b"]
    assert await stage.runs(minutes=1) == []
    assert await stage.deletes("M_FORBIDDEN") == ["$c"]
    (said,) = await stage.runs(minutes=1)
    assert "2 old messages" in said and "Heart: 2, 1 could not be" in said
    assert await stage.runs(minutes=1) == []


async def test_a_shorter_time_is_announced_anew_a_longer_one_is_not(stage: Stage) -> None:
    await stage.declares("7d")
    await stage.hears("$a")
    await stage.runs(days=7)
    assert await stage.begins() is not None
    await stage.declares("30d")
    assert await stage.begins() is not None
    await stage.declares("2d")
    assert await stage.begins() is None
    (said,) = await stage.runs(days=1)
    assert "Heart: 1" in said and await stage.deletes() == []


async def test_a_room_declared_otherwise_deletes_no_more(stage: Stage) -> None:
    await stage.declares("1d")
    await stage.hears("$a")
    await stage.runs(days=3)
    await stage.declares("1d", text="this is broken")
    async with stage.db.read() as tx:
        assert set(await store.rooms(tx)) == {HEART}, "a slip of the pen changes nothing"
    await stage.declares(None)
    assert await stage.runs(days=3) == [] and await stage.deletes() == []
    async with stage.db.read() as tx:
        assert await roomstate.indexed(tx, "curbside") == set()
        assert await roomstate.count_before(tx, "curbside", HEART, tx.now) == 0


async def test_only_declared_rooms_are_remembered_and_redacted_messages_forgotten(stage: Stage) -> None:
    await stage.declares("1d")
    await stage.hears("$a", "$b", "$a")
    await stage.hears("$c", room="!other:hs")
    changes = StateChanges()
    changes.take_redaction(HEART, {"type": "m.room.redaction", "redacts": "$a", "content": {}})
    changes.take_message(HEART, {"type": "m.room.topic", "state_key": "", "event_id": "$s", "content": {}})
    changes.take_message(HEART, {"type": "m.sticker", "event_id": "$f", "origin_server_ts": 10**20})
    async with stage.db.begin() as tx:
        await roomstate.keep(tx, "curbside", changes)
        soon = tx.now + timedelta(seconds=1)
        assert await roomstate.messages_before(tx, "curbside", HEART, soon, 9) == ["$b", "$f"]
        assert await roomstate.count_before(tx, "curbside", "!other:hs", soon) == 0


async def test_a_homeserver_that_is_away_gets_no_pile(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    await stage.declares("1d")
    await stage.hears(*(f"$m{number}" for number in range(9)))
    await stage.runs(days=1)
    await stage.runs(days=2)
    for _ in range(5):
        await stage.runs(minutes=1)
    async with stage.db.read() as tx:
        queued = await tx.conn.execute(select(outbox_rows.c.id).where(outbox_rows.c.op == "redact"))
        assert len(queued.all()) == 2
        assert await timers.is_set(tx, service.RUN_TIMER, "house")
