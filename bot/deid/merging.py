"""Making one list of spans of what rules and the tagger found. Pure.

Rules win recall, the tagger wins precision: what rules are sure of stays, what they merely suspect falls when
the tagger is sure of the opposite, and what only the tagger saw is certain or uncertain by its score.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from bot.deid.model import Hit, Kind, Tier, Trust

VETO = 0.05  # what is soft and of what the tagger believes less than this falls
BELIEVED = 0.9  # what the tagger alone suggests is certain from here on
_ORDER = {Trust.PROVEN: 0, Trust.SURE: 1, Trust.SOFT: 3}
_TAGGED = 2
_ARTICLE = re.compile(r"(?:[Tt]he|at|der|die|das|dem|den|vom|beim|nach|aus)\s+(?=\w)")
_PERSONS = (Kind.NAME, Kind.CLINICIAN)
_PLACES = (Kind.HOSPITAL, Kind.PLACE, Kind.ORG)
WORDED = (*_PERSONS, *_PLACES)  # what is known by its words, not by its form


@dataclass(frozen=True, slots=True)
class Scored:
    """A span that the tagger suggests; `score` is its belief, from 0 to 1."""

    start: int
    end: int
    kind: Kind
    score: float


@dataclass(frozen=True, slots=True)
class Found:
    """A merged span, in offsets of the normalised text."""

    start: int
    end: int
    kind: Kind
    tier: Tier
    rule: str


@dataclass(frozen=True, slots=True)
class _Piece:
    start: int
    end: int
    kind: Kind
    tier: Tier
    rule: str
    rank: int


class Ranges:
    """Places in a text that may overlap; asks whether one holds another in logarithmic time."""

    def __init__(self, places: Iterable[tuple[int, int]]) -> None:
        ordered = sorted(places)
        self._starts = [start for start, _ in ordered]
        self._ends = list(accumulate((end for _, end in ordered), max))  # the furthest up to each start

    def hold(self, start: int, end: int) -> bool:
        """Whether this lies within one of the places."""
        at = bisect_right(self._starts, start)
        return at > 0 and self._ends[at - 1] >= end


def merge(
    text: str,
    hits: Iterable[Hit],
    tagged: Iterable[Scored],
    strongest: Callable[[int, int], float] | None = None,
    exempt: Sequence[tuple[int, int]] = (),
) -> list[Found]:
    """Merge hits and tags into spans that do not overlap, in the order of the text.

    `strongest(start, end)` is the tagger's highest belief in any identifier within a span; without a tagger
    (None) nothing is vetoed. `exempt` are places that look like names and are none (eponyms, drugs): they
    hold against soft hits and tags, never against what a rule is sure of (`engine.ruled` takes those out that
    are part of a term of several words).
    """
    held = Ranges(exempt)
    pieces = [piece for hit in hits if (piece := _of_hit(hit, strongest, held)) is not None]
    pieces += [
        _Piece(
            one.start,
            one.end,
            one.kind,
            Tier.CERTAIN if one.score >= BELIEVED else Tier.UNCERTAIN,
            "tagger",
            _TAGGED,
        )
        for one in tagged
        if not held.hold(one.start, one.end)
    ]
    return _neighbours(text, _united(_trimmed(text, piece) for piece in pieces))


def _of_hit(hit: Hit, strongest: Callable[[int, int], float] | None, exempt: Ranges) -> _Piece | None:
    if hit.trust is Trust.SOFT:
        if exempt.hold(hit.start, hit.end):
            return None
        if strongest is not None and strongest(hit.start, hit.end) < VETO:
            return None
    tier = Tier.UNCERTAIN if hit.trust is Trust.SOFT else Tier.CERTAIN
    return _Piece(hit.start, hit.end, hit.kind, tier, hit.rule, _ORDER[hit.trust])


def _trimmed(text: str, piece: _Piece) -> _Piece:
    """Without space or an article at its borders, and with whole words: half a name is a name."""
    start, end = piece.start, piece.end
    while start < end and text[start].isspace():
        start += 1
    if piece.kind in _PLACES and (article := _ARTICLE.match(text, start, end)) is not None:
        start = article.end()
    while end > start and text[end - 1].isspace():
        end -= 1
    if piece.rule == "tagger":
        while 0 < start < end and text[start - 1].isalnum() and text[start].isalnum():
            start -= 1
        while start < end < len(text) and text[end].isalnum() and text[end - 1].isalnum():
            end += 1
    return _Piece(start, end, piece.kind, piece.tier, piece.rule, piece.rank)


def _united(pieces: Iterable[_Piece]) -> list[_Piece]:
    """Where pieces overlap, one span over all of them; the best of them says what it is."""
    united: list[_Piece] = []
    for piece in sorted(pieces, key=lambda one: (one.start, -one.end)):
        if piece.end <= piece.start:
            continue
        if not united or piece.start >= united[-1].end:
            united.append(piece)
            continue
        last = united[-1]
        better = min(last, piece, key=lambda one: (one.rank, one.start - one.end))
        tier = Tier.CERTAIN if Tier.CERTAIN in (last.tier, piece.tier) else Tier.UNCERTAIN
        united[-1] = _Piece(last.start, max(last.end, piece.end), better.kind, tier, better.rule, better.rank)
    return united


def _neighbours(text: str, pieces: Sequence[_Piece]) -> list[Found]:
    """One span for a person's names that stand side by side."""
    found: list[Found] = []
    for piece in pieces:
        one = Found(piece.start, piece.end, piece.kind, piece.tier, piece.rule)
        if found and one.kind == found[-1].kind and one.kind in _PERSONS:
            between = text[found[-1].end : one.start]
            if between == " " or (not between.strip(" -") and "-" in between):
                last = found.pop()
                tier = Tier.CERTAIN if Tier.CERTAIN in (last.tier, one.tier) else Tier.UNCERTAIN
                one = Found(last.start, one.end, one.kind, tier, last.rule)
        found.append(one)
    return found
