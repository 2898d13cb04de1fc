"""Policy lists on real homeservers: tried first, then followed, then taken back; never against ourselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import pytest

from bot.dev.clinician import MatrixError
from bot.dev.synapse import HomeserverGroup
from bot.kernel import outbox
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing
from bot.matrix.store import named_room
from bot.rooms import store as rooms
from bot.settings import load
from tests.support.people import PATIENCE_S, Person, Stage, is_membership, open_stage

API = "/_matrix/client/v3"


class Network:
    """The network file of a running Curbside, and its rooms without the command that makes them."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._folder = stage.running.folder

    def declares(self, *keys: str, lists: str = "") -> None:
        """Write the file, whole or not at all."""
        text = 'name = "Test"\n[templates.default]\nlevel = "L0"\njoin = "public"\n'
        text += "\n".join(f'[rooms.{key}]\nname = "{key.title()}"' for key in keys) + "\n" + lists
        fresh = self._folder / "network.new"
        fresh.write_text(text)
        fresh.replace(self._folder / "network.toml")

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        settings = load(self._folder / "curbside.toml")
        keys = KeyRing.load(settings.path(settings.at_rest_keys))
        database = Database(settings.database_url, SystemClock(), keys)
        try:
            yield database
        finally:
            await database.close()

    async def room(self, key: str, *people: Person) -> str:
        """Let the bot make a declared room and invite these people, who come."""
        name, body = f"room:network/{key}", {"invite": [one.user_id for one in people]}
        async with self.database() as database:
            async with database.begin() as tx:
                await outbox.put(tx, Outgoing("curbside", name, "create", body))
            async with asyncio.timeout(PATIENCE_S):
                room_id = None
                while room_id is None:
                    await asyncio.sleep(0.2)  # the outbox tells nobody outside the house
                    async with database.read() as tx:
                        room_id = await named_room(tx, "curbside", name)
            async with database.begin() as tx:
                await rooms.place(tx, key, room_id)
        for one in people:
            await comes(one, room_id)
        return room_id


async def comes(person: Person, room: str) -> None:
    """Enter a room of another homeserver when the invitation is there; a join may fail on the way."""
    await person.client.wait_for(
        lambda event: is_membership(event, room, person.user_id, "invite"), timeout=PATIENCE_S
    )
    for attempt in range(5):
        try:
            await person.client.join(room)
            break
        except MatrixError:
            if attempt == 4:
                raise
            await asyncio.sleep(0.5)  # the other homeserver has to come round
    await person.sees_join(room, person.user_id)


async def rule(curator: Person, room: str, key: str, kind: str = "user", **content: Any) -> None:
    path = f"{API}/rooms/{quote(room)}/state/m.policy.rule.{kind}/{quote(key)}"
    await curator.client.request("PUT", path, content)


def against(entity: str) -> dict[str, str]:
    return {"entity": entity, "recommendation": "m.ban", "reason": "not to be repeated"}


async def becomes(person: Person, seen_by: Person, room: str, membership: str) -> None:
    """Wait until somebody's membership is this one."""
    await seen_by.client.wait_for(
        lambda event: is_membership(event, room, person.user_id, membership), timeout=PATIENCE_S
    )


@pytest.fixture
async def stage(federation: HomeserverGroup, tmp_path: Path) -> AsyncIterator[Stage]:
    south = federation["south"].server_name
    async with open_stage(federation["north"], tmp_path / "lists", servers=[south]) as stage:
        yield stage


async def test_a_list_is_tried_then_followed_then_taken_back(
    stage: Stage, federation: HomeserverGroup
) -> None:
    south, network, mira = federation["south"], Network(stage), stage.moderator
    eve, sam, cara = await asyncio.gather(
        *(stage.person(name, homeserver=south) for name in ("eve", "sam", "cara"))
    )
    network.declares("cardiology", "neurology")
    heart = await network.room("cardiology", eve, sam)
    brain = await network.room("neurology", eve)
    local = f"bans-{uuid4().hex[:8]}"
    bans = await cara.client.create_room(
        encrypted=False, options={"preset": "public_chat", "room_alias_name": local}
    )
    await rule(cara, bans, "eve", **against(eve.user_id))
    await rule(cara, bans, "us", **against(f"@*:{stage.homeserver.server_name}"))
    await rule(cara, bans, "evil", "server", **against("*.evil.example"))
    alias = f"#{local}:{south.server_name}"
    trial = f'[[policy_lists]]\nroom = "{alias}"\n'

    network.declares("cardiology", "neurology", lists=trial)
    said = await mira.reads("trial", kind="mod.list", after=0)
    body = said["content"]["body"]
    assert "1 person would be banned" in body and eve.user_id in body and "Cardiology, Neurology" in body
    assert "2 about people, 1 about homeservers, 0 about rooms" in body
    assert "1 rule is about ourselves" in body and "not to be repeated" not in body
    await rule(cara, bans, "sam", **against("@s?m-*"))
    await mira.sees_edit(said, "2 people would be banned")
    assert not [one for one in eve.client.events if is_membership(one, heart, eve.user_id, "ban")]

    network.declares(
        "cardiology", "neurology", lists=trial + f'apply = true\ndont_apply = ["{sam.user_id}"]\n'
    )
    for room in (heart, brain):
        await becomes(eve, eve, room, "ban")
    banned = await mira.sees_edit(said, "in force")
    assert "1 person is banned" in banned["content"]["body"]
    ban = next(one for one in eve.client.events if is_membership(one, heart, eve.user_id, "ban"))
    assert "reason" not in ban["content"]

    acl = await sam.client.wait_for(
        lambda event: event["type"] == "m.room.server_acl" and event["room_id"] == heart, timeout=PATIENCE_S
    )
    assert {stage.homeserver.server_name, "localhost"} <= set(acl["content"]["allow"])

    await rule(cara, bans, "eve")
    await mira.sees_edit(said, "Nobody in our rooms")
    await becomes(eve, sam, heart, "leave")
    assert not [one for one in sam.client.events if is_membership(one, heart, sam.user_id, "ban")]


async def test_a_list_that_cannot_be_entered_is_told_once(stage: Stage) -> None:
    mira, network = stage.moderator, Network(stage)
    closed = await stage.person("cara")
    room = await closed.client.create_room(encrypted=False)
    network.declares("cardiology", lists=f'[[policy_lists]]\nroom = "{room}"\n')
    await mira.reads("cannot enter the policy list", kind="mod.list", after=0)
