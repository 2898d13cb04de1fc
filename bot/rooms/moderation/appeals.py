"""Appeals: a person objects once to what moderators did, and another moderator decides."""

from __future__ import annotations

from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Context
from bot.chat.message import Message
from bot.chat.rich import verbatim
from bot.directory.moderators import moderators
from bot.rooms.moderation import notices, rules, service, store, views
from bot.rooms.moderation.model import APPEALABLE
from bot.rooms.moderation.people import in_house, reader, reader_of, tell, to_moderators
from bot.rooms.moderation.places import first_bot

_IN_TIME = timedelta(days=30)


async def appeal(ctx: Context, text: str) -> Message:
    """Bring somebody's objection to the last action against them to the moderators; returns the answer."""
    at = reader(ctx, ctx.t)
    found = await store.actions(ctx.tx, who=ctx.sender, since=ctx.now - _IN_TIME, kinds=APPEALABLE)
    open_ones = [one for one in found if one.ended is None]
    action = next((one for one in open_ones if not one.appeal), None)
    if action is None:
        return views.appeal_answer(at, "again" if open_ones else "nothing")
    if not await store.set_appeal(ctx.tx, action.id, "", "open"):
        return views.appeal_answer(at, "again")
    facts = await ctx.house.rooms.facts(ctx.tx, first_bot(ctx), MODERATORS_ROOM)
    private = facts is None or facts.encrypted
    out = await to_moderators(ctx, notices.appeal(in_house(ctx), action, verbatim(text if private else "…")))
    await store.show_appeal(ctx.tx, action.id, out)
    ctx.tx.audit(ctx.sender, "moderation.appeal", action.id)
    return views.appeal_answer(at, "sent")


async def decide(ctx: Context, action_id: str, *, lift: bool) -> Message | None:
    """Lift what was appealed against, or keep it; returns what to answer the moderator, if anything."""
    house = in_house(ctx)
    action = await store.action(ctx.tx, action_id)
    if action is None or action.appeal != "open" or action.who is None:
        return views.refused(house, "settled")
    if action.who == ctx.sender or not rules.may_decide(ctx.sender, action.by, await moderators(ctx)):
        return views.refused(house, "own-action")
    if not await store.set_appeal(ctx.tx, action.id, "open", "lifted" if lift else "kept"):
        return views.refused(house, "settled")
    ctx.tx.audit(ctx.sender, "moderation.appeal_lifted" if lift else "moderation.appeal_kept", action.id)
    out = await store.appeal_message(ctx.tx, action.id)
    if out is not None:
        await to_moderators(ctx, notices.settled_appeal(house, action, ctx.sender, lifted=lift), edits=out)
    if lift:
        await service.undo(ctx, action, ctx.sender)
    else:
        await tell(ctx, action.who, views.appeal_answer(await reader_of(ctx, action.who), "kept"))
    return None
