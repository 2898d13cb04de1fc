"""Rotas as plain values: layers of turns, holidays, and what changes them. Pure.

A layer is a list of turns that follow each other; a rota is layers that lie on each other, the last one
on top: where a layer covers a moment, those below it do not count. Times are wall time in the layer's zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

_UTC = ZoneInfo("UTC")
MONDAY = date(1970, 1, 5)  # where turns are counted from when it does not matter


class OnHolidays(StrEnum):
    """What a holiday means for a layer: a shift belongs to the day on which it begins."""

    AS_USUAL = "as usual"
    NEVER = "never"
    ONLY = "only"


@dataclass(frozen=True)
class Window:
    """A span of the week: it begins on each of `days` (Monday is 0) at `start` and lasts `length`.

    `start` is minutes since midnight. Both are wall time, so that a night is an hour shorter or longer
    when the clock changes.
    """

    days: frozenset[int]
    start: int
    length: timedelta


@dataclass(frozen=True)
class Holidays:
    """Days on which other rules hold: single dates, and (month, day) of every year."""

    dates: frozenset[date] = frozenset()
    yearly: frozenset[tuple[int, int]] = frozenset()

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and (day in self.dates or (day.month, day.day) in self.yearly)


@dataclass(frozen=True)
class Duty:
    """One shift: these people, from `begin` (included) to `end` (not included), both aware."""

    begin: datetime
    end: datetime
    people: tuple[str, ...]


class Diary(Protocol):
    """Shifts that somebody else keeps, in a calendar of their own."""

    def between(self, begin: datetime, end: datetime) -> Sequence[Duty]:
        """Its shifts that touch a span of time."""
        ...

    def strangers(self, begin: datetime, end: datetime) -> Sequence[tuple[datetime, str]]:
        """What the calendar says of a span that means nobody of the roster: when it begins, and its words."""
        ...


@dataclass(frozen=True)
class Layer:
    """One layer of a rota.

    `turns` come round again and again; whoever is named together is on together. A turn lasts `length`,
    counted in wall time; the first begins on the day `start` at `handover` (minutes since midnight), and
    nobody is on before. Without a `start` there is no beginning, and turns are counted from a Monday.
    With `windows` there are shifts only then; a shift belongs to whoever's turn it is when it begins, so
    that nobody hands over in the middle of a night. `until` is the last day on which a shift may begin:
    one that has begun ends as it would. With a `diary` there are no turns: it says who is on.
    """

    name: str
    turns: tuple[tuple[str, ...], ...] = ()
    length: timedelta = timedelta(weeks=1)
    handover: int = 0
    start: date | None = None
    until: date | None = None
    windows: tuple[Window, ...] = ()
    on_holidays: OnHolidays = OnHolidays.AS_USUAL
    holidays: Holidays = field(default_factory=Holidays)
    zone: ZoneInfo = _UTC
    diary: Diary | None = None

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody named in it, each once."""
        return tuple(dict.fromkeys(user for turn in self.turns for user in turn))


@dataclass(frozen=True)
class Change:
    """`who` is on from `begin` to `end` in place of `instead`, or of all who would be on.

    A later change lies on the earlier ones. `instead` who is not on then changes nothing.
    """

    who: str
    begin: datetime
    end: datetime
    instead: str | None = None


@dataclass(frozen=True)
class Rota:
    """Who is on call, and when: layers from below to the top, and the changes written in the file.

    `gaps`: it is meant to have times at which nobody is on.
    """

    key: str
    layers: tuple[Layer, ...]
    zone: ZoneInfo = _UTC
    overrides: tuple[Change, ...] = ()
    gaps: bool = False

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody of the rota, each once; people of changes are not of it."""
        return tuple(dict.fromkeys(user for layer in self.layers for user in layer.people))


def everybody(rotas: Iterable[Rota]) -> dict[str, str]:
    """Everybody who is ever on: their Matrix id → the entry that names them first."""
    named: dict[str, str] = {}
    for rota in rotas:
        for number, layer in enumerate(rota.layers):
            for user in layer.people:
                named.setdefault(user, f"rotas.{rota.key}.layers.{number}.people")
        for number, change in enumerate(rota.overrides):
            named.setdefault(change.who, f"rotas.{rota.key}.overrides.{number}.who")
    return named
