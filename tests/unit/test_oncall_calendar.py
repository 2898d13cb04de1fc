"""Shifts kept in somebody's calendar: whom its events mean, and that nothing in one can stop a rota."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.directory.model import Roster
from bot.directory.roster import RosterFile
from bot.directory.roster_calendar import CalendarError, parse_calendar
from bot.directory.rotas import Layer, Rota
from bot.oncall.calendars import calendar_of
from bot.oncall.rules import Kind, findings, members, on_duty, stints

NAMES = {"drannaberg": "@anna:hs", "drbenode": "@ben:hs"}
BERLIN = ZoneInfo("Europe/Berlin")


def calendar(*events: str) -> bytes:
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//ward//EN"]
    for number, event in enumerate(events):
        lines += ["BEGIN:VEVENT", f"UID:{number}", *event.strip().splitlines(), "END:VEVENT"]
    return "\r\n".join([*lines, "END:VCALENDAR", ""]).encode()


def on(data: bytes, moment: str) -> tuple[str, ...]:
    diary = parse_calendar(data, "Europe/Berlin", NAMES)
    rota = Rota("x", (Layer("below", (("@below:hs",),)), Layer("calendar", diary=diary)))
    return on_duty(rota, datetime.fromisoformat(moment).replace(tzinfo=BERLIN))


NIGHT = "DTSTART;TZID=Europe/Berlin:20260328T200000\nDTEND;TZID=Europe/Berlin:20260329T080000\n"


@pytest.mark.parametrize(
    ("words", "people"),
    [
        ("SUMMARY:Dr Anna Berg", ("@anna:hs",)),
        ("SUMMARY:dr. anna  berg", ("@anna:hs",)),
        ("SUMMARY:@anna:hs", ("@anna:hs",)),
        ("SUMMARY:Dr Anna Berg / Dr Ben Ode", ("@anna:hs", "@ben:hs")),
        ("SUMMARY:Dr Anna Berg\\, @cara:hs", ("@anna:hs", "@cara:hs")),
        ("SUMMARY:Dr Anna Berg und Dr Ben Ode", ("@anna:hs", "@ben:hs")),
        (
            "SUMMARY:night\nATTENDEE;CN=Anna:matrix:u/anna:hs\nATTENDEE:matrix:u/ben:hs",
            ("@anna:hs", "@ben:hs"),
        ),
        ("SUMMARY:Night: @anna:hs", ("@anna:hs",)),
        ("SUMMARY:Dr Nobody", ("@below:hs",)),
        ("SUMMARY:Dr Anna Berg / Dr Nobody", ("@below:hs",)),
        ("DESCRIPTION:Dr Anna Berg", ("@below:hs",)),
        ("SUMMARY:Dr Anna Berg\nSTATUS:CANCELLED", ("@below:hs",)),
    ],
)
def test_whom_an_event_means(words: str, people: tuple[str, ...]) -> None:
    assert on(calendar(NIGHT + words), "2026-03-29 07:59") == people
    assert on(calendar(NIGHT + words), "2026-03-29 08:00") == ("@below:hs",)


def test_series_exceptions_days_and_floating_times() -> None:
    weekly = (
        "DTSTART:20260302T200000\nDURATION:PT12H\nRRULE:FREQ=WEEKLY\nEXDATE:20260316T200000\nSUMMARY:@anna:hs"
    )
    moved = "DTSTART:20260323T210000\nDTEND:20260324T080000\nRECURRENCE-ID:20260323T200000\nSUMMARY:@ben:hs"
    whole = "DTSTART;VALUE=DATE:20260329\nSUMMARY:@cara:hs"
    data = calendar(weekly, moved.replace("SUMMARY", "SEQUENCE:1\nSUMMARY"), whole).replace(
        b"UID:1", b"UID:0"
    )
    assert on(data, "2026-03-09 20:00") == ("@anna:hs",)
    assert on(data, "2026-03-16 20:00") == ("@below:hs",)
    assert on(data, "2026-03-23 20:30") == ("@below:hs",)
    assert on(data, "2026-03-23 21:30") == ("@ben:hs",)
    assert on(data, "2026-03-29 00:00") == on(data, "2026-03-29 23:59") == ("@cara:hs",)
    assert on(data, "2036-03-24 20:30") == ("@anna:hs",)  # a series has no end


@pytest.mark.parametrize("data", [b"", b"hello", b"\xff\xfe\x00", b"BEGIN:VCALENDAR", b"x" * 6_000_000])
def test_what_is_no_calendar_is_refused(data: bytes) -> None:
    with pytest.raises(CalendarError):
        parse_calendar(data, "UTC", {})


@pytest.mark.parametrize(
    "event",
    [
        "SUMMARY:@anna:hs",
        "DTSTART:20260328T200000\nDTEND:20260327T200000\nSUMMARY:@anna:hs",
        "DTSTART;TZID=Nowhere/Land:20260328T200000\nDTEND:20260329T080000\nSUMMARY:@anna:hs",
        "DTSTART:20260328T200000\nRRULE:FREQ=SOMETIMES\nSUMMARY:@anna:hs",
        "DTSTART:tomorrow\nSUMMARY:@anna:hs",
        "DTSTART;VALUE=DATE:20260328\nDTEND:20260329T080000\nSUMMARY:@anna:hs",
    ],
)
def test_a_broken_event_stops_nothing(event: str) -> None:
    good = NIGHT.replace("0328", "0330").replace("0329", "0331") + "SUMMARY:@ben:hs"
    try:
        found = on(calendar(event, good), "2026-03-30 21:00")
    except CalendarError:
        return  # the roster stays as it last was
    assert found in (("@ben:hs",), ("@below:hs",))


def test_unknown_names_are_found_and_those_of_a_calendar_are_of_the_rota() -> None:
    diary = parse_calendar(
        calendar(
            NIGHT + "SUMMARY:Dr Nobody",
            NIGHT.replace("0328", "0330").replace("0329", "0331") + "SUMMARY:@ben:hs",
        ),
        "UTC",
        NAMES,
    )
    rota = Rota("x", (Layer("calendar", diary=diary),), gaps=True)
    begin = datetime(2026, 3, 25, tzinfo=UTC)
    assert members(rota, begin) == ("@ben:hs",)
    (one,) = findings(Roster(rotas={"x": rota}), begin, begin + timedelta(days=14))
    assert (one.kind, one.words) == (Kind.UNREADABLE, "Dr Nobody")


def test_a_rota_with_a_calendar_beside_its_file(tmp_path: Path) -> None:
    (tmp_path / "night.ics").write_bytes(calendar(NIGHT + "SUMMARY:Dr Anna Berg"))
    (tmp_path / "roster.toml").write_text(
        '[rotas.x]\ntimezone = "Europe/Berlin"\n[[rotas.x.layers]]\ncalendar = "night.ics"\n'
        '[clinicians."@anna:hs"]\nname = "Dr Anna Berg"\n',
        "utf-8",
    )
    file = RosterFile(tmp_path / "roster.toml", patience=0)
    night = datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert on_duty(file.current.rotas["x"], night) == ("@anna:hs",)
    (tmp_path / "night.ics").write_bytes(calendar(NIGHT + "SUMMARY:@ben:hs"))
    assert on_duty(file.current.rotas["x"], night) == ("@ben:hs",)
    (tmp_path / "night.ics").write_bytes(b"hello")
    assert on_duty(file.current.rotas["x"], night) == ("@ben:hs",)
    assert file.error == "night.ics: is no iCalendar file that can be understood (ValueError)."


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"])
def test_what_is_exported_reads_back_the_same_through_both_changes(zone: str) -> None:
    tz = ZoneInfo(zone)
    layer = Layer(
        "x", (("@anna:hs",), ("@ben:hs", "@cara:hs")), timedelta(hours=6), 105, date(2026, 1, 1), zone=tz
    )
    for begin in (datetime(2026, 3, 1, tzinfo=UTC), datetime(2026, 10, 1, tzinfo=UTC)):
        planned = stints(Rota("x", (layer,)), begin, begin + timedelta(days=40))
        data = calendar_of("x", "X", planned, tz, lambda user: user, begin)
        again = Rota("y", (Layer("calendar", diary=parse_calendar(data, "UTC", {})),))
        assert stints(again, begin, begin + timedelta(days=40)) == planned
