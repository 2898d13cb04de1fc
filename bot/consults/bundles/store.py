"""How much somebody was asked lately, and which pages wait for a bundle: all read off the pages."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, case, func, select

from bot.consults.model import Outcome
from bot.consults.store import page_rows
from bot.kernel.db import Tx, UtcTime

_LONGEST = timedelta(days=3)  # no bundle waits for longer: quiet hours end within a day
_ACCEPTED = 2  # who took a request has had more of it than who was asked

_pages = page_rows.c
_LOAD = (
    select(
        _pages.user_id,
        func.count() + func.sum(case((_pages.outcome == str(Outcome.ACCEPTED), _ACCEPTED), else_=0)),
    )
    .where(_pages.user_id.in_(bindparam("users", expanding=True)))
    .where(_pages.asked_at > bindparam("since", type_=UtcTime))
    .group_by(_pages.user_id)
)
_LATELY = (
    select(_pages.user_id, _pages.send_at, _pages.out, _pages.outcome)
    .where(_pages.user_id.in_(bindparam("users", expanding=True)))
    .where(_pages.asked_at > bindparam("asked", type_=UtcTime))
    .where(_pages.send_at > bindparam("since", type_=UtcTime))
)
_WAITING = (
    select(_pages.consult, _pages.number)
    .where(_pages.user_id == bindparam("user"), _pages.asked_at > bindparam("asked", type_=UtcTime))
    .where(_pages.send_at <= bindparam("by", type_=UtcTime), _pages.out.is_(None))
    .where(_pages.outcome.in_([str(Outcome.WAITING), str(Outcome.MISSED)]))
    .order_by(_pages.asked_at, _pages.consult)
)


@dataclass(frozen=True)
class Lately:
    """When pages went out to somebody, and when the bundle goes out that waits for them (None: none)."""

    sent: tuple[datetime, ...] = ()
    waiting: datetime | None = None


async def load(tx: Tx, users: Collection[str], since: datetime) -> dict[str, int]:
    """How much each of these people was asked since a moment; what they took counts threefold."""
    if not users:
        return {}
    found = await tx.conn.execute(_LOAD, {"users": sorted(users), "since": since})
    return {row[0]: int(row[1]) for row in found}


async def lately(tx: Tx, users: Collection[str], since: datetime) -> dict[str, Lately]:
    """What went out to each of these people since a moment, and what waits for them."""
    if not users:
        return {}
    found: dict[str, Lately] = {}
    values = {"users": sorted(users), "asked": tx.now - _LONGEST, "since": since}
    for row in await tx.conn.execute(_LATELY, values):
        one = found.get(row.user_id, Lately())
        if row.send_at <= tx.now:
            one = Lately((*one.sent, row.send_at), one.waiting)
        elif row.out is None and row.outcome == str(Outcome.WAITING):
            one = Lately(one.sent, min(row.send_at, one.waiting or row.send_at))
        found[row.user_id] = one
    return found


async def waiting(tx: Tx, user: str, by: datetime) -> list[tuple[str, int]]:
    """The pages to somebody that are to go out by a moment and have not: consult and number."""
    values = {"user": user, "asked": tx.now - _LONGEST, "by": by}
    return [(row.consult, row.number) for row in await tx.conn.execute(_WAITING, values)]
