"""When somebody means, in English and German; and that no text makes the reader stumble."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.oncall.when import read_span, read_when

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 2, 26, 14, 30, tzinfo=UTC)  # a Thursday, 15:30 in Berlin


def local(moment: datetime) -> str:
    return moment.astimezone(BERLIN).strftime("%Y-%m-%d %H:%M")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("now", "2026-02-26 15:30"),
        ("jetzt", "2026-02-26 15:30"),
        ("in 3 hours", "2026-02-26 18:30"),
        ("in 90 min", "2026-02-26 17:00"),
        ("in 2 Tagen", "2026-02-28 15:30"),
        ("tomorrow 3am", "2026-02-27 03:00"),
        ("Tomorrow at 3 a.m.", "2026-02-27 03:00"),
        ("morgen um 3 Uhr", "2026-02-27 03:00"),
        ("morgen früh", "2026-02-27 08:00"),
        ("morgen, 20 Uhr", "2026-02-27 20:00"),
        ("übermorgen 07:15", "2026-02-28 07:15"),
        ("day after tomorrow 7:15", "2026-02-28 07:15"),
        ("sat 20:00", "2026-02-28 20:00"),
        ("Sa. 20.00 Uhr", "2026-02-28 20:00"),
        ("next Monday 8pm", "2026-03-02 20:00"),
        ("nächsten Montag 20 Uhr", "2026-03-02 20:00"),
        ("thu 20:00", "2026-02-26 20:00"),
        ("20:00", "2026-02-26 20:00"),
        ("12am", "2026-02-27 00:00"),
        ("12pm", "2026-02-27 12:00"),
        ("15:30", "2026-02-27 15:30"),  # not this very moment, the next one
        ("tonight", "2026-02-26 22:00"),
        ("heute Nacht", "2026-02-26 22:00"),
        ("heute Abend", "2026-02-26 20:00"),
        ("sunday evening", "2026-03-01 20:00"),
        ("8:30 abends", "2026-02-26 20:30"),
        ("2026-03-01 20:00", "2026-03-01 20:00"),
        ("2026-03-01T20:00", "2026-03-01 20:00"),
        ("2026-03-01T20:00Z", "2026-03-01 21:00"),
        ("2026-03-01T20:00-05:00", "2026-03-02 02:00"),
        ("1.3. 20:00", "2026-03-01 20:00"),
        ("01.03.2027 20:00", "2027-03-01 20:00"),
        ("1. März 20 Uhr", "2026-03-01 20:00"),
        ("1 March 8pm", "2026-03-01 20:00"),
        ("March 1st 8pm", "2026-03-01 20:00"),
        ("5.1. 8:00", "2027-01-05 08:00"),
        ("2026-03-29 02:30", "2026-03-29 03:30"),  # does not occur: the offset before the gap
        ("2026-10-25 02:30", "2026-10-25 02:30"),  # twice: the first
        ("2026-03-01 24:00", "2026-03-02 00:00"),
    ],
)
def test_moments(text: str, meant: str) -> None:
    found = read_when(text, NOW, BERLIN)
    assert found is not None, text
    assert (local(found.moment), found.whole) == (meant, False)


def test_the_hour_that_comes_twice_is_the_first() -> None:
    found = read_when("2026-10-25 02:30", NOW, BERLIN)
    assert found is not None
    assert found.moment == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("today", "2026-02-26"),
        ("morgen", "2026-02-27"),
        ("sunday", "2026-03-01"),
        ("Do", "2026-02-26"),
        ("2026-03-29", "2026-03-29"),
        ("28.2.", "2026-02-28"),
    ],
)
def test_whole_days(text: str, day: str) -> None:
    found = read_when(text, NOW, BERLIN)
    assert found is not None
    assert (local(found.moment), found.whole) == (f"{day} 00:00", True)


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("2026-03-01 20:00-08:00", "2026-03-01 20:00", "2026-03-02 08:00"),
        ("2026-03-01 20:00 - 2026-03-03 08:00", "2026-03-01 20:00", "2026-03-03 08:00"),
        ("2026-03-01T20:00–2026-03-02T08:00", "2026-03-01 20:00", "2026-03-02 08:00"),
        ("sat 8:00-17:00", "2026-02-28 08:00", "2026-02-28 17:00"),
        ("Sa 20 Uhr bis So 8 Uhr", "2026-02-28 20:00", "2026-03-01 08:00"),
        ("tomorrow 8pm to 8am", "2026-02-27 20:00", "2026-02-28 08:00"),
        ("14:00-18:00", "2026-02-26 14:00", "2026-02-26 18:00"),  # it has begun already
        ("now until 20:00", "2026-02-26 15:30", "2026-02-26 20:00"),
        ("jetzt bis morgen 8:00", "2026-02-26 15:30", "2026-02-27 08:00"),
        ("28.2. 20:00-24:00", "2026-02-28 20:00", "2026-03-01 00:00"),
        ("2026-03-29 20:00Z", None, None),
        ("2026-03-28T20:00Z - 2026-03-29T06:00Z", "2026-03-28 21:00", "2026-03-29 08:00"),
    ],
)
def test_spans(text: str, begin: str | None, end: str | None) -> None:
    found = read_span(text, NOW, BERLIN)
    assert (found and (local(found[0]), local(found[1]))) == (begin and (begin, end))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "soon",
        "8",
        "2026",
        "25:00",
        "13pm",
        "0am",
        "2026-02-30",
        "2026-13-01 20:00",
        "30.2. 8:00",
        "tomorrow tomorrow",
        "8:00 9:00",
        "sat 20:00 please",
        "3/4 20:00",
        "in 3 fortnights",
        "in 9999 weeks and",
        "2026-03-01T29:00",
        "x" * 5000,
    ],
)
def test_what_means_no_moment_is_refused(text: str) -> None:
    assert read_when(text, NOW, BERLIN) is None
    assert read_span(text, NOW, BERLIN) is None


words = st.sampled_from(
    [
        "tomorrow",
        "sat",
        "20:00",
        "3am",
        "-",
        "bis",
        "2026-03-01",
        "1.3.",
        "in",
        "9999",
        "weeks",
        "märz",
        "31",
        "am",
    ]
)


@given(st.one_of(st.text(max_size=150), st.lists(words, max_size=8).map(" ".join)))
def test_no_text_makes_it_stumble(text: str) -> None:
    for found in (read_when(text, NOW, BERLIN), None):
        assert found is None or abs(found.moment - NOW) < timedelta(days=4_000_000)
    span = read_span(text, NOW, BERLIN)
    assert span is None or all(one.tzinfo is not None for one in span)
