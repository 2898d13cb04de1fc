"""Storms of newcomers: held, told, let in or refused, on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.rooms.moderation.arrivals.store import mod_arrivals
from tests.support.hall import ADA, BRAIN, EVE, HEART, MIRA, MODS, OTTO, Hall

DM_EVE, DM_ADA, DM_MIRA = f"dm:{EVE}", f"dm:{ADA}", f"dm:{MIRA}"
TEXT = "Buy the new stethoscope now at half the usual price"


async def rush(hall: Hall, number: int, membership: str, *, start: int = 0) -> None:
    for place in range(start, start + number):
        await hall.moves(f"@r{place}:hs", HEART, membership)


@pytest.fixture
async def small(db: Database, clock: ManualClock, tmp_path: Path) -> Hall:
    return await Hall(db, clock, tmp_path, storm_arrivals=5, storm_server_arrivals=0).open()


async def waiting(hall: Hall) -> int:
    async with hall.db.read() as tx:
        rows = await tx.conn.execute(select(mod_arrivals).where(mod_arrivals.c.held.is_(True)))
        return len(rows.all())


async def test_a_rush_is_held_and_told_in_one_message(small: Hall) -> None:
    await rush(small, 4, "join")
    assert small.texts(MODS) == []
    await rush(small, 8, "join", start=4)
    assert await waiting(small) == 12
    before = len(small.ops("levels"))
    await small.passes(seconds=2)
    assert len(small.levels[HEART]) == 12
    assert len(small.ops("levels")) == before + 1  # one event mutes them all
    for _ in range(4):
        await small.passes(seconds=2)
    assert len(small.chat(MODS)) == 1
    assert "12 wait" in small.last()
    await small.taps(MIRA, "✅")
    assert small.levels[HEART] == {}
    assert await waiting(small) == 0
    assert "let in · @mira:hs" in small.last()


async def test_refusing_lasts_as_long_as_the_rush(small: Hall) -> None:
    await rush(small, 7, "knock")
    await small.taps(OTTO, "⛔")
    assert all(small.members[HEART][f"@r{place}:hs"] == "leave" for place in range(7))
    await rush(small, 3, "knock", start=7)
    assert small.members[HEART]["@r9:hs"] == "leave"
    await small.passes(minutes=6)
    await rush(small, 1, "knock", start=20)
    assert small.members[HEART]["@r20:hs"] == "knock"  # it is over: admission answers
    assert len(small.chat(MODS)) == 1


async def test_who_waits_still_waits_when_it_is_quiet(small: Hall) -> None:
    await rush(small, 6, "join")
    await small.passes(minutes=6)
    assert "It is quiet now" in small.last()
    assert await waiting(small) == 6
    await small.moves("@r0:hs", HEART, "leave")
    await small.taps(MIRA, "🔒")
    assert small.general[HEART] == {"events_default": 50}
    await small.taps(MIRA, "⛔")
    assert small.members[HEART]["@r1:hs"] == "leave"
    assert await waiting(small) == 0


async def test_slow_arrivals_moderators_and_one_person_are_no_rush(small: Hall) -> None:
    for place in range(8):
        await small.moves(f"@r{place}:hs", HEART, "join")
        await small.passes(seconds=20)
    for _ in range(6):
        await small.moves(EVE, HEART, "leave")
        await small.moves(EVE, HEART, "join")
    for _ in range(6):
        await small.moves(MIRA, HEART, "leave")
        await small.moves(MIRA, HEART, "join")
    assert await waiting(small) == 0


async def test_many_rooms_at_once_from_one_server(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    hall = await Hall(db, clock, tmp_path, storm_arrivals=0, storm_server_arrivals=6).open()
    for place in range(3):
        await hall.moves(f"@a{place}:raid", HEART, "knock")
        await hall.moves(f"@b{place}:raid", BRAIN, "knock")
        await hall.moves(f"@c{place}:hs", BRAIN, "knock")
    async with hall.db.read() as tx:
        rows = await tx.conn.execute(select(mod_arrivals.c.user_id).where(mod_arrivals.c.held.is_(True)))
        held = {row.user_id for row in rows}
    assert held == {"@b0:raid", "@b1:raid", "@b2:raid", "@c0:hs", "@c1:hs", "@c2:hs"}  # that room
