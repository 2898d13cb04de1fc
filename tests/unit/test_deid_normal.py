"""Normalised text and the way back to the original."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid.normal import normalise


@pytest.mark.parametrize(
    ("written", "seen"),
    [
        ("Anna Keller, 54", "Anna Keller, 54"),
        ("Müller – 12.3.", "Müller - 12.3."),
        ("\uff21\uff4e\uff4e\uff41 \uff11\uff12\uff13", "Anna 123"),  # full width
        ("tel \u0661\u0662\u0663", "tel 123"),  # Arabic-Indic digits
        ("An\u200bna\u2060 Kel\u00adler", "Anna Keller"),  # zero width, soft hyphen
        ("\u202eabc\u202c", "abc"),  # bidirectional controls
        ("a\u00a0b\u2009c\u3000d", "a b c d"),
        ("e\u0301", "é"),
        ("\ufb01nger", "finger"),
        ("St Mary\u2019s \u201cwing\u201d", 'St Mary\'s "wing"'),
        ("020\u20117946", "020-7946"),
        ("10² \u00bd 1º", "10² \u00bd 1º"),  # superscripts and fractions would become other numbers
        ("\u0410nna \u039aeller", "Anna Keller"),  # a Cyrillic and a Greek letter in Latin words
        ("привет", "привет"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("1\ufe0f\u20e3 \u2764\ufe0f", "1 \u2764"),
        ("", ""),
    ],
)
def test_normalise(written: str, seen: str) -> None:
    assert normalise(written).text == seen


def test_the_way_back_covers_whole_characters() -> None:
    written = "x e\u0301\u0302 An\u200bna \ufb01n"
    normal = normalise(written)
    start = normal.text.index("Anna")
    assert written[slice(*normal.original(start, start + 4))] == "An\u200bna"
    # Half of what became two characters takes the whole of it.
    assert (
        written[slice(*normal.original(normal.text.index("fin"), normal.text.index("fin") + 1))] == "\ufb01"
    )
    assert written[slice(*normal.original(2, 3))] == "e\u0301\u0302"


def test_a_line_break_of_two_characters_is_no_part_of_what_stands_before_it() -> None:
    written = "Keller\r\nAnna\r\n\r\nMüller\r"
    normal = normalise(written)
    assert normal.text == "Keller\nAnna\n\nMüller\n"
    for name in ("Keller", "Anna", "Müller"):
        start = normal.text.index(name)
        assert written[slice(*normal.original(start, start + len(name)))] == name
    assert written[slice(*normal.original(6, 7))] == "\r\n"


_CHARS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("a\u0301\u200b\ufb01\r\n\u00a0\u0410K1\uff11\u202e\u1112\u1161\u11ab\ufe0f\u20e3²"),
)


@settings(max_examples=300, deadline=None)
@given(st.text(_CHARS, max_size=60))
def test_each_place_has_an_origin(text: str) -> None:
    normal = normalise(text)
    at = list(normal.at)
    assert len(at) == len(normal.text) + 1
    assert at == sorted(at)
    assert all(0 <= place <= len(text) for place in at)
    assert at[-1] == len(text)
    for start in range(len(normal.text)):
        first, last = normal.original(start, start + 1)
        assert first < last  # a character comes from at least one
        assert normal.text[start] in normalise(text[first:last]).text or normal.text[start].isalpha()


@settings(max_examples=200, deadline=None)
@given(st.text(_CHARS, max_size=40), st.integers(0, 40), st.integers(0, 40))
def test_spans_side_by_side_do_not_overlap(text: str, one: int, other: int) -> None:
    """Spans of characters that stand for themselves come back in order."""
    normal = normalise(text)
    first, last = sorted((min(one, len(normal.text)), min(other, len(normal.text))))
    start, end = normal.original(first, last)
    assert 0 <= start <= end <= len(text)
    whole = normal.original(0, len(normal.text))
    assert whole[0] <= start
    assert end <= whole[1]


@given(st.text(st.characters(codec="ascii", exclude_categories=["Cc"]), max_size=80))
def test_plain_text_stays(text: str) -> None:
    assert normalise(text).text == text


@settings(max_examples=100, deadline=None)
@given(st.text(_CHARS, max_size=60))
def test_normal_text_stays_normal(text: str) -> None:
    once = normalise(text).text
    assert not any("\u200b" <= char <= "\u200f" or "\u202a" <= char <= "\u202e" for char in once)
    assert "\r" not in once


@pytest.mark.parametrize(
    "piece", ["a\u0301\u0316", "\u0301\u0316", "\u200b", "\u0410a", "\ufb01", "\u1161", "\r"]
)
def test_time_is_linear(piece: str) -> None:
    def took(size: int) -> float:
        text = (piece * (size // len(piece) + 1))[:size]
        best = 9.0
        for _ in range(2):
            started = time.process_time()
            normalise(text)
            best = min(best, time.process_time() - started)
        return best

    took(500)
    assert took(8_000) < 12 * took(2_000) + 0.05
