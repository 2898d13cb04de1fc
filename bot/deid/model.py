"""What the de-identification engine finds and says: plain values. Pure.

The kinds follow the eighteen identifiers of the Safe Harbor method, 45 CFR 164.514(b)(2)(i)(A)–(R), with room
and bed numbers, employers and schools beside them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Kind(StrEnum):
    """What a span is; `letter` is its class in 45 CFR 164.514(b)(2)(i)."""

    NAME = "name"  # patients, relatives, friends; initials too
    CLINICIAN = "clinician"
    HOSPITAL = "hospital"
    PLACE = "place"  # anything smaller than a state, addresses, postcodes
    ORG = "org"  # employer, school, club
    ROOM = "room"  # room, bed, ward number
    DATE = "date"
    AGE = "age"  # over 89
    PHONE = "phone"
    FAX = "fax"
    EMAIL = "email"
    NATIONAL = "national"  # social security and national numbers
    RECORD = "record"
    PLAN = "plan"
    ACCOUNT = "account"
    LICENCE = "licence"
    VEHICLE = "vehicle"
    DEVICE = "device"
    URL = "url"
    IP = "ip"
    BIOMETRIC = "biometric"
    HANDLE = "handle"
    OTHER = "other"

    @property
    def letter(self) -> str:
        """The class A–R of 45 CFR 164.514(b)(2)(i)."""
        return _LETTERS[self]


_LETTERS = {
    Kind.NAME: "A",
    Kind.CLINICIAN: "A",
    Kind.HOSPITAL: "B",
    Kind.PLACE: "B",
    Kind.ORG: "R",
    Kind.ROOM: "R",
    Kind.DATE: "C",
    Kind.AGE: "C",
    Kind.PHONE: "D",
    Kind.FAX: "E",
    Kind.EMAIL: "F",
    Kind.NATIONAL: "G",
    Kind.RECORD: "H",
    Kind.PLAN: "I",
    Kind.ACCOUNT: "J",
    Kind.LICENCE: "K",
    Kind.VEHICLE: "L",
    Kind.DEVICE: "M",
    Kind.URL: "N",
    Kind.IP: "O",
    Kind.BIOMETRIC: "P",
    Kind.HANDLE: "R",
    Kind.OTHER: "R",
}


class Tier(StrEnum):
    """How sure the engine is: both tiers are removed, an uncertain span may be restored with one word."""

    CERTAIN = "certain"
    UNCERTAIN = "uncertain"


class Trust(StrEnum):
    """What a recognizer's hit is worth.

    `PROVEN` – a form that is hardly ever anything else (check digits with a cue, an e-mail address): the
    subset for live rooms. `SURE` – certain tier. `SOFT` – removed, but a tagger that is sure of the opposite
    may veto it.
    """

    PROVEN = "proven"
    SURE = "sure"
    SOFT = "soft"


@dataclass(frozen=True, slots=True)
class Hit:
    """What one recognizer found, in offsets of the text it was given; `rule` names the recognizer's rule."""

    start: int
    end: int
    kind: Kind
    trust: Trust
    rule: str


@dataclass(frozen=True, slots=True)
class Source:
    """A text as recognizers see it: normalised (`bot.deid.normal`), and its language: en, de, es or fr."""

    text: str
    language: str
    _made: dict[Callable[[str], Any], Any] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def once(self, make: Callable[[str], T]) -> T:
        """What `make` makes of the text: made once, shared by all recognizers, and gone with the text."""
        if make not in self._made:
            self._made[make] = make(self.text)
        made: T = self._made[make]
        return made


@dataclass(frozen=True, slots=True)
class Span:
    """What is removed, in offsets of the original text; `number` counts from 1, as people name it."""

    start: int
    end: int
    kind: Kind
    tier: Tier
    replacement: str
    number: int
    rule: str


@dataclass(frozen=True, slots=True)
class Quasi:
    """What may still identify somebody although it is no identifier: a warning, nothing is removed."""

    start: int
    end: int
    reason: str  # a key: "rare job", "public event", "small place", "rare disease", "family", …


@dataclass(frozen=True, slots=True)
class Result:
    """What was found in a text; `text` is what may be shown to others once its author has agreed."""

    text: str
    spans: tuple[Span, ...]
    quasi: tuple[Quasi, ...]
    language: str
    versions: dict[str, str] = field(default_factory=dict)  # engine, rules, model
