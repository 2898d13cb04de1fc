"""People: after cue words, by initials, by the shape of a line, by dictionaries. Linear time.

What the words before a name say decides how much the name itself has to prove: after "Mrs" anything but a
function word is a name, after "with" only what the dictionaries know as one. Eponyms (Crohn, Wells) are names
after a title and nowhere else (`exempt`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import begins, gap
from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers.people import phrases
from bot.deid.recognizers.people.again import everywhere
from bot.deid.recognizers.people.cued import CuedNames
from bot.deid.recognizers.people.exempting import exempt, sayings
from bot.deid.recognizers.people.phrases import How
from bot.deid.recognizers.people.shaped import ShapedNames

__all__ = ["everywhere", "exempt", "find", "sayings"]

_LEADING = section("name leading particle")
_STRONG = (Cue.TITLE, Cue.DOCTOR)


def find(source: Source) -> Iterable[Hit]:
    """Names, initials and nicknames of people, clinicians among them."""
    return _Names(source).hits()


class _Names(CuedNames, ShapedNames):
    """One pass over one text."""

    def hits(self) -> Iterator[Hit]:
        for at, token in enumerate(self.words):
            if token.text == "@":
                yield from self._mention(at)
            if token.word:
                if cues.announces(token.key, self.language):
                    yield from self._cued(at)
                if not token.lower or len(token.text) < 3 or "f" in token.flags or "l" in token.flags:
                    yield from self._by_shape(at)
                if not token.lower or token.key in _LEADING:
                    yield from self._by_dictionary(at)
            elif token.number:
                yield from self._after_room(at)
        yield from self._signature()

    def _by_dictionary(self, at: int) -> Iterator[Hit]:
        """First and last name side by side, a given name, an unknown capitalised word within a sentence."""
        token = self.words[at]
        if token.upper or token.capital:
            yield from self._pair(at)
        if token.capital and "f" in token.flags and token.is_ordinary(self.language) and self._acting(at):
            yield self._hit(at, at + 1, Kind.NAME, Trust.SOFT, "given name and word")
        if (
            token.lower
            and token.key in _LEADING
            and self.language == "en"
            and at + 1 < len(self.words)
            and not begins(self.words, at)
            and self.words[at + 1].capital
            and self.words[at + 1].is_name("en")
            and gap(self.words, at + 1) == 1
        ):
            end = phrases.reach(self.words, at + 1, "en")
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "particle")
        if not token.capital or not phrases.can_begin(self.words, at, self.language, How.LIKELY):
            return
        if (
            at
            and self.words[at - 1].capital
            and gap(self.words, at) == 1
            and phrases.can_begin(self.words, at - 1, self.language, How.LIKELY)
        ):
            return  # within a name that began before
        end = phrases.reach(self.words, at, self.language)
        eponym = terms.is_eponym(token.key)
        if eponym:
            return
        if token.is_given(self.language):
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "given name")
        elif self._is_surname(at):
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "surname")
        elif (
            self.language != "de"
            and not begins(self.words, at)
            and not token.is_ordinary(self.language)
            and len(token.text) > 3
        ):
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "unknown capitalised")

    def _is_surname(self, at: int) -> bool:
        """Whether a word is known as a surname only; Latin endings are anatomy in German letters."""
        token = self.words[at]
        if not token.is_name(self.language) or "t" in token.flags or len(token.text) < 4:
            return False
        return self.language != "de" or not token.key.endswith(("um", "us", "ula", "is"))

    def _acting(self, at: int) -> bool:
        """Whether a name that is a word too stands where words have no capital, or does what people do."""
        token = self.words[at]
        if (
            not phrases.shaped(token)
            or (token.is_term(self.language) and not terms.is_other(token.key))
            or cues.is_stop(token.key)
            or terms.is_eponym(token.key)
        ):
            return False
        if terms.is_other(token.key) or cues.cue(token.key, self.language) is not Cue.NONE:
            return False
        if phrases.acts(self.words, at):
            return True
        return (
            self.language == "en"
            and not begins(self.words, at)
            and not (at and self.words[at - 1].capital)
            and not self._capital_next(at)
        )

    def _capital_next(self, at: int) -> bool:
        return at + 1 < len(self.words) and self.words[at + 1].capital and gap(self.words, at + 1) == 1

    def _pair(self, at: int) -> Iterator[Hit]:
        """Two names side by side, one of which is nothing else: "Hope Adeyemi", "Huber Sepp", "MARY LANG"."""
        token = self.words[at]
        if (
            at + 1 >= len(self.words)
            or gap(self.words, at + 1) != 1
            or self.words[at + 1].line
            or cues.cue(token.key, self.language) in (*_STRONG, Cue.KIN, Cue.STAFF, Cue.PATIENT)
        ):
            return
        after = self.words[at + 1]
        if not (
            (token.capital and phrases.shaped(token) and after.capital and phrases.shaped(after))
            or (token.upper and after.upper and len(after.text) > 3)
        ):
            return
        if (
            token.owner
            or (terms.is_eponym(token.key) and terms.is_eponym(after.key))
            or terms.is_drug(token.key)
            or cues.is_stop(token.key)
            or cues.is_stop(after.key)
        ):
            return
        given, other = ("f" in token.flags, after) if "f" in token.flags else ("f" in after.flags, token)
        if not given or (after.is_term(self.language) and not after.is_name(self.language)):
            return
        sure = token.is_given(self.language) and ("l" in after.flags or not after.is_ordinary(self.language))
        if sure or (
            other.is_name(self.language) and (token.is_name(self.language) or after.is_name(self.language))
        ):
            trust = Trust.SURE if sure and not terms.is_eponym(token.key) else Trust.SOFT
            yield self._hit(
                at, phrases.reach(self.words, at + 1, self.language), Kind.NAME, trust, "first and last name"
            )
