"""What people type about a case that stands in a room: its author, its readers, specialists, moderators."""

from __future__ import annotations

import re
from dataclasses import replace

from bot.cases.model import Case, State
from bot.cases.store import CaseMoved
from bot.cases.thread import author, closing, listing, paging, store
from bot.cases.thread.author import CaseWord
from bot.cases.thread.flags import service as flags
from bot.cases.thread.hearing import poll_of
from bot.cases.thread.model import Given, Kind, Stands
from bot.cases.thread.polls import service as polls
from bot.cases.thread.saying import service as saying
from bot.chat.command import Arg, Args, Command, Executor, Misunderstood, Permission, anybody
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.types import Text, WholeNumber
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk
from bot.oncall.arguments import ServiceArg

_GROUP = message_id("Cases")
_FLAG_ID = re.compile(r"F-?([0-9A-Z]{4,6})")
_RESTORE = frozenset({"restore", "wiederherstellen", "fine", "ok"})
_REMOVE = frozenset({"remove", "entfernen", "delete", "löschen"})


async def may_take_part(ctx: Context) -> bool:
    """A `Command.may`: the hospital of the person who asks takes part in rooms."""
    return may_talk(ctx.sender, ctx.house.hospitals.servers("rooms"))


def _settled(run: Executor) -> Executor:
    """What somebody else was quicker with is told in one sentence."""

    async def settled(ctx: Context, args: Args) -> None:
        try:
            await run(ctx, args)
        except CaseMoved:
            raise Misunderstood("That is not possible any more: it has gone on meanwhile.") from None

    return settled


async def reply(ctx: Context, args: Args) -> None:
    """Answer in the thread of one's case."""
    await saying.begin(ctx, await author.mine(ctx, args.get("id")), Kind.REPLY, Given(args["text"]))


async def poll(ctx: Context, args: Args) -> None:
    """Ask the room, with options."""
    case = await _standing_open(ctx, args)
    text, _solution = poll_of(args["text"], quiz=False)
    await saying.begin(ctx, case, Kind.POLL, Given(text))


async def quiz(ctx: Context, args: Args) -> None:
    """Let the room guess the diagnosis."""
    case = await _standing_open(ctx, args)
    text, solution = poll_of(args["text"], quiz=True)
    await saying.begin(ctx, case, Kind.QUIZ, Given(text, solution))


async def reveal(ctx: Context, args: Args) -> None:
    """End the poll, and tell the solution."""
    await polls.reveal(ctx, await author.mine(ctx, args.get("id")))


async def solve(ctx: Context, args: Args) -> None:
    """Say what it was."""
    await saying.begin(ctx, await author.mine(ctx, args.get("id")), Kind.OUTCOME, Given(args["text"]))


async def close(ctx: Context, args: Args) -> None:
    """Close a case without a word."""
    await closing.close(ctx, await _standing_open(ctx, args), told=False)


async def page(ctx: Context, args: Args) -> None:
    """Have a specialist asked to look."""
    await paging.page(ctx, await _standing_open(ctx, args), args["service"])


async def _standing_open(ctx: Context, args: Args) -> Case:
    return await author.mine(ctx, args.get("id"), frozenset({State.POSTED}))


async def flag(ctx: Context, args: Args) -> None:
    """A 🚩 in words."""
    found = await store.present(ctx.tx, args["id"], {Stands.POST})
    if not found:
        raise Misunderstood("I know no case “{word}”.", word=args["id"])
    await flags.flag(ctx, found[0])


async def tap(ctx: Context, args: Args) -> None:
    """What a button stands for."""
    what, handle, *rest = [*str(args.get("line", "")).split(), "", ""]
    match what:
        case "say" if len(rest) > 1 and rest[0].isdecimal():
            if await author.in_private(ctx):
                await _settled(_say)(ctx, {"handle": handle, "seq": int(rest[0]), "post": rest[1] == "yes"})
        case "look" | "pass":
            await paging.answered(ctx, handle, looks=what == "look")
        case _:
            raise Misunderstood("There is nothing to answer any more.")


async def _say(ctx: Context, args: Args) -> None:
    await saying.decide(ctx, args["handle"], args["seq"], post=args["post"])


async def cases(ctx: Context, args: Args) -> None:
    """List and find cases."""
    await listing.search(ctx, args.get("line", ""))


async def vote(ctx: Context, args: Args) -> None:
    """Vote by text."""
    await polls.vote(ctx, args.get("id"), args["number"])


async def decide(ctx: Context, args: Args) -> None:
    """Decide about what was flagged."""
    first, word, *reason = [*str(args.get("line", "")).split(), "", ""]
    match = _FLAG_ID.fullmatch(first.upper())
    if match is None or word.casefold() not in _RESTORE | _REMOVE:
        raise Misunderstood("Write for example `mod flag F-7F3K restore`, or `remove` and why.")
    restore = word.casefold() in _RESTORE
    await flags.decide(ctx, f"F-{match[1]}", restore=restore, reason=" ".join(reason).strip())


_WHICH = Arg("id", CaseWord(), "Which case? Its id looks like K-7F3K.")
_PERHAPS = replace(_WHICH, required=False)


def _part(
    word: str, help_text: str, run: Executor, args: tuple[Arg, ...], synonyms: tuple[str, ...] = (),
    example: str = "", door: Permission = author.in_private,
) -> Command:  # fmt: skip
    return Command(
        word, help_text, run, args=args, may=may_take_part, door=door, synonyms=synonyms, example=example,
        audited=False, group=_GROUP, family="case",
    )  # fmt: skip


_OPTIONS = Arg("text", Text(), "Write the question and the options: `Question? | A | B`", rest=True)
PARTS = (
    _part(
        "poll", message_id("ask the room, with options"), _settled(poll), (_PERHAPS, _OPTIONS),
        ("umfrage", "abstimmung"), "K-7F3K Biopsy now? | yes | no | in a week",
    ),
    _part(
        "quiz", message_id("let the room guess: the right one with a *"), _settled(quiz),
        (_PERHAPS, replace(_OPTIONS, prompt=message_id("Write them so: `Diagnosis? | A | *B | C`"))),
        ("rätsel",), "K-7F3K What is it? | sarcoid | *IgG4",
    ),
    _part(
        "reveal", message_id("end your poll, and tell the solution"), _settled(reveal), (_PERHAPS,),
        ("auflösen",),
    ),
    _part(
        "page", message_id("ask who is on call to look at it"), _settled(page),
        (_PERHAPS, Arg("service", ServiceArg(), "Which service do you want to ask?", rest=True)),
        ("rufen",), "K-7F3K cardiology",
    ),
    _part(
        "solve", message_id("say what it was"), _settled(solve),
        (_PERHAPS, Arg("text", Text(), "What was it in the end?", rest=True)),
        ("lösung",), "K-7F3K It was IgG4 disease.",
    ),
    _part("close", message_id("close it without a word"), _settled(close), (_PERHAPS,), ("schließen",)),
    _part(
        "flag", message_id("hide it until the moderators have looked, like 🚩"), flag, (_WHICH,), ("melden",),
        door=anybody,
    ),
    _part(
        "tap", message_id("what the buttons stand for"), tap,
        (Arg("line", Text(200), "Which case?", required=False, rest=True),), door=anybody,
    ),
)  # fmt: skip
COMMANDS = (
    Command(
        word="reply",
        help="answer in the thread of your case",
        run=_settled(reply),
        may=may_take_part,
        door=author.in_private,
        args=(_PERHAPS, Arg("text", Text(), "What do you want to answer? Name no patient.", rest=True)),
        synonyms=("erwidern",),
        details=(
            "I take names out, and show you what would be posted under the name of your case; ✅ posts it. "
            "You can also reply to the message in which I brought you an answer."
        ),
        example="K-7F3K The ferritin was normal.",
        group=_GROUP,
        audited=False,
    ),
    Command(
        word="cases",
        help="find cases in the rooms that you are in",
        run=cases,
        may=may_take_part,
        args=(Arg("line", Text(300), "Which cases?", required=False, rest=True),),
        synonyms=("fälle", "faelle"),
        details="By tag (`#afib`), by words, `open` or `solved`; the newest first.",
        example="#afib bleeding open",
        group=_GROUP,
    ),
    Command(
        word="vote",
        help="vote in the poll of a case",
        run=vote,
        may=may_take_part,
        args=(_PERHAPS, Arg("number", WholeNumber(1, 10), "Which number?")),
        synonyms=("stimme", "abstimmen"),
        details="For clients that show no polls. In the thread of the case its id may be left out.",
        example="K-7F3K 2",
        group=_GROUP,
        audited=False,
    ),
    Command(
        word="flag",
        help=message_id("restore or remove what was flagged"),
        run=decide,
        may=moderates,
        args=(Arg("line", Text(1000), "Which flag?", required=False, rest=True),),
        synonyms=("meldung",),
        example="F-7F3K remove it names a place",
        family="mod",
    ),
    *PARTS,
)
