"""`make bench`: `!ping` against a bare nio echo bot, same run, same Synapse; and 20 rooms at once."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from bot.dev.synapse import HomeserverGroup
from tests.bench.rig import Rig, cpu_ms, direct_chat, middle, ping, report, rig

_ROUNDS = 40
_ROOMS = 20
_PER_ROOM = 10
_ATTEMPTS = 3


async def round_trip(both: Rig, *, encrypted: bool) -> None:
    """One clinician, one command at a time, the two bots in turn so that both meet the same load."""
    client = await both.clinician(f"solo-{'sealed' if encrypted else 'plain'}")
    ours = await direct_chat(client, both.curbside.user_id("curbside"), encrypted=encrypted)
    bare = await direct_chat(client, both.echo[encrypted], encrypted=encrypted)
    times: dict[str, list[float]] = {ours: [], bare: []}
    for number in range(_ROUNDS + 5):
        for room_id in (ours, bare):
            seconds = await ping(client, room_id, f"{number}")
            if number >= 5:  # the first ones share keys
                times[room_id].append(seconds)
    report(
        "ping round trip",
        kind="encrypted" if encrypted else "plain",
        curbside_p50_ms=middle(times[ours]),
        bare_p50_ms=middle(times[bare]),
        ratio=middle(times[ours]) / middle(times[bare]),
        allowed=1.25,
    )


async def throughput(both: Rig, *, encrypted: bool) -> None:
    """Twenty rooms at once: commands answered in a second, by one and by the other."""
    name = "sealed" if encrypted else "plain"
    client = await both.clinician(f"many-{name}")
    rates = {}
    rooms = {}
    for bot in (both.curbside.user_id("curbside"), both.echo[encrypted]):
        rooms[bot] = [await direct_chat(client, bot, encrypted=encrypted) for _ in range(_ROOMS)]
        await asyncio.gather(*(ping(client, room, "warm") for room in rooms[bot]))
    rounds: dict[str, list[float]] = {bot: [] for bot in rooms}
    spent = dict.fromkeys(rooms, 0.0)
    for attempt in range(_ATTEMPTS):
        for bot in rooms:

            async def one(room: str, mark: str = f"{attempt}") -> None:
                for number in range(_PER_ROOM):
                    await ping(client, room, f"{mark}-{number}")

            began, before = time.monotonic(), cpu_ms(both.pids[bot])
            await asyncio.gather(*(one(room) for room in rooms[bot]))
            spent[bot] += cpu_ms(both.pids[bot]) - before
            rounds[bot].append(_ROOMS * _PER_ROOM / (time.monotonic() - began))
    for bot in rooms:
        rates[bot] = max(rounds[bot])
    ours, bare = both.curbside.user_id("curbside"), both.echo[encrypted]
    report(
        "20 rooms",
        kind=name,
        curbside_per_s=rates[ours],
        bare_per_s=rates[bare],
        ratio=rates[ours] / rates[bare],
        needed=1.0,
        curbside_cpu_ms=spent[ours] / (_ATTEMPTS * _ROOMS * _PER_ROOM),
        bare_cpu_ms=spent[bare] / (_ATTEMPTS * _ROOMS * _PER_ROOM),
    )


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        group = HomeserverGroup.create(Path(folder) / "homeserver", ["bench"])
        await asyncio.to_thread(group.start)
        try:
            async with rig(group["bench"], Path(folder) / "bots") as both:
                for encrypted in (False, True):
                    await round_trip(both, encrypted=encrypted)
                for encrypted in (False, True):
                    await throughput(both, encrypted=encrypted)
        finally:
            await asyncio.to_thread(group.stop)


if __name__ == "__main__":
    asyncio.run(main())
