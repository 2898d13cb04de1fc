"""Swaps: my shift for yours, once the other side has agreed."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.chat.parsing import normal, take_word
from bot.directory.colleague import Colleague
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk
from bot.directory.roster import RosterFile
from bot.directory.rotas import Change, Rota
from bot.kernel import timers
from bot.kernel.timers import Timer
from bot.oncall import rules, store, views
from bot.oncall.arguments import Place, place_of, take_place
from bot.oncall.covering import PERSON, changeable
from bot.oncall.service import tell_changed
from bot.oncall.store import Swap
from bot.oncall.when import read_span, read_when

SWAP_TIMER = "oncall.swap"
_ANSWER_TIME = timedelta(hours=24)
_AHEAD = timedelta(days=62)
_DAY = timedelta(days=1)
_ACCEPT = frozenset({"accept", "agree", "yes", "annehmen", "zustimmen", "ja"})
_DECLINE = frozenset({"decline", "no", "ablehnen", "nein"})
_WITHDRAW = frozenset({"withdraw", "cancel", "zurückziehen", "abbrechen"})
_FILLING = frozenset({"with", "mit", "for", "für", "gegen", "against", "my", "mein", "meine", "meinen"})
_ID = re.compile(r"W-[0-9A-HJKMNP-TV-Z]{4,6}")

Span = tuple[datetime, datetime]


async def swap(ctx: Context, text: str) -> Message:
    """Ask a colleague to exchange shifts, or answer such a question."""
    word, rest = take_word(text)
    said = normal(word)
    for words, act in ((_ACCEPT, accept), (_DECLINE, decline), (_WITHDRAW, withdraw)):
        if said in words:
            return await act(ctx, await _load(ctx, rest))
    return await ask(ctx, text)


async def ask(ctx: Context, text: str) -> Message:
    """Ask a colleague: `cardiology sat @ben sun`; what is left out is the next shift of each."""
    place, rest = take_place(ctx, text)
    rota = await changeable(ctx, place)
    other, mine, theirs = await _sides(ctx, place, rest)
    members = rules.members(rota, ctx.now)
    roster = ctx.house.part(RosterFile).current
    if other == ctx.sender:
        raise Misunderstood("With whom? Name a colleague of this rota.")
    if other not in members or not may_talk(other, ctx.house.hospitals.servers()):
        raise Misunderstood(
            "{who} is not of this rota. Whoever is may be named; others by a moderator.",
            who=roster.name_of(other),
        )
    changes = (await store.changes_in(ctx.tx, [rota.key], ctx.now)).get(rota.key, ())
    given = _shift(ctx, rota, ctx.sender, mine, changes)
    taken = _shift(ctx, rota, other, theirs, changes)
    _refuse_overlap(ctx, rota, other, given, taken, changes)
    expires = min(ctx.now + _ANSWER_TIME, given[0], taken[0])
    swap_id = await store.add_swap(ctx.tx, rota.key, (ctx.sender, other), given, taken, expires)
    await timers.set_timer(ctx.tx, SWAP_TIMER, swap_id, expires, bot=ctx.bot)
    ctx.tx.audit(ctx.sender, "swap.asked", swap_id, other=other)
    asked = Swap(swap_id, rota.key, ctx.sender, other, given, taken, store.ASKED, expires)
    t = await ctx.translator(other)
    await ctx.direct(other, views.swap_question(t, ctx, place, asked))
    return views.swap_asked(ctx.t, ctx, place, asked)


async def accept(ctx: Context, asked: Swap) -> Message:
    """The other side agrees: both changes hold from now on, if both still have their shifts."""
    if ctx.sender != asked.other:
        raise Misunderstood("Only the colleague who was asked can answer this.")
    rota, place = _rota(ctx, asked)
    changes = (await store.changes_in(ctx.tx, [asked.rota], ctx.now)).get(asked.rota, ())
    if not all(
        [span] == rules.shifts_of(rota, user, *span, changes)
        for user, span in ((asked.asker, asked.given), (asked.other, asked.taken))
    ):
        await _end(ctx, asked, store.EXPIRED)
        t = await ctx.translator(asked.asker)
        await ctx.direct(asked.asker, views.swap_unfit(t))
        return views.swap_unfit(ctx.t)
    for who, span, instead in (
        (asked.other, asked.given, asked.asker),
        (asked.asker, asked.taken, asked.other),
    ):
        change = Change(who, *span, instead)
        change_id = await store.add_change(ctx.tx, asked.rota, change, ctx.sender, asked.id)
        await tell_changed(ctx, rota, change, change_id)
    await _end(ctx, asked, store.AGREED)
    t = await ctx.translator(asked.asker)
    await ctx.direct(asked.asker, views.swap_agreed(t, ctx, place, asked, asked.asker))
    return views.swap_agreed(ctx.t, ctx, place, asked, asked.other)


async def decline(ctx: Context, asked: Swap) -> Message:
    """The other side does not agree, and need not say why."""
    if ctx.sender != asked.other:
        raise Misunderstood("Only the colleague who was asked can answer this.")
    await _end(ctx, asked, store.DECLINED)
    place = place_of(ctx.house.part(RosterFile).current, asked.rota)
    t = await ctx.translator(asked.asker)
    await ctx.direct(asked.asker, views.swap_over(t, ctx, place, asked, store.DECLINED))
    return views.swap_over(ctx.t, ctx, place, asked, store.DECLINED)


async def withdraw(ctx: Context, asked: Swap) -> Message:
    """Whoever asked asks no longer."""
    if ctx.sender != asked.asker and not await moderates(ctx):
        raise Misunderstood("Only whoever asked can take this back.")
    await _end(ctx, asked, store.WITHDRAWN)
    place = place_of(ctx.house.part(RosterFile).current, asked.rota)
    t = await ctx.translator(asked.other)
    await ctx.direct(asked.other, views.swap_over(t, ctx, place, asked, store.WITHDRAWN))
    return views.swap_over(ctx.t, ctx, place, asked, store.WITHDRAWN)


async def due(desk: Desk, timer: Timer) -> None:
    """Nobody answered in time: each keeps their own shift."""
    asked = await store.swap(desk.tx, timer.key)
    if asked is None or asked.state != store.ASKED:
        return
    await store.end_swap(desk.tx, asked.id, store.EXPIRED)
    desk.tx.audit("system", "swap.expired", asked.id)
    place = place_of(desk.house.part(RosterFile).current, asked.rota)
    for user in (asked.asker, asked.other):
        t = await desk.translator(user)
        await desk.direct(user, views.swap_over(t, desk, place, asked, store.EXPIRED))


async def _load(ctx: Context, text: str) -> Swap:
    """A swap that waits for its answer; raises Misunderstood."""
    found = _ID.fullmatch(text.strip().upper())
    asked = await store.swap(ctx.tx, found[0]) if found else None
    if asked is None or (ctx.sender not in (asked.asker, asked.other) and not await moderates(ctx)):
        raise Misunderstood("I know no such swap.")
    if asked.state != store.ASKED or asked.expires_at <= ctx.now:
        raise Misunderstood("That swap is settled already, or its time is up.")
    return asked


async def _end(ctx: Context, asked: Swap, state: str) -> None:
    await store.end_swap(ctx.tx, asked.id, state)
    await timers.cancel(ctx.tx, SWAP_TIMER, asked.id)
    ctx.tx.audit(ctx.sender, f"swap.{state}", asked.id)


async def _sides(ctx: Context, place: Place, text: str) -> tuple[str, str, str]:
    """The colleague, what is given, and what is taken, as typed: `sat 20:00 with @ben for sun`."""
    before: list[str] = []
    rest = text
    while rest:
        word, after = take_word(rest, ctx.said.pills)
        if word.startswith(PERSON):
            return await Colleague().parse(ctx, word), _bare(" ".join(before)), _bare(after)
        before.append(word)
        rest = after
    raise Misunderstood(
        "With whom? For example: `{example}`",
        example=ctx.typed(f"swap {place.key} sat @anna:{ctx.house.settings.server_name} sun"),
    )


def _bare(text: str) -> str:
    words = text.split()
    while words and normal(words[0]) in _FILLING:
        words.pop(0)
    while words and normal(words[-1]) in _FILLING:
        words.pop()
    return " ".join(words)


def _shift(ctx: Context, rota: Rota, user: str, text: str, changes: tuple[Change, ...]) -> Span:
    """Somebody's shift as they said it: a span, the shift at a moment, that of a day, or the next one."""
    ahead = rules.shifts_of(rota, user, ctx.now, ctx.now + _AHEAD, changes)
    found = [span for span in ahead if span[0] > ctx.now]
    name = ctx.house.part(RosterFile).current.name_of(user)
    if text:
        span = read_span(text, ctx.now, ctx.t.zone)
        when = read_when(text, ctx.now, ctx.t.zone)
        if span is not None:
            found = [span] if any(one[0] <= span[0] < span[1] <= one[1] for one in found) else []
        elif when is None:
            raise Misunderstood(
                "I do not understand “{text}”: write a day or a time, such as `sat` or `sat 20:00`.",
                text=text[:40],
            )
        elif when.whole:
            end = when.moment + _DAY
            begun = [one for one in found if when.moment <= one[0] < end]
            found = begun or [one for one in found if one[0] < end and one[1] > when.moment]
        else:
            found = [one for one in found if one[0] <= when.moment < one[1]]
    if not found:
        raise Misunderstood("{who} has no such shift ahead.", who=name)
    if text and len(found) > 1:
        raise Misunderstood("{who} has several shifts then: add the time, such as `sat 20:00`.", who=name)
    return found[0]


def _refuse_overlap(
    ctx: Context, rota: Rota, other: str, given: Span, taken: Span, changes: tuple[Change, ...]
) -> None:
    roster = ctx.house.part(RosterFile).current
    for user, span in ((other, given), (ctx.sender, taken)):
        if rules.shifts_of(rota, user, *span, changes):
            raise Misunderstood("{who} is on then already.", who=roster.name_of(user))


def _rota(ctx: Context, asked: Swap) -> tuple[Rota, Place]:
    roster = ctx.house.part(RosterFile).current
    place = place_of(roster, asked.rota)
    if place.rota is None:
        raise Misunderstood("There is no such rota any more.")
    return place.rota, place
