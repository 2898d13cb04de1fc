"""The kernel's database, empty but migrated, on SQLite and on PostgreSQL."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.kernel import migrate
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing

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
async def database_url(database_server: Any, tmp_path: Path) -> str:
    """The URL of the test's own empty database."""
    if database_server is None:
        return f"sqlite+aiosqlite:///{tmp_path / 'curbside.db'}"
    return str(await database_server.create_database())


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
