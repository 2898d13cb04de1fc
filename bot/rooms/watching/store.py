"""What the watch keeps, sealed: messages until they have been looked at, and offers to their authors."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Boolean, Column, String, Table, delete, insert, select, update

from bot.deid.model import Kind
from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.kernel.ids import new_id, short_id

message_rows = Table(
    "watch_messages",
    metadata,
    Column("id", String(26), primary_key=True),
    Column("bot", String(64), nullable=False),
    Column("room_key", String(64), nullable=False),
    Column("room_id", String(255), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("sender", String(255), nullable=False),
    Column("said", Sealed, nullable=False),
)
offer_rows = Table(
    "watch_offers",
    metadata,
    Column("id", String(16), primary_key=True),  # W-7F3K
    Column("bot", String(64), nullable=False),
    Column("user_id", String(255), nullable=False),
    Column("room_key", String(64), nullable=False),
    Column("room_id", String(255), nullable=False),
    Column("event_id", String(255), nullable=False),
    Column("thread", String(255), nullable=True),
    Column("kinds", String(255), nullable=False),
    Column("is_file", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("state", String(12), nullable=False, index=True),
    Column("text", Sealed, nullable=True),
    Column("expires_at", UtcTime, nullable=False),
)
OFFERED = timedelta(hours=24)
_TRIES = 8


class Stage(StrEnum):
    """How far an offer is: `text` holds the author's own words while it is made, then those without names."""

    MAKING = "making"
    OPEN = "open"


@dataclass(frozen=True)
class Said:
    """A message that waits to be looked at."""

    id: str
    bot: str
    room_key: str
    room_id: str
    event_id: str
    sender: str
    thread: str | None
    is_file: bool
    shown: str = field(repr=False)
    texts: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True)
class Offer:
    """What an author is offered: `removed` says that their message is gone already."""

    id: str
    bot: str
    user_id: str
    room_key: str
    room_id: str
    event_id: str
    thread: str | None
    kinds: tuple[Kind, ...]
    is_file: bool
    removed: bool
    state: Stage
    text: str | None = field(repr=False)
    expires_at: datetime


async def queue(
    tx: Tx, bot: str, room_key: str, room_id: str, event_id: str, sender: str, thread: str | None,
    is_file: bool, shown: str, texts: Sequence[str],
) -> None:  # fmt: skip
    """Let a message be looked at, and wake whoever does."""
    row_id = new_id(tx.now)
    said = {"shown": shown, "texts": list(texts), "thread": thread, "file": is_file}
    await tx.conn.execute(
        insert(message_rows).values(
            id=row_id, bot=bot, room_key=room_key, room_id=room_id, event_id=event_id, sender=sender,
            said=tx.seal(message_rows.c.said, row_id, said),
        )
    )  # fmt: skip
    tx.wakes.add("watch")


async def waiting(tx: Tx, most: int) -> list[Said]:
    """The messages that wait longest."""
    rows = await tx.conn.execute(select(message_rows).order_by(message_rows.c.id).limit(most))
    return [_said(tx, row) for row in rows]


async def take(tx: Tx, row_id: str) -> bool:
    """Take a message out, with its words; False if another worker has."""
    return (await tx.conn.execute(delete(message_rows).where(message_rows.c.id == row_id))).rowcount == 1


async def thread_of(tx: Tx, room_id: str, event_id: str) -> str | None:
    """The thread of a message that waits, or is in an offer; None if it stood in none, or is not known."""
    query = select(message_rows).where(message_rows.c.room_id == room_id, message_rows.c.event_id == event_id)
    row = (await tx.conn.execute(query)).first()
    if row is not None:
        return _said(tx, row).thread
    offers = select(offer_rows.c.thread).where(
        offer_rows.c.room_id == room_id, offer_rows.c.event_id == event_id
    )
    return (await tx.conn.execute(offers)).scalar()


async def add_offer(tx: Tx, said: Said, kinds: Collection[Kind], *, removed: bool) -> str:
    """Begin an offer to a message's author; returns its id."""
    tries = 0
    while True:
        offer_id = short_id("W", 4 if tries < _TRIES else 6)
        if await offer(tx, offer_id) is None:
            break
        tries += 1
    await tx.conn.execute(
        insert(offer_rows).values(
            id=offer_id, bot=said.bot, user_id=said.sender, room_key=said.room_key, room_id=said.room_id,
            event_id=said.event_id, thread=said.thread, kinds=" ".join(kinds), is_file=said.is_file,
            removed=removed, state=Stage.MAKING,
            text=tx.seal(offer_rows.c.text, offer_id, said.shown) if said.shown.strip() else None,
            expires_at=tx.now + OFFERED,
        )
    )  # fmt: skip
    tx.wakes.add("watch offers")
    return offer_id


async def offer(tx: Tx, offer_id: str) -> Offer | None:
    """An offer by its id, which nobody else takes until this transaction ends."""
    query = select(offer_rows).where(offer_rows.c.id == offer_id).with_for_update()
    row = (await tx.conn.execute(query)).first()
    return None if row is None else _offer(tx, row)


async def unmade(tx: Tx, most: int) -> list[Offer]:
    """Offers whose text is still to be made."""
    query = select(offer_rows).where(offer_rows.c.state == Stage.MAKING)
    rows = await tx.conn.execute(query.order_by(offer_rows.c.expires_at).limit(most))
    return [_offer(tx, row) for row in rows]


async def made(tx: Tx, offer_id: str, text: str | None) -> bool:
    """Put what the engine made in place of the author's own words; False if that is done already."""
    sealed = None if text is None else tx.seal(offer_rows.c.text, offer_id, text)
    making = update(offer_rows).where(offer_rows.c.id == offer_id, offer_rows.c.state == Stage.MAKING)
    return (await tx.conn.execute(making.values(state=Stage.OPEN, text=sealed))).rowcount == 1


async def note_removed(tx: Tx, offer_id: str, *, removed: bool) -> None:
    """Note that an offer's message is gone, or could not be removed."""
    await tx.conn.execute(update(offer_rows).where(offer_rows.c.id == offer_id).values(removed=removed))


async def end(tx: Tx, offer_id: str) -> None:
    """Forget an offer, with its text."""
    await tx.conn.execute(delete(offer_rows).where(offer_rows.c.id == offer_id))


async def forget_expired(tx: Tx) -> None:
    """Forget offers that nobody took."""
    await tx.conn.execute(delete(offer_rows).where(offer_rows.c.expires_at <= tx.now))


def _said(tx: Tx, row: Any) -> Said:
    said = tx.open(message_rows.c.said, row.id, row.said)
    return Said(
        row.id, row.bot, row.room_key, row.room_id, row.event_id, row.sender, said["thread"], said["file"],
        said["shown"], tuple(said["texts"]),
    )  # fmt: skip


def _offer(tx: Tx, row: Any) -> Offer:
    return Offer(
        row.id, row.bot, row.user_id, row.room_key, row.room_id, row.event_id, row.thread,
        tuple(Kind(kind) for kind in row.kinds.split()), bool(row.is_file), bool(row.removed),
        Stage(row.state), tx.open(offer_rows.c.text, row.id, row.text), row.expires_at,
    )  # fmt: skip
