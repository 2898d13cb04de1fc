"""Receipts, pseudonyms, sanctions and requests to unmask.

A sanction is on a keyed hash of its own (`target`), which the keyed hash in a case leads to and not back; the
case it was for is forgotten with the link to its author, the sanction is not.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, String, Table, delete, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.cases.accountability.model import Kind, Sanction, Unmasking
from bot.cases.model import State
from bot.cases.store import case_rows
from bot.cases.thread.saying.store import piece_rows
from bot.cases.thread.store import page_rows, relay_rows
from bot.kernel.audit import audit_lines
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id
from bot.kernel.sealing import KeyRing

receipt_rows = Table(
    "case_receipts",
    metadata,
    Column("case_id", String(16), primary_key=True),
    Column("content", Sealed, nullable=False),
    Column("nonce", Sealed, nullable=True),  # opens who attested: gone with the link to the author
)
pseudonym_rows = Table(
    "case_pseudonyms",
    metadata,
    Column("id", String(160), primary_key=True),  # room and pseudonym
)
sanction_rows = Table(
    "case_sanctions",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("target", String(64), nullable=False, index=True),
    Column("case_id", String(16), nullable=True, index=True),
    Column("kind", String(8), nullable=False),
    Column("by", String(255), nullable=False),
    Column("reason", Sealed, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=True),
    Column("ended_at", UtcTime, nullable=True),
    Column("appeal", String(8), nullable=False),
)
unmasking_rows = Table(
    "case_unmaskings",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("case_id", String(16), nullable=False, index=True),
    Column("asked_by", String(255), nullable=False),
    Column("reason", Sealed, nullable=False),
    Column("asked_at", UtcTime, nullable=False),
    Column("confirmed_by", String(255), nullable=True),
    Column("confirmed_at", UtcTime, nullable=True),
)
KEEP_SANCTIONS = timedelta(days=365)  # after they have ended


def target(keys: KeyRing, author_key: str) -> str:
    """On whom a sanction is: a keyed hash of an author's keyed hash."""
    return hmac.new(keys.derive("case sanctions"), author_key.encode(), hashlib.sha256).hexdigest()


# Receipts ----------------------------------------------------------------------------------------


async def keep_receipt(tx: Tx, case_id: str, content: Mapping[str, Any], nonce: str | None) -> None:
    """Keep a case's receipt, in place of an earlier one that was never posted."""
    await tx.conn.execute(delete(receipt_rows).where(receipt_rows.c.case_id == case_id))
    await tx.conn.execute(
        insert(receipt_rows).values(
            case_id=case_id,
            content=tx.seal(receipt_rows.c.content, case_id, content),
            nonce=None if nonce is None else tx.seal(receipt_rows.c.nonce, case_id, nonce),
        )
    )


async def receipt(tx: Tx, case_id: str) -> tuple[dict[str, Any], str | None] | None:
    """A case's receipt, and the nonce while it is kept."""
    row = (await tx.conn.execute(select(receipt_rows).where(receipt_rows.c.case_id == case_id))).first()
    if row is None:
        return None
    return (
        tx.open(receipt_rows.c.content, case_id, row.content),
        tx.open(receipt_rows.c.nonce, case_id, row.nonce),
    )


# Pseudonyms --------------------------------------------------------------------------------------


async def take_pseudonym(tx: Tx, room_key: str, pseudonym: str) -> bool:
    """Take a pseudonym for good; False if it was ever used in this room."""
    fresh = _insert(tx)(pseudonym_rows).values(id=f"{room_key} {pseudonym}")
    taken = await tx.conn.execute(fresh.on_conflict_do_nothing().returning(pseudonym_rows.c.id))
    return taken.first() is not None


# Sanctions ---------------------------------------------------------------------------------------


async def add_sanction(
    tx: Tx, whom: str, case_id: str, kind: Kind, by: str, until: datetime | None, reason: str
) -> Sanction:
    """Keep what was done to the author of a case."""
    row_id = new_id(tx.now)
    await tx.conn.execute(
        insert(sanction_rows).values(
            id=row_id, target=whom, case_id=case_id, kind=kind, by=by, at=tx.now, until=until, appeal="",
            reason=tx.seal(sanction_rows.c.reason, row_id, reason),
        )
    )  # fmt: skip
    return Sanction(row_id, whom, case_id, kind, by, tx.now, until, None, "", reason)


async def sanction(tx: Tx, sanction_id: str) -> Sanction | None:
    """A sanction by its id."""
    found = await _sanctions(tx, sanction_rows.c.id == sanction_id)
    return found[0] if found else None


async def sanctions_on(tx: Tx, whom: str) -> list[Sanction]:
    """What was done to one author, the newest first."""
    return await _sanctions(tx, sanction_rows.c.target == whom)


async def sanctions_for(tx: Tx, case_id: str) -> list[Sanction]:
    """What was done for one case, the newest first."""
    return await _sanctions(tx, sanction_rows.c.case_id == case_id)


async def end_sanction(tx: Tx, sanction_id: str) -> bool:
    """Take a sanction back; False if that was done already."""
    ending = update(sanction_rows).where(
        sanction_rows.c.id == sanction_id, sanction_rows.c.ended_at.is_(None)
    )
    return (await tx.conn.execute(ending.values(ended_at=tx.now))).rowcount == 1


async def set_appeal(tx: Tx, sanction_id: str, before: str, after: str) -> bool:
    """Move an appeal on; False if it does not stand there."""
    moving = update(sanction_rows).where(sanction_rows.c.id == sanction_id, sanction_rows.c.appeal == before)
    return (await tx.conn.execute(moving.values(appeal=after))).rowcount == 1


async def forget_sanctions(tx: Tx) -> None:
    """Forget what ended long ago, and warnings of that age."""
    old = tx.now - KEEP_SANCTIONS
    over = (sanction_rows.c.ended_at < old) | (sanction_rows.c.until < old)
    warned = (sanction_rows.c.kind == Kind.WARN) & (sanction_rows.c.at < old)
    await tx.conn.execute(delete(sanction_rows).where(over | warned))


async def _sanctions(tx: Tx, which: Any) -> list[Sanction]:
    query = select(sanction_rows).where(which).order_by(sanction_rows.c.id.desc()).limit(100)
    return [
        Sanction(
            row.id, row.target, row.case_id, Kind(row.kind), row.by, row.at, row.until, row.ended_at,
            row.appeal, tx.open(sanction_rows.c.reason, row.id, row.reason),
        )
        for row in await tx.conn.execute(query)
    ]  # fmt: skip


# Unmasking ---------------------------------------------------------------------------------------


async def ask_unmasking(tx: Tx, case_id: str, by: str, reason: str) -> None:
    """Keep a moderator's request; an earlier one that nobody confirmed is dropped."""
    await drop_unmaskings(tx, [case_id])
    row_id = new_id(tx.now)
    await tx.conn.execute(
        insert(unmasking_rows).values(
            id=row_id, case_id=case_id, asked_by=by, asked_at=tx.now,
            reason=tx.seal(unmasking_rows.c.reason, row_id, reason),
        )
    )  # fmt: skip


async def open_unmasking(tx: Tx, case_id: str, since: datetime) -> Unmasking | None:
    """The request that waits for a second moderator."""
    query = (
        select(unmasking_rows)
        .where(unmasking_rows.c.case_id == case_id, unmasking_rows.c.confirmed_by.is_(None))
        .where(unmasking_rows.c.asked_at > since)
        .with_for_update()
    )
    row = (await tx.conn.execute(query)).first()
    if row is None:
        return None
    reason = tx.open(unmasking_rows.c.reason, row.id, row.reason)
    return Unmasking(row.id, row.case_id, row.asked_by, row.asked_at, reason)


async def confirm_unmasking(tx: Tx, unmasking_id: str, by: str) -> bool:
    """Note the second moderator; False if there was one already."""
    one = update(unmasking_rows).where(
        unmasking_rows.c.id == unmasking_id, unmasking_rows.c.confirmed_by.is_(None)
    )
    return (await tx.conn.execute(one.values(confirmed_by=by, confirmed_at=tx.now))).rowcount == 1


async def drop_unmaskings(tx: Tx, case_ids: Collection[str]) -> None:
    """Drop requests that nobody confirmed."""
    await tx.conn.execute(
        delete(unmasking_rows).where(
            unmasking_rows.c.case_id.in_(list(case_ids)), unmasking_rows.c.confirmed_by.is_(None)
        )
    )


# Erasing -----------------------------------------------------------------------------------------


async def linked(tx: Tx, author_key: str) -> list[tuple[str, State, str | None]]:
    """All cases that lead to an author: id, state, and handle."""
    query = select(case_rows.c.id, case_rows.c.state, case_rows.c.handle)
    rows = await tx.conn.execute(query.where(case_rows.c.author_key == author_key))
    return [(row.id, State(row.state), row.handle) for row in rows]


async def moments(tx: Tx, case_id: str) -> set[datetime]:
    """When something was done to a case, as far as that is kept.

    What the bots heard from its author, and told them, in the same transaction bears the same moment, and
    leads to the author as well as a name.
    """
    case, piece, relay, page, one = case_rows.c, piece_rows.c, relay_rows.c, page_rows.c, sanction_rows.c
    kept = [
        select(case.created_at, case.attested_at, case.posted_at, case.closed_at, case.shown_at).where(
            case.id == case_id
        ),
        select(piece.created_at, piece.shown_at).where(piece.case_id == case_id),
        select(relay.at).where(relay.case_id == case_id),
        select(page.at).where(page.case_id == case_id),
        select(one.at, one.ended_at).where(one.case_id == case_id),
        select(audit_lines.c.at).where(audit_lines.c.subject == case_id),
    ]
    rows = [row for query in kept for row in await tx.conn.execute(query)]
    return {moment for row in rows for moment in row if moment is not None}


async def unlink(tx: Tx, case_id: str) -> None:
    """Erase what leads from a case to its author, and from its sanctions to the case.

    Of the moments at which its author did something only the days stay: the bot kept when it got a message
    in which direct chat.
    """
    query = select(case_rows.c.created_at, case_rows.c.attested_at).where(case_rows.c.id == case_id)
    row = (await tx.conn.execute(query)).one()
    await tx.conn.execute(
        update(case_rows)
        .where(case_rows.c.id == case_id)
        .values(
            author=None, author_key=None, handle=None, erase_at=None,
            created_at=_day(row.created_at), attested_at=_day(row.attested_at),
        )
    )  # fmt: skip
    await tx.conn.execute(update(receipt_rows).where(receipt_rows.c.case_id == case_id).values(nonce=None))
    await tx.conn.execute(
        update(sanction_rows).where(sanction_rows.c.case_id == case_id).values(case_id=None)
    )
    await tx.conn.execute(delete(relay_rows).where(relay_rows.c.case_id == case_id))
    await drop_unmaskings(tx, [case_id])


async def forget_target(tx: Tx, whom: str) -> None:
    """Forget what was done to an author and holds no longer; a mute or a ban in force stays."""
    holding = (
        (sanction_rows.c.kind != Kind.WARN)
        & sanction_rows.c.ended_at.is_(None)
        & (sanction_rows.c.until.is_(None) | (sanction_rows.c.until > tx.now))
    )
    await tx.conn.execute(delete(sanction_rows).where(sanction_rows.c.target == whom, ~holding))


def _day(moment: datetime | None) -> datetime | None:
    return None if moment is None else moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
