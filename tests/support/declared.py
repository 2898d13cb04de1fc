"""Declared rooms of a running Curbside, made by its bot without the command that compares them all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from bot.kernel import outbox
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database
from bot.kernel.outbox import Outgoing
from bot.kernel.sealing import KeyRing
from bot.matrix.store import named_room
from bot.rooms import store as rooms
from bot.settings import load
from tests.support.people import PATIENCE_S, Person, Stage


class Declared:
    """The network file of a stage, and its rooms."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._keys: dict[str, str] = {}

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """The house's database, opened beside it."""
        settings = load(self._stage.running.folder / "curbside.toml")
        keys = KeyRing.load(settings.path(settings.at_rest_keys))
        database = Database(settings.database_url, SystemClock(), keys)
        try:
            yield database
        finally:
            await database.close()

    def _write(self) -> None:
        text = 'name = "Test"\n[templates.default]\nlevel = "L0"\nacl = false\n'
        text += "\n".join(
            f'[rooms.{key}]\nname = "{key.title()}"\njoin = "{join}"' for key, join in self._keys.items()
        )
        folder = self._stage.running.folder
        (folder / "network.new").write_text(text)
        (folder / "network.new").replace(folder / "network.toml")

    async def room(self, key: str, *people: Person, join: str = "knock") -> str:
        """Declare a room, let the bot make it, and wait until these people are in it; moderators get 50."""
        self._keys[key] = join
        self._write()
        bot, name = self._stage.bot, f"room:network/{key}"
        # Room version 11, in which the bot is listed: that of the test's own is not what is tested here.
        body: dict[str, Any] = {
            "invite": [one.user_id for one in people],
            "version": "11",
            "power": {"users": {bot: 100, self._stage.moderator.user_id: 50}},
        }
        rule = {"type": "m.room.join_rules", "state_key": "", "content": {"join_rule": join}}
        async with self.database() as database:
            async with database.begin() as tx:
                await outbox.put(tx, Outgoing("curbside", name, "create", body))
                await outbox.put(tx, Outgoing("curbside", name, "state", rule))
            async with asyncio.timeout(PATIENCE_S):
                room_id = None
                while room_id is None:
                    await asyncio.sleep(0.2)  # the outbox tells nobody outside the house
                    async with database.read() as tx:
                        room_id = await named_room(tx, "curbside", name)
            async with database.begin() as tx:
                await rooms.place(tx, key, room_id)
        for one in people:
            await one.sees_join(room_id, one.user_id)
        return room_id
