"""What the tagger is told of the rules."""

from __future__ import annotations

from bot.deid.engine import Engine
from bot.deid.hinting import VALUES, hints
from bot.deid.model import Hit, Kind, Trust
from bot.deid.tagger import Tagger


def test_what_is_sure_hides_what_is_exempt_and_that_what_is_suspected() -> None:
    soft = Hit(0, 6, Kind.NAME, Trust.SOFT, "soft")
    sure = Hit(4, 8, Kind.PHONE, Trust.SURE, "sure")
    assert list(hints(9, [sure, soft], [(2, 5)])) == [2, 2, 1, 1, 9, 9, 9, 9, 0]


def test_every_kind_has_a_hint_for_suspected_and_for_sure() -> None:
    for kind in Kind:
        (soft,) = hints(1, [Hit(0, 1, kind, Trust.SOFT, "")], ())
        (sure,) = hints(1, [Hit(0, 1, kind, Trust.PROVEN, "")], ())
        assert 1 < soft < sure < VALUES
        assert sure == soft + 1


def test_a_hint_beyond_the_end_is_cut_off() -> None:
    assert hints(3, [Hit(1, 9, Kind.DATE, Trust.SURE, "")], ()) == bytes((0, 7, 7))


def test_the_engine_tells_the_tagger_what_the_rules_say() -> None:
    told: list[bytes] = []

    class Listening(Tagger):
        def __init__(self) -> None:
            self.version = "listening"

        def read(self, text: str, hints: bytes = b""):  # type: ignore[no-untyped-def]
            told.append(hints)
            return _Nothing()

    class _Nothing:
        def words(self) -> list[object]:
            return []

        def strongest(self, start: int, end: int) -> float:
            return 1.0

    text = "call 555-0143 re Crohn"
    Engine(Listening()).find(text)
    (said,) = told
    assert len(said) == len(text)
    assert set(said[5:13]) == {9}
    assert 1 in said[17:]
