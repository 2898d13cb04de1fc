"""The hospitals of the simulation: their services, rotas, groups and policies, all from one seed.

The people of a service take turns in the ways that departments have: by the week, by the day, days and
nights apart, office hours only, a chain, shifts. Each window of ninety days holds a change of the clock
in each of the three zones.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.directory.model import Clinician, Roster, Service, Shift
from bot.directory.policies import Mode, Policy, PolicySet, Target, Tier, Whom
from bot.directory.rotas import Layer, Rota, Window

DAYS = 90
# Spring: 8 March in New York, 29 March in Berlin, 5 April in Sydney. Autumn: 4 and 25 October, 1 November.
WINDOWS = (datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 8, 20, tzinfo=UTC))
PLACES = (
    ("st-anna.example", "Europe/Berlin"),
    ("mercy.example", "America/New_York"),
    ("harbour.example", "Australia/Sydney"),
)
URGENCIES = ("stat", "urgent", "routine")
_MONDAY = date(2026, 1, 5)
_WEEKDAYS = frozenset(range(5))
_WEEKEND = frozenset((5, 6))
_MINUTE, _HOUR = timedelta(minutes=1), timedelta(hours=1)


@dataclass(frozen=True)
class Place:
    """One hospital: its server, its people, what its roster says, and its bot."""

    server: str
    zone: ZoneInfo
    roster: Roster
    people: tuple[str, ...]

    @property
    def bot(self) -> str:
        return f"@curbside:{self.server}"

    @property
    def moderator(self) -> str:
        return f"@moderator:{self.server}"


def build(rng: random.Random, services: int = 40, clinicians: int = 600) -> tuple[Place, ...]:
    """The three hospitals."""
    places: list[Place] = []
    share = len(PLACES)
    for index, (server, zone) in enumerate(PLACES):
        count = services // share + (index < services % share)
        people = tuple(f"@c{number:03}:{server}" for number in range(clinicians // share))
        others = [name for name, _zone in PLACES if name != server]
        roster = _roster(rng, people, count, ZoneInfo(zone), others)
        places.append(Place(server, ZoneInfo(zone), roster, people))
    return tuple(places)


def _roster(
    rng: random.Random, people: tuple[str, ...], services: int, zone: ZoneInfo, others: list[str]
) -> Roster:
    rotas: dict[str, Rota] = {}
    groups: dict[str, tuple[str, ...]] = {}
    made: dict[str, Service] = {}
    team_size = max(4, len(people) // services)
    for number in range(services):
        key = f"service{number}"
        team = people[number * team_size :][:team_size] or people[:team_size]
        team = tuple(rng.sample(team, len(team)))
        backup = f"{key}-backup"
        rotas[backup] = Rota(backup, (_weekly("backup", team[::-1], zone, 9 * 60),), zone)
        groups[key] = team[:4]
        kind = number % 6
        rota, chain, shifts = None, (), ()
        if kind < 4:
            rota = key
            rotas[key] = Rota(key, _layers(kind, team, zone), zone)
        elif kind == 4:
            chain = team[:3]
        else:
            night = Shift(team[0], frozenset(range(7)), 20 * 60, 8 * 60)
            shifts = (night, Shift(team[1], _WEEKDAYS, 8 * 60, 20 * 60))
        policy = _policies(rng, number % 5, key, backup, team, others)
        synonyms = (f"{key}-team",)
        made[key] = Service(key, {}, synonyms, chain, shifts, zone, {}, rota, policy, tuple(others))
    clinicians = {
        user: Clinician(user, user, quiet=(22 * 60, 7 * 60) if rng.random() < 0.5 else None, zone=zone)
        for user in people
    }
    return Roster(made, clinicians, rotas, groups)


def _weekly(name: str, team: tuple[str, ...], zone: ZoneInfo, handover: int) -> Layer:
    return Layer(name, tuple((user,) for user in team), timedelta(weeks=1), handover, _MONDAY, zone=zone)


def _layers(kind: int, team: tuple[str, ...], zone: ZoneInfo) -> tuple[Layer, ...]:
    turns = tuple((user,) for user in team)
    if kind == 0:
        return (_weekly("week", team, zone, 8 * 60),)
    if kind == 1:  # handed over in the hour that the clock change takes away or repeats
        return (Layer("day", turns, timedelta(days=1), 2 * 60 + 30, _MONDAY, zone=zone),)
    office = Window(_WEEKDAYS, 8 * 60, 10 * _HOUR)
    if kind == 2:
        pairs = tuple(zip(team, (*team[1:], team[0]), strict=True))
        days = Layer("days", pairs, timedelta(days=1), 0, _MONDAY, windows=(office,), zone=zone)
        nights = Window(frozenset(range(7)), 18 * 60, 14 * _HOUR)
        weekend = Window(_WEEKEND, 8 * 60, 10 * _HOUR)
        rest = Layer("rest", turns, timedelta(days=1), 0, _MONDAY, windows=(nights, weekend), zone=zone)
        return rest, days
    return (Layer("office", turns, timedelta(weeks=1), 0, _MONDAY, windows=(office,), zone=zone),)


def _policies(
    rng: random.Random, kind: int, key: str, backup: str, team: tuple[str, ...], others: list[str]
) -> PolicySet | None:
    """A hospital's policies for a service; None: it has written none, and the presets hold."""
    if kind == 0:
        return None
    own = Target(Whom.SERVICE, key)
    moderators = Tier((Target(Whom.MODERATORS),), 15 * _MINUTE)
    group = Tier((Target(Whom.GROUP, key),), 10 * _MINUTE, Mode.TOGETHER, 15 * _MINUTE)
    second = Tier((Target(Whom.ROTA, backup),), 10 * _MINUTE, remind=6 * _MINUTE)
    chief = Tier((Target(Whom.PERSON, team[-1]),), 20 * _MINUTE)
    elsewhere = Tier((Target(Whom.HOSPITAL, rng.choice(others)),), 40 * _MINUTE)
    more = {1: (second,), 2: (group, moderators), 3: (second, elsewhere), 4: (chief, moderators)}[kind]

    def policy(wait: timedelta, **times: object) -> Policy:
        channels = ("sms", "pager") if wait < 10 * _MINUTE else ()
        first = Tier((own,), wait, acknowledged=2 * wait, remind=wait, channels=channels)
        return Policy((first, *more), **times)  # type: ignore[arg-type]

    return PolicySet(
        {
            "stat": policy(5 * _MINUTE, repeat=1, nag=_HOUR, answer=_HOUR, expires=timedelta(days=1)),
            "urgent": policy(
                15 * _MINUTE,
                repeat=kind % 2,
                nag=2 * _HOUR,
                answer=6 * _HOUR,
                hold_stops_clock=kind % 2 == 0,
                expires=timedelta(days=2),
            ),
            "routine": policy(
                2 * _HOUR,
                nag=8 * _HOUR,
                answer=timedelta(days=2) if kind > 2 else None,
                read_back=timedelta(days=1) if kind > 1 else None,
                expires=timedelta(days=5),
                bundle=True,
            ),
        }
    )
