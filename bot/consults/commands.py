"""What people type about consults."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.types import Choice, Text
from bot.consults import service, store, views
from bot.consults.model import FINAL, OPEN, Consult, Outcome, State
from bot.consults.watching import store as watching
from bot.directory.colleague import Colleague
from bot.directory.moderators import moderates
from bot.directory.policy import may_talk

_ID = re.compile(r"(?P<prefix>C[-\u2010-\u2015 ]?)?(?P<rest>[0-9A-Z]{6}|[0-9A-Z]{4})")
_LATELY = timedelta(days=14)
_YES = frozenset({"yes", "y", "ja", "j"})
_NO = frozenset({"no", "n", "nein"})
_MARKS = frozenset("12345")
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


async def accept(ctx: Context, args: Args) -> None:
    """Take a consult."""
    consult_id = args.get("id") or await _the_one(ctx, "accept", _asks(ctx))
    if consult_id is not None:
        await service.accept(ctx, consult_id)


async def acknowledge(ctx: Context, args: Args) -> None:
    """Say that one is looking at a consult."""
    consult_id = args.get("id") or await _the_one(ctx, "ack", _asks(ctx))
    if consult_id is not None:
        await service.acknowledge(ctx, consult_id)


async def unacknowledge(ctx: Context, args: Args) -> None:
    """Say that one is not looking at a consult after all."""

    def seen(consult: Consult) -> bool:
        page = consult.last_page(ctx.sender)
        return page is not None and page.outcome is Outcome.ACKNOWLEDGED

    consult_id = args.get("id") or await _the_one(ctx, "unack", seen)
    if consult_id is not None:
        await service.unacknowledge(ctx, consult_id)


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


async def interim(ctx: Context, args: Args) -> None:
    """Give a first word on a consult in one's care."""
    consult_id = args.get("id") or await _the_one(ctx, "interim", _in_care(ctx), args["text"])
    if consult_id is not None:
        await service.interim(ctx, consult_id, args["text"])


async def info(ctx: Context, args: Args) -> None:
    """Ask the requester for more; as the requester, tell more."""
    mine, asks = _in_care(ctx), _asks(ctx)

    def talks(consult: Consult) -> bool:
        told = consult.requester == ctx.sender and (consult.consultant or consult.held_by) is not None
        return told or mine(consult) or asks(consult)

    consult_id = args.get("id") or await _the_one(ctx, "info", talks, args["text"])
    if consult_id is not None:
        await service.info(ctx, consult_id, args["text"])


async def close(ctx: Context, args: Args) -> None:
    """Read the answer back and close."""

    def waits(consult: Consult) -> bool:
        return consult.requester == ctx.sender and consult.state is State.ANSWERED

    consult_id = args.get("id") or await _the_one(ctx, "close", waits, args["read_back"])
    if consult_id is not None:
        await service.close(ctx, consult_id, args["read_back"])


async def reopen(ctx: Context, args: Args) -> None:
    """Go on with a consult that is over."""
    why = args.get("why", "")

    def ended(consult: Consult) -> bool:
        return consult.state in FINAL and consult.state is not State.ENTERED_IN_ERROR

    consult_id = args.get("id") or await _the_one(ctx, "reopen", ended, why, ended=True)
    if consult_id is not None:
        await service.reopen(ctx, consult_id, why)


async def cancel(ctx: Context, args: Args) -> None:
    """Withdraw a consult."""
    consult_id = args.get("id") or await _the_one(ctx, "cancel", _requested(ctx))
    if consult_id is not None:
        await service.cancel(ctx, consult_id)


async def error(ctx: Context, args: Args) -> None:
    """Say that a consult should never have been asked."""
    consult_id = args.get("id") or await _the_one(ctx, "error", _requested(ctx), ended=True)
    if consult_id is not None:
        await service.enter_in_error(ctx, consult_id)


async def handoff(ctx: Context, args: Args) -> None:
    """Ask a named colleague to take over."""
    to, summary = _colleague(ctx, args["to"]), args.get("summary", "")
    mine, asks = _in_care(ctx), _asks(ctx)
    consult_id = args.get("id") or await _the_one(
        ctx, "handoff", lambda one: mine(one) or asks(one), f"{to} {summary}".rstrip()
    )
    if consult_id is not None:
        await service.hand_off(ctx, consult_id, to, summary)


async def add(ctx: Context, args: Args) -> None:
    """Bring a colleague in."""
    to = _colleague(ctx, args["to"])

    def part(consult: Consult) -> bool:
        theirs = (consult.requester, consult.consultant, *consult.colleagues)
        return ctx.sender in theirs and consult.consultant is not None

    consult_id = args.get("id") or await _the_one(ctx, "add", part, to)
    if consult_id is not None:
        await service.add(ctx, consult_id, to)


async def survey(ctx: Context, args: Args) -> None:
    """Answer one of the three questions after the end."""
    question, said = args["question"], args["said"].strip().lower()
    if question == "useful":
        if said not in _MARKS:
            raise Misunderstood("How useful was it? Please write a number from 1 to 5.")
        await service.survey(ctx, args["id"], useful=int(said))
        return
    if said not in _YES and said not in _NO:
        raise Misunderstood("Please write `yes` or `no`.")
    await service.survey(ctx, args["id"], **{question: said in _YES})


def _colleague(ctx: Context, to: str) -> str:
    """Somebody who can be asked."""
    if to in ctx.house.bot_users.values():
        raise Misunderstood("That is a bot: please name a colleague.")
    if not may_talk(to, ctx.house.hospitals.servers("consults")):
        raise Misunderstood("That colleague’s hospital does not take part here, so I cannot ask them.")
    return to


def _asks(ctx: Context) -> Callable[[Consult], bool]:
    """Consults that wait for this person's accept or decline."""

    def asks(consult: Consult) -> bool:
        page = consult.last_page(ctx.sender)
        waiting = consult.state in (State.REQUESTED, State.UNSTAFFED) and consult.consultant != ctx.sender
        return waiting and page is not None and page.outcome in OPEN

    return asks


def _in_care(ctx: Context) -> Callable[[Consult], bool]:
    """Consults that this person has accepted."""
    return lambda consult: consult.consultant == ctx.sender


def _requested(ctx: Context) -> Callable[[Consult], bool]:
    """Consults that this person has asked for."""
    return lambda consult: consult.requester == ctx.sender


async def _the_one(
    ctx: Context, word: str, fits: Callable[[Consult], bool], rest: str = "", *, ended: bool = False
) -> str | None:
    """The consult that a command without an id means: that of this room or thread, or the only one.

    With `ended`, one that is over lately may be meant as well. In the room of a consult it never means
    another one, whose people are not those who read along.
    """
    records = await store.open_for(ctx.tx, ctx.sender)
    if ended:
        records += await watching.ended_for(ctx.tx, ctx.sender, ctx.now - _LATELY)
    found = [record for record in records if fits(record.consult)]
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
_LOOP = message_id("Consults: from the page to the answer")

COMMANDS = (
    Command(
        word="accept",
        help="take a consult that you are asked for",
        run=accept,
        may=takes_part,
        args=(_WHICH,),
        synonyms=("annehmen",),
        example="C-7F3K",
        group=_LOOP,
    ),
    Command(
        word="ack",
        help="say that you are looking at a consult; it waits for you a while",
        run=acknowledge,
        may=takes_part,
        args=(_WHICH,),
        synonyms=("acknowledge", "seen", "gesehen"),
        example="C-7F3K",
        group=_LOOP,
    ),
    Command(
        word="unack",
        help="say that you are not looking at it after all",
        run=unacknowledge,
        args=(_WHICH,),
        synonyms=("unacknowledge", "unseen", "doch-nicht"),
        example="C-7F3K",
        group=_LOOP,
    ),
    Command(
        word="decline",
        help="decline a consult; the next one is asked",
        run=decline,
        args=(_WHICH, Arg("reason", Text(500), "Why?", required=False, rest=True)),
        synonyms=("ablehnen",),
        example="C-7F3K in theatre",
        group=_LOOP,
    ),
    Command(
        word="info",
        help="ask the requester for more, or tell more as the requester",
        run=info,
        may=takes_part,
        args=(_WHICH, Arg("text", Text(4000), "What do you need to know, or have to tell?", rest=True)),
        synonyms=("rückfrage", "rueckfrage", "nachfrage"),
        example="C-7F3K is she on anticoagulants?",
        group=_LOOP,
    ),
    Command(
        word="interim",
        help="give a first word on a consult in your care; the answer follows",
        run=interim,
        may=takes_part,
        args=(_WHICH, Arg("text", Text(), "What is your first word?", rest=True)),
        synonyms=("zwischenbescheid", "zwischenstand"),
        example="C-7F3K start fluids, I come within the hour",
        group=_LOOP,
    ),
    Command(
        word="answer",
        help="answer a consult in your care",
        run=answer,
        may=takes_part,
        args=(_WHICH, Arg("answer", Text(), "What is your answer?", rest=True)),
        synonyms=("antwort", "antworten"),
        example="C-7F3K cardiovert if unstable, else metoprolol",
        group=_LOOP,
    ),
    Command(
        word="handoff",
        help="ask a named colleague to take a consult over",
        run=handoff,
        may=takes_part,
        args=(
            _WHICH,
            Arg("to", Colleague(), "Who shall take over?"),
            Arg("summary", Text(4000), "What should they know?", required=False, rest=True),
        ),
        synonyms=("übergeben", "übergabe"),
        example="C-7F3K @bo:hospital.example rate control started, echo pending",
        group=_LOOP,
    ),
    Command(
        word="add",
        help="bring a colleague into a consult",
        run=add,
        may=takes_part,
        args=(_WHICH, Arg("to", Colleague(), "Whom do you want to bring in?")),
        synonyms=("hinzuziehen", "dazuholen"),
        example="C-7F3K @bo:hospital.example",
        group=_LOOP,
    ),
    Command(
        word="close",
        help="read the answer back in your own words, and close",
        run=close,
        args=(_WHICH, Arg("read_back", Text(2000), "In your own words: what will you do?", rest=True)),
        synonyms=("schliessen", "schließen"),
        example="C-7F3K metoprolol now, shock if the pressure falls",
        group=_LOOP,
    ),
    Command(
        word="reopen",
        help="go on with a consult that is over",
        run=reopen,
        may=takes_part,
        args=(_WHICH, Arg("why", Text(2000), "What is it about?", required=False, rest=True)),
        synonyms=("wiedereröffnen", "wiederöffnen", "wiederaufnehmen"),
        example="C-7F3K the pressure falls again",
        group=_LOOP,
    ),
    Command(
        word="cancel",
        help="withdraw a consult",
        run=cancel,
        args=(_WHICH,),
        synonyms=("stornieren", "zurückziehen"),
        example="C-7F3K",
        group=_LOOP,
    ),
    Command(
        word="error",
        help="say that a consult was asked by mistake: the wrong patient, the wrong service",
        run=error,
        args=(_WHICH,),
        synonyms=("entered-in-error", "irrtum", "fehleingabe"),
        example="C-7F3K",
        group=_LOOP,
    ),
    Command(
        word="survey",
        help="answer the three questions after a consult",
        run=survey,
        args=(
            Arg("id", ConsultId(), "Which consult? Its id looks like C-7F3K."),
            Arg(
                "question",
                Choice({"plan": (), "visit": ("besuch",), "useful": ("nutzen",)}),
                "Which question: `plan`, `visit` or `useful`?",
            ),
            Arg("said", Text(20), "Yes or no; for `useful` a number from 1 to 5.", rest=True),
        ),
        synonyms=("umfrage",),
        example="C-7F3K useful 4",
        group=_LOOP,
    ),
)
