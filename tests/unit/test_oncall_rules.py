"""Who is on call: wall time in the rota's zone, also when the clocks change."""

from datetime import UTC, date, datetime, timedelta
from time import process_time
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.model import EVERY_DAY, Roster, Service, Shift
from bot.directory.rotas import Change, Layer, Rota, Window
from bot.oncall.rules import (
    Kind,
    findings,
    on_call,
    on_duty,
    quiet_until,
    resolve,
    shift_ends,
    stints,
    turn_ends,
)

BERLIN = ZoneInfo("Europe/Berlin")
MON_TO_FRI = frozenset(range(5))
USERS = [f"@u{number}:hs" for number in range(5)]


def hm(text: str) -> int:
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def shift(who: str, start: str, end: str, days: frozenset[int] = EVERY_DAY) -> Shift:
    return Shift(who, days, hm(start), hm(end))


def test_those_on_shift_come_before_the_chain_and_each_once() -> None:
    rota = Service(
        "x",
        on_call=("@a:hs", "@b:hs"),
        shifts=(shift("@b:hs", "00:00", "24:00"), shift("@n:hs", "20:00", "08:00")),
    )
    assert on_call(rota, datetime(2026, 3, 2, 12, tzinfo=UTC)) == ("@b:hs", "@a:hs")
    assert on_call(rota, datetime(2026, 3, 2, 23, tzinfo=UTC)) == ("@b:hs", "@n:hs", "@a:hs")


@pytest.mark.parametrize(
    ("moment", "on"),
    [
        ("2026-03-06 19:59", False),  # Friday
        ("2026-03-06 20:00", True),
        ("2026-03-07 07:59", True),  # the night that began on Friday
        ("2026-03-07 08:00", False),
        ("2026-03-07 20:00", False),  # no shift begins on Saturday
        ("2026-03-09 07:59", False),  # nor did one on Sunday
    ],
)
def test_a_night_shift_belongs_to_the_day_on_which_it_begins(moment: str, on: bool) -> None:
    rota = Service("x", shifts=(shift("@n:hs", "20:00", "08:00", MON_TO_FRI),), zone=BERLIN)
    local = datetime.strptime(moment, "%Y-%m-%d %H:%M").replace(tzinfo=BERLIN)
    assert bool(on_call(rota, local.astimezone(UTC))) is on


# Clock changes: RFC 5545, section 3.3.5. Each line is a wall time and the instant that it means.


@pytest.mark.parametrize(
    ("zone", "wall", "instant"),
    [
        # Berlin, 29 March: 01:59 CET is followed by 03:00 CEST, at 01:00Z.
        ("Europe/Berlin", "2026-03-29 01:59", "2026-03-29 00:59"),
        ("Europe/Berlin", "2026-03-29 02:00", "2026-03-29 01:00"),  # does not occur: +01:00, so 03:00 CEST
        ("Europe/Berlin", "2026-03-29 02:30", "2026-03-29 01:30"),
        ("Europe/Berlin", "2026-03-29 03:00", "2026-03-29 01:00"),
        # Berlin, 25 October: 02:00 to 03:00 comes twice, the second time from 01:00Z.
        ("Europe/Berlin", "2026-10-25 02:00", "2026-10-25 00:00"),
        ("Europe/Berlin", "2026-10-25 02:30", "2026-10-25 00:30"),
        ("Europe/Berlin", "2026-10-25 03:00", "2026-10-25 02:00"),
        ("America/New_York", "2026-03-08 02:30", "2026-03-08 07:30"),
        ("America/New_York", "2026-11-01 01:30", "2026-11-01 05:30"),
        ("Australia/Sydney", "2026-10-04 02:30", "2026-10-03 16:30"),
        ("Australia/Sydney", "2026-04-05 02:30", "2026-04-04 15:30"),
        # Lord Howe moves its clocks by half an hour: +10:30 in winter, +11:00 in summer.
        ("Australia/Lord_Howe", "2026-10-04 02:15", "2026-10-03 15:45"),
        ("Australia/Lord_Howe", "2026-04-05 01:45", "2026-04-04 14:45"),
    ],
)
def test_what_a_wall_time_means(zone: str, wall: str, instant: str) -> None:
    assert resolve(datetime.fromisoformat(wall), ZoneInfo(zone)) == utc(instant)


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


# Shifts of one day, and from when to when somebody is on around the change, in UTC.
SPRING, AUTUMN = "2026-03-29", "2026-10-25"


@pytest.mark.parametrize(
    ("day", "start", "end", "begins", "ends"),
    [
        (SPRING, "02:30", "06:00", "01:30", "04:00"),  # begins in the gap: at 03:30 CEST
        (SPRING, "00:00", "02:30", "2026-03-28 23:00", "01:30"),  # ends in it, when the next one begins
        (SPRING, "02:15", "02:45", "01:15", "01:45"),  # lies in it: as long as on paper
        (SPRING, "03:00", "06:00", "01:00", "04:00"),
        (SPRING, "20:00", "08:00", "18:00", "2026-03-30 06:00"),
        (AUTUMN, "02:30", "06:00", "00:30", "05:00"),  # begins the first time, an hour longer
        (AUTUMN, "00:00", "02:30", "2026-10-24 22:00", "00:30"),  # ends the first time
        (AUTUMN, "02:00", "03:00", "00:00", "02:00"),  # two hours of one wall hour
        (AUTUMN, "03:00", "06:00", "02:00", "05:00"),
    ],
)
def test_shifts_at_the_changes_of_the_clock(day: str, start: str, end: str, begins: str, ends: str) -> None:
    service = Service("x", shifts=(shift("@n:hs", start, end),), zone=BERLIN)
    window = Window(EVERY_DAY, hm(start), timedelta(minutes=(hm(end) - hm(start)) % 1440))
    rota = Rota("x", (Layer("x", (("@n:hs",),), windows=(window,), zone=BERLIN),))
    begin = utc(begins if len(begins) > 5 else f"{day} {begins}")
    last = utc(ends if len(ends) > 5 else f"{day} {ends}")
    second = timedelta(seconds=1)
    for on in (lambda moment: on_call(service, moment), lambda moment: on_duty(rota, moment)):
        assert [bool(on(one)) for one in (begin - second, begin, last - second, last)] == [
            False,
            True,
            True,
            False,
        ]
    assert shift_ends(service, "@n:hs", begin) == turn_ends(rota, "@n:hs", begin) == last


@pytest.mark.parametrize(
    ("day", "handover", "instant"),
    [
        (SPRING, "02:30", "01:30"),  # in the gap
        (SPRING, "02:00", "01:00"),
        (SPRING, "03:00", "01:00"),
        (AUTUMN, "02:30", "00:30"),  # in the hour that comes twice: the first time
        (AUTUMN, "03:00", "02:00"),
    ],
)
def test_a_handover_happens_once_and_leaves_no_hole(day: str, handover: str, instant: str) -> None:
    rota = Rota(
        "x",
        (
            Layer(
                "x",
                (("@a:hs",), ("@b:hs",)),
                timedelta(days=1),
                hm(handover),
                datetime.fromisoformat(day).date() - timedelta(days=2),
                zone=BERLIN,
            ),
        ),
    )
    moment = utc(f"{day} {instant}")
    found = stints(rota, moment - timedelta(hours=12), moment + timedelta(hours=12))
    assert [(one.begin, one.people) for one in found[1:]] == [(moment, ("@a:hs",))]
    assert found[0].people == ("@b:hs",)


def test_who_overlaps_in_the_gap_is_on_together() -> None:
    service = Service(
        "x", shifts=(shift("@e:hs", "20:00", "02:30"), shift("@l:hs", "03:00", "20:00")), zone=BERLIN
    )
    jump = utc("2026-03-29 01:00")
    assert on_call(service, jump - timedelta(minutes=1)) == ("@e:hs",)
    assert on_call(service, jump) == ("@e:hs", "@l:hs")  # 02:30 is read as 03:30, and 03:00 is now
    assert on_call(service, jump + timedelta(minutes=30)) == ("@l:hs",)


def test_quiet_hours_end_when_the_clock_says_so() -> None:
    night = (hm("22:00"), hm("07:00"), BERLIN)
    assert quiet_until(*night, utc("2026-03-28 20:59")) is None
    assert quiet_until(*night, utc("2026-03-28 21:00")) == utc("2026-03-29 05:00")
    assert quiet_until(*night, utc("2026-03-29 04:59")) == utc("2026-03-29 05:00")
    assert quiet_until(*night, utc("2026-03-29 05:00")) is None
    assert quiet_until(*night, utc("2026-10-25 05:30")) == utc("2026-10-25 06:00")
    assert quiet_until(hm("12:00"), hm("13:00"), BERLIN, utc("2026-07-01 10:30")) == utc("2026-07-01 11:00")


moments = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1)).map(lambda one: one.replace(tzinfo=UTC))
zones = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"])
shifts = st.builds(
    Shift,
    st.sampled_from(USERS),
    st.frozensets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
)
rotas = st.builds(
    lambda shifts, chain, zone: Service("x", on_call=chain, shifts=shifts, zone=ZoneInfo(zone)),
    st.lists(shifts, max_size=6).map(tuple),
    st.lists(st.sampled_from(USERS), unique=True).map(tuple),
    zones,
)


@given(rotas, moments)
def test_everybody_once_the_chain_whole_and_in_order(rota: Service, moment: datetime) -> None:
    called = on_call(rota, moment)
    assert len(set(called)) == len(called)
    assert set(rota.on_call) <= set(called)
    backups = [user for user in called if user not in {shift.who for shift in rota.shifts}]
    assert backups == [user for user in rota.on_call if user in backups]


@given(st.lists(st.integers(0, 1439), min_size=1, max_size=6, unique=True), zones, moments)
def test_a_rota_without_gaps_has_somebody_at_every_moment(
    changes: list[int], zone: str, moment: datetime
) -> None:
    starts = sorted(changes)
    ends = [*starts[1:], starts[0]] if len(starts) > 1 else [1440]
    if len(starts) == 1:
        starts = [0]
    rota = Service(
        "x",
        shifts=tuple(
            Shift(f"@u{n}:hs", EVERY_DAY, a, b) for n, (a, b) in enumerate(zip(starts, ends, strict=True))
        ),
        zone=ZoneInfo(zone),
    )
    assert on_call(rota, moment)  # two overlap for as long as the clock jumped over a change of shifts


# What is wrong -------------------------------------------------------------------------------------

BEGIN = datetime(2026, 3, 23, tzinfo=UTC)  # a Monday
END = BEGIN + timedelta(days=14)
NIGHT = Window(EVERY_DAY, hm("20:00"), timedelta(hours=12))
DAYTIME = Window(EVERY_DAY, hm("08:00"), timedelta(hours=12))


def rota_of(*layers: Layer, key: str = "x", **more: Any) -> Rota:
    return Rota(key, layers, BERLIN, **more)


def layer_of(*people: str, windows: tuple[Window, ...] = (DAYTIME, NIGHT), **more: Any) -> Layer:
    return Layer("x", tuple((user,) for user in people), windows=windows, zone=BERLIN, **more)


@given(
    st.sets(st.integers(0, 27), max_size=5),
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_planted_gaps_are_found_and_no_others(taken: set[int], zone: str) -> None:
    """Single shifts of 12 hours for two weeks, from which some were taken out."""
    tz = ZoneInfo(zone)
    first = datetime(2026, 3, 23, 8)
    walls = [(first + n * timedelta(hours=12), first + (n + 1) * timedelta(hours=12)) for n in range(28)]
    changes = [
        Change("@a:hs", resolve(begin, tz), resolve(end, tz))
        for n, (begin, end) in enumerate(walls)
        if n not in taken
    ]
    rota = Rota("x", (Layer("x", (("@b:hs",),), until=date(2020, 1, 1), zone=tz),))
    roster = Roster(rotas={"x": rota})
    begin, end = resolve(walls[0][0], tz), resolve(walls[-1][1], tz)
    found = [one for one in findings(roster, begin, end, {"x": changes}) if one.kind is Kind.GAP]
    gaps = [(resolve(walls[n][0], tz), resolve(walls[n][1], tz)) for n in sorted(taken)]
    merged: list[tuple[datetime, datetime]] = []
    for one in gaps:
        if merged and merged[-1][1] == one[0]:
            merged[-1] = (merged[-1][0], one[1])
        else:
            merged.append(one)
    assert [(one.begin, one.end) for one in found] == merged


def test_a_gap_counts_only_where_nobody_would_be_called() -> None:
    gappy = rota_of(layer_of("@a:hs", windows=(NIGHT,)))
    served = {"s": Service("s", rota="x")}
    backed = {"s": Service("s", rota="x", on_call=("@b:hs",))}
    shifts = {"s": Service("s", shifts=(shift("@a:hs", "20:00", "08:00"),))}

    def kinds(roster: Roster) -> set[tuple[Kind, str]]:
        return {(one.kind, one.place) for one in findings(roster, BEGIN, END)}

    assert kinds(Roster(rotas={"x": gappy})) == {(Kind.GAP, "rotas.x")}
    assert kinds(Roster(served, rotas={"x": gappy})) == {(Kind.GAP, "rotas.x")}
    assert kinds(Roster(backed, rotas={"x": gappy})) == set()
    meant = rota_of(layer_of("@a:hs", windows=(NIGHT,)), gaps=True)
    assert kinds(Roster(served, rotas={"x": meant})) == set()
    assert kinds(Roster(shifts)) == {(Kind.GAP, "services.s")}
    assert len(findings(Roster(shifts), BEGIN, END)) == 14


def test_double_bookings_and_strangers_are_found() -> None:
    one = rota_of(layer_of("@a:hs", "@b:hs", start=date(2026, 3, 16)), key="one")
    other = rota_of(layer_of("@b:hs", "@c:hs", start=date(2026, 3, 16)), key="other")
    roster = Roster(rotas={"one": one, "other": other})
    assert findings(roster, BEGIN, END) == []  # in turn, never in the same week
    cover = Change("@c:hs", BEGIN + timedelta(days=2), BEGIN + timedelta(days=3))
    found = findings(roster, BEGIN, END, {"one": [cover]})
    assert [(two.kind, two.place, two.who) for two in found] == [
        (Kind.DOUBLE, "rotas.one", "@c:hs"),
        (Kind.STRANGER, "rotas.one", "@c:hs"),
    ]
    assert (found[0].other, found[0].begin, found[0].end) == ("rotas.other", cover.begin, cover.end)


def test_a_finding_is_known_again_on_another_day() -> None:
    roster = Roster(rotas={"x": rota_of(layer_of("@a:hs", windows=(NIGHT,)))})
    today = {one.digest: one for one in findings(roster, BEGIN, END)}
    later = {one.digest: one for one in findings(roster, BEGIN + timedelta(hours=4), END)}
    assert set(later) == set(today)
    tomorrow = findings(roster, BEGIN + timedelta(days=1), END + timedelta(days=1))
    assert len({one.digest for one in tomorrow} - set(today)) == 1


def test_who_is_on_is_cheap() -> None:
    people = tuple((f"@u{n}:hs",) for n in range(12))
    layers = tuple(
        Layer(
            "x",
            people,
            timedelta(days=days),
            480,
            date(2026, 1, 5),
            windows=(Window(frozenset(range(5)), 480, timedelta(hours=9)), NIGHT),
            zone=BERLIN,
        )
        for days in (1, 7, 14)
    )
    rotas = [Rota(f"r{n}", layers, BERLIN) for n in range(500)]
    moment = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    began = process_time()
    assert all(on_duty(rota, moment) for rota in rotas)
    assert (process_time() - began) / len(rotas) < 0.001  # seconds for each
