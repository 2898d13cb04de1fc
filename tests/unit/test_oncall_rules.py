"""Who is on call: wall time in the rota's zone, also when the clocks change."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.directory.model import EVERY_DAY, Service, Shift
from bot.oncall.rules import first_gap, on_call

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


def test_a_shift_that_begins_in_the_spring_gap_begins_right_after_it() -> None:
    rota = Service("x", shifts=(shift("@n:hs", "02:30", "06:00"),), zone=BERLIN)
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 01:59 → 03:00 in Berlin
    assert on_call(rota, jump - timedelta(minutes=1)) == ()
    assert on_call(rota, jump) == ("@n:hs",)


def test_a_shift_that_ends_in_the_spring_gap_leaves_no_hole() -> None:
    early, late = shift("@e:hs", "20:00", "02:30"), shift("@l:hs", "02:30", "20:00")
    rota = Service("x", shifts=(early, late), zone=BERLIN)
    jump = datetime(2026, 3, 29, 1, tzinfo=UTC)
    assert on_call(rota, jump - timedelta(minutes=1)) == ("@e:hs",)
    assert on_call(rota, jump) == ("@l:hs",)


def test_an_hour_that_comes_twice_in_autumn_belongs_twice_to_its_shift() -> None:
    rota = Service("x", shifts=(shift("@n:hs", "02:00", "03:00"),), zone=BERLIN)
    first = datetime(2026, 10, 25, 0, 30, tzinfo=UTC)  # 02:30 summer time
    second = first + timedelta(hours=1)  # 02:30 winter time
    assert on_call(rota, first) == on_call(rota, second) == ("@n:hs",)
    assert on_call(rota, first - timedelta(minutes=31)) == ()
    assert on_call(rota, second + timedelta(minutes=30)) == ()


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
    assert len(on_call(rota, moment)) == 1
    assert first_gap(rota) is None


def test_the_first_gap_of_a_week_is_found() -> None:
    night = shift("@n:hs", "20:00", "08:00")
    assert first_gap(Service("x", shifts=(night,))) == (0, 8 * 60)
    weekdays = shift("@d:hs", "08:00", "20:00", MON_TO_FRI)
    assert first_gap(Service("x", shifts=(night, weekdays))) == (5, 8 * 60)
    assert first_gap(Service("x", on_call=("@a:hs",), shifts=(night,))) is None
    assert first_gap(Service("x")) == (0, 0)
