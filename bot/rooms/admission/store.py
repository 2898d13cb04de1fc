"""What admission keeps: rules accepted, newcomers who have not yet, rooms wished for, and lists shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, delete, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, UtcTime, metadata
from bot.kernel.ids import new_id

acceptances = Table(
    "room_acceptances",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column(
        "rules", String(64), primary_key=True
    ),  # a digest: the same rules are accepted once, other ones anew
    Column("room", String(64), nullable=False),  # where that was
    Column("at", UtcTime, nullable=False),
)
newcomers = Table(
    "room_newcomers",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("user_id", String(255), nullable=False),
    Column("room", String(64), nullable=False),
    Column("muted", Boolean, nullable=False),
    Column("since", UtcTime, nullable=False),
)
Index("ix_room_newcomers_user", newcomers.c.user_id, newcomers.c.room, unique=True)
wishes = Table(
    "room_wishes",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("room", String(64), primary_key=True),
    Column("since", UtcTime, nullable=False),
)
lists = Table(
    "room_lists",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("shown", Text, nullable=False),  # the keys, in the order of their numbers
    Column("at", UtcTime, nullable=False),
)
withdrawals = Table(
    "room_withdrawals",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("rooms", Integer, nullable=False),
)
checks = Table(  # people to be looked at, in turn
    "room_checks",
    metadata,
    Column("user_id", String(255), primary_key=True),
)
networks = Table(
    "room_networks",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("digest", String(64), nullable=False),
)

KEEP_WISHES = timedelta(days=365)
KEEP_LISTS = timedelta(days=7)
_NETWORK = "network"


async def _put(tx: Tx, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert rows, or overwrite those with the same key."""
    if not rows:
        return
    made = (sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert)(table)
    keys = list(table.primary_key.columns)
    changed = {
        one.name: made.excluded[one.name] for one in table.columns if one.name not in {k.name for k in keys}
    }
    await tx.conn.execute(made.on_conflict_do_update(index_elements=keys, set_=changed), list(rows))


# Rules -------------------------------------------------------------------------------------------


async def accept(tx: Tx, user_id: str, room: str, rules: str) -> None:
    """Note that somebody has accepted rules, named by their digest, and in which room."""
    await _put(tx, acceptances, [{"user_id": user_id, "room": room, "rules": rules, "at": tx.now}])


async def accepted(tx: Tx, user_id: str, rules: str) -> bool:
    """Whether somebody has accepted these rules, in whichever room."""
    query = select(acceptances.c.at).where(acceptances.c.user_id == user_id, acceptances.c.rules == rules)
    return (await tx.conn.execute(query)).first() is not None


# Newcomers ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Newcomer:
    """Somebody who is in a room and has not accepted its rules."""

    id: str
    user_id: str
    room: str
    muted: bool
    since: datetime


async def add_newcomer(tx: Tx, user_id: str, room: str, *, muted: bool) -> str:
    """Note a newcomer, in place of what was known of an earlier arrival; returns the id."""
    await drop_newcomer(tx, user_id, room)
    row_id = new_id(tx.now)
    values = {"id": row_id, "user_id": user_id, "room": room, "muted": muted, "since": tx.now}
    await tx.conn.execute(insert(newcomers).values(**values))
    return row_id


async def newcomer(tx: Tx, user_id: str, room: str) -> Newcomer | None:
    """Somebody who has yet to accept a room's rules."""
    query = select(newcomers).where(newcomers.c.user_id == user_id, newcomers.c.room == room)
    row = (await tx.conn.execute(query)).first()
    return None if row is None else Newcomer(row.id, row.user_id, row.room, row.muted, row.since)


async def newcomer_of(tx: Tx, row_id: str) -> Newcomer | None:
    """The newcomer with this id."""
    row = (await tx.conn.execute(select(newcomers).where(newcomers.c.id == row_id))).first()
    return None if row is None else Newcomer(row.id, row.user_id, row.room, row.muted, row.since)


async def newcomers_among(tx: Tx, user_ids: Collection[str]) -> list[Newcomer]:
    """What is left of these people to accept, in every room."""
    query = select(newcomers).where(newcomers.c.user_id.in_(list(user_ids)))
    return [
        Newcomer(row.id, row.user_id, row.room, row.muted, row.since) for row in await tx.conn.execute(query)
    ]


async def drop_newcomer(tx: Tx, user_id: str, room: str) -> Newcomer | None:
    """Forget a newcomer, who has accepted or is gone; returns what was known."""
    known = await newcomer(tx, user_id, room)
    if known is not None:
        await tx.conn.execute(delete(newcomers).where(newcomers.c.id == known.id))
    return known


# Wishes ------------------------------------------------------------------------------------------


async def wish(tx: Tx, wanted: Collection[tuple[str, str]]) -> None:
    """Remember the rooms (user, key) that people wait for."""
    await _put(tx, wishes, [{"user_id": user, "room": key, "since": tx.now} for user, key in sorted(wanted)])


async def wishes_of(tx: Tx, user_id: str) -> list[str]:
    """The rooms that somebody waits for, the oldest wish first."""
    query = select(wishes.c.room).where(wishes.c.user_id == user_id).order_by(wishes.c.since, wishes.c.room)
    return [row.room for row in await tx.conn.execute(query)]


async def wishers(tx: Tx, server: str) -> set[str]:
    """Everybody of a homeserver who waits for a room."""
    theirs = wishes.c.user_id.endswith(f":{server}", autoescape=True)
    return {row.user_id for row in await tx.conn.execute(select(wishes.c.user_id).where(theirs).distinct())}


async def drop_wish(tx: Tx, user_id: str, room: str) -> bool:
    """Forget a wish; False if there was none."""
    gone = await tx.conn.execute(delete(wishes).where(wishes.c.user_id == user_id, wishes.c.room == room))
    return gone.rowcount > 0


# Lists -------------------------------------------------------------------------------------------


async def keep_list(tx: Tx, user_id: str, keys: Sequence[str]) -> None:
    """Remember what somebody was shown, so that a number means what they saw."""
    await _put(tx, lists, [{"user_id": user_id, "shown": json.dumps(list(keys)), "at": tx.now}])


async def shown(tx: Tx, user_id: str) -> list[str]:
    """The keys of the list that somebody was shown last; empty if that was long ago."""
    query = select(lists.c.shown).where(lists.c.user_id == user_id, lists.c.at > tx.now - KEEP_LISTS)
    found = (await tx.conn.execute(query)).scalar()
    return [] if found is None else [str(key) for key in json.loads(found)]


# Withdrawals not told to the moderators yet ------------------------------------------------------


async def note_withdrawn(tx: Tx, people: Mapping[str, int]) -> None:
    """Note how many rooms people were taken out of, for the moderators' one line."""
    known = select(withdrawals).where(withdrawals.c.user_id.in_(list(people)))
    before = {row.user_id: row.rooms for row in await tx.conn.execute(known)} if len(people) <= 500 else {}
    rows = [{"user_id": user, "rooms": before.get(user, 0) + count} for user, count in people.items()]
    await _put(tx, withdrawals, rows)


async def take_withdrawn(tx: Tx) -> dict[str, int]:
    """Everybody noted, with the number of rooms; they are forgotten."""
    taken = await tx.conn.execute(delete(withdrawals).returning(withdrawals.c.user_id, withdrawals.c.rooms))
    return {row.user_id: row.rooms for row in taken}


# People to be looked at --------------------------------------------------------------------------


async def check(tx: Tx, people: Collection[str]) -> None:
    """Note that these people have to be looked at."""
    if people:
        made = (sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert)(checks)
        await tx.conn.execute(made.on_conflict_do_nothing(), [{"user_id": user} for user in sorted(people)])


async def take_checks(tx: Tx, most: int) -> list[str]:
    """Take some of those who have to be looked at."""
    some = list((await tx.conn.execute(select(checks.c.user_id).limit(most))).scalars())
    await tx.conn.execute(delete(checks).where(checks.c.user_id.in_(some)))
    return some


# The network as it was looked at last ------------------------------------------------------------


async def seen_network(tx: Tx) -> str | None:
    """The digest of the network by whose rules everybody was looked at last."""
    query = select(networks.c.digest).where(networks.c.id == _NETWORK)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def keep_network(tx: Tx, digest: str) -> None:
    """Note that everybody has been looked at by this network's rules."""
    await _put(tx, networks, [{"id": _NETWORK, "digest": digest}])


async def forget_old(tx: Tx) -> None:
    """Drop wishes that nobody came back to, and lists shown long ago."""
    await tx.conn.execute(delete(wishes).where(wishes.c.since < tx.now - KEEP_WISHES))
    await tx.conn.execute(delete(lists).where(lists.c.at < tx.now - KEEP_LISTS))
