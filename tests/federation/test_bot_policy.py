"""Whom the bots talk with: people of the hospitals that the policy names, and nobody else."""

import json
from collections.abc import AsyncIterator

import pytest

from bot.dev.synapse import HomeserverGroup
from tests.support.people import Stage, is_membership, open_stage, ours


@pytest.fixture(scope="module")
async def stage(
    federation: HomeserverGroup, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Stage]:
    """Curbside of the northern hospital, which works with no other one."""
    async with open_stage(federation["north"], tmp_path_factory.mktemp("policy")) as stage:
        yield stage


async def test_a_strangers_invitation_is_declined_without_a_word(
    stage: Stage, federation: HomeserverGroup
) -> None:
    stranger = await stage.person("stan", homeserver=federation["south"])
    rooms = [
        await stranger.client.create_room(invite=[stage.bot], encrypted=encrypted)
        for encrypted in (True, False)
    ]
    neighbour = await stage.person("nina")
    await neighbour.asks("!ping", "pong")
    # A homeserver may keep a refusal to itself, so the trail is asked.
    _status, trail = await stage.command("audit", "export")
    server = federation["south"].server_name
    refused = [line for line in map(json.loads, trail.splitlines()) if line["action"] == "invite.refused"]
    assert [line["subject"] for line in refused] == [server, server]
    for room in rooms:
        joined = [event for event in stranger.client.events if is_membership(event, room, stage.bot, "join")]
        assert joined == [] and stranger.messages(room) == []


async def test_a_stranger_in_a_room_is_told_once_and_not_obeyed(
    stage: Stage, federation: HomeserverGroup
) -> None:
    nina = await stage.person("nina")
    stranger = await stage.person("stan", homeserver=federation["south"])
    room = await nina.room(stage.bot, stranger.user_id)
    await stranger.sees_join(room, nina.user_id)
    await nina.asks("!ping before", "pong before", room=room)
    await stranger.says("!ping mine", room)
    told = await stranger.reads("your own hospital", room=room, after=0)
    assert ours(told)["kind"] == "refused"
    await stranger.says("!consult", room)
    await nina.asks("!ping after", "pong after", room=room)
    assert [body for body in nina.bodies(room) if body.startswith("pong")] == ["pong before", "pong after"]
    assert len([body for body in nina.bodies(room) if "your own hospital" in body]) == 1
