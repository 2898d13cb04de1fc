"""Which message of which room is whose question. What was asked stands in the room alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, func, insert, select, update

from bot.kernel.db import Tx, UtcTime, metadata
from bot.kernel.ids import short_id

ask_rows = Table(
    "asks",
    metadata,
    Column("id", String(16), primary_key=True),  # Q-7F3K
    Column("bot", String(64), nullable=False),
    Column("asker", String(255), nullable=False, index=True),
    Column("room_key", String(64), nullable=False),
    Column("state", String(12), nullable=False),
    Column("event_id", String(255), nullable=True, index=True),
    Column("replies", Integer, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("solved_at", UtcTime, nullable=True),
)
OPEN, SOLVED, FAILED = "open", "settled", "failed"
_TRIES = 8


@dataclass(frozen=True)
class Ask:
    """A question: whose, in which declared room, and how it stands; `event_id` once it is posted."""

    id: str
    bot: str
    asker: str
    room_key: str
    state: str = OPEN
    event_id: str | None = None
    replies: int = 0


async def add(tx: Tx, bot: str, asker: str, room_key: str) -> Ask:
    """A new question, under an id that no other has."""
    tries = 0
    while True:
        ask_id = short_id("Q", 4 if tries < _TRIES else 6)
        if await ask(tx, ask_id) is None:
            break
        tries += 1
    found = Ask(ask_id, bot, asker, room_key)
    await tx.conn.execute(
        insert(ask_rows).values(
            id=found.id, bot=bot, asker=asker, room_key=room_key, state=OPEN, replies=0, asked_at=tx.now
        )
    )
    return found


async def ask(tx: Tx, ask_id: str) -> Ask | None:
    """A question by its id."""
    return await _one(tx, ask_rows.c.id == ask_id)


async def at(tx: Tx, events: Collection[str]) -> Ask | None:
    """The question that one of these events is."""
    return await _one(tx, ask_rows.c.event_id.in_(list(events))) if events else None


async def open_of(tx: Tx, asker: str) -> list[Ask]:
    """Somebody's questions that wait, the newest first."""
    query = select(ask_rows).where(ask_rows.c.asker == asker, ask_rows.c.state == OPEN)
    rows = await tx.conn.execute(query.order_by(ask_rows.c.asked_at.desc()).limit(20))
    return [_ask(row) for row in rows]


async def asked_since(tx: Tx, asker: str, since: datetime) -> int:
    """How many questions somebody has asked since a moment."""
    query = select(func.count()).where(ask_rows.c.asker == asker, ask_rows.c.asked_at > since)
    return int((await tx.conn.execute(query)).scalar_one())


async def change(tx: Tx, ask_id: str, **values: object) -> None:
    """Keep what has changed of a question."""
    await tx.conn.execute(update(ask_rows).where(ask_rows.c.id == ask_id).values(**values))


async def _one(tx: Tx, which: Any) -> Ask | None:
    row = (await tx.conn.execute(select(ask_rows).where(which))).first()
    return None if row is None else _ask(row)


def _ask(row: Any) -> Ask:
    return Ask(row.id, row.bot, row.asker, row.room_key, row.state, row.event_id, row.replies)
