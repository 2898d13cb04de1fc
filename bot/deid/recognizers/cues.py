"""Finding many cue words at once: by their first letters, at the beginnings of words only. Pure.

One regular expression with hundreds of branches is tried at every character; here a dictionary of first
letters leaves one or two branches to try at each word.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")
_START = re.compile(r"[^\W_]+|[#№]")
_DIGIT = re.compile(r"\d")


def lowered(text: str) -> str:
    """The text in lower case, character by character, so that places stay the same."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one.lower()[:1] for one in text)


class Places:
    """Where the words and the digits of a text are."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.low = lowered(text)
        self.starts = [word.start() for word in _START.finditer(text)]
        self.digits = [digit.start() for digit in _DIGIT.finditer(text)]

    def figures(self, start: int, end: int) -> int:
        """How many digits lie between two places."""
        return bisect_left(self.digits, end) - bisect_left(self.digits, start)

    def dense(self, width: int, least: int) -> Iterator[int]:
        """The beginnings of words behind which at least `least` digits lie within `width` characters."""
        for start in self.starts:
            if self.figures(start, start + width) >= least:
                yield start


class Cues(Generic[T]):
    """Families of cue words; each family is an alternation in lower case and what it stands for."""

    def __init__(self, families: Iterable[tuple[str, T]], *, after: str = r"(?![^\W_])") -> None:
        grouped: dict[str, list[tuple[str, T]]] = defaultdict(list)
        for words, meaning in families:
            by: dict[str, list[str]] = defaultdict(list)
            for one in _expanded(words):
                by[_key(one)].append(one)
            for key, several in by.items():
                longest = "|".join(sorted(several, key=len, reverse=True))
                grouped[key].append((rf"(?:{longest}){after}", meaning))
        self._index = {
            key: [(re.compile(pattern), meaning) for pattern, meaning in several]
            for key, several in grouped.items()
        }

    def find(self, places: Places, *, reach: int = 80, least: int = 1) -> Iterator[tuple[re.Match[str], T]]:
        """Every cue behind which at least `least` digits follow within `reach` characters."""
        low, index = places.low, self._index
        for start in places.starts:
            for key in (low[start : start + 2], low[start]):
                several = index.get(key)
                if several is None or places.figures(start, start + reach) < least:
                    continue
                for pattern, meaning in several:
                    match = pattern.match(low, start)
                    if match is not None:
                        yield match, meaning


def _expanded(words: str) -> list[str]:
    """The branches of an alternation, each beginning with a literal character."""
    branches: list[str] = []
    for branch in _split(words):
        if branch[0] != "(" and branch[1:2] == "?":
            branches += [branch[2:], branch[0] + branch[2:]]
            continue
        if not branch.startswith("(?:"):
            branches.append(branch)
            continue
        close = _closing(branch)
        inner, rest = branch[3:close], branch[close + 1 :]
        if rest.startswith("?"):
            rest = rest[1:]
            branches += _expanded(rest)
        for one in _split(inner):
            branches += _expanded(one + rest)
    return branches


def _closing(branch: str) -> int:
    depth = 0
    for at, one in enumerate(branch):
        if branch[at - 1 : at] == "\\":
            continue
        depth += (one == "(") - (one == ")")
        if one == ")" and depth == 0:
            return at
    raise ValueError(f"unbalanced: {branch}")


def _split(words: str) -> Sequence[str]:
    """The branches of the outermost level."""
    parts, depth, last, inside = [], 0, 0, False
    for at, one in enumerate(words):
        if words[at - 1 : at] == "\\":
            continue
        if one == "[":
            inside = True
        elif one == "]":
            inside = False
        elif not inside:
            depth += (one == "(") - (one == ")")
            if one == "|" and depth == 0:
                parts.append(words[last:at])
                last = at + 1
    return [*parts, words[last:]]


def _key(branch: str) -> str:
    """The literal beginning of a branch, of one or two characters."""
    first, second, third = branch[0], branch[1:2], branch[2:3]
    if not (first.isalnum() or first in "#№") or (second and second in "?*{"):
        raise ValueError(f"no literal beginning: {branch}")
    literal = second.isalnum() or second == " "
    return first + second if literal and (not third or third not in "?*{") else first
