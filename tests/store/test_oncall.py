"""What is kept of rotas: covers, swaps, warnings and pictures, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.chat import filing
from bot.chat.desk import Desk
from bot.directory.policies import Target, Whom
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.oncall import store, weeks
from bot.oncall.service import OnCall
from tests.support.rota_stage import ANNA, BEN, CARA, MOD, REQ, RotaStage

MODERATORS = "room:moderators"
CARDIOLOGY = Target(Whom.SERVICE, "cardiology")


@pytest.fixture
def stage(db: Database, clock: ManualClock, tmp_path: Path) -> RotaStage:
    """Saturday, 21 November 2026, 10:30 in Berlin: Ben is on until Sunday 08:00, then Cara, then Anna."""
    return RotaStage(db, clock, tmp_path)


async def on(stage: RotaStage, hours: float = 0, target: Target = CARDIOLOGY) -> tuple[str, ...]:
    """Who is on, as consults ask for it."""
    async with stage.db.read() as tx:
        known = await OnCall.load(Desk(stage.house, tx, "curbside"), [target], "cardiology")
        return known.people(target, stage.clock.now() + timedelta(hours=hours))


async def test_the_picture_of_a_week_follows_its_text(stage: RotaStage) -> None:
    await stage.says(ANNA, "!cover cardiology mon 8:00-12:00 for @anna:hs")
    await stage.says(REQ, "!oncall week cardiology")
    await stage.says(REQ, "!oncall week")
    assert stage.files == []
    assert await filing.make_one(stage.house, stage.db, weeks.CHANNEL, weeks.make)
    assert await filing.make_one(stage.house, stage.db, weeks.CHANNEL, weeks.make)
    assert not await filing.make_one(stage.house, stage.db, weeks.CHANNEL, weeks.make)
    await stage.passes(seconds=1)
    assert [(kind, data[:8]) for kind, data in stage.files] == [("image/png", b"\x89PNG\r\n\x1a\n")] * 2
    assert stage.last(REQ) == "The same as a picture."


async def test_a_cover_holds_is_told_and_taken_back(stage: RotaStage) -> None:
    assert await on(stage, 10) == (BEN,)
    said = await stage.says(ANNA, "!cover cardiology sat 20:00-08:00")
    assert said.startswith("Dr Anna Berg is on for Cardiology, 8:00 PM – Sun 22 Nov, 8:00 AM.")
    assert "Dr Anna Berg covers for you in Cardiology" in stage.last(BEN)
    assert [await on(stage, hours) for hours in (9, 10, 21, 22)] == [(BEN,), (ANNA,), (ANNA,), (CARA,)]
    assert "1️⃣ Cardiology, 8:00 PM – Sun 22 Nov, 8:00 AM: Dr Anna Berg" in await stage.says(BEN, "!cover list")
    assert "Taken back: Dr Anna Berg covers Cardiology no longer" in await stage.taps(BEN, "↩️")
    assert "Taken back" in stage.last(ANNA)
    assert await on(stage, 10) == (BEN,)
    assert "over already" in await stage.taps_first(ANNA, "!ping", "↩️")
    async with stage.db.read() as tx:
        rows = (await tx.conn.execute(select(audit_lines.c.actor, audit_lines.c.action))).all()
    assert (ANNA, "cover") in rows
    assert (BEN, "cover.undone") in rows


async def test_a_cover_that_has_begun_is_taken_back_from_now_on(stage: RotaStage) -> None:
    await stage.says(ANNA, "!cover cardiology now - 20:00")
    assert await on(stage) == (ANNA,)
    await stage.passes(hours=2)
    await stage.taps(ANNA, "↩️")
    assert await on(stage) == (BEN,)
    async with stage.db.read() as tx:
        (kept,) = (await store.changes_in(tx, ["cardiology"], stage.clock.now()))["cardiology"]
    assert kept.end == stage.clock.now()  # who was on before stays on record


async def test_a_swap_holds_once_the_other_side_agrees(stage: RotaStage) -> None:
    said = await stage.says(ANNA, "!swap cardiology mon with @ben:hs for tue")
    assert "You give: Mon 23 Nov, 8:00 AM – Tue 24 Nov, 8:00 AM" in said
    assert "You take: Tue 24 Nov, 8:00 AM – Wed 25 Nov, 8:00 AM" in said
    assert stage.last(BEN).startswith("Dr Anna Berg asks you to swap in Cardiology:")
    assert [await on(stage, 50), await on(stage, 74)] == [(ANNA,), (BEN,)]
    assert "Swapped with Dr Anna Berg" in await stage.taps(BEN, "✅")
    assert "Swapped with Dr Ben Ode" in stage.last(ANNA)
    assert [await on(stage, 50), await on(stage, 74)] == [(BEN,), (ANNA,)]
    assert "settled already" in await stage.taps(BEN, "❌")
    assert "agreed between two" in await stage.taps_first(ANNA, "!cover list", "1️⃣")
    assert "Taken back" in await stage.taps_first(MOD, "!cover list", "1️⃣")


async def test_a_swap_is_declined_withdrawn_or_runs_out(stage: RotaStage) -> None:
    await stage.says(ANNA, "!swap cardiology mon @ben:hs tue")
    assert "Dr Ben Ode does not swap" in await stage.taps(BEN, "❌")
    assert "Dr Ben Ode does not swap" in stage.last(ANNA)
    await stage.says(ANNA, "!swap cardiology mon @ben:hs tue")
    assert "no longer asked for" in await stage.taps(ANNA, "❌")
    assert "no longer asked for" in stage.last(BEN)
    await stage.says(ANNA, "!swap cardiology mon @ben:hs tue")
    await stage.passes(hours=25)
    assert "was not agreed in time" in stage.last(ANNA)
    assert "was not agreed in time" in stage.last(BEN)
    assert "settled already" in await stage.taps(BEN, "✅")
    assert await on(stage, 25) == (ANNA,)


GAPS = """
[services.cardiology]
rota = "cardiology"
[services.surgery]
[[services.surgery.shifts]]
who = "@dora:hs"
from = "08:00"
to = "20:00"
[rotas.cardiology]
timezone = "Europe/Berlin"
[[rotas.cardiology.layers]]
people = ["@anna:hs"]
windows = ["daily 08:00-20:00", "mon,tue,thu-sun 20:00-08:00"]
"""


async def test_moderators_are_warned_of_each_gap_once(stage: RotaStage) -> None:
    stage.file.write_text(GAPS, "utf-8")
    await stage.daily()
    told = stage.last(MODERATORS)
    assert "cardiology: nobody is on, Wed 25 Nov, 8:00 PM – Thu 26 Nov, 8:00 AM" in told
    assert "surgery: nobody is on" in told
    before = len(stage.texts(MODERATORS))
    await stage.daily()
    assert len(stage.texts(MODERATORS)) == before
    stage.clock.advance(timedelta(days=1))
    await stage.daily()  # a night of the surgeons has come into sight, and one is going on
    assert "cardiology" not in stage.last(MODERATORS)
    await stage.says(MOD, "!cover @anna:hs cardiology wed 20:00-08:00")
    lint = await stage.says(ANNA, "!oncall lint")
    assert "cardiology: nobody is on, Wed 2 Dec" in lint
    assert "Wed 25 Nov" not in "\n".join(line for line in lint.splitlines() if "cardiology" in line)
