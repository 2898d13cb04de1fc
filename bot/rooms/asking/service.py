"""Putting a curbside question to a specialty room, and bringing its asker what is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.chat.rich import Rich, mention, room_link, verbatim
from bot.directory.roster import RosterFile
from bot.kernel.inbox import InboxEntry
from bot.rooms import store as rooms_store
from bot.rooms.admission import gate
from bot.rooms.admission.service import decision
from bot.rooms.admission.views import why
from bot.rooms.asking import store, views
from bot.rooms.asking.store import FAILED, OPEN, SOLVED, Ask
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.service import locked, muted
from bot.screening import identifiers, orders

POSTED = "asks.posted"
MOST_AN_HOUR = 6
LONGEST = 4000  # characters
_RELAYED = 30  # answers of which the asker is told


async def ask(ctx: Context, room: DeclaredRoom, text: str) -> None:
    """Post a question in a declared room, for somebody who may be in it."""
    refused = await _refusal(ctx, room, text)
    if refused is not None:
        await ctx.reply(refused)
        return
    if await store.asked_since(ctx.tx, ctx.sender, ctx.now - timedelta(hours=1)) >= MOST_AN_HOUR:
        raise Misunderstood("That are many questions for one hour: please wait a little.")
    speaker = gate.first_bot(ctx.house)
    one = await store.add(ctx.tx, ctx.bot, ctx.sender, room.key)
    t = ctx.house_translator()
    message = views.question(t, one, _name(ctx, ctx.sender), text, ctx.house.settings.prefix)
    desk = Desk(ctx.house, ctx.tx, speaker)
    await desk.send(room.house_name, message, topic=POSTED, ref=one.id)
    ctx.tx.audit(ctx.sender, "ask.posted", one.id, room=room.key)
    await ctx.reply(views.posted(ctx.t, one, room.title(ctx.t.language)))


async def _refusal(ctx: Context, room: DeclaredRoom, text: str) -> Message | None:
    """Why a question is not posted."""
    if orders.find(text) is not None:
        return views.is_order(ctx.t, ctx.house.settings.prefix)
    if found := identifiers.find(text):
        return views.holds_identifiers(ctx.t, found)
    decided = await decision(ctx, ctx.sender, room)
    if not decided.admitted:
        return views.closed(ctx.t, room, why(ctx.t, decided, ctx.house.settings.prefix))
    exempt = await gate.exempt(ctx)
    if ctx.sender not in exempt and (await muted(ctx, ctx.sender, room.key) or await locked(ctx, room.key)):
        return views.closed(ctx.t, room, ctx.t("Nobody can write there at present, or you are muted there."))
    return None


async def posted(desk: Desk, entry: InboxEntry) -> None:
    """A question is in its room, or could not be posted."""
    one = await store.ask(desk.tx, str(entry.payload["ref"]))
    if one is None:
        return
    if entry.payload.get("error") is None:
        await store.change(desk.tx, one.id, event_id=entry.payload["event_id"])
        return
    await store.change(desk.tx, one.id, state=FAILED)
    t = await desk.translator(one.asker)
    message = views.failed(t, replace(one, state=FAILED), _title(desk, one, t.language))
    await Desk(desk.house, desk.tx, one.bot).direct(one.asker, message)


async def heard(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: an answer to a question is brought to whoever asked."""
    content = event.get("content")
    if event.get("type") != "m.room.message" or not isinstance(content, Mapping) or _is_edit(content):
        return False
    one = await store.at(ctx.tx, {at for at in (ctx.said.thread, ctx.said.reply_to) if at is not None})
    if one is None or one.asker == ctx.sender or one.replies >= _RELAYED:
        return False
    if await rooms_store.key_of(ctx.tx, ctx.room.room_id) != one.room_key or one.state == FAILED:
        return False
    await store.change(ctx.tx, one.id, replies=one.replies + 1)
    desk = Desk(ctx.house, ctx.tx, one.bot)
    t = await desk.translator(one.asker)
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, f"dm:{one.asker}")
    text = ctx.said.text or None if facts is None or facts.encrypted else None
    where = await _room(ctx, one, t.language)
    await desk.direct(one.asker, views.reply(t, one, _name(ctx, ctx.sender), where, text))
    return False


async def solve(ctx: Context, ask_id: str | None) -> None:
    """Thank for the answers, and say that it is solved."""
    one = await store.ask(ctx.tx, ask_id) if ask_id is not None else await _only(ctx)
    if one is None or one.asker != ctx.sender:
        raise Misunderstood("I know no question of yours that waits.")
    if one.state != OPEN:
        raise Misunderstood("{id} is solved already.", id=one.id)
    await store.change(ctx.tx, one.id, state=SOLVED, solved_at=ctx.now)
    ctx.tx.audit(ctx.sender, "ask.solved", one.id)
    one = replace(one, state=SOLVED)
    room_id = await rooms_store.room_of(ctx.tx, one.room_key)
    if one.event_id is not None and room_id is not None:
        speaker = Desk(ctx.house, ctx.tx, gate.first_bot(ctx.house))
        message = views.solved(ctx.house_translator(), one, _name(ctx, ctx.sender))
        await speaker.send(room_id, message, thread=one.event_id)
    if ctx.room.room_id != room_id:
        await ctx.reply(views.thanked(ctx.t, one))


async def _only(ctx: Context) -> Ask | None:
    waiting = await store.open_of(ctx.tx, ctx.sender)
    if len(waiting) > 1:
        raise Misunderstood("Which one? {ids}", ids=", ".join(one.id for one in waiting))
    return waiting[0] if waiting else None


async def _room(desk: Desk, one: Ask, language: str) -> Rich:
    """The room's name; a link to it for those who are in it."""
    title = _title(desk, one, language)
    room_id = await rooms_store.room_of(desk.tx, one.room_key)
    if room_id is None or (await gate.place_of(desk, one.asker)).get(one.room_key) != "join":
        return verbatim(title)
    return room_link(room_id, title, via=[desk.house.settings.server_name])


def _title(desk: Desk, one: Ask, language: str) -> str:
    room = gate.network(desk.house).rooms.get(one.room_key)
    return room.title(language) if room is not None else one.room_key


def _name(desk: Desk, user_id: str) -> Rich:
    return mention(user_id, desk.house.part(RosterFile).current.name_of(user_id))


def _is_edit(content: Mapping[object, object]) -> bool:
    relation = content.get("m.relates_to")
    return isinstance(relation, Mapping) and relation.get("rel_type") == "m.replace"
