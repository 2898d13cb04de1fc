"""In which order second channels are tried, and what an answer by SMS means."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.paging import rules
from bot.consults.paging.rules import Alert, Exhausted, Reached, Reply, Send, Step, Try, Withdraw
from bridges.paging.alphabet import ascii_only, septets, simplified


def alert(*channels: str) -> Alert:
    return Alert("C-7F3K", 1, "@anna:hs", tuple(Try(channel) for channel in channels))


def test_the_first_channel_first_and_the_next_when_it_fails() -> None:
    one, effects = rules.begin(alert("sms", "pager"))
    assert effects == (Send(0),)
    one, effects = rules.failed(one, 0, "smsc")
    assert effects == (Send(1),)
    one, effects = rules.delivered(one, 1)
    assert effects == (Reached(),)
    assert [try_.step for try_ in one.tries] == [Step.FAILED, Step.DELIVERED]


def test_who_has_no_address_anywhere_cannot_be_reached() -> None:
    none = Alert("C-7F3K", 1, "@anna:hs", (Try("sms", Step.FAILED, "no-address"),))
    assert rules.begin(none)[1] == (Exhausted("no-address"),)


def test_silence_tries_the_next_and_takes_back_what_never_left() -> None:
    one, _ = rules.begin(alert("sms", "pager"))
    _, effects = rules.overdue(one, 0)
    assert effects == (Withdraw(0), Send(1))
    one, _ = rules.taken(one, 0)
    one, effects = rules.overdue(one, 0)
    assert effects == (Send(1),)
    one, effects = rules.overdue(one, 1)
    assert effects == (Exhausted("no-report"),)  # it stays queued: it is all there is
    one, effects = rules.delivered(one, 0)
    assert effects == (Reached(),)


def test_a_late_report_spares_the_next_channel() -> None:
    one, _ = rules.begin(alert("sms", "pager"))
    one, _ = rules.taken(one, 0)
    one, _ = rules.overdue(one, 0)
    one, effects = rules.delivered(one, 0)
    assert effects == (Reached(), Withdraw(1))
    assert rules.failed(one, 1, "late")[1] == ()


def test_an_end_stops_everything() -> None:
    one, _ = rules.begin(alert("sms", "pager"))
    one, effects = rules.stop(one)
    assert effects == (Withdraw(0),)
    assert rules.failed(one, 0, "x")[1] == ()
    assert rules.stop(one)[1] == ()


EVENTS = st.lists(st.tuples(st.sampled_from(["taken", "delivered", "failed", "overdue"]), st.integers(0, 2)))


@given(EVENTS)
def test_whatever_comes_each_channel_is_tried_once_and_the_end_is_told_once(
    events: list[tuple[str, int]],
) -> None:
    one, effects = rules.begin(alert("sms", "pager", "bell"))
    seen = list(effects)
    for name, index in events:
        before = one
        if name == "failed":
            one, effects = rules.failed(one, index, "x")
        else:
            one, effects = getattr(rules, name)(one, index)
        assert before.current <= one.current
        seen += effects
    assert len({effect.index for effect in seen if isinstance(effect, Send)}) == sum(
        isinstance(effect, Send) for effect in seen
    )
    assert sum(isinstance(effect, Exhausted) for effect in seen) <= 1
    assert sum(isinstance(effect, Reached) for effect in seen) <= 1
    under_way = any(try_.step in (Step.WAITING, Step.TAKEN, Step.NEXT) for try_ in one.tries)
    # Accounted for: under way, arrived, or told that it is not.
    assert under_way or one.is_delivered or any(isinstance(effect, Exhausted) for effect in seen)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("1", Reply(True)),
        (" 1 ", Reply(True)),
        ("1.", Reply(True)),
        ("Ja", Reply(True)),
        ("JA!", Reply(True)),
        ("accept", Reply(True)),
        ("2", Reply(False)),
        ("Nein", Reply(False)),
        ("decline", Reply(False)),
        ("1 7F3K", Reply(True, "C-7F3K")),
        ("1 c-7f3k", Reply(True, "C-7F3K")),
        ("C-7F3K 2", Reply(False, "C-7F3K")),
        ("ja c 7f3k", Reply(True, "C-7F3K")),
        ("1 7FOK", Reply(True, "C-7F0K")),
        ("", None),
        ("12", None),
        ("1 2", None),
        ("1 but in ten minutes", None),
        ("3", None),
        ("1 " * 40, None),
        ("\u202e1", None),
        ("C-7F3K", None),
    ],
)
def test_an_answer_is_yes_or_no_and_nothing_else(text: str, meant: Reply | None) -> None:
    assert rules.read_reply(text) == meant


@given(st.text(max_size=60))
def test_no_text_breaks_the_reading(text: str) -> None:
    rules.read_reply(text)


def test_whose_a_number_is() -> None:
    known = [("@anna:hs", "+49 170 123-4567"), ("@ben:hs", ""), ("@cara:hs", "5123")]
    assert rules.owner("+491701234567", known) == "@anna:hs"
    assert rules.owner("00491701234567", known) == "@anna:hs"
    assert rules.owner("5123", known) == "@cara:hs"
    assert rules.owner("+4917099", known) is None
    assert rules.owner("", known) is None
    assert rules.owner("5123", [*known, ("@dan:hs", "5123")]) is None  # one number, two people


def test_letters_that_an_sms_lacks_are_simplified() -> None:
    assert septets("Grüße") == 5
    assert septets("€[1]") == 7
    assert septets("ж") is None
    assert simplified("“Łódź” – ж…") == '"Lódz" - ж...'.replace("ó", "o")
    assert ascii_only("Kardiologie für\nÄlteste ж") == "Kardiologie fuer Aelteste ?"


@given(st.text(max_size=200))
def test_a_pager_gets_one_line_of_ascii(text: str) -> None:
    shown = ascii_only(text)
    assert shown.isascii() and "\n" not in shown and "\r" not in shown
