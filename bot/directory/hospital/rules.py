"""What each hospital is allowed at a moment. Pure.

A hospital named in the settings may take part in everything. One whose operator's statement we hold may do
what both sides allow: what the statement offers and what our operator permits, until it expires. Whatever
the settings say, a hospital that is suspended or removed, or whose statement has expired, may do nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bot.directory.standing import Level

TALK = "talk"
SHARED = ("rooms", "consults", "invites")  # what a statement may offer; who is listed may always talk
EVERYTHING = frozenset({TALK, *SHARED})
NOTHING: frozenset[str] = frozenset()

LISTED, SUSPENDED, REMOVED = "listed", "suspended", "removed"
OURS, UNKNOWN = "ours", "unknown"

# How long before the end of a statement the moderators are warned.
WARNINGS: Mapping[str, timedelta] = {"14d": timedelta(days=14), "1d": timedelta(days=1)}
END = "end"


@dataclass(frozen=True)
class Hospital:
    """A hospital as our database has it; `expires` is None where there is no statement, only a decision."""

    server: str
    name: str = ""
    state: str = LISTED
    key: str | None = None
    offered: frozenset[str] = NOTHING  # by their statement
    permitted: frozenset[str] = NOTHING  # by our operator
    proves: Level = Level.L0  # what an account there proves
    statement_id: str | None = None
    sequence: int = 0
    issued: datetime | None = None
    expires: datetime | None = None
    bots: tuple[str, ...] = ()
    contact: str = ""
    reason: str = ""

    def expired(self, now: datetime) -> bool:
        """Whether its statement has run out."""
        return self.expires is not None and self.expires <= now

    def allowed(self, now: datetime, named: bool) -> frozenset[str]:
        """What it may do at a moment; `named`: whether the settings name it."""
        if self.state != LISTED or self.expired(now):
            return NOTHING
        if self.expires is None:
            return EVERYTHING if named else NOTHING
        return frozenset({TALK}) | (self.offered & self.permitted)


@dataclass(frozen=True)
class Policy:
    """Everybody's standing at one moment, until `changes`, when the next statement expires."""

    own: str
    allowed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # server → what; our own too
    refused: frozenset[str] = frozenset()  # suspended, removed, expired
    proofs: Mapping[str, Level] = field(default_factory=dict)
    changes: datetime | None = None

    def servers(self, what: str) -> frozenset[str]:
        """The homeservers that may do this."""
        return frozenset(server for server, may in self.allowed.items() if what in may)

    def state(self, server: str) -> str:
        """`ours`, `listed`, `suspended` (or removed, or expired) or `unknown`."""
        if server == self.own:
            return OURS
        if server in self.refused:
            return SUSPENDED
        return LISTED if self.allowed.get(server) else UNKNOWN


def policy(
    own: str, own_proof: Level, named: Collection[str], hospitals: Iterable[Hospital], now: datetime
) -> Policy:
    """The policy at a moment, from the settings' servers and the hospitals that the database knows."""
    allowed = dict.fromkeys(named, EVERYTHING)
    refused, proofs, ends = set(), {own: own_proof}, []
    for hospital in hospitals:
        if hospital.server == own:
            continue
        may = hospital.allowed(now, hospital.server in named)
        allowed[hospital.server] = may
        if hospital.state != LISTED or hospital.expired(now):
            refused.add(hospital.server)
        elif may and hospital.expires is not None:
            proofs[hospital.server] = hospital.proves
            ends.append(hospital.expires)
    allowed[own] = EVERYTHING
    return Policy(own, allowed, frozenset(refused), proofs, min(ends, default=None))


def standing_of(hospital: Hospital, now: datetime) -> str:
    """How a hospital stands, in one word: `listed`, `expired`, `suspended` or `removed`."""
    return "expired" if hospital.state == LISTED and hospital.expired(now) else hospital.state


def next_notice(hospital: Hospital, now: datetime) -> tuple[datetime, str] | None:
    """When something is next to be said of a statement's end, and what: `14d`, `1d`, `end`; None if never."""
    if hospital.state != LISTED or hospital.expires is None:
        return None
    steps = [(hospital.expires - before, step) for step, before in WARNINGS.items()]
    steps.append((hospital.expires, END))
    return min((one for one in steps if one[0] > now), default=None)
