"""Right-to-left text for what draws from left to right: Arabic letters joined, lines in visual order.

A simplification of the Unicode Bidirectional Algorithm (UAX #9: one embedding, no explicit formatting) and of
Arabic joining (The Unicode Standard, section 9.2, with the presentation forms of FB50 to FEFC). Pure.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import lru_cache

_MIRRORED = str.maketrans("()[]{}<>«»‹›≤≥", ")(][}{><»«›‹≥≤")


def is_rtl(text: str) -> bool:
    """Whether there is anything that runs from right to left."""
    return any(unicodedata.bidirectional(char) in ("R", "AL") for char in text)


def begins_rtl(text: str) -> bool:
    """Whether a line as a whole runs from right to left: its first strong character does (UAX #9, P2)."""
    first = next(
        (kind for char in text if (kind := unicodedata.bidirectional(char)) in ("L", "R", "AL")), "L"
    )
    return first != "L"


def joined(text: str) -> str:
    """Arabic letters in the form that they have beside their neighbours; all others as they are."""
    forms, pairs = _forms()
    letters = [index for index, char in enumerate(text) if not _is_mark(char)]
    shaped = list(text)
    taken = -1
    for place, index in enumerate(letters):
        if index <= taken or text[index] not in forms:
            continue
        after = letters[place + 1] if place + 1 < len(letters) else None
        before = text[letters[place - 1]] if place else ""
        ties_back = _ties_on(before, forms) and "final" in forms[text[index]]
        pair = pairs.get(text[index] + text[after]) if after is not None else None
        if pair is not None and after is not None:
            shaped[index], shaped[after] = pair["final" if ties_back else "isolated"], ""
            taken = after
            continue
        ties_on = (
            after is not None
            and _ties_on(text[index], forms)
            and (text[after] == "\u200d" or "final" in forms.get(text[after], {}))
        )
        form = ("medial" if ties_on else "final") if ties_back else ("initial" if ties_on else "isolated")
        shaped[index] = forms[text[index]].get(form, text[index])
    return "".join(shaped)


def visual(line: str) -> str:
    """A line in the order in which its signs stand from left to right (UAX #9, rules N1, N2, L2 and L4)."""
    clusters = _clusters(line)
    levels = _levels(clusters, 1 if begins_rtl(line) else 0)
    for level in range(max(levels, default=0), 0, -1):
        start = 0
        while start < len(levels):
            end = start
            while end < len(levels) and levels[end] >= level:
                end += 1
            clusters[start:end] = clusters[start:end][::-1]
            levels[start:end] = levels[start:end][::-1]
            start = end + 1
    both = zip(clusters, levels, strict=True)
    return "".join(cluster.translate(_MIRRORED) if level % 2 else cluster for cluster, level in both)


def _clusters(line: str) -> list[str]:
    """Letters with the marks that stand on them, which stay together."""
    found: list[str] = []
    for char in line:
        if found and _is_mark(char):
            found[-1] += char
        else:
            found.append(char)
    return found


def _levels(clusters: Sequence[str], base: int) -> list[int]:
    kinds = [_kind(cluster[0]) for cluster in clusters]
    for index, cluster in enumerate(clusters):  # 95/60, 1.5, -2, 50 % are numbers as a whole (W4, W5)
        around = (kinds[index - 1] if index else "", kinds[index + 1] if index + 1 < len(kinds) else "")
        sort = unicodedata.bidirectional(cluster[0])
        if (sort in ("CS", "ES") and around == ("N", "N")) or (sort == "ET" and "N" in around):
            kinds[index] = "N"
    strong = "R" if base else "L"
    for index, kind in enumerate(kinds):  # a number belongs to what it follows (W2, W7)
        if kind in "LR":
            strong = kind
        elif kind == "N" and strong == "L":
            kinds[index] = "L"
    index = 0
    while index < len(kinds):
        end = index
        while end < len(kinds) and kinds[end] == " ":
            end += 1
        if end > index:
            outside = "R" if base else "L"
            before = _side(kinds[index - 1]) if index else outside
            after = _side(kinds[end]) if end < len(kinds) else outside
            kinds[index:end] = [before if before == after else outside] * (end - index)
        index = max(end, index + 1)
    of = {"L": 0, "R": 1, "N": 2} if base == 0 else {"L": 2, "R": 1, "N": 2}
    return [of[kind] for kind in kinds]


def _kind(char: str) -> str:
    """L and R: letters of either direction; N: digits; a space: what takes on its surroundings."""
    kind = unicodedata.bidirectional(char)
    return {"L": "L", "R": "R", "AL": "R", "EN": "N", "AN": "N"}.get(kind, " ")


def _side(kind: str) -> str:
    return "R" if kind == "N" else kind


def _is_mark(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Me")


def _ties_on(char: str, forms: dict[str, dict[str, str]]) -> bool:
    """Whether a letter joins the one after it."""
    return char == "\u200d" or char == "\u0640" or "initial" in forms.get(char, {})


@lru_cache(maxsize=1)
def _forms() -> tuple[dict[str, dict[str, str]], dict[str, dict[str, str]]]:
    """Letter → form → sign, and the same of lam with alef, which are one sign."""
    letters: dict[str, dict[str, str]] = {}
    pairs: dict[str, dict[str, str]] = {}
    for code in range(0xFB50, 0xFEFD):
        tag, *codes = unicodedata.decomposition(chr(code)).split()[:4] or [""]
        if tag not in ("<isolated>", "<final>", "<initial>", "<medial>"):
            continue
        text = "".join(chr(int(one, 16)) for one in codes)
        if len(text) == 1:
            letters.setdefault(text, {}).setdefault(tag[1:-1], chr(code))
        elif code >= 0xFEF5:
            pairs.setdefault(text, {})[tag[1:-1]] = chr(code)
    return letters, pairs
