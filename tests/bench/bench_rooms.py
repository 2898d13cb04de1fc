"""`make bench`: `curbside rooms apply` of 60 rooms in 3 spaces against the bare createRoom calls, per room.

The bare calls are the very requests that `apply` makes, under other aliases, as many at a time. Half of
them run before and half after, since a homeserver gets slower as its database grows.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from bot.dev.synapse import HomeserverGroup, login_user
from bot.directory.taxonomy import specialties
from bot.kernel import migrate
from bot.matrix.http import open_session
from bot.matrix.provision import AT_ONCE
from bot.matrix.store import SecretBox
from bot.matrix.survey import CLIENT, Survey, all_at_once
from bot.rooms.declared import wanted
from tests.bench.rig import report
from tests.support.house import Running
from tests.support.rooms import Rooms

_ROOMS = 60
_SPACES = ("medicine", "surgery", "care")
_ALLOWED = 1.5


def network_file() -> str:
    """Sixty rooms in three spaces."""
    keys = [one.key for one in specialties() if one.key not in _SPACES][:_ROOMS]
    text = 'name = "Bench"\n[templates.default]\njoin = "knock_restricted"\nretention = "365d"\n'
    for number, space in enumerate(_SPACES):
        listed = ", ".join(f'"{key}"' for key in keys[number :: len(_SPACES)])
        text += f'[spaces.{space}]\nname = "{space.capitalize()}"\nrooms = [{listed}]\n'
    return text


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = HomeserverGroup.create(folder / "homeserver", ["bench"])
        await asyncio.to_thread(group.start)
        try:
            running = Running(group["bench"], folder / "curbside")
            await running.prepare(moderators=[f"@mo:{group['bench'].server_name}"])
            await measure(running)
        finally:
            await asyncio.to_thread(group.stop)


async def measure(running: Running) -> None:
    password = (running.folder / "secrets" / "curbside").read_text()
    account = await login_user(running.homeserver, "curbside", password)
    async with open_session() as session:
        rooms = Rooms(running, session)
        rooms.http.token = account.access_token
        login = {"user_id": rooms.bot, "device_id": account.device_id, "token": account.access_token}
        async with rooms.database() as database:
            await migrate.upgrade(database)
            await SecretBox(database, "curbside").save("login", login)
        rooms.declare(network_file())
        before = await bare(rooms, "before")
        began = time.monotonic()
        outcome = await rooms.apply()
        applied = time.monotonic() - began
        assert outcome.changed == _ROOMS + len(_SPACES), outcome
        assert not outcome.left, outcome
        after = await bare(rooms, "after")
        began = time.monotonic()
        assert await rooms.plan() == {}
        report(
            f"rooms apply, {_ROOMS} rooms in {len(_SPACES)} spaces",
            ms_a_room=1000 * applied / outcome.changed,
            bare_ms_a_room=1000 * (before + after) / outcome.changed,
            times=applied / (before + after),
            allowed=_ALLOWED,
            plan_seconds=time.monotonic() - began,
        )


async def bare(rooms: Rooms, prefix: str) -> float:
    """Make half of the rooms by nothing but createRoom; returns the seconds."""
    network = rooms.network
    async with rooms.database() as database:
        world = await Survey(rooms.settings, database, rooms.http).world(network, rooms.folder)
    chosen = list(network.rooms.values())[prefix == "after" :: 2]
    bodies = [wanted.creation(replace(room, alias=f"{prefix}-{room.key}"), world) for room in chosen]
    began = time.monotonic()
    await all_at_once(
        (
            _create(rooms, {**body, "creation_content": {**body["creation_content"], "bare": prefix}})
            for body in bodies
        ),
        AT_ONCE,
    )
    return time.monotonic() - began


async def _create(rooms: Rooms, body: dict[str, object]) -> None:
    await rooms.http.request("POST", f"{CLIENT}/createRoom", json=body, timeout=90.0)


if __name__ == "__main__":
    asyncio.run(main())
