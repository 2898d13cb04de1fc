"""One seed of the soak, in a process of its own."""

from __future__ import annotations

import time

from tests.sim.case import Broken
from tests.sim.engine import Simulation


def one(seed: int, consults: int, compared: float) -> dict[str, object]:
    """One seed; what happened in it, or what did not hold."""
    began = time.process_time()
    simulation = Simulation(seed, consults, compared=compared)
    line: dict[str, object] = {"seed": seed}
    try:
        simulation.run()
    except Broken as error:
        line["broken"] = str(error)
    seconds = round(time.process_time() - began, 1)
    return {**line, "steps": simulation.steps, **simulation.counts, "cpu_seconds": seconds}
