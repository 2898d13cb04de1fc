"""Some days of one hospital on the real stack, on both databases; its process dies every few transactions."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.kernel import migrate
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from tests.sim.case import Broken
from tests.sim.stack import Hospital

_STEPS = {"sqlite": 450, "postgresql": 200}  # about one in eight asks a new consult


@pytest.fixture(params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest) -> Any:
    """PostgreSQL, which starts only for its own half, or None for SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


async def test_days_on_the_real_stack(server: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed, url = 1, f"sqlite+aiosqlite:///{tmp_path / 'curbside.db'}"
    if server is not None:
        seed, url = 2, str(await server.create_database())
    clock = ManualClock(datetime(2026, 11, 21, 9, 30, tzinfo=UTC))
    first = Database(url, clock, KeyRing([b"k" * 32]))
    await migrate.upgrade(first)
    await first.close()
    hospital = Hospital(lambda: Database(url, clock, KeyRing([b"k" * 32])), clock, tmp_path, seed)
    monkeypatch.setattr("bot.kernel.engine.failpoint", hospital.failpoint)
    try:
        await _days(hospital, _STEPS["sqlite" if server is None else "postgresql"])
    except Broken as error:
        raise Broken(f"seed {seed} on {url.partition(':')[0]}, {clock.now():%d %b %H:%M}: {error}") from error
    finally:
        await hospital.db.close()


async def _days(hospital: Hospital, steps: int) -> None:
    for step in range(steps):
        what = hospital.rng.random()
        if what < 0.13:
            await hospital.asks_something()
        elif what < 0.68:
            await hospital.somebody_does_something()
        elif what < 0.72:
            await hospital.somebody_covers()
        else:
            await hospital.time_passes()
        if step % 10 == 0:
            await hospital.check()
    await hospital.check()
    await hospital.everything_ends()
    await hospital.check()
    await hospital.check_trail()
    assert await hospital.open_consults() == 0
    assert await hospital.covers()
    assert hospital.counts["crashes"] > steps // 40
    assert hospital.counts["pages"] > steps // 20
    for action in ("open", "accept", "decline", "timeout", "answer"):
        assert hospital.counts[f"consult.{action}"], action
