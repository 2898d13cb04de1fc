"""Cases: how each stands, and its sealed parts, each opened by a function of its own.

What leads from a case to its author is sealed (`author`) or a keyed hash (`author_key`), and set to NULL once
it is erased. What the author wrote (`draft`), and what they were shown (`shown`), go when the case is posted,
discarded or expired; the text as posted (`text`) stays, sealed.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Column, Integer, String, Table, delete, func, insert, select, update

from bot.cases.model import Case, Consent, Draft, Event, Shown, State
from bot.cases.rules import ENDED, UNSENT, Who, after, keeps_original
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.errors import CurbsideError
from bot.kernel.ids import new_id, short_id
from bot.kernel.sealing import KeyRing

case_rows = Table(
    "cases",
    metadata,
    Column("id", String(16), primary_key=True),  # K-7F3K
    Column("bot", String(64), nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("handle", String(16), nullable=True, index=True),
    Column("seq", Integer, nullable=False),
    Column("room_key", String(64), nullable=True),
    Column("event_id", String(255), nullable=True, index=True),
    Column("pseudonym", String(64), nullable=True),
    Column("author", Sealed, nullable=True),
    Column("author_key", String(64), nullable=True, index=True),
    Column("draft", Sealed, nullable=True),
    Column("shown", Sealed, nullable=True),
    Column("preview_hash", String(64), nullable=True),
    Column("text", Sealed, nullable=True),
    Column("tags", String(200), nullable=True),  # " afib anticoagulation ": found by LIKE '% afib %'
    Column("language", String(8), nullable=True),
    Column("consent", String(12), nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("attested_at", UtcTime, nullable=True),
    Column("posted_at", UtcTime, nullable=True),
    Column("closed_at", UtcTime, nullable=True),
    Column("follow_up_at", UtcTime, nullable=True),
    Column("erase_at", UtcTime, nullable=True),
    Column("shown_at", UtcTime, nullable=True),
)
file_rows = Table(
    "case_files",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("case_id", String(16), nullable=False, index=True),
    Column("digest", String(64), nullable=False),  # keyed hash of the cleaned bytes
    Column("cleaned", Sealed, nullable=False),  # what may leave: pairs of media type and base64
    Column("confirmed_at", UtcTime, nullable=True),
)
_TRIES = 8
_OPENED = [column for column in case_rows.c if not isinstance(column.type, Sealed)]


class NotShown(CurbsideError):
    """What is kept of a case is not what its author was shown."""


class CaseMoved(CurbsideError):
    """A case cannot do that from where it stands now: somebody else was quicker."""


def author_key(keys: KeyRing, user_id: str) -> str:
    """The keyed hash by which an author’s cases and sanctions are found."""
    return hmac.new(keys.derive("cases author"), user_id.encode(), hashlib.sha256).hexdigest()


def digest(keys: KeyRing, data: bytes) -> str:
    """The keyed hash of what was shown, so that a leaked database confirms no guess."""
    return hmac.new(keys.derive("cases preview"), data, hashlib.sha256).hexdigest()


def picture_key(keys: KeyRing, file_id: str) -> str:
    """A file as it is named beside its author's chat, where a case's id would say whose it is."""
    return hmac.new(keys.derive("cases picture"), file_id.encode(), hashlib.sha256).hexdigest()


async def add(tx: Tx, bot: str, author: str) -> Case:
    """A new draft, under an id that no other has."""
    tries = 0
    while True:
        case_id = short_id("K", 4 if tries < _TRIES else 6)
        if await case(tx, case_id) is None:
            break
        tries += 1
    await tx.conn.execute(
        insert(case_rows).values(
            id=case_id,
            bot=bot,
            state=State.DRAFTING,
            handle=secrets.token_hex(6),
            seq=0,
            author=tx.seal(case_rows.c.author, case_id, author),
            author_key=author_key(tx.keys, author),
            draft=tx.seal(case_rows.c.draft, case_id, Draft().packed),
            consent=Consent.NONE,
            created_at=tx.now,
        )
    )
    found = await case(tx, case_id)
    assert found is not None
    return found


async def case(tx: Tx, case_id: str) -> Case | None:
    """A case by its id."""
    return await _one(tx, case_rows.c.id == case_id)


async def locked(tx: Tx, case_id: str) -> Case | None:
    """A case by its id, which nobody else changes until this transaction ends."""
    return await _one(tx, case_rows.c.id == case_id, lock=True)


async def by_handle(tx: Tx, handle: str) -> Case | None:
    """A draft by its name in its author's chat, locked."""
    return await _one(tx, case_rows.c.handle == handle, lock=True)


async def at(tx: Tx, events: Collection[str]) -> Case | None:
    """The case whose post one of these events is."""
    return await _one(tx, case_rows.c.event_id.in_(list(events))) if events else None


async def mine(tx: Tx, user_id: str, states: Collection[State], *, most: int = 20) -> list[Case]:
    """Somebody's cases in these states, the newest first."""
    return await having(tx, author_key(tx.keys, user_id), states, most=most)


async def having(tx: Tx, key: str, states: Collection[State], *, most: int = 20) -> list[Case]:
    """The cases of an author's key in these states, the newest first."""
    query = select(*_OPENED).where(case_rows.c.author_key == key, case_rows.c.state.in_(list(states)))
    rows = await tx.conn.execute(query.order_by(case_rows.c.created_at.desc()).limit(most))
    return [_case(row) for row in rows]


async def posted_since(tx: Tx, key: str, since: datetime) -> int:
    """How many cases of an author's key were attested since a moment."""
    query = select(func.count()).where(case_rows.c.author_key == key, case_rows.c.attested_at > since)
    return int((await tx.conn.execute(query)).scalar_one())


async def author(tx: Tx, case_id: str) -> str | None:
    """Who wrote a case: only to deliver something to them. None once it is erased."""
    found = await _sealed(tx, case_rows.c.author, case_id)
    return None if found is None else str(found)


async def draft(tx: Tx, case_id: str) -> Draft | None:
    """What the author gave; None once it is erased."""
    found = await _sealed(tx, case_rows.c.draft, case_id)
    return None if found is None else Draft.unpack(found)


async def shown(tx: Tx, case_id: str) -> Shown | None:
    """What the author was shown last; None before, and once it is erased."""
    found = await _sealed(tx, case_rows.c.shown, case_id)
    return None if found is None else Shown.unpack(found)


async def text(tx: Tx, case_id: str) -> str | None:
    """The text as it was posted."""
    found = await _sealed(tx, case_rows.c.text, case_id)
    return None if found is None else str(found)


async def keep_draft(tx: Tx, case_id: str, given: Draft) -> None:
    """Keep what the author gave."""
    await change(tx, case_id, draft=tx.seal(case_rows.c.draft, case_id, given.packed))


async def keep_shown(tx: Tx, case_id: str, preview: Shown, preview_hash: str) -> None:
    """Keep what the author is shown, and its keyed hash."""
    sealed = tx.seal(case_rows.c.shown, case_id, preview.packed)
    await change(tx, case_id, shown=sealed, preview_hash=preview_hash, shown_at=tx.now)


async def keep_text(tx: Tx, case_id: str, words: str) -> None:
    """Keep the text as it is posted."""
    await change(tx, case_id, text=tx.seal(case_rows.c.text, case_id, words))


async def move(tx: Tx, one: Case, event: Event, who: Who, **values: object) -> State:
    """Let something happen to a case, and keep what else changes with it; raises CaseMoved.

    Two who were as quick cannot both succeed: the state is compared in the update.
    """
    state = after(one.state, event, who)
    if state is None:
        raise CaseMoved(f"{one.id} is {one.state}: {event} cannot happen now.")
    moving = update(case_rows).where(case_rows.c.id == one.id, case_rows.c.state == one.state)
    if (await tx.conn.execute(moving.values(state=state, **values))).rowcount != 1:
        raise CaseMoved(f"{one.id} is no longer {one.state}.")
    if not keeps_original(state):
        await change(tx, one.id, draft=None, shown=None, handle=None)
    if state in ENDED:
        await change(tx, one.id, preview_hash=None, text=None, tags=None)
        await forget_files(tx, one.id)
    return state


async def erase_author(tx: Tx, case_id: str) -> None:
    """Erase all that leads from a case to its author."""
    await change(tx, case_id, author=None, author_key=None, handle=None)


async def change(tx: Tx, case_id: str, **values: object) -> None:
    """Keep what has changed of a case, its state aside (see `move`)."""
    assert "state" not in values
    await tx.conn.execute(update(case_rows).where(case_rows.c.id == case_id).values(**values))


def tags_kept(tags: Collection[str]) -> str | None:
    """Tags as the column has them."""
    return f" {' '.join(tags)} " if tags else None


# Cleaned files, from the preview to the post -----------------------------------------------------------


async def add_file(tx: Tx, case_id: str, parts: Sequence[tuple[str, bytes]]) -> tuple[str, str]:
    """Keep what became of one cleaned file, as media types and bytes; returns its id and its keyed hash."""
    kept = [[mimetype, base64.b64encode(data).decode("ascii")] for mimetype, data in parts]
    named = digest(tx.keys, json.dumps(kept).encode())
    file_id = new_id(tx.now)
    await tx.conn.execute(
        insert(file_rows).values(
            id=file_id,
            case_id=case_id,
            digest=named,
            cleaned=tx.seal(file_rows.c.cleaned, file_id, kept),
        )
    )
    return file_id, named


async def files(tx: Tx, case_id: str) -> list[tuple[str, bytes]]:
    """All that became of a case’s cleaned files, as media types and bytes, in their order."""
    query = select(file_rows.c.id, file_rows.c.digest).where(file_rows.c.case_id == case_id)
    rows = (await tx.conn.execute(query.order_by(file_rows.c.id))).all()
    return [part for row in rows for part in await file(tx, row.id, row.digest)]


async def file(tx: Tx, file_id: str, named: str) -> list[tuple[str, bytes]]:
    """What became of a cleaned file, as media types and bytes; NotShown if it is not what was shown."""
    query = select(file_rows.c.cleaned).where(file_rows.c.id == file_id)
    kept = tx.open(file_rows.c.cleaned, file_id, (await tx.conn.execute(query)).scalar())
    if kept is None or digest(tx.keys, json.dumps(kept).encode()) != named:
        raise NotShown("A file of a case is not the one that was shown.")
    return [(mimetype, base64.b64decode(data)) for mimetype, data in kept]


async def files_confirmed(tx: Tx, case_id: str) -> dict[str, bool]:
    """The files of a case's preview: id → whether the author has confirmed its picture."""
    query = select(file_rows.c.id, file_rows.c.confirmed_at).where(file_rows.c.case_id == case_id)
    return {row.id: row.confirmed_at is not None for row in await tx.conn.execute(query)}


async def digests(tx: Tx, case_id: str) -> dict[str, str]:
    """The files of a case’s preview: id → the keyed hash of what was shown of it."""
    query = select(file_rows.c.id, file_rows.c.digest).where(file_rows.c.case_id == case_id)
    return {row.id: row.digest for row in await tx.conn.execute(query)}


async def pictured(tx: Tx, key: str) -> tuple[str, str] | None:
    """The case and the id of the file with this `picture_key`, while the case is not posted."""
    query = select(file_rows.c.case_id, file_rows.c.id).join(case_rows, case_rows.c.id == file_rows.c.case_id)
    for row in await tx.conn.execute(query.where(case_rows.c.state.in_(UNSENT))):
        if hmac.compare_digest(picture_key(tx.keys, row.id), key):
            return row.case_id, row.id
    return None


async def change_file(tx: Tx, file_id: str, **values: object) -> None:
    """Keep what has changed of a file."""
    await tx.conn.execute(update(file_rows).where(file_rows.c.id == file_id).values(**values))


async def forget_files(tx: Tx, case_id: str, but: Collection[str] = ()) -> None:
    """Erase the files of a preview, but for those with these ids."""
    gone = delete(file_rows).where(file_rows.c.case_id == case_id)
    await tx.conn.execute(gone.where(file_rows.c.id.not_in(list(but))) if but else gone)


async def _sealed(tx: Tx, column: Column[Any], case_id: str) -> Any:
    sealed = (await tx.conn.execute(select(column).where(case_rows.c.id == case_id))).scalar()
    return tx.open(column, case_id, sealed)


async def _one(tx: Tx, which: Any, *, lock: bool = False) -> Case | None:
    query = select(*_OPENED).where(which)
    row = (await tx.conn.execute(query.with_for_update() if lock else query)).first()
    return None if row is None else _case(row)


def _case(row: Any) -> Case:
    return Case(
        row.id, row.bot, State(row.state), row.handle, row.seq, row.room_key, row.author_key, row.created_at,
        row.event_id, row.pseudonym, row.preview_hash, tuple((row.tags or "").split()), row.language,
        Consent(row.consent), row.attested_at, row.posted_at, row.closed_at, row.follow_up_at, row.erase_at,
        row.shown_at,
    )  # fmt: skip
