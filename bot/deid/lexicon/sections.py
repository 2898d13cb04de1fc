"""The sets of words in sections.txt: cues, function words, endings of organisations."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from bot.deid.lexicon.words import fold

LANGUAGES = ("en", "de", "es", "fr")
_FILE = Path(__file__).with_name("sections.txt")


@lru_cache(maxsize=1)
def _sections() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    words: set[str] = set()
    for line in _FILE.read_text("utf-8").splitlines():
        if line.startswith("["):
            words = found.setdefault(line.strip("[]"), set())
        elif not line.startswith("#"):
            words.update(map(fold, line.split()))
    return {name: frozenset(words) for name, words in found.items()}


def section(name: str) -> frozenset[str]:
    """The folded words of a section; empty if there is none."""
    return _sections().get(name, frozenset())
