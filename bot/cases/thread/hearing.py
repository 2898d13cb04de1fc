"""What is said in the thread of a case reaches its author; what they answer goes to the thread."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.cases import store as cases
from bot.cases.model import Case
from bot.cases.rules import PUBLIC
from bot.cases.thread import author, store, views
from bot.cases.thread.model import Given, Kind
from bot.cases.thread.rules import event_id, read_poll
from bot.cases.thread.saying import service as saying
from bot.cases.thread.saying import store as pieces
from bot.chat import conversation
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.chat.parsing import without_quote
from bot.chat.rich import Rich, mention, verbatim
from bot.directory.policy import may_talk
from bot.directory.roster import RosterFile
from bot.kernel import outbox
from bot.rooms.admission import gate
from bot.rooms.admission.service import decision

MOST_RELAYED = 300
LONGEST_RELAYED = 8000  # characters
_SHOWN = frozenset({"m.room.message", "m.sticker"})


# From the thread to the author -------------------------------------------------------------------------


async def heard(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: an answer in a thread, its correction, or that it was taken back."""
    content = event.get("content")
    if not isinstance(content, Mapping):
        return False
    if event.get("type") == "m.room.redaction":
        await _taken_back(ctx, event, content)
        return False
    if event.get("type") not in _SHOWN or ctx.room.direct or not _is_talk(content):
        return False
    if _relation(content).get("rel_type") == "m.replace":
        await _corrected(ctx, content)
        return False
    at = {found for found in (ctx.said.thread, ctx.said.reply_to) if found is not None}
    stands = await store.standing(ctx.tx, at)
    if stands is None or stands.room_id != ctx.room.room_id:
        return False
    case = await cases.case(ctx.tx, stands.case_id)
    if case is not None and not store.is_authors(ctx.tx, case.author_key, ctx.sender):
        await _relay(ctx, case, _text_of(ctx, content))
    return False


def _is_talk(content: Mapping[Any, Any]) -> bool:
    """Whether people talk: bots, ours and others', send notices, or say that they are ours."""
    return content.get("msgtype") != "m.notice" and "org.curbside" not in content


def _relation(content: Mapping[Any, Any]) -> Mapping[Any, Any]:
    relation = content.get("m.relates_to")
    return relation if isinstance(relation, Mapping) else {}


def _text_of(ctx: Context, content: Mapping[Any, Any]) -> str:
    """The words of an answer; empty for pictures and files."""
    if content.get("msgtype") == "m.emote" and isinstance(content.get("body"), str):
        return str(content["body"])[:LONGEST_RELAYED]
    return without_quote(ctx.said.text)[:LONGEST_RELAYED]


async def _relay(ctx: Context, case: Case, text: str) -> None:
    if case.state not in PUBLIC or await store.relays(ctx.tx, case.id) >= MOST_RELAYED:
        return
    if await store.relay_of(ctx.tx, ctx.said.event_id) is not None or not await _may_read(ctx, case):
        return
    out = await _tell(ctx, case, text)
    if out is not None:
        await store.keep_relay(ctx.tx, ctx.said.event_id, case.id, out)


async def _may_read(desk: Desk, case: Case) -> bool:
    """Whether the author may be in the room: who may not reads nothing of it here either."""
    who = await cases.author(desk.tx, case.id)
    room = gate.network(desk.house).rooms.get(case.room_key or "")
    if who is None or room is None or not gate.in_reach(desk.house, who):
        return False
    return (await decision(desk, who, room)).admitted


async def _tell(ctx: Context, case: Case, text: str, *, edits: str | None = None) -> str | None:
    """Bring an answer, or its correction, to the author; no words into a chat that is not encrypted."""
    who = await cases.author(ctx.tx, case.id)
    if who is None:
        return None
    desk = Desk(ctx.house, ctx.tx, case.bot)
    t = await desk.translator(who)
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, f"dm:{who}")
    words: Rich | None = None
    if facts is None or facts.encrypted:
        words = verbatim(text) if text else views.no_text(t)
    handle = await author.handle_of(desk, case)
    room = gate.network(ctx.house).rooms[case.room_key or ""].title(t.language)
    name = mention(ctx.sender, ctx.house.part(RosterFile).current.name_of(ctx.sender))
    message = views.reply(t, case, handle, name, room, words, ctx.house.settings.prefix)
    return await desk.direct(who, message, edits=edits)


async def _corrected(ctx: Context, content: Mapping[Any, Any]) -> None:
    """Somebody has corrected their answer: what its author read is corrected, too."""
    relayed = await store.relay_of(ctx.tx, ctx.said.event_id)
    case = None if relayed is None else await cases.case(ctx.tx, relayed[0])
    if relayed is not None and case is not None and case.state in PUBLIC and await _may_read(ctx, case):
        new = content.get("m.new_content")
        await _tell(ctx, case, _text_of(ctx, new if isinstance(new, Mapping) else content), edits=relayed[1])


async def _taken_back(ctx: Context, event: Mapping[str, object], content: Mapping[Any, Any]) -> None:
    """Somebody, or a moderator, has redacted an answer: its author reads it no longer either."""
    target = event_id(event.get("redacts") or content.get("redacts"))
    relayed = None if target is None else await store.relay_of(ctx.tx, target)
    case = None if relayed is None else await cases.case(ctx.tx, relayed[0])
    who = None if case is None else await cases.author(ctx.tx, case.id)
    if relayed is None or case is None or who is None or not gate.in_reach(ctx.house, who):
        return
    desk = Desk(ctx.house, ctx.tx, case.bot)
    await desk.direct(who, views.taken_back(await desk.translator(who), case), edits=relayed[1])


# From the author to the thread -------------------------------------------------------------------------


async def answered(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: the author replies to what was brought to them, or corrects what they wrote."""
    if not ctx.room.direct or not may_talk(ctx.sender, ctx.house.hospitals.servers("rooms")):
        return False
    if event.get("type") == "m.room.redaction":
        await _withdrawn(ctx, event)
        return False
    content = event.get("content")
    if not isinstance(content, Mapping) or event.get("type") not in ("m.room.message", "m.room.encrypted"):
        return False
    try:
        if _relation(content).get("rel_type") == "m.replace":  # readable or not
            return await _retyped(ctx)
        return event.get("type") == "m.room.message" and await _replied(ctx)
    except Misunderstood as problem:
        await ctx.reply(Message("error", conversation.explained(ctx, problem)))
        return True


async def _replied(ctx: Context) -> bool:
    """A reply to a message of ours that asks for words: to an answer in the thread, or what it was."""
    if ctx.said.reply_to is None:
        return False
    for command in (await outbox.buttons_on(ctx.tx, ctx.bot, ctx.said.reply_to)).values():
        word, _, handle = command.rpartition(" ")
        kind = {"reply": Kind.REPLY, "case solve": Kind.OUTCOME}.get(word)
        if kind is None:
            continue
        text = without_quote(ctx.said.text).strip()
        if not text:
            raise Misunderstood("Please answer in words: pictures and files only go with a new case.")
        if await author.in_private(ctx):
            await saying.begin(ctx, await author.mine(ctx, handle), kind, Given(text))
        return True
    return False


async def _retyped(ctx: Context) -> bool:
    """The author has corrected the message in which they wrote a piece: what was shown counts no more."""
    piece = await pieces.written_in(ctx.tx, ctx.said.event_id)
    case = None if piece is None else await cases.case(ctx.tx, piece.case_id)
    if piece is None or case is None or not store.is_authors(ctx.tx, case.author_key, ctx.sender):
        return False
    try:
        await saying.retype(ctx, piece, *await _given(ctx, piece.kind))
    except Misunderstood:
        await saying.withdraw(ctx, piece)
        raise
    return True


async def _given(ctx: Context, kind: Kind) -> tuple[str, int | None]:
    """What an edited message says now, and the place of a quiz's solution; raises Misunderstood."""
    text = await _words(ctx, kind)
    if not text.strip():
        raise Misunderstood("I could not read your correction. Please edit your message again.")
    if kind in (Kind.POLL, Kind.QUIZ):
        return poll_of(text, quiz=kind is Kind.QUIZ)
    return text.strip(), None


_WORDS = {Kind.REPLY: "reply", Kind.OUTCOME: "case solve", Kind.POLL: "case poll", Kind.QUIZ: "case quiz"}


async def _words(ctx: Context, kind: Kind) -> str:
    """The words of an edited message, which is a whole command or the words alone."""
    text = without_quote(ctx.said.text)
    parsed = ctx.parsed(text)
    if parsed is None:
        return text
    command, rest = ctx.book.resolve(ctx.bot, parsed.word, parsed.rest)
    if command is None:  # a mistyped one
        command = ctx.book.find(ctx.bot, _WORDS[kind])
    if command is None or command.word not in _WORDS.values():
        return text
    reading = await conversation.read(ctx, command, rest)
    return str(reading.values.get("text", ""))


def poll_of(text: str, *, quiz: bool) -> tuple[str, int | None]:
    """A poll as typed, in lines; raises Misunderstood."""
    try:
        question, options, solution = read_poll(text, quiz=quiz)
    except ValueError as problem:
        raise Misunderstood(_POLL_PROBLEMS[str(problem)]) from None
    return "\n".join([question, *options]), solution


_POLL_PROBLEMS: Mapping[str, str] = {
    "options": "Write the question and 2 to 10 different options: `Question? | A | B`",
    "long": "An option is too long: at most 200 characters.",
    "solution": "Mark the right option with a star, and only that one: `Question? | A | *B`",
}


async def _withdrawn(ctx: Context, event: Mapping[str, object]) -> None:
    """The author has redacted what they wrote, before it was posted."""
    content = event.get("content")
    target = event_id(
        event.get("redacts") or (content.get("redacts") if isinstance(content, Mapping) else None)
    )
    piece = None if target is None else await pieces.written_in(ctx.tx, target)
    if piece is not None and piece.handle is not None:
        await saying.decide(ctx, piece.handle, piece.seq, post=False)
