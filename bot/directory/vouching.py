"""Colleagues speak for colleagues: with limits, so that no ring of people makes itself trusted."""

from __future__ import annotations

from bot.chat.buttons import NUMBERS
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, mention, verbatim
from bot.directory import rules, service, store, views
from bot.directory.policy import may_talk
from bot.directory.standing import VOUCH, Level
from bot.directory.store import Vouch

REFUSALS = {
    "self": "Nobody vouches for themselves.",
    "level": "To vouch for others you have to be verified yourself (L3): `{p}verify`",
    "young": "You can vouch for others once you have been verified for {days} days.",
    "hospital": "Only colleagues of other hospitals can vouch for {who}.",
    "candidate": "{who} is not verified yet (L3). First they write `{p}verify`; then you can vouch for them.",
    "again": "You already vouch for {who}.",
    "ring": "{who} vouches for you, directly or through one colleague. Somebody else has to vouch for them.",
    "limit": "You have vouched for {limit} colleagues within three months, which is the most.",
}


async def vouch(ctx: Context, candidate: str) -> Message:
    """Speak for a colleague; they are told, and L4 once enough do."""
    settings = ctx.house.settings.verification
    if not may_talk(candidate, ctx.house.hospitals.servers()) or candidate in ctx.house.bot_users.values():
        return _refused(ctx, "candidate", candidate)
    for who in sorted({ctx.sender, candidate}):  # one after the other, so that no two close a ring together
        await store.used(ctx.tx, "vouch", who, per=rules.QUARTER)
    people = await service.base_of(ctx, [ctx.sender, candidate])
    around = await store.vouches_around(ctx.tx, [ctx.sender, candidate])
    reason = rules.may_vouch(
        people[ctx.sender],
        people[candidate],
        [(one.voucher, one.candidate) for one in around if one.ended_at is None],
        sum(one.voucher == ctx.sender and one.made_at > ctx.now - rules.QUARTER for one in around),
        settings.vouches_per_quarter,
        settings.vouch_after,
        ctx.now,
    )
    if reason is not None:
        return _refused(ctx, reason, candidate)
    await store.keep_vouch(ctx.tx, ctx.sender, candidate)
    ctx.tx.audit(ctx.sender, "vouched", candidate)
    await service.review(ctx, candidate)
    t = await ctx.translator(candidate)
    told = [t("{who} vouches for you.", who=mention(ctx.sender))]
    if await service.counts(ctx, candidate, VOUCH):
        told.append(t("You are now **{level}**.", level=views.level(t, Level.L4)))
    await ctx.direct(candidate, Message("vouch", lines(told), loud=True))
    text = ctx.t(
        "You vouch for {who}. ↩️ or `{p}vouch remove {id}` takes it back.",
        who=mention(candidate),
        p=ctx.house.settings.prefix,
        id=candidate,
    )
    return Message("vouch", text, buttons={"↩️": f"{ctx.sender} vouch remove {candidate}"})


async def remove(ctx: Context, candidate: str) -> Message:
    """Speak for a colleague no more."""
    if not await store.end_vouch(ctx.tx, ctx.sender, candidate):
        return Message("error", ctx.t("You do not vouch for {who}.", who=mention(candidate)))
    ctx.tx.audit(ctx.sender, "unvouched", candidate)
    await service.review(ctx, candidate)
    return Message("vouch", ctx.t("Taken back: you no longer vouch for {who}.", who=mention(candidate)))


async def mine(ctx: Context) -> Message:
    """For whom one speaks, and who speaks for oneself."""
    live = [one for one in await store.vouches_around(ctx.tx, [ctx.sender]) if one.ended_at is None]
    given = [one for one in live if one.voucher == ctx.sender]
    got = [one.voucher for one in live if one.candidate == ctx.sender]
    p = ctx.house.settings.prefix
    if not live:
        return Message("vouch", ctx.t("You vouch for nobody, and nobody for you. `{p}vouch @colleague`", p=p))
    parts = []
    buttons = {}
    if given:
        numbered = list(zip(NUMBERS, given, strict=False))
        parts.append(ctx.t("**You vouch for** (its number takes it back):"))
        parts += [verbatim(f"{number} ") + _line(ctx, one) for number, one in numbered]
        parts.append(bullets([_line(ctx, one) for one in given[len(numbered) :]]))
        buttons = {number: f"{ctx.sender} vouch remove {one.candidate}" for number, one in numbered}
    if got:
        parts.append(ctx.t("**For you:**"))
        parts.append(bullets([mention(user) for user in got]))
    return Message("vouch", lines(parts), buttons=buttons)


def _refused(ctx: Context, reason: str, candidate: str) -> Message:
    settings = ctx.house.settings
    text = ctx.t(
        REFUSALS[reason],
        who=mention(candidate),
        p=settings.prefix,
        days=settings.verification.vouch_after.days,
        limit=settings.verification.vouches_per_quarter,
    )
    return Message("error", text)


def _line(ctx: Context, one: Vouch) -> Rich:
    return ctx.t("{who}, since {day}", who=mention(one.candidate), day=views.day(ctx.t, one.made_at))
