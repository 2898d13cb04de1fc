"""Right-to-left text as it stands on a page (examples as of UAX #9), and Arabic letters joined."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.export import bidi


@pytest.mark.parametrize(
    ("typed", "seen"),
    [
        ("rate 140: cardiovert?", "rate 140: cardiovert?"),
        ("abc שלום def", "abc םולש def"),
        ("שלום abc 123 עולם", "םלוע abc 123 םולש"),
        ("a שלום, עולם b", "a םלוע ,םולש b"),
        ("(שלום)", "(םולש)"),
        ("12 mg שלום 34", "12 mg 34 םולש"),
        ("דופק 140, לחץ 95/60", "95/60 ץחל ,140 קפוד"),
        ("ערך 1.5, עלייה 50%", "50% היילע ,1.5 ךרע"),
        ("שָׁלוֹם", "םוֹלשָׁ"),
        ("", ""),
    ],
)
def test_a_line_as_it_is_seen(typed: str, seen: str) -> None:
    assert bidi.visual(typed) == seen


def test_arabic_letters_take_the_form_of_their_place() -> None:
    names = [unicodedata.name(char) for char in bidi.joined("مرحبا")]
    assert [name.rpartition("LETTER ")[2] for name in names] == [
        "MEEM INITIAL FORM", "REH FINAL FORM", "HAH INITIAL FORM", "BEH MEDIAL FORM", "ALEF FINAL FORM",
    ]  # fmt: skip
    assert unicodedata.name(bidi.joined("لا")) == "ARABIC LIGATURE LAM WITH ALEF ISOLATED FORM"
    assert bidi.joined("نعم abc שלום")[4:] == "abc שלום"
    apart = bidi.joined("می\u200cشود")  # Persian: a mark that parts two letters
    assert unicodedata.name(apart[1]).endswith("FARSI YEH FINAL FORM")


@given(st.text(alphabet="ab 12(),.שלוםمرحبا\u064e\u200c😀\n"))
def test_nothing_is_lost(text: str) -> None:
    assert sorted(bidi.visual(text)) == sorted(text.translate(bidi._MIRRORED)) or sorted(
        char for char in bidi.visual(text) if char not in "()"
    ) == sorted(char for char in text if char not in "()")
    assert unicodedata.normalize("NFKC", bidi.joined(text)) == unicodedata.normalize("NFKC", text)
