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
from pathlib import Path

from bot.deid.hinting import VALUES
from bot.deid.lexicon import terms
from bot.deid.lexicon.words import flags, fold

# How many values each has: see Vocabulary.cut, _form, _about, _knowledge and hints.
FEATURES = (14, 8, 13, 16, 5, 64, 6, VALUES)
_WORD = re.compile(r"[^\W_]+|[^\w\s]|_")
_CHUNK = re.compile(r"\S+")
_LONGEST = 48  # characters of a word that are looked at in one go; longer ones are cut
_UNKNOWN = "[UNK]"
_ENDS = "!?;"  # with space behind: the end of a sentence
_BITS = {letter: 1 << number for number, letter in enumerate("wdsflt")}  # what lexicon.words knows
_FULL = 5  # letters of a word that is hardly an abbreviation


@dataclass(frozen=True, slots=True)
class Pieces:
    """A text as pieces: ids of the vocabulary, features, and the word each belongs to.

    `words` are the offsets of the words (a run of letters and digits, or one other character); `first` is the
    index of each word's first piece, with one entry more at its end; `breaks` are the indices of the pieces
    before which a sentence or a line ends.
    """

    ids: list[int]
    features: list[tuple[int, ...]]
    words: list[tuple[int, int]]
    first: list[int]
    breaks: list[int]


# What does not depend on where a word stands: its pieces, its form, how many digits, and what is known of it.
_Seen = tuple[tuple[int, ...], int, int, int, int]


class Vocabulary:
    """The vocabulary; thread safe."""

    def __init__(self, entries: Mapping[str, int]) -> None:
        self._entries = dict(entries)
        self.start, self.end = entries["[CLS]"], entries["[SEP]"]

    @classmethod
    def load(cls, path: Path) -> Vocabulary:
        """Read a vocabulary: one entry a line, its number is the line's."""
        lines = path.read_text("utf-8").split("\n")
        return cls({entry: number for number, entry in enumerate(lines) if entry})

    def cut(self, text: str, hints: bytes = b"") -> Pieces:
        """Cut a text into pieces; linear in its length. `hints` has a value for each character, or none."""
        cut = Pieces([], [], [], [], [])
        seen: dict[str, _Seen] = {}  # for this text only: no word of it stays
        chunks = _CHUNK.finditer(text)
        chunk = next(chunks, None)
        about = (0, 0)
        last = 0
        for found in _WORD.finditer(text):
            start, end = found.span()
            word = found[0]
            while chunk is not None and chunk.end() <= start:
                chunk = next(chunks, None)
            if chunk is not None and (not cut.words or chunk.start() >= last):
                about = _about(chunk[0])
            one = seen.get(word)
            if one is None:
                one = seen[word] = self._see(word)
            pieces, form, digits, known, term = one
            before = text[last:start]
            space = (3 if before else 4) if cut.words else 1
            if cut.words and "\n" in before:
                space = 2
            if space == 2 or (space == 3 and _ends(text, cut.words)):
                cut.breaks.append(len(cut.ids))
            last = end
            cut.words.append((start, end))
            cut.first.append(len(cut.ids))
            cut.ids.extend(pieces)
            told = hints[start] if hints else 0
            cut.features.append((form, digits, *about, space, known, term, told))
            if len(pieces) > 1:
                cut.features.extend([(form, digits, *about, 0, known, term, told)] * (len(pieces) - 1))
        cut.first.append(len(cut.ids))
        return cut

    def _see(self, word: str) -> _Seen:
        digits = 0 if word.isalpha() else sum(map(str.isdigit, word))
        return (self._pieces_of(word), _form(word, digits), min(digits, 7), *_knowledge(word))

    def _pieces_of(self, word: str) -> tuple[int, ...]:
        plain = _plain(word)
        whole = self._entries.get(plain)
        if whole is not None and len(plain) <= _LONGEST:
            return (whole,)
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


def _ends(text: str, words: list[tuple[int, int]]) -> bool:
    """Whether a sentence ends with the last word. A point after a short word or a number need not end one."""
    start, end = words[-1]
    mark = text[start:end]
    if mark != ".":
        return mark in _ENDS
    before = text[slice(*words[-2])] if len(words) > 1 else ""
    return len(before) >= _FULL and before.isalpha()


def _plain(word: str) -> str:
    """Lower case, without accents."""
    if word.isascii():
        return word.lower()
    spread = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in spread if unicodedata.category(character) != "Mn")


def _knowledge(word: str) -> tuple[int, int]:
    """What the word list knows of a word, and whether it is a term of medicine."""
    if len(word) < 2 or word.isdigit():
        return 0, 0
    key = fold(word)
    known = 0
    for letter in flags(key):
        known |= _BITS.get(letter, 0)
    if terms.is_eponym(key):
        return known, 1 if terms.is_only_eponym(key) else 2
    if terms.is_drug(key):
        return known, 3
    return known, 4 if terms.is_other(key) else 5 if terms.is_clinical(key) else 0


def _about(chunk: str) -> tuple[int, int]:
    """A run without spaces: how many digits it holds, and which marks join them."""
    if chunk.isalpha():
        return 0, 0
    digits = sum(map(str.isdigit, chunk))
    inner = chunk[1:-1]
    marks = (
        ("/" in inner)
        + 2 * ("-" in inner or "–" in inner)
        + 4 * ("." in inner or "," in inner)
        + 8 * ("@" in inner or ":" in inner or "_" in inner)
    )
    return min(digits, 12), marks


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
