"""`make bench`: from the start of the process to `/readyz` with 500 rooms on a warm store, and its memory."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from bot.dev.clinician import Clinician
from bot.dev.synapse import HomeserverGroup, register_user
from tests.bench.rig import cpu_ms, memory_mb, report
from tests.support.house import start_curbside, wait_ready

_ROOMS = 500
_AT_ONCE = 8
_STARTS = 3
_PASSWORD = "only-for-benchmarks"


async def fill(client: Clinician, bot: str, rooms: int) -> None:
    """Have the bot join that many rooms."""
    todo = iter(range(rooms))

    async def make() -> None:
        for number in todo:
            await client.create_room(invite=[bot], encrypted=False, options={"name": f"Ward {number}"})

    await asyncio.gather(*(make() for _ in range(_AT_ONCE)))

    def joined() -> int:
        return sum(
            event["type"] == "m.room.member"
            and event["state_key"] == bot
            and event["content"].get("membership") == "join"
            for event in client.events
        )

    await client.wait_for(lambda _event: joined() >= rooms, timeout=600)


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
                seconds, spent = [], []
                for _ in range(_STARTS):
                    await running.stop()
                    pid = running.start().pid
                    seconds.append(await wait_ready(running))
                    spent.append(cpu_ms(pid) / 1000)
                report(
                    f"start with {_ROOMS} rooms",
                    seconds=max(seconds),
                    allowed_seconds=5.0,
                    cpu_seconds=max(spent),
                    memory_mb=memory_mb(pid),
                    allowed_memory_mb=150.0,
                )
        finally:
            await asyncio.to_thread(group.stop)


if __name__ == "__main__":
    asyncio.run(main())
