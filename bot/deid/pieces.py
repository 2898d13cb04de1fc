"""Word pieces with exact offsets, and what the tagger sees of case, digits and space. Pure.

The pieces are those of BERT's uncased WordPiece (Devlin et al. 2019, arXiv:1810.04805; greedy, longest
first). It throws away what tells a name from a noun and a number from a dose, so each piece also carries
features of the word and of the run without spaces that it stands in, what the word lists know of the word,
and what the rules say of it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from bot.deid.hinting import VALUES
from bot.deid.lexicon import terms
from bot.deid.lexicon.words import flags, fold

FEATURES = (14, 8, 13, 16, 5, 64, 6, VALUES)  # how many values each has: see _features, _knowledge and hints
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_CHUNK = re.compile(r"\S+")
_LONGEST = 48  # characters of a word that are looked at in one go; longer ones are cut
_UNKNOWN = "[UNK]"


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text as pieces: ids of the vocabulary, features, and the word each belongs to.

    `words` are the offsets of the words (a run of letters and digits, or one other character); `first` is the
    index of each word's first piece, with one entry more at its end.
    """

    ids: list[int]
    features: list[tuple[int, ...]]
    words: list[tuple[int, int]]
    first: list[int]


class Vocabulary:
    """The vocabulary; thread safe."""

    def __init__(self, entries: Mapping[str, int]) -> None:
        self._entries = dict(entries)
        self.start, self.end, self.padding = (entries[name] for name in ("[CLS]", "[SEP]", "[PAD]"))
        self._split = lru_cache(maxsize=50_000)(self._pieces_of)

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read a vocabulary: one entry a line, its number is the line's."""
        lines = path.read_text("utf-8").split("\n")
        return cls({entry: number for number, entry in enumerate(lines) if entry})

    def cut(self, text: str, hints: bytes = b"") -> Pieces:
        """Cut a text into pieces; linear in its length. `hints` has a value for each character, or none."""
        cut = Pieces([], [], [], [])
        chunks = _CHUNK.finditer(text)
        chunk = next(chunks, None)
        about = (0, 0)
        last = 0
        for found in _WORD.finditer(text):
            start, end = found.span()
            while chunk is not None and chunk.end() <= start:
                chunk = next(chunks, None)
            if chunk is not None and (not cut.words or chunk.start() >= last):
                about = _about(chunk[0])
            features = _features(found[0], text[last:start], about, not cut.words)
            last = end
            cut.words.append((start, end))
            cut.first.append(len(cut.ids))
            pieces = self._split(found[0])
            cut.ids.extend(pieces)
            known = (*_knowledge(found[0]), hints[start] if hints else 0)
            cut.features.append((*features, *known))
            cut.features.extend([(*features[:4], 0, *known)] * (len(pieces) - 1))
        cut.first.append(len(cut.ids))
        return cut

    def _pieces_of(self, word: str) -> tuple[int, ...]:
        plain = _plain(word)
        ids: list[int] = []
        for at in range(0, len(plain), _LONGEST):
            ids += self._greedy(plain[at : at + _LONGEST])
        return tuple(ids) or (self._entries[_UNKNOWN],)

    def _greedy(self, word: str) -> list[int]:
        ids: list[int] = []
        start = 0
        while start < len(word):
            prefix = "##" if start else ""
            for end in range(len(word), start, -1):
                number = self._entries.get(prefix + word[start:end])
                if number is not None:
                    ids.append(number)
                    start = end
                    break
            else:
                return [self._entries[_UNKNOWN]]
        return ids


def _plain(word: str) -> str:
    """Lower case, without accents."""
    if word.isascii():
        return word.lower()
    spread = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in spread if unicodedata.category(character) != "Mn")


@lru_cache(maxsize=1 << 15)
def _knowledge(word: str) -> tuple[int, int]:
    """What the word list knows of a word, and whether it is a term of medicine."""
    if len(word) < 2 or word.isdigit():
        return 0, 0
    key = fold(word)
    letters = flags(key)
    known = sum(1 << number for number, letter in enumerate("wdsflt") if letter in letters)
    if terms.is_eponym(key):
        return known, 1 if terms.is_only_eponym(key) else 2
    if terms.is_drug(key):
        return known, 3
    return known, 4 if terms.is_other(key) else 5 if terms.is_clinical(key) else 0


def _about(chunk: str) -> tuple[int, int]:
    """A run without spaces: how many digits it holds, and which marks join them."""
    digits = sum(character.isdigit() for character in chunk)
    inner = chunk[1:-1]
    marks = (
        ("/" in inner)
        + 2 * ("-" in inner or "–" in inner)
        + 4 * ("." in inner or "," in inner)
        + 8 * ("@" in inner or ":" in inner or "_" in inner)
    )
    return min(digits, 12), marks


def _features(word: str, before: str, about: tuple[int, int], at_start: bool) -> tuple[int, ...]:
    """Form of the word, digits in it, digits in the run around it, marks in that run, space before it."""
    digits = sum(character.isdigit() for character in word)
    if at_start:
        space = 1
    elif "\n" in before:
        space = 2
    else:
        space = 3 if before else 4
    return (_form(word, digits), min(digits, 7), *about, space)


def _form(word: str, digits: int) -> int:
    if not word[0].isalnum():
        return 0
    if digits == len(word):
        return 1
    if digits:
        if not word.isalnum() or word[0].isdigit():
            return 2 if word.islower() else 3
        return 4 if word.islower() else 5
    if word.islower():
        return 6 if len(word) > 1 else 7
    if word.isupper():
        return 8 if len(word) == 1 else (9 if len(word) < 5 else 10)
    if word[0].isupper() and word[1:].islower():
        return 11
    return 12 if word[0].isupper() else 13
