"""What is known of a single word: whether it is an ordinary one, a given name, a surname, a town.

The list lies in memory as one sorted text, searched between the words that begin alike: a few megabytes, and
read in an instant.
"""

from __future__ import annotations

import gzip
import unicodedata
from functools import lru_cache
from pathlib import Path

_LETTERS = range(ord("a"), ord("z") + 1)
FILE = Path(__file__).with_name("words.tsv.gz")
_REMEMBERED = 1 << 15
_READ: dict[str, str] = {}  # words of the list that were looked up before; no others
_BARE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "'": "", "’": ""}
)


def fold(word: str) -> str:
    """A word in lower case, without accents and apostrophes: the form that the lists are kept in."""
    folded = word.casefold()
    if folded.isascii():
        return folded.replace("'", "")
    marks = unicodedata.normalize("NFD", folded.translate(_BARE))
    return "".join(char for char in marks if not unicodedata.combining(char))


@lru_cache(maxsize=1)
def _list() -> tuple[bytes, dict[bytes, tuple[int, int]]]:
    """All lines, each behind its break, and where those that begin with the same three letters are.

    Two letters stand for the rest: words of two, and names of several words.
    """
    text = b"\n" + gzip.decompress(FILE.read_bytes())
    heads = [b"\n" + bytes((first, second)) for first in _LETTERS for second in _LETTERS]
    found: dict[bytes, int] = {}
    for head, start, end in _places(text, heads, 0, len(text)):
        longer = _places(text, [head + bytes((third,)) for third in _LETTERS], start, end)
        found |= {head: start, **{three: place for three, place, _end in longer}}
    ends = [*list(found.values())[1:], len(text)]
    return text, {head[1:]: (start, end) for (head, start), end in zip(found.items(), ends, strict=True)}


def _places(text: bytes, heads: list[bytes], start: int, end: int) -> list[tuple[bytes, int, int]]:
    """Where the lines with these heads begin and end in a part of the text; both are in order."""
    found: list[tuple[bytes, int]] = []
    for head in heads:
        if (place := text.find(head, start, end)) >= 0:
            found.append((head, place))
            start = place
    ends = [*(place for _head, place in found[1:]), end]
    return [(head, place, last) for (head, place), last in zip(found, ends, strict=False)]


def load() -> None:
    """Read the list now instead of with the first word."""
    _list()


def flags(word: str) -> str:
    """The letters of a folded word (`compile.py` tells them); empty for an unknown one."""
    found = _READ.get(word)
    if found is None:
        found = _flags(word)
        if found and len(_READ) < _REMEMBERED:
            _READ[word] = found
    return found


def _flags(word: str) -> str:
    key = word.encode()
    text, alike = _list()
    at = text.find(b"\n" + key + b"\t", *(alike.get(key[:3]) or alike.get(key[:2], (0, 0))))
    return "" if at < 0 else text[at + len(key) + 2 : text.index(b"\n", at + 1)].decode()
