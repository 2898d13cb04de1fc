"""A hall with a watched room, and an engine that fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.chat import CHAT
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk, RoomFacts
from bot.chat.dispatch import Dispatcher
from bot.deid.engine import Engine
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.rooms.moderation import MODERATION
from bot.rooms.watching import WATCH, offering, scanning
from bot.rooms.watching.store import message_rows, offer_rows
from tests.support.hall import Hall

NETWORK = """
name = "Lakeland"
[spaces.medicine]
name = "Medicine"
rooms = ["cardiology", "neurology"]
[rooms.cardiology]
name = "Cardiology"
watch = "redact"
[rooms.neurology]
name = "Neurology"
watch = "{brain}"
"""


class Broken:
    """An engine that fails."""

    versions: Mapping[str, str] = {}

    def proven(self, text: str) -> Any:
        raise ValueError(text)

    find = proven


class Watched(Hall):
    """A hall in which cardiology is watched; its workers run whenever something waits."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path, brain: str = "warn") -> None:
        super().__init__(db, clock, folder)
        (folder / "network.toml").write_text(NETWORK.format(brain=brain), "utf-8")
        self.dispatcher = Dispatcher(self.house, [CHAT, MODERATION, WATCH])
        self.load(lambda: Engine(None))
        self.refused = False
        self.open_chat = False  # the direct chats are not encrypted

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        found = await super().facts(tx, bot, room)
        return replace(found, encrypted=not self.open_chat) if found and found.direct else found

    def load(self, engine: Any) -> None:
        self.house.parts[Deidentifier] = Deidentifier(engine)  # type: ignore[index]

    async def settle(self) -> None:
        while True:
            await super().settle()
            if not (
                await scanning.scan_some(self.house, self.db)
                or await offering.offer_some(self.house, self.db)
            ):
                return

    async def _entry(self, tx: Tx, entry: InboxEntry) -> None:
        topic = WATCH.topics.get(entry.topic)
        if topic is not None:
            await topic(Desk(self.house, tx, entry.bot), entry)
        else:
            await super()._entry(tx, entry)

    async def _deliver(self) -> bool:
        if self.refused:
            async with self.db.begin() as tx:
                for row in (await outbox.due(tx, outbox.MATRIX, "curbside")).rows:
                    if row.op == "redact":
                        await outbox.mark_failed(tx, row.id, "M_FORBIDDEN")
        return await super()._deliver()

    async def kept(self) -> tuple[int, int]:
        """How many messages and offers are kept."""
        async with self.db.read() as tx:
            messages = (await tx.conn.execute(select(message_rows))).all()
            offers = (await tx.conn.execute(select(offer_rows))).all()
            return len(messages), len(offers)
