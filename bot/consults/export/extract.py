"""Everything that an export holds, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.consults.model import Consult, Outcome


@dataclass(frozen=True)
class Step:
    """A line of the audit trail: who did what, and how the consult stood then."""

    at: datetime
    actor: str
    action: str  # without its prefix: open, accept, …
    state: str


@dataclass(frozen=True)
class PageSent:
    """One page: to whom, in which tier and round, and when it was asked for, arrived and was settled."""

    user: str
    tier: int
    round: int
    outcome: Outcome
    asked_at: datetime
    delivered_at: datetime | None
    settled_at: datetime | None


@dataclass(frozen=True)
class Said:
    """Something that was written: the kind, by whom, when."""

    kind: str
    author: str
    at: datetime
    text: str = field(repr=False)


@dataclass(frozen=True)
class Extract:
    """One consult with its words, at the moment `made_at`, for `made_for`.

    `parts` are those of the request beside the question, by label in the reader's language; `names` maps user
    ids to what people are called; `bots` are our own accounts.
    """

    consult: Consult
    service: str
    hospital: str
    server: str
    question: str = field(repr=False)
    parts: tuple[tuple[str, str], ...] = field(repr=False)
    ward: str = field(repr=False)
    attachments: int
    words: tuple[Said, ...] = field(repr=False)
    answer: str = field(repr=False)
    read_back: str = field(repr=False)
    pages: tuple[PageSent, ...]
    trail: tuple[Step, ...]
    names: Mapping[str, str]
    bots: frozenset[str]
    made_at: datetime
    made_for: str

    def who(self, user_id: str) -> str:
        """What to call somebody."""
        return self.names.get(user_id, user_id)

    @property
    def people(self) -> tuple[str, ...]:
        """Everybody who takes or took part, the requester first; none of our own accounts."""
        consult = self.consult
        all_of = [consult.requester, consult.consultant, *consult.colleagues]
        all_of += [page.user for page in self.pages]
        all_of += [said.author for said in self.words]
        all_of += [step.actor for step in self.trail if step.actor.startswith("@")]
        return tuple(dict.fromkeys(user for user in all_of if user and user not in self.bots))
