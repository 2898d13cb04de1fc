"""Time as data: a timer is a row, claimed when due, gone when its handler commits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, Text, bindparam, delete, func, select, update
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


# The statements of every step are built once: building them anew cost more than running them.
_CHANGING = ("due_at", "set_for", "facts", "attempts")
_SET = {
    name: statement.on_conflict_do_update(
        index_elements=[timer_rows.c.id], set_={column: statement.excluded[column] for column in _CHANGING}
    )
    for name, statement in (
        ("sqlite", sqlite.insert(timer_rows)),
        ("postgresql", postgresql.insert(timer_rows)),
    )
}
_CANCEL = delete(timer_rows).where(timer_rows.c.id.in_(bindparam("ids", expanding=True)))
_TAKE = delete(timer_rows).where(timer_rows.c.id == bindparam("key"))
_DUE = (
    select(timer_rows)
    .where(timer_rows.c.due_at <= bindparam("by", type_=UtcTime))
    .order_by(timer_rows.c.due_at)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_DUE_ALIKE = (
    select(timer_rows)
    .where(timer_rows.c.due_at <= bindparam("by", type_=UtcTime), timer_rows.c.kind == bindparam("kind"))
    .where(timer_rows.c.attempts == 0)
    .order_by(timer_rows.c.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
)
_DUE_OTHER = _DUE.where(timer_rows.c.kind != bindparam("other"))


async def set_timer(tx: Tx, kind: str, key: str, due_at: datetime, **facts: str | int | bool | None) -> None:
    """Set the timer `kind` of `key`, in place of an earlier one; facts hold no free text."""
    row = {
        "id": f"{kind}:{key}",
        "kind": kind,
        "key": key,
        "due_at": due_at,
        "set_for": due_at,
        "facts": json.dumps(facts, sort_keys=True),
        "attempts": 0,
    }
    await tx.conn.execute(_SET[tx.conn.dialect.name], row)
    tx.wakes.add("timers")


async def cancel(tx: Tx, kind: str, key: str) -> None:
    """Take a timer back; no error if there is none."""
    await cancel_all(tx, [kind], key)


async def cancel_all(tx: Tx, kinds: Sequence[str], key: str) -> None:
    """Take the timers of these kinds back; no error where there is none."""
    await tx.conn.execute(_CANCEL, {"ids": [f"{kind}:{key}" for kind in kinds]})


async def is_set(tx: Tx, kind: str, key: str) -> bool:
    """Whether a timer is waiting."""
    query = select(timer_rows.c.id).where(timer_rows.c.id == f"{kind}:{key}")
    return (await tx.conn.execute(query)).first() is not None


async def claim(tx: Tx, other_than: str = "") -> Timer | None:
    """Take the longest-due timer out of the table; it is back if this transaction fails.

    One of a kind `other_than` the given one, if such a one is due.
    """
    if other_than:
        row = (await tx.conn.execute(_DUE_OTHER, {"by": tx.now, "other": other_than})).first()
        if row is None:
            return await claim(tx)
    else:
        row = (await tx.conn.execute(_DUE, {"by": tx.now})).first()
        if row is None:
            return None
    await tx.conn.execute(_TAKE, {"key": row.id})
    return Timer(row.kind, row.key, row.set_for, json.loads(row.facts), row.attempts)


async def claim_alike(tx: Tx, timer: Timer, most: int) -> list[Timer]:
    """Take more due timers of a timer's kind, for a handler that does several in one transaction.

    Their handler's failure takes all of them back. So one that has failed before comes alone, and takes none
    along; nobody waits for long for another one's fault.
    """
    if timer.attempts:
        return []
    rows = (await tx.conn.execute(_DUE_ALIKE, {"by": tx.now, "kind": timer.kind, "most": most})).all()
    if rows:
        await tx.conn.execute(_CANCEL, {"ids": [row.id for row in rows]})
    return [Timer(row.kind, row.key, row.set_for, json.loads(row.facts), row.attempts) for row in rows]


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
