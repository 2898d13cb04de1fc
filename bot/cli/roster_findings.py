"""What `curbside check` says of services, rotas and policies: who is asked, and where nobody would be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

from bot.directory.hospitals import HospitalBook
from bot.directory.model import Roster, Service
from bot.directory.policies import Policy, Target, Whom
from bot.directory.policy import may_talk
from bot.directory.presets import STAT
from bot.directory.rotas import Change
from bot.oncall import rules as oncall
from bot.settings import Settings

AHEAD = timedelta(days=14)
_NAMED = 3  # so many are named, the others counted


@dataclass(frozen=True)
class Finding:
    """One line: how grave, about what, and what to do."""

    level: Literal["ok", "hint", "warn", "error"]
    subject: str
    text: str


@dataclass(frozen=True)
class Calling:
    """What is known of who is called; `changes` are the covers and swaps by rota."""

    settings: Settings
    roster: Roster
    hospitals: HospitalBook
    changes: Mapping[str, tuple[Change, ...]]
    now: datetime

    def findings(self) -> Iterator[Finding]:
        """All of them, services first."""
        if not self.roster.services:
            yield Finding("warn", "roster", "names no service yet: nobody can be consulted")
        for service in self.roster.services.values():
            yield self._service(service)
        yield from self._elsewhere()
        yield from self._rotas()
        yield from self._policies()
        yield from self._nameless()

    # Services

    def _service(self, service: Service) -> Finding:
        subject = f"roster.services.{service.key}"
        people = self._called(service)
        outside = sorted(user for user in people if not may_talk(user, self._taking_part))
        elsewhere = {target for target in _targets(service) if target.kind is Whom.HOSPITAL}
        if not people and not elsewhere:
            return Finding("error", subject, "has nobody: its consults go to the moderators")
        if outside:
            text = f"{', '.join(outside)}: of a hospital that takes no part in consults"
            return Finding("error", subject, text)
        return Finding("ok", subject, f"{len(people)} to call")

    def _elsewhere(self) -> Iterator[Finding]:
        """Other hospitals that services are offered to, or ask, and that nothing can be said to."""
        known = {one.server for one in self.hospitals.known if one.key and one.bots} & self._taking_part
        for service in self.roster.services.values():
            asked = {target.name for target in _targets(service) if target.kind is Whom.HOSPITAL}
            for server in sorted({*service.offered_to, *asked} - known):
                text = f"{server} takes no part in consults by a statement: add its statement, or take it out"
                yield Finding("warn", f"roster.services.{service.key}", text)

    def _called(self, service: Service) -> set[str]:
        people = self._by_service(service)
        for target in _targets(service):
            people |= self._ever(target, service)
        return people

    def _by_service(self, service: Service) -> set[str]:
        people = {*service.on_call, *(shift.who for shift in service.shifts)}
        return people | (self._on_ahead(service.rota) if service.rota is not None else set())

    def _ever(self, target: Target, service: Service) -> set[str]:
        """Everybody whom a target of a service's policy means within the next two weeks."""
        match target.kind:
            case Whom.PERSON:
                return {target.name}
            case Whom.GROUP:
                return set(self.roster.groups.get(target.name, ()))
            case Whom.ROTA:
                return self._on_ahead(target.name)
            case Whom.SERVICE:
                return self._by_service(self.roster.services.get(target.name, service))
            case _:
                return set()

    def _on_ahead(self, key: str) -> set[str]:
        if key not in self._ahead:
            rota = self.roster.rotas[key]
            spans = oncall.stints(rota, self.now, self.now + AHEAD, self.changes.get(key, ()))
            self._ahead[key] = {user for span in spans for user in span.people}
        return self._ahead[key]

    @cached_property
    def _ahead(self) -> dict[str, set[str]]:
        return {}

    @cached_property
    def _taking_part(self) -> frozenset[str]:
        return self.hospitals.servers("consults")

    # Policies

    def _policies(self) -> Iterator[Finding]:
        """Tiers in which nobody is reached, and what else cannot work as it is written."""
        for key, policies in self.roster.policies.items():
            users = [one for one in self.roster.services.values() if one.policy is policies]
            found = [
                finding
                for urgency, policy in policies.by_urgency.items()
                for finding in self._policy(f"roster.policies.{key}.{urgency}", policy, users)
            ]
            if not users:
                yield Finding("warn", f"roster.policies.{key}", f'no service says policy = "{key}"')
            yield from dict.fromkeys(found)
            stat = policies.by_urgency.get(STAT)
            if stat is not None and not any(tier.channels for tier in stat.tiers):
                text = 'goes out by Matrix only; channels = ["sms"] in a tier pages by SMS as well'
                yield Finding("hint", f"roster.policies.{key}.{STAT}", text)
            if users and not found:
                yield Finding("ok", f"roster.policies.{key}", f"for {_some([one.key for one in users])}")

    def _policy(self, subject: str, policy: Policy, users: Sequence[Service]) -> Iterator[Finding]:
        for service in users:
            empty = [
                number
                for number, tier in enumerate(policy.tiers, 1)
                if not any(self._reaches(target, service) for target in tier.targets)
            ]
            if len(empty) == len(policy.tiers):
                yield Finding("error", subject, f"never reaches anybody for {service.key}")
            elif empty:
                which = ", ".join(map(str, empty))
                text = f"tier {which} reaches nobody for {service.key} in the next {AHEAD.days} days"
                yield Finding("warn", subject, text)
        for tier in policy.tiers:
            for target in tier.targets:
                if target.kind is Whom.HOSPITAL and target.name not in self._taking_part:
                    yield Finding("warn", subject, f"the hospital {target.name} takes no part in consults")
        named = dict.fromkeys(channel for tier in policy.tiers for channel in tier.channels)
        if unknown := [channel for channel in named if channel not in self.settings.bridges]:
            text = f"there is no bridge {_some(unknown)}: those pages go out by Matrix only"
            yield Finding("warn", subject, text)
        if numberless := self._without_address(policy, users):
            text = f"{_some(numberless)}: nothing in sms or pager, so paged by Matrix only"
            yield Finding("warn", subject, text)

    def _without_address(self, policy: Policy, users: Sequence[Service]) -> list[str]:
        """Who is asked in a tier with second channels, and can be reached by none of them."""
        asked: dict[str, set[str]] = {}
        for tier in policy.tiers:
            known = {channel for channel in tier.channels if channel in self.settings.bridges}
            for target in tier.targets if known else ():
                for service in users:
                    for user in sorted(self._ever(target, service)):
                        asked.setdefault(user, set()).update(known)
        clinicians = self.roster.clinicians
        return [
            user
            for user, channels in asked.items()
            if user not in clinicians or not any(map(clinicians[user].address, channels))
        ]

    def _reaches(self, target: Target, service: Service) -> bool:
        match target.kind:
            case Whom.MODERATORS:
                return bool(self.settings.moderators)
            case Whom.HOSPITAL:
                return target.name in self._taking_part
            case _:
                return bool(self._ever(target, service))

    # Rotas

    def _rotas(self) -> Iterator[Finding]:
        """What is wrong in the next two weeks, one line for each kind in each rota; rotas nobody asks."""
        ahead = oncall.findings(self.roster, self.now, self.now + AHEAD, self.changes)
        found: dict[tuple[str, oncall.Kind], list[oncall.Finding]] = {}
        for one in ahead:
            found.setdefault((one.place, one.kind), []).append(one)
        for (place, _kind), several in found.items():
            more = f", and {len(several) - 1} more in {AHEAD.days} days" if len(several) > 1 else ""
            yield Finding("warn", f"roster.{place}", self._told(several[0]) + more)
        asked = {one.rota for one in self.roster.services.values()} | {
            target.name
            for policies in self.roster.policies.values()
            for policy in policies.by_urgency.values()
            for tier in policy.tiers
            for target in tier.targets
            if target.kind is Whom.ROTA
        }
        for key in self.roster.rotas:
            if key not in asked:
                yield Finding("warn", f"roster.rotas.{key}", "no service and no policy asks it")
            elif not any(place == f"rotas.{key}" for place, _kind in found):
                people = len(self._on_ahead(key))
                yield Finding("ok", f"roster.rotas.{key}", f"{people} on in the next {AHEAD.days} days")

    def _told(self, finding: oncall.Finding) -> str:
        kind, _, key = finding.place.partition(".")
        zone = (self.roster.rotas if kind == "rotas" else self.roster.services)[key].zone
        begin, end = finding.begin.astimezone(zone), finding.end.astimezone(zone)
        days = (end.date() - begin.date()).days
        last = "%H:%M" if not days else "%a %H:%M" if days < 7 else "%a %Y-%m-%d %H:%M"
        span = f"{begin:%a %Y-%m-%d %H:%M} to {end:{last}}"
        match finding.kind:
            case oncall.Kind.GAP:
                return f"nobody is on, {span}"
            case oncall.Kind.DOUBLE:
                return f"{finding.who} is on in {finding.other} at once, {span}"
            case oncall.Kind.STRANGER:
                return f"{finding.who}, who is not of it, covers {span}"
            case _:
                return f"“{finding.words}” in its calendar, {begin:%Y-%m-%d}, means nobody of the roster"

    # Names

    def _nameless(self) -> Iterator[Finding]:
        nameless = [user for user in self.roster.people() if user not in self.roster.clinicians]
        if nameless:
            text = f"{_some(nameless)}: on call without an entry, so colleagues read the bare Matrix id"
            yield Finding("warn", "roster.clinicians", text)


def _targets(service: Service) -> Iterator[Target]:
    policies = service.policy.by_urgency.values() if service.policy is not None else ()
    for policy in policies:
        for tier in policy.tiers:
            yield from tier.targets


def _some(words: Iterable[str]) -> str:
    listed = list(words)
    more = f" and {len(listed) - _NAMED} more" if len(listed) > _NAMED else ""
    return ", ".join(listed[:_NAMED]) + more
