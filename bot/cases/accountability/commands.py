"""What authors and moderators type about who stands behind a case."""

from __future__ import annotations

from bot.cases.accountability import appeals, erasing, receipts, service, unmasking, views
from bot.cases.accountability.model import Kind
from bot.cases.drafting.commands import CaseId
from bot.cases.thread.author import in_private
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.conversation import explained
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.parsing import fits, take_word
from bot.chat.types import Text
from bot.directory.moderators import moderates
from bot.rooms.moderation import rules as moderation
from bot.rooms.moderation.people import answer

_GROUP = message_id("Moderation")
_VERBS = {
    "warn": ("verwarnen",),
    "mute": ("stumm",),
    "ban": ("sperren",),
    "undo": ("zurück", "rückgängig"),
    "keep": ("behalten",),
}
_YES = frozenset({"yes", "ja", "y", "j"})


# Authors -----------------------------------------------------------------------------------------


async def receipt(ctx: Context, args: Args) -> None:
    """Give an author their receipt, as a file."""
    case = await service.mine(ctx, args["id"])
    file = await receipts.as_file(ctx, case.id)
    if file is None:
        raise Misunderstood("There is no receipt of {id}: it is made when a case is posted.", id=case.id)
    key = receipts.public_key(ctx.tx.keys)
    await ctx.attach(ctx.room.room_id, file, views.receipt(ctx.t, case, key), thread=ctx.said.thread)


async def forget(ctx: Context, args: Args) -> None:
    """Erase what leads from a case to its author, once confirmed."""
    case = await service.mine(ctx, args["id"])
    if not service.sendable(case):
        raise Misunderstood("{id} is not posted: discard it with ❌.", id=case.id)
    if str(args.get("sure", "")).casefold() not in _YES:
        await ctx.reply(views.ask_forget(ctx.t, case, ctx.sender))
        return
    await erasing.unlink(ctx, case.id)
    await erasing.note_later(ctx, case.id)
    await ctx.reply(views.forgotten(ctx.t, case))


async def appeal(ctx: Context, args: Args) -> None:
    """Object to what the moderators did to one's pseudonym."""
    await appeals.appeal(ctx, args["id"], args["text"])


_CASE = Arg("id", CaseId(), "Which case?")
COMMANDS = (
    Command(
        "receipt",
        message_id("what was found in your case, and that you looked: a signed file"),
        receipt,
        door=in_private,
        args=(_CASE,),
        synonyms=("beleg",),
        example="K-7F3K",
        audited=False,
        family="case",
    ),
    Command(
        "forget",
        message_id("erase for good that a case is yours"),
        forget,
        door=in_private,
        args=(_CASE, Arg("sure", Text(10), "Shall I forget that it is yours?", required=False)),
        synonyms=("vergessen",),
        example="K-7F3K",
        audited=False,
        family="case",
    ),
    Command(
        "appeal",
        message_id("object to what the moderators did, as your pseudonym"),
        appeal,
        door=in_private,
        args=(_CASE, Arg("text", Text(2000), "What do you want to tell the moderators?", rest=True)),
        synonyms=("einspruch",),
        example="K-7F3K the picture was from a textbook",
        audited=False,
        family="case",
    ),
)


# Moderators --------------------------------------------------------------------------------------


async def mod_case(ctx: Context, args: Args) -> None:
    """Warn, mute or ban whoever wrote a case, take it back, or say how it stands."""
    try:
        await answer(ctx, await _on_case(ctx, str(args.get("line", ""))))
    except Misunderstood as problem:
        await answer(ctx, Message("error", explained(ctx, problem)))


async def _on_case(ctx: Context, line: str) -> Message:
    word, rest = take_word(line)
    if not word:
        raise Misunderstood("Which case? For example `mod case K-7F3K mute 2h …`")
    case_id = await CaseId().parse(ctx, word)
    verb, rest = take_word(rest)
    if not verb:
        return await service.status(ctx, case_id)
    what = fits(verb, _VERBS)
    if what is None:
        raise Misunderstood("I can `warn`, `mute`, `ban`, `undo` and `keep`, not “{word}”.", word=verb[:20])
    if what == "undo":
        return await service.undo(ctx, case_id)
    if what == "keep":
        return await service.keep(ctx, case_id)
    length = None
    if what != "warn":
        first, after = take_word(rest)
        length = moderation.read_length(first)
        rest = rest if length is None else after
    return await service.sanction(ctx, case_id, Kind(what), length, rest)


async def mod_unmask(ctx: Context, args: Args) -> None:
    """Ask to learn who wrote a case, or confirm that."""
    word, reason = take_word(str(args.get("line", "")))
    try:
        case_id = await CaseId().parse(ctx, word)
        message = await unmasking.unmask(ctx, case_id, reason)
        if message is not None:
            await answer(ctx, message)
    except Misunderstood as problem:
        await answer(ctx, Message("error", explained(ctx, problem)))


_LINE = (Arg("line", Text(2000), "Which case, what, and why?", required=False, rest=True),)
MODERATING = (
    Command(
        "case",
        message_id("warn, mute or ban whoever wrote a case, without learning who it is"),
        mod_case,
        args=_LINE,
        synonyms=("fall",),
        may=moderates,
        example="K-7F3K mute 2h …",
        group=_GROUP,
        family="mod",
    ),
    Command(
        "unmask",
        message_id("learn who wrote a case: takes two moderators, and its author is told"),
        mod_unmask,
        args=_LINE,
        synonyms=("aufdecken",),
        may=moderates,
        example="K-7F3K …",
        group=_GROUP,
        family="mod",
    ),
)
