"""What moderators' buttons do, and carrying out what a line or a tap asks for."""

from __future__ import annotations

from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Context
from bot.chat.message import Message
from bot.rooms import store as rooms
from bot.rooms.moderation import appeals, raids, reports, rules, service, store, views
from bot.rooms.moderation.model import EVERYWHERE, Action, Kind, Plan
from bot.rooms.moderation.people import answer, back_room, in_house, reader
from bot.rooms.moderation.places import first_bot, places

_TIME = timedelta(minutes=30)
_TIME_OF_TWO = timedelta(days=2)


async def execute(ctx: Context, plan: Plan, *, said_where: bool) -> None:
    """Do what a moderator asks for; show it first where that is due (see `rules.asks_first`)."""
    if plan.who is not None:
        await hide(ctx)
    at = reader(ctx, ctx.t)
    if plan.kind is Kind.REDACT and not plan.events:
        await answer(ctx, views.refused(at, "no-messages"))
        return
    if not await places(ctx, plan.scope):
        await answer(ctx, views.refused(at, "no-room"))
        return
    if plan.kind is Kind.UNMUTE and not await store.sanctions(ctx.tx, plan.who or "", Kind.MUTE):
        await answer(ctx, views.refused(at, "not-theirs"))
        return
    code = await service.refusal(ctx, plan, ctx.sender)
    if code is not None and code != "needs-two":
        await answer(ctx, views.refused(at, code))
        return
    unexplained = plan.kind is Kind.WARN and plan.reason is None and not plan.note
    if code or unexplained or rules.asks_first(plan, said_where=said_where):
        await propose(ctx, plan, second=code is not None)
        return
    action = await service.carry_out(ctx, plan, ctx.sender)
    await answer(ctx, await service.confirmation(ctx, at, action))


async def hide(ctx: Context) -> None:
    """Take a command away that was typed where others read it: it may name somebody."""
    if ctx.said.reaction is None and await rooms.key_of(ctx.tx, ctx.room.room_id) is not None:
        await service.redact(ctx, [ctx.said.event_id])


async def propose(ctx: Context, plan: Plan, *, second: bool) -> None:
    """Show what will happen, and wait for a ✅; `second`: that of another moderator."""
    room = MODERATORS_ROOM if second else await back_room(ctx)
    expires_at = ctx.now + (_TIME_OF_TWO if second else _TIME)
    plan_id = await store.add_plan(
        ctx.tx, ctx.sender, service.kept(plan), room, second=second, expires_at=expires_at
    )
    where = await places(ctx, plan.scope)
    member_of = 0
    if plan.who is not None:
        inside = await ctx.house.rooms.rooms_of(ctx.tx, first_bot(ctx), plan.who)
        member_of = sum(1 for one in where if inside.get(one.room_id) == "join")
    at = in_house(ctx) if second else reader(ctx, ctx.t)
    message = views.proposal(
        at, plan_id, plan, by=ctx.sender, second=second, rooms=len(where), member_of=member_of
    )
    out = await ctx.send(room, message) if second else await answer(ctx, message)
    await store.shown_plan(ctx.tx, plan_id, out)


async def tapped(ctx: Context, what: str, ref: str, choice: str) -> None:
    """Carry out a button's command."""
    at = reader(ctx, ctx.t)
    told: Message | None = None
    match what:
        case "plan":
            told = await _decide_plan(ctx, at, ref, choice)
        case "report":
            told = await reports.settle(ctx, ref, choice)
        case "appeal":
            told = await appeals.decide(ctx, ref, lift=choice == "lift")
        case "storm" if choice == "lock":
            await execute(ctx, Plan(Kind.LOCK, scope=ref), said_where=True)
        case "storm":
            if await raids.decide(ctx, ref, ctx.sender, "in" if choice == "in" else "out") is None:
                told = views.refused(at, "settled")
        case "next" | "clean":
            told = await _go_on(ctx, at, what, ref, choice)
        case _:
            told = views.refused(at, "gone")
    if told is not None:
        await answer(ctx, told)


async def _decide_plan(ctx: Context, at: views.Reader, plan_id: str, choice: str) -> Message | None:
    """✅, ❌ or the number of a reason under what was proposed; the first one wins."""
    found = await store.plan(ctx.tx, plan_id)
    if found is None or found[0].expires_at < ctx.now:
        return views.refused(at, "gone")
    row, value = found
    plan = service.opened(value)
    if choice != "no":
        if row.second and ctx.sender == row.by:
            return views.refused(at, "second")
        code = await service.refusal(ctx, plan, ctx.sender)
        if code is not None and not (row.second and code in ("needs-two", "too-few")):
            return views.refused(at, code)
        if choice.isdecimal():
            plan = service.with_reason(plan, int(choice))
    if not await store.take_plan(ctx.tx, plan_id):
        return views.refused(at, "settled")
    if row.out is not None:
        done = views.settled_plan(in_house(ctx), plan_id, plan, ctx.sender, carried_out=choice != "no")
        await ctx.send(row.room, done, edits=row.out)
    if choice == "no":
        return None
    action = await service.carry_out(ctx, plan, row.by if row.second else ctx.sender)
    if row.second:
        ctx.tx.audit(ctx.sender, "moderation.second", action.id)
    return await service.confirmation(ctx, at, action)


async def _go_on(ctx: Context, at: views.Reader, what: str, action_id: str, choice: str) -> Message | None:
    """From something done to the next step, or to removing a spammer's messages."""
    action = await store.action(ctx.tx, action_id)
    if action is None or action.who is None:
        return views.refused(at, "gone")
    if what == "clean":
        since = action.at - rules.WINDOW
        found = await store.spoken_since(ctx.tx, action.who, since, rules.MOST_REDACTED)
        events = tuple(event for event, _spoken in found)
        plan = Plan(Kind.REDACT, action.who, action.scope, count=len(events), events=events)
    else:
        plan = await _next(ctx, action, choice)
    await execute(ctx, plan, said_where=what == "clean")
    return None


async def _next(ctx: Context, action: Action, choice: str) -> Plan:
    count = await service.strikes(ctx, action.who or "")
    step = rules.next_step(count, ctx.house.settings.moderation.strikes)
    if choice == "ban" or step is None:
        return Plan(Kind.BAN, action.who, EVERYWHERE, reason=action.reason)
    return Plan(step.kind, action.who, action.scope, step.length, action.reason)
