"""A rota as an iCalendar (RFC 5545): who is on, shift by shift, for any calendar to show."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import icalendar

from bot.oncall.rules import Stint


def calendar_of(
    key: str,
    title: str,
    stints: Sequence[Stint],
    zone: ZoneInfo,
    name_of: Callable[[str], str],
    now: datetime,
) -> bytes:
    """An event for each stint with somebody on, in the rota's zone, its VTIMEZONE included.

    The attendees are Matrix ids (`matrix:u/…`), so that Curbside reads its own calendars back exactly.
    """
    calendar = icalendar.Calendar()
    calendar.add("VERSION", "2.0")
    calendar.add("PRODID", "-//Curbside//On call//EN")
    calendar.add("X-WR-CALNAME", title)
    for stint in stints:
        if not stint.people:
            continue
        event = icalendar.Event()
        source = f"{key} {stint.begin.isoformat()} {' '.join(stint.people)}"
        event.add("UID", hashlib.sha256(source.encode()).hexdigest()[:32] + "@curbside")
        event.add("DTSTAMP", now)
        # A wall time that occurs twice is the first of the two: what begins or ends in the second is in UTC.
        for name, moment in (("DTSTART", stint.begin), ("DTEND", stint.end)):
            local = moment.astimezone(zone)
            event.add(name, local if not local.fold else moment)
        event.add("SUMMARY", ", ".join(map(name_of, stint.people)))
        for user in stint.people:
            event.add("ATTENDEE", icalendar.vCalAddress("matrix:u/" + user[1:]))
        event.add("CATEGORIES", [key])
        event.add("TRANSP", "TRANSPARENT")
        calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())
