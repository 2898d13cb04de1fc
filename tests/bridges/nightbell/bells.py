"""The other side of the example: a server of night bells."""

from __future__ import annotations

import asyncio
import json
from collections import Counter


class Bells:
    """Bells that are known are those of wards: `ward-…`."""

    address = "ward-3"
    nobody = "cellar"

    def __init__(self) -> None:
        self.rung: Counter[str] = Counter()
        self.port = 0
        self._seen: set[str] = set()
        self._server: asyncio.Server | None = None

    async def up(self) -> None:
        self._server = await asyncio.start_server(self._hear, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        said = json.loads(await reader.readline())
        if said and not said["bell"].startswith("ward-"):
            answer = "unknown"
        else:
            answer = "ok"
            if said and said["id"] not in self._seen:
                self._seen.add(said["id"])
                self.rung[said["text"]] += 1
        writer.write(f"{answer}\n".encode())
        writer.close()

    async def arrived(self, text: str) -> int:
        return self.rung[text]

    async def write(self, text: str) -> bool:
        return False
