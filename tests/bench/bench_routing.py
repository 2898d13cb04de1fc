"""`make bench`: routing with 10,000 clinicians, 500 services and up to 100,000 open consults.

python -m tests.bench.bench_routing [--only sqlite] [--sizes 1000 10000 100000]

What grows too fast, or goes out twice, ends it with an error; times are printed with what is allowed, since
the machine they were measured on decides about them.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from bot.chat.desk import Desk
from bot.consults import duty, rules, store
from bot.consults.service import PAGE_RESULT
from bot.kernel import migrate
from bot.kernel.outbox import outbox_rows
from tests.bench.rig import report
from tests.bench.routing_stage import PEOPLE, SERVICES, Stage, write_roster
from tests.support.postgres import Postgres, PostgresUnavailableError

_SAMPLES = 400
_WARM = 60
_DUE = 1_000
_WORKERS = 4
_ALLOWED_MS = 5.0
_ALLOWED_SECONDS = 2.0
_SLACK = 1.25  # what two measurements of the same thing may differ by
_START_SECONDS = 300.0


@dataclass
class Figures:
    """Milliseconds of one kind of decision, and the processor time that this process spent on it."""

    wall: list[float]
    cpu: list[float]

    def at(self, share: int) -> float:
        return sorted(self.wall)[len(self.wall) * share // 100]

    def cost(self, share: int = 50) -> float:
        """Processor time, of which a busy machine takes hardly more than a free one."""
        return sorted(self.cpu)[len(self.cpu) * share // 100]


def shown(value: float, allowed: float) -> str:
    return "ok" if value <= allowed else "short"


async def decisions(stage: Stage, size: int) -> dict[str, Figures]:
    """New consults, each a transaction from its beginning to its commit; and the decision in it alone."""
    rng = random.Random(size)
    whole, alone = Figures([], []), Figures([], [])
    for number in range(_SAMPLES + _WARM):
        began, spent = time.perf_counter(), time.process_time()
        async with stage.database.begin() as tx:
            consult = stage.new(tx, await store.free_id(tx), rng)
            await stage.begin(tx, consult)
        took, cpu = time.perf_counter() - began, time.process_time() - spent
        began = time.perf_counter()
        async with stage.database.read() as tx:
            consult = stage.new(tx, "C-TRY", rng)
            spent = time.process_time()
            began = time.perf_counter()
            rules.begin(consult, tx.now, await duty.known(Desk(stage.house, tx, "curbside"), consult))
            only, only_cpu = time.perf_counter() - began, time.process_time() - spent
        if number >= _WARM:
            whole.wall.append(took * 1000)
            whole.cpu.append(cpu * 1000)
            alone.wall.append(only * 1000)
            alone.cpu.append(only_cpu * 1000)
    return {"decision, whole transaction": whole, "decision alone": alone}


async def escalations(stage: Stage, size: int) -> Figures:
    """Turns that run out: claimed, decided, the next one paged, committed; several share a transaction."""
    await stage.due_now(_SAMPLES)
    figures, left = Figures([], []), await stage.due()
    while left:
        began, spent = time.perf_counter(), time.process_time()
        assert await stage.engine.fire_one(), f"{left} left at {size}"
        took, cpu = time.perf_counter() - began, time.process_time() - spent
        before, left = left, await stage.due()
        figures.wall += [took * 1000 / (before - left)] * (before - left)
        figures.cpu += [cpu * 1000 / (before - left)] * (before - left)
    return figures


async def pages(stage: Stage) -> Counter[str]:
    """The pages in the outbox: consult and number → how often."""
    async with stage.database.read() as tx:
        query = select(outbox_rows.c.ref, func.count()).where(outbox_rows.c.topic == PAGE_RESULT)
        return Counter({row[0]: row[1] for row in await tx.conn.execute(query.group_by(outbox_rows.c.ref))})


async def at_once(stage: Stage, folder: Path, workers: int) -> float:
    """1,000 turns run out in one second; seconds until all next pages are in the outbox, none twice."""
    before = await pages(stage)
    if workers == 1:
        asked = await stage.due_now(_DUE)
        began = time.monotonic()
        await stage.fire_all()
        took = time.monotonic() - began
    else:
        command = [
            sys.executable,
            "-m",
            "tests.bench.bench_routing",
            "--worker",
            stage.database.url,
            str(folder),
        ]
        running = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            for _ in range(workers)
        ]
        try:
            for process in running:
                assert process.stdout is not None
                line = await asyncio.wait_for(asyncio.to_thread(process.stdout.readline), _START_SECONDS)
                assert line == "ready\n", line
            asked = await stage.due_now(_DUE)
            began = time.monotonic()
            for process in running:
                assert process.stdin is not None
                process.stdin.write("go\n")
                process.stdin.flush()
            await asyncio.gather(
                *(asyncio.to_thread(process.stdout.readline) for process in running if process.stdout)
            )
            took = time.monotonic() - began
        finally:
            for process in running:
                process.kill()
                process.wait()
    fresh = await pages(stage) - before
    assert max(fresh.values()) == 1, "a page is in the outbox twice"
    assert Counter(ref.partition(" ")[0] for ref in fresh) == Counter(asked), f"{fresh.total()} pages"
    assert await stage.due() == 0
    return took


async def measure(name: str, url: str, folder: Path, sizes: list[int], workers: int) -> bool:
    """Everything on one database; whether nothing grew too fast."""
    stage = Stage.open(folder, url)
    sound = True
    costs: dict[str, dict[int, Figures]] = {}
    try:
        await migrate.upgrade(stage.database)
        filled = 0
        for size in sizes:
            await stage.fill(filled, size)
            filled = size
            found = await decisions(stage, size)
            found["escalation"] = await escalations(stage, size)
            for what, figures in found.items():
                costs.setdefault(what, {})[size] = figures
                p95 = figures.at(95)
                report(
                    f"routing {name}: {what}",
                    clinicians=PEOPLE,
                    services=SERVICES,
                    open_consults=size,
                    p50_ms=figures.at(50),
                    p95_ms=p95,
                    cpu_p50_ms=figures.cost(),
                    cpu_p95_ms=figures.cost(95),
                    allowed_p95_ms=_ALLOWED_MS,
                    within=shown(p95, _ALLOWED_MS),
                )
        for what, by_size in costs.items():
            first = by_size[sizes[0]].cost()
            for size in sizes[1:]:
                ratio, allowed = by_size[size].cost() / first, math.log(size) / math.log(sizes[0])
                grows = shown(ratio, allowed * _SLACK)
                sound = sound and grows == "ok"
                report(f"routing {name}: growth of {what}", to=size, ratio=ratio, log_n=allowed, within=grows)
        took = await at_once(stage, folder, workers)
        report(
            f"routing {name}: escalations in one second",
            due=_DUE,
            processes=workers,
            open_consults=sizes[-1],
            seconds=took,
            allowed_seconds=_ALLOWED_SECONDS,
            within=shown(took, _ALLOWED_SECONDS),
            twice=0,
        )
    finally:
        await stage.close()
    return sound


async def work(url: str, folder: Path) -> None:
    """One of several processes: it waits for a line, and fires what is due."""
    stage = Stage.open(folder, url)
    async with stage.database.begin() as tx:  # connected, the roster read, the statements built
        consult = stage.new(tx, "C-WARM", random.Random(0))
        await duty.known(Desk(stage.house, tx, "curbside"), consult)
    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    await stage.fire_all()
    print("done", flush=True)
    await stage.close()


async def main(options: argparse.Namespace) -> bool:
    sound = True
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_roster(folder)
        if options.only in (None, "sqlite"):
            url = f"sqlite+aiosqlite:///{folder / 'curbside.db'}"
            sound = await measure("sqlite", url, folder, options.sizes, 1) and sound
        if options.only in (None, "postgresql"):
            try:
                server = await Postgres.start()
            except PostgresUnavailableError as error:
                report("routing postgresql", skipped=str(error))
                return sound
            try:
                url = await server.create_database()
                sound = await measure("postgresql", url, folder, options.sizes, _WORKERS) and sound
            finally:
                server.stop()
    return sound


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=["sqlite", "postgresql"])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--worker", nargs=2, metavar=("URL", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        asyncio.run(work(given.worker[0], Path(given.worker[1])))
    else:
        sys.exit(0 if asyncio.run(main(given)) else 1)
