"""Texts as the network sees them: windows of pieces with their tags."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from bot.deid.engine import ruled
from bot.deid.model import Kind, Source
from bot.deid.normal import normalise
from bot.deid.pieces import FEATURES, Pieces, Vocabulary
from training.data import Text

TAGS = ("O", "NAME", "PLACE", "DATE", "NUMBER", "CONTACT", "AGE")
WINDOW = 222  # pieces; what is longer is cut at a word, with an overlap
OVERLAP = 40
FORGOTTEN = 0.12  # of the words: there are names that no list has and forms that no rule reads
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


def windows(
    texts: Sequence[Text], vocabulary: Vocabulary, seed: int, forgotten: float = FORGOTTEN
) -> Iterator[Window]:
    """Every text as one or more windows. At random words, lists and rules are as if they knew nothing."""
    nothing = (0,) * len(FEATURES)
    rng = random.Random(seed)
    with ProcessPoolExecutor() as workers:
        told = list(workers.map(hints_of, texts, chunksize=200))
    for text, hints in zip(texts, told, strict=True):
        cut = vocabulary.cut(text.text, hints)
        _forget(cut, rng, forgotten)
        tags = _of_pieces(kind_tags(text, cut.words), cut.first)
        for start, end in _parts(cut.first):
            yield Window(
                [vocabulary.start, *cut.ids[start:end], vocabulary.end],
                [nothing, *cut.features[start:end], nothing],
                [-1, *tags[start:end], -1],
            )


def hints_of(text: Text) -> bytes:
    """What the rules say of each character of a text as it was written."""
    normal = normalise(text.text)
    told = ruled(Source(normal.text, text.language))[2]
    found = bytearray(len(text.text))
    for number, value in enumerate(told):
        found[normal.at[number]] = value
    return bytes(found)


def _forget(cut: Pieces, rng: random.Random, share: float) -> None:
    for number, at in enumerate(cut.first[:-1]):
        lists, rules = rng.random() < share, rng.random() < share
        if lists or rules:
            for piece in range(at, cut.first[number + 1]):
                *form, words, terms, told = cut.features[piece]
                known = (0, 0) if lists else (words, terms)
                cut.features[piece] = (*form, *known, 0 if rules else told)


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
