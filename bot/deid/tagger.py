"""The learned layer: a small encoder that tags identifiers, run by onnxruntime on one thread. No network.

The model is MiniLM (arXiv:2002.10957) with features of case and digits, tagged as `training` describes;
bot/deid/model_files/card.md says what it was made of and how good it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from bot.deid import versions
from bot.deid.merging import Scored
from bot.deid.model import Kind
from bot.deid.pieces import FEATURES, Pieces, Vocabulary

WINDOW, OVERLAP = 222, 40  # pieces in one window as in training, and how many of them the next one sees again
LONG = 2 * WINDOW  # a text of more pieces is read in smaller windows, which end where a sentence does:
SMALL, SMALL_OVERLAP = 126, 16  # (the overlap is for what has no sentences)
DOUBT = 0.02  # where the lower layers believe less than this in any identifier, their word is the last
NEAR = 4  # of a long text the upper layers see only so many pieces around those that are in doubt
GROW = 0.5  # a word beside a span belongs to it from this share of the asked belief on
# In the order of the tags after O.
_KINDS = (Kind.NAME, Kind.PLACE, Kind.DATE, Kind.OTHER, Kind.EMAIL, Kind.AGE)


@dataclass(frozen=True, slots=True)
class _Word:
    start: int
    end: int
    tag: int  # index of _KINDS that is most likely, if it is an identifier at all
    belief: float  # that it is an identifier of any kind


class Tagger:
    """The tagger; may be used from several threads."""

    def __init__(
        self,
        below: onnxruntime.InferenceSession,
        above: onnxruntime.InferenceSession,
        vocabulary: Vocabulary,
        version: str,
    ) -> None:
        self._below = below
        self._above = above
        self._vocabulary = vocabulary
        self.version = version

    @classmethod
    def load(cls, folder: Path = versions.MODEL) -> Tagger:
        """Load the model; its version is the beginning of its SHA-256. OSError if a file is not there."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        parts = [(folder / name).read_bytes() for name in versions.PARTS]
        below, above = (
            onnxruntime.InferenceSession(part, options, providers=["CPUExecutionProvider"]) for part in parts
        )
        vocabulary = Vocabulary.load(folder / "vocabulary.txt")
        return cls(below, above, vocabulary, versions.model(parts))

    def read(self, text: str, hints: bytes = b"") -> Reading:
        """Tag a text of any length; the time grows with the length, not faster. `hints` as of `hinting`."""
        cut = self._vocabulary.cut(text, hints)
        if not cut.words:
            return Reading(text, [])
        chances = self._chances(cut)
        beliefs = chances[:, 1:].sum(axis=1)
        kinds = chances[:, 1:].argmax(axis=1)
        words = []
        for number, (start, end) in enumerate(cut.words):
            at, after = cut.first[number], cut.first[number + 1]
            best = at if after == at + 1 else at + int(beliefs[at:after].argmax())
            words.append(_Word(start, end, int(kinds[best]), float(beliefs[best])))
        return Reading(text, words)

    def _chances(self, cut: Pieces) -> NDArray[np.float32]:
        """The chances of all tags for all pieces, window by window."""
        total = len(cut.ids)
        ids = np.array(cut.ids, dtype=np.int64)
        features = np.array(cut.features, dtype=np.int64)
        chances = np.zeros((total, len(_KINDS) + 1), dtype=np.float32)
        near, parts = (NEAR, _sentences(cut)) if total > LONG else (None, _windows(0, total, WINDOW, OVERLAP))
        last = 0
        for start, end in parts:
            # The part that two windows have in common: each counts for the half that lies within it.
            first = start + (last - start) // 2
            found = self._run(ids[start:end], features[start:end], near)
            chances[first:end] = found[first - start :]
            last = end
        return chances

    def _run(
        self, pieces: NDArray[np.int64], told: NDArray[np.int64], near: int | None
    ) -> NDArray[np.float32]:
        """The chances in one window."""
        size = len(pieces)
        ids = np.empty(size + 2, dtype=np.int64)
        ids[0], ids[1:-1], ids[-1] = self._vocabulary.start, pieces, self._vocabulary.end
        features = np.zeros((size + 2, len(FEATURES)), dtype=np.int64)
        features[1:-1] = told
        state, guess = self._below.run(None, {"ids": ids, "features": features})
        chances = _softmax(guess)
        doubted = 1 + np.flatnonzero(chances[1:-1, 0] <= 1 - DOUBT)
        if len(doubted):
            seen = np.arange(size + 2) if near is None else _around(doubted, near, size + 2)
            chosen = np.searchsorted(seen, doubted)
            (logits,) = self._above.run(None, {"state": state, "near": seen, "chosen": chosen})
            chances[doubted] = _softmax(logits)
        return chances[1:-1]


def _around(places: NDArray[np.int64], reach: int, size: int) -> NDArray[np.int64]:
    """All places from 0 to `size` that are within reach of one of these, with the first and the last."""
    within = np.zeros(size, dtype=bool)
    within[[0, -1]] = True
    for shift in range(-reach, reach + 1):
        within[np.clip(places + shift, 0, size - 1)] = True
    return np.flatnonzero(within)


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raised = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=-1, keepdims=True), dtype=np.float32)


def _windows(begin: int, end: int, size: int, overlap: int) -> Iterator[tuple[int, int]]:
    """Overlapping windows over these pieces: as few as can be, of one length."""
    total = end - begin
    number = max(1, math.ceil((total - overlap) / (size - overlap)))
    even = math.ceil((total + (number - 1) * overlap) / number)
    for at in range(number):
        start = begin + min(at * (even - overlap), total - even)
        yield start, start + even


def _sentences(cut: Pieces) -> Iterator[tuple[int, int]]:
    """Small windows of whole sentences and lines; longer ones are cut into windows that overlap."""
    start = last = 0
    for border in (*cut.breaks, len(cut.ids)):
        if border - start > SMALL and last > start:
            yield from _windows(start, last, SMALL, SMALL_OVERLAP)
            start = last
        last = border
    yield from _windows(start, last, SMALL, SMALL_OVERLAP)


class Reading:
    """What the tagger makes of one text."""

    def __init__(self, text: str, words: Sequence[_Word]) -> None:
        self._text = text
        self._words = words

    def words(self) -> list[Scored]:
        """Every word and mark, as what it would be and with what belief."""
        return [Scored(word.start, word.end, _KINDS[word.tag], word.belief) for word in self._words]

    def strongest(self, start: int, end: int) -> float:
        """The highest belief in an identifier within a part of the text; 0 where there is no word."""
        low, high = 0, len(self._words)
        while low < high:
            middle = (low + high) // 2
            if self._words[middle].end <= start:
                low = middle + 1
            else:
                high = middle
        strongest = 0.0
        while low < len(self._words) and self._words[low].start < end:
            strongest = max(strongest, self._words[low].belief)
            low += 1
        return strongest

    def spans(self, least: float) -> list[Scored]:
        """What it takes for identifiers with at least this belief; neighbours of one kind are one span."""
        spans: list[Scored] = []
        run: list[_Word] = []
        for word in self._words:
            believed = word.belief >= least * GROW
            if run and not (believed and self._joins(run[-1], word)):
                spans += self._span(run, least)
                run = []
            if believed:
                run.append(word)
        return spans + self._span(run, least) if run else spans

    def _joins(self, last: _Word, word: _Word) -> bool:
        between = self._text[last.end : word.start]
        return last.tag == word.tag and not between.strip(" \t")

    def _span(self, run: list[_Word], least: float) -> list[Scored]:
        """The span of a run of words, without marks at its borders; none if no word is believed enough."""
        while run and not self._told(run[0]):
            run = run[1:]
        while run and not self._told(run[-1]):
            run = run[:-1]
        telling = [word for word in run if self._told(word)]
        if not telling or max(word.belief for word in telling) < least:
            return []
        belief = max(word.belief for word in telling)
        return [Scored(run[0].start, run[-1].end, _KINDS[telling[0].tag], belief)]

    def _told(self, word: _Word) -> bool:
        return self._text[word.start].isalnum()
