"""What is counted about consults: percentiles, periods, nights, and what is left out."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.model import Outcome, Urgency
from bot.consults.stats import rules
from bot.consults.stats.rules import Case, Page, Step

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 22, 3, 40, tzinfo=UTC)
OPENED = datetime(2026, 11, 20, 10, tzinfo=UTC)


def case(minutes: float, consultant: str, *pages: Page, urgency: Urgency = Urgency.URGENT) -> Case:
    times = {Step.ACCEPTED: OPENED + timedelta(minutes=minutes)}
    return Case(urgency, OPENED, consultant, times, pages=pages)


def page(user: str, at: datetime | None = OPENED, outcome: Outcome = Outcome.ACCEPTED, tier: int = 0) -> Page:
    return Page(user, tier, 0, outcome, at)


@given(st.lists(st.timedeltas(timedelta(0), timedelta(days=9)), min_size=1), st.floats(0.01, 1.0))
def test_a_percentile_is_the_smallest_value_that_so_many_do_not_exceed(
    values: list[timedelta], share: float
) -> None:
    found = rules.percentile(values, share)
    assert found in values
    assert sum(value <= found for value in values) >= share * len(values) - 1e-9
    assert sum(value < found for value in values) < share * len(values) + 1e-9


def test_periods_begin_at_midnight_where_the_reader_is() -> None:
    def said(word: str) -> tuple[str, str] | None:
        span = rules.span(word, NOW, BERLIN)
        return None if span is None else (span.start.isoformat(), span.end.astimezone(BERLIN).isoformat())

    now = "2026-11-22T04:40:00+01:00"
    assert said("today") == ("2026-11-22T00:00:00+01:00", now)
    assert said("week") == ("2026-11-16T00:00:00+01:00", now)
    assert said("month") == ("2026-10-24T00:00:00+02:00", now), "the clock has changed since"
    assert said("90d") == ("2026-08-25T00:00:00+02:00", now)
    assert said("2026-10") == ("2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00")
    assert said("2025-12") == ("2025-12-01T00:00:00+01:00", "2026-01-01T00:00:00+01:00")
    assert said("2026-11") == ("2026-11-01T00:00:00+01:00", now)
    for word in (
        "2026-13",
        "2026-00",
        "2026-12",
        "1999-01",
        "2026-1",
        "２０２６-10",
        "99999-01",
        "",
        "-",
        "year",
    ):
        assert said(word) is None, word


@pytest.mark.parametrize(
    ("local", "night"),
    [
        ("2026-11-21T21:59", None),
        ("2026-11-21T22:00", date(2026, 11, 21)),
        ("2026-11-22T06:59", date(2026, 11, 21)),
        ("2026-11-22T07:00", None),
        ("2026-10-25T02:30", date(2026, 10, 24)),
    ],
)
def test_a_night_is_one_however_late(local: str, night: date | None) -> None:
    for fold in (0, 1):
        moment = datetime.fromisoformat(local).replace(tzinfo=BERLIN, fold=fold)
        assert rules.at_night(moment.astimezone(UTC), BERLIN) == night


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [
        ("Not mine, try nephro", True),
        ("this is the WRONG SERVICE", True),
        ("Bin nicht zuständig", True),
        ("nicht für mich", True),
        ("bin nicht zustaendig, nicht fuer uns", True),
        ("in theatre until 4", False),
        ("kann gerade nicht", False),
        ("", False),
    ],
)
def test_a_decline_as_not_mine(reason: str, wrong: bool) -> None:
    assert rules.is_not_mine(reason) is wrong


def test_times_are_left_out_where_few_cases_or_one_person_stand_behind() -> None:
    four = [case(number, f"@{number}:hs") for number in range(4)]
    group = rules.summary(four, {}, BERLIN).total
    assert (group.number, group.times, group.hidden) == (4, {}, True)
    alone = [case(number, "@anna:hs") for number in range(30)]
    assert rules.summary(alone, {}, BERLIN).total.times == {}
    both = [*alone[:9], case(100, "@ben:hs")]
    times = rules.summary(both, {}, BERLIN).total.times[Step.ACCEPTED]
    assert (times.number, times.p50, times.p90) == (10, timedelta(minutes=4), timedelta(minutes=8))
    stat = [case(1, f"@{number}:hs", urgency=Urgency.STAT) for number in range(2)]
    by_urgency = rules.summary([*both, *stat], {}, BERLIN).by_urgency
    assert by_urgency[Urgency.STAT].times == {} and by_urgency[Urgency.URGENT].times
    assert by_urgency[Urgency.ROUTINE].number == 0


def test_nights_and_declines_need_five_people() -> None:
    night = datetime(2026, 11, 20, 23, tzinfo=BERLIN)
    users = [f"@{number}:hs" for number in range(5)]

    def cases(people: int) -> list[Case]:
        asked = [page(users[number], night) for number in range(people) for _ in range(number)]
        asked += [page(user, outcome=Outcome.DECLINED) for user in users[:people]]
        return [Case(Urgency.STAT, OPENED, None, {}, pages=(one,), not_mine=True) for one in asked]

    few = rules.summary(cases(4), {}, BERLIN)
    assert (few.declined, few.not_mine, few.nights, few.pages) == (None, None, None, 10)
    enough = rules.summary(cases(5), {}, BERLIN)
    assert (enough.declined, enough.not_mine, enough.pages) == (5, 15, 15)
    assert enough.nights == rules.Nights(10, 4, 2, 4), "who had none counts in the median"
    elsewhere = rules.summary(cases(5), {users[4]: ZoneInfo("America/New_York")}, BERLIN)
    assert elsewhere.nights == rules.Nights(7, 4, 1, 3), "ten in Berlin is four in the morning there"


def test_escalation_is_a_page_beyond_the_first_tier_or_round() -> None:
    cases = [
        Case(Urgency.STAT, OPENED, None, {}, pages=(page("@a:hs"),)),
        Case(
            Urgency.STAT,
            OPENED,
            None,
            {},
            pages=(page("@a:hs"), page("@b:hs", tier=1), page("@c:hs", tier=1)),
        ),
        Case(
            Urgency.STAT, OPENED, None, {}, unstaffed=True, pages=(Page("@a:hs", 0, 1, Outcome.MISSED, None),)
        ),
    ]
    found = rules.summary(cases, {}, BERLIN)
    assert (found.escalated, found.unstaffed) == (2, 1)


def test_ones_own_load() -> None:
    pages = (
        page("@anna:hs", datetime(2026, 11, 20, 22, 30, tzinfo=BERLIN)),
        page("@anna:hs", datetime(2026, 11, 21, 3, tzinfo=BERLIN), Outcome.DECLINED),
        page("@anna:hs", datetime(2026, 11, 21, 12, tzinfo=BERLIN)),
        page("@anna:hs", None, Outcome.FAILED),
        page("@ben:hs"),
    )
    found = rules.load([Case(Urgency.STAT, OPENED, None, {}, pages=pages)], "@anna:hs", BERLIN)
    assert (found.pages, found.accepted, found.at_night, found.nights) == (3, 2, 2, 1)
    assert found.days == {date(2026, 11, 20): (1, 1), date(2026, 11, 21): (2, 1)}
