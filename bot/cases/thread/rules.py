"""What may happen under a case: pieces, polls, flags, the digest's moment, searches. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.cases.model import Event, State
from bot.cases.thread.model import Query

MOST_OPTIONS = 10
LONGEST_OPTION = 200  # characters
FLAGS_A_DAY = 3
FALSE_FLAGS = 3  # so many in `FALSE_FOR`: further ones do not count
FALSE_FOR = timedelta(days=30)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")

_S, _E = State, Event
_UNSENT = (_S.WORKING, _S.PREVIEW, _S.REFUSED)

# As for cases: what is not in it does not happen, and only from PREVIEW leads a way to POSTING.
PIECES: Mapping[tuple[State, Event], State] = {
    **{(state, _E.CHANGE): _S.WORKING for state in _UNSENT},
    (_S.WORKING, _E.SHOW): _S.PREVIEW,
    (_S.WORKING, _E.REFUSE): _S.REFUSED,
    (_S.PREVIEW, _E.CONFIRM): _S.POSTING,
    (_S.POSTING, _E.ARRIVE): _S.POSTED,
    (_S.POSTING, _E.FAIL): _S.FAILED,
    **{(state, _E.DISCARD): _S.DISCARDED for state in _UNSENT},
    **{(state, _E.EXPIRE): _S.EXPIRED for state in _UNSENT},
    (_S.POSTED, _E.HIDE): _S.HIDDEN,
    (_S.HIDDEN, _E.UNHIDE): _S.POSTED,
    (_S.HIDDEN, _E.REMOVE): _S.DISCARDED,
    (_S.POSTED, _E.REMOVE): _S.DISCARDED,  # the whole case is removed
}
UNSENT = frozenset(_UNSENT)


def read_poll(text: str, *, quiz: bool) -> tuple[str, tuple[str, ...], int | None]:
    """A poll as people type it, `Question? | A | *B`: the question, the options, the place of the right one.

    Lines do as well as `|`. Raises ValueError: `options` (not 2 to 10 different ones), `long`, `solution`
    (a quiz has exactly one with *).
    """
    parts = [" ".join(part.split()) for part in re.split(r"[|\n]", text)]
    question, *options = [part for part in parts if part] or [""]
    marked = [place for place, option in enumerate(options) if quiz and option.startswith("*")]
    shown = [option.removeprefix("*").strip() if quiz else option for option in options]
    distinct = {option.casefold() for option in shown if option}
    if not question or not 2 <= len(shown) <= MOST_OPTIONS or len(distinct) != len(shown):
        raise ValueError("options")
    if any(len(option) > LONGEST_OPTION for option in shown):
        raise ValueError("long")
    if quiz and len(marked) != 1:
        raise ValueError("solution")
    return question, tuple(shown), marked[0] if quiz else None


def event_id(value: object) -> str | None:
    """An event's id as it stands in other people's events, where anything may stand; else None."""
    return value if isinstance(value, str) and _EVENT_ID.fullmatch(value) else None


def chosen(answers: object, options: int) -> int | None:
    """The place of the option in a poll response; None: it takes an earlier vote back.

    Of several answers the first counts, and one that is no option spoils the vote (MSC3381, "Responses").
    """
    if not isinstance(answers, Sequence) or isinstance(answers, str) or not answers:
        return None
    first = answers[0]
    if isinstance(first, str) and first.isdecimal() and len(first) <= 2 and 1 <= int(first) <= options:
        return int(first) - 1
    return None


def tally(choices: Iterable[int], options: int) -> tuple[int, ...]:
    """How many chose each option."""
    found = [0] * options
    for choice in choices:
        if 0 <= choice < options:
            found[choice] += 1
    return tuple(found)


def flag_refusal(today: int, false_lately: int, *, moderator: bool, muted: bool) -> str | None:
    """Why a flag does not count: `muted`, `false`, `many`; None if it does. `today`: flags of 24 hours."""
    if moderator:
        return None
    if muted:
        return "muted"
    if false_lately >= FALSE_FLAGS:
        return "false"
    return "many" if today >= FLAGS_A_DAY else None


def next_digest(now: datetime, weekday: str, hour: int, zone: ZoneInfo) -> datetime:
    """The next moment at which a week's digest is due, after `now`; UTC.

    An hour that a change of the clock leaves out or repeats is read as RFC 5545, section 3.3.5, says.
    """
    local = now.astimezone(zone)
    day = local.date() + timedelta(days=(WEEKDAYS.index(weekday) - local.weekday()) % 7)
    utc = ZoneInfo("UTC")
    due = datetime.combine(day, time(hour), zone).astimezone(utc)
    if due <= now:
        due = datetime.combine(day + timedelta(days=7), time(hour), zone).astimezone(utc)
    return due


_OPEN_WORDS = frozenset({"open", "offen", "offene", "unsolved", "ungelöst"})
_SOLVED_WORDS = frozenset({"solved", "closed", "gelöst", "gelöste", "geloest"})
_PAGE = re.compile(r"(?:p|s|page|seite)[.:= ]?(\d{1,3})", re.IGNORECASE)
_MOST_WORDS = 8


def read_query(line: str) -> Query:
    """What `!cases #tag words open p2` looks for; nothing in it is an error."""
    tags: list[str] = []
    words: list[str] = []
    state: State | None = None
    page = 1
    for word in line.split()[: 4 * _MOST_WORDS]:
        plain = word.casefold()
        if plain.startswith("#") and len(plain) > 1:
            tags.append(plain[1:])
        elif plain in _OPEN_WORDS:
            state = State.POSTED
        elif plain in _SOLVED_WORDS:
            state = State.CLOSED
        elif (match := _PAGE.fullmatch(plain)) is not None:
            page = max(1, int(match[1]))
        else:
            words.append(plain)
    return Query(tuple(tags[:_MOST_WORDS]), tuple(words[:_MOST_WORDS]), state, page)
