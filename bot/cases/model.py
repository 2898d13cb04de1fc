"""Anonymous cases as plain values: what a case is, how it stands, what of it was shown. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from bot.deid.model import Kind, Result, Span, Tier

if TYPE_CHECKING:
    from bot.deid.edits import Edits

LONGEST = 20_000  # characters of a case's text
MOST_FILES = 6
MOST_TAGS = 5
_TAG = re.compile(r"[^\W_](?:[\w-]{0,28}[^\W_])?")


class State(StrEnum):
    """How a case stands; `rules.TRANSITIONS` says what follows what."""

    DRAFTING = "drafting"  # room or text is missing
    WORKING = "working"  # the engine runs
    PREVIEW = "preview"  # shown to the author, who decides
    CONFIRMED = "confirmed"  # attested by the author
    QUEUED = "queued"  # moderators look at it first
    POSTING = "posting"
    POSTED = "posted"
    HIDDEN = "hidden"  # flagged: nobody reads it until moderators have decided
    CLOSED = "closed"  # solved
    DISCARDED = "discarded"
    REFUSED = "refused"  # the engine or a moderator does not let it pass; the author may change it
    FAILED = "failed"  # it could not be posted; the author may try again
    EXPIRED = "expired"


class Event(StrEnum):
    """What happens to a case."""

    COMPLETE = "complete"  # room and text are there
    SHOW = "show"  # the preview is made
    REFUSE = "refuse"
    CHANGE = "change"  # another text, file, tag, room, correction, or version of the engine
    CONFIRM = "confirm"
    QUEUE = "queue"
    RELEASE = "release"
    POST = "post"
    ARRIVE = "arrive"
    FAIL = "fail"
    HIDE = "hide"
    UNHIDE = "unhide"
    REMOVE = "remove"  # moderators take a hidden one down for good
    SOLVE = "solve"
    REOPEN = "reopen"
    DISCARD = "discard"
    EXPIRE = "expire"


class Consent(StrEnum):
    """What the author has noted of the patient's consent."""

    NONE = "none"
    GIVEN = "given"
    NOT_NEEDED = "not needed"


@dataclass(frozen=True)
class Case:
    """A case without its sealed parts, which `store` opens one by one.

    `handle` is its name in the author's chat until it is posted: what is kept of that chat must not lead
    from the author to the post. `seq` counts the previews. `author_key` is a keyed hash of the author.
    Everything that names the author is None once it is erased.
    """

    id: str
    bot: str
    state: State
    handle: str | None
    seq: int
    room_key: str | None
    author_key: str | None
    created_at: datetime
    event_id: str | None = None
    pseudonym: str | None = None
    preview_hash: str | None = None
    tags: tuple[str, ...] = ()
    language: str | None = None
    consent: Consent = Consent.NONE
    attested_at: datetime | None = None
    posted_at: datetime | None = None
    closed_at: datetime | None = None
    follow_up_at: datetime | None = None
    erase_at: datetime | None = None
    shown_at: datetime | None = None


@dataclass(frozen=True)
class File:
    """A file that the author posted: `event` shows it, `content` is where it lies and its key."""

    event: str
    content: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True)
class Draft:
    """What the author gave: kept sealed until the case is posted, discarded or expired.

    `chat` is the direct chat, `event` the message the text stands in; `restored` and `removed` are the
    corrections by word, as `bot.deid.edits.Edits` has them.
    """

    text: str = field(default="", repr=False)
    chat: str = ""
    event: str | None = None
    tags: tuple[str, ...] = ()
    files: tuple[File, ...] = ()
    restored: frozenset[tuple[int, int]] = frozenset()
    removed: tuple[str, ...] = field(default=(), repr=False)

    @property
    def packed(self) -> dict[str, Any]:
        """As JSON takes it."""
        return {**asdict(self), "restored": sorted(self.restored)}

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Draft:
        """Read what `packed` made."""
        return cls(
            packed["text"],
            packed["chat"],
            packed["event"],
            tuple(packed["tags"]),
            tuple(File(one["event"], one["content"]) for one in packed["files"]),
            frozenset((start, end) for start, end in packed["restored"]),
            tuple(packed["removed"]),
        )

    @property
    def edits(self) -> Edits:
        """The author’s corrections; imported here, since the whole engine comes with them."""
        from bot.deid.edits import Edits

        return Edits(self.restored, self.removed)

    def corrected(self, edits: Edits) -> Draft:
        """The draft with other corrections."""
        return replace(self, restored=edits.restored, removed=edits.removed)

    def retyped(self, text: str) -> Draft:
        """The draft with another text, and the corrections that still hold for it."""
        return replace(self, text=text).corrected(self.edits.carried)


@dataclass(frozen=True)
class ShownFile:
    """One cleaned file of a preview: `event` is the author's, `digest` a keyed hash of the cleaned bytes."""

    id: str
    event: str
    digest: str


@dataclass(frozen=True)
class Shown:
    """What the author was shown, to the byte what would be posted.

    The spans’ places are those in the author’s text; `warnings` are reasons of `bot.deid.model.Quasi`, each
    with the author’s own words; `restored` are the classes A–R of what the author brought back.
    """

    text: str = field(repr=False)
    language: str
    spans: tuple[Span, ...] = ()
    warnings: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    tags: tuple[str, ...] = ()
    files: tuple[ShownFile, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    restored: tuple[str, ...] = ()

    @property
    def packed(self) -> dict[str, Any]:
        """As JSON takes it."""
        return asdict(self)

    @classmethod
    def unpack(cls, packed: Mapping[str, Any]) -> Shown:
        """Read what `packed` made."""
        spans = ({**one, "kind": Kind(one["kind"]), "tier": Tier(one["tier"])} for one in packed["spans"])
        return cls(
            packed["text"],
            packed["language"],
            tuple(Span(**one) for one in spans),
            tuple((reason, words) for reason, words in packed["warnings"]),
            tuple(packed["tags"]),
            tuple(ShownFile(**one) for one in packed["files"]),
            dict(packed["versions"]),
            tuple(packed["restored"]),
        )

    @property
    def counts(self) -> dict[str, int]:
        """How many spans of each class A–R were taken out."""
        found: dict[str, int] = {}
        for span in self.spans:
            found[span.kind.letter] = found.get(span.kind.letter, 0) + 1
        return dict(sorted(found.items()))

    @property
    def as_result(self) -> Result:
        """As the engine gave it, for `bot.deid.edits`."""
        return Result(self.text, self.spans, (), self.language, dict(self.versions))

    def pieces(self) -> Iterator[str | Span]:
        """The text shown, in turn what stayed of the author's and what took the place of a span."""
        at = before = 0  # in the text shown, and in the author's
        for span in self.spans:
            stayed = span.start - before
            if stayed:
                yield self.text[at : at + stayed]
            yield span
            at, before = at + stayed + len(span.replacement), span.end
        if at < len(self.text):
            yield self.text[at:]

    def canonical(self, case_id: str, room_key: str) -> bytes:
        """The bytes whose keyed hash names this preview: all that is posted, where, and what made it."""
        said = [
            case_id,
            room_key,
            self.text,
            self.language,
            list(self.tags),
            [[one.id, one.digest] for one in self.files],
            sorted(self.versions.items()),
        ]
        return json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def read_tags(text: str) -> tuple[str, ...] | None:
    """Tags as people type them (`#afib, anticoagulation`): one form, none twice; None if one is no tag.

    A tag is one word of letters, digits and hyphens.
    """
    words = [word.lstrip("#").casefold() for word in re.split(r"[\s,;]+", text.strip()) if word.strip("#")]
    tags = tuple(dict.fromkeys(words))
    fits = len(tags) <= MOST_TAGS and all(len(tag) <= 30 and _TAG.fullmatch(tag) for tag in tags)
    return tags if fits else None
