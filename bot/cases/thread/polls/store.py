"""Polls and their votes: of voters only keyed hashes, the solution of a quiz sealed until it is told."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Integer, String, Table, delete, insert, select, update

from bot.cases.thread.model import Poll
from bot.kernel.db import Sealed, Tx, UtcTime, metadata

poll_rows = Table(
    "case_polls",
    metadata,
    Column("id", String(26), primary_key=True),  # that of its piece
    Column("case_id", String(16), nullable=False, index=True),
    Column("quiz", Boolean, nullable=False),
    Column("options", Integer, nullable=False),
    Column("solution", Sealed, nullable=True),
    Column("open", Boolean, nullable=False),
    Column("event_id", String(255), nullable=True, index=True),
    Column("ends_at", UtcTime, nullable=False),
)
vote_rows = Table(
    "case_votes",
    metadata,
    Column("id", String(64), primary_key=True),  # keyed hash of the poll and the voter
    Column("poll", String(26), nullable=False, index=True),
    Column("choice", Integer, nullable=False),
)


async def add(
    tx: Tx, poll_id: str, case_id: str, *, options: int, solution: int | None, ends_at: datetime
) -> None:
    """A poll that is about to stand in its room."""
    sealed = None if solution is None else tx.seal(poll_rows.c.solution, poll_id, solution)
    await tx.conn.execute(
        insert(poll_rows).values(
            id=poll_id,
            case_id=case_id,
            quiz=solution is not None,
            options=options,
            solution=sealed,
            open=True,
            ends_at=ends_at,
        )
    )


async def poll(tx: Tx, poll_id: str) -> Poll | None:
    """A poll by its id, locked."""
    return await _one(tx, poll_rows.c.id == poll_id)


async def at(tx: Tx, event_id: str) -> Poll | None:
    """The poll that an event began, locked."""
    return await _one(tx, poll_rows.c.event_id == event_id)


async def open_of(tx: Tx, case_id: str) -> Poll | None:
    """The open poll of a case, locked."""
    return await _one(tx, (poll_rows.c.case_id == case_id) & poll_rows.c.open.is_(True))


async def solution(tx: Tx, poll_id: str) -> int | None:
    """The place of the right option."""
    query = select(poll_rows.c.solution).where(poll_rows.c.id == poll_id)
    found = tx.open(poll_rows.c.solution, poll_id, (await tx.conn.execute(query)).scalar())
    return None if found is None else int(found)


async def change(tx: Tx, poll_id: str, **values: object) -> None:
    """Keep what has changed of a poll."""
    await tx.conn.execute(update(poll_rows).where(poll_rows.c.id == poll_id).values(**values))


async def vote(tx: Tx, poll_id: str, voter: str, choice: int | None) -> None:
    """Count somebody's vote in place of their earlier one; None takes it back."""
    key = hmac.new(tx.keys.derive("cases votes"), f"{poll_id} {voter}".encode(), hashlib.sha256).hexdigest()
    await tx.conn.execute(delete(vote_rows).where(vote_rows.c.id == key))
    if choice is not None:
        await tx.conn.execute(insert(vote_rows).values(id=key, poll=poll_id, choice=choice))


async def choices(tx: Tx, poll_id: str) -> list[int]:
    """All votes that count."""
    rows = await tx.conn.execute(select(vote_rows.c.choice).where(vote_rows.c.poll == poll_id))
    return [int(row.choice) for row in rows]


async def _one(tx: Tx, which: Any) -> Poll | None:
    row = (await tx.conn.execute(select(poll_rows).where(which).with_for_update())).first()
    if row is None:
        return None
    return Poll(row.id, row.case_id, row.quiz, row.options, row.open, row.event_id, row.ends_at)
