"""What may happen under a case, decided purely."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.cases.model import Event, State
from bot.cases.thread import rules
from bot.cases.thread.model import Query
from bot.cases.thread.polls import events

BERLIN = ZoneInfo("Europe/Berlin")


def test_only_from_a_preview_leads_a_way_to_the_room() -> None:
    ways = {(state, event) for (state, event), after in rules.PIECES.items() if after is State.POSTING}
    assert ways == {(State.PREVIEW, Event.CONFIRM)}
    assert {after for (state, _event), after in rules.PIECES.items() if state is State.WORKING} == {
        State.WORKING, State.PREVIEW, State.REFUSED, State.DISCARDED, State.EXPIRED,
    }  # fmt: skip
    into_posted = {state for (state, _event), after in rules.PIECES.items() if after is State.POSTED}
    assert into_posted == {State.POSTING, State.HIDDEN}


@pytest.mark.parametrize(
    ("text", "quiz", "expected"),
    [
        ("Biopsy? | yes | no", False, ("Biopsy?", ("yes", "no"), None)),
        ("Biopsy  now?\n yes \n no\n", False, ("Biopsy now?", ("yes", "no"), None)),
        ("What? | a | *b | c", True, ("What?", ("a", "b", "c"), 1)),
        ("Stars? | *a | b", False, ("Stars?", ("*a", "b"), None)),
        ("One? | a", False, "options"),
        ("", False, "options"),
        ("Same? | A | a", False, "options"),
        ("Many? |" + "|".join(map(str, range(11))), False, "options"),
        ("Long? | " + "x" * 201 + " | b", False, "long"),
        ("None? | a | b", True, "solution"),
        ("Two? | *a | *b", True, "solution"),
        ("Empty? | * | b", True, "options"),
    ],
)
def test_polls_as_people_type_them(text: str, quiz: bool, expected: object) -> None:
    if isinstance(expected, str):
        with pytest.raises(ValueError, match=expected):
            rules.read_poll(text, quiz=quiz)
    else:
        assert rules.read_poll(text, quiz=quiz) == expected


@pytest.mark.parametrize(
    ("answers", "place"),
    [
        (["2"], 1), (["1", "2"], 0), ([], None), (["4"], None), (["0"], None), ("2", None), (None, None),
        ([7], None), (["²"], None), (["x"], None), ({"0": "1"}, None),
    ],
)  # fmt: skip
def test_responses_as_clients_send_them(answers: object, place: int | None) -> None:
    assert rules.chosen(answers, 3) == place


def test_a_tally_counts_what_is_an_option() -> None:
    assert rules.tally([0, 2, 2, 9, -1], 3) == (1, 0, 2)


def test_which_flags_count() -> None:
    assert rules.flag_refusal(2, 2, moderator=False, muted=False) is None
    assert rules.flag_refusal(3, 0, moderator=False, muted=False) == "many"
    assert rules.flag_refusal(0, 3, moderator=False, muted=False) == "false"
    assert rules.flag_refusal(0, 0, moderator=False, muted=True) == "muted"
    assert rules.flag_refusal(9, 9, moderator=True, muted=True) is None


@pytest.mark.parametrize(
    ("now", "weekday", "hour", "due"),
    [
        ("2026-11-21T09:30", "monday", 8, "2026-11-23T07:00"),
        ("2026-11-23T06:59", "monday", 8, "2026-11-23T07:00"),
        ("2026-11-23T07:00", "monday", 8, "2026-11-30T07:00"),
        ("2026-03-27T12:00", "sunday", 2, "2026-03-29T01:00"),  # 2 o'clock does not occur: it is 3
        ("2026-10-24T12:00", "sunday", 2, "2026-10-25T00:00"),  # it occurs twice: the first
    ],
)
def test_when_the_digest_is_due(now: str, weekday: str, hour: int, due: str) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert rules.next_digest(moment, weekday, hour, BERLIN) == datetime.fromisoformat(due).replace(tzinfo=UTC)
    again = rules.next_digest(moment + timedelta(days=7), weekday, hour, BERLIN)
    assert again > datetime.fromisoformat(due).replace(tzinfo=UTC)


def test_searches() -> None:
    assert rules.read_query("") == Query()
    assert rules.read_query("#AFib Bleeding offen p2") == Query(("afib",), ("bleeding",), State.POSTED, 2)
    assert rules.read_query("solved s0").page == 1
    assert rules.read_query("# p page").words == ("#", "p", "page")


def test_what_is_an_event() -> None:
    assert rules.event_id("$abc") == "$abc"
    for odd in (None, 7, "abc", "$\x00", "$\ud800", "$", "$" + "x" * 300):
        assert rules.event_id(odd) is None


def test_a_poll_in_the_form_of_the_proposal() -> None:
    content = events.start("Q?", ["a", "b"], "01ABC", secret=True)
    assert content["m.relates_to"]["event_id"] == {"$out": "01ABC"}
    assert content[events.START]["kind"] == "org.matrix.msc3381.poll.undisclosed"
    assert content["org.matrix.msc1767.text"] == "Q?\n1. a\n2. b"
    answer = {
        "type": "m.poll.response",
        "content": {"m.relates_to": {"rel_type": "m.reference", "event_id": "$p"}, "m.selections": ["2"]},
    }
    assert events.response(answer) == ("$p", ["2"])
    assert events.response({"type": events.RESPONSE, "content": {"m.relates_to": 7}}) is None
    assert events.response({"type": events.RESPONSE}) is None
