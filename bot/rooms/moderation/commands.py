"""What moderators type: `!mod` and the word for what is to be done; and what people type to appeal."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.conversation import explained
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.rich import code, lines, verbatim
from bot.chat.types import Text
from bot.directory.commands import MOD_PARTS
from bot.directory.moderators import moderates
from bot.rooms.moderation import appeals, service, store, taps, views
from bot.rooms.moderation.model import Kind
from bot.rooms.moderation.people import answer, answered_in_private, reader
from bot.rooms.moderation.places import network, scopes_of
from bot.rooms.moderation.reading import plan_of, read_line

_GROUP = message_id("Moderation")
_ACTION_ID = re.compile(r"M-[0-9A-Z]{4,6}")
_LAST = timedelta(days=1)  # so far back does an undo without an id reach
_DAYS = 7
_MOST_DAYS = 3650
_MOST_SHOWN = 30
# What `!mod` alone shows: one short line each, so that none is broken on a phone.
_CARD = (
    ("⚠️", "warn @eve 2"),
    ("🔇", "mute @eve 2h"),
    ("🔊", "unmute @eve"),
    ("👋", "kick @eve"),
    ("🚫", "ban @eve 7d"),
    ("🕊️", "unban @eve"),
    ("🗑️", "redact @eve 10"),
    ("🔒", "lock 30m"),
    ("🔓", "unlock"),
    ("🐢", "slow 30"),
    ("📝", "note @eve …"),
    ("📜", "log @eve 30"),
    ("↩️", "undo"),
)

Executor = Callable[[Context, Args], Awaitable[None]]


def _aside(run: Executor) -> Executor:
    """Answer misunderstandings where the moderator is answered, not in the room that the line is about."""

    async def aside(ctx: Context, args: Args) -> None:
        try:
            await run(ctx, args)
        except Misunderstood as problem:
            await taps.hide(ctx)
            await answer(ctx, Message("error", explained(ctx, problem)))

    return aside


def _doing(kind: Kind) -> Executor:
    async def run(ctx: Context, args: Args) -> None:
        line = await read_line(ctx, args.get("line", ""), kind)
        plan, said_where = await plan_of(ctx, kind, line)
        if kind is Kind.NOTE and not plan.note:
            raise Misunderstood("What shall I note? For example `note @name reminded by phone`.")
        await taps.execute(ctx, plan, said_where=said_where)

    return _aside(run)


async def undo(ctx: Context, args: Args) -> None:
    """Take an action back: that with an id, or one's own last."""
    at = reader(ctx, ctx.t)
    await taps.hide(ctx)
    match = _ACTION_ID.search(str(args.get("line", "")).upper())
    if match is not None:
        action = await store.action(ctx.tx, match[0])
    else:
        mine = await store.actions(ctx.tx, by=ctx.sender, since=ctx.now - _LAST)
        action = next((one for one in mine if one.ended is None and one.kind is not Kind.REDACT), None)
    if action is None:
        await answer(ctx, views.refused(at, "gone" if match else "nothing-to-undo"))
        return
    if action.who == ctx.sender:
        await answer(ctx, views.refused(at, "self"))
        return
    problem = await service.undo(ctx, action, ctx.sender)
    if problem is not None:
        await answer(ctx, views.refused(at, "removed" if problem == "gone" else "over"))
    else:
        await answer(ctx, views.taken_back(at, action, ctx.sender))


async def log(ctx: Context, args: Args) -> None:
    """What was done, to whom, by whom: of a person, a room, or all."""
    await taps.hide(ctx)
    line = await read_line(ctx, args.get("line", ""), None)
    days = min(line.number or (line.length.days if line.length else 0) or _DAYS, _MOST_DAYS)
    scopes = None if line.scope is None else scopes_of(network(ctx), line.scope)
    since = ctx.now - timedelta(days=days)
    found = await store.actions(ctx.tx, who=line.who, scopes=scopes, since=since, most=_MOST_SHOWN)
    private = await answered_in_private(ctx)
    notes = {one.id: await store.note_of(ctx.tx, one.id) for one in found} if private else {}
    count = await service.strikes(ctx, line.who) if line.who else None
    await answer(ctx, views.log(reader(ctx, ctx.t), found, notes, days, count))


async def tap(ctx: Context, args: Args) -> None:
    """What a button stands for."""
    what, ref, choice, *_rest = [*str(args.get("line", "")).split(), "", "", ""]
    await taps.tapped(ctx, what, ref, choice)


async def family(ctx: Context, _args: Args) -> None:
    """Show what a moderator can do, with examples."""
    p = ctx.typed("mod")
    at = reader(ctx, ctx.t)
    rows = [
        ctx.t("**Reply** to a message of theirs, or name them: type @ and pick."),
        *(verbatim(f"{emoji} ") + code(f"{p} {words}") for emoji, words in _CARD),
        ctx.t("Written in a room, it holds there; add `everywhere` for all rooms."),
        ctx.t("**Reasons**"),
        *(code(str(number)) + verbatim(" ") + text for number, text in enumerate(at.reasons, 1)),
        ctx.t("`{help}` shows the rest.", help=ctx.typed("help mod")),
    ]
    await answer(ctx, Message("help", lines(rows)))


async def appeal(ctx: Context, args: Args) -> None:
    """Object to what the moderators did."""
    await ctx.reply(await appeals.appeal(ctx, args["text"]))


_LINE = (Arg("line", Text(2000), "Whom, where, how long, why?", required=False, rest=True),)


def _part(
    word: str, help_text: str, run: Executor, example: str = "", synonyms: tuple[str, ...] = ()
) -> Command:
    return Command(word, help_text, run, args=_LINE, example=example, synonyms=synonyms)


PARTS = (
    _part(
        "warn", message_id("warn somebody; counts as a strike"), _doing(Kind.WARN), "@eve 2", ("verwarnen",)
    ),
    _part("mute", message_id("silence somebody for a time"), _doing(Kind.MUTE), "@eve 2h", ("stumm",)),
    _part("unmute", message_id("let somebody write again"), _doing(Kind.UNMUTE), "@eve", ("laut",)),
    _part("kick", message_id("take somebody out of a room"), _doing(Kind.KICK), "@eve", ("rauswerfen",)),
    _part("ban", message_id("keep somebody out"), _doing(Kind.BAN), "@eve everywhere 7d", ("sperren",)),
    _part("unban", message_id("lift every ban of somebody"), _doing(Kind.UNBAN), "@eve", ("entsperren",)),
    _part(
        "redact",
        message_id("remove a message, or the last ones of somebody"),
        _doing(Kind.REDACT),
        "@eve 10",
        ("löschen", "delete"),
    ),
    _part(
        "lock", message_id("let only moderators write in a room"), _doing(Kind.LOCK), "30m", ("abschließen",)
    ),
    _part("unlock", message_id("let everybody write again"), _doing(Kind.UNLOCK), "", ("aufschließen",)),
    _part("slow", message_id("one message in so many seconds"), _doing(Kind.SLOW), "30", ("langsam",)),
    _part(
        "note",
        message_id("keep a note on somebody for the moderators"),
        _doing(Kind.NOTE),
        "@eve …",
        ("notiz",),
    ),
    _part("undo", message_id("take back what was done"), _aside(undo), "", ("zurück", "rückgängig")),
    _part("log", message_id("what was done, and by whom"), _aside(log), "@eve 30", ("protokoll",)),
    _part("tap", message_id("what the buttons stand for"), _aside(tap)),
)
MOD = Command(
    "mod",
    "moderate: warn, mute, remove, ban, lock …",
    _aside(family),
    may=moderates,
    details=(
        "Reply to a message, or name somebody with @. In a specialty room it holds there; elsewhere say "
        "where, or I ask first. Everything can be taken back with ↩️, but removed messages."
    ),
    example="mute @eve 2h",
    group=_GROUP,
    parts=(*PARTS, *MOD_PARTS),
)
COMMANDS = (
    MOD,
    Command(
        "modlog",
        "what the moderators did, and to whom",
        _aside(log),
        args=_LINE,
        may=moderates,
        example="@eve 30",
        group=_GROUP,
    ),
    Command(
        "appeal",
        "object to what the moderators did",
        appeal,
        args=(Arg("text", Text(2000), "What do you want to tell the moderators?", rest=True),),
        synonyms=("einspruch",),
        details="Once for each warning, mute, removal or ban. Another moderator looks at it.",
        example="the message was about a published case",
        group=_GROUP,
    ),
)
