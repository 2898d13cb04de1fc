"""With what a match of a pattern may begin, so that it is tried at few words of a text. Pure.

Told from the pattern as `re` parses it: what cannot be told counts as anything, so that a pattern is at worst
tried at every word.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

SIZE = 2  # characters of a beginning
_MOST = 600  # beginnings of one pattern; of more, only the first characters
_parser: Any = importlib.import_module("re._parser")
_DIGIT = re.compile(r"\d")
# What a pattern that ignores case takes for a letter beside its `lower` and `upper`.
_SAME = str.maketrans("ıſİ\u212a\u212b", "isIK\u00c5")
_EMPTY = ("ASSERT", "ASSERT_NOT", "AT")  # what takes no characters
_REPEATS = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
_WIDEST = 100  # characters of a range that are worth listing


def shape(text: str) -> tuple[str, str]:
    """A text as beginnings are compared with it: digits are 0; as it is, and in small letters."""
    plain = _DIGIT.sub("0", text)
    if not text.isascii():
        plain = plain.translate(_SAME)
    low = plain.lower()
    return plain, low if len(low) == len(plain) else "".join(char.lower()[:1] for char in plain)


@lru_cache(1024)
def heads(pattern: re.Pattern[str]) -> frozenset[str]:
    """The beginnings of all matches in the `shape` of texts, small behind the first character.

    They are at most SIZE long; an empty one stands for any.
    """
    tree = _parser.parse(pattern.pattern, pattern.flags)
    for size in range(SIZE, 0, -1):
        done, live = _Beginnings(size).after({""}, tree, bool(pattern.flags & re.I))
        found = done | live
        if len(found) <= _MOST:
            return frozenset(one for one in found if one[:-1] not in found or not one)
    return frozenset({""})


class _Beginnings:
    """Reads a parsed pattern up to some characters."""

    def __init__(self, size: int) -> None:
        self._size = size

    def after(self, live: set[str], items: Iterable[Any], folded: bool) -> tuple[set[str], set[str]]:
        """The beginnings that are told to their end, and those that go on behind these items."""
        done: set[str] = set()
        for operation, value in items:
            done |= {one for one in live if len(one) >= self._size}
            live = live - done
            if not live:
                break
            ended, live = self._step(live, str(operation), value, folded)
            done |= ended
        return done, live

    def _step(self, live: set[str], operation: str, value: Any, folded: bool) -> tuple[set[str], set[str]]:
        if operation in _EMPTY:
            return set(), live
        if operation == "SUBPATTERN":
            return self.after(live, value[3], (folded or bool(value[1] & re.I)) and not value[2] & re.I)
        if operation == "BRANCH":
            parts = [self.after(live, branch, folded) for branch in value[1]]
            return set().union(*(part[0] for part in parts)), set().union(*(part[1] for part in parts))
        if operation in _REPEATS:
            least, most, repeated = value
            return self._repeated(live, least, most, repeated, folded)
        chars = _chars(operation, value, folded)
        if not chars or len(live) * len(chars) > 4 * _MOST:
            return live, set()
        return set(), {one + (char.lower() if one else char) for one in live for char in chars}

    def _repeated(
        self, live: set[str], least: int, most: int, items: Iterable[Any], folded: bool
    ) -> tuple[set[str], set[str]]:
        done, out = set[str](), set[str]() if least else set(live)
        for number in range(1, min(int(most), self._size) + 1):
            ended, live = self.after(live, items, folded)
            done |= ended
            if number >= min(least, self._size):
                out |= live
        return done, out


def _chars(operation: str, value: Any, folded: bool) -> set[str]:
    """The characters that one item stands for; none if they cannot be told."""
    found: set[str] = set()
    for kind, member in value if operation == "IN" else [(operation, value)]:
        if str(kind) == "LITERAL":
            found.add(chr(member))
        elif str(kind) == "RANGE" and member[1] - member[0] < _WIDEST:
            found |= {chr(code) for code in range(member[0], member[1] + 1)}
        elif str(kind) == "CATEGORY" and str(member) == "CATEGORY_DIGIT":
            found.add("0")
        else:
            return set()
    if folded:
        found |= {char.lower() for char in found} | {char.upper() for char in found if len(char.upper()) == 1}
    return {_DIGIT.sub("0", char.translate(_SAME)) for char in found}
