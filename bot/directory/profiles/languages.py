"""The languages that people speak: their names in English, German and the language itself (CLDR)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from babel import Locale, UnknownLocaleError

from bot.chat.parsing import closest
from bot.directory.model import folded

_NAMED_IN = ("en", "de")


def find(word: str) -> str | None:
    """The ISO 639-1 code of a language by its name."""
    return _by_name().get(folded(word))


def suggest(word: str, language: str) -> list[str]:
    """Names of at most three languages that somebody may have meant."""
    near = closest(folded(word), _by_name(), limit=6)
    return list(dict.fromkeys(name(_by_name()[form], language) for form in near))[:3]


def is_code(word: str) -> bool:
    """Whether a word is the code of a language."""
    return word.lower() in _codes()


def name(code: str, language: str) -> str:
    """A language's name in a language."""
    return str(Locale.parse(language).languages.get(code, code))


@cache
def _codes() -> frozenset[str]:
    return frozenset(code for code in map(str, Locale.parse("en").languages) if len(code) == 2)


@cache
def _by_name() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for code in sorted(_codes()):
        for known in (*(name(code, language) for language in _NAMED_IN), _own_name(code)):
            if folded(known):
                found.setdefault(folded(known), code)
    return found


def _own_name(code: str) -> str:
    try:
        return name(code, code)
    except (UnknownLocaleError, ValueError):
        return ""
