"""What moderation forgets."""

from __future__ import annotations

from bot.chat.desk import Desk
from bot.rooms.moderation import store
from bot.rooms.moderation.arrivals import store as comings


async def daily(desk: Desk) -> None:
    """Forget what is old."""
    await store.forget(desk.tx)
    await comings.forget(desk.tx)
