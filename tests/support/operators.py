"""The operators of two hospitals, for tests: what one signs, and what the other decides."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bot.directory.hospital import service
from bot.directory.hospital.rules import Hospital
from bot.directory.hospital.statement import write
from bot.directory.hospitals import HospitalBook
from bot.kernel import inbox
from bot.kernel.audit import audit_lines
from bot.kernel.db import Database
from bot.settings import BotSettings, Settings

SOUTH = "south.example"
SUE, SAM = f"@sue:{SOUTH}", f"@sam:{SOUTH}"
MODS = "room:moderators"
OpenDatabase = Callable[..., Database]


def settings_of(server: str, **more: Any) -> Settings:
    return Settings(
        hospital=f"Hospital {server}",
        homeserver="http://127.0.0.1:9",
        server_name=server,
        bots={"curbside": BotSettings(user_id=f"@curbside:{server}", token_file=Path("token"))},
        **more,
    )


NORTH = settings_of("hs")


class Operator:
    """The other hospital's operator, with a database of their own."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self.database = database
        self.settings = settings

    async def statement(self, **options: Any) -> str:
        async with self.database.begin() as tx:
            return write(await service.issue(tx, self.settings, **options))


async def add(db: Database, text: str, settings: Settings = NORTH, **options: Any) -> Hospital:
    choice = {"permit": None, "proves": None, **options}
    async with db.begin() as tx:
        return await service.accept(tx, settings, await service.examine(tx, settings, text), **choice)


async def decide(db: Database, what: Any, server: str = SOUTH, **options: Any) -> Hospital:
    async with db.begin() as tx:
        decided: Hospital = await what(tx, NORTH, server, **options)
        return decided


async def refreshed(db: Database, book: HospitalBook) -> bool:
    async with db.read() as tx:
        return await book.refresh(tx)


async def topics(db: Database) -> list[tuple[str, Any]]:
    """What waits in the inbox; nothing of it is handled."""
    async with db.read() as tx:
        rows = await tx.conn.execute(select(inbox.inbox_entries).order_by(inbox.inbox_entries.c.id))
        return [
            (row.topic, tx.open(inbox.inbox_entries.c.payload, row.id, row.payload)["state"]) for row in rows
        ]


async def actions(db: Database) -> list[str]:
    async with db.read() as tx:
        query = select(audit_lines.c.action).order_by(audit_lines.c.seq)
        return list((await tx.conn.execute(query)).scalars())
