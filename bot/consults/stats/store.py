"""What is read for the statistics: in portions, so that nobody waits; of words, why somebody declined."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import and_, exists, or_, select

from bot.chat.store import people
from bot.consults.model import Outcome, Urgency
from bot.consults.stats.rules import Case, Page, Span, Step, is_not_mine
from bot.consults.store import consult_rows, page_rows
from bot.consults.words.store import word_rows
from bot.kernel.audit import audit_lines
from bot.kernel.db import Database, Tx

_PORTION = 500
_HANDED = "consult.handoff"
_c = consult_rows.c
_COLUMNS = (
    _c.id, _c.urgency, _c.opened_at, _c.consultant, _c.moderators_asked, _c.acknowledged_at, _c.accepted_at,
    _c.answered_at, _c.closed_at, _c.state,
)  # fmt: skip
_PAGE_COLUMNS = (
    page_rows.c.consult, page_rows.c.user_id, page_rows.c.tier, page_rows.c.round, page_rows.c.outcome,
    page_rows.c.delivered_at,
)  # fmt: skip


async def cases(
    database: Database, span: Span, service: str | None, *, user: str | None = None
) -> AsyncIterator[list[Case]]:
    """The consults opened in a period, of a service and with pages to `user`, in portions.

    Those entered in error are left out. A portion of somebody's own holds pages by when they were asked.
    """
    last: tuple[datetime, str] = (span.start - timedelta(seconds=1), "")
    while True:
        async with database.read() as tx:
            rows = await _portion(tx, span, service, user, last)
            found = await _cases(tx, rows)
        if found:
            yield found
        if len(rows) < _PORTION:
            return
        last = (rows[-1].opened_at, rows[-1].id)


async def _portion(
    tx: Tx, span: Span, service: str | None, user: str | None, last: tuple[datetime, str]
) -> Sequence[Any]:
    after = or_(_c.opened_at > last[0], and_(_c.opened_at == last[0], _c.id > last[1]))
    query = select(*_COLUMNS).where(_c.opened_at >= span.start, _c.opened_at < span.end, after)
    if service is not None:
        query = query.where(_c.service == service)
    if user is not None:
        query = query.where(exists().where(page_rows.c.consult == _c.id, page_rows.c.user_id == user))
    return (await tx.conn.execute(query.order_by(_c.opened_at, _c.id).limit(_PORTION))).all()


async def _cases(tx: Tx, rows: Sequence[Any]) -> list[Case]:
    ids = [row.id for row in rows]
    pages: dict[str, list[Page]] = {}
    found = select(*_PAGE_COLUMNS).where(page_rows.c.consult.in_(ids))
    for page in await tx.conn.execute(found.order_by(page_rows.c.consult, page_rows.c.number)):
        one = Page(page.user_id, page.tier, page.round, Outcome(page.outcome), page.delivered_at)
        pages.setdefault(page.consult, []).append(one)
    handed = select(audit_lines.c.subject).where(
        audit_lines.c.subject.in_(ids), audit_lines.c.action == _HANDED
    )
    handed_on = set((await tx.conn.execute(handed)).scalars())
    not_mine = await _not_mine(tx, ids)
    return [
        Case(
            urgency=Urgency(row.urgency),
            opened_at=row.opened_at,
            consultant=row.consultant,
            times=_times(row),
            unstaffed=bool(row.moderators_asked),
            not_mine=row.id in not_mine,
            handed_on=row.id in handed_on,
            pages=tuple(pages.get(row.id, ())),
        )
        for row in rows
        if row.state != "entered-in-error"
    ]


def _times(row: Any) -> dict[Step, datetime]:
    times = {
        Step.ACKNOWLEDGED: row.acknowledged_at,
        Step.ACCEPTED: row.accepted_at,
        Step.ANSWERED: row.answered_at,
        Step.CLOSED: row.closed_at if row.state == "completed" else None,
    }
    return {step: moment for step, moment in times.items() if moment is not None}


async def _not_mine(tx: Tx, ids: Sequence[str]) -> set[str]:
    """The consults that somebody declined as not theirs; the reasons are read here and go nowhere."""
    query = select(word_rows.c.id, word_rows.c.consult, word_rows.c.text)
    query = query.where(word_rows.c.consult.in_(ids), word_rows.c.kind == "decline")
    return {
        row.consult
        for row in await tx.conn.execute(query)
        if is_not_mine(str(tx.open(word_rows.c.text, row.id, row.text)))
    }


async def zones(tx: Tx) -> dict[str, ZoneInfo]:
    """The time zones of those who chose one."""
    query = select(people.c.user_id, people.c.timezone).where(people.c.timezone.is_not(None))
    return {row.user_id: ZoneInfo(row.timezone) for row in await tx.conn.execute(query)}
