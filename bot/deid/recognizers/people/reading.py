"""What the readers of names have in common: one text, and the name that begins at a word. Linear time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import key_at, tokens
from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers.people import forms, phrases
from bot.deid.recognizers.people.phrases import How

_BED = section("name bed")
_LEADING = section("name leading particle")


class Reader:
    """One pass over one text."""

    def __init__(self, source: Source) -> None:
        self.words = source.once(tokens)
        self.text = source.text
        self.language = source.language

    def _hit(self, at: int, end: int, kind: Kind, trust: Trust, rule: str) -> Hit:
        last = self.words[end - 1]
        return Hit(self.words[at].start, last.end, kind, trust, f"name: {rule}")

    def _named(self, at: int, kind: Kind, how: How, trust: Trust, rule: str) -> Iterator[Hit]:
        """The name that begins here, if one does."""
        if at >= len(self.words):
            return
        end = self._initials(at)
        if not end and self.words[at].key in _LEADING and how is not How.KNOWN:
            after = at + 1
            while after < len(self.words) and self.words[after].key in ("la", "der", "den", "los", "."):
                after += 1
            if (
                after < len(self.words)
                and self.words[after].capital
                and (
                    how is How.ANY
                    or self.words[at].capital
                    or not self.words[after].is_ordinary(self.language)
                )
            ):
                end = phrases.reach(self.words, after, self.language)
        if not end:
            if not phrases.can_begin(self.words, at, self.language, how):
                return
            end = phrases.reach(self.words, at, self.language)
        if (how is How.ANY and self._sure_surname(at, end)) or (
            rule == "patient"
            and end - at > 1
            and all(self.words[i].is_name(self.language) for i in range(at, end))
        ):
            trust = Trust.PROVEN
        yield self._hit(at, end, kind, trust, rule)

    def _sure_surname(self, at: int, end: int) -> bool:
        """A capitalised word that the lists know as a name and nothing else, or not at all."""
        last = self.words[end - 1]
        if not phrases.shaped(last) or terms.is_eponym(last.key) or not self.words[at].text[0].isupper():
            return False
        return last.is_name(self.language) or (len(last.text) > 4 and not last.is_ordinary(self.language))

    def _short_initials(self, at: int) -> Iterator[Hit]:
        """ "pt MK": two or three letters that abbreviate nothing clinical."""
        if at < len(self.words):
            token = self.words[at]
            placed = key_at(self.words, at + 1) in ("in", "on", "from") or key_at(self.words, at + 1) in _BED
            several = len(token.text) in (2, 3) and token.word
            if not several or cues.is_short_term(token.key) or cues.is_stop(token.key):
                return
            if token.upper or (placed and len(token.text) == 2 and not token.capital):
                yield self._hit(at, at + 1, Kind.NAME, Trust.SURE, "initials")

    def _past(self, at: int, marks: str, skipped: Sequence[str]) -> int:
        """The index after some marks and words, at most four of them."""
        for _ in range(4):
            if at < len(self.words) and (
                (self.words[at].text in marks and marks) or self.words[at].key in skipped
            ):
                at += 1
        return at

    def _known(self, at: int) -> bool:
        return at < len(self.words) and self.words[at].is_given(self.language)

    def _initials(self, at: int) -> int:
        return forms.initials_and_name(self.words, at, self.language)
