"""Text as recognizers see it, with the way back to the original. Pure.

NFKC per cluster (a character and the marks on it), so that full-width and decorated forms read as plain ones;
controls that nobody sees are gone; quotes, dashes, spaces and digits are the ASCII ones. Superscripts and
fractions stay, because "10²" is not "102". Clusters are cut as in the Stream-Safe Text Format (UAX #15,
section 13), which keeps the work linear.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

_PLAIN = re.compile(
    "[\t\n !-~\u00a1-\u00a7\u00a9-\u00ac\u00ae\u00b0\u00b1"
    "\u00bf-\u0131\u0134-\u013e\u0141-\u0148\u014a-\u017e€]+"
)
_LONGEST_CLUSTER = 30  # marks on one character
_BREAKS = frozenset("\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")
_BLANK = frozenset("\u2800\u3164\uffa0")  # blanks that are no spaces by category
_UNSEEN = frozenset("\u034f\u115f\u1160\u17b4\u17b5")  # besides category Cf and variation selectors
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212\u02d7\ufe58\ufe63\uff0d", "-"),
        **dict.fromkeys("\u2018\u2019\u201a\u201b\u02bc\u02b9\u2032\u00b4\uff07", "'"),
        **dict.fromkeys("\u201c\u201d\u201e\u201f\u2033\uff02", '"'),
        "\u2044": "/",
        "\u2215": "/",
        "\u2236": ":",
    }
)
_KEPT = ("<super>", "<sub>", "<fraction>", "<circle>", "<compat> 0020")
# Letters of other scripts that look like Latin ones; they count as such in a word that has Latin letters too.
_TWINS = dict(
    zip("аеорсухіјѕһАВЕКМНОРСТХІЈЅΑΒΕΖΗΙΚΜΝΟΡΤΥΧο", "aeopcyxijshABEKMHOPCTXIJSABEZHIKMNOPTYXo", strict=True)
)
_LETTERS = re.compile(r"[^\W\d_]+")
_TWINNED = re.compile(f"[{''.join(_TWINS)}]")
_LATIN = re.compile("[A-Za-z\u00c0-\u024f]")


@dataclass(frozen=True, slots=True)
class Normalised:
    """Normalised text; `at[i]` is where its i-th character begins in the original (len + 1 of them)."""

    text: str
    at: Sequence[int]

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Where a part of the normalised text stands in the original, whole characters of it."""
        while start < end < len(self.text) and self.at[end] == self.at[end - 1]:
            end += 1  # one character of the original became several: all of them go
        return self.at[start], self.at[end]


def normalise(text: str) -> Normalised:
    """Normalise a text, in linear time."""
    whole = _PLAIN.fullmatch(text)
    if whole is not None or not text:
        return Normalised(text, range(len(text) + 1))
    parts: list[str] = []
    at: list[int] = []
    here = 0
    while here < len(text):
        run = _PLAIN.match(text, here)
        if run is not None:
            # The last one may carry marks that follow it.
            end = run.end() if run.end() == len(text) else run.end() - 1
            if end > here:
                parts.append(text[here:end])
                at.extend(range(here, end))
                here = end
                continue
        if text[here] == "\r":
            # One line break, whichever way it was written; it begins with its first character.
            parts.append("\n")
            at.append(here)
            here += 2 if text.startswith("\r\n", here) else 1
            continue
        end = _cluster(text, here)
        shown = _shown(text[here:end])
        parts.append(shown)
        at.extend([here] * len(shown))
        here = end
    at.append(len(text))
    seen = "".join(parts)
    return Normalised(_LETTERS.sub(_latin, seen) if _TWINNED.search(seen) is not None else seen, at)


def _cluster(text: str, start: int) -> int:
    """The end of the character that starts here, with its marks."""
    end = start + 1
    last = min(len(text), end + _LONGEST_CLUSTER)
    while end < last and (unicodedata.category(text[end])[0] == "M" or "\u1161" <= text[end] <= "\u11ff"):
        end += 1
    return end


def _shown(cluster: str) -> str:
    first = cluster[0]
    if len(cluster) == 1:
        category = unicodedata.category(first)
        if first in _BREAKS:
            return "\n"
        if category == "Zs" or first in _BLANK:
            return " "
        if category == "Nd":
            return str(unicodedata.decimal(first))
        if category in ("Cf", "Cc") and first not in "\t\n":
            return ""
        if _unseen(first):
            return ""
        if unicodedata.decomposition(first).startswith(_KEPT):
            return first.translate(_SAME)
        return unicodedata.normalize("NFKC", first.translate(_SAME)).translate(_SAME)
    marks = (char for char in cluster[1:] if not _unseen(char))
    return unicodedata.normalize("NFC", _shown(first) + "".join(marks))


def _unseen(char: str) -> bool:
    """Variation selectors, joiners and the frames around key caps: they carry no text."""
    return (
        "\ufe00" <= char <= "\ufe0f"
        or "\U000e0100" <= char <= "\U000e01ef"
        or char in _UNSEEN
        or unicodedata.category(char) == "Me"
    )


def _latin(word: re.Match[str]) -> str:
    if _LATIN.search(word[0]) is None or _TWINNED.search(word[0]) is None:
        return word[0]
    return "".join(_TWINS.get(char, char) for char in word[0])
