"""Sanctions and requests to unmask as plain values. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Kind(StrEnum):
    """What moderators may do to a pseudonym."""

    WARN = "warn"
    MUTE = "mute"
    BAN = "ban"


@dataclass(frozen=True)
class Sanction:
    """What was done to the author of a case: `until` None holds until it is taken back.

    `appeal` is "", open, sent, kept or lifted; `case_id` is None once the link to the author is erased.
    """

    id: str
    target: str
    case_id: str | None
    kind: Kind
    by: str
    at: datetime
    until: datetime | None
    ended_at: datetime | None
    appeal: str
    reason: str = field(repr=False)

    def holds(self, now: datetime) -> bool:
        """Whether it has neither been taken back nor run out."""
        return self.ended_at is None and (self.until is None or now < self.until)


@dataclass(frozen=True)
class Unmasking:
    """A moderator's request to learn who wrote a case."""

    id: str
    case_id: str
    asked_by: str
    asked_at: datetime
    reason: str = field(repr=False)


@dataclass(frozen=True)
class Barred:
    """Somebody may neither post nor reply: a `mute` or a `ban`, `until` when (None: until it is lifted)."""

    kind: Kind
    until: datetime | None
