"""`make bench`: from a message in a watched room to its redaction; 50 rooms, 10 messages a second.

Half of the rooms are encrypted. The times are the homeserver's own stamps of both events. Every fifth message
holds an identifier; the others must stay.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from pathlib import Path

from bot.app import open_database
from bot.dev.clinician import Clinician
from bot.dev.device import Event
from bot.dev.synapse import HomeserverGroup, register_user
from bot.rooms.store import place
from bot.settings import load
from tests.bench.rig import cpu_ms, report
from tests.support.house import Running, start_curbside

_ROOMS = 50
_A_SECOND = 10
_SECONDS = 60
_AT_ONCE = 5
_ALLOWED = 1.0
_PASSWORD = "only-for-benchmarks"
_STAYS = "71 y/o with AF and EF 30 %, apixaban 5 mg, creatinine 1.4: would you ablate? Message {number}"
_GOES = "Mrs Halloran, MRN 4815{number:04}, K+ 6.1, would you dialyse tonight?"


async def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        group = HomeserverGroup.create(folder / "homeserver", ["bench"])
        await asyncio.to_thread(group.start)
        try:
            homeserver = group["bench"]
            # A moderator: the spam filter would take an even stream of alike messages for what it is.
            talker = f"@talker:{homeserver.server_name}"
            async with start_curbside(homeserver, folder / "curbside", moderators=[talker]) as running:
                await register_user(homeserver, "talker", _PASSWORD)
                client = await Clinician.start(
                    homeserver.url, "talker", folder / "client", password=_PASSWORD
                )
                try:
                    await measure(running, client, await rooms_of(running, client))
                finally:
                    await client.close()
        finally:
            await asyncio.to_thread(group.stop)


async def rooms_of(running: Running, client: Clinician) -> list[str]:
    """Make the rooms, in which the bot has the power to redact, and declare them."""
    bot, made, todo = running.user_id("curbside"), [], iter(range(_ROOMS))

    async def make() -> None:
        for number in todo:
            power = {"users": {bot: 100, client.user_id: 100}}
            options = {"room_version": "11", "power_level_content_override": power}
            room_id = await client.create_room(invite=[bot], encrypted=number % 2 == 0, options=options)
            made.append(room_id)
            await entered(client, room_id, bot)

    await asyncio.gather(*(make() for _ in range(_AT_ONCE)))
    declared = "\n".join(f'[rooms.room{number}]\nname = "Room {number}"' for number in range(_ROOMS))
    database = open_database(load(running.folder / "curbside.toml"))
    try:
        async with database.begin() as tx:
            for number, room_id in enumerate(made):
                await place(tx, f"room{number}", room_id)
    finally:
        await database.close()
    file = f'name = "Bench"\n[templates.default]\nlevel = "L0"\nacl = false\nwatch = "redact"\n{declared}\n'
    (running.folder / "network.new").write_text(file)
    (running.folder / "network.new").replace(running.folder / "network.toml")
    return made


async def entered(client: Clinician, room_id: str, bot: str) -> None:
    """Wait until the bot is in a room."""

    def joined(event: Event) -> bool:
        there = event["room_id"] == room_id and event.get("state_key") == bot
        return there and event["content"].get("membership") == "join"

    await client.wait_for(joined, timeout=300)


def removals(client: Clinician) -> dict[str, int]:
    """What was redacted, and when: event → milliseconds."""
    return {
        str(event["content"].get("redacts")): int(event["origin_server_ts"])
        for event in client.events
        if event["type"] == "m.room.redaction"
    }


async def gone(client: Clinician, events: list[str], seconds: float) -> None:
    """Wait until these are redacted."""
    await client.wait_for(lambda _event: set(events) <= set(removals(client)), timeout=seconds)


async def watching(client: Clinician, room_id: str) -> None:
    """Wait until the network file is read and the engine loaded."""
    for number in range(100):
        event_id = await client.send(room_id, _GOES.format(number=9900 + number))
        try:
            await gone(client, [event_id], 5)
        except TimeoutError:
            continue
        return
    raise TimeoutError("the watch does not begin")


async def measure(running: Running, client: Clinician, rooms: list[str]) -> None:
    """Talk at an even pace, whatever the answers take."""
    await watching(client, rooms[0])
    # The first message of an encrypted room shares its keys, and the first hit makes the direct chat.
    warm = [
        await client.send(room_id, _GOES.format(number=9000 + number)) for number, room_id in enumerate(rooms)
    ]
    await gone(client, warm, 300)
    assert running.process is not None
    chosen, pid = random.Random(7), running.process.pid
    before, began = cpu_ms(pid), time.monotonic()
    sending: list[asyncio.Task[str]] = []
    for number in range(_A_SECOND * _SECONDS):
        await asyncio.sleep(max(0.0, began + number / _A_SECOND - time.monotonic()))
        text = (_STAYS if number % 5 else _GOES).format(number=number)
        sending.append(asyncio.create_task(client.send(chosen.choice(rooms), text)))
    sent = await asyncio.gather(*sending)
    lasted = time.monotonic() - began
    named = sent[::5]
    await gone(client, named, 120)
    spent = cpu_ms(pid) - before
    stamps = {event["event_id"]: int(event["origin_server_ts"]) for event in client.events}
    removed = removals(client)
    waits = sorted((removed[event] - stamps[event]) / 1000 for event in named)
    assert not (set(sent) - set(named)) & set(removed)
    report(
        "watch",
        rooms=_ROOMS,
        messages=len(sent),
        a_second=len(sent) / lasted,
        removed=len(waits),
        p50_seconds=waits[len(waits) // 2],
        p95_seconds=waits[len(waits) * 95 // 100],
        max_seconds=waits[-1],
        allowed_p95_seconds=_ALLOWED,
        cpu_ms_a_message=spent / len(sent),
    )


if __name__ == "__main__":
    asyncio.run(main())
