"""Places that look like names and are none: eponyms, drugs, devices, German clinical nouns. Linear time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.cues import Cue
from bot.deid.lexicon.tokens import Token, tokens
from bot.deid.lexicon.words import flags, fold
from bot.deid.model import Source

_PEOPLE = (Cue.TITLE, Cue.DOCTOR, Cue.PATIENT, Cue.KIN, Cue.STAFF, Cue.NAMED)
_TITLES = (Cue.TITLE, Cue.DOCTOR)
_JOINS = frozenset("-‐‑–/&.+'’")  # within a term of several words ("Hunt/Hess")
_LETTERED = frozenset(
    ["child", "pugh", "weber", "denis", "stanford", "judet", "tile", "carpentier", "strasberg"]
)
_DOES = frozenset((
    "is", "was", "has", "had", "needs", "wants", "says", "said", "called", "in",
    "ist", "hat", "war", "braucht", "will", "sagt", "auf", "und",
))
_PAIR = 2  # a term of more names ("Tom, Dick and Harry") is hardly people
_AND = frozenset(["and", "und", "n"])
# between two eponyms
_BETWEEN = frozenset(["/", "-", "–", "&", "vs", "versus", "or", "oder", "bzw"])


# fmt: off
# what German places and organisations end with, folded
_PLACES = (
    "allee", "amt", "anstalt", "apotheke", "bach", "bad", "berg", "brucke", "burg", "bund", "brau", "club",
    "dorf", "feld", "firma", "garten", "gasse", "haus", "heim", "hof", "hotel", "hutte", "kita", "klinik",
    "kirche", "klinikum", "kloster", "laden", "lager", "markt", "park", "platz", "post", "praxis", "ring",
    "schloss", "schule", "spital", "stadt", "stift", "stiftung", "strasse", "tal", "turm", "verein", "verlag",
    "wald", "weg", "werk", "werke", "zentrum",
)
_ARTICLES = frozenset((
    "der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "eines", "kein",
    "keine", "keinen", "keinem", "mein", "meine", "meinen", "meinem", "sein", "seine", "seinen", "ihr",
    "ihre", "ihren", "ihrem", "unser", "unsere", "dieser", "diese", "dieses", "jede", "jeder", "jedes",
    "im", "zwei", "drei",
))
# fmt: on
_BESIDE = ("", " ", "-", "/", " / ", " - ", "'", "’")


class _Unit(NamedTuple):
    """A word or number, or a part of a hyphenated word."""

    key: str
    start: int
    end: int  # with a possessive 's
    token: int  # the index of its token


def exempt(source: Source, said: Sequence[tuple[int, int]] | None = None) -> Sequence[tuple[int, int]]:
    """Where eponyms are used as such, and drugs, devices and clinical terms; `said`: `sayings` if known."""
    words = source.once(tokens)
    found = [
        (token.start, _end(words, at))
        for at, token in enumerate(words)
        if token.word and len(token.text) > 1 and _is_exempt(words, at, source.language)
    ]
    nouns = [
        (words[at].start, words[at].end)
        for at in range(len(words) if source.language == "de" else 0)
        if _is_noun(words, at)
    ]
    return [*_runs(source.text, sorted([*found, *(sayings(source) if said is None else said)])), *nouns]


def sayings(source: Source) -> list[tuple[int, int]]:
    """Terms of several words ("Ross River", "St. John's wort"), unless somebody is announced before them."""
    return list(_sayings(source, source.once(tokens)))


def _runs(text: str, found: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbours as one: what stands in two of them side by side stands in one."""
    runs: list[tuple[int, int]] = []
    for start, end in found:
        if runs and (start <= runs[-1][1] or text[runs[-1][1] : start] in _BESIDE):
            runs[-1] = (runs[-1][0], max(end, runs[-1][1]))
        else:
            runs.append((start, end))
    return runs


def _end(words: tuple[Token, ...], at: int) -> int:
    """Where an exempt word ends, with its possessive 's and the grade after an eponym."""
    token = words[at]
    if terms.is_any_eponym(token.parts[-1]) and (after := _grade(words, at)) is not None:
        return after.end
    return token.end + 2 * token.owner


def _grade(words: tuple[Token, ...], at: int) -> Token | None:
    """The grade after an eponym; "Weber B." and "Weber B, 45" may be people."""
    if at + 1 == len(words) or words[at + 1].start != words[at].end + 1:
        return None
    after = words[at + 1]
    if not terms.is_grade(after.text) or (after.text.isalpha() and not _by_letter(words, at)):
        return None
    if at + 2 < len(words) and words[at + 2].text == "/" and words[at + 2].start == after.end:
        return None  # "Mayo 4/18/24"
    if after.text.isalpha() and at + 2 < len(words) and words[at + 2].start == after.end:
        mark = words[at + 2].text
        if mark == "." or (mark == "," and at + 3 < len(words) and words[at + 3].number):
            return None
    return after


def _by_letter(words: tuple[Token, ...], at: int) -> bool:
    """Whether an eponym may be graded by letters: "Weber B", but not "Anderson A is in bed 4"."""
    token, letter = words[at], words[at + 1]
    if len(letter.text) > 1 or not set("fl") & set(flags(token.parts[-1])):
        return True
    follows = words[at + 2].key if at + 2 < len(words) else ""
    return token.parts[-1] in _LETTERED and follows not in _DOES


def _is_exempt(words: tuple[Token, ...], at: int, language: str) -> bool:
    token = words[at]
    if not token.is_medical():
        return False
    cue = cues.cue(_cue_before(words, at), language) if at else Cue.NONE
    if cue in _TITLES:
        return False
    if terms.is_device(token.key):
        return True
    if cue in _PEOPLE:
        return False
    common = bool(set("flt") & set(token.flags))
    if terms.is_listed_drug(token.key) or (terms.is_drug(token.key) and not common):
        return True
    hyphened = len(token.parts) > 1 and not terms.is_any_eponym(token.key)
    key = token.parts[0] if hyphened else token.key
    if terms.is_any_eponym(key):
        return _is_used(words, at, key)
    return language == "de" and token.capital and terms.is_clinical(token.parts[-1]) and not common


def _is_noun(words: tuple[Token, ...], at: int) -> bool:
    """Whether it is an everyday German noun after an article, and nothing that places are called by."""
    token = words[at]
    return (
        token.capital
        and len(token.text) > 4
        and at > 0
        and words[at - 1].key in _ARTICLES
        and not (at + 1 < len(words) and words[at + 1].capital)
        and "d" in token.flags
        and not set("flt") & set(token.flags)
        and not (token.key.endswith("s") and set("fl") & set(flags(token.key[:-1])))
        and not terms.is_other(token.key)
        and not token.key.endswith(_PLACES)
    )


def _is_used(words: tuple[Token, ...], at: int, key: str) -> bool:
    """Whether an eponym is used as one."""
    token = words[at]
    before = words[at - 1] if at else None
    after = words[at + 1] if at + 1 < len(words) else None
    if len(token.parts) > 1 and (
        all(terms.is_eponym(part) for part in token.parts)
        or (any(map(terms.is_only_eponym, token.parts)) and all(map(terms.is_any_eponym, token.parts)))
        or _speaks(token.parts[-1])
    ):
        return True
    if terms.is_only_eponym(key) and not set("ft") & set(token.flags):
        return True
    follows = after.key if after else ""
    often = terms.is_eponym(key)
    if often and terms.speaks_of_eponym(before.key if before else "", follows):
        return True
    if after is None:
        return False
    if terms.follows_eponym(follows) and after.start <= token.end + 2 * token.owner + 1:
        return True
    if often and _grade(words, at) is not None:
        return True
    return _beside(words, at)


def _speaks(word: str) -> bool:
    return terms.speaks_of_eponym("", word) or terms.follows_eponym(word)


def _beside(words: tuple[Token, ...], at: int) -> bool:
    """Whether it is paired with something that is hardly a name: "Mustard/Senning", "Todd vs Bell"."""
    for step in (-1, 1):
        there = at + 2 * step
        if 0 <= there < len(words) and words[at + step].key in _BETWEEN:
            key = words[there].key
            if terms.is_only_eponym(key) and not set("ft") & set(words[there].flags):
                return True
    return False


def _cue_before(words: tuple[Token, ...], at: int) -> str:
    """The word before, over a full stop that belongs to it."""
    if at > 1 and words[at - 1].text == "." and words[at - 1].start == words[at - 2].end:
        return words[at - 2].key
    return words[at - 1].key


def _sayings(source: Source, words: tuple[Token, ...]) -> Iterator[tuple[int, int]]:
    units = list(_units(words))
    at = 0
    while at < len(units):
        begun = _begun(units[at].key)
        end = max(_matches(source.text, units, at, saying) for saying in begun) if begun else at
        first = units[at].token
        if (
            end == at
            or (first and cues.cue(_cue_before(words, first), source.language) in _PEOPLE)
            or (_all_names(units[at:end]) and not _speaks_of_it(source.text, words, units[at:end]))
        ):
            at += 1
            continue
        yield units[at].start, units[end - 1].end
        at = end


def _all_names(units: list[_Unit]) -> bool:
    """Whether every word of a term is a name as well: "Marcus Gunn" may be a colleague."""
    return all(set("fl") & set(flags(unit.key)) for unit in units if unit.key not in _AND)


def _speaks_of_it(text: str, words: tuple[Token, ...], units: list[_Unit]) -> bool:
    """Whether what stands around makes a term of names: "Marcus Gunn pupil", "Gray-Turner"."""
    last = words[units[-1].token]
    after = words[units[-1].token + 1] if units[-1].token + 1 < len(words) else None
    return (
        any(mark in text[units[0].start : last.end] for mark in "-/&‐‑–")
        or any(words[unit.token].owner for unit in units)
        or len(units) > _PAIR
        or (after is not None and after.start == last.end + 1 and _speaks(after.key))
    )


def _begun(key: str) -> tuple[tuple[str, ...], ...]:
    """The terms of several words that a word may begin, with an s at its end or without."""
    return terms.sayings(key) or (terms.sayings(key[:-1]) if key.endswith("s") else ())


def _units(words: tuple[Token, ...]) -> Iterator[_Unit]:
    for index, token in enumerate(words):
        if not token.text[0].isalnum():
            continue
        start = token.start
        if len(token.parts) == 1:
            yield _Unit(token.key, start, token.end + 2 * token.owner, index)
            continue
        for part in _split(token.text):
            end = start + len(part)
            last = end == token.end
            yield _Unit(fold(part), start, end + 2 * token.owner * last, index)
            start = end + 1


def _split(text: str) -> list[str]:
    for hyphen in "‐‑":
        text = text.replace(hyphen, "-")
    return text.split("-")


def _matches(text: str, units: list[_Unit], at: int, saying: tuple[str, ...]) -> int:
    """The index after the last unit of a term that begins at a unit; the same index if it does not."""
    there = at
    for number, word in enumerate(saying):
        if number and there < len(units) and units[there].key in _AND and word not in _AND:
            there += 1
        if there >= len(units) or units[there].key not in (word, word + "s"):
            return at
        if number:
            between = text[units[there - 1].end : units[there].start]
            marks = between.replace(" ", "")
            comma = marks == "," and len(saying) > 2
            before = units[there - 1]
            if "." in between and between != "." and before.key != "st" and before.end - before.start > 1:
                return at  # the end of a sentence
            if "\n" in between or len(between) > 3 or not (comma or set(marks) <= _JOINS):
                return at
        there += 1
    return there
