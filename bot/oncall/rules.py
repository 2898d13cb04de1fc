"""Who is on call at a moment: a pure function of the rota, what has changed in it, and the moment.

Rotas are written in wall time. What a wall time means on the two days a year on which the clock changes
is RFC 5545, section 3.3.5: one that occurs twice is the first of the two, one that does not occur is read
with the offset that held before the gap. Every beginning and end of a shift is thus one instant, and who is
on changes at these instants only. A rota without gaps on paper has none on those days either; where wall
times run backwards over a gap, two shifts may overlap by as much, and both are on.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from zoneinfo import ZoneInfo

from bot.directory.model import EVERY_DAY, MINUTES_A_DAY, Roster, Service, Shift
from bot.directory.rotas import MONDAY, Change, Duty, Layer, OnHolidays, Rota

_DAY = timedelta(days=1)
# No clock has ever been moved by more than a day (Samoa, 2011).
_FAR = timedelta(hours=25)
# A turn's end is looked for so far ahead: a consult seldom lives longer, and a longer look takes longer.
_HORIZONS = (timedelta(days=2), timedelta(days=16))
# So far around a moment, whoever stands in a rota's calendar is of the rota.
_AROUND = timedelta(days=60)


@dataclass(frozen=True)
class Stint:
    """A span in which the same people are on, best first; nobody: a gap."""

    begin: datetime
    end: datetime
    people: tuple[str, ...]


def resolve(wall: datetime, zone: ZoneInfo) -> datetime:
    """The instant that a naive wall time means in a zone (RFC 5545, 3.3.5), in UTC."""
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def on_duty(rota: Rota, moment: datetime, changes: Sequence[Change] = ()) -> tuple[str, ...]:
    """Who is on in a rota at `moment` (aware): the topmost layer that covers it, then the changes."""
    people: tuple[str, ...] = ()
    for layer in reversed(rota.layers):
        on = [
            user
            for duty in _sorted(duties(layer, moment, moment))
            if moment < duty.end
            for user in duty.people
        ]
        if on:
            people = tuple(dict.fromkeys(on))
            break
    return _changed(people, moment, (*rota.overrides, *changes))


def duties(layer: Layer, begin: datetime, end: datetime) -> Iterator[Duty]:
    """The shifts of a layer that touch the span from `begin` to `end`, both included, by their beginning."""
    if layer.diary is not None:
        yield from layer.diary.between(begin, end)
        return
    if not layer.turns:
        return
    first, last = _walls(layer.zone, begin, end)
    for wall, length, turn in _plan(layer, first, last):
        starts, ends = resolve(wall, layer.zone), resolve(wall + length, layer.zone)
        if starts < ends and starts <= end and ends > begin:
            yield Duty(starts, ends, turn)


def stints(rota: Rota, begin: datetime, end: datetime, changes: Sequence[Change] = ()) -> list[Stint]:
    """Who is on from `begin` to `end`, gaps included, without anything left out."""
    every = (*rota.overrides, *changes)
    return _stints([list(duties(layer, begin, end)) for layer in rota.layers], every, begin, end)


def service_stints(service: Service, begin: datetime, end: datetime) -> list[Stint]:
    """The same for a service without a rota: those on shift, its chain left out."""
    shifts = [
        Duty(starts, ends, (shift.who,))
        for shift in service.shifts
        for starts, ends in _spans(shift, service.zone, begin, end)
    ]
    return _stints([shifts], (), begin, end)


def _stints(
    layers: Sequence[Sequence[Duty]], changes: Sequence[Change], begin: datetime, end: datetime
) -> list[Stint]:
    cuts = {begin, end}
    cuts.update(moment for layer in layers for duty in layer for moment in (duty.begin, duty.end))
    cuts.update(moment for change in changes for moment in (change.begin, change.end))
    found: list[Stint] = []
    sheets = [_Sheet(layer) for layer in reversed(layers)]
    for starts, ends in pairwise(sorted(moment for moment in cuts if begin <= moment <= end)):
        people: tuple[str, ...] = ()
        for sheet in sheets:
            on = sheet.on(starts)
            if on:
                people = tuple(dict.fromkeys(on))
                break
        people = _changed(people, starts, changes)
        if found and found[-1].people == people:
            found[-1] = Stint(found[-1].begin, ends, people)
        else:
            found.append(Stint(starts, ends, people))
    return found


class _Sheet:
    """A layer's shifts by their beginning, so that a moment's are found without looking at all."""

    def __init__(self, found: Iterable[Duty]) -> None:
        self._duties = _sorted(found)
        self._begins = [duty.begin for duty in self._duties]
        self._longest = max((duty.end - duty.begin for duty in self._duties), default=timedelta())

    def on(self, moment: datetime) -> list[str]:
        first = bisect_left(self._begins, moment - self._longest)
        last = bisect_right(self._begins, moment)
        return [user for duty in self._duties[first:last] if moment < duty.end for user in duty.people]


def _sorted(found: Iterable[Duty]) -> list[Duty]:
    return sorted(found, key=lambda duty: duty.begin)


def turn_ends(rota: Rota, user: str, moment: datetime, changes: Sequence[Change] = ()) -> datetime | None:
    """When somebody who is on at `moment` will be on no longer; None: not within 16 days, or not on."""
    for horizon in _HORIZONS:
        ahead = stints(rota, moment, moment + horizon, changes)
        if not ahead or user not in ahead[0].people:
            return None
        for stint in ahead:
            if user not in stint.people:
                return stint.begin
    return None


def shifts_of(
    rota: Rota, user: str, begin: datetime, end: datetime, changes: Sequence[Change] = ()
) -> list[tuple[datetime, datetime]]:
    """When somebody is on from `begin` to `end`, whoever else is on as well: from when to when."""
    found: list[tuple[datetime, datetime]] = []
    for stint in stints(rota, begin, end, changes):
        if user not in stint.people:
            continue
        if found and found[-1][1] == stint.begin:
            found[-1] = (found[-1][0], stint.end)
        else:
            found.append((stint.begin, stint.end))
    return found


# Services without a rota ---------------------------------------------------------------------------


def on_call(service: Service, moment: datetime) -> tuple[str, ...]:
    """Whom to call at `moment` (aware), the first one first: those on shift, then the chain."""
    on_shift = [shift.who for shift in service.shifts if any(_spans(shift, service.zone, moment, moment))]
    return tuple(dict.fromkeys([*on_shift, *service.on_call]))


def shift_ends(service: Service, user: str, moment: datetime) -> datetime | None:
    """When somebody on shift at `moment` ends; None: they are of the whole-time chain, or not on shift."""
    if user in service.on_call:
        return None
    ends = [
        end
        for shift in service.shifts
        if shift.who == user
        for _begin, end in _spans(shift, service.zone, moment, moment)
    ]
    return max(ends, default=None)


def quiet_until(start: int, end: int, zone: ZoneInfo, moment: datetime) -> datetime | None:
    """The end of somebody's quiet hours if `moment` is in them; minutes since midnight, over it as well."""
    hours = Shift("", EVERY_DAY, start, end)
    return max((ends for _begin, ends in _spans(hours, zone, moment, moment)), default=None)


def _spans(
    shift: Shift, zone: ZoneInfo, begin: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime]]:
    """The occurrences of a weekly shift that touch a span of time; with `begin` as `end`, that cover it."""
    first, last = _walls(zone, begin, end)
    length = timedelta(minutes=(shift.end - shift.start - 1) % MINUTES_A_DAY + 1)
    day = (first - length).date()
    while day <= last.date():
        if day.weekday() in shift.days:
            wall = _midnight(day) + timedelta(minutes=shift.start)
            starts, ends = resolve(wall, zone), resolve(wall + length, zone)
            if starts <= end and begin < ends and starts < ends:
                yield starts, ends
        day += _DAY


# The plan of a layer, in wall time -----------------------------------------------------------------


def _plan(
    layer: Layer, first: datetime, last: datetime
) -> Iterator[tuple[datetime, timedelta, tuple[str, ...]]]:
    """The shifts of a layer that touch a span of naive wall time: beginning, length and whose turn it is."""
    origin = _midnight(layer.start or MONDAY) + timedelta(minutes=layer.handover)
    for wall, length in _starts(layer, origin, first, last):
        day = wall.date()
        if layer.start is not None and wall < origin:
            continue
        if layer.until is not None and day > layer.until:
            return
        if layer.on_holidays is not OnHolidays.AS_USUAL and (
            (day in layer.holidays) is not (layer.on_holidays is OnHolidays.ONLY)
        ):
            continue
        yield wall, length, layer.turns[(wall - origin) // layer.length % len(layer.turns)]


def _starts(
    layer: Layer, origin: datetime, first: datetime, last: datetime
) -> Iterator[tuple[datetime, timedelta]]:
    if not layer.windows:
        number = (first - origin) // layer.length
        while (wall := origin + number * layer.length) <= last:
            yield wall, layer.length
            number += 1
        return
    day = (first - max(window.length for window in layer.windows)).date()
    while day <= last.date():
        for window in layer.windows:
            if day.weekday() in window.days:
                yield _midnight(day) + timedelta(minutes=window.start), window.length
        day += _DAY


def _walls(zone: ZoneInfo, begin: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The naive wall times between which every shift lies that touches a span, whatever the clock did."""
    earliest = min(_offset(zone, begin), _offset(zone, begin - _FAR))
    latest = max(_offset(zone, end), _offset(zone, end - _FAR))
    return _naive(begin) + earliest, _naive(end) + latest


def _offset(zone: ZoneInfo, moment: datetime) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()


def _naive(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day)


def _changed(people: tuple[str, ...], moment: datetime, changes: Iterable[Change]) -> tuple[str, ...]:
    for change in changes:
        if not change.begin <= moment < change.end:
            continue
        if change.instead is None:
            people = (change.who,)
        elif change.instead in people:
            people = tuple(dict.fromkeys(change.who if one == change.instead else one for one in people))
    return people


# What is wrong -------------------------------------------------------------------------------------


class Kind(StrEnum):
    """What can be wrong."""

    GAP = "gap"  # nobody is on
    DOUBLE = "double"  # somebody is on in two rotas at once
    STRANGER = "stranger"  # a cover by somebody who is not of the rota
    UNREADABLE = "unreadable"  # an event of a calendar that names nobody of the roster


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: where (`rotas.NAME` or `services.NAME`), from when to when, about whom.

    `other` is the second rota of a double booking, `words` what the event of a calendar says.
    """

    kind: Kind
    place: str
    begin: datetime
    end: datetime
    who: str = ""
    other: str = ""
    words: str = ""
    begun: bool = False  # before the span that was looked at: it is known by its end

    @property
    def digest(self) -> str:
        """What it is known by: the same for the same finding, whenever it is looked for."""
        moment = self.end if self.begun else self.begin
        text = f"{self.kind} {self.place} {self.who} {self.other} {moment.isoformat()}"
        return hashlib.sha256(text.encode()).hexdigest()


def findings(
    roster: Roster,
    begin: datetime,
    end: datetime,
    changes: Mapping[str, Sequence[Change]] | None = None,
) -> list[Finding]:
    """What is wrong from `begin` to `end` (aware), in order; `changes` are covers and swaps by rota."""
    made = changes or {}
    found: list[Finding] = []
    on: dict[str, list[tuple[datetime, datetime, str]]] = {}
    for key, rota in roster.rotas.items():
        ahead = stints(rota, begin, end, made.get(key, ()))
        found += _strangers(rota, begin, end, made.get(key, ()))
        if not rota.gaps and not _has_chain(roster, key):
            found += _gaps(f"rotas.{key}", ahead)
        for stint in ahead:
            for user in stint.people:
                on.setdefault(user, []).append((stint.begin, stint.end, key))
    for key, service in roster.services.items():
        if service.rota is None and service.shifts and not service.on_call:
            found += _gaps(f"services.{key}", service_stints(service, begin, end))
    for user, spans in on.items():
        found += _doubles(user, spans, begin)
    return sorted(found, key=lambda one: (one.begin, one.kind, one.place, one.who, one.other))


def members(rota: Rota, moment: datetime) -> tuple[str, ...]:
    """Everybody of a rota; of one kept in a calendar, whoever stands in it two months around a moment."""
    kept = [
        user
        for layer in rota.layers
        if layer.diary is not None
        for duty in layer.diary.between(moment - _AROUND, moment + _AROUND)
        for user in duty.people
    ]
    return tuple(dict.fromkeys([*rota.people, *kept]))


def _has_chain(roster: Roster, key: str) -> bool:
    """Whether a rota serves services, and all of them have a chain that is called when nobody is on."""
    served = [service for service in roster.services.values() if service.rota == key]
    return bool(served) and all(service.on_call for service in served)


def _gaps(place: str, ahead: Sequence[Stint]) -> Iterator[Finding]:
    for stint in ahead:
        if not stint.people:
            yield Finding(Kind.GAP, place, stint.begin, stint.end, begun=stint is ahead[0])


def _strangers(rota: Rota, begin: datetime, end: datetime, changes: Sequence[Change]) -> Iterator[Finding]:
    place = f"rotas.{rota.key}"
    for change in (*rota.overrides, *changes):
        if change.begin < end and change.end > begin and change.who not in members(rota, begin):
            yield Finding(Kind.STRANGER, place, change.begin, change.end, who=change.who)
    for layer in rota.layers:
        if layer.diary is not None:
            for moment, words in layer.diary.strangers(begin, end):
                yield Finding(Kind.UNREADABLE, place, moment, moment, words=words)


def _doubles(user: str, spans: Sequence[tuple[datetime, datetime, str]], look: datetime) -> Iterator[Finding]:
    open_spans: list[tuple[datetime, datetime, str]] = []
    for begin, end, rota in sorted(spans):
        open_spans = [one for one in open_spans if one[1] > begin]
        for _begin, other_end, other in open_spans:
            if other != rota:
                first, second = sorted((rota, other))
                until = min(end, other_end)
                place, where = f"rotas.{first}", f"rotas.{second}"
                yield Finding(Kind.DOUBLE, place, begin, until, user, where, begun=begin == look)
        open_spans.append((begin, end, rota))
