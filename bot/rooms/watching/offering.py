"""The worker that makes the version without identifiers, and brings it to the author."""

from __future__ import annotations

import asyncio
import logging

from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk, House
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.rooms.admission import gate
from bot.rooms.watching import service, store, views
from bot.rooms.watching.store import Offer

log = logging.getLogger(__name__)

_SECONDS = 10.0
_AT_ONCE = 5
_POLL_SECONDS = 3.0
_PAUSE_SECONDS = 0.1
_GIVEN_WAY = 30  # pauses


async def offer(house: House, database: Database) -> None:
    """Make what is to be offered, until cancelled."""
    while True:
        try:
            busy = await offer_some(house, database)
        except DatabaseTrouble as error:
            log.error("the watch cannot read its offers", extra={"error": type(error).__name__})
            busy = False
        if not busy:
            await database.wakeups.wait("watch offers", _POLL_SECONDS)


async def offer_some(house: House, database: Database) -> bool:
    """Make the offers that wait longest; False if there were none."""
    async with database.read() as tx:
        waiting = await store.unmade(tx, _AT_ONCE)
    for one in waiting:
        await _give_way(database)
        text = await _without_identifiers(house, one)
        async with database.begin() as tx:
            if await store.made(tx, one.id, text):
                await _tell(house, tx, one.id)
    return bool(waiting)


async def _give_way(database: Database) -> None:
    """Let messages be looked at first, for a time: an offer takes the processor many times as long."""
    for _ in range(_GIVEN_WAY):
        async with database.read() as tx:
            if not await store.waiting(tx, 1):
                return
        await asyncio.sleep(_PAUSE_SECONDS)


async def _without_identifiers(house: House, one: Offer) -> str | None:
    """The author's words without identifiers; None if there are none, or the engine does not say."""
    if one.text is None:
        return None
    try:
        return (await house.part(Deidentifier).find(one.text, seconds=_SECONDS)).text
    except Exception as error:  # whatever it is, nothing is offered; the words are in no log
        log.error("the watch could not make an offer", extra={"error": type(error).__name__})
        return None


async def _tell(house: House, tx: Tx, offer_id: str) -> None:
    """Write to the author, if their hospital may talk to the bots."""
    one = await store.offer(tx, offer_id)
    if one is None:
        return
    if not gate.in_reach(house, one.user_id):
        await store.end(tx, one.id)
        return
    desk = Desk(house, tx, one.bot)
    t = await desk.translator(one.user_id)
    room = gate.network(house).rooms.get(one.room_key)
    title = one.room_key if room is None else room.title(t.language)
    facts = await house.rooms.facts(tx, one.bot, f"dm:{one.user_id}")
    message = views.offered(t, one, title, private=service.is_private(facts))
    await desk.direct(one.user_id, message)
