"""Some time after a case was posted its author is asked what it was, and reminded once."""

from __future__ import annotations

from bot.cases import store as cases
from bot.cases.model import Case, State
from bot.cases.thread import author, views
from bot.chat.desk import Desk
from bot.kernel import timers
from bot.kernel.timers import Timer

TIMER = "case_threads.follow-up"


async def plan(desk: Desk, case: Case, *, reminder: bool = False) -> None:
    """Set the moment at which the author is asked; a length of 0 in the settings: never."""
    length = desk.house.settings.cases.follow_up
    if not length:
        return
    when = desk.now + length
    await cases.change(desk.tx, case.id, follow_up_at=when)
    await timers.set_timer(desk.tx, TIMER, case.id, when, reminder=reminder)


async def due(desk: Desk, timer: Timer) -> None:
    """Ask the author of a case that is still open what it was; once more when they do not answer."""
    case = await cases.locked(desk.tx, timer.key)
    if case is None or case.state not in (State.POSTED, State.HIDDEN):
        return
    if case.state is State.HIDDEN:
        await plan(desk, case, reminder=bool(timer.facts["reminder"]))
        return
    reminder = bool(timer.facts["reminder"])
    handle = await author.handle_of(desk, case)
    p = desk.house.settings.prefix
    told = await author.tell(desk, case, lambda t: views.what_was_it(t, case, handle, p, reminder=reminder))
    await cases.change(desk.tx, case.id, follow_up_at=None)
    if told is not None and not reminder:
        await plan(desk, case, reminder=True)


async def forget(desk: Desk, case: Case) -> None:
    """The case is solved or gone: nobody is asked any more."""
    await timers.cancel(desk.tx, TIMER, case.id)
    await cases.change(desk.tx, case.id, follow_up_at=None)
