"""The kernel's database, empty but migrated, on SQLite and on PostgreSQL."""

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.kernel import migrate
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from tests.support.logged import Listening
from tests.support.migrated import put_tables

KEYS = KeyRing([b"k" * 32])
START = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)

OpenDatabase = Callable[..., Database]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(params=["sqlite", "postgresql"])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def database_server(backend: str, request: pytest.FixtureRequest) -> Any:
    """PostgreSQL, which starts only for its own half of the tests, or None for SQLite."""
    return None if backend == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
async def database_url(database_server: Any, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of the test's own database: empty, but with every table where the test takes it so (`db`)."""
    tables = "db" in request.fixturenames
    if database_server is not None:
        return str(await database_server.create_database(tables=tables))
    path = tmp_path / "curbside.db"
    if tables:
        await put_tables(path)
    return f"sqlite+aiosqlite:///{path}"


@pytest.fixture
async def open_database(database_url: str, clock: ManualClock) -> AsyncIterator[OpenDatabase]:
    """Opens the test's database, again and again, as so many processes would."""
    opened: list[Database] = []

    def opener(**options: Any) -> Database:
        opened.append(Database(database_url, options.get("clock", clock), options.get("keys", KEYS)))
        return opened[-1]

    yield opener
    for database in opened:
        await database.close()


@pytest.fixture
async def db(open_database: OpenDatabase) -> Database:
    database = open_database()
    await migrate.upgrade(database)
    return database


@pytest.fixture
def later(clock: ManualClock) -> Callable[[float], datetime]:
    """Moves the clock on by seconds."""
    return lambda seconds: clock.advance(timedelta(seconds=seconds))


@pytest.fixture
def logged() -> Iterator[Listening]:
    """Every line that is logged from here on."""
    listening = Listening()
    root = logging.getLogger()
    root.addHandler(listening)
    before, root.level = root.level, logging.DEBUG
    yield listening
    root.level = before
    root.removeHandler(listening)
