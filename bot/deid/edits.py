"""The author's corrections of what the engine found: bring a span back, take something else out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from bot.deid.engine import applied
from bot.deid.model import Kind, Quasi, Result, Span, Tier

REMOVED = "[REMOVED]"
_LEAST = 2  # letters: a single one would take the text apart


@dataclass(frozen=True, slots=True)
class Edits:
    """What the author changed: spans brought back, by their place in the original; words taken out.

    Places hold for one text only: when the text changes, `carried` keeps the words alone.
    """

    restored: frozenset[tuple[int, int]] = frozenset()
    removed: tuple[str, ...] = ()

    def restore(self, text: str, result: Result, numbers: Iterable[int]) -> Edits:
        """Bring back the spans with these numbers; KeyError with the number that there is not."""
        by_number = {span.number: span for span in result.spans}
        chosen = [by_number[number] for number in numbers]
        places = frozenset((span.start, span.end) for span in chosen)
        back = {_folded(text[start:end]) for start, end in places}
        removed = tuple(words for words in self.removed if not any(_folded(words) in one for one in back))
        return Edits(self.restored | places, removed)

    def remove(self, text: str, words: str) -> Edits:
        """Take these words out wherever they stand; KeyError if nowhere, ValueError if too short."""
        wanted = " ".join(words.split())
        if sum(char.isalnum() for char in wanted) < _LEAST:
            raise ValueError(wanted)
        places = [(match.start(), match.end()) for match in _pattern(wanted).finditer(text)]
        if not places:
            raise KeyError(wanted)
        again = {(start, end) for start, end in self.restored if any(_meet(start, end, *at) for at in places)}
        removed = self.removed if wanted in self.removed else (*self.removed, wanted)
        return Edits(self.restored - again, removed)

    @property
    def carried(self) -> Edits:
        """What still holds when the text has changed."""
        return Edits(removed=self.removed)


def corrected(text: str, result: Result, edits: Edits) -> Result:
    """A result with the author's corrections; spans are numbered anew."""
    kept = [span for span in result.spans if (span.start, span.end) not in edits.restored]
    for words in edits.removed:
        for match in _pattern(words).finditer(text):
            kept = _with(kept, match.start(), match.end())
    spans = tuple(replace(span, number=number) for number, span in enumerate(kept, 1))
    brought = [
        Quasi(span.start, span.end, "restored")
        for span in result.spans
        if (span.start, span.end) in edits.restored
    ]
    left = [hint for hint in result.quasi if not any(_within(hint.start, hint.end, span) for span in spans)]
    quasi = tuple(sorted([*left, *brought], key=lambda hint: hint.start))
    return replace(result, text=applied(text, spans), spans=spans, quasi=quasi)


def _with(spans: list[Span], start: int, end: int) -> list[Span]:
    """Spans and one more, which takes up those that it meets."""
    if any(_within(start, end, span) for span in spans):
        return spans
    met = [span for span in spans if _meet(span.start, span.end, start, end)]
    start, end = min([start, *(span.start for span in met)]), max([end, *(span.end for span in met)])
    added = Span(start, end, Kind.OTHER, Tier.CERTAIN, REMOVED, 0, "author")
    return sorted([*(span for span in spans if span not in met), added], key=lambda span: span.start)


def _within(start: int, end: int, span: Span) -> bool:
    return span.start <= start and end <= span.end


def _meet(start: int, end: int, first: int, last: int) -> bool:
    return start < last and first < end


def _folded(text: str) -> str:
    return " ".join(text.split()).casefold()


def _pattern(words: str) -> re.Pattern[str]:
    """Whole words, in any case and with any white space between them."""
    inner = r"\s+".join(re.escape(word) for word in words.split())
    return re.compile(rf"(?<!\w){inner}(?!\w)", re.IGNORECASE)
