"""What authors type: `!case` with its parts, `!restore`, `!remove`; and what moderators decide."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from bot.cases import store
from bot.cases.drafting import guided, places, posting, service, views
from bot.cases.ids import read_id
from bot.cases.model import LONGEST, Case, Draft, State
from bot.cases.rules import UNSENT
from bot.cases.thread.saying import service as saying
from bot.chat.command import Arg, Args, Command, Executor, Misunderstood
from bot.chat.desk import MODERATORS_ROOM, Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.parsing import take_word
from bot.chat.types import Text
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk
from bot.rooms.admission import naming
from bot.rooms.moderation.taps import hide

_GROUP = message_id("Cases")
_NUMBER = message_id("Which number? It stands behind each part that is taken out.")
_POSTED = (State.POSTING, State.POSTED, State.HIDDEN, State.CLOSED)
_BUTTON = "="  # what buttons say, which nobody types
_MOST_NUMBERS = 20


class CaseId:
    """A case's id as people write it."""

    async def parse(self, ctx: Context, text: str) -> str:
        """The id in its one form, `K-7F3K`."""
        found = read_id(text)
        if found is None:
            raise Misunderstood("I know no case “{word}”.", word=text[:20])
        return found


async def may_write(ctx: Context) -> bool:
    """A `Command.may`: the hospital of the person who asks takes part in rooms."""
    return may_talk(ctx.sender, ctx.house.hospitals.servers("rooms"))


async def _alone(ctx: Context) -> bool:
    """A `Command.door`: only in an encrypted direct chat, elsewhere others would read along."""
    if ctx.room.direct and ctx.room.encrypted:
        return True
    if not ctx.room.direct:
        await hide(ctx)
    body = ctx.t(
        "Cases are written only alone with me, in an encrypted chat: open a direct chat with me, and "
        "write it there. I have **kept nothing**; please delete your message here."
    )
    await ctx.reply(Message("refused", body))
    return False


def _settled(run: Executor) -> Executor:
    """What somebody else was quicker with is told in one sentence."""

    async def settled(ctx: Context, args: Args) -> None:
        try:
            await run(ctx, args)
        except store.CaseMoved:
            body = ctx.t("That is not possible any more: it has gone on meanwhile.")
            await ctx.reply(Message("refused", body))

    return settled


# `!case` -----------------------------------------------------------------------------------------------


async def case(ctx: Context, args: Args) -> None:
    """Begin a case, go on with one, or list one's own; and what the buttons of a preview do."""
    line = str(args.get("line", ""))
    if "handle" in args:
        one = await store.by_handle(ctx.tx, args["handle"])
        if one is None or one.author_key != _me(ctx):
            raise Misunderstood("That case is there no longer.")
        await guided.answered(ctx, one, str(args["step"]), str(args.get("answer", "")))
    elif line.startswith(_BUTTON):
        await _pressed(ctx, line.removeprefix(_BUTTON).split())
    elif line:
        await _written(ctx, line)
    else:
        drafts = await store.mine(ctx.tx, ctx.sender, UNSENT)
        cases = await store.mine(ctx.tx, ctx.sender, _POSTED)
        if not drafts and not cases:
            await new(ctx, {})
            return
        rooms = {room.key: room.title(ctx.t.language) for room in await naming.existing(ctx)}
        await ctx.reply(views.overview(ctx.t, drafts, cases, rooms, ctx.house.settings.prefix))


async def _written(ctx: Context, line: str) -> None:
    """A case in one line: the room, and the text."""
    room, text = await places.split(ctx, line)
    if len(text) > LONGEST:
        raise Misunderstood(
            "That is too long: {length} characters, and at most {limit} fit here.",
            length=len(text),
            limit=LONGEST,
        )
    draft = Draft(text.strip(), event=ctx.said.event_id)
    one = await service.begin(ctx, draft, room)
    await guided.proceed(ctx, one, replace(draft, chat=ctx.room.room_id))


async def _pressed(ctx: Context, words: list[str]) -> None:
    """A button of a preview, which names the draft by its handle."""
    what, handle, *more = [*words, "", ""][:4]
    one = await store.by_handle(ctx.tx, handle)
    if one is None or one.author_key != _me(ctx):
        body = ctx.t("That is done already: there is nothing to press any more.")
        await ctx.reply(Message("case.state", body))
        return
    match what:
        case "post":
            await service.confirm(ctx, one, int(more[0]) if more[0].isdecimal() else -1)
        case "fix":
            await ctx.reply(views.how_to_change(ctx.t, ctx.house.settings.prefix))
        case "cancel":
            await service.discard(ctx, one)
        case "again":
            await service.rework(ctx, one)
        case "look":
            await service.confirm_picture(ctx, one, more[0])
        case "drop":
            shown = await store.shown(ctx.tx, one.id)
            event = next((file.event for file in (shown.files if shown else ()) if file.id == more[0]), "")
            if not await service.drop_file(ctx, one, event):
                raise Misunderstood("That picture is of an earlier preview.")


async def new(ctx: Context, _args: Args) -> None:
    """Begin a case step by step."""
    one = await service.begin(ctx, Draft(), None)
    await guided.ask(ctx, one, guided.ROOM)


async def show(ctx: Context, args: Args) -> None:
    """Show a case of one's own: a draft's preview anew, or what was posted."""
    one = await _mine(ctx, args.get("id"), (*UNSENT, *_POSTED))
    if one.state is State.QUEUED:
        await ctx.reply(views.outdated(ctx.t, one))
        return
    if one.state in UNSENT:
        draft = await store.draft(ctx.tx, one.id)
        if draft is None:
            raise Misunderstood("That case is there no longer.")
        await guided.proceed(ctx, one, draft)
        return
    room = posting.room_title(ctx, one.room_key, ctx.t.language)
    await ctx.reply(views.shown_case(ctx.t, one, await store.text(ctx.tx, one.id), room))


async def cancel(ctx: Context, args: Args) -> None:
    """Discard a draft."""
    await service.discard(ctx, await _mine(ctx, args.get("id"), UNSENT))


async def tags(ctx: Context, args: Args) -> None:
    """Set a draft's tags."""
    one, words = await _meant(ctx, args["tags"])
    draft = await store.draft(ctx.tx, one.id)
    assert draft is not None
    await service.rework(ctx, one, replace(draft, tags=guided.tags_of(words)))


async def room(ctx: Context, args: Args) -> None:
    """Take another room."""
    one, words = await _meant(ctx, args["room"])
    await service.change_room(ctx, one, await naming.meant(ctx, words, ctx.t.language))


async def consent(ctx: Context, args: Args) -> None:
    """Note the patient's consent."""
    one, words = await _meant(ctx, args["consent"])
    found = guided.consent_of(words)
    await service.note_consent(ctx, one, found)
    await ctx.reply(views.noted(ctx.t, one, found))


async def restore(ctx: Context, args: Args) -> None:
    """Bring back what was taken out."""
    if await _in_thread(ctx, args["numbers"]):
        await saying.correct(ctx, restore=_numbers(args["numbers"]))
        return
    one, words = await _meant(ctx, args["numbers"])
    await service.restore(ctx, one, _numbers(words))


def _numbers(words: str) -> list[int]:
    numbers = [part for part in re.split(r"[\s,;]+", words.strip()) if part]
    if not numbers or len(numbers) > _MOST_NUMBERS or not all(part.isdecimal() for part in numbers):
        raise Misunderstood(_NUMBER)
    return [int(part) for part in numbers]


async def remove(ctx: Context, args: Args) -> None:
    """Take more out."""
    if await _in_thread(ctx, args["words"]):
        await saying.correct(ctx, remove=args["words"])
        return
    one, words = await _meant(ctx, args["words"])
    await service.remove(ctx, one, words)


async def _mine(ctx: Context, case_id: str | None, states: tuple[State, ...] | frozenset[State]) -> Case:
    """One of the person's own cases in these states: the one named, else the only one."""
    mine = await store.mine(ctx.tx, ctx.sender, states)
    found = [one for one in mine if case_id in (None, one.id)]
    drafts = [one for one in found if one.state in UNSENT] if case_id is None else found
    found = drafts or found
    if not found:
        raise Misunderstood("You have no such case. `{command}` lists yours.", command=ctx.typed("case"))
    if len(found) > 1:
        raise Misunderstood("Which one? {ids}", ids=", ".join(one.id for one in found))
    one = await store.locked(ctx.tx, found[0].id)
    assert one is not None
    return one


async def _in_thread(ctx: Context, words: str) -> bool:
    """Whether a correction is meant for what the author is about to say in a thread: it was shown last."""
    first, _rest = take_word(words)
    newest = None if await _named(ctx, first) else await saying.newest(ctx)
    if newest is None:
        return False
    drafts = await store.mine(ctx.tx, ctx.sender, UNSENT)
    return all(newest > (one.shown_at or one.created_at) for one in drafts)


async def _named(ctx: Context, word: str) -> str | None:
    """The case that a word names; names of people ("Kevin") read like ids, but are those of no draft."""
    case_id = read_id(word)
    if case_id is None or not word.isalpha():
        return case_id
    return next((one.id for one in await store.mine(ctx.tx, ctx.sender, UNSENT) if one.id == case_id), None)


async def _meant(ctx: Context, words: str) -> tuple[Case, str]:
    """The draft that is meant, and the words behind its id if one stands there."""
    first, rest = take_word(words)
    case_id = await _named(ctx, first)
    return await _mine(ctx, case_id, UNSENT), words if case_id is None else rest


def _me(ctx: Context) -> str:
    return store.author_key(ctx.tx.keys, ctx.sender)


# The moderators’ queue ---------------------------------------------------------------------------------


def _queued(run: Callable[[Context, Case, Args], Awaitable[None]]) -> Executor:
    """For moderators, of a case that waits for them, where moderators read."""

    async def queued(ctx: Context, args: Args) -> None:
        facts = await ctx.house.rooms.facts(ctx.tx, next(iter(ctx.house.bot_users)), MODERATORS_ROOM)
        one = await store.locked(ctx.tx, args["id"])
        if facts is None or ctx.room.room_id != facts.room_id or one is None or one.state is not State.QUEUED:
            raise Misunderstood("There is no case {id} that waits for moderators.", id=args["id"])
        await run(ctx, one, args)

    return queued


async def _release(ctx: Context, one: Case, _args: Args) -> None:
    await posting.release(ctx, one, service.rework_by_house)


async def _reject(ctx: Context, one: Case, args: Args) -> None:
    await posting.reject(ctx, one, args["reason"])


_WHICH = Arg("id", CaseId(), "Which case? Its id looks like K-7F3K.")
_PERHAPS = replace(_WHICH, required=False)
PARTS = (
    Command("new", "begin a case step by step", _settled(new), door=_alone, synonyms=("neu",), audited=False),
    Command("show", "show one of your cases, or its preview", _settled(show), door=_alone, args=(_PERHAPS,),
            synonyms=("zeigen", "zeige"), audited=False),
    Command("cancel", "discard a case that is not posted", _settled(cancel), door=_alone, args=(_PERHAPS,),
            synonyms=("verwerfen", "abbrechen"), audited=False),
    Command("tags", "set the words by which others find it", _settled(tags), door=_alone,
            args=(Arg("tags", Text(200), "Which tags? For example: afib, elderly", rest=True),),
            synonyms=("stichworte",), audited=False),
    Command("room", "choose another specialty room", _settled(room), door=_alone,
            args=(Arg("room", Text(200), "Which specialty room?", rest=True),),
            synonyms=("raum",), audited=False),
    Command("consent", "note whether the patient agrees", _settled(consent), door=_alone,
            args=(Arg("consent", Text(100), "Please write `given` or `not needed`.", rest=True),),
            synonyms=("einwilligung",), audited=False),
    Command("release", "let a case pass that waits for moderators", _queued(_release), args=(_WHICH,),
            may=moderates, synonyms=("freigeben",), audited=False),
    Command("reject", "do not let a case pass, and say why", _queued(_reject),
            args=(_WHICH, Arg("reason", Text(1000), "Why is it not posted? Its author reads it.", rest=True)),
            may=moderates, synonyms=("zurückweisen",), audited=False),
)  # fmt: skip
COMMANDS = (
    Command(
        word=guided.COMMAND,
        help="a case without names for a specialty room",
        run=_settled(case),
        door=_alone,
        may=may_write,
        args=(
            Arg("line", Text(200_000), "", required=False, rest=True),
            # What is asked step by step: nobody types these, see bot.cases.drafting.guided.
            Arg("handle", Text(100), "", required=False),
            Arg("step", Text(20), "", required=False),
            Arg("answer", Text(LONGEST), "Please write a few words.", required=False),
        ),
        synonyms=("fall",),
        details=(
            "Write it as you would to a colleague: I take names, dates, places and numbers out, and show you "
            "what would be posted. Nothing is posted before your ✅. Others read it under a made-up name. "
            "To change it, edit your message, or use `restore` and `remove`."
        ),
        example="neurology 91 yo, Mr Miller from Ashford, third fall since Monday: stop the DOAC?",
        group=_GROUP,
        audited=False,
        parts=PARTS,
    ),
    Command(
        word="restore",
        help="bring back what was taken out of your case",
        run=_settled(restore),
        door=_alone,
        may=may_write,
        args=(Arg("numbers", Text(200), _NUMBER, rest=True),),
        synonyms=("zurückholen", "zurueckholen"),
        example="3",
        group=_GROUP,
        audited=False,
    ),
    Command(
        word="remove",
        help="take more out of your case",
        run=_settled(remove),
        door=_alone,
        may=may_write,
        args=(Arg("words", Text(500), "Which words shall I take out?", rest=True),),
        synonyms=("entfernen", "herausnehmen"),
        example="St Mary’s",
        group=_GROUP,
        audited=False,
    ),
)  # fmt: skip
