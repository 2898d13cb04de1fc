"""Dates: every element of a date but a bare year (45 CFR 164.514(b)(2)(i)(C)).

Numbers in every order, months, days of the month and of the week, in figures and words, feasts, quarters, and
seasons with a year; birth dates after their cue are proven. Left alone are durations ("3 days ago"), days of
a stay ("POD 2"), times of day, and the many fractions, scores and ratios of a chart.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache

from bot.deid import holidays
from bot.deid.calendars import MONTHS, WEEKDAYS
from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import dateforms, dateguards
from bot.deid.recognizers.cues import Places
from bot.deid.recognizers.dateparts import Form

_TOKEN = re.compile(r"[^\W\d_]+|\d+")
_COMPOUNDED = WEEKDAYS["de"]  # "Dienstagabend"
_MONTHS = tuple(MONTHS["de"])
_SHORTEST = 6  # letters of a compound: "Montag"
_PART_OF_MONTH = ("woche", "hälfte", "wochenende", "mitte", "anfang", "ende")
_BEFORE, _AFTER = 64, 56  # characters around a word of the calendar in which the rest of a date stands


def find(source: Source) -> Iterable[Hit]:
    """Dates, form by form; hits may overlap."""
    forms, words, feasts = _tables(source.language)
    places = _places(source.text, words, feasts)
    for form in forms:
        if form.anchor not in places:
            continue
        for match in _matches(form, source.text, places):
            start, end = match.span("date")
            trust = dateguards.judged(form, source, start, end)
            if trust is not None:
                yield Hit(start, end, Kind.DATE, trust, f"date:{form.name}")
    yield from _born(source)


def _born(source: Source) -> Iterable[Hit]:
    """Birth dates, with the time of birth."""
    places = source.once(Places)
    for match in places.numbered(dateforms.born(source.language), "*"):
        yield Hit(*match.span("date"), Kind.DATE, Trust.PROVEN, "date:birth")


@lru_cache(maxsize=8)
def _tables(language: str) -> tuple[tuple[Form, ...], Mapping[str, str], frozenset[str]]:
    return dateforms.forms(language), dateforms.anchors(language), holidays.beginnings(language)


def _places(text: str, words: Mapping[str, str], feasts: frozenset[str]) -> dict[str, list[int]]:
    """Where to look, by anchor: trying each form at each character would take most of an engine's time."""
    places: dict[str, list[int]] = {}
    for token in _TOKEN.finditer(text):
        word = token[0].lower()
        start = token.start()
        if word[0].isdigit():
            places.setdefault("number", []).append(start)
        anchor = words.get(word) or (_compound(word) if len(word) >= _SHORTEST else None)
        if anchor is not None:
            places.setdefault(anchor, []).append(start)
        if word in feasts:
            places.setdefault("feast", []).append(start)
    return places


def _compound(word: str) -> str | None:
    """The anchor of a German compound: "Dienstagabend", "Kirchweihmontag", "Juniwoche"."""
    if word.startswith(_COMPOUNDED) or word.endswith(_COMPOUNDED):
        return "weekday"
    return "month" if word.startswith(_MONTHS) and word.endswith(_PART_OF_MONTH) else None


def _matches(form: Form, text: str, places: Mapping[str, list[int]]) -> Iterator[re.Match[str]]:
    here = places[form.anchor]
    if form.anchor in ("number", "feast"):
        for start in here:
            if (match := form.pattern.match(text, start)) is not None:
                yield match
        return
    for start, end in _windows(here, len(text)):
        for match in form.pattern.finditer(text, start, end):
            # What touches the end of a window may be half a word.
            if match.end() < end or end == len(text):
                yield match


def _windows(here: Sequence[int], length: int) -> Iterator[tuple[int, int]]:
    """The parts of a text around some places, each part once."""
    first = last = -1
    for place in here:
        start, end = max(0, place - _BEFORE), min(length, place + _AFTER)
        if start <= last:
            last = end
            continue
        if last > first:
            yield first, last
        first, last = start, end
    if last > first:
        yield first, last
