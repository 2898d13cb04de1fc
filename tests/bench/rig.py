"""One Synapse with Curbside and the bare echo bot side by side, for comparisons within one run."""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.dev.clinician import Clinician
from bot.dev.synapse import Homeserver, register_user
from tests.support.house import Running, start_curbside

_ECHO = Path(__file__).with_name("echo_bot.py")
_PASSWORD = "only-for-benchmarks"


@dataclass
class Rig:
    """What a benchmark has in hand."""

    homeserver: Homeserver
    curbside: Running
    echo: dict[bool, str]  # encrypted → user id of the bare bot
    pids: dict[str, int]  # user id → process of that bot
    directory: Path
    clients: list[Clinician]

    async def clinician(self, name: str) -> Clinician:
        """A client of its own, closed with the rig."""
        await register_user(self.homeserver, name, _PASSWORD)
        client = await Clinician.start(
            self.homeserver.url, name, self.directory / f"client-{name}", password=_PASSWORD
        )
        self.clients.append(client)
        return client


@asynccontextmanager
async def rig(homeserver: Homeserver, directory: Path, **settings: object) -> AsyncIterator[Rig]:
    """Start both bots; stop them at the end."""
    started: list[subprocess.Popen[bytes]] = []
    echo, pids = {}, {}
    for encrypted, name in ((False, "echo-plain"), (True, "echo-sealed")):
        await register_user(homeserver, name, _PASSWORD)
        echo[encrypted] = f"@{name}:{homeserver.server_name}"
        store = directory / name
        store.mkdir(parents=True)
        mode = "encrypted" if encrypted else "plain"
        command = [sys.executable, str(_ECHO), homeserver.url, echo[encrypted], _PASSWORD, str(store), mode]
        started.append(subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
        pids[echo[encrypted]] = started[-1].pid
    async with start_curbside(homeserver, directory / "curbside", **settings) as curbside:
        assert curbside.process is not None
        pids[curbside.user_id("curbside")] = curbside.process.pid
        made = Rig(homeserver, curbside, echo, pids, directory, [])
        try:
            yield made
        finally:
            await asyncio.gather(*(client.close() for client in made.clients))
            for process in started:
                process.kill()
                process.wait()


async def direct_chat(client: Clinician, user_id: str, *, encrypted: bool) -> str:
    """A direct chat that the bot has joined."""
    room_id = await client.create_dm(user_id, encrypted=encrypted)
    await client.wait_for(
        lambda event: (
            event["room_id"] == room_id
            and event["type"] == "m.room.member"
            and event["state_key"] == user_id
            and event["content"].get("membership") == "join"
        )
    )
    return room_id


async def ping(client: Clinician, room_id: str, text: str) -> float:
    """Ask once; returns the seconds until the answer was there."""
    mark, began = client.bookmark(), time.monotonic()
    await client.send(room_id, f"!ping {text}")
    await client.wait_for_message(room_id=room_id, contains=f"pong {text}", after=mark, timeout=60)
    return time.monotonic() - began


def cpu_ms(pid: int) -> float:
    """Processor time that a process has used so far: the same on a busy machine as on a free one."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) * 1000 / os.sysconf("SC_CLK_TCK")


def memory_mb(pid: int) -> float:
    """A process's resident memory, in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError


def report(name: str, **figures: float | str) -> None:
    """Print one line of results."""
    shown = {key: round(value, 3) if isinstance(value, float) else value for key, value in figures.items()}
    print(json.dumps({"bench": name, **shown}), flush=True)


def middle(values: list[float]) -> float:
    """The median in milliseconds."""
    return statistics.median(values) * 1000
