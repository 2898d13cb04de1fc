"""Files to people on a real homeserver: encrypted where the room is, and each shown once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from nio.crypto.attachments import decrypt_attachment

from bot.app import capabilities, make_house
from bot.chat.attachment import Attachment
from bot.chat.desk import Desk
from bot.chat.message import Message
from bot.chat.rich import markup
from bot.dev.clinician import Clinician
from bot.dev.synapse import Homeserver
from bot.directory.roster import RosterFile
from tests.support.account import API, Account, open_account
from tests.support.proxy import FaultProxy, Kind

DATA = bytes(range(256)) * 40
MakeProxy = Callable[..., Awaitable[FaultProxy]]


@pytest.fixture
async def between(homeserver: Homeserver, proxy: MakeProxy) -> FaultProxy:
    return await proxy(homeserver.url)


@pytest.fixture
async def bot(homeserver: Homeserver, between: FaultProxy, tmp_path: Path) -> AsyncIterator[Account]:
    async with open_account(homeserver, tmp_path / "bot", homeserver_url=between.url) as account:
        yield account


async def attach(bot: Account, room: str, attachment: Attachment, caption: Message | None = None) -> str:
    roster = RosterFile(bot.settings.path(bot.settings.roster))
    house = make_house(bot.settings, capabilities(), roster)
    async with bot.database.begin() as tx:
        return await Desk(house, tx, "curbside").attach(room, attachment, caption)


async def fetched(bot: Account, reader: Clinician, uri: str) -> tuple[bytes, str]:
    """A file as a client gets it, by the authenticated endpoint (C-S API v1.11): bytes and type."""
    url = f"{bot.homeserver.url}/_matrix/client/v1/media/download/{uri.removeprefix('mxc://')}"
    headers = {"Authorization": f"Bearer {reader.access_token}"}
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        assert answer.status == 200
        return await answer.read(), answer.content_type


def uploads(between: FaultProxy) -> int:
    return sum(entry.method == "POST" and entry.path.endswith("/media/v3/upload") for entry in between.log)


async def shown(reader: Clinician) -> dict[str, Any]:
    event = await reader.wait_for(
        lambda one: one["content"].get("msgtype") in ("m.file", "m.image"), timeout=60.0
    )
    return {**event["content"], "encrypted": event["encrypted"]}


async def test_encrypted_in_a_direct_chat_and_shown_once_though_answers_are_lost(
    bot: Account, between: FaultProxy, clinician: Any
) -> None:
    ada = await clinician(bot.homeserver, "ada")
    lost = [
        between.add(Kind.DROP_AFTER, r".*/media/v3/upload", times=1),
        between.add(Kind.DROP_AFTER, r".*/send/m\.room\.encrypted/.*", times=2),
    ]
    caption = Message("export", markup("**C-7F3K** as a PDF"), id="C-7F3K")
    row = await attach(bot, f"dm:{ada.user_id}", Attachment("C-7F3K.pdf", "application/pdf", DATA), caption)
    assert (await bot.done(row)).state == "sent"
    content = await shown(ada)
    assert content["encrypted"] and content["msgtype"] == "m.file" and "url" not in content
    assert (content["body"], content["filename"]) == ("C-7F3K as a PDF", "C-7F3K.pdf")
    assert content["info"] == {"mimetype": "application/pdf", "size": len(DATA)}
    assert content["org.curbside"] == {"v": 1, "kind": "export", "id": "C-7F3K", "out": row}
    file = content["file"]
    assert (file["v"], file["key"]["alg"], file["key"]["key_ops"]) == (
        "v2",
        "A256CTR",
        ["encrypt", "decrypt"],
    )
    sealed, kind = await fetched(bot, ada, file["url"])
    assert kind == "application/octet-stream" and sealed != DATA
    assert decrypt_attachment(sealed, file["key"]["k"], file["hashes"]["sha256"], file["iv"]) == DATA
    assert [fault.hits for fault in lost] == [1, 2]
    assert uploads(between) == 2, "the second upload served both attempts to send its event"
    mark = ada.bookmark()
    later = await attach(bot, f"dm:{ada.user_id}", Attachment("b.txt", "text/plain", b"later"))
    await bot.done(later)
    await ada.wait_for(lambda one: one["content"].get("body") == "b.txt", timeout=60.0, after=mark)
    messages = [one["content"] for one in ada.events if one["type"] == "m.room.message"]
    outs = [content.get("org.curbside", {}).get("out") for content in messages]
    assert outs.count(row) == 1


async def test_a_picture_in_an_unencrypted_room(bot: Account, clinician: Any) -> None:
    ada = await clinician(bot.homeserver, "ada")
    room = await ada.create_room(invite=[bot.user_id], encrypted=False)
    await ada.wait_for(
        lambda one: one.get("state_key") == bot.user_id and one["content"].get("membership") == "join"
    )
    # The bot's sync tells it of the room as encrypted or not before anything leaves.
    row = await attach(bot, room, Attachment("week.png", "image/png", DATA, 40, 20))
    assert (await bot.done(row)).state == "sent"
    content = await shown(ada)
    assert content["msgtype"] == "m.image" and "file" not in content and not content["encrypted"]
    assert (content["body"], content["filename"]) == ("week.png", "week.png")
    assert content["info"] == {"mimetype": "image/png", "size": len(DATA), "w": 40, "h": 20}
    assert await fetched(bot, ada, content["url"]) == (DATA, "image/png")


async def test_a_homeserver_that_takes_less_says_so_to_the_sender(bot: Account) -> None:
    answer = await bot.ask(None, "GET", API.replace("/v3", "/v1") + "/media/config")
    assert answer["m.upload.size"] == 50 * 1024 * 1024, "the endpoint that the uploader relies on"
