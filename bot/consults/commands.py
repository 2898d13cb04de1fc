"""What people type about consults."""

from __future__ import annotations

import re
from collections.abc import Callable

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.types import Choice, Text, UserId
from bot.consults import service, store, views
from bot.consults.model import Consult, Outcome, State, Urgency
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk
from bot.oncall.arguments import ServiceArg

_ID = re.compile(r"(?P<prefix>C[-\u2010-\u2015 ]?)?(?P<rest>[0-9A-Z]{6}|[0-9A-Z]{4})")
_MISREAD = str.maketrans("OIL", "011")  # the letters that no id has


def read_id(word: str) -> tuple[str, bool] | None:
    """The consult id in a word, and whether it was written out (`C-7F3K`) or might be any word (`7f3k`)."""
    match = _ID.fullmatch(word.strip(" .,;:!?()").upper())
    if match is None:
        return None
    dashed = match["prefix"] is not None and len(match["prefix"]) > 1
    return f"C-{match['rest'].translate(_MISREAD)}", dashed


class ConsultId:
    """A consult's id as people write it.

    A word that merely looks like one counts only if it is that of a consult of theirs: free text may
    follow, and must not be taken for an id. One that is written out counts even if there is none, so
    that a slip of the finger is told and never turns into an answer to another consult.
    """

    async def parse(self, ctx: Context, text: str) -> str:
        """The id in its one form, `C-7F3K`."""
        read = read_id(text)
        if read is not None:
            consult_id, dashed = read
            if dashed or await store.concerns(ctx.tx, consult_id, ctx.sender):
                return consult_id
            if await moderates(ctx) and await store.load(ctx.tx, consult_id) is not None:
                return consult_id
        raise Misunderstood("I know no consult “{word}”.", word=text[:20])


async def takes_part(ctx: Context) -> bool:
    """A `Command.may`: the hospital of the person who asks takes part in consults."""
    return may_talk(ctx.sender, ctx.house.hospitals.servers("consults"))


async def consult(ctx: Context, args: Args) -> None:
    """Ask whoever is on call."""
    await service.open_consult(ctx, args["service"], Urgency(args["urgency"]), args["question"])


async def accept(ctx: Context, args: Args) -> None:
    """Take a consult."""
    consult_id = args.get("id") or await _the_one(ctx, "accept", _asks(ctx))
    if consult_id is not None:
        await service.accept(ctx, consult_id)


async def decline(ctx: Context, args: Args) -> None:
    """Refuse a page."""
    reason = args.get("reason", "")
    consult_id = args.get("id") or await _the_one(ctx, "decline", _asks(ctx), reason)
    if consult_id is not None:
        await service.decline(ctx, consult_id, reason)


async def answer(ctx: Context, args: Args) -> None:
    """Answer a consult in one's care."""
    consult_id = args.get("id") or await _the_one(ctx, "answer", _in_care(ctx), args["answer"])
    if consult_id is not None:
        await service.answer(ctx, consult_id, args["answer"])


async def close(ctx: Context, args: Args) -> None:
    """Read the answer back and close."""

    def waits(consult: Consult) -> bool:
        return consult.requester == ctx.sender and consult.state is State.ANSWERED

    consult_id = args.get("id") or await _the_one(ctx, "close", waits, args["read_back"])
    if consult_id is not None:
        await service.close(ctx, consult_id, args["read_back"])


async def cancel(ctx: Context, args: Args) -> None:
    """Withdraw a consult."""
    consult_id = args.get("id") or await _the_one(ctx, "cancel", lambda one: one.requester == ctx.sender)
    if consult_id is not None:
        await service.cancel(ctx, consult_id)


async def handoff(ctx: Context, args: Args) -> None:
    """Ask a named colleague to take over."""
    to: str = args["to"]
    if to in ctx.house.bot_users.values():
        raise Misunderstood("That is a bot: please name a colleague.")
    if not may_talk(to, ctx.house.hospitals.servers("consults")):
        raise Misunderstood("That colleague’s hospital does not take part here, so I cannot ask them.")
    mine, asks = _in_care(ctx), _asks(ctx)
    consult_id = args.get("id") or await _the_one(ctx, "handoff", lambda one: mine(one) or asks(one), to)
    if consult_id is not None:
        await service.hand_off(ctx, consult_id, to)


async def consults(ctx: Context, _args: Args) -> None:
    """List one's open consults."""
    records = await store.open_for(ctx.tx, ctx.sender)
    mine, asks = _in_care(ctx), _asks(ctx)
    shown = [
        record
        for record in records
        if record.consult.requester == ctx.sender or mine(record.consult) or asks(record.consult)
    ]
    await ctx.reply(views.listing(service.reader(ctx, ctx.t), shown, ctx.sender))


def _asks(ctx: Context) -> Callable[[Consult], bool]:
    """Consults that wait for this person's accept or decline."""

    def asks(consult: Consult) -> bool:
        page = consult.last_page(ctx.sender)
        waiting = consult.state in (State.REQUESTED, State.UNSTAFFED) and consult.consultant != ctx.sender
        return waiting and page is not None and page.outcome is not Outcome.DECLINED

    return asks


def _in_care(ctx: Context) -> Callable[[Consult], bool]:
    """Consults that this person has accepted."""
    return lambda consult: consult.consultant == ctx.sender


async def _the_one(ctx: Context, word: str, fits: Callable[[Consult], bool], rest: str = "") -> str | None:
    """The consult that a command without an id means: that of this room or thread, or the only one.

    In the room of a consult it never means another one, whose people are not those who read along.
    """
    found = [record for record in await store.open_for(ctx.tx, ctx.sender) if fits(record.consult)]
    at = service.reader(ctx, ctx.t)
    resident = await store.of_room(ctx.tx, ctx.room.room_id)
    if resident is not None and resident not in [record.id for record in found]:
        await ctx.reply(views.not_here(at, resident, word))
        return None
    thread = ctx.said.thread
    here = [
        record
        for record in found
        if record.id == resident or (thread is not None and record.thread == thread)
    ]
    found = here or found
    if len(found) == 1:
        return found[0].id
    if found:
        await ctx.reply(views.choice(at, found, word, rest, ctx.sender))
    else:
        await ctx.reply(views.nothing(at, word))
    return None


_WHICH = Arg("id", ConsultId(), "Which consult? Its id looks like C-7F3K.", required=False)
_GROUP = message_id("Consults")

COMMANDS = (
    Command(
        word="consult",
        help="ask the colleague on call for a service",
        run=consult,
        may=takes_part,
        args=(
            Arg("service", ServiceArg(), "Which service do you want to ask?"),
            Arg(
                "urgency",
                Choice(
                    {
                        "stat": ("emergency", "sofort", "notfall"),
                        "urgent": ("dringend", "eilig"),
                        "routine": ("planbar",),
                    },
                    {urgency.value: label for urgency, label in views.URGENCIES.items()},
                ),
                "How urgent is it?",
            ),
            Arg("question", Text(), "What is your one question? Name no patient.", rest=True),
        ),
        synonyms=("konsil",),
        details=(
            "I ask whoever is on call in their direct chat, and the next one if they decline or are silent. "
            "Who accepts meets you in an encrypted room. You follow each step in the thread of your "
            "message, and close it by reading the answer back."
        ),
        example="cardiology urgent new AF, rate 140, BP 95/60: cardiovert or rate control?",
        group=_GROUP,
    ),
    Command(
        word="accept",
        help="take a consult that you are asked for",
        run=accept,
        may=takes_part,
        args=(_WHICH,),
        synonyms=("annehmen",),
        example="C-7F3K",
        group=_GROUP,
    ),
    Command(
        word="decline",
        help="decline a consult; the next one is asked",
        run=decline,
        args=(_WHICH, Arg("reason", Text(500), "Why?", required=False, rest=True)),
        synonyms=("ablehnen",),
        example="C-7F3K in theatre",
        group=_GROUP,
    ),
    Command(
        word="answer",
        help="answer a consult in your care",
        run=answer,
        may=takes_part,
        args=(_WHICH, Arg("answer", Text(), "What is your answer?", rest=True)),
        synonyms=("antwort", "antworten"),
        example="C-7F3K cardiovert if unstable, else metoprolol",
        group=_GROUP,
    ),
    Command(
        word="close",
        help="read the answer back in your own words, and close",
        run=close,
        args=(_WHICH, Arg("read_back", Text(2000), "In your own words: what will you do?", rest=True)),
        synonyms=("schliessen", "schließen"),
        example="C-7F3K metoprolol now, shock if the pressure falls",
        group=_GROUP,
    ),
    Command(
        word="cancel",
        help="withdraw a consult",
        run=cancel,
        args=(_WHICH,),
        synonyms=("stornieren", "zurückziehen"),
        example="C-7F3K",
        group=_GROUP,
    ),
    Command(
        word="handoff",
        help="ask a named colleague to take a consult over",
        run=handoff,
        may=takes_part,
        args=(_WHICH, Arg("to", UserId(), "Who shall take over?")),
        synonyms=("übergeben", "übergabe"),
        example="C-7F3K @bo:hospital.example",
        group=_GROUP,
    ),
    Command(
        word="consults",
        help="your open consults",
        run=consults,
        synonyms=("konsile",),
        group=_GROUP,
    ),
)
