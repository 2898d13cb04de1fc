"""A wrong setting stops the start with one sentence that names it, and exit code 2."""

import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bot.settings import BadSettings, load

GOOD = """\
hospital = "St. Example"
homeserver = "https://matrix.hospital.example"
server_name = "hospital.example"
TOP
[bots.curbside]
user_id = "@curbside:hospital.example"
password_file = "secrets/curbside.password"
REST
"""


def write(folder: Path, top: str = "", rest: str = "", **replaced: str) -> Path:
    text = GOOD.replace("TOP", top).replace("REST", rest)
    for old, new in replaced.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{old} =")]
        assert len(lines) < len(text.splitlines()), old
        where = text.splitlines().index(next(x for x in text.splitlines() if x.startswith(f"{old} =")))
        lines.insert(where, new)
        text = "\n".join(lines)
    path = folder / "curbside.toml"
    path.write_text(text)
    return path


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("CURBSIDE_")]:
        monkeypatch.delenv(name)


OTHER_BOT = '[bots.support]\nuser_id = "{}"\npassword_file = "x"'
BAD = {
    "hospital missing": ({"hospital": ""}, "hospital"),
    "hospital empty": ({"hospital": 'hospital = ""'}, "hospital"),
    "hospital a number": ({"hospital": "hospital = 5"}, "hospital"),
    "homeserver without scheme": ({"homeserver": 'homeserver = "matrix.hospital.example"'}, "homeserver"),
    "homeserver with a path": ({"homeserver": 'homeserver = "https://h.example/_matrix"'}, "homeserver"),
    "server name a URL": ({"server_name": 'server_name = "https://hospital.example"'}, "server_name"),
    "unknown setting": ({"top": 'hospitl = "x"'}, "hospitl"),
    "unknown setting in a table": ({"rest": "[web]\nports = 1"}, "web.ports"),
    "bot of another server": ({"user_id": 'user_id = "@curbside:other.example"'}, "bots.curbside.user_id"),
    "bot's id without @": ({"user_id": 'user_id = "curbside"'}, "bots.curbside.user_id"),
    "no way to log in": ({"password_file": ""}, "bots.curbside"),
    "two ways to log in": ({"password_file": 'password_file = "a"\ntoken_file = "b"'}, "bots.curbside"),
    "bot's name in capitals": (
        {"rest": OTHER_BOT.format("@s:hospital.example").replace("support", "Support")},
        "bots.Support",
    ),
    "two bots, one account": ({"rest": OTHER_BOT.format("@curbside:hospital.example")}, "bots"),
    "bad device id": ({"password_file": 'password_file = "a"\ndevice_id = "a b"'}, "bots.curbside.device_id"),
    "unknown language": ({"top": 'language = "fr"'}, "language"),
    "unknown time zone": ({"top": 'timezone = "Berlin"'}, "timezone"),
    "prefix a letter": ({"top": 'prefix = "c"'}, "prefix"),
    "moderator without server": ({"top": 'moderators = ["@anna"]'}, "moderators.0"),
    "moderators not a list": ({"top": 'moderators = "@anna:hospital.example"'}, "moderators"),
    "allowed server with a space": ({"top": 'allowed_servers = ["a b"]'}, "allowed_servers.0"),
    "database without driver": ({"top": 'database = "mysql://localhost/x"'}, "database"),
    "database with a bad port": ({"top": 'database = "postgresql://localhost:five/x"'}, "database"),
    "password for SQLite": ({"top": 'database_password_file = "x"'}, "database_password_file"),
    "unknown trust policy": ({"rest": '[trust]\npolicy = "some"'}, "trust.policy"),
    "negative limit": ({"rest": "[limits]\ncommands_per_minute = -1"}, "limits.commands_per_minute"),
    "port too large": ({"rest": "[web]\nport = 70000"}, "web.port"),
    "port in words": ({"rest": '[web]\nport = "many"'}, "web.port"),
    "duration without unit": ({"rest": "[consults]\nstat = 5"}, "consults.stat"),
    "duration in words": ({"rest": '[consults]\nstat = "five minutes"'}, "consults.stat"),
    "duration of nothing": ({"rest": '[health]\noverdue = "0s"'}, "health.overdue"),
    "unknown log level": ({"top": 'log_level = "loud"'}, "log_level"),
    "table where a list belongs": ({"rest": "[moderators]\na = 1"}, "moderators"),
    "text where a table belongs": ({"top": 'web = "8090"'}, "web"),
}


@pytest.mark.parametrize("name", BAD)
def test_each_bad_setting_is_one_sentence_that_names_it(name: str, tmp_path: Path) -> None:
    changes, setting = BAD[name]
    with pytest.raises(BadSettings) as raised:
        load(write(tmp_path, **changes))
    sentence = str(raised.value)
    assert sentence.startswith(f"{setting}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert not any(word in sentence for word in ("Input", "validation", "pydantic", "pattern", "more after"))


def test_good_settings_load_with_their_defaults(tmp_path: Path) -> None:
    settings = load(write(tmp_path))
    assert settings.consults.urgent == timedelta(minutes=20)
    assert settings.servers == {"hospital.example"}
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path / 'data' / 'curbside.db'}"
    assert settings.path(settings.roster) == tmp_path / "roster.toml"


def test_the_database_password_comes_from_its_file(tmp_path: Path) -> None:
    (tmp_path / "db").write_text("p@ss/word\n")
    url = 'database = "postgresql://curbside@db.example:5432/curbside"\ndatabase_password_file = "db"'
    settings = load(write(tmp_path, top=url))
    assert settings.database_url == "postgresql+asyncpg://curbside:p%40ss%2Fword@db.example:5432/curbside"
    assert "ss/word" not in repr(settings)


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURBSIDE_WEB__PORT", "9000")
    monkeypatch.setenv("CURBSIDE_LOG_LEVEL", "debug")
    settings = load(write(tmp_path, rest="[web]\nport = 8000\nhost = '127.0.0.2'"))
    assert (settings.web.port, settings.web.host, settings.log_level) == (9000, "127.0.0.2", "debug")


def test_a_bad_value_in_the_environment_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURBSIDE_MODERATORS", "@anna:hospital.example")
    with pytest.raises(BadSettings, match=r"^CURBSIDE_MODERATORS: "):
        load(write(tmp_path))


def test_several_findings_are_counted(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match=r"^hospital: is required \(1 more after this one\)\.$"):
        load(write(tmp_path, top='language = "fr"', hospital=""))


def test_a_missing_or_broken_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BadSettings, match="curbside init"):
        load(tmp_path / "none.toml")
    path = tmp_path / "broken.toml"
    path.write_text("hospital = ")
    with pytest.raises(BadSettings, match="not valid TOML"):
        load(path)


@pytest.mark.parametrize(
    ("content", "word"), [(None, "cannot read"), ("", "is empty"), (b"\xff", "not a text")]
)
def test_a_secret_that_cannot_be_used_is_named(
    content: str | bytes | None, word: str, tmp_path: Path
) -> None:
    settings = load(write(tmp_path))
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(BadSettings, match=rf"^bots\.curbside\.password_file: .*{word}"):
        settings.secret(file, "bots.curbside.password_file")


def test_the_command_ends_with_code_2_and_one_line(tmp_path: Path) -> None:
    path = write(tmp_path, top='timezone = "Berlin"')
    done = subprocess.run(
        [sys.executable, "-m", "bot", "run", "--config", str(path)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 2
    assert done.stderr == "timezone: must be an IANA time zone such as Europe/Berlin.\n"
    assert done.stdout == ""
