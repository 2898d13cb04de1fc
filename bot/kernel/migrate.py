"""Bring the tables to this program's revision, and back (Alembic, one transaction a run).

Whether that is needed is decided without Alembic, from the revision files' own assignments, so that a
start with a current database costs one small query. The core's revisions are in the package
`migrations`; an outside capability brings its folder, whose first revision has a branch label.
"""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, inspect, text

from bot.kernel.db import Database, Tx
from bot.kernel.errors import CurbsideError, SchemaMismatch

_LOCK = 0x63757262  # "curb": the advisory lock that keeps two starters apart on PostgreSQL
_ASSIGNED = ("revision", "down_revision", "depends_on")


@dataclass(frozen=True)
class Status:
    """Where the database stands (`current`), and where this program wants it (`heads`)."""

    current: frozenset[str]
    heads: frozenset[str]
    known: frozenset[str]

    @property
    def up_to_date(self) -> bool:
        """Whether the program can work on these tables."""
        return self.heads <= self.current <= self.known

    @property
    def ahead(self) -> frozenset[str]:
        """Revisions of the database of which this program knows nothing."""
        return self.current - self.known


async def status(database: Database, folders: Sequence[Path] = ()) -> Status:
    """Compare the database with the core's revisions and those in `folders`."""
    async with database.read() as tx:
        current = await tx.conn.run_sync(_current)
    return _status(current, folders)


async def require(database: Database, folders: Sequence[Path] = ()) -> None:
    """Raise SchemaMismatch, which says what to do, unless the tables are this program's."""
    found = await status(database, folders)
    _must_not_be_ahead(found)
    if not found.up_to_date:
        raise SchemaMismatch("The database's tables are not this version's: run `curbside db upgrade`.")


async def upgrade(database: Database, target: str = "heads", folders: Sequence[Path] = ()) -> bool:
    """Upgrade to `target` (Alembic's words: `heads`, `+1`, a revision); False if nothing was to be done.

    Raises SchemaMismatch when the database is newer than this program.
    """
    if target == "heads" and (await status(database, folders)).up_to_date:
        return False
    async with database.begin() as tx:
        await _lock(tx)
        found = _status(await tx.conn.run_sync(_current), folders)
        _must_not_be_ahead(found)
        if target == "heads" and found.up_to_date:
            return False  # another starter was faster
        await tx.conn.run_sync(_run, "upgrade", target, tuple(folders))
    return True


async def downgrade(database: Database, target: str, folders: Sequence[Path] = ()) -> None:
    """Go back to `target` (`base`, `-1`, a revision); what the dropped tables held is lost."""
    async with database.begin() as tx:
        await _lock(tx)
        _must_not_be_ahead(_status(await tx.conn.run_sync(_current), folders))
        await tx.conn.run_sync(_run, "downgrade", target, tuple(folders))


def _status(current: frozenset[str], folders: Sequence[Path]) -> Status:
    known, below = _revisions((_core_folder(), *folders))
    return Status(current, known - below, known)


def _must_not_be_ahead(found: Status) -> None:
    if found.ahead:
        raise SchemaMismatch(
            f"The database has revision {', '.join(sorted(found.ahead))}, which this version does not know: "
            "install the Curbside (or the capability) that made it."
        )


async def _lock(tx: Tx) -> None:
    # On SQLite the transaction itself is exclusive from its first statement.
    if tx.conn.dialect.name == "postgresql":
        await tx.conn.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})


@cache
def _core_folder() -> Path:
    package = importlib.util.find_spec("migrations")
    if package is None or not package.submodule_search_locations:
        raise CurbsideError("The package `migrations` is missing: install Curbside again.")
    return Path(package.submodule_search_locations[0]) / "versions"


def _current(connection: Connection) -> frozenset[str]:
    if not inspect(connection).has_table("alembic_version"):
        return frozenset()
    return frozenset(connection.execute(text("SELECT version_num FROM alembic_version")).scalars())


@cache
def _revisions(folders: tuple[Path, ...]) -> tuple[frozenset[str], frozenset[str]]:
    """All revisions in these folders, and those that others follow or depend on."""
    known, below = set(), set()
    for folder in folders:
        for file in folder.glob("*.py"):
            values = _assignments(file)
            if values.get("revision"):
                known.add(str(values["revision"]))
                below |= _as_set(values.get("down_revision")) | _as_set(values.get("depends_on"))
    return frozenset(known), frozenset(below)


def _assignments(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.Assign):
            targets, value = node.targets, node.value
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            targets, value = [node.target], node.value
        else:
            continue
        for target in targets:
            if isinstance(target, ast.Name) and target.id in _ASSIGNED:
                found[target.id] = ast.literal_eval(value)
    return found


def _as_set(value: Any) -> set[str]:
    if value is None:
        return set()
    return {value} if isinstance(value, str) else set(value)


def _run(connection: Connection, direction: str, target: str, folders: tuple[Path, ...]) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    core = _core_folder()
    script = ScriptDirectory(
        str(core.parent), version_locations=[str(core), *(str(folder) for folder in folders)]
    )
    # The two that Alembic's own documentation of EnvironmentContext names for this.
    revisions: Callable[..., Any] = script._upgrade_revs if direction == "upgrade" else script._downgrade_revs

    def steps(current: Any, _context: Any) -> Any:
        return revisions(target, current)

    try:
        with EnvironmentContext(Config(), script, fn=steps) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
    except CommandError as error:
        raise CurbsideError(f"The database cannot be migrated to {target!r}: {error}.") from None
