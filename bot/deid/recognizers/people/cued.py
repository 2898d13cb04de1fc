"""Names after cue words: titles, kin, staff, labels, greetings. Linear time."""

from __future__ import annotations

from collections.abc import Iterator

from bot.deid.lexicon import cues
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.sections import section
from bot.deid.lexicon.tokens import gap, is_mark, key_at, touches
from bot.deid.model import Hit, Kind, Trust
from bot.deid.recognizers.people import forms
from bot.deid.recognizers.people.phrases import How
from bot.deid.recognizers.people.reading import Reader

_PLURAL_GROUP = section("name many")
_CHAIN = section("name title chain")
_MOST_TITLES = 5  # in a row
_OWNED = section("name owner")
_STRONG = (Cue.TITLE, Cue.DOCTOR)
_CAPITAL_CUES = section("name capital cue")


class CuedNames(Reader):
    """Names that the words before announce."""

    def _cued(self, at: int) -> Iterator[Hit]:
        cue = cues.cue(self.words[at].key, self.language)
        if (
            self.words[at].key in ("s", "w", "d")
            and is_mark(self.words, at + 1, "/")
            and key_at(self.words, at + 2) == "o"
        ):
            yield from self._named(at + 3, Kind.NAME, How.KNOWN, Trust.SURE, "kin")  # son, wife, daughter of
            return
        if self.words[at].owner and cue is not Cue.NONE:
            return
        if cues.is_label(self.words[at].key) or cue in (Cue.PATIENT, Cue.KIN, Cue.STAFF):
            yield from self._label(at)
        if cue is Cue.NONE:
            if self.language == "fr" and self.words[at].text in "Mm" and is_mark(self.words, at + 1, "."):
                yield from self._named(at + 2, Kind.NAME, How.ANY, Trust.SURE, "title")
            return
        if cue in _STRONG:
            yield from self._titled(at, cue)
        elif cue in (Cue.STAFF, Cue.PATIENT, Cue.KIN):
            yield from self._described(at, cue)
        elif cue is Cue.NAMED:
            yield from self._named(
                self._past(
                    at + 1, ':="“„(', ("is", "was", "s", "sich", "him", "her", "himself", "herself", "by")
                ),
                Kind.NAME,
                How.NAMED,
                Trust.SURE,
                "named",
            )
        elif cue is Cue.HELLO:
            yield from self._greeted(at)
        elif cue is Cue.ASK:
            next_at = self._past(at + 1, "", ("for", "to", "nach", "a"))
            if self._known(next_at) and (
                self.words[next_at].capital or self.words[at].key in ("ask", "tell", "told", "cc", "via")
            ):
                yield from self._named(next_at, Kind.CLINICIAN, How.KNOWN, Trust.SOFT, "asked")
        elif cue is Cue.RE:
            next_at = self._past(at + 1, ":.", ())
            if not is_mark(self.words, at + 1, "-") and (
                self.language == "en" or not is_mark(self.words, next_at - 1, ".")
            ):
                yield from self._named(next_at, Kind.NAME, How.LIKELY, Trust.SURE, "re")
                yield from self._short_initials(next_at)

    def _titled(self, at: int, cue: Cue) -> Iterator[Hit]:
        """After "Mrs", "Herr Prof. Dr. med." …"""
        token = self.words[at]
        kind = Kind.CLINICIAN if cue is Cue.DOCTOR else Kind.NAME
        if key_at(self.words, at - 1) in _OWNED and self.language == "de":  # "seine Frau": kin, not a title
            yield from self._described(at, Cue.KIN)
            return
        if token.text == "MR" and self.language == "de":
            return  # of magnetic resonance
        if token.key == "fr" and self.language == "en" and at and self.words[at - 1].number:
            return  # French, of catheters
        next_at = self._past(at + 1, ".", ())
        for _ in range(_MOST_TITLES):
            if (
                next_at >= len(self.words)
                or self.words[next_at].line
                or self.words[next_at].key not in _CHAIN
            ):
                break
            if cues.cue(self.words[next_at].key, self.language) is Cue.DOCTOR or self.words[
                next_at
            ].key.startswith("kolleg"):
                kind = Kind.CLINICIAN
            next_at = self._past(next_at + 1, ".-", ())
        if next_at >= len(self.words) or self.words[next_at].line or gap(self.words, next_at) > 2:
            return
        if (
            (token.key in _CAPITAL_CUES and cue is Cue.TITLE) or (self.language == "de" and token.key == "fr")
        ) and not self._capital_after(at, next_at):
            return
        end = forms.surname_first(self.words, next_at, self.language)
        if end:
            yield self._hit(next_at, end, kind, Trust.SURE, "title")
        yield from self._named(next_at, kind, How.ANY, Trust.SURE, "title")
        after = self.words[next_at]
        if (
            len(after.text) == 1
            and after.text.isupper()
            and after.text.isalpha()
            and not after.line
            and token.text[0].isupper()
        ):
            yield self._hit(next_at, next_at + 1, kind, Trust.SURE, "title")

    def _capital_after(self, at: int, next_at: int) -> bool:
        """Whether a short title ("Fr", "Sr") stands like one: capital itself, and before a capital."""
        token, after = self.words[at], self.words[next_at]
        if self.language == "de" and token.key == "fr":
            return after.capital or is_mark(self.words, at + 1, ".") or not after.is_ordinary("de")
        return token.text[0].isupper() and (after.capital or after.upper)

    def _described(self, at: int, cue: Cue) -> Iterator[Hit]:
        """After "pt", "nurse", "daughter": directly, in brackets, after a comma or "is"."""
        token = self.words[at]
        kind = Kind.CLINICIAN if cue is Cue.STAFF else Kind.NAME
        next_at = at + 1
        while (
            is_mark(self.words, next_at, ".")
            and touches(self.words, next_at)
            and token.text.islower() | (len(token.text) <= 5)
        ):
            next_at += 1
        if (
            token.key in ("baby", "kid", "mother", "mom", "mum", "child", "twin")
            and key_at(self.words, next_at) == "of"
        ):
            next_at += 1
        if key_at(self.words, next_at) in (
            "initials",
            "initialen",
            "name",
            "names",
            "namens",
            "named",
            "called",
            "of",
        ):
            next_at = self._past(next_at + 1, ":.", ())
        if key_at(self.words, next_at) in ("von", "vom", "de", "du") and self.language != "en":
            yield from self._named(next_at + 1, kind, How.KNOWN, Trust.SURE, cue.name.lower())
            return
        if next_at >= len(self.words):
            return
        bracket = self.words[next_at].text in "(,=:" or key_at(self.words, next_at) in (
            "is",
            "ist",
            "es",
            "est",
        )
        after = self.words[next_at]
        if bracket:
            next_at += 1
            if next_at < len(self.words) and (
                self.words[next_at].capital or after.text == "(" or after.text in "=:"
            ):
                how = How.LIKELY if self.words[next_at].capital else How.KNOWN
                trust = Trust.SURE if cue is Cue.KIN and after.text != "," else Trust.SOFT
                if after.text == "," and not (
                    cue is Cue.KIN
                    and (
                        self._known(next_at)
                        or (is_mark(self.words, next_at + 1, ",") and "f" in self.words[next_at].flags)
                        or not self.words[next_at].is_ordinary(self.language)
                    )
                ):
                    return
                yield from self._named(next_at, kind, how, trust, "described")
            return
        if after.line:
            return
        how = How.NAMED if after.capital and cue is not Cue.PATIENT else How.LIKELY
        if token.key in _CAPITAL_CUES:
            how = How.LIKELY if after.capital else How.KNOWN
        end = forms.surname_first(self.words, next_at, self.language)
        if end and after.capital:
            yield self._hit(next_at, end, kind, Trust.SURE, cue.name.lower())
        yield from self._named(next_at, kind, how, Trust.SURE, cue.name.lower())
        if cue is Cue.PATIENT:
            yield from self._short_initials(next_at)

    def _greeted(self, at: int) -> Iterator[Hit]:
        """After "hi", "thanks", "LG"; a signature may stand in the next line."""
        next_at = self._past(at + 1, ",.!-–—", ("to", "an", "dr", "again"))
        if next_at >= len(self.words) or self.words[next_at].key in _PLURAL_GROUP:
            return
        token = self.words[next_at]
        if len(token.text) == 1:
            yield from self._named(next_at, Kind.CLINICIAN, How.LIKELY, Trust.SURE, "greeting")
            return
        ends = (
            next_at + 1 >= len(self.words)
            or self.words[next_at + 1].line
            or self.words[next_at + 1].text in ",.!:-–—?"
        )
        given = "f" in token.flags and not token.is_term(self.language)
        if (
            token.capital
            and ((given and "d" not in token.flags) or not token.is_ordinary(self.language))
            and not cues.is_stop(token.key)
        ):
            yield from self._named(next_at, Kind.CLINICIAN, How.LIKELY, Trust.SURE, "greeting")
        elif (
            token.lower
            and given
            and (ends or not token.is_ordinary(self.language))
            and not cues.is_stop(token.key)
        ):
            yield self._hit(next_at, next_at + 1, Kind.CLINICIAN, Trust.SURE, "greeting")

    def _label(self, at: int) -> Iterator[Hit]:
        """After "Name:", "Ref by:", "Zuweiser:" … in pasted headers: also "Surname, Given K"."""
        token = self.words[at]
        next_at = self._past(at + 1, ".", ())
        if not is_mark(self.words, next_at, ":"):
            return
        next_at += 1
        if next_at >= len(self.words) or self.words[next_at].line:
            return
        exact = token.key in (
            "name",
            "nom",
            "nombre",
            "nachname",
            "vorname",
            "surname",
            "apellidos",
            "patientname",
        )
        staff = cues.is_staff_label(token.key) or cues.cue(token.key, self.language) is Cue.STAFF
        kind = Kind.CLINICIAN if staff else Kind.NAME
        if key_at(self.words, next_at) in ("dr", "mr", "mrs", "ms", "prof", "frau", "herr", "fr", "hr"):
            return
        first = self.words[next_at]
        second = (
            self.words[next_at + 2]
            if is_mark(self.words, next_at + 1, ",") and next_at + 2 < len(self.words)
            else first
        )
        paired = second is not first and "f" in second.flags and second.is_name("en")
        end = forms.surname_first(self.words, next_at, self.language, labelled=exact or paired)
        if end and (first.upper or first.capital):
            yield self._hit(next_at, end, kind, Trust.PROVEN if exact else Trust.SURE, "label")
            return
        initials = self._initials(next_at)
        if initials:
            yield self._hit(next_at, initials, kind, Trust.SURE, "label")
            return
        if (
            first.upper
            and len(first.text) in (2, 3)
            and (exact or staff)
            and not cues.is_short_term(first.key)
        ):
            yield self._hit(next_at, next_at + 1, kind, Trust.SURE, "label")
        yield from self._named(
            next_at, kind, How.ANY if exact and not first.lower else How.LIKELY, Trust.SURE, "label"
        )
