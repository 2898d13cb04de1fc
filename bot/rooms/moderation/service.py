"""The use cases of moderation: each is one transaction, and does what the rules allow."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

from bot.chat.desk import Desk
from bot.chat.message import Message
from bot.directory.moderators import moderators
from bot.kernel import outbox, timers
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms.moderation import rules, store, views
from bot.rooms.moderation.arrivals import store as comings
from bot.rooms.moderation.lists.service import listed
from bot.rooms.moderation.model import EVERYWHERE, LASTING, ON_ROOMS, STRIKES, SYSTEM, Action, Kind, Plan
from bot.rooms.moderation.people import in_house, reader_of, tell, to_moderators
from bot.rooms.moderation.places import Place, first_bot, network, place, places, scopes_of
from bot.rooms.moderation.raids import is_muted as is_muted
from bot.rooms.moderation.raids import note_arrival as note_arrival

BANNED, LISTED = "banned", "policy-list"
END_TIMER = "moderation.end"
MUTED = -1  # below every level that a room may ask for writing
_SPEAKING = ("m.room.message", "m.room.encrypted", "m.reaction", "m.sticker")


# What other features ask -------------------------------------------------------------------------


async def barred(desk: Desk, user_id: str, key: str | None) -> str | None:
    """Why somebody may not be in a declared room (None: in any room at all), as a short code; else None."""
    scopes = {EVERYWHERE} if key is None else set(scopes_of(network(desk), key))
    banned = await store.sanctions(desk.tx, user_id, Kind.BAN)
    if any(ban.scope in scopes for ban in banned):
        return BANNED
    return LISTED if await listed(desk, user_id) else None


async def muted(desk: Desk, user_id: str, key: str) -> bool:
    """Whether a moderator has muted somebody in a declared room: whoever lifts another mute must ask."""
    if await is_muted(desk, user_id, key):
        return True
    where = await place(desk, key)
    return where is not None and await comings.is_held(desk.tx, where.room_id, user_id)


async def locked(desk: Desk, key: str) -> bool:
    """Whether a declared room is locked now: its `events_default` is not as declared, and shall not be."""
    scopes = set(scopes_of(network(desk), key))
    return any(lock.scope in scopes for lock in await store.modes(desk.tx, Kind.LOCK))


# Doing -------------------------------------------------------------------------------------------


async def carry_out(desk: Desk, plan: Plan, by: str, *, quiet: bool = False) -> Action:
    """Do what a plan says, keep it, tell the person (unless `quiet`), and set the timer that ends it."""
    facts: dict[str, object] = {}
    until = desk.now + plan.length if plan.length is not None and plan.kind in LASTING else None
    where = await places(desk, plan.scope)
    if plan.who is not None:
        facts = await _on_person(desk, plan, plan.who, where)
    elif plan.kind in ON_ROOMS:
        facts = await _on_rooms(desk, plan, where, by)
    action = await store.add_action(
        desk.tx,
        Action("", plan.kind, by, plan.who, plan.scope, desk.now, until, plan.reason, facts=facts),
        plan.note,
    )
    if until is not None:
        await timers.set_timer(desk.tx, END_TIMER, action.id, until)
    _audit(desk, by, plan.kind.value, action)
    text = views.TOLD.get(plan.kind)
    if plan.who is not None and text is not None and not quiet:
        await tell(desk, plan.who, views.told(await reader_of(desk, plan.who), action, text))
    if plan.kind in ON_ROOMS:
        await _tell_rooms(desk, where, action)
    return action


async def note_by_hand(desk: Desk, kind: Kind, by: str, who: str, key: str) -> None:
    """Keep a ban or a removal that somebody made in their client: it counts like one of the bot's."""
    action = Action("", kind, by, who, key, desk.now, facts={"by_hand": True, "rooms": [key]})
    action = await store.add_action(desk.tx, action)
    _audit(desk, by, kind.value, action)


async def _on_person(desk: Desk, plan: Plan, who: str, where: Sequence[Place]) -> dict[str, object]:
    inside = await desk.house.rooms.rooms_of(desk.tx, first_bot(desk), who)
    present = [one for one in where if one.room_id in inside]
    reason = state_reason(desk, plan.reason)
    match plan.kind:
        case Kind.MUTE:
            await _levels(desk, [one for one in where if not one.space], present, {who: MUTED})
        case Kind.KICK:
            await _members(desk, present, "kick", who, reason)
        case Kind.BAN:
            await _members(desk, where, "ban", who, reason)
        case Kind.UNMUTE | Kind.UNBAN:
            kind = Kind.MUTE if plan.kind is Kind.UNMUTE else Kind.BAN
            lifted = await store.sanctions(desk.tx, who, kind)
            for one in lifted:
                await store.end_action(desk.tx, one.id, SYSTEM)
                await _lift(desk, one)
            if kind is Kind.BAN and not lifted:  # one from before the bot was here
                await _members(desk, where, "unban", who)
            return {"lifted": [one.id for one in lifted]}
        case Kind.REDACT:
            await redact(desk, plan.events, reason)
            return {"count": len(plan.events)}
        case _:
            return {}
    return {"rooms": [one.key for one in present if inside[one.room_id] == "join"]}


async def _on_rooms(desk: Desk, plan: Plan, where: Sequence[Place], by: str) -> dict[str, object]:
    rooms = [one for one in where if not one.space]
    if plan.kind is Kind.SLOW:
        await _end_modes(desk, Kind.SLOW, rooms, by)
        for one in rooms:
            await store.set_slow(desk.tx, one.key, plan.seconds)
        return {"seconds": plan.seconds}
    await _end_modes(desk, Kind.LOCK, rooms, by)
    for one in rooms:
        await _lock(desk, one, shut=plan.kind is Kind.LOCK)
    return {}


async def _end_modes(desk: Desk, kind: Kind, where: Sequence[Place], by: str) -> None:
    """End what held in these rooms before, so that no earlier timer undoes what is decided now."""
    keys = {one.key for one in where}
    for before in await store.modes(desk.tx, kind):
        theirs = {one.key for one in await places(desk, before.scope) if not one.space}
        if theirs <= keys:
            await store.end_action(desk.tx, before.id, by)
            await timers.cancel(desk.tx, END_TIMER, before.id)


async def _lock(desk: Desk, where: Place, *, shut: bool) -> None:
    """Let only moderators write in a room, or whoever could before, as the network file declares it."""
    room = network(desk).rooms.get(where.key)
    power = None if room is None else room.power
    before = 0 if power is None else power.events_default
    top = 50 if power is None else power.moderators
    events = {} if power is None else {kind: power.events[kind] for kind in _SPEAKING if kind in power.events}
    change: dict[str, Any] = {"events_default": max(top, before) if shut else before}
    if events:
        change["events"] = {kind: max(top, level) if shut else level for kind, level in events.items()}
    await _put(desk, [Outgoing(first_bot(desk), where.lane, "levels", {"set": change})])


async def redact(desk: Desk, event_ids: Iterable[str], reason: str = "") -> None:
    """Remove messages; those that are not known are passed over."""
    outs, gone = [], []
    for event_id in event_ids:
        known = await store.sender_of(desk.tx, event_id)
        if known is not None:
            body = {"event_id": event_id, "reason": reason}
            outs.append(Outgoing(first_bot(desk), known[0], "redact", body))
            gone.append(event_id)
    await _put(desk, outs)
    await store.forget_messages(desk.tx, gone)


async def _levels(
    desk: Desk, where: Sequence[Place], present: Collection[Place], users: Mapping[str, int | None]
) -> None:
    """Change people's power in the rooms that they are in; in others it is done when they come."""
    outs = [
        Outgoing(first_bot(desk), one.lane, "levels", {"users": dict(users)})
        for one in where
        if one in present
    ]
    await _put(desk, outs)


async def usual_level(desk: Desk, where: Place, user_id: str) -> int | None:
    """Somebody's own power level in a room when nothing is held against them; None: as everybody's."""
    if user_id not in await moderators(desk):
        return None
    room = network(desk).rooms.get(where.key)
    return 50 if room is None else room.power.moderators


async def _members(desk: Desk, where: Sequence[Place], op: str, who: str, reason: str = "") -> None:
    body = {"user_id": who, **({"reason": reason} if reason and op in ("kick", "ban") else {})}
    await _put(desk, [Outgoing(first_bot(desk), one.lane, op, body) for one in where])


async def _put(desk: Desk, outs: Sequence[Outgoing]) -> None:
    if outs:
        await outbox.put_all(desk.tx, outs)


def state_reason(desk: Desk, number: int | None) -> str:
    """What the room's state says why: the template's text, which names nobody."""
    return in_house(desk).reason(number).plain


async def _tell_rooms(desk: Desk, where: Sequence[Place], action: Action) -> None:
    message = views.to_room(in_house(desk), action)
    speaker = Desk(desk.house, desk.tx, first_bot(desk))
    for one in where:
        if not one.space:
            # It says nothing of anybody; during a rush nobody waits for the keys of hundreds of strangers.
            storm = await comings.storm(desk.tx, one.room_id)
            await speaker.send(one.room_id, message, clear=storm is not None and storm.on)


def _audit(desk: Desk, by: str, what: str, action: Action) -> None:
    until = action.until.isoformat() if action.until is not None else None
    desk.tx.audit(
        by, f"moderation.{what}", action.who or action.scope, id=action.id, scope=action.scope, until=until,
        reason=action.reason,
    )  # fmt: skip


# Ending ------------------------------------------------------------------------------------------


async def _lift(desk: Desk, action: Action) -> None:
    """Take the effect of an action back, where no other one still wants it."""
    await timers.cancel(desk.tx, END_TIMER, action.id)
    where = await places(desk, action.scope)
    declared = network(desk)
    if action.who is None:
        holding = {one.scope for one in await store.modes(desk.tx, action.kind) if one.id != action.id}
        for one in where:
            if one.space or holding & set(scopes_of(declared, one.key)):
                continue
            if action.kind is Kind.LOCK:
                await _lock(desk, one, shut=False)
            else:
                await store.set_slow(desk.tx, one.key, 0)
        return
    holding = {
        one.scope for one in await store.sanctions(desk.tx, action.who, action.kind) if one.id != action.id
    }
    free = [one for one in where if not holding & set(scopes_of(declared, one.key))]
    if action.kind is Kind.BAN:
        if not await listed(desk, action.who):
            await _members(desk, free, "unban", action.who)
    elif action.kind is Kind.MUTE:
        inside = await desk.house.rooms.rooms_of(desk.tx, first_bot(desk), action.who)
        keys = {*_keys(action), *(one.key for one in free if one.room_id in inside)}
        free = [
            one
            for one in free
            if not one.space
            and one.key in keys
            and not await comings.is_held(desk.tx, one.room_id, action.who)
        ]
        for one in free:
            await _levels(desk, [one], [one], {action.who: await usual_level(desk, one, action.who)})


def _keys(action: Action) -> list[str]:
    found = action.facts.get("rooms")
    return [str(key) for key in found] if isinstance(found, list) else []


async def undo(desk: Desk, action: Action, by: str) -> str | None:
    """Take an action back and tell the person; returns a code when that cannot be.

    `over`: it has ended already. `gone`: what was removed cannot be brought back.
    """
    if action.kind is Kind.REDACT:
        return "gone"
    if not await store.end_action(desk.tx, action.id, by):
        return "over"
    if action.kind in (Kind.UNMUTE, Kind.UNBAN):
        await _restore(desk, action, by)
    elif action.kind is Kind.UNLOCK:
        await carry_out(desk, Plan(Kind.LOCK, scope=action.scope), by)
    elif action.kind in LASTING:
        await _lift(desk, action)
    if action.kind in (Kind.KICK, Kind.BAN) and action.who is not None:
        keys = set(_keys(action))
        back = [one for one in await places(desk, action.scope) if one.key in keys]
        back = [one for one in back if await barred(desk, action.who, one.key) is None]
        await _members(desk, back, "invite", action.who)
    _audit(desk, by, "undo", action)
    if action.who is not None and action.kind in views.TAKEN_BACK:
        now = replace(action, ended=desk.now, ended_by=by)
        message = views.told(await reader_of(desk, action.who), now, views.TAKEN_BACK[action.kind])
        await tell(desk, action.who, message)
    elif action.kind in (Kind.LOCK, Kind.SLOW):
        kind = Kind.UNLOCK if action.kind is Kind.LOCK else Kind.SLOW
        over = replace(action, kind=kind, facts={}, reason=None, until=None)
        await _tell_rooms(desk, await places(desk, action.scope), over)
    return None


async def _restore(desk: Desk, action: Action, by: str) -> None:
    """Put back what was lifted, for the time that was left."""
    lifted = action.facts.get("lifted")
    for action_id in lifted if isinstance(lifted, list) else []:
        before = await store.action(desk.tx, str(action_id))
        if before is None or (before.until is not None and before.until <= desk.now):
            continue
        left: timedelta | None = None if before.until is None else before.until - desk.now
        await carry_out(desk, Plan(before.kind, before.who, before.scope, left, before.reason), by)


async def ended(desk: Desk, timer: Timer) -> None:
    """A mute, a ban, a lock or slow mode has run its time."""
    action = await store.action(desk.tx, timer.key)
    if action is None or not await store.end_action(desk.tx, action.id, SYSTEM):
        return
    await _lift(desk, action)
    _audit(desk, SYSTEM, "over", action)
    if action.who is not None:
        now = replace(action, ended=desk.now, ended_by=SYSTEM)
        text = views.TAKEN_BACK.get(action.kind)
        if text is not None:
            await tell(desk, action.who, views.told(await reader_of(desk, action.who), now, text))
    else:
        kind = Kind.UNLOCK if action.kind is Kind.LOCK else Kind.SLOW
        over = replace(action, kind=kind, facts={}, reason=None, until=None)
        await _tell_rooms(desk, await places(desk, action.scope), over)


# Showing -----------------------------------------------------------------------------------------


async def confirmation(desk: Desk, reader: views.Reader, action: Action) -> Message:
    """What the moderators read once something is done, with the next step where strikes have added up."""
    settings = desk.house.settings.moderation
    count, step = 0, None
    if action.who is not None and action.kind in STRIKES:
        count = await strikes(desk, action.who)
        next_step = rules.next_step(count, settings.strikes)
        if next_step is not None and rules.goes_further(next_step, action):
            step = (next_step.kind, next_step.length)
    return views.done(reader, action, strikes=count, next_step=step, rooms=len(_keys(action)))


async def strikes(desk: Desk, user_id: str) -> int:
    """How many strikes count against somebody now."""
    days = desk.house.settings.moderation.strike_days
    since = desk.now - timedelta(days=days)
    return rules.strikes(await store.actions(desk.tx, who=user_id, since=since), desk.now, days)


async def announce(desk: Desk, action: Action) -> None:
    """Tell the moderators' room what was done."""
    await to_moderators(desk, await confirmation(desk, in_house(desk), action))


async def refusal(desk: Desk, plan: Plan, by: str) -> str | None:
    """Why a moderator may not do this alone (see `rules.refusal`)."""
    ours = set(desk.house.bot_users.values())
    return rules.refusal(plan, by, bots=ours, moderators=await moderators(desk))


def kept(plan: Plan) -> dict[str, Any]:
    """A plan as JSON."""
    length = None if plan.length is None else int(plan.length.total_seconds())
    return {**asdict(plan), "kind": plan.kind.value, "length": length}


def opened(value: Mapping[str, Any]) -> Plan:
    """A plan from its JSON."""
    length = None if value["length"] is None else timedelta(seconds=value["length"])
    return Plan(**{**value, "kind": Kind(value["kind"]), "length": length, "events": tuple(value["events"])})


def with_reason(plan: Plan, number: int) -> Plan:
    """The same plan for the reason with this number."""
    return replace(plan, reason=number)
