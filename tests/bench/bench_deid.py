"""`make bench`: the de-identifier's speed, size and figures, with other engines beside it if they are there.

    python -m tests.bench.bench_deid [--others OTHER/bin/python] [--data FILE.jsonl …]

Times are processor time on one thread, so that a busy machine does not matter. `--others` is a Python with
Presidio and philter-lite (see deid_others.py). The figures are of posts that the tagger has not
seen, though its thresholds were chosen on them; the final ones are in bot/deid/model_files/card.md.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.bench.rig import memory_mb, report

if __name__ == "__main__":
    _began, _cpu = time.monotonic(), time.process_time()

from bot.deid.engine import Engine
from bot.deid.language import SUPPORTED, detect
from bot.deid.model import Kind
from training.data import POSTS, UNSEEN, Mark, Text, read
from training.evaluate import Finder, Score, score, with_engine

_OTHERS = ("presidio", "philter")


def _show(name: str, total: Score) -> None:
    report(
        name,
        full=100 * total.full / max(1, total.spans),
        precision=100 * total.right / max(1, total.removed),
        clean=100 * total.clean / max(1, total.marked_texts),
        altered=100 * total.altered / max(1, total.free_texts),
        texts=total.marked_texts + total.free_texts,
        refused=total.refused,
    )


def _spent(engine: Engine, text: str) -> float:
    began = time.process_time()
    engine.find(text)
    return (time.process_time() - began) * 1000


def speed(engine: Engine, texts: Sequence[Text]) -> None:
    """Milliseconds for a chat post, and for letters of 8, 16, 32 and 64 KB."""
    spoken = [text for text in texts if detect(text.text) in SUPPORTED]
    times = sorted(_spent(engine, text.text) for text in spoken)
    report(
        "deid post", p50_ms=times[len(times) // 2], p95_ms=times[len(times) * 95 // 100], allowed_p50_ms=10
    )
    letter = "\n".join(text.text for text in spoken if text.language == "en")
    letter *= 64 * 1024 // len(letter) + 1
    for kilobytes in (8, 16, 32, 64):
        spent = min(_spent(engine, letter[: kilobytes * 1024]) for _ in range(2))
        report("deid letter", kilobytes=kilobytes, ms=spent, ms_per_kilobyte=spent / kilobytes)


def other(python: str, name: str, texts: Sequence[Text]) -> None:
    """Another engine on the same texts."""
    answered = subprocess.run(
        [python, str(Path(__file__).parent / "deid_others.py"), name],
        input="".join(f"{json.dumps(text.text)}\n" for text in texts),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=1800,
    )
    rows = [json.loads(line) for line in answered.stdout.splitlines()]
    answers = iter(rows)

    def find(_text: Text) -> list[Mark]:
        return [Mark(start, end, Kind.OTHER) for start, end in next(answers)["spans"]]

    _show(f"deid {name}", score(texts, find))
    times = sorted(row["ms"] for row in rows)
    report(f"deid {name} post", p50_ms=times[len(times) // 2], p95_ms=times[len(times) * 95 // 100])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="The de-identifier's speed and figures.")
    parser.add_argument("--others", default=None, help="a Python with Presidio and philter-lite")
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="public sets, JSON lines")
    parser.add_argument("--every", type=int, default=1, help="every so many posts only")
    options = parser.parse_args(arguments)
    engine = Engine.load()
    engine.find("pt Anna Keller in room 4")
    report(
        "deid start",
        wall_s=time.monotonic() - _began,
        processor_s=time.process_time() - _cpu,
        memory_mb=memory_mb(os.getpid()),
        allowed_s=3,
        allowed_mb=350,
    )
    texts = [text for name in UNSEEN for text in read(POSTS / f"{name}.txt")][:: options.every]
    speed(engine, texts)
    report("deid memory", memory_mb=memory_mb(os.getpid()))
    finders: dict[str, Finder] = {"deid rules": with_engine(Engine(None)), "deid full": with_engine(engine)}
    sets = {"posts": texts, **{path.stem: read(path) for path in options.data}}
    for name, some in sets.items():
        for engine_name, find in finders.items():
            _show(f"{engine_name} {name}", score(some, find))
        if options.others:
            for engine_name in _OTHERS:
                other(options.others, engine_name, some)


if __name__ == "__main__":
    main(sys.argv[1:])
