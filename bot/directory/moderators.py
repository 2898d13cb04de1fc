"""Who moderates: whoever has the power to in the moderators' room."""

from __future__ import annotations

from bot.chat.desk import Context, Desk

MODERATORS_ROOM = "room:moderators"
MODERATOR_POWER = 50


async def is_moderator(desk: Desk, user_id: str) -> bool:
    """Whether somebody has the power to moderate; before the room exists, the settings decide."""
    house = desk.house
    facts = await house.rooms.facts(desk.tx, next(iter(house.bot_users)), MODERATORS_ROOM)
    if facts is None:
        return user_id in house.settings.moderators
    return user_id in facts.members and facts.power.get(user_id, 0) >= MODERATOR_POWER


async def moderators(desk: Desk) -> tuple[str, ...]:
    """Everybody who moderates."""
    house = desk.house
    facts = await house.rooms.facts(desk.tx, next(iter(house.bot_users)), MODERATORS_ROOM)
    if facts is None:
        return house.settings.moderators
    ours = set(house.bot_users.values())
    return tuple(
        user for user in facts.members if user not in ours and facts.power.get(user, 0) >= MODERATOR_POWER
    )


async def moderates(ctx: Context) -> bool:
    """A `Command.may`: the person who asks is a moderator."""
    return await is_moderator(ctx, ctx.sender)
