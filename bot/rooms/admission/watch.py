"""Looks at everybody anew when the network file has changed, at the start and later."""

from __future__ import annotations

import asyncio

from bot.chat.desk import Desk, House
from bot.kernel.db import Database
from bot.rooms.admission import gate, service, store

_LOOK_SECONDS = 10.0


async def keep_looking(house: House, database: Database) -> None:
    """Compare the network with the one by whose rules everybody was looked at last, until cancelled."""
    last = ""
    while True:
        digest = gate.network_digest(gate.network(house))
        if digest != last:
            async with database.read() as tx:
                seen = await store.seen_network(tx)
            if digest != seen:
                async with database.begin() as tx:
                    await service.network_changed(Desk(house, tx, gate.first_bot(house)))
            last = digest
        await asyncio.sleep(_LOOK_SECONDS)
