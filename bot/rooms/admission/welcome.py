"""At the door and behind it: rules shown and accepted, newcomers greeted, muted until then, reminded once."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from bot.chat import store as chat_store
from bot.chat.desk import Desk
from bot.directory.standing import Standing
from bot.kernel import outbox, timers
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms.admission import gate, rules, store, views, words
from bot.rooms.admission.gate import Places
from bot.rooms.admission.rules import Due
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.arrivals.store import is_held
from bot.rooms.moderation.service import barred, muted

REMIND_TIMER = "rooms.remind"
MUTE = -1
_REMIND_AFTER = timedelta(days=1)
_AFTER_THE_STORM = timedelta(minutes=15)
_ONE_OFFER = timedelta(days=365)
_MOST_OFFERED = 5


async def has_accepted(desk: Desk, room: DeclaredRoom, user_id: str) -> bool:
    """Whether there is nothing left for somebody to accept before they are in a room."""
    digest = gate.rules_digest(room)
    return not digest or await store.accepted(desk.tx, user_id, digest)


async def at_the_door(desk: Desk, room: DeclaredRoom, user_id: str) -> bool:
    """Whether somebody who may come in comes in now; else they are shown the rules, and ✅ lets them in.

    Whom we may not write to comes in at once, and is mute until they accept where that is declared.
    """
    if await has_accepted(desk, room, user_id) or not gate.in_reach(desk.house, user_id):
        return True
    t = await desk.translator(user_id)
    await desk.direct(user_id, views.rules_shown(t, room, user_id, desk.house.settings))
    return False


async def greet(desk: Desk, room: DeclaredRoom, room_id: str, user_id: str, *, quiet: bool) -> None:
    """Welcome a newcomer in their direct chat, never in the room; `quiet`: not before a storm is over."""
    open_rules = not await has_accepted(desk, room, user_id)
    if open_rules and not await _has_power(desk, room_id, user_id):
        mutes = (
            room.mute and not room.space and not quiet
        )  # in a storm the moderation mutes, and lets them speak again
        row_id = await store.add_newcomer(desk.tx, user_id, room.key, muted=mutes)
        if mutes:
            await outbox.put(desk.tx, _level(desk, room_id, user_id, MUTE))
        due = desk.now + (_AFTER_THE_STORM if quiet else _REMIND_AFTER)
        await timers.set_timer(desk.tx, REMIND_TIMER, row_id, due, bot=desk.bot, again=quiet)
    if quiet or not gate.in_reach(desk.house, user_id) or not (open_rules or room.welcome):
        return
    t = await desk.translator(user_id)
    message = views.welcome(t, room, user_id, desk.house.settings, with_rules=open_rules)
    await desk.direct(user_id, message)


async def resume(desk: Desk, where: Places, user_id: str) -> None:
    """Greet somebody whom the moderators have let in after a storm."""
    for known in await store.newcomers_among(desk.tx, [user_id]):
        room = where.room(known.room)
        if room is None or known.muted or not room.mute or room.space:
            continue
        if not await is_held(desk.tx, where.ids[room.key], user_id):
            await timers.cancel(desk.tx, REMIND_TIMER, known.id)
            await greet(desk, room, where.ids[room.key], user_id, quiet=False)


async def accept(desk: Desk, room: DeclaredRoom, user_id: str) -> None:
    """Note that somebody accepts a room's rules, and let them speak wherever they were mute for these."""
    desk = gate.at_gate(desk)
    digest, where = gate.rules_digest(room), await gate.places(desk)
    await store.accept(desk.tx, user_id, room.key, digest)
    desk.tx.audit(user_id, "room.rules_accepted", room.key)
    for known in await store.newcomers_among(desk.tx, [user_id]):
        there = where.room(known.room)
        if there is not None and gate.rules_digest(there) == digest:
            await forget(desk, there, where.ids[there.key], user_id)


async def forget(desk: Desk, room: DeclaredRoom, room_id: str, user_id: str) -> None:
    """A newcomer has accepted, or is gone: no reminder, and no mute unless it is the moderators'."""
    known = await store.drop_newcomer(desk.tx, user_id, room.key)
    if known is None:
        return
    await timers.cancel(desk.tx, REMIND_TIMER, known.id)
    if known.muted and not await muted(desk, user_id, room.key):
        await outbox.put(desk.tx, _level(desk, room_id, user_id, None))


async def forget_all(desk: Desk, where: Places, dues: Collection[Due]) -> None:
    """The same for everybody who loses a place."""
    gone = {(due.presence.user_id, due.presence.key) for due in dues}
    for known in await store.newcomers_among(desk.tx, {user for user, _key in gone}):
        if (known.user_id, known.room) in gone:
            room = where.declared.rooms[known.room]
            await forget(desk, room, where.ids[known.room], known.user_id)


async def remind(desk: Desk, timer: Timer) -> None:
    """Show the rules once more to somebody who has not accepted them."""
    known = await store.newcomer_of(desk.tx, timer.key)
    room = None if known is None else gate.network(desk.house).rooms.get(known.room)
    if known is None or room is None:
        return
    if (await gate.place_of(desk, known.user_id)).get(room.key) != "join":
        await store.drop_newcomer(desk.tx, known.user_id, room.key)  # taken out by the moderators meanwhile
        return
    if not gate.in_reach(desk.house, known.user_id):
        return
    t = await desk.translator(known.user_id)
    await desk.direct(known.user_id, views.reminder(t, room, known.user_id, desk.house.settings))
    if timer.facts.get("again"):
        due = desk.now + _REMIND_AFTER
        await timers.set_timer(desk.tx, REMIND_TIMER, known.id, due, bot=desk.bot, again=False)


async def suggest(desk: Desk, where: Places, standing: Standing) -> None:
    """Offer somebody the rooms of their specialty that they may join, each once."""
    user_id = standing.user_id
    if not gate.in_reach(desk.house, user_id):
        return
    mine = await words.specialties_of(desk, user_id)
    there = await gate.place_of(desk, user_id) if mine else {}
    fitting = [
        room
        for room in where.declared.rooms.values()
        if room.specialty in mine
        and not room.space
        and room.key in where.ids
        and room.key not in there
        and rules.decide(room, standing, None, desk.now).admitted
    ]
    fresh = [
        room
        for room in fitting[:_MOST_OFFERED]
        if await barred(desk, user_id, room.key) is None
        and await chat_store.once(desk.tx, "room offered", user_id, room.key, keep=_ONE_OFFER)
    ]
    if fresh:
        t = await desk.translator(user_id)
        await desk.direct(user_id, views.suggestion(t, fresh, user_id, desk.house.settings))


async def _has_power(desk: Desk, room_id: str, user_id: str) -> bool:
    """Whether somebody was given power in a room, which a mute would take from them."""
    facts = await desk.house.rooms.facts(desk.tx, gate.first_bot(desk.house), room_id)
    return facts is not None and facts.power.get(user_id, 0) > 0


def _level(desk: Desk, room_id: str, user_id: str, level: int | None) -> Outgoing:
    return Outgoing(gate.first_bot(desk.house), room_id, "levels", {"users": {user_id: level}})
