"""A rota through real clients on a real homeserver: a swap, a cover, and the week as an encrypted picture."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from bot.dev.synapse import Homeserver
from tests.support.people import Stage, open_stage, ours


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("oncall")) as stage:
        yield stage


async def test_a_swap_a_cover_and_the_week_as_a_picture(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    stage.running.write_roster(
        f"""
[services.cardiology]
name = "Cardiology"
rota = "cardiology"
[rotas.cardiology]
[[rotas.cardiology.layers]]
people = ["{ada.user_id}", "{bela.user_id}"]
turn = "daily"
start = 2026-01-05
handover = "08:00"
"""
    )
    await bela.chat()
    who = await ada.asks("!who cardiology", "on call now")
    assert ours(who)["kind"] == "oncall.who"
    await ada.says(f"!swap cardiology {bela.user_id}")
    asked = await bela.reads("asks you to swap", kind="oncall.swap", after=0)
    await bela.sees_button(asked, "✅")
    await bela.taps(asked, "✅")
    await bela.reads("Swapped")
    await ada.reads("Swapped")
    await ada.says("!oncall week cardiology")
    await ada.reads("who is on", kind="oncall.week")
    picture = await ada.reads(kind="oncall.picture")
    assert picture["encrypted"]
    assert picture["content"]["msgtype"] == "m.image"
    assert picture["content"]["file"]["url"].startswith("mxc://")
    calendar = await ada.asks("!oncall export cardiology", "Cardiology: the calendar")
    assert calendar["content"]["filename"] == "cardiology.ics"
    offered = await bela.asks("!cover cardiology", "which one does")
    await bela.sees_button(offered, "1️⃣")
    await bela.taps(offered, "1️⃣")
    await bela.reads("is on for Cardiology", kind="oncall.cover")
    await ada.reads("covers for you in Cardiology", kind="oncall.cover", after=0)
