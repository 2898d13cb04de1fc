"""What people ask for themselves: which rooms there are, being let in, taking that back."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.parsing import answer_number, normal
from bot.directory.standing import Level
from bot.kernel import outbox
from bot.rooms.admission import gate, rules, service, store, views, welcome, words
from bot.rooms.admission.gate import Places
from bot.rooms.admission.rules import ADMITTED, Decision, Reason
from bot.rooms.admission.views import Listing
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.service import barred

_YES = frozenset({"yes", "y", "ja", "j", "ok", "accept", "✅", "👍"})
_MOST_SHOWN = 15  # more rooms than this are shown space by space
_MOST_AT_ONCE = 5


async def answer(ctx: Context, message: Message) -> None:
    """Answer alone with the person: what somebody is verified as is nobody else's business."""
    if ctx.room.direct and ctx.room.room_id not in (await gate.places(ctx)).keys:
        await ctx.reply(message)
    else:
        await ctx.direct(ctx.sender, message)
        await ctx.reply(views.written_apart(ctx.t))


# The list ----------------------------------------------------------------------------------------


async def show_rooms(ctx: Context, inside: str) -> None:
    """Show the network as it is for this person; `inside` names a space to be shown whole."""
    where = await gate.places(ctx)
    spaces = {room.key: room for room in where.declared.rooms.values() if room.space}
    space = None
    if inside:
        found = words.meant([one for one in spaces.values() if one.key in where.ids], inside)
        if len(found) != 1:
            await answer(ctx, views.unknown(ctx.t, inside, found, "rooms", ctx.sender, ctx.house.settings))
            return
        space = found[0].key
    seen = await _seen(ctx, where, space)
    shown = [room.key for rooms in seen.offered.values() for room in rooms]
    await store.keep_list(ctx.tx, ctx.sender, shown)
    await answer(ctx, views.listing(ctx.t, seen, spaces, ctx.sender, ctx.house.settings))


async def _seen(ctx: Context, where: Places, space: str | None) -> Listing:
    there = await gate.place_of(ctx, ctx.sender)
    waiting = set(await store.wishes_of(ctx.tx, ctx.sender))
    mine = await words.specialties_of(ctx, ctx.sender)
    decided = await _decisions(ctx, where)
    inside, invited, waits = [], [], []
    offered: dict[str, list[DeclaredRoom]] = {}
    missing: dict[Level, list[DeclaredRoom]] = {}
    for room in _in_order(where, mine):
        one = decided[room.key]
        if there.get(room.key) == "join":
            inside.append(room)
        elif there.get(room.key) == "invite":
            invited.append(room)
        elif space is not None and room.parent != space:
            continue
        elif one.admitted:
            offered.setdefault(room.parent or "", []).append(room)
        elif room.key in waiting:
            waits.append(room)
        elif one.missing is not None:
            missing.setdefault(one.missing, []).append(room)
    at_all = [one for one in decided.values() if one.reason is not Reason.ARCHIVED]
    nothing = at_all and not offered and not missing and not inside and not invited
    folded: dict[str, int] = {}
    if space is None and sum(map(len, offered.values())) > _MOST_SHOWN and len(offered) > 1:
        folded = {key: len(rooms) for key, rooms in offered.items()}
        near = [room for rooms in offered.values() for room in rooms if room.specialty in mine]
        offered = {near[0].parent or "": near} if near else {}
    refused = at_all[0] if nothing and not at_all[0].admitted and at_all[0].missing is None else None
    return Listing(inside, invited, waits, offered, folded, missing, refused)


def _in_order(where: Places, mine: set[str]) -> list[DeclaredRoom]:
    """The rooms that exist, those of the person's specialty first, else as in the file."""
    rooms = [room for room in where.declared.rooms.values() if room.key in where.ids and not room.space]
    return sorted(rooms, key=lambda room: room.specialty not in mine)


async def _decisions(ctx: Context, where: Places) -> dict[str, Decision]:
    rooms = [room for room in where.declared.rooms.values() if room.key in where.ids and not room.space]
    if ctx.sender in await gate.exempt(ctx):
        return {room.key: ADMITTED for room in rooms}
    standing = (await gate.known(ctx, [ctx.sender]))[ctx.sender]
    everywhere = await barred(ctx, ctx.sender, None)
    return {
        room.key: rules.decide(room, standing, everywhere or await barred(ctx, ctx.sender, room.key), ctx.now)
        for room in rooms
    }


# Joining -----------------------------------------------------------------------------------------


async def join(ctx: Context, text: str) -> None:
    """Let somebody into the rooms that their words name: a name, several with commas, a number, `… yes`."""
    said, accepts = _without_yes(text)
    where = await gate.places(ctx)
    open_rooms = _findable(where)
    found: list[DeclaredRoom] = []
    for word in [part.strip() for part in said.split(",") if part.strip()][:_MOST_AT_ONCE]:
        one = await _the_room(ctx, where, open_rooms, word, "join")
        if one is None:
            return
        found.append(one)
    now_in = [room for room in found if await _may_enter(ctx, where, room, accepts=accepts)]
    if now_in:
        await service.let_in(gate.at_gate(ctx), [room.key for room in now_in], ctx.sender, where)
        await answer(ctx, views.invited(ctx.t, now_in, where.ids, ctx.house.settings))


async def _may_enter(ctx: Context, where: Places, room: DeclaredRoom, *, accepts: bool) -> bool:
    """Whether an invitation may go out now; if not, the person has been told what is in the way."""
    settings = ctx.house.settings
    membership = (await gate.place_of(ctx, ctx.sender)).get(room.key, "")
    decided = await service.decision(ctx, ctx.sender, room)
    if membership == "join" and accepts and not await welcome.has_accepted(ctx, room, ctx.sender):
        await welcome.accept(ctx, room, ctx.sender)
        await answer(ctx, views.accepted(ctx.t, room))
        return False
    if membership in ("join", "invite"):
        await answer(ctx, views.already(ctx.t, room, where.ids[room.key], membership, settings))
        return False
    if not decided.admitted:
        if decided.passing:
            await store.wish(ctx.tx, [(ctx.sender, room.key)])
        ctx.tx.audit("system", "room.refused", ctx.sender, room=room.key, way="ask", why=decided.reason)
        await answer(ctx, views.refused(ctx.t, room, decided, settings))
        return False
    if not await welcome.has_accepted(ctx, room, ctx.sender):
        if not accepts:
            await answer(ctx, views.rules_shown(ctx.t, room, ctx.sender, settings))
            return False
        await welcome.accept(ctx, room, ctx.sender)
    return True


async def leave(ctx: Context, text: str) -> None:
    """Take back a wish or an invitation; whoever is in a room is told how to go."""
    where = await gate.places(ctx)
    room = await _the_room(ctx, where, _findable(where), text.strip(), "leave")
    if room is None:
        return
    membership = (await gate.place_of(ctx, ctx.sender)).get(room.key, "")
    wished = await store.drop_wish(ctx.tx, ctx.sender, room.key)
    if membership in ("invite", "knock"):
        await outbox.put(ctx.tx, gate.removal(ctx, where.ids[room.key], ctx.sender))
        membership = "invite"
    what = membership or ("wish" if wished else "")
    await answer(ctx, views.left(ctx.t, room, what, ctx.house.settings))


def _findable(where: Places) -> list[DeclaredRoom]:
    return [room for room in where.declared.rooms.values() if room.key in where.ids]


async def _the_room(
    ctx: Context, where: Places, rooms: Sequence[DeclaredRoom], word: str, verb: str
) -> DeclaredRoom | None:
    """The room that a word or number means; None when the person has been asked which."""
    settings = ctx.house.settings
    if word.rstrip(".)\ufe0f\u20e3").isdecimal():
        shown = await store.shown(ctx.tx, ctx.sender)
        place = answer_number(word, len(shown))
        if place is None or where.room(shown[place]) is None:
            await answer(ctx, views.no_list(ctx.t, settings))
            return None
        return where.room(shown[place])
    found = words.meant(rooms, word)
    if len(found) > 1:  # a space and a room of one name: the room
        found = [room for room in found if not room.space] or found
    if len(found) == 1:
        return found[0]
    if found:
        await answer(ctx, views.choice(ctx.t, found, ctx.sender, settings))
    else:
        near = words.similar(rooms, word)
        await answer(ctx, views.unknown(ctx.t, word, near, verb, ctx.sender, settings))
    return None


def _without_yes(text: str) -> tuple[str, bool]:
    """What names the room, and whether a yes stands behind it."""
    head, _, last = text.strip().rpartition(" ")
    if head and (normal(last) in _YES or last in _YES):
        return head.strip(), True
    return text.strip(), False
