"""Uploads when the homeserver refuses them, or the process ends between upload and event."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from sqlalchemy import select

from bot.chat.attachment import MOST_BYTES, Attachment, FileTooLarge, contents_of, unpacked
from bot.chat.message import Message
from bot.chat.rich import verbatim
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.inbox import inbox_entries
from bot.kernel.outbox import Outgoing, outbox_rows
from bot.matrix import store
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.http import Http
from bot.matrix.media import FILE_REFUSED_TOPIC
from bot.matrix.sender import Sender
from bot.matrix.store import IdentityPins, RoomRow, SecretBox
from bot.settings import TrustSettings

BOT, ROOM = "@curbside:north.example", "!plain:north.example"
PATIENCE_S = 60.0


class Homeserver:
    """Answers about media as a real one does; a test says how large it takes files, and what it loses."""

    def __init__(self) -> None:
        self.url = ""
        self.most: int | None = None
        self.proxy_most = 1 << 30
        self.lose_events = 0
        self.uploads: list[bytes] = []
        self.events: dict[str, dict[str, object]] = {}  # by transaction id
        self.tried = asyncio.Event()

    async def serve(self, request: web.Request) -> web.Response:
        if request.path.endswith("/config"):
            if self.most is None:
                return web.json_response({"errcode": "M_UNRECOGNIZED"}, status=404)
            return web.json_response({"m.upload.size": self.most})
        if request.path.endswith("/upload"):
            data = await request.read()
            if len(data) > self.proxy_most:
                return web.Response(status=413, text="<html>too large</html>")
            self.uploads.append(data)
            return web.json_response({"content_uri": f"mxc://north.example/{len(self.uploads)}"})
        self.events.setdefault(request.path.rpartition("/")[2], await request.json())
        self.tried.set()
        if self.lose_events:
            self.lose_events -= 1
            return web.json_response({"errcode": "M_UNKNOWN"}, status=502)
        return web.json_response({"event_id": "$sent"})


@pytest.fixture
async def north() -> AsyncIterator[Homeserver]:
    server = Homeserver()
    app = web.Application(client_max_size=1 << 28)
    app.router.add_route("*", "/{path:.*}", server.serve)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield server
    await runner.cleanup()


@asynccontextmanager
async def process(db: Database, north: Homeserver, folder: Path) -> AsyncIterator[None]:
    """A sender at work, ended as hard as a task can be."""
    async with aiohttp.ClientSession() as session:
        http = Http(north.url, session)
        crypto = CryptoMachine(
            http=http, user_id=BOT, device_id="DEV", store_dir=folder, pickle_key="k",
            trust=TrustSettings(), secrets=SecretBox(db, "curbside"), identities=IdentityPins(db),
            password=None, clock=db.clock,
        )  # fmt: skip
        sender = Sender("curbside", BOT, http=http, database=db, crypto=crypto, poll=0.05)
        running = asyncio.create_task(sender.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            crypto.close()


async def put(db: Database, data: bytes = b"picture") -> str:
    attachment = Attachment("a.png", "image/png", data, 4, 4)
    (content,) = contents_of(attachment, None, thread=None, encrypted=False)
    body = {"type": "m.room.message", "content": content, "file": attachment.packed}
    async with db.begin() as tx:
        await store.keep_rooms(tx, [RoomRow("curbside", ROOM, "join")])
        return await outbox.put(tx, Outgoing("curbside", ROOM, "send", body))


async def ended(db: Database, row_id: str) -> tuple[str, str | None]:
    query = select(outbox_rows.c.state, outbox_rows.c.error).where(outbox_rows.c.id == row_id)
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with db.read() as tx:
                row = (await tx.conn.execute(query)).one()
            if row.state != "pending":
                return row.state, row.error
            assert isinstance(db.clock, ManualClock)
            db.clock.advance(timedelta(seconds=1))  # what was put off is due
            await asyncio.sleep(0.05)  # the outbox tells nobody outside the house


@pytest.mark.parametrize("told", [True, False], ids=["the homeserver says so", "a proxy refuses"])
async def test_too_large_is_given_up_and_told(
    db: Database, north: Homeserver, tmp_path: Path, told: bool
) -> None:
    north.most, north.proxy_most = (10, 1 << 30) if told else (None, 10)
    row_id = await put(db, b"x" * 11)
    async with process(db, north, tmp_path):
        assert await ended(db, row_id) == ("failed", "FILE_TOO_LARGE")
    assert not north.uploads and not north.events
    async with db.read() as tx:
        topics = (await tx.conn.execute(select(inbox_entries.c.topic))).scalars().all()
    assert topics == [FILE_REFUSED_TOPIC]


async def test_an_event_that_fails_is_tried_with_the_same_upload(
    db: Database, north: Homeserver, tmp_path: Path
) -> None:
    north.lose_events = 2
    row_id = await put(db)
    async with process(db, north, tmp_path):
        assert await ended(db, row_id) == ("sent", None)
    assert north.uploads == [b"picture"]
    assert set(north.events) == {row_id}


async def test_after_a_crash_the_upload_is_made_anew_and_the_event_is_the_same(
    db: Database, north: Homeserver, tmp_path: Path
) -> None:
    north.lose_events = 1
    row_id = await put(db)
    async with process(db, north, tmp_path):
        await asyncio.wait_for(north.tried.wait(), PATIENCE_S)
    async with process(db, north, tmp_path):
        assert await ended(db, row_id) == ("sent", None)
    assert north.uploads == [b"picture", b"picture"]
    assert set(north.events) == {row_id}
    shown = north.events[row_id]
    assert (shown["url"], shown["msgtype"], shown["info"]) == (
        "mxc://north.example/1",
        "m.image",
        {"mimetype": "image/png", "size": 7, "w": 4, "h": 4},
    )


def test_what_a_file_may_be_called_and_how_large_it_is() -> None:
    kept = {
        "C-7F3K.pdf": "C-7F3K.pdf",
        "../../etc/passwd": "-..-etc-passwd",
        "gnp.\u202egpj.exe": "gnp.gpj.exe",
        "\x00\n": "file",
        ".pdf": "pdf",
        "x" * 300 + ".png": "x" * 116 + ".png",
    }
    assert {name: Attachment(name, "image/png", b"").name for name in kept} == kept
    assert len(Attachment("a", "a/b", bytes(MOST_BYTES)).data) == MOST_BYTES
    with pytest.raises(FileTooLarge):
        Attachment("a", "a/b", bytes(MOST_BYTES + 1))
    assert "patient" not in repr(Attachment("a", "a/b", b"patient"))
    assert unpacked(Attachment("a", "a/b", b"\x00\xff").packed) == ("a/b", b"\x00\xff")


def test_a_caption_too_long_for_the_event_goes_on_below() -> None:
    first, *rest = contents_of(
        Attachment("a.pdf", "application/pdf", b"1"),
        Message("export", verbatim("word " * 20_000)),
        thread="$root",
        encrypted=True,
    )
    assert first["msgtype"] == "m.file" and first["filename"] == "a.pdf"
    assert rest and all(part["msgtype"] == "m.notice" and "info" not in part for part in rest)
    assert all(part["m.relates_to"]["event_id"] == "$root" for part in (first, *rest))
