"""Where it is kept what hospitals said to each other: legs, unconfirmed letters, offers given and got."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    delete,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.consults.between.letters import OFFERS, Letter
from bot.consults.between.offers import Offered
from bot.consults.between.protocol import GONE, OVER, Kind, Leg, Place, Side
from bot.kernel.db import Sealed, Tx, UtcTime, metadata

leg_rows = Table(
    "between_legs",
    metadata,
    Column("id", String(32), primary_key=True),  # a digest of the next three
    Column("peer", String(255), nullable=False, index=True),
    Column("asker", String(255), nullable=False),
    Column("consult", String(16), nullable=False),  # by the asking hospital's id
    Column("local", String(16), nullable=True, index=True),  # our own consult
    Column("service", String(64), nullable=False),  # by the asked hospital's key
    Column("people", Sealed, nullable=True),  # what the other side calls its people, by user id
    Column("number", Integer, nullable=False),  # of the page that it is, on the asking side
    Column("asking", String(20), nullable=False),
    Column("answering", String(20), nullable=False),
    Column("sent", Integer, nullable=False),
    Column("acked", Integer, nullable=False),
    Column("got", Integer, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("opened_at", UtcTime, nullable=False),
    Column("heard_at", UtcTime, nullable=True),
)
# What we said and the other side has not confirmed.
letter_rows = Table(
    "between_letters",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("leg", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("body", Sealed, nullable=False),
    Column("at", BigInteger, nullable=False),
    UniqueConstraint("leg", "number", name="uq_between_letters"),
)
given_rows = Table(
    "between_given",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("digest", String(64), nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("expires", UtcTime, nullable=False),
)
offer_rows = Table(
    "between_offers",
    metadata,
    Column("server", String(255), primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("expires", UtcTime, nullable=False),
    Column("services", Text, nullable=False),  # JSON
    Column("declined", Text, nullable=False),  # JSON: keys; "*" for all
)
ALL = "*"


@dataclass(frozen=True)
class Held:
    """A leg as it is kept: whose it is beside where it stands."""

    leg: Leg
    peer: str
    asker: str
    consult: str
    local: str | None = None
    service: str = ""
    people: Mapping[str, str] = field(default_factory=dict)
    number: int = 0
    opened_at: datetime | None = None
    heard_at: datetime | None = None

    @property
    def id(self) -> str:
        """Its one key."""
        return leg_id(self.peer, self.asker, self.consult)

    @property
    def offers(self) -> bool:
        """Whether it is the stream of a hospital's offers, and no consult's."""
        return self.consult == OFFERS


@dataclass(frozen=True)
class Given:
    """The last offer that we made to a hospital."""

    server: str
    digest: str
    sequence: int
    expires: datetime


@dataclass(frozen=True)
class Got:
    """The offer of a hospital that counts, and what of it our operator has declined."""

    server: str
    sequence: int
    expires: datetime
    services: tuple[Offered, ...]
    declined: frozenset[str] = frozenset()

    @property
    def open(self) -> tuple[Offered, ...]:
        """What may be asked."""
        if ALL in self.declined:
            return ()
        return tuple(service for service in self.services if service.key not in self.declined)


def leg_id(peer: str, asker: str, consult: str) -> str:
    """The key of a leg."""
    return hashlib.sha256(f"{peer}\n{asker}\n{consult}".encode()).hexdigest()[:32]


# ── legs ──


async def load(tx: Tx, peer: str, asker: str, consult: str) -> Held | None:
    """A leg, locked until the transaction ends."""
    return await _one(tx, leg_rows.c.id == leg_id(peer, asker, consult))


async def load_by_id(tx: Tx, key: str) -> Held | None:
    """A leg by its key, locked until the transaction ends."""
    return await _one(tx, leg_rows.c.id == key)


async def asked_of(tx: Tx, local: str, peer: str, own: str) -> Held | None:
    """The leg by which we ask a hospital about one of our consults, locked until the transaction ends."""
    return await load(tx, peer, own, local)


async def answering(tx: Tx, local: str, own: str) -> Held | None:
    """The leg of a consult that another hospital asks of us, locked until the transaction ends."""
    return await _one(tx, (leg_rows.c.local == local) & (leg_rows.c.asker != own))


async def save(tx: Tx, held: Held) -> None:
    """Keep a leg, and forget the letters that it says are confirmed."""
    leg = held.leg
    values = {
        "id": held.id,
        "peer": held.peer,
        "asker": held.asker,
        "consult": held.consult,
        "local": held.local,
        "service": held.service,
        "people": tx.seal(leg_rows.c.people, held.id, dict(held.people)) if held.people else None,
        "number": held.number,
        "asking": str(leg.asking),
        "answering": str(leg.answering),
        "sent": leg.sent,
        "acked": leg.acked,
        "got": leg.got,
        "tries": leg.tries,
        "opened_at": held.opened_at or tx.now,
        "heard_at": held.heard_at,
    }
    await _upsert(tx, leg_rows, values)
    await tx.conn.execute(
        delete(letter_rows).where(letter_rows.c.leg == held.id, letter_rows.c.number <= leg.acked)
    )


async def open_with(tx: Tx, peer: str) -> list[Held]:
    """The legs of consults with a hospital that are not over, locked until the transaction ends."""
    query = select(leg_rows).where(
        leg_rows.c.peer == peer,
        leg_rows.c.consult != OFFERS,
        leg_rows.c.asking.not_in([str(place) for place in OVER]),
        leg_rows.c.answering.not_in([str(place) for place in GONE]),
    )
    return [_held(tx, row) for row in await tx.conn.execute(query.order_by(leg_rows.c.id).with_for_update())]


async def waiting_for(tx: Tx, peer: str) -> list[Held]:
    """The legs with a hospital in which something is not confirmed, locked until the transaction ends."""
    query = select(leg_rows).where(leg_rows.c.peer == peer, leg_rows.c.acked < leg_rows.c.sent)
    return [_held(tx, row) for row in await tx.conn.execute(query.order_by(leg_rows.c.id).with_for_update())]


async def peers_of_open(tx: Tx) -> set[str]:
    """The hospitals with which a consult is not over."""
    query = select(leg_rows.c.peer).distinct()
    query = query.where(
        leg_rows.c.consult != OFFERS,
        leg_rows.c.asking.not_in([str(place) for place in OVER]),
        leg_rows.c.answering.not_in([str(place) for place in GONE]),
    )
    return set((await tx.conn.execute(query)).scalars())


async def purge(tx: Tx, before: datetime) -> int:
    """Forget legs of consults about which nothing was said since; returns how many."""
    old = leg_rows.c.opened_at < before
    quiet = or_(leg_rows.c.heard_at.is_(None), leg_rows.c.heard_at < before)
    gone = (leg_rows.c.consult != OFFERS) & old & quiet
    await tx.conn.execute(delete(letter_rows).where(letter_rows.c.leg.in_(select(leg_rows.c.id).where(gone))))
    return (await tx.conn.execute(delete(leg_rows).where(gone))).rowcount


# ── letters ──


async def keep_letter(tx: Tx, held: Held, letter: Letter) -> None:
    """Keep what we say until it is confirmed."""
    row = {
        "id": letter.id,
        "leg": held.id,
        "number": letter.number,
        "kind": str(letter.kind),
        "body": tx.seal(letter_rows.c.body, letter.id, dict(letter.body)),
        "at": letter.at,
    }
    await tx.conn.execute(insert(letter_rows).values(**row))


async def unconfirmed(tx: Tx, held: Held, own: str, most: int) -> list[Letter]:
    """What of a leg is to be said again, the oldest first, with what we have heard meanwhile."""
    query = select(letter_rows).where(letter_rows.c.leg == held.id).order_by(letter_rows.c.number).limit(most)
    return [
        Letter(
            id=row.id,
            sender=own,
            to=held.peer,
            asker=held.asker,
            consult=held.consult,
            number=row.number,
            confirms=held.leg.got,
            kind=Kind(row.kind),
            at=row.at,
            body=tx.open(letter_rows.c.body, row.id, row.body),
        )
        for row in await tx.conn.execute(query)
    ]


async def drop_letters(tx: Tx, held: Held) -> None:
    """Say nothing of a leg again."""
    await tx.conn.execute(delete(letter_rows).where(letter_rows.c.leg == held.id))


# ── offers ──


async def given(tx: Tx) -> dict[str, Given]:
    """What we have offered, by hospital."""
    rows = await tx.conn.execute(select(given_rows).order_by(given_rows.c.server))
    return {row.server: Given(row.server, row.digest, row.sequence, row.expires) for row in rows}


async def keep_given(tx: Tx, one: Given) -> None:
    """Note what we offer to a hospital from now on."""
    values = {"server": one.server, "digest": one.digest, "sequence": one.sequence, "expires": one.expires}
    await _upsert(tx, given_rows, values)


async def got(tx: Tx, servers: Collection[str] | None = None) -> dict[str, Got]:
    """The offers of hospitals, by server; expired ones too."""
    query = select(offer_rows).order_by(offer_rows.c.server)
    if servers is not None:
        query = query.where(offer_rows.c.server.in_(list(servers)))
    return {row.server: _got(row) for row in await tx.conn.execute(query)}


async def keep_got(tx: Tx, one: Got) -> None:
    """Let an offer count; what our operator has declined stays declined."""
    values = {
        "server": one.server,
        "sequence": one.sequence,
        "expires": one.expires,
        "services": json.dumps([service.to_json() for service in one.services], ensure_ascii=False),
        "declined": json.dumps(sorted(one.declined)),
    }
    await _upsert(tx, offer_rows, values)


async def decline(tx: Tx, one: Got, declined: Collection[str]) -> Got:
    """Note what of an offer our operator wants nobody to ask for."""
    statement = update(offer_rows).where(offer_rows.c.server == one.server)
    await tx.conn.execute(statement.values(declined=json.dumps(sorted(declined))))
    return replace(one, declined=frozenset(declined))


# ── rows ──


async def _one(tx: Tx, where: Any) -> Held | None:
    row = (await tx.conn.execute(select(leg_rows).where(where).with_for_update())).first()
    return None if row is None else _held(tx, row)


def _held(tx: Tx, row: Any) -> Held:
    side = Side.ANSWERING if row.asker == row.peer else Side.ASKING
    return Held(
        Leg(side, Place(row.asking), Place(row.answering), row.sent, row.acked, row.got, row.tries),
        row.peer,
        row.asker,
        row.consult,
        row.local,
        row.service,
        tx.open(leg_rows.c.people, row.id, row.people) or {},
        row.number,
        row.opened_at,
        row.heard_at,
    )


def _got(row: Any) -> Got:
    services = tuple(
        Offered(one["key"], one["names"], tuple(one["synonyms"])) for one in json.loads(row.services)
    )
    return Got(row.server, row.sequence, row.expires, services, frozenset(json.loads(row.declined)))


async def _upsert(tx: Tx, table: Table, values: Mapping[str, Any]) -> None:
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    keys = [column.name for column in table.primary_key.columns]
    changed = {name: value for name, value in values.items() if name not in keys}
    statement = make_insert(table).values(**values)
    await tx.conn.execute(statement.on_conflict_do_update(index_elements=keys, set_=changed))
