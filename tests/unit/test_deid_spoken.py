"""Numbers as people speak or dictate them."""

from __future__ import annotations

import pytest

from bot.deid.engine import Engine

ENGINE = Engine(None)


def found(text: str, language: str = "en") -> list[str]:
    return [text[one.start : one.end] for one in ENGINE.find(text, language).spans if one.rule == "spoken"]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("her cell's four-oh-six, 555, oh-one-nine-oh, after 6", "four-oh-six, 555, oh-one-nine-oh"),
        ("ring (four four zero) 555-0121 please", "four four zero) 555-0121"),
        ("cell two-one-six 5550167, he was there", "two-one-six 5550167"),
        ("oh seven seven double oh nine one two three", "oh seven seven double oh nine one two three"),
        ("NHS 632 double seven 0 four 1 nine 2", "632 double seven 0 four 1 nine 2"),
        ("the car comma P four one six JOD comma and", "P four one six JOD"),
        ("bleep four one seven if it drops", "four one seven"),
        ("bleep fourteen oh two please", "fourteen oh two"),
        ("ring me back on forty-four oh two", "forty-four oh two"),
    ],
)
def test_spoken_numbers_are_found_whole(text: str, number: str) -> None:
    assert found(text) == [number]


@pytest.mark.parametrize(
    ("text", "number"),
    [
        (
            "Tel. null vier drei eins - fünf fünf fünf null zwei",
            "null vier drei eins - fünf fünf fünf null zwei",
        ),
        ("mobil null eins sieben sechs, 555 null null eins", "null eins sieben sechs, 555 null null eins"),
        ("die fallnummer neun acht eins steht drauf", "neun acht eins"),
        ("Rückruf unter vierundvierzig null eins, danke", "vierundvierzig null eins"),
    ],
)
def test_german_ones_too(text: str, number: str) -> None:
    assert found(text, "de") == [number]


@pytest.mark.parametrize(
    "text",
    [
        "give one or two tablets three to four times a day for five or six days",
        "grade two, three, four, five and six tears",
        "one, two or three of them had it",
        "BP 120 80, HR 90, sats 98, RR 14, temp 37 2",
        "he is forty-four, two kids; give ten, twenty or thirty mg, call on two, one at night",
        "ICU has two beds, three vents and four nurses",
    ],
)
def test_counting_is_no_number(text: str) -> None:
    assert found(text) == []
