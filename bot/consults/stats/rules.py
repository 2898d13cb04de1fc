"""What is counted about consults, and what is left out so that no number points at one person. Pure.

Percentiles are by the nearest-rank method: of `n` values in order the one at ⌈p·n⌉. A time runs from the
moment a consult was opened; a step that has not come yet counts in no time, but is told.
"""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from bot.consults.model import Outcome, Urgency

LEAST_CONSULTS = 5  # fewer say more about single cases than about a service
LEAST_PEOPLE = 5  # what fewer people did is theirs, not the service's
NIGHT = (time(22), time(7))
_NOT_MINE = (
    "not mine", "not my", "not ours", "not our", "wrong service", "wrong department", "wrong person",
    "wrong team", "misrouted", "misdirected", "not for me", "not for us", "not responsible",
    "nicht meins", "nicht meine", "nicht mein", "nicht unser", "nicht zustandig", "nicht fur mich",
    "nicht fur uns", "falscher dienst", "falsche abteilung", "falsche person", "falsches team",
    "fehlgeleitet", "falsch zugestellt",
)  # fmt: skip


class Step(StrEnum):
    """The steps whose times are told."""

    ACKNOWLEDGED = "acknowledged"
    ACCEPTED = "accepted"
    ANSWERED = "answered"
    CLOSED = "closed"


@dataclass(frozen=True)
class Span:
    """A period: from its first moment to before its end, called `name` (today, week, month, 90d, 2026-10)."""

    name: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Page:
    """One page to one person; `at` is when it reached them (None: it has not, or is still to go out)."""

    user: str
    tier: int
    round: int
    outcome: Outcome
    at: datetime | None


@dataclass(frozen=True)
class Case:
    """One consult, as far as it is counted."""

    urgency: Urgency
    opened_at: datetime
    consultant: str | None
    times: Mapping[Step, datetime]
    unstaffed: bool = False  # the moderators were asked
    not_mine: bool = False  # somebody declined it as another service's
    handed_on: bool = False
    pages: tuple[Page, ...] = ()


@dataclass(frozen=True)
class Times:
    """How long a step took: half of all within `p50`, nine in ten within `p90`, `number` of them."""

    number: int
    p50: timedelta
    p90: timedelta


@dataclass(frozen=True)
class Group:
    """The consults of one urgency, or all; a step is missing where too few would stand behind it."""

    number: int
    times: Mapping[Step, Times] = field(default_factory=dict)
    hidden: bool = False  # there are times, too few to be told


@dataclass(frozen=True)
class Nights:
    """Pages at night, without names: how many, to how many people, at the median and at most to one."""

    pages: int
    people: int
    median: float
    most: int


@dataclass(frozen=True)
class Summary:
    """What moderators read; None: too few people stand behind it."""

    total: Group
    by_urgency: Mapping[Urgency, Group]
    escalated: int
    unstaffed: int
    not_mine: int | None
    handed_on: int
    pages: int
    declined: int | None
    nights: Nights | None


@dataclass(frozen=True)
class Load:
    """What somebody was asked for: only they read it. `days` holds all pages and those at night, by day."""

    pages: int
    accepted: int
    at_night: int
    nights: int  # in which there was a page
    days: Mapping[date, tuple[int, int]]


def span(word: str, now: datetime, zone: ZoneInfo) -> Span | None:
    """The period that a word names, in somebody's time zone; None if it names none.

    `today` began at midnight, `week`, `month` and `90d` with the day 6, 29 and 89 days ago; `2026-10` is that
    calendar month (ISO 8601).
    """
    today = now.astimezone(zone).date()
    days = {"today": 1, "week": 7, "month": 30, "90d": 90}.get(word)
    if days is not None:
        return Span(word, _midnight(today - timedelta(days=days - 1), zone), now)
    year, dash, month = word.partition("-")
    if not (
        dash and len(year) == 4 and len(month) == 2 and (year + month).isascii() and (year + month).isdigit()
    ):
        return None
    if not (1 <= int(month) <= 12 and 2000 <= int(year) <= today.year):
        return None
    first = date(int(year), int(month), 1)
    if first > today:
        return None
    following = date(first.year + first.month // 12, first.month % 12 + 1, 1)
    return Span(word, _midnight(first, zone), min(now, _midnight(following, zone)))


def is_not_mine(reason: str) -> bool:
    """Whether somebody declined as the wrong one to ask, by what they wrote in English or German."""
    plain = unicodedata.normalize("NFD", reason.casefold())
    plain = "".join(char for char in plain if not unicodedata.combining(char)).replace("ue", "u")
    return any(words in plain for words in _NOT_MINE)


def at_night(moment: datetime, zone: ZoneInfo) -> date | None:
    """The night of a moment, by the day on which it began; None in the daytime."""
    local = moment.astimezone(zone)
    if local.time() >= NIGHT[0]:
        return local.date()
    return local.date() - timedelta(days=1) if local.time() < NIGHT[1] else None


def percentile(values: Sequence[timedelta], share: float) -> timedelta:
    """The value at ⌈share·n⌉ of the values in order (nearest rank); there is at least one."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def summary(cases: Sequence[Case], zones: Mapping[str, ZoneInfo], house: ZoneInfo) -> Summary:
    """What moderators may read; `zones` are those of people who are not in the house's."""
    pages = [page for case in cases for page in case.pages]
    asked = {page.user for page in pages}
    enough = len(asked) >= LEAST_PEOPLE
    return Summary(
        total=_group(cases),
        by_urgency={one: _group([case for case in cases if case.urgency is one]) for one in Urgency},
        escalated=sum(any(page.tier or page.round for page in case.pages) for case in cases),
        unstaffed=sum(case.unstaffed for case in cases),
        not_mine=sum(case.not_mine for case in cases) if enough else None,
        handed_on=sum(case.handed_on for case in cases),
        pages=len(pages),
        declined=sum(page.outcome is Outcome.DECLINED for page in pages) if enough else None,
        nights=_nights(pages, asked, zones, house),
    )


def load(cases: Iterable[Case], user: str, zone: ZoneInfo) -> Load:
    """What somebody was asked for, in their time zone."""
    reached = [page for case in cases for page in case.pages if page.user == user and page.at is not None]
    days: dict[date, tuple[int, int]] = {}
    nights = []
    for page in reached:
        assert page.at is not None
        night = at_night(page.at, zone)
        nights += [night] if night is not None else []
        day = page.at.astimezone(zone).date()
        everything, dark = days.get(day, (0, 0))
        days[day] = (everything + 1, dark + (night is not None))
    accepted = sum(page.outcome is Outcome.ACCEPTED for page in reached)
    return Load(len(reached), accepted, len(nights), len(set(nights)), days)


def _group(cases: Sequence[Case]) -> Group:
    """Times of a step are told when five consults and two consultants or more stand behind them."""
    times: dict[Step, Times] = {}
    hidden = False
    for step in Step:
        reached = [case for case in cases if step in case.times]
        took = [max(timedelta(0), case.times[step] - case.opened_at) for case in reached]
        behind = {case.consultant for case in reached if case.consultant is not None}
        if len(took) >= LEAST_CONSULTS and len(behind) > 1:
            times[step] = Times(len(took), percentile(took, 0.5), percentile(took, 0.9))
        elif took:
            hidden = True
    return Group(len(cases), times, hidden)


def _nights(
    pages: Iterable[Page], asked: set[str], zones: Mapping[str, ZoneInfo], house: ZoneInfo
) -> Nights | None:
    if len(asked) < LEAST_PEOPLE:
        return None
    of = Counter(dict.fromkeys(asked, 0))
    for page in pages:
        if page.at is not None and at_night(page.at, zones.get(page.user, house)) is not None:
            of[page.user] += 1
    ordered = sorted(of.values())
    middle = len(ordered) // 2
    median = (ordered[middle] + ordered[-middle - 1]) / 2
    return Nights(sum(ordered), sum(value > 0 for value in ordered), median, ordered[-1])


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(0), zone)
