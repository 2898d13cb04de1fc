"""An HTTP reverse proxy that goes wrong on command, to stand between a bot and its homeserver."""

import asyncio
import contextlib
import random
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Self

import aiohttp
from aiohttp import web
from yarl import URL

_HOP_BY_HOP = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
_HTML = "<html><head><title>502 Bad Gateway</title></head><body>Bad Gateway</body></html>"


class Kind(StrEnum):
    """What can go wrong with one request."""

    BAD_GATEWAY = "502"  # not forwarded; 502 with an HTML body
    LIMITED_BODY = "429-body"  # not forwarded; 429, the wait as `retry_after_ms` in the body
    LIMITED_HEADER = "429-header"  # not forwarded; 429, the wait only as a `Retry-After` header
    DROP_BEFORE = "drop-before"  # not forwarded; the connection is reset
    DROP_AFTER = "drop-after"  # forwarded and answered by the server; the connection is reset instead
    SLOW = "slow"  # forwarded; the answer comes `seconds` late
    TRUNCATED = "truncated"  # forwarded; half of the body arrives, then the connection is reset
    DUPLICATED = "duplicated"  # forwarded twice, one after the other; the second answer is given
    STALLED = "stalled"  # forwarded; the answer never comes, until the fault is removed or the client leaves


@dataclass(eq=False)
class Fault:
    """One way to fail, for requests whose method and decoded path (no query) match in full.

    `times`: how often at most, None = until removed. `probability`: of each matching request. `seconds`: the
    delay of SLOW and the wait asked for by the 429s.
    """

    kind: Kind
    path: str = ".*"
    method: str = ".*"
    times: int | None = None
    probability: float = 1.0
    seconds: float = 1.0
    hits: int = field(default=0, init=False)
    removed: asyncio.Event = field(default_factory=asyncio.Event, init=False, repr=False)

    def matches(self, method: str, path: str) -> bool:
        return (
            (self.times is None or self.hits < self.times)
            and re.fullmatch(self.method, method) is not None
            and re.fullmatch(self.path, path) is not None
        )


@dataclass(eq=False)
class Entry:
    """A request that arrived: monotonic time in seconds, and how it ended (status None: no answer given)."""

    time: float
    method: str
    path: str
    status: int | None = None
    fault: str | None = None


class FaultProxy:
    """`async with FaultProxy(homeserver.url) as proxy:`, then let the bot use `proxy.url`.

    Faults are tried in the order added; the first that matches strikes. A server that cannot be reached
    gives 502, as behind any reverse proxy. `log` holds every request in the order of arrival.
    """

    def __init__(self, target: str, *, seed: int = 0) -> None:
        self.url = ""
        self.log: list[Entry] = []
        self._target = target
        self._random = random.Random(seed)
        self._faults: list[Fault] = []
        self._cut = False
        self._closed = asyncio.Event()
        self._changed = asyncio.Condition()
        self._open: dict[Entry, web.BaseRequest] = {}

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # A client that leaves a long poll must leave it at the homeserver too.
        self._runner = web.ServerRunner(
            web.Server(self._handle, handler_cancellation=True, access_log=None), shutdown_timeout=0.1
        )
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closed.set()
        self.clear()
        self._abort_open()
        await self._runner.cleanup()
        await self._session.close()

    # --- what goes wrong ---------------------------------------------------------------------------------

    def add(
        self,
        kind: Kind,
        path: str = ".*",
        *,
        method: str = ".*",
        times: int | None = None,
        probability: float = 1.0,
        seconds: float = 1.0,
    ) -> Fault:
        """Let requests fail so; the fields are those of `Fault`. Keep the fault for `remove` and `hits`."""
        fault = Fault(kind, path, method, times, probability, seconds)
        self._faults.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """End a fault; answers it stalls go out now."""
        self._faults.remove(fault)
        fault.removed.set()

    def clear(self) -> None:
        """End all faults (a cut network stays cut)."""
        for fault in tuple(self._faults):
            self.remove(fault)

    def cut(self) -> None:
        """Cut the network: open connections are reset, and so is every new request, until `heal`."""
        self._cut = True
        self._abort_open()

    def heal(self) -> None:
        """End the cut."""
        self._cut = False

    # --- what was seen -----------------------------------------------------------------------------------

    def requests(self, path: str = ".*", *, method: str = ".*", since: float = 0.0) -> list[Entry]:
        """The logged requests whose method and path match in full, from that `time.monotonic()` on."""
        return [
            entry
            for entry in self.log
            if entry.time >= since and re.fullmatch(method, entry.method) and re.fullmatch(path, entry.path)
        ]

    def rate_to(self, path: str, window_s: float, *, since: float = 0.0) -> float:
        """Requests per second in the busiest window of that length."""
        times = [entry.time for entry in self.requests(path, since=since)]
        busiest = first = 0
        for last, moment in enumerate(times):
            while moment - times[first] >= window_s:
                first += 1
            busiest = max(busiest, last - first + 1)
        return busiest / window_s

    async def wait_for(
        self, condition: Callable[[list[Entry]], bool], path: str = ".*", *, timeout: float = 60.0
    ) -> list[Entry]:
        """The requests that match `path`, once `condition` holds for them. Raises TimeoutError."""
        async with asyncio.timeout(timeout), self._changed:
            await self._changed.wait_for(lambda: condition(self.requests(path)))
        return self.requests(path)

    # --- the machinery -----------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        entry = Entry(time.monotonic(), request.method, request.path)
        self.log.append(entry)
        await self._notify()
        self._open[entry] = request
        try:
            if self._cut:
                entry.fault = "cut"
                return self._drop(request)
            body = await request.read()
            response = await self._strike(request, body, entry)
            # Of an answer that was cut off no status reached the client.
            reset = request.transport is None or request.transport.is_closing()
            entry.status = None if reset else response.status
            return response
        finally:
            del self._open[entry]
            await self._notify()

    async def _strike(self, request: web.BaseRequest, body: bytes, entry: Entry) -> web.StreamResponse:
        fault = self._choose(request)
        if fault is None:
            return await self._forward(request, body)
        fault.hits += 1
        entry.fault = fault.kind
        match fault.kind:
            case Kind.BAD_GATEWAY:
                return web.Response(status=502, text=_HTML, content_type="text/html")
            case Kind.LIMITED_BODY:
                return _limited({"retry_after_ms": round(fault.seconds * 1000)}, {})
            case Kind.LIMITED_HEADER:
                return _limited({}, {"Retry-After": str(max(1, round(fault.seconds)))})
            case Kind.DROP_BEFORE:
                return self._drop(request)
            case Kind.DROP_AFTER:
                await self._fetch(request, body)
                return self._drop(request)
            case Kind.SLOW:
                response = await self._fetch(request, body)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._closed.wait(), fault.seconds)
                return response
            case Kind.STALLED:
                response = await self._fetch(request, body)
                await fault.removed.wait()
                return response
            case Kind.DUPLICATED:
                await self._fetch(request, body)
                return await self._fetch(request, body)
            case Kind.TRUNCATED:
                return await self._truncate(request, await self._fetch(request, body))

    def _choose(self, request: web.BaseRequest) -> Fault | None:
        for fault in self._faults:
            if fault.matches(request.method, request.path) and self._random.random() < fault.probability:
                return fault
        return None

    def _upstream(self, request: web.BaseRequest, body: bytes) -> "aiohttp.client._RequestContextManager":
        headers = [
            (name, value)
            for name, value in request.headers.items()
            if name.lower() not in _HOP_BY_HOP | {"host", "content-length"}
        ]
        # The path as it came: decoding it would break the %2F in it.
        url = URL(self._target + request.raw_path, encoded=True)
        return self._session.request(
            request.method, url, data=body or None, headers=headers, allow_redirects=False
        )

    async def _fetch(self, request: web.BaseRequest, body: bytes) -> web.Response:
        """The whole answer of the server."""
        try:
            async with self._upstream(request, body) as upstream:
                content = await upstream.read()
        except aiohttp.ClientError:
            return web.Response(status=502, text=_HTML, content_type="text/html")
        response = web.Response(status=upstream.status, body=content)
        _copy_headers(upstream, response)
        return response

    async def _forward(self, request: web.BaseRequest, body: bytes) -> web.StreamResponse:
        """The answer of the server as it comes."""
        response = web.StreamResponse()
        try:
            async with self._upstream(request, body) as upstream:
                response.set_status(upstream.status)
                _copy_headers(upstream, response)
                if upstream.content_length is not None:
                    response.content_length = upstream.content_length
                await response.prepare(request)
                async for chunk in upstream.content.iter_any():
                    await response.write(chunk)
                await response.write_eof()
        except aiohttp.ClientError:
            if response.prepared:
                return self._drop(request)
            return web.Response(status=502, text=_HTML, content_type="text/html")
        return response

    async def _truncate(self, request: web.BaseRequest, whole: web.Response) -> web.StreamResponse:
        content = whole.body if isinstance(whole.body, bytes) else b""
        response = web.StreamResponse(status=whole.status, headers=whole.headers)
        response.content_length = max(len(content), 1)
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
        # Not abort: what was written must still arrive.
        if request.transport is not None:
            request.transport.close()
        return response

    def _drop(self, request: web.BaseRequest) -> web.Response:
        if request.transport is not None:
            request.transport.abort()
        return web.Response(status=500)

    def _abort_open(self) -> None:
        for request in tuple(self._open.values()):
            self._drop(request)

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()


def _limited(body: dict[str, int], headers: dict[str, str]) -> web.Response:
    error = {"errcode": "M_LIMIT_EXCEEDED", "error": "Too Many Requests"}
    return web.json_response(error | body, status=429, headers=headers)


def _copy_headers(upstream: aiohttp.ClientResponse, response: web.StreamResponse) -> None:
    for name, value in upstream.headers.items():
        if name.lower() not in _HOP_BY_HOP | {"content-length", "content-type"}:
            response.headers.add(name, value)
    if "Content-Type" in upstream.headers:
        response.headers["Content-Type"] = upstream.headers["Content-Type"]
