"""Which room of the homeserver each declared room is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Index, String, Table, bindparam, delete, insert, select

from bot.kernel.db import Tx, metadata

declared_rooms = Table(
    "declared_rooms",
    metadata,
    Column("key", String(64), primary_key=True),
    Column("room_id", String(255), nullable=False),
    Column("archived", Boolean, nullable=False),
)
Index("ix_declared_rooms_room", declared_rooms.c.room_id, unique=True)
# Built once: it is asked of every message.
_KEY_OF = select(declared_rooms.c.key).where(declared_rooms.c.room_id == bindparam("room"))


@dataclass(frozen=True)
class Placed:
    """A declared room's place on the homeserver."""

    key: str
    room_id: str
    archived: bool


async def place(tx: Tx, key: str, room_id: str, *, archived: bool = False) -> None:
    """Note which room a declared one is; the room it was before is let go."""
    await tx.conn.execute(
        delete(declared_rooms).where((declared_rooms.c.key == key) | (declared_rooms.c.room_id == room_id))
    )
    await tx.conn.execute(insert(declared_rooms).values(key=key, room_id=room_id, archived=archived))


async def key_of(tx: Tx, room_id: str) -> str | None:
    """The key of the declared room that this is; None if it is none of ours."""
    found: str | None = (await tx.conn.execute(_KEY_OF, {"room": room_id})).scalar()
    return found


async def room_of(tx: Tx, key: str) -> str | None:
    """The room id of a declared room; None before it was made."""
    query = select(declared_rooms.c.room_id).where(declared_rooms.c.key == key)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def placed(tx: Tx, keys: Collection[str] | None = None) -> list[Placed]:
    """All declared rooms that exist, or those with these keys."""
    query = select(declared_rooms)
    if keys is not None:
        query = query.where(declared_rooms.c.key.in_(list(keys)))
    return [
        Placed(row.key, row.room_id, row.archived)
        for row in await tx.conn.execute(query.order_by(declared_rooms.c.key))
    ]
