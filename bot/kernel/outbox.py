"""What leaves the house: rows that are sent, in order within a room, until they are delivered.

A row's id is the Matrix transaction id and stands inside the content, so a resend after a crash is
recognised by the homeserver and by us (Matrix C-S API, "Transaction identifiers").
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    String,
    Table,
    bindparam,
    delete,
    func,
    insert,
    literal_column,
    select,
    text,
    update,
)

from bot.kernel import inbox
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.errors import CurbsideError
from bot.kernel.ids import new_id

log = logging.getLogger(__name__)

outbox_rows = Table(
    "outbox",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("bot", String(64), nullable=False),
    Column("channel", String(32), nullable=False),
    Column("lane", String(320), nullable=False),  # bot and room: the order kept
    Column("room", String(255), nullable=False),
    Column("op", String(16), nullable=False),
    Column("body", Sealed, nullable=True),  # erased once delivered
    Column("buttons", Sealed, nullable=True),
    Column("topic", String(64), nullable=True),
    Column("ref", String(128), nullable=True),
    Column("state", String(12), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("due_at", UtcTime, nullable=False),
    Column("sent_at", UtcTime, nullable=True),
    Column("event_id", String(255), nullable=True),
    Column("room_id", String(255), nullable=True),
    Column("error", String(64), nullable=True),
)
# Said as a literal, so that both databases see that the partial index applies; it answers the senders'
# questions alone, and stays small however much was sent before.
_PENDING = outbox_rows.c.state == literal_column("'pending'")
Index(
    "ix_outbox_pending",
    outbox_rows.c.lane,
    outbox_rows.c.id,
    outbox_rows.c.channel,
    outbox_rows.c.bot,
    outbox_rows.c.due_at,
    sqlite_where=text("state = 'pending'"),
    postgresql_where=text("state = 'pending'"),
)
Index("ix_outbox_event", outbox_rows.c.event_id)

MATRIX = "matrix"
KEEP_DELIVERED = timedelta(days=90)
_MOST_HEADS = 500


@dataclass(frozen=True)
class Outgoing:
    """One thing to be done on Matrix or a bridge.

    `room` is a room id, `dm:@user:server` for the direct chat with somebody (made when missing), or
    `room:NAME` for a room that an earlier `create` under the same name makes. `op` says what:
    `send` {type, content}, `state` {type, state_key, content}, `redact` {event_id, reason},
    `create` {name, topic, invite, creation, power, version}, `invite`/`kick`/`ban`/`unban` {user_id,
    reason}, `levels` {users: {user: level or null}, least: {user: level}, set: {name: level}} (changes to
    the power levels as they are when it is sent; `least` raises only), `join` {via}, `leave`, `members`
    (who is in the room is asked anew).
    Inside `content`, an object {"$out": ID} stands for the event that row ID became.
    `buttons` maps a reaction to the command it stands for. When the row is delivered or given up, an
    inbox entry of `topic` is made with `ref`, and `{event_id, room_id}` or `{error}`.
    """

    bot: str
    room: str
    op: str
    body: Mapping[str, Any]
    buttons: Mapping[str, str] = field(default_factory=dict)
    topic: str | None = None
    ref: str | None = None
    channel: str = MATRIX


@dataclass(frozen=True)
class OutboxRow:
    """A stored row, opened."""

    id: str
    bot: str
    channel: str
    lane: str
    room: str
    op: str
    body: Mapping[str, Any]
    topic: str | None
    ref: str | None
    attempts: int
    created_at: datetime
    due_at: datetime


# The statements of every message are built once: building them anew cost more than running them.
_INSERT = insert(outbox_rows)
_HEADS = (
    select(outbox_rows)
    .where(
        outbox_rows.c.id.in_(
            select(func.min(outbox_rows.c.id))
            .where(
                _PENDING, outbox_rows.c.channel == bindparam("channel"), outbox_rows.c.bot == bindparam("bot")
            )
            .group_by(outbox_rows.c.lane)
        )
    )
    # By due moment, so that rooms put off, however many, cannot hide one whose turn has come.
    .order_by(outbox_rows.c.due_at, outbox_rows.c.id)
    .limit(bindparam("most"))
)
_FIRST_OF_LANE = (
    select(outbox_rows.c.id, outbox_rows.c.due_at)
    .where(outbox_rows.c.lane == bindparam("of"), _PENDING)
    .order_by(outbox_rows.c.id)
    .limit(1)
)
_QUEUE_UP = (
    update(outbox_rows)
    .where(outbox_rows.c.id == bindparam("row"), _PENDING)
    .values(due_at=bindparam("at", type_=UtcTime))
)
_FINISH = (
    update(outbox_rows)
    .where(outbox_rows.c.id == bindparam("row"), _PENDING)
    .values(
        state=bindparam("to"),
        event_id=bindparam("event"),
        room_id=bindparam("in_room"),
        error=bindparam("why"),
        sent_at=bindparam("at", type_=UtcTime),
        body=None,
    )
    .returning(outbox_rows.c.bot, outbox_rows.c.topic, outbox_rows.c.ref, outbox_rows.c.room)
)


async def put(tx: Tx, out: Outgoing) -> str:
    """Queue something; returns its id."""
    return (await put_all(tx, [out]))[0]


async def put_all(tx: Tx, outs: Sequence[Outgoing]) -> list[str]:
    """Queue several things in this order; returns their ids."""
    rows, ids = [], []
    for out in outs:
        row_id = new_id(tx.now)
        ids.append(row_id)
        body = dict(out.body)
        if out.op == "send" and isinstance(body.get("content"), Mapping):
            content = dict(body["content"])
            content["org.curbside"] = {**content.get("org.curbside", {"v": 1}), "out": row_id}
            body["content"] = content
        rows.append(
            {
                "id": row_id,
                "bot": out.bot,
                "channel": out.channel,
                "lane": f"{out.bot} {out.room}",
                "room": out.room,
                "op": out.op,
                "body": tx.seal(outbox_rows.c.body, row_id, body),
                "buttons": tx.seal(outbox_rows.c.buttons, row_id, dict(out.buttons)) if out.buttons else None,
                "topic": out.topic,
                "ref": out.ref,
                "state": "pending",
                "attempts": 0,
                "created_at": tx.now,
                "due_at": tx.now,
            }
        )
    if rows:
        await tx.conn.execute(_INSERT, rows)
        tx.wakes.update(f"outbox {out.bot if out.channel == MATRIX else out.channel}" for out in outs)
    return ids


def _opened(tx: Tx, row: Any) -> OutboxRow | None:
    """The row with its body; None if that cannot be opened, so that its lane waits and no other does."""
    try:
        body = tx.open(outbox_rows.c.body, row.id, row.body)
    except CurbsideError as error:
        log.error("an outbox row cannot be opened", extra={"out": row.id}, exc_info=error)
        return None
    return OutboxRow(
        row.id,
        row.bot,
        row.channel,
        row.lane,
        row.room,
        row.op,
        body,
        row.topic,
        row.ref,
        row.attempts,
        row.created_at,
        row.due_at,
    )


@dataclass(frozen=True)
class Due:
    """What a sender may send now, and when it should look again if nobody wakes it (None: no need)."""

    rows: tuple[OutboxRow, ...]
    next_at: datetime | None


async def due(tx: Tx, channel: str, bot: str, *, busy: Collection[str] = (), limit: int = 100) -> Due:
    """The first pending row of each of the bot's lanes that is due and not `busy` already."""
    # Beside those wanted and those busy, one more says when to look again.
    found, closed = await _due(tx, channel, bot, busy, limit, look_at=limit + len(busy) + 1)
    if closed and len(found.rows) < limit:
        found, _ = await _due(tx, channel, bot, busy, limit, look_at=_MOST_HEADS)
    return found


async def _due(
    tx: Tx, channel: str, bot: str, busy: Collection[str], limit: int, look_at: int
) -> tuple[Due, int]:
    """Among so many heads of lanes: those to send, and how many cannot be opened."""
    rows: list[OutboxRow] = []
    closed = 0
    next_at: datetime | None = None
    for row in await tx.conn.execute(_HEADS, {"bot": bot, "channel": channel, "most": look_at}):
        if row.lane in busy:
            continue
        if row.due_at > tx.now:
            next_at = row.due_at if next_at is None else min(next_at, row.due_at)
        elif len(rows) < limit:
            if (opened := _opened(tx, row)) is not None:
                rows.append(opened)
            else:
                closed += 1
    return Due(tuple(rows), next_at), closed


async def mark_sent(tx: Tx, row_id: str, *, event_id: str | None = None, room_id: str | None = None) -> None:
    """Note the delivery, erase the content, and tell whoever asked; a second call changes nothing."""
    await _finish(tx, row_id, "sent", event_id=event_id, room_id=room_id, error=None)


async def mark_failed(tx: Tx, row_id: str, error: str) -> None:
    """Give a row up with a short content-free reason, and tell whoever asked."""
    await _finish(tx, row_id, "failed", event_id=None, room_id=None, error=error[:64])


async def _finish(
    tx: Tx, row_id: str, state: str, *, event_id: str | None, room_id: str | None, error: str | None
) -> None:
    values = {"row": row_id, "to": state, "event": event_id, "in_room": room_id, "why": error, "at": tx.now}
    row = (await tx.conn.execute(_FINISH, values)).first()
    if row is None:
        return
    if row.topic is not None:
        payload = {
            "ref": row.ref,
            "out": row_id,
            "room": row.room,
            "event_id": event_id,
            "room_id": room_id,
            "error": error,
        }
        await inbox.put(
            tx,
            inbox.Incoming(
                bot=row.bot, topic=row.topic, source=row_id, lane=f"out {row.ref}", payload=payload
            ),
        )


async def retry_at(tx: Tx, row_id: str, when: datetime, error: str) -> None:
    """Put a row off until `when`, with a short content-free reason."""
    await tx.conn.execute(
        update(outbox_rows)
        .where(outbox_rows.c.id == row_id, _PENDING)
        .values(due_at=when, attempts=outbox_rows.c.attempts + 1, error=error[:64])
    )


async def withdraw(tx: Tx, row_id: str) -> bool:
    """Take back a row that has not left, telling nobody; False if it waits no longer."""
    values = {"row": row_id, "to": "failed", "event": None, "in_room": None, "why": "withdrawn", "at": tx.now}
    return (await tx.conn.execute(_FINISH, values)).first() is not None


async def is_pending(tx: Tx, bot: str, room: str, op: str) -> bool:
    """Whether an operation on a room is queued already."""
    query = select(outbox_rows.c.id).where(
        outbox_rows.c.lane == f"{bot} {room}", _PENDING, outbox_rows.c.op == op
    )
    return (await tx.conn.execute(query.limit(1))).first() is not None


async def first(tx: Tx, lane: str, op: str) -> OutboxRow | None:
    """The first row queued in a lane that is for this operation."""
    query = select(outbox_rows).where(outbox_rows.c.lane == lane, _PENDING, outbox_rows.c.op == op)
    row = (await tx.conn.execute(query.order_by(outbox_rows.c.id).limit(1))).first()
    return None if row is None else _opened(tx, row)


async def alike(tx: Tx, row: OutboxRow, most: int = 500) -> list[OutboxRow]:
    """A row, and those queued directly behind it as far as they are for the same operation."""
    query = select(outbox_rows).where(outbox_rows.c.lane == row.lane, _PENDING, outbox_rows.c.id > row.id)
    found = [row]
    for other in await tx.conn.execute(query.order_by(outbox_rows.c.id).limit(most)):
        if other.op != row.op or (one := _opened(tx, other)) is None:
            break
        found.append(one)
    return found


async def step_back(tx: Tx, lane: str) -> bool:
    """Let a lane that had its turn queue up behind the others; False if nothing is queued in it."""
    row = (await tx.conn.execute(_FIRST_OF_LANE, {"of": lane})).first()
    if row is None:
        return False
    if row.due_at < tx.now:
        await tx.conn.execute(_QUEUE_UP, {"row": row.id, "at": tx.now})
    return True


async def event_of(tx: Tx, row_id: str) -> str | None:
    """The Matrix event that a row became, or None while it has not been sent."""
    query = select(outbox_rows.c.event_id).where(outbox_rows.c.id == row_id)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def buttons_on(tx: Tx, bot: str, event_id: str) -> dict[str, str]:
    """The commands behind the reactions of a sent event; empty if it has none."""
    query = select(outbox_rows.c.id, outbox_rows.c.buttons).where(
        outbox_rows.c.event_id == event_id, outbox_rows.c.bot == bot
    )
    row = (await tx.conn.execute(query)).first()
    return {} if row is None else (tx.open(outbox_rows.c.buttons, row.id, row.buttons) or {})


async def forget_buttons(tx: Tx, room_id: str, start: str) -> None:
    """Erase the buttons of a room's messages of which one begins so: what they hold was done otherwise."""
    query = select(outbox_rows.c.id, outbox_rows.c.buttons).where(
        outbox_rows.c.room_id == room_id, outbox_rows.c.buttons.is_not(None)
    )
    for row in (await tx.conn.execute(query)).all():
        kept = tx.open(outbox_rows.c.buttons, row.id, row.buttons) or {}
        if any(text.startswith(start) for text in kept.values()):
            bare = update(outbox_rows).where(outbox_rows.c.id == row.id).values(buttons=None)
            await tx.conn.execute(bare)


async def forget_named(tx: Tx, rooms: Collection[str], names: Collection[str]) -> None:
    """Erase the rows of these rooms whose buttons or refs name something; of those that wait, only these."""
    query = select(outbox_rows.c.id, outbox_rows.c.state, outbox_rows.c.buttons, outbox_rows.c.ref).where(
        outbox_rows.c.room.in_(list(rooms)) | outbox_rows.c.room_id.in_(list(rooms)),
        outbox_rows.c.buttons.is_not(None) | outbox_rows.c.ref.is_not(None),
    )
    for row in (await tx.conn.execute(query)).all():
        kept = tx.open(outbox_rows.c.buttons, row.id, row.buttons) or {}
        if not any(name in text for name in names for text in (row.ref or "", *kept.values())):
            continue
        this = outbox_rows.c.id == row.id
        if row.state == "pending":
            bare = update(outbox_rows).where(this).values(buttons=None, topic=None, ref=None)
            await tx.conn.execute(bare)
        else:
            await tx.conn.execute(delete(outbox_rows).where(this))


async def forget_at(tx: Tx, rooms: Collection[str], moments: Collection[datetime]) -> None:
    """Erase the rows of these rooms that were queued at these moments, but for those that still wait."""
    here = outbox_rows.c.room.in_(list(rooms)) | outbox_rows.c.room_id.in_(list(rooms))
    then = outbox_rows.c.created_at.in_(list(moments))
    await tx.conn.execute(delete(outbox_rows).where(here, then, outbox_rows.c.state != "pending"))


async def forget_orders(tx: Tx, channels: Collection[str], moments: Collection[datetime]) -> set[str]:
    """Erase the rows of these channels that were queued or done at these moments; returns their rooms."""
    then = outbox_rows.c.created_at.in_(list(moments)) | outbox_rows.c.sent_at.in_(list(moments))
    gone = delete(outbox_rows).where(
        outbox_rows.c.channel.in_(list(channels)), outbox_rows.c.state != "pending", then
    )
    return {str(row.room) for row in await tx.conn.execute(gone.returning(outbox_rows.c.room))}


async def oldest_pending(tx: Tx) -> datetime | None:
    """When the oldest undelivered row was queued."""
    query = select(func.min(outbox_rows.c.created_at)).where(_PENDING)
    found: datetime | None = (await tx.conn.execute(query)).scalar()
    return found


async def counts(tx: Tx) -> dict[str, int]:
    """Rows by state."""
    query = select(outbox_rows.c.state, func.count()).group_by(outbox_rows.c.state)
    return {row[0]: row[1] for row in await tx.conn.execute(query)}


async def purge(tx: Tx) -> int:
    """Forget what was delivered or given up long ago; returns how many rows."""
    done = await tx.conn.execute(
        delete(outbox_rows).where(
            outbox_rows.c.state != "pending", outbox_rows.c.sent_at < tx.now - KEEP_DELIVERED
        )
    )
    return done.rowcount
