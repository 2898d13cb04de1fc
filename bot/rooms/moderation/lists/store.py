"""The policy lists that we read, and who was banned because of them."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Boolean, Column, Integer, String, Table, Text, delete, insert, select, update

from bot.kernel.db import Tx, metadata

policy_lists = Table(
    "policy_lists",
    metadata,
    Column("room", String(255), primary_key=True),  # as the network file names it
    Column("room_id", String(255), nullable=True),
    Column("failed", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("denied", Text, nullable=False),  # the servers it denies while it is applied: a JSON list of globs
    Column("told", String(26), nullable=True),  # the summary's outbox id
    Column("told_in", String(255), nullable=True),
    Column("told_what", String(64), nullable=True),  # its digest
)
list_bans = Table(
    "list_bans",
    metadata,
    Column("room_id", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
)


@dataclass(frozen=True)
class Known:
    """What we know of a list."""

    room: str
    room_id: str | None
    failed: bool
    revision: int
    denied: frozenset[str]
    told: str | None
    told_in: str | None
    told_what: str | None


async def known(tx: Tx) -> dict[str, Known]:
    """The lists that we read or try to, by the name the network file has for them."""
    rows = await tx.conn.execute(select(policy_lists).order_by(policy_lists.c.room))
    return {row.room: Known(**{**row._mapping, "denied": frozenset(json.loads(row.denied))}) for row in rows}


async def denied(tx: Tx) -> frozenset[str]:
    """The servers that applied lists deny, as globs, as it was when the lists were last gone through."""
    return frozenset().union(*(one.denied for one in (await known(tx)).values()))


async def add(tx: Tx, room: str) -> None:
    """Note a list that we shall read."""
    await tx.conn.execute(insert(policy_lists).values(room=room, failed=False, revision=0, denied="[]"))


async def remove(tx: Tx, room: str) -> None:
    """Forget a list that is declared no more."""
    await tx.conn.execute(delete(policy_lists).where(policy_lists.c.room == room))


async def entered(tx: Tx, room: str, room_id: str) -> None:
    """Note that we are in a list's room."""
    await tx.conn.execute(
        update(policy_lists)
        .where(policy_lists.c.room == room)
        .values(room_id=room_id, failed=False, revision=policy_lists.c.revision + 1)
    )


async def unreachable(tx: Tx, room: str) -> None:
    """Note that a list's room cannot be entered."""
    await tx.conn.execute(update(policy_lists).where(policy_lists.c.room == room).values(failed=True))


async def changed(tx: Tx, room_id: str) -> bool:
    """Note that the state of a room is another one; False if it is no list's."""
    done = await tx.conn.execute(
        update(policy_lists)
        .where(policy_lists.c.room_id == room_id)
        .values(revision=policy_lists.c.revision + 1)
    )
    return done.rowcount > 0


async def keep_denied(tx: Tx, room: str, globs: Collection[str]) -> None:
    """Note which servers a list denies."""
    values = {"denied": json.dumps(sorted(globs))}
    await tx.conn.execute(update(policy_lists).where(policy_lists.c.room == room).values(**values))


async def keep_told(tx: Tx, room: str, out: str, told_in: str, digest: str) -> None:
    """Note what the moderators were told of a list, and where."""
    await tx.conn.execute(
        update(policy_lists)
        .where(policy_lists.c.room == room)
        .values(told=out, told_in=told_in, told_what=digest)
    )


async def bans(tx: Tx) -> set[tuple[str, str]]:
    """Who is banned from which room because of a list, as (room id, user id)."""
    return {(row.room_id, row.user_id) for row in await tx.conn.execute(select(list_bans))}


async def keep_bans(tx: Tx, fresh: Collection[tuple[str, str]]) -> None:
    """Note who is banned now."""
    if fresh:
        rows = [{"room_id": room_id, "user_id": user_id} for room_id, user_id in fresh]
        await tx.conn.execute(insert(list_bans), rows)


async def drop_ban(tx: Tx, room_id: str, user_id: str) -> None:
    """Forget a ban that is lifted."""
    await tx.conn.execute(
        delete(list_bans).where(list_bans.c.room_id == room_id, list_bans.c.user_id == user_id)
    )
