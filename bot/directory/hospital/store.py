"""Where hospitals are kept, and the key with which we sign."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.directory.hospital.rules import Hospital
from bot.directory.standing import Level
from bot.kernel.db import Sealed, Tx, UtcTime, metadata

hospital_rows = Table(
    "hospitals",
    metadata,
    Column("server_name", String(255), primary_key=True),
    Column("name", String(100), nullable=False),
    Column("state", String(12), nullable=False),
    Column("key", String(64), nullable=True, unique=True),  # their operator's, Ed25519, unpadded base64
    Column("offered", Text, nullable=False),  # JSON
    Column("permitted", Text, nullable=False),  # JSON
    Column("proves", String(2), nullable=False),
    Column("statement_id", String(64), nullable=True),
    Column("sequence", BigInteger, nullable=False),
    Column("issued", UtcTime, nullable=True),
    Column("expires", UtcTime, nullable=True),
    Column("bots", Text, nullable=False),  # JSON
    Column("contact", String(200), nullable=False),
    Column("reason", String(32), nullable=False),  # a code, of the last suspension
    Column("changed_at", UtcTime, nullable=False),
)
# One row, whose number rises with every change: what running bots look at.
hospital_revision = Table(
    "hospital_revision",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", BigInteger, nullable=False),
)
# Our own signing keys; the one with the highest sequence signs, those before it confirm it.
hospital_keys = Table(
    "hospital_keys",
    metadata,
    Column("key", String(64), primary_key=True),  # the public half
    Column("seed", Sealed, nullable=False),
    Column("made_at", UtcTime, nullable=False),
    Column("sequence", BigInteger, nullable=False),  # of the last statement signed
)


@dataclass(frozen=True)
class OwnKey:
    """One of our signing keys: `seed` is the private half (RFC 8032, 32 bytes in base64)."""

    key: str
    seed: str
    made_at: datetime
    sequence: int


async def revision(tx: Tx) -> int:
    """A number that rises with every change."""
    found = (await tx.conn.execute(select(hospital_revision.c.revision))).scalar()
    return int(found or 0)


async def everyone(tx: Tx) -> list[Hospital]:
    """All hospitals, also suspended and removed ones, by server name."""
    query = select(hospital_rows).order_by(hospital_rows.c.server_name)
    return [_opened(row) for row in await tx.conn.execute(query)]


async def load(tx: Tx, server: str) -> Hospital | None:
    """A hospital, locked until the transaction ends."""
    query = select(hospital_rows).where(hospital_rows.c.server_name == server).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _opened(row)


async def save(tx: Tx, hospital: Hospital) -> None:
    """Keep a hospital, and let every process know."""
    values = {
        "server_name": hospital.server,
        "name": hospital.name,
        "state": hospital.state,
        "key": hospital.key,
        "offered": json.dumps(sorted(hospital.offered)),
        "permitted": json.dumps(sorted(hospital.permitted)),
        "proves": hospital.proves.name,
        "statement_id": hospital.statement_id,
        "sequence": hospital.sequence,
        "issued": hospital.issued,
        "expires": hospital.expires,
        "bots": json.dumps(hospital.bots),
        "contact": hospital.contact,
        "reason": hospital.reason,
        "changed_at": tx.now,
    }
    await _upsert(tx, hospital_rows, values)
    await _next_revision(tx)


async def own_keys(tx: Tx) -> list[OwnKey]:
    """Our signing keys, the newest first."""
    query = select(hospital_keys).order_by(hospital_keys.c.sequence.desc())
    return [
        OwnKey(row.key, tx.open(hospital_keys.c.seed, row.key, row.seed), row.made_at, row.sequence)
        for row in await tx.conn.execute(query)
    ]


async def keep_key(tx: Tx, key: str, seed: str, sequence: int) -> None:
    """Keep a new signing key."""
    await tx.conn.execute(
        insert(hospital_keys).values(
            key=key, seed=tx.seal(hospital_keys.c.seed, key, seed), made_at=tx.now, sequence=sequence
        )
    )


async def keep_sequence(tx: Tx, key: str, sequence: int) -> None:
    """Note the number of the statement signed last."""
    await tx.conn.execute(update(hospital_keys).where(hospital_keys.c.key == key).values(sequence=sequence))


async def _next_revision(tx: Tx) -> None:
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    statement = make_insert(hospital_revision).values(id=1, revision=1)
    await tx.conn.execute(
        statement.on_conflict_do_update(
            index_elements=[hospital_revision.c.id],
            set_={"revision": hospital_revision.c.revision + 1},
        )
    )


async def _upsert(tx: Tx, table: Table, values: dict[str, Any]) -> None:
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    statement = make_insert(table).values(**values)
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: value for name, value in values.items() if name not in keys}
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))


def _set(text: str) -> frozenset[str]:
    found: Sequence[str] = json.loads(text)
    return frozenset(found)


def _opened(row: Any) -> Hospital:
    return Hospital(
        server=row.server_name,
        name=row.name,
        state=row.state,
        key=row.key,
        offered=_set(row.offered),
        permitted=_set(row.permitted),
        proves=Level[row.proves],
        statement_id=row.statement_id,
        sequence=row.sequence,
        issued=row.issued,
        expires=row.expires,
        bots=tuple(json.loads(row.bots)),
        contact=row.contact,
        reason=row.reason,
    )
