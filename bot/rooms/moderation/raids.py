"""Rushes: when many people come into a room at once, they wait until the moderators have looked.

Whoever knocks is not answered meanwhile, whoever could join by themselves is mute. The moderators get one
message, edited as the number grows. New arrivals are let alone again once it is quiet; those held wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta

from bot.chat.desk import Desk
from bot.directory.moderators import is_moderator
from bot.directory.service import announce
from bot.kernel import outbox, timers
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms import store as rooms
from bot.rooms.moderation import notices, rules, store
from bot.rooms.moderation.arrivals import store as comings
from bot.rooms.moderation.model import SYSTEM, Kind
from bot.rooms.moderation.people import in_house, to_moderators
from bot.rooms.moderation.places import Place, first_bot, network, place, scopes_of

STORM_TIMER = "moderation.storm"
_LOOK = timedelta(seconds=2)  # while a rush lasts
_LOOKS_A_SHOW = 4  # between two edits of the moderators' message
_LEAST = timedelta(seconds=1)
_MUTED = -1


async def note_arrival(desk: Desk, room_id: str, user_id: str, kind: str) -> bool:
    """Count somebody's arrival (`join` or `knock`) in a declared room.

    True while there is a rush into it: then they are held, and nothing is to be answered automatically.
    Calling it again for the same arrival, in the same transaction, changes nothing.
    """
    memo = (note_arrival, room_id, user_id)
    if memo not in desk.tx.memo:
        desk.tx.memo[memo] = await _note(desk, room_id, user_id, kind)
    return bool(desk.tx.memo[memo])


async def _note(desk: Desk, room_id: str, user_id: str, kind: str) -> bool:
    key = await rooms.key_of(desk.tx, room_id)
    if key is None or user_id in desk.house.bot_users.values() or await is_moderator(desk, user_id):
        return False
    settings = desk.house.settings.moderation
    known = await comings.storm(desk.tx, room_id)
    if known is not None and known.on:
        await comings.change_storm(desk.tx, room_id, last=desk.now)
        await comings.keep_arrival(desk.tx, room_id, user_id, kind, held=known.choice != "out")
        if known.choice == "out":
            await _turn_away(desk, room_id, [user_id])
        return True
    await comings.keep_arrival(desk.tx, room_id, user_id, kind, held=False)
    since = desk.now - settings.storm_window
    here, theirs = await comings.arrivals(desk.tx, room_id, user_id.partition(":")[2], since)
    if not rules.rushes(
        here, theirs, room_limit=settings.storm_arrivals, server_limit=settings.storm_server_arrivals
    ):
        return False
    fresh = await comings.begin_storm(desk.tx, room_id)
    await comings.hold_since(desk.tx, room_id, since)
    await _silence(desk, key, room_id)
    if fresh:
        await _show(desk, key, room_id)
        await _look_again(desk, key, room_id, _LOOK)
        desk.tx.audit(SYSTEM, "moderation.storm", key)
    return True


async def _silence(desk: Desk, key: str, room_id: str) -> None:
    """Keep those from writing who are in: many at once, since each change of power burdens the homeserver."""
    where = await place(desk, key)
    if where is not None:
        await _levels(desk, where, dict.fromkeys(await comings.not_yet_mute(desk.tx, room_id), _MUTED))


async def _levels(desk: Desk, where: Place, users: Mapping[str, int | None]) -> None:
    if users:
        await outbox.put(desk.tx, Outgoing(first_bot(desk), where.lane, "levels", {"users": dict(users)}))


async def _turn_away(desk: Desk, room_id: str, users: Collection[str]) -> None:
    """Take people out, or turn down their knocks (C-S API, "Kicking users")."""
    bot = first_bot(desk)
    await outbox.put_all(desk.tx, [Outgoing(bot, room_id, "kick", {"user_id": user}) for user in users])


async def _look_again(desk: Desk, key: str, room_id: str, after: timedelta, shown: int = 1) -> None:
    await timers.set_timer(desk.tx, STORM_TIMER, key, desk.now + after, room=room_id, shown=shown)


async def tick(desk: Desk, timer: Timer) -> None:
    """Show how many wait by now; end the rush once it has been quiet."""
    key, room_id = timer.key, str(timer.facts["room"])
    known = await comings.storm(desk.tx, room_id)
    if known is None or not known.on:
        return
    quiet_at = known.last + desk.house.settings.moderation.storm_quiet
    if quiet_at <= desk.now:
        await comings.change_storm(desk.tx, room_id, on=False)
        desk.tx.audit(SYSTEM, "moderation.storm_over", key)
        if known.choice == "":
            await _show(desk, key, room_id)
        return
    await _silence(desk, key, room_id)
    shown = int(str(timer.facts.get("shown", 0)))  # looks since the message was brought up to date
    if known.choice == "" and shown >= _LOOKS_A_SHOW:
        if len(await comings.held(desk.tx, room_id)) != known.shown:
            await _show(desk, key, room_id)
        shown = 0
    await _look_again(desk, key, room_id, min(_LOOK, max(quiet_at - desk.now, _LEAST)), shown + 1)


async def _show(desk: Desk, key: str, room_id: str) -> None:
    """Say how many wait: in the one message that is there, or in a new one."""
    known = await comings.storm(desk.tx, room_id)
    if known is None:
        return
    waiting = len(await comings.held(desk.tx, room_id))
    reader = in_house(desk)
    if known.out is None and not waiting:
        return
    if known.out is None:
        message = notices.storm(reader, key, waiting, on=known.on)
        out = await to_moderators(desk, replace(message, buttons=notices.storm_buttons(key)))
        await comings.change_storm(desk.tx, room_id, out=out, shown=waiting)
    else:
        message = notices.storm(
            reader, key, waiting, on=known.on, choice="" if waiting or known.on else "over"
        )
        await to_moderators(desk, message, edits=known.out)
        await comings.change_storm(desk.tx, room_id, shown=waiting)


async def decide(desk: Desk, key: str, by: str, choice: str) -> int | None:
    """Let everybody in who waits, as far as admission allows (`in`), or turn them all away (`out`).

    While the rush lasts, those who come after `out` are turned away as well; after `in` they wait anew,
    under a new message. Returns how many there were; None if the rush is over and nobody waits.
    """
    where = await place(desk, key)
    known = None if where is None else await comings.storm(desk.tx, where.room_id)
    if where is None or known is None:
        return None
    waiting = await comings.held(desk.tx, where.room_id)
    if not waiting and not known.on:
        return None
    await comings.release(desk.tx, where.room_id)
    inside = [user for user, kind in waiting if kind == "join"]
    if choice == "in":
        free = [user for user in inside if not await is_muted(desk, user, key)]
        await _levels(desk, where, dict.fromkeys(free))
        for user, _kind in waiting:
            await announce(desk, user)
    else:
        await _turn_away(desk, where.room_id, [user for user, _kind in waiting])
        await _levels(desk, where, dict.fromkeys(inside))
    if known.out is not None:
        message = notices.storm(in_house(desk), key, len(waiting), on=False, choice=choice, by=by)
        await to_moderators(desk, message, edits=known.out)
    kept = "out" if choice == "out" and known.on else ""
    await comings.change_storm(desk.tx, where.room_id, out=None, shown=0, choice=kept)
    desk.tx.audit(by, f"moderation.storm_{choice}", key, people=len(waiting))
    return len(waiting)


async def is_muted(desk: Desk, user_id: str, key: str) -> bool:
    """Whether a mute holds against somebody in a declared room; being held in a rush is none."""
    scopes = set(scopes_of(network(desk), key))
    return any(mute.scope in scopes for mute in await store.sanctions(desk.tx, user_id, Kind.MUTE))
