"""Files that take a moment to make: ordered in a transaction, made by a worker outside of any.

An order is an outbox row of the capability's own channel: it is repeated until the file is on its way, and
says what to make without holding it. `worker` gives what goes into `Capability.workers`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.chat import store as marks
from bot.chat.attachment import Attachment
from bot.chat.capability import Worker
from bot.chat.desk import Desk, House
from bot.chat.message import Message
from bot.kernel import outbox
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.engine import backoff
from bot.kernel.outbox import OutboxRow, Outgoing

log = logging.getLogger(__name__)

_POLL_SECONDS = 3.0  # our own orders wake us at once, those of another process do not
_SECONDS = 120.0
_LEASE = timedelta(seconds=30)  # so long does an order wait whose process has died
_RENEW_SECONDS = 8.0
_ATTEMPTS = 4


@dataclass(frozen=True)
class Made:
    """One thing to send: a message, or a file with its caption."""

    message: Message | None
    attachment: Attachment | None = None


# Called outside of any transaction, in a bot's name, with what was ordered; may run again after a failure.
Maker = Callable[[House, Database, str, Mapping[str, Any]], Awaitable[Sequence[Made]]]


async def order(
    desk: Desk, channel: str, room: str, what: Mapping[str, Any], *, user: str, thread: str | None = None
) -> None:
    """Have files made and sent to a room; `user` reads it when that fails. `what` is kept sealed."""
    body = {"room": room, "thread": thread, "user": user, "what": dict(what)}
    await outbox.put(desk.tx, Outgoing(desk.bot, lane_of(room), "make", body, channel=channel))


def lane_of(room: str) -> str:
    """Where the outbox keeps the orders of a room."""
    return f"file:{hashlib.sha256(room.encode('utf-8', 'surrogatepass')).hexdigest()[:32]}"


def worker(channel: str, make: Maker) -> Worker:
    """The worker that makes what is ordered on a channel, one thing at a time."""

    async def run(house: House, database: Database) -> None:
        while True:
            try:
                busy = await make_one(house, database, channel, make)
            except DatabaseTrouble as error:
                log.error("the outbox cannot be read", extra={"error": type(error).__name__})
                busy = False
            if not busy:
                await database.wakeups.wait(f"outbox {channel}", _POLL_SECONDS)

    return run


async def make_one(house: House, database: Database, channel: str, make: Maker) -> bool:
    """Make what was ordered first; False if there was nothing to do."""
    row = await claim(house, database, channel)
    if row is None:
        return False
    held = asyncio.create_task(hold(database, row))
    try:
        async with asyncio.timeout(_SECONDS):
            made = await make(house, database, row.bot, row.body["what"])
    except DatabaseTrouble:
        raise
    except Exception as error:
        log.error("a file could not be made", extra={"channel": channel, "out": row.id}, exc_info=error)
        await _failed(house, database, row, type(error).__name__)
        return True
    finally:
        held.cancel()
    async with database.begin() as tx:
        desk = Desk(house, tx, row.bot)
        room, thread = str(row.body["room"]), row.body["thread"]
        for one in made:
            if one.attachment is not None:
                await desk.attach(room, one.attachment, one.message, thread=thread)
            elif one.message is not None:
                await desk.send(room, one.message, thread=thread)
        await outbox.mark_sent(tx, row.id)
    return True


async def claim(house: House, database: Database, channel: str) -> OutboxRow | None:
    """An order that is due, for this process alone until it is done or the lease is over."""
    async with database.read() as tx:
        waiting = [row for bot in house.bot_users for row in (await outbox.due(tx, channel, bot)).rows]
    for row in waiting:
        async with database.begin() as tx:
            if await marks.once(tx, channel, row.id, keep=_LEASE):
                return row
    return None


async def hold(database: Database, row: OutboxRow) -> None:
    """Renew the lease for as long as the work takes."""
    while True:
        await asyncio.sleep(_RENEW_SECONDS)
        async with database.begin() as tx:
            await marks.take_mark(tx, row.channel, row.id)
            await marks.once(tx, row.channel, row.id, keep=_LEASE)


async def _failed(house: House, database: Database, row: OutboxRow, reason: str) -> None:
    async with database.begin() as tx:
        if row.attempts + 1 < _ATTEMPTS:
            await outbox.retry_at(tx, row.id, tx.now + backoff(row.attempts, first=2.0), reason)
            await marks.take_mark(tx, row.channel, row.id)
            return
        await outbox.mark_failed(tx, row.id, reason)
        desk = Desk(house, tx, row.bot)
        t = await desk.translator(str(row.body["user"]))
        body = t(
            "I could not make what you asked for. Please try again; if it fails again, tell the moderators."
        )
        await desk.send(str(row.body["room"]), Message("error", body), thread=row.body["thread"])
