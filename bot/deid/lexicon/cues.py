"""The words after and before which people are named, by language; all folded."""

from __future__ import annotations

from enum import IntEnum

from bot.deid.lexicon.sections import LANGUAGES, section


class Cue(IntEnum):
    """What a cue word announces, and how surely a name follows it."""

    NONE = 0
    TITLE = 1  # Mrs, Herr: a name follows, in any case
    DOCTOR = 2  # Dr, Prof
    STAFF = 3  # nurse, registrar: often a name
    PATIENT = 4  # pt, baby: often a name
    KIN = 5  # daughter, neighbour: often a name
    NAMED = 6  # called, goes by: nearly always a name
    HELLO = 7  # hi, thanks: often a name
    ASK = 8  # ask, tell, call: sometimes a name
    RE = 9  # re, about: sometimes a name


def _by_language() -> dict[str, dict[str, Cue]]:
    """Cue words of each language; of what a word announces, the first in the order of Cue counts."""
    found: dict[str, dict[str, Cue]] = {}
    for language in LANGUAGES:
        by_word = found.setdefault(language, {})
        for cue in Cue:
            for part in ("all", language):
                for word in section(f"cue {cue.name.lower()} {part}"):
                    by_word.setdefault(word, cue)
    return found


_BY_LANGUAGE = _by_language()
_LETTERS = frozenset("swdm")
_STOP = section("stop")
_SHORT = section("short term")
_LABELS = section("label")
_STAFF_LABELS = section("label of staff")


def cue(word: str, language: str) -> Cue:
    """What a folded word announces in a language."""
    return _BY_LANGUAGE[language].get(word, Cue.NONE)


def announces(word: str, language: str) -> bool:
    """Whether a folded word is a cue or label, or a letter that may stand for one ("s/o", "M.")."""
    return word in _LETTERS or word in _LABELS or word in _BY_LANGUAGE[language]


def is_stop(word: str) -> bool:
    """Whether a folded word is never a name in small letters: a function word, a common verb, a title."""
    return word in _STOP


def is_short_term(word: str) -> bool:
    """Whether two or three letters rather abbreviate something clinical than a name."""
    return word in _SHORT


def is_label(word: str) -> bool:
    """Whether a name follows a folded word and a colon."""
    return word in _LABELS


def is_staff_label(word: str) -> bool:
    """Whether the name after that label is a clinician's."""
    return word in _STAFF_LABELS
