"""What the words behind `!consults` mean. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from bot.consults.model import Urgency

PAGE = 10  # consults on one page
_LONGEST_NAME = 4  # words
_LONGEST_SINCE = timedelta(days=3660)


@dataclass(frozen=True)
class Filter:
    """Which consults to show.

    `part` is what the person has to do with them: `mine` (any), `asked`, `care`, `requested`, or `all` for
    whoever may see those of others. `state` is `open`, `closed` or `any`. `since` is when they were opened at
    the earliest. `page` counts from 1.
    """

    part: str = "mine"
    state: str = "open"
    urgency: Urgency | None = None
    service: str | None = None
    since: datetime | None = None
    page: int = 1

    @property
    def plain(self) -> bool:
        """Whether nothing was asked for but one's open consults."""
        return self == Filter()


@dataclass(frozen=True)
class Unclear:
    """Why the words could not be read: `word` (not known), `since` (no moment), `future` or `page`."""

    why: str
    word: str


_WORDS: dict[str, dict[str, Any]] = {
    "mine": {"part": "mine"},
    "meine": {"part": "mine"},
    "asked": {"part": "asked"},
    "angefragt": {"part": "asked"},
    "gefragt": {"part": "asked"},
    "care": {"part": "care"},
    "betreut": {"part": "care"},
    "requested": {"part": "requested"},
    "gestellt": {"part": "requested"},
    "all": {"part": "all"},
    "alle": {"part": "all"},
    "open": {"state": "open"},
    "offen": {"state": "open"},
    "offene": {"state": "open"},
    "closed": {"state": "closed"},
    "geschlossen": {"state": "closed"},
    "geschlossene": {"state": "closed"},
    "beendet": {"state": "closed"},
    "any": {"state": "any"},
}
_URGENCIES = {
    "stat": Urgency.STAT,
    "sofort": Urgency.STAT,
    "notfall": Urgency.STAT,
    "urgent": Urgency.URGENT,
    "dringend": Urgency.URGENT,
    "eilig": Urgency.URGENT,
    "routine": Urgency.ROUTINE,
    "planbar": Urgency.ROUTINE,
}
_SINCE = frozenset({"since", "seit"})
_PAGE = frozenset({"page", "seite"})
_SPANS = {"h": "hours", "d": "days", "w": "weeks", "t": "days", "std": "hours"}
KNOWN = (*_WORDS, *_URGENCIES, "since", "page")


def read(
    words: Sequence[str], service: Callable[[str], str | None], now: datetime, zone: ZoneInfo
) -> Filter | Unclear:
    """Read the words; `service` gives the key of the service that a word means."""
    found = Filter()
    rest = [word.strip(" ,;:").lower() for word in words]
    rest = [word for word in rest if word]
    while rest:
        word = rest.pop(0)
        if word in _WORDS:
            found = replace(found, **_WORDS[word])
        elif word in _URGENCIES:
            found = replace(found, urgency=_URGENCIES[word])
        elif word in _SINCE:
            said = rest.pop(0) if rest else ""
            moment = _moment(said, now, zone)
            if moment is None:
                return Unclear("since", said)
            if moment > now:
                return Unclear("future", said)
            found = replace(found, since=moment)
        elif word in _PAGE:
            said = rest.pop(0) if rest else ""
            if not (said.isascii() and said.isdecimal() and 1 <= int(said[:6]) <= 10_000):
                return Unclear("page", said)
            found = replace(found, page=int(said[:6]))
        else:
            key, used = _service([word, *rest], service)
            if key is None:
                return Unclear("word", word)
            found, rest = replace(found, service=key), rest[used - 1 :]
    return found


def _service(rest: Sequence[str], service: Callable[[str], str | None]) -> tuple[str | None, int]:
    """The service whose name stands first, and of how many words it is."""
    for count in range(min(len(rest), _LONGEST_NAME), 0, -1):
        key = service(" ".join(rest[:count]))
        if key is not None:
            return key, count
    return None, 0


def _moment(said: str, now: datetime, zone: ZoneInfo) -> datetime | None:
    """`yesterday`, `7d`, `2026-11-01`, `1.11.2026` as a moment; a day begins at midnight in `zone`."""
    local = now.astimezone(zone)
    if said in ("today", "heute"):
        return _midnight(local.date(), zone)
    if said in ("yesterday", "gestern"):
        return _midnight(local.date() - timedelta(days=1), zone)
    if span := re.fullmatch(r"(\d{1,4})\s?(h|d|w|t|std)", said):
        length = timedelta(**{_SPANS[span[2]]: int(span[1])})
        return now - length if length <= _LONGEST_SINCE else None
    try:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}t\d{2}:\d{2}z", said):
            return datetime.strptime(said, "%Y-%m-%dt%H:%Mz").replace(tzinfo=UTC)
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", said):
            return _midnight(datetime.strptime(said, "%Y-%m-%d").date(), zone)
        if re.fullmatch(r"\d{1,2}\.\d{1,2}\.\d{4}", said):
            return _midnight(datetime.strptime(said, "%d.%m.%Y").date(), zone)
    except (ValueError, OverflowError):
        return None
    return None


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def words(filter_: Filter, page: int) -> str:
    """The words that ask for another page of the same list, as a command takes them."""
    parts = [filter_.part, filter_.state]
    if filter_.urgency is not None:
        parts.append(str(filter_.urgency))
    if filter_.service is not None:
        parts.append(filter_.service)
    if filter_.since is not None:
        parts.append(f"since {filter_.since.astimezone(UTC):%Y-%m-%dT%H:%MZ}")
    return " ".join([*parts, f"page {page}"])
