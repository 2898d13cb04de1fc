"""Shifts kept in a calendar: an iCalendar file (RFC 5545), as Radicale or a roster program writes it.

Each event is a shift. Who is on stands in its summary, as a Matrix id or as the name of a clinician of the
roster, several separated by commas or `/`; or in its attendees (`ATTENDEE:matrix:u/anna:hospital.example`).
An event without a time lasts from midnight to midnight. Cancelled events (STATUS) do not count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import icalendar
import recurring_ical_events

from bot.directory.model import folded
from bot.directory.rotas import Duty

_USER = re.compile(r"@[^\s,;/:@]{1,200}:[A-Za-z0-9.\-]+(?::\d{1,5})?")
_MATRIX = re.compile(r"matrix:u/([^?\s]+)", re.IGNORECASE)
_SEPARATORS = re.compile(r"\s*(?:[,;/&+\n]|\bund\b|\band\b)\s*")
_MOST_BYTES = 5_000_000
_MONTHS_KEPT = 48
_DAY = timedelta(days=1)


class CalendarError(Exception):
    """A calendar that cannot be read; the text is the rest of a sentence."""


def read_calendar(path: Path, zone: str, names: Mapping[str, str]) -> CalendarDiary:
    """Read a calendar; `names` are the roster's (folded name → Matrix id), `zone` that of floating times."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise CalendarError("there is no such file.") from None
    except OSError as error:
        raise CalendarError(f"cannot be read: {error}.") from None
    return parse_calendar(data, zone, names)


def parse_calendar(data: bytes, zone: str, names: Mapping[str, str]) -> CalendarDiary:
    """A calendar from the bytes of its file; raises CalendarError."""
    if len(data) > _MOST_BYTES:
        raise CalendarError(f"is larger than {_MOST_BYTES // 1_000_000} MB.")
    try:
        calendar = icalendar.Calendar.from_ical(data)
        query = recurring_ical_events.of(calendar, components=["VEVENT"])
        # Broken times and rules show here, not in the middle of a night.
        query.between(datetime(2020, 1, 1, tzinfo=UTC), datetime(2020, 1, 2, tzinfo=UTC))
    except Exception as error:  # the library raises what it likes on what people write
        raise CalendarError(
            f"is no iCalendar file that can be understood ({type(error).__name__})."
        ) from None
    return CalendarDiary(query, ZoneInfo(zone), names)


class CalendarDiary:
    """A calendar's shifts, expanded a month at a time; the same for ever, as the file is."""

    def __init__(
        self, query: recurring_ical_events.CalendarQuery, zone: ZoneInfo, names: Mapping[str, str]
    ) -> None:
        self._query = query
        self._zone = zone
        self._names = names
        self._months: dict[tuple[int, int], tuple[list[Duty], list[tuple[datetime, str]]]] = {}

    def between(self, begin: datetime, end: datetime) -> Sequence[Duty]:
        """Its shifts that touch a span of time, both ends included, by their beginning."""
        found = {
            duty: None
            for month in _months(begin, end)
            for duty in self._month(month)[0]
            if duty.begin <= end and duty.end > begin
        }
        return sorted(found, key=lambda duty: (duty.begin, duty.end, duty.people))

    def strangers(self, begin: datetime, end: datetime) -> Sequence[tuple[datetime, str]]:
        """Events of a span that name nobody of the roster: when they begin, and what they say."""
        found = {
            one: None
            for month in _months(begin, end)
            for one in self._month(month)[1]
            if begin <= one[0] <= end
        }
        return sorted(found)

    def _month(self, month: tuple[int, int]) -> tuple[list[Duty], list[tuple[datetime, str]]]:
        known = self._months.get(month)
        if known is None:
            known = self._expand(month)
            while len(self._months) >= _MONTHS_KEPT:
                self._months.pop(next(iter(self._months)), None)
            self._months[month] = known
        return known

    def _expand(self, month: tuple[int, int]) -> tuple[list[Duty], list[tuple[datetime, str]]]:
        year, number = month
        begin = datetime(year, number, 1, tzinfo=UTC)
        end = datetime(year + number // 12, number % 12 + 1, 1, tzinfo=UTC)
        duties: list[Duty] = []
        strangers: list[tuple[datetime, str]] = []
        try:
            events = self._query.between(begin - _DAY, end + _DAY)
        except Exception as error:  # what no one could foresee when the file was read
            return [], [(begin, type(error).__name__)]
        for event in events:
            if str(event.get("STATUS", "")).upper() == "CANCELLED":
                continue
            starts, ends = self._instant(event["DTSTART"].dt), self._instant(event["DTEND"].dt)
            people = self._people(event)
            if people and starts < ends:
                duties.append(Duty(starts, ends, people))
            elif not people:
                strangers.append((starts, str(event.get("SUMMARY", ""))[:80]))
        return duties, strangers

    def _instant(self, value: date | datetime) -> datetime:
        """An aware moment in UTC; days begin at midnight, floating times are in the layer's zone."""
        if not isinstance(value, datetime):
            value = datetime(value.year, value.month, value.day)
        return (value if value.tzinfo is not None else value.replace(tzinfo=self._zone)).astimezone(UTC)

    def _people(self, event: Any) -> tuple[str, ...]:
        attendees = event.get("ATTENDEE", [])
        listed = attendees if isinstance(attendees, list) else [attendees]
        invited = [match for one in listed if (match := _MATRIX.match(str(one)))]
        if invited:
            return tuple(dict.fromkeys("@" + unquote(match[1]) for match in invited))
        summary = str(event.get("SUMMARY", ""))
        whole = self._names.get(folded(summary))
        if whole is not None:
            return (whole,)
        people = []
        for part in _SEPARATORS.split(summary):
            written = _USER.fullmatch(part)
            user = written[0] if written else self._names.get(folded(part))
            if user is None:
                # Half of a pair is no pair: whoever keeps the calendar is to say whom they meant.
                return tuple(_USER.findall(summary))
            people.append(user)
        return tuple(dict.fromkeys(people))


def _months(begin: datetime, end: datetime) -> list[tuple[int, int]]:
    first, last = begin.astimezone(UTC), end.astimezone(UTC)
    count = (last.year - first.year) * 12 + last.month - first.month
    return [
        (first.year + (first.month - 1 + step) // 12, (first.month - 1 + step) % 12 + 1)
        for step in range(count + 1)
    ]
