"""Who is on in a hospital of the simulation: the program's own rota rules, worked out once and kept.

Asking them anew for each of millions of decisions would be most of the run. Whatever is taken from what is
kept is compared, every so often, with what the program's own `OnCall` says at that moment.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.directory.policies import Target, Whom
from bot.directory.rotas import Change
from bot.oncall import rules
from bot.oncall.service import OnCall
from tests.sim.world import Place

_AFTER = timedelta(days=75)  # beyond the end of the run, so that every turn has its end


class Spans:
    """Who is on in one rota, from moment to moment."""

    def __init__(self, stints: Sequence[rules.Stint]) -> None:
        self.begins = [stint.begin for stint in stints]
        self.people = [stint.people for stint in stints]
        self.end = stints[-1].end

    def on(self, moment: datetime) -> tuple[str, ...]:
        return self.people[bisect_right(self.begins, moment) - 1]

    def turn_ends(self, user: str, moment: datetime) -> datetime | None:
        at = bisect_right(self.begins, moment) - 1
        if user not in self.people[at]:
            return None
        for index in range(at + 1, len(self.begins)):
            if user not in self.people[index]:
                return self.begins[index]
        return None

    def splice(self, stints: Sequence[rules.Stint]) -> None:
        """Take in what holds now for the span of these stints."""
        begin, end = stints[0].begin, min(stints[-1].end, self.end)
        first, last = bisect_right(self.begins, begin) - 1, bisect_right(self.begins, end) - 1
        after = self.people[last]
        keep = first + (self.begins[first] < begin)
        begins = [stint.begin for stint in stints]
        people = [stint.people for stint in stints]
        if end < self.end:
            begins.append(end)
            people.append(after)
        self.begins[keep : last + 1] = begins
        self.people[keep : last + 1] = people


class Rotas:
    """A hospital's rotas with the covers and swaps that hold."""

    def __init__(self, place: Place, begin: datetime, days: int) -> None:
        self.place = place
        self.began = begin
        self.roster = place.roster
        self.changes: dict[str, tuple[Change, ...]] = defaultdict(tuple)
        self.spans = {
            key: Spans(rules.stints(rota, begin, begin + timedelta(days=days) + _AFTER))
            for key, rota in self.roster.rotas.items()
        }

    def change(self, key: str, *changes: Change) -> None:
        """A cover, or the two halves of a swap."""
        self.changes[key] = (*self.changes[key], *changes)
        for one in changes:
            rota = self.roster.rotas[key]
            self.spans[key].splice(rules.stints(rota, one.begin, one.end, self.changes[key]))

    def people(self, target: Target, moment: datetime) -> tuple[str, ...]:
        """As `OnCall.people`."""
        if target.kind is Whom.PERSON:
            return (target.name,)
        if target.kind is Whom.GROUP:
            return self.roster.groups.get(target.name, ())
        if target.kind is Whom.ROTA:
            return self.spans[target.name].on(moment)
        service = self.roster.services.get(target.name)
        if target.kind is not Whom.SERVICE or service is None:
            return ()
        if service.rota is not None:
            return self.spans[service.rota].on(moment)
        return service.on_call if not service.shifts else rules.on_call(service, moment)

    def until(self, user: str, target: Target, moment: datetime) -> datetime | None:
        """As `OnCall.until`."""
        if target.kind is Whom.ROTA:
            return self.spans[target.name].turn_ends(user, moment)
        if target.kind is not Whom.SERVICE:
            return None
        service = self.roster.services[target.name]
        if service.rota is not None:
            return self.spans[service.rota].turn_ends(user, moment)
        return rules.shift_ends(service, user, moment) if service.shifts else None

    def is_quiet(self, user: str, moment: datetime) -> datetime | None:
        """As `OnCall.is_quiet`."""
        known = self.roster.clinicians.get(user)
        if known is None or known.quiet is None:
            return None
        return rules.quiet_until(*known.quiet, known.zone, moment)

    def truth(self, service: str) -> OnCall:
        """The program's own, which works everything out anew."""
        return OnCall(self.roster, self.changes, service)
