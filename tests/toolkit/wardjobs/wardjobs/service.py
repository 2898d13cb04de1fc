"""The use cases: each is one transaction, and nobody waits for the network in it."""

from bot.chat.command import Args, Misunderstood
from bot.chat.desk import Context, Desk
from bot.kernel import timers

from . import rules, store, views


async def add(ctx: Context, args: Args) -> None:
    job = await store.add(ctx.tx, ctx.room.room_id, args["what"])
    await _set(ctx, job, {"bot": ctx.bot, "room": ctx.room.room_id, "minutes": args["minutes"], "sent": 0})
    await show(ctx, {"job": job})


async def tick(ctx: Context, args: Args) -> None:
    if not await store.remove(ctx.tx, ctx.room.room_id, args["job"].upper()):
        raise Misunderstood("There is no open job {job} here.", job=args["job"])
    await timers.cancel(ctx.tx, "wardjobs.remind", args["job"].upper())
    await show(ctx, args)


async def show(ctx: Context, args: Args) -> None:
    await ctx.reply(views.listing(ctx.t, await store.in_room(ctx.tx, ctx.room.room_id), args.get("job", "")))


async def remind(desk: Desk, timer: timers.Timer) -> None:
    jobs = await store.in_room(desk.tx, timer.facts["room"])
    await desk.send(timer.facts["room"], views.listing(desk.house_translator(), jobs, timer.key, due=True))
    await _set(desk, timer.key, {**timer.facts, "sent": timer.facts["sent"] + 1})


async def _set(desk: Desk, job: str, facts: Args) -> None:
    if due_at := rules.reminder(desk.now, facts["minutes"], facts["sent"]):
        await timers.set_timer(desk.tx, "wardjobs.remind", job, due_at, **facts)
