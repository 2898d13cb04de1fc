"""Where the imported register is kept. It is public: nothing in it is sealed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import BigInteger, Boolean, Column, Integer, String, Table, exists, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, metadata

nppes_rows = Table(
    "nppes",
    metadata,
    Column("npi", String(10), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("taxonomy", String(16), nullable=False),
    Column("state", String(40), nullable=False),
    Column("active", Boolean, nullable=False),
)
import_rows = Table(
    "nppes_imports",
    metadata,
    Column("id", String(64), primary_key=True),  # a digest of the file and what was asked for
    Column("place", BigInteger, nullable=False),  # bytes read
    Column("kept", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
)


@dataclass(frozen=True)
class Entry:
    """A person in the register: `taxonomy` is their primary code, `active` False once deactivated."""

    npi: str
    name: str
    taxonomy: str
    state: str
    active: bool


@dataclass(frozen=True)
class Progress:
    """How far an import has come: bytes read, entries kept."""

    place: int = 0
    kept: int = 0
    done: bool = False


async def find(tx: Tx, npi: str) -> Entry | None:
    """What the imported register says of a number."""
    row = (await tx.conn.execute(select(nppes_rows).where(nppes_rows.c.npi == npi))).first()
    return None if row is None else Entry(row.npi, row.name, row.taxonomy, row.state, row.active)


async def is_imported(tx: Tx) -> bool:
    """Whether an import has ever come to its end."""
    return bool((await tx.conn.execute(select(exists().where(import_rows.c.done)))).scalar())


async def keep(tx: Tx, entries: Sequence[Entry]) -> None:
    """Keep entries, in place of what was known of the same numbers."""
    if not entries:
        return
    fresh = _insert(tx)(nppes_rows)
    changing = {name: fresh.excluded[name] for name in ("name", "taxonomy", "state", "active")}
    statement = fresh.on_conflict_do_update(index_elements=[nppes_rows.c.npi], set_=changing)
    await tx.conn.execute(statement, [asdict(entry) for entry in entries])


async def progress(tx: Tx, import_id: str) -> Progress:
    """How far an import has come."""
    row = (await tx.conn.execute(select(import_rows).where(import_rows.c.id == import_id))).first()
    return Progress() if row is None else Progress(row.place, row.kept, row.done)


async def keep_progress(tx: Tx, import_id: str, now: Progress) -> None:
    """Note how far an import has come."""
    changing = asdict(now)
    fresh = _insert(tx)(import_rows).values(id=import_id, **changing)
    await tx.conn.execute(fresh.on_conflict_do_update(index_elements=[import_rows.c.id], set_=changing))


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
