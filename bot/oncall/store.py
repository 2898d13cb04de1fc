"""Where covers, swaps, and what has been told about the rotas are kept. No free text in any of it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Index, String, Table, bindparam, delete, exists, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.directory.rotas import Change
from bot.kernel.db import Tx, UtcTime, metadata
from bot.kernel.ids import new_id, short_id

change_rows = Table(
    "oncall_changes",
    metadata,
    Column("id", String(26), primary_key=True),  # sorts by the time it was made
    Column("rota", String(64), nullable=False),
    Column("who", String(255), nullable=False),
    Column("instead", String(255), nullable=True),
    Column("begins_at", UtcTime, nullable=False),
    Column("ends_at", UtcTime, nullable=False),
    Column("made_by", String(255), nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("undone_at", UtcTime, nullable=True),
    Column("swap", String(16), nullable=True),
    Index("ix_oncall_changes_rota", "rota", "ends_at"),
)
swap_rows = Table(
    "oncall_swaps",
    metadata,
    Column("id", String(16), primary_key=True),  # W-7F3K
    Column("rota", String(64), nullable=False),
    Column("asker", String(255), nullable=False),
    Column("other", String(255), nullable=False),
    Column("given_from", UtcTime, nullable=False),  # the asker's shift, which the other is to take
    Column("given_to", UtcTime, nullable=False),
    Column("taken_from", UtcTime, nullable=False),  # the other's, which the asker takes
    Column("taken_to", UtcTime, nullable=False),
    Column("state", String(12), nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=True),
)
told_rows = Table(
    "oncall_told",
    metadata,
    Column("id", String(64), primary_key=True),  # a digest of the finding
    Column("until", UtcTime, nullable=False),
)

ASKED, AGREED, DECLINED, EXPIRED, WITHDRAWN = "asked", "agreed", "declined", "expired", "withdrawn"
_KEPT = timedelta(days=1)  # so long a change that has ended is still read, for moments just past
_TRIES = 8


@dataclass(frozen=True)
class Kept:
    """A change as stored."""

    id: str
    rota: str
    change: Change
    made_by: str
    undone: bool
    swap: str | None


@dataclass(frozen=True)
class Swap:
    """Two people's shifts that one of them wants to exchange."""

    id: str
    rota: str
    asker: str
    other: str
    given: tuple[datetime, datetime]
    taken: tuple[datetime, datetime]
    state: str
    expires_at: datetime


# Read for every consult that asks somebody: building the statements anew cost more than running them.
_CHANGES = (
    select(change_rows)
    .where(change_rows.c.rota.in_(bindparam("rotas", expanding=True)))
    .where(change_rows.c.ends_at > bindparam("after", type_=UtcTime), change_rows.c.undone_at.is_(None))
    .order_by(change_rows.c.id)
)
_CHANGES_TO = _CHANGES.where(change_rows.c.begins_at < bindparam("before", type_=UtcTime))


async def changes_in(
    tx: Tx, rotas: Collection[str], begin: datetime, end: datetime | None = None
) -> Mapping[str, tuple[Change, ...]]:
    """What has been changed in rotas from `begin` on (to `end`), in the order in which it was made."""
    if not rotas:
        return {}
    values = {"rotas": sorted(rotas), "after": begin - _KEPT}
    if end is None:
        rows = await tx.conn.execute(_CHANGES, values)
    else:
        rows = await tx.conn.execute(_CHANGES_TO, {**values, "before": end})
    found: dict[str, list[Change]] = {}
    for row in rows:
        found.setdefault(row.rota, []).append(Change(row.who, row.begins_at, row.ends_at, row.instead))
    return {rota: tuple(changes) for rota, changes in found.items()}


async def add_change(tx: Tx, rota: str, change: Change, made_by: str, swap: str | None = None) -> str:
    """Keep a change; returns its id."""
    change_id = new_id(tx.now)
    row = {
        "id": change_id,
        "rota": rota,
        "who": change.who,
        "instead": change.instead,
        "begins_at": change.begin,
        "ends_at": change.end,
        "made_by": made_by,
        "made_at": tx.now,
        "swap": swap,
    }
    await tx.conn.execute(insert(change_rows).values(**row))
    return change_id


async def change(tx: Tx, change_id: str) -> Kept | None:
    """A change, locked until the transaction ends."""
    query = select(change_rows).where(change_rows.c.id == change_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _kept(row)


async def changes_ahead(tx: Tx, rotas: Collection[str], most: int) -> Sequence[Kept]:
    """Changes that have not ended yet, those that begin first first."""
    query = (
        select(change_rows)
        .where(change_rows.c.rota.in_(sorted(rotas)), change_rows.c.ends_at > tx.now)
        .where(change_rows.c.undone_at.is_(None))
        .order_by(change_rows.c.begins_at, change_rows.c.id)
        .limit(most)
    )
    return [_kept(row) for row in await tx.conn.execute(query)]


async def undo(tx: Tx, kept: Kept) -> None:
    """A change holds no longer; one that has begun did hold until now."""
    begun = kept.change.begin < tx.now
    values = {"ends_at": tx.now} if begun else {"undone_at": tx.now}
    await tx.conn.execute(update(change_rows).where(change_rows.c.id == kept.id).values(**values))


async def add_swap(
    tx: Tx,
    rota: str,
    people: tuple[str, str],
    given: tuple[datetime, datetime],
    taken: tuple[datetime, datetime],
    expires_at: datetime,
) -> str:
    """Keep what somebody (the first of `people`) asks the other; returns its short id."""
    swap_id = await _free_id(tx)
    row: dict[str, Any] = {
        "id": swap_id,
        "rota": rota,
        "asker": people[0],
        "other": people[1],
        "given_from": given[0],
        "given_to": given[1],
        "taken_from": taken[0],
        "taken_to": taken[1],
        "state": ASKED,
        "asked_at": tx.now,
        "expires_at": expires_at,
    }
    await tx.conn.execute(insert(swap_rows).values(**row))
    return swap_id


async def swap(tx: Tx, swap_id: str) -> Swap | None:
    """A swap, locked until the transaction ends."""
    query = select(swap_rows).where(swap_rows.c.id == swap_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    if row is None:
        return None
    return Swap(
        row.id,
        row.rota,
        row.asker,
        row.other,
        (row.given_from, row.given_to),
        (row.taken_from, row.taken_to),
        row.state,
        row.expires_at,
    )


async def end_swap(tx: Tx, swap_id: str, state: str) -> None:
    """A swap has come to an end, one way or another."""
    await tx.conn.execute(
        update(swap_rows).where(swap_rows.c.id == swap_id).values(state=state, ended_at=tx.now)
    )


async def told_first(tx: Tx, digest: str, until: datetime) -> bool:
    """Note that a finding is told; whether it is for the first time."""
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    statement = make_insert(told_rows).values(id=digest, until=until).on_conflict_do_nothing()
    return bool((await tx.conn.execute(statement.returning(told_rows.c.id))).first())


async def forget_told(tx: Tx) -> None:
    """Findings about what is past need not be remembered."""
    await tx.conn.execute(delete(told_rows).where(told_rows.c.until < tx.now))


async def _free_id(tx: Tx) -> str:
    tries = 0
    while True:
        swap_id = short_id("W", 4 if tries < _TRIES else 6)
        taken = select(exists().where(swap_rows.c.id == swap_id))
        if not (await tx.conn.execute(taken)).scalar():
            return swap_id
        tries += 1


def _kept(row: Any) -> Kept:
    change = Change(row.who, row.begins_at, row.ends_at, row.instead)
    return Kept(row.id, row.rota, change, row.made_by, row.undone_at is not None, row.swap)
