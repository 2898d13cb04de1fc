"""What strict homeservers allow."""

import pytest

from bot.chat.buttons import NUMBERS
from bot.matrix.strict import is_allowed_reaction, is_grapheme, room_version


@pytest.mark.parametrize(
    "text",
    [
        "✅",
        "❌",
        "🚩",
        "👍🏽",
        "❤️",
        "👩‍⚕️",
        "👨‍👩‍👧‍👦",
        "🇩🇪",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "a",
        "é",
        "e\u0301",
        "?",
        *NUMBERS,
    ],
)
def test_one_sign(text: str) -> None:
    assert is_grapheme(text)


@pytest.mark.parametrize("text", ["", "ok", "✅✅", "✅ ", "👍🏽👍", "🇩🇪🇫🇷", "\u200d", "a\u200d", "ab\u0301"])
def test_not_one_sign(text: str) -> None:
    assert not is_grapheme(text)


def test_a_reaction_without_a_key_is_none() -> None:
    assert is_allowed_reaction({"m.relates_to": {"key": "✅"}})
    for content in (
        {},
        {"m.relates_to": None},
        {"m.relates_to": {"key": 1}},
        {"m.relates_to": {"key": "no"}},
    ):
        assert not is_allowed_reaction(content)


def test_the_room_version_is_10_or_else_9() -> None:
    assert room_version({"9": "stable", "10": "stable", "12": "stable"}) == "10"
    assert room_version({"9": "stable", "12": "stable"}) == "9"
    assert room_version({}) == "10"
