"""A ward with statistics and exports: their workers are run by hand, where a test wants them to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from bot.chat import filing
from bot.chat.attachment import unpacked
from bot.chat.capability import Capability
from bot.chat.dispatch import Dispatcher
from bot.chat.i18n import Texts
from bot.consults.export import service as export
from bot.consults.export.capability import EXPORT
from bot.consults.stats import service as stats
from bot.consults.stats.capability import STATS
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.outbox import OutboxRow
from tests.support.ward import CAPABILITIES, Ward

MAKERS: dict[str, filing.Maker] = {stats.CHANNEL: stats.make, export.CHANNEL: export.make}
ADDED: tuple[Capability, ...] = (STATS, EXPORT)


class FilesWard(Ward):
    """The ward, and the files that were sent: (room, name, type, bytes) in their order."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path) -> None:
        self.files: list[tuple[str, str, str, bytes]] = []
        super().__init__(db, clock, folder)
        folders = [one.locale for one in (*CAPABILITIES, *ADDED) if one.locale is not None]
        self.house = replace(self.house, texts=Texts(folders))
        self.restart(db)

    def restart(self, db: Database) -> None:
        super().restart(db)
        self.dispatcher = Dispatcher(self.house, (*CAPABILITIES, *ADDED))

    async def works(self) -> None:
        """The workers make what is ordered, and it is delivered."""
        for channel, make in MAKERS.items():
            while await filing.make_one(self.house, self.db, channel, make):
                pass
        await self.settle()

    async def _show(self, tx: Tx, row: OutboxRow) -> None:
        if "file" in row.body:
            kind, data = unpacked(row.body["file"])
            self.files.append((row.room, row.body["content"]["filename"], kind, data))
        await super()._show(tx, row)

    async def waiting(self, channel: str) -> list[Any]:
        """What is ordered and not yet made."""
        async with self.db.read() as tx:
            return list((await outbox.due(tx, channel, "curbside")).rows)
