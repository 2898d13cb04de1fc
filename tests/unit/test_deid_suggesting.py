"""Which words a tagger's beliefs are enough for."""

from __future__ import annotations

import re

import pytest

from bot.deid.merging import Scored
from bot.deid.model import Kind, Source
from bot.deid.suggesting import suggested


def removed(marked: str, kind: Kind, belief: float = 0.9) -> list[str]:
    """What is removed if the tagger believes this of the words in brackets, and nothing of the others."""
    text, words, at = "", [], 0
    for mark in re.finditer(r"\[(.+?)\]", marked):
        text += marked[at : mark.start()]
        words.append(Scored(len(text), len(text) + len(mark[1]), kind, belief))
        text += mark[1]
        at = mark.end()
    text += marked[at:]
    return [text[one.start : one.end] for one in suggested(Source(text, "en"), words)]


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("she is [93]", Kind.AGE),
        ("she is [ninety]-[two] and well", Kind.AGE),
        ("a hundred and [four]", Kind.AGE),
        ("he is in [3]. then go to [4]. and bleep", Kind.OTHER),
        ("seen by [Okonjo] today", Kind.NAME),
    ],
)
def test_what_may_identify_goes(marked: str, kind: Kind) -> None:
    assert "".join(removed(marked, kind)).replace("-", "") == "".join(re.findall(r"\[(.+?)\]", marked))


@pytest.mark.parametrize(
    ("marked", "kind"),
    [
        ("he is [88], she [forty]-[four]", Kind.AGE),
        ("give [2L] at [500ml], [67F] and [160kg]", Kind.OTHER),
        ("handover [1]. DKA, K 3.1 [2]. CAP, well [3]. sore toe", Kind.OTHER),
        ("two things: [1]) CT [2]) bloods", Kind.OTHER),
    ],
)
def test_amounts_ages_and_items_stay(marked: str, kind: Kind) -> None:
    assert removed(marked, kind) == []


def test_an_ordinary_word_needs_more_belief_than_a_strange_one() -> None:
    assert removed("tell [Okonjo] and [hope]", Kind.NAME, 0.15) == ["Okonjo"]
