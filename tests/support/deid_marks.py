"""Texts with what has to be found marked in place: "rm [[412]] is empty"."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from bot.deid.model import Hit, Source

_MARK = re.compile(r"\[\[(.+?)\]\]", re.S)


def parsed(marked: str) -> tuple[str, list[tuple[int, int]]]:
    """The text without its marks, and where they were."""
    text, spans, at = "", [], 0
    for mark in _MARK.finditer(marked):
        text += marked[at : mark.start()]
        spans.append((len(text), len(text) + len(mark[1])))
        text += mark[1]
        at = mark.end()
    return text + marked[at:], spans


def differences(
    find: Callable[[Source], Iterable[Hit]], marked: str, language: str = "en"
) -> tuple[list[str], list[str]]:
    """What of the marks a recognizer leaves, and what it takes without a mark; letters and digits count."""
    text, spans = parsed(marked)
    hits = list(find(Source(text, language)))
    covered = {at for hit in hits for at in range(hit.start, hit.end)}
    wanted = {at for start, end in spans for at in range(start, end)}
    left = [
        text[start:end]
        for start, end in spans
        if any(text[at].isalnum() and at not in covered for at in range(start, end))
    ]
    taken = [
        text[hit.start : hit.end]
        for hit in hits
        if any(text[at].isalnum() and at not in wanted for at in range(hit.start, hit.end))
    ]
    return left, taken
