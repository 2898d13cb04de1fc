"""Asking with a real client: step by step, a picture from an encrypted chat, a correction, a redaction."""

from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from nio.crypto.attachments import decrypt_attachment, encrypt_attachment

from bot.dev.answers import API, quoted
from bot.dev.clinician import Clinician, Event
from bot.dev.synapse import Homeserver
from tests.support.people import PATIENCE_S, Person, Stage, open_stage, ours

QUESTION = "new AF, rate 140, BP 95/60: cardiovert or rate control?"
PICTURE = bytes(range(256)) * 50


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("intake")) as stage:
        yield stage


async def media(client: Clinician, url: str, method: str, path: str, data: bytes | None = None) -> Any:
    headers = {"Authorization": f"Bearer {client.access_token}"}
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, url + path, headers=headers, data=data) as answer,
    ):
        assert answer.status == 200
        return await answer.json() if method == "POST" else await answer.read()


async def post_picture(person: Person, homeserver: Homeserver, room: str) -> str:
    sealed, keys = encrypt_attachment(PICTURE)
    assert isinstance(sealed, bytes)
    uploaded = await media(person.client, homeserver.url, "POST", "/_matrix/media/v3/upload", sealed)
    content = {
        "msgtype": "m.image",
        "info": {"mimetype": "image/jpeg", "size": len(PICTURE)},
        "file": {"url": uploaded["content_uri"], **keys},
    }
    person.mark = person.client.bookmark()
    return await person.client.send(room, "ecg.jpg", content=content, timeout=PATIENCE_S)


def kind_of(kind: str, consult: str) -> Any:
    def fits(event: Event) -> bool:
        return (ours(event).get("kind"), ours(event).get("id")) == (kind, consult)

    return fits


async def test_step_by_step_with_a_picture_and_a_correction(stage: Stage, homeserver: Homeserver) -> None:
    ada = await stage.person("ada", on_roster=True)
    bela = await stage.person("bela", on_roster=True)
    service = stage.service([bela], name="Cardiology I")
    chat = await ada.chat()
    await ada.asks(f"!consult {service}", "How urgent is it?")
    await ada.asks("urgent", "What is your one question?")
    said = await ada.says(QUESTION)
    draft = await ada.reads("Not sent yet")
    await post_picture(ada, homeserver, chat)
    await ada.reads("📎 Kept with the request that is not sent yet")
    await ada.taps(draft, "✅")
    asked = await ada.reads("asking Dr Bela")
    consult = str(ours(asked)["id"])
    page = await bela.client.wait_for(kind_of("consult.page", consult), timeout=PATIENCE_S)
    assert QUESTION in page["content"]["body"] and "1 file" in page["content"]["body"]

    better = QUESTION.replace("140", "180")
    replaced = {
        "m.new_content": {"msgtype": "m.text", "body": better},
        "m.relates_to": {"rel_type": "m.replace", "event_id": said},
    }
    await ada.client.send(chat, f"* {better}", content=replaced, timeout=PATIENCE_S)
    await bela.sees_edit(page, "rate 180")

    await bela.taps(page, "✅")
    shown = await bela.client.wait_for(kind_of("consult.attachment", consult), timeout=PATIENCE_S)
    file = shown["content"]["file"]
    assert shown["encrypted"] and shown["content"]["body"] == "ecg.jpg"
    path = "/_matrix/client/v1/media/download/" + file["url"].removeprefix("mxc://")
    sealed = await media(bela.client, homeserver.url, "GET", path)
    assert decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"]) == PICTURE

    second = await post_picture(ada, homeserver, chat)
    await ada.reads("2 files")
    mark = bela.client.bookmark()
    await ada.client.request(
        "PUT", f"{API}/rooms/{quoted(chat)}/redact/{quoted(second)}/{quoted(second[1:9])}", {}
    )
    await ada.reads("taken away")
    room = shown["room_id"]
    await bela.client.wait_for(
        lambda event: event["type"] == "m.room.redaction" and event["room_id"] == room,
        timeout=PATIENCE_S,
        after=mark,
    )
