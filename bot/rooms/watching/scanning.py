"""The worker that looks at what was said, and removes what says who a patient is."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.chat.deidentifying import Deidentifier, Stuck
from bot.chat.desk import Desk, House
from bot.deid.model import Kind
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.kernel.inbox import InboxEntry
from bot.kernel.metrics import watch_messages
from bot.rooms.admission import gate
from bot.rooms.moderation.store import forget_messages
from bot.rooms.watching import rules, service, store
from bot.rooms.watching.store import Said

if TYPE_CHECKING:
    from bot.deid.engine import Engine

log = logging.getLogger(__name__)

REMOVED = service.REMOVED
Looked = tuple[Said, tuple[Kind, ...] | None]  # and what was found; None: it could not be looked at
_SECONDS = 10.0  # for those that wait: a busy machine is no reason to let one pass
_AT_ONCE = 20
_POLL_SECONDS = 3.0  # our own messages wake us at once, those of another process do not


async def scan(house: House, database: Database) -> None:
    """Look at what waits, until cancelled."""
    await _warm(house)
    while True:
        try:
            busy = await scan_some(house, database)
        except DatabaseTrouble as error:
            log.error("the watch cannot read its messages", extra={"error": type(error).__name__})
            busy = False
        if not busy:
            await database.wakeups.wait("watch", _POLL_SECONDS)


async def _warm(house: House) -> None:
    """Load the engine before the first message waits for it, where a room is watched."""
    if any(room.watch != "off" for room in gate.network(house).rooms.values()):
        try:
            await house.part(Deidentifier).warm()
        except Exception as error:  # each message tries again, and is counted
            log.error("the watch has no engine", extra={"error": type(error).__name__})


async def scan_some(house: House, database: Database) -> bool:
    """Look at the messages that wait longest; False if none was looked at, so that nobody asks again at once.

    What cannot be looked at stays as it is: the watch counts it, and never says what it was.
    """
    async with database.read() as tx:
        waiting = await store.waiting(tx, _AT_ONCE)
    if not waiting:
        return False
    looked = await _look(house.part(Deidentifier), waiting)
    if not looked:
        return False
    results: list[str] = []
    async with database.begin() as tx:
        for said, kinds in looked:
            if await store.take(tx, said.id):
                results.append(await _settle(house, tx, said, kinds))
    for result in results:
        watch_messages.labels(result).inc()
    return True


async def _look(deidentifier: Deidentifier, waiting: Sequence[Said]) -> list[Looked]:
    """Look at messages up to the first hit: what is to be removed does not wait for the rest.

    All of them in one thread, so that they wait for a busy loop once, not each. When the time is over, the
    thread stops after the message it is at, and what it has not looked at waits for the next round. Only the
    first of a round has all the time for itself, so no other is given up; nor is one that was not begun.
    """
    looked: list[Looked] = []
    begun, over = threading.Event(), threading.Event()

    def look() -> None:
        engine = deidentifier.engine()
        for said in waiting:
            if over.is_set():
                return
            begun.set()
            kinds = _kinds(engine, said)
            looked.append((said, kinds))
            if kinds:
                return

    try:
        if not deidentifier.loaded:
            await deidentifier.warm()
        await deidentifier.threads.run(look, _SECONDS)
    except Exception as error:
        log.error("the watch could not look at a message", extra={"error": type(error).__name__})
        late = isinstance(error, TimeoutError | Stuck)
        if late and not begun.is_set():
            return []
        return looked[:] or [(waiting[0], None)]  # a copy: the thread may still be at a message
    finally:
        over.set()
    return looked


def _kinds(engine: Engine, said: Said) -> tuple[Kind, ...] | None:
    """The kinds of identifiers in a message; None if it could not be looked at."""
    try:
        return rules.counted(span for text in said.texts for span in engine.proven(text))
    except Exception as error:  # whatever it is, the message stays; its words are in no log
        log.error("the watch could not look at a message", extra={"error": type(error).__name__})
        return None


async def _settle(house: House, tx: Tx, said: Said, kinds: tuple[Kind, ...] | None) -> str:
    """Do what the room's policy says; returns the result as it is counted."""
    if kinds is None:
        return "failed"
    desk = Desk(house, tx, said.bot)
    room = await service.watched(desk, said.room_id)
    if not kinds or room is None:
        return "clean"
    able = await service.may_remove(desk, room, said.room_id)
    removing = able and room.watch == "redact"
    offer_id = await store.add_offer(tx, said, kinds, removed=removing)
    tx.audit("system", "watch.removed" if removing else "watch.warned", room.key)
    if removing:
        await service.remove(desk, said.room_id, said.event_id, offer_id)
        await forget_messages(tx, [said.event_id])
    elif room.watch == "redact":
        await service.cannot_remove(desk, room.key)
    return "removed" if removing else "warned"


async def removed(desk: Desk, entry: InboxEntry) -> None:
    """A message is gone, or the homeserver did not let the bot remove it."""
    if entry.payload.get("error") is None:
        return
    one = await store.offer(desk.tx, str(entry.payload["ref"]))
    if one is not None:
        await store.note_removed(desk.tx, one.id, removed=False)
        await service.cannot_remove(desk, one.room_key)
