"""Texts as the network sees them: windows of pieces with their tags."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bot.deid.model import Kind
from bot.deid.pieces import Vocabulary
from training.data import Text

TAGS = ("O", "NAME", "PLACE", "DATE", "NUMBER", "CONTACT", "AGE")
WINDOW = 222  # pieces; what is longer is cut at a word, with an overlap
OVERLAP = 40
_OF_KIND = {
    Kind.NAME: "NAME",
    Kind.CLINICIAN: "NAME",
    Kind.HOSPITAL: "PLACE",
    Kind.PLACE: "PLACE",
    Kind.ORG: "PLACE",
    Kind.DATE: "DATE",
    Kind.AGE: "AGE",
    Kind.EMAIL: "CONTACT",
    Kind.URL: "CONTACT",
    Kind.HANDLE: "CONTACT",
}


@dataclass(frozen=True, slots=True)
class Window:
    """Pieces with start and end, their features, and the tag of each (-1 where none is learned)."""

    ids: list[int]
    features: list[tuple[int, ...]]
    tags: list[int]


def windows(texts: Iterable[Text], vocabulary: Vocabulary) -> Iterator[Window]:
    """Every text as one or more windows."""
    nothing = (0, 0, 0, 0, 0)
    for text in texts:
        cut = vocabulary.cut(text.text)
        tags = _of_pieces(kind_tags(text, cut.words), cut.first)
        for start, end in _parts(cut.first):
            yield Window(
                [vocabulary.start, *cut.ids[start:end], vocabulary.end],
                [nothing, *cut.features[start:end], nothing],
                [-1, *tags[start:end], -1],
            )


def kind_tags(text: Text, words: Sequence[tuple[int, int]]) -> list[int]:
    """The tag of each word: an index of TAGS."""
    tags = [0] * len(words)
    marks = iter(text.marks)
    mark = next(marks, None)
    for number, (start, end) in enumerate(words):
        while mark is not None and mark.end <= start:
            mark = next(marks, None)
        if mark is not None and mark.start < end and start < mark.end:
            tags[number] = TAGS.index(_OF_KIND.get(mark.kind, "NUMBER"))
    return tags


def _of_pieces(tags: Sequence[int], first: Sequence[int]) -> list[int]:
    return [tag for number, tag in enumerate(tags) for _ in range(first[number], first[number + 1])]


def _parts(first: list[int]) -> Iterator[tuple[int, int]]:
    """Windows over the pieces, cut between words."""
    start = 0
    borders = sorted(set(first))
    while True:
        end = max(
            (at for at in borders if start < at <= start + WINDOW), default=min(start + WINDOW, first[-1])
        )
        yield start, end
        if end >= first[-1]:
            return
        start = max((at for at in borders if start < at <= end - OVERLAP), default=end)
