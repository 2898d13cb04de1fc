"""A private PostgreSQL for the tests: loopback only, in a directory of its own, gone afterwards."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import uuid
from pathlib import Path
from typing import Any, Self

import asyncpg

from tests.support.migrated import migrate_url

_BINARY_FOLDERS = "/usr/lib/postgresql/*/bin"
_USER = "curbside"
_START_TIMEOUT_S = 120.0
# Nothing of a test's database needs to survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "listen_addresses": "127.0.0.1",
}


class PostgresUnavailableError(Exception):
    """There is no PostgreSQL here that could be started; the text says what is missing."""


class Postgres:
    """A running server. Make it with `start`; end it with `stop`."""

    def __init__(self, process: subprocess.Popen[bytes], directory: Path, port: int) -> None:
        self.port = port
        self.directory = directory
        self._process = process
        self._tables = ""  # the database with every table, once somebody has asked for one

    @classmethod
    async def start(cls) -> Self:
        """Start a server in a fresh directory; when run as root, as another user, for it refuses root.

        Raises PostgresUnavailableError when there are no binaries or no such user, RuntimeError with the end
        of its log when it does not start.
        """
        initdb, postgres = _binary("initdb"), _binary("postgres")
        identity = _identity()
        directory = Path(tempfile.mkdtemp(prefix="curbside-pg-"))
        if identity:
            os.chown(directory, identity["user"], identity["group"])
        data = directory / "data"
        try:
            subprocess.run(
                [initdb, "-D", data, "-U", _USER, "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"],
                check=True,
                capture_output=True,
                cwd=directory,
                **identity,
            )
            port = _free_port()
            settings = _SETTINGS | {"port": str(port), "unix_socket_directories": str(directory)}
            with (directory / "log").open("wb") as log:
                process = subprocess.Popen(
                    [postgres, "-D", data, *(f"--{name}={value}" for name, value in settings.items())],
                    stdout=log,
                    stderr=log,
                    cwd=directory,
                    start_new_session=True,
                    **identity,
                )
        except BaseException:
            shutil.rmtree(directory, ignore_errors=True)
            raise
        self = cls(process, directory, port)
        try:
            await self._until_ready()
        except BaseException:
            self.stop()
            raise
        return self

    async def create_database(self, *, tables: bool = False) -> str:
        """A new database, empty or with every table; its SQLAlchemy URL (`postgresql+asyncpg://…`)."""
        if tables and not self._tables:
            url = await self.create_database()
            await migrate_url(url)
            self._tables = url.rpartition("/")[2]
        name, template = f"t{uuid.uuid4().hex[:16]}", self._tables if tables else "template0"
        connection = await self._connect()
        try:
            await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        finally:
            await connection.close()
        return f"postgresql+asyncpg://{_USER}@127.0.0.1:{self.port}/{name}"

    def stop(self) -> None:
        """Stop it, at the latest after ten seconds by force, and remove its directory."""
        # SIGINT is PostgreSQL's fast shutdown: open connections are ended.
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(10.0)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.directory, ignore_errors=True)

    async def _connect(self) -> Any:
        return await asyncpg.connect(
            host="127.0.0.1", port=self.port, user=_USER, database="postgres", timeout=30
        )

    async def _until_ready(self) -> None:
        for _ in range(int(_START_TIMEOUT_S / 0.1)):
            try:
                connection = await self._connect()
            except (OSError, asyncpg.PostgresError):
                # Waiting for its end is waiting until the next attempt, and no longer when it has ended.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(0.1)
                    break
            else:
                await connection.close()
                return
        tail = (self.directory / "log").read_text(errors="replace")[-2000:]
        raise RuntimeError(f"PostgreSQL did not start; the end of its log:\n{tail}")


def _binary(name: str) -> str:
    if found := shutil.which(name):
        return found
    folders = sorted(Path("/").glob(_BINARY_FOLDERS.lstrip("/")), key=lambda folder: int(folder.parent.name))
    for folder in reversed(folders):
        if (folder / name).exists():
            return str(folder / name)
    raise PostgresUnavailableError(f"no PostgreSQL here: {name} is neither on PATH nor in {_BINARY_FOLDERS}")


def _identity() -> dict[str, Any]:
    """Arguments for subprocess that make a child somebody else when we are root."""
    if os.geteuid() != 0:
        return {}
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            entry = pwd.getpwnam(name)
            return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
    raise PostgresUnavailableError(
        "PostgreSQL refuses to run as root, and there is no user postgres or nobody"
    )


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])
