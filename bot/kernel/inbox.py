"""What has come in: each thing stored once, by its source id, before anybody acts on it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    Integer,
    String,
    Table,
    UniqueConstraint,
    and_,
    bindparam,
    delete,
    exists,
    func,
    literal_column,
    select,
    text,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.errors import CurbsideError
from bot.kernel.ids import id_of_day, new_id

inbox_entries = Table(
    "inbox",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("bot", String(64), nullable=False),
    Column("topic", String(64), nullable=False),
    Column("source", String(255), nullable=False),
    Column("lane", String(320), nullable=False),
    Column("payload", Sealed, nullable=True),  # erased once handled
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("received_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("done_at", UtcTime, nullable=True),
    UniqueConstraint("bot", "topic", "source", name="uq_inbox_source"),
)
# Said as a literal, so that both databases see that the partial indices apply: they stay small however
# much was handled before.
_STATE_PENDING: ColumnElement[str] = literal_column("'pending'")
_PENDING = inbox_entries.c.state == _STATE_PENDING
_ONLY_PENDING = text("state = 'pending'")
Index(
    "ix_inbox_pending",
    inbox_entries.c.id,
    inbox_entries.c.due_at,
    sqlite_where=_ONLY_PENDING,
    postgresql_where=_ONLY_PENDING,
)
Index(
    "ix_inbox_lane",
    inbox_entries.c.lane,
    inbox_entries.c.id,
    sqlite_where=_ONLY_PENDING,
    postgresql_where=_ONLY_PENDING,
)

KEEP_HANDLED = timedelta(days=60)
KEEP_DEAD = timedelta(days=14)  # so long an entry that was set aside keeps its content, sealed

# The statements of every event are built once: building them anew cost more than running them.
_earlier = inbox_entries.alias("earlier")
_others = inbox_entries.alias("others")
_CLAIM = (
    select(
        inbox_entries,
        exists()
        .where(
            _others.c.state == _STATE_PENDING,
            _others.c.id != inbox_entries.c.id,
        )
        .label("more"),
    )
    .where(
        _PENDING,
        inbox_entries.c.due_at <= bindparam("now", type_=UtcTime),
        inbox_entries.c.lane > bindparam("after"),
    )
    .where(
        ~exists().where(
            and_(
                _earlier.c.state == _STATE_PENDING,
                _earlier.c.lane == inbox_entries.c.lane,
                _earlier.c.id < inbox_entries.c.id,
            )
        )
    )
    .order_by(inbox_entries.c.lane, inbox_entries.c.id)
    .limit(1)
    .with_for_update(skip_locked=True, of=inbox_entries)
)
_DONE = (
    update(inbox_entries)
    .where(inbox_entries.c.id == bindparam("entry"))
    .values(state="done", done_at=bindparam("at", type_=UtcTime), payload=None)
)
_STORE = {
    "sqlite": sqlite.insert(inbox_entries).on_conflict_do_nothing().returning(inbox_entries.c.id),
    "postgresql": postgresql.insert(inbox_entries).on_conflict_do_nothing().returning(inbox_entries.c.id),
}


@dataclass(frozen=True)
class Incoming:
    """Something to handle once: `source` is unique within its topic, `lane` keeps an order."""

    bot: str
    topic: str
    source: str
    lane: str
    payload: Mapping[str, Any]


@dataclass(frozen=True)
class InboxEntry:
    """A stored entry, opened."""

    id: str
    bot: str
    topic: str
    source: str
    lane: str
    payload: Mapping[str, Any]
    attempts: int
    received_at: datetime
    more: bool = True  # whether others were waiting when this one was claimed


class Unreadable(Exception):
    """A claimed entry whose payload cannot be opened: its key is missing, or it was altered."""

    def __init__(self, entry: InboxEntry) -> None:
        super().__init__(entry.id)
        self.entry = entry


async def put(tx: Tx, entry: Incoming) -> bool:
    """Store an entry; False if it was known already."""
    return await put_all(tx, [entry]) == 1


async def put_all(tx: Tx, entries: Sequence[Incoming]) -> int:
    """Store entries in this order; returns how many were new."""
    if not entries:
        return 0
    rows = []
    for entry in entries:
        row_id = new_id(tx.now)
        rows.append(
            {
                "id": row_id,
                "bot": entry.bot,
                "topic": entry.topic,
                "source": entry.source,
                "lane": entry.lane,
                "payload": tx.seal(inbox_entries.c.payload, row_id, dict(entry.payload)),
                "state": "pending",
                "attempts": 0,
                "received_at": tx.now,
                "due_at": tx.now,
            }
        )
    # A list of rows, not one VALUES clause: SQLAlchemy splits it below the databases' limit of parameters.
    new = (await tx.conn.execute(_STORE[tx.conn.dialect.name], rows)).all()
    if new:
        tx.wakes.add("inbox")
    return len(new)


async def claim(tx: Tx, after: str = "") -> InboxEntry | None:
    """Lock a due entry that is first in its lane; other workers skip it.

    The lanes take turns: the entry is of the next lane `after` the one served before, so that however much
    waits in one, others wait for one entry of it. Raises Unreadable, with the entry but without its
    payload, when that cannot be opened.
    """
    row = (await tx.conn.execute(_CLAIM, {"now": tx.now, "after": after})).first()
    if row is None:
        return await claim(tx) if after else None
    entry = InboxEntry(
        row.id, row.bot, row.topic, row.source, row.lane, {}, row.attempts, row.received_at, bool(row.more)
    )
    try:
        return replace(entry, payload=tx.open(inbox_entries.c.payload, row.id, row.payload))
    except CurbsideError as error:
        raise Unreadable(entry) from error


async def mark_done(tx: Tx, entry_id: str) -> None:
    """Note that an entry was handled, and erase its content; the id stays to recognise a repeat."""
    await tx.conn.execute(_DONE, {"entry": entry_id, "at": tx.now})


async def put_off(tx: Tx, entry_id: str, when: datetime) -> None:
    """Try an entry again at `when`, unless another worker has handled it meanwhile."""
    await tx.conn.execute(
        update(inbox_entries)
        .where(inbox_entries.c.id == entry_id, _PENDING)
        .values(attempts=inbox_entries.c.attempts + 1, due_at=when)
    )


async def mark_dead(tx: Tx, entry_id: str) -> bool:
    """Set an entry aside after its last attempt; its content stays for KEEP_DEAD, sealed, for the operator.

    False if another worker has handled it, or set it aside, meanwhile.
    """
    aside = await tx.conn.execute(
        update(inbox_entries)
        .where(inbox_entries.c.id == entry_id, _PENDING)
        .values(state="dead", done_at=tx.now)
    )
    return aside.rowcount == 1


async def oldest_pending(tx: Tx) -> datetime | None:
    """When the oldest unhandled entry came in."""
    query = select(func.min(inbox_entries.c.received_at)).where(_PENDING)
    found: datetime | None = (await tx.conn.execute(query)).scalar()
    return found


async def count_pending(tx: Tx) -> int:
    """How many entries wait; cheap, however many were handled."""
    query = select(func.count()).select_from(inbox_entries).where(_PENDING)
    return int((await tx.conn.execute(query)).scalar_one())


async def counts(tx: Tx) -> dict[str, int]:
    """Entries by state."""
    query = select(inbox_entries.c.state, func.count()).group_by(inbox_entries.c.state)
    return {row[0]: row[1] for row in await tx.conn.execute(query)}


async def blur(tx: Tx, lanes: Collection[str], moments: Collection[datetime]) -> None:
    """Of entries of these lanes that were handled at these moments keep the day alone, in their ids too."""
    query = select(inbox_entries.c.id, inbox_entries.c.received_at, inbox_entries.c.done_at).where(
        inbox_entries.c.state == "done",
        inbox_entries.c.lane.in_(list(lanes)),
        inbox_entries.c.done_at.in_(list(moments)),
    )
    for row in (await tx.conn.execute(query)).all():
        await tx.conn.execute(
            update(inbox_entries)
            .where(inbox_entries.c.id == row.id)
            .values(
                id=id_of_day(row.done_at),
                received_at=_day(row.received_at),
                due_at=_day(row.received_at),
                done_at=_day(row.done_at),
            )
        )


async def empty_dead(tx: Tx, lanes: Collection[str]) -> None:
    """Erase the content of entries of these lanes that were set aside."""
    dead = update(inbox_entries).where(inbox_entries.c.state == "dead", inbox_entries.c.lane.in_(list(lanes)))
    await tx.conn.execute(dead.values(payload=None))


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


async def purge(tx: Tx) -> int:
    """Forget entries handled long ago, and the content of those set aside; returns how many of the first."""
    old = (inbox_entries.c.state == "dead") & (inbox_entries.c.done_at < tx.now - KEEP_DEAD)
    full = inbox_entries.c.payload.is_not(None)  # else each run would write all of them anew
    await tx.conn.execute(update(inbox_entries).where(old & full).values(payload=None))
    done = await tx.conn.execute(
        delete(inbox_entries).where(
            inbox_entries.c.state == "done", inbox_entries.c.done_at < tx.now - KEEP_HANDLED
        )
    )
    return done.rowcount
