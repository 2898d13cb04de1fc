"""A case that waits for a moderator does not expire meanwhile, and its author hears where it stands."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.cases import store
from bot.cases.model import State
from bot.cases.rules import REVIEWED
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.case_stage import CASE, DM_EVE, CaseStage
from tests.support.hall import ADA, BRAIN, MIRA, MODS


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> CaseStage:
    stage = CaseStage(db, clock, tmp_path, review=("neurology",))
    await stage.open()
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    return stage


async def told(stage: CaseStage, words: str, room: str = DM_EVE) -> int:
    return sum(words in text for text in stage.texts(room))


async def test_it_is_posted_although_moderators_took_three_days(stage: CaseStage) -> None:
    for day in (1, 2, 3):
        await stage.passes(days=1)
        assert (await stage.case()).state is State.QUEUED
        assert await told(stage, "still waits for a moderator") == day
        assert await told(stage, "still waits for a moderator", MODS) == day
        assert "Ashford" not in stage.last(MODS) and "Eve" not in stage.last(MODS)
    assert await told(stage, "unless you post it") == 0
    card = next(event for event, content in stage.chat(MODS) if "waits for a moderator (" in content["body"])
    await stage.reacts(MIRA, card, "✅", MODS)
    await stage.works()
    assert (await stage.case()).state is State.POSTED and len(stage.texts(BRAIN)) == 1
    await stage.passes(days=2)
    assert await told(stage, "still waits for a moderator") == 3
    assert await stage.traces("Ashford") == []


async def test_after_a_week_it_is_erased_all_the_same(stage: CaseStage) -> None:
    for _day in range(8):
        await stage.passes(days=1)
    one = await stage.case()
    assert one.state is State.EXPIRED and one.author_key is None
    assert "was not posted, and I have erased it" in stage.last(DM_EVE)
    assert await stage.traces("Ashford") == []
    await stage.says(MIRA, f"!case release {one.id}", MODS)
    assert "There is no case" in stage.last(MODS) and stage.texts(BRAIN) == []


async def test_not_an_hour_longer_than_a_week(stage: CaseStage) -> None:
    attested = (await stage.case()).attested_at
    assert attested is not None
    await stage.passes(hours=23)  # as soon as its timer is due, not a whole day later
    for _day in range(6):
        await stage.passes(days=1)
    await stage.passes(minutes=59)
    assert (await stage.case()).state is State.QUEUED
    await stage.passes(minutes=1)
    assert stage.clock.now() - attested == REVIEWED
    assert (await stage.case()).state is State.EXPIRED
    assert await stage.traces("Ashford") == []


async def test_one_that_is_rejected_late_is_not_erased_unannounced(stage: CaseStage) -> None:
    await stage.passes(days=1)
    await stage.passes(hours=20)
    one = await stage.case()
    await stage.says(MIRA, f"!case reject {one.id} leave the place out", MODS)
    assert "leave the place out" in stage.last(DM_EVE)
    await stage.passes(hours=4)
    assert (await stage.case()).state is State.REFUSED
    assert "unless you post it" in stage.last(DM_EVE)
    await stage.passes(hours=11)
    assert (await stage.case()).state is State.REFUSED
    await stage.passes(hours=1)
    assert (await stage.case()).state is State.EXPIRED
    assert await stage.traces("Ashford") == []


@pytest.mark.parametrize("change", [False, True])
async def test_one_that_is_rejected_late_may_be_changed_still(stage: CaseStage, change: bool) -> None:
    await stage.passes(days=1)
    one = await stage.case()
    await stage.says(MIRA, f"!case reject {one.id} leave the place out", MODS)
    if change:
        await stage.writes("!case room cardiology")
        assert (await stage.case()).attested_at is None
    await stage.passes(days=1)
    assert (await stage.case()).state is (State.PREVIEW if change else State.REFUSED)
    assert "unless you post it" in stage.last(DM_EVE)


async def test_one_that_is_rejected_after_an_outage_is_not_erased_at_once(stage: CaseStage) -> None:
    stage.clock.advance(timedelta(hours=25))  # no timer has fired meanwhile
    one = await stage.case()
    await stage.says(MIRA, f"!case reject {one.id} leave the place out", MODS)
    await stage.passes(minutes=1)
    assert (await stage.case()).state is State.REFUSED
    assert "unless you post it" in stage.last(DM_EVE)
    await stage.passes(hours=12)
    assert (await stage.case()).state is State.EXPIRED


async def test_one_that_nobody_reviewed_is_erased_after_an_outage(stage: CaseStage) -> None:
    await stage.passes(minutes=1)
    await stage.writes(f"!case neurology {CASE}", ADA)
    draft = await stage.case()
    assert draft.state is State.PREVIEW and draft.attested_at is None
    stage.clock.advance(timedelta(hours=25))
    await stage.passes(minutes=1)
    async with stage.db.read() as tx:
        after = await store.case(tx, draft.id)
    assert after is not None and after.state is State.EXPIRED
    assert "was not posted, and I have erased it" in stage.last(f"dm:{ADA}")


async def test_its_author_may_take_it_back_meanwhile(stage: CaseStage) -> None:
    await stage.passes(days=2)
    one = await stage.case()
    await stage.writes(f"!case show {one.id}")
    assert "moderators look at it" in stage.last(DM_EVE)
    await stage.writes(f"!case cancel {one.id}")
    assert (await stage.case()).state is State.DISCARDED
    await stage.passes(days=2)
    assert await told(stage, "still waits for a moderator", MODS) == 1
