"""`curbside dev`: two hospitals, one after the other killed, started again by `start`, and stopped."""

import json
import os
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.dev.clinician import Clinician
from bot.dev.processes import running
from bot.dev.up import wait_ready
from bot.directory.roster import load_roster

TIMEOUT_S = 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("dev")
    try:
        yield folder
    finally:
        dev("down", "--dir", str(folder))


@pytest.fixture(scope="module")
def state(folder: Path, request: pytest.FixtureRequest) -> Any:
    dev("up", "--dir", str(folder), "--hospitals", "2")
    return json.loads((folder / "state.json").read_text())


def dev(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "bot", "dev", *arguments], capture_output=True, text=True, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def ready(web: str) -> bool:
    with urllib.request.urlopen(web + "/readyz", timeout=60) as answer:
        return bool(json.load(answer)["ready"])


def test_the_state_says_where_everything_is(folder: Path, state: Any) -> None:
    assert stat.S_IMODE((folder / "state.json").stat().st_mode) == 0o600
    assert len(state["hospitals"]) == 2
    for entry in state["hospitals"]:
        assert set(entry) >= {
            "name", "homeserver", "server_name", "registration_shared_secret", "bots", "web", "config",
            "database", "pids", "start",
        }  # fmt: skip
        assert entry["bots"]["support"] == f"@support:{entry['server_name']}"
        assert ready(entry["web"])
        assert running("run", entry["config"]) == [entry["pids"]["curbside"]]
        os.kill(entry["pids"]["synapse"], 0)


async def test_a_clinician_of_either_hospital_is_answered(folder: Path, state: Any, tmp_path: Path) -> None:
    output = dev("clinician", "Ada Lind", "--dir", str(folder), "--hospital", "2", "--on-call")
    account = json.loads(output)
    second = state["hospitals"][1]
    assert account["user_id"] == f"@ada.lind:{second['server_name']}"
    assert (
        f'on_call = ["{account["user_id"]}"]' in Path(second["config"]).with_name("roster.toml").read_text()
    )
    client = await Clinician.start(
        account["homeserver"],
        account["user_id"],
        tmp_path,
        access_token=account["access_token"],
        device_id=account["device_id"],
    )
    try:
        for entry in state["hospitals"]:
            room_id = await client.create_dm(entry["bots"]["curbside"])
            await client.send(room_id, "!ping 7")
            pong = await client.wait_for_message(room_id=room_id, contains="pong 7", timeout=60)
            assert pong["encrypted"]
    finally:
        await client.close()


def test_a_killed_curbside_starts_again_by_its_command(state: Any, tmp_path: Path) -> None:
    entry = state["hospitals"][0]
    os.kill(entry["pids"]["curbside"], signal.SIGKILL)
    with (tmp_path / "log").open("wb") as log:
        child = subprocess.Popen(
            entry["start"]["curbside"], cwd=tmp_path, stdout=log, stderr=log, start_new_session=True
        )
    wait_ready(entry)
    child.terminate()
    assert child.wait(30) == 0


def test_up_again_starts_what_does_not_run_and_down_stops_all(folder: Path, state: Any) -> None:
    dev("up", "--dir", str(folder), "--hospitals", "2")
    again = json.loads((folder / "state.json").read_text())
    for before, after in zip(state["hospitals"], again["hospitals"], strict=True):
        same = ("homeserver", "server_name", "web", "config", "moderator", "registration_shared_secret")
        assert [before[name] for name in same] == [after[name] for name in same]
        assert ready(after["web"])
    dev("down", "--dir", str(folder))
    for entry in again["hospitals"]:
        assert running("run", entry["config"]) == []
    dev("down", "--dir", str(folder))


async def test_on_postgresql_each_hospital_has_a_database_of_its_own(postgres: Any, tmp_path: Path) -> None:
    url = await postgres.create_database()
    try:
        options = ["--hospitals", "2", "--database", url, "--limits", "on", "--department"]
        dev("up", "--dir", str(tmp_path), *options)
        state = json.loads((tmp_path / "state.json").read_text())
        names = [entry["database"].rpartition("/")[2] for entry in state["hospitals"]]
        base = url.rpartition("/")[2]
        assert names == [f"{base}_1", f"{base}_2"]
        configs = [Path(entry["config"]) for entry in state["hospitals"]]
        assert "commands_per_minute" not in configs[0].read_text()
        first, second = (load_roster(path.with_name("roster.toml"), "UTC") for path in configs)
        assert first.services["cardiology"].rota == "cardiology"
        assert second.services["cardiology"].rota is None
    finally:
        dev("down", "--dir", str(tmp_path))
