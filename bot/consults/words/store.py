"""Where words about a consult are kept, sealed, and the answers to the survey."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Integer, String, Table, insert, select, update

from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id

word_rows = Table(
    "consult_words",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("consult", String(16), ForeignKey("consults.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String(12), nullable=False),
    Column("author", String(255), nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("text", Sealed, nullable=False),
)
survey_rows = Table(
    "consult_surveys",
    metadata,
    Column("consult", String(16), ForeignKey("consults.id", ondelete="CASCADE"), primary_key=True),
    Column("asked_at", UtcTime, nullable=False),
    Column("plan", Boolean, nullable=True),  # it changed the plan
    Column("visit", Boolean, nullable=True),  # it avoided a visit or a transfer
    Column("useful", Integer, nullable=True),  # 1 to 5
    Column("out", String(26), nullable=True),  # the outbox id of the question
)


@dataclass(frozen=True)
class Words:
    """Something that was written about a consult: the reason of a `decline`, a `handoff`'s summary, what is
    `wanted`, the `info`, an `interim` reply, why it is to `reopen`."""

    kind: str
    author: str
    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True)
class Survey:
    """What the requester said after the end; None: nothing yet."""

    plan: bool | None
    visit: bool | None
    useful: int | None
    out: str | None


async def keep(tx: Tx, consult_id: str, kind: str, author: str, text: str) -> None:
    """Keep something that was written about a consult (see `Words`)."""
    row_id = new_id(tx.now)
    row = {"id": row_id, "consult": consult_id, "kind": kind, "author": author, "at": tx.now}
    await tx.conn.execute(insert(word_rows).values(**row, text=tx.seal(word_rows.c.text, row_id, text)))


async def of_consult(tx: Tx, consult_id: str, kind: str | None = None) -> list[Words]:
    """What was written about a consult, oldest first; all, or what is of one kind."""
    query = select(word_rows).where(word_rows.c.consult == consult_id).order_by(word_rows.c.id)
    if kind is not None:
        query = query.where(word_rows.c.kind == kind)
    return [
        Words(row.kind, row.author, row.at, str(tx.open(word_rows.c.text, row.id, row.text)))
        for row in await tx.conn.execute(query)
    ]


async def survey(tx: Tx, consult_id: str) -> Survey | None:
    """What the requester said in the survey; None: they were not asked."""
    row = (await tx.conn.execute(select(survey_rows).where(survey_rows.c.consult == consult_id))).first()
    return None if row is None else Survey(row.plan, row.visit, row.useful, row.out)


async def ask_survey(tx: Tx, consult_id: str, out: str) -> None:
    """Remember that the requester was asked, and with which message; not twice."""
    if await survey(tx, consult_id) is None:
        await tx.conn.execute(insert(survey_rows).values(consult=consult_id, asked_at=tx.now, out=out))


async def keep_survey(tx: Tx, consult_id: str, **said: bool | int) -> None:
    """Keep `plan`, `visit` or `useful`."""
    await tx.conn.execute(update(survey_rows).where(survey_rows.c.consult == consult_id).values(**said))
