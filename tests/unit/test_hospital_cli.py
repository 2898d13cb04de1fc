"""`curbside hospital`, as operators use it: statements go by mail, keys are compared by telephone."""

import json
import os
import re
import sqlite3
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import curbside
from bot.kernel.errors import CurbsideError


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CURBSIDE_")]:
        monkeypatch.delenv(name)


def run(*arguments: str, typed: str | bytes | None = None) -> Result:
    return CliRunner().invoke(curbside, arguments, input=typed, catch_exceptions=False)


class Operator:
    """A hospital's installation, and what its operator types."""

    def __init__(self, folder: Path, server: str) -> None:
        self.server = server
        self.folder = folder / server
        self.folder.mkdir()
        self.config = self.folder / "curbside.toml"
        nobody = "http://127.0.0.1:9"
        run("init", "--yes", "--server-name", server, "--homeserver", nobody, "--config", str(self.config))
        run("db", "upgrade", "--config", str(self.config))

    def hospital(self, *arguments: str, typed: str | bytes | None = None) -> Result:
        return run("hospital", *arguments, "--config", str(self.config), typed=typed)

    def statement(self, *options: str) -> str:
        return self.hospital("statement", *options).stdout

    def told(self) -> str:
        """The fingerprint, as they read it out on the telephone."""
        found = re.search(
            r"telephone when they ask: ([\d ]+)$", self.hospital("statement").stderr, re.MULTILINE
        )
        assert found is not None
        return found[1].strip()

    def listed(self) -> dict[str, dict[str, object]]:
        lines = self.hospital("list", "--json").stdout.splitlines()
        return {row["server"]: row for row in map(json.loads, lines)}

    def findings(self) -> dict[str, str]:
        lines = run("check", "--config", str(self.config)).output.splitlines()
        return {line[6:].partition(": ")[0]: line for line in lines if "hospitals." in line}

    def setting(self, line: str) -> None:
        text = self.config.read_text()
        self.config.write_text(line + "\n" + re.sub(r"^allowed_servers = .*$", "", text, flags=re.MULTILINE))


@pytest.fixture
def north(tmp_path: Path) -> Operator:
    return Operator(tmp_path, "north.example")


@pytest.fixture
def south(tmp_path: Path) -> Operator:
    return Operator(tmp_path, "south.example")


@pytest.fixture
def mail(south: Operator, tmp_path: Path) -> Path:
    """South's statement, in a mail."""
    path = tmp_path / "mail.txt"
    path.write_text("Dear colleagues,\n\n" + south.statement("--contact", "it-desk@south.example"))
    return path


def test_a_hospital_is_added_suspended_resumed_and_removed(
    north: Operator, south: Operator, mail: Path
) -> None:
    with pytest.raises(CurbsideError, match="The key is new: telephone"):
        north.hospital("add", str(mail))
    with pytest.raises(CurbsideError, match="fingerprint is another one"):
        north.hospital("add", str(mail), "--fingerprint", "00000 " * 8)
    assert north.hospital("list").output == "No other hospital takes part.\n"
    told = south.told()
    added = north.hospital(
        "add",
        str(mail),
        "--fingerprint",
        told.replace(" ", "-"),
        "--allow",
        "rooms,consults",
        "--proves",
        "L2",
    )
    assert "it-desk@south.example" in added.output
    assert added.output.endswith("south.example: listed, may consults, rooms, talk.\n")
    row = north.listed()["south.example"]
    assert (row["state"], row["proves"], row["fingerprint"]) == ("listed", "L2", told)
    assert row["may"] == ["consults", "rooms", "talk"]
    assert "south.example  listed  consults, rooms, talk  until 20" in north.hospital("list").output

    assert north.hospital("suspend", "south.example", "--reason-code", "incident").output == (
        "south.example: suspended, may do nothing.\n"
    )
    assert north.listed()["south.example"]["may"] == []
    assert "may consults" in north.hospital("resume", "south.example").output
    assert north.hospital("remove", "south.example").exit_code == 0
    with pytest.raises(CurbsideError, match="add its statement again"):
        north.hospital("resume", "south.example")
    actions = [
        json.loads(line)["action"]
        for line in run("audit", "export", "--config", str(north.config)).output.splitlines()
    ]
    assert actions == [
        "hospital.added", "hospital.suspended", "hospital.resumed", "hospital.removed",
    ]  # fmt: skip


def test_a_renewal_needs_no_telephone(north: Operator, south: Operator, mail: Path) -> None:
    north.hospital("add", str(mail), "--fingerprint", south.told())
    renewed = north.hospital("add", "-", typed=south.statement())
    assert "The key is the one known" in renewed.output
    rotated = north.hospital("add", "-", typed=south.statement("--rotate"))
    assert "confirmed by it" in rotated.output
    assert north.listed()["south.example"]["fingerprint"] == south.told()
    with pytest.raises(CurbsideError, match="older than the one that counts"):
        north.hospital("add", str(mail))


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"x" * 70_000, "longer than 64 KiB"),
        (b"\xff\xfe\x00", "no text file"),
        (b"nothing here", "holds no statement"),
    ],
)
def test_what_is_no_statement_is_said_so(north: Operator, raw: bytes, why: str) -> None:
    with pytest.raises(CurbsideError, match=why):
        north.hospital("add", "-", typed=raw)


def test_ours_and_those_for_others_are_refused(north: Operator, south: Operator) -> None:
    with pytest.raises(CurbsideError, match="our own hospital"):
        north.hospital("add", "-", typed=north.statement())
    with pytest.raises(CurbsideError, match=r"meant for west\.example"):
        north.hospital("add", "-", typed=south.statement("--for", "west.example"))
    assert south.hospital("statement", "--allow", "rooms,flights").exit_code == 2
    assert north.hospital("suspend", "south example").exit_code == 2
    assert north.hospital("suspend", "south.example", "--reason-code", "Dr X was rude").exit_code == 2


def test_a_role_is_no_place_for_tricks(south: Operator) -> None:
    with pytest.raises(CurbsideError, match="Our own statement would be refused"):
        south.statement("--contact", "desk\u202eksed")


def test_check_says_how_hospitals_stand(north: Operator, south: Operator, mail: Path) -> None:
    north.hospital("add", str(mail), "--fingerprint", south.told(), "--allow", "rooms")
    assert north.findings()["hospitals.south.example"].startswith("ok ")
    north.setting('allowed_servers = ["south.example"]')
    assert "stands in allowed_servers too" in north.findings()["hospitals.south.example"]
    with sqlite3.connect(north.folder / "data" / "curbside.db") as raw:
        raw.execute("UPDATE hospitals SET expires = ?", [int((time.time() + 5 * 86_400) * 1000)])
    assert "expires in 4 days" in north.findings()["hospitals.south.example"]
    with sqlite3.connect(north.folder / "data" / "curbside.db") as raw:
        raw.execute("UPDATE hospitals SET expires = 1000")
    assert "has expired" in north.findings()["hospitals.south.example"]
    assert north.listed()["south.example"]["state"] == "expired"
    removed = north.hospital("remove", "south.example")
    assert "still stands in allowed_servers" in removed.stderr
    assert "which does not count" in north.findings()["hospitals.south.example"]


def test_a_hospital_of_the_settings_is_shown_and_can_be_suspended(north: Operator) -> None:
    north.setting('allowed_servers = ["west.example"]')
    assert north.listed()["west.example"]["source"] == "settings"
    assert "no key" in north.hospital("list").output
    assert north.hospital("suspend", "west.example").exit_code == 0
    assert north.listed()["west.example"]["state"] == "suspended"
    assert "may consults, invites, rooms, talk" in north.hospital("resume", "west.example").output
