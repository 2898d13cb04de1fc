"""HTTP to one homeserver: errors as exceptions, and manners towards a server in trouble.

Each class of endpoints has a gate. While its last answer was a failure, one request at a time goes
through, at growing intervals with jitter; both forms of 429 (`retry_after_ms` in the body and the
`Retry-After` header, C-S API "Rate limiting") say how long the gate stays shut.
"""

from __future__ import annotations

import asyncio
import json as jsonlib
import logging
import random
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import aiohttp
from yarl import URL

from bot import __version__
from bot.kernel import metrics

log = logging.getLogger(__name__)

_FIRST_DELAY = 1.0
_MOST_DELAY = 30.0
_LONGEST_QUEUE = 5.0
_SPACING = 0.6  # seconds between any two requests that are probes of a failing server
_LONGEST_RETRY_AFTER = 3600.0
_TOO_LARGE = (413, 414, 431)  # what a proxy says without JSON, and will say again


class MatrixError(Exception):
    """An answer that is no success. `status` 0 means that no whole answer came."""

    def __init__(
        self,
        status: int,
        errcode: str,
        *,
        retry_after: float | None = None,
        body: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(f"{status} {errcode}")
        self.status = status
        self.errcode = errcode
        self.retry_after = retry_after
        self.body: Mapping[str, Any] = body or {}

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later: also when a proxy answered, not the homeserver."""
        if self.status in (0, 408, 429) or self.status >= 500:
            return True
        return self.errcode == f"HTTP_{self.status}" and self.status not in _TOO_LARGE


class TokenRevoked(MatrixError):
    """The homeserver no longer knows our access token."""


def endpoint_class(path: str) -> str:
    """The class of an endpoint, for gates and metrics: never a room or user id."""
    parts = [part for part in path.split("/") if part]
    for word in (
        "sync",
        "send",
        "state",
        "createRoom",
        "messages",
        "keys",
        "sendToDevice",
        "login",
        "join",
        "invite",  # waits for the other hospital's homeserver, which may be away
        "members",
    ):
        if word in parts:
            return word
    return "media" if "media" in parts else "other"


class _Gate:
    """Lets requests of one class through, or makes them wait while their endpoint fails."""

    def __init__(self, server: _Spacing) -> None:
        self._server = server
        self._delay = 0.0
        self._open_at = 0.0
        self._failed_at = 0.0
        self._recovered = asyncio.Event()

    async def enter(self) -> float:
        """Wait for one's turn; returns the moment it came, for `failed`. Raises MatrixError if far off."""
        while (wait := self._open_at - time.monotonic()) > 0:
            if wait > _LONGEST_QUEUE:
                await asyncio.sleep(0)  # callers that try again at once must not hold up the loop
                raise MatrixError(0, "CURBSIDE_BACKING_OFF", retry_after=wait)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._recovered.wait(), wait)
        if self._delay:
            self._open_at = time.monotonic() + self._delay
            await self._server.wait()
        return time.monotonic()

    def succeeded(self) -> None:
        self._delay = self._open_at = 0.0
        self._recovered.set()

    def failed(self, entered: float, retry_after: float | None = None) -> float:
        """Shut the gate after a request that entered at `entered`; returns for how many seconds."""
        if entered > self._failed_at:  # requests under way together that fail together are one failure
            self._delay = min(_MOST_DELAY, max(_FIRST_DELAY, self._delay * 2))
        self._failed_at = time.monotonic()
        pause = self._delay * random.uniform(0.8, 1.2)  # noqa: S311 - jitter needs no secrecy
        if retry_after is not None:
            pause = max(retry_after * random.uniform(1.0, 1.05), 0.05)  # noqa: S311
        self._open_at = max(self._open_at, self._failed_at + pause)
        self._recovered.clear()
        return pause


class _Spacing:
    """Keeps probes of a failing server apart, whatever class they are of."""

    def __init__(self) -> None:
        self._next = 0.0

    async def wait(self) -> None:
        now = time.monotonic()
        at = max(now, self._next)
        self._next = at + _SPACING
        await asyncio.sleep(at - now)


def open_session() -> aiohttp.ClientSession:
    """The connections that all accounts share."""
    session = aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=64), headers={"User-Agent": f"Curbside/{__version__}"}
    )
    # aiohttp repeats requests whose connection broke at once, past our gates, and has no setting for it.
    session._retry_connection = False
    return session


class Http:
    """Requests to one homeserver in the name of one account."""

    def __init__(self, base_url: str, session: aiohttp.ClientSession) -> None:
        self.base_url = base_url
        self.token: str | None = None
        self.masquerade: Mapping[str, str] = {}  # user_id and device_id, for an application service's token
        self._session = session
        self._spacing = _Spacing()
        self._gates: dict[str, _Gate] = {}

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> dict[str, Any]:
        """Make one request; returns the JSON object, raises MatrixError.

        `path` starts with `/_matrix` and is quoted already; `timeout` is in seconds.
        """
        data = (
            None if json is None else jsonlib.dumps(json, ensure_ascii=False).encode("utf-8", "surrogatepass")
        )
        headers = {"Content-Type": "application/json"} if data is not None else {}
        async with self._exchange(method, path, data, headers, query, timeout) as response:
            raw = await response.read()
            body = _object(raw)
            if response.status not in (200, 201):  # 201: a device that an application service made
                raise _error(response, body)
            if body is None:
                raise MatrixError(0, "CURBSIDE_NOT_JSON")
            return body

    async def request_list(self, path: str, *, timeout: float = 60.0) -> list[Any]:
        """GET what is a JSON list, such as a room's whole state; raises MatrixError."""
        async with self._exchange("GET", path, None, {}, None, timeout) as response:
            raw = await response.read()
            if response.status != 200:
                raise _error(response, _object(raw))
            try:
                body = jsonlib.loads(raw)
            except (ValueError, RecursionError):
                body = None
            if not isinstance(body, list):
                raise MatrixError(0, "CURBSIDE_NOT_JSON")
            return body

    @asynccontextmanager
    async def _exchange(
        self,
        method: str,
        path: str,
        data: bytes | aiohttp.StreamReader | None,
        headers: Mapping[str, str],
        query: Mapping[str, str] | None,
        timeout: float,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        kind = endpoint_class(path)
        gate = self._gates.setdefault(kind, _Gate(self._spacing))
        entered = await gate.enter()
        began, outcome = time.monotonic(), "failed"
        sent = dict(headers)
        if self.token is not None:
            sent["Authorization"] = f"Bearer {self.token}"
        try:
            async with self._session.request(
                method,
                URL(self.base_url + path, encoded=True),
                params={**(query or {}), **self.masquerade},
                data=data,
                headers=sent,
                timeout=aiohttp.ClientTimeout(total=timeout),
            ) as response:
                yield response
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise MatrixError(0, type(error).__name__, retry_after=gate.failed(entered)) from None
        except MatrixError as error:
            if error.transient:
                error.retry_after = gate.failed(entered, error.retry_after)
                outcome = "limited" if error.status == 429 else "failed"
            else:
                gate.succeeded()
                outcome = "refused"
            raise
        else:
            gate.succeeded()
            outcome = "ok"
        finally:
            metrics.homeserver_seconds.labels(kind, outcome).observe(time.monotonic() - began)

    async def upload(self, data: bytes, content_type: str, *, timeout: float = 60.0) -> str:
        """Upload media; returns its `mxc://` URI (C-S API, content repository)."""
        async with self._exchange(
            "POST", "/_matrix/media/v3/upload", data, {"Content-Type": content_type}, None, timeout
        ) as response:
            body = _object(await response.read())
            if response.status != 200:
                raise _error(response, body)
            uri = (body or {}).get("content_uri")
            if not isinstance(uri, str):
                raise MatrixError(0, "CURBSIDE_NO_CONTENT_URI")
            return uri

    async def download(self, mxc: str, *, most_bytes: int, timeout: float = 60.0) -> bytes:
        """Fetch media through the authenticated endpoint (C-S API v1.11); raises when it is too large."""
        server, _, media_id = mxc.removeprefix("mxc://").partition("/")
        if not mxc.startswith("mxc://") or not server or not media_id or "/" in media_id:
            raise MatrixError(404, "CURBSIDE_BAD_MXC")
        path = f"/_matrix/client/v1/media/download/{quoted(server)}/{quoted(media_id)}"
        async with self._exchange("GET", path, None, {}, None, timeout) as response:
            if response.status != 200:
                raise _error(response, _object(await response.read()))
            parts, size = [], 0
            async for chunk in response.content.iter_chunked(65536):
                size += len(chunk)
                if size > most_bytes:
                    raise MatrixError(413, "M_TOO_LARGE")
                parts.append(chunk)
            return b"".join(parts)


def quoted(part: str) -> str:
    """Quote one segment of a path."""
    return quote(part, safe="")


def _object(raw: bytes) -> dict[str, Any] | None:
    try:
        body = jsonlib.loads(raw)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _error(response: aiohttp.ClientResponse, body: Mapping[str, Any] | None) -> MatrixError:
    """The error in an answer; `body` is None when that is no JSON object, so not from a homeserver."""
    if body is None:
        retry_after = _seconds(response.headers.get("Retry-After", ""))
        return MatrixError(response.status, f"HTTP_{response.status}", retry_after=retry_after)
    # Without one it is user-interactive authentication (C-S API), or nothing that we could name.
    errcode = str(body.get("errcode", "CURBSIDE_NO_ERRCODE"))[:64]
    if errcode in ("M_UNKNOWN_TOKEN", "M_MISSING_TOKEN"):
        return TokenRevoked(response.status, errcode, body=body)
    milliseconds = body.get("retry_after_ms")
    if response.status == 429 and isinstance(milliseconds, int | float) and milliseconds >= 0:
        retry_after = min(milliseconds / 1000, _LONGEST_RETRY_AFTER)
    else:
        retry_after = _seconds(response.headers.get("Retry-After", ""))
    return MatrixError(response.status, errcode, retry_after=retry_after, body=body)


def _seconds(header: str) -> float | None:
    """Read `Retry-After`: seconds or a date (RFC 9110, section 10.2.3)."""
    if header.isascii() and header.isdecimal():
        return min(float(header), _LONGEST_RETRY_AFTER)
    try:
        seconds = parsedate_to_datetime(header).timestamp() - time.time()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(0.0, seconds), _LONGEST_RETRY_AFTER)
