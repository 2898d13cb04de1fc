"""Speaking with people about moderation, and finding out whom a moderator means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.chat.command import Misunderstood
from bot.chat.desk import MODERATORS_ROOM, Context, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.parsing import closest, take_word
from bot.chat.types import UserId
from bot.directory.model import Roster, folded
from bot.directory.policy import may_talk
from bot.directory.roster import RosterFile
from bot.rooms import store as rooms
from bot.rooms.moderation import store
from bot.rooms.moderation.places import first_bot, network
from bot.rooms.moderation.views import Reader

_LONGEST_NAME = 5  # words
_REMEMBERED = timedelta(days=180)  # who may no longer be in a room, but is meant


def roster(desk: Desk) -> Roster:
    """The hospital's roster; empty where there is none."""
    file = desk.house.parts.get(RosterFile)
    return file.current if isinstance(file, RosterFile) else Roster()


def reader(desk: Desk, t: Translator) -> Reader:
    """Somebody who reads in this language."""
    settings = desk.house.settings
    return Reader(
        t, settings.prefix, desk.now, settings.moderation, roster(desk), network(desk), settings.server_name
    )


def in_house(desk: Desk) -> Reader:
    """The moderators together."""
    return reader(desk, desk.house_translator())


async def tell(desk: Desk, user_id: str, message: Message) -> None:
    """Write to somebody's direct chat, if their hospital may talk to the bots."""
    if may_talk(user_id, desk.house.hospitals.servers("talk")):
        await Desk(desk.house, desk.tx, first_bot(desk)).direct(user_id, message)


async def reader_of(desk: Desk, user_id: str) -> Reader:
    """Somebody, in their own language."""
    return reader(desk, await desk.translator(user_id))


async def to_moderators(desk: Desk, message: Message, *, edits: str | None = None) -> str:
    """Write into the moderators' room; returns the outbox id."""
    return await desk.send(MODERATORS_ROOM, message, edits=edits)


async def back_room(ctx: Context) -> str:
    """Where a moderator is answered: never in a specialty room, where all would read of whom it is about."""
    if await rooms.key_of(ctx.tx, ctx.room.room_id) is None:
        return ctx.room.room_id
    facts = await ctx.house.rooms.facts(ctx.tx, first_bot(ctx), MODERATORS_ROOM)
    return MODERATORS_ROOM if facts is not None and ctx.sender in facts.members else f"dm:{ctx.sender}"


async def answered_in_private(ctx: Context) -> bool:
    """Whether what a moderator is answered is encrypted; a chat that is still to be made will be."""
    room = await back_room(ctx)
    if room == ctx.room.room_id:
        return ctx.room.encrypted
    facts = await ctx.house.rooms.facts(ctx.tx, first_bot(ctx), room)
    return facts is None or facts.encrypted


async def answer(ctx: Context, message: Message) -> str:
    """Answer a moderator; returns the outbox id."""
    room = await back_room(ctx)
    if room == ctx.room.room_id:
        return await ctx.reply(message)
    # Elsewhere it rings: what the moderator sees in their phone's notification leads them there.
    return await ctx.send(room, replace(message, loud=True, mentions=(ctx.sender,)))


# Whom a moderator means --------------------------------------------------------------------------


async def author(ctx: Context) -> tuple[str, str] | None:
    """The message that this command replies to, as (event, sender); None if it replies to none we know.

    In a thread every message names one before it (C-S API, "Fallback for unthreaded clients"): whom that
    would hit, nobody has said.
    """
    replied = ctx.said.reply_to
    if replied is None or ctx.said.thread is not None or ctx.said.reaction is not None:
        return None
    known = await store.sender_of(ctx.tx, replied)
    return None if known is None else (replied, known[1])


async def person(ctx: Context, word: str) -> str:
    """The person meant by an id, a link, a mention, or a name that only one has; raises Misunderstood."""
    try:
        return await UserId().parse(ctx, word)
    except Misunderstood:
        if word.startswith("@") and ":" in word:
            raise
    found = named(word, await _candidates(ctx))
    if len(found) == 1:
        return found[0]
    if found:
        raise Misunderstood(
            "Several people are called “{word}”: which one?", word=word[:40], suggestions=found[:5]
        )
    near = closest(
        word.removeprefix("@"), {user[1:].partition(":")[0]: user for user in await _candidates(ctx)}
    )
    raise Misunderstood(
        "I know nobody called “{word}”. Type @ and pick them from the list, or reply to a message of theirs.",
        word=word[:40],
        suggestions=near,
    )


async def spelled_out(ctx: Context, text: str) -> tuple[str, str] | None:
    """The person whose name of several words a text begins with, and what follows; None if nobody's does."""
    candidates = await _candidates(ctx)
    words: list[tuple[str, str]] = []
    rest = text
    while len(words) < _LONGEST_NAME and rest:
        word, rest = take_word(rest)
        words.append((folded(word), rest))
    for count in range(len(words), 1, -1):
        said = {word for word, _rest in words[:count]}
        meant = [
            user
            for user, name in candidates.items()
            if "" not in said and said <= {folded(part) for part in name.split()}
        ]
        if len(meant) == 1:
            return meant[0], words[count - 1][1]
    return None


def named(word: str, candidates: Mapping[str, str]) -> list[str]:
    """Who is called so: by local part, by whole name, else by a part of the name. `candidates`: id → name."""
    wanted = folded(word)
    if not wanted:
        return []
    exact = [
        user
        for user, name in candidates.items()
        if wanted in (folded(user[1:].partition(":")[0]), folded(name))
    ]
    if exact:
        return sorted(exact)
    return sorted(
        user for user, name in candidates.items() if wanted in {folded(part) for part in name.split()}
    )


async def _candidates(ctx: Context) -> dict[str, str]:
    """Everybody who may be meant, with the name they are known by."""
    bot, known = first_bot(ctx), roster(ctx)
    here = await rooms.key_of(ctx.tx, ctx.room.room_id)
    where = [ctx.room.room_id] if here is not None else [one.room_id for one in await rooms.placed(ctx.tx)]
    found = await ctx.house.rooms.people_in(ctx.tx, bot, where) if where else []
    ours = set(ctx.house.bot_users.values())
    people = {user for _room, user, _membership in found if user not in ours}
    people |= set(await store.people_acted_on(ctx.tx, ctx.now - _REMEMBERED))
    if here is None:
        people |= set(known.clinicians)
    return {user: known.name_of(user) for user in people}
