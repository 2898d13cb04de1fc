"""Gates before homeservers' federation ports: a link between hospitals that can be cut and mended."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bot.dev import synapse
from bot.dev.synapse import HomeserverGroup
from bot.dev.synapse_config import write_files


class Gate:
    """Passes TCP connections on to a port of this machine; while it is cut, it drops them all.

    It runs in a thread of its own, so that homeservers of the whole session can stand behind it.
    """

    def __init__(self, port: int, target: int) -> None:
        self._port, self._target = port, target
        self._open = True
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._run(self._listen()).result(10)

    def cut(self) -> None:
        """Nobody gets through any more, and whoever was through is thrown out."""
        self._open = False
        self._run(self._drop()).result(10)

    def mend(self) -> None:
        """Let everybody through."""
        self._open = True

    def close(self) -> None:
        """End the gate."""
        self._run(self._stop()).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, what: Coroutine[Any, Any, None]) -> Future[None]:
        return asyncio.run_coroutine_threadsafe(what, self._loop)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self._port)

    async def _stop(self) -> None:
        self._server.close()
        await self._drop()

    async def _drop(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self._open:
            writer.transport.abort()
            return
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, far_writer}
        await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
        self._writers -= {writer, far_writer}

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.transport.abort() if not self._open else writer.close()


@dataclass
class GatedFederation:
    """Homeservers, and the gate before each of them, by name."""

    group: HomeserverGroup
    gates: dict[str, Gate]

    def cut(self, *names: str) -> None:
        """Let nobody reach these any more."""
        for name in names:
            self.gates[name].cut()

    def mend(self) -> None:
        """Let everybody reach everybody."""
        for gate in self.gates.values():
            gate.mend()


def make_gated(directory: Path, *names: str) -> GatedFederation:
    """Homeservers, not started yet, that reach each other through gates only."""
    made = HomeserverGroup.create(directory, names)
    ports = synapse._free_ports(len(names))
    behind = [replace(one, federation_port=port) for one, port in zip(made.homeservers, ports, strict=True)]
    for one in behind:
        peers = [peer for peer in behind if peer is not one]
        write_files(one, peers, rate_limits=False, database=None, appservices=())
    gates = {
        one.name: Gate(one.federation_port, port) for one, port in zip(made.homeservers, ports, strict=True)
    }
    return GatedFederation(HomeserverGroup(made.directory, behind), gates)
