"""The de-identification of a text: normalise, recognise, tag, merge, replace. No network, no database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

from bot.deid import language as languages
from bot.deid import merging, quasi, replacing, versions
from bot.deid.hinting import hints
from bot.deid.merging import Found, Scored
from bot.deid.model import Hit, Kind, Quasi, Result, Source, Span, Tier, Trust
from bot.deid.normal import Normalised, normalise
from bot.deid.recognizers import (
    ages,
    contacts,
    dates,
    devices,
    names,
    national,
    numbers,
    organisations,
    places,
    rooms,
    spoken,
)
from bot.deid.suggesting import suggested

LONGEST = 200_000  # characters
_RECOGNIZERS: tuple[Callable[[Source], Iterable[Hit]], ...] = (
    contacts.find,
    national.find,
    numbers.find,
    spoken.find,
    devices.find,
    rooms.find,
    dates.find,
    ages.find,
    names.find,
    places.find,
    organisations.find,
)
_PROVABLE = (contacts.find, national.find, numbers.find, dates.find, names.find)
_ALIKE = frozenset({Kind.EMAIL, Kind.PHONE, Kind.FAX, Kind.NATIONAL, Kind.RECORD, Kind.PLAN, Kind.ACCOUNT})


class DeidError(Exception):
    """A text that cannot be de-identified: nothing of it may be shown to others."""


class UnsupportedLanguage(DeidError):
    """The text is in a language that the engine does not know, or in none that it can tell."""


class TooLong(DeidError):
    """The text has more than LONGEST characters."""


class Reading(Protocol):
    """What a tagger makes of one text."""

    def words(self) -> Sequence[Scored]:
        """Every word, as the identifier that it would be, and the belief that it is one."""
        ...

    def strongest(self, start: int, end: int) -> float:
        """Its highest belief in an identifier within a part of the text."""
        ...


class Tagger(Protocol):
    """The learned layer."""

    version: str

    def read(self, text: str, hints: bytes = b"") -> Reading:
        """Tag a text of any length; `hints` is what the rules say of each character."""
        ...


class Engine:
    """Finds identifiers in texts; may be used from several threads.

    `tagger` is the learned layer; without one (None) only rules work, which leaves more and removes more.
    """

    def __init__(self, tagger: Tagger | None) -> None:
        self._tagger = tagger
        self.versions = {"engine": versions.ENGINE, "model": "none" if tagger is None else tagger.version}

    @classmethod
    def load(cls) -> Engine:
        """The engine with the tagger that is shipped; takes a fraction of a second."""
        from bot.deid.tagger import Tagger as Learned

        return cls(Learned.load())

    def find(self, text: str, language: str | None = None, *, default: str = "en") -> Result:
        """De-identify a text. `language` is told or detected; `default` counts for texts too short to tell.

        Raises UnsupportedLanguage and TooLong; then there is no result, and nothing may be shown.
        """
        if len(text) > LONGEST:
            raise TooLong(f"The text has {len(text)} characters; {LONGEST} are the most.")
        spoken = language or languages.detect(text, default=default)
        if spoken not in languages.SUPPORTED:
            raise UnsupportedLanguage("The text is in a language that is not supported.")
        normal = normalise(text)
        source = Source(normal.text, spoken)
        found = self._found(source)
        shown = replacing.replace(source, found)
        spans = tuple(
            Span(*_original(normal, one), one.kind, one.tier, replacement, number, one.rule)
            for number, (one, replacement) in enumerate(zip(found, shown, strict=True), 1)
        )
        hints = tuple(
            Quasi(normal.at[hint.start], normal.at[hint.end], hint.reason) for hint in quasi.find(source)
        )
        return Result(applied(text, spans), spans, hints, spoken, dict(self.versions))

    def proven(self, text: str) -> tuple[Span, ...]:
        """What is hardly ever anything else: the subset for live rooms.

        In a language that is not supported only addresses and numbers, which look alike everywhere.
        """
        if len(text) > LONGEST:
            return ()
        spoken = languages.detect(text, default="en")
        known = spoken in languages.SUPPORTED
        normal = normalise(text)
        source = Source(normal.text, spoken if spoken and known else "en")
        hits = [hit for find in _PROVABLE for hit in find(source) if hit.trust is Trust.PROVEN]
        if not known:
            hits = [hit for hit in hits if hit.kind in _ALIKE]
        found = merging.merge(source.text, hits, ())
        shown = replacing.replace(source, found)
        return tuple(
            Span(*_original(normal, one), one.kind, one.tier, replacement, number, one.rule)
            for number, (one, replacement) in enumerate(zip(found, shown, strict=True), 1)
        )

    def _found(self, source: Source) -> list[Found]:
        hits, exempt, told = ruled(source)
        reading = None if self._tagger is None else self._tagger.read(source.text, told)
        tagged = () if reading is None else suggested(source, reading.words())
        strongest = None if reading is None else reading.strongest
        found = merging.merge(source.text, hits, tagged, strongest, exempt)
        again = names.everywhere(source, found)
        if not again:
            return found
        sure = [Hit(one.start, one.end, one.kind, _trust(one.tier), one.rule) for one in found]
        return merging.merge(source.text, [*sure, *again], (), None)


def ruled(source: Source) -> tuple[list[Hit], Sequence[tuple[int, int]], bytes]:
    """What the rules find in a normalised text, what only looks like a name there, and both as hints."""
    said = names.sayings(source)
    sayings = merging.Ranges(said)
    hits = [hit for find in _RECOGNIZERS for hit in find(source) if not _is_said(hit, sayings)]
    exempt = names.exempt(source, said)
    return hits, exempt, hints(len(source.text), hits, exempt)


def _is_said(hit: Hit, sayings: merging.Ranges) -> bool:
    """Whether a name or place is but a part of a term of several words ("St. John's wort")."""
    return hit.trust is not Trust.PROVEN and hit.kind in merging.WORDED and sayings.hold(hit.start, hit.end)


def applied(text: str, spans: Iterable[Span]) -> str:
    """A text with its spans replaced."""
    parts: list[str] = []
    at = 0
    for span in spans:
        parts += (text[at : span.start], span.replacement)
        at = span.end
    return "".join([*parts, text[at:]])


def _original(normal: Normalised, one: Found) -> tuple[int, int]:
    return normal.original(one.start, one.end)


def _trust(tier: Tier) -> Trust:
    return Trust.SURE if tier is Tier.CERTAIN else Trust.SOFT


def counts(spans: Iterable[Span]) -> dict[str, int]:
    """How many spans of each class A–R: what a receipt may say of a text."""
    found: dict[str, int] = {}
    for span in spans:
        letter = Kind(span.kind).letter
        found[letter] = found.get(letter, 0) + 1
    return dict(sorted(found.items()))
