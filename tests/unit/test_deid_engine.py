"""The engine: merging, offsets of the original, refusals, and the author's corrections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid import edits, engine, merging, versions
from bot.deid.edits import Edits
from bot.deid.engine import Engine, TooLong, UnsupportedLanguage
from bot.deid.merging import Scored
from bot.deid.model import Hit, Kind, Result, Span, Tier, Trust

TEXT = "Seen Anna Keller at Lund"


def _hit(start: int, end: int, kind: Kind = Kind.NAME, trust: Trust = Trust.SURE) -> Hit:
    return Hit(start, end, kind, trust, "rule")


def test_what_overlaps_becomes_one_span_of_the_better_kind() -> None:
    (found,) = merging.merge(TEXT, [_hit(5, 9, trust=Trust.SOFT), _hit(5, 16, Kind.CLINICIAN)], ())
    assert (found.start, found.end, found.kind, found.tier) == (5, 16, Kind.CLINICIAN, Tier.CERTAIN)


def test_names_side_by_side_are_one_person() -> None:
    (found,) = merging.merge(TEXT, [_hit(5, 9), _hit(10, 16)], ())
    assert (found.start, found.end) == (5, 16)
    apart = merging.merge(TEXT, [_hit(5, 9), _hit(10, 16, Kind.CLINICIAN)], ())
    assert len(apart) == 2


def test_a_soft_hit_falls_when_the_tagger_is_sure_of_the_opposite() -> None:
    soft = [_hit(5, 9, trust=Trust.SOFT)]
    assert merging.merge(TEXT, soft, (), lambda *_: 0.01) == []
    assert merging.merge(TEXT, soft, (), lambda *_: 0.5)[0].tier is Tier.UNCERTAIN
    assert merging.merge(TEXT, soft, ()) != []  # no tagger, no veto
    assert merging.merge(TEXT, [_hit(5, 9)], (), lambda *_: 0.01) != []


def test_what_only_the_tagger_saw_is_certain_or_uncertain_by_its_score() -> None:
    def tier(score: float) -> list[Tier]:
        return [one.tier for one in merging.merge(TEXT, (), [Scored(6, 8, Kind.NAME, score)])]

    assert tier(0.95) == [Tier.CERTAIN]
    assert tier(0.4) == [Tier.UNCERTAIN]
    (found,) = merging.merge(TEXT, (), [Scored(6, 8, Kind.NAME, 0.9)])
    assert (found.start, found.end) == (5, 9)  # whole words


def test_exempt_places_hold_against_what_is_merely_suspected() -> None:
    exempt = [(5, 16)]
    assert merging.merge(TEXT, [_hit(5, 9, trust=Trust.SOFT)], (), None, exempt) == []
    assert merging.merge(TEXT, (), [Scored(5, 9, Kind.NAME, 0.9)], None, exempt) == []
    assert merging.merge(TEXT, [_hit(5, 9)], (), None, exempt) != []


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="ab -é", max_size=30),
    st.lists(
        st.tuples(
            st.integers(0, 30),
            st.integers(0, 30),
            st.sampled_from(sorted(Kind)),
            st.sampled_from(list(Trust)),
        )
    ),
    st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 1))),
)
def test_merged_spans_never_overlap(
    text: str, hits: list[tuple[int, int, Kind, Trust]], tagged: list[tuple[int, int, float]]
) -> None:
    size = len(text)
    found = merging.merge(
        text,
        [_hit(min(start, size), min(end, size), kind, trust) for start, end, kind, trust in hits],
        [Scored(min(start, size), min(end, size), Kind.NAME, score) for start, end, score in tagged],
    )
    assert all(one.start < one.end for one in found)
    assert all(first.end <= second.start for first, second in pairwise(found))


class _Reading:
    """Believes what it is told."""

    def __init__(self, spans: Sequence[Scored], belief: float) -> None:
        self._spans, self._belief = spans, belief

    def words(self) -> Sequence[Scored]:
        return self._spans

    def strongest(self, start: int, end: int) -> float:
        return self._belief


class _Tagger:
    version = "test"

    def __init__(self, words: dict[str, float], belief: float = 0.5) -> None:
        self._words, self._belief = words, belief

    def read(self, text: str, hints: bytes = b"") -> _Reading:
        spans = [
            Scored(text.index(word), text.index(word) + len(word), Kind.NAME, score)
            for word, score in self._words.items()
            if word in text
        ]
        return _Reading(spans, self._belief)


def test_dates_ages_and_contacts_go_and_the_text_says_so() -> None:
    text = (
        "Pt is 94yo, admitted 2024-03-12, discharged 2024-03-15. "
        "Write to the ward at anna.keller@example.org please."
    )
    result = Engine(None).find(text)
    assert "94" not in result.text
    assert "2024" not in result.text
    assert "keller@" not in result.text
    assert "90+yo" in result.text
    assert "[day 0]" in result.text
    assert "[day +3]" in result.text
    assert result.language == "en"
    assert result.versions["model"] == "none"
    assert [span.number for span in result.spans] == list(range(1, len(result.spans) + 1))
    assert engine.applied(text, result.spans) == result.text


def test_offsets_are_those_of_the_original() -> None:
    text = "Pt e\u0301 \u200bseen on \uff11\uff12 Ma\u200brch 2024 with a \ufb01ne rash\u00a0and fever"
    result = Engine(None).find(text)
    (span,) = [one for one in result.spans if one.kind is Kind.DATE]
    assert text[span.start : span.end] == "\uff11\uff12 Ma\u200brch 2024"


def test_what_only_the_tagger_sees_goes_too() -> None:
    text = "The patient zorblat has a fever since yesterday and we need advice"
    result = Engine(_Tagger({"zorblat": 0.9})).find(text)
    assert "zorblat" not in result.text
    assert result.versions["model"] == "test"


def test_refusals() -> None:
    ready = Engine(None)
    with pytest.raises(UnsupportedLanguage):
        ready.find("Пациентка 54 лет, боль в груди со вчерашнего дня")
    with pytest.raises(UnsupportedLanguage):
        ready.find("The patient has a fever", "it")
    with pytest.raises(TooLong):
        ready.find("a" * (engine.LONGEST + 1))
    assert ready.proven("a" * (engine.LONGEST + 1)) == ()
    assert ready.proven("Пациентка 54 лет, боль в груди со вчерашнего дня") == ()


def test_addresses_and_numbers_are_proven_in_any_language() -> None:
    text = "Пациентка Mrs Anna Keller 54 лет, MRN 08151234, anna.k@mail.example, +49 221 4710 815, болит"
    found = [text[span.start : span.end] for span in Engine(None).proven(text)]
    assert found == ["08151234", "anna.k@mail.example", "+49 221 4710 815"]


def test_the_subset_for_live_rooms_holds_only_what_is_proven() -> None:
    text = "The patient was seen on Monday, dob 12/3/1958, and he is 94"
    spans = Engine(None).proven(text)
    assert [text[span.start : span.end] for span in spans] == ["12/3/1958"]
    assert spans[0].tier is Tier.CERTAIN


def test_counts_go_by_the_classes_of_safe_harbor() -> None:
    spans = [
        Span(0, 1, kind, Tier.CERTAIN, "[X]", 1, "rule")
        for kind in (Kind.NAME, Kind.CLINICIAN, Kind.DATE, Kind.EMAIL)
    ]
    assert engine.counts(spans) == {"A": 2, "C": 1, "F": 1}


def _result(text: str, *words: str) -> Result:
    spans = tuple(
        Span(
            text.index(word),
            text.index(word) + len(word),
            Kind.NAME,
            Tier.CERTAIN,
            f"[NAME-{number}]",
            number,
            "rule",
        )
        for number, word in enumerate(words, 1)
    )
    return Result(engine.applied(text, spans), spans, (), "en")


def test_restoring_brings_a_span_back_with_a_warning() -> None:
    text = "Anna saw Bo at Lund"
    result = _result(text, "Anna", "Bo")
    changed = edits.corrected(text, result, Edits().restore(text, result, [2]))
    assert changed.text == "[NAME-1] saw Bo at Lund"
    assert [(hint.start, hint.reason) for hint in changed.quasi] == [(9, "restored")]
    assert [span.number for span in changed.spans] == [1]
    with pytest.raises(KeyError):
        Edits().restore(text, result, [3])


def test_removing_takes_words_out_wherever_they_stand() -> None:
    text = "Anna saw Bo at St  Mary's, st mary's agreed, not stmary's"
    result = _result(text, "Anna", "Bo")
    wanted = Edits().remove(text, "St Mary's")
    changed = edits.corrected(text, result, wanted)
    assert changed.text == "[NAME-1] saw [NAME-2] at [REMOVED], [REMOVED] agreed, not stmary's"
    assert [span.number for span in changed.spans] == [1, 2, 3, 4]
    with pytest.raises(KeyError):
        Edits().remove(text, "Malmö")
    with pytest.raises(ValueError, match="a"):
        Edits().remove(text, "a")


def test_removing_takes_up_spans_that_it_meets_and_undoes_a_restore() -> None:
    text = "Anna Keller came"
    result = _result(text, "Anna")
    restored = Edits().restore(text, result, [1])
    assert edits.corrected(text, result, restored).text == text
    removed = restored.remove(text, "Anna Keller")
    assert edits.corrected(text, result, removed).text == "[REMOVED] came"
    assert removed.carried == Edits(removed=("Anna Keller",))


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.sampled_from(["Anna", "Bo", "Keller", "saw", "at", "Lund"]), min_size=3, max_size=12),
    st.data(),
)
def test_corrected_text_always_matches_its_spans(words: list[str], data: st.DataObject) -> None:
    text = " ".join(words)
    result = _result(text, words[0]) if words[0] else _result(text)
    author = Edits().remove(text, data.draw(st.sampled_from(words)))
    if data.draw(st.booleans()):
        author = replace(author, restored=frozenset({(0, len(words[0]))}))
    changed = edits.corrected(text, result, author)
    assert changed.text == engine.applied(text, changed.spans)
    assert all(one.end <= other.start for one, other in pairwise(changed.spans))


def test_the_versions_are_known_without_loading_anything() -> None:
    assert versions.shipped() == Engine.load().versions
