"""What is written down about bridges: who runs one, how its peer fares, and which attempts are open.

An attempt is noted, and committed, before a message leaves. The note goes when the outcome is known, so one
that is found later says that the outcome of that attempt is not known: the process died, or the connection
broke. Only then does anybody have to ask the peer.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, Integer, String, Table, delete, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Tx, UtcTime, metadata
from bot.kernel.outbox import outbox_rows

CHANNEL = "bridge."  # and the bridge's name: the channel of its outbox rows

# Topics of the inbox entries that a bridge makes, and what their payloads hold.
RECEIVED = "bridge.received"  # {bridge, id, address, text}
REPORT = "bridge.report"  # {bridge, out, stage, reason}
STATE = "bridge.state"  # {bridge, open, reason}

bridge_rows = Table(
    "bridges",
    metadata,
    Column("name", String(24), primary_key=True),
    Column("owner", String(64), nullable=False),
    Column("held_until", UtcTime, nullable=False),
    Column("failures", Integer, nullable=False),  # in a row
    Column("open_since", UtcTime, nullable=True),  # its peer is left alone, but for single trials
    Column("trial_at", UtcTime, nullable=True),
    Column("reason", String(64), nullable=True),
)
attempt_rows = Table(
    "bridge_attempts",
    metadata,
    Column("id", String(26), primary_key=True),  # the outbox row's
    Column("at", UtcTime, nullable=False),
)


@dataclass(frozen=True)
class Circuit:
    """How a bridge's peer fares: failures in a row, and since when and until when it is left alone."""

    failures: int = 0
    open_since: datetime | None = None
    trial_at: datetime | None = None
    reason: str | None = None


@dataclass(frozen=True)
class BridgeRow:
    """One bridge as stored; it runs while somebody holds it."""

    name: str
    held_until: datetime
    circuit: Circuit


async def hold(tx: Tx, name: str, owner: str, until: datetime) -> Circuit | None:
    """Hold a bridge for one process until then; None while another holds it."""
    make = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    fresh = make(bridge_rows).values(name=name, owner=owner, held_until=until, failures=0)
    fresh = fresh.on_conflict_do_update(
        index_elements=[bridge_rows.c.name],
        set_={"owner": owner, "held_until": until},
        where=or_(bridge_rows.c.owner == owner, bridge_rows.c.held_until <= tx.now),
    )
    row = (await tx.conn.execute(fresh.returning(bridge_rows))).first()
    return None if row is None else _circuit(row)


async def let_go(tx: Tx, name: str, owner: str) -> None:
    """Let another process have the bridge."""
    await tx.conn.execute(
        update(bridge_rows)
        .where(bridge_rows.c.name == name, bridge_rows.c.owner == owner)
        .values(held_until=tx.now)
    )


async def keep_circuit(tx: Tx, name: str, circuit: Circuit) -> None:
    """Note how a bridge's peer fares."""
    await tx.conn.execute(update(bridge_rows).where(bridge_rows.c.name == name).values(**vars(circuit)))


async def known(tx: Tx) -> list[BridgeRow]:
    """Every bridge that ever ran, by name."""
    found = await tx.conn.execute(select(bridge_rows).order_by(bridge_rows.c.name))
    return [BridgeRow(row.name, row.held_until, _circuit(row)) for row in found]


def _circuit(row: object) -> Circuit:
    return Circuit(*(getattr(row, name) for name in ("failures", "open_since", "trial_at", "reason")))


# Attempts ------------------------------------------------------------------------------------------


async def open_attempt(tx: Tx, row_id: str) -> datetime | None:
    """When the attempt was made whose outcome is not known; None if there is none."""
    found: datetime | None = (
        await tx.conn.execute(select(attempt_rows.c.at).where(attempt_rows.c.id == row_id))
    ).scalar()
    return found


async def begin_attempt(tx: Tx, row_id: str) -> bool:
    """Note that a row is about to be handed over; False if it waits no longer."""
    waiting = select(outbox_rows.c.id).where(outbox_rows.c.id == row_id, outbox_rows.c.state == "pending")
    if (await tx.conn.execute(waiting)).first() is None:
        return False
    await end_attempt(tx, row_id)
    await tx.conn.execute(insert(attempt_rows).values(id=row_id, at=tx.now))
    return True


async def end_attempt(tx: Tx, row_id: str) -> bool:
    """The outcome is known; False if nobody was in doubt."""
    return (await tx.conn.execute(delete(attempt_rows).where(attempt_rows.c.id == row_id))).rowcount > 0


async def unowned(tx: Tx, names: Collection[str]) -> list[str]:
    """The waiting rows of bridges that are not among these."""
    query = select(outbox_rows.c.id, outbox_rows.c.channel).where(
        outbox_rows.c.state == "pending", outbox_rows.c.channel.startswith(CHANNEL, autoescape=True)
    )
    kept = {CHANNEL + name for name in names}
    return [row.id for row in await tx.conn.execute(query) if row.channel not in kept]


# For the operator ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class DeadLetter:
    """A message that was given up: its outbox id, when, and why."""

    id: str
    at: datetime
    reason: str


async def waiting(tx: Tx, name: str) -> int:
    """How many messages wait for a bridge."""
    query = select(func.count()).where(
        outbox_rows.c.state == "pending", outbox_rows.c.channel == CHANNEL + name
    )
    return int((await tx.conn.execute(query)).scalar_one())


async def dead_letters(tx: Tx, name: str, most: int = 20) -> Sequence[DeadLetter]:
    """The messages of a bridge that were given up, the latest first, as long as the outbox keeps them."""
    query = (
        select(outbox_rows.c.id, outbox_rows.c.sent_at, outbox_rows.c.error)
        .where(outbox_rows.c.state == "failed", outbox_rows.c.channel == CHANNEL + name)
        .order_by(outbox_rows.c.id.desc())
        .limit(most)
    )
    return [DeadLetter(row.id, row.sent_at, row.error or "") for row in await tx.conn.execute(query)]
