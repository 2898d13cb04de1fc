"""The use cases of consults: each is one transaction, and does what the rules decide.

What a person does in a chat takes a `Context` and answers there; the same for somebody who does it by SMS or
at another hospital takes a `Desk` and the consult's id, and is `steps.tell` with the event.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from bot.chat.desk import Context, Desk
from bot.chat.i18n import Translator
from bot.consults import carrier, duty, model, steps, store, views
from bot.consults.model import Clock, Consult, Event, Expects, Refused, Urgency, Way
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.views import Reader
from bot.consults.watching import store as watching
from bot.consults.words import store as words
from bot.directory.model import Service
from bot.directory.moderators import moderates
from bot.kernel import timers
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer

PAGE_RESULT = carrier.PAGE_RESULT
ROOM_RESULT = carrier.ROOM_RESULT
HOSPITAL = "consults.hospital"
OFF_TIMER = "consults.off"
_MANY = frozenset({carrier.timer_kind(Clock.PAGE), carrier.timer_kind(Clock.NAG)})
_TOGETHER = 7  # beside the first: the commit and the audit trail's lock are shared, others wait little
TIMERS = {carrier.timer_kind(clock): clock for clock in Clock}


# ── asking ──


async def open_consult(
    ctx: Context,
    service: Service,
    urgency: Urgency,
    request: Request,
    *,
    expects: Expects = Expects.ACTION,
    follow: bool = False,
) -> Record:
    """Ask for a service now; the policy stays as it is at this moment."""
    consult = await _new(ctx, service, urgency, ctx.sender, expects, follow)
    thread = ctx.said.thread or ctx.said.event_id
    warn = not ctx.room.encrypted
    return await steps.begin(ctx, consult, request, origin=ctx.room.room_id, thread=thread, warn=warn)


async def open_from(
    desk: Desk,
    service: Service,
    urgency: Urgency,
    request: Request,
    *,
    requester: str,
    server: str,
    expects: Expects = Expects.ACTION,
    follow: bool = False,
) -> Record:
    """Ask for a service on behalf of somebody for whom another hospital's Curbside speaks."""
    consult = await _new(desk, service, urgency, requester, expects, follow)
    return await steps.begin(desk, consult, request, origin=store.HOSPITAL_ORIGIN + server, thread="")


async def _new(
    desk: Desk, service: Service, urgency: Urgency, requester: str, expects: Expects, follow: bool
) -> Consult:
    settings = desk.house.settings.consults
    defaults = {one.value: getattr(settings, one.value) for one in Urgency}
    return Consult(
        id=await store.free_id(desk.tx),
        service=service.key,
        urgency=urgency,
        requester=requester,
        policy=service.policy_for(urgency.value, defaults),
        opened_at=desk.now,
        expects=expects,
        follow=follow,
    )


async def edit(ctx: Context, consult_id: str, request: Request) -> None:
    """Change what was asked, until somebody has it."""
    await _do(ctx, consult_id, model.Edit(ctx.sender), request=request)


# ── being asked ──


async def accept(ctx: Context, consult_id: str) -> None:
    """Take a consult."""
    record = await _load(ctx, consult_id)
    if record is not None:
        await _ask_for(ctx, record, model.Accept(ctx.sender, stands_in=await _stands_in(ctx, record)))


async def accept_for(
    desk: Desk, consult_id: str, user: str, via: str | None = None
) -> Record | Refused | None:
    """Somebody takes a consult elsewhere: by SMS, or found by the hospital whose bot is `via`."""
    return await steps.tell(desk, consult_id, model.Accept(user, via=via), actor=via or user)


async def decline(ctx: Context, consult_id: str, reason: str) -> None:
    """Refuse a page; the next one is asked."""
    await _do(ctx, consult_id, model.Decline(ctx.sender), text=reason, done="decline")


async def decline_for(desk: Desk, consult_id: str, user: str, reason: str = "") -> Record | Refused | None:
    """Somebody refuses a page elsewhere."""
    return await steps.tell(desk, consult_id, model.Decline(user), actor=user, text=reason)


async def acknowledge(ctx: Context, consult_id: str) -> None:
    """Say that one is looking at it."""
    await _do(ctx, consult_id, model.Acknowledge(ctx.sender), done="ack")


async def unacknowledge(ctx: Context, consult_id: str) -> None:
    """Say that one is not looking at it after all."""
    await _do(ctx, consult_id, model.Unacknowledge(ctx.sender), done="unack")


# ── in care ──


async def hand_off(ctx: Context, consult_id: str, to: str, summary: str = "") -> None:
    """Ask a named colleague to take over; they have to agree."""
    event = model.Handoff(ctx.sender, to, moderator=await moderates(ctx))
    record = await _do(ctx, consult_id, event, text=summary)
    if record is not None:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "handoff", to))


async def add(ctx: Context, consult_id: str, to: str) -> None:
    """Bring a colleague in."""
    event = model.AddColleague(ctx.sender, to, moderator=await moderates(ctx))
    record = await _do(ctx, consult_id, event)
    if record is not None and ctx.room.room_id != record.room_id:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "add", to))


async def info(ctx: Context, consult_id: str, text: str) -> None:
    """Ask the requester for more; as the requester, tell more."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    asks = ctx.sender != record.consult.requester
    event: Event = model.AskInfo(ctx.sender) if asks else model.GiveInfo(ctx.sender)
    done = await _ask_for(ctx, record, event, text=text)
    if done is not None:
        await ctx.reply(views.done(reader(ctx, ctx.t), done, "wanted" if asks else "info"))


async def interim(ctx: Context, consult_id: str, text: str) -> None:
    """Give a first word, which is not yet the answer."""
    await _do(ctx, consult_id, model.Interim(ctx.sender), text=text, done="interim")


async def answer(ctx: Context, consult_id: str, text: str) -> None:
    """Answer, as the consultant; the requester is asked to read it back."""
    record = await _do(ctx, consult_id, model.Answer(ctx.sender), text=text)
    if record is not None and ctx.room.room_id != record.room_id:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "answer"))


# ── the end ──


async def close(ctx: Context, consult_id: str, read_back: str) -> None:
    """Close with the requester's read-back."""
    await _do(ctx, consult_id, model.ReadBack(ctx.sender), text=read_back)


async def reopen(ctx: Context, consult_id: str, why: str = "") -> None:
    """Go on with a consult that is over."""
    event = model.Reopen(ctx.sender, moderator=await moderates(ctx))
    record = await _do(ctx, consult_id, event, text=why)
    if record is not None and ctx.room.room_id != record.origin:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "reopen"))


async def cancel(ctx: Context, consult_id: str) -> None:
    """Withdraw a consult, as its requester or a moderator."""
    event = model.Cancel(ctx.sender, moderator=await moderates(ctx))
    record = await _do(ctx, consult_id, event)
    if record is not None and ctx.room.room_id != record.origin:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "cancel"))


async def enter_in_error(ctx: Context, consult_id: str) -> None:
    """Say that a consult should never have been asked."""
    event = model.EnterInError(ctx.sender, moderator=await moderates(ctx))
    record = await _do(ctx, consult_id, event)
    if record is not None and ctx.room.room_id != record.origin:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, "error"))


async def survey(ctx: Context, consult_id: str, **said: bool | int) -> None:
    """Answer one of the questions after the end; only the requester is asked, and may change their mind."""
    record = await _load(ctx, consult_id)
    if record is None:
        return
    asked = await words.survey(ctx.tx, record.id)
    if asked is None or ctx.sender != record.consult.requester:
        await ctx.reply(views.nothing(reader(ctx, ctx.t), "survey"))
        return
    await words.keep_survey(ctx.tx, record.id, **said)
    ctx.tx.audit(ctx.sender, "consult.survey", record.id)
    now = await words.survey(ctx.tx, record.id)
    complete = now is not None and None not in (now.plan, now.visit, now.useful)
    if complete and asked.out is not None and None in (asked.plan, asked.visit, asked.useful):
        thanks = views.surveyed(reader(ctx, ctx.t), record)
        await ctx.send(record.origin, thanks, thread=record.thread, edits=asked.out)


# ── what happens by itself ──


async def clock_due(desk: Desk, timer: Timer) -> None:
    """A timer of a consult has run out; of those that fall due together, several at once."""
    alike = await timers.claim_alike(desk.tx, timer, _TOGETHER) if timer.kind in _MANY else []
    for one in (timer, *alike):
        event = model.Timeout(TIMERS[one.kind], int(one.facts["number"]))
        await steps.tell(desk, one.key, event)


async def page_result(desk: Desk, entry: InboxEntry) -> None:
    """A page has been delivered, or given up, in its addressee's chat or at another hospital."""
    consult_id, _, number = str(entry.payload["ref"]).partition(" ")
    error = entry.payload.get("error")
    await page_reported(desk, consult_id, int(number), Way.MATRIX, None if error is None else str(error))


async def page_reported(desk: Desk, consult_id: str, number: int, way: Way, error: str | None) -> None:
    """A page has arrived in this way, or cannot: `error` is a short content-free reason."""
    event: Event = model.PageDelivered(number, way) if error is None else model.PageFailed(number, way)
    await steps.tell(desk, consult_id, event, error=error or "")


async def room_result(desk: Desk, entry: InboxEntry) -> None:
    """A consult's room has been made, or could not be."""
    room_id = entry.payload.get("room_id")
    event: Event = model.RoomFailed() if room_id is None else model.RoomReady()
    await steps.tell(desk, str(entry.payload["ref"]), event, room_id=room_id)


async def hospital_changed(desk: Desk, entry: InboxEntry) -> None:
    """A hospital stands otherwise than before: whoever may take part in consults no longer is let go."""
    server = str(entry.payload["server"])
    if server in desk.house.hospitals.servers("consults"):
        return
    for record in await watching.open_with(desk.tx, server):
        consult = record.consult
        people = dict.fromkeys(
            [
                consult.requester,
                consult.consultant,
                consult.via,
                *consult.colleagues,
                *(page.user for page in consult.asked),
            ]
        )
        for user in people:
            if user is None or user.partition(":")[2] != server:
                continue
            done = await steps.happen(desk, record, model.Lost(user), actor=record.bot)
            if not isinstance(done, Refused):
                record = done


async def oncall_changed(desk: Desk, entry: InboxEntry) -> None:
    """A rota was changed: from then on, whoever is on is asked for what others have not accepted yet."""
    at, users = datetime.fromisoformat(str(entry.payload["at"])), [str(one) for one in entry.payload["users"]]
    if at > desk.now:
        facts = " ".join(users)
        await timers.set_timer(desk.tx, OFF_TIMER, entry.id, at, users=facts, bot=entry.bot)
    else:
        await _pass_on(desk, users)


async def change_begins(desk: Desk, timer: Timer) -> None:
    """A change of a rota holds from now on."""
    await _pass_on(desk, str(timer.facts["users"]).split())


async def _pass_on(desk: Desk, users: Iterable[str]) -> None:
    for user in users:
        for record in await watching.asked_now(desk.tx, user):
            page = next(one for one in record.consult.current if one.user == user)
            if not await duty.still_meant(desk, record.consult, page):
                await steps.happen(desk, record, model.OffDuty(user), actor=record.bot)


# ── parts ──


def reader(desk: Desk, t: Translator) -> Reader:
    """Somebody who speaks `t`, as the views address them."""
    return views.reader_of(desk, t)


async def may_know(ctx: Context, record: Record) -> bool:
    """Whether a consult concerns whoever asks; to others it is as if there were none."""
    consult = record.consult
    theirs = (
        consult.requester,
        consult.consultant,
        *consult.colleagues,
        *(one.user for one in consult.asked),
    )
    return (
        ctx.sender in theirs
        or ctx.room.room_id in (record.origin, record.room_id)
        or await moderates(ctx)
        or ctx.sender in await duty.on_now(ctx, consult)
    )


async def _stands_in(ctx: Context, record: Record) -> bool:
    return await moderates(ctx) or ctx.sender in await duty.on_now(ctx, record.consult)


async def _load(ctx: Context, consult_id: str) -> Record | None:
    """The consult, for those whom it concerns; others learn nothing by trying ids."""
    record = await store.load(ctx.tx, consult_id)
    if record is not None and await may_know(ctx, record):
        return record
    await ctx.reply(views.unknown(reader(ctx, ctx.t), consult_id))
    return None


async def _do(
    ctx: Context,
    consult_id: str,
    event: Event,
    *,
    text: str = "",
    done: str = "",
    request: Request | None = None,
) -> Record | None:
    """Do what a person asks for; `done` is what confirms it to whoever typed it."""
    record = await _load(ctx, consult_id)
    if record is None:
        return None
    record = await _ask_for(ctx, record, event, text=text, request=request)
    if record is not None and done and ctx.said.reaction is None:
        await ctx.reply(views.done(reader(ctx, ctx.t), record, done))
    return record


async def _ask_for(
    ctx: Context, record: Record, event: Event, *, text: str = "", request: Request | None = None
) -> Record | None:
    """Do what a person asks for, or tell them why not; returns the changed consult."""
    done = await steps.happen(ctx, record, event, actor=ctx.sender, text=text, request=request)
    if isinstance(done, Refused):
        await ctx.reply(views.refused(reader(ctx, ctx.t), record, done.reason))
        return None
    return done
