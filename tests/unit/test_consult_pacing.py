"""How often somebody is interrupted, and who is asked first among equals."""

from datetime import datetime, timedelta

import pytest

from bot.consults import pacing
from tests.support.consulting import (
    NOW,
    A,
    B,
    C,
)


@pytest.mark.parametrize(
    ("sent", "quiet", "waiting", "expected"),
    [
        ([], None, None, 0),
        ([], 240, None, 240),
        ([-50, -40, -30, -20], None, None, 10),  # the fifth, when the first is an hour old
        ([-50, -40, -40, -30], None, None, 0),  # a bundle is one interruption
        ([-90, -80, -70, -65], None, None, 0),
        ([-50, -40, -30, -20, -10], None, None, 20),
        ([-50, -40, -30, -20], None, 10, 10),
        ([], None, 5, 5),
    ],
)
def test_how_often_somebody_is_interrupted(
    sent: list[int], quiet: int | None, waiting: int | None, expected: int
) -> None:
    def at(minute: int) -> datetime:
        return NOW + timedelta(minutes=minute)

    found = pacing.when(
        NOW,
        quiet_until=None if quiet is None else at(quiet),
        sent=[at(minute) for minute in sent],
        waiting=None if waiting is None else at(waiting),
        per_hour=4,
    )
    assert found == at(expected)


def test_among_equals_the_least_loaded_is_asked_first() -> None:
    assert pacing.fairly((A, B, C), {A: 3, B: 1}) == (C, B, A)
    assert pacing.fairly((A, B), {}) == (A, B)
