"""`make bench`: who may be in a room, and a start, with 10,000 members in 200 declared rooms.

The rooms are real ones of a real Synapse. Their members are put into the bot's tables by hand, since
Synapse would take hours to register them.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from bot.app import capabilities, make_house, open_database
from bot.chat.desk import Desk, House
from bot.dev.clinician import Clinician
from bot.dev.synapse import HomeserverGroup, register_user
from bot.directory.roster import RosterFile
from bot.directory.service import standings_of
from bot.directory.standing import Evidence, Level, Standing, standing
from bot.directory.store import evidence_rows
from bot.kernel.db import Database
from bot.matrix.rooms import RoomShape
from bot.matrix.store import all_rooms, room_members
from bot.rooms.admission.rules import Presence, decide, sweep
from bot.rooms.model import DeclaredRoom
from bot.rooms.store import place
from bot.settings import load
from tests.bench.bench_start import fill
from tests.bench.rig import cpu_ms, memory_mb, report
from tests.support.house import Running, start_curbside, wait_ready

_PEOPLE = 10_000
_ROOMS = 200
_ROOMS_EACH = 10
_SAMPLES = 100_000
_STARTS = 3
_PASSWORD = "only-for-benchmarks"
_LEVELS = (Level.L1, Level.L2, Level.L3)


def people(server: str) -> list[str]:
    return [f"@clinician{number:05}:{server}" for number in range(_PEOPLE)]


def places(user_number: int) -> list[int]:
    """The rooms that somebody is in."""
    return [(user_number * 7 + step * 13) % _ROOMS for step in range(_ROOMS_EACH)]


def percentiles(name: str, samples: Sequence[int], **more: float) -> None:
    ordered = sorted(samples)
    p50, p95 = (ordered[len(ordered) * share // 100] / 1000 for share in (50, 95))
    report(name, people=_PEOPLE, rooms=_ROOMS, p50_us=p50, p95_us=p95, **more)


def each(call: Callable[[Any, Any], object], pairs: Sequence[tuple[Any, Any]]) -> list[int]:
    """Nanoseconds of each call."""
    taken = []
    for one, other in pairs:
        began = time.perf_counter_ns()
        call(one, other)
        taken.append(time.perf_counter_ns() - began)
    return taken


def decisions(server: str, now: datetime) -> None:
    """One person and one room; then everybody everywhere, as after a change of the network file."""
    rooms = {
        f"room{number}": DeclaredRoom(
            f"room{number}",
            f"Room {number}",
            level=_LEVELS[number % 3],
            servers=frozenset({server, "north.example"}) if number % 4 == 0 else None,
        )
        for number in range(_ROOMS)
    }
    names = people(server)
    standings: dict[str, Standing] = {
        user: standing(user, [Evidence("oidc", _LEVELS[number % 3], now)], "ours", now)
        for number, user in enumerate(names)
    }
    chosen = random.Random(3).choices(list(product(rooms.values(), range(0, _PEOPLE, 10))), k=_SAMPLES)
    pairs = [(room, standings[names[number]]) for room, number in chosen]
    percentiles("admission decision", each(lambda room, who: decide(room, who, None, now), pairs))
    present = [
        Presence(f"room{room}", user, "join") for number, user in enumerate(names) for room in places(number)
    ]
    began = time.process_time()
    due = sum(1 for _ in sweep(rooms, present, standings, {}, now))
    report(
        "admission of everybody", memberships=len(present), due=due, cpu_seconds=time.process_time() - began
    )


def power(server: str) -> None:
    """The power of one member in rooms of version 12 with fifty moderators named."""
    names = people(server)
    shape = RoomShape()
    shape.apply(
        {
            "type": "m.room.create",
            "state_key": "",
            "sender": f"@curbside:{server}",
            "content": {"room_version": "12"},
        }
    )
    users = dict.fromkeys(names[:: _PEOPLE // 50], 50)
    levels = {"users": users, "events": {"m.room.topic": 50}, "users_default": 0}
    shape.apply({"type": "m.room.power_levels", "state_key": "", "content": levels})
    pairs = [(user, action) for user in names for action in ("invite", "kick", "redact")]
    percentiles("power", each(lambda user, action: shape.may(user, action), pairs))


async def standings(house: House, database: Database, names: Sequence[str]) -> None:
    """Everybody's standing from the database."""
    async with database.read() as tx:
        desk = Desk(house, tx, "curbside")
        await standings_of(desk, names[:10])
        began, before = time.monotonic(), time.process_time()
        found = await standings_of(desk, names)
        assert len(found) == _PEOPLE and found[names[0]].level >= Level.L3
        report(
            "standings of everybody",
            people=len(found),
            seconds=time.monotonic() - began,
            cpu_seconds=time.process_time() - before,
        )


async def keep(database: Database, names: Sequence[str], running: Running) -> None:
    """Write the members and what is known of them, and declare the rooms."""
    async with database.begin() as tx:
        rooms = sorted(await all_rooms(tx, "curbside"))[:_ROOMS]
        rows = [
            {"bot": "curbside", "room_id": rooms[room], "user_id": user, "membership": "join"}
            for number, user in enumerate(names)
            for room in places(number)
        ]
        await tx.conn.execute(insert(room_members), rows)
        kept = {"method": "oidc", "level": 3, "since": tx.now, "by": "scim"}
        await tx.conn.execute(
            insert(evidence_rows), [{"id": f"{user} oidc", "user_id": user, **kept} for user in names]
        )
        for number, room_id in enumerate(rooms):
            await place(tx, f"room{number}", room_id)
    declared = "\n".join(f'[rooms.room{number}]\nname = "Room {number}"' for number in range(_ROOMS))
    (running.folder / "network.toml").write_text(f'name = "Bench"\n{declared}\n')


async def start(running: Running) -> None:
    """From the start of the process until it is ready, and what it then holds in memory."""
    seconds, spent, memory = [], [], []
    for _ in range(_STARTS):
        pid = running.start().pid
        seconds.append(await wait_ready(running))
        spent.append(cpu_ms(pid) / 1000)
        await asyncio.sleep(5)  # what it does after its start counts too
        memory.append(memory_mb(pid))
        await running.stop()
    report(
        "start with members",
        people=_PEOPLE,
        rooms=_ROOMS,
        seconds=max(seconds),
        allowed_seconds=10.0,
        cpu_seconds=max(spent),
        memory_mb=max(memory),
        allowed_memory_mb=300.0,
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = HomeserverGroup.create(folder / "homeserver", ["bench"])
        await asyncio.to_thread(group.start)
        try:
            homeserver = group["bench"]
            async with start_curbside(homeserver, folder / "curbside") as running:
                await register_user(homeserver, "filler", _PASSWORD)
                client = await Clinician.start(
                    homeserver.url, "filler", folder / "client", password=_PASSWORD
                )
                try:
                    await fill(client, running.user_id("curbside"), _ROOMS)
                finally:
                    await client.close()
                await running.stop()
                names = people(homeserver.server_name)
                settings = load(running.folder / "curbside.toml")
                database = open_database(settings)
                try:
                    await keep(database, names, running)
                    roster = RosterFile(settings.path(settings.roster), settings.timezone)
                    await standings(make_house(settings, capabilities(), roster), database, names)
                    now = database.clock.now()
                finally:
                    await database.close()
                decisions(homeserver.server_name, now)
                power(homeserver.server_name)
                await start(running)
        finally:
            await asyncio.to_thread(group.stop)


if __name__ == "__main__":
    asyncio.run(main())
