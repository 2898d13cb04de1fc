"""One Curbside of the simulation: a process that dies, a homeserver that is away, and what they hold."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime

from bot.consults import pacing
from bot.consults.model import Consult, Urgency
from bot.directory.policies import Target, Whom
from tests.sim.case import Case
from tests.sim.duty import Rotas
from tests.sim.world import Place

PER_HOUR = 4  # interruptions that can wait


class House:
    """A hospital's process and database."""

    def __init__(self, place: Place, begin: datetime, days: int) -> None:
        self.place = place
        self.rotas = Rotas(place, begin, days)
        self.down_until = begin
        self.away_until = begin  # its homeserver: what is sent arrives later
        self.requested: set[Case] = set()  # those for which somebody is being asked
        self.open: set[Case] = set()
        self.revoked: set[str] = set()  # hospitals that may ask and be asked no longer
        self.rung: dict[str, deque[datetime]] = defaultdict(deque)  # when somebody was paged lately
        self.bundles: dict[str, datetime] = {}  # the timers by which bundles go out
        self.bundled: dict[str, list[tuple[Case, int]]] = defaultdict(list)

    def __repr__(self) -> str:
        return self.place.server

    def lately(self, user: str, now: datetime) -> deque[datetime]:
        """When somebody was paged in the last seven days."""
        moments = self.rung[user]
        while moments and moments[0] <= now - pacing.LATELY:
            moments.popleft()
        return moments


class Here:
    """What the rules ask of the world, for one consult at one moment (`bot.consults.model.Duty`)."""

    __slots__ = ("house", "now", "paced")

    def __init__(self, house: House, consult: Consult, now: datetime) -> None:
        self.house = house
        self.paced = consult.policy.bundle and consult.urgency is not Urgency.STAT
        self.now = now

    def people(self, target: Target) -> Sequence[str]:
        if target.kind is Whom.HOSPITAL:
            return () if target.name in self.house.revoked else (f"@curbside:{target.name}",)
        people = self.house.rotas.people(target, self.now)
        if len(people) > 1 and target.kind in (Whom.ROTA, Whom.GROUP):
            load = {user: len(self.house.lately(user, self.now)) for user in people}
            return pacing.fairly(people, load)
        return people

    def when(self, user: str) -> datetime:
        if not self.paced:
            return self.now
        return pacing.when(
            self.now,
            quiet_until=self.house.rotas.is_quiet(user, self.now),
            sent=list(self.house.lately(user, self.now))[-PER_HOUR:],
            waiting=self.house.bundles.get(user),
            per_hour=PER_HOUR,
        )

    def until(self, target: Target, user: str) -> datetime | None:
        return self.house.rotas.until(user, target, self.now)
