"""The command line: a new installation, its findings, its database, keys and audit trail."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli.main import curbside
from bot.dev.roster_edit import add_clinician
from bot.directory.roster import load_roster
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.settings import BadSettings, load


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CURBSIDE_")]:
        monkeypatch.delenv(name)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A new installation."""
    path = tmp_path / "hospital" / "curbside.toml"
    path.parent.mkdir()
    nobody = "http://127.0.0.1:9"  # no homeserver: nothing here may leave this machine
    run("init", "--yes", "--server-name", "hospital.example", "--homeserver", nobody, "--config", str(path))
    return path


def run(*arguments: str, typed: str | None = None) -> Result:
    return CliRunner().invoke(curbside, arguments, input=typed, catch_exceptions=False)


def in_a_process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bot", *arguments], capture_output=True, text=True, timeout=60
    )


# init --------------------------------------------------------------------------------------------


def test_init_writes_settings_that_load_and_secrets_that_only_the_owner_reads(config: Path) -> None:
    settings = load(config)
    assert settings.homeserver == "http://127.0.0.1:9"
    assert settings.bots["support"].user_id == "@support:hospital.example"
    folder = config.parent / "secrets"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {path.name: path for path in folder.iterdir()}
    assert set(files) == {"at-rest.keys", "curbside.password", "support.password"}
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in files.values())
    assert files["curbside.password"].read_text() != files["support.password"].read_text()
    assert KeyRing.load(files["at-rest.keys"]).size == 1
    assert load_roster(config.parent / "roster.toml", "UTC").services == {}


def test_the_worked_example_of_the_roster_is_right(config: Path) -> None:
    text = (config.parent / "roster.toml").read_text()
    example = text[text.index("# [services") :]
    path = config.parent / "example.toml"
    path.write_text("\n".join(line.removeprefix("#").removeprefix(" ") for line in example.splitlines()))
    roster = load_roster(path, "UTC")
    assert roster.services["cardiology"].on_call[0] == "@anna.berg:hospital.example"
    assert roster.services["cardiology"].shifts


def test_init_asks(tmp_path: Path) -> None:
    path = tmp_path / "curbside.toml"
    answers = [
        "hospital.example", "@curbside:hospital.example", "@helper:hospital.example",
        "@mod:hospital.example", 'St. "Example"', "https://matrix.hospital.example", "token", "de",
        "Europe/Berlin",
    ]  # fmt: skip
    result = run("init", "--config", str(path), typed="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    settings = load(path)
    assert (settings.hospital, settings.language, settings.timezone) == (
        'St. "Example"',
        "de",
        "Europe/Berlin",
    )
    assert settings.moderators == ("@mod:hospital.example",)
    assert settings.bots["support"].token_file == Path("secrets/support.token")


def test_init_overwrites_nothing(config: Path) -> None:
    before = config.read_text()
    with pytest.raises(CurbsideError, match="exists already"):
        run("init", "--yes", "--config", str(config))
    config.unlink()
    with pytest.raises(CurbsideError, match=r"roster\.toml exists already"):
        run("init", "--yes", "--config", str(config))
    config.write_text(before)


def test_a_wrong_answer_leaves_no_half_installation(tmp_path: Path) -> None:
    path = tmp_path / "curbside.toml"
    with pytest.raises(BadSettings, match=r"^timezone: "):
        run("init", "--yes", "--timezone", "Berlin", "--config", str(path))
    assert not path.exists()
    assert run("init", "--yes", "--config", str(path)).exit_code == 0
    assert load(path).homeserver == "http://localhost:8008"


# check -------------------------------------------------------------------------------------------


def test_check_has_one_line_per_finding_and_fails_on_an_error(config: Path) -> None:
    (config.parent / "secrets" / "support.password").chmod(0o644)
    (config.parent / "roster.toml").write_text(
        '[services.cardiology]\non_call = ["@anna:other.example"]\n[services.surgery]\n'
    )
    result = run("check", "--config", str(config))
    lines = {line[6:].partition(": ")[0]: line.split()[0] for line in result.output.splitlines()}
    assert result.exit_code == 1
    assert lines == {
        "settings": "ok",
        "at_rest_keys": "ok",
        "bots.curbside.password_file": "ok",
        "bots.support.password_file": "warn",
        "data_dir": "ok",
        "database": "warn",
        "homeserver": "error",
        "roster.services.cardiology": "error",
        "roster.services.surgery": "error",
        "roster.clinicians": "warn",
        "moderators": "warn",
    }


def test_a_new_installation_with_the_example_department_is_sound(config: Path) -> None:
    folder = config.parent / "departments"
    (folder / "cardiology.toml.example").rename(folder / "cardiology.toml")
    with config.open("a") as settings:
        settings.write('\n[bridges.sms]\nkind = "kannel"\n')
    lines = run("check", "--config", str(config)).output.splitlines()
    about = [line for line in lines if line[6:].startswith(("roster.", "bridges."))]
    assert [line for line in about if not line.startswith("ok")] == [
        "warn  roster.policies.cardiology.stat: tier 3 reaches nobody for cardiology in the next 14 days",
        "error bridges.sms: url: is required.",
    ]
    assert "ok    roster.rotas.cardiology: 5 on in the next 14 days" in about


def test_check_says_when_the_keys_do_not_open_what_is_stored(config: Path) -> None:
    run("db", "upgrade", "--config", str(config))
    store_a_secret(config)
    assert "open what is stored (1 values tried)" in run("check", "--config", str(config)).output
    keys = config.parent / "secrets" / "at-rest.keys"
    keys.unlink()
    KeyRing.append_new_key(keys)
    assert "sealed with a key that the at-rest key file lacks" in run("check", "--config", str(config)).output
    keys.unlink()
    assert "error at_rest_keys" in run("check", "--config", str(config)).output


def store_a_secret(config: Path) -> None:
    ring = KeyRing.load(config.parent / "secrets" / "at-rest.keys")
    with sqlite3.connect(config.parent / "data" / "curbside.db") as raw:
        sealed = ring.seal(b'"x"', "secrets.value:curbside test")
        raw.execute("INSERT INTO secrets VALUES ('curbside test', ?)", [sealed])


# db, keys, audit ---------------------------------------------------------------------------------


def test_the_database_goes_up_and_down(config: Path) -> None:
    def db(*arguments: str) -> Result:
        return run("db", *arguments, "--config", str(config))

    assert db("status").exit_code == 1
    assert db("upgrade").output == "The tables are upgraded.\n"
    assert db("upgrade").output == "The tables were up to date.\n"
    assert db("status").exit_code == 0
    assert run("db", "downgrade", "base", "--config", str(config), typed="n\n").exit_code == 1
    assert db("status").exit_code == 0
    assert db("downgrade", "--yes", "base").exit_code == 0
    assert db("status").output.startswith("database: empty\n")


def test_rotation_seals_everything_anew_and_is_audited(config: Path) -> None:
    run("db", "upgrade", "--config", str(config))
    store_a_secret(config)
    result = run("keys", "rotate", "--config", str(config))
    assert "secrets: 1 rows sealed anew" in result.output
    ring = KeyRing.load(config.parent / "secrets" / "at-rest.keys")
    assert ring.size == 2
    with sqlite3.connect(config.parent / "data" / "curbside.db") as raw:
        (value,) = raw.execute("SELECT value FROM secrets").fetchone()
    assert ring.is_current(value)
    assert ring.open(value, "secrets.value:curbside test") == b'"x"'
    exported = run("audit", "export", "--config", str(config)).output.splitlines()
    assert [json.loads(line)["action"] for line in exported] == ["keys.rotated"]


def test_rotation_waits_until_nobody_runs(config: Path) -> None:
    run("db", "upgrade", "--config", str(config))
    with sqlite3.connect(config.parent / "data" / "curbside.db") as raw:
        until = int((time.time() + 30) * 1000)
        raw.execute("INSERT INTO bot_accounts (bot, owner, owned_until) VALUES ('curbside', 'x', ?)", [until])
    with pytest.raises(CurbsideError, match=r"Curbside is running \(curbside\)"):
        run("keys", "rotate", "--config", str(config))
    assert KeyRing.load(config.parent / "secrets" / "at-rest.keys").size == 1


def test_a_shortened_or_altered_trail_is_found(config: Path) -> None:
    run("db", "upgrade", "--config", str(config))
    for _ in range(3):
        run("keys", "rotate", "--config", str(config))
    whole = run("audit", "verify", "--config", str(config))
    assert whole.output.startswith("3 lines, unbroken")
    head = whole.output.split()[-1]
    later = run("audit", "export", "--since", "2100-01-01", "--config", str(config))
    assert later.output == ""
    path = config.parent / "data" / "curbside.db"
    with sqlite3.connect(path) as raw:  # somebody who can write to the database, and knows its tables
        raw.execute("DELETE FROM audit_lines WHERE seq = 3")
        (mac,) = raw.execute("SELECT mac FROM audit_lines WHERE seq = 2").fetchone()
        raw.execute("UPDATE audit_head SET seq = 2, mac = ?", [mac])
    assert run("audit", "verify", "--config", str(config)).exit_code == 0
    done = in_a_process("audit", "verify", "--head", head, "--config", str(config))
    assert (done.returncode, done.stderr) == (1, "The audit trail of 2 lines is not whole.\n")
    assert "lines were cut off" in done.stdout
    with sqlite3.connect(path) as raw:
        raw.execute("UPDATE audit_lines SET actor = 'nobody' WHERE seq = 1")
    assert "Line 1 does not follow" in in_a_process("audit", "verify", "--config", str(config)).stdout


# How errors arrive -------------------------------------------------------------------------------


def test_errors_are_one_sentence_without_traceback(config: Path) -> None:
    done = in_a_process("run", "--no-migrate", "--config", str(config))
    assert done.returncode == 1
    assert done.stderr == "The database's tables are not this version's: run `curbside db upgrade`.\n"
    text = config.read_text().replace("# database = ", "database = ").replace("@localhost/", "@127.0.0.1:9/")
    config.write_text(text)
    done = in_a_process("db", "status", "--config", str(config))
    assert done.returncode == 1
    assert done.stderr.startswith("database: cannot be used")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "word"), [(["--roles", "sync,cook"], "cook"), (["--bots", "curbside,nobody"], "nobody")]
)
def test_unknown_roles_and_bots_are_named(config: Path, arguments: list[str], word: str) -> None:
    done = in_a_process("run", *arguments, "--config", str(config))
    assert done.returncode != 0
    assert word in done.stderr
    assert "Traceback" not in done.stderr


def test_help_lists_every_command() -> None:
    output = run("--help").output
    assert all(word in output for word in ("init", "check", "run", "db", "keys", "audit", "dev"))


def test_help_is_fast() -> None:
    began = time.monotonic()
    assert in_a_process("db", "--help").returncode == 0
    assert time.monotonic() - began < 5


# dev ---------------------------------------------------------------------------------------------


def test_people_are_put_on_a_roster_that_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(
        '[services.cardiology]\nname = "Cardiology"\non_call = []\ntimers = { stat = "2m" }\n'
        '[[services.cardiology.shifts]]\nwho = "@night:h.example"\nfrom = "20:00"\nto = "08:00"\n'
    )
    add_clinician(path, "@ada:h.example", 'Ada "Lind"', level="L2", on_call_for="cardiology")
    add_clinician(path, "@bo:h.example", "Bo", specialty="Internal medicine", on_call_for="Internal medicine")
    add_clinician(path, "@bo:h.example", "Bo", on_call_for="Internal medicine")
    roster = load_roster(path, "UTC")
    assert roster.clinicians["@ada:h.example"].name == 'Ada "Lind"'
    assert roster.services["cardiology"].on_call == ("@ada:h.example",)
    assert roster.services["cardiology"].shifts[0].who == "@night:h.example"
    assert roster.services["internal-medicine"].on_call == ("@bo:h.example",)


def test_people_of_a_department_stay_as_its_file_has_them(tmp_path: Path) -> None:
    path = tmp_path / "roster.toml"
    path.write_text(
        'include = ["departments/*.toml"]\n[holidays.here]\ndates = [2026-04-06]\n'
        '[rotas.eyes]\nlayers = [{ people = ["@ada:h.example"], start = 2026-01-05, handover = "08:00" }]\n'
    )
    (tmp_path / "departments").mkdir()
    (tmp_path / "departments" / "skin.toml").write_text(
        '[services.skin]\non_call = ["@bo:h.example"]\n[clinicians."@bo:h.example"]\nname = "Dr Bo Stern"\n'
    )
    before = load_roster(path, "UTC")
    add_clinician(path, "@bo:h.example", "Bo Stern", on_call_for="eyes")
    with pytest.raises(CurbsideError, match=r"skin\.toml: write there"):
        add_clinician(path, "@ada:h.example", "Ada Lind", on_call_for="skin")
    roster = load_roster(path, "UTC")
    assert roster.name_of("@bo:h.example") == "Dr Bo Stern"
    assert roster.services["eyes"].on_call == ("@bo:h.example",)
    assert roster.rotas == before.rotas


def test_down_without_up_is_no_error(tmp_path: Path) -> None:
    assert run("dev", "down", "--dir", str(tmp_path)).exit_code == 0
    with pytest.raises(CurbsideError, match="curbside dev up"):
        run("dev", "clinician", "ada", "--dir", str(tmp_path))
