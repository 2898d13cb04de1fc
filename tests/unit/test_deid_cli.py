"""`curbside deid` as scripts use it: no settings, no database, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot.cli.deid import command
from bot.deid import receipts
from bot.deid.engine import LONGEST, Engine
from bot.deid.receipts import Attested, Looked
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing

TEXT = "K+ 6.1, MRN 48151623 – réa. 🩺 Call 617-555-0143 or jane.roe@example.org about her."
GERMAN = "Die Patientin klagt seit gestern über starke Schmerzen in der Brust und hat Angst, MRN 48151623."
POLISH = (
    "Pacjentka skarży się od wczoraj na silny ból w klatce piersiowej, proszę o pilną konsultację lekarską."
)
# Whoever makes a socket or asks for an address falls.
NO_NETWORK = """
import sys
def refuse(event, _args):
    if event.startswith("socket."):
        raise AssertionError(event)
sys.addaudithook(refuse)
sys.argv = ["curbside", "deid", "--json"]
from bot.cli.main import main
main()
"""


@pytest.fixture(autouse=True)
def engine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rules alone: the model is loaded where a test is about it."""
    monkeypatch.setattr(Engine, "load", lambda: Engine(None))


def deid(*arguments: str, given: str | bytes = "") -> Result:
    return CliRunner().invoke(command, list(arguments), input=given)


def test_stdin_to_stdout() -> None:
    result = deid(given=TEXT)
    assert result.exit_code == 0
    assert "48151623" not in result.stdout and "617-555-0143" not in result.stdout
    assert result.stdout.startswith("K+ 6.1, MRN [")
    assert not result.stdout.endswith("\n")


def test_files_one_after_the_other(tmp_path: Path) -> None:
    for name in ("one.txt", "verify"):
        (tmp_path / name).write_text(TEXT, "utf-8")
    result = deid(str(tmp_path / "one.txt"), str(tmp_path / "verify"))
    assert result.exit_code == 0
    assert result.stdout.count("K+ 6.1") == 2


def test_json_says_where_in_the_original(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    path.write_text(TEXT, "utf-8")
    result = deid("--json", str(path))
    found = json.loads(result.stdout)
    assert set(found) >= {"text", "spans", "quasi", "language"}
    assert found["language"] == "en"
    shown, at = "", 0
    for span in found["spans"]:
        assert set(span) >= {"start", "end", "type", "tier", "replacement"}
        assert span["tier"] in ("certain", "uncertain")
        shown += TEXT[at : span["start"]] + span["replacement"]
        at = span["end"]
    assert shown + TEXT[at:] == found["text"]
    gone = {TEXT[span["start"] : span["end"]] for span in found["spans"]}
    assert {"48151623", "617-555-0143", "jane.roe@example.org"} <= gone  # behind é, – and 🩺


def test_a_language_is_told_or_given() -> None:
    assert json.loads(deid("--json", given=GERMAN).stdout)["language"] == "de"
    assert json.loads(deid("--json", "--language", "en", given=GERMAN).stdout)["language"] == "en"
    assert deid("--language", "pl", given=POLISH).exit_code == 2


def test_an_unsupported_language_is_an_error_without_the_text() -> None:
    result = deid("--json", given=POLISH)
    assert result.exit_code == 1
    found = json.loads(result.stdout)
    assert found["error"]["code"] == "unsupported-language"
    assert "Pacjentka" not in result.output and "text" not in found
    plain = deid(given=POLISH)
    assert plain.exit_code == 1 and plain.stdout == "" and "stdin: the language is none of" in plain.stderr


def test_what_cannot_be_read_does_not_stop_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.txt").write_text(TEXT, "utf-8")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "long.txt").write_text("a " * LONGEST, "utf-8")
    names = [str(tmp_path / name) for name in ("none.txt", "bytes.txt", "long.txt", "good.txt")]
    result = deid("--json", *names)
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line.get("error", {}).get("code") for line in lines] == [
        "unreadable",
        "unreadable",
        "too-long",
        None,
    ]
    assert [line["file"] for line in lines] == names
    assert result.exit_code == 1


def test_an_engine_that_fails_says_nothing_of_the_text(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_self: Engine, text: str, _language: str | None = None) -> Any:
        raise ValueError(text)

    monkeypatch.setattr(Engine, "find", fail)
    result = deid(given=TEXT)
    assert result.exit_code == 1
    assert "the engine failed (ValueError)" in result.stderr and "MRN" not in result.output


def test_a_batch_goes_on_after_bad_lines(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [
        json.dumps({"id": 7, "text": TEXT}), "no json", "", json.dumps({"id": "x"}), json.dumps([1]),
        json.dumps({"id": "pl", "text": POLISH}), json.dumps({"id": "de", "text": GERMAN}),
    ]  # fmt: skip
    source.write_text("\n".join(lines) + "\n", "utf-8")
    result = deid("--jsonl", str(source), str(target))
    out = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [line["id"] for line in out] == [7, None, "x", None, "pl", "de"]
    assert [line.get("line") for line in out] == [None, 2, 4, 5, 6, None]
    assert "48151623" not in target.read_text("utf-8") and "Pacjentka" not in target.read_text("utf-8")
    assert "line 2: is no object" in result.stderr and "7 lines, 4 not done" in result.stderr
    assert result.exit_code == 1
    assert deid("--jsonl", str(tmp_path / "none"), str(target)).exit_code == 1


def test_a_bad_line_has_its_id_and_what_no_output_can_hold_is_a_bad_line(tmp_path: Path) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    lines = [
        '{"id": "b7", "text": null}',
        '{"id": 2, "text": "Broken \\ud83d"}',
        '{"id": "\\ud83d", "text": "fine"}',
        '{"id": NaN, "text": "fine"}',
        '{"id": 1e999, "text": "fine"}',
        json.dumps({"id": {"n": 3}, "text": TEXT}),
    ]
    source.write_text("\n".join(lines), "utf-8")
    assert deid("--jsonl", str(source), str(target)).exit_code == 1
    out = [json.loads(line) for line in target.read_text("utf-8").splitlines()]
    assert [line["id"] for line in out] == ["b7", 2, None, None, None, {"n": 3}]
    assert [line.get("error", {}).get("code") for line in out] == ["bad-line"] * 5 + [None]


def test_a_batch_does_not_write_over_its_input(tmp_path: Path) -> None:
    source, link = tmp_path / "in.jsonl", tmp_path / "link.jsonl"
    source.write_text(json.dumps({"id": 1, "text": TEXT}), "utf-8")
    link.symlink_to(source)
    for target in (source, link):
        result = deid("--jsonl", str(source), str(target))
        assert result.exit_code == 2 and "IN and OUT are the same file" in result.output
    assert "48151623" in source.read_text("utf-8")


def test_a_batch_that_breaks_off_leaves_no_half_of_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": 1, "text": TEXT}), "utf-8")
    target.write_text("before", "utf-8")
    target.chmod(0o600)

    def stop(_self: Engine, _text: str, _language: str | None = None) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(Engine, "find", stop)
        assert deid("--jsonl", str(source), str(target)).exit_code == 1
    assert target.read_text("utf-8") == "before" and set(tmp_path.iterdir()) == {source, target}
    assert deid("--jsonl", str(source), str(target)).exit_code == 0
    assert json.loads(target.read_text("utf-8"))["id"] == 1 and set(tmp_path.iterdir()) == {source, target}
    assert target.stat().st_mode & 0o777 == 0o600
    nowhere = tmp_path / "none" / "out.jsonl"
    assert f"{nowhere} cannot be used" in str(deid("--jsonl", str(source), str(nowhere)).exception)
    link = tmp_path / "link.jsonl"
    link.symlink_to(target)
    for other in (str(link), os.devnull):
        assert deid("--jsonl", str(source), other).exit_code == 0
    assert link.is_symlink() and not target.is_symlink()


def test_a_batch_through_pipes() -> None:
    result = deid("--jsonl", "-", "-", given=json.dumps({"id": "a", "text": TEXT}))
    assert json.loads(result.stdout)["id"] == "a"
    assert result.exit_code == 0


def test_a_missing_model_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> Engine:
        raise FileNotFoundError(2, "No such file or directory", "/opt/x/model_files/tagger.onnx")

    monkeypatch.setattr(Engine, "load", missing)
    result = deid(given=TEXT)
    assert isinstance(result.exception, CurbsideError)
    assert "the model cannot be read (tagger.onnx: No such file or directory)" in str(result.exception)


def test_the_shipped_engine_opens_no_socket_and_reads_no_settings(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if not name.startswith("CURBSIDE_")}
    done = subprocess.run(
        [sys.executable, "-c", NO_NETWORK],
        input=TEXT.encode(), capture_output=True, cwd=tmp_path, timeout=120, check=False,
        env={**env, "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    assert "48151623" not in found["text"] and found["versions"]["model"] != "none"
    assert list(tmp_path.iterdir()) == []


# Receipts ----------------------------------------------------------------------------------------

BEFORE, AFTER = "91 yo Mr Miller\n", "90+ [PATIENT]\n"


@pytest.fixture
def receipt(tmp_path: Path) -> Path:
    at = datetime(2026, 11, 21, 9, 41, tzinfo=UTC)
    looked = Looked(BEFORE, AFTER, "en", {"A": 1, "C": 1}, {}, (), {"engine": "1"}, (("image/png", b"p"),))
    attested = Attested("Grey Heron 41", "@eve:hs", at, "given")
    KeyRing.append_new_key(tmp_path / "at-rest.keys")
    ring = KeyRing.load(tmp_path / "at-rest.keys")
    content, nonce = receipts.draw_up(
        "K-7F3K", "North", at, looked, attested, secret=ring.derive(receipts.BEFORE)
    )
    path = tmp_path / "receipt.json"
    path.write_text(receipts.write(content, b"s" * 32, nonce=nonce), "utf-8")
    for name, text in (
        ("before.txt", BEFORE),
        ("after.txt", AFTER),
        ("other.txt", "x"),
        ("picture.png", "p"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
    return path


def test_a_receipt_is_checked_and_told(receipt: Path) -> None:
    result = deid("verify", str(receipt))
    assert result.exit_code == 0
    assert "Taken out, by class of 45 CFR 164.514(b)(2)(i): A 1, C 1" in result.output
    assert "Attested by Grey Heron 41 at 2026-11-21T09:00+00:00" in result.output
    assert "compare it with the one that the hospital tells" in result.output
    assert deid("verify", str(receipt), "--key", receipts.public_key(b"s" * 32)).exit_code == 0
    for word in ("anonymous", "compliant", "HIPAA"):
        assert word not in result.output


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("after.txt", (), "is the text that was shown"),
        ("picture.png", (), "is one of the files that were shown"),
        ("before.txt", ("--at-rest-keys", "at-rest.keys"), "is what the author wrote"),
        ("before.txt", (), None),
        ("other.txt", ("--at-rest-keys", "at-rest.keys"), None),
    ],
)
def test_a_text_is_compared(receipt: Path, name: str, options: tuple[str, ...], said: str | None) -> None:
    folder = receipt.parent
    paths = [str(folder / word) if word == "at-rest.keys" else word for word in options]
    result = deid("verify", str(receipt), "--text", str(folder / name), *paths)
    if said is not None:
        assert said in result.output and result.exit_code == 0
    else:
        assert "is not what was shown" in str(result.exception)


def test_who_attested_is_confirmed_by_the_authors_own_copy(receipt: Path) -> None:
    assert "Attested by @eve:hs." in deid("verify", str(receipt), "--by", "@eve:hs").output
    assert "not @ada:hs who attested" in str(deid("verify", str(receipt), "--by", "@ada:hs").exception)


def test_a_receipt_that_was_altered_or_is_none_is_refused(receipt: Path) -> None:
    receipt.write_text(receipt.read_text("utf-8").replace("Grey Heron", "Blue Heron"), "utf-8")
    assert "was altered" in str(deid("verify", str(receipt)).exception)
    content = json.loads(receipt.read_text("utf-8"))["receipt"]
    for lacks in ("found", "restored", "warnings", "versions", "house", "language"):
        short = {name: value for name, value in content.items() if name != lacks}
        receipt.write_text(receipts.write(short, b"s" * 32), "utf-8")
        assert "it is no receipt" in str(deid("verify", str(receipt)).exception), lacks
    receipt.write_text("{}", "utf-8")
    assert "it is no receipt" in str(deid("verify", str(receipt)).exception)
    receipt.unlink()
    assert "cannot be read" in str(deid("verify", str(receipt)).exception)
