"""What continuous integration runs of the simulation: ninety days a seed, each seed named in the summary.

The first seed of each window runs with all 20,000 consults, the others with a fifth of them: what can go
wrong in ninety days happens in each. `make soak` runs every seed in full.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.sim.engine import Simulation

SEEDS = range(20)
_FULL, _FEWER = 20_000, 4_000


def run(seed: int, record: Callable[[str, object], None]) -> None:
    """One seed; the message of a failure names it, the number of consults and the moment."""
    consults = _FULL if seed in SEEDS[:2] else _FEWER
    simulation = Simulation(seed, consults).run()
    counts = simulation.counts
    told = f"seed {seed}, {consults} consults: {simulation.steps} steps, {counts['pages']} pages, sound"
    record("simulation", told)
    # What the run is for has happened in it.
    happened = ("crashes", "partitions", "covers", "off duty", "bundled", "pages failed", "revocations")
    assert all(counts[what] for what in happened), counts
    assert simulation.settled
