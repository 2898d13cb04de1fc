"""What stands under a case, as plain values. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bot.cases.model import Shown, State

if TYPE_CHECKING:
    from bot.deid.edits import Edits

LONGEST = 4000  # characters of a reply, an outcome or a poll: one event, whatever its signs


class Kind(StrEnum):
    """What an author says to their case."""

    REPLY = "reply"
    POLL = "poll"
    QUIZ = "quiz"
    OUTCOME = "outcome"  # what it was in the end


POLLS = frozenset({Kind.POLL, Kind.QUIZ})


@dataclass(frozen=True)
class Piece:
    """One thing that an author says, without its sealed parts; states are those of cases.

    `handle` is its name in the author's chat until it is posted, `seq` counts its previews.
    """

    id: str
    case_id: str
    bot: str
    kind: Kind
    state: State
    handle: str | None
    seq: int
    preview_hash: str | None
    created_at: datetime
    shown_at: datetime | None = None


@dataclass(frozen=True)
class Given:
    """What the author wrote: of a poll the question and the options, each on a line of its own.

    `solution` is the place of the right option of a quiz, from 0; `restored` and `removed` are the author's
    corrections, as `bot.deid.edits.Edits` has them.
    """

    text: str = field(repr=False)
    solution: int | None = None
    restored: frozenset[tuple[int, int]] = frozenset()
    removed: tuple[str, ...] = field(default=(), repr=False)

    @property
    def packed(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**asdict(self), "restored": sorted(self.restored)}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Given:
        """Read what `packed` made."""
        restored = frozenset((start, end) for start, end in packed["restored"])
        return cls(packed["text"], packed["solution"], restored, tuple(packed["removed"]))

    @property
    def edits(self) -> Edits:
        """The author's corrections."""
        from bot.deid.edits import Edits  # it loads the engine

        return Edits(self.restored, self.removed)

    def corrected(self, edits: Edits) -> Given:
        """The same with other corrections."""
        return replace(self, restored=edits.restored, removed=edits.removed)

    def retyped(self, text: str, solution: int | None) -> Given:
        """Another text, and the corrections that still hold for it."""
        return replace(self, text=text, solution=solution).corrected(self.edits.carried)


def canonical(piece: Piece, room_key: str, given: Given, shown: Shown) -> bytes:
    """The bytes whose keyed hash names a preview: all that is posted, where, and what made it."""
    return shown.canonical(f"{piece.id} {piece.case_id} {piece.kind} {given.solution}", room_key)


class Stands(StrEnum):
    """What an event of ours in a room is."""

    POST = "post"
    FILE = "file"
    SAID = "said"
    POLL = "poll"


@dataclass(frozen=True)
class Standing:
    """An event of a case in a room; `piece` is set for what was said after the post."""

    event_id: str
    case_id: str
    room_id: str
    what: Stands
    piece: str | None = None


@dataclass(frozen=True)
class Poll:
    """A poll under a case, by the id of its piece; `event_id` is its m.poll.start, None until it stands."""

    id: str
    case_id: str
    quiz: bool
    options: int
    open: bool
    event_id: str | None
    ends_at: datetime


@dataclass(frozen=True)
class Review:
    """Flags on one thing, for the moderators: on the post (no `piece`) or on what was said under it.

    `verdict` is None while it waits, then `restored` or `removed`; `out` is the outbox id of their message.
    """

    id: str
    case_id: str
    piece: str | None
    out: str | None
    verdict: str | None = None


@dataclass(frozen=True)
class Page:
    """A specialist who was asked to look: `state` is asked, looking or passed."""

    id: str
    case_id: str
    handle: str
    service: str
    who: str
    state: str


@dataclass(frozen=True)
class Query:
    """What `!cases` looks for; `words` in small letters, `page` from 1."""

    tags: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    state: State | None = None
    page: int = 1
