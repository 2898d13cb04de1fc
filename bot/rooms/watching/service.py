"""What the watch sees, and what authors do with what it offers; each use case is one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.chat.command import Misunderstood
from bot.chat.desk import MODERATORS_ROOM, Context, Desk, RoomFacts
from bot.chat.parsing import without_quote
from bot.chat.store import once
from bot.directory.service import hospitals_of
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing
from bot.rooms import store as rooms_store
from bot.rooms.admission import gate
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.service import locked, muted
from bot.rooms.watching import rules, store, views
from bot.rooms.watching.rules import Words
from bot.rooms.watching.store import Offer, Stage

REMOVED = "watch.removed"


async def seen(ctx: Context, event: Mapping[str, object]) -> None:
    """A witness: what is said in a watched room is queued to be looked at."""
    if ctx.bot != gate.first_bot(ctx.house):
        return
    words = rules.words_of(event, without_quote)
    if words is None:
        return
    room = await watched(ctx, ctx.room.room_id)
    if room is None or _is_bot(ctx):
        return
    if _is_command(ctx, words.shown):
        words = Words(quoted=words.quoted)  # a command is for the bots to answer, what it quotes is not
        if not words.all:
            return
    thread = ctx.said.thread
    if words.is_edit:  # its relation names its message, and no thread
        thread = await store.thread_of(ctx.tx, ctx.room.room_id, ctx.said.event_id)
    await store.queue(
        ctx.tx, ctx.bot, room.key, ctx.room.room_id, str(event["event_id"]), ctx.sender, thread,
        words.is_file, words.shown, words.all,
    )  # fmt: skip


def _is_bot(ctx: Context) -> bool:
    """Whether a bot of another hospital says this, by the statement of a hospital that may be in our rooms.

    What a message itself says of its author counts for nothing: clients keep such fields when they forward.
    """
    server = ctx.sender.partition(":")[2]
    if server not in ctx.house.hospitals.servers("rooms"):
        return False
    return any(one.server == server and ctx.sender in one.bots for one in hospitals_of(ctx.house).known)


async def watched(desk: Desk, room_id: str) -> DeclaredRoom | None:
    """The declared room that this is, if its policy is to watch it."""
    declared = gate.network(desk.house)
    if not any(room.watch != "off" for room in declared.rooms.values()):
        return None
    key = await rooms_store.key_of(desk.tx, room_id)
    room = None if key is None else declared.rooms.get(key)
    return room if room is not None and room.watch != "off" and not room.space else None


def _is_command(ctx: Context, text: str) -> bool:
    """Whether this is a command that one of the bots knows, and nothing stands before it as a quote."""
    if text != without_quote(text):
        return False
    for bot in ctx.house.bot_users:
        parsed = ctx.parsed(text, bot=bot)
        if parsed is not None and parsed.word in ctx.book.words(bot):
            return True
    return False


async def may_remove(desk: Desk, room: DeclaredRoom, room_id: str) -> bool:
    """Whether the bot has the power to remove messages of a room."""
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, room_id)
    level = 0 if facts is None else facts.power.get(desk.house.bot_users[desk.bot], 0)
    return level >= room.power.redact


async def remove(desk: Desk, room_id: str, event_id: str, offer_id: str) -> None:
    """Remove a message."""
    reason = desk.house_translator()("It seemed to say who a patient is.").plain
    body = {"event_id": event_id, "reason": reason}
    await outbox.put(desk.tx, Outgoing(desk.bot, room_id, "redact", body, topic=REMOVED, ref=offer_id))


async def cannot_remove(desk: Desk, key: str) -> None:
    """Tell the moderators, once a day for each room, that the bot lacks the power."""
    if await once(desk.tx, "watch without power", key, keep=store.OFFERED):
        room = gate.network(desk.house).rooms.get(key)
        t = desk.house_translator()
        title = key if room is None else room.title(t.language)
        await desk.send(MODERATORS_ROOM, views.cannot_remove(t, title))


def is_private(chat: RoomFacts | None) -> bool:
    """Whether nobody but the author reads what stands in a chat: one yet to be made will be encrypted."""
    return chat is None or (chat.direct and chat.encrypted)


# What authors do ---------------------------------------------------------------------------------


async def take_down(ctx: Context, offer_id: str) -> None:
    """Remove the message that the author was warned about, for them."""
    one = await _mine(ctx, offer_id)
    if one.removed:
        raise Misunderstood("Your message is gone already.")
    desk = Desk(ctx.house, ctx.tx, one.bot)
    room = gate.network(ctx.house).rooms.get(one.room_key)
    if room is None or not await may_remove(desk, room, one.room_id):
        await cannot_remove(desk, one.room_key)
        raise Misunderstood("I may not remove messages there: please remove it yourself in your app.")
    await store.note_removed(ctx.tx, one.id, removed=True)
    await remove(desk, one.room_id, one.event_id, one.id)
    ctx.tx.audit(ctx.sender, "watch.removed", one.room_key)
    offer, title = replace(one, removed=True), room.title(ctx.t.language)
    await ctx.reply(views.taken_down(ctx.t, offer, title, private=is_private(ctx.room)))


async def repost(ctx: Context, offer_id: str) -> None:
    """Post the text without identifiers where the message stood, in its author's name."""
    one = await _mine(ctx, offer_id)
    room = gate.network(ctx.house).rooms.get(one.room_key)
    if room is None or one.text is None or one.is_file or not one.removed:
        raise Misunderstood("There is nothing that I could post.")
    if not is_private(ctx.room):  # they have not read it
        raise Misunderstood(views.NOT_PRIVATE)
    if not await _may_write(ctx, one):
        raise Misunderstood("You cannot write there at present.")
    desk = Desk(ctx.house, ctx.tx, one.bot)
    message = views.reposted(ctx.house_translator(), views.name_of(ctx, one.user_id), one.text)
    await desk.send(one.room_id, message, thread=one.thread)
    await store.end(ctx.tx, one.id)
    ctx.tx.audit(ctx.sender, "watch.reposted", one.room_key)
    await ctx.reply(views.posted(ctx.t, room.title(ctx.t.language)))


async def _mine(ctx: Context, offer_id: str) -> Offer:
    one = await store.offer(ctx.tx, offer_id)
    if one is None or one.user_id != ctx.sender or one.state != Stage.OPEN or one.expires_at <= ctx.now:
        raise Misunderstood("That is done already, or too long ago.")
    return one


async def _may_write(ctx: Context, one: Offer) -> bool:
    where = await gate.place_of(ctx, one.user_id)
    if where.get(one.room_key) != "join":
        return False
    if one.user_id in await gate.exempt(ctx):
        return True
    return not (await muted(ctx, one.user_id, one.room_key) or await locked(ctx, one.room_key))


async def daily(desk: Desk) -> None:
    """Forget offers that nobody took."""
    await store.forget_expired(desk.tx)
