"""Where consults are kept. What people wrote is sealed; everything else holds no words of theirs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    bindparam,
    exists,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    union,
    update,
)

from bot.consults import frozen
from bot.consults.model import (
    Asked,
    Consult,
    Expects,
    Outcome,
    Room,
    State,
    Urgency,
    Way,
)
from bot.consults.request import Request
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import short_id

consult_rows = Table(
    "consults",
    metadata,
    Column("id", String(16), primary_key=True),  # C-7F3K
    Column("bot", String(64), nullable=False),
    Column("service", String(320), nullable=False),  # a key of the roster, or key@server
    Column("urgency", String(12), nullable=False),
    Column("expects", String(12), nullable=False),
    Column("follow", Boolean, nullable=False),
    Column("state", String(16), nullable=False, index=True),
    Column("version", Integer, nullable=False),
    Column("policy", Text, nullable=False),  # JSON, see bot.consults.frozen
    Column("round", Integer, nullable=False),
    Column("rounds", Integer, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("turn", Integer, nullable=False),
    Column("turn_due", UtcTime, nullable=True),
    Column("named", Boolean, nullable=False),
    Column("moderators_asked", Boolean, nullable=False),
    Column("requester", String(255), nullable=False, index=True),
    Column("consultant", String(255), nullable=True, index=True),
    Column("via", String(255), nullable=True),
    Column("colleagues", Text, nullable=False),  # user ids, JSON
    Column("held_by", String(255), nullable=True),
    Column("due_at", UtcTime, nullable=True),
    Column("due_left", BigInteger, nullable=True),  # milliseconds
    Column("reminders", Integer, nullable=False),
    Column("origin", String(300), nullable=False),  # the room it was asked in, or hospital:SERVER
    Column("thread", String(255), nullable=False),  # the event it was asked with
    Column("progress", String(26), nullable=True),  # the outbox id of the requester's progress message
    Column("room", String(12), nullable=False),
    Column("room_id", String(255), nullable=True, index=True),
    Column("question", Sealed, nullable=False),  # the whole request, see bot.consults.request
    Column("answer", Sealed, nullable=True),
    Column("read_back", Sealed, nullable=True),
    Column("opened_at", UtcTime, nullable=False),
    Column("paged_at", UtcTime, nullable=True),
    Column("acknowledged_at", UtcTime, nullable=True),
    Column("accepted_at", UtcTime, nullable=True),
    Column("answered_at", UtcTime, nullable=True),
    Column("closed_at", UtcTime, nullable=True),
    Index("ix_consults_service_opened_at", "service", "opened_at"),
)
# Said as a literal, so that both databases see that the partial index applies, which stays small however
# many consults have ended.
_NOT_OVER = "state NOT IN ('completed', 'cancelled', 'expired', 'entered-in-error')"
IS_OPEN = literal_column(f"consults.{_NOT_OVER}", Boolean)
Index("ix_consults_open", consult_rows.c.id, sqlite_where=text(_NOT_OVER), postgresql_where=text(_NOT_OVER))
page_rows = Table(
    "consult_pages",
    metadata,
    Column("consult", String(16), ForeignKey("consults.id", ondelete="CASCADE"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("user_id", String(255), nullable=False),
    Column("outcome", String(12), nullable=False),
    Column("turn", Integer, nullable=False),
    Column("round", Integer, nullable=False),
    Column("tier", Integer, nullable=False),
    Column("until", UtcTime, nullable=True),
    Column("ways", String(32), nullable=False),
    Column("out", String(26), nullable=True),  # the outbox id of the message
    Column("asked_at", UtcTime, nullable=False),
    Column("send_at", UtcTime, nullable=False),  # later than asked_at: with a bundle
    Column("delivered_at", UtcTime, nullable=True),
    Column("settled_at", UtcTime, nullable=True),  # when its outcome last changed
    Index("ix_consult_pages_user_id_asked_at", "user_id", "asked_at"),
)
# A short id is one of a million; after this many collisions in a row the next ones are longer.
_TRIES = 8
HOSPITAL_ORIGIN = "hospital:"


@dataclass(frozen=True)
class Record:
    """A consult, and where it happens.

    `origin` is the room it was asked in, or `hospital:SERVER` where another hospital's Curbside speaks for
    the requester; `progress` the outbox id of the message that shows the requester how it goes.
    """

    consult: Consult
    bot: str
    origin: str
    thread: str
    room_id: str | None = None
    progress: str | None = None

    @property
    def id(self) -> str:
        return self.consult.id

    @property
    def room(self) -> str:
        """The name under which the outbox knows the consult's room."""
        return f"room:consult-{self.consult.id}"

    @property
    def hospital(self) -> str | None:
        """The homeserver of the hospital that asked, if it was not somebody here."""
        return self.origin.removeprefix(HOSPITAL_ORIGIN) if self.origin.startswith(HOSPITAL_ORIGIN) else None


@dataclass(frozen=True)
class Sent:
    """What became of a page that a decision asked for: the message (None: not yet), and when it goes out."""

    out: str | None
    at: datetime


# The statements of every step are built once: building them anew cost more than running them.
_CHANGING = (
    "state", "version", "policy", "round", "rounds", "tier", "turn", "turn_due", "named",
    "moderators_asked", "consultant", "via", "colleagues", "held_by", "due_at", "due_left", "reminders",
    "progress", "room", "room_id", "paged_at", "acknowledged_at", "accepted_at", "answered_at", "closed_at",
)  # fmt: skip
_ADD = insert(consult_rows)
_ADD_PAGES = insert(page_rows)
COLUMNS = [column for column in consult_rows.c if not isinstance(column.type, Sealed)]
_LOAD = (
    select(*COLUMNS, consult_rows.c.question).where(consult_rows.c.id == bindparam("key")).with_for_update()
)
_LOOK = select(*COLUMNS).where(consult_rows.c.id == bindparam("key"))
_PAGES = select(page_rows).where(page_rows.c.consult == bindparam("key")).order_by(page_rows.c.number)
_TAKEN = select(exists().where(consult_rows.c.id == bindparam("key")))
_SAVE = (
    update(consult_rows)
    .where(consult_rows.c.id == bindparam("key"))
    .values({name: bindparam(name) for name in _CHANGING if name != "policy"})
)
_SAVE_PAGE = (
    update(page_rows)
    .where(page_rows.c.consult == bindparam("key"), page_rows.c.number == bindparam("of"))
    .values(
        outcome=bindparam("outcome"),
        ways=bindparam("ways"),
        delivered_at=bindparam("delivered_at"),
        settled_at=func.coalesce(bindparam("settled_at", type_=UtcTime), page_rows.c.settled_at),
    )
)
_SENT = (
    update(page_rows)
    .where(page_rows.c.consult == bindparam("key"), page_rows.c.number == bindparam("of"))
    .values(out=bindparam("out"), send_at=bindparam("send_at"))
)
_PAGE_OUT = select(page_rows.c.out).where(
    page_rows.c.consult == bindparam("key"), page_rows.c.number == bindparam("of")
)
_PART = select(
    exists().where(
        consult_rows.c.id == bindparam("key"),
        or_(consult_rows.c.requester == bindparam("user"), consult_rows.c.consultant == bindparam("user")),
    ),
    exists().where(page_rows.c.consult == bindparam("key"), page_rows.c.user_id == bindparam("user")),
)


async def free_id(tx: Tx) -> str:
    """An id that no consult has yet."""
    tries = 0
    while True:
        consult_id = short_id("C", 4 if tries < _TRIES else 6)
        if not (await tx.conn.execute(_TAKEN, {"key": consult_id})).scalar():
            return consult_id
        tries += 1


async def add(tx: Tx, record: Record, request: Request) -> None:
    """Keep a new consult and its request; its pages come with the first `save`."""
    consult = record.consult
    fixed = {
        "id": consult.id,
        "bot": record.bot,
        "service": consult.service,
        "urgency": str(consult.urgency),
        "expects": str(consult.expects),
        "follow": consult.follow,
        "requester": consult.requester,
        "origin": record.origin,
        "thread": record.thread,
        "opened_at": consult.opened_at,
        "question": tx.seal(consult_rows.c.question, consult.id, request.to_json()),
    }
    await tx.conn.execute(_ADD, {**fixed, **_changing(record)})
    tx.memo[("request", consult.id)] = fixed["question"]


async def load(tx: Tx, consult_id: str) -> Record | None:
    """A consult, locked until the transaction ends."""
    row = (await tx.conn.execute(_LOAD, {"key": consult_id})).first()
    if row is None:
        return None
    tx.memo[("request", consult_id)] = row.question  # most decisions page somebody, who reads it
    return await _whole(tx, row)


async def look(tx: Tx, consult_id: str) -> Record | None:
    """A consult as it is, to read only."""
    row = (await tx.conn.execute(_LOOK, {"key": consult_id})).first()
    return None if row is None else await _whole(tx, row)


async def save(tx: Tx, before: Record, after: Record, sent: Mapping[int, Sent]) -> None:
    """Keep what has changed; `sent` says of new pages, and of those sent just now, which message they are."""
    values = _changing(after)
    if values != _changing(before):
        del values["policy"]
        await tx.conn.execute(_SAVE, {"key": after.id, **values})
    known = before.consult.asked
    changed = [page for page, old in zip(after.consult.asked, known, strict=False) if page != old]
    if changed:
        outcomes = {page.number: page.outcome for page in known}
        await tx.conn.execute(
            _SAVE_PAGE,
            [
                {
                    "key": after.id,
                    "of": page.number,
                    "outcome": str(page.outcome),
                    "ways": _ways(page),
                    "delivered_at": page.delivered_at,
                    "settled_at": tx.now if page.outcome is not outcomes[page.number] else None,
                }
                for page in changed
            ],
        )
    await _add_pages(tx, after.consult, after.consult.asked[len(known) :], sent)
    for number in sent:
        if number <= len(known):
            await note_sent(tx, after.id, number, sent[number])


async def note_sent(tx: Tx, consult_id: str, number: int, sent: Sent) -> None:
    """Remember which message a page became."""
    await tx.conn.execute(_SENT, {"key": consult_id, "of": number, "out": sent.out, "send_at": sent.at})


async def page_message(tx: Tx, consult_id: str, number: int) -> str | None:
    """The outbox id of a page's message; None: it has not gone out."""
    found: str | None = (await tx.conn.execute(_PAGE_OUT, {"key": consult_id, "of": number})).scalar()
    return found


# ── words ──


async def request(tx: Tx, consult_id: str) -> Request:
    """What was asked."""
    column, sealed = consult_rows.c.question, tx.memo.get(("request", consult_id))
    return Request.from_json(
        await _sealed(tx, column, consult_id) if sealed is None else tx.open(column, consult_id, sealed)
    )


async def keep_request(tx: Tx, consult_id: str, asked: Request) -> None:
    """Keep what is asked now, in place of what was asked before."""
    sealed = tx.seal(consult_rows.c.question, consult_id, asked.to_json())
    await _keep(tx, consult_id, question=sealed)
    tx.memo[("request", consult_id)] = sealed


async def keep_answer(tx: Tx, consult_id: str, text: str) -> None:
    """Keep the answer, in place of an earlier one."""
    await _keep(tx, consult_id, answer=tx.seal(consult_rows.c.answer, consult_id, text))


async def keep_read_back(tx: Tx, consult_id: str, text: str) -> None:
    """Keep what the requester has understood."""
    await _keep(tx, consult_id, read_back=tx.seal(consult_rows.c.read_back, consult_id, text))


async def answer(tx: Tx, consult_id: str) -> str:
    """The answer; empty while there is none."""
    return str(await _sealed(tx, consult_rows.c.answer, consult_id) or "")


async def read_back(tx: Tx, consult_id: str) -> str:
    """What the requester has understood; empty while there is nothing."""
    return str(await _sealed(tx, consult_rows.c.read_back, consult_id) or "")


# ── finding ──


async def open_for(tx: Tx, user_id: str) -> list[Record]:
    """The open consults that somebody requested, is asked for or has in care, oldest first."""
    # A union, since neither database reads an index for each side of such an OR.
    theirs = union(
        select(consult_rows.c.id).where(consult_rows.c.requester == user_id),
        select(consult_rows.c.id).where(consult_rows.c.consultant == user_id),
        select(page_rows.c.consult).where(page_rows.c.user_id == user_id),
    )
    query = (
        select(*COLUMNS)
        .where(consult_rows.c.id.in_(theirs), IS_OPEN)
        .order_by(consult_rows.c.opened_at, consult_rows.c.id)
    )
    return await records(tx, (await tx.conn.execute(query)).all())


async def of_room(tx: Tx, room_id: str) -> str | None:
    """The consult whose room this is."""
    query = select(consult_rows.c.id).where(consult_rows.c.room_id == room_id).limit(1)
    found: str | None = (await tx.conn.execute(query)).scalar()
    return found


async def concerns(tx: Tx, consult_id: str, user_id: str) -> bool:
    """Whether somebody requested a consult, was asked or has it in care."""
    row = (await tx.conn.execute(_PART, {"key": consult_id, "user": user_id})).one()
    return bool(row[0] or row[1])


# ── rows ──


async def _whole(tx: Tx, row: Any) -> Record:
    return _record(row, [_asked(page) for page in await tx.conn.execute(_PAGES, {"key": row.id})])


async def records(tx: Tx, rows: Sequence[Any]) -> list[Record]:
    """The consults of these rows of `consult_rows`, in their order."""
    asked: dict[str, list[Asked]] = {}
    ids = [row.id for row in rows]
    for start in range(0, len(ids), 500):
        query = select(page_rows).where(page_rows.c.consult.in_(ids[start : start + 500]))
        for page in await tx.conn.execute(query.order_by(page_rows.c.consult, page_rows.c.number)):
            asked.setdefault(page.consult, []).append(_asked(page))
    return [_record(row, asked.get(row.id, ())) for row in rows]


def _changing(record: Record) -> dict[str, Any]:
    consult = record.consult
    left = consult.due_left
    return {
        "state": str(consult.state),
        "version": consult.version,
        "policy": frozen.to_json(consult.policy),
        "round": consult.round,
        "rounds": consult.rounds,
        "tier": consult.tier,
        "turn": consult.turn,
        "turn_due": consult.turn_due,
        "named": consult.named,
        "moderators_asked": consult.moderators_asked,
        "consultant": consult.consultant,
        "via": consult.via,
        "colleagues": json.dumps(consult.colleagues),
        "held_by": consult.held_by,
        "due_at": consult.due_at,
        "due_left": None if left is None else left // timedelta(milliseconds=1),
        "reminders": consult.reminders,
        "progress": record.progress,
        "room": str(consult.room),
        "room_id": record.room_id,
        "paged_at": consult.paged_at,
        "acknowledged_at": consult.acknowledged_at,
        "accepted_at": consult.accepted_at,
        "answered_at": consult.answered_at,
        "closed_at": consult.closed_at,
    }


async def _add_pages(tx: Tx, consult: Consult, pages: Sequence[Asked], sent: Mapping[int, Sent]) -> None:
    if not pages:
        return
    rows = []
    for page in pages:
        known = sent.get(page.number, Sent(None, tx.now))
        rows.append(
            {
                "consult": consult.id,
                "number": page.number,
                "user_id": page.user,
                "outcome": str(page.outcome),
                "turn": page.turn,
                "round": page.round,
                "tier": page.tier,
                "until": page.until,
                "ways": _ways(page),
                "out": known.out,
                "asked_at": tx.now,
                "send_at": known.at,
                "delivered_at": page.delivered_at,
                "settled_at": None,
            }
        )
    await tx.conn.execute(_ADD_PAGES, rows)


def _ways(page: Asked) -> str:
    return " ".join(page.ways)


async def _keep(tx: Tx, consult_id: str, **sealed: bytes) -> None:
    await tx.conn.execute(update(consult_rows).where(consult_rows.c.id == consult_id).values(**sealed))


async def _sealed(tx: Tx, column: Column[Any], consult_id: str) -> Any:
    sealed = (await tx.conn.execute(select(column).where(consult_rows.c.id == consult_id))).scalar()
    return tx.open(column, consult_id, sealed)


def _asked(row: Any) -> Asked:
    return Asked(
        row.number,
        row.user_id,
        Outcome(row.outcome),
        row.turn,
        row.round,
        row.tier,
        row.until,
        row.delivered_at,
        tuple(Way(way) for way in row.ways.split()),
    )


def _record(row: Any, asked: Sequence[Asked]) -> Record:
    consult = Consult(
        id=row.id,
        service=row.service,
        urgency=Urgency(row.urgency),
        requester=row.requester,
        policy=frozen.from_json(row.policy),
        opened_at=row.opened_at,
        expects=Expects(row.expects),
        follow=row.follow,
        state=State(row.state),
        round=row.round,
        rounds=row.rounds,
        tier=row.tier,
        turn=row.turn,
        turn_due=row.turn_due,
        named=row.named,
        moderators_asked=row.moderators_asked,
        asked=tuple(asked),
        consultant=row.consultant,
        via=row.via,
        colleagues=tuple(json.loads(row.colleagues)),
        room=Room(row.room),
        version=row.version,
        held_by=row.held_by,
        due_at=row.due_at,
        due_left=None if row.due_left is None else timedelta(milliseconds=row.due_left),
        reminders=row.reminders,
        paged_at=row.paged_at,
        acknowledged_at=row.acknowledged_at,
        accepted_at=row.accepted_at,
        answered_at=row.answered_at,
        closed_at=row.closed_at,
    )
    return Record(consult, row.bot, row.origin, row.thread, row.room_id, row.progress)
