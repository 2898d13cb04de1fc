"""Open consults: compared with the timers that watch over them, and by who is asked or takes part."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, bindparam, case, literal, null, or_, select, union

from bot.consults import rules
from bot.consults.model import Clock, Outcome, State
from bot.consults.store import COLUMNS, IS_OPEN, Record, consult_rows, page_rows, records
from bot.kernel.db import Tx, UtcTime
from bot.kernel.timers import timer_rows

LATE = timedelta(minutes=2)  # a timer that is due for longer is not being looked after

_c = consult_rows.c
# The clock that has to run in each state; None: none has to.
_CLOCKS = {
    State.REQUESTED: Clock.PAGE,
    State.UNSTAFFED: Clock.NAG,
    State.ON_HOLD: Clock.HOLD,
    State.ANSWERED: Clock.EXPIRE,
}
_NEEDED = case(
    *((_c.state == str(state), literal(f"consults.{clock}:") + _c.id) for state, clock in _CLOCKS.items()),
    (
        and_(_c.state.in_([str(State.ACCEPTED), str(State.IN_PROGRESS)]), _c.due_at.is_not(None)),
        literal(f"consults.{Clock.DUE}:") + _c.id,
    ),
    else_=null(),
)
_RANGE = (
    select(_c.id)
    .where(IS_OPEN, _c.id > bindparam("after"))
    .order_by(_c.id)
    .limit(bindparam("most"))
    .subquery()
)
_LAST = select(_RANGE.c.id).order_by(_RANGE.c.id.desc()).limit(1)
_WATCHED = (
    select(*COLUMNS, timer_rows.c.set_for.label("watched"), _NEEDED.label("needed"))
    .select_from(consult_rows.outerjoin(timer_rows, timer_rows.c.id == _NEEDED))
    .where(_c.id > bindparam("after"), _c.id <= bindparam("last"), IS_OPEN)
)
# What the rules call unaccounted is read by them; here only what may be, so that few rows come.
_ASTRAY = _WATCHED.where(
    or_(
        and_(
            _NEEDED.is_not(None),
            or_(timer_rows.c.id.is_(None), timer_rows.c.set_for < bindparam("late", type_=UtcTime)),
        ),
        and_(_c.state == str(State.REQUESTED), _c.turn_due.is_(None)),
        and_(
            _c.state.not_in([str(State.REQUESTED), str(State.UNSTAFFED)]),
            _c.consultant.is_(None),
        ),
        and_(_c.state == str(State.ACCEPTED), _c.room != "making"),
    )
)
_TIMER = select(timer_rows.c.facts, timer_rows.c.set_for).where(timer_rows.c.id == bindparam("key"))


@dataclass(frozen=True)
class Astray:
    """An open consult that nobody looks after: why, and the clock that would put it right (None: none).

    `late`: its timer is there, and overdue.
    """

    record: Record
    why: str
    clock: Clock | None
    late: bool = False


async def unaccounted(tx: Tx) -> list[Astray]:
    """All open consults that nobody looks after; there should be none."""
    return (await unaccounted_in(tx, after="", most=10_000_000))[0]


async def unaccounted_in(tx: Tx, *, after: str, most: int) -> tuple[list[Astray], str | None]:
    """Among so many open consults after an id: those astray, and the last id if there are more behind."""
    last = (await tx.conn.execute(_LAST, {"after": after, "most": most})).scalar()
    if last is None:
        return [], None
    values = {"after": after, "last": last, "late": tx.now - LATE}
    rows = (await tx.conn.execute(_ASTRAY, values)).all()
    found = []
    for row, record in zip(rows, await records(tx, rows), strict=True):
        why = rules.unaccounted(record.consult)
        if why is not None:
            found.append(Astray(record, why, None))
        elif row.watched is None:
            found.append(Astray(record, "no timer", _CLOCKS.get(record.consult.state, Clock.DUE)))
        else:
            found.append(Astray(record, "late", None, late=True))
    behind = (await tx.conn.execute(_LAST, {"after": last, "most": 1})).first() is not None
    return found, last if behind else None


async def asked_now(tx: Tx, user_id: str) -> list[Record]:
    """The consults for which somebody is being asked now, locked until the transaction ends."""
    waiting = select(page_rows.c.consult).where(
        page_rows.c.user_id == user_id,
        page_rows.c.outcome.in_([str(Outcome.WAITING), str(Outcome.ACKNOWLEDGED)]),
    )
    query = (
        select(*COLUMNS)
        .where(consult_rows.c.id.in_(waiting), consult_rows.c.state == str(State.REQUESTED))
        .order_by(consult_rows.c.id)
        .with_for_update()
    )
    found = await records(tx, (await tx.conn.execute(query)).all())
    return [one for one in found if any(page.user == user_id for page in one.consult.current)]


async def open_with(tx: Tx, server: str) -> list[Record]:
    """The open consults in which people of a homeserver take part, locked until the transaction ends."""
    theirs = ":" + server
    asked = select(page_rows.c.consult).where(page_rows.c.user_id.endswith(theirs, autoescape=True))
    query = (
        select(*COLUMNS)
        .where(IS_OPEN)
        .where(
            or_(
                consult_rows.c.requester.endswith(theirs, autoescape=True),
                consult_rows.c.consultant.endswith(theirs, autoescape=True),
                consult_rows.c.colleagues.contains(theirs + '"', autoescape=True),
                consult_rows.c.id.in_(asked),
            )
        )
        .order_by(consult_rows.c.id)
        .with_for_update()
    )
    return await records(tx, (await tx.conn.execute(query)).all())


async def ended_for(tx: Tx, user_id: str, since: datetime, most: int = 5) -> list[Record]:
    """The consults of somebody, as requester or consultant, that ended after `since`, the last first."""
    theirs = union(
        select(consult_rows.c.id).where(consult_rows.c.requester == user_id),
        select(consult_rows.c.id).where(consult_rows.c.consultant == user_id),
    )
    query = (
        select(*COLUMNS)
        .where(consult_rows.c.id.in_(theirs), consult_rows.c.closed_at > since)
        .order_by(consult_rows.c.closed_at.desc())
        .limit(most)
    )
    return await records(tx, (await tx.conn.execute(query)).all())


async def last_look(tx: Tx, key: str) -> tuple[Mapping[str, Any] | None, datetime | None]:
    """What the last look noted, and for when the next one is set."""
    row = (await tx.conn.execute(_TIMER, {"key": key})).first()
    return (None, None) if row is None else (json.loads(row.facts), row.set_for)
