"""Where arrivals and rushes are kept."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, UtcTime, metadata
from bot.rooms.moderation.model import Storm

mod_arrivals = Table(
    "mod_arrivals",
    metadata,
    Column("room_id", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("server", String(255), nullable=False),
    Column("kind", String(8), nullable=False),  # join, knock
    Column("at", UtcTime, nullable=False),
    Column("held", Boolean, nullable=False),  # waits for the moderators
    Column("muted", Boolean, nullable=False),  # is mute while held
)
Index("ix_mod_arrivals_room", mod_arrivals.c.room_id, mod_arrivals.c.at)
Index("ix_mod_arrivals_server", mod_arrivals.c.server, mod_arrivals.c.at)

mod_storms = Table(
    "mod_storms",
    metadata,
    Column("room_id", String(255), primary_key=True),
    Column("since", UtcTime, nullable=False),
    Column("last", UtcTime, nullable=False),
    Column("shown", Integer, nullable=False),
    Column("on", Boolean, nullable=False),
    Column("out", String(26), nullable=True),
    Column("choice", String(12), nullable=False),
)

KEEP_ARRIVALS = timedelta(days=7)


def _insert(tx: Tx, table: Table) -> Any:
    return (sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert)(table)


async def keep_arrival(tx: Tx, room_id: str, user_id: str, kind: str, *, held: bool) -> None:
    """Note that somebody joined a room or knocked at it."""
    changing = {"kind": kind, "at": tx.now, "held": held, "muted": False}
    fresh = _insert(tx, mod_arrivals).values(
        room_id=room_id, user_id=user_id, server=user_id.partition(":")[2], **changing
    )
    await tx.conn.execute(
        fresh.on_conflict_do_update(
            index_elements=[mod_arrivals.c.room_id, mod_arrivals.c.user_id], set_=changing
        )
    )


async def arrivals(tx: Tx, room_id: str, server: str, since: datetime) -> tuple[int, int]:
    """How many people arrived since a moment: in a room, and from a server in all rooms."""
    people = func.count(mod_arrivals.c.user_id.distinct())
    recent = mod_arrivals.c.at > since
    here = await tx.conn.execute(select(people).where(mod_arrivals.c.room_id == room_id, recent))
    theirs = await tx.conn.execute(select(people).where(mod_arrivals.c.server == server, recent))
    return int(here.scalar_one()), int(theirs.scalar_one())


async def arrived(tx: Tx, user_id: str, since: datetime) -> bool:
    """Whether somebody came into a room since a moment: a newcomer."""
    query = select(mod_arrivals.c.user_id).where(
        mod_arrivals.c.user_id == user_id, mod_arrivals.c.at > since, mod_arrivals.c.kind == "join"
    )
    return (await tx.conn.execute(query.limit(1))).first() is not None


async def count_arrived(tx: Tx, users: Collection[str], since: datetime) -> int:
    """How many of these people came into a room since a moment."""
    query = select(func.count(mod_arrivals.c.user_id.distinct())).where(
        mod_arrivals.c.user_id.in_(list(users)), mod_arrivals.c.at > since, mod_arrivals.c.kind == "join"
    )
    return int((await tx.conn.execute(query)).scalar_one())


async def hold_since(tx: Tx, room_id: str, since: datetime) -> None:
    """Hold those who came into a room since a moment."""
    fresh = (mod_arrivals.c.room_id == room_id) & (mod_arrivals.c.at > since) & mod_arrivals.c.held.is_(False)
    await tx.conn.execute(update(mod_arrivals).where(fresh).values(held=True))


async def not_yet_mute(tx: Tx, room_id: str) -> list[str]:
    """Those held who are in the room and can still write; from now on they count as mute."""
    loud = (
        (mod_arrivals.c.room_id == room_id)
        & (mod_arrivals.c.kind == "join")
        & mod_arrivals.c.held.is_(True)
        & mod_arrivals.c.muted.is_(False)
    )
    found = await tx.conn.execute(
        update(mod_arrivals).where(loud).values(muted=True).returning(mod_arrivals.c.user_id)
    )
    return sorted(row.user_id for row in found)


async def held(tx: Tx, room_id: str) -> list[tuple[str, str]]:
    """Who waits for the moderators' decision in a room, as (user, kind)."""
    query = select(mod_arrivals.c.user_id, mod_arrivals.c.kind)
    query = query.where(mod_arrivals.c.room_id == room_id, mod_arrivals.c.held.is_(True))
    return [(row.user_id, row.kind) for row in await tx.conn.execute(query.order_by(mod_arrivals.c.user_id))]


async def is_held(tx: Tx, room_id: str, user_id: str) -> bool:
    """Whether somebody waits for the moderators' decision."""
    query = select(mod_arrivals.c.held)
    query = query.where(mod_arrivals.c.room_id == room_id, mod_arrivals.c.user_id == user_id)
    return bool((await tx.conn.execute(query)).scalar())


async def release(tx: Tx, room_id: str, users: Collection[str] | None = None) -> None:
    """Let people wait no longer: these, or all of a room."""
    those = mod_arrivals.c.room_id == room_id
    if users is not None:
        those &= mod_arrivals.c.user_id.in_(list(users))
    await tx.conn.execute(update(mod_arrivals).where(those).values(held=False, muted=False))


async def storm(tx: Tx, room_id: str) -> Storm | None:
    """The rush into a room, also one that is over while people still wait."""
    row = (await tx.conn.execute(select(mod_storms).where(mod_storms.c.room_id == room_id))).first()
    if row is None:
        return None
    return Storm(row.room_id, row.since, row.last, row.shown, row.on, row.out, row.choice)


async def begin_storm(tx: Tx, room_id: str) -> bool:
    """Note that a rush has begun; False if somebody was first."""
    changing = {"since": tx.now, "last": tx.now, "shown": 0, "on": True, "out": None, "choice": ""}
    fresh = _insert(tx, mod_storms).values(room_id=room_id, **changing)
    fresh = fresh.on_conflict_do_update(
        index_elements=[mod_storms.c.room_id], set_=changing, where=mod_storms.c.on.is_(False)
    )
    return (await tx.conn.execute(fresh.returning(mod_storms.c.room_id))).first() is not None


async def change_storm(tx: Tx, room_id: str, **values: object) -> None:
    """Note what has changed in a rush: `last`, `shown`, `on`, `out`, `choice`."""
    await tx.conn.execute(update(mod_storms).where(mod_storms.c.room_id == room_id).values(**values))


async def forget(tx: Tx) -> None:
    """Forget arrivals of long ago; who is held stays."""
    await tx.conn.execute(
        delete(mod_arrivals).where(mod_arrivals.c.at < tx.now - KEEP_ARRIVALS, mod_arrivals.c.held.is_(False))
    )
