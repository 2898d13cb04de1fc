"""What the chat keeps: people's language and time zone, conversations half done, what was said once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    String,
    Table,
    bindparam,
    case,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Sealed, Tx, UtcTime, metadata
from bot.settings import Settings

people = Table(
    "people",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("language", String(16), nullable=True),
    Column("timezone", String(64), nullable=True),
)
conversations = Table(
    "conversations",
    metadata,
    Column("id", String(640), primary_key=True),  # bot, room and person
    Column("state", Sealed, nullable=False),
    Column("expires_at", UtcTime, nullable=False),
)
marks = Table(
    "chat_marks",
    metadata,
    Column("id", String(64), primary_key=True),  # a digest: what is marked may be anything a person sends
    Column("expires_at", UtcTime, nullable=False, index=True),
)
usage = Table(
    "chat_usage",
    metadata,
    Column("id", String(320), primary_key=True),  # what is counted, and the person
    Column("minute", BigInteger, nullable=False),
    Column("used", Integer, nullable=False),
    Column("before", Integer, nullable=False),  # in the minute before this one
)

# The statements of every event are built once: building them anew cost more than running them.
_PERSON = select(people).where(people.c.user_id == bindparam("user"))
_CONVERSATION = select(conversations).where(conversations.c.id == bindparam("key"))

KEEP_EXPIRED = timedelta(days=1)  # so long a late answer is told that its question has expired
_MINUTE_MS = 60_000


@dataclass(frozen=True)
class Person:
    """Somebody who talks with the bots, and how they like to be spoken to."""

    user_id: str
    language: str
    timezone: str


def stranger(user_id: str, settings: Settings) -> Person:
    """A person of whom nothing is known yet: the house's language and time zone."""
    return Person(user_id, settings.language, settings.timezone)


async def person(tx: Tx, user_id: str, settings: Settings) -> Person:
    """Somebody with their settings, or the house's."""
    key = (Person, user_id)
    if key not in tx.memo:
        row = (await tx.conn.execute(_PERSON, {"user": user_id})).first()
        tx.memo[key] = stranger(user_id, settings)
        if row is not None:
            language, timezone = row.language or settings.language, row.timezone or settings.timezone
            tx.memo[key] = Person(user_id, language, timezone)
    known: Person = tx.memo[key]
    return known


async def set_preference(tx: Tx, user_id: str, **values: str) -> None:
    """Keep somebody's `language` or `timezone`."""
    tx.memo.pop((Person, user_id), None)
    changed = await tx.conn.execute(update(people).where(people.c.user_id == user_id).values(**values))
    if changed.rowcount == 0:
        await tx.conn.execute(insert(people).values(user_id=user_id, **values))


@dataclass(frozen=True)
class Conversation:
    """A command whose missing arguments are being asked for, one question at a time.

    `given` maps arguments to the words as typed, `rest` is what was typed beyond them, `question` the
    outbox id of the question, `tries` how many wrong answers it got.
    """

    command: str
    given: Mapping[str, str]
    asking: str
    thread: str | None
    rest: str = ""
    question: str = ""
    tries: int = 0
    expires_at: datetime | None = None


def _conversation_id(bot: str, room_id: str, user_id: str) -> str:
    return f"{bot} {room_id} {user_id}"


async def conversation(tx: Tx, bot: str, room_id: str, user_id: str) -> Conversation | None:
    """The conversation with this person in this room: open until `expires_at`, then kept for a day."""
    key = _conversation_id(bot, room_id, user_id)
    row = (await tx.conn.execute(_CONVERSATION, {"key": key})).first()
    if row is None:
        return None
    state: dict[str, Any] = tx.open(conversations.c.state, key, row.state)
    return replace(Conversation(**state), expires_at=row.expires_at)


async def keep_conversation(
    tx: Tx, bot: str, room_id: str, user_id: str, talk: Conversation, expires_at: datetime
) -> None:
    """Start or go on with a conversation."""
    await end_conversation(tx, bot, room_id, user_id)
    key = _conversation_id(bot, room_id, user_id)
    state = {
        "command": talk.command,
        "given": dict(talk.given),
        "asking": talk.asking,
        "thread": talk.thread,
        "rest": talk.rest,
        "question": talk.question,
        "tries": talk.tries,
    }
    await tx.conn.execute(
        insert(conversations).values(
            id=key, state=tx.seal(conversations.c.state, key, state), expires_at=expires_at
        )
    )


async def end_conversation(tx: Tx, bot: str, room_id: str, user_id: str) -> bool:
    """End the conversation; False if there was none."""
    key = _conversation_id(bot, room_id, user_id)
    done = await tx.conn.execute(delete(conversations).where(conversations.c.id == key))
    return done.rowcount > 0


async def forget_expired(tx: Tx) -> int:
    """Drop marks, and conversations that nobody finished; returns how many of these."""
    await tx.conn.execute(delete(marks).where(marks.c.expires_at <= tx.now))
    await tx.conn.execute(delete(usage).where(usage.c.minute < _minute(tx.now) - 1))
    expired = conversations.c.expires_at <= tx.now - KEEP_EXPIRED
    return (await tx.conn.execute(delete(conversations).where(expired))).rowcount


async def once(tx: Tx, *what: str, keep: timedelta) -> bool:
    """Mark something for the time given; False if it is marked already."""
    fresh = _insert(tx)(marks).values(id=_digest(what), expires_at=tx.now + keep)
    fresh = fresh.on_conflict_do_update(
        index_elements=[marks.c.id],
        set_={"expires_at": fresh.excluded.expires_at},
        where=marks.c.expires_at <= tx.now,
    )
    return (await tx.conn.execute(fresh.returning(marks.c.id))).first() is not None


async def take_mark(tx: Tx, *what: str) -> bool:
    """Take a mark away; False if there was none."""
    taken = delete(marks).where(marks.c.id == _digest(what), marks.c.expires_at > tx.now)
    return (await tx.conn.execute(taken)).rowcount > 0


async def use(tx: Tx, kind: str, user_id: str, limit: int) -> bool:
    """Count one use; False when there were `limit` within a minute already.

    The sliding minute is this clock minute's uses and the share of the last one's that it still
    covers: one row a person, changed in one statement, so that workers agree.
    """
    minute = _minute(tx.now)
    same, next_one = usage.c.minute == minute, usage.c.minute == minute - 1
    count = _insert(tx)(usage).values(id=f"{kind} {user_id}", minute=minute, used=1, before=0)
    count = count.on_conflict_do_update(
        index_elements=[usage.c.id],
        set_={
            "minute": minute,
            "before": case((same, usage.c.before), (next_one, usage.c.used), else_=0),
            # What was refused does not count, but for the one use that says so.
            "used": case((same & (usage.c.used > limit), usage.c.used), (same, usage.c.used + 1), else_=1),
        },
    )
    row = (await tx.conn.execute(count.returning(usage.c.used, usage.c.before))).one()
    passed = int(tx.now.timestamp() * 1000) % _MINUTE_MS
    return bool(row.used + row.before * (_MINUTE_MS - passed) // _MINUTE_MS <= limit)


def _minute(now: datetime) -> int:
    return int(now.timestamp() * 1000) // _MINUTE_MS


def _digest(what: tuple[str, ...]) -> str:
    return hashlib.sha256(json.dumps(what).encode()).hexdigest()


def _insert(tx: Tx) -> Any:
    return sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
