"""Once a week each room gets one message: which of its cases are open, and which were solved."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.cases import store as cases
from bot.cases.model import Case, State
from bot.cases.thread import store, views
from bot.cases.thread.model import Standing
from bot.cases.thread.rules import next_digest
from bot.chat.desk import Desk
from bot.kernel import timers
from bot.kernel.timers import Timer
from bot.rooms.admission import gate

TIMER = "case_threads.digest"
_WEEK = timedelta(days=7)
_KEEP_FILES = timedelta(days=30)
_MOST = 8  # of each kind


async def plan(desk: Desk) -> None:
    """Set the timer of the next digest, if none is set."""
    if not await timers.is_set(desk.tx, TIMER, "house"):
        await _set(desk)


async def daily(desk: Desk) -> None:
    """Set it for the day and hour that the settings have now; forget what is too old to be corrected."""
    if await store.rooms_with_cases(desk.tx):
        await _set(desk)
    await store.forget_relays(desk.tx, desk.now - timedelta(days=90))
    await store.forget_files(desk.tx, desk.now - _KEEP_FILES)


async def _set(desk: Desk) -> None:
    settings = desk.house.settings
    if settings.cases.digest == "off":
        await timers.cancel(desk.tx, TIMER, "house")
        return
    zone = ZoneInfo(settings.timezone)
    when = next_digest(desk.now, settings.cases.digest, settings.cases.digest_hour, zone)
    await timers.set_timer(desk.tx, TIMER, "house", when)


async def due(desk: Desk, _timer: Timer) -> None:
    """Post the week's digest in every room that has something to tell."""
    desk = gate.at_gate(desk)
    await _set(desk)
    off = set(desk.house.settings.cases.digest_off)
    where = await gate.places(desk)
    t = desk.house_translator()
    for key in await store.rooms_with_cases(desk.tx):
        room = where.room(key)
        if room is None or room.archived or key in off or desk.house.settings.cases.digest == "off":
            continue
        waiting = await store.in_room(desk.tx, key, State.POSTED)
        solved = await store.in_room(desk.tx, key, State.CLOSED, since=desk.now - _WEEK)
        if not waiting and not solved:
            continue
        opened = [await _linked(desk, one) for one in waiting[:_MOST]]
        closed = [await _linked(desk, one) for one in solved[:_MOST]]
        settings = desk.house.settings
        message = views.digest(
            t, opened, len(waiting), closed, len(solved), settings.prefix, settings.server_name
        )
        await desk.send(room.house_name, message)


async def _linked(desk: Desk, case_id: str) -> tuple[Case, Standing | None]:
    """A case, and where its post stands."""
    found = await cases.case(desk.tx, case_id)
    assert found is not None
    return found, await store.standing(desk.tx, {found.event_id} if found.event_id else set())
