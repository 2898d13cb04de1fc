"""Calls of bridges' peers: what comes to `/bridges/NAME/PATH` is handed to that bridge."""

from __future__ import annotations

import logging

from aiohttp import web

from bot.kernel.db import Database
from bridges.contract import Call
from bridges.host import Bridging

log = logging.getLogger(__name__)


def bridge_calls(bridging: Bridging, database: Database) -> web.RouteDef:
    """The route of all bridges; who may call is for each of them to see."""

    async def hear(request: web.Request) -> web.Response:
        call = Call(
            request.method,
            request.match_info["path"],
            {name: request.query[name] for name in request.query},
            {name.lower(): value for name, value in request.headers.items()},
            await request.read(),
        )
        try:
            answer = await bridging.hear(database, request.match_info["name"], call)
        except Exception as error:
            # The peer is told that it is not stored, and calls again.
            log.error("a call could not be stored", exc_info=error)
            return web.Response(status=503, text="try again\n")
        return web.Response(status=answer.status, text=answer.text)

    return web.route("*", "/bridges/{name}/{path:.*}", hear)
