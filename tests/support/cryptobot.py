"""A bot account with nothing but its crypto machine: the least that a sync loop does around one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import aiohttp

from bot.kernel.clock import ManualClock
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.crypto.ports import Decrypted, Encrypted, SyncOutcome
from bot.matrix.http import Http, quoted
from bot.settings import TrustSettings
from tests.support.proxy import FaultProxy

if TYPE_CHECKING:
    from bot.dev.clinician import Clinician
    from bot.dev.synapse import Homeserver

API = "/_matrix/client/v3"
EVERYBODY = TrustSettings(policy="all")
MakeClinician = Callable[..., Awaitable["Clinician"]]
MakeProxy = Callable[..., Awaitable[FaultProxy]]


class Memory:
    """The secrets of one account and the pinned master keys, as the database keeps them."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.pins: dict[str, str] = {}

    async def load(self, name: str) -> Any | None:
        value = self.values.get(name)
        return None if value is None else json.loads(value)

    async def save(self, name: str, value: Any) -> None:
        self.values[name] = json.dumps(value)

    async def pinned(self, user_id: str) -> str | None:
        return self.pins.get(user_id)

    async def pin(self, user_id: str, master_key: str) -> None:
        self.pins[user_id] = master_key


@dataclass
class Bot:
    """A bot account: its HTTP, its machine, and the least that a sync loop does."""

    http: Http
    user_id: str
    device_id: str
    password: str
    folder: Path
    memory: Memory
    clock: ManualClock
    trust: TrustSettings
    machine: CryptoMachine = field(init=False)
    since: str | None = None
    members: dict[str, set[str]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    events: list[dict[str, Any]] = field(default_factory=list)
    readable: set[tuple[str, str]] = field(default_factory=set)

    def open(self, password: str | None = None) -> CryptoMachine:
        self.machine = CryptoMachine(
            http=self.http,
            user_id=self.user_id,
            device_id=self.device_id,
            store_dir=self.folder,
            pickle_key="pickle",
            trust=self.trust,
            secrets=self.memory,
            identities=self.memory,
            password=password or self.password,
            clock=self.clock,
        )
        return self.machine

    async def fetch(self, timeout_ms: int = 0) -> dict[str, Any]:
        query = {"timeout": str(timeout_ms)} | ({"since": self.since} if self.since else {})
        return await self.http.request("GET", f"{API}/sync", query=query, timeout=60)

    def take(self, sync: Mapping[str, Any]) -> None:
        self.machine.receive_sync(sync)
        self.since = sync["next_batch"]
        for room_id, room in sync.get("rooms", {}).get("join", {}).items():
            for event in [*room.get("state", {}).get("events", ()), *room["timeline"]["events"]]:
                if event["type"] == "m.room.member":
                    self.changed.add(room_id)
                elif event["type"] == "m.room.encrypted" and event["sender"] != self.user_id:
                    self.events.append({**event, "room_id": room_id})

    async def sync(self, timeout_ms: int = 0) -> SyncOutcome:
        self.take(await self.fetch(timeout_ms))
        # Not from the sync: after a fork its `state` may hold older memberships than were sent (MSC4222).
        while self.changed:
            path = f"{API}/rooms/{quoted(room_id := self.changed.pop())}/joined_members"
            self.members[room_id] = set((await self.http.request("GET", path))["joined"])
        outcome = await self.machine.after_sync()
        self.readable |= outcome.readable
        return outcome

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():
                await self.sync(2000)

    def read(self, room_id: str) -> list[str]:
        answers = [
            self.machine.decrypt(room_id, event) for event in self.events if event["room_id"] == room_id
        ]
        return [answer.event["content"]["body"] for answer in answers if isinstance(answer, Decrypted)]

    async def expect(self, room_id: str, text: str) -> None:
        await self.until(lambda: text in self.read(room_id))

    async def encrypt(self, room_id: str, text: str, **options: Any) -> Encrypted:
        content = {"msgtype": "m.text", "body": text}
        return await self.machine.encrypt(
            room_id, self.members[room_id], "m.room.message", content, **options
        )

    async def say(self, room_id: str, text: str, **options: Any) -> Encrypted:
        sealed = await self.encrypt(room_id, text, **options)
        path = f"{API}/rooms/{quoted(room_id)}/send/m.room.encrypted/{uuid4().hex}"
        await self.http.request("PUT", path, json=sealed.content)
        return sealed

    async def join(self, room_id: str, members: int) -> None:
        await self.http.request("POST", f"{API}/join/{quoted(room_id)}", json={})
        await self.until(lambda: len(self.members.get(room_id, ())) == members)


MakeBot = Callable[..., Awaitable[Bot]]


@asynccontextmanager
async def bots(folder: Path) -> AsyncIterator[MakeBot]:
    """`await make(homeserver, url=…, trust=…)` registers an account and starts a machine for it."""
    from bot.dev.synapse import register_user

    made: list[Bot] = []
    async with aiohttp.ClientSession() as session:

        async def make(
            server: Homeserver,
            *,
            url: str | None = None,
            trust: TrustSettings | None = None,
            start: bool = True,
        ) -> Bot:
            password = uuid4().hex
            account = await register_user(server, f"bot-{uuid4().hex[:8]}", password)
            http = Http(url or server.url, session)
            http.token = account.access_token
            clock = ManualClock(datetime.now(UTC))
            home = folder / account.device_id
            new = Bot(
                http,
                account.user_id,
                account.device_id,
                password,
                home,
                Memory(),
                clock,
                trust or TrustSettings(),
            )
            made.append(new)
            new.open()
            if start:
                await new.machine.start()
                await new.sync()
            return new

        yield make
        for each in made:
            each.machine.close()


async def relogin(bot: Bot) -> None:
    """Log in as a new device, with nothing of the old one but what the database keeps."""
    bot.machine.close()
    token, bot.http.token = bot.http.token, None
    body = {
        "type": "m.login.password",
        "identifier": {"type": "m.id.user", "user": bot.user_id},
        "password": bot.password,
    }
    answer = await bot.http.request("POST", f"{API}/login", json=body)
    assert token != answer["access_token"]
    bot.http.token, bot.device_id, bot.since = answer["access_token"], answer["device_id"], None
    bot.events.clear()
    bot.members.clear()
    bot.open()


async def room_of(bot: Bot, *people: Clinician) -> str:
    room_id = await people[0].create_room(invite=[bot.user_id, *(p.user_id for p in people[1:])])
    await bot.join(room_id, len(people) + 1)
    return room_id
