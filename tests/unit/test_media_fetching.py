"""Fetching posted files from a real server: what comes is the file, or it is said why it does not come."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from nio.crypto.attachments import encrypt_attachment

from bot.chat.fetching import Unfetched
from bot.kernel.db import Database
from bot.matrix.fetching import MediaFetcher
from bot.settings import BotSettings, Settings
from tests.support.answering import answering

PLAIN = b"a scan " * 20_000
MOST = 1024 * 1024
TOKEN = "syt_of_the_bot"
NO_DATABASE = cast(Database, None)  # with a token file none is asked
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Repository:
    """A content repository that answers as the test says, and notes who asks for what."""

    def __init__(self) -> None:
        self.sealed, self.keys = encrypt_attachment(PLAIN)
        self.answer: Answer = self.fine
        self.asked: list[tuple[str, str]] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append((request.path, request.headers.get("Authorization", "")))
        return await self.answer(request)

    async def fine(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=self.sealed)

    def content(self, **changed: Any) -> Mapping[str, Any]:
        file = {"url": "mxc://hs/abc", **self.keys, **changed}
        return {"msgtype": "m.image", "body": "scan.png", "file": file}


@pytest.fixture
async def repository() -> AsyncIterator[Repository]:
    made = Repository()
    async with answering(made.handle) as made.url:
        yield made


@pytest.fixture
def fetcher(repository: Repository, tmp_path: Path) -> MediaFetcher:
    return fetcher_at(repository.url, tmp_path)


def fetcher_at(url: str, folder: Path, seconds: float = 30.0) -> MediaFetcher:
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    settings = Settings(
        hospital="North",
        homeserver=url,
        server_name="hs",
        bots={"curbside": BotSettings(user_id="@curbside:hs", token_file=folder / "token")},
        base=folder,
    )
    return MediaFetcher(settings, seconds)


async def refused(fetcher: MediaFetcher, content: Mapping[str, Any], most: int = MOST) -> str:
    """Why it does not come."""
    with pytest.raises(Unfetched) as caught:
        await fetcher.fetch(NO_DATABASE, "curbside", content, most)
    return caught.value.reason


async def test_a_file_comes_decrypted_by_the_authenticated_endpoint(
    repository: Repository, fetcher: MediaFetcher
) -> None:
    assert await fetcher.fetch(NO_DATABASE, "curbside", repository.content(), MOST) == PLAIN
    assert repository.asked == [("/_matrix/client/v1/media/download/hs/abc", f"Bearer {TOKEN}")]


async def test_size_is_what_comes_not_what_is_said(repository: Repository, fetcher: MediaFetcher) -> None:
    exact = len(repository.sealed)
    assert await fetcher.fetch(NO_DATABASE, "curbside", repository.content(), exact) == PLAIN
    assert await refused(fetcher, repository.content(), exact - 1) == "size"


async def test_a_file_without_end_is_given_up_at_its_limit(
    repository: Repository, fetcher: MediaFetcher
) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while sent < 64 * MOST:
            await response.write(bytes(65536))
            sent += 65536
        return response

    repository.answer = endless
    assert await refused(fetcher, repository.content()) == "size"
    assert sent < 64 * MOST


def other(text: str) -> str:
    """Base64 of other bytes of the same length."""
    data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_" if set("-_") & set(text) else None)
    return base64.b64encode(bytes(byte ^ 1 for byte in data)).decode().rstrip("=")


async def test_a_wrong_hash_is_damage(repository: Repository, fetcher: MediaFetcher) -> None:
    wrong = {"sha256": other(repository.keys["hashes"]["sha256"])}
    assert await refused(fetcher, repository.content(hashes=wrong)) == "damaged"
    assert await refused(fetcher, repository.content(hashes={"sha256": "!"})) == "damaged"


async def test_bytes_altered_on_the_way_are_damage(repository: Repository, fetcher: MediaFetcher) -> None:
    repository.sealed = bytes([repository.sealed[0] ^ 1]) + repository.sealed[1:]
    assert await refused(fetcher, repository.content()) == "damaged"


@pytest.mark.parametrize("key", ["c2hvcnQ", "A", "", base64.b64encode(bytes(48)).decode()])
async def test_a_key_that_is_none_is_damage(repository: Repository, fetcher: MediaFetcher, key: str) -> None:
    assert await refused(fetcher, repository.content(key={**repository.keys["key"], "k": key})) == "damaged"


@pytest.mark.parametrize("iv", ["c2hvcnQ", "A", base64.b64encode(b"\xff" * 24).decode()])
async def test_a_vector_that_is_none_is_damage(
    repository: Repository, fetcher: MediaFetcher, iv: str
) -> None:
    assert await refused(fetcher, repository.content(iv=iv)) == "damaged"


async def test_another_key_opens_nothing(repository: Repository, fetcher: MediaFetcher) -> None:
    """AES-CTR does not tell: what comes is noise, which no cleaner takes for a file."""
    found = {**repository.keys["key"], "k": encrypt_attachment(b"x")[1]["key"]["k"]}
    opened = await fetcher.fetch(NO_DATABASE, "curbside", repository.content(key=found), MOST)
    assert len(opened) == len(PLAIN) and opened != PLAIN and b"scan" not in opened


@pytest.mark.parametrize(
    ("status", "errcode", "reason"),
    [
        (404, "M_NOT_FOUND", "gone"),
        (403, "M_FORBIDDEN", "gone"),
        (413, "M_TOO_LARGE", "size"),
        (429, "M_LIMIT_EXCEEDED", "away"),
        (401, "M_UNKNOWN_TOKEN", "away"),
        (502, "M_UNKNOWN", "away"),
        (504, "M_NOT_YET_UPLOADED", "away"),
    ],
)
async def test_what_the_homeserver_says(
    repository: Repository, fetcher: MediaFetcher, status: int, errcode: str, reason: str
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"errcode": errcode, "error": "no"}, status=status)

    repository.answer = answer
    assert await refused(fetcher, repository.content()) == reason
    assert len(repository.asked) == 1  # the author is told at once, and may post it again


async def test_what_a_proxy_says_is_no_word_about_the_file(
    repository: Repository, fetcher: MediaFetcher
) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.Response(status=404, text="<html>no such site</html>")

    repository.answer = answer
    assert await refused(fetcher, repository.content()) == "away"


@pytest.mark.parametrize("length", [True, False])
async def test_a_connection_that_is_cut_leaves_no_half_file(
    repository: Repository, fetcher: MediaFetcher, length: bool
) -> None:
    async def cut(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if length:
            response.content_length = len(repository.sealed)
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(repository.sealed[: len(repository.sealed) // 2])
        assert request.transport is not None
        request.transport.close()
        return response

    repository.answer = cut
    assert await refused(fetcher, repository.content()) == "away"


async def test_half_a_file_of_no_announced_length_is_damage(tmp_path: Path) -> None:
    """Before HTTP/1.1 the end of the connection is the end of the file: only its hash tells."""
    sealed, keys = encrypt_attachment(PLAIN)

    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\nContent-Type: image/png\r\n\r\n" + sealed[: len(sealed) // 2])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server:
        host, port = server.sockets[0].getsockname()
        fetcher = fetcher_at(f"http://{host}:{port}", tmp_path)
        assert await refused(fetcher, {"file": {"url": "mxc://hs/abc", **keys}}) == "damaged"


async def test_a_slow_server_is_given_up_in_time(repository: Repository, tmp_path: Path) -> None:
    over = asyncio.Event()

    async def drip(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        while not over.is_set():  # a byte now and then keeps the connection busy, and the file away
            await response.write(b"x")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), 0.05)
        return response

    repository.answer = drip
    async with asyncio.timeout(20):
        assert await refused(fetcher_at(repository.url, tmp_path, 0.5), repository.content()) == "away"
    over.set()


async def test_a_server_that_is_away(repository: Repository, tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, writer: writer.close(), "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    server.close()
    await server.wait_closed()
    assert await refused(fetcher_at(f"http://{host}:{port}", tmp_path), repository.content()) == "away"


async def test_without_a_token_nothing_is_asked(
    repository: Repository, fetcher: MediaFetcher, tmp_path: Path
) -> None:
    (tmp_path / "token").unlink()
    assert await refused(fetcher, repository.content()) == "away"
    assert repository.asked == []
