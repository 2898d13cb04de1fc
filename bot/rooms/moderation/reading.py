"""Reading a moderator's line: whom, where, for how long, why; in any order, and short."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import unquote

from bot.chat.command import Misunderstood
from bot.chat.desk import Context
from bot.chat.parsing import closest, normal, take_word
from bot.rooms import store as rooms
from bot.rooms.moderation import rules, store
from bot.rooms.moderation.model import EVERYWHERE, ON_ROOMS, Kind, Plan
from bot.rooms.moderation.people import author, in_house, person, spelled_out
from bot.rooms.moderation.places import network, places

_EVERYWHERE = frozenset({"everywhere", "all", "überall", "alle"})
_HERE = frozenset({"here", "hier"})
_IN = frozenset({"in", "im"})
_FILLERS = frozenset({"for", "für", "from", "aus", "von"})
_OFF = frozenset({"off", "aus", "0"})
_MUTE_WITHOUT_LENGTH = frozenset({"forever", "immer"})
_LONGEST_NUMBER = 4


@dataclass
class Line:
    """What was read so far: `number` is a reason, a count of messages or seconds, as the command has it."""

    who: str | None = None
    scope: str | None = None
    length: timedelta | None = None
    endless: bool = False
    number: int | None = None
    note: str = ""
    replied: str | None = None


async def read_line(ctx: Context, text: str, kind: Kind | None) -> Line:
    """Read what follows a command; raises Misunderstood when a name or a room is not known.

    The person may stand there by mention, id or name, or be the author of the message replied to.
    """
    line = Line()
    replied = await author(ctx)
    personal = kind not in ON_ROOMS
    rest = text
    while True:
        word, after = take_word(rest, ctx.said.pills)
        if not word or not await _take(ctx, line, kind, word):
            taken = await _take_place(ctx, line, word, after)
            if taken is not None:
                rest = taken
                continue
            if word and personal and line.who is None:
                whole = await spelled_out(ctx, rest)
                if whole is not None:
                    line.who, rest = whole
                    continue
                if await _is_person(ctx, line, word, bool(replied)):
                    rest = after
                    continue
            break
        rest = after
    line.note = rest.strip()
    if replied is not None and personal and line.who is None:
        line.replied, line.who = replied
    elif replied is not None and line.who == replied[1]:
        line.replied = replied[0]
    return line


async def _take(ctx: Context, line: Line, kind: Kind | None, word: str) -> bool:
    """Take a word that can mean only one thing; False if it means nothing by itself."""
    low = normal(word)
    if low in _FILLERS and not (kind is Kind.SLOW and low in _OFF):
        return True
    if line.scope is None and low in _EVERYWHERE:
        line.scope = EVERYWHERE
        return True
    if line.scope is None and low in _HERE:
        line.scope = await rooms.key_of(ctx.tx, ctx.room.room_id)
        if line.scope is None:
            raise Misunderstood("This is none of the declared rooms: say where, such as `in cardiology`.")
        return True
    if line.length is None and low in _MUTE_WITHOUT_LENGTH:
        line.endless = True
        return True
    length = rules.read_length(word)
    if line.length is None and length is not None:
        line.length = length
        return True
    digits = word.removeprefix("#")
    if kind is Kind.SLOW and line.number is None and low in _OFF:
        digits = "0"
    if line.number is None and digits.isdecimal() and len(digits) <= _LONGEST_NUMBER:
        line.number = int(digits)
        return True
    return False


async def _take_place(ctx: Context, line: Line, word: str, after: str) -> str | None:
    """Take a room named by `in …`, by its alias or a link, outside of rooms by its name alone."""
    if line.scope is not None or not word:
        return None
    if normal(word) in _IN:
        scope, rest = await _named(ctx, after)
        if scope is None:
            wanted, _after = take_word(after)
            near = closest(wanted, {key: key for key in network(ctx).rooms})
            raise Misunderstood("I know no room “{word}”.", word=wanted[:40], suggestions=near)
        line.scope = scope
        return rest
    outside = await rooms.key_of(ctx.tx, ctx.room.room_id) is None
    if word.startswith(("#", "!")) or outside:
        line.scope, rest = await _named(ctx, f"{word} {after}" if word.startswith("#") else word)
        if line.scope is not None:
            return after
    return None


async def _named(ctx: Context, text: str) -> tuple[str | None, str]:
    """The room or space at the beginning of a text, and what follows it."""
    word, after = take_word(text)
    meant = unquote(word)
    by_id = await rooms.key_of(ctx.tx, meant) if meant.startswith("!") else None
    if by_id is not None:
        return by_id, after
    wanted = normal(meant.removeprefix("#").partition(":")[0] if meant.startswith("#") else meant)
    declared = network(ctx).rooms
    for room in declared.values():
        if wanted in (normal(room.key), normal(room.alias or room.key)):
            return room.key, after
    found: tuple[str | None, str] = (None, text)
    longest = 0
    for room in declared.values():
        for name in {room.name, *room.names.values()}:
            size = len(name)
            fits = text[:size].casefold() == name.casefold() and not text[size : size + 1].isalnum()
            if size > longest and fits:
                longest, found = size, (room.key, text[size:].lstrip(" ,:"))
    if found[0] is None and wanted in {one.key for one in await rooms.placed(ctx.tx)}:
        return wanted, after
    return found


async def _is_person(ctx: Context, line: Line, word: str, replying: bool) -> bool:
    try:
        line.who = await person(ctx, word)
    except Misunderstood:
        if replying:
            return False  # the person is the author; these words are the note
        raise
    return True


async def plan_of(ctx: Context, kind: Kind, line: Line) -> tuple[Plan, bool]:
    """What is to be done, and whether the moderator said where; raises Misunderstood for what is missing."""
    here = await rooms.key_of(ctx.tx, ctx.room.room_id)
    scope = line.scope or here or EVERYWHERE
    said_where = line.scope is not None or here is not None
    if kind not in ON_ROOMS and line.who is None:
        raise Misunderstood("Whom? Type @ and pick the person, or reply to a message of theirs.")
    length = None if line.endless else line.length
    if kind is Kind.SLOW:
        if line.number is None:
            raise Misunderstood(
                "How many seconds between two messages? For example `slow 30`, or `slow off`."
            )
        return Plan(kind, None, scope, length, seconds=min(line.number, rules.MOST_SECONDS)), said_where
    if kind in ON_ROOMS:
        return Plan(kind, None, scope, length, note=line.note), said_where
    if kind is Kind.REDACT:
        events = await _events(ctx, line, scope)
        return Plan(kind, line.who, scope, count=len(events), events=events, note=line.note), said_where
    if kind is Kind.MUTE and length is None and not line.endless:
        length = ctx.house.settings.moderation.mute
    reason = line.number
    if reason is not None and not 0 < reason <= len(in_house(ctx).reasons):
        raise Misunderstood("There is no reason number {number}.", number=reason)
    return Plan(kind, line.who, scope, length, reason, line.note), said_where


async def _events(ctx: Context, line: Line, scope: str) -> tuple[str, ...]:
    """The message replied to, or the newest ones of a person in these rooms."""
    if line.replied is not None and line.number is None:
        return (line.replied,)
    where = [one.room_id for one in await places(ctx, scope)]
    count = min(line.number or 1, rules.MOST_REDACTED)
    found = await store.last_messages(ctx.tx, line.who or "", where, count)
    return tuple(event for _room, event in found)
