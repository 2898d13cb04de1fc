"""The auditor: every minute it looks for open consults that nobody looks after, and puts that right.

Every step sets the timer of the next one in the transaction that made it, so there is nothing to find. Should
there be all the same (a row deleted by hand, a backup put back), the step is due again at once; where no step
can help, the moderators are told. Until nothing is found any more, the process does not call itself ready.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.chat.desk import Desk, House
from bot.consults import views
from bot.consults.carrier import timer_kind
from bot.consults.watching import store
from bot.consults.watching.store import Astray
from bot.directory.moderators import MODERATORS_ROOM
from bot.kernel import metrics, timers
from bot.kernel.db import Database
from bot.kernel.timers import Timer

log = logging.getLogger(__name__)

TIMER = "consults.watch"
_KEY = "house"
_EVERY = timedelta(minutes=1)
_LATE = timedelta(minutes=3)  # a look that is overdue by so much counts as none
_AT_ONCE = 5_000  # consults looked at in one transaction


async def begin(_house: House, database: Database) -> None:
    """See to it that somebody looks, from the start of the process on."""
    async with database.begin() as tx:
        await timers.set_timer(tx, TIMER, _KEY, tx.now, after="", found=0, last=0)


async def look(desk: Desk, timer: Timer) -> None:
    """Look at so many consults, and at the next ones directly afterwards."""
    after, found = str(timer.facts.get("after", "")), int(timer.facts.get("found", 0))
    astray, last = await store.unaccounted_in(desk.tx, after=after, most=_AT_ONCE)
    for one in astray:
        await _put_right(desk, one)
    found += len(astray)
    if last is not None:
        before = int(timer.facts.get("last", 0))
        await timers.set_timer(desk.tx, TIMER, _KEY, desk.now, after=last, found=found, last=before)
        return
    metrics.consults_unaccounted.set(found)
    await timers.set_timer(desk.tx, TIMER, _KEY, desk.now + _EVERY, after="", found=0, last=found)


async def _put_right(desk: Desk, one: Astray) -> None:
    if one.late:
        return  # its timer is there: the engine is behind, and comes to it
    log.error("an open consult was unaccounted for", extra={"consult": one.record.id, "why": one.why})
    desk.tx.audit("system", "consult.unaccounted", one.record.id, why=one.why)
    metrics.consult_requeues.inc()
    record = one.record
    if one.clock is not None:
        kind, number = timer_kind(one.clock), record.consult.turn
        await timers.set_timer(desk.tx, kind, record.id, desk.now, number=number, bot=record.bot)
    elif desk.house.settings.moderators:
        at = views.reader_of(desk, desk.house_translator())
        await desk.send(MODERATORS_ROOM, views.to_moderators(at, record, "unaccounted", None))


def probe(database: Database) -> Callable[[], Awaitable[list[str]]]:
    """Not ready while consults are unaccounted for, or nobody looks."""

    async def reasons() -> list[str]:
        async with database.read() as tx:
            facts, due_at = await store.last_look(tx, f"{TIMER}:{_KEY}")
            now = tx.now
        if facts is None or due_at is None:
            return []  # the worker has not started yet: another probe says so
        if now - due_at > _LATE:
            return ["Nobody has looked after open consults for more than 3 minutes."]
        number = int(facts.get("last", 0))
        return [f"{number} open consults were unaccounted for at the last look."] if number else []

    return reasons
