"""Each fault of the proxy does what its description says, in front of a real web server."""

import asyncio
import time
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from yarl import URL

from tests.support.proxy import FaultProxy, Kind

_PATH = "/rooms/!a%2Fb:x/send"
_DECODED = "/rooms/!a/b:x/send"


class Backend:
    """Counts requests and echoes what it gets; `/poll` answers when `release` is set."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, bytes]] = []
        self.release = asyncio.Event()
        self.abandoned = asyncio.Event()
        self.url = ""

    async def handle(self, request: web.BaseRequest) -> web.Response:
        self.seen.append((request.method, request.raw_path, await request.read()))
        if request.path == "/poll":
            try:
                await self.release.wait()
            except asyncio.CancelledError:
                self.abandoned.set()
                raise
        return web.json_response({"count": len(self.seen), "padding": "x" * 200})


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    backend = Backend()
    server = web.Server(backend.handle, handler_cancellation=True, access_log=None)
    runner = web.ServerRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    backend.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield backend
    await runner.cleanup()


@pytest.fixture
async def faulty(backend: Backend) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(backend.url) as proxy:
        yield proxy


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    # The tests POST: any other request aiohttp itself repeats once when the connection breaks.
    async with aiohttp.ClientSession() as session:
        yield session


async def call(client: aiohttp.ClientSession, proxy: FaultProxy, path: str = _PATH) -> tuple[int, bytes]:
    url = URL(proxy.url + path + "?a=%2F1", encoded=True)
    async with client.post(url, data=b"body") as response:
        return response.status, await response.read()


async def test_without_fault_the_request_arrives_as_sent(backend, faulty, client):
    status, _ = await call(client, faulty)
    assert status == 200
    assert backend.seen == [("POST", _PATH + "?a=%2F1", b"body")]
    (entry,) = faulty.log
    assert (entry.method, entry.path, entry.status, entry.fault) == ("POST", _DECODED, 200, None)


async def test_bad_gateway_is_html_and_not_forwarded(backend, faulty, client):
    faulty.add(Kind.BAD_GATEWAY, ".*/send", method="PUT", times=1)
    async with client.put(faulty.url + "/rooms/x/send") as response:
        assert (response.status, response.content_type) == (502, "text/html")
    assert backend.seen == []
    assert (await call(client, faulty))[0] == 200


async def test_rate_limits_in_either_form(backend, faulty, client):
    faulty.add(Kind.LIMITED_BODY, times=1, seconds=0.25)
    faulty.add(Kind.LIMITED_HEADER, times=1, seconds=3)
    async with client.get(faulty.url + "/x") as response:
        assert response.status == 429
        assert (await response.json())["retry_after_ms"] == 250
        assert "Retry-After" not in response.headers
    async with client.get(faulty.url + "/x") as response:
        assert response.status == 429
        assert response.headers["Retry-After"] == "3"
        assert set(await response.json()) == {"errcode", "error"}
    assert backend.seen == []


@pytest.mark.parametrize(("kind", "forwarded"), [(Kind.DROP_BEFORE, 0), (Kind.DROP_AFTER, 1)])
async def test_dropped_connection(backend, faulty, client, kind, forwarded):
    faulty.add(kind, times=1)
    with pytest.raises(aiohttp.ClientError):
        await call(client, faulty)
    assert len(backend.seen) == forwarded
    (entry,) = await faulty.wait_for(lambda log: len(log) == 1)
    assert (entry.status, entry.fault) == (None, kind)


async def test_slow_answer(backend, faulty, client):
    faulty.add(Kind.SLOW, times=1, seconds=0.3)
    start = time.monotonic()
    assert (await call(client, faulty))[0] == 200
    assert time.monotonic() - start >= 0.3
    assert len(backend.seen) == 1


async def test_truncated_body(backend, faulty, client):
    faulty.add(Kind.TRUNCATED, times=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await call(client, faulty)
    assert len(backend.seen) == 1


async def test_duplicated_request(backend, faulty, client):
    faulty.add(Kind.DUPLICATED, times=1)
    status, body = await call(client, faulty)
    assert (status, len(backend.seen)) == (200, 2)
    assert b'"count": 2' in body
    assert backend.seen[0] == backend.seen[1]


async def test_stalled_until_the_fault_is_removed(backend, faulty, client):
    fault = faulty.add(Kind.STALLED)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await call(client, faulty)
    waiting = asyncio.create_task(call(client, faulty))
    await faulty.wait_for(lambda log: len(log) == 2)
    faulty.remove(fault)
    assert (await waiting)[0] == 200
    assert len(backend.seen) == 2


async def test_probability_follows_the_seed(backend, client):
    async def pattern(seed: int) -> list[int]:
        async with FaultProxy(backend.url, seed=seed) as proxy:
            proxy.add(Kind.BAD_GATEWAY, probability=0.5)
            return [(await call(client, proxy))[0] for _ in range(12)]

    first = await pattern(3)
    assert first == await pattern(3)
    assert set(first) == {200, 502}


async def test_cut_resets_what_is_under_way_and_heals(backend, faulty, client):
    polling = asyncio.create_task(call(client, faulty, "/poll"))
    await faulty.wait_for(lambda log: len(log) == 1)
    faulty.cut()
    with pytest.raises(aiohttp.ClientError):
        await polling
    with pytest.raises(aiohttp.ClientError):
        await call(client, faulty)
    assert [entry.fault for entry in faulty.log][1:] == ["cut"]
    faulty.heal()
    assert (await call(client, faulty))[0] == 200


async def test_a_client_that_leaves_a_long_poll_leaves_it_at_the_server(backend, faulty, client):
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await call(client, faulty, "/poll")
    async with asyncio.timeout(30):
        await backend.abandoned.wait()


async def test_long_poll_is_passed_on(backend, faulty, client):
    polling = asyncio.create_task(call(client, faulty, "/poll"))
    await faulty.wait_for(lambda log: len(log) == 1)
    assert not polling.done()
    backend.release.set()
    assert (await polling)[0] == 200


async def test_server_that_is_down_is_a_502(client):
    async with FaultProxy("http://127.0.0.1:9") as proxy:
        assert (await call(client, proxy))[0] == 502


async def test_rate_is_that_of_the_busiest_window(backend, faulty, client):
    for _ in range(4):
        await call(client, faulty)
    await call(client, faulty, "/other")
    assert faulty.rate_to(".*/send", 10.0) == pytest.approx(0.4)
    assert faulty.rate_to("/other", 10.0) == pytest.approx(0.1)
    assert faulty.rate_to("/none", 10.0) == 0
    assert faulty.rate_to(".*", 10.0, since=time.monotonic()) == 0
