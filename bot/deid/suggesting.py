"""What the tagger's beliefs are worth: which words it suggests for removal. Pure.

A name that is missed costs more than a word too much, so that little belief is enough where a word is no
ordinary one; an ordinary word or clinical term needs more, single letters and numbers, of which clinical text
is full, need most. The figures were chosen on posts unknown to the tagger.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.deid.lexicon.terms import is_clinical, is_other
from bot.deid.lexicon.tokens import is_plain
from bot.deid.lexicon.words import fold
from bot.deid.merging import Scored
from bot.deid.model import Kind, Source

UNUSUAL = 0.03  # belief that a name or place needs …
PLAIN = 0.05  # … if it is an ordinary word or a term as well …
CLINICAL = 0.2  # … or a clinical noun, and taken for somebody …
SMALL = 0.25  # … and in small letters …
LETTER = 0.7  # … if it is a single letter …
NUMERIC = 0.13  # … and anything that the rules read too, such as numbers and dates …
LABEL = 0.35  # … but words beside them ("bleep") and ABBREVIATIONS of wards more
OLD = 90  # years: from here on an age is an identifier, 45 CFR 164.514(b)(2)(i)(C)
_AGED = re.compile(r"((?:1[89]|[2-8]\d)(?=[MFmfw])|\d(?=L))[MFmfwL]")
_AGED_IN_WORDS = re.compile(r"(\d{1,2})-?(?:jähr\w*|j|yo[mf]?|yrs?|y/o)", re.I)
_OLD_SAID = re.compile(r"ninet|hundred|neunz|hundert|novent|cien|quatre-?vingt", re.I)
_NEAR = 12  # characters of an age that is told in words
_PRODUCT = re.compile(r"\d{1,3}(?:x\d{1,3})+")
_AMOUNT = re.compile(
    r"\d{1,4}(?:[.,]\d{1,2})?(?:kg|g|mg|mcg|µg|ug|ml|cm|mm|mmol|hrs?|min|mmhg|bpm|iu|ie|fr|ch)", re.I
)
_ITEM = re.compile(r"(?<!\S)([1-9])[.)] ")
_ITEMS_NEAR = 400  # characters to the items beside
_NUMBERED = (Kind.OTHER, Kind.DATE)
_READ_WELL = (Kind.NAME, Kind.PLACE)
_JOINS = " \t-–'’"
_MOST_BETWEEN = 3
_IN_DATES = ("/", ".")


def suggested(source: Source, words: Iterable[Scored]) -> list[Scored]:
    """The spans that the tagger suggests; neighbours of one kind are one span, with the highest belief."""
    spans: list[Scored] = []
    for word in words:
        if word.score < UNUSUAL:  # the least that any word needs; most words have less
            continue
        initial = bool(spans) and _is_initial(source.text, spans[-1], word)
        if word.score < (UNUSUAL if initial else _needed(source, word)):
            continue
        if spans and word.kind == spans[-1].kind and _joins(source.text, spans[-1], word):
            last = spans.pop()
            word = Scored(last.start, word.end, last.kind, max(last.score, word.score))
        spans.append(word)
    return spans


def _needed(source: Source, word: Scored) -> float:
    written = source.text[word.start : word.end]
    if not any(char.isalnum() for char in written) or _is_harmless(source.text, word):
        return 2.0
    if word.kind in _NUMBERED and written.isalpha() and is_plain(written, source.language):
        return LABEL
    if word.kind not in _READ_WELL or any(char.isdigit() for char in written):
        return NUMERIC
    if len(written) == 1:
        return LETTER
    if word.kind is Kind.NAME and len(written) > 2 and written.isupper() and is_other(fold(written)):
        return LABEL
    if not is_plain(written, source.language):
        return UNUSUAL
    if written.islower():
        return SMALL
    return CLINICAL if word.kind is Kind.NAME and is_clinical(fold(written)) else PLAIN


def _is_harmless(text: str, word: Scored) -> bool:
    """Whether it is a number that tells nobody's identity: an age up to 89, "67F", "2L", "160kg"."""
    written = text[word.start : word.end]
    if (aged := _AGED.fullmatch(written) or _AGED_IN_WORDS.fullmatch(written)) is not None:
        return int(aged[1]) < OLD
    if word.kind is Kind.AGE and written.isdigit():
        return int(written) < OLD
    if word.kind is Kind.AGE and written.isalpha():
        return _OLD_SAID.search(text, max(0, word.start - _NEAR), word.end + _NEAR) is None
    if _AMOUNT.fullmatch(written) or _PRODUCT.fullmatch(written):
        return True
    if _numbers_an_item(text, word):
        return True
    between_commas = text[: word.start].endswith(", ") and text.startswith(",", word.end)
    return between_commas and written.isdigit() and int(written) < OLD


def _numbers_an_item(text: str, word: Scored) -> bool:
    """Whether it is the number of an item in a list that begins with one: "1. Mg 0.6 2. K 3.1"."""
    if word.end != word.start + 1 or not (item := _ITEM.match(text, word.start)):
        return False
    near = _ITEM.findall(text[max(0, word.start - _ITEMS_NEAR) : word.end + _ITEMS_NEAR])
    return "1" in near and str(max(2, int(item[1]) - 1)) in near


def _is_initial(text: str, last: Scored, word: Scored) -> bool:
    """Whether a single capital goes on with a name: "Priya S"."""
    return (
        word.end - word.start == 1
        and word.kind == last.kind == Kind.NAME
        and text[word.start].isupper()
        and text[last.end : word.start] == " "
    )


def _joins(text: str, last: Scored, word: Scored) -> bool:
    between = text[last.end : word.start]
    if last.kind is Kind.DATE and between in _IN_DATES:
        return text[last.end - 1].isdigit() and text[word.start].isdigit()
    return len(between) <= _MOST_BETWEEN and all(char in _JOINS for char in between)
