"""The conformance kit on our bridges with their real peers, and on a small one of an outside package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from aiohttp import web

from bridges.conformance import Conformance, Staged
from bridges.contract import Call
from bridges.making import make
from bridges.paging import kannel, snpp

if TYPE_CHECKING:
    from tests.support.kannel import Kannel
    from tests.support.snpp import Terminal

EXAMPLE = Path(__file__).parent / "nightbell"


class KannelPeer:
    """The gateway, seen from the kit."""

    address, nobody = "+491700000002", "not a number"

    def __init__(self, gateway: Kannel) -> None:
        self._gateway = gateway

    async def arrived(self, text: str) -> int:
        return self._gateway.count(text)

    async def down(self) -> None:
        self._gateway.down()

    async def up(self) -> None:
        await self._gateway.up()
        await self._gateway.connect()

    async def write(self, text: str) -> bool:
        await self._gateway.connect(f"{self.address} {text}")
        return True


class TestKannel(Conformance):
    @pytest.fixture
    async def staged(self, gateway: Kannel) -> AsyncIterator[Staged]:
        staged = Staged(kannel.make(gateway.place(settle=3)), KannelPeer(gateway))

        async def hear(request: web.Request) -> web.Response:
            call = Call(request.method, request.match_info["path"], dict(request.query))
            answer = await staged.bridge.hear(call, staged.sink)  # type: ignore[attr-defined]
            return web.Response(status=answer.status, text=answer.text)

        app = web.Application()
        app.router.add_get("/bridges/sms/{path:.*}", hear)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        gateway.call_back_to(runner.addresses[0][1])
        yield staged
        await runner.cleanup()


class PagerPeer:
    """The terminal, seen from the kit."""

    address, nobody = "5124", "9999"

    def __init__(self, pagers: Terminal) -> None:
        self._pagers = pagers

    async def arrived(self, text: str) -> int:
        return self._pagers.count(text)

    async def down(self) -> None:
        self._pagers.down()

    async def up(self) -> None:
        await self._pagers.up()

    async def write(self, text: str) -> bool:
        return False  # these pagers only listen


class TestSnpp(Conformance):
    @pytest.fixture
    async def staged(self, pagers: Terminal) -> Staged:
        return Staged(snpp.make(pagers.place()), PagerPeer(pagers))


class TestNightBell(Conformance):
    """What an outside package would write."""

    @pytest.fixture
    async def staged(self, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Staged]:
        bells = _module("bells").Bells()
        await bells.up()
        _install(monkeypatch)
        tables = {"bell": {"kind": "nightbell", "host": "127.0.0.1", "port": bells.port}}
        yield Staged(make(tables, ["curbside"], EXAMPLE).bridges["bell"], bells)
        await bells.down()


def _module(name: str) -> Any:
    spec = importlib.util.spec_from_file_location(f"nightbell_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _install(monkeypatch: pytest.MonkeyPatch) -> None:
    """As pip would: the package can be imported, and its entry point is found."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    monkeypatch.delitem(sys.modules, "nightbell", raising=False)
