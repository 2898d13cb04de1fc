"""A whole Curbside as its own process on a real homeserver, for tests, soaks and benchmarks."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from bot.dev.synapse import Homeserver, register_user
from tests.support.migrated import put_tables

BOTS = ("curbside", "support")
_READY_SECONDS = 120.0


class Running:
    """One Curbside: its folder, its process, and ways to kill it and start it again."""

    def __init__(self, homeserver: Homeserver, folder: Path) -> None:
        self.homeserver = homeserver
        self.folder = folder
        self.log = folder / "curbside.log"
        self.moderator = f"@moderator-{folder.name}:{homeserver.server_name}"
        self.process: subprocess.Popen[bytes] | None = None
        self.port = _free_port()
        self._prefix = ""

    def user_id(self, bot: str) -> str:
        """The Matrix id of a bot."""
        return f"@{self._prefix}{bot}:{self.homeserver.server_name}"

    async def prepare(
        self,
        *,
        prefix: str = "",
        roster: str = "",
        settings: str = "",
        tables: str = "",
        homeserver_url: str | None = None,
        servers: Sequence[str] = (),
        moderators: Sequence[str] = (),
        trust: str = 'users_without_identity = "send"',
        limits: str = "commands_per_minute = 0",
    ) -> None:
        """Register the bots and write the settings; `settings` and `tables` are TOML added to them.

        `trust` and `limits` are what stands in the tables of these names.
        """
        self._prefix = prefix
        secret = self.folder / "secrets"
        secret.mkdir(parents=True)
        for name in BOTS:
            (secret / name).write_text(secrets.token_urlsafe(16))
            await register_user(self.homeserver, f"{prefix}{name}", (secret / name).read_text())
        (secret / "at-rest.keys").write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
        bots = "\n".join(
            f'[bots.{name}]\nuser_id = "{self.user_id(name)}"\npassword_file = "secrets/{name}"'
            for name in BOTS
        )
        self.write_roster(roster)
        (self.folder / "data").mkdir(mode=0o700)
        await put_tables(self.folder / "data" / "curbside.db")
        (self.folder / "curbside.toml").write_text(
            f"""hospital = "Test"
homeserver = "{homeserver_url or self.homeserver.url}"
server_name = "{self.homeserver.server_name}"
allowed_servers = {list(servers)!r}
moderators = {list(moderators)!r}
{settings}
{bots}
[web]
port = {self.port}
[limits]
{limits}
[trust]
{trust}
{tables}
""".replace("'", '"')
        )

    def write_roster(self, roster: str) -> None:
        """Put the roster in place, whole or not at all."""
        fresh = self.folder / "roster.new"
        fresh.write_text(roster)
        fresh.replace(self.folder / "roster.toml")

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        """Start the process, as an installed program with its byte code kept; it is ready a moment later."""
        inherited = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "bot", "run", "--config", "curbside.toml", *arguments],
                cwd=self.folder,
                env={**inherited, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def kill(self) -> None:
        """End the process as a power cut would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    async def stop(self, seconds: float = 60.0) -> int:
        """End the process in order; returns its exit status."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return await asyncio.to_thread(self.process.wait, seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise

    def tail(self) -> str:
        """The end of the log, for messages about a failure."""
        return self.log.read_text(errors="replace")[-3000:] if self.log.exists() else ""


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


@asynccontextmanager
async def start_curbside(homeserver: Homeserver, folder: Path, **options: Any) -> AsyncIterator[Running]:
    """A Curbside that is ready, stopped at the end; options as of `Running.prepare`."""
    running = Running(homeserver, folder)
    await running.prepare(**options)
    running.start()
    try:
        await wait_ready(running)
        yield running
    finally:
        running.kill()


async def wait_ready(running: Running) -> float:
    """Wait until both bots synchronise; returns the seconds it took."""
    began = time.monotonic()
    url = f"http://127.0.0.1:{running.port}/readyz"
    async with aiohttp.ClientSession() as session:
        while time.monotonic() - began < _READY_SECONDS:
            if running.process is not None and running.process.poll() is not None:
                raise RuntimeError(f"Curbside ended at its start:\n{running.tail()}")
            try:
                async with session.get(url) as answer:
                    if answer.status == 200:
                        return time.monotonic() - began
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.02)  # a process says in no other way that it is up
    raise TimeoutError(f"Curbside was not ready in {_READY_SECONDS:.0f} s:\n{running.tail()}")
