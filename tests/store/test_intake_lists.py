"""`!consults` and its words, on both databases."""

from pathlib import Path

import pytest

from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.ward import ANNA, MOD, QUESTION, REQ, Ward

DM_REQ, DM_ANNA = f"dm:{REQ}", f"dm:{ANNA}"


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    return Ward(db, clock, tmp_path)


async def test_consults_are_found_by_what_they_are(ward: Ward) -> None:
    await ward.asks()
    first = ward.consult_id
    await ward.says(REQ, "!cancel")
    await ward.passes(minutes=1)
    await ward.asks("!consult surgery routine hernia: when?")
    second = ward.consult_id
    for words, found in [
        ("requested", {second}),
        ("closed", {first}),
        ("any", {first, second}),
        ("cardiology any", {first}),
        ("routine", {second}),
        ("any since today", {first, second}),
        ("any since 1h urgent", {first}),
        ("gestellt offen seit gestern", {second}),
    ]:
        await ward.says(REQ, f"!consults {words}")
        assert {one for one in (first, second) if one in ward.last(DM_REQ)} == found, words
    await ward.says(REQ, "!consults asked")
    assert "No consult fits" in ward.last(DM_REQ)
    await ward.says(ANNA, "!consults asked any")
    assert first in ward.last(DM_ANNA) and second not in ward.last(DM_ANNA)


async def test_long_lists_come_in_pages(ward: Ward) -> None:
    for number in range(13):
        await ward.asks(f"!consult cardiology urgent question {number}?")
        await ward.passes(seconds=30)
    await ward.says(REQ, "!consults requested")
    assert "13 consults" in ward.last(DM_REQ)
    assert ward.last(DM_REQ).count("Cardiology") == 10
    await ward.taps(REQ, "➡️")
    assert ward.last(DM_REQ).count("Cardiology") == 3


async def test_moderators_see_all_of_a_service_and_nobody_else(ward: Ward) -> None:
    await ward.asks()
    await ward.says(MOD, "!consults cardiology")
    assert ward.consult_id in ward.last(f"dm:{MOD}")
    assert QUESTION not in ward.last(f"dm:{MOD}")
    await ward.says("@eve:hs", "!consults cardiology")
    assert "No consult fits" in ward.last("dm:@eve:hs")
    await ward.says("@eve:hs", "!consults all")
    assert "Only moderators" in ward.last("dm:@eve:hs")
