"""A raid: many accounts that knock, join and post by plain HTTP, and what others notice of it meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp

from bot.dev.synapse import Homeserver, Registered, register_user
from tests.support.people import Person

API = "/_matrix/client/v3"
_AT_ONCE = 4  # registrations: the homeserver hashes each password


@dataclass
class Outcome:
    """What a raid came to: who got where, and what was refused."""

    knocked: set[str] = field(default_factory=set)
    joined: set[str] = field(default_factory=set)
    posted: set[str] = field(default_factory=set)  # event ids
    refused: int = 0
    seconds: float = 0.0


class Raiders:
    """Accounts without clients."""

    def __init__(self, homeserver: Homeserver, session: aiohttp.ClientSession) -> None:
        self._homeserver = homeserver
        self._session = session
        self.accounts: list[Registered] = []

    async def register(self, number: int) -> None:
        """Make so many accounts."""
        gate, name = asyncio.Semaphore(_AT_ONCE), uuid4().hex[:6]

        async def one(place: int) -> Registered:
            async with gate:
                return await register_user(self._homeserver, f"raider-{name}-{place}", uuid4().hex)

        self.accounts = list(await asyncio.gather(*(one(place) for place in range(number))))

    async def ask(self, account: Registered, method: str, path: str, body: Any) -> dict[str, Any]:
        """One request; an empty answer when it is refused."""
        headers = {"Authorization": f"Bearer {account.access_token}"}
        url = self._homeserver.url + API + path
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            found: dict[str, Any] = await answer.json()
            return found if answer.status == 200 else {}

    async def come(self, door: str, hall: str, seconds: float, text: str = "") -> Outcome:
        """Everybody knocks at one room, joins another and posts there, evenly over so many seconds."""
        outcome, began = Outcome(), time.monotonic()

        async def one(place: int, account: Registered) -> None:
            # Raiders keep their own pace, whatever the homeserver's.
            await asyncio.sleep(max(0.0, began + place * seconds / len(self.accounts) - time.monotonic()))
            if await self.ask(account, "POST", f"/knock/{quote(door)}", {}):
                outcome.knocked.add(account.user_id)
            if await self.ask(account, "POST", f"/join/{quote(hall)}", {}):
                outcome.joined.add(account.user_id)
            body = {"msgtype": "m.text", "body": text or f"come and see what number {place} has to say"}
            path = f"/rooms/{quote(hall)}/send/m.room.message/{uuid4().hex}"
            sent = await self.ask(account, "PUT", path, body)
            if sent:
                outcome.posted.add(str(sent["event_id"]))
            else:
                outcome.refused += 1

        async with asyncio.TaskGroup() as tasks:
            for place, account in enumerate(self.accounts):
                tasks.create_task(one(place, account))
        outcome.seconds = time.monotonic() - began
        return outcome


@asynccontextmanager
async def raiders(homeserver: Homeserver, number: int) -> AsyncIterator[Raiders]:
    """So many accounts, ready."""
    connector = aiohttp.TCPConnector(limit=32)
    timeout = aiohttp.ClientTimeout(total=None, sock_read=180)  # waiting for a connection has its own time
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        found = Raiders(homeserver, session)
        await found.register(number)
        yield found


async def pings(person: Person, until: asyncio.Event | None = None, *, number: int = 20) -> list[float]:
    """Ask the bot again and again, and measure each answer, in seconds; `until` ends it, else `number`."""
    taken: list[float] = []
    chat = await person.chat()
    while not until.is_set() if until is not None else len(taken) < number:
        word = uuid4().hex[:8]
        began = time.monotonic()
        await person.says(f"!ping {word}", chat)
        await person.reads(f"pong {word}")
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.1)  # a person's pace, not a load of its own
    return taken


async def echoes(probe: Raiders, until: asyncio.Event | None = None, *, number: int = 20) -> list[float]:
    """How long the homeserver itself takes from a message to the sync that shows it, without any bot."""
    account = probe.accounts[0]
    room = str((await probe.ask(account, "POST", "/createRoom", {"preset": "private_chat"}))["room_id"])
    since = str((await probe.ask(account, "GET", "/sync?timeout=0", None))["next_batch"])
    taken: list[float] = []
    while not until.is_set() if until is not None else len(taken) < number:
        began = time.monotonic()
        path = f"/rooms/{quote(room)}/send/m.room.message/{uuid4().hex}"
        sent = await probe.ask(account, "PUT", path, {"msgtype": "m.text", "body": "echo"})
        seen = False
        while not seen:
            answer = await probe.ask(account, "GET", f"/sync?timeout=5000&since={since}", None)
            since = str(answer["next_batch"])
            joined = answer.get("rooms", {}).get("join", {}).get(room, {})
            seen = any(one["event_id"] == sent["event_id"] for one in joined["timeline"]["events"])
        taken.append(time.monotonic() - began)
        await asyncio.sleep(0.1)
    return taken


def percentile(taken: Sequence[float], share: float) -> float:
    """A percentile of what was measured."""
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
