"""What is known of a single word: whether it is an ordinary one, a given name, a surname, a town.

The list lies in memory as one sorted text, looked up by halving: a few megabytes, and read in an instant.
"""

from __future__ import annotations

import gzip
import unicodedata
from functools import lru_cache
from pathlib import Path

FILE = Path(__file__).with_name("words.tsv.gz")
_BARE = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "ı": "i", "æ": "ae", "œ": "oe", "'": "", "’": ""}
)


@lru_cache(maxsize=1 << 15)
def fold(word: str) -> str:
    """A word in lower case, without accents and apostrophes: the form that the lists are kept in."""
    folded = word.casefold()
    if folded.isascii():
        return folded.replace("'", "")
    marks = unicodedata.normalize("NFD", folded.translate(_BARE))
    return "".join(char for char in marks if not unicodedata.combining(char))


@lru_cache(maxsize=1)
def _list() -> tuple[bytes, dict[bytes, tuple[int, int]]]:
    """All lines, and where the lines with the same first two bytes begin and end."""
    text = gzip.decompress(FILE.read_bytes())
    starts: dict[bytes, tuple[int, int]] = {}
    alphabet = [bytes([first]) for first in range(ord("a"), ord("z") + 1)]
    heads = [first + second for first in alphabet for second in alphabet]
    at = 0
    for head in heads:
        found = 0 if text.startswith(head, at) else text.find(b"\n" + head, max(at - 1, 0)) + 1
        if text.startswith(head, found):
            starts[head] = (found, len(text))
            at = found
    order = sorted(starts.items(), key=lambda item: item[1])
    ends = [where[0] for _head, where in order[1:]] + [len(text)]
    return text, {head: (where[0], end) for (head, where), end in zip(order, ends, strict=True)}


def load() -> None:
    """Read the list now instead of with the first word."""
    _list()


@lru_cache(maxsize=1 << 15)
def flags(word: str) -> str:
    """The letters of a folded word (`compile.py` tells them); empty for an unknown one."""
    key = word.encode()
    text, starts = _list()
    low, high = starts.get(key[:2], (0, 0))
    while low < high:
        middle = text.rfind(b"\n", low, (low + high) // 2) + 1 or low
        end = text.index(b"\n", middle)
        line, _tab, letters = text[middle:end].partition(b"\t")
        if line == key:
            return letters.decode()
        if line < key:
            low = end + 1
        else:
            high = middle
    return ""
