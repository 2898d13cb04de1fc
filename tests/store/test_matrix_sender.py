"""The sender when the process is asked to end, and when the disk is full."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select, text

from bot.kernel import outbox
from bot.kernel.db import Database
from bot.kernel.outbox import Outgoing, outbox_rows
from bot.matrix import store
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.http import Http
from bot.matrix.sender import Sender
from bot.matrix.store import IdentityPins, RoomRow, SecretBox
from bot.settings import TrustSettings

BOT, ROOM = "@curbside:north.example", "!plain:north.example"
PATIENCE_S = 60.0


class Slow:
    """A homeserver that takes a message when the test lets it."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.may_answer = asyncio.Event()
        self.requests = 0

    async def serve(self, _request: web.Request) -> web.Response:
        self.requests += 1
        self.asked.set()
        await self.may_answer.wait()
        return web.json_response({"event_id": "$sent"})


@pytest.fixture
async def slow() -> Slow:
    return Slow()


@pytest.fixture
async def sender(db: Database, slow: Slow, tmp_path: Path) -> AsyncIterator[Sender]:
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", slow.serve)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with aiohttp.ClientSession() as session:
        http = Http(f"http://127.0.0.1:{runner.addresses[0][1]}", session)
        crypto = CryptoMachine(
            http=http, user_id=BOT, device_id="DEV", store_dir=tmp_path / "keys", pickle_key="k",
            trust=TrustSettings(), secrets=SecretBox(db, "curbside"), identities=IdentityPins(db),
            password=None, clock=db.clock,
        )  # fmt: skip
        async with db.begin() as tx:
            await store.keep_rooms(tx, [RoomRow("curbside", ROOM, "join")])
        yield Sender("curbside", BOT, http=http, database=db, crypto=crypto, poll=0.2)
        crypto.close()
    slow.may_answer.set()
    await runner.cleanup()


async def put(db: Database, text: str) -> None:
    content = {"type": "m.room.message", "content": {"msgtype": "m.notice", "body": text}}
    async with db.begin() as tx:
        await outbox.put(tx, Outgoing("curbside", ROOM, "send", content))


async def states(db: Database) -> list[str]:
    async with db.read() as tx:
        return list((await tx.conn.execute(select(outbox_rows.c.state).order_by(outbox_rows.c.id))).scalars())


async def test_what_is_being_sent_is_finished_and_nothing_else_begun(
    db: Database, sender: Sender, slow: Slow
) -> None:
    await put(db, "in hand")
    await put(db, "next")
    running = asyncio.create_task(sender.run())
    await asyncio.wait_for(slow.asked.wait(), PATIENCE_S)
    drained = asyncio.create_task(sender.drain(PATIENCE_S))
    asyncio.get_running_loop().call_later(0.3, slow.may_answer.set)
    await asyncio.wait_for(asyncio.gather(drained, running), PATIENCE_S)
    assert await states(db) == ["sent", "pending"]
    assert slow.requests == 1


async def test_a_drain_ends_though_the_homeserver_does_not_answer(
    db: Database, sender: Sender, slow: Slow
) -> None:
    await put(db, "never answered")
    running = asyncio.create_task(sender.run())
    await asyncio.wait_for(slow.asked.wait(), PATIENCE_S)
    await asyncio.wait_for(sender.drain(0.2), PATIENCE_S)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert await states(db) == ["pending"]


async def test_a_database_that_cannot_be_written_is_no_reason_to_send_again_and_again(
    db: Database, sender: Sender, slow: Slow
) -> None:
    if not db.is_sqlite:
        pytest.skip("a full disk, as SQLite shows it")
    await put(db, "once")
    slow.may_answer.set()
    async with db.begin() as tx:  # every write fails from now on, as on a full disk
        await tx.conn.execute(
            text("CREATE TRIGGER full BEFORE UPDATE ON outbox BEGIN SELECT RAISE(ABORT, 'full'); END")
        )
    running = asyncio.create_task(sender.run())
    await asyncio.wait([running], timeout=1.0)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert slow.requests == 1
