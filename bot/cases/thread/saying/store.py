"""What authors say to their cases: each thing, its sealed parts, and the message it was written in."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, func, insert, select, update

from bot.cases.model import Event, Shown, State
from bot.cases.store import CaseMoved, case_rows
from bot.cases.store import author_key as key_of_author
from bot.cases.thread.model import Given, Kind, Piece
from bot.cases.thread.rules import PIECES, UNSENT
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id

piece_rows = Table(
    "case_pieces",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("case_id", String(16), nullable=False, index=True),
    Column("bot", String(64), nullable=False),
    Column("kind", String(8), nullable=False),
    Column("state", String(12), nullable=False),
    Column("handle", String(16), nullable=True, index=True),
    Column("source", String(64), nullable=True, index=True),  # keyed hash of the author's message
    Column("seq", Integer, nullable=False),
    Column("given", Sealed, nullable=True),
    Column("shown", Sealed, nullable=True),
    Column("preview_hash", String(64), nullable=True),
    Column("text", Sealed, nullable=True),
    Column("created_at", UtcTime, nullable=False),
    Column("shown_at", UtcTime, nullable=True),
)
_OPENED = [column for column in piece_rows.c if not isinstance(column.type, Sealed)]


def source_of(tx: Tx, event_id: str) -> str:
    """The keyed hash of an event in an author's chat."""
    return hmac.new(tx.keys.derive("cases source"), event_id.encode(), hashlib.sha256).hexdigest()


async def add(tx: Tx, case_id: str, bot: str, kind: Kind, given: Given, event_id: str) -> Piece:
    """Something that an author wants to say, written in the event `event_id` of their chat."""
    piece_id = new_id(tx.now)
    await tx.conn.execute(
        insert(piece_rows).values(
            id=piece_id,
            case_id=case_id,
            bot=bot,
            kind=kind,
            state=State.WORKING,
            handle=secrets.token_hex(6),
            source=source_of(tx, event_id),
            seq=0,
            given=tx.seal(piece_rows.c.given, piece_id, given.packed),
            created_at=tx.now,
        )
    )
    found = await piece(tx, piece_id)
    assert found is not None
    return found


async def piece(tx: Tx, piece_id: str, *, lock: bool = False) -> Piece | None:
    """A piece by its id."""
    return await _one(tx, piece_rows.c.id == piece_id, lock=lock)


async def by_handle(tx: Tx, handle: str) -> Piece | None:
    """A piece by its name in its author's chat, locked."""
    return await _one(tx, piece_rows.c.handle == handle, lock=True)


async def written_in(tx: Tx, event_id: str) -> Piece | None:
    """The piece that an author wrote in a message, locked."""
    return await _one(tx, piece_rows.c.source == source_of(tx, event_id), lock=True)


async def latest(tx: Tx, user_id: str) -> Piece | None:
    """Somebody's newest piece that they may still correct, locked."""
    query = (
        select(piece_rows.c.id)
        .join(case_rows, case_rows.c.id == piece_rows.c.case_id)
        .where(case_rows.c.author_key == key_of_author(tx.keys, user_id))
        .where(piece_rows.c.state.in_([State.PREVIEW, State.WORKING]))
        .order_by(piece_rows.c.id.desc())
        .limit(1)
    )
    found = (await tx.conn.execute(query)).scalar()
    return None if found is None else await piece(tx, str(found), lock=True)


async def unsent(tx: Tx, case_id: str) -> list[Piece]:
    """The pieces of a case that have not been posted."""
    query = select(*_OPENED).where(
        piece_rows.c.case_id == case_id, piece_rows.c.state.in_([*UNSENT, State.POSTING])
    )
    return [_piece(row) for row in await tx.conn.execute(query)]


async def posted(tx: Tx, case_id: str) -> list[Piece]:
    """The pieces of a case that stand in its thread, hidden ones too."""
    query = select(*_OPENED).where(
        piece_rows.c.case_id == case_id, piece_rows.c.state.in_([State.POSTED, State.HIDDEN])
    )
    return [_piece(row) for row in await tx.conn.execute(query.order_by(piece_rows.c.id))]


async def count_since(tx: Tx, case_id: str, since: datetime) -> int:
    """How much was said to a case since a moment."""
    query = select(func.count()).where(piece_rows.c.case_id == case_id, piece_rows.c.created_at > since)
    return int((await tx.conn.execute(query)).scalar_one())


async def given(tx: Tx, piece_id: str) -> Given | None:
    """What the author wrote; None once it is erased."""
    found = await _sealed(tx, piece_rows.c.given, piece_id)
    return None if found is None else Given.unpack(found)


async def shown(tx: Tx, piece_id: str) -> Shown | None:
    """What the author was shown last; None before, and once it is erased."""
    found = await _sealed(tx, piece_rows.c.shown, piece_id)
    return None if found is None else Shown.unpack(found)


async def text(tx: Tx, piece_id: str) -> str | None:
    """The text as it was posted."""
    found = await _sealed(tx, piece_rows.c.text, piece_id)
    return None if found is None else str(found)


async def keep_given(tx: Tx, piece_id: str, one: Given) -> None:
    """Keep what the author wrote."""
    await change(tx, piece_id, given=tx.seal(piece_rows.c.given, piece_id, one.packed))


async def keep_shown(tx: Tx, piece_id: str, preview: Shown, preview_hash: str) -> None:
    """Keep what the author is shown, and its keyed hash."""
    sealed = tx.seal(piece_rows.c.shown, piece_id, preview.packed)
    await change(tx, piece_id, shown=sealed, preview_hash=preview_hash)


async def keep_text(tx: Tx, piece_id: str, words: str) -> None:
    """Keep the text as it is posted."""
    await change(tx, piece_id, text=tx.seal(piece_rows.c.text, piece_id, words))


async def move(tx: Tx, one: Piece, event: Event, **values: object) -> State:
    """Let something happen to a piece; raises CaseMoved if it cannot, or somebody was quicker.

    What the author wrote is erased as soon as it is needed no longer.
    """
    state = PIECES.get((one.state, event))
    if state is None:
        raise CaseMoved(f"A piece is {one.state}: {event} cannot happen now.")
    if state not in UNSENT:
        values = {"given": None, "shown": None, "handle": None, "source": None, **values}
    moving = update(piece_rows).where(piece_rows.c.id == one.id, piece_rows.c.state == one.state)
    if (await tx.conn.execute(moving.values(state=state, **values))).rowcount != 1:
        raise CaseMoved(f"A piece is no longer {one.state}.")
    return state


async def change(tx: Tx, piece_id: str, **values: object) -> None:
    """Keep what has changed of a piece, its state aside (see `move`)."""
    assert "state" not in values
    await tx.conn.execute(update(piece_rows).where(piece_rows.c.id == piece_id).values(**values))


async def forget(tx: Tx, case_id: str) -> None:
    """Drop what an author was about to say to a case."""
    for one in await unsent(tx, case_id):
        if one.state in UNSENT:
            await move(tx, one, Event.DISCARD)


async def _sealed(tx: Tx, column: Column[Any], piece_id: str) -> Any:
    sealed = (await tx.conn.execute(select(column).where(piece_rows.c.id == piece_id))).scalar()
    return tx.open(column, piece_id, sealed)


async def _one(tx: Tx, which: Any, *, lock: bool = False) -> Piece | None:
    query = select(*_OPENED).where(which)
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _piece(row)


def _piece(row: Any) -> Piece:
    return Piece(
        row.id, row.case_id, row.bot, Kind(row.kind), State(row.state), row.handle, row.seq,
        row.preview_hash, row.created_at, row.shown_at,
    )  # fmt: skip
