"""What moderation forgets."""

from __future__ import annotations

from bot.chat.desk import Desk
from bot.rooms import store as rooms
from bot.rooms.moderation import store
from bot.rooms.moderation.arrivals import store as comings
from bot.rooms.moderation.places import network


async def daily(desk: Desk) -> None:
    """Forget what is old; where a room has a retention of its own, messages are left to that."""
    declared = network(desk).rooms
    lasting = [
        one.room_id
        for one in await rooms.placed(desk.tx)
        if (room := declared.get(one.key)) is not None and room.retention is not None
    ]
    await store.forget(desk.tx, lasting)
    await comings.forget(desk.tx)
