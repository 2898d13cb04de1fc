"""Learning who wrote a case: off unless the operator turns it on, then by two moderators, never unseen."""

from __future__ import annotations

from datetime import timedelta

from bot.cases import store as cases
from bot.cases.accountability import store, views
from bot.cases.accountability.service import posted_case, tell_author
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.chat.rich import mention
from bot.directory.roster import RosterFile
from bot.rooms.moderation.people import to_moderators

IN_TIME = timedelta(hours=24)


async def unmask(ctx: Context, case_id: str, reason: str) -> Message | None:
    """Ask to learn who wrote a case, or confirm another moderator's request; returns the answer, if any.

    Raises Misunderstood where it is switched off, and for what cannot be.
    """
    if not ctx.house.settings.cases.unmask:
        raise Misunderstood("Nobody can learn that here: the operator has not switched it on.")
    case = await posted_case(ctx, case_id)
    author = await cases.author(ctx.tx, case.id)
    if author is None:
        return views.unlinked(ctx.t, case)
    waiting = await store.open_unmasking(ctx.tx, case.id, ctx.now - IN_TIME)
    if waiting is None:
        if not reason.strip():
            raise Misunderstood("Say why: the other moderators and its author read it.")
        await store.ask_unmasking(ctx.tx, case.id, ctx.sender, reason.strip())
        ctx.tx.audit(ctx.sender, "case.unmask_asked", case.id)
        t = ctx.house_translator()
        who = mention(ctx.sender, ctx.house.part(RosterFile).current.name_of(ctx.sender))
        await to_moderators(ctx, views.unmask_asked(t, case, who, reason.strip(), ctx.house.settings.prefix))
        return views.unmask_waits(ctx.t, case) if ctx.room.direct else None
    if waiting.asked_by == ctx.sender:
        raise Misunderstood("It takes a second moderator, within a day.")
    # Before the answer goes out: its author hears of it at the same moment, whatever becomes of the rest.
    await tell_author(ctx, case, author, lambda t, _p: views.unmasked_author(t, case, waiting.reason))
    if not await store.confirm_unmasking(ctx.tx, waiting.id, ctx.sender):
        raise Misunderstood("That is done already, or too long ago.")
    ctx.tx.audit(ctx.sender, "case.unmasked", case.id, asked_by=waiting.asked_by)
    speaker = Desk(ctx.house, ctx.tx, case.bot)
    for moderator in (waiting.asked_by, ctx.sender):
        t = await ctx.translator(moderator)
        shown = mention(author, ctx.house.part(RosterFile).current.name_of(author))
        await speaker.direct(moderator, views.unmasked(t, case, shown, author))
    return views.unmasked_done(ctx.t, case)
