"""Names by what stands around them: mentions, ages, beds, initials, signatures. Linear time."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import begins, gap, is_mark, key_at, touches
from bot.deid.model import Hit, Kind, Trust
from bot.deid.recognizers.people import forms, phrases
from bot.deid.recognizers.people.phrases import How
from bot.deid.recognizers.people.reading import Reader

_BED = section("name bed")
_ROOM = re.compile(r"\d{1,4}[a-z]?|[a-z]\d{1,3}", re.I)
_PLURAL_GROUP = section("name many")
_DEGREES = section("name degree")


class ShapedNames(Reader):
    """Names that the shape of a line gives away."""

    def _mention(self, at: int) -> Iterator[Hit]:
        """ "@priya": a colleague in the room."""
        after = at + 1
        if (
            after >= len(self.words)
            or not self.words[after].word
            or self.words[after].start != self.words[at].end
            or self._joined(at)
        ):
            return
        token = self.words[after]
        if token.key in _PLURAL_GROUP or self.text[token.end : token.end + 1] in ("_", "@"):
            return
        if (
            self.text[token.end : token.end + 1] in (".", ":")
            and self.text[token.end + 1 : token.end + 2].isalnum()
        ):
            return
        yield self._hit(after, after + 1, Kind.CLINICIAN, Trust.SURE, "mention")

    def _joined(self, at: int) -> bool:
        return at > 0 and self.words[at - 1].end == self.words[at].start and self.words[at - 1].text.isalnum()

    def _by_shape(self, at: int) -> Iterator[Hit]:
        token = self.words[at]
        if len(token.text) == 1:
            yield from self._bare_initials(at)
            return
        if not (token.capital or token.lower or token.upper):
            if len(token.text) == 2 and not cues.is_short_term(token.key):
                yield from self._placed(at, at + 1)
            return
        if token.upper:
            end = forms.surname_first(self.words, at, self.language)
            if end and token.line:
                yield self._hit(at, end, Kind.NAME, Trust.SURE, "surname first")
        elif (
            token.capital
            and not (
                at
                and self.words[at - 1].capital
                and "f" in self.words[at - 1].flags
                and gap(self.words, at) == 1
            )
            and forms.surname_first(self.words, at, self.language)
            and phrases.can_begin(self.words, at, self.language, How.LIKELY)
        ):
            yield self._hit(
                at,
                forms.surname_first(self.words, at, self.language),
                Kind.NAME,
                Trust.SURE if token.line or is_mark(self.words, at - 1, "(") else Trust.SOFT,
                "surname first",
            )
        if token.capital and "f" in token.flags and self._with_initial(at):
            yield self._hit(at, at + 3, Kind.NAME, Trust.SURE, "given name and initial")
        two = (token.upper and len(token.text) == 2) or (len(token.text) == 2 and token.lower)
        if (
            two
            and not cues.is_short_term(token.key)
            and (token.upper or not token.is_ordinary(self.language))
        ):
            yield from self._placed(at, at + 1)
        if not phrases.can_begin(self.words, at, self.language, How.KNOWN if token.lower else How.LIKELY):
            ambiguous = (
                token.lower
                and "f" in token.flags
                and len(token.text) > 3
                and begins(self.words, at)
                and not cues.is_stop(token.key)
            )
            if ambiguous and not token.is_term(self.language):
                yield from self._placed(at, at + 1)
            return
        end = phrases.reach(self.words, at, self.language)
        known = token.is_name(self.language)
        if token.lower:
            yield from self._small(at, end)
        if terms.is_eponym(token.key):
            return
        if forms.ages(self.words, end):
            yield self._hit(at, end, Kind.NAME, Trust.SURE if known else Trust.SOFT, "aged")
        yield from self._placed(at, end)
        if (
            self.words[end - 1].owner
            and end < len(self.words)
            and not terms.is_eponym(token.key)
            and key_at(self.words, at - 1) not in ("st", "saint")
            and known
        ):
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "owner")
        if (
            is_mark(self.words, end, "(")
            and cues.cue(key_at(self.words, end + 1), self.language) is Cue.KIN
            and token.capital
        ):
            yield self._hit(at, end, Kind.NAME, Trust.SURE, "described")
        degree = end + is_mark(self.words, end, ",")
        has_degree = key_at(self.words, degree) in _DEGREES
        if token.capital and has_degree and (degree > end or self.words[end].upper):
            yield self._hit(at, end, Kind.CLINICIAN, Trust.SURE, "degree")

    def _with_initial(self, at: int) -> bool:
        """Whether "S." follows: "Anna S.", "James T."; not "Vitamin K.", "Hepatitis B."."""
        if not is_mark(self.words, at + 2, ".") or not phrases.is_initial(self.words, at + 1):
            return False
        joined = gap(self.words, at + 1) == 1 and touches(self.words, at + 2)
        token = self.words[at]
        if not joined or token.is_term(self.language) or cues.is_stop(token.key):
            return False
        goes_on = at + 3 < len(self.words) and (self.words[at + 3].lower or is_mark(self.words, at + 3, ","))
        return goes_on or not token.is_ordinary(self.language)

    def _small(self, at: int, end: int) -> Iterator[Hit]:
        """Names in small letters: "leilani k.", "pham, d.", "amara"."""
        token, last = self.words[at], self.words[end - 1]
        if last.text == "." and len(self.words[end - 2].text) == 1:
            yield self._hit(at, end, Kind.NAME, Trust.SURE, "given name and initial")
        elif forms.surname_first(self.words, at, self.language) and not token.is_ordinary("en"):
            yield self._hit(
                at, forms.surname_first(self.words, at, self.language), Kind.NAME, Trust.SURE, "surname first"
            )
        elif self.language == "en" and self._lonely(at):
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "small given name")

    def _lonely(self, at: int) -> bool:
        """Whether a word in small letters is a given name and neither a word nor kin."""
        token = self.words[at]
        if (
            cues.cue(token.key, self.language) is not Cue.NONE
            or terms.is_eponym(token.key)
            or "t" in token.flags
        ):
            return False
        return (
            token.is_given(self.language)
            and token.is_given("en")
            and "s" not in token.flags
            and len(token.text) > 3
        )

    def _bare_initials(self, at: int) -> Iterator[Hit]:
        """ "J.P.", "R. MacAskill", without any cue."""
        if self._joined(at) or not self.words[at].text.isalpha():
            return
        if self.words[at].text in "mM" and self.language == "fr":
            return
        if at and self.words[at - 1].text == "." and touches(self.words, at):
            return
        end = self._initials(at)
        if not end:
            return
        last = self.words[end - 1]
        small = self.words[at].text.islower()
        noble = self.words[at].text == "v" and last.capital  # "v. Rahden"
        known = last.word and last.is_name(self.language)
        if small and not (is_mark(self.words, at + 1, ".") and (known or noble)):
            return
        if last.word and len(last.text) > 1:
            if is_mark(self.words, at + 1, ".") and not terms.is_eponym(last.key):
                known = last.is_name(self.language)
                yield self._hit(
                    at, end, Kind.NAME, Trust.SURE if known else Trust.SOFT, "initial and surname"
                )
        elif last.text == "." or end - at > 2:
            yield self._hit(at, end, Kind.NAME, Trust.SOFT, "initials")

    def _placed(self, at: int, end: int) -> Iterator[Hit]:
        """ "edith in 7c", "re mk in bed 4", "Olena (rm 3)", "frost 822"."""
        word = key_at(self.words, end)
        after = (
            end + 1
            if word in ("in", "on", "auf", "at", "from", "aus", "en")
            or is_mark(self.words, end, "(")
            or is_mark(self.words, end, ",")
            else end
        )
        bed = key_at(self.words, after) in _BED
        after += bed
        if key_at(self.words, after) in ("bed", "bett", "room", "no"):
            after, bed = after + 1, True
        if is_mark(self.words, after, "."):
            after += 1
        room = (
            after < len(self.words)
            and _ROOM.fullmatch(self.words[after].text) is not None
            and any(c.isdigit() for c in self.words[after].text)
        )
        if not room:
            return
        if terms.is_eponym(self.words[at].key):
            return
        first = begins(self.words, at)
        if bed or (
            after > end and word in ("in", "on", "auf") and (first or self.words[at].is_name(self.language))
        ):
            known = self.words[at].is_name(self.language) or len(self.words[at].text) < 3 or first
            yield self._hit(at, end, Kind.NAME, Trust.SURE if known else Trust.SOFT, "in a bed")

    def _after_room(self, at: int) -> Iterator[Hit]:
        """ "bed 22 is Nguyen", "501 abdelrahman 66", "3: Achol D."."""
        words = self.words
        if not _ROOM.fullmatch(words[at].text):
            return
        after = self._past(
            at + 1, ".:)-–=,;", ("is", "ist", "now", "pt", "j", "side", "male", "female", "mr", "mrs")
        )
        if after >= len(words) or words[after].line:
            return
        bed = at > 0 and words[at - 1].key in _BED
        listed = words[at].line or (bed and words[at - 1].line)
        if (
            (words[after - 1].text == "." and not listed)
            or words[after].upper
            or terms.is_eponym(words[after].key)
        ):
            return
        if not (listed or bed) or words[at].text.endswith("mg"):
            return
        how = (
            How.LIKELY
            if words[after].capital and (bed or not words[after].is_ordinary(self.language))
            else How.KNOWN
        )
        if phrases.can_begin(words, after, self.language, how):
            known = words[after].is_name(self.language)
            if known or bed:
                yield from self._named(
                    after, Kind.NAME, how, Trust.SURE if known and bed else Trust.SOFT, "in a bed"
                )

    def _signature(self) -> Iterator[Hit]:
        """One to three names after the last sentence: who wrote the post."""
        words = self.words
        end = len(words)
        while end and not words[end - 1].word and words[end - 1].text != ".":
            end -= 1
        if end > 2 and words[end - 1].key in _DEGREES and words[end - 2].text == ",":
            end -= 2
        at = end
        while (
            at
            and end - at < 4
            and (
                words[at - 1].capital
                or phrases.is_initial(words, at - 1)
                or (words[at - 1].text == "." and end - at)
            )
        ):
            at -= 1
        while at < end and words[at].text == ".":
            at += 1
        for start in range(at, end):
            if start and begins(words, start) and words[start - 1].text not in ":/":
                last = words[end - 1]
                if (
                    start == 0
                    or last.is_term(self.language)
                    or cues.is_stop(words[start].key)
                    or terms.is_only_eponym(last.key)
                ):
                    return
                known = last.is_name(self.language)
                dashed = words[start - 1].text in "-–—" or words[start].line
                if (known or dashed) and not (last.is_ordinary(self.language) and "f" not in last.flags):
                    yield self._hit(
                        start,
                        end,
                        Kind.CLINICIAN,
                        Trust.SURE if known and dashed else Trust.SOFT,
                        "signature",
                    )
                return
