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
from bot.kernel import audit, outbox, timers
from bot.matrix.http import quoted
from bot.matrix.roomstate import store as roomstate
from bot.rooms import store as rooms
from bot.rooms.moderation.retention import service
from bot.rooms.moderation.retention import store as retention
from tests.support.account import API, Account, open_house
from tests.support.looking import until
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


async def indexed(bot: Account, room: str) -> int:
    """How many messages of a room are remembered."""
    async with bot.database.read() as tx:
        return await roomstate.count_before(tx, "curbside", room, tx.now + timedelta(days=1))


async def contents(bot: Account, room: str) -> list[dict[str, Any]]:
    """The contents of a room's messages as the homeserver gives them out."""
    page = await bot.ask(None, "GET", f"{API}/rooms/{quoted(room)}/messages?dir=b&limit=200")
    return [one["content"] for one in page["chunk"] if "state_key" not in one and one["type"] != REDACTION]


async def step(bot: Account) -> None:
    """Let the time pass until the next few messages are due, once what was due before is done.

    A clock that ran on meanwhile would come to the end before the messages do.
    """
    async with bot.database.read() as tx:
        under_way = any(room.queued for room in (await retention.rooms(tx)).values())
        due, now = await timers.next_due_at(tx), tx.now
    if not under_way and due is not None and now < due <= now + service.EACH:
        bot.passes(seconds=(due - now).total_seconds())


async def test_old_messages_are_announced_deleted_and_reported(
    homeserver: Homeserver,
    tmp_path: Path,
    clinician: Callable[..., Awaitable[Clinician]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "AT_ONCE", 2)
    monkeypatch.setattr(service, "_LOOK_SECONDS", 0.2)  # the file is there when it has already looked once
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
        await ada.send(heart, "!ping in the room")
        await ada.wait_for_message(room_id=heart, contains="pong in the room", timeout=PATIENCE_S)
        for room in (heart, brain):
            await ada.send(room, "a word among colleagues")  # a fourth message would look like a flood

        async def remembered() -> bool:
            async with bot.database.read() as tx:
                if await outbox.is_pending(tx, "curbside", heart, "send"):
                    return False
            return await indexed(bot, heart) == len(await contents(bot, heart)) >= 3

        await until(remembered)
        assert await indexed(bot, brain) == 0
        before = len(await contents(bot, heart))
        assert all(await contents(bot, heart))

        bot.passes(days=1.5)
        said = await mira.wait_for_message(contains="cannot be undone", timeout=PATIENCE_S)
        assert (
            f"Cardiology: {before}" in said["content"]["body"] and "Neurology" not in said["content"]["body"]
        )
        assert all(await contents(bot, heart)), "nothing is deleted before its time"

        bot.passes(days=1.1)

        async def reported() -> bool:
            await step(bot)
            async with bot.database.read() as tx:
                return [line async for line in audit.lines(tx) if line.action == "retention.deleted"] != []

        await until(reported)
        told = await mira.wait_for_message(contains="were deleted", timeout=PATIENCE_S)
        assert f"{before} old messages" in told["content"]["body"]
        assert f"Cardiology: {before}" in told["content"]["body"]
        assert not any(await contents(bot, heart))
        assert all(await contents(bot, brain))
        assert (await bot.state(heart, "m.room.member", ada.user_id))["membership"] == "join"
        async with bot.database.read() as tx:
            facts = [line.facts async for line in audit.lines(tx) if line.action == "retention.deleted"]
        assert facts == [{"deleted": before, "failed": 0}]
