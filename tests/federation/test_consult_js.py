"""Consults between two hospitals, lived with the engine of Element.

Every person here uses matrix-js-sdk that trusts and sends to devices only which their owners have signed;
the bots follow the trust policy that a hospital starts with. So whatever a clinician's own client would
refuse, hide or mark with a shield fails here.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any

import pytest

from bot.dev.synapse import Homeserver, HomeserverGroup, register_user
from tests.support.house import Running, start_curbside
from tests.support.jsclient import JsClient, JsClientTimeout, JsEvent

NO_WARNING = {"color": "none", "reason": None}
PATIENCE_S = 120.0
TRUST = 'users_without_identity = "withhold"'


@dataclass
class Hospital:
    """A homeserver, its Curbside, and two of its people: one who asks or answers, one who moderates."""

    homeserver: Homeserver
    running: Running
    clinician: JsClient
    moderator: JsClient

    @property
    def bot(self) -> str:
        return self.running.user_id("curbside")

    def on_call(self, service: str, *people: JsClient) -> None:
        chain = json.dumps([person.user_id for person in people])
        self.running.write_roster(
            f'[services.{service}]\nname = "{service.capitalize()}"\non_call = {chain}\n'
        )


async def new_client(stack: AsyncExitStack, homeserver: Homeserver, name: str, **options: Any) -> JsClient:
    password = secrets.token_urlsafe(12)
    user = await register_user(homeserver, f"{name}-{secrets.token_hex(4)}", password)
    login = (homeserver.url, user.user_id, user.access_token, user.device_id, password)
    client = await JsClient.start(*login, auto_join=True, **options)
    stack.push_async_callback(client.stop)
    return client


@pytest.fixture(scope="module")
async def hospitals(
    federation: HomeserverGroup, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Hospital, Hospital]]:
    servers = [homeserver.server_name for homeserver in federation.homeservers]
    found = []
    async with AsyncExitStack() as stack:
        for homeserver in (federation["north"], federation["south"]):
            clinician = await new_client(stack, homeserver, "clinician")
            moderator = await new_client(stack, homeserver, "moderator")
            running = await stack.enter_async_context(
                start_curbside(
                    homeserver,
                    tmp_path_factory.mktemp(homeserver.name) / "curbside",
                    prefix=f"{secrets.token_hex(3)}-",
                    servers=servers,
                    moderators=[moderator.user_id],
                    trust=TRUST,
                )
            )
            found.append(Hospital(homeserver, running, clinician, moderator))
        north, south = found
        for bot, people in ((north.bot, south), (south.bot, north)):
            await acquaint(bot, people.clinician)
            await acquaint(bot, people.moderator)
        yield north, south


def ours(event: JsEvent) -> dict[str, Any]:
    return dict(event["content"].get("org.curbside") or {})


def is_ours(event: JsEvent, kind: str, state: str | None, consult: str | None) -> bool:
    if (
        event["event"] != "timeline"
        or event["type"] != "m.room.message"
        or "m.new_content" in event["content"]
    ):
        return False
    told = ours(event)
    return (
        told.get("kind") == kind and state in (None, told.get("state")) and consult in (None, told.get("id"))
    )


async def told(
    client: JsClient, kind: str, state: str | None = None, consult: str | None = None,
    room: str | None = None, after: int = 0,
) -> JsEvent:  # fmt: skip
    """The first message of a bot of this kind, state and consult; it must be beyond suspicion."""
    try:
        event = await client.wait_for(
            lambda one: is_ours(one, kind, state, consult) and room in (None, one["room_id"]),
            PATIENCE_S,
            after,
        )
    except JsClientTimeout:
        odd = [one for one in client.events if one["event"] != "timeline" or one["decryption_failure_code"]]
        raise AssertionError(f"no readable {kind} {state} of {consult}; instead: {odd[-12:]}") from None
    assert event["encrypted"] and event["shield"] == NO_WARNING
    return event


async def chat_with(client: JsClient, bot: str) -> str:
    room = await client.create_dm(bot)
    await client.wait_for(
        lambda event: (
            event.get("type") == "m.room.member"
            and event["state_key"] == bot
            and event["content"].get("membership") == "join"
        ),
        PATIENCE_S,
    )
    return room


async def acquaint(bot: str, person: JsClient) -> None:
    """Let somebody's client learn who a bot is, as on the day when the hospital introduces it.

    js-sdk 43 gives an event up for good when it comes before the answer to its first question for the
    sender's keys (rust-crypto.ts, UnknownSenderDevice): so it does with any sender's first message.
    """
    chat = await chat_with(person, bot)
    for patience in (5.0, PATIENCE_S):
        # What is said while the bot's homeserver is still joining reaches it with what is said next.
        await person.send(chat, "!ping hello")
        with suppress(JsClientTimeout):
            await person.wait_for_message(chat, bot, "pong hello", patience)
            return
    raise AssertionError(f"{bot} does not answer {person.user_id}")


def nothing_suspicious(*clients: JsClient) -> None:
    """Whatever came was encrypted, could be read, and bears no warning."""
    for client in clients:
        for event in client.events:
            assert not event.get("decryption_failure_code"), event
            if event.get("type") == "m.room.message":
                assert event["encrypted"] and event["shield"] == NO_WARNING, event


def thread(client: JsClient, root: str, consult: str) -> list[tuple[str, str]]:
    """Kind and state of each message of a bot in a thread, corrections left out."""
    found = []
    for event in client.events:
        if event["event"] == "timeline" and event["type"] == "m.room.message" and ours(event):
            relation = event["relates_to"] or {}
            if relation.get("rel_type") == "m.thread" and relation.get("event_id") == root:
                assert ours(event)["id"] == consult
                found.append((ours(event)["kind"], ours(event)["state"]))
    return found


@pytest.mark.parametrize("north_asks", [True, False], ids=["north-asks-south", "south-asks-north"])
async def test_a_whole_consult_between_hospitals(
    hospitals: tuple[Hospital, Hospital], north_asks: bool
) -> None:
    here, there = hospitals if north_asks else hospitals[::-1]
    asker, consultant = here.clinician, there.clinician
    here.on_call("cardiology", consultant)
    chat = await chat_with(asker, here.bot)
    question = f"new AF, rate 140, BP 95/60 ({secrets.token_hex(4)}): cardiovert?"
    root = await asker.send(chat, f"!consult cardiology urgent {question}")
    first = await told(asker, "consult.state", "requested", room=chat)
    consult = ours(first)["id"]

    page = await told(consultant, "consult.page", "requested", consult)
    assert question in page["content"]["body"] and page["sender"] == here.bot
    await consultant.react(page["room_id"], page["event_id"], "✅")
    await told(asker, "consult.state", "accepted", consult, chat)

    opening = await told(consultant, "consult.question", consult=consult)
    room = opening["room_id"]
    assert question in opening["content"]["body"]
    seen = await told(asker, "consult.question", consult=consult)
    assert (seen["room_id"], seen["content"]["body"]) == (room, opening["content"]["body"])
    names = [
        event for event in asker.events if event.get("type") == "m.room.name" and event["room_id"] == room
    ]
    assert [event["content"]["name"] for event in names] == [f"Consult {consult} · Cardiology"]
    assert not [event for event in asker.events if event.get("type") == "m.room.topic"]

    # People talk with each other there as well as with the bot.
    await asker.send(room, "good evening")
    talk = await consultant.wait_for_message(room, asker.user_id, "good evening", PATIENCE_S)
    assert talk["shield"] == NO_WARNING
    for person in (asker, consultant):
        assert await person.is_encrypted(room)
        assert set(await person.members(room)) == {here.bot, asker.user_id, consultant.user_id}
    await consultant.send(room, "!answer unstable: synchronised shock now, metoprolol later")
    answer = await told(asker, "consult.answer", "answered", consult, room)
    assert "synchronised shock" in answer["content"]["body"]
    await told(asker, "consult.answer", "answered", consult, chat)
    await asker.send(room, "!close shock now, metoprolol once she is stable")
    closed = await told(consultant, "consult.state", "completed", consult, page["room_id"])
    assert "once she is stable" in closed["content"]["body"]
    await told(asker, "consult.state", "completed", consult, chat)
    await told(asker, "consult.state", "completed", consult, room)
    await told(asker, "consult.survey", "completed", consult, chat)

    assert thread(asker, root, consult) == [
        ("consult.state", "requested"),
        ("consult.state", "accepted"),  # edited when the room is ready
        ("consult.answer", "answered"),
        ("consult.state", "completed"),
        ("consult.survey", "completed"),
    ]
    nothing_suspicious(asker, consultant)


async def test_declined_taken_by_the_next_and_closed_by_typing(hospitals: tuple[Hospital, Hospital]) -> None:
    north, south = hospitals
    asker, first, second = north.clinician, south.clinician, south.moderator
    north.on_call("neurology", first, second)
    chat = await chat_with(asker, north.bot)
    root = await asker.send(chat, "!consult neurology stat left hemiparesis for 40 minutes: lysis?")
    consult = ours(await told(asker, "consult.state", "requested", room=chat))["id"]

    page = await told(first, "consult.page", "requested", consult)
    await first.send(page["room_id"], f"!decline {consult} scrubbed in")
    declined = await asker.wait_for_message(chat, north.bot, "declined (scrubbed in)", PATIENCE_S)
    assert declined["encrypted"]
    page = await told(second, "consult.page", "requested", consult)
    await second.send(page["room_id"], f"!accept {consult}")
    await told(second, "consult.question", consult=consult)
    await second.send(page["room_id"], f"!answer {consult} yes, and CT angiography on the way")
    answer = await told(asker, "consult.answer", "answered", consult, chat)
    await asker.send(chat, "!close lysis now, angiography with it", thread_root=root)
    await told(asker, "consult.state", "completed", consult, chat)
    await told(second, "consult.state", "completed", consult, page["room_id"])
    await told(asker, "consult.survey", "completed", consult, chat)
    assert "angiography" in answer["content"]["body"]
    assert thread(asker, root, consult) == [
        ("consult.state", "requested"),  # edited when one declines and the next is asked
        ("consult.state", "accepted"),  # edited when the room is ready
        ("consult.answer", "answered"),
        ("consult.state", "completed"),
        ("consult.survey", "completed"),
    ]
    nothing_suspicious(asker, first, second)


async def test_a_client_nobody_vouches_for_is_told_so(hospitals: tuple[Hospital, Hospital]) -> None:
    north, south = hospitals
    north.on_call("dermatology", south.clinician)
    async with AsyncExitStack() as stack:
        unsigned = await new_client(stack, north.homeserver, "unsigned", isolation="all", cross_sign=False)
        chat = await chat_with(unsigned, north.bot)
        await unsigned.send(chat, "!consult dermatology urgent blistering rash: biopsy?")
        refused = await unsigned.wait_for_undecryptable(chat, north.bot, PATIENCE_S)
        assert refused["decryption_failure_code"] == "MEGOLM_KEY_WITHHELD_FOR_UNVERIFIED_DEVICE"
        notice = await unsigned.wait_for(lambda one: is_ours(one, "withheld", None, None), PATIENCE_S)
        assert (notice["room_id"], notice["encrypted"]) == (chat, False)
        assert "not verified" in notice["content"]["body"] and unsigned.device_id in notice["content"]["body"]
        report = await north.moderator.wait_for(
            lambda one: is_ours(one, "withheld", None, None) and unsigned.device_id in one["content"]["body"],
            PATIENCE_S,
        )
        assert report["shield"] == NO_WARNING
        consult = ours(await told(south.clinician, "consult.page"))  # the question is not held back
        readable = [
            json.dumps(event["content"])
            for event in unsigned.events
            if event["event"] == "timeline" and event["sender"] == north.bot and not event["encrypted"]
        ]
        assert readable and not [text for text in readable if "rash" in text or consult["id"] in text]
