"""What the roster declares, as plain values: services, their duty chains and shifts, clinicians."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from zoneinfo import ZoneInfo

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
    """A service that can be asked: `on_call` is its whole-time chain, called after those on shift."""

    key: str
    names: Mapping[str, str] = field(default_factory=dict)  # language → name
    synonyms: tuple[str, ...] = ()
    on_call: tuple[str, ...] = ()
    shifts: tuple[Shift, ...] = ()
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    timers: Mapping[str, timedelta] = field(default_factory=dict)  # urgency → time to accept

    def name(self, language: str) -> str:
        """Its name in a language, else in English, else its key."""
        return self.names.get(language) or self.names.get("en") or self.key.replace("_", " ")

    @property
    def words(self) -> tuple[str, ...]:
        """All that people may call it."""
        return (self.key, *self.names.values(), *self.synonyms)


@dataclass(frozen=True)
class Clinician:
    """Somebody whom the hospital has put on its roster."""

    user_id: str
    name: str
    specialty: str = ""
    level: str = "L0"


@dataclass(frozen=True)
class Roster:
    """The hospital's services and clinicians."""

    services: Mapping[str, Service] = field(default_factory=dict)
    clinicians: Mapping[str, Clinician] = field(default_factory=dict)

    def name_of(self, user_id: str) -> str:
        """What to call somebody: their name where the hospital gave one, else their Matrix id."""
        known = self.clinicians.get(user_id)
        return known.name if known is not None else user_id

    def service_name(self, key: str, language: str) -> str:
        """A service's name, also of one that has left the roster since."""
        known = self.services.get(key)
        return known.name(language) if known is not None else key.replace("_", " ")

    def people(self) -> Mapping[str, str]:
        """Everybody who is ever called: their Matrix id → the entry that names them first."""
        named: dict[str, str] = {}
        for key, service in self.services.items():
            for user in service.on_call:
                named.setdefault(user, f"services.{key}.on_call")
            for index, shift in enumerate(service.shifts):
                named.setdefault(shift.who, f"services.{key}.shifts.{index}.who")
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


def folded(word: str) -> str:
    """A word without case, diacritics, spaces and hyphens: `Anästhesie` and `anaesthesie` are one word."""
    bare = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(letter)
    )
    return re.sub(r"(?<=[aou])e", "", re.sub(r"[\W_]+", "", bare))
