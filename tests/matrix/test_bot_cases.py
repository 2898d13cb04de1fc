"""An anonymous case from the first word to what it was, by people with real clients on one homeserver."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from uuid import uuid4

import aiohttp
import pytest
from nio.crypto.attachments import encrypt_attachment
from PIL import Image, ImageDraw

from bot.dev.answers import API, quoted
from bot.dev.clinician import Event
from bot.dev.synapse import Homeserver
from tests.support.declared import Declared
from tests.support.people import PATIENCE_S, Person, Stage, open_stage, ours, relation, thread_of

TEXT = "71 yo, phone 0221 4710 815, third fall this week on a DOAC, seen by the blue team. Stop it?"
START, RESPONSE = "org.matrix.msc3381.poll.start", "org.matrix.msc3381.poll.response"


@pytest.fixture
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("cases")) as stage:
        yield stage


async def posts_picture(homeserver: Homeserver, person: Person, room: str) -> str:
    """A picture, encrypted as clients do it."""
    picture = Image.new("RGB", (240, 160), "white")
    ImageDraw.Draw(picture).ellipse((60, 40, 180, 120), fill="grey")
    out = io.BytesIO()
    picture.save(out, "PNG")
    sealed, keys = encrypt_attachment(out.getvalue())
    url = f"{homeserver.url}/_matrix/media/v3/upload"
    headers = {"Authorization": f"Bearer {person.client.access_token}"}
    async with aiohttp.ClientSession() as http, http.post(url, data=sealed, headers=headers) as answer:
        uri = (await answer.json())["content_uri"]
    content = {
        "msgtype": "m.image",
        "body": "scan.png",
        "info": {"mimetype": "image/png", "size": len(out.getvalue())},
        "file": {**keys, "url": uri},
    }
    return await person.client.send_event(room, "m.room.message", content)


async def in_room(person: Person, room: str, kind: str, contains: str = "", after: int = 0) -> Event:
    event = await person.reads(contains, kind=kind, room=room, after=after)
    assert event["encrypted"]
    return event


async def confirms(person: Person, contains: str) -> None:
    """Read the newest preview, and post it."""
    preview = await person.reads(contains, kind="case.preview")
    await person.taps(preview, "✅")


async def test_a_case_from_the_first_word_to_what_it_was(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    room = await Declared(stage).room("neurology", stage.moderator, ada, bela)
    chat = await ada.chat()
    await ada.says(f"!case neurology {TEXT}")
    preview = await ada.reads("Not posted yet", kind="case.preview")
    assert "4710" not in preview["content"]["body"] and preview["encrypted"]
    mark = ada.client.bookmark()
    await posts_picture(stage.homeserver, ada, chat)
    picture = await ada.client.wait_for(
        lambda event: event["content"].get("msgtype") == "m.image" and event["sender"] == stage.bot,
        timeout=PATIENCE_S,
        after=mark,
    )
    await ada.taps(picture, "✅")
    await ada.reads("Confirmed")
    await ada.says("!remove blue team")
    preview = await ada.reads("Not posted yet", kind="case.preview")
    assert "blue team" not in preview["content"]["body"].split("Take more out")[0]
    assert bela.messages(room) == []
    await ada.taps(preview, "✅")

    post = await in_room(bela, room, "case.post")
    body = post["content"]["body"]
    assert "third fall this week" in body and "4710" not in body and "blue team" not in body
    assert ada.user_id not in str(post) and "ada" not in body.lower()
    case = ours(post)["id"]
    file = await bela.client.wait_for(
        lambda event: event["content"].get("msgtype") == "m.image" and event["room_id"] == room,
        timeout=PATIENCE_S,
    )
    assert thread_of(file) == post["event_id"]

    await ada.reads("is in Neurology", after=0)
    mark = ada.client.bookmark()
    await bela.says("how high was the INR?", room, thread=post["event_id"])
    told = await ada.reads("how high was the INR?", kind="case.reply", room=chat, after=mark)
    await ada.says("2.1, her GP says; 0221 4710 816", reply_to=told["event_id"])
    await confirms(ada, "2.1, her GP says")
    said = await in_room(bela, room, "case.said", "2.1, her GP says")
    assert thread_of(said) == post["event_id"] and "4710" not in said["content"]["body"]

    await ada.says(f"!case poll {case} Biopsy now? | yes | no")
    await confirms(ada, "Biopsy now?")
    poll = await bela.client.wait_for(lambda event: event["type"] == START, timeout=PATIENCE_S)
    assert poll["encrypted"] and relation(poll)["event_id"] == post["event_id"]
    answer = {"rel_type": "m.reference", "event_id": poll["event_id"]}
    await bela.client.send_event(room, RESPONSE, {"m.relates_to": answer, RESPONSE: {"answers": ["2"]}})
    await stage.moderator.says(f"!vote {case} 2", room)

    await ada.says(f"!case solve {case} A subdural; stopped, no more falls.")
    await confirms(ada, "A subdural")
    await in_room(bela, room, "case.said", "A subdural")
    await in_room(bela, room, "case.poll", "2. no: 2")
    await ada.reads("is closed. Thank you")
    found = await bela.asks("!cases solved")
    assert case in found["content"]["body"]


async def test_an_edit_that_cannot_be_read_yet_comes_before_what_is_pressed_after_it(stage: Stage) -> None:
    (ada,) = await stage.people("ada")
    await Declared(stage).room("neurology", stage.moderator, ada)
    chat = await ada.chat()
    asked = await ada.says(f"!case neurology {TEXT}")
    preview = await ada.reads("Not posted yet", kind="case.preview")
    mark = ada.client.bookmark()
    sealed = {
        "algorithm": "m.megolm.v1.aes-sha2",
        "ciphertext": "AwgAEpAB",
        "device_id": "LATE",
        "sender_key": "late",
        "session_id": "a session whose key has not come",
        "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
    }
    path = f"{API}/rooms/{quoted(chat)}/send/m.room.encrypted/{uuid4().hex}"
    await ada.client.request("PUT", path, sealed)
    await ada.taps(preview, "✅")
    await ada.reads("could not read your correction", after=mark)
    await ada.reads("not let pass: change it", after=mark)
