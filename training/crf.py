"""A conditional random field on the same texts, to compare with: `python -m training.crf --hold-out dev_x …`.

Lafferty et al. 2001, by python-crfsuite. It is not shipped; the model card holds its figures too.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pycrfsuite

from bot.deid.model import Kind
from bot.deid.pieces import Vocabulary
from training.__main__ import texts
from training.data import POSTS, Mark, Text, posts, public
from training.evaluate import score
from training.network import pretrained
from training.tags import TAGS, kind_tags


def _features(vocabulary: Vocabulary, text: str) -> tuple[list[list[str]], list[tuple[int, int]]]:
    cut = vocabulary.cut(text)
    plain = [text[start:end].lower() for start, end in cut.words]
    forms = ["-".join(map(str, cut.features[first])) for first in cut.first[:-1]]
    rows = []
    for at, word in enumerate(plain):
        row = [f"w={word}", f"p={word[:3]}", f"s={word[-3:]}", f"f={forms[at]}"]
        for near in (-3, -2, -1, 1, 2):
            if 0 <= at + near < len(plain):
                row += [f"{near}w={plain[at + near]}", f"{near}f={forms[at + near]}"]
        rows.append(row)
    return rows, cut.words


def main(arguments: Sequence[str] | None = None) -> None:
    """Train on all but the held-out writers, and print the figures on those."""
    parser = argparse.ArgumentParser(prog="python -m training.crf", description="A CRF to compare with.")
    parser.add_argument("--data", type=Path, default=None)
    parser.add_argument("--hold-out", nargs="+", required=True)
    parser.add_argument("--times", type=int, default=3)
    options = parser.parse_args(arguments)
    vocabulary = Vocabulary.load(pretrained() / "vocab.txt")
    trainer = pycrfsuite.Trainer(verbose=False)
    for text in texts(options.data, options.hold_out, options.times, seed=5, half=True):
        rows, words = _features(vocabulary, text.text)
        if rows:
            trainer.append(rows, [TAGS[tag] for tag in kind_tags(text, words)])
    trainer.set_params({"c1": 0.1, "c2": 0.1, "max_iterations": 60, "feature.minfreq": 2})
    with tempfile.TemporaryDirectory() as folder:
        model = str(Path(folder) / "crf")
        trainer.train(model)
        tagger = pycrfsuite.Tagger()
        tagger.open(model)

        def find(text: Text) -> list[Mark]:
            rows, words = _features(vocabulary, text.text)
            tags = tagger.tag(rows)
            return [Mark(*word, Kind.OTHER) for word, tag in zip(words, tags, strict=True) if tag != "O"]

        for name in options.hold_out:
            print(f"{name:16} {score(posts(POSTS / f'{name}.txt'), find).line()}", flush=True)
        if options.data is not None:
            rest = public(options.data / "asq_dev.jsonl")[1::2]
            print(f"{'asq_dev':16} {score(rest, find).line()}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
