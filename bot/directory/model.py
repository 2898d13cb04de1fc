"""What the roster declares, as plain values: services, rotas, groups and policies, clinicians."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

from bot.directory.policies import Policy, PolicySet, Target, Whom
from bot.directory.presets import policy_for
from bot.directory.rotas import Rota, everybody
from bot.directory.templates import RequestTemplate, template_for

MINUTES_A_DAY = 24 * 60
EVERY_DAY = frozenset(range(7))


@dataclass(frozen=True)
class Shift:
    """A weekly span of wall time in which somebody is on duty.

    `days` are the weekdays (Monday is 0) on which it begins; `start` and `end` are minutes since
    midnight, `end` up to 1440. With `end` not after `start` it ends on the following day.
    """

    who: str
    days: frozenset[int]
    start: int
    end: int


@dataclass(frozen=True)
class Service:
    """A service that can be asked.

    Who is on call is whoever is on in its `rota` (a key of the roster's rotas), or on shift; `on_call` is
    its whole-time chain, called after them. `policy` says how a consult is brought to somebody, where the
    hospital has written it.
    """

    key: str
    names: Mapping[str, str] = field(default_factory=dict)  # language → name
    synonyms: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    timers: Mapping[str, timedelta] = field(default_factory=dict)  # urgency → time to accept
    rota: str | None = None
    policy: PolicySet | None = None
    offered_to: tuple[str, ...] = ()  # other hospitals, by server name
    template: str | None = None  # the key of what a request to it should tell

    def name(self, language: str) -> str:
        """Its name in a language, else in English, else its key."""
        return self.names.get(language) or self.names.get("en") or self.key.replace("_", " ")

    @property
    def words(self) -> tuple[str, ...]:
        """All that people may call it."""
        return (self.key, *self.names.values(), *self.synonyms)

    def policy_for(self, urgency: str, defaults: Mapping[str, timedelta]) -> Policy:
        """How a consult is brought to somebody; `defaults` are the house's times to accept, by urgency.

        Raises KeyError for an urgency that has none.
        """
        return policy_for(self.key, urgency, self.policy, {**defaults, **self.timers})


@dataclass(frozen=True)
class Clinician:
    """Somebody whom the hospital has put on its roster."""

    user_id: str
    name: str
    specialty: str = ""
    level: str = "L0"
    quiet: tuple[int, int] | None = None  # from and to, in minutes since midnight, over it as well
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))  # that of the quiet hours
    sms: str = ""  # a telephone number, for pages by SMS
    pager: str = ""  # a pager's id, for pages by SNPP

    def address(self, channel: str) -> str:
        """Where a second channel reaches them; empty if it does not."""
        return {"sms": self.sms, "pager": self.pager}.get(channel, "")


@dataclass(frozen=True)
class Roster:
    """The hospital's services and clinicians; rotas, groups and policies by the names that the file gives."""

    services: Mapping[str, Service] = field(default_factory=dict)
    clinicians: Mapping[str, Clinician] = field(default_factory=dict)
    rotas: Mapping[str, Rota] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    policies: Mapping[str, PolicySet] = field(default_factory=dict)
    templates: Mapping[str, RequestTemplate] = field(default_factory=dict)

    def name_of(self, user_id: str) -> str:
        """What to call somebody: their name where the hospital gave one, else their Matrix id."""
        known = self.clinicians.get(user_id)
        return known.name if known is not None else user_id

    def service_name(self, key: str, language: str) -> str:
        """A service's name, also of one that has left the roster since."""
        known = self.services.get(key)
        return known.name(language) if known is not None else key.replace("_", " ")

    def template_for(self, service: Service, urgency: str, text: str) -> RequestTemplate | None:
        """What a request to a service should tell, if the hospital has said so."""
        return template_for(self.templates, service.key, service.template, urgency, text)

    def people(self) -> Mapping[str, str]:
        """Everybody who is ever called: their Matrix id → the entry that names them first."""
        named: dict[str, str] = {}
        for key, service in self.services.items():
            for user in service.on_call:
                named.setdefault(user, f"services.{key}.on_call")
            for index, shift in enumerate(service.shifts):
                named.setdefault(shift.who, f"services.{key}.shifts.{index}.who")
        for user, entry in everybody(self.rotas.values()).items():
            named.setdefault(user, entry)
        for key, people in self.groups.items():
            for user in people:
                named.setdefault(user, f"groups.{key}.people")
        for key, policies in self.policies.items():
            for urgency, policy in policies.by_urgency.items():
                for target in _persons(policy):
                    named.setdefault(target.name, f"policies.{key}.{urgency}.tiers")
        return named

    def find(self, word: str) -> Service | None:
        """The service meant by a word: its name, a synonym, or a beginning that only one service has."""
        wanted = folded(word)
        if not wanted:
            return None
        meant = {key for key, service in self.services.items() if wanted in map(folded, service.words)}
        if not meant:
            meant = {
                key
                for key, service in self.services.items()
                if any(folded(known).startswith(wanted) for known in service.words)
            }
        return self.services[meant.pop()] if len(meant) == 1 else None


def _persons(policy: Policy) -> list[Target]:
    return [target for tier in policy.tiers for target in tier.targets if target.kind is Whom.PERSON]


def folded(word: str) -> str:
    """A word without case, diacritics, spaces and hyphens: `Anästhesie` and `anaesthesie` are one word."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(letter)
    )
    return re.sub(r"(?<=[aou])e", "", re.sub(r"[\W_]+", "", bare))
