"""Moderation by thumb on a real homeserver, in encrypted rooms."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from bot.dev.clinician import Event
from bot.dev.synapse import Homeserver
from tests.support.declared import Declared
from tests.support.people import PATIENCE_S, Person, Stage, is_membership, open_stage


@pytest.fixture
async def stage(homeserver: Homeserver, tmp_path: Path) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path / "moderation") as stage:
        yield stage


async def sees_levels(
    person: Person, room: str, holds: Callable[[dict[str, Any]], bool], *, after: int = 0
) -> Event:
    """The next power levels of a room of which something holds."""
    return await person.client.wait_for(
        lambda event: (
            event["type"] == "m.room.power_levels" and event["room_id"] == room and holds(event["content"])
        ),
        timeout=PATIENCE_S,
        after=after,
    )


async def sees_redaction(person: Person, room: str, event_id: str) -> Event:
    """The removal of an event."""
    return await person.client.wait_for(
        lambda event: (
            event["type"] == "m.room.redaction"
            and event["room_id"] == room
            and event_id in (event.get("redacts"), event["content"].get("redacts"))
        ),
        timeout=PATIENCE_S,
    )


async def test_a_mute_by_reply_and_its_undo_by_one_tap(stage: Stage) -> None:
    mira = stage.moderator
    eve, ada = await stage.people("eve", "ada")
    room = await Declared(stage).room("cardiology", mira, eve, ada)
    said = await eve.client.send(room, "the man in bed four again")
    await mira.client.wait_for_message(room_id=room, contains="bed four", timeout=PATIENCE_S)
    mark = mira.client.bookmark()
    command = await mira.says("!mod mute 2h 1", room, reply_to=said)
    await sees_levels(ada, room, lambda levels: levels["users"].get(eve.user_id) == -1)
    await sees_redaction(ada, room, command)
    done = await mira.reads("Muted", kind="mod.done")
    assert done["room_id"] != room
    assert mira.user_id in done["content"]["m.mentions"]["user_ids"]
    told = await eve.reads("You are muted in Cardiology", kind="mod.told", after=0)
    assert "Details that could identify a patient" in told["content"]["body"]
    await mira.taps(done, "↩️")
    await sees_levels(mira, room, lambda levels: eve.user_id not in levels["users"], after=mark)
    assert not [body for body in ada.bodies(room) if "Eve" in body or eve.user_id in body]


async def test_a_flag_becomes_one_message_and_one_tap_settles_it(stage: Stage) -> None:
    mira = stage.moderator
    eve, ada, ben = await stage.people("eve", "ada", "ben")
    room = await Declared(stage).room("cardiology", mira, eve, ada, ben)
    said = await eve.client.send(room, "something rude")
    for one in (ada, ben):
        await one.client.wait_for_message(room_id=room, contains="rude", timeout=PATIENCE_S)
    flag = await ada.client.react(room, said, "🚩")
    report = await mira.reads("Reported", kind="mod.report", after=0)
    assert ada.user_id not in report["content"]["formatted_body"]
    assert f"https://matrix.to/#/{room}/{said}" in report["content"]["body"]
    await sees_redaction(mira, room, flag)
    await ben.client.react(room, said, "🚩")
    await mira.sees_edit(report, "By 2 people")
    await mira.taps(report, "🗑️")
    await sees_redaction(ben, room, said)
    await mira.sees_edit(report, "removed")
    assert await ada.reads("have acted", after=0)


async def test_a_lock_a_ban_and_an_appeal(stage: Stage) -> None:
    mira = stage.moderator
    eve = await stage.person("eve")
    room = await Declared(stage).room("cardiology", mira, eve)
    await mira.says("!mod lock 30m", room)
    await sees_levels(eve, room, lambda levels: levels.get("events_default") == 50)
    await eve.reads("Only moderators can write here", room=room, after=0)
    mark = eve.client.bookmark()
    await mira.says("!mod unlock", room)
    await sees_levels(eve, room, lambda levels: levels.get("events_default") == 0, after=mark)
    await mira.says(f"!mod ban {eve.user_id} everywhere 7d 2", room)
    plan = await mira.reads("Ban?", kind="mod.plan")
    await mira.taps(plan, "✅")
    banned = await mira.client.wait_for(
        lambda event: is_membership(event, room, eve.user_id, "ban"), timeout=PATIENCE_S
    )
    assert banned["content"].get("reason") == "Please stay courteous"
    await eve.reads("banned you", kind="mod.told", after=0)
    await eve.says("!appeal it was a joke among friends")
    appeal = await mira.reads("a joke among friends", kind="mod.appeal")
    await mira.taps(appeal, "✅")  # there is no other moderator
    await eve.reads("no longer banned", after=0)
