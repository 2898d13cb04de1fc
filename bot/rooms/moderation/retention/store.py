"""Which rooms delete old messages, from when on, and how far that has come."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BigInteger, Column, Integer, String, Table, delete, insert, select, update

from bot.kernel.db import Tx, UtcTime, metadata

retention_rooms = Table(
    "retention_rooms",
    metadata,
    Column("room_id", String(255), primary_key=True),
    Column("seconds", BigInteger, nullable=False),
    Column("begins_at", UtcTime, nullable=True),  # announced for then; not yet announced
    Column("queued", Integer, nullable=False),  # under way
    Column("deleted", Integer, nullable=False),  # not yet reported
    Column("failed", Integer, nullable=False),
)


@dataclass(frozen=True)
class Room:
    """A room that deletes what is older than `keeps`, from `begins_at` on (None: nothing was due yet)."""

    room_id: str
    keeps: timedelta
    begins_at: datetime | None
    queued: int
    deleted: int
    failed: int


async def rooms(tx: Tx) -> dict[str, Room]:
    """All rooms that delete, by id."""
    return {
        row.room_id: Room(
            row.room_id, timedelta(seconds=row.seconds), row.begins_at, row.queued, row.deleted, row.failed
        )
        for row in await tx.conn.execute(select(retention_rooms).order_by(retention_rooms.c.room_id))
    }


async def add(tx: Tx, room_id: str, keeps: timedelta) -> None:
    """Let a room delete; its first time is still to be announced."""
    seconds = int(keeps.total_seconds())
    await tx.conn.execute(
        insert(retention_rooms).values(room_id=room_id, seconds=seconds, queued=0, deleted=0, failed=0)
    )


async def keep_for(tx: Tx, room_id: str, keeps: timedelta, *, announce: bool) -> None:
    """Change how long messages stay; with `announce` the next deletion is announced like the first."""
    values: dict[str, object] = {"seconds": int(keeps.total_seconds())}
    if announce:
        values["begins_at"] = None
    await _change(tx, room_id, values)


async def remove(tx: Tx, gone: Collection[str]) -> None:
    """Let rooms delete no more."""
    if gone:
        await tx.conn.execute(delete(retention_rooms).where(retention_rooms.c.room_id.in_(list(gone))))


async def begin(tx: Tx, room_id: str, at: datetime) -> None:
    """Note from when on a room deletes."""
    await _change(tx, room_id, {"begins_at": at})


async def queue(tx: Tx, room_id: str, number: int) -> None:
    """Note that so many messages are being deleted."""
    await _change(tx, room_id, {"queued": retention_rooms.c.queued + number})


async def done(tx: Tx, room_id: str, *, failed: bool) -> None:
    """Note that one of them is deleted, or could not be."""
    counted = retention_rooms.c.failed if failed else retention_rooms.c.deleted
    await _change(tx, room_id, {"queued": retention_rooms.c.queued - 1, counted.name: counted + 1})


async def reported(tx: Tx, room_id: str) -> None:
    """Begin to count anew."""
    await _change(tx, room_id, {"deleted": 0, "failed": 0})


async def _change(tx: Tx, room_id: str, values: dict[str, object]) -> None:
    await tx.conn.execute(
        update(retention_rooms).where(retention_rooms.c.room_id == room_id).values(**values)
    )
