"""A whole bridge of an outside package: it rings night bells over TCP, one line of JSON for each ring.

The bell answers `ok`, `unknown` or `busy`, and recognises a ring by its id, so nobody has to be asked after
a broken connection: this bridge has no `find`.
"""

from __future__ import annotations

import asyncio
import json

from bridges.contract import Bridge, Delivered, Health, Outbound, Outcome, Place, Rejected, Retry, Sink


def make(place: Place) -> Bridge:
    """The entry point: `nightbell = "nightbell:make"` in the group `curbside.bridges`."""
    place.only("kind", "host", "port")
    return NightBell(place.text("host"), int(place.number("port", 7000, 1, 65535)))


class NightBell:
    """Rings."""

    def __init__(self, host: str, port: int) -> None:
        self._host = host
        self._port = port

    async def start(self, sink: Sink) -> None:
        """There is nothing to open."""

    async def stop(self) -> None:
        """There is nothing to close."""

    async def deliver(self, out: Outbound) -> Outcome:
        """Ring once."""
        try:
            answer = await self._say({"id": out.id, "bell": out.address, "text": out.text})
        except (OSError, TimeoutError):
            return Retry(unsure=True)
        if answer == "ok":
            return Delivered()
        return Rejected("unknown-bell") if answer == "unknown" else Retry(reason="busy")

    async def health(self) -> Health:
        """Ask without ringing."""
        try:
            return Health(await self._say({}) == "ok")
        except (OSError, TimeoutError):
            return Health(False, "The bells do not answer.")

    async def _say(self, ring: dict[str, str]) -> str:
        async with asyncio.timeout(5):
            reader, writer = await asyncio.open_connection(self._host, self._port)
            try:
                writer.write(json.dumps(ring).encode() + b"\n")
                line = await reader.readline()
            finally:
                writer.close()
        if not line:
            raise ConnectionResetError
        return line.decode().strip()
