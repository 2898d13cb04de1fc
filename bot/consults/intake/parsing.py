"""Reading a request as people type it: one question, labelled parts, flags. Pure, at peace with any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import zip_longest

LONGEST_PLACE = 80  # characters of a ward or a callback
LONGEST = 20_000  # characters of a request: a longer one is not read, and refused for its length

# Label → the part that it begins, in English and German.
_WORDS: Mapping[str, tuple[str, ...]] = {
    "question": ("question", "frage"),
    "situation": ("situation",),
    "background": ("background", "hintergrund", "vorgeschichte"),
    "assessment": ("assessment", "einschätzung", "einschaetzung", "beurteilung"),
    "recommendation": ("recommendation", "recommendation wanted", "empfehlung", "gewünschte empfehlung"),
    "ward": ("ward", "unit", "location", "station", "ort", "bett", "bed"),
    "callback": ("callback", "call back", "phone", "tel", "rückruf", "rueckruf", "telefon", "durchwahl"),
    "expects": ("expects", "expected reply", "expected", "reply", "erwartet", "erwartete antwort"),
    "follow": ("follow", "verlauf"),
}
_LETTERS = {"q": "question", "s": "situation", "b": "background", "a": "assessment", "r": "recommendation"}
_PART_OF = {word: part for part, words in _WORDS.items() for word in words}
# Short values that stand among other words as well: "… cardiovert? ward: B12 callback: 4711".
_INLINE = ("ward", "callback", "expects", "follow")

_EXPECTS = {
    "fyi": ("fyi", "info", "zur info", "kenntnis"),
    "action": ("action", "handeln", "maßnahme"),
    "concern": ("concern", "sorge", "bedenken"),
    "stat": ("stat", "sofort"),
}
_FOLLOW = frozenset({"follow", "follow-up", "mitbetreuen", "mitbetreuung", "ja", "yes"})
_ONCE = frozenset({"once", "one-time", "einmalig", "einmal", "nein", "no"})

_ALL_WORDS = "|".join(sorted(map(re.escape, _PART_OF), key=len, reverse=True))
_SHORT_WORDS = "|".join(
    sorted((re.escape(word) for part in _INLINE for word in _WORDS[part]), key=len, reverse=True)
)
_AT_LINE = re.compile(rf"^[ \t>*•-]*(?P<label>{_ALL_WORDS}|[qsbar])[ \t]*[:=：][ \t]*", re.I | re.M)
# Not after a word by which a place is merely spoken of: "on the ward: pale".
_IN_LINE = re.compile(
    rf"(?<!\bthe)(?<!\bon)(?<!\bour)(?<!\bder)(?<!\bauf)(?<!\bto)(?<!\bper)(?<!\bvia)"
    rf"[ \t]+(?P<label>{_SHORT_WORDS})[ \t]*[:=：][ \t]*(?=\S)",
    re.I,
)
_SBAR_LABEL = re.compile(r"(?:^|(?<=\s))(?P<label>[SBAR]):[ \t]*")
_TRAILING = re.compile(
    r"(?:^|(?<=[\s.?!,;]))(?P<flag>follow|follow-up|mitbetreuung|mitbetreuen|one-time|einmalig)[.!]?\s*$",
    re.I,
)
# Controls that end lines elsewhere or turn the direction of the text that follows (UAX #9, 2.1 to 2.5).
_UNSEEN = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c")


@dataclass(frozen=True)
class Typed:
    """What somebody typed: their question, the labelled parts, and what they said about the reply.

    `expects` and `follow` are None where they said nothing; `unknown` is a word for the expected reply that
    is none. `replaces`: the question stood behind its label, so it is meant to be the whole of it.
    """

    question: str = ""
    parts: Mapping[str, str] = field(default_factory=dict)
    expects: str | None = None
    follow: bool | None = None
    unknown: str = ""
    too_long: str = ""  # the part that is
    replaces: bool = False


def clean(text: str) -> str:
    """A text without what cannot be shown: controls, and those that turn the direction of other text."""
    kept = (
        char
        for char in text
        if char in "\n\t" or (unicodedata.category(char) != "Cc" and char not in _UNSEEN)
    )
    return unicodedata.normalize("NFC", "".join(kept)).strip()


def read(text: str) -> Typed:
    """Read a request: what stands before the first label is the question."""
    text = clean(text)
    marks = _marks(text) if len(text) <= LONGEST else []
    question = text[: marks[0][0]] if marks else text
    parts: dict[str, str] = {}
    follow: bool | None = None
    expects, unknown = None, ""
    for (_start, end, part), following in zip_longest(marks, marks[1:]):
        value = text[end : following[0] if following is not None else len(text)].strip()
        value, flag = _without_flag(value) if part != "follow" else (value, None)
        follow = flag if flag is not None else follow
        if part == "question":
            question = f"{question}\n{value}".strip()
        elif part == "expects":
            expects, unknown = _expected(value)
        elif part == "follow":
            follow = _followed(value)
        elif part in parts and value:
            parts[part] = f"{parts[part]}\n{value}"
        elif value:
            parts[part] = value
    if not marks and (bare := _without_flag(question)) and bare[1] is not None and _ends(bare[0]):
        question, follow = bare
    too_long = next((part for part in ("ward", "callback") if len(parts.get(part, "")) > LONGEST_PLACE), "")
    replaces = bool(question.strip()) and any(part == "question" for _start, _end, part in marks)
    return Typed(question.strip(), parts, expects, follow, unknown, too_long, replaces)


def take_fields(text: str, words: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Take out the lines that tell a template's fields: what is left, and what was told by key.

    `words` are what a line may begin with before its colon, in lower case, and the key that each means.
    """
    left: list[str] = []
    told: dict[str, str] = {}
    for line in clean(text).split("\n"):
        label, colon, value = line.partition(":")
        key = words.get(label.strip(" \t>*•-?").lower()) if colon else None
        if key is None or not value.strip():
            left.append(line)
        else:
            told[key] = value.strip()
    return "\n".join(left).strip(), told


def _marks(text: str) -> list[tuple[int, int, str]]:
    """Where the labels stand: start, end, part; in their order, none inside another."""
    found = [
        (match.start(), match.end(), _PART_OF.get(match["label"].lower()) or _LETTERS[match["label"].lower()])
        for match in _AT_LINE.finditer(text)
    ]
    if _in_order(text, (" S: ", " B: ", " A: ", " R: ")):
        found += [
            (match.start(), match.end(), _LETTERS[match["label"].lower()])
            for match in _SBAR_LABEL.finditer(text)
        ]
    found += [
        (match.start(), match.end(), _PART_OF[match["label"].lower()])
        for match in _IN_LINE.finditer(text)
        if _is_short(text, match.end())
    ]
    kept: list[tuple[int, int, str]] = []
    for mark in sorted(found):
        if not kept or mark[0] >= kept[-1][1]:
            kept.append(mark)
    return kept


def _in_order(text: str, labels: tuple[str, ...]) -> bool:
    """Whether all of SBAR's letters stand on one line, one after the other."""
    line, place = " " + text.replace("\n", " "), 0
    for label in labels:
        place = line.find(label, place)
        if place < 0:
            return False
    return True


def _is_short(text: str, start: int) -> bool:
    """Whether what follows a label within a line is a place or a number, and no sentence."""
    line = text[start:].split("\n", 1)[0]
    nearer = _IN_LINE.search(line)
    return len(line if nearer is None else line[: nearer.start()]) <= LONGEST_PLACE // 2


def _without_flag(value: str) -> tuple[str, bool | None]:
    match = _TRAILING.search(value)
    if match is None:
        return value, None
    return value[: match.start()].rstrip(), match["flag"].lower() not in _ONCE


def _ends(question: str) -> bool:
    """Whether a question is over where a flag was found: "should I follow" is no flag."""
    return question.endswith(("?", ".", "!", ",", ";"))


def _expected(value: str) -> tuple[str | None, str]:
    said = value.strip(" .!").lower()
    for expects, words in _EXPECTS.items():
        if said in words:
            return expects, ""
    return None, value[:40]


def _followed(value: str) -> bool | None:
    said = value.strip(" .!").lower()
    return True if said in _FOLLOW else False if said in _ONCE else None


def expected(text: str) -> str | None:
    """The expected reply that a word means."""
    return _expected(text)[0]


def followed(text: str) -> bool | None:
    """Whether a word means to follow the patient, or a one-time question."""
    return _followed(text)
