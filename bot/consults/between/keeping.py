"""Beside the engine: offers follow the roster, and what is withdrawn ends at once on both sides."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from bot.chat.desk import Desk, House
from bot.consults import model, steps
from bot.consults import store as consults
from bot.consults.between import offering, post, store
from bot.consults.between.protocol import Kind, Side, may_say
from bot.consults.between.store import Held
from bot.directory.roster import RosterFile
from bot.directory.service import hospitals_of
from bot.kernel.db import Database

_LOOK_SECONDS = 1.0
_RENEW = timedelta(hours=1)
_KEEP = timedelta(days=60)


async def keep_offers(house: House, database: Database) -> None:
    """A worker: look at the roster and the hospitals, and do what follows when they have changed."""
    seen: object = None
    done_at: datetime | None = None
    while True:
        roster, now = house.part(RosterFile), database.clock.now()
        state = (
            roster.current,
            roster.error,
            hospitals_of(house).known,
            house.hospitals.servers("consults"),
        )
        if state != seen or done_at is None or now - done_at > _RENEW:
            async with database.begin() as tx:
                await bring_up_to_date(Desk(house, tx, next(iter(house.bot_users))))
            seen, done_at = state, now
        await asyncio.sleep(_LOOK_SECONDS)


async def bring_up_to_date(desk: Desk) -> None:
    """Send offers that have changed, and end what is offered no longer or is with a hospital now shut out."""
    await offering.offer_all(desk)
    for server in sorted(await store.peers_of_open(desk.tx)):
        for held in await store.open_with(desk.tx, server):
            if held.leg.side is Side.ANSWERING:
                await _end_theirs(desk, held)
            elif post.peer(desk, server) is None and may_say(held.leg, Kind.CANCEL):
                await post.say(desk, held, Kind.CANCEL, why="not-listed")


async def _end_theirs(desk: Desk, held: Held) -> None:
    why = offering.withdrawn(desk, held)
    if why is None or not may_say(held.leg, Kind.REFUSED):
        return
    await post.say(desk, held, Kind.REFUSED, why=why)
    record = None if held.local is None else await consults.load(desk.tx, held.local)
    if record is not None:
        bot = desk.house.bot_users[record.bot]
        await steps.happen(desk, record, model.Cancel(bot, moderator=True), actor=bot)


async def forget(desk: Desk) -> None:
    """Once a day: forget what was said about consults long ago."""
    await store.purge(desk.tx, desk.now - _KEEP)
