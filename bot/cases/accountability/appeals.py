"""Appeals: an author objects to a sanction through the bot, without names, and another moderator decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cases import store as cases
from bot.cases.accountability import store, views
from bot.cases.accountability.service import mine
from bot.chat import filing
from bot.chat.command import Misunderstood
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Context, Desk, House
from bot.chat.filing import Made
from bot.kernel.db import Database
from bot.rooms.moderation.people import to_moderators

CHANNEL = "case_appeals"


async def appeal(ctx: Context, case_id: str, text: str) -> None:
    """Take an objection; it goes to the moderators once identifiers are out of it."""
    case = await mine(ctx, case_id)
    found = await store.sanctions_for(ctx.tx, case.id)
    last = next((one for one in found if one.ended_at is None), None)
    if last is None:
        raise Misunderstood("There is nothing to appeal against in {id}.", id=case.id)
    if not await store.set_appeal(ctx.tx, last.id, "", "open"):
        raise Misunderstood("You have appealed already.")
    ctx.tx.audit("author", "case.appeal", case.id)
    what = {"sanction": last.id, "text": text}
    await filing.order(ctx, CHANNEL, f"dm:{ctx.sender}", what, user=ctx.sender)


async def make(house: House, database: Database, bot: str, what: Mapping[str, Any]) -> Sequence[Made]:
    """Take identifiers out of an appeal, bring it to the moderators, and say so to its author."""
    from bot.deid.engine import DeidError  # here, so that a start without the engine is faster

    text: str | None
    try:
        text = (await house.part(Deidentifier).find(str(what["text"]))).text
    except DeidError:
        text = None
    async with database.begin() as tx:
        desk = Desk(house, tx, bot)
        one = await store.sanction(tx, str(what["sanction"]))
        case = None if one is None or one.case_id is None else await cases.case(tx, one.case_id)
        if one is None or case is None:
            return ()
        author = await cases.author(tx, case.id)
        if author is None:
            return ()
        t = await desk.translator(author)
        if text is None:
            await store.set_appeal(tx, one.id, "open", "")
            return [Made(views.appeal_unread(t, case))]
        if await store.set_appeal(tx, one.id, "open", "sent"):
            await to_moderators(
                desk, views.appeal(desk.house_translator(), house.settings.prefix, case, one, text)
            )
        return [Made(views.appeal_sent(t, case))]
