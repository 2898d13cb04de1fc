"""Patterns that are tried at the beginnings of words find what they find everywhere."""

from __future__ import annotations

import re

import pytest

from bot.deid.model import Source
from bot.deid.recognizers.cues import Places
from bot.deid.recognizers.heads import heads

TEXT = (
    "Seen in bay 4, Anna Keller (DOB 03/04/1961) on Ward 7B; insta: anna.k_61, WhatsApp 0171 2345678.\n"
    "İbrahim ıs in ROOM 12, ſee http://example.org/a?b=1 or www.a-b.example; 4C and 14 is asleep — 2²5."
)
PATTERNS = [
    re.compile(r"(?<![^\W_])(?:insta(?:gram)?|whats ?app|bay|room)(?![^\W_])", re.I),
    re.compile(r"(?<![\w.])\d{1,4}[A-Z]?(?![\w.])"),
    re.compile(r"(?<!\w)(?:[A-Z][a-z]+|is|see) ", re.I),
    re.compile(r"(?<!\w)(?i:s|I)[es]{1,2} "),
    re.compile(r"(?<![\w-])(?:www\.|https?://)\S+"),
    re.compile(r"(?<!\w)\w{2,}?(?=[,;])"),
    re.compile(r"(?<![^\W_])(?:(?:on|in) )?(?:[A-Z](?:ard|ay|oom) ?)?\d", re.I),
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=range(len(PATTERNS)))
def test_the_same_is_found_as_at_every_character(pattern: re.Pattern[str]) -> None:
    places = Places(TEXT)
    everywhere = [match.span() for match in pattern.finditer(TEXT)]
    assert [match.span() for match in places.worded(pattern)] == everywhere
    assert everywhere


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if r"\d" in pattern.pattern])
def test_numbers_are_found_where_a_digit_is_near(pattern: re.Pattern[str]) -> None:
    places = Places(TEXT)
    assert [one.span() for one in places.numbered(pattern)] == [one.span() for one in pattern.finditer(TEXT)]


def test_beginnings_are_told_from_the_pattern() -> None:
    assert heads(re.compile("(?<!x)(?:ward|bay) ")) == {"wa", "ba"}
    assert heads(re.compile("icu", re.I)) == {"Ic", "ic"}
    assert heads(re.compile(r"\d{2}")) == {"00"}
    assert heads(re.compile(r"[^a]b")) == {""}
    assert heads(re.compile(r"a\w")) == {"a"}


def test_what_is_made_of_a_text_is_made_once_and_not_kept() -> None:
    made: list[str] = []

    def make(text: str) -> int:
        made.append(text)
        return len(text)

    one, other = Source("ward 4", "en"), Source("ward 4", "en")
    assert (one.once(make), one.once(make), other.once(make)) == (6, 6, 6)
    assert made == ["ward 4", "ward 4"]
    assert one == other
