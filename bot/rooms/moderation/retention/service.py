"""Deleting old messages where a room is declared to keep them only so long.

Messages are redacted one by one (C-S API, "Redactions"), a few a minute, so that nothing else waits; state
events never are. It cannot be undone: a room's first time is announced a day before, with what is due.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Desk, House
from bot.chat.message import Message
from bot.kernel import outbox, timers
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms import store as rooms
from bot.rooms.file import NetworkFile
from bot.rooms.moderation import store as moderation
from bot.rooms.moderation.retention import store, views
from bot.rooms.moderation.retention.store import Room

RUN_TIMER = "retention.run"
DONE_TOPIC = "retention.done"
NOTICE = timedelta(days=1)
EACH = timedelta(minutes=1)
AT_ONCE = 60  # in each of these steps, over all rooms
_LOOK_SECONDS = 10.0

_KEY = "house"


async def keep_looking(house: House, database: Database) -> None:
    """Follow the network file and the rooms that are made, until cancelled."""
    last: dict[str, timedelta] | None = None
    while True:
        async with database.read() as tx:
            declared = await _declared(_first(house, tx))
        if declared is not None and declared != last:
            async with database.begin() as tx:
                await follow(_first(house, tx))
            last = declared
        await asyncio.sleep(_LOOK_SECONDS)


async def follow(desk: Desk) -> None:
    """Let just those rooms delete that are declared to, and remember their messages from now on."""
    declared = await _declared(desk)
    if declared is None:
        return
    known = await store.rooms(desk.tx)
    await store.remove(desk.tx, known.keys() - declared.keys())
    for room_id, keeps in declared.items():
        if room_id not in known:
            await store.add(desk.tx, room_id, keeps)
        elif known[room_id].keeps != keeps:
            await store.keep_for(desk.tx, room_id, keeps, announce=keeps < known[room_id].keeps)
    await desk.house.rooms.index_messages(desk.tx, desk.bot, sorted(declared))
    if declared:
        await timers.set_timer(desk.tx, RUN_TIMER, _KEY, desk.now)


async def daily(desk: Desk) -> None:
    """Look for what has become too old."""
    if await store.rooms(desk.tx):
        await timers.set_timer(desk.tx, RUN_TIMER, _KEY, desk.now)


async def run(desk: Desk, _timer: Timer) -> None:
    """Announce, or delete the next few messages, or report; comes again while there is something to do."""
    desk = _first(desk.house, desk.tx)
    known = (await store.rooms(desk.tx)).values()
    left = max(0, AT_ONCE - sum(room.queued for room in known))  # a homeserver that is away gets no pile
    again, finished = [], []
    announced: dict[str, int] = {}
    for room in known:
        before = desk.now - room.keeps
        if room.begins_at is None:
            due = await desk.house.rooms.count_before(desk.tx, desk.bot, room.room_id, before + NOTICE)
            if due:
                announced[room.room_id] = due
                await store.begin(desk.tx, room.room_id, desk.now + NOTICE)
                again.append(desk.now + NOTICE)
            continue
        if desk.now < room.begins_at:
            again.append(room.begins_at)
            continue
        queued = await _delete(desk, room, left) if left else 0
        left -= queued
        if queued or room.queued or not left:
            again.append(desk.now + EACH)
        elif room.deleted or room.failed:
            finished.append(room)
    if announced:
        await _say(desk, await views.announcement(desk, announced, NOTICE))
        for room_id, due in announced.items():
            desk.tx.audit("system", "retention.announced", room_id, due=due)
    if finished and not any(moment == desk.now + EACH for moment in again):
        await _report(desk, finished)
    if again:
        await timers.set_timer(desk.tx, RUN_TIMER, _KEY, min(again))


async def _delete(desk: Desk, room: Room, most: int) -> int:
    """Queue redactions of the oldest messages that a room no longer keeps; returns how many."""
    before = desk.now - room.keeps
    events = await desk.house.rooms.messages_before(desk.tx, desk.bot, room.room_id, before, most)
    if not events:
        return 0
    outs = [
        Outgoing(desk.bot, room.room_id, "redact", {"event_id": event}, topic=DONE_TOPIC, ref="retention")
        for event in events
    ]
    await outbox.put_all(desk.tx, outs)
    await desk.house.rooms.forget_messages(desk.tx, desk.bot, events)
    await moderation.forget_messages(desk.tx, events)
    await store.queue(desk.tx, room.room_id, len(events))
    return len(events)


async def one_done(desk: Desk, entry: InboxEntry) -> None:
    """A message has been deleted, or the homeserver refused it."""
    await store.done(desk.tx, str(entry.payload["room"]), failed=entry.payload["error"] is not None)


async def _report(desk: Desk, finished: list[Room]) -> None:
    for room in finished:
        await store.reported(desk.tx, room.room_id)
        facts = {"deleted": room.deleted, "failed": room.failed}
        desk.tx.audit("system", "retention.deleted", room.room_id, **facts)
    await _say(desk, await views.report(desk, finished))


async def _say(desk: Desk, message: Message) -> None:
    if desk.house.settings.moderators:
        await desk.send(MODERATORS_ROOM, message)


async def _declared(desk: Desk) -> dict[str, timedelta] | None:
    """How long which room keeps messages, by room id; None while the network file is broken."""
    file = desk.house.parts.get(NetworkFile)
    if not isinstance(file, NetworkFile) or file.error is not None:
        return None
    declared = file.current.rooms
    return {
        place.room_id: keeps
        for place in await rooms.placed(desk.tx)
        if (room := declared.get(place.key)) is not None and (keeps := room.retention) is not None
    }


def _first(house: House, tx: Tx) -> Desk:
    """A use case of the first bot, which has the power in our rooms."""
    return Desk(house, tx, next(iter(house.bot_users)))
