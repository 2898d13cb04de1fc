"""A bot account at work in the test's own process: what a test queues is sent to a real homeserver."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from sqlalchemy import select

from bot.app import Curbside
from bot.dev.synapse import Homeserver, Registered, register_user
from bot.kernel import migrate, outbox
from bot.kernel.db import Database
from bot.kernel.outbox import Outgoing, outbox_rows
from bot.kernel.sealing import KeyRing
from bot.matrix.bot import BotAccount
from bot.matrix.http import Http, open_session, quoted
from bot.settings import Settings, load
from tests.support.house import Running

API = "/_matrix/client/v3"
PATIENCE_S = 40.0


class OurServerOnly:
    """The hospital policy that knows our own homeserver and nobody else's."""

    def __init__(self, server: str) -> None:
        self._servers = frozenset({server})

    def servers(self, what: str = "talk") -> frozenset[str]:
        return self._servers


@dataclass
class Done:
    """What became of an outbox row."""

    state: str
    error: str | None
    room_id: str | None


@dataclass
class Account:
    """A bot that synchronises and sends, its database, and other people's requests beside it."""

    homeserver: Homeserver
    settings: Settings
    database: Database
    account: BotAccount
    http: Http

    @property
    def user_id(self) -> str:
        return self.account.user_id

    def passes(self, **time: float) -> None:
        """Let time pass for the bot; its loops look every few seconds."""
        assert isinstance(self.database.clock, ShiftedClock)
        self.database.clock.ahead += timedelta(**time)
        self.database.wakeups.event("timers").set()

    async def queue(self, *outs: tuple[str, str, Mapping[str, Any]]) -> list[str]:
        """Queue (room, op, body) in one transaction; returns the ids."""
        async with self.database.begin() as tx:
            return await outbox.put_all(tx, [Outgoing("curbside", *out) for out in outs])

    async def done(self, row_id: str) -> Done:
        """Wait until a row is sent or given up."""
        query = select(outbox_rows.c.state, outbox_rows.c.error, outbox_rows.c.room_id)
        async with asyncio.timeout(PATIENCE_S):
            while True:
                async with self.database.read() as tx:
                    row = (await tx.conn.execute(query.where(outbox_rows.c.id == row_id))).one()
                if row.state != "pending":
                    return Done(*row)
                await asyncio.sleep(0.05)  # the outbox tells nobody outside the house

    async def does(self, room: str, op: str, **body: Any) -> Done:
        """Queue one row and wait for its end."""
        (row_id,) = await self.queue((room, op, body))
        return await self.done(row_id)

    async def person(self, name: str = "ada", *, admin: bool = False) -> Registered:
        """Somebody new, without a client."""
        return await register_user(self.homeserver, f"{name}-{uuid4().hex[:8]}", uuid4().hex, admin=admin)

    async def ask(self, who: Registered | None, method: str, path: str, json: Any = None) -> dict[str, Any]:
        """A request in somebody's name, the bot's when None; raises MatrixError."""
        token = self.http.token
        if who is None:
            box = await self.account._box.load("login")
            self.http.token = box["token"]
        else:
            self.http.token = who.access_token
        try:
            return await self.http.request(method, path, json=json)
        finally:
            self.http.token = token

    async def state(self, room_id: str, kind: str, key: str = "") -> dict[str, Any]:
        """A state event's content, as the bot sees it."""
        return await self.ask(
            None, "GET", f"{API}/rooms/{quoted(room_id)}/state/{quoted(kind)}/{quoted(key)}"
        )

    async def membership(self, room_id: str, who: Registered) -> str:
        return str((await self.state(room_id, "m.room.member", who.user_id))["membership"])

    async def arrives(self, who: Registered, room_id: str) -> None:
        """Wait until the bot has come into somebody's room."""
        path = f"{API}/rooms/{quoted(room_id)}/joined_members"
        async with asyncio.timeout(PATIENCE_S):
            while self.user_id not in (await self.ask(who, "GET", path))["joined"]:
                await asyncio.sleep(0.05)  # as a client without a sync finds out

    async def levels_written(self, room_id: str) -> int:
        """How many power level events the room has had."""
        query = f"{API}/rooms/{quoted(room_id)}/messages?dir=b&limit=500"
        page = await self.ask(None, "GET", query)
        return sum(event["type"] == "m.room.power_levels" for event in page["chunk"])


class ShiftedClock:
    """The machine's clock, ahead by what a test has let pass."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead


async def _prepared(homeserver: Homeserver, folder: Path, **options: Any) -> tuple[Settings, Database]:
    running = Running(homeserver, folder)
    await running.prepare(prefix=f"{uuid4().hex[:6]}-", **options)
    settings = load(folder / "curbside.toml")
    keys = KeyRing.load(settings.path(settings.at_rest_keys))
    database = Database(settings.database_url, ShiftedClock(), keys)
    await migrate.upgrade(database)
    return settings, database


async def _ready(account: BotAccount, task: asyncio.Task[None]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while account.last_sync is None and not task.done():
            await asyncio.sleep(0.05)  # an account says in no other way that it is up


@asynccontextmanager
async def open_house(homeserver: Homeserver, folder: Path, **options: Any) -> AsyncIterator[Account]:
    """A whole Curbside in this process, whose clock the test can move; options as of `Running.prepare`."""
    settings, database = await _prepared(homeserver, folder, **options)
    curbside = Curbside(settings, database, ("sync", "worker"), ["curbside"])
    task = asyncio.create_task(curbside.run())
    try:
        async with open_session() as session:
            async with asyncio.timeout(PATIENCE_S):
                while not curbside._accounts and not task.done():
                    await asyncio.sleep(0.05)
            await _ready(curbside._accounts[0], task)
            http = Http(homeserver.url, session)
            yield Account(homeserver, settings, database, curbside._accounts[0], http)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().remove_signal_handler(number)
        await database.close()


@asynccontextmanager
async def open_account(homeserver: Homeserver, folder: Path, **options: Any) -> AsyncIterator[Account]:
    """A bot account at work; options as of `Running.prepare`."""
    settings, database = await _prepared(homeserver, folder, **options)
    async with open_session() as session:
        account = BotAccount(
            "curbside", settings, database, session, OurServerOnly(homeserver.server_name), poll=1.0
        )
        task = asyncio.create_task(account.run())
        try:
            await _ready(account, task)
            yield Account(homeserver, settings, database, account, Http(homeserver.url, session))
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            await database.close()
