"""`/livez`, `/readyz` and `/metrics`, for the operator's monitoring; no names, no content."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from aiohttp import web

from bot.kernel import metrics
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.settings import WebSettings
from bot.web.health import Health, measure

log = logging.getLogger(__name__)

_NO_STORE = {"Cache-Control": "no-store"}
_MEASURE_SECONDS = 5.0


class WebServer:
    """Serves health and metrics of one process."""

    def __init__(
        self, settings: WebSettings, health: Health, database: Database, pages: Sequence[web.RouteDef] = ()
    ) -> None:
        self._settings = settings
        self._health = health
        self._database = database
        self._runner: web.AppRunner | None = None
        self.app = web.Application()
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
