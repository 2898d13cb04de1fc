"""What moderators do, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

EVERYWHERE = "*"  # a scope: every declared room, those declared later too
SYSTEM = "system"  # who acts where the bot does by itself


class Kind(StrEnum):
    """What can be done, to a person or to a room."""

    WARN = "warn"
    MUTE = "mute"
    KICK = "kick"
    BAN = "ban"
    UNMUTE = "unmute"
    UNBAN = "unban"
    REDACT = "redact"
    NOTE = "note"
    LOCK = "lock"
    UNLOCK = "unlock"
    SLOW = "slow"


ON_ROOMS = frozenset({Kind.LOCK, Kind.UNLOCK, Kind.SLOW})
STRIKES = frozenset({Kind.WARN, Kind.MUTE, Kind.BAN})  # what counts against somebody for a time
TOLD = frozenset({Kind.WARN, Kind.MUTE, Kind.KICK, Kind.BAN, Kind.UNMUTE, Kind.UNBAN, Kind.REDACT})
APPEALABLE = frozenset({Kind.WARN, Kind.MUTE, Kind.KICK, Kind.BAN})
LASTING = frozenset({Kind.MUTE, Kind.BAN, Kind.LOCK, Kind.SLOW})  # what holds until it ends or is undone


@dataclass(frozen=True)
class Plan:
    """What a moderator wants done.

    `who` is the person (None: it concerns rooms alone), `scope` the key of a room or space, or
    EVERYWHERE. `length` is how long it holds (None: until it is undone). `reason` is the number of a
    template, from 1; `note` what only moderators read. `count` is how many messages to redact, `events`
    which; `seconds` the pause of slow mode (0: off).
    """

    kind: Kind
    who: str | None = None
    scope: str = EVERYWHERE
    length: timedelta | None = None
    reason: int | None = None
    note: str = ""
    count: int = 0
    events: tuple[str, ...] = ()
    seconds: int = 0


@dataclass(frozen=True)
class Action:
    """What was done, as kept: `facts` are content-free and say what an undo has to restore."""

    id: str  # M-7F3K
    kind: Kind
    by: str  # the moderator, or SYSTEM
    who: str | None
    scope: str
    at: datetime
    until: datetime | None = None
    reason: int | None = None
    ended: datetime | None = None  # undone, lifted or expired
    ended_by: str | None = None
    appeal: str = ""  # "", open, kept, lifted
    facts: Mapping[str, object] = field(default_factory=dict)

    def holds(self, now: datetime) -> bool:
        """Whether it has neither been ended nor run out."""
        return self.ended is None and (self.until is None or now < self.until)


@dataclass(frozen=True)
class Spoken:
    """One message of somebody, without a word of it: what spam is told by.

    `digest` is a keyed hash of its text, `prints` keyed hashes of its parts (near-same texts share most),
    `links` and `mentions` are numbers.
    """

    room_id: str
    at: datetime
    digest: str | None = None
    prints: tuple[str, ...] = ()
    links: int = 0
    mentions: int = 0


@dataclass(frozen=True)
class Report:
    """A message that somebody reported, and what became of it."""

    id: str  # R-7F3K
    event_id: str
    room_id: str
    who: str
    at: datetime
    count: int
    out: str | None
    settled_by: str | None = None
    verdict: str | None = None
    action: str | None = None


@dataclass(frozen=True)
class Storm:
    """A rush of arrivals into a room: `on` until it is quiet; `choice` is what moderators decided."""

    room_id: str
    since: datetime
    last: datetime
    shown: int  # how many the moderators' message says are waiting
    on: bool
    out: str | None
    choice: str = ""
