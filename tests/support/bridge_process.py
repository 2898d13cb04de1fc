"""A process that runs bridges and nothing else, to be killed: `python -m tests.support.bridge_process FILE`.

FILE is JSON: {database, folder, port, bridges: {name: options}}. `House` is the other side of it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from sqlalchemy import select

from bot.kernel import bridging, inbox, migrate, outbox
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing
from bot.settings import WebSettings
from bot.web.calls import bridge_calls
from bot.web.health import Health
from bot.web.server import WebServer
from bridges.making import make
from tests.support.enclosure import until
from tests.support.migrated import put_tables
from tests.support.oidcprovider import free_port

KEYS = KeyRing([b"k" * 32])
_DEAD_SECONDS = 90


def open_database(url: str) -> Database:
    return Database(url, SystemClock(), KEYS)


async def main(file: Path) -> None:
    said = json.loads(file.read_text())
    database = open_database(said["database"])
    made = make(said["bridges"], ["curbside"], Path(said["folder"]))
    web = WebServer(WebSettings(port=said["port"]), Health(), database, [bridge_calls(made, database)])
    await web.start()
    await made.run(database, poll=0.1)


@dataclass
class House:
    """A database with rows for bridges, and the process that sends them."""

    url: str
    folder: Path
    bridges: dict[str, dict[str, object]]
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    async def open(self) -> None:
        await put_tables(self.url)
        self.database = open_database(self.url)
        await migrate.upgrade(self.database)

    async def close(self) -> None:
        self.kill()
        await self.database.close()

    async def put(self, bridge: str, address: str, text: str, **more: Any) -> str:
        """Queue a message; returns its id."""
        async with self.database.begin() as tx:
            until_ = (tx.now + more.pop("useful", timedelta(minutes=10))).isoformat()
            body = {"address": address, "text": text, "until": until_}
            out = Outgoing(
                "curbside", f"to:@anna:hs {text[:60]}", "page", body, topic="test.sent", ref=text[:60],
                channel=bridging.CHANNEL + bridge,
            )  # fmt: skip
            return await outbox.put(tx, out)

    async def state(self, row_id: str) -> tuple[str, str | None]:
        """What has become of a row, and the last reason given."""
        async with self.database.read() as tx:
            rows = outbox.outbox_rows
            row = (await tx.conn.execute(select(rows.c.state, rows.c.error).where(rows.c.id == row_id))).one()
            return row.state, row.error

    async def becomes(self, row_id: str, state: str, timeout: float = 90.0) -> str | None:
        """Wait until a row has this state; returns the reason."""

        async def there() -> bool:
            return (await self.state(row_id))[0] == state

        await until(there, f"{row_id} does not become {state}: {self.tail()}", timeout)
        return (await self.state(row_id))[1]

    async def entries(self, topic: str) -> list[dict[str, Any]]:
        """What the inbox holds of a topic."""
        async with self.database.read() as tx:
            rows = inbox.inbox_entries
            found = await tx.conn.execute(select(rows).where(rows.c.topic == topic).order_by(rows.c.id))
            return [tx.open(rows.c.payload, row.id, row.payload) for row in found]

    async def circuit(self, bridge: str) -> bridging.Circuit:
        async with self.database.read() as tx:
            known = {row.name: row.circuit for row in await bridging.known(tx)}
        return known.get(bridge, bridging.Circuit())

    async def start(self, failpoint: str = "") -> None:
        """Start the process, to die at a failpoint if one is named; returns when it listens."""
        self.kill()
        file = self.folder / "process.json"
        file.write_text(
            json.dumps(
                {
                    "database": self.url,
                    "folder": str(self.folder),
                    "port": self.port,
                    "bridges": self.bridges,
                }
            )
        )
        with (self.folder / "process.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.support.bridge_process", str(file)],
                cwd=Path(__file__).parents[2],
                env={**os.environ, "CURBSIDE_FAILPOINT": failpoint},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        await until(self._listens_or_died, f"the process does not listen: {self.tail()}", 90)

    async def _listens_or_died(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            if self.process.returncode == -signal.SIGKILL:
                return True
            raise RuntimeError(self.tail())
        with suppress(aiohttp.ClientError):
            async with (
                aiohttp.ClientSession() as session,
                session.get(f"http://127.0.0.1:{self.port}/livez") as answer,
            ):
                return answer.status == 200
        return False

    async def died(self) -> None:
        """Wait until the process has died at its failpoint."""
        assert self.process is not None
        assert await asyncio.to_thread(self.process.wait, _DEAD_SECONDS) == -signal.SIGKILL, self.tail()

    def kill(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()

    def tail(self) -> str:
        log = self.folder / "process.log"
        return log.read_text(errors="replace")[-2000:] if log.exists() else ""


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
