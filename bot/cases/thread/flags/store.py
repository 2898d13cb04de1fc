"""Flags on cases, and the moderators' decisions about them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    String,
    Table,
    UniqueConstraint,
    func,
    insert,
    select,
    text,
    update,
)

from bot.cases.thread.model import Review
from bot.kernel.db import Tx, UtcTime, metadata
from bot.kernel.ids import new_id, short_id

review_rows = Table(
    "case_reviews",
    metadata,
    Column("id", String(16), primary_key=True),  # F-7F3K
    Column("case_id", String(16), nullable=False),
    Column("target", String(26), nullable=False),  # the piece, or the case for its post
    Column("out", String(26), nullable=True),
    Column("verdict", String(8), nullable=True),
    Column("by", String(255), nullable=True),
    Column("opened_at", UtcTime, nullable=False),
)
_WAITING = text("verdict IS NULL")
Index(
    "ix_case_reviews_open",
    review_rows.c.target,
    unique=True,
    sqlite_where=_WAITING,
    postgresql_where=_WAITING,
)
flag_rows = Table(
    "case_flags",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("review", String(16), nullable=False),
    Column("flagger", String(255), nullable=False, index=True),
    Column("wrong", Boolean, nullable=True),  # once the moderators have decided
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("review", "flagger", name="uq_case_flags"),
)
RESTORED, REMOVED = "restored", "removed"
_TRIES = 8


async def open_review(tx: Tx, case_id: str, piece: str | None) -> Review | None:
    """The review of a thing that waits, locked."""
    query = select(review_rows).where(
        review_rows.c.target == (piece or case_id), review_rows.c.verdict.is_(None)
    )
    row = (await tx.conn.execute(query.with_for_update())).first()
    return None if row is None else _review(row)


async def add_review(tx: Tx, case_id: str, piece: str | None) -> Review:
    """A new review, under an id that no other has."""
    tries = 0
    while True:
        review_id = short_id("F", 4 if tries < _TRIES else 6)
        if await review(tx, review_id) is None:
            break
        tries += 1
    await tx.conn.execute(
        insert(review_rows).values(id=review_id, case_id=case_id, target=piece or case_id, opened_at=tx.now)
    )
    return Review(review_id, case_id, piece, None)


async def review(tx: Tx, review_id: str) -> Review | None:
    """A review by its id, locked."""
    query = select(review_rows).where(review_rows.c.id == review_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _review(row)


async def was_restored(tx: Tx, case_id: str, piece: str | None) -> bool:
    """Whether moderators have looked at a thing already and found it fine."""
    query = select(review_rows.c.id).where(
        review_rows.c.target == (piece or case_id), review_rows.c.verdict == RESTORED
    )
    return (await tx.conn.execute(query.limit(1))).first() is not None


async def show_review(tx: Tx, review_id: str, out: str) -> None:
    """Note by which message the moderators were told."""
    await tx.conn.execute(update(review_rows).where(review_rows.c.id == review_id).values(out=out))


async def settle(tx: Tx, review_id: str, verdict: str, by: str) -> bool:
    """Keep the moderators' decision, and what it says of the flags; False if there was one already."""
    waiting = (review_rows.c.id == review_id) & review_rows.c.verdict.is_(None)
    done = await tx.conn.execute(update(review_rows).where(waiting).values(verdict=verdict, by=by))
    if done.rowcount != 1:
        return False
    wrong = verdict == RESTORED
    await tx.conn.execute(update(flag_rows).where(flag_rows.c.review == review_id).values(wrong=wrong))
    return True


async def add_flag(tx: Tx, review_id: str, flagger: str) -> bool:
    """Count somebody's flag once; False if it was counted."""
    query = select(flag_rows.c.id).where(flag_rows.c.review == review_id, flag_rows.c.flagger == flagger)
    if (await tx.conn.execute(query)).first() is not None:
        return False
    await tx.conn.execute(
        insert(flag_rows).values(id=new_id(tx.now), review=review_id, flagger=flagger, at=tx.now)
    )
    return True


async def flaggers(tx: Tx, review_id: str) -> list[str]:
    """Who flagged."""
    query = select(flag_rows.c.flagger).where(flag_rows.c.review == review_id).order_by(flag_rows.c.id)
    return [str(row.flagger) for row in await tx.conn.execute(query)]


async def flagged_since(tx: Tx, flagger: str, since: datetime, *, wrong: bool = False) -> int:
    """How often somebody flagged since a moment, or (`wrong`) how often wrongly."""
    query = select(func.count()).where(flag_rows.c.flagger == flagger, flag_rows.c.at > since)
    if wrong:
        query = query.where(flag_rows.c.wrong.is_(True))
    return int((await tx.conn.execute(query)).scalar_one())


def _review(row: Any) -> Review:
    piece = None if row.target == row.case_id else row.target
    return Review(row.id, row.case_id, piece, row.out, row.verdict)
