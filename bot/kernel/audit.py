"""The audit trail: content-free lines, each keyed and chained to the one before.

Every line carries HMAC-SHA-256 over its fields and the line before, under a key that the database
does not hold: whoever can only write to the database can neither alter nor insert a line unseen.
Cutting lines off the end shows against a head noted elsewhere (`curbside audit verify --head`).
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    type_coerce,
    update,
)

from bot.kernel.db import Tx, UtcTime, metadata, milliseconds

audit_lines = Table(
    "audit_lines",
    metadata,
    Column("seq", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=False),
    Column("at", UtcTime, nullable=False),
    Column("actor", String(255), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(255), nullable=False, index=True),
    Column("facts", Text, nullable=False),
    Column("mac", String(64), nullable=False),
)
audit_head = Table(
    "audit_head",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("seq", BigInteger, nullable=False),
    Column("mac", String(64), nullable=False),
)
GENESIS = "0" * 64

_LOCK_HEAD = select(audit_head.c.seq, audit_head.c.mac).with_for_update()
_ADD = insert(audit_lines)
_MOVE_HEAD = update(audit_head).values(seq=bindparam("to_seq"), mac=bindparam("to_mac"))


@dataclass(frozen=True)
class AuditLine:
    """One line as stored."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    facts: dict[str, Any]
    mac: str


def _mac(
    key: bytes, before: str, seq: int, at: Any, actor: str, action: str, subject: str, facts: str
) -> str:
    """The keyed hash of one line; `at` in milliseconds, or whatever stands there now."""
    text = json.dumps([before, seq, at, actor, action, subject, facts], default=repr)
    return hmac.new(key, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


async def chain(tx: Tx) -> None:
    """Append the transaction's audit lines, as its last act: the chain's head is locked only briefly."""
    head = (await tx.conn.execute(_LOCK_HEAD)).one()
    key = tx.keys.derive("audit")
    seq, mac = head.seq, head.mac
    rows = []
    for actor, action, subject, facts in tx.audit_entries:
        text = json.dumps(facts, sort_keys=True, separators=(",", ":"))
        seq += 1
        mac = _mac(key, mac, seq, milliseconds(tx.now), actor, action, subject, text)
        rows.append(
            {
                "seq": seq,
                "at": tx.now,
                "actor": actor,
                "action": action,
                "subject": subject,
                "facts": text,
                "mac": mac,
            }
        )
    await tx.conn.execute(_ADD, rows)
    await tx.conn.execute(_MOVE_HEAD, {"to_seq": seq, "to_mac": mac})


async def lines(tx: Tx) -> AsyncIterator[AuditLine]:
    """All lines, oldest first."""
    async for row in await tx.conn.stream(select(audit_lines).order_by(audit_lines.c.seq)):
        yield AuditLine(row.seq, row.at, row.actor, row.action, row.subject, json.loads(row.facts), row.mac)


async def verify(tx: Tx) -> tuple[int, str, list[str]]:
    """Recompute the chain; returns the number of lines, the head's MAC, and what is wrong, in words."""
    key = tx.keys.derive("audit")
    before, expected, problems = GENESIS, 0, []
    kept = audit_lines.c
    at = type_coerce(kept.at, BigInteger).label("at")  # what was altered need be no time any more
    query = select(kept.seq, at, kept.actor, kept.action, kept.subject, kept.facts, kept.mac).order_by(
        kept.seq
    )
    async for row in await tx.conn.stream(query):
        expected += 1
        if row.seq != expected:
            problems.append(f"Line {expected} is missing: the next one kept is {row.seq}.")
            expected = row.seq
        if _mac(key, before, row.seq, row.at, row.actor, row.action, row.subject, row.facts) != row.mac:
            problems.append(
                f"Line {row.seq} does not follow from the line before: one of the two was altered."
            )
        before = row.mac
    head = (await tx.conn.execute(select(audit_head.c.seq, audit_head.c.mac))).first()
    if head is None:
        problems.append("The head of the trail is missing: it was deleted.")
    elif (head.seq, head.mac) != (expected, before):
        problems.append(
            f"The trail ends at line {expected}, but its head says {head.seq}: lines were cut off."
        )
    return expected, before, problems
