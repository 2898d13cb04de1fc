"""Reading commands: every way people type them, and anything else without an exception."""

from __future__ import annotations

import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat import buttons
from bot.chat.heard import hear
from bot.chat.parsing import Parsed, answer_number, closest, distance, names_of, normal, parse, take_word

WORDS = {"help", "hilfe", "consult", "ping", "who", "überweisen"}
NAMES = names_of(
    {
        "curbside": ("@curbside:north.example", "Curbside"),
        "support": ("@support:north.example", "Peer Support"),
    }
)


def read(text: str, *, prefix: str = "!", bare: bool = False) -> Parsed | None:
    return parse(text, prefix, WORDS, bot_names=NAMES, bare=bare)


@pytest.mark.parametrize(
    ("text", "word", "rest"),
    [
        ("!help", "help", ""),
        ("!HELP", "help", ""),
        ("  \n !help", "help", ""),
        ("！help", "help", ""),
        ("\u200e!help\u200f", "help", ""),
        ("!help\u00a0ping", "help", "ping"),
        ("! help", "help", ""),
        ("!help?", "help", ""),
        ("!“help”", "help", ""),
        ("!consult cardiology  urgent\nchest  pain\n", "consult", "cardiology  urgent\nchest  pain\n"),
        ("!U\u0308BERWEISEN x", "überweisen", "x"),
        ("!curbside help", "help", ""),
        ("!curbside", "help", ""),
        ("!Curbside  ping 7", "ping", "7"),
        ("!consutl now", "consutl", "now"),
        ("> <@anna:north.example> hello\n> more\n\n!help", "help", ""),
        ("> * <@anna:north.example> waves\n\n!ping 7", "ping", "7"),
    ],
)
def test_commands_with_prefix(text: str, word: str, rest: str) -> None:
    assert read(text) == Parsed(word, rest)


@pytest.mark.parametrize(
    ("text", "bot", "word", "rest"),
    [
        ("Curbside: help", "curbside", "help", ""),
        ("curbside, ping 7", "curbside", "ping", "7"),
        ("Curbside help", "curbside", "help", ""),
        ("@curbside:north.example help", "curbside", "help", ""),
        ("@curbside:north.example: !help", "curbside", "help", ""),
        ("@curbside what", "curbside", "what", ""),
        ("Curbside:", "curbside", "help", ""),
        ("Peer Support: ping", "support", "ping", ""),
        ("!support ping 7", "support", "ping", "7"),
        ("[Curbside](https://matrix.to/#/@curbside:north.example) ping 7", "curbside", "ping", "7"),
    ],
)
def test_commands_by_name(text: str, bot: str, word: str, rest: str) -> None:
    assert read(text) == Parsed(word, rest, bot=bot)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "!",
        "!!!",
        "! important",
        "!5",
        "Curbside is great",
        "curbsides: help",
        "help me",
        "@anna:x help",
    ],
)
def test_talk_is_no_command(text: str) -> None:
    assert read(text) is None


def test_bare_words_and_other_prefixes() -> None:
    assert read("Hilfe", bare=True) == Parsed("hilfe", "", bare=True)
    assert read("no idea", bare=True) is None
    assert read("?help", prefix="?") == Parsed("help", "")
    assert read("？help", prefix="?") == Parsed("help", "")
    assert read("!help", prefix="?") is None
    assert read("!curbside help", prefix="?") == Parsed("help", "")
    assert read("..ping 7", prefix="..") == Parsed("ping", "7")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one two  three", ("one", "two  three")),
        ("  “Anna Berg” rest", ("Anna Berg", "rest")),
        ("„Anna Berg“ rest", ("Anna Berg", "rest")),
        ('"open rest', ('"open', "rest")),
        ("don't rest", ("don't", "rest")),
        ("Anna Berg: rest", ("@anna:north.example", "rest")),
        ("[Anna Berg](https://matrix.to/#/@anna:north.example) rest", ("@anna:north.example", "rest")),
        ("", ("", "")),
        (" \u200b ", ("", "")),
    ],
)
def test_take_word(text: str, expected: tuple[str, str]) -> None:
    assert take_word(text, [("Anna Berg", "@anna:north.example")]) == expected


def test_near_misses() -> None:
    assert distance("consutl", "consult") == 1
    assert distance("", "abc") == 3
    assert closest("consutl", WORDS) == ["consult"]
    assert closest("hlep", WORDS) == ["help"]
    assert closest("cons", WORDS) == ["consult"]
    assert closest("weather", WORDS) == []
    assert closest("x" * 60_000, WORDS) == []


@given(st.text(string.ascii_lowercase, max_size=8), st.text(string.ascii_lowercase, max_size=8))
def test_distance_is_symmetric_and_bounded(one: str, other: str) -> None:
    assert distance(one, other) == distance(other, one)
    assert abs(len(one) - len(other)) <= distance(one, other) <= max(len(one), len(other))
    assert (distance(one, other) == 0) == (one == other)


@given(st.text(), st.sampled_from(["!", "?", "。", "..", "//"]), st.booleans())
def test_any_text_is_read(text: str, prefix: str, bare: bool) -> None:
    for whole in (text, prefix + text, "Curbside: " + text, "> <@a:b> " + text, "!curbside " + text):
        found = parse(whole, prefix, WORDS, bot_names=NAMES, bare=bare)
        if found is not None:
            assert found.word == normal(found.word) or not found.word
            assert whole.endswith(found.rest)
    word, rest = take_word(text)
    assert text.endswith(rest)
    assert word in text


@given(st.text(max_size=6), st.integers(0, 9))
def test_numbers_stay_in_the_list(text: str, count: int) -> None:
    place = answer_number(text, count)
    assert place is None or 0 <= place < count


def test_numbers() -> None:
    assert [answer_number(text, 3) for text in ("1", "2.", "3️⃣")] == [0, 1, 2]
    assert {answer_number(text, 3) for text in ("4", "0", "x", "", "-1", "1 2")} == {None}


class TestButtons:
    PAGE = {"✅": "accept C-7F3K", "❌": "decline C-7F3K"}  # noqa: RUF012
    WORDS = {"accept": "accept", "annehmen": "accept", "decline": "decline", "ablehnen": "decline"}  # noqa: RUF012

    @pytest.mark.parametrize("emoji", ["✅", "✅\ufe0f"])
    def test_variants_of_an_emoji_are_one(self, emoji: str) -> None:
        assert buttons.pressed(self.PAGE, emoji) == "accept C-7F3K"
        assert buttons.pressed({"👍": "x"}, "👍🏽") == "x"
        assert buttons.pressed(self.PAGE, "🎉") is None

    @pytest.mark.parametrize("text", ["accept", "Annehmen", "ja", "OK", "ok.", "1", "✅", "yes!"])
    def test_typed_yes(self, text: str) -> None:
        assert buttons.meant(self.PAGE, text, self.WORDS) == "accept C-7F3K"

    @pytest.mark.parametrize("text", ["ablehnen", "nein", "2", "❌"])
    def test_typed_no(self, text: str) -> None:
        assert buttons.meant(self.PAGE, text, self.WORDS) == "decline C-7F3K"

    @pytest.mark.parametrize("text", ["", "3", "maybe", "accept it gladly", "thread"])
    def test_else(self, text: str) -> None:
        assert buttons.meant(self.PAGE, text, self.WORDS) is None

    def test_the_thread_is_no_button(self) -> None:
        assert buttons.split(buttons.kept(self.PAGE, "$root")) == (self.PAGE, "$root")
        assert buttons.kept({}, "$root") == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("\ud800\x00"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(JSON, JSON, JSON, JSON, JSON)
def test_malformed_events_are_heard(a: object, b: object, c: object, d: object, e: object) -> None:
    hear({"room_id": a, "event": b})
    relations = (c, {"rel_type": "m.replace", "event_id": a, "m.in_reply_to": b, "key": c})
    for kind in ("m.room.message", "m.reaction", "m.room.encrypted", "m.room.member"):
        event = {"type": kind, "event_id": "$e", "sender": "@a:b"}
        hear({"room_id": "!r", "event": {**event, "content": a}})
        hear({"room_id": "!r", "event": {**event, "sender": a, "event_id": b}})
        for relation in relations:
            content = {
                "body": a,
                "msgtype": b,
                "m.relates_to": relation,
                "m.new_content": d,
                "formatted_body": e,
            }
            hear({"room_id": "!r", "event": {**event, "content": content}})
            hear({"room_id": "!r", "event": {**event, "content": {**content, "msgtype": "m.text"}}})


def test_what_is_heard() -> None:
    heard = hear(
        {
            "room_id": "!room:north.example",
            "event": {
                "type": "m.room.message",
                "event_id": "$event",
                "sender": "@anna:north.example",
                "content": {
                    "msgtype": "m.text",
                    "body": "vouch Ben\x00\ud800",
                    "formatted_body": '<a href="https://matrix.to/#/%40ben%3Asouth.example">Ben &amp; Co</a>',
                    "m.relates_to": {
                        "rel_type": "m.thread",
                        "event_id": "$root",
                        "m.in_reply_to": {"event_id": "$last"},
                    },
                },
            },
        }
    )
    assert heard is not None
    assert heard.text == "vouch Ben\ufffd\ufffd"
    assert (heard.thread, heard.reply_to, heard.server) == ("$root", "$last", "north.example")
    assert heard.pills == (("Ben & Co", "@ben:south.example"),)


@pytest.mark.parametrize(
    "formatted",
    [
        "<a " * 20_000,
        "<a " + ('href="https://matrix.to/#/' + "a" * 400 + '"') * 140,
        "<a href=" + "'" * 60_000,
    ],
)
def test_no_message_holds_up_its_reader(formatted: str) -> None:
    event = {
        "type": "m.room.message",
        "event_id": "$event",
        "sender": "@anna:north.example",
        "content": {"msgtype": "m.text", "body": "x", "formatted_body": formatted},
    }
    began = time.monotonic()
    heard = hear({"room_id": "!room:north.example", "event": event})
    assert heard is not None and heard.pills == ()
    assert time.monotonic() - began < 2
