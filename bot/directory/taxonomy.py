"""The specialties that people can name: in English and German, with synonyms and abbreviations.

They lie beside this file in taxonomy.toml. Case, accents, spaces and hyphens do not matter.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from bot.chat.parsing import closest
from bot.directory.model import folded

_LEAST_BEGINNING = 4  # letters: shorter beginnings are abbreviations that we do not know


@dataclass(frozen=True)
class Specialty:
    """One specialty: `key` is stable, `names` its name by language, `synonyms` what else people call it."""

    key: str
    names: Mapping[str, str]
    synonyms: tuple[str, ...] = ()

    def name(self, language: str) -> str:
        """Its name in a language, else in English."""
        return self.names.get(language) or self.names["en"]

    @property
    def words(self) -> tuple[str, ...]:
        """All that people may call it."""
        return (self.key, *self.names.values(), *self.synonyms)


@cache
def specialties() -> tuple[Specialty, ...]:
    """Every specialty, in the order of the file."""
    entries = tomllib.loads((files("bot.directory") / "taxonomy.toml").read_text("utf-8"))
    return tuple(
        Specialty(key, {"en": entry["en"], "de": entry["de"]}, tuple(entry["also"]))
        for key, entry in entries.items()
    )


def find(word: str) -> Specialty | None:
    """The specialty meant by a word: a name, a synonym, or a beginning that only one specialty has."""
    wanted = folded(word)
    exact = _by_word().get(wanted)
    if exact is not None:
        return exact
    if len(wanted) < _LEAST_BEGINNING:
        return None
    meant = {one.key: one for known, one in _by_word().items() if known.startswith(wanted)}
    return next(iter(meant.values())) if len(meant) == 1 else None


def suggest(word: str, language: str = "en") -> list[str]:
    """The names of at most three specialties that a word that `find` does not know may have meant."""
    near = closest(folded(word), _by_word(), limit=6)
    return list(dict.fromkeys(_by_word()[form].name(language) for form in near))[:3]


def by_key(key: str) -> Specialty | None:
    """The specialty of a key."""
    return next((one for one in specialties() if one.key == key), None)


@cache
def _by_word() -> Mapping[str, Specialty]:
    return {folded(word): one for one in reversed(specialties()) for word in one.words}
