"""What the bot sees of the talk in specialty rooms: who sent what when (no word is kept), slow mode, spam."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from bot.chat import store as chat_store
from bot.chat.desk import Context, Desk
from bot.chat.heard import Membership, sent_at
from bot.directory.moderators import is_moderator
from bot.directory.policy import may_talk
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing
from bot.rooms import store as rooms
from bot.rooms.moderation import notices, rules, service, store
from bot.rooms.moderation.arrivals import store as comings
from bot.rooms.moderation.model import EVERYWHERE, SYSTEM, Action, Kind, Plan, Spoken
from bot.rooms.moderation.people import in_house, reader_of, tell, to_moderators
from bot.rooms.moderation.places import first_bot, place
from bot.rooms.moderation.raids import note_arrival
from bot.rooms.moderation.reports import FLAG, flagged

_LIMITS = rules.SpamLimits()
_MESSAGES = frozenset(
    {
        "m.room.message",
        "m.room.encrypted",  # what could not be read
        "m.sticker",
        "m.reaction",
        "m.poll.start",
        "m.poll.response",
        "org.matrix.msc3381.poll.start",
        "org.matrix.msc3381.poll.response",
    }
)
_ONE_HINT = timedelta(minutes=10)
_MOST_TOLD = 6  # spammers a minute that the moderators read of one by one


async def seen(ctx: Context, event: Mapping[str, object]) -> None:
    """A witness of all that is said in declared rooms; a 🚩 there is a report."""
    if ctx.bot != first_bot(ctx) or "state_key" in event or event.get("type") not in _MESSAGES:
        return
    key = await rooms.key_of(ctx.tx, ctx.room.room_id)
    if key is None:
        return
    if ctx.said.reaction is not None and ctx.said.reaction.startswith(FLAG) and ctx.said.reply_to:
        await flagged(ctx, ctx.said.reply_to)
    else:
        await _message(ctx, key, str(event["event_id"]), event)


async def _message(ctx: Context, key: str, event_id: str, event: Mapping[str, object]) -> None:
    spoken = _spoken(ctx, event)
    if not await store.keep_message(ctx.tx, event_id, ctx.sender, spoken):
        return
    if ctx.said.reaction is not None or await is_moderator(ctx, ctx.sender):
        return
    if not await _slowed(ctx, key, event_id, spoken):
        await _check(ctx, key, event_id, spoken)


def _spoken(ctx: Context, event: Mapping[str, object]) -> Spoken:
    content = event.get("content")
    content = content if isinstance(content, Mapping) else {}
    said = content.get("m.mentions")
    named: Mapping[str, Any] = said if isinstance(said, Mapping) else {}
    users = named.get("user_ids")
    mentions = max(len(users) if isinstance(users, list) else 0, len(ctx.said.pills))
    relates = content.get("m.relates_to")
    edit = isinstance(relates, Mapping) and relates.get("rel_type") == "m.replace"
    body = content.get("body")
    text = body if isinstance(body, str) and not edit and ctx.said.reaction is None else None
    key = ctx.tx.keys.derive("moderation marks")
    return rules.spoken(text, mentions, ctx.room.room_id, _moment(ctx, event), key)


def _moment(ctx: Context, event: Mapping[str, object]) -> datetime:
    """When it was sent, so that what is read at once after an outage is no flood.

    A homeserver that is none of ours is not asked: it could spread a flood over hours by its word.
    """
    ours = may_talk(ctx.sender, ctx.house.hospitals.servers("talk"))
    return sent_at(event, ctx.now) if ours else ctx.now


async def _slowed(ctx: Context, key: str, event_id: str, message: Spoken) -> bool:
    """Remove a message that came too soon in slow mode, and say so in the direct chat, now and then."""
    seconds = await store.slow_seconds(ctx.tx, key)
    if not seconds:
        return False
    last = await store.last_spoke(ctx.tx, ctx.sender, message, event_id)
    wait = rules.too_soon(last, message.at, seconds)
    if wait is None:
        return False
    await service.redact(ctx, [event_id])
    if await chat_store.once(ctx.tx, "slow mode", ctx.sender, key, keep=_ONE_HINT):
        await tell(ctx, ctx.sender, notices.slowed(await reader_of(ctx, ctx.sender), key, seconds, wait))
    return True


async def _check(ctx: Context, key: str, event_id: str, message: Spoken) -> None:
    """Mute whoever looks like a spammer for a few minutes, and let the moderators decide."""
    found = await store.spoken_since(ctx.tx, ctx.sender, message.at - rules.WINDOW)
    before = [one for other, one in found if other != event_id]
    settings = ctx.house.settings.moderation
    newcomer = await comings.arrived(ctx.tx, ctx.sender, ctx.now - settings.newcomer)
    chorus = await _chorus(ctx, message) if newcomer else 0
    code = rules.spam(message, before, newcomer=newcomer, chorus=chorus, limits=_LIMITS)
    if code is None or await store.sanctions(ctx.tx, ctx.sender, Kind.MUTE, Kind.BAN):
        return
    rooms_spoken_in = {message.room_id, *(one.room_id for one in before)}
    scope = key if len(rooms_spoken_in) == 1 else EVERYWHERE
    plan = Plan(Kind.MUTE, ctx.sender, scope, settings.spam_mute)
    action = await service.carry_out(ctx, plan, SYSTEM, quiet=True)
    await _tell_of_spam(ctx, action, code)


async def _chorus(ctx: Context, message: Spoken) -> int:
    """How many newcomers sent this very text lately."""
    if message.digest is None:
        return 0
    since = message.at - rules.CHORUS_WINDOW
    newcomers_since = ctx.now - ctx.house.settings.moderation.newcomer
    senders = await store.senders_of_digest(ctx.tx, message.digest, since)
    return await comings.count_arrived(ctx.tx, senders, newcomers_since)


async def _tell_of_spam(ctx: Context, action: Action, code: str) -> None:
    storm = await comings.storm(ctx.tx, ctx.room.room_id)
    if storm is not None and storm.on:
        return  # the moderators have the message about the rush, and the log
    if await chat_store.use(ctx.tx, "moderation.spam", "house", _MOST_TOLD):
        await to_moderators(ctx, notices.spam(in_house(ctx), action, code))
    await tell(ctx, ctx.sender, notices.spam_told(await reader_of(ctx, ctx.sender), action))


# Memberships -------------------------------------------------------------------------------------


async def changed(desk: Desk, change: Membership) -> None:
    """Somebody came or went: a mute follows them in, and what moderators do in their clients is kept."""
    if desk.bot != first_bot(desk):
        return
    key = await rooms.key_of(desk.tx, change.room_id)
    if key is None or change.user_id in desk.house.bot_users.values():
        return
    if change.now in ("join", "knock"):
        await note_arrival(desk, change.room_id, change.user_id, change.now)
        if change.now == "join" and await service.is_muted(desk, change.user_id, key):
            where = await place(desk, key)
            if where is not None and not where.space:
                body = {"users": {change.user_id: service.MUTED}}
                await outbox.put(desk.tx, Outgoing(first_bot(desk), where.lane, "levels", body))
        return
    await comings.release(desk.tx, change.room_id, [change.user_id])
    if change.by != change.user_id:
        await _by_hand(desk, key, change)


async def _by_hand(desk: Desk, key: str, change: Membership) -> None:
    """Keep what somebody did to somebody else without the bot: a ban, a removal, the end of a ban."""
    if change.now == "ban":
        await service.note_by_hand(desk, Kind.BAN, change.by, change.user_id, key)
    elif change.now == "leave" and change.before == "ban":
        for ban in await store.sanctions(desk.tx, change.user_id, Kind.BAN):
            if ban.scope == key:
                await store.end_action(desk.tx, ban.id, change.by)
    elif change.now == "leave" and change.before == "join":
        await service.note_by_hand(desk, Kind.KICK, change.by, change.user_id, key)
