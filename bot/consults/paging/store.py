"""Pages by second channels as rows: which channels were tried, and which message belongs to which."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy import Boolean, Column, Index, Integer, String, Table, Text, delete, insert, select, update

from bot.consults.paging.rules import Alert, Step, Try
from bot.kernel.db import Tx, UtcTime, metadata

alert_rows = Table(
    "paging_alerts",
    metadata,
    Column("id", String(64), primary_key=True),  # consult and number
    Column("consult", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("bot", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("steps", Text, nullable=False),
    Column("stopped", Boolean, nullable=False),
    Index("ix_paging_alerts_consult", "consult", "number"),
    Index("ix_paging_alerts_user", "user_id", "at"),
)
sent_rows = Table(
    "paging_sent",
    metadata,
    Column("id", String(26), primary_key=True),  # the outbox id
    Column("alert", String(64), nullable=False),
    Column("step", Integer, nullable=False),
)
shown_rows = Table(
    "paging_shown",
    metadata,
    Column("id", String(32), primary_key=True),  # the consult
    Column("out", String(26), nullable=False),
)

KEEP = timedelta(days=60)


def key(consult: str, number: int) -> str:
    """The id of a page's row."""
    return f"{consult} {number}"


def _packed(alert: Alert) -> str:
    return json.dumps([[one.channel, one.step.value, one.reason, one.out] for one in alert.tries])


def _opened(row: object) -> Alert:
    tries = [
        Try(channel, Step(step), reason, out)
        for channel, step, reason, out in json.loads(getattr(row, "steps"))  # noqa: B009 - rows are untyped
    ]
    consult, number, user, stopped = (
        getattr(row, name) for name in ("consult", "number", "user_id", "stopped")
    )
    return Alert(consult, number, user, tuple(tries), stopped)


async def add(tx: Tx, alert: Alert, bot: str) -> None:
    """Keep a new alert."""
    await tx.conn.execute(
        insert(alert_rows).values(
            id=key(alert.consult, alert.number),
            consult=alert.consult,
            number=alert.number,
            user_id=alert.user,
            bot=bot,
            at=tx.now,
            steps=_packed(alert),
            stopped=alert.stopped,
        )
    )


async def save(tx: Tx, alert: Alert) -> None:
    """Keep what has changed."""
    await tx.conn.execute(
        update(alert_rows)
        .where(alert_rows.c.id == key(alert.consult, alert.number))
        .values(steps=_packed(alert), stopped=alert.stopped)
    )


async def load(tx: Tx, consult: str, number: int) -> Alert | None:
    """The alert of a page, locked until the transaction ends."""
    query = select(alert_rows).where(alert_rows.c.id == key(consult, number)).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _opened(row)


async def of_consult(tx: Tx, consult: str, most: int) -> list[Alert]:
    """The latest alerts of a consult, in their order."""
    query = select(alert_rows).where(alert_rows.c.consult == consult)
    rows = (await tx.conn.execute(query.order_by(alert_rows.c.number.desc()).limit(most))).all()
    return [_opened(row) for row in reversed(rows)]


async def consults_of(tx: Tx, user: str, within: timedelta, most: int = 50) -> Sequence[str]:
    """The consults for which somebody was paged lately by a second channel, the latest first."""
    query = (
        select(alert_rows.c.consult)
        .where(alert_rows.c.user_id == user, alert_rows.c.at >= tx.now - within)
        .order_by(alert_rows.c.at.desc())
        .limit(most)
    )
    return list(dict.fromkeys((await tx.conn.execute(query)).scalars()))


async def note_sent(tx: Tx, out: str, alert: Alert, step: int) -> None:
    """Which message a channel's try became."""
    await tx.conn.execute(insert(sent_rows).values(id=out, alert=key(alert.consult, alert.number), step=step))


async def find_sent(tx: Tx, out: str) -> tuple[Alert, int] | None:
    """The alert, locked, and the try to which a message belongs."""
    row = (await tx.conn.execute(select(sent_rows).where(sent_rows.c.id == out))).first()
    if row is None:
        return None
    consult, _, number = row.alert.rpartition(" ")
    alert = await load(tx, consult, int(number))
    return None if alert is None else (alert, row.step)


async def shown(tx: Tx, consult: str) -> str | None:
    """The message that shows the requester how the second channels fare."""
    query = select(shown_rows.c.out).where(shown_rows.c.id == consult)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def note_shown(tx: Tx, consult: str, out: str) -> None:
    """Remember that message."""
    await tx.conn.execute(insert(shown_rows).values(id=consult, out=out))


async def purge(tx: Tx) -> None:
    """Forget alerts of long ago, and what belongs to them."""
    old = alert_rows.c.at < tx.now - KEEP
    await tx.conn.execute(delete(sent_rows).where(sent_rows.c.alert.in_(select(alert_rows.c.id).where(old))))
    await tx.conn.execute(delete(alert_rows).where(old))
    left = select(alert_rows.c.consult)
    await tx.conn.execute(delete(shown_rows).where(shown_rows.c.id.not_in(left)))
