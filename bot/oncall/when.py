"""Reading when somebody means, such as `tomorrow 3am`, `Sa 20:00` or `2026-03-01 20:00-08:00`. Pure.

A wall time that occurs twice is the first of the two, one that does not occur is read with the offset before
the gap (RFC 5545, section 3.3.5), as in the rotas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_DAY = timedelta(days=1)
_WEEKDAYS = (
    ("mon", "monday", "mo", "montag"),
    ("tue", "tues", "tuesday", "di", "die", "dienstag"),
    ("wed", "wednesday", "mi", "mit", "mittwoch"),
    ("thu", "thur", "thurs", "thursday", "do", "don", "donnerstag"),
    ("fri", "friday", "fr", "fre", "freitag"),
    ("sat", "saturday", "sa", "sam", "samstag", "sonnabend"),
    ("sun", "sunday", "so", "son", "sonntag"),
)
_MONTHS = (
    ("jan", "january", "januar", "jänner"),
    ("feb", "february", "februar"),
    ("mar", "march", "mär", "märz", "maerz", "mrz"),
    ("apr", "april"),
    ("may", "mai"),
    ("jun", "june", "juni"),
    ("jul", "july", "juli"),
    ("aug", "august"),
    ("sep", "sept", "september"),
    ("oct", "october", "okt", "oktober"),
    ("nov", "november"),
    ("dec", "december", "dez", "dezember"),
)
_WEEKDAY = {word: number for number, words in enumerate(_WEEKDAYS) for word in words}
_MONTH = {word: number for number, words in enumerate(_MONTHS, 1) for word in words}
_NEAR = {"today": 0, "heute": 0, "tomorrow": 1, "morgen": 1, "übermorgen": 2, "uebermorgen": 2}
# Parts of a day as people say them, and the minute they mean when no time is named.
_PARTS = {
    "morning": 480,
    "früh": 480,
    "frueh": 480,
    "morgens": 480,
    "noon": 720,
    "midday": 720,
    "mittag": 720,
    "mittags": 720,
    "afternoon": 900,
    "nachmittag": 900,
    "nachmittags": 900,
    "evening": 1200,
    "abend": 1200,
    "abends": 1200,
    "night": 1320,
    "nacht": 1320,
    "nachts": 1320,
}
_UNITS = {
    "m": 1,
    "min": 1,
    "mins": 1,
    "minute": 1,
    "minutes": 1,
    "minuten": 1,
    "h": 60,
    "hour": 60,
    "hours": 60,
    "stunde": 60,
    "stunden": 60,
    "d": 1440,
    "day": 1440,
    "days": 1440,
    "tag": 1440,
    "tage": 1440,
    "tagen": 1440,
    "week": 10080,
    "weeks": 10080,
    "woche": 10080,
    "wochen": 10080,
}
_FILLING = {"at", "on", "um", "am", "the", "den", "der", "von", "from", "ab", "next", "this", "of"} | {
    "nächsten",
    "nächste",
    "nächster",
    "diesen",
    "diese",
    "dieser",
    "kommenden",
    "uhr",
    "o'clock",
}
_LONGEST = 120
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:t(\d{1,2}):(\d{2})(?::\d{2})?(z|[+-]\d{2}:?\d{2})?)?")
_GERMAN = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4}|\d{2})?")
_CLOCK = re.compile(r"(\d{1,2})(?:[:.](\d{2}))?(?:\s*(am|pm|a\.m\.|p\.m\.|uhr|h)(?=\s|$))?")
_JOIN = re.compile(r"\s*[-–—]\s*|\s+(?:to|until|till|bis)\s+")


@dataclass(frozen=True)
class When:
    """What somebody means: a moment in UTC, or with `whole` the day that begins then."""

    moment: datetime
    whole: bool = False


@dataclass(frozen=True)
class _Said:
    """A day and a time of day as they were said; what was left out is None."""

    day: date | None = None
    minute: int | None = None
    instant: datetime | None = None


def read_when(text: str, now: datetime, zone: ZoneInfo) -> When | None:
    """The moment or the day that a text means to somebody in a zone at `now`; None if it is none."""
    said = _read(text, now, zone)
    if said is None:
        return None
    if said.instant is not None:
        return When(said.instant)
    local = now.astimezone(zone)
    if said.minute is None:
        return When(_instant(said.day or local.date(), 0, zone), whole=True)
    day = said.day or local.date()
    moment = _instant(day, said.minute, zone)
    if said.day is None and moment <= now:
        moment = _instant(day + _DAY, said.minute, zone)
    return When(moment)


def read_span(text: str, now: datetime, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """A span from one moment to another, such as `sat 20:00-08:00`; None if the text is none.

    An end that names no day is the first such time after the beginning.
    """
    if len(text) > _LONGEST:
        return None
    for join in _JOIN.finditer(text):
        first, last = _read(text[: join.start()], now, zone), _read(text[join.end() :], now, zone)
        if first is None or last is None:
            continue
        begin = _begin(first, now, zone)
        if begin is None or (last.minute is None and last.instant is None):
            continue
        if last.instant is not None:
            return begin, last.instant
        assert last.minute is not None
        day = last.day or begin.astimezone(zone).date()
        end = _instant(day, last.minute, zone)
        if last.day is None and end <= begin:
            end = _instant(day + _DAY, last.minute, zone)
        return begin, end
    return None


def _begin(said: _Said, now: datetime, zone: ZoneInfo) -> datetime | None:
    if said.instant is not None:
        return said.instant
    if said.minute is None:
        return None
    # Today, also when it began a while ago: who takes over the rest of a night says when it began.
    return _instant(said.day or now.astimezone(zone).date(), said.minute, zone)


def _instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    wall = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)
    return wall.replace(tzinfo=zone, fold=0).astimezone(UTC)


def _read(text: str, now: datetime, zone: ZoneInfo) -> _Said | None:
    """Read a text word by word; every word must mean something, and nothing may be said twice."""
    said = " ".join(text.casefold().replace(",", " ").split())
    if not said or len(said) > _LONGEST:
        return None
    today = now.astimezone(zone).date()
    if said in ("now", "jetzt"):
        return _Said(instant=now)
    ahead = re.fullmatch(r"in (\d{1,4}) ?([a-z]+)", said)
    if ahead:
        unit = _UNITS.get(ahead[2])
        return None if unit is None else _Said(instant=now + timedelta(minutes=int(ahead[1]) * unit))
    try:
        return _words(said, today, zone)
    except (ValueError, OverflowError):  # no such day
        return None


def _words(said: str, today: date, zone: ZoneInfo) -> _Said | None:
    rest = said.replace("day after tomorrow", "übermorgen").replace("heute nacht", "tonight")
    day: date | None = None
    minute: int | None = None
    part: int | None = None
    while rest:
        found, after = _day(rest, today, zone)
        if found is not None:
            if day is not None:
                return None
            if found.instant is not None:
                return found if not after else None
            day = found.day
        else:
            word, _, remaining = rest.partition(" ")
            clock = _clock(rest)
            if clock is not None:
                if minute is not None:
                    return None
                minute, after = clock
            elif word == "tonight" and day is None:
                day, part, after = today, _PARTS["night"], remaining
            elif word in _PARTS and part is None:
                part, after = _PARTS[word], remaining
            elif word in _FILLING:
                after = remaining
            else:
                return None
        rest = after
    if day is None and minute is None and part is None:
        return None
    if minute is not None and part is not None and part >= 900 and minute < 720:
        minute += 720  # 8 in the evening
    return _Said(day, part if minute is None else minute)


def _day(text: str, today: date, zone: ZoneInfo) -> tuple[_Said | None, str]:
    iso = _ISO.match(text)
    if iso:
        day = date(int(iso[1]), int(iso[2]), int(iso[3]))
        after = text[iso.end() :].lstrip()
        if iso[4] is None:
            return _Said(day), after
        if int(iso[4]) > 23 or int(iso[5]) > 59:
            raise ValueError
        if iso[6] is not None:
            return _Said(instant=datetime.fromisoformat(iso[0].upper()).astimezone(UTC)), after
        return _Said(instant=_instant(day, int(iso[4]) * 60 + int(iso[5]), zone)), after
    german = _GERMAN.match(text)
    if german:
        year = int(german[3]) if german[3] else None
        year = year + 2000 if year is not None and year < 100 else year
        return _Said(_ahead(today, int(german[2]), int(german[1]), year)), text[german.end() :].lstrip()
    named = re.match(r"(\d{1,2})(?:\.|st|nd|rd|th)? ([a-zä]+)\.?(?: (\d{4}))?(?= |$)", text)
    if named and named[2] in _MONTH:
        year = int(named[3]) if named[3] else None
        return _Said(_ahead(today, _MONTH[named[2]], int(named[1]), year)), text[named.end() :].lstrip()
    english = re.match(r"([a-zä]+)\.? (\d{1,2})(?:st|nd|rd|th)?(?: (\d{4}))?(?= |$)", text)
    if english and english[1] in _MONTH:
        year = int(english[3]) if english[3] else None
        return _Said(_ahead(today, _MONTH[english[1]], int(english[2]), year)), text[english.end() :].lstrip()
    word, _, after = text.partition(" ")
    word = word.rstrip(".")
    if word in _NEAR:
        return _Said(today + timedelta(days=_NEAR[word])), after
    if word in _WEEKDAY:
        return _Said(today + timedelta(days=(_WEEKDAY[word] - today.weekday()) % 7)), after
    return None, text


def _ahead(today: date, month: int, day: int, year: int | None) -> date:
    """A date; one without a year is the next such one, or one of the last weeks."""
    if year is not None:
        return date(year, month, day)
    near = date(today.year, month, day)
    return near if near >= today - timedelta(days=30) else date(today.year + 1, month, day)


def _clock(text: str) -> tuple[int, str] | None:
    """A time of day in minutes since midnight (24:00 is 1440) and what follows it."""
    match = _CLOCK.match(text)
    if match is None or (match[2] is None and match[3] is None):
        return None  # a bare number may be anything
    after = text[match.end() :]
    if after and not after[0].isspace():
        return None
    hour, minute, sign = int(match[1]), int(match[2] or 0), (match[3] or "").replace(".", "")
    if sign in ("am", "pm"):
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if sign == "pm" else 0)
    if minute > 59 or hour * 60 + minute > 1440:
        return None
    return hour * 60 + minute, after.lstrip()
