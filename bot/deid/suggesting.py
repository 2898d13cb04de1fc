"""What the tagger's beliefs are worth: which words it suggests for removal. Pure.

The tagger reads names and places best, the rules read numbers, dates and contacts best; each is believed
where it is good: a word that is no ordinary one needs little belief, an ordinary word or clinical term more,
anything with a digit nearly certainty. The figures were chosen on posts by writers unknown to the tagger.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.deid.lexicon.tokens import is_plain
from bot.deid.merging import Scored
from bot.deid.model import Kind, Source

UNUSUAL = 0.1  # belief that a name or place needs …
PLAIN = 0.3  # … if it is an ordinary word or a term as well …
NUMERIC = 0.95  # … and anything that the rules read better
_READ_WELL = (Kind.NAME, Kind.PLACE)
_JOINS = " \t-–'’"
_MOST_BETWEEN = 3


def suggested(source: Source, words: Iterable[Scored]) -> list[Scored]:
    """The spans that the tagger suggests; neighbours of one kind are one span, with the highest belief."""
    spans: list[Scored] = []
    for word in words:
        if word.score < _needed(source, word):
            continue
        if spans and word.kind == spans[-1].kind and _joins(source.text, spans[-1].end, word.start):
            last = spans.pop()
            word = Scored(last.start, word.end, last.kind, max(last.score, word.score))
        spans.append(word)
    return spans


def _needed(source: Source, word: Scored) -> float:
    written = source.text[word.start : word.end]
    if word.kind not in _READ_WELL or any(char.isdigit() for char in written):
        return NUMERIC
    if not any(char.isalnum() for char in written):
        return 2.0  # a mark is nothing to remove
    return PLAIN if is_plain(written, source.language) else UNUSUAL


def _joins(text: str, end: int, start: int) -> bool:
    between: Sequence[str] = text[end:start]
    return len(between) <= _MOST_BETWEEN and all(char in _JOINS for char in between)
