"""Make the tagger that is shipped.

    make model ARGS="--data FOLDER --half"     # an hour on two free cores; writes bot/deid/model_files

FOLDER holds the public sets as JSON lines (bot/deid/model_files/card.md says where they come from); without
it only our own posts and templates are used. Some posts are left out to choose thresholds on (`--hold-out`)
and with `--half` every other text of the public sets, which `training.evaluate --half` then scores.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import torch

from bot.deid.pieces import Vocabulary
from training import data, export, fit
from training.data import POSTS, Text
from training.generate import Generator
from training.network import pretrained
from training.tags import windows

SHIPPED = Path(__file__).parents[1] / "bot" / "deid" / "model_files"
TEMPLATES = Path(__file__).parent / "templates"
# What the nearly free notes still hold.
_LEFT = re.compile(
    r"\d[/.-]\d|\b(?:19|20)\d\d\b|\b(?:Drs?|Mr|Mrs|Ms|Miss)\b\.?|\b(?:January|February|March|April|May|June|July|"
    r"August|September|October|November|December|[A-Z][a-z]+day|Hospital|Clinic|Center|ABC|XYZ)\b|[\[\]_*]"
)


def texts(folder: Path | None, held: Sequence[str], times: int, seed: int, half: bool = False) -> list[Text]:
    """All training texts: posts as they are and their variants, templates' variants, and the public sets."""
    rng = random.Random(seed)
    posts = [
        post
        for file in (*sorted(POSTS.glob("*.txt")), *sorted(TEMPLATES.glob("*.txt")))
        if file.stem not in held
        for post in data.posts(file)
    ]
    made = [*posts, *Generator(posts, seed).variants(posts, times)]
    if folder is not None:
        made += _public(folder, held, rng, half)
    rng.shuffle(made)
    return made


def _public(folder: Path, held: Sequence[str], rng: random.Random, half: bool) -> list[Text]:
    made: list[Text] = []
    for name, most in (
        ("asq_dev", 400),
        ("grascco_phi_de", 30),
        ("presidio_synth_v2", 600),
        ("mtsdialog_notes", 700),
    ):
        path = folder / f"{name}.jsonl"
        if name in held or not path.is_file():
            continue
        found = data.public(path)[:: 2 if half else 1]
        found = [text for text in found if name == "asq_dev" or not _doubtful(text)]
        if name == "mtsdialog_notes":
            found = [text for text in found if not _LEFT.search(text.text) and len(text.text) < 900]
        rng.shuffle(found)
        made += found[:most]
        if name == "asq_dev":
            made += list(Generator(found, rng.randrange(10**6)).variants(found, 1))
    return made


def _doubtful(text: Text) -> bool:
    """Whether a set marks what is no identifier here, such as a country: it would mislead."""
    return any(
        text.language == "en"
        and mark.kind is data.Kind.PLACE
        and text.text[mark.start : mark.end] in _COUNTRIES
        for mark in text.marks
    )


_COUNTRIES = frozenset(
    "Australia Austria Belgium Brazil Canada China Croatia Cyprus Denmark Estonia Finland France Germany "
    "Greenland Hungary Iceland Ireland Italy Kenya Netherlands Norway Poland Portugal Slovenia Spain Sweden "
    "Switzerland Tunisia Uruguay USA UK".split()
) | {"Czech Republic", "New Zealand", "South Africa", "United Kingdom", "United States"}


def main(arguments: Sequence[str] | None = None) -> None:
    """Train, export, and say what was used."""
    parser = argparse.ArgumentParser(
        prog="python -m training", description="Make the de-identifier's tagger."
    )
    parser.add_argument("--data", type=Path, default=None, help="folder of the public sets")
    parser.add_argument(
        "--hold-out", nargs="*", default=data.UNSEEN, help="files (without suffix) that are not trained on"
    )
    parser.add_argument("--half", action="store_true", help="only every other text of the public sets")
    parser.add_argument("--times", type=int, default=13, help="variants of each post")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--minutes", type=float, default=60.0, help="no longer than this")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--rate", type=float, default=fit.RATE)
    parser.add_argument("--start", type=Path, default=None, help="a checkpoint to go on from")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    options = parser.parse_args(arguments)
    torch.set_num_threads(options.threads)
    vocabulary = Vocabulary.load(pretrained() / "vocab.txt")
    all_texts = texts(options.data, options.hold_out, options.times, options.seed, options.half)
    ready = list(windows(all_texts, vocabulary, options.seed))
    pieces = sum(len(one.ids) for one in ready)
    print(f"{len(all_texts)} texts, {len(ready)} windows, {pieces} pieces", flush=True)
    network = fit.fit(ready, options.seed, options.epochs, options.minutes, options.start, options.rate)
    options.out.mkdir(parents=True, exist_ok=True)
    if options.out != SHIPPED:
        torch.save(network.state_dict(), options.out / "checkpoint.pt")
    export.export(network, options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
