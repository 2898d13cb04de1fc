"""How training texts are made and scored: marks stay where the text is."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot.deid.model import Kind
from bot.deid.pieces import Vocabulary
from bot.deid.versions import MODEL
from training.data import POSTS, Mark, Text, parse, posts, public
from training.evaluate import score

pytest.importorskip("faker", reason="training needs the extra `train`")

from training.generate import Generator, jittered
from training.tags import TAGS, WINDOW, windows

TEMPLATES = Path(__file__).parents[2] / "training" / "templates"


def test_marks_are_read() -> None:
    text, marks = parse("pt [[NAME:Anna]] in [[ROOM:4]].")
    assert text == "pt Anna in 4."
    assert marks == (Mark(3, 7, Kind.NAME), Mark(11, 12, Kind.ROOM))


@pytest.mark.parametrize(
    "file", sorted([*POSTS.glob("*.txt"), *TEMPLATES.glob("*.txt")]), ids=lambda file: file.stem
)
def test_posts_are_marked_well(file: Path) -> None:
    for post in posts(file):
        assert "[[" not in post.text
        assert "]]" not in post.text
        for mark in post.marks:
            written = post.text[mark.start : mark.end]
            assert written == written.strip()


def test_public_sets_are_read(tmp_path: Path) -> None:
    file = tmp_path / "some_de.jsonl"
    file.write_text(
        '{"text": "Beate, 55, seit 2007, am 4.5.", "spans": [{"start": 0, "end": 5, "type": "NAME_PATIENT"}, '
        '{"start": 7, "end": 9, "type": "AGE"}, {"start": 16, "end": 20, "type": "DATE"}, '
        '{"start": 25, "end": 29, "type": "DATE"}]}\n',
        "utf-8",
    )
    (text,) = public(file)
    assert text.language == "de"
    assert [text.text[mark.start : mark.end] for mark in text.marks] == ["Beate", "4.5."]


def test_variants_keep_their_marks() -> None:
    post = Text(*parse("[[NAME:Anna Keller]] ([[DATE:3 May]]): keller on [[ID:AB-1234]]"), "me", "en")
    generator = Generator([post], 1)
    for variant in generator.variants([post], 60):
        assert len(variant.marks) <= 3
        for mark in variant.marks:
            assert mark.start < mark.end <= len(variant.text)
        ends = [0, *(mark.end for mark in variant.marks)]
        assert all(mark.start >= end for mark, end in zip(variant.marks, ends, strict=False))


def test_a_number_keeps_its_form() -> None:
    import random

    new = jittered("MRN AB-12 3", random.Random(1))
    assert [character.isdigit() for character in new] == [character.isdigit() for character in "MRN AB-12 3"]


def test_tags_stand_at_their_pieces() -> None:
    vocabulary = Vocabulary.load(MODEL / "vocabulary.txt")
    text = Text(*parse("pt [[NAME:Kowalczyk]] in [[ROOM:4B]] " + "ok " * WINDOW), "me", "en")
    first, *rest = windows([text], vocabulary, seed=1)
    tagged = {TAGS[tag] for tag in first.tags if tag >= 0}
    assert tagged == {"O", "NAME", "NUMBER"}
    assert rest
    assert all(len(window.ids) <= WINDOW + 2 for window in (first, *rest))


def test_what_is_forgotten_is_as_if_lists_and_rules_knew_nothing() -> None:
    vocabulary = Vocabulary.load(MODEL / "vocabulary.txt")
    text = Text(*parse("Dr [[CLINICIAN:Kowalczyk]] called, mrn [[ID:4471220]]"), "me", "en")
    (known,) = windows([text], vocabulary, seed=1, forgotten=0.0)
    (unknown,) = windows([text], vocabulary, seed=1, forgotten=1.0)
    assert known.ids == unknown.ids
    assert any(features[5] for features in known.features)
    assert {features[7] for features in known.features} >= {0, 3, 11}
    assert all(features[5:] == (0, 0, 0) for features in unknown.features)


def test_scores() -> None:
    text = Text(*parse("pt [[NAME:Anna Keller]] ok [[ROOM:4]]"), "me", "en")
    free = Text("all good", (), "me", "en")
    half = score([text, free], lambda one: [Mark(3, 7, Kind.NAME)] if one.marks else [Mark(0, 3, Kind.NAME)])
    assert (half.full, half.spans, half.clean, half.altered) == (0, 2, 0, 1)
    assert (half.right, half.removed) == (1, 2)
    whole = score([text, free], lambda one: list(one.marks))
    assert (whole.full, whole.clean, whole.altered, whole.refused) == (2, 1, 0, 0)
