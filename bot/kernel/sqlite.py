"""SQLite on the event loop's own thread.

A statement on a local file takes microseconds; handing it to a thread and back, or only through the
greenlets of SQLAlchemy's asyncio layer, takes many times longer and made the bots slower than the
homeserver. So statements run where they are asked for, on SQLAlchemy's plain connection.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Dialect, Engine, Executable, NullPool, Row, create_engine
from sqlalchemy.engine import URL

_T = TypeVar("_T")


class InlineConnection:
    """What transactions need of SQLAlchemy's AsyncConnection, on a connection that never waits."""

    def __init__(self, connection: Connection) -> None:
        self.plain = connection

    @property
    def dialect(self) -> Dialect:
        return self.plain.dialect

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        return self.plain.execute(statement, parameters)

    async def exec_driver_sql(self, statement: str, parameters: Any = None) -> CursorResult[*tuple[Any, ...]]:
        return self.plain.exec_driver_sql(statement, parameters)

    async def stream(
        self, statement: Executable, parameters: Any = None
    ) -> AsyncIterator[Row[*tuple[Any, ...]]]:
        return _each(self.plain.execute(statement, parameters))

    async def run_sync(self, work: Callable[..., _T], *arguments: Any) -> _T:
        return work(self.plain, *arguments)


async def _each(rows: CursorResult[*tuple[Any, ...]]) -> AsyncIterator[Row[*tuple[Any, ...]]]:
    for row in rows:
        yield row


class InlineEngine:
    """The connections to one file; those that are not in use wait for the next transaction."""

    def __init__(self, url: URL) -> None:
        # Error texts must not carry the values of a statement into a log.
        self.plain: Engine = create_engine(
            url.set(drivername="sqlite"),
            creator=partial(_open, url.database or ""),
            poolclass=NullPool,
            hide_parameters=True,
        )
        self._idle: list[InlineConnection] = []

    @contextmanager
    def transaction(self, mode: str) -> Iterator[InlineConnection]:
        """A transaction, `DEFERRED` to read or `IMMEDIATE` to write; an error in the block takes it back."""
        connection = self._idle.pop() if self._idle else InlineConnection(self.plain.connect())
        try:
            connection.plain.exec_driver_sql(f"BEGIN {mode}")
            try:
                yield connection
            except BaseException:
                connection.plain.rollback()
                raise
            connection.plain.commit()
        finally:
            # Where taking back failed too, the connection is of no use any more.
            if connection.plain.in_transaction():
                connection.plain.close()
            else:
                self._idle.append(connection)

    def close(self) -> None:
        """Close the connections that are not in use."""
        while self._idle:
            self._idle.pop().plain.close()


def _open(path: str) -> sqlite3.Connection:
    if path and path != ":memory:":
        # Whom people talk with stands in it unsealed; its journals get the same mode. Never open a file
        # that is there: closing any descriptor of it drops this process's locks on it (POSIX), and
        # another process could then take the write-ahead log away under us.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    # Autocommit of the driver is off: the engine says BEGIN itself.
    connection = sqlite3.connect(path, isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


_PRAGMAS: Sequence[str] = (
    "journal_mode=WAL",
    # A lost last transaction is fetched or sent again under the same id, so WAL's own sync suffices.
    "synchronous=NORMAL",
    "foreign_keys=ON",
    "busy_timeout=2000",  # it holds up everybody here; whoever fails comes again
)
