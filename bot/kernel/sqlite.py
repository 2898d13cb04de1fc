"""SQLite on the event loop's own thread.

A statement on a local file takes microseconds; handing it to a thread and back, as aiosqlite does
several times for each, takes many times longer and made the bots slower than the homeserver. Only the
connection is ours: SQLAlchemy's aiosqlite dialect drives it (`create_async_engine(async_creator=…)`).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any


class _Cursor:
    """A cursor whose coroutines never wait."""

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor

    async def __aenter__(self) -> _Cursor:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._cursor.close()

    async def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        self._cursor.execute(statement, parameters)
        return self

    async def executemany(self, statement: str, parameters: Sequence[Sequence[Any]]) -> _Cursor:
        self._cursor.executemany(statement, parameters)
        return self

    async def fetchone(self) -> Any:
        return self._cursor.fetchone()

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        return self._cursor.fetchmany(size or self._cursor.arraysize)

    async def fetchall(self) -> list[Any]:
        return self._cursor.fetchall()

    async def close(self) -> None:
        self._cursor.close()

    @property
    def description(self) -> Any:
        return self._cursor.description

    @property
    def rowcount(self) -> int:
        return self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        return self._cursor.lastrowid

    @property
    def arraysize(self) -> int:
        return self._cursor.arraysize

    @arraysize.setter
    def arraysize(self, size: int) -> None:
        self._cursor.arraysize = size


class InlineConnection:
    """What SQLAlchemy expects of an aiosqlite connection."""

    def __init__(self, path: str) -> None:
        if path and path != ":memory:":
            # Whom people talk with stands in it unsealed; its journals get the same mode. Never open a file
            # that is there: closing any descriptor of it drops this process's locks on it (POSIX), and
            # another process could then take the write-ahead log away under us.
            with suppress(FileExistsError):
                os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        # Autocommit of the driver is off: `bot.kernel.db` says BEGIN itself.
        self._connection: sqlite3.Connection | None = sqlite3.connect(path, isolation_level=None)

    @property
    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise ValueError("no active connection")
        return self._connection

    def cursor(self) -> _Cursor:
        return _Cursor(self._open.cursor())

    async def commit(self) -> None:
        self._open.commit()

    async def rollback(self) -> None:
        self._open.rollback()

    async def create_function(self, *arguments: Any, **options: Any) -> None:
        self._open.create_function(*arguments, **options)

    async def close(self) -> None:
        self.stop()

    def stop(self) -> None:
        """Close at once."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


async def open_inline(path: str) -> InlineConnection:
    """Open a database file."""
    return InlineConnection(path)
