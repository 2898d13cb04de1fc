"""Texts cut into words, numbers and marks, with what is known of each. Linear time."""

from __future__ import annotations

import re

from bot.deid.lexicon import terms
from bot.deid.lexicon.words import flags, fold

_TOKEN = re.compile(r"[^\W_]+(?:['’ʼ‐‑-][^\W_]+)*|[^\w\s]|_")
_CLITIC = re.compile(r"(?:[jldcnsmt]|qu|jusqu|lorsqu|puisqu|aujourd)['’](?=[^\W\d_A-ZÀ-Þ])", re.I)  # "j'ai"
_POSSESSIVE = ("'s", "’s", "'S", "’S")
_HYPHENS = re.compile(r"[‐‑-]")
_OWN = {"de": "d", "es": "s", "fr": "s"}
_REMEMBERED = 1 << 14  # words
_LISTED: dict[str, Word] = {}  # words of the word list and single marks that were read before


class Word:
    """What a word is by itself."""

    __slots__ = (
        "_medical",
        "_ordinary",
        "_term",
        "_text",
        "capital",
        "flags",
        "key",
        "lower",
        "number",
        "parts",
        "upper",
        "word",
    )

    def __init__(self, text: str) -> None:
        self._text = text
        self.key = fold(text)  # folded: lower case, no accents, no apostrophes
        # letters only (hyphens and apostrophes inside)
        self.word = text[0].isalpha() and not any(map(str.isdigit, text))
        self.number = text[0].isdigit()  # begins with a digit
        # begins with a capital and goes on with small letters ("McPhee", "O'Neil", "Anne-Marie")
        self.capital = self.word and text[0].isupper() and any(map(str.islower, text))
        self.upper = self.word and len(text) > 1 and text.isupper()  # all capitals, two or more
        self.lower = self.word and text.islower()  # no capitals
        self.parts = tuple(part for part in _HYPHENS.split(self.key) if part)  # of a hyphenated word, folded
        # what the word list knows (`compile.py`); of a hyphenated word, what all its parts share
        self.flags = _shared([flags(part) for part in self.parts]) if self.word else ""
        self._medical: bool | None = None
        self._ordinary: dict[str, bool] = {}
        self._term: dict[str, bool] = {}

    def is_ordinary(self, language: str) -> bool:
        """Whether it is a common word of the language or of English, a drug or a term of medicine."""
        found = self._ordinary.get(language)
        if found is None:
            found = self._ordinary[language] = (
                (language == "fr" and (terms.is_french(self.key) or _CLITIC.match(self._text) is not None))
                or _OWN.get(language, "w") in self.flags
                or "w" in self.flags
                or self.is_term(language)
            )
        return found

    def is_term(self, language: str) -> bool:
        """Whether it is a drug, a clinical noun, a score, a country …"""
        found = self._term.get(language)
        if found is None:
            found = self._term[language] = (
                terms.is_drug(self.key)
                or terms.is_other(self.key)
                or (language == "de" and terms.is_clinical(self.parts[-1] if self.parts else self.key))
            )
        return found

    def is_medical(self) -> bool:
        """Whether it or a part of it is a device, a drug, an eponym or a clinical noun."""
        if self._medical is None:
            self._medical = (
                terms.is_device(self.key)
                or terms.is_drug(self.key)
                or any(map(terms.is_any_eponym, (self.key, *self.parts[:1])))
                or (bool(self.parts) and terms.is_clinical(self.parts[-1]))
            )
        return self._medical


class Token:
    """A word, a number or one mark, and how it stands in the text."""

    __slots__ = (
        "capital",
        "end",
        "flags",
        "is_medical",
        "is_ordinary",
        "is_term",
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

    def __init__(self, start: int, end: int, text: str, known: Word, *, line: bool, owner: bool) -> None:
        self.start = start
        self.end = end  # without a possessive 's
        self.text = text
        self.line = line  # first in its line
        self.owner = owner  # had a possessive 's
        self.key, self.word, self.number, self.capital = known.key, known.word, known.number, known.capital
        self.upper, self.lower, self.parts, self.flags = known.upper, known.lower, known.parts, known.flags
        self.is_ordinary, self.is_term, self.is_medical = known.is_ordinary, known.is_term, known.is_medical

    def is_name(self, language: str) -> bool:
        """Whether it is a given name or surname and hardly anything else in this language."""
        return ("f" in self.flags or "l" in self.flags) and not self.is_ordinary(language)

    def is_given(self, language: str) -> bool:
        """Whether it is a given name and hardly anything else in this language."""
        return "f" in self.flags and not self.is_ordinary(language)


def _shared(found: list[str]) -> str:
    """The letters that all have."""
    if len(found) == 1:
        return found[0]
    return "".join(letter for letter in found[0] if all(letter in one for one in found[1:])) if found else ""


def _word(text: str, read: dict[str, Word]) -> Word:
    """What a word is; `read` has those of its text. Beyond it only listed words and marks are remembered."""
    known = _LISTED.get(text) or read.get(text)
    if known is None:
        known = Word(text)
        listed = (known.flags or len(text) == 1) and len(_LISTED) < _REMEMBERED
        (_LISTED if listed else read)[text] = known
    return known


def is_plain(text: str, language: str) -> bool:
    """Whether a word is an ordinary one or a clinical term of this language, also one made of two."""
    folded = fold(text)
    if not folded:
        return False
    return _word(folded, {}).is_ordinary(language) or (language == "de" and _is_compound(folded))


def _is_compound(key: str) -> bool:
    """Whether a German word is made of two ordinary ones ("lärm" + "bereich"), and no name of its own."""
    if set("flt") & set(flags(key)):
        return False
    return any(
        "d" in flags(key[at:]) and any("d" in flags(head) for head in (key[:at], key[:at].rstrip("s")))
        for at in range(4, len(key) - 3)
    )


def tokens(text: str) -> tuple[Token, ...]:
    """The tokens of a text, in order; recognizers share them by `Source.once`."""
    found: list[Token] = []
    read: dict[str, Word] = {}
    at = 0
    for match in _TOKEN.finditer(text):
        start, end = match.span()
        line = not found or text.find("\n", at, start) >= 0
        at = end
        word = match[0]
        owner = len(word) > 2 and word.endswith(_POSSESSIVE[: 2 if len(word) == 3 else 4])
        if owner:
            word, end = word[:-2], end - 2
        found.append(Token(start, end, word, _word(word, read), line=line, owner=owner))
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
