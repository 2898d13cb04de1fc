"""What stands under cases: our events in rooms, what was relayed to authors, specialists who were asked.

Where the author's chat is concerned, only keyed hashes and sealed values stand here: the outbox keeps for
some time to whom each of its rows went.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, String, Table, delete, func, insert, select, update

from bot.cases.model import State
from bot.cases.rules import PUBLIC
from bot.cases.store import author_key, case_rows, file_rows
from bot.cases.thread.model import Page, Query, Standing, Stands
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id

event_rows = Table(
    "case_events",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("case_id", String(16), nullable=False, index=True),
    Column("room_id", String(255), nullable=False),
    Column("what", String(8), nullable=False),
    Column("piece", String(26), nullable=True, index=True),
    Column("gone", Boolean, nullable=False),  # redacted
)
relay_rows = Table(
    "case_relays",
    metadata,
    Column("id", String(64), primary_key=True),  # keyed hash of the event that was relayed
    Column("case_id", String(16), nullable=False, index=True),
    Column("told", Sealed, nullable=False),  # the outbox id of the message to the author
    Column("at", UtcTime, nullable=False),
)
page_rows = Table(
    "case_pages",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("case_id", String(16), nullable=False, index=True),
    Column("handle", String(16), nullable=False, unique=True),
    Column("service", String(64), nullable=False),
    Column("who", String(255), nullable=False),
    Column("state", String(8), nullable=False),
    Column("first", Boolean, nullable=False),  # of this request: those after were asked in their place
    Column("at", UtcTime, nullable=False),
)
_OPENED = [column for column in case_rows.c if not isinstance(column.type, Sealed)]
ASKED, LOOKING, PASSED = "asked", "looking", "passed"


# What stands in rooms ------------------------------------------------------------------------------


async def stand(tx: Tx, one: Standing) -> None:
    """Note an event of ours in a room; a repeat changes nothing."""
    if await standing(tx, {one.event_id}) is None:
        await tx.conn.execute(
            insert(event_rows).values(
                event_id=one.event_id,
                case_id=one.case_id,
                room_id=one.room_id,
                what=one.what,
                piece=one.piece,
                gone=False,
            )
        )


async def standing(tx: Tx, events: Collection[str]) -> Standing | None:
    """What one of these events is, redacted ones too."""
    if not events:
        return None
    query = select(event_rows).where(event_rows.c.event_id.in_(list(events)))
    row = (await tx.conn.execute(query.limit(1))).first()
    return None if row is None else _standing(row)


async def present(tx: Tx, case_id: str, what: Collection[Stands], piece: str | None = None) -> list[Standing]:
    """The events of a case, or of one piece of it, that have not been redacted."""
    query = select(event_rows).where(
        event_rows.c.case_id == case_id, event_rows.c.what.in_(list(what)), event_rows.c.gone.is_(False)
    )
    if piece is not None:
        query = query.where(event_rows.c.piece == piece)
    return [_standing(row) for row in await tx.conn.execute(query)]


async def gone(tx: Tx, event_ids: Collection[str]) -> None:
    """Note that events have been redacted."""
    query = update(event_rows).where(event_rows.c.event_id.in_(list(event_ids)))
    await tx.conn.execute(query.values(gone=True))


# What was relayed ----------------------------------------------------------------------------------


def _relay_id(tx: Tx, event_id: str) -> str:
    return hmac.new(tx.keys.derive("cases relay"), event_id.encode(), hashlib.sha256).hexdigest()


async def keep_relay(tx: Tx, event_id: str, case_id: str, told: str) -> None:
    """Note which message told the author of an event in the thread."""
    row_id = _relay_id(tx, event_id)
    sealed = tx.seal(relay_rows.c.told, row_id, told)
    await tx.conn.execute(insert(relay_rows).values(id=row_id, case_id=case_id, told=sealed, at=tx.now))


async def relay_of(tx: Tx, event_id: str) -> tuple[str, str] | None:
    """The case, and the outbox id of the message by which its author was told of an event."""
    row_id = _relay_id(tx, event_id)
    row = (await tx.conn.execute(select(relay_rows).where(relay_rows.c.id == row_id))).first()
    return None if row is None else (row.case_id, str(tx.open(relay_rows.c.told, row_id, row.told)))


async def relays(tx: Tx, case_id: str) -> int:
    """How much has been relayed of a case."""
    query = select(func.count()).where(relay_rows.c.case_id == case_id)
    return int((await tx.conn.execute(query)).scalar_one())


async def forget_relays(tx: Tx, before: datetime) -> None:
    """Forget what was relayed long ago: the outbox knows it no longer."""
    await tx.conn.execute(delete(relay_rows).where(relay_rows.c.at < before))


# Specialists ---------------------------------------------------------------------------------------


async def add_page(tx: Tx, case_id: str, service: str, who: str, *, first: bool) -> Page:
    """Note that somebody is asked to look."""
    page = Page(new_id(tx.now), case_id, secrets.token_hex(6), service, who, ASKED)
    await tx.conn.execute(
        insert(page_rows).values(
            id=page.id,
            case_id=case_id,
            handle=page.handle,
            service=service,
            who=who,
            state=ASKED,
            first=first,
            at=tx.now,
        )
    )
    return page


async def page(tx: Tx, handle: str) -> Page | None:
    """A page by its handle, locked."""
    query = select(page_rows).where(page_rows.c.handle == handle).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _page(row)


async def pages(tx: Tx, case_id: str, service: str) -> list[Page]:
    """Everybody of a service who was asked to look at a case."""
    query = select(page_rows).where(page_rows.c.case_id == case_id, page_rows.c.service == service)
    return [_page(row) for row in await tx.conn.execute(query.order_by(page_rows.c.id))]


async def settle_page(tx: Tx, one: Page, state: str) -> bool:
    """Note what somebody said; False if they had said it already."""
    query = update(page_rows).where(page_rows.c.id == one.id, page_rows.c.state == ASKED)
    return (await tx.conn.execute(query.values(state=state))).rowcount == 1


async def paged_since(tx: Tx, key: str, since: datetime) -> int:
    """How often specialists were asked for the cases of an author's key."""
    query = (
        select(func.count())
        .select_from(page_rows.join(case_rows, case_rows.c.id == page_rows.c.case_id))
        .where(case_rows.c.author_key == key, page_rows.c.first.is_(True), page_rows.c.at > since)
    )
    return int((await tx.conn.execute(query)).scalar_one())


# Lists ---------------------------------------------------------------------------------------------


async def listed(tx: Tx, keys: Collection[str], query: Query, most: int) -> list[tuple[str, str]]:
    """The newest cases in these rooms that fit a search, its words aside: id and opened text."""
    if not keys:
        return []
    states = PUBLIC if query.state is None else {query.state}
    found = select(case_rows.c.id, case_rows.c.text).where(
        case_rows.c.room_key.in_(list(keys)), case_rows.c.state.in_(list(states))
    )
    for tag in query.tags:
        found = found.where(case_rows.c.tags.contains(f" {tag} ", autoescape=True))
    rows = await tx.conn.execute(found.order_by(case_rows.c.posted_at.desc(), case_rows.c.id).limit(most))
    return [(row.id, str(tx.open(case_rows.c.text, row.id, row.text) or "")) for row in rows]


async def in_room(
    tx: Tx, key: str, state: State, *, since: datetime | None = None, most: int = 100
) -> list[str]:
    """The ids of a room's cases in a state, the newest first; `since`: closed after it."""
    query = select(case_rows.c.id).where(case_rows.c.room_key == key, case_rows.c.state == state)
    if since is not None:
        query = query.where(case_rows.c.closed_at > since)
    rows = await tx.conn.execute(query.order_by(case_rows.c.posted_at.desc(), case_rows.c.id).limit(most))
    return [str(row.id) for row in rows]


async def rooms_with_cases(tx: Tx) -> list[str]:
    """The keys of all rooms that have had a case."""
    query = select(case_rows.c.room_key).where(case_rows.c.posted_at.is_not(None)).distinct()
    return sorted(str(row.room_key) for row in await tx.conn.execute(query) if row.room_key)


async def forget_files(tx: Tx, before: datetime) -> None:
    """Forget the cleaned files of cases posted long ago, which would no longer be posted anew."""
    old = select(case_rows.c.id).where(case_rows.c.posted_at < before)
    await tx.conn.execute(delete(file_rows).where(file_rows.c.case_id.in_(old)))


def is_authors(tx: Tx, key: str | None, user_id: str) -> bool:
    """Whether an author's key is this person's."""
    return key is not None and hmac.compare_digest(key, author_key(tx.keys, user_id))


def _standing(row: Any) -> Standing:
    return Standing(row.event_id, row.case_id, row.room_id, Stands(row.what), row.piece)


def _page(row: Any) -> Page:
    return Page(row.id, row.case_id, row.handle, row.service, row.who, row.state)
