"""Texts cut into words, numbers and marks, with what is known of each. Linear time."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from bot.deid.lexicon import terms
from bot.deid.lexicon.words import flags, fold

_TOKEN = re.compile(r"[^\W_]+(?:['’ʼ‐‑-][^\W_]+)*|[^\w\s]|_")
_CLITIC = re.compile(r"(?:[jldcnsmt]|qu|jusqu|lorsqu|puisqu|aujourd)['’](?=[^\W\d_A-ZÀ-Þ])", re.I)  # "j'ai"
_POSSESSIVE = ("'s", "’s", "'S", "’S")
_HYPHENS = re.compile(r"[‐‑-]")
_OWN = {"de": "d", "es": "s", "fr": "s"}
_REMEMBERED = 1 << 14  # words, none of them with its text


class Word(NamedTuple):
    """What a word is by itself."""

    key: str  # folded: lower case, no accents, no apostrophes
    word: bool  # letters only (hyphens and apostrophes inside)
    number: bool  # begins with a digit
    capital: bool  # begins with a capital and goes on with small letters ("McPhee", "O'Neil", "Anne-Marie")
    upper: bool  # all capitals, two or more
    lower: bool  # no capitals
    parts: tuple[str, ...]  # the folded parts of a hyphenated word
    flags: str  # what the word list knows (`compile.py`); of a hyphenated word, what all its parts share


class Token:
    """A word, a number or one mark, and how it stands in the text."""

    __slots__ = (
        "capital",
        "end",
        "flags",
        "key",
        "line",
        "lower",
        "number",
        "owner",
        "parts",
        "start",
        "text",
        "upper",
        "word",
    )

    def __init__(self, start: int, end: int, text: str, *, line: bool, owner: bool) -> None:
        self.start = start
        self.end = end  # without a possessive 's
        self.text = text
        self.line = line  # first in its line
        self.owner = owner  # had a possessive 's
        known = _known(text)
        self.key, self.word, self.number, self.capital, self.upper, self.lower, self.parts, self.flags = known

    def is_ordinary(self, language: str) -> bool:
        """Whether it is a common word of the language or of English, a drug or a term of medicine."""
        return _is_ordinary(self.text, language)

    def is_term(self, language: str) -> bool:
        """Whether it is a drug, a clinical noun, a score, a country …"""
        return _is_term(self.text, language)

    def is_name(self, language: str) -> bool:
        """Whether it is a given name or surname and hardly anything else in this language."""
        return ("f" in self.flags or "l" in self.flags) and not _is_ordinary(self.text, language)

    def is_given(self, language: str) -> bool:
        """Whether it is a given name and hardly anything else in this language."""
        return "f" in self.flags and not _is_ordinary(self.text, language)


@lru_cache(_REMEMBERED)
def _known(text: str) -> Word:
    key = fold(text)
    word = text[0].isalpha() and not any(char.isdigit() for char in text)
    small = word and any(char.islower() for char in text)
    parts = tuple(part for part in _HYPHENS.split(key) if part)
    found = [flags(part) for part in parts] if word else []
    shared = (
        "".join(letter for letter in found[0] if all(letter in one for one in found[1:])) if found else ""
    )
    return Word(
        key,
        word,
        text[0].isdigit(),
        small and text[0].isupper(),
        word and len(text) > 1 and text.isupper(),
        word and text.islower(),
        parts,
        shared,
    )


@lru_cache(_REMEMBERED)
def _is_ordinary(text: str, language: str) -> bool:
    known = _known(text)
    if language == "fr" and (terms.is_french(known.key) or _CLITIC.match(text)):
        return True
    return _OWN.get(language, "w") in known.flags or "w" in known.flags or _is_term(text, language)


@lru_cache(_REMEMBERED)
def _is_term(text: str, language: str) -> bool:
    known = _known(text)
    return (
        terms.is_drug(known.key)
        or terms.is_other(known.key)
        or (language == "de" and terms.is_clinical(known.parts[-1] if known.parts else known.key))
    )


def is_plain(text: str, language: str) -> bool:
    """Whether a word is an ordinary one or a clinical term of this language, also one made of two."""
    folded = fold(text)
    return bool(folded) and (_is_ordinary(folded, language) or (language == "de" and _is_compound(folded)))


@lru_cache(_REMEMBERED)
def _is_compound(key: str) -> bool:
    """Whether a German word is made of two ordinary ones ("lärm" + "bereich"), and no name of its own."""
    if set("flt") & set(flags(key)):
        return False
    return any(
        "d" in flags(key[at:]) and any("d" in flags(head) for head in (key[:at], key[:at].rstrip("s")))
        for at in range(4, len(key) - 3)
    )


@lru_cache(maxsize=1)
def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, in order; kept for the recognizers that read the same text next."""
    found: list[Token] = []
    at = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        line = not found or "\n" in text[at:start]
        at = end
        word = match[0]
        owner = len(word) > 2 and word.endswith(_POSSESSIVE[: 2 if len(word) == 3 else 4])
        if owner:
            word, end = word[:-2], end - 2
        found.append(Token(start, end, word, line=line, owner=owner))
    return tuple(found)


def begins(words: tuple[Token, ...], at: int) -> bool:
    """Whether a token begins a sentence, where a capital says nothing."""
    if words[at].line or at == 0:
        return True
    before = words[at - 1]
    if before.text == "." and at > 1 and len(words[at - 2].text) == 1 and before.start == words[at - 2].end:
        return False  # an initial or an abbreviation
    return before.text in '.!?:;•*…¿¡"“„»«-–—>/'


def is_mark(words: tuple[Token, ...], at: int, mark: str) -> bool:
    """Whether the token at an index, if there is one, is this mark."""
    return 0 <= at < len(words) and words[at].text == mark


def key_at(words: tuple[Token, ...], at: int) -> str:
    """The folded word at an index; empty outside of the text."""
    return words[at].key if 0 <= at < len(words) else ""


def gap(words: tuple[Token, ...], at: int) -> int:
    """How many characters stand between a token and the one before."""
    return words[at].start - words[at - 1].end


def touches(words: tuple[Token, ...], at: int) -> bool:
    """Whether nothing stands between a token and the one before."""
    return at > 0 and words[at].start == words[at - 1].end
