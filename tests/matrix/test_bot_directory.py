"""Proving who one is, and finding a colleague, through real clients on a real homeserver."""

from collections.abc import AsyncIterator

import pytest

from bot.dev.synapse import Homeserver
from tests.support.people import Stage, open_stage, ours


@pytest.fixture(scope="module")
async def stage(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    async with open_stage(homeserver, tmp_path_factory.mktemp("directory")) as stage:
        yield stage


async def test_from_a_number_to_being_found(stage: Stage) -> None:
    ada, bela = await stage.people("ada", "bela")
    overview = await ada.asks("!verify", "not verified (L0)")
    assert ours(overview)["kind"] == "verify"
    await ada.asks("!verify gmc 7654321", "valid form")
    claim = await stage.moderator.reads("GMC 7654321", kind="verify.claim", after=0)
    assert claim["encrypted"]
    await stage.moderator.sees_button(claim, "✅")
    await stage.moderator.taps(claim, "✅")
    await ada.reads("A moderator has verified you.")
    for line in ("name Dr Ada Quill", "specialty HNO", "languages German", "city München", "listed yes"):
        await ada.asks(f"!profile {line}", "listed")
    found = await bela.asks("!find ENT deutsch Munchen", "Dr Ada Quill")
    assert ours(found)["kind"] == "find" and ada.user_id in found["content"]["body"]
    # Withdrawn, nobody finds her.
    room = claim["room_id"]
    await stage.moderator.says(f"!mod unverify {ada.user_id}", room)
    await ada.reads("withdrawn your verification")
    await bela.asks("!find ENT", "Nobody who is listed")


async def test_a_picture_of_a_document_is_removed(stage: Stage) -> None:
    ada = await stage.person()
    await ada.asks("!verify", "not verified")
    chat = await ada.chat()
    picture = {"msgtype": "m.image", "body": "id.jpg", "url": "mxc://test/picture"}
    sent = await ada.says("id.jpg", chat, content=picture)
    await ada.reads("I have removed it", room=chat)
    await ada.client.wait_for(
        lambda event: (
            event["type"] == "m.room.redaction"
            and sent in (event.get("redacts"), event["content"].get("redacts"))
        ),
        timeout=120,
    )
