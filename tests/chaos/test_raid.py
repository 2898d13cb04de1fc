"""Hundreds of accounts knock, join and post within a minute: moderators keep control, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.dev.synapse import Homeserver
from bot.kernel.inbox import inbox_entries
from bot.rooms.moderation.arrivals.store import mod_arrivals
from bot.rooms.moderation.store import room_messages
from tests.support.declared import Declared
from tests.support.people import PATIENCE_S, Stage, open_stage
from tests.support.raid import Outcome, percentile, pings, raiders

LOCKED_WITHIN_S = 10.0


@pytest.fixture
async def stage(homeserver: Homeserver, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path / "raid") as stage:
        yield stage


async def rows(declared: Declared, query: Any) -> list[Any]:
    async with declared.database() as database, database.read() as tx:
        return list((await tx.conn.execute(query)).all())


async def everything_is_worked_on(declared: Declared, room: str, posted: int) -> None:
    """Wait until nothing is pending and every post has been seen."""
    pending = select(func.count()).select_from(inbox_entries).where(inbox_entries.c.state == "pending")
    seen = select(func.count()).select_from(room_messages).where(room_messages.c.room_id == room)
    async with asyncio.timeout(180):
        while True:
            left, known = (await rows(declared, pending))[0][0], (await rows(declared, seen))[0][0]
            if left == 0 and known >= posted:
                return
            await asyncio.sleep(0.5)  # the database tells nobody outside the house


async def raid(stage: Stage, number: int, seconds: float) -> tuple[Outcome, list[float], list[float], float]:
    """A raid with a lock in its middle: what came of it, pings before and meanwhile, the lock's time."""
    mira, declared = stage.moderator, Declared(stage)
    ada = await stage.person("ada")
    hall = await declared.room("lobby", mira, join="public")
    door = await declared.room("cardiology", mira)
    async with raiders(stage.homeserver, number) as many:
        await pings(ada, number=5)
        idle = await pings(ada, number=40)
        over = asyncio.Event()
        watching = asyncio.create_task(pings(ada, over))
        coming = asyncio.create_task(many.come(door, hall, seconds))
        # The moderators are told at once, and act in the midst of it.
        rush = await mira.reads("Many people come into Lobby", kind="mod.storm", after=0)
        mark = mira.client.bookmark()
        began = time.monotonic()
        await mira.client.send(hall, "!mod lock", timeout=PATIENCE_S)
        await mira.client.wait_for(
            lambda event: (
                event["type"] == "m.room.power_levels"
                and event["room_id"] == hall
                and event["content"].get("events_default") == 50
            ),
            timeout=PATIENCE_S,
            after=mark,
        )
        locked = time.monotonic() - began
        outcome = await coming
        over.set()
        busy = await watching
        await nothing_is_lost(declared, hall, door, outcome)
        # One message for each room, however many came.
        told = [one for one in mira.messages() if "Many people come" in str(one["content"]["body"])]
        assert len(told) <= 2
        await mira.taps(rush, "⛔")
        await mira.sees_edit(rush, "refused")
    return outcome, idle, busy, locked


async def nothing_is_lost(declared: Declared, hall: str, door: str, outcome: Outcome) -> None:
    await everything_is_worked_on(declared, hall, len(outcome.posted))
    arrived = {
        (row.room_id, row.user_id)
        for row in await rows(declared, select(mod_arrivals.c.room_id, mod_arrivals.c.user_id))
    }
    assert {(hall, user) for user in outcome.joined} <= arrived
    assert {(door, user) for user in outcome.knocked} <= arrived
    seen = {row.event_id for row in await rows(declared, select(room_messages.c.event_id))}
    assert outcome.posted <= seen
    dead = await rows(declared, select(inbox_entries.c.topic).where(inbox_entries.c.state == "dead"))
    assert dead == []


def report(number: int, outcome: Outcome, idle: list[float], busy: list[float], locked: float) -> str:
    def shown(taken: list[float]) -> str:
        return f"p50 {percentile(taken, 0.5) * 1000:.0f} p95 {percentile(taken, 0.95) * 1000:.0f} ms"

    return (
        f"{number} accounts in {outcome.seconds:.0f} s: {len(outcome.knocked)} knocked, "
        f"{len(outcome.joined)} joined, {len(outcome.posted)} posted, {outcome.refused} refused; "
        f"lock after {locked:.1f} s; ping idle {shown(idle)}, meanwhile {shown(busy)} ({len(busy)})"
    )


async def test_a_small_raid(stage: Stage) -> None:
    outcome, idle, busy, locked = await raid(stage, 60, 20.0)
    print(report(60, outcome, idle, busy, locked))
    assert len(outcome.knocked) == len(outcome.joined) == 60
    assert locked < PATIENCE_S  # other tests may keep the machine busy; the soak measures


@pytest.mark.soak
async def test_three_hundred_within_a_minute(stage: Stage) -> None:
    outcome, idle, busy, locked = await raid(stage, 300, 60.0)
    print(report(300, outcome, idle, busy, locked))
    assert len(outcome.knocked) == len(outcome.joined) == 300
    assert locked < LOCKED_WITHIN_S
    assert percentile(busy, 0.95) <= 2 * percentile(idle, 0.95)
