"""Letters between hospitals: their form, and every way in which one can be wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.between.letters import (
    MOST_BYTES,
    MOST_TEXT,
    OFFERS,
    Letter,
    Unfit,
    fits,
    read,
    write,
)
from bot.consults.between.protocol import Kind
from bot.directory.hospital.signing import new_key, signatures, signers_of
from bot.directory.hospital.statement import canonical_json

NORTH, SOUTH = "north.example", "south.example"
BODIES: Mapping[Kind, dict[str, Any]] = {
    Kind.REQUEST: {
        "service": "cardiology",
        "urgency": "stat",
        "expects": "action",
        "follow": False,
        "request": {"question": "new AF, rate 140: cardiovert?"},
        "requester": "@anna:north.example",
        "name": "Dr Anna Berg",
    },
    Kind.EDIT: {"request": {"question": "and BP 80/40?"}},
    Kind.INFO: {"text": "on apixaban"},
    Kind.READ_BACK: {"text": "metoprolol first"},
    Kind.REOPEN: {"text": ""},
    Kind.CANCEL: {"why": "taken"},
    Kind.ACCEPTED: {"consultant": "@ben:south.example", "name": ""},
    Kind.ROOM: {"room": "!room:south.example"},
    Kind.HOLD: {"text": "which dose?"},
    Kind.INTERIM: {"text": "looking"},
    Kind.ANSWER: {"text": "metoprolol"},
    Kind.REFUSED: {"why": "not-offered"},
    Kind.ENDED: {"why": "expired", "text": ""},
    Kind.STATUS: {"asking": "asked", "answering": "taken", "sent": 3, "why": ""},
    Kind.OFFER: {"statement": {"type": "x"}},
}
LETTER = Letter(
    "01KJ", NORTH, SOUTH, NORTH, "C-7F3K", 1, 0, Kind.REQUEST, 1_700_000_000_000, BODIES[Kind.REQUEST]
)
PUBLIC, SEED = new_key()


def content(letter: Letter = LETTER, **changes: Any) -> dict[str, Any]:
    """An event's content, with parts of the letter altered before it was signed."""
    inside = {**letter.to_json(), **changes}
    return {"letter": inside, "signatures": signatures(canonical_json(inside), [(PUBLIC, SEED)])}


@pytest.mark.parametrize("kind", list(Kind))
def test_every_kind_of_letter_arrives_as_it_was_written(kind: Kind) -> None:
    letter = replace(LETTER, kind=kind, number=0 if kind is Kind.STATUS else 4, body=BODIES.get(kind, {}))
    if kind is Kind.OFFER:
        letter = replace(letter, consult=OFFERS)
    assert fits(letter)
    signed = signatures(canonical_json(letter.to_json()), [(PUBLIC, SEED)])
    received = read(write(letter, signed))
    assert received.letter == letter
    assert signers_of(received.content, received.signatures, [PUBLIC]) == {PUBLIC}


def test_what_a_later_version_adds_is_passed_over_and_still_signed() -> None:
    later = content(body={**LETTER.body, "colour": "red"}, priority="high")
    received = read(later)
    assert received.letter == LETTER
    assert signers_of(received.content, received.signatures, [PUBLIC]) == {PUBLIC}
    later["letter"]["priority"] = "low"
    forged = read(later)
    assert signers_of(forged.content, forged.signatures, [PUBLIC]) == set()


def test_a_word_of_a_later_version_has_no_meaning() -> None:
    assert read(content(kind="second-opinion")).letter.kind is None


def test_what_turns_the_direction_of_text_is_left_out() -> None:
    told = read(content(kind="answer", body={"text": "10 mg\u202e gm 01"})).letter
    assert told.body == {"text": "10 mg gm 01"}
    body = {**BODIES[Kind.REQUEST], "request": {"question": "\u2066AF?", "ward": "B\u200f12"}}
    assert read(content(body=body)).letter.body["request"] == {"question": "AF?", "ward": "B12"}


def test_a_name_is_one_short_line() -> None:
    body = {**BODIES[Kind.REQUEST], "name": "Dr\u202e\nAnna   " + "x" * 150}
    assert read(content(body=body)).letter.body["name"] == "Dr Anna " + "x" * 72
    del body["name"]
    assert read(content(body=body)).letter.body["name"] == ""


def test_a_changed_letter_is_not_signed() -> None:
    altered = content()
    altered["letter"]["body"]["service"] = "neurology"
    received = read(altered)
    assert signers_of(received.content, received.signatures, [PUBLIC]) == set()
    assert signers_of(received.content, received.signatures, [new_key()[0]]) == set()


@pytest.mark.parametrize(
    ("code", "changes"),
    [
        ("version", {"v": 2}),
        ("form", {"v": 0}),
        ("form", {"v": True}),
        ("form", {"v": "1"}),
        ("form", {"seq": -1}),
        ("form", {"seq": 0}),
        ("form", {"seq": "1"}),
        ("form", {"kind": "status"}),
        ("form", {"kind": 7}),
        ("form", {"hospital": "evil\u202e.example"}),
        ("form", {"to": NORTH}),
        ("form", {"asker": "east.example"}),
        ("form", {"consult": "C-7F3K; drop"}),
        ("form", {"consult": None}),
        ("form", {"id": "x" * 65}),
        ("form", {"body": None}),
        ("form", {"body": {}}),
        ("form", {"body": {**BODIES[Kind.REQUEST], "service": "../cardiology"}}),
        ("form", {"body": {**BODIES[Kind.REQUEST], "requester": "anna"}}),
        ("form", {"body": {**BODIES[Kind.REQUEST], "request": {"question": " "}}}),
        ("form", {"body": {**BODIES[Kind.REQUEST], "request": {"question": "x", "attachments": [3]}}}),
        ("form", {"kind": "answer", "body": {"text": "x" * (MOST_TEXT + 1)}}),
        ("form", {"kind": "answer", "body": {"text": "\x00"}}),
        ("form", {"kind": "room", "body": {"room": "#alias:south.example"}}),
        ("size", {"kind": "answer", "body": {"text": "ä" * MOST_TEXT}}),
    ],
)
def test_what_is_not_a_letter_is_refused(code: str, changes: dict[str, Any]) -> None:
    with pytest.raises(Unfit) as refused:
        read(content(**changes))
    assert refused.value.code == code


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "letter",
        {},
        {"letter": []},
        {"letter": {"v": 1, "x": 1.5}},
        {"letter": {**LETTER.to_json(), "seq": 2**53}},
        {**content(), "signatures": {}},
        {**content(), "signatures": {"ed25519:0": "x"}},
        {**content(), "signatures": "x"},
    ],
)
def test_other_contents_are_refused(wrong: Any) -> None:
    with pytest.raises(Unfit):
        read(wrong)


def test_a_request_as_long_as_the_limit_goes_and_one_longer_does_not() -> None:
    empty = len(canonical_json(replace(LETTER, kind=Kind.ANSWER, body={"text": ""}).to_json()))
    longest = replace(LETTER, kind=Kind.ANSWER, body={"text": "x" * (MOST_BYTES - empty)})
    assert fits(longest)
    assert not fits(replace(longest, body={"text": longest.body["text"] + "x"}))


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(st.dictionaries(st.sampled_from([*LETTER.to_json(), "extra"]), _json, max_size=4))
def test_whatever_stands_in_it_is_a_letter_or_refused(changes: dict[str, Any]) -> None:
    inside = {**LETTER.to_json(), **changes}
    try:
        received = read({"letter": inside, "signatures": {"ed25519:00000000": "A" * 86}})
    except Unfit:
        return
    assert received.letter.sender != received.letter.to
    assert len(received.content) <= MOST_BYTES
