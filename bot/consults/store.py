"""Where consults are kept. What people wrote is sealed; everything else holds no words of theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ForeignKey, Integer, String, Table, Text, exists, insert, or_, select, update

from bot.consults.model import FINAL, Asked, Consult, Outcome, Room, State, Urgency
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import short_id

consult_rows = Table(
    "consults",
    metadata,
    Column("id", String(16), primary_key=True),  # C-7F3K
    Column("bot", String(64), nullable=False),
    Column("service", String(64), nullable=False),
    Column("urgency", String(12), nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("step", Integer, nullable=False),
    Column("chain", Text, nullable=False),  # user ids, JSON
    Column("wait_seconds", Integer, nullable=False),
    Column("requester", String(255), nullable=False, index=True),
    Column("consultant", String(255), nullable=True, index=True),
    Column("origin", String(255), nullable=False),  # the room it was asked in
    Column("thread", String(255), nullable=False),  # the event it was asked with
    Column("room", String(12), nullable=False),
    Column("room_id", String(255), nullable=True, index=True),
    Column("question", Sealed, nullable=False),
    Column("answer", Sealed, nullable=True),
    Column("read_back", Sealed, nullable=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("paged_at", UtcTime, nullable=True),
    Column("acknowledged_at", UtcTime, nullable=True),
    Column("accepted_at", UtcTime, nullable=True),
    Column("answered_at", UtcTime, nullable=True),
    Column("closed_at", UtcTime, nullable=True),
)
page_rows = Table(
    "consult_pages",
    metadata,
    Column("consult", String(16), ForeignKey("consults.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String(255), nullable=False, index=True),
    Column("outcome", String(12), nullable=False),
    Column("out", String(26), nullable=True),  # the outbox id of the message
    Column("asked_at", UtcTime, nullable=False),
)

# A short id is one of a million; after this many collisions in a row the next ones are longer.
_TRIES = 8


@dataclass(frozen=True)
class Record:
    """A consult, and where it happens."""

    consult: Consult
    bot: str
    origin: str
    thread: str
    room_id: str | None = None

    @property
    def id(self) -> str:
        return self.consult.id

    @property
    def room(self) -> str:
        """The name under which the outbox knows the consult's room."""
        return f"room:consult-{self.consult.id}"


async def free_id(tx: Tx) -> str:
    """An id that no consult has yet."""
    tries = 0
    while True:
        consult_id = short_id("C", 4 if tries < _TRIES else 6)
        taken = select(exists().where(consult_rows.c.id == consult_id))
        if not (await tx.conn.execute(taken)).scalar():
            return consult_id
        tries += 1


async def add(tx: Tx, record: Record, question: str) -> None:
    """Keep a new consult and its question."""
    consult = record.consult
    fixed = {
        "id": consult.id,
        "bot": record.bot,
        "service": consult.service,
        "urgency": str(consult.urgency),
        "wait_seconds": int(consult.wait.total_seconds()),
        "requester": consult.requester,
        "origin": record.origin,
        "thread": record.thread,
        "opened_at": consult.opened_at,
        "question": tx.seal(consult_rows.c.question, consult.id, question),
    }
    await tx.conn.execute(insert(consult_rows).values(**fixed, **_changing(record)))
    await _save_pages(tx, consult)


async def load(tx: Tx, consult_id: str) -> Record | None:
    """A consult, locked until the transaction ends."""
    query = select(consult_rows).where(consult_rows.c.id == consult_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else (await _records(tx, [row]))[0]


async def save(tx: Tx, record: Record) -> None:
    """Keep what has changed."""
    statement = update(consult_rows).where(consult_rows.c.id == record.id).values(**_changing(record))
    await tx.conn.execute(statement)
    await _save_pages(tx, record.consult)


async def keep_answer(tx: Tx, consult_id: str, text: str) -> None:
    """Keep the answer, in place of an earlier one."""
    await _keep_words(tx, consult_id, answer=tx.seal(consult_rows.c.answer, consult_id, text))


async def keep_read_back(tx: Tx, consult_id: str, text: str) -> None:
    """Keep what the requester has understood."""
    await _keep_words(tx, consult_id, read_back=tx.seal(consult_rows.c.read_back, consult_id, text))


async def question(tx: Tx, consult_id: str) -> str:
    """The question."""
    return str(await _words(tx, consult_rows.c.question, consult_id))


async def answer(tx: Tx, consult_id: str) -> str:
    """The answer; empty while there is none."""
    return str(await _words(tx, consult_rows.c.answer, consult_id) or "")


async def note_page(tx: Tx, consult_id: str, number: int, out: str) -> None:
    """Remember which message a page became."""
    await tx.conn.execute(update(page_rows).where(*_page(consult_id, number)).values(out=out))


async def page_message(tx: Tx, consult_id: str, number: int) -> str | None:
    """The outbox id of a page's message."""
    return (await tx.conn.execute(select(page_rows.c.out).where(*_page(consult_id, number)))).scalar()


async def open_for(tx: Tx, user_id: str) -> list[Record]:
    """The open consults that somebody requested, is asked for or has in care, oldest first."""
    asked = select(page_rows.c.consult).where(page_rows.c.user_id == user_id)
    query = (
        select(consult_rows)
        .where(consult_rows.c.state.not_in([str(state) for state in FINAL]))
        .where(
            or_(
                consult_rows.c.requester == user_id,
                consult_rows.c.consultant == user_id,
                consult_rows.c.id.in_(asked),
            )
        )
        .order_by(consult_rows.c.opened_at, consult_rows.c.id)
    )
    return await _records(tx, (await tx.conn.execute(query)).all())


async def open_with(tx: Tx, server: str) -> list[Record]:
    """The open consults in which people of a homeserver take part, locked until the transaction ends."""
    theirs = ":" + server
    asked = select(page_rows.c.consult).where(page_rows.c.user_id.endswith(theirs, autoescape=True))
    query = (
        select(consult_rows)
        .where(consult_rows.c.state.not_in([str(state) for state in FINAL]))
        .where(
            or_(
                consult_rows.c.requester.endswith(theirs, autoescape=True),
                consult_rows.c.consultant.endswith(theirs, autoescape=True),
                consult_rows.c.id.in_(asked),
            )
        )
        .order_by(consult_rows.c.id)
        .with_for_update()
    )
    return await _records(tx, (await tx.conn.execute(query)).all())


async def of_room(tx: Tx, room_id: str) -> str | None:
    """The consult whose room this is."""
    query = select(consult_rows.c.id).where(consult_rows.c.room_id == room_id).limit(1)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def concerns(tx: Tx, consult_id: str, user_id: str) -> bool:
    """Whether somebody requested a consult, was asked or has it in care."""
    asked = exists().where(page_rows.c.consult == consult_id, page_rows.c.user_id == user_id)
    part = or_(consult_rows.c.requester == user_id, consult_rows.c.consultant == user_id, asked)
    query = select(exists().where(consult_rows.c.id == consult_id, part))
    return bool((await tx.conn.execute(query)).scalar())


def _page(consult_id: str, number: int) -> tuple[Any, Any]:
    return page_rows.c.consult == consult_id, page_rows.c.number == number


def _changing(record: Record) -> dict[str, Any]:
    consult = record.consult
    return {
        "state": str(consult.state),
        "version": consult.version,
        "step": consult.step,
        "chain": json.dumps(consult.chain),
        "consultant": consult.consultant,
        "room": str(consult.room),
        "room_id": record.room_id,
        "paged_at": consult.paged_at,
        "acknowledged_at": consult.acknowledged_at,
        "accepted_at": consult.accepted_at,
        "answered_at": consult.answered_at,
        "closed_at": consult.closed_at,
    }


async def _save_pages(tx: Tx, consult: Consult) -> None:
    query = select(page_rows.c.number, page_rows.c.outcome).where(page_rows.c.consult == consult.id)
    known = {row.number: row.outcome for row in await tx.conn.execute(query)}
    for page in consult.asked:
        if page.number not in known:
            row = {"consult": consult.id, "number": page.number, "user_id": page.user, "asked_at": tx.now}
            await tx.conn.execute(insert(page_rows).values(**row, outcome=str(page.outcome)))
        elif known[page.number] != page.outcome:
            change = update(page_rows).where(*_page(consult.id, page.number))
            await tx.conn.execute(change.values(outcome=str(page.outcome)))


async def _keep_words(tx: Tx, consult_id: str, **sealed: bytes) -> None:
    await tx.conn.execute(update(consult_rows).where(consult_rows.c.id == consult_id).values(**sealed))


async def _words(tx: Tx, column: Column[Any], consult_id: str) -> Any:
    sealed = (await tx.conn.execute(select(column).where(consult_rows.c.id == consult_id))).scalar()
    return tx.open(column, consult_id, sealed)


async def _records(tx: Tx, rows: Any) -> list[Record]:
    query = select(page_rows).where(page_rows.c.consult.in_([row.id for row in rows]))
    asked: dict[str, list[Asked]] = {}
    for page in await tx.conn.execute(query.order_by(page_rows.c.consult, page_rows.c.number)):
        asked.setdefault(page.consult, []).append(Asked(page.number, page.user_id, Outcome(page.outcome)))
    return [
        Record(_consult(row, asked.get(row.id, ())), row.bot, row.origin, row.thread, row.room_id)
        for row in rows
    ]


def _consult(row: Any, asked: Any) -> Consult:
    opened: datetime = row.opened_at
    return Consult(
        id=row.id,
        service=row.service,
        urgency=Urgency(row.urgency),
        requester=row.requester,
        chain=tuple(json.loads(row.chain)),
        wait=timedelta(seconds=row.wait_seconds),
        opened_at=opened,
        state=State(row.state),
        step=row.step,
        asked=tuple(asked),
        consultant=row.consultant,
        room=Room(row.room),
        version=row.version,
        paged_at=row.paged_at,
        acknowledged_at=row.acknowledged_at,
        accepted_at=row.accepted_at,
        answered_at=row.answered_at,
        closed_at=row.closed_at,
    )
