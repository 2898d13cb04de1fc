"""Who is on call at a moment.

Shifts are wall time in the rota's zone, so the question is asked of the moment's local time there:
whoever's shift covers that weekday and minute is on duty. This decides the changes of the clock.
Where it goes forward, wall times that do not occur belong to nobody, and a shift that begins in the
gap begins right after it. Where it goes back, a wall time that occurs twice belongs both times to
the shift that covers it. A rota without gaps on paper has none on those days either.
"""

from __future__ import annotations

from datetime import datetime

from bot.directory.model import EVERY_DAY, MINUTES_A_DAY, Service, Shift


def on_call(rota: Service, moment: datetime) -> tuple[str, ...]:
    """Whom to call at `moment` (an aware datetime), the first one first: those on shift, then the chain."""
    local = moment.astimezone(rota.zone)
    on_shift = [
        shift.who for shift in rota.shifts if covers(shift, local.weekday(), local.hour * 60 + local.minute)
    ]
    return tuple(dict.fromkeys([*on_shift, *rota.on_call]))


def covers(shift: Shift, weekday: int, minute: int) -> bool:
    """Whether a shift covers this minute of the day on this weekday (Monday is 0)."""
    if shift.start < shift.end:
        return weekday in shift.days and shift.start <= minute < shift.end
    began_today = weekday in shift.days and minute >= shift.start
    began_yesterday = (weekday - 1) % 7 in shift.days and minute < shift.end
    return began_today or began_yesterday


def first_gap(rota: Service) -> tuple[int, int] | None:
    """The first weekday and minute of the week at which nobody is on call; None if there is none."""
    if rota.on_call:
        return None
    for weekday in sorted(EVERY_DAY):
        for minute in range(MINUTES_A_DAY):
            if not any(covers(shift, weekday, minute) for shift in rota.shifts):
                return weekday, minute
    return None
