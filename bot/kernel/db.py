"""The database: one transaction per use case, on SQLite (WAL) or PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    BigInteger,
    Column,
    Dialect,
    Engine,
    LargeBinary,
    MetaData,
    Table,
    TypeDecorator,
    func,
    select,
    update,
)
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

from bot.kernel.clock import Clock
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.kernel.sqlite import InlineConnection, InlineEngine

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

metadata = MetaData()
# What a database that is away for a moment raises.
DatabaseTrouble = (SQLAlchemyError, OSError)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_READ_ONLY = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}  # on PostgreSQL


def milliseconds(moment: datetime) -> int:
    """Whole milliseconds from 1970 UTC to an aware datetime, as the database keeps it."""
    return (moment - _EPOCH) // _MILLISECOND


class UtcTime(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as integer milliseconds so that both databases compare alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        return None if value is None else milliseconds(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:
        return None if value is None else _EPOCH + int(value) * _MILLISECOND


class Sealed(LargeBinary):
    """A column of values sealed at rest; its table has one text primary key (see `Tx.seal`)."""


def place_of(column: Column[Any], row_id: str) -> str:
    """Name the place of a sealed value: `table.column:row`."""
    return f"{column.table.name}.{column.name}:{row_id}"


class Tx:
    """One open transaction: its connection, its moment, and whom to wake when it commits."""

    def __init__(self, conn: AsyncConnection | InlineConnection, now: datetime, keys: KeyRing) -> None:
        self.conn = conn
        self.now = now
        self.keys = keys
        self.wakes: set[str] = set()
        self.memo: dict[object, Any] = {}  # what was read once in this transaction and does not change in it
        self.audit_entries: list[tuple[str, str, str, Mapping[str, Any]]] = []

    def seal(self, column: Column[Any], row_id: str, value: Any) -> bytes:
        """Seal a JSON value for this column and row."""
        plain = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
        return self.keys.seal(plain, place_of(column, row_id))

    def open(self, column: Column[Any], row_id: str, sealed: bytes | None) -> Any:
        """Open a sealed JSON value; None stays None."""
        if sealed is None:
            return None
        return json.loads(self.keys.open(sealed, place_of(column, row_id)).decode("utf-8", "surrogatepass"))

    def audit(self, actor: str, action: str, subject: str, **facts: str | int | bool | None) -> None:
        """Add a line to the audit trail, chained when the transaction commits; never free text."""
        self.audit_entries.append((actor, action, subject, facts))

    async def finish(self) -> None:
        """What comes last before the commit: the audit lines."""
        from bot.kernel.audit import chain

        if self.audit_entries:
            await chain(self)


class Wakeups:
    """Events by which a commit wakes the loop that has new work."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def event(self, name: str) -> asyncio.Event:
        return self._events.setdefault(name, asyncio.Event())

    async def wait(self, name: str, timeout: float) -> None:
        """Return when `name` is woken, or after `timeout` seconds; the event is reset."""
        waiting = self.event(name)
        try:
            # Not wait_for: in Python 3.11 it forgets to be cancelled when woken at the same moment.
            async with asyncio.timeout(timeout):
                await waiting.wait()
        except TimeoutError:
            return
        finally:
            waiting.clear()


class Database:
    """Opens transactions; on SQLite writers queue in order instead of failing as busy."""

    def __init__(self, url: str, clock: Clock, keys: KeyRing) -> None:
        parsed = make_url(url)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        self.url = url
        self.clock = clock
        self.keys = keys
        self.wakeups = Wakeups()
        self._writer = asyncio.Lock()
        self._engine: AsyncEngine | InlineEngine
        if self.is_sqlite:
            self._engine = InlineEngine(parsed)
            return
        from sqlalchemy.ext.asyncio import create_async_engine  # it brings the ORM, which SQLite does without

        try:
            # Error texts must not carry the values of a statement into a log.
            self._engine = create_async_engine(url, hide_parameters=True, pool_size=8, pool_pre_ping=True)
        except ModuleNotFoundError as error:
            raise CurbsideError(
                f"The setting `database` needs the package {error.name}: pip install 'curbside[postgres]'."
            ) from None

    @property
    def engine(self) -> Engine:
        """SQLAlchemy's own engine underneath, for those who listen to its events."""
        return self._engine.plain if isinstance(self._engine, InlineEngine) else self._engine.sync_engine

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Tx]:
        """Open a transaction for writing; it commits when the block ends, and rolls back on an error."""
        if isinstance(self._engine, InlineEngine):
            # Its statements never wait: who reads or writes without end would keep all others out.
            await asyncio.sleep(0)
            async with self._writer:
                with self._engine.transaction("IMMEDIATE") as inline:
                    tx = self._tx(inline)
                    yield tx
                    await tx.finish()
        else:
            async with self._engine.connect() as conn, conn.begin():
                tx = self._tx(conn)
                yield tx
                await tx.finish()
        for name in tx.wakes:
            self.wakeups.event(name).set()

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Tx]:
        """Open a transaction that only reads, all at one moment; it never waits for a writer."""
        if isinstance(self._engine, InlineEngine):
            await asyncio.sleep(0)  # as in `begin`
            with self._engine.transaction("DEFERRED") as inline:
                yield self._tx(inline)
        else:
            reader = self._engine.execution_options(**_READ_ONLY)
            async with reader.connect() as conn, conn.begin():
                yield self._tx(conn)

    def _tx(self, conn: AsyncConnection | InlineConnection) -> Tx:
        return Tx(conn, self.clock.now(), self.keys)

    async def close(self) -> None:
        if isinstance(self._engine, InlineEngine):
            self._engine.close()
        else:
            await self._engine.dispose()

    async def reseal(self, table: Table, batch: int = 200) -> int:
        """Seal every old value of a table anew under the newest key; returns how many changed."""
        columns = [column for column in table.columns if isinstance(column.type, Sealed)]
        (key,) = table.primary_key.columns
        changed, last = 0, ""
        while True:
            async with self.begin() as tx:
                rows = (
                    await tx.conn.execute(
                        select(key, *columns).where(key > last).order_by(key).limit(batch).with_for_update()
                    )
                ).all()
                for row in rows:
                    fresh = {
                        column.name: tx.keys.seal(
                            tx.keys.open(value, place_of(column, row[0])), place_of(column, row[0])
                        )
                        for column, value in zip(columns, row[1:], strict=True)
                        if value is not None and not tx.keys.is_current(value)
                    }
                    if fresh:
                        await tx.conn.execute(update(table).where(key == row[0]).values(**fresh))
                        changed += 1
            if len(rows) < batch:
                return changed
            last = rows[-1][0]


def sealed_tables() -> list[Table]:
    """The tables that hold sealed values, of the core and of every capability loaded."""
    return [
        table
        for table in metadata.sorted_tables
        if any(isinstance(column.type, Sealed) for column in table.columns)
    ]


async def count(tx: Tx, table: Table) -> int:
    """How many rows a table holds."""
    return int((await tx.conn.execute(select(func.count()).select_from(table))).scalar_one())
