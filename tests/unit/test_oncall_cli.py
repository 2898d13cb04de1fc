"""`curbside oncall`, as operators use it."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
from click.testing import CliRunner, Result

from bot.cli.main import curbside
from bot.directory.roster import load_roster
from bot.kernel.errors import CurbsideError
from bot.oncall.rules import on_duty

ROSTER = """
[rotas.cardiology]
timezone = "Europe/Berlin"
[[rotas.cardiology.layers]]
people = ["@anna:hs", "@ben:hs"]
turn = "daily"
start = 2026-01-05
handover = "08:00"
[clinicians."@anna:hs"]
name = "Dr Anna Berg"
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in [name for name in os.environ if name.startswith("CURBSIDE_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "curbside.toml"
    nobody = "http://127.0.0.1:9"
    run("init", "--yes", "--server-name", "hs", "--homeserver", nobody, "--config", str(path))
    run("db", "upgrade", "--config", str(path))
    (tmp_path / "roster.toml").write_text(ROSTER, "utf-8")
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(curbside, arguments, catch_exceptions=False)


def test_a_rota_goes_out_and_another_hospital_reads_it(config: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.ics"
    assert (
        "in 4 weeks"
        in run(
            "oncall", "export", "cardiology", "--weeks", "4", "--out", str(out), "--config", str(config)
        ).output
    )
    calendar = icalendar.Calendar.from_ical(out.read_bytes())
    assert 34 <= len(calendar.walk("VEVENT")) <= 37
    assert len(calendar.walk("VTIMEZONE")) == 1
    said = run("oncall", "import", "nights", str(out), "--config", str(config)).output
    assert "shifts of 2 people" in said
    assert 'calendar = "nights.ics"' in said
    with (tmp_path / "roster.toml").open("a") as roster:
        roster.write('[[rotas.nights.layers]]\ncalendar = "nights.ics"\n')
    rotas = load_roster(tmp_path / "roster.toml", "UTC").rotas
    now = datetime.now(UTC)
    for hours in range(0, 200, 5):
        moment = now + timedelta(hours=hours)
        assert on_duty(rotas["nights"], moment) == on_duty(rotas["cardiology"], moment)


def test_what_cannot_be_used_is_said_in_a_sentence(config: Path, tmp_path: Path) -> None:
    with pytest.raises(CurbsideError, match="There is no rota surgery in the roster; there are: cardiology"):
        run("oncall", "export", "surgery", "--config", str(config))
    with pytest.raises(CurbsideError, match="cannot be read"):
        run("oncall", "import", "nights", str(tmp_path / "none.ics"), "--config", str(config))
    with pytest.raises(CurbsideError, match="ROTA must be"):
        run("oncall", "import", "../x", str(tmp_path / "none.ics"), "--config", str(config))
    file = tmp_path / "x.ics"
    file.write_text("hello", "utf-8")
    with pytest.raises(CurbsideError, match="is no iCalendar file"):
        run("oncall", "import", "nights", str(file), "--config", str(config))
    soon = datetime.now(UTC) + timedelta(days=2)
    file.write_text(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\nBEGIN:VEVENT\r\nUID:1\r\n"
        f"DTSTART:{soon:%Y%m%dT%H%M%SZ}\r\nDURATION:PT8H\r\nSUMMARY:Dr Nobody\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n",
        "utf-8",
    )
    with pytest.raises(CurbsideError, match="1 events name nobody of the roster"):
        run("oncall", "import", "nights", str(file), "--config", str(config))
    assert not (tmp_path / "nights.ics").exists()
    assert (
        "written" in run("oncall", "import", "nights", str(file), "--anyway", "--config", str(config)).output
    )
