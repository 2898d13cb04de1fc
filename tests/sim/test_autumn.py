"""Ninety days over the clock changes of autumn, with odd seeds."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.sim.ninety_days import SEEDS, run


@pytest.mark.parametrize("seed", SEEDS[1::2])
def test_ninety_days(seed: int, record_property: Callable[[str, object], None]) -> None:
    run(seed, record_property)
