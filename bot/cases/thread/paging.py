"""Asking a specialist on call to look at a case: once, without a clock; nobody is obliged."""

from __future__ import annotations

from datetime import timedelta

from bot.cases import store as cases
from bot.cases.model import Case
from bot.cases.rules import PUBLIC
from bot.cases.thread import author, store, views
from bot.cases.thread.model import Page
from bot.cases.thread.store import LOOKING, PASSED
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.i18n import Translator
from bot.chat.rich import event_link, verbatim
from bot.directory.model import Service
from bot.directory.policies import Target, Whom
from bot.directory.roster import RosterFile
from bot.oncall.service import OnCall
from bot.rooms.admission import gate
from bot.rooms.admission.service import decision

_DAY = timedelta(days=1)


async def page(ctx: Context, case: Case, service: Service) -> None:
    """Ask whoever is on call for a service to look at the author's case."""
    if await store.pages(ctx.tx, case.id, service.key):
        raise Misunderstood("I have asked {service} about {id} already.", service=service.key, id=case.id)
    assert case.author_key is not None
    most = ctx.house.settings.cases.pages_per_day
    if await store.paged_since(ctx.tx, case.author_key, ctx.now - _DAY) >= most:
        raise Misunderstood("At most {number} specialists a day can be asked to look.", number=most)
    ctx.tx.audit("author", "case.page", case.id, service=service.key)
    title = service.name(ctx.t.language)
    if await _ask_next(ctx, case, service.key, first=True):
        await ctx.reply(views.asked(ctx.t, case, title))
    else:
        await ctx.reply(views.nobody(ctx.t, case, title))


async def answered(ctx: Context, handle: str, *, looks: bool) -> None:
    """What somebody who was asked has tapped."""
    asked = await store.page(ctx.tx, handle)
    if (
        asked is None
        or asked.who != ctx.sender
        or not await store.settle_page(ctx.tx, asked, LOOKING if looks else PASSED)
    ):
        raise Misunderstood("There is nothing to answer any more.")
    case = await cases.case(ctx.tx, asked.case_id)
    if case is None:
        return
    await ctx.reply(views.thanked(ctx.t, case, looking=looks))
    if case.state not in PUBLIC:
        return
    if looks:
        await author.tell(ctx, case, lambda t: views.looks(t, case, _title(ctx, asked, t)))
    elif not await _ask_next(ctx, case, asked.service, first=False):
        await author.tell(ctx, case, lambda t: views.nobody(t, case, _title(ctx, asked, t)))


async def _ask_next(desk: Desk, case: Case, service: str, *, first: bool) -> bool:
    """Ask the first on call who was not asked yet, may read the case and is not in their quiet hours."""
    target = Target(Whom.SERVICE)
    duty = await OnCall.load(desk, [target], service)
    asked = {one.who for one in await store.pages(desk.tx, case.id, service)}
    room = gate.network(desk.house).rooms.get(case.room_key or "")
    for who in duty.people(target, desk.now):
        if who in asked or room is None or store.is_authors(desk.tx, case.author_key, who):
            continue
        if not gate.in_reach(desk.house, who) or duty.is_quiet(who, desk.now) is not None:
            continue
        if (await decision(desk, who, room)).admitted:
            await _ask(desk, case, await store.add_page(desk.tx, case.id, service, who, first=first))
            return True
    return False


async def _ask(desk: Desk, case: Case, page: Page) -> None:
    t = await desk.translator(page.who)
    stands = await store.standing(desk.tx, {case.event_id} if case.event_id else set())
    link = verbatim(case.id)
    if stands is not None and case.event_id is not None:
        link = event_link(stands.room_id, case.event_id, case.id, via=[desk.house.settings.server_name])
    tags = verbatim(" ".join(f"#{tag}" for tag in case.tags))
    message = views.page(t, case, page.handle, page.who, _title(desk, page, t), link, tags)
    await Desk(desk.house, desk.tx, case.bot).direct(page.who, message)


def _title(desk: Desk, page: Page, t: Translator) -> str:
    service = desk.house.part(RosterFile).current.services.get(page.service)
    return page.service if service is None else service.name(t.language)
