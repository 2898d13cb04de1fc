"""What the tagger's beliefs are worth: which words it suggests for removal. Pure.

A name that is missed costs more than a word too much, so that little belief is enough where a word is no
ordinary one; an ordinary word or clinical term needs more, single letters and numbers, of which clinical text
is full, need most. The figures were chosen on posts unknown to the tagger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.deid.lexicon.tokens import is_plain
from bot.deid.merging import Scored
from bot.deid.model import Kind, Source

UNUSUAL = 0.03  # belief that a name or place needs …
PLAIN = 0.15  # … if it is an ordinary word or a term as well …
LETTER = 0.7  # … if it is a single letter …
NUMERIC = 0.4  # … and anything that the rules read too, such as numbers and dates
_READ_WELL = (Kind.NAME, Kind.PLACE)
_JOINS = " \t-–'’"
_MOST_BETWEEN = 3


def suggested(source: Source, words: Iterable[Scored]) -> list[Scored]:
    """The spans that the tagger suggests; neighbours of one kind are one span, with the highest belief."""
    spans: list[Scored] = []
    for word in words:
        initial = bool(spans) and _is_initial(source.text, spans[-1], word)
        if word.score < (UNUSUAL if initial else _needed(source, word)):
            continue
        if spans and word.kind == spans[-1].kind and _joins(source.text, spans[-1].end, word.start):
            last = spans.pop()
            word = Scored(last.start, word.end, last.kind, max(last.score, word.score))
        spans.append(word)
    return spans


def _needed(source: Source, word: Scored) -> float:
    written = source.text[word.start : word.end]
    if not any(char.isalnum() for char in written):
        return 2.0  # a mark is nothing to remove
    if word.kind not in _READ_WELL or any(char.isdigit() for char in written):
        return NUMERIC
    if len(written) == 1:
        return LETTER
    return PLAIN if is_plain(written, source.language) else UNUSUAL


def _is_initial(text: str, last: Scored, word: Scored) -> bool:
    """Whether a single capital goes on with a name: "Priya S"."""
    return (
        word.end - word.start == 1
        and word.kind == last.kind == Kind.NAME
        and text[word.start].isupper()
        and text[last.end : word.start] == " "
    )


def _joins(text: str, end: int, start: int) -> bool:
    between: Sequence[str] = text[end:start]
    return len(between) <= _MOST_BETWEEN and all(char in _JOINS for char in between)
