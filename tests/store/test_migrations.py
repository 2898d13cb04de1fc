"""The revisions make exactly the tables that the code declares, on both databases, and take them back."""

import asyncio
import sqlite3
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import inspect, text

from bot.app import capabilities
from bot.kernel import audit, inbox, migrate, outbox, timers
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database, Tx, metadata, sealed_tables
from bot.kernel.errors import CurbsideError, SchemaMismatch
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing

NEWEST = max(file.name[1:5] for file in Path("migrations/versions").glob("r*.py"))
KEYS = KeyRing([b"k" * 32])
MakeDatabase = Callable[[], Awaitable[Database]]


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Any:
    """PostgreSQL, which only its own half of the tests starts, or None for SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


@pytest.fixture
async def make_database(server: Any, tmp_path: Path) -> AsyncIterator[MakeDatabase]:
    """Opens the test's own empty database, again and again, each time through an engine of its own."""
    if server is None:
        url = f"sqlite+aiosqlite:///{tmp_path / 'curbside.db'}"
    else:
        url = await server.create_database()
    opened: list[Database] = []

    async def make() -> Database:
        opened.append(Database(url, SystemClock(), KEYS))
        return opened[-1]

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def database(make_database: MakeDatabase) -> Database:
    return await make_database()


async def tables(database: Database) -> set[str]:
    async with database.read() as tx:
        return set(await tx.conn.run_sync(lambda conn: inspect(conn).get_table_names()))


async def put_something_everywhere(tx: Tx) -> None:
    await inbox.put(tx, Incoming("curbside", "matrix.event", "$a", "lane", {"text": "x"}))
    await outbox.put(tx, Outgoing("curbside", "!r:h.example", "send", {"content": {"body": "x"}}))
    await timers.set_timer(tx, "consult.answer", "C-7F3K", tx.now + timedelta(minutes=5), step=1)
    tx.audit("system", "test", "C-7F3K")


async def database_of_metadata(server: Any, tmp_path: Path) -> Database:
    """A database whose tables SQLAlchemy made, without any revision."""
    url = (
        f"sqlite+aiosqlite:///{tmp_path / 'declared.db'}"
        if server is None
        else await server.create_database()
    )
    declared = Database(url, SystemClock(), KEYS)
    async with declared.begin() as tx:
        await tx.conn.run_sync(metadata.create_all)
    return declared


async def indexes(database: Database) -> dict[str, str]:
    """Every index and how it was made, conditions included, which Alembic does not compare."""
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if database.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    async with database.read() as tx:
        found = {row[0]: " ".join(row[1].split()) for row in await tx.conn.execute(text(query))}
    await database.close()
    return {name: made for name, made in found.items() if not name.startswith("alembic_version")}


async def test_the_migrated_tables_are_those_that_the_code_declares(
    database: Database, server: Any, tmp_path: Path
) -> None:
    capabilities()  # imports every table
    await migrate.upgrade(database)
    async with database.read() as tx:
        differences = await tx.conn.run_sync(
            lambda conn: compare_metadata(
                MigrationContext.configure(conn, opts={"compare_type": True}), metadata
            )
        )
    assert differences == []
    assert await indexes(await database_of_metadata(server, tmp_path)) == await indexes(database)
    assert {table.name for table in sealed_tables()} >= {"inbox", "outbox", "conversations", "secrets"}


async def test_up_down_and_up_again_with_data(database: Database) -> None:
    assert await migrate.upgrade(database)
    assert not await migrate.upgrade(database)
    async with database.begin() as tx:
        await put_something_everywhere(tx)
    await migrate.downgrade(database, "base")
    assert await tables(database) == {"alembic_version"}
    assert (await migrate.status(database)).current == frozenset()
    await migrate.upgrade(database)
    async with database.begin() as tx:
        await put_something_everywhere(tx)
    async with database.read() as tx:
        assert (await audit.verify(tx))[::2] == (1, [])
        assert await outbox.counts(tx) == {"pending": 1}


async def test_starters_do_not_race(make_database: MakeDatabase) -> None:
    starters = [await make_database() for _ in range(4)]
    await migrate.status(starters[0])  # makes the file, so that only the migration itself is raced for
    done = await asyncio.gather(*(migrate.upgrade(database) for database in starters))
    assert sorted(done) == [False, False, False, True]
    async with starters[0].begin() as tx:
        await put_something_everywhere(tx)


async def test_a_failed_revision_leaves_nothing_behind(database: Database, tmp_path: Path) -> None:
    await migrate.upgrade(database)
    before = await tables(database)
    folder = capability(
        tmp_path, "op.create_table('half', sa.Column('id', sa.Integer))\n    raise RuntimeError('x')"
    )
    with pytest.raises(RuntimeError):
        await migrate.upgrade(database, folders=[folder])
    assert await tables(database) == before


async def test_a_database_of_a_newer_version_is_refused(database: Database) -> None:
    await migrate.upgrade(database)
    async with database.begin() as tx:
        await tx.conn.execute(text("INSERT INTO alembic_version VALUES ('9999')"))
    for attempt in (
        migrate.upgrade(database),
        migrate.require(database),
        migrate.downgrade(database, "base"),
    ):
        with pytest.raises(SchemaMismatch, match="9999"):
            await attempt


async def test_an_old_or_empty_database_says_what_to_do(database: Database) -> None:
    with pytest.raises(SchemaMismatch, match="curbside db upgrade"):
        await migrate.require(database)
    with pytest.raises(CurbsideError, match="'nonsense'"):
        await migrate.upgrade(database, "nonsense")
    await migrate.upgrade(database)
    await migrate.require(database)


def capability(tmp_path: Path, upgrade: str) -> Path:
    folder = tmp_path / "revisions"
    folder.mkdir()
    (folder / "first.py").write_text(
        "import sqlalchemy as sa\nfrom alembic import op\n"
        'revision = "parking1"\ndown_revision = None\nbranch_labels = ("parking",)\ndepends_on = "0001"\n'
        f"def upgrade():\n    {upgrade}\n"
        'def downgrade():\n    op.drop_table("parking")\n'
    )
    return folder


async def test_a_capability_brings_its_own_branch(database: Database, tmp_path: Path) -> None:
    folder = capability(tmp_path, "op.create_table('parking', sa.Column('id', sa.Integer, primary_key=True))")
    await migrate.upgrade(database)
    assert not (await migrate.status(database, [folder])).up_to_date
    assert await migrate.upgrade(database, folders=[folder])
    assert "parking" in await tables(database)
    assert (await migrate.status(database, [folder])).up_to_date
    assert not await migrate.upgrade(database, folders=[folder])
    await migrate.downgrade(database, "parking@base", [folder])
    assert "parking" not in await tables(database)
    await migrate.require(database)


async def test_deciding_that_nothing_is_to_be_done_needs_no_alembic(tmp_path: Path) -> None:
    path = tmp_path / "curbside.db"
    database = Database(f"sqlite+aiosqlite:///{path}", SystemClock(), KEYS)
    await migrate.upgrade(database)
    await database.close()
    with sqlite3.connect(path) as raw:
        assert raw.execute("SELECT version_num FROM alembic_version").fetchall() == [(NEWEST,)]
    program = (
        "import asyncio, sys\nfrom bot.kernel import migrate\nfrom bot.kernel.clock import SystemClock\n"
        "from bot.kernel.db import Database\nfrom bot.kernel.sealing import KeyRing\n"
        f"database = Database('sqlite+aiosqlite:///{path}', SystemClock(), KeyRing([b'k' * 32]))\n"
        "async def main():\n    assert not await migrate.upgrade(database)\n    await database.close()\n"
        "asyncio.run(main())\nassert 'alembic' not in sys.modules\n"
    )
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stderr=asyncio.subprocess.PIPE
    )
    _, problems = await asyncio.wait_for(child.communicate(), 120)
    assert child.returncode == 0, problems.decode()
