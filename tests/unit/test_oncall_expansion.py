"""Who is on equals what recurring-ical-events makes of the same rota written as an iCalendar.

The calendar is written from the rota's entries by recurrence rules, a series for each layer and turn: it
shares no arithmetic of shifts with `bot.oncall.rules`.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from math import lcm
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from bot.directory.rotas import Change, Holidays, Layer, OnHolidays, Rota, Window
from bot.oncall.rules import on_duty, stints, turn_ends

# Zones and the days on which their clocks change in 2026, both ways; Lord Howe's change is of 30 minutes.
CHANGES = {
    "Europe/Berlin": (date(2026, 3, 29), date(2026, 10, 25)),
    "America/New_York": (date(2026, 3, 8), date(2026, 11, 1)),
    "Australia/Sydney": (date(2026, 4, 5), date(2026, 10, 4)),
    "Australia/Lord_Howe": (date(2026, 4, 5), date(2026, 10, 4)),
}
DAY = timedelta(days=1)
BYDAY = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
# Around the hours in which clocks change, and anywhere.
MINUTES = st.one_of(
    st.sampled_from([60, 90, 105, 120, 135, 150, 165, 180, 195]), st.integers(0, 95).map(lambda n: n * 15)
)
LENGTHS = [timedelta(hours=6), timedelta(hours=12), DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY]


def text(wall: datetime) -> str:
    return wall.strftime("%Y%m%dT%H%M%S")


def nominal(length: timedelta) -> str:
    """A duration of wall time: days in days, so that the clock's changes do not count (RFC 5545, 3.3.6)."""
    minutes = length.seconds // 60
    rest = f"T{minutes // 60}H{minutes % 60}M" if minutes else ""
    return f"P{length.days}D{rest}" if length.days else f"P{rest}"


class Writer:
    """A rota as an iCalendar; the category of an event is the layer's number, its summary who is on."""

    def __init__(self, rota: Rota) -> None:
        self.lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//independent//EN"]
        self.count = 0
        for number, layer in enumerate(rota.layers):
            self.layer(number, layer)
        self.lines.append("END:VCALENDAR")

    def layer(self, number: int, layer: Layer) -> None:
        assert layer.start is not None
        origin = datetime.combine(layer.start, time(layer.handover // 60, layer.handover % 60))
        circle = len(layer.turns) * layer.length
        for place, turn in enumerate(layer.turns):
            begins = origin + place * layer.length
            if not layer.windows:
                hours = int(circle / timedelta(hours=1))
                rule = (
                    f"FREQ=DAILY;INTERVAL={hours // 24}"
                    if hours % 24 == 0
                    else f"FREQ=HOURLY;INTERVAL={hours}"
                )
                self.series(number, layer, begins, layer.length, rule, circle, turn)
                continue
            for window in layer.windows:
                for first in self.firsts(layer, window, begins, circle):
                    step = lcm(int(circle / DAY), 7)
                    rule = (
                        f"FREQ=WEEKLY;INTERVAL={step // 7};BYDAY={BYDAY[first.weekday()]}"
                        if layer.length >= 7 * DAY
                        else f"FREQ=DAILY;INTERVAL={step}"
                    )
                    self.series(number, layer, first, window.length, rule, step * DAY, turn)

    def firsts(self, layer: Layer, window: Window, begins: datetime, circle: timedelta) -> list[datetime]:
        """When the window's shifts begin in this turn, until weekdays and turns fall together again."""
        rounds = lcm(int(circle / DAY), 7) // int(circle / DAY)
        found = []
        for turn_begins in (begins + number * circle for number in range(rounds)):
            day = turn_begins.date()
            while day <= (turn_begins + layer.length).date():
                wall = datetime.combine(day, time(window.start // 60, window.start % 60))
                if day.weekday() in window.days and turn_begins <= wall < turn_begins + layer.length:
                    found.append(wall)
                day += DAY
        return found

    def series(
        self,
        number: int,
        layer: Layer,
        begins: datetime,
        length: timedelta,
        rule: str,
        step: timedelta,
        turn: tuple[str, ...],
    ) -> None:
        zone = layer.zone.key
        last = layer.until or date(2027, 1, 31)
        if begins.date() > last:
            return
        if layer.on_holidays is OnHolidays.ONLY:
            self.only(number, layer, begins, length, step, turn, last)
            return
        until = datetime.combine(last, time(23, 59, 59), layer.zone).astimezone(UTC)
        self.lines += [
            *self.head(number, turn),
            f"DTSTART;TZID={zone}:{text(begins)}",
            f"DURATION:{nominal(length)}",
            f"RRULE:{rule};UNTIL={text(until)}Z",
        ]
        if layer.on_holidays is OnHolidays.NEVER:
            for day in sorted(layer.holidays.dates):
                walls = [begins + n * step for n in range(1000) if (begins + n * step).date() == day]
                self.lines += [f"EXDATE;TZID={zone}:{text(wall)}" for wall in walls]
        self.lines.append("END:VEVENT")

    def only(
        self,
        number: int,
        layer: Layer,
        begins: datetime,
        length: timedelta,
        step: timedelta,
        turn: tuple[str, ...],
        last: date,
    ) -> None:
        wall = begins
        while wall.date() <= last:
            if wall.date() in layer.holidays.dates:
                self.lines += [
                    *self.head(number, turn),
                    f"DTSTART;TZID={layer.zone.key}:{text(wall)}",
                    f"DURATION:{nominal(length)}",
                    "END:VEVENT",
                ]
            wall += step

    def head(self, number: int, turn: tuple[str, ...]) -> list[str]:
        self.count += 1
        return ["BEGIN:VEVENT", f"UID:{self.count}", f"CATEGORIES:{number}", f"SUMMARY:{'|'.join(turn)}"]

    def bytes(self) -> bytes:
        return "\r\n".join([*self.lines, ""]).encode()


people = st.integers(0, 7).map(lambda number: f"@u{number}:hs")
turns = st.lists(
    st.lists(people, min_size=1, max_size=2, unique=True).map(tuple), min_size=1, max_size=4
).map(tuple)
windows = st.builds(
    Window,
    st.frozensets(st.integers(0, 6), min_size=1, max_size=7),
    MINUTES,
    st.one_of(st.integers(1, 96).map(lambda n: timedelta(minutes=15 * n)), st.just(3 * DAY)),
)


@st.composite
def layers(draw: st.DrawFn) -> Layer:
    length = draw(st.sampled_from(LENGTHS))
    shown = tuple(draw(st.lists(windows, max_size=2))) if length >= DAY else ()
    longest = max((window.length for window in shown), default=length)
    kinds = list(OnHolidays) if longest <= DAY else [OnHolidays.AS_USUAL]
    holidays = draw(st.frozensets(st.dates(date(2026, 3, 1), date(2026, 11, 5)), max_size=12))
    near = [day + timedelta(days=draw(st.integers(-2, 2))) for days in CHANGES.values() for day in days]
    return Layer(
        "x",
        draw(turns),
        length,
        draw(MINUTES),
        draw(st.dates(date(2025, 12, 1), date(2026, 4, 10))),
        draw(st.one_of(st.none(), st.dates(date(2026, 4, 11), date(2026, 11, 30)))),
        shown,
        draw(st.sampled_from(kinds)),
        Holidays(holidays | frozenset(near)),
        ZoneInfo(draw(st.sampled_from(sorted(CHANGES)))),
    )


rotas = st.lists(layers(), min_size=1, max_size=3).map(lambda found: Rota("x", tuple(found)))


def expanded(rota: Rota, begin: datetime, end: datetime) -> list[tuple[int, datetime, datetime, list[str]]]:
    calendar = icalendar.Calendar.from_ical(Writer(rota).bytes())
    found = []
    for one in recurring_ical_events.of(calendar).between(begin - 20 * DAY, end + 3 * DAY):
        layer = int(str(one["CATEGORIES"].cats[0]))
        starts, ends = one["DTSTART"].dt.astimezone(UTC), one["DTEND"].dt.astimezone(UTC)
        if starts < ends:
            found.append((layer, starts, ends, str(one["SUMMARY"]).split("|")))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(rotas, st.integers(0, 1), st.randoms(use_true_random=False))
def test_who_is_on_is_what_an_independent_expansion_says(rota: Rota, change: int, random: object) -> None:
    zone = rota.layers[0].zone
    event(zone.key)
    middle = datetime.combine(CHANGES[zone.key][change], time(3), UTC)
    begin, end = middle - 3 * DAY, middle + 3 * DAY
    shifts = expanded(rota, begin, end)
    cuts = {moment for _layer, starts, ends, _people in shifts for moment in (starts, ends)}
    moments = {begin + timedelta(minutes=47 * n) for n in range(180)}
    moments |= {cut + shift for cut in cuts for shift in (timedelta(), -timedelta(seconds=1))}
    found = stints(rota, begin, end)
    for moment in sorted(one for one in moments if begin <= one < end):
        expected: set[str] = set()
        for layer in range(len(rota.layers) - 1, -1, -1):
            expected = {
                user
                for number, starts, ends, turn in shifts
                if number == layer and starts <= moment < ends
                for user in turn
            }
            if expected:
                break
        on = on_duty(rota, moment)
        assert set(on) == expected, (moment, zone.key)
        assert len(on) == len(expected)
        assert on == next(stint.people for stint in found if stint.begin <= moment < stint.end)
    assert [one.end for one in found[:-1]] == [one.begin for one in found[1:]]
    assert (found[0].begin, found[-1].end) == (begin, end)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    rotas,
    st.lists(
        st.tuples(people, st.integers(-2000, 2000), st.integers(1, 2000), st.one_of(st.none(), people)),
        max_size=4,
    ),
)
def test_changes_lie_on_top_in_their_order(rota: Rota, made: list[tuple[str, int, int, str | None]]) -> None:
    middle = datetime(2026, 3, 29, 3, tzinfo=UTC)
    changes = [
        Change(who, middle + timedelta(minutes=begin), middle + timedelta(minutes=begin + length), instead)
        for who, begin, length, instead in made
    ]
    for moment in (middle + timedelta(minutes=181 * n) for n in range(-15, 15)):
        expected = list(on_duty(rota, moment))
        for one in changes:
            if one.begin <= moment < one.end:
                if one.instead is None:
                    expected = [one.who]
                elif one.instead in expected:
                    expected[expected.index(one.instead)] = one.who
                    expected = list(dict.fromkeys(expected))
        on = on_duty(rota, moment, changes)
        assert list(on) == expected
        for user in on[:1]:
            ends = turn_ends(rota, user, moment, changes)
            if ends is not None:
                assert user in on_duty(rota, ends - timedelta(seconds=1), changes)
                assert user not in on_duty(rota, ends, changes)
