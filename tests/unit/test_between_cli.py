"""`curbside offer`, as operators use it, and what `curbside check` says of offers."""

from __future__ import annotations

import asyncio
import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.app import open_database
from bot.cli.main import curbside
from bot.consults.between import store
from bot.consults.between.offers import Offered
from bot.consults.between.store import Given, Got
from bot.kernel.errors import CurbsideError
from bot.settings import load

ROSTER = '[services.cardiology]\non_call = ["@ben:north.example"]\noffered_to = ["south.example"]\n'
UNTIL = datetime.now(UTC).replace(microsecond=0) + timedelta(days=30)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installation that has told south.example what it offers, and been told what that offers."""
    for name in [name for name in os.environ if name.startswith("CURBSIDE_")]:
        monkeypatch.delenv(name)
    path = tmp_path / "curbside.toml"
    where = ("--server-name", "north.example", "--homeserver", "http://127.0.0.1:9", "--config", str(path))
    CliRunner().invoke(curbside, ["init", "--yes", *where], catch_exceptions=False)
    CliRunner().invoke(curbside, ["db", "upgrade", "--config", str(path)], catch_exceptions=False)
    (tmp_path / "roster.toml").write_text(ROSTER, "utf-8")

    async def told() -> None:
        database = open_database(load(path))
        services = (Offered("stroke", {"en": "Stroke unit"}), Offered("icu", {}))
        async with database.begin() as tx:
            await store.keep_given(tx, Given("south.example", "d" * 64, 7, UNTIL))
            await store.keep_got(tx, Got("south.example", 3, UNTIL, services))
        await database.close()

    asyncio.run(told())
    return path


def offer(config: Path, *arguments: str) -> Result:
    words = ["offer", *arguments, "--config", str(config)]
    return CliRunner().invoke(curbside, words, catch_exceptions=False)


def test_what_is_offered_to_whom_and_by_whom(config: Path) -> None:
    until = f"{UNTIL:%Y-%m-%d}"
    assert offer(config, "list").output.splitlines() == [
        f"to south.example: cardiology (told until {until})",
        f"from south.example: stroke, icu (until {until})",
    ]
    given, got = map(json.loads, offer(config, "list", "--json").output.splitlines())
    assert given["services"] == ["cardiology"]
    assert [one["declined"] for one in got["services"]] == [False, False]


def test_an_operator_declines_what_is_offered_and_takes_it_back(config: Path) -> None:
    assert "stroke can be asked" in offer(config, "decline", "south.example", "icu").output
    assert "icu (declined)" in offer(config, "list").output
    assert "nothing can be asked" in offer(config, "decline", "south.example").output
    assert "stroke, icu can be asked" in offer(config, "accept", "south.example").output
    with pytest.raises(CurbsideError, match="offered nothing"):
        offer(config, "decline", "east.example")
    with pytest.raises(CurbsideError, match="does not offer surgery"):
        offer(config, "decline", "south.example", "surgery")


def test_check_names_a_hospital_that_cannot_be_told(config: Path) -> None:
    said = CliRunner().invoke(curbside, ["check", "--config", str(config)], catch_exceptions=False).output
    assert "south.example takes no part in consults by a statement" in said
