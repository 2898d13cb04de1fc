"""The words of which a roster is made: names, weekdays, times of day."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from bot.directory.model import MINUTES_A_DAY

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def weekdays(value: str) -> frozenset[int]:
    """`mon`, `sat,sun` or `fri-mon` as numbers (Monday is 0); raises ValueError."""
    days: set[int] = set()
    for span in value.lower().replace(" ", "").split(","):
        first, dash, last = span.partition("-")
        if first not in _DAYS or (dash and last not in _DAYS):
            raise ValueError("must be weekdays such as mon, sat,sun or mon-fri")
        begin = _DAYS.index(first)
        length = (_DAYS.index(last) - begin) % 7 if dash else 0
        days.update((begin + day) % 7 for day in range(length + 1))
    return frozenset(days)


def minutes(value: str) -> int:
    """A time of day in minutes since midnight, at most 24:00; raises ValueError."""
    match = re.fullmatch(r"(\d{1,2}):(\d{2})", value.strip())
    found = int(match[1]) * 60 + int(match[2]) if match and int(match[2]) < 60 else -1
    if not 0 <= found <= MINUTES_A_DAY:
        raise ValueError("must be a time of day such as 08:00, at most 24:00")
    return found


def _key(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("must be lower-case letters, digits, - and _, such as cardiology")
    return value


def _days(value: str) -> str:
    weekdays(value)
    return value


def _wall_time(value: str) -> str:
    minutes(value)
    return value


def _quiet(value: str) -> str:
    start, dash, end = value.replace("–", "-").partition("-")
    if not dash or minutes(start) % MINUTES_A_DAY == minutes(end) % MINUTES_A_DAY:
        raise ValueError("must be a span of the day such as 22:00-07:00")
    return f"{start.strip()}-{end.strip()}"


Key = Annotated[str, AfterValidator(_key)]
Word = Annotated[str, Field(min_length=1, max_length=80)]
Days = Annotated[str, AfterValidator(_days)]
WallTime = Annotated[str, AfterValidator(_wall_time)]
QuietHours = Annotated[str, AfterValidator(_quiet)]
