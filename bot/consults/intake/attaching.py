"""A file that the requester posts for their consult: kept with it, shown in its room, taken away again.

It belongs to the consult in whose thread it stands or which it answers; alone with the bot also to the one
draft or the only consult of the last minutes. Where that could be two, nothing is guessed: a picture with the
wrong request would be that of another patient.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.chat import store as chat
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.consults import attachments, model, steps, store
from bot.consults.intake import guided, views
from bot.consults.model import Refused
from bot.consults.request import MOST_ATTACHMENTS, Attached, Request
from bot.consults.store import Record
from bot.consults.views import reader_of
from bot.directory.policy import may_talk
from bot.kernel import outbox
from bot.screening import files
from bot.screening.files import Unfit

RIGHT_AFTER = timedelta(minutes=10)


async def heard(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: a file for a consult, or the redaction of one."""
    if event.get("type") == "m.room.redaction":
        await _redacted(ctx, event)
        return False
    if not files.is_file(event) or not may_talk(ctx.sender, ctx.house.hospitals.servers("consults")):
        return False
    content = event["content"]
    assert isinstance(content, Mapping)
    return await _posted(ctx, content)


async def _posted(ctx: Context, content: Mapping[str, Any]) -> bool:
    talk = await chat.conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)
    draft = guided.draft_in(talk)
    records = [
        one
        for one in await store.open_for(ctx.tx, ctx.sender)
        if one.consult.requester == ctx.sender and one.origin == ctx.room.room_id
    ]
    named = await _named(ctx, records)
    if named is None and talk is not None and draft is not None and talk.expires_at is not None:
        here = ctx.said.thread == talk.thread if not ctx.room.direct else True
        if here and talk.expires_at > ctx.now:
            await _keep_with_draft(ctx, content)
            return True
    if named is None:
        recent = [one for one in records if ctx.now - one.consult.opened_at <= RIGHT_AFTER]
        if not ctx.room.direct or not records:
            return False
        if len(recent) != 1:
            await ctx.reply(views.which_consult(reader_of(ctx, ctx.t), records))
            return True
        named = recent[0]
    await _keep(ctx, named.id, content)
    return True


async def _named(ctx: Context, records: Sequence[Record]) -> Record | None:
    """The consult whose thread a file stands in, or whose message it answers."""
    at = {event for event in (ctx.said.thread, ctx.said.reply_to) if event is not None}
    for one in records if at else ():
        shown = await outbox.event_of(ctx.tx, one.progress) if one.progress is not None else None
        if one.thread in at or shown in at:
            return one
    return None


async def _keep_with_draft(ctx: Context, content: Mapping[str, Any]) -> None:
    talk = await chat.conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)
    draft = guided.draft_in(talk)
    assert talk is not None and draft is not None and talk.expires_at is not None
    try:
        request = _with_file(ctx, draft.request, content)
    except Unfit as unfit:
        await ctx.reply(_refused(ctx, unfit))
        return
    packed = replace(draft, request=request).pack()
    kept = replace(talk, given={**talk.given, "draft": packed})
    await chat.keep_conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender, kept, talk.expires_at)
    await ctx.reply(views.drafted(reader_of(ctx, ctx.t), len(request.attachments)))


async def _keep(ctx: Context, consult_id: str, content: Mapping[str, Any]) -> None:
    record = await store.load(ctx.tx, consult_id)
    assert record is not None
    if "@" in record.consult.service and record.consult.consultant is not None:
        await ctx.reply(_refused(ctx, Unfit("elsewhere")))  # the room is the other hospital's
        return
    try:
        request = _with_file(ctx, await store.request(ctx.tx, record.id), content)
    except Unfit as unfit:
        await ctx.reply(_refused(ctx, unfit))
        return
    record = await change(ctx, record, request)
    await attachments.post(ctx, record)
    answer = views.attached(reader_of(ctx, ctx.t), record, len(request.attachments))
    await ctx.send(record.origin, answer, thread=record.thread)


def _with_file(ctx: Context, request: Request, content: Mapping[str, Any]) -> Request:
    """The request with one more file; raises Unfit."""
    if len(request.attachments) >= MOST_ATTACHMENTS:
        raise Unfit("many")
    servers = ctx.house.hospitals.servers("consults") | {ctx.house.settings.server_name}
    kept = files.kept(content, servers, encrypted=ctx.room.encrypted)
    known = [one for one in request.attachments if one.event_id != ctx.said.event_id]
    return replace(request, attachments=(*known, Attached(ctx.said.event_id, kept)))


async def change(ctx: Context, record: Record, request: Request) -> Record:
    """Keep a request whose files have changed; pages that still ask show it."""
    done = await steps.happen(ctx, record, model.Edit(ctx.sender), actor=ctx.sender, request=request)
    if not isinstance(done, Refused):
        return done
    await store.keep_request(ctx.tx, record.id, request)
    ctx.tx.audit(ctx.sender, "consult.files", record.id, count=len(request.attachments))
    return record


async def remove(ctx: Context, record: Record, place: int) -> None:
    """Take away the file at a place (counted from 0), in the consult's room as well."""
    request = await store.request(ctx.tx, record.id)
    gone = request.attachments[place]
    left = tuple(one for one in request.attachments if one is not gone)
    record = await change(ctx, record, replace(request, attachments=left))
    await attachments.take_back(ctx, record, gone)
    answer = views.removed(reader_of(ctx, ctx.t), record, len(left))
    await ctx.send(record.origin, answer, thread=record.thread)


async def _redacted(ctx: Context, event: Mapping[str, object]) -> None:
    """The requester has redacted the original: what was kept of it goes too."""
    content = event.get("content")
    target = event.get("redacts") or (content.get("redacts") if isinstance(content, Mapping) else None)
    if not isinstance(target, str):
        return
    for one in await store.open_for(ctx.tx, ctx.sender):
        if one.consult.requester != ctx.sender or one.origin != ctx.room.room_id:
            continue
        request = await store.request(ctx.tx, one.id)
        for place, file in enumerate(request.attachments):
            if file.event_id == target:
                record = await store.load(ctx.tx, one.id)
                assert record is not None
                await remove(ctx, record, place)
                return


def _refused(ctx: Context, unfit: Unfit) -> Message:
    return views.unfit(reader_of(ctx, ctx.t), unfit.reason)
