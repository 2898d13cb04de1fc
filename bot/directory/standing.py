"""How far a clinician's identity is verified, and until when. Pure.

The levels: L0 claimed · L1 a registration number of valid form · L2 an institutional e-mail confirmed, or an
account of a hospital whose accounts are verified · L3 the hospital's own directory or sign-in, or a human who
looked into the register · L4 vouched for by clinicians of other hospitals.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

HOLD = "hold"  # the method of a moderator's withdrawal: nothing counts until it is lifted
VOUCH = "vouch"


class Level(IntEnum):
    """A level of verification; `Level["L2"]` reads one."""

    L0 = 0
    L1 = 1
    L2 = 2
    L3 = 3
    L4 = 4


@dataclass(frozen=True)
class Evidence:
    """One thing that speaks for who somebody is: it counts until it expires or is withdrawn."""

    method: str  # roster, number, email, server, oidc, ldap, scim, register, vouch, hold
    level: Level
    since: datetime
    until: datetime | None = None
    withdrawn: datetime | None = None

    def counts(self, now: datetime) -> bool:
        """Whether it still holds at a moment."""
        return self.withdrawn is None and (self.until is None or now < self.until)


@dataclass(frozen=True)
class Standing:
    """What is known of somebody at a moment.

    `level` is the highest that evidence supports now, `until` when it falls (None: no end is set), and
    `had` the highest there ever was, so that an expired clinician is told so. `hospital` says how their
    homeserver stands: `ours`, `listed`, `suspended` or `unknown`.
    """

    user_id: str
    level: Level
    until: datetime | None
    had: Level
    hospital: str

    @property
    def welcome(self) -> bool:
        """Whether their hospital takes part at all."""
        return self.hospital in ("ours", "listed")


def standing(user_id: str, evidence: Iterable[Evidence], hospital: str, now: datetime) -> Standing:
    """Somebody's standing at a moment, from all evidence there ever was; a hold leaves nothing of it."""
    level = had = Level.L0
    until: datetime | None = None
    held = False
    for one in evidence:
        had = max(had, one.level)
        if not one.counts(now):
            continue
        held = held or one.method == HOLD
        if one.level > level:
            level, until = one.level, one.until
        elif one.level == level > Level.L0:
            until = None if until is None or one.until is None else max(until, one.until)
    if held:
        level, until = Level.L0, None
    return Standing(user_id, level, until, had, hospital)
