"""Covers: somebody takes a span of a rota, for themselves or for a colleague, and may take it back."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.chat.buttons import NUMBERS
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.parsing import normal, take_word
from bot.directory.colleague import Colleague
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk
from bot.directory.roster import RosterFile
from bot.directory.rotas import Change, Rota
from bot.oncall import rules, store, views
from bot.oncall.arguments import Place, place_of, take_place
from bot.oncall.service import tell_changed
from bot.oncall.when import read_span

_UNDO = frozenset({"undo", "remove", "back", "zurück", "zurücknehmen", "rückgängig"})
_LIST = frozenset({"list", "liste"})
_FOR = re.compile(r"(?:^|\s)(?:for|für|instead of|statt|anstelle von)\s+(?P<who>\S.*)$", re.IGNORECASE)
PERSON = ("@", "https://matrix.to/")  # how words begin that name somebody
LONGEST = timedelta(days=62)
FARTHEST = timedelta(days=400)
_AHEAD = timedelta(days=8)
_SHOWN = 20

NO_ROTA = message_id(
    "**{service}** has no rota that can be changed here: its people stand in the hospital’s roster. "
    "Please tell the moderators."
)
NOT_YOURS = message_id("Only those of this rota can change it, and moderators. Ask one of them: {people}.")


@dataclass(frozen=True)
class _Line:
    """What somebody asked: `who` is to take the span, in place of `instead` or of whoever is on."""

    who: str
    place: Place
    span: tuple[datetime, datetime] | None
    instead: str | None


async def cover(ctx: Context, text: str) -> Message:
    """Take a span, or give it to a colleague; without a span, offer the next shifts."""
    word, rest = take_word(text)
    if normal(word) in _UNDO:
        return await undo(ctx, rest.strip())
    if not text.strip() or normal(word) in _LIST:
        return await listed(ctx)
    line = await _read(ctx, text)
    rota = await changeable(ctx, line.place)
    if line.who != ctx.sender:
        await _refuse_to_name(ctx, rota, line.who)
    changes = (await store.changes_in(ctx.tx, [rota.key], ctx.now)).get(rota.key, ())
    if line.span is None:
        ahead = rules.stints(rota, ctx.now, ctx.now + _AHEAD, changes)
        others = [one for one in ahead if one.people != (line.who,)][: len(NUMBERS)]
        return views.to_take(ctx, line.place, line.who, others)
    begin, end = _checked(ctx, line.span)
    replaced = _replaced(ctx, line, rules.stints(rota, begin, end, changes))
    change = Change(line.who, begin, end, line.instead)
    change_id = await store.add_change(ctx.tx, rota.key, change, ctx.sender)
    await tell_changed(ctx, rota, change, change_id)
    ctx.tx.audit(ctx.sender, "cover", rota.key, who=line.who, begin=begin.isoformat(), end=end.isoformat())
    await _tell(ctx, line.place, change, change_id, replaced)
    elsewhere = await _elsewhere(ctx, rota, change)
    return views.covered(ctx, line.place, change, change_id, elsewhere)


async def undo(ctx: Context, change_id: str) -> Message:
    """Take a cover back: from now on, if it has begun."""
    kept = await store.change(ctx.tx, change_id.upper()[:26])
    rota = ctx.house.part(RosterFile).current.rotas.get(kept.rota) if kept is not None else None
    if kept is None or rota is None:
        raise Misunderstood("I know no such cover: `{list}` shows them.", list=ctx.typed("cover list"))
    place = place_of(ctx.house.part(RosterFile).current, rota.key)
    if ctx.sender not in (kept.change.who, kept.made_by):
        await changeable(ctx, place)
    if kept.swap is not None and not await moderates(ctx):
        raise Misunderstood(
            "That was agreed between two: to change it, ask for a swap back: `{swap}`",
            swap=ctx.typed(f"swap {place.key}"),
        )
    if kept.undone or kept.change.end <= ctx.now:
        raise Misunderstood("That cover is over already.")
    await store.undo(ctx.tx, kept)
    await tell_changed(ctx, rota, kept.change, f"{kept.id} undone")
    ctx.tx.audit(ctx.sender, "cover.undone", rota.key, who=kept.change.who)
    for user in dict.fromkeys((kept.change.who, kept.change.instead, kept.made_by)):
        if user is not None and user != ctx.sender:
            t = await ctx.translator(user)
            await ctx.direct(user, views.taken_back(t, ctx, place, kept.change))
    return views.taken_back(ctx.t, ctx, place, kept.change)


async def listed(ctx: Context) -> Message:
    """The covers ahead in the rotas of whoever asks; in all, for moderators."""
    roster = ctx.house.part(RosterFile).current
    everything = await moderates(ctx)
    mine = [
        key for key, rota in roster.rotas.items() if everything or ctx.sender in rules.members(rota, ctx.now)
    ]
    ahead = await store.changes_ahead(ctx.tx, mine, _SHOWN) if mine else ()
    return views.covers(ctx, [(place_of(roster, one.rota), one) for one in ahead])


async def changeable(ctx: Context, place: Place) -> Rota:
    """The rota of a place, if whoever asks may change it; raises Misunderstood with the reason."""
    if place.rota is None:
        raise Misunderstood(NO_ROTA, service=place.name(ctx.t.language))
    people = rules.members(place.rota, ctx.now)
    if ctx.sender not in people and not await moderates(ctx):
        roster = ctx.house.part(RosterFile).current
        raise Misunderstood(NOT_YOURS, people=", ".join(roster.name_of(user) for user in people[:6]))
    return place.rota


async def _read(ctx: Context, text: str) -> _Line:
    who, instead = ctx.sender, None
    word, rest = take_word(text, ctx.said.pills)
    if word.startswith(PERSON):
        who, text = await Colleague().parse(ctx, word), rest
    place, rest = take_place(ctx, text)
    named = _FOR.search(rest)
    if named is not None:
        instead = await Colleague().parse(ctx, named["who"])
        rest = rest[: named.start()]
    if not rest.strip():
        return _Line(who, place, None, instead)
    span = read_span(rest, ctx.now, ctx.t.zone)
    if span is None:
        raise Misunderstood(
            "From when to when? For example: `{example}`",
            example=ctx.typed(f"cover {place.key} sat 20:00-08:00"),
        )
    return _Line(who, place, span, instead)


def _checked(ctx: Context, span: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    begin, end = max(span[0], ctx.now.replace(second=0, microsecond=0)), span[1]
    if end <= ctx.now:
        raise Misunderstood("That is past: a cover is for now or later.")
    if not begin < end:
        raise Misunderstood("That ends before it begins.")
    if end - begin > LONGEST or begin - ctx.now > FARTHEST:
        raise Misunderstood(
            "That is too long or too far ahead: {days} days at most. What holds for longer belongs into the "
            "hospital’s roster.",
            days=LONGEST.days,
        )
    return begin, end


def _replaced(ctx: Context, line: _Line, ahead: Collection[rules.Stint]) -> list[str]:
    """Who is on no longer, or less; raises Misunderstood when the cover would change nothing, or too much."""
    on = list(dict.fromkeys(user for stint in ahead for user in stint.people))
    roster = ctx.house.part(RosterFile).current
    if line.instead is not None:
        if line.instead not in on:
            raise Misunderstood("{who} is not on then.", who=roster.name_of(line.instead))
        return [line.instead]
    if all(stint.people == (line.who,) for stint in ahead):
        raise Misunderstood("{who} is on then already.", who=roster.name_of(line.who))
    together = next((stint.people for stint in ahead if len(stint.people) > 1), None)
    if together is not None:
        raise Misunderstood(
            "Several are on together then: {people}. Add for whom, such as `for {one}`.",
            people=", ".join(map(roster.name_of, together)),
            one=together[0],
        )
    return [user for user in on if user != line.who]


async def _refuse_to_name(ctx: Context, rota: Rota, who: str) -> None:
    """A colleague of the rota may be named; moderators may name anybody who can be asked at all."""
    allowed = may_talk(who, ctx.house.hospitals.servers("consults"))
    if not allowed or who in ctx.house.bot_users.values():
        raise Misunderstood("{who} cannot be asked: not of a hospital that takes part.", who=who)
    if who not in rules.members(rota, ctx.now) and not await moderates(ctx):
        raise Misunderstood(
            "{who} is not of this rota. Whoever is may be named; others by a moderator.",
            who=ctx.house.part(RosterFile).current.name_of(who),
        )


async def _tell(
    desk: Context, place: Place, change: Change, change_id: str, replaced: Collection[str]
) -> None:
    for user in dict.fromkeys([change.who, *replaced]):
        if user != desk.sender and may_talk(user, desk.house.hospitals.servers()):
            t = await desk.translator(user)
            await desk.direct(user, views.told_of_cover(t, desk, place, change, change_id, user))


async def _elsewhere(desk: Desk, rota: Rota, change: Change) -> list[str]:
    """Other rotas in which the one who covers is on at that time."""
    roster = desk.house.part(RosterFile).current
    others = [one for one in roster.rotas.values() if one.key != rota.key and change.who in one.people]
    made = await store.changes_in(desk.tx, [one.key for one in others], desk.now)
    return [
        one.key
        for one in others
        if rules.shifts_of(one, change.who, change.begin, change.end, made.get(one.key, ()))
    ]
