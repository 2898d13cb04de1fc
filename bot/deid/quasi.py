"""What may still identify somebody although it is no identifier of Safe Harbor: warnings. Pure.

45 CFR 164.514(b)(2)(ii): whoever shares it must not know that what is left could identify a person. A rare
office, a public event, a record, a family of note or a mark on the skin can do that; the author is asked to
look, nothing is removed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache

from bot.deid import quasiwords
from bot.deid.model import Quasi, Source
from bot.deid.recognizers.cues import Places

REASONS = (
    "rare job",
    "public event",
    "record",
    "rare disease",
    "family",
    "origin",
    "famous relative",
    "mark",
    "old age",
)

_SMALL = re.compile(
    r"\b(?:village|small town|hamlet|island|islander|remote|rural|outback|valley|reserve|farm|dorf|insel|"
    r"tal|alm|kleinstadt|pueblo|aldea|isla|valle|hameau|île|bourg|vallée)\b",
    re.IGNORECASE,
)
_OLD = re.compile(
    r"(?<![\w.,/])8[5-9](?=\s?-?\s?(?:y|[mfw]\b|j\.|jahre|jährig|years?|años|ans\b))", re.IGNORECASE
)


@lru_cache(maxsize=8)
def _patterns(language: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (reason, re.compile(rf"(?<![\w-])(?:{re.sub(chr(10) + ' *', '', words)})(?!\w)"))
        for reason, words in quasiwords.ALL[language].items()
    )


def find(source: Source) -> Iterable[Quasi]:
    """Warnings, in the order of the text; `reason` is one of REASONS."""
    found = sorted(_found(source), key=lambda hint: (hint.start, hint.end))
    if found and (old := _OLD.search(source.text)) is not None:
        found.append(Quasi(old.start(), old.end(), "old age"))
        found.sort(key=lambda hint: (hint.start, hint.end))
    return found


def _found(source: Source) -> Iterator[Quasi]:
    places = source.once(Places)
    small = _SMALL.search(places.low) is not None
    for reason, pattern in _patterns(source.language):
        if reason == "rare disease" and not small:
            continue  # in a city many have it
        for match in places.small(pattern):
            yield Quasi(match.start(), match.end(), reason)
