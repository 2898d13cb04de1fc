"""Hundreds of accounts knock, join and post within a minute: moderators keep control, nothing is lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
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
from tests.support.raid import Outcome, echoes, percentile, pings, raiders

LOCKED_WITHIN_S = 10.0
SMALL_S = 0.05  # less than anybody notices


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


@dataclass
class Measured:
    """What a raid was like. Times in seconds, each when nothing was going on and meanwhile.

    `ping` is the whole answer to `!ping`, `inside` the part of it from the journal to the end of the
    handling, `echo` a message's way through the homeserver without any bot.
    """

    outcome: Outcome
    locked: float
    ping: tuple[list[float], list[float]]
    inside: tuple[list[float], list[float]]
    echo: tuple[list[float], list[float]]

    def p95(self, taken: tuple[list[float], list[float]]) -> tuple[float, float]:
        return percentile(taken[0], 0.95), percentile(taken[1], 0.95)

    def __str__(self) -> str:
        def shown(name: str, taken: tuple[list[float], list[float]]) -> str:
            idle, busy = (
                f"{percentile(one, 0.5) * 1000:.0f}/{percentile(one, 0.95) * 1000:.0f}" for one in taken
            )
            return f"{name} p50/p95 ms idle {idle}, meanwhile {busy}"

        got = self.outcome
        return (
            f"in {got.seconds:.0f} s {len(got.knocked)} knocked, {len(got.joined)} joined, "
            f"{len(got.posted)} posted, {got.refused} posts refused; "
            f"lock after {self.locked:.1f} s; {shown('ping', self.ping)}; "
            f"{shown('inside the bot', self.inside)}; {shown('homeserver', self.echo)}"
        )


async def handled_in(declared: Declared, chat: str, since: datetime, until: datetime) -> list[float]:
    """How long events of a chat took inside the bot, from the journal to the end of their handling."""
    entry = inbox_entries.c
    query = select(entry.received_at, entry.done_at).where(
        entry.lane == f"curbside {chat}", entry.received_at.between(since, until), entry.done_at.is_not(None)
    )
    return [(row.done_at - row.received_at).total_seconds() for row in await rows(declared, query)]


async def raid(stage: Stage, number: int, seconds: float, *, samples: int) -> Measured:
    """A raid with a lock in its middle, while somebody else goes on asking the bot.

    `samples`: how often the bot and the homeserver are measured while nothing is going on.
    """
    mira, declared = stage.moderator, Declared(stage)
    ada = await stage.person("ada")
    hall = await declared.room("lobby", mira, join="public")
    door = await declared.room("cardiology", mira)
    async with raiders(stage.homeserver, 1) as probe, raiders(stage.homeserver, number) as many:
        await pings(ada, number=5)
        began_idle = datetime.now(UTC)
        idle = await asyncio.gather(pings(ada, number=samples), echoes(probe, number=samples))
        began, over = datetime.now(UTC), asyncio.Event()
        watching = asyncio.gather(pings(ada, over), echoes(probe, over))
        coming = asyncio.create_task(many.come(door, hall, seconds))
        # The moderators are told at once, and act in the midst of it.
        rush = await mira.reads("Many people come into Lobby", kind="mod.storm", after=0)
        locked = await lock(stage, hall)
        outcome = await coming
        ended = datetime.now(UTC)
        over.set()
        busy = await watching
        await nothing_is_lost(declared, hall, door, outcome)
        # One message for each room, however many came.
        told = [one for one in mira.messages() if "Many people come" in str(one["content"]["body"])]
        assert len(told) <= 2
        await mira.taps(rush, "⛔")
        await mira.sees_edit(rush, "refused")
    chat = await ada.chat()
    inside = (
        await handled_in(declared, chat, began_idle, began),
        await handled_in(declared, chat, began, ended),
    )
    return Measured(outcome, locked, (idle[0], busy[0]), inside, (idle[1], busy[1]))


async def lock(stage: Stage, hall: str) -> float:
    """Lock a room as its moderator; returns the seconds until it is."""
    mira = stage.moderator
    mark, began = mira.client.bookmark(), time.monotonic()
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
    return time.monotonic() - began


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


async def test_a_small_raid(stage: Stage) -> None:
    measured = await raid(stage, 30, 10.0, samples=10)
    print(measured)
    assert len(measured.outcome.knocked) == len(measured.outcome.joined) == 30


@pytest.mark.soak
async def test_three_hundred_within_a_minute(stage: Stage) -> None:
    measured = await raid(stage, 300, 60.0, samples=40)
    print(measured)
    assert len(measured.outcome.knocked) == len(measured.outcome.joined) == 300
    assert measured.locked < LOCKED_WITHIN_S
    # Three hundred joins take a homeserver of one process more than a minute of its own: what the bot adds
    # to that must not grow, and the whole answer no more than twice as much as the homeserver's own.
    idle, busy = measured.p95(measured.inside)
    assert busy <= max(2 * idle, SMALL_S)
    ping, echo = measured.p95(measured.ping), measured.p95(measured.echo)
    assert ping[1] / ping[0] <= 2 * max(1.0, echo[1] / echo[0])
