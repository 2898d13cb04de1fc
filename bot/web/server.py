"""`/livez`, `/readyz` and `/metrics`, for the operator's monitoring; no names, no content."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence

from aiohttp import web
from aiohttp.typedefs import Handler

from bot.kernel import metrics
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.settings import WebSettings
from bot.web.health import Health, measure

log = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}
_MEASURE_SECONDS = 5.0
_LARGEST_BODY = 64 * 1024  # bytes: the forms here are small
_SECONDS = 60.0
# For every answer that does not say otherwise itself (OWASP secure headers).
_GUARDED = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Referrer-Policy": "no-referrer",
    "Server": "Curbside",
}
_WORDS = {400: "bad request", 404: "not found", 405: "method not allowed", 413: "too large", 503: "try again"}


@web.middleware
async def _guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse what is too large or takes too long; an error shows its class in words, nothing of itself."""
    if (request.content_length or 0) > _LARGEST_BODY:
        return _refusal(413)
    try:
        async with asyncio.timeout(_SECONDS):
            return await handler(request)
    except web.HTTPMethodNotAllowed as error:
        return _refusal(405, {"Allow": error.headers["Allow"]})
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _refusal(error.status)
    except TimeoutError:
        return _refusal(503)
    except Exception as error:
        log.error("a page failed", exc_info=error)
        return _refusal(500)


def _refusal(status: int, headers: Mapping[str, str] | None = None) -> web.Response:
    text = _WORDS.get(status, "something went wrong") + "\n"
    return web.Response(text=text, status=status, headers={**_NO_STORE, **(headers or {})})


async def _add_headers(_request: web.Request, answer: web.StreamResponse) -> None:
    for name, value in _GUARDED.items():
        if name == "Server":
            answer.headers[name] = value  # instead of the library and its version
        else:
            answer.headers.setdefault(name, value)


class WebServer:
    """Serves health and metrics of one process."""

    def __init__(
        self, settings: WebSettings, health: Health, database: Database, pages: Sequence[web.RouteDef] = ()
    ) -> None:
        self._settings = settings
        self._health = health
        self._database = database
        self._runner: web.AppRunner | None = None
        self.app = web.Application(client_max_size=_LARGEST_BODY, middlewares=[_guard])
        self.app.on_response_prepare.append(_add_headers)
        self.app.add_routes(
            [
                web.get("/livez", self._livez),
                web.get("/readyz", self._readyz),
                web.get("/metrics", self._metrics),
                *pages,
            ]
        )

    @property
    def port(self) -> int:
        """The port that is listened on; chosen by the system where the settings say 0."""
        if self._runner is None or not self._runner.addresses:
            raise CurbsideError("The web server does not run.")
        return int(self._runner.addresses[0][1])

    async def start(self) -> None:
        """Listen; raises CurbsideError when the address is taken. No host in the settings: do nothing."""
        if not self._settings.host:
            return
        self._runner = web.AppRunner(self.app, access_log=None)
        await self._runner.setup()
        host, port = self._settings.host, self._settings.port
        try:
            await web.TCPSite(self._runner, host, port, reuse_address=True).start()
        except OSError as error:
            await self.stop()
            raise CurbsideError(f"web.port: cannot listen on {host}:{port} ({error.strerror}).") from None

    async def stop(self) -> None:
        """Stop listening; a second call changes nothing."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.Response(text="ok\n", headers=_NO_STORE)

    async def _readyz(self, _request: web.Request) -> web.Response:
        reasons = await self._health.reasons()
        body = {"ready": not reasons, "reasons": reasons}
        return web.json_response(body, status=503 if reasons else 200, headers=_NO_STORE)

    async def _metrics(self, _request: web.Request) -> web.Response:
        try:
            await asyncio.wait_for(measure(self._database), _MEASURE_SECONDS)
        except Exception as error:  # the counters are worth having when the database is away
            log.warning("the database's gauges could not be set", exc_info=error)
        return web.Response(
            body=metrics.exposition(),
            headers={**_NO_STORE, "Content-Type": "text/plain; version=0.0.4; charset=utf-8"},
        )
