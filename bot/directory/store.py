"""Where it is kept what speaks for who somebody is. Numbers, addresses and notes are sealed."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.directory.standing import HOLD, Evidence, Level
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id, short_id

evidence_rows = Table(
    "evidence",
    metadata,
    Column("id", String(320), primary_key=True),  # whose, and the method
    Column("user_id", String(255), nullable=False, index=True),
    Column("method", String(16), nullable=False),
    Column("level", Integer, nullable=False),
    Column("since", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=True),
    Column("withdrawn", UtcTime, nullable=True),
    Column("by", String(255), nullable=False),  # who saw to it
    Column("ref", Sealed, nullable=True),
)
claim_rows = Table(
    "claims",
    metadata,
    Column("id", String(16), primary_key=True),  # V-7F3K
    Column("user_id", String(255), nullable=False, index=True),
    Column("kind", String(16), nullable=False),
    Column("mac", String(64), nullable=False),  # of what is claimed: nobody else may claim the same
    Column("what", Sealed, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("made_at", UtcTime, nullable=False),
    Column("decided_at", UtcTime, nullable=True),
    UniqueConstraint("mac", name="uq_claims_mac"),
)
code_rows = Table(
    "email_codes",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("user_id", String(255), nullable=False),
    Column("address", Sealed, nullable=False),
    Column("mac", String(64), nullable=False),  # of the code
    Column("expires_at", UtcTime, nullable=False, index=True),
    UniqueConstraint("user_id", name="uq_email_codes_user"),
)
allowance_rows = Table(
    "allowances",
    metadata,
    Column("id", String(64), primary_key=True),  # a digest of what is counted, and whose
    Column("times", Text, nullable=False),  # moments of use, JSON
    Column("expires_at", UtcTime, nullable=False, index=True),
)
vouch_rows = Table(
    "vouches",
    metadata,
    Column("id", String(64), primary_key=True),  # a digest of the two people
    Column("voucher", String(255), nullable=False, index=True),
    Column("candidate", String(255), nullable=False, index=True),
    Column("made_at", UtcTime, nullable=False),
    Column("ended_at", UtcTime, nullable=True),
)

_LEVELS = tuple(Level)
_MANY = 5000  # user ids in one statement: databases take some 32,000 parameters

# Evidence ----------------------------------------------------------------------------------------


_EVIDENCE = select(
    evidence_rows.c.user_id,
    evidence_rows.c.method,
    evidence_rows.c.level,
    evidence_rows.c.since,
    evidence_rows.c.until,
    evidence_rows.c.withdrawn,
)


async def evidence_of(tx: Tx, user_ids: Collection[str]) -> dict[str, list[Evidence]]:
    """All evidence there ever was for these people; one statement for some thousands of them."""
    found: dict[str, list[Evidence]] = {}
    for some in _slices(list(user_ids)):
        rows = await tx.conn.execute(_EVIDENCE.where(evidence_rows.c.user_id.in_(some)))
        for user_id, method, level, since, until, withdrawn in rows.all():
            found.setdefault(user_id, []).append(Evidence(method, _LEVELS[level], since, until, withdrawn))
    return found


@dataclass(frozen=True)
class Kept:
    """Evidence to keep: whose, and who saw to it."""

    user_id: str
    evidence: Evidence
    by: str


async def keep_evidence(tx: Tx, kept: Kept, ref: str) -> None:
    """Keep evidence, in place of what the same method said of this person before."""
    user_id, evidence = kept.user_id, kept.evidence
    row_id = f"{user_id} {evidence.method}"
    changing = {
        "level": int(evidence.level),
        "since": evidence.since,
        "until": evidence.until,
        "withdrawn": evidence.withdrawn,
        "by": kept.by,
        "ref": tx.seal(evidence_rows.c.ref, row_id, ref) if ref else None,
    }
    row = {"id": row_id, "user_id": user_id, "method": evidence.method, **changing}
    statement = _insert(tx)(evidence_rows).values(**row)
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=[evidence_rows.c.id], set_=changing))


async def ref_of(tx: Tx, user_id: str, method: str) -> str:
    """The note kept with evidence; empty if there is none."""
    row_id = f"{user_id} {method}"
    sealed = (await tx.conn.execute(select(evidence_rows.c.ref).where(evidence_rows.c.id == row_id))).scalar()
    return str(tx.open(evidence_rows.c.ref, row_id, sealed) or "")


async def restore_evidence(tx: Tx, user_id: str, withdrawn: datetime) -> int:
    """Let evidence count again that was withdrawn at this moment; returns how much."""
    statement = update(evidence_rows).where(
        evidence_rows.c.user_id == user_id,
        evidence_rows.c.withdrawn == withdrawn,
        evidence_rows.c.method != HOLD,
    )
    return (await tx.conn.execute(statement.values(withdrawn=None))).rowcount


async def withdraw_evidence(tx: Tx, user_id: str, method: str | None) -> int:
    """End what a method, or every method, says of somebody; returns how many counted until now."""
    statement = update(evidence_rows).where(
        evidence_rows.c.user_id == user_id, evidence_rows.c.withdrawn.is_(None)
    )
    if method is not None:
        statement = statement.where(evidence_rows.c.method == method)
    else:
        statement = statement.where(evidence_rows.c.method != HOLD)
    return (await tx.conn.execute(statement.values(withdrawn=tx.now))).rowcount


async def people_with(tx: Tx, method: str) -> dict[str, Evidence]:
    """Everybody for whom a method speaks, withdrawn or not."""
    query = select(evidence_rows).where(evidence_rows.c.method == method)
    return {
        row.user_id: Evidence(row.method, Level(row.level), row.since, row.until, row.withdrawn)
        for row in await tx.conn.execute(query)
    }


# Claims ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Claim:
    """A number or an address that somebody says is theirs; nobody else may claim the same.

    `kind` is number or email, `state` open (waits for a human check), held, confirmed or refused.
    """

    id: str
    user_id: str
    kind: str
    mac: str
    register: str
    value: str
    state: str
    made_at: datetime


async def claim(tx: Tx, user_id: str, kind: str, mac: str, register: str, value: str, state: str) -> Claim:
    """Claim something; returns the claim as it stands, which is another's if theirs came first."""
    while True:
        claim_id = short_id("V", 6)
        row = {
            "id": claim_id,
            "user_id": user_id,
            "kind": kind,
            "mac": mac,
            "what": tx.seal(claim_rows.c.what, claim_id, [register, value]),
            "state": state,
            "made_at": tx.now,
        }
        await tx.conn.execute(_insert(tx)(claim_rows).values(**row).on_conflict_do_nothing())
        query = select(claim_rows).where(claim_rows.c.mac == mac).with_for_update()
        found = (await tx.conn.execute(query)).first()
        if found is not None:  # else the short id was taken
            return _claim(tx, found)


async def claim_by_id(tx: Tx, claim_id: str) -> Claim | None:
    """A claim, locked until the transaction ends."""
    query = select(claim_rows).where(claim_rows.c.id == claim_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _claim(tx, row)


async def claims_of(tx: Tx, user_id: str) -> list[Claim]:
    """What somebody claims, oldest first."""
    query = select(claim_rows).where(claim_rows.c.user_id == user_id)
    return [_claim(tx, row) for row in await tx.conn.execute(query.order_by(claim_rows.c.made_at))]


async def open_claims(tx: Tx, limit: int) -> tuple[list[Claim], int]:
    """The claims that wait for a human check, oldest first, and how many there are."""
    waits = claim_rows.c.state == "open"
    query = select(claim_rows).where(waits).order_by(claim_rows.c.made_at, claim_rows.c.id).limit(limit)
    claims = [_claim(tx, row) for row in await tx.conn.execute(query)]
    return claims, int(
        (await tx.conn.execute(select(func.count()).select_from(claim_rows).where(waits))).scalar_one()
    )


async def decide_claim(tx: Tx, claim_id: str, state: str) -> None:
    """Note what became of a claim."""
    change = update(claim_rows).where(claim_rows.c.id == claim_id)
    await tx.conn.execute(change.values(state=state, decided_at=tx.now))


async def drop_claim(tx: Tx, claim_id: str) -> None:
    """Let go of one claim."""
    await tx.conn.execute(delete(claim_rows).where(claim_rows.c.id == claim_id))


def _claim(tx: Tx, row: Any) -> Claim:
    register, value = tx.open(claim_rows.c.what, row.id, row.what)
    return Claim(row.id, row.user_id, row.kind, row.mac, register, value, row.state, row.made_at)


# Codes by mail -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Code:
    """A one-time code under way: only its keyed hash is kept."""

    id: str
    user_id: str
    address: str
    mac: str
    expires_at: datetime


async def keep_code(tx: Tx, user_id: str, address: str, mac: str, expires_at: datetime) -> str:
    """Keep somebody's code, in place of an earlier one; returns its id."""
    await drop_code(tx, user_id)
    code_id = new_id(tx.now)
    row = {"id": code_id, "user_id": user_id, "mac": mac, "expires_at": expires_at}
    sealed = tx.seal(code_rows.c.address, code_id, address)
    await tx.conn.execute(insert(code_rows).values(**row, address=sealed))
    return code_id


async def code_of(tx: Tx, user_id: str) -> Code | None:
    """Somebody's code, expired or not, locked until the transaction ends."""
    return await _code(tx, code_rows.c.user_id == user_id)


async def code_by_id(tx: Tx, code_id: str) -> Code | None:
    """A code by its id."""
    return await _code(tx, code_rows.c.id == code_id)


async def drop_code(tx: Tx, user_id: str) -> None:
    """Forget somebody's code."""
    await tx.conn.execute(delete(code_rows).where(code_rows.c.user_id == user_id))


async def _code(tx: Tx, condition: Any) -> Code | None:
    row = (await tx.conn.execute(select(code_rows).where(condition).with_for_update())).first()
    if row is None:
        return None
    address = str(tx.open(code_rows.c.address, row.id, row.address))
    return Code(row.id, row.user_id, address, row.mac, row.expires_at)


# Allowances --------------------------------------------------------------------------------------


async def used(tx: Tx, *what: str, per: timedelta) -> int:
    """How often something was used within the time, its row locked until the transaction ends."""
    return len(await _uses(tx, what, per))


async def use(tx: Tx, *what: str, limit: int, per: timedelta) -> bool:
    """Use something once; False, and nothing is counted, when it was used `limit` times within the time."""
    times = await _uses(tx, what, per)
    if len(times) >= limit:
        return False
    kept = json.dumps([*times, tx.now.timestamp()])
    statement = update(allowance_rows).where(allowance_rows.c.id == _digest(what))
    await tx.conn.execute(statement.values(times=kept, expires_at=tx.now + per))
    return True


async def _uses(tx: Tx, what: Sequence[str], per: timedelta) -> list[float]:
    row_id = _digest(what)
    fresh = _insert(tx)(allowance_rows).values(id=row_id, times="[]", expires_at=tx.now + per)
    await tx.conn.execute(fresh.on_conflict_do_nothing())
    query = select(allowance_rows.c.times).where(allowance_rows.c.id == row_id).with_for_update()
    times = json.loads((await tx.conn.execute(query)).scalar_one())
    return [time for time in times if time > (tx.now - per).timestamp()]


# Vouches -----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Vouch:
    """Somebody speaks for somebody; `ended_at` once they no longer do."""

    voucher: str
    candidate: str
    made_at: datetime
    ended_at: datetime | None = None


async def vouches_around(tx: Tx, people: Collection[str]) -> list[Vouch]:
    """Every vouch by or for these people, ended ones too, oldest first."""
    some = list(people)
    concerned = or_(vouch_rows.c.voucher.in_(some), vouch_rows.c.candidate.in_(some))
    query = select(vouch_rows).where(concerned).order_by(vouch_rows.c.made_at, vouch_rows.c.id)
    return [_vouch(row) for row in await tx.conn.execute(query)]


async def candidates(tx: Tx) -> list[str]:
    """Everybody for whom somebody vouches."""
    query = select(vouch_rows.c.candidate).where(vouch_rows.c.ended_at.is_(None)).distinct()
    return sorted((await tx.conn.execute(query)).scalars())


async def keep_vouch(tx: Tx, voucher: str, candidate: str) -> None:
    """Note that one speaks for the other from now on."""
    row = {"id": _digest((voucher, candidate)), "voucher": voucher, "candidate": candidate}
    changing = {"made_at": tx.now, "ended_at": None}
    statement = _insert(tx)(vouch_rows).values(**row, **changing)
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=[vouch_rows.c.id], set_=changing))


async def end_vouch(tx: Tx, voucher: str, candidate: str) -> bool:
    """Note that one no longer speaks for the other; False if they did not."""
    live = vouch_rows.c.ended_at.is_(None)
    statement = update(vouch_rows).where(vouch_rows.c.id == _digest((voucher, candidate)), live)
    return (await tx.conn.execute(statement.values(ended_at=tx.now))).rowcount == 1


def _vouch(row: Any) -> Vouch:
    return Vouch(row.voucher, row.candidate, row.made_at, row.ended_at)


# Housekeeping ------------------------------------------------------------------------------------


async def forget_expired(tx: Tx) -> None:
    """Drop codes and counts that no longer matter."""
    await tx.conn.execute(delete(code_rows).where(code_rows.c.expires_at <= tx.now))
    await tx.conn.execute(delete(allowance_rows).where(allowance_rows.c.expires_at <= tx.now))


def mac(tx: Tx, purpose: str, *what: str) -> str:
    """A keyed hash by which equal values are known without being kept (HMAC-SHA-256)."""
    key = tx.keys.derive(f"directory {purpose}")
    return hmac.new(key, json.dumps(what).encode(), hashlib.sha256).hexdigest()


def _slices(values: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(values), _MANY):
        yield values[start : start + _MANY]


def _digest(what: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(what)).encode()).hexdigest()


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
