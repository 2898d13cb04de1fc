"""Reading consults for lists: one page a time."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select, union

from bot.consults.lists.rules import PAGE, Filter
from bot.consults.model import FINAL, State
from bot.consults.store import Record, consult_rows, page_rows, records
from bot.kernel.db import Sealed, Tx

_OPEN = [str(state) for state in State if state not in FINAL]
_CLOSED = [str(state) for state in State if state in FINAL]
_COLUMNS = [column for column in consult_rows.c if not isinstance(column.type, Sealed)]


async def find(tx: Tx, user: str, asked: Filter) -> tuple[list[Record], int]:
    """A page of the consults that fit, and how many do; the newest first.

    `user` is whose they are; with the part `all` they may be anybody's.
    """
    fits: list[Any] = []
    if asked.part != "all":
        fits.append(consult_rows.c.id.in_(_whose(user, asked.part)))
    if asked.state != "any":
        fits.append(consult_rows.c.state.in_(_OPEN if asked.state == "open" else _CLOSED))
    if asked.urgency is not None:
        fits.append(consult_rows.c.urgency == str(asked.urgency))
    if asked.service is not None:
        fits.append(consult_rows.c.service == asked.service)
    if asked.since is not None:
        fits.append(consult_rows.c.opened_at >= asked.since)
    count = (await tx.conn.execute(select(func.count()).select_from(consult_rows).where(*fits))).scalar_one()
    query = (
        select(*_COLUMNS)
        .where(*fits)
        .order_by(consult_rows.c.opened_at.desc(), consult_rows.c.id)
        .limit(PAGE)
        .offset((asked.page - 1) * PAGE)
    )
    return await records(tx, (await tx.conn.execute(query)).all()), int(count)


def _whose(user: str, part: str) -> Any:
    requested = select(consult_rows.c.id).where(consult_rows.c.requester == user)
    care = select(consult_rows.c.id).where(consult_rows.c.consultant == user)
    asked = select(page_rows.c.consult).where(page_rows.c.user_id == user)
    if part == "mine":
        return union(requested, care, asked)
    return {"requested": requested, "care": care, "asked": asked}[part]
