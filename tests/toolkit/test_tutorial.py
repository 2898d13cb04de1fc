"""An outside package, as docs/tutorial.md builds it: installed by pip, migrated, and used."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

REPO = Path(__file__).parents[2]
PACKAGE = Path(__file__).parent / "wardjobs"
TUTORIAL = REPO / "docs" / "tutorial.md"
_BLOCK = re.compile(r'^```(?:python|toml|po) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
_NO_CODE = re.compile(r'\s*|\s*""".*"""|\s*#.*')
SETTINGS = """\
hospital = "Ward Example"
homeserver = "http://127.0.0.1:1"
server_name = "ward.example"

[bots.curbside]
user_id = "@curbside:ward.example"
password_file = "secrets/curbside.password"
"""


def _files() -> dict[str, str]:
    found = [path for path in PACKAGE.rglob("*") if path.suffix in (".py", ".toml", ".po")]
    return {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in found}


def test_the_tutorial_shows_the_package_as_it_is() -> None:
    shown = dict(_BLOCK.findall(TUTORIAL.read_text("utf-8")))
    assert shown == _files()


def test_the_package_has_fewer_than_80_lines_of_code() -> None:
    lines = [
        line
        for name, text in _files().items()
        if not name.endswith(".po")
        for line in text.splitlines()
        if not _NO_CODE.fullmatch(line)
    ]
    assert 0 < len(lines) < 80, len(lines)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built from a copy and installed into a folder of its own."""
    pytest.importorskip(
        "setuptools", reason="the package is built without a download, so setuptools must be here"
    )
    folder = tmp_path_factory.mktemp("toolkit")
    source = shutil.copytree(PACKAGE, folder / "source")
    target = folder / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    done = subprocess.run(
        [*pip, "--no-index", "--no-deps", "--no-build-isolation", "--target", str(target), str(source)],
        capture_output=True, text=True, timeout=300, cwd=folder,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


def _environment(installed: Path) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CURBSIDE_", "PYTHON"))}
    return {**kept, "PYTHONPATH": os.pathsep.join([str(installed), str(REPO)])}


def _settings(folder: Path) -> Path:
    from bot.kernel.sealing import KeyRing

    (folder / "secrets").mkdir()
    KeyRing.append_new_key(folder / "secrets" / "at-rest.keys")
    config = folder / "curbside.toml"
    config.write_text(SETTINGS)
    return config


@pytest.fixture(scope="module")
def told(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What happened in story.py, which runs with the package on its path."""
    config = _settings(tmp_path_factory.mktemp("ward"))
    done = subprocess.run(
        [sys.executable, "-W", "error::RuntimeWarning", str(Path(__file__).parent / "story.py"), str(config)],
        capture_output=True, text=True, timeout=120, env=_environment(installed), cwd=config.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    story: dict[str, Any] = json.loads(done.stdout)
    return story


def test_curbside_finds_the_package(told: dict[str, Any]) -> None:
    assert told["capabilities"][-1] == "wardjobs"


def test_its_table_comes_and_goes_with_its_own_revisions(told: dict[str, Any]) -> None:
    assert told["upgraded"]
    assert "wardjobs_jobs" in told["tables up"]
    assert set(told["tables up"]) - set(told["tables down"]) == {"wardjobs_jobs"}
    assert told["up to date"]


def test_a_job_is_kept_and_sealed(told: dict[str, Any]) -> None:
    (kept,) = told["kept"]
    assert kept["room"] == "!ward:ward.example"
    assert kept["kind"] == "wardjobs.list"
    assert "bloods for bay 3" in kept["body"]
    assert not kept["loud"]
    assert "bloods" not in told["at rest"]


def test_a_missing_argument_is_asked_for(told: dict[str, Any]) -> None:
    assert told["asked"][0]["kind"] == "question"
    assert "In how many minutes shall I remind you?" in told["asked"][0]["body"]


def test_jobs_belong_to_their_room_and_only_to_encrypted_ones(told: dict[str, Any]) -> None:
    assert told["another room"][0]["body"] == "Nothing is left to do."
    assert told["refused"][0]["kind"] == "unknown"
    assert "bloods" not in json.dumps(told["refused"])


def test_a_due_job_is_told_aloud_and_told_again(told: dict[str, Any]) -> None:
    (due,) = told["due"]
    assert due["loud"]
    assert "bloods for bay 3" in due["body"]
    assert [again["body"].splitlines()[0] for again in told["again"]].count(due["body"].splitlines()[0]) == 1


def test_the_button_ticks_it_off_and_the_reminders_end(told: dict[str, Any]) -> None:
    assert "bloods" not in told["pressed"][0]["body"]
    assert "There is no open job" in told["twice"][0]["body"]
    reminders = [message for messages in told["rest"] for message in messages]
    assert reminders
    assert all("bloods" not in message["body"] for message in reminders)
    assert told["rest"][-1] == []  # three reminders are enough
    assert told["timers left"] == 0


def test_it_speaks_german(told: dict[str, Any]) -> None:
    assert told["german"][0]["body"] == "Hier gibt es keine offene Aufgabe J-0000."


def _curbside(installed: Path, config: Path, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bot", *words, "--config", str(config)],
        capture_output=True, text=True, timeout=120, env=_environment(installed), cwd=config.parent,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def upgraded(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a house whose tables `curbside db upgrade` made."""
    config = _settings(tmp_path_factory.mktemp("house"))
    _curbside(installed, config, "db", "upgrade")
    return config


@pytest.mark.parametrize("command", ["db status", "audit verify", "keys rotate"])
def test_the_operators_commands_know_its_table(installed: Path, upgraded: Path, command: str) -> None:
    _curbside(installed, upgraded, *command.split())
