"""No recognizer takes more than linear time, whatever it is given.

Every module of `bot.deid.recognizers` with a `find` is run over hostile repeats; what counts is how the time
grows from one length to the next, in CPU time of this thread and the best of several runs, so that a busy
machine does not matter.
"""

from __future__ import annotations

import importlib
import pkgutil
import random
import time
from collections.abc import Callable, Iterable, Iterator

import pytest

from bot.deid import recognizers
from bot.deid.merging import merge
from bot.deid.model import Hit, Kind, Source, Trust

FIRST = 1_000  # characters; each length is four times the one before
LAST = 16_000
CHEAP = 0.003  # s for FIRST × 4: below it the clock says nothing
GROWTH = 7  # for four times the length: linear is 4, quadratic 16
PATIENCE = 2  # s that no hostile text may take at all
LONG = ("a", "A", "1", " ", "\n", "-", "1 ", "Aa ", "12.3.", "Dr. ")  # these at full length
NESTED = {"phones", "vehicles"}  # run by contacts and devices
SINGLE = list("aA1 -./@:(_+\n#é–,;'\"&*=<>[ßé東💉")
UNITS = [
    *(
        "0 ",
        "1-",
        "1.",
        "1/",
        "a.",
        "a@",
        "a-",
        "A1",
        "1a",
        " 1",
        "a ",
        "A ",
        "Aa ",
        "12 ",
        "(1",
        "@a",
        "1:",
        "::",
        "1,",
    ),
    *(
        "mrn ",
        "mrn no ",
        "room ",
        "bed 1 ",
        "tel ",
        "no. ",
        "nr. ",
        "http://",
        "www.",
        "a.a.",
        "a at a ",
        "a dot ",
        "x1 ",
    ),
    *(
        "Dr. ",
        "St ",
        "12.3.",
        "12/3/",
        "Jan ",
        "3rd of ",
        "in 1 ",
        "in the ",
        "+1 ",
        "REF ",
        "LOT ",
        "ABC1-",
        "1 and ",
    ),
    *(
        "Aa Aa ",
        "Aa-",
        "O'",
        "A.",
        "J.S. ",
        "of the ",
        "von der ",
        "pt ",
        "mr ",
        "lot 1 ",
        "ends in ",
        "call ",
        "1 1 1 1 1 1 ",
    ),
    *(
        "\n1 ",
        "\n1: A ",
        "1-1-1 ",
        "2024-01-",
        "ninety-",
        "years old ",
        "aged ",
        "insta ",
        "plate A",
        "(01)",
        "Unknown A ",
        "DE12 ",
    ),
]


def _mixed() -> Iterator[str]:
    """Units of several tokens, always the same ones."""
    chance = random.Random(5)
    tokens = [unit for unit in UNITS if len(unit) > 1]
    for _ in range(15):
        yield "".join(chance.choice(tokens) for _ in range(chance.randint(2, 4)))


HOSTILE = [*SINGLE, *UNITS, *_mixed()]


def _finders() -> Iterator[tuple[str, Callable[[Source], Iterable[Hit]]]]:
    for module in pkgutil.iter_modules(recognizers.__path__):
        find = getattr(importlib.import_module(f"{recognizers.__name__}.{module.name}"), "find", None)
        if find is not None and module.name not in NESTED:
            yield module.name, find


def _spent(
    find: Callable[[Source], Iterable[Hit]], unit: str, length: int, language: str, runs: int
) -> float:
    """The least CPU time in seconds that a text of this length takes."""
    text = (unit * (length // len(unit) + 1))[:length] + "!"
    best = float("inf")
    for _ in range(runs):
        source = Source(text, language)  # a new one: it keeps what was made of the text
        began = time.thread_time()
        for _hit in find(source):
            pass
        best = min(best, time.thread_time() - began)
    return best


def _grows(find: Callable[[Source], Iterable[Hit]], unit: str, language: str) -> str | None:
    """What a text takes whose time grows faster than its length, or None."""
    length = FIRST
    before = _spent(find, unit, length, language, 1)
    steep = 0
    while length < LAST:
        length *= 4
        after = _spent(find, unit, length, language, 1)
        if after > before * GROWTH and after > CHEAP and after < PATIENCE:
            before = min(before, _spent(find, unit, length // 4, language, 3))
            after = min(after, _spent(find, unit, length, language, 2))
        steep = steep + 1 if after > before * GROWTH and after > CHEAP else 0
        if steep == 2 or after > PATIENCE:
            return f"{unit!r}: {after:.2f} s for {length} characters, {before:.2f} s for a quarter of them"
        if steep == 0 and (unit not in LONG or length >= FIRST * 16):
            return None
        before = after
    return None


@pytest.mark.parametrize(("name", "find"), [pytest.param(*one, id=one[0]) for one in _finders()])
def test_time_grows_with_length_only(name: str, find: Callable[[Source], Iterable[Hit]]) -> None:
    chance = random.Random(name)
    for unit in HOSTILE:
        language = chance.choice(("en", "de", "es", "fr"))
        told = _grows(find, unit, language) and _grows(find, unit, language)  # anew: a machine stumbles
        assert told is None, told


def test_merging_grows_with_the_number_of_finds_only() -> None:
    def spent(number: int) -> float:
        text = "Ross River, Anna. " * number
        at = range(0, len(text), 18)
        hits = [Hit(start + 12, start + 16, Kind.NAME, Trust.SOFT, "name") for start in at]
        began = time.process_time()
        merge(text, hits, (), None, [(start, start + 10) for start in at])
        return time.process_time() - began

    assert min(spent(8_000) for _ in range(2)) < GROWTH * min(spent(2_000) for _ in range(3))


def test_a_quadratic_rule_is_found() -> None:
    """The measure itself: a rule that looks at the rest of the text from every place is told."""

    def find(source: Source) -> Iterable[Hit]:
        for at in range(len(source.text)):
            source.text.count("bb", at)
        return ()

    assert _grows(find, "b", "en") is not None
