"""Statistics on request: ordered in the chat, read and drawn by a worker, so that nobody waits for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from bot.chat import filing
from bot.chat.desk import Context, Desk, House
from bot.chat.filing import Made
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.pictures import picture
from bot.consults.stats import rules, store, views
from bot.consults.watching import store as watching
from bot.directory.moderators import MODERATORS_ROOM, is_moderator
from bot.directory.roster import RosterFile
from bot.kernel.db import Database

CHANNEL = "file.stats"


async def ask(ctx: Context, service: str | None, period: str, *, own: bool) -> None:
    """Order the numbers: somebody's own into their direct chat, a service's where a moderator asks."""
    moderators = await ctx.house.rooms.facts(ctx.tx, next(iter(ctx.house.bot_users)), MODERATORS_ROOM)
    here = ctx.room.direct or (not own and moderators is not None and ctx.room.room_id == moderators.room_id)
    what = {"user": ctx.sender, "service": service, "period": period, "own": own}
    room, thread = (ctx.room.room_id, ctx.said.thread) if here else (f"dm:{ctx.sender}", None)
    await filing.order(ctx, CHANNEL, room, what, user=ctx.sender, thread=thread)
    if not here:
        await ctx.reply(Message("stats", ctx.t("I answer in our direct chat.")))


async def make(house: House, database: Database, bot: str, what: Mapping[str, Any]) -> Sequence[Made]:
    """Read, count and draw what was ordered: the numbers as text, then as a picture."""
    user, key, own = str(what["user"]), what["service"], bool(what["own"])
    async with database.read() as tx:
        desk = Desk(house, tx, bot)
        t = await desk.translator(user)
        span = rules.span(str(what["period"]), tx.now, t.zone)
        allowed = own or await is_moderator(desk, user)
        zones = {} if own else await store.zones(tx)
        unaccounted = [] if own else await watching.unaccounted(tx)
    if span is None or not allowed:  # a moderator no longer
        return []
    cases = [
        one async for part in store.cases(database, span, key, user=user if own else None) for one in part
    ]
    shown = views.Shown(t, _name(house, t, key), span, house.settings.prefix)
    if own:
        load = await asyncio.to_thread(rules.load, cases, user, t.zone)
        return await _with_picture(views.own(shown, load), views.own_chart(shown, load))
    open_here = sum(1 for one in unaccounted if key in (None, one.record.consult.service))
    summary = await asyncio.to_thread(rules.summary, cases, zones, ZoneInfo(house.settings.timezone))
    return await _with_picture(views.service(shown, summary, open_here), views.service_chart(shown, summary))


async def _with_picture(text: Message, drawing: views.Drawing | None) -> Sequence[Made]:
    if drawing is None:
        return [Made(text)]
    png = await drawing.png()
    return [Made(text), Made(drawing.caption, picture("stats.png", png))]


def _name(house: House, t: Translator, key: str | None) -> str:
    if key is None:
        return t("All services").plain
    return house.part(RosterFile).current.service_name(key, t.language)
