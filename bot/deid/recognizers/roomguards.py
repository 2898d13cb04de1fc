"""What numbers rooms and beds may have, and what only looks like one: amounts, grades, years. Pure."""

from __future__ import annotations

import re

from bot.deid.model import Hit, Kind, Trust
from bot.deid.recognizers import roomwords, shapes

D = rf"[{shapes.DASHES}]"
# What a place is numbered with: "412", "412B", "4114-B", "503-2", "B4", "C17", "N12", "8 West", "H4".
PLACE = (
    rf"(?:\d{{1,5}}(?:{D}?[A-Za-z])?(?:{D}\d{{1,3}}[A-Za-z]?)?|"
    rf"[A-Z]{{1,2}}{D}?\d{{1,4}}(?:{D}\d{{1,2}})?[A-Za-z]?)"
)
END = rf"(?![^\W_]|[.,:]\d|{D}\d{{2}}[^\W_]| ?[°%]|/\d|\+\d)"
_DECADE = re.compile(r"\d+s\Z")  # "in the 60s"
_WORD = re.compile(rf"\.?[ {shapes.DASHES}]([A-Za-zà-ÿ]+|%)")
_OR_ANOTHER = re.compile(r" or \d")  # "beds 4 or 5"; but "2 or's" are theatres
_CALLED = ("room", "die", "article")  # rules that no emergency number meets
_EMERGENCY = shapes.bag("108 112 911 999 111 000")


def judged(text: str, start: int, end: int, trust: Trust, rule: str) -> Hit | None:
    """A room, unless it is an amount, a grade, a year or a time."""
    shown = text[start:end]
    counts = follows(text, end) and not (rule == "article" and text.startswith(" am ", end))
    if shapes.quantity(text, start, end) or counts or _DECADE.match(shown):
        return None
    if shapes.is_year(shown) or shapes.is_date(shown) or (shown in _EMERGENCY and rule not in _CALLED):
        return None
    return Hit(start, end, Kind.ROOM, trust, rule)


def follows(text: str, end: int) -> bool:
    """Whether the next word says that a number counts something."""
    after = _WORD.match(text, end)
    if after is None or _OR_ANOTHER.match(text, end):
        return False
    return after[1].lower().rstrip(".") in roomwords.COUNTED


def anatomy(shown: str) -> bool:
    """Whether a letter and figures may name a vertebra, a lead, a segment, an age: C5, T12, V3, M1, 64M."""
    if shown[0].isdigit():
        return shown[-1] in "MFJGHY"
    figures = shown[1:]
    return not figures.isdigit() or (
        int(figures) <= {"C": 8, "T": 12, "L": 5, "S": 5}.get(shown[0], 9) and shown[0] not in "EFGHKNRW"
    )
