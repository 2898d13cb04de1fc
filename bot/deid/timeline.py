"""Dates of a text as intervals: the day that the course is counted from is "day 0". Pure.

Safe Harbor lets no element of a date but the year stay, and a shifted date does not meet it; the days between
two dates say nothing of when they were. Counted from is the earliest date of the largest group of dates that
lie close together, so that an operation ten years ago does not turn each day of a stay into "+10 y". A date
without a year counts where the text itself leaves no doubt; what stays open (a month, a weekday, a feast, a
day and month that may be the other way round) gets no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

from bot.deid.calendars import When

_CLOSE = 60  # days: dates of one course
_NEAR = 120  # days: a date without a year belongs to the year of a full date as near as this
_MONTH = 30.44
_YEAR = 365.25
_LONG = 730  # days: from here on years, before months

# The day counted from, another day, days of one span, and longer intervals.
_PHRASES = {
    "en": ("day 0", "day {0:+d}", "day {0:+d} to {1:+d}", "{0} mo {1}", "{0} y {1}", ("earlier", "later")),
    "de": ("Tag 0", "Tag {0:+d}", "Tag {0:+d} bis {1:+d}", "{0} Mon. {1}", "{0} J. {1}", ("davor", "danach")),
    "es": ("día 0", "día {0:+d}", "día {0:+d} a {1:+d}", "{0} meses {1}", "{0} a. {1}", ("antes", "después")),
    "fr": ("jour 0", "jour {0:+d}", "jour {0:+d} à {1:+d}", "{0} mois {1}", "{0} a. {1}", ("avant", "après")),
}


def intervals(dates: Sequence[When], language: str, births: Sequence[When] = ()) -> list[str | None]:
    """For each date its interval, or None where it stays open; birth dates only tell the order of figures."""
    days = _resolved(dates, _day_first([*dates, *births]))
    known = sorted({day for day in days if day is not None})
    ranged = any(when.last is not None for when, day in zip(dates, days, strict=True) if day is not None)
    if not known or (len(known) == 1 and not ranged):  # between one day and itself lies nothing to tell
        return [None] * len(dates)
    base = _base(known)
    return [
        None if day is None else _said(day, when, base, language)
        for day, when in zip(days, dates, strict=True)
    ]


def _resolved(dates: Sequence[When], day_first: bool | None) -> list[date | None]:
    settled = [_settled(when, day_first) for when in dates]
    full = [day for when in settled if (day := _full(when)) is not None]
    if full:
        return [_full(when) or _nearest(when, full) for when in settled]
    # No year anywhere: all in one year, where that makes one course.
    guessed = [_in_year(when, 2001) for when in settled]
    known = [day for day in guessed if day is not None]
    if len(set(known)) > 1 and (max(known) - min(known)).days > _NEAR:
        return [None] * len(dates)
    return guessed


def _day_first(dates: Sequence[When]) -> bool | None:
    """Whether the day comes first in dates that are open either way; None if no other date tells."""
    orders = {when.order for when in dates if when.order is not None}
    return orders.pop() if len(orders) == 1 else None


def _settled(when: When, day_first: bool | None) -> When:
    if not when.swapped:
        return when
    if day_first is None:
        return When(when.year)
    # Read as month first.
    month, day = (when.day, when.month) if day_first else (when.month, when.day)
    return When(when.year, month, day)


def _full(when: When) -> date | None:
    if when.year is None:
        return None
    return _in_year(when, when.year)


def _in_year(when: When, year: int) -> date | None:
    if when.month is None or when.day is None:
        return None
    try:
        return date(year, when.month, when.day)
    except ValueError:
        return None  # 30 February: somebody's slip


def _nearest(when: When, full: Sequence[date]) -> date | None:
    """A day without a year, in the one year in which it lies near a full date."""
    years = sorted({one.year + step for one in full for step in (-1, 0, 1)})
    near = {
        day
        for year in years
        if (day := _in_year(when, year)) is not None and any(abs((day - one).days) <= _NEAR for one in full)
    }
    return near.pop() if len(near) == 1 else None


def _base(known: Sequence[date]) -> date:
    """The first day of the largest group; of groups of one size, the latest."""
    groups: list[list[date]] = []
    for day in known:
        if groups and day - groups[-1][-1] <= timedelta(days=_CLOSE):
            groups[-1].append(day)
        else:
            groups.append([day])
    return max(groups, key=lambda group: (len(group), group[0]))[0]


def _said(day: date, when: When, base: date, language: str) -> str:
    zero, one, several, months, years, sides = _PHRASES[language]
    apart = (day - base).days
    if when.last is not None and when.day is not None:
        return several.format(apart, apart + when.last - when.day).replace("+0", "0")
    if apart == 0:
        return zero
    if abs(apart) <= _CLOSE:
        return one.format(apart)
    side = sides[apart > 0]
    if abs(apart) < _LONG:
        return months.format(round(abs(apart) / _MONTH), side)
    return years.format(round(abs(apart) / _YEAR), side)
