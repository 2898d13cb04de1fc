"""The bots in rooms of every kind, and at peace with whatever is said there."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any
from urllib.parse import quote

import pytest

from bot.dev.clinician import MatrixError
from bot.dev.synapse import Homeserver
from tests.support.people import PATIENCE_S, Person, Stage, is_membership, open_stage

SEND = "/_matrix/client/v3/rooms/{room}/send/{kind}/{txn}"


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("rooms")) as stage:
        yield stage


async def sends_raw(person: Person, room: str, kind: str, content: Any, number: int = 0) -> None:
    """Past the client's own care, unencrypted; what Synapse itself refuses never reaches a bot."""
    path = SEND.format(room=quote(room), kind=quote(kind), txn=f"raw-{kind}-{number}")
    with suppress(MatrixError):
        await person.client.request("PUT", path, content, retry=False)


@pytest.mark.parametrize("version", ["9", "10", "11", "12"])
async def test_every_room_version(stage: Stage, version: str) -> None:
    ada, bela = await stage.people("ada", "bela")
    sealed, plain = await asyncio.gather(
        ada.room(stage.bot, bela.user_id, room_version=version),
        bela.room(stage.bot, encrypted=False, room_version=version),
    )
    await asyncio.gather(
        ada.asks("!ping sealed", "pong sealed", room=sealed),
        bela.asks("!ping plain", "pong plain", room=plain),
    )


async def test_an_upgraded_room_is_followed(stage: Stage) -> None:
    ada = await stage.person()
    for encrypted, versions in ((True, ("10", "12")), (False, ("9", "11"))):
        old = await ada.room(stage.bot, encrypted=encrypted, room_version=versions[0])
        await ada.asks("!ping before", "pong before", room=old)
        answer = await ada.client.request(
            "POST", f"/_matrix/client/v3/rooms/{quote(old)}/upgrade", {"new_version": versions[1]}
        )
        new = answer["replacement_room"]
        # Synapse invites nobody into the new room of a private one: its members must.
        await ada.client.invite(new, stage.bot)
        await ada.sees_join(new, stage.bot)
        pong = await ada.asks("!ping after", "pong after", room=new)
        assert pong["encrypted"] == encrypted


async def test_a_public_upgrade_is_followed_without_an_invitation(stage: Stage) -> None:
    ada = await stage.person()
    old = await ada.room(stage.bot, encrypted=False, preset="public_chat", room_version="10")
    await ada.asks("!ping before", "pong before", room=old)
    answer = await ada.client.request(
        "POST", f"/_matrix/client/v3/rooms/{quote(old)}/upgrade", {"new_version": "12"}
    )
    new = answer["replacement_room"]
    await ada.sees_join(new, stage.bot)
    await ada.asks("!ping after", "pong after", room=new)


async def test_late_joiners_read_what_comes_after(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    room = await ada.room(stage.bot)
    await ada.asks("!ping early", "pong early", room=room)
    mark = ada.client.bookmark()
    await ada.client.invite(room, bela.user_id)
    await ada.sees_join(room, bela.user_id, after=mark)
    await ada.asks("!ping late", "pong late", room=room)
    await bela.reads("pong late", room=room, after=0)
    await bela.asks("!ping mine", "pong mine", room=room)


async def test_kicked_and_invited_again(stage: Stage) -> None:
    ada = await stage.person()
    room = await ada.room(stage.bot)
    await ada.asks("!ping one", "pong one", room=room)
    path = f"/_matrix/client/v3/rooms/{quote(room)}"
    await ada.client.request("POST", f"{path}/kick", {"user_id": stage.bot})
    await ada.client.wait_for(
        lambda event: is_membership(event, room, stage.bot, "leave"), timeout=PATIENCE_S
    )
    await ada.says("!ping to nobody", room)
    mark = ada.client.bookmark()
    await ada.client.invite(room, stage.bot)
    await ada.sees_join(room, stage.bot, after=mark)
    await ada.asks("!ping two", "pong two", room=room)
    assert ada.bodies(room) == ["pong one", "pong two"]


async def test_long_messages(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")

    async def sealed() -> None:
        text = "".join(chr(0x61 + n % 26) for n in range(19_990))
        await ada.asks(f"!ping {text}", text)
        told = await ada.asks("!ping " + "x" * 40_000)
        assert "20000" in told["content"]["body"] or "20,000" in told["content"]["body"]

    async def plain() -> None:
        chat = await bela.chat(encrypted=False)
        await bela.says("!ping " + "y" * 60_000, chat)
        told = await bela.reads("at most", room=chat)
        assert "y" not in told["content"]["body"][:3]
        await bela.says("z" * 60_000, chat)
        await bela.asks("!ping still", "pong still", room=chat)

    await asyncio.gather(sealed(), plain())


@pytest.mark.parametrize(
    "text",
    [
        "السلام عليكم \u202eabc\u202c",
        "שלום 👨‍👩‍👧‍👦 e\u0301\u0323",
        "a\x00b\tc\r\nd",
        "**bold** `code` <b>html</b> {braces} %s & \\",
        "𝕳𝖊𝖑𝖑𝖔 \ue000" + "0\ue001",
    ],
)
async def test_any_script_comes_back(stage: Stage, text: str) -> None:
    ada = await stage.person()
    answer = await ada.asks(f"!ping {text}", "pong ")
    assert answer["content"]["body"] == f"pong {text}".replace("\x00", "\ufffd")
    assert "<b>" not in answer["content"].get("formatted_body", "")


async def test_odd_room_names_and_halves_of_characters(stage: Stage) -> None:
    ada = await stage.person()
    room = await ada.room(stage.bot, encrypted=False, name="🫀🚑 " + "𝕏" * 60, topic="\u202e{0}")
    await ada.asks("!ping in it", "pong in it", room=room)
    for number, body in enumerate(("!ping \ud83d", "\udc00!ping", "!ping \u0000")):
        await sends_raw(ada, room, "m.room.message", {"msgtype": "m.text", "body": body}, number)
    await ada.asks("!ping again", "pong again", room=room)


GARBAGE: list[tuple[str, Any]] = [
    ("m.room.message", {}),
    ("m.room.message", {"msgtype": "m.text"}),
    ("m.room.message", {"msgtype": "m.text", "body": ["!ping", 1]}),
    ("m.room.message", {"msgtype": ["m.text"], "body": "!ping no"}),
    ("m.room.message", {"msgtype": "m.text", "body": {"!ping": None}}),
    ("m.room.message", {"msgtype": "m.text", "body": 7, "formatted_body": [1]}),
    ("m.room.message", {"msgtype": "m.notice", "body": "!ping no"}),
    ("m.room.message", {"msgtype": "m.emote", "body": "!ping no"}),
    ("m.room.message", {"msgtype": "m.text", "body": "", "m.relates_to": "x"}),
    ("m.room.message", {"msgtype": "m.text", "body": "hm", "m.relates_to": {"m.in_reply_to": []}}),
    ("m.room.message", {"msgtype": "m.text", "body": "hm", "m.mentions": [[[[]]]], "org.curbside": 3}),
    (
        "m.room.message",
        {"msgtype": "m.text", "body": "x", "m.new_content": [], "m.relates_to": {"rel_type": 1}},
    ),
    ("m.reaction", {}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": 5, "key": {}}}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": "$nowhere", "key": "👍" * 500}}),
    ("m.room.encrypted", {}),
    ("m.room.encrypted", {"algorithm": 1, "ciphertext": {}}),
    ("m.room.encrypted", {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "?", "session_id": "x" * 400}),
    (
        "m.room.encrypted",
        {"algorithm": "m.megolm.v1.aes-sha2", "ciphertext": "AAAA", "session_id": "s", "sender_key": "k"},
    ),
    ("com.example.strange", {"deep": {"deeper": {"deepest": [None] * 50}}}),
    ("m.poll.start", {"m.poll": {"question": 1}}),
    ("m.room.redaction", {"redacts": 4}),
]


@pytest.mark.parametrize("encrypted", [True, False], ids=["encrypted", "plain"])
async def test_malformed_events_hurt_nobody(stage: Stage, encrypted: bool) -> None:
    ada = await stage.person()
    room = await ada.room(stage.bot, encrypted=encrypted)
    await asyncio.gather(
        *(sends_raw(ada, room, kind, content, number) for number, (kind, content) in enumerate(GARBAGE))
    )
    if encrypted:  # and the same where only the bot can look into it
        for number, (kind, content) in enumerate(GARBAGE):
            if kind == "m.room.message":
                await ada.client.send_event(room, kind, content, txn_id=f"sealed-{number}")
    for kind in ("m.room.topic", "m.room.name", "m.room.pinned_events", "m.room.canonical_alias"):
        path = f"/_matrix/client/v3/rooms/{quote(room)}/state/{kind}"
        with suppress(MatrixError):
            await ada.client.request("PUT", path, {"name": 5, "topic": [], "pinned": 1}, retry=False)
    await ada.asks("!ping alive", "pong alive", room=room)
    assert not [body for body in ada.bodies(room) if body.startswith("pong no")]
    assert stage.running.process is not None and stage.running.process.poll() is None
