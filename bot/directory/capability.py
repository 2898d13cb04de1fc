"""What the directory adds to the bots: who somebody is, proving it, finding a colleague."""

from __future__ import annotations

import asyncio
from pathlib import Path

from bot.chat.capability import Capability
from bot.chat.desk import Desk, House
from bot.directory import service, verifying
from bot.directory.commands import COMMANDS, code_typed, file_sent
from bot.directory.imports.service import keep_imported
from bot.directory.mail import send_mail
from bot.directory.profiles.service import erase as erase_profile
from bot.directory.roster import RosterFile
from bot.directory.signin import ROUTES
from bot.kernel.db import Database

_LOOK_SECONDS = 1.0


async def watch_roster(house: House, database: Database) -> None:
    """Note what the roster says of people's levels, at the start and whenever the file changes."""
    seen = None
    while True:
        current = house.part(RosterFile).current
        if current is not seen:
            more = True
            while more:
                async with database.begin() as tx:
                    more = await service.note_roster(Desk(house, tx, next(iter(house.bot_users))))
            seen = current
        await asyncio.sleep(_LOOK_SECONDS)


DIRECTORY = Capability(
    name="directory",
    commands=COMMANDS,
    events=(code_typed, file_sent),
    timers={service.EXPIRY_TIMER: service.expiry_due},
    topics={verifying.MAILED: verifying.mailed},
    daily=service.review_everybody,
    erase=erase_profile,
    routes=ROUTES,
    workers=(watch_roster, send_mail, keep_imported),
    locale=Path(__file__).parent / "locale",
)
