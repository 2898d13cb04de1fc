"""Time as data: a timer is a row, claimed when due, gone when its handler commits."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, UtcTime, metadata

timer_rows = Table(
    "timers",
    metadata,
    Column("id", String(192), primary_key=True),  # kind:key
    Column("kind", String(64), nullable=False),
    Column("key", String(128), nullable=False),
    Column("due_at", UtcTime, nullable=False, index=True),
    Column("set_for", UtcTime, nullable=False),  # the moment first asked for; due_at moves on a retry
    Column("facts", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
)


@dataclass(frozen=True)
class Timer:
    """A timer that is due: what kind, whose, and the content-free facts it was set with."""

    kind: str
    key: str
    due_at: datetime
    facts: Mapping[str, Any]
    attempts: int


async def set_timer(tx: Tx, kind: str, key: str, due_at: datetime, **facts: str | int | bool | None) -> None:
    """Set the timer `kind` of `key`, in place of an earlier one; facts hold no free text."""
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    changing = {
        "due_at": due_at,
        "set_for": due_at,
        "facts": json.dumps(facts, sort_keys=True),
        "attempts": 0,
    }
    statement = make_insert(timer_rows).values(id=f"{kind}:{key}", kind=kind, key=key, **changing)
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=[timer_rows.c.id], set_=changing))
    tx.wakes.add("timers")


async def cancel(tx: Tx, kind: str, key: str) -> None:
    """Take a timer back; no error if there is none."""
    await tx.conn.execute(delete(timer_rows).where(timer_rows.c.id == f"{kind}:{key}"))


async def is_set(tx: Tx, kind: str, key: str) -> bool:
    """Whether a timer is waiting."""
    query = select(timer_rows.c.id).where(timer_rows.c.id == f"{kind}:{key}")
    return (await tx.conn.execute(query)).first() is not None


async def claim(tx: Tx, other_than: str = "") -> Timer | None:
    """Take the longest-due timer out of the table; it is back if this transaction fails.

    One of a kind `other_than` the given one, if such a one is due.
    """
    query = (
        select(timer_rows)
        .where(timer_rows.c.due_at <= tx.now)
        .order_by(timer_rows.c.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    if other_than:
        row = (await tx.conn.execute(query.where(timer_rows.c.kind != other_than))).first()
        if row is None:
            return await claim(tx)
    else:
        row = (await tx.conn.execute(query)).first()
        if row is None:
            return None
    await tx.conn.execute(delete(timer_rows).where(timer_rows.c.id == row.id))
    return Timer(row.kind, row.key, row.set_for, json.loads(row.facts), row.attempts)


async def put_off(tx: Tx, timer: Timer, when: datetime) -> None:
    """Try a timer whose handler failed again at `when`, unless it was set anew or fired meanwhile."""
    await tx.conn.execute(
        update(timer_rows)
        .where(timer_rows.c.id == f"{timer.kind}:{timer.key}", timer_rows.c.set_for == timer.due_at)
        .where(timer_rows.c.attempts == timer.attempts)
        .values(due_at=when, attempts=timer_rows.c.attempts + 1)
    )


async def next_due_at(tx: Tx) -> datetime | None:
    """When the earliest timer is due."""
    found: datetime | None = (await tx.conn.execute(select(func.min(timer_rows.c.due_at)))).scalar()
    return found


async def most_overdue(tx: Tx) -> datetime | None:
    """The moment for which the longest overdue timer was set; None if none is overdue."""
    query = select(func.min(timer_rows.c.set_for)).where(timer_rows.c.set_for <= tx.now)
    found: datetime | None = (await tx.conn.execute(query)).scalar()
    return found


async def count_overdue(tx: Tx) -> int:
    """How many timers are past their moment."""
    query = select(func.count()).select_from(timer_rows).where(timer_rows.c.set_for <= tx.now)
    return int((await tx.conn.execute(query)).scalar_one())
