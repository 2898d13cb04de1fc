"""Retention on a real homeserver: announced, then deleted, the bot's own too, and reported."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.dev.clinician import Clinician
from bot.dev.synapse import Homeserver
from bot.kernel import audit
from bot.matrix.http import quoted
from bot.matrix.roomstate import store as roomstate
from bot.rooms import store as rooms
from bot.rooms.moderation.retention import service
from tests.support.account import API, Account, open_house
from tests.support.people import PATIENCE_S, is_membership

REDACTION = "m.room.redaction"

FILE = """name = "Test"
[templates.default]
level = "L0"
join = "public"
acl = false
[rooms.cardiology]
name = "Cardiology"
retention = "{keeps}"
[rooms.neurology]
name = "Neurology"
"""


def declare(bot: Account, keeps: str) -> None:
    fresh = bot.settings.base / "network.new"
    fresh.write_text(FILE.format(keeps=keeps))
    fresh.replace(bot.settings.base / "network.toml")


async def place(bot: Account, key: str, *people: str) -> str:
    done = await bot.does(f"room:network/{key}", "create", invite=list(people))
    assert done.room_id is not None
    async with bot.database.begin() as tx:
        await rooms.place(tx, key, done.room_id)
    return done.room_id


async def until(look: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what nobody tells outside the house."""
    async with asyncio.timeout(PATIENCE_S):
        while not await look():
            await asyncio.sleep(0.1)


async def indexed(bot: Account, room: str) -> int:
    """How many messages of a room are remembered."""
    async with bot.database.read() as tx:
        return await roomstate.count_before(tx, "curbside", room, tx.now + timedelta(days=1))


async def contents(bot: Account, room: str) -> list[dict[str, Any]]:
    """The contents of a room's messages as the homeserver gives them out."""
    page = await bot.ask(None, "GET", f"{API}/rooms/{quoted(room)}/messages?dir=b&limit=200")
    return [one["content"] for one in page["chunk"] if "state_key" not in one and one["type"] != REDACTION]


async def test_old_messages_are_announced_deleted_and_reported(
    homeserver: Homeserver,
    tmp_path: Path,
    clinician: Callable[..., Awaitable[Clinician]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    mira, ada = await asyncio.gather(clinician(homeserver, name="mira"), clinician(homeserver, name="ada"))
    async with open_house(homeserver, tmp_path / "retention", moderators=[mira.user_id]) as bot:
        declare(bot, "2d")
        heart, brain = [await place(bot, key, ada.user_id) for key in ("cardiology", "neurology")]

        async def follows() -> bool:
            async with bot.database.read() as tx:
                return heart in await roomstate.indexed(tx, "curbside")

        await until(follows)
        for room in (heart, brain):
            await ada.wait_for(
                lambda event, room=room: is_membership(event, room, ada.user_id, "join"), timeout=PATIENCE_S
            )
            await ada.send(room, "!ping in the room")
            await ada.wait_for_message(room_id=room, contains="pong in the room", timeout=PATIENCE_S)
            await ada.send(room, "a word among colleagues")

        async def remembered() -> bool:
            return await indexed(bot, heart) >= 3 and await indexed(bot, brain) == 0

        await until(remembered)
        before = len(await contents(bot, heart))
        assert before >= 3 and all(await contents(bot, heart))

        bot.passes(days=1.5)
        said = await mira.wait_for_message(contains="cannot be undone", timeout=PATIENCE_S)
        assert (
            f"Cardiology: {before}" in said["content"]["body"] and "Neurology" not in said["content"]["body"]
        )
        assert all(await contents(bot, heart)), "nothing is deleted before its time"

        bot.passes(days=1.1)

        async def deleted() -> bool:
            bot.passes(minutes=1)
            return not any(await contents(bot, heart))

        await until(deleted)

        async def reported() -> bool:
            bot.passes(minutes=1)
            return any("were deleted" in str(one["content"].get("body")) for one in mira.events)

        await until(reported)
        told = await mira.wait_for_message(contains="were deleted", timeout=PATIENCE_S)
        assert f"{before} old messages" in told["content"]["body"]
        assert f"Cardiology: {before}" in told["content"]["body"]
        assert all(await contents(bot, brain))
        assert (await bot.state(heart, "m.room.member", ada.user_id))["membership"] == "join"
        async with bot.database.read() as tx:
            facts = [line.facts async for line in audit.lines(tx) if line.action == "retention.deleted"]
        assert facts == [{"deleted": before, "failed": 0}]
