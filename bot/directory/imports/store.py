"""When each source was last imported, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, Text, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, UtcTime, metadata

run_rows = Table(
    "directory_imports",
    metadata,
    Column("source", String(16), primary_key=True),
    Column("next_at", UtcTime, nullable=False),
    Column("tried_at", UtcTime, nullable=True),
    Column("done_at", UtcTime, nullable=True),
    Column("result", String(32), nullable=False),  # "", ok, too-many, failed
    Column("counts", Text, nullable=False),  # JSON
    Column("failures", Integer, nullable=False),
)


@dataclass(frozen=True)
class Run:
    """The last import of a source: `counts` are those of the last one that was carried out."""

    source: str
    next_at: datetime
    tried_at: datetime | None
    done_at: datetime | None
    result: str
    counts: Mapping[str, int]
    failures: int


async def run_of(tx: Tx, source: str) -> Run | None:
    """The last import of a source; None before the first."""
    row = (await tx.conn.execute(select(run_rows).where(run_rows.c.source == source))).first()
    if row is None:
        return None
    counts = json.loads(row.counts)
    return Run(row.source, row.next_at, row.tried_at, row.done_at, row.result, counts, row.failures)


async def claim(tx: Tx, source: str, lease: datetime) -> bool:
    """Take the source's next import, if it is due, for one process until `lease`."""
    make = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    fresh = make(run_rows).values(source=source, next_at=tx.now, result="", counts="{}", failures=0)
    await tx.conn.execute(fresh.on_conflict_do_nothing())
    taken = update(run_rows).where(run_rows.c.source == source, run_rows.c.next_at <= tx.now)
    return (await tx.conn.execute(taken.values(next_at=lease))).rowcount > 0


async def note(
    tx: Tx, source: str, next_at: datetime, result: str, counts: Mapping[str, int] | None = None
) -> None:
    """Note how an import went; `counts` when it was carried out."""
    earlier = await run_of(tx, source)
    values = {"next_at": next_at, "tried_at": tx.now, "result": result}
    if counts is not None:
        done = {"done_at": tx.now, "counts": json.dumps(dict(counts), sort_keys=True), "failures": 0}
    else:
        done = {"failures": 1 if earlier is None else earlier.failures + 1}
    if earlier is None:
        empty = {"counts": "{}", "failures": 0}
        await tx.conn.execute(insert(run_rows).values(source=source, **{**empty, **values, **done}))
    else:
        await tx.conn.execute(update(run_rows).where(run_rows.c.source == source).values(**values, **done))
