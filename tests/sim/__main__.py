"""`make soak`: the simulation over many seeds.

python -m tests.sim [--seeds 1000] [--from 0] [--consults 20000] [--processes 2]

Prints a line for each seed and stops at the first invariant that does not hold; the seed given there
repeats it. With `--compare 1` every page is compared with a rota that is worked out anew.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
from functools import partial

from tests.sim.soak import one


def main(options: argparse.Namespace) -> bool:
    """Run the seeds; whether everything held in all of them."""
    seeds = range(options.first, options.first + options.seeds)
    work = partial(one, consults=options.consults, compared=options.compare)
    steps, done = 0, 0
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for line in pool.imap_unordered(work, seeds):
            print(json.dumps(line), flush=True)
            if "broken" in line:
                pool.terminate()
                return False
            steps, done = steps + int(str(line["steps"])), done + 1
    print(
        json.dumps(
            {"soak": "simulation", "seeds": done, "first": options.first, "steps": steps, "sound": True}
        )
    )
    return True


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000)
    parser.add_argument("--from", type=int, default=0, dest="first")
    parser.add_argument("--consults", type=int, default=20_000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--compare", type=float, default=0.02)
    sys.exit(0 if main(parser.parse_args()) else 1)
