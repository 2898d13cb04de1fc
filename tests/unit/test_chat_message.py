"""Messages: both forms of a text, and events that fit whatever is said."""

from __future__ import annotations

import base64
import json

import pytest
import vodozemac
from hypothesis import given
from hypothesis import strategies as st

from bot.chat.message import Message, content_of
from bot.chat.rich import bullets, code, joined, lines, markup, mention, room_link, verbatim

EVENT_LIMIT = 65_536
EVENT_ID = "$" + "e" * 43


def event_size(content: dict[str, object], *, encrypted: bool) -> int:
    """The bytes of a whole event as servers exchange it, in a busy room, as far as they count."""
    room, sender = "!" + "r" * 60 + ":" + "s" * 60, "@" + "b" * 60 + ":" + "s" * 60
    kind = "m.room.message"
    if encrypted:
        payload = {"type": kind, "content": content, "room_id": room}
        session = vodozemac.GroupSession()
        ciphertext = session.encrypt(json.dumps(payload, ensure_ascii=False).encode()).to_base64()
        assert base64.b64decode(ciphertext + "=" * (-len(ciphertext) % 4))
        content = {
            "algorithm": "m.megolm.v1.aes-sha2",
            "sender_key": "k" * 43,
            "ciphertext": ciphertext,
            "session_id": session.session_id,
            "device_id": "d" * 64,
            **({"m.relates_to": content["m.relates_to"]} if "m.relates_to" in content else {}),
        }
        kind = "m.room.encrypted"
    event = {
        "type": kind,
        "content": content,
        "room_id": room,
        "sender": sender,
        "origin_server_ts": 2**52,
        "depth": 2**52,
        "auth_events": [EVENT_ID] * 10,
        "prev_events": [EVENT_ID] * 20,
        "hashes": {"sha256": "h" * 43},
        "signatures": {"s" * 60: {"ed25519:aaaaaa": "g" * 86}},
        "unsigned": {"age_ts": 2**52, "transaction_id": "t" * 26},
    }
    return len(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode())


LONG = {
    "ascii": "A word after another, and so on. " * 4000,
    "newlines": "line\n" * 20_000,
    "emoji": "👩‍⚕️" * 8000,
    "arabic": "قسم القلب " * 8000,
    "quotes": '"\\' * 40_000,
    "controls": "\x01\x02" * 8000,
    "accents": "e\u0301" * 40_000,
    "markup": "<&>" * 30_000,
    "no room to cut": "x" * 130_000,
}


@pytest.mark.parametrize("encrypted", [True, False])
@pytest.mark.parametrize("place", ["room", "edit", "edit in thread"])
@pytest.mark.parametrize("text", LONG.values(), ids=LONG.keys())
def test_long_messages_fit(text: str, place: str, encrypted: bool) -> None:
    thread = EVENT_ID if "thread" in place else None
    edits = EVENT_ID if "edit" in place else None
    message = Message("kind", verbatim(text), id="C-7F3K", mentions=("@anna:north.example",))
    parts = content_of(message, thread=thread, edits=edits, encrypted=encrypted)
    assert len(parts) > 1
    assert max(event_size(part, encrypted=encrypted) for part in parts) <= EVENT_LIMIT
    assert len(parts) < 12
    first, *rest = parts
    body = first["m.new_content"]["body"] if edits else first["body"]
    assert body + "".join(part["body"] for part in rest) == text
    assert all("formatted_body" not in part for part in parts)
    assert all(part["m.mentions"] == {} for part in rest)
    assert all(part["org.curbside"]["id"] == "C-7F3K" for part in parts)
    if thread:
        assert all(part["m.relates_to"]["event_id"] == thread for part in rest)
        assert all(part["m.relates_to"]["rel_type"] == "m.thread" for part in rest)


def test_pieces_end_at_lines_and_never_inside_a_letter() -> None:
    parts = content_of(Message("kind", verbatim("line\n" * 20_000)))
    assert all(part["body"].endswith("\n") for part in parts)
    parts = content_of(Message("kind", verbatim("e\u0301" * 40_000)))
    assert all(part["body"][0] == "e" for part in parts)


def test_the_formatted_form_goes_before_the_text_is_cut() -> None:
    message = Message("kind", verbatim("<" * 12_000))
    (content,) = content_of(message)
    assert content["body"] == "<" * 12_000
    assert "formatted_body" not in content


@given(st.text())
def test_any_text_can_be_sent(text: str) -> None:
    parts = content_of(Message("kind", verbatim(text + "\x00\ud800")))
    json.dumps(parts, ensure_ascii=False).encode("utf-8")
    assert "\x00" not in parts[0]["body"]


def test_an_edit_rings_nobody_and_keeps_its_kind() -> None:
    anna = "@anna:north.example"
    message = Message("consult.state", markup("**new**"), loud=True, mentions=(anna,), state="x")
    (content,) = content_of(message, edits="01OUTBOX")
    assert content["body"] == "* new"
    assert content["m.mentions"] == {}
    assert content["m.relates_to"] == {"rel_type": "m.replace", "event_id": {"$out": "01OUTBOX"}}
    assert content["m.new_content"]["org.curbside"] == content["org.curbside"]
    assert content["m.new_content"]["m.mentions"] == {"user_ids": [anna]}


def test_only_what_may_ring_says_whom() -> None:
    (loud,) = content_of(Message("hint", verbatim("Anna"), loud=True))
    (notice,) = content_of(Message("hint", verbatim("Anna")))
    assert loud["m.mentions"] == {} and loud["msgtype"] == "m.text"
    assert "m.mentions" not in notice and notice["msgtype"] == "m.notice"


def test_markup() -> None:
    shown = markup("**{who}** typed `{what}`\n<ok>", who="**<b>**", what=verbatim("a & b"))
    assert shown.plain == "**<b>** typed a & b\n<ok>"
    assert shown.html == "<strong>**&lt;b&gt;**</strong> typed <code>a &amp; b</code><br>&lt;ok&gt;"
    assert markup("{{braces}}").plain == "{braces}"
    assert markup("{x}", x="\ue0000\ue001").plain == "\ue0000\ue001"


def test_pieces_of_text() -> None:
    assert lines([verbatim("a"), verbatim(""), verbatim("b")]).plain == "a\nb"
    assert bullets([verbatim("a")]).html == "<ul><li>a</li></ul>"
    assert joined([code("<a>"), code("b")], " · ").html == "<code>&lt;a&gt;</code> · <code>b</code>"
    assert 'href="https://matrix.to/#/@a%2Fb:north.example"' in mention("@a/b:north.example", "A").html
    assert "https://matrix.to/#/!r:h?via=h:1" in room_link("!r:h", "room", ["h:1"]).plain


@given(st.text(), st.text())
def test_values_never_become_markup(one: str, other: str) -> None:
    shown = markup("**{a}** `{b}`", a=one, b=other)
    assert shown.plain == f"{one} {other}"
    assert shown.html.count("<") == 4 + shown.html.count("<br>")
