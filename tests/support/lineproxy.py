"""A TCP proxy for dialogues of lines that goes wrong on command, to stand before a paging terminal."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self


class LineProxy:
    """`async with LineProxy(port) as proxy:` leads from `proxy.port` to that port.

    `mode`: `pass`; `refuse` (the connection ends at once); `half` (after SEND the line is passed on and the
    client's side is closed, so the answer is lost); `mute` (after SEND nothing comes back); `slow` (each
    answer comes `seconds` late).
    """

    def __init__(self, target: int) -> None:
        self.mode = "pass"
        self.seconds = 0.0
        self.sends = 0  # how many SENDs were passed on
        self._target = target
        self._closed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._closed.set()
        self._server.close()
        for task in self._tasks:
            task.cancel()

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        if self.mode == "refuse":
            writer.transport.abort()
            return
        try:
            there = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()
            return
        deaf = asyncio.Event()
        answering = asyncio.create_task(self._answer(there[0], writer, deaf))
        with suppress(OSError):
            while line := await reader.readline():
                if line.strip().upper() == b"SEND":
                    self.sends += 1
                    if self.mode in ("half", "mute"):
                        deaf.set()
                there[1].write(line)
                await there[1].drain()
                if deaf.is_set() and self.mode == "half":
                    writer.transport.abort()
                    # The terminal answers into the void.
                    with suppress(TimeoutError):
                        await asyncio.wait_for(there[0].read(1), 2)
                    break
        there[1].close()
        answering.cancel()
        writer.close()

    async def _answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, deaf: asyncio.Event
    ) -> None:
        with suppress(OSError):
            while not deaf.is_set() and (line := await reader.readline()):
                if self.mode == "slow":
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self._closed.wait(), self.seconds)
                if not deaf.is_set():
                    writer.write(line)
                    await writer.drain()
