"""Reading rotas and holidays from the roster.

[holidays.berlin]
yearly = ["01-01", "05-01", "10-03", "12-25", "12-26"]
dates = [2026-04-03, 2026-04-06, 2026-05-14, 2026-05-25]

[rotas.cardiology]
timezone = "Europe/Berlin"
holidays = "berlin"
gaps = true                            # meant to have times at which nobody is on: they are no finding

[[rotas.cardiology.layers]]            # nights and weekends, a week each
name = "nights"
people = ["@a:h.example", "@b:h.example", ["@c:h.example", "@d:h.example"]]
turn = "weekly"                        # daily, weekly, or a length such as 12h, 3d, 2w
start = 2026-01-05                     # the first turn begins on this day
handover = "08:00"                     # at this time
windows = ["mon-fri 17:00-08:00", "sat,sun 08:00-08:00"]
until = 2026-12-31                     # the last day on which a shift begins

[[rotas.cardiology.layers]]            # a later layer lies on top of those before
name = "days"
people = ["@e:h.example"]
windows = ["weekdays 08:00-17:00"]
on_holidays = "never"                  # or "only"

[[rotas.cardiology.overrides]]
who = "@f:h.example"
instead = "@a:h.example"               # left out: of all who would be on
from = 2026-03-01T20:00:00
to = 2026-03-02T08:00:00
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field

from bot.directory.model import EVERY_DAY
from bot.directory.roster_words import WallTime, Word, minutes, weekdays
from bot.directory.rotas import Change, Diary, Holidays, Layer, OnHolidays, Rota, Window
from bot.settings import Section, UserId, Zone

_LENGTHS = {"daily": timedelta(days=1), "weekly": timedelta(weeks=1)}
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}
_NAMED_DAYS = {
    "weekdays": frozenset(range(5)),
    "weekend": frozenset({5, 6}),
    "weekends": frozenset({5, 6}),
    "daily": EVERY_DAY,
}
_DAY = timedelta(days=1)
_LONGEST_TURN = timedelta(weeks=53)

ReadDiary = Callable[[str, str], Diary]


def _length(value: Any) -> Any:
    match = re.fullmatch(r"(\d{1,4})\s*([hdw])", value.strip()) if isinstance(value, str) else None
    length = (
        int(match[1]) * _UNITS[match[2]] if match else _LENGTHS.get(value) if isinstance(value, str) else None
    )
    if length is None or not timedelta() < length <= _LONGEST_TURN:
        raise ValueError("must be daily, weekly, or a length such as 12h, 3d or 2w, a year at most")
    return length


def _window(value: Any) -> Any:
    """`mon-fri 17:00-08:00`: on each of these days; `fri 17:00 - mon 08:00`: once a week, days long."""
    text = " ".join(value.lower().split()) if isinstance(value, str) else ""
    long = re.fullmatch(r"([a-z]{3}) (\d{1,2}:\d{2}) ?[-–] ?([a-z]{3}) (\d{1,2}:\d{2})", text)
    short = re.fullmatch(r"(?:(\S+) )?(\d{1,2}:\d{2}) ?[-–] ?(\d{1,2}:\d{2})", text)
    if long:
        (first,), (last,) = weekdays(long[1]), weekdays(long[3])
        start, end = minutes(long[2]), minutes(long[4])
        length = (last - first) * 1440 + end - start
        return Window(frozenset({first}), start, timedelta(minutes=(length - 1) % (7 * 1440) + 1))
    if short:
        days = _NAMED_DAYS.get(short[1]) or weekdays(short[1]) if short[1] else EVERY_DAY
        start, end = minutes(short[2]), minutes(short[3])
        if start < 1440:
            return Window(days, start, timedelta(minutes=(end - start - 1) % 1440 + 1))
    raise ValueError(
        'must be such as "mon-fri 17:00-08:00", "weekend 08:00-08:00" or "fri 17:00 - mon 08:00"'
    )


def _turns(value: Any) -> Any:
    """People one after the other; those in a list within the list are on together."""
    if isinstance(value, list | tuple):
        return [one if isinstance(one, list | tuple) else [one] for one in value]
    raise ValueError('must be a list, such as ["@anna:hospital.example", "@ben:hospital.example"]')


def _once(value: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    if any(not turn or len(set(turn)) != len(turn) for turn in value):
        raise ValueError("must name somebody in every turn, and nobody twice in one")
    return value


def _yearly(value: Any) -> Any:
    match = re.fullmatch(r"(\d{2})-(\d{2})", value) if isinstance(value, str) else None
    try:
        # 2024 had a 29 February.
        day = date(2024, int(match[1]), int(match[2])) if match else None
    except ValueError:
        day = None
    if day is None:
        raise ValueError("must be month and day of every year, such as 12-25")
    return day.month, day.day


class HolidayEntry(Section):
    """`[holidays.NAME]`: days on which other shifts hold."""

    dates: tuple[date, ...] = ()
    yearly: tuple[Annotated[tuple[int, int], BeforeValidator(_yearly)], ...] = ()


class _LayerEntry(Section):
    name: Word | None = None
    people: Annotated[tuple[tuple[UserId, ...], ...], BeforeValidator(_turns), AfterValidator(_once)] = ()
    turn: Annotated[timedelta, BeforeValidator(_length)] = _LENGTHS["weekly"]
    start: date | None = None
    handover: WallTime = "00:00"
    until: date | None = None
    windows: tuple[Annotated[Window, BeforeValidator(_window)], ...] = ()
    on_holidays: Literal["as usual", "never", "only"] = "as usual"
    timezone: Zone | None = None
    calendar: str | None = Field(default=None, min_length=1, max_length=200)


class _OverrideEntry(Section):
    who: UserId
    instead: UserId | None = None
    start: datetime = Field(alias="from")
    end: datetime = Field(alias="to")


class RotaEntry(Section):
    """`[rotas.NAME]`: layers from below to the top, and what is different for once."""

    timezone: Zone | None = None
    holidays: str | None = None
    gaps: bool = False
    layers: tuple[_LayerEntry, ...] = Field(min_length=1, max_length=50)
    overrides: tuple[_OverrideEntry, ...] = ()


def holidays(entry: HolidayEntry) -> Holidays:
    """The days that are holidays."""
    return Holidays(frozenset(entry.dates), frozenset(entry.yearly))


def rota(
    key: str,
    entry: RotaEntry,
    timezone: str,
    calendars: Mapping[str, Holidays],
    read_diary: ReadDiary,
    refuse: Callable[[str], Exception],
) -> Rota:
    """A rota; raises what `refuse` makes of a sentence that names the entry.

    `read_diary` reads an iCalendar file, by its path as written and the zone of its floating times.
    """
    place = f"rotas.{key}"
    if entry.holidays is not None and entry.holidays not in calendars:
        raise refuse(f"{place}.holidays: there is no holidays.{entry.holidays}.")
    days_off = calendars.get(entry.holidays or "", Holidays())
    zone = entry.timezone or timezone
    layers = []
    for number, layer in enumerate(entry.layers):
        where = f"{place}.layers.{number}"
        _refuse_contradictions(where, layer, entry.holidays, refuse)
        layers.append(_layer(layer, number, zone, days_off, read_diary))
    overrides = []
    for number, one in enumerate(entry.overrides):
        begin, end = _instant(one.start, zone), _instant(one.end, zone)
        if not begin < end:
            raise refuse(f"{place}.overrides.{number}: must end after it begins.")
        overrides.append(Change(one.who, begin, end, one.instead))
    return Rota(key, tuple(layers), ZoneInfo(zone), tuple(overrides), entry.gaps)


def _refuse_contradictions(
    where: str, layer: _LayerEntry, days_off: str | None, refuse: Callable[[str], Exception]
) -> None:
    if (layer.calendar is None) is (not layer.people):
        raise refuse(f"{where}: needs people, or a calendar, and not both.")
    if layer.calendar is not None and layer.windows:
        raise refuse(f"{where}.windows: a calendar says itself when its shifts are.")
    if len(layer.people) > 1 and layer.start is None:
        raise refuse(f"{where}.start: is required: the day on which the first of its people begins.")
    if layer.start and layer.until and layer.until < layer.start:
        raise refuse(f"{where}.until: must not be before its start.")
    if layer.on_holidays != "as usual":
        if days_off is None:
            raise refuse(f'{where}.on_holidays: name the rota\'s holidays, such as holidays = "berlin".')
        if layer.calendar is not None:
            raise refuse(f"{where}.on_holidays: a calendar says itself when its shifts are.")
        longest = max((window.length for window in layer.windows), default=layer.turn)
        if longest > _DAY:
            raise refuse(f"{where}.on_holidays: needs shifts of a day at most: give it windows.")


def _layer(entry: _LayerEntry, number: int, zone: str, days_off: Holidays, read_diary: ReadDiary) -> Layer:
    own = entry.timezone or zone
    layer = Layer(
        name=entry.name or f"layer {number + 1}",
        turns=entry.people,
        length=entry.turn,
        handover=minutes(entry.handover) % 1440,
        start=entry.start,
        until=entry.until,
        windows=tuple(sorted(entry.windows, key=lambda window: window.start)),
        on_holidays=OnHolidays(entry.on_holidays),
        holidays=days_off,
        zone=ZoneInfo(own),
    )
    return layer if entry.calendar is None else replace(layer, diary=read_diary(entry.calendar, own))


def _instant(value: datetime, zone: str) -> datetime:
    """What a time in the file means: wall time in the rota's zone, unless it has an offset."""
    return (value if value.tzinfo is not None else value.replace(tzinfo=ZoneInfo(zone), fold=0)).astimezone(
        UTC
    )
