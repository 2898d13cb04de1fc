"""What is kept of joined rooms: tables of what `bot.matrix.roomstate` gathers."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from sqlalchemy import (
    Column,
    ColumnElement,
    Index,
    String,
    Table,
    Text,
    and_,
    delete,
    func,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.chat.desk import StateEvent
from bot.kernel.db import Tx, UtcTime, metadata
from bot.matrix.roomstate import Change, StateChanges

_EPOCH = datetime(1970, 1, 2, tzinfo=UTC)  # nobody wrote before

room_state = Table(
    "room_state",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("room_id", String(255), primary_key=True),
    Column("type", String(255), primary_key=True),
    Column("state_key", String(255), primary_key=True),
    Column("event_id", String(255), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("content", Text, nullable=False),
)


indexed_rooms = Table(
    "indexed_rooms",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("room_id", String(255), primary_key=True),
)
indexed_messages = Table(
    "indexed_messages",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("event_id", String(255), primary_key=True),
    Column("room_id", String(255), nullable=False),
    Column("sent_at", UtcTime, nullable=False),
)
Index(
    "ix_indexed_messages_room", indexed_messages.c.bot, indexed_messages.c.room_id, indexed_messages.c.sent_at
)


async def keep(tx: Tx, bot: str, changes: StateChanges) -> list[str]:
    """Write what syncs have changed; returns the rooms whose kept state is another now."""
    for room_id in changes.fresh:
        await forget(tx, bot, room_id)
    by_room: dict[str, dict[tuple[str, str], Change]] = {}
    for (room_id, kind, key), change in changes.events.items():
        by_room.setdefault(room_id, {})[kind, key] = change
    changed = {room_id for room_id, events in by_room.items() if await _write(tx, bot, room_id, events)}
    for room_id, event_id in changes.redacted:
        done = await tx.conn.execute(
            update(room_state)
            .where(room_state.c.bot == bot, room_state.c.room_id == room_id)
            .where(room_state.c.event_id == event_id)
            .values(content="{}")
        )
        if done.rowcount:
            changed.add(room_id)
    await _index(tx, bot, changes)
    return sorted(changed)


async def _index(tx: Tx, bot: str, changes: StateChanges) -> None:
    """Remember where the messages of indexed rooms are, and forget redacted ones."""
    if not changes.messages and not changes.redacted:
        return
    rooms = await indexed(tx, bot)
    rows = [
        {"bot": bot, "event_id": event_id, "room_id": room_id, "sent_at": _moment(tx, sent_at)}
        for room_id, event_id, sent_at in changes.messages
        if room_id in rooms
    ]
    if rows:
        make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
        await tx.conn.execute(make_insert(indexed_messages).on_conflict_do_nothing(), rows)
    await forget_messages(tx, bot, [event_id for room_id, event_id in changes.redacted if room_id in rooms])


def _moment(tx: Tx, milliseconds: int) -> datetime:
    """When a message was sent; now, where the sender's clock says something that cannot be."""
    try:
        moment = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return tx.now
    return moment if _EPOCH <= moment <= tx.now else tx.now


async def indexed(tx: Tx, bot: str) -> set[str]:
    """The rooms whose messages are remembered."""
    query = select(indexed_rooms.c.room_id).where(indexed_rooms.c.bot == bot)
    return set((await tx.conn.execute(query)).scalars())


async def index_just(tx: Tx, bot: str, rooms: Collection[str]) -> None:
    """Remember from now on where the messages of these rooms are, and of no others."""
    known = await indexed(tx, bot)
    for room_id in known - set(rooms):
        for table in (indexed_rooms, indexed_messages):
            await tx.conn.execute(delete(table).where(table.c.bot == bot, table.c.room_id == room_id))
    if fresh := sorted(set(rooms) - known):
        await tx.conn.execute(indexed_rooms.insert(), [{"bot": bot, "room_id": room} for room in fresh])


async def messages_before(tx: Tx, bot: str, room_id: str, moment: datetime, most: int) -> list[str]:
    """The oldest messages of an indexed room that were sent before a moment."""
    query = select(indexed_messages.c.event_id).where(_before(bot, room_id, moment))
    query = query.order_by(indexed_messages.c.sent_at, indexed_messages.c.event_id).limit(most)
    return list((await tx.conn.execute(query)).scalars())


async def count_before(tx: Tx, bot: str, room_id: str, moment: datetime) -> int:
    """How many messages of an indexed room were sent before a moment."""
    query = select(func.count()).select_from(indexed_messages).where(_before(bot, room_id, moment))
    return int((await tx.conn.execute(query)).scalar_one())


def _before(bot: str, room_id: str, moment: datetime) -> ColumnElement[bool]:
    return and_(
        indexed_messages.c.bot == bot,
        indexed_messages.c.room_id == room_id,
        indexed_messages.c.sent_at < moment,
    )


async def forget_messages(tx: Tx, bot: str, event_ids: Collection[str]) -> None:
    """Drop messages from the index."""
    if event_ids:
        await tx.conn.execute(
            delete(indexed_messages).where(
                indexed_messages.c.bot == bot, indexed_messages.c.event_id.in_(list(event_ids))
            )
        )


async def _write(tx: Tx, bot: str, room_id: str, events: dict[tuple[str, str], Change]) -> bool:
    query = select(room_state.c.type, room_state.c.state_key, room_state.c.event_id)
    query = query.where(room_state.c.bot == bot, room_state.c.room_id == room_id)
    known = {(row.type, row.state_key): row.event_id for row in await tx.conn.execute(query)}
    fresh = {place: change for place, change in events.items() if known.get(place) != change.event_id}
    if not fresh:
        return False
    if replaced := fresh.keys() & known.keys():
        statement = delete(room_state).where(room_state.c.bot == bot, room_state.c.room_id == room_id)
        for kind, key in replaced:
            await tx.conn.execute(statement.where(room_state.c.type == kind, room_state.c.state_key == key))
    rows = [
        {
            "bot": bot,
            "room_id": room_id,
            "type": kind,
            "state_key": key,
            "event_id": change.event_id,
            "sender": change.sender,
            "content": change.content,
        }
        for (kind, key), change in fresh.items()
    ]
    await tx.conn.execute(room_state.insert(), rows)
    return True


async def forget(tx: Tx, bot: str, room_id: str) -> None:
    """Drop what is kept of a room that the bot has left."""
    await tx.conn.execute(delete(room_state).where(room_state.c.bot == bot, room_state.c.room_id == room_id))


async def read(tx: Tx, bot: str, room_id: str, prefix: str) -> list[StateEvent]:
    """The kept state of a room whose types begin so, by type and key."""
    query = select(room_state).where(room_state.c.bot == bot, room_state.c.room_id == room_id)
    query = query.where(room_state.c.type.startswith(prefix, autoescape=True))
    query = query.order_by(room_state.c.type, room_state.c.state_key)
    return [
        StateEvent(row.sender, row.type, row.state_key, json.loads(row.content))
        for row in await tx.conn.execute(query)
    ]


class MessageIndex:
    """The part of `bot.chat.desk.RoomDirectory` that is about where messages are."""

    async def index_messages(self, tx: Tx, bot: str, rooms: Collection[str]) -> None:
        await index_just(tx, bot, rooms)

    async def messages_before(
        self, tx: Tx, bot: str, room: str, moment: datetime, most: int
    ) -> Sequence[str]:
        return await messages_before(tx, bot, room, moment, most)

    async def count_before(self, tx: Tx, bot: str, room: str, moment: datetime) -> int:
        return await count_before(tx, bot, room, moment)

    async def forget_messages(self, tx: Tx, bot: str, event_ids: Collection[str]) -> None:
        await forget_messages(tx, bot, event_ids)
