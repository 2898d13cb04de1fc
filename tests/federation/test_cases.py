"""A case between two hospitals: its author on one homeserver, a reader with Element's engine on another."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from bot.dev.synapse import HomeserverGroup, register_user
from tests.support.declared import Declared
from tests.support.jsclient import JsClient, JsEvent
from tests.support.people import PATIENCE_S, Person, Stage, open_stage

TEXT = "58 yo teacher, tel 0221 4710 815, weak legs for two weeks, CSF clear. What next?"
POLL = "org.matrix.msc3381.poll"


class Reader(Person):
    """Somebody whose client is matrix-js-sdk; it accepts every invitation."""

    def __init__(self, client: JsClient, bot: str) -> None:
        self.js, self.user_id, self.bot = client, client.user_id, bot

    async def sees_join(self, room_id: str, user_id: str, *, after: int = 0) -> Any:
        return await self.js.wait_for_membership("join", room_id, PATIENCE_S)

    async def sees(self, room: str, what: str, contains: str = "") -> JsEvent:
        """An event of the bot in a room, by its type or its kind; it must be beyond suspicion."""
        event = await self.js.wait_for(
            lambda one: (
                one["event"] == "timeline"
                and one["room_id"] == room
                and one["sender"] == self.bot
                and what in (one["type"], one["content"].get("org.curbside", {}).get("kind"))
                and contains in str(one["content"])
            ),
            PATIENCE_S,
        )
        assert event["encrypted"] and event["shield"] == {"color": "none", "reason": None}
        return event


@pytest.fixture
async def stage(federation: HomeserverGroup, tmp_path: Path) -> AsyncIterator[Stage]:
    servers = [one.server_name for one in federation.homeservers]
    async with open_stage(federation["north"], tmp_path / "cases", servers=servers) as stage:
        yield stage


@pytest.fixture
async def reader(stage: Stage, federation: HomeserverGroup) -> AsyncIterator[Reader]:
    south, password = federation["south"], secrets.token_urlsafe(12)
    user = await register_user(south, f"reader-{secrets.token_hex(4)}", password)
    client = await JsClient.start(
        south.url, user.user_id, user.access_token, user.device_id, password, auto_join=True
    )
    try:
        yield Reader(client, stage.bot)
    finally:
        await client.stop()


async def confirms(person: Person, contains: str) -> None:
    preview = await person.reads(contains, kind="case.preview")
    await person.taps(preview, "✅")


async def test_a_case_between_two_hospitals(stage: Stage, reader: Reader) -> None:
    author = await stage.person("ada")
    chat = await author.chat()
    room = await Declared(stage).room("neurology", stage.moderator, author, reader)

    asked = await author.says(f"!case neurology {TEXT}")
    first = await author.reads("Not posted yet", kind="case.preview")
    edit = {
        "m.new_content": {"msgtype": "m.text", "body": f"!case neurology {TEXT} No fever."},
        "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
    }
    await author.says("* edited", content=edit)
    second = await author.reads("No fever", kind="case.preview")
    await author.taps(first, "✅")  # of an earlier preview: it posts nothing
    await author.reads("not the newest")
    await author.taps(second, "✅")

    post = await reader.sees(room, "case.post", "No fever")
    assert "4710" not in str(post["content"]) and author.user_id not in str(post)
    case = post["content"]["org.curbside"]["id"]
    await author.reads("is in Neurology", after=0)
    mark = author.client.bookmark()
    await reader.js.send(room, "nerve conduction?", thread_root=post["event_id"])
    await author.reads("nerve conduction?", kind="case.reply", room=chat, after=mark)
    await author.says(f"!reply {case} slowed, says the lab (tel 0221 4710 816)")
    await confirms(author, "slowed, says the lab")
    said = await reader.sees(room, "case.said", "slowed, says the lab")
    assert said["relates_to"]["event_id"] == post["event_id"] and "4710" not in str(said["content"])

    await author.says(f"!case quiz {case} What is it? | myelitis | *neuropathy")
    await confirms(author, "What is it?")
    poll = await reader.sees(room, f"{POLL}.start")
    assert "*" not in str(poll["content"][f"{POLL}.start"])
    answer = {"rel_type": "m.reference", "event_id": poll["event_id"]}
    await reader.js.send_event(
        room, f"{POLL}.response", {"m.relates_to": answer, f"{POLL}.response": {"answers": ["2"]}}
    )
    await reader.js.send(room, "a neuropathy, then", thread_root=post["event_id"])
    await author.reads("a neuropathy, then", kind="case.reply")  # the vote before it has been counted
    await author.says(f"!case reveal {case}")
    result = await reader.sees(room, "case.poll", "✔ 2. neuropathy: 1")
    ended = await reader.sees(room, f"{POLL}.end")
    assert ended["relates_to"]["event_id"] == poll["event_id"] and "neuropathy" in str(ended["content"])
    assert result["relates_to"]["event_id"] == post["event_id"]

    await author.says(f"!case solve {case} Neuropathy, recovers slowly.")
    await confirms(author, "recovers slowly")
    await reader.sees(room, "case.said", "recovers slowly")
    await author.reads("is closed. Thank you")
    everything = str([one for one in reader.js.events if one.get("room_id") == room and "content" in one])
    assert "4710" not in everything and TEXT not in everything
