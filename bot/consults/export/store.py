"""What only an export reads: the times of every page, and a consult's lines of the audit trail."""

from __future__ import annotations

import json

from sqlalchemy import select

from bot.consults.export.extract import PageSent, Step
from bot.consults.model import Outcome
from bot.consults.store import page_rows
from bot.kernel.audit import audit_lines
from bot.kernel.db import Tx

_PREFIX = "consult."


async def pages(tx: Tx, consult_id: str) -> tuple[PageSent, ...]:
    """Every page of a consult, in order."""
    query = select(page_rows).where(page_rows.c.consult == consult_id).order_by(page_rows.c.number)
    return tuple(
        PageSent(
            row.user_id,
            row.tier,
            row.round,
            Outcome(row.outcome),
            row.asked_at,
            row.delivered_at,
            row.settled_at,
        )
        for row in await tx.conn.execute(query)
    )


async def trail(tx: Tx, consult_id: str) -> tuple[Step, ...]:
    """What was done about a consult, by whom and when, as the audit trail has it."""
    query = (
        select(audit_lines.c.at, audit_lines.c.actor, audit_lines.c.action, audit_lines.c.facts)
        .where(audit_lines.c.subject == consult_id, audit_lines.c.action.startswith(_PREFIX))
        .order_by(audit_lines.c.seq)
    )
    return tuple(
        Step(row.at, row.actor, row.action.removeprefix(_PREFIX), str(json.loads(row.facts).get("state", "")))
        for row in await tx.conn.execute(query)
    )
