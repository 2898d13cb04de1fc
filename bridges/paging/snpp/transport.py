"""A dialogue of single lines with a paging terminal, or with a fax server that it belongs to."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from types import TracebackType
from typing import Self

_LONGEST_ANSWER = 50  # lines


class Broken(Exception):
    """The other side went away or does not speak the protocol."""


class Dialogue:
    """`async with Dialogue(host, port) as said:`; raises OSError where nobody answers, and Broken."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port
        self.greeting = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port, limit=4096)
        try:
            self.greeting, _text = await self.answer()
        except BaseException:
            self._writer.close()
            raise
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None:
            with suppress(OSError):
                self._writer.write(b"QUIT\r\n")
                await self._writer.drain()
        self._writer.close()

    async def tell(self, line: str) -> tuple[int, str]:
        """Say one line; the code and the text of its answer."""
        self._writer.write(line.encode("ascii") + b"\r\n")
        await self._writer.drain()
        return await self.answer()

    async def answer(self) -> tuple[int, str]:
        """The next answer; of one with several lines the last."""
        for _ in range(_LONGEST_ANSWER):
            try:
                raw = await self._reader.readline()
            except (ValueError, OSError):
                raise Broken from None
            line = raw.decode("ascii", "replace").rstrip("\r\n")
            found = re.match(r"(\d{3})( |$)", line)
            if found:
                return int(found[1]), line[4:]
            if not raw:
                break
        raise Broken


async def listed(host: str, port: int, most: int) -> str:
    """What a data connection brings until its end, at most so many bytes."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        found = b""
        while len(found) < most and (more := await reader.read(65536)):
            found += more
        return found.decode("utf-8", "replace")
    finally:
        writer.close()
