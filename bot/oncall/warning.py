"""What is wrong with the rotas, told to the moderators once a day before it matters."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Desk
from bot.directory.roster import RosterFile
from bot.oncall import rules, store, views
from bot.oncall.rules import Finding

AHEAD = timedelta(days=14)


async def found(desk: Desk) -> list[Finding]:
    """What is wrong in the next 14 days, covers and swaps considered."""
    roster = desk.house.part(RosterFile).current
    changes = await store.changes_in(desk.tx, list(roster.rotas), desk.now, desk.now + AHEAD)
    # Hundreds of rotas take a second: the others of this process go on meanwhile.
    return await asyncio.to_thread(rules.findings, roster, desk.now, desk.now + AHEAD, changes)


async def warn(desk: Desk) -> None:
    """Tell the moderators what they have not been told yet."""
    await store.forget_told(desk.tx)
    new = [one for one in await found(desk) if await store.told_first(desk.tx, one.digest, one.end)]
    if new:
        await desk.send(MODERATORS_ROOM, views.warning(desk.house_translator(), desk, new))
