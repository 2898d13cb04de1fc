"""The life of a case is one table, and no way leads past preview and attestation."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.cases.model import Draft, Event, File, Shown, ShownFile, State, read_tags
from bot.cases.rules import (
    ENDED,
    MAY,
    PUBLIC,
    REVIEWED,
    TRANSITIONS,
    UNSENT,
    Who,
    after,
    keep_waiting,
    keeps_original,
)
from bot.deid.model import Kind, Span, Tier


def test_only_what_was_shown_and_attested_is_posted() -> None:
    into = {state: {start for (start, _event), end in TRANSITIONS.items() if end is state} for state in State}
    assert into[State.POSTED] == {State.POSTING, State.HIDDEN, State.CLOSED}
    assert into[State.POSTING] == {State.CONFIRMED}
    assert into[State.CONFIRMED] == {State.PREVIEW, State.QUEUED}
    assert into[State.QUEUED] == {State.CONFIRMED}
    assert into[State.PREVIEW] == {State.WORKING}


def test_a_change_always_leads_back_to_the_engine() -> None:
    for state in UNSENT - {State.DRAFTING}:
        assert after(state, Event.CHANGE, Who.AUTHOR) is State.WORKING
    for state in set(State) - UNSENT:
        assert after(state, Event.CHANGE, Who.AUTHOR) is None


def test_nothing_follows_an_end() -> None:
    assert not {state for state, _event in TRANSITIONS} & ENDED


def test_every_draft_can_be_discarded_and_expires() -> None:
    for state, event in itertools.product(UNSENT, (Event.DISCARD, Event.EXPIRE)):
        assert TRANSITIONS[state, event] in ENDED


def test_the_original_is_kept_only_until_it_is_posted() -> None:
    assert {state for state in State if keeps_original(state)} == {*UNSENT, State.CONFIRMED, State.POSTING}
    assert not any(keeps_original(state) for state in PUBLIC | ENDED | {State.HIDDEN})


def test_a_draft_waits_for_moderators_only_and_not_for_ever() -> None:
    asked = datetime(2026, 3, 2, 9, tzinfo=UTC)
    last = asked + REVIEWED - timedelta(seconds=1)
    assert keep_waiting(State.QUEUED, asked, last)
    assert not keep_waiting(State.QUEUED, asked, asked + REVIEWED)
    assert not keep_waiting(State.QUEUED, None, asked)
    assert not any(keep_waiting(state, asked, asked) for state in set(State) - {State.QUEUED})


@pytest.mark.parametrize("event", list(Event))
def test_whoever_may_not_do_it_changes_nothing(event: Event) -> None:
    for state, who in itertools.product(State, set(Who) - MAY[event]):
        assert after(state, event, who) is None


def test_every_state_can_be_reached() -> None:
    found = {State.DRAFTING}
    while more := {end for (start, _event), end in TRANSITIONS.items() if start in found} - found:
        found |= more
    assert found == set(State)


def _shown() -> Shown:
    span = Span(3, 9, Kind.NAME, Tier.CERTAIN, "[NAME]", 1, "word")
    last = Span(15, 22, Kind.PLACE, Tier.UNCERTAIN, "[PLACE]", 2, "word")
    files = (ShownFile("01", "$file", "ab"),)
    return Shown("Mr [NAME] from [PLACE]", "en", (span, last), (("family", "twins"),), ("falls",), files,
                 {"engine": "1"}, ("A",))  # fmt: skip


def test_what_was_shown_is_kept_whole() -> None:
    shown = _shown()
    assert Shown.unpack(shown.packed) == shown
    assert "".join(one if isinstance(one, str) else one.replacement for one in shown.pieces()) == shown.text
    assert shown.counts == {"A": 1, "B": 1}


def test_the_hash_names_all_that_is_posted_and_what_made_it() -> None:
    shown = _shown()
    others = [
        replace(shown, text=shown.text + " "),
        replace(shown, tags=()),
        replace(shown, files=()),
        replace(shown, files=(ShownFile("01", "$file", "ac"),)),
        replace(shown, versions={"engine": "2"}),
        replace(shown, language="de"),
    ]
    names = {one.canonical("K-7F3K", "neurology") for one in (shown, *others)}
    names |= {shown.canonical("K-7F3L", "neurology"), shown.canonical("K-7F3K", "cardiology")}
    assert len(names) == len(others) + 3


def test_a_draft_is_kept_whole_and_a_new_text_forgets_places() -> None:
    draft = Draft("text", "!dm", "$1", ("a",), (File("$2", {"url": "x"}),), frozenset({(1, 2)}), ("words",))
    assert Draft.unpack(draft.packed) == draft
    again = draft.retyped("other")
    assert (again.text, again.restored, again.removed) == ("other", frozenset(), ("words",))


@pytest.mark.parametrize(
    ("typed", "tags"),
    [
        ("afib, elderly", ("afib", "elderly")),
        ("#AFib #afib  stroke-unit", ("afib", "stroke-unit")),
        ("Schlaganfall;sturz", ("schlaganfall", "sturz")),
        ("", ()),
        ("a b c d e f", None),
        ("two.words", None),
        ("x" * 31, None),
        ("-", None),
    ],
)
def test_tags_are_single_words(typed: str, tags: tuple[str, ...] | None) -> None:
    assert read_tags(typed) == tags
