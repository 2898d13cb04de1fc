"""Changing what was asked, until somebody has it: by `!edit`, or by correcting the message itself."""

from __future__ import annotations

import re
from collections.abc import Mapping

from bot.chat import conversation
from bot.chat.command import Misunderstood
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.parsing import without_quote
from bot.consults import model, steps, store, views
from bot.consults.intake import attaching, guided, parsing
from bot.consults.intake import views as intake_views
from bot.consults.intake.parsing import LONGEST, Typed
from bot.consults.model import Refused, State
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.views import reader_of
from bot.directory.model import Service
from bot.directory.roster import RosterFile
from bot.screening import identifiers, orders

_REMOVE = re.compile(
    r"(?:remove|delete|entferne|entfernen|lösche|löschen)\s+(?P<place>\S{1,12})", re.IGNORECASE
)


async def edit(ctx: Context, record: Record, text: str) -> None:
    """Do what stands behind `!edit`: parts told anew, a new question, or a file taken away."""
    if ctx.sender != record.consult.requester:
        await ctx.reply(views.refused(reader_of(ctx, ctx.t), record, "not-requester"))
        return
    removal = _REMOVE.fullmatch(text.strip())
    if removal is not None:
        await _remove(ctx, record, removal["place"])
        return
    await _change(ctx, record, text, adds=True)


async def corrected(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: the requester has edited the message in which they asked (m.replace)."""
    content = event.get("content")
    relation = content.get("m.relates_to") if isinstance(content, Mapping) else None
    if not isinstance(relation, Mapping) or relation.get("rel_type") != "m.replace" or not ctx.said.text:
        return False
    record = await _asked_in(ctx, ctx.said.event_id)
    if record is None:
        return False
    try:
        await _change(ctx, record, await _retyped(ctx, record))
    except Misunderstood as problem:
        await ctx.send(
            record.origin, Message("error", conversation.explained(ctx, problem)), thread=record.thread
        )
    return True


async def _asked_in(ctx: Context, event_id: str) -> Record | None:
    """The consult that was asked in a message of this person, locked."""
    for one in await store.open_for(ctx.tx, ctx.sender):
        mine = one.consult.requester == ctx.sender and one.origin == ctx.room.room_id
        if mine and one.thread == event_id:
            return await store.load(ctx.tx, one.id)
    return None


async def _retyped(ctx: Context, record: Record) -> str:
    """The request in an edited message, which is the whole command or the question alone."""
    text = without_quote(ctx.said.text)
    parsed = ctx.parsed(text, bare=ctx.room.direct)
    command = ctx.book.find(ctx.bot, parsed.word) if parsed is not None else None
    if parsed is None or command is None or command.word != guided.COMMAND:
        return text
    reading = await conversation.read(ctx, command, parsed.rest)
    service, urgency = reading.values.get("service"), reading.values.get("urgency")
    if reading.missing is not None or not isinstance(service, Service):
        raise Misunderstood("I could not read your correction, so **nothing was changed**.")
    if service.key != record.consult.service or urgency != record.consult.urgency.value:
        raise Misunderstood(
            "Service and urgency stay as they were, and **nothing was changed**: "
            "`{cancel}` it, and ask anew.",
            cancel=ctx.typed(f"cancel {record.id}"),
        )
    return str(reading.values["question"])


async def _change(ctx: Context, record: Record, text: str, *, adds: bool = False) -> None:
    """Work what was typed into the request, as the rules allow; `adds`: a question does not replace it."""
    before = await store.request(ctx.tx, record.id)
    template = ctx.house.part(RosterFile).current.templates.get(before.template)
    left, fields = parsing.take_fields(text, guided.field_words(template))
    typed = parsing.read(left)
    guided.refuse_unfit(typed)
    if typed.expects is not None or typed.follow is not None:
        raise Misunderstood(
            "The reply that you expect, and whether they follow along, stay as they were: "
            "please tell who accepts. **Nothing was changed.**"
        )
    request = _with_typed(before, typed, adds=adds).with_fields(fields)
    length = len(guided.text_of(request))
    if length > LONGEST:
        raise Misunderstood(
            "That is too long: {length} characters, and at most {limit} fit here.",
            length=length,
            limit=LONGEST,
        )
    reader = reader_of(ctx, ctx.t)
    order = orders.find(text)
    if order is not None:
        refused = intake_views.refused_order(reader, order.words, encrypted=ctx.room.encrypted)
        await ctx.send(record.origin, refused, thread=record.thread)
        return
    done = await steps.happen(ctx, record, model.Edit(ctx.sender), actor=ctx.sender, request=request)
    if isinstance(done, Refused):
        await ctx.reply(views.refused(reader, record, done.reason))
        return
    if ctx.room.room_id != record.origin:
        await ctx.reply(intake_views.edited(reader, done))
    if found := identifiers.find(text):
        hint = views.about(done, intake_views.identifiers(reader, found))
        await ctx.send(record.origin, hint, thread=record.thread)


def _with_typed(request: Request, typed: Typed, *, adds: bool) -> Request:
    request = request.with_parts(**typed.parts)
    if not typed.question:
        return request
    question = f"{request.question}\n{typed.question}" if adds and not typed.replaces else typed.question
    return request.with_parts(question=question)


async def _remove(ctx: Context, record: Record, word: str) -> None:
    count = len((await store.request(ctx.tx, record.id)).attachments)
    if not count:
        raise Misunderstood("{id} has no files.", id=record.id)
    if not (word.isdecimal() and 1 <= int(word) <= count):
        raise Misunderstood("Which file? Please write a whole number from {lo} to {hi}.", lo=1, hi=count)
    await attaching.remove(ctx, record, int(word) - 1)


def may_be_edited(ctx: Context, record: Record) -> bool:
    """Whether `!edit` without an id may mean this consult."""
    asks = record.consult.state in (State.REQUESTED, State.UNSTAFFED) and record.consult.consultant is None
    return asks and record.consult.requester == ctx.sender
