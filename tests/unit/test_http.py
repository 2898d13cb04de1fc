"""HTTP against a real server that misbehaves: what is raised, and how often we ask."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.matrix.http import Http, MatrixError, TokenRevoked, endpoint_class, quoted
from tests.support.answering import answering

TOKEN = "syt_secret_token"
SEND = "/_matrix/client/v3/rooms/!r/send/m.room.message/1"
WHOAMI = "/_matrix/client/v3/account/whoami"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Server:
    """Answers every request by `answer`, and notes them."""

    def __init__(self) -> None:
        self.answer: Answer = self.fine
        self.requests: list[web.Request] = []
        self.bodies: list[bytes] = []
        self.url = ""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(request)
        self.bodies.append(await request.read())
        return await self.answer(request)

    async def fine(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response({"ok": True})

    def says(self, status: int, body: Any = None, **headers: str) -> None:
        async def answer(_request: web.Request) -> web.StreamResponse:
            text = {"text": body} if isinstance(body, str) else {"body": b""} if body is None else None
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            if text is not None:
                return web.Response(status=status, headers=named, **text)  # type: ignore[arg-type]
            return web.json_response(body, status=status, headers=named)

        self.answer = answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    async with answering(made.handle) as made.url:
        yield made


@pytest.fixture
async def http(server: Server) -> AsyncIterator[Http]:
    async with aiohttp.ClientSession() as session:
        client = Http(server.url, session)
        client.token = TOKEN
        yield client


async def refused(http: Http, path: str = WHOAMI, **options: Any) -> MatrixError:
    with pytest.raises(MatrixError) as caught:
        await http.request("GET", path, **options)
    assert TOKEN not in str(caught.value) and TOKEN not in repr(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}, {}, 2.5),
        ({"errcode": "M_LIMIT_EXCEEDED"}, {"Retry_After": "3"}, 3),
        ("too many", {"Retry_After": "3"}, 3),
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 2500}, {"Retry_After": "9"}, 2.5),
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 1e999}, {}, 3600),
        ({"errcode": "M_LIMIT_EXCEEDED"}, {"Retry_After": "99999999999"}, 3600),
        ({"errcode": "M_LIMIT_EXCEEDED"}, {"Retry_After": "²"}, 1),
        ({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": "soon"}, {"Retry_After": "soon"}, 1),
    ],
)
async def test_both_forms_of_429_say_how_long_to_wait(
    server: Server, http: Http, body: Any, headers: dict[str, str], seconds: float
) -> None:
    server.says(429, body, **headers)
    error = await refused(http)
    assert error.status == 429 and error.transient
    assert error.retry_after is not None and seconds * 0.79 <= error.retry_after <= seconds * 1.21


async def test_a_date_to_retry_after(server: Server, http: Http) -> None:
    at = datetime.now(UTC) + timedelta(seconds=30)
    server.says(429, {"errcode": "M_LIMIT_EXCEEDED"}, Retry_After=format_datetime(at, usegmt=True))
    error = await refused(http)
    assert error.retry_after is not None and 28 <= error.retry_after <= 32
    error = await refused(http)
    assert error.errcode == "CURBSIDE_BACKING_OFF" and len(server.requests) == 1


async def test_no_request_goes_out_before_the_time_is_up(server: Server, http: Http) -> None:
    server.says(429, {"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 700})
    began = time.monotonic()
    await refused(http, SEND)
    server.answer = server.fine
    assert await asyncio.gather(*(http.request("PUT", SEND, json={}) for _ in range(5))) == [{"ok": True}] * 5
    assert time.monotonic() - began >= 0.7


async def cut_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100", "Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(b'{"event_id"')
    assert request.transport is not None
    request.transport.close()
    return response


async def dropped(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def hangs(_request: web.Request) -> web.StreamResponse:
    await asyncio.Event().wait()
    return web.Response()


@pytest.mark.parametrize("answer", [cut_off, dropped, hangs], ids=lambda answer: answer.__name__)
async def test_an_answer_that_does_not_come_whole_is_transient(
    server: Server, http: Http, answer: Answer
) -> None:
    server.answer = answer
    error = await refused(http, timeout=0.3)
    assert (error.status, error.transient) == (0, True)


@pytest.mark.parametrize("body", ["<html>welcome</html>", "", "[1]", '{"a":', "[" * 100_000])
async def test_a_200_that_is_no_json_object_is_transient(server: Server, http: Http, body: str) -> None:
    server.says(200, body)
    error = await refused(http)
    assert (error.status, error.transient) == (0, True)


async def test_nobody_listening_is_transient() -> None:
    async with aiohttp.ClientSession() as session:
        error = await refused(Http("http://127.0.0.1:9", session))
    assert (error.status, error.transient) == (0, True)


@pytest.mark.parametrize(
    ("status", "body", "transient"),
    [
        (403, {"errcode": "M_FORBIDDEN"}, False),
        (404, {"errcode": "M_NOT_FOUND"}, False),
        (401, {"flows": [], "session": "x"}, False),
        (404, "404 page not found", True),
        (403, "<html>blocked</html>", True),
        (413, "<html>too large</html>", False),
        (413, {"errcode": "M_TOO_LARGE"}, False),
        (408, "", True),
        (500, {"errcode": "M_UNKNOWN"}, True),
        (502, "<html>", True),
        (504, "", True),
    ],
)
async def test_what_may_succeed_later(
    server: Server, http: Http, status: int, body: Any, transient: bool
) -> None:
    server.says(status, body)
    error = await refused(http)
    assert (error.status, error.transient) == (status, transient)
    assert error.body == (body if isinstance(body, dict) else {})


@pytest.mark.parametrize("errcode", ["M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"])
async def test_a_revoked_token_is_an_error_of_its_own(server: Server, http: Http, errcode: str) -> None:
    server.says(401, {"errcode": errcode, "soft_logout": False})
    error = await refused(http)
    assert isinstance(error, TokenRevoked) and not error.transient


async def test_the_token_goes_in_the_header_only_and_paths_stay_as_quoted(server: Server, http: Http) -> None:
    http.masquerade = {"user_id": "@bot:h.example"}
    path = f"/_matrix/client/v3/directory/room/{quoted('#a/b:h.example')}"
    await http.request("GET", path, query={"via": "a b&c"})
    (request,) = server.requests
    assert request.headers["Authorization"] == f"Bearer {TOKEN}"
    assert TOKEN not in str(request.url)
    assert request.raw_path.partition("?")[0] == path
    assert dict(request.query) == {"via": "a b&c", "user_id": "@bot:h.example"}


async def test_any_text_can_be_sent(server: Server, http: Http) -> None:
    await http.request("PUT", SEND, json={"body": "Grüße 👩‍⚕️"})
    assert server.bodies[0].decode() == '{"body": "Grüße 👩‍⚕️"}'


async def test_a_failing_server_is_asked_at_most_twice_a_second_and_found_well_at_once(
    server: Server, http: Http
) -> None:
    server.says(502, "<html>bad gateway</html>")
    words = ("sync", "keys/query", "join/x", "rooms/!r/messages", "rooms/!r/state/x", "login", "createRoom")
    paths = [SEND, WHOAMI, "/_matrix/media/v3/upload", *(f"/_matrix/client/v3/{word}" for word in words)]
    assert len({endpoint_class(path) for path in paths}) == 10
    arrived: list[float] = []
    inner = server.answer

    async def noting(request: web.Request) -> web.StreamResponse:
        arrived.append(time.monotonic())
        return await inner(request)

    server.answer = noting
    stop = asyncio.Event()
    well = Counter[str]()

    async def stubborn(path: str) -> None:
        while not stop.is_set():
            try:
                await http.request("POST", path, json={})
            except MatrixError:
                await asyncio.sleep(0.001)
            else:
                well[path] += 1
                return

    began = time.monotonic()
    callers = [asyncio.create_task(stubborn(paths[number % 10])) for number in range(20)]
    await asyncio.wait(callers, timeout=6.0)
    burst = [at for at in arrived if at - began < 0.5]
    after = [at for at in arrived if at - began >= 0.5]
    assert len(burst) <= 20
    assert 3 <= len(after) <= 2 * (time.monotonic() - began), f"{len(after)} requests after the first burst"
    server.answer = server.fine
    recovering = time.monotonic()
    await asyncio.wait(callers, timeout=15.0)
    stop.set()
    assert sum(well.values()) == 20, "somebody was left waiting after the server was well again"
    assert time.monotonic() - recovering < 12
    await asyncio.gather(*callers)


async def test_those_who_wait_go_on_at_once_when_one_succeeds(server: Server, http: Http) -> None:
    server.says(502, "")
    await asyncio.gather(*(refused(http, SEND) for _ in range(20)))
    began = time.monotonic()
    server.answer = server.fine
    await asyncio.gather(*(http.request("PUT", SEND, json={}) for _ in range(20)))
    assert time.monotonic() - began < 2.5, "failures of one burst counted as many"


async def test_a_healthy_class_is_not_slowed_by_a_failing_one(server: Server, http: Http) -> None:
    async def only_sending_fails(request: web.Request) -> web.StreamResponse:
        return web.Response(status=502) if "/send/" in request.path else web.json_response({})

    server.answer = only_sending_fails
    await refused(http, SEND)
    waiting = asyncio.create_task(refused(http, SEND))
    began = time.monotonic()
    for _ in range(50):
        await http.request("GET", WHOAMI)
    assert time.monotonic() - began < 0.6
    await waiting


async def test_a_caller_that_gives_up_leaves_the_gate_usable(server: Server, http: Http) -> None:
    server.says(502, "")
    await refused(http)
    waiting = asyncio.create_task(http.request("GET", WHOAMI))
    await asyncio.wait([waiting], timeout=0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    server.answer = server.fine
    assert await asyncio.wait_for(http.request("GET", WHOAMI), 30) == {"ok": True}


async def test_media_is_fetched_with_the_token_and_only_up_to_a_size(server: Server, http: Http) -> None:
    async def media(_request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"x" * 200_000)

    server.answer = media
    assert await http.download("mxc://h.example/ab%2Fc", most_bytes=200_000) == b"x" * 200_000
    assert server.requests[0].raw_path == "/_matrix/client/v1/media/download/h.example/ab%252Fc"
    assert server.requests[0].headers["Authorization"] == f"Bearer {TOKEN}"
    with pytest.raises(MatrixError, match="M_TOO_LARGE"):
        await http.download("mxc://h.example/abc", most_bytes=199_999)
    for bad in ("https://h.example/abc", "mxc://h.example", "mxc://h.example/a/b", "mxc:///a", ""):
        with pytest.raises(MatrixError, match="BAD_MXC"):
            await http.download(bad, most_bytes=1)
    assert len(server.requests) == 2
    server.answer = cut_off
    with pytest.raises(MatrixError) as caught:
        await http.download("mxc://h.example/abc", most_bytes=200_000)
    assert caught.value.transient


async def test_media_is_uploaded(server: Server, http: Http) -> None:
    server.says(200, {"content_uri": "mxc://h.example/abc"})
    assert await http.upload(b"\x00\xff", "image/png") == "mxc://h.example/abc"
    assert server.bodies == [b"\x00\xff"] and server.requests[0].headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("body", ["<html>", {}, {"content_uri": 7}])
async def test_an_upload_without_a_whole_answer_may_be_tried_again(
    server: Server, http: Http, body: Any
) -> None:
    server.says(200, body)
    with pytest.raises(MatrixError) as caught:
        await http.upload(b"x", "image/png")
    assert caught.value.transient


def test_classes_of_endpoints_hold_no_ids() -> None:
    assert endpoint_class(SEND) == "send"
    assert endpoint_class("/_matrix/client/v3/sync") == "sync"
    assert endpoint_class("/_matrix/client/v1/media/download/h.example/abc") == "media"
    assert endpoint_class("/_matrix/client/v3/rooms/!abc/invite") == "invite"
    assert endpoint_class("/_matrix/client/v3/rooms/!abc/leave") == "other"
