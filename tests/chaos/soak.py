"""`make soak`: the whole chaos, on both databases, plain and encrypted; a JSON line for each.

python -m tests.chaos.soak [--commands 500] [--kills 200] [--burst 200] [--only sqlite-plain]
                           [--dir D] [--seed N]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import tempfile
from pathlib import Path

from bot.dev.synapse import HomeserverGroup
from tests.support.chaos import Chaos, Plan
from tests.support.postgres import Postgres

_COMBINATIONS = tuple(
    (database, kind) for database in ("sqlite", "postgres") for kind in ("plain", "encrypted")
)


async def main(options: argparse.Namespace) -> bool:
    """Run the combinations one after the other; True if every command was answered once in each."""
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(options.dir or name)
        group = HomeserverGroup.create(folder / "homeserver", ["chaos"])
        await asyncio.to_thread(group.start)
        postgres: Postgres | None = None
        try:
            for database, kind in _COMBINATIONS:
                if options.only not in (None, f"{database}-{kind}"):
                    continue
                url = ""
                if database == "postgres":
                    postgres = postgres or await Postgres.start()
                    url = await postgres.create_database()
                plan = Plan(
                    commands=options.commands,
                    kills=options.kills,
                    burst=options.burst,
                    encrypted=kind == "encrypted",
                    database=url,
                    seed=options.seed,
                )
                tally = await Chaos(group["chaos"], folder / f"{database}-{kind}", plan).run()
                whole = tally.sound and all(tally.failpoints[place] for place in plan.failpoints)
                sound = sound and whole
                line = {"soak": f"{database}-{kind}", "sound": whole, "seed": options.seed, **tally.line()}
                print(json.dumps(line), flush=True)
        finally:
            if postgres is not None:
                postgres.stop()
            await asyncio.to_thread(group.stop)
    return sound


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=500)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--burst", type=int, default=200)
    parser.add_argument("--only", choices=["-".join(pair) for pair in _COMBINATIONS])
    parser.add_argument("--dir", help="keep logs and databases here")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    sys.exit(0 if asyncio.run(main(parser.parse_args())) else 1)
