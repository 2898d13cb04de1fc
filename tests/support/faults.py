"""The endpoints that the bots use, and ways to let each of them fail for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from aiohttp import web

from tests.support.proxy import Fault, FaultProxy, Kind

# name → method and path, as the proxy matches them
ENDPOINTS: dict[str, tuple[str, str]] = {
    "login": ("POST", ".*/v3/login"),
    "whoami": ("GET", ".*/account/whoami"),
    "keys/upload": ("POST", ".*/keys/upload"),
    "device_signing/upload": ("POST", ".*/keys/device_signing/upload"),
    "signatures/upload": ("POST", ".*/keys/signatures/upload"),
    "sync": ("GET", ".*/v3/sync"),
    "messages": ("GET", ".*/rooms/.*/messages"),
    "join": ("POST", ".*/v3/join/.*"),
    "members": ("GET", ".*/rooms/.*/members"),
    "keys/query": ("POST", ".*/keys/query"),
    "keys/claim": ("POST", ".*/keys/claim"),
    "sendToDevice": ("PUT", ".*/sendToDevice/.*"),
    "send": ("PUT", ".*/rooms/.*/send/.*"),
    "createRoom": ("POST", ".*/v3/createRoom"),
    "directory": ("GET", ".*/directory/room/.*"),
    "invite": ("POST", ".*/rooms/.*/invite"),
}
AT_START = ("login", "keys/query", "keys/upload", "device_signing/upload", "signatures/upload")
FOR_A_NEWCOMER = ("sync", "join", "members", "keys/query", "sendToDevice", "send")
FOR_A_PAGE = ("createRoom", "keys/query", "keys/claim", "sendToDevice", "send")  # to somebody never heard of
STALL_SECONDS = 3.0
SLOW_SECONDS = 3.0


class HalfMaking(FaultProxy):
    """Can also let a room be made without its state and people, as by a homeserver that dies meanwhile."""

    half_made = 0  # of how many rooms to come
    _KEPT = ("preset", "room_alias_name", "creation_content")

    async def _fetch(self, request: web.BaseRequest, body: bytes) -> web.Response:
        if self.half_made and request.path.endswith("/createRoom"):
            self.half_made -= 1
            asked = json.loads(body)
            body = json.dumps({key: asked[key] for key in self._KEPT}).encode()
        return await super()._fetch(request, body)


def add(proxy: FaultProxy, endpoint: str, kind: Kind, *, times: int | None = 1) -> Fault:
    """Let an endpoint fail, once or until removed; a stalled answer comes after `STALL_SECONDS`."""
    method, path = ENDPOINTS[endpoint]
    seconds = SLOW_SECONDS if kind is Kind.SLOW else 1.0
    return proxy.add(kind, path, method=method, times=times, seconds=seconds)


@asynccontextmanager
async def failing(
    proxy: FaultProxy, endpoints: Iterable[str], kind: Kind, *, times: int | None = 1
) -> AsyncIterator[dict[str, Fault]]:
    """Let endpoints fail while the block runs; the faults by endpoint, to look at their hits."""
    faults = {endpoint: add(proxy, endpoint, kind, times=times) for endpoint in endpoints}
    stalled = faults.values() if kind is Kind.STALLED else ()
    releases = [asyncio.create_task(_release(proxy, fault)) for fault in stalled]
    try:
        yield faults
    finally:
        for release in releases:
            release.cancel()
        proxy.clear()


async def _release(proxy: FaultProxy, fault: Fault) -> None:
    """Let a stalled answer go a while after the fault first struck."""
    await proxy.wait_for(lambda _log: fault.hits > 0, timeout=600)
    await asyncio.sleep(STALL_SECONDS)  # how long it stalls, not a wait for anything
    proxy.remove(fault)
