"""Finding many cue words at once: by their first letters, at the beginnings of words only. Pure.

One regular expression with hundreds of branches is tried at every character; here a dictionary of first
letters leaves one or two branches to try at each word.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain
from typing import Generic, TypeVar

from bot.deid.recognizers.heads import SIZE, heads, shape

T = TypeVar("T")
_START = re.compile(r"[^\W_]+|[#№]")
_DIGIT = re.compile(r"\d")
REACH = 64  # characters behind the beginning of a word


def lowered(text: str) -> str:
    """The text in lower case, character by character, so that places stay the same."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one.lower()[:1] for one in text)


def matches(pattern: re.Pattern[str], text: str, starts: Iterable[int]) -> Iterator[re.Match[str]]:
    """The matches that begin at some places, in their order, none within the one before."""
    match, last = pattern.match, 0
    for start in starts:
        if start >= last and (found := match(text, start)) is not None:
            last = found.end()
            yield found


class _Index:
    """Some places of a text by what stands there, as `heads` writes beginnings."""

    def __init__(self, text: str, starts: Sequence[int]) -> None:
        self._starts = starts
        self.at: dict[str, list[int]] = {}
        plain, low = shape(text)
        for start in starts:
            first = plain[start]
            self.at.setdefault(first, []).append(start)
            self.at.setdefault(first + low[start + 1 : start + SIZE], []).append(start)
        self.heads = frozenset(self.at)

    def starts(self, pattern: re.Pattern[str]) -> Sequence[int]:
        """The places where a pattern may begin."""
        begun = heads(pattern)
        if "" in begun:
            return self._starts
        here = begun & self.heads
        return sorted(chain.from_iterable(map(self.at.__getitem__, here))) if here else ()


class Places:
    """Where the words and the digits of a text are; shared by `Source.once`.

    Patterns that match only at the beginning of a word (a run of letters and digits) are tried there, with
    `worded`, and those that need a digit soon behind it only where there is one, with `numbered`: the same
    matches as `finditer`, without a try at each character.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.low = lowered(text)
        self.starts = [word.start() for word in _START.finditer(text)]
        self.digits = [digit.start() for digit in _DIGIT.finditer(text)]
        self._words = _Index(text, self.starts)
        self._numbered = _Index(text, list(self._before_digits()))

    def _before_digits(self) -> Iterator[int]:
        digits = iter(self.digits)
        digit = next(digits, None)
        for start in self.starts:
            while digit is not None and digit < start:
                digit = next(digits, None)
            if digit is None:
                break
            if digit - start < REACH:
                yield start

    def worded(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """The matches of a pattern that begin with a word."""
        return matches(pattern, self.text, self._words.starts(pattern))

    def small(self, pattern: re.Pattern[str]) -> Iterator[re.Match[str]]:
        """The matches of a pattern in small letters that begin with a word of the text in small letters."""
        return matches(pattern, self.low, self._small.starts(pattern))

    def begun(self, keys: frozenset[str]) -> list[tuple[int, str]]:
        """The words that begin with keys of one or two small characters; of a word the longer key first."""
        found = [(start, -len(key), key) for key in keys & self._small.heads for start in self._small.at[key]]
        return [(start, key) for start, _length, key in sorted(found)]

    @cached_property
    def _small(self) -> _Index:
        return _Index(self.low, self.starts)

    def numbered(self, pattern: re.Pattern[str], mark: str = "") -> Iterator[re.Match[str]]:
        """The matches of a pattern that begin with a word and have a digit among the first REACH characters.

        Those that begin with `mark` count as well.
        """
        starts = self._numbered.starts(pattern)
        if mark and mark in self.text:
            starts = sorted([*starts, *(at for at, char in enumerate(self.text) if char == mark)])
        return matches(pattern, self.text, starts)

    def has(self, start: int, end: int, least: int) -> bool:
        """Whether at least `least` digits lie between two places."""
        last = bisect_left(self.digits, start) + least - 1
        return last < len(self.digits) and self.digits[last] < end

    def dense(self, width: int, least: int) -> Iterator[int]:
        """The beginnings of words behind which at least `least` digits lie within `width` characters."""
        for start in self.starts:
            if self.has(start, start + width, least):
                yield start


class Cues(Generic[T]):
    """Families of cue words; each family is an alternation in lower case and what it stands for."""

    def __init__(self, families: Iterable[tuple[str, T]], *, after: str = r"(?![^\W_])") -> None:
        grouped: dict[str, list[tuple[str, T]]] = defaultdict(list)
        for words, meaning in families:
            by: dict[str, list[str]] = defaultdict(list)
            for one in _expanded(words):
                by[shape(_key(one))[1]].append(one)
            for key, several in by.items():
                longest = "|".join(sorted(several, key=len, reverse=True))
                grouped[key].append((rf"(?:{longest}){after}", meaning))
        self._index = {
            key: [(re.compile(pattern), meaning) for pattern, meaning in several]
            for key, several in grouped.items()
        }
        self._keys = frozenset(self._index)

    def find(self, places: Places, *, reach: int = 80, least: int = 1) -> Iterator[tuple[re.Match[str], T]]:
        """Every cue behind which at least `least` digits follow within `reach` characters."""
        for start, key in places.begun(self._keys):
            if least and not places.has(start, start + reach, least):
                continue
            for pattern, meaning in self._index[key]:
                match = pattern.match(places.low, start)
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
