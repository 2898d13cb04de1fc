"""Requests as people type them: labels in any of the forms they use, and texts that hold none."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.intake.parsing import Typed, clean, read
from bot.consults.request import Attached, Request

QUESTION = "new AF, rate 140: cardiovert?"


def test_one_line_with_labels_and_a_flag() -> None:
    typed = read(f"{QUESTION} ward: B12 callback: 4711 follow")
    assert typed == Typed(QUESTION, {"ward": "B12", "callback": "4711"}, follow=True)


def test_several_lines() -> None:
    typed = read(
        "cardiovert or rate control?\nS: new AF, rate 140\nB: CKD 4, no anticoagulation\nA: stable\n"
        "R: strategy tonight\nWard: B12, bed 3\nCallback: 4711\nExpects: concern\n"
    )
    assert typed.question == "cardiovert or rate control?"
    assert typed.parts == {
        "situation": "new AF, rate 140",
        "background": "CKD 4, no anticoagulation",
        "assessment": "stable",
        "recommendation": "strategy tonight",
        "ward": "B12, bed 3",
        "callback": "4711",
    }
    assert (typed.expects, typed.follow) == ("concern", None)


def test_german_labels() -> None:
    typed = read(
        "Kardiovertieren?\nSituation: neues VHF\nHintergrund: CKD\nEinschätzung: stabil\n"
        "Empfehlung: Strategie\n"
        "Station: B12\nRückruf: 4711\nErwartet: Sorge\nVerlauf: mitbetreuen"
    )
    assert set(typed.parts) == {
        "situation",
        "background",
        "assessment",
        "recommendation",
        "ward",
        "callback",
    }
    assert (typed.expects, typed.follow) == ("concern", True)


def test_sbar_on_one_line() -> None:
    typed = read("lysis? S: hemiparesis 40 min B: on apixaban A: stroke R: lysis or thrombectomy")
    assert typed.question == "lysis?"
    assert typed.parts["background"] == "on apixaban"
    assert typed.parts["recommendation"] == "lysis or thrombectomy"


def test_a_labelled_question_may_stand_anywhere() -> None:
    assert read("Ward: B12\nQuestion: cardiovert?") == Typed("cardiovert?", {"ward": "B12"}, replaces=True)


@pytest.mark.parametrize(
    "text",
    [
        QUESTION,
        "hepatitis A: vaccinate?",
        "seen on the ward: pale, clammy, BP 80. Fluids?",
        "should I follow",
        "who is to follow",
        "ratio 3:1, what now?",
        "plan B: surgery?",
        "https://example.org/a: read this?",
        "please call the ward: nobody there answers the telephone, what do we do with bed 3 tonight?",
    ],
)
def test_what_holds_no_label_is_the_question_whole(text: str) -> None:
    assert read(text) == Typed(text)


def test_what_is_wrong_is_named() -> None:
    assert read("x?\nExpects: a miracle").unknown == "a miracle"
    assert read("x?\nWard: " + "B" * 100).too_long == "ward"
    assert read("S: only this") == Typed("", {"situation": "only this"})


def test_what_cannot_be_shown_is_left_out_and_right_to_left_text_stays() -> None:
    assert clean("a\x00b\x1b[31m\u202ec\u2066\nd\te") == "ab[31mc\nd\te"
    hebrew = "האם לתת הפרין?"
    assert clean(f"\u202e{hebrew}\u202c") == hebrew
    assert read(hebrew).question == hebrew


@pytest.mark.parametrize(
    "text", ["ward: " * 10_000, "S:\n" * 20_000, " callback:" * 6_000, "\n" * 60_000, "- " * 30_000]
)
def test_hostile_texts_take_no_longer_than_they_are(text: str) -> None:
    begun = time.monotonic()
    read(text)
    assert time.monotonic() - begun < 5.0


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str) -> None:
    typed = read(text)
    assert not any(ord(char) < 32 and char not in "\n\t" for char in typed.question)


@given(
    st.builds(
        Request,
        st.text(min_size=1, max_size=40),
        situation=st.text(max_size=20),
        ward=st.text(max_size=20),
        callback=st.text(max_size=20),
        template=st.sampled_from(["", "stroke"]),
        fields=st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5))).map(tuple),
        attachments=st.lists(
            st.builds(
                Attached,
                st.text(max_size=5),
                st.just({"body": "x"}),
                st.lists(st.text(max_size=5)).map(tuple),
            ),
            max_size=2,
        ).map(tuple),
    )
)
def test_a_request_comes_back_as_it_was_sealed(request_: Request) -> None:
    assert Request.from_json(request_.to_json()) == request_


def test_an_earlier_request_is_its_question() -> None:
    assert Request.from_json("cardiovert?") == Request("cardiovert?")
    changed = Request("q", fields=(("a", "1"),)).with_fields({"a": "", "b": "2"})
    assert changed.fields == (("b", "2"),)
    assert changed.with_parts(ward="B12").parts == {"ward": "B12"}
