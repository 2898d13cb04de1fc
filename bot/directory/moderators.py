"""Who moderates: whoever has the power to in the moderators' room, while their hospital takes part."""

from __future__ import annotations

from bot.chat.desk import MODERATORS_ROOM as MODERATORS_ROOM
from bot.chat.desk import Context, Desk
from bot.directory.policy import may_talk

MODERATOR_POWER = 50


async def is_moderator(desk: Desk, user_id: str) -> bool:
    """Whether somebody has the power to moderate; before the room exists, the settings decide."""
    house = desk.house
    facts = await house.rooms.facts(desk.tx, next(iter(house.bot_users)), MODERATORS_ROOM)
    if not may_talk(user_id, house.hospitals.servers()):
        return False
    if facts is None:
        return user_id in house.settings.moderators
    return user_id in facts.members and facts.power.get(user_id, 0) >= MODERATOR_POWER


async def moderators(desk: Desk) -> tuple[str, ...]:
    """Everybody who moderates."""
    house = desk.house
    facts = await house.rooms.facts(desk.tx, next(iter(house.bot_users)), MODERATORS_ROOM)
    allowed, ours = house.hospitals.servers(), set(house.bot_users.values())
    if facts is None:
        return tuple(user for user in house.settings.moderators if may_talk(user, allowed))
    return tuple(
        user
        for user in facts.members
        if user not in ours and facts.power.get(user, 0) >= MODERATOR_POWER and may_talk(user, allowed)
    )


async def moderates(ctx: Context) -> bool:
    """A `Command.may`: the person who asks is a moderator."""
    return await is_moderator(ctx, ctx.sender)
