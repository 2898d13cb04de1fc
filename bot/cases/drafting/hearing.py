"""What authors do without a command: correct their message, take it back, post a file for a draft."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cases import store
from bot.cases.drafting import places, service, views
from bot.cases.model import LONGEST, Case, Draft, File, State
from bot.cases.rules import UNSENT
from bot.chat import conversation
from bot.chat import store as chat
from bot.chat.command import Misunderstood
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.parsing import without_quote
from bot.directory.policy import may_talk
from bot.screening import files
from bot.screening.files import Unfit

_HEARD = ("m.room.message", "m.room.redaction", "m.room.encrypted")  # the last: an edit that cannot be read
_UNFIT_FILE: Mapping[str, str] = {
    "server": "I can only take files from homeservers that take part.",
    "size": "That file is too large.",
    "clear": "I can only take files that are encrypted. Please post it again.",
}


async def heard(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: a correction, a redaction or a file of somebody who has a draft in this chat."""
    if not ctx.room.direct or event.get("type") not in _HEARD:
        return False
    if not may_talk(ctx.sender, ctx.house.hospitals.servers("rooms")):
        return False
    drafts = await store.mine(ctx.tx, ctx.sender, [*UNSENT, State.POSTING])
    if not drafts:
        return False
    if event.get("type") == "m.room.redaction":
        await _redacted(ctx, event, drafts)
        return False
    content = event.get("content")
    if not isinstance(content, Mapping):
        return False
    relation = content.get("m.relates_to")
    if isinstance(relation, Mapping) and relation.get("rel_type") == "m.replace":
        return await _corrected(ctx, drafts)
    return files.is_file(event) and await _posted(
        ctx, content, [one for one in drafts if one.state in UNSENT]
    )


async def _corrected(ctx: Context, drafts: Sequence[Case]) -> bool:
    """The author has edited the message in which the case stands: what was shown of it counts no more."""
    for one in drafts:
        draft = await store.draft(ctx.tx, one.id)
        if draft is None or draft.event != ctx.said.event_id:
            continue
        if one.state is State.POSTING:
            await ctx.reply(views.outdated(ctx.t, one))
            return True
        text, room = await _retyped(ctx)
        if not text.strip() or len(text) > LONGEST:
            await service.withdraw(ctx, one)
            problem = Misunderstood("I could not read your correction. Please edit your message again.")
            await _refuse(ctx, problem)
            return True
        await service.retype(ctx, one, draft.retyped(text.strip()), room)
        return True
    return False


async def _retyped(ctx: Context) -> tuple[str, str | None]:
    """The text of an edited message, which is the whole command or the text alone, and its room."""
    text = without_quote(ctx.said.text)
    parsed = ctx.parsed(text)
    command = ctx.book.find(ctx.bot, parsed.word) if parsed is not None else None
    if parsed is None or (command is not None and command.word != "case"):
        return text, None  # a word that no command has is a mistyped one
    room, rest = await places.split(ctx, parsed.rest)
    return rest, room.key if room is not None else None


async def _redacted(ctx: Context, event: Mapping[str, object], drafts: Sequence[Case]) -> None:
    """The author has redacted the message, or a file: what was kept of it goes, too."""
    content = event.get("content")
    target = event.get("redacts") or (content.get("redacts") if isinstance(content, Mapping) else None)
    for one in drafts:
        draft = await store.draft(ctx.tx, one.id)
        if draft is None or not isinstance(target, str):
            continue
        on_its_way = one.state is State.POSTING
        if draft.event == target:
            await (ctx.reply(views.outdated(ctx.t, one)) if on_its_way else service.discard(ctx, one))
            return
        if not on_its_way and await service.drop_file(ctx, one, target):
            return


async def _posted(ctx: Context, content: Mapping[str, Any], drafts: Sequence[Case]) -> bool:
    """A file: for the draft that it answers, else for the only one."""
    if not drafts:
        return False
    talk = await chat.conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)
    busy = talk is not None and talk.command != "case" and talk.expires_at is not None
    at = {event for event in (ctx.said.thread, ctx.said.reply_to) if event is not None}
    named = [one for one in drafts if await _is_about(ctx, one, at)] if at else []
    if not named and (busy or at):
        return False
    chosen = named or drafts
    if len(chosen) > 1:
        await _refuse(
            ctx,
            Misunderstood(
                "For which case is that file? Please post it as a reply to the message of that case."
            ),
        )
        return True
    try:
        servers = ctx.house.hospitals.servers("rooms") | {ctx.house.settings.server_name}
        file = File(ctx.said.event_id, files.kept(content, servers, encrypted=ctx.room.encrypted))
        count = await service.keep_file(ctx, chosen[0], file)
    except Unfit as unfit:
        await _refuse(ctx, Misunderstood(_UNFIT_FILE.get(unfit.reason, _UNFIT_FILE["clear"])))
    except Misunderstood as problem:
        await _refuse(ctx, problem)
    else:
        await ctx.reply(views.file_kept(ctx.t, chosen[0], count))
    return True


async def _is_about(ctx: Context, one: Case, events: set[str]) -> bool:
    draft: Draft | None = await store.draft(ctx.tx, one.id)
    return draft is not None and draft.event in events


async def _refuse(ctx: Context, problem: Misunderstood) -> None:
    await ctx.reply(Message("error", conversation.explained(ctx, problem)))
