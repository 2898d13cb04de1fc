"""How well an engine de-identifies marked texts.

    python -m training.evaluate [--engine full|rules|tagger] [--posts FILE …] [--data FILE.jsonl …] [--list]

Scores do not ask for the right kind of span, only for the right characters:
- full: share of marked spans of which every identifying token is removed. Tokens are runs of letters and
  digits; words such as "of" or "der", titles and labels identify nobody and do not count.
- precision: share of the removed tokens that are marked.
- clean: share of the texts with marks in which every span is removed in full.
- altered: share of the texts without marks in which anything is removed.
A text that the engine refuses (language) counts as missed, and is counted as refused.
"""

from __future__ import annotations

import argparse
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bot.deid.engine import DeidError, Engine
from bot.deid.model import Kind
from bot.deid.tagger import Tagger
from bot.deid.versions import MODEL
from training.data import POSTS, Mark, Text, read
from training.tags import hints_of

Finder = Callable[[Text], Iterable[Mark]]

_TOKEN = re.compile(r"[^\W_]+")
_GLUE = frozenset(
    """a an and at by for in of on or the to near off
    am an auf bei beim das dem den der des die im in und vom von vor zu zum zur
    de del el en la las los y le les du des et à au aux l d
    dr drs mr mrs ms miss prof herr frau patient id""".split()
)


@dataclass
class Score:
    """Counts over texts; shares are in per cent."""

    spans: int = 0
    full: int = 0
    removed: int = 0
    right: int = 0
    marked_texts: int = 0
    clean: int = 0
    free_texts: int = 0
    altered: int = 0
    refused: int = 0
    milliseconds: list[float] = field(default_factory=list)
    per_kind: dict[Kind, list[int]] = field(default_factory=dict)
    missed: list[tuple[str, Kind, str, str]] = field(default_factory=list)
    wrong: list[tuple[str, str, str]] = field(default_factory=list)

    def line(self) -> str:
        """One line of figures."""
        times = sorted(self.milliseconds) or [0.0]
        return (
            f"full {_share(self.full, self.spans)}  precision {_share(self.right, self.removed)}  "
            f"clean {_share(self.clean, self.marked_texts)}  "
            f"altered {_share(self.altered, self.free_texts)}  "
            f"({self.spans} spans, {self.marked_texts}+{self.free_texts} texts, {self.refused} refused; "
            f"p50 {statistics.median(times):.1f} ms, p95 {times[int(len(times) * 0.95)]:.1f} ms)"
        )


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:5.1f}" if whole else "    –"


def score(texts: Iterable[Text], find: Finder) -> Score:
    """Score an engine on texts."""
    total = Score()
    for text in texts:
        began = time.perf_counter()
        try:
            found: Sequence[Mark] = list(find(text))
        except DeidError:
            total.refused += 1
            found = ()
        total.milliseconds.append((time.perf_counter() - began) * 1000)
        _add(total, text, found)
    return total


def _add(total: Score, text: Text, found: Sequence[Mark]) -> None:
    removed, marked = bytearray(len(text.text)), bytearray(len(text.text))
    for one in found:
        removed[one.start : one.end] = b"\1" * (one.end - one.start)
    clean = True
    for mark in text.marks:
        marked[mark.start : mark.end] = b"\1" * (mark.end - mark.start)
        full = all(all(removed[start:end]) for start, end in _identifying(text.text, mark.start, mark.end))
        counts = total.per_kind.setdefault(mark.kind, [0, 0])
        counts[0] += full
        counts[1] += 1
        if not full:
            clean = False
            total.missed.append(
                (text.writer, mark.kind, text.text[mark.start : mark.end], _around(text.text, mark))
            )
    total.spans += len(text.marks)
    total.full = sum(full for full, _ in total.per_kind.values())
    if text.marks:
        total.marked_texts += 1
        total.clean += clean
    else:
        total.free_texts += 1
        total.altered += any(removed)
    for word in _TOKEN.finditer(text.text):
        if any(removed[word.start() : word.end()]):
            right = any(marked[word.start() : word.end()])
            total.removed += 1
            total.right += right
            if not right:
                at = Mark(word.start(), word.end(), Kind.OTHER)
                total.wrong.append((text.writer, word[0], _around(text.text, at)))


def _identifying(text: str, start: int, end: int) -> list[tuple[int, int]]:
    words = [(start + word.start(), start + word.end()) for word in _TOKEN.finditer(text[start:end])]
    telling = [(first, last) for first, last in words if text[first:last].lower() not in _GLUE]
    return telling or words or [(start, end)]


def _around(text: str, mark: Mark) -> str:
    return " ".join(
        f"{text[max(0, mark.start - 30) : mark.start]}⟦{text[mark.start : mark.end]}⟧"
        f"{text[mark.end : mark.end + 20]}".split()
    )


def with_engine(engine: Engine) -> Finder:
    """What the whole engine removes; the language is detected, as in use."""

    def find(text: Text) -> list[Mark]:
        return [Mark(one.start, one.end, one.kind) for one in engine.find(text.text).spans]

    return find


def with_tagger(tagger: Tagger, least: float) -> Finder:
    """What the learned layer would remove, from this belief on."""

    def find(text: Text) -> list[Mark]:
        reading = tagger.read(text.text, hints_of(text))
        return [Mark(one.start, one.end, one.kind) for one in reading.spans(least)]

    return find


def finder(name: str, model: Path, least: float) -> Finder:
    """An engine by its name: full, rules or tagger."""
    if name == "rules":
        return with_engine(Engine(None))
    tagger = Tagger.load(model)
    return with_tagger(tagger, least) if name == "tagger" else with_engine(Engine(tagger))


def show(total: Score, lists: bool) -> None:
    """Print the figures: all, per kind, and every miss and false alarm if `lists`."""
    print(f"all        {total.line()}")
    for kind, (full, spans) in sorted(total.per_kind.items()):
        print(f"  {kind:10} {_share(full, spans)}  of {spans}")
    if not lists:
        return
    print("\nMissed:")
    for writer, kind, written, around in sorted(total.missed, key=lambda one: (one[1], one[0])):
        print(f"  {kind:10} {writer:16} {written!r:32} {around}")
    print("\nRemoved without need:")
    for word, count in Counter(word for _, word, _ in total.wrong).most_common():
        writer, _, around = next(one for one in total.wrong if one[1] == word)
        print(f"  {count:3} {word:20} {writer:16} {around}")


def main(arguments: Sequence[str] | None = None) -> None:
    """Score an engine on files and print the figures."""
    parser = argparse.ArgumentParser(prog="python -m training.evaluate", description=__doc__.split("\n")[0])
    parser.add_argument("--engine", choices=("full", "rules", "tagger"), default="full")
    parser.add_argument("--posts", nargs="*", type=Path, default=None, help="files of marked posts")
    parser.add_argument("--data", nargs="*", type=Path, default=[], help="public sets, JSON lines")
    parser.add_argument("--model", type=Path, default=MODEL, help="folder of a tagger")
    parser.add_argument(
        "--half", action="store_true", help="of --data every other text, those `--half` left out"
    )
    parser.add_argument("--least", type=float, default=0.2, help="the tagger's belief, for --engine tagger")
    parser.add_argument("--list", action="store_true", help="list misses and false alarms")
    options = parser.parse_args(arguments)
    files = [*(sorted(POSTS.glob("*.txt")) if options.posts is None else options.posts), *options.data]
    find = finder(options.engine, options.model, options.least)
    everything: list[Text] = []
    for file in files:
        texts = read(file)[1::2] if options.half and file in options.data else read(file)
        everything += texts
        print(f"{file.stem:18} {score(texts, find).line()}")
    show(score(everything, find), options.list)


if __name__ == "__main__":
    main(sys.argv[1:])
