"""Who is let into the declared rooms, and who loses their place: each use case is one transaction.

Every way into a room ends in a membership event, so all of them are decided here: knocks, joins by the space
of a restricted room or by an alias, members' invitations, upgraded rooms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

from bot.chat import store as chat_store
from bot.chat.desk import Desk
from bot.chat.heard import Membership
from bot.directory.service import evidence_of
from bot.directory.standing import Standing
from bot.kernel import inbox, outbox, timers
from bot.kernel.ids import new_id
from bot.kernel.inbox import InboxEntry, Incoming
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms import store as rooms_store
from bot.rooms.acls import update_acls
from bot.rooms.admission import gate, rules, store, views, welcome
from bot.rooms.admission.gate import Places
from bot.rooms.admission.rules import ADMITTED, Act, Decision, Due, Reason
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.arrivals.store import is_held
from bot.rooms.moderation.service import barred, note_arrival

LISTED, SEE = "rooms.listed", "rooms.see"
TELL_TIMER = "rooms.withdrawn"
_TELL_AFTER = timedelta(seconds=20)  # what happens together is told together
CHECK_TIMER = "rooms.check"
_AT_ONCE = 25  # people looked at in one transaction
_ONE_REFUSAL = timedelta(hours=1)
_ONE_NOTICE = timedelta(days=1)


async def decision(desk: Desk, user_id: str, room: DeclaredRoom, *, passes: Collection[str] = ()) -> Decision:
    """Whether somebody may be in a declared room now."""
    if user_id in (passes or await gate.exempt(desk)):
        return ADMITTED
    standing = (await gate.known(desk, [user_id]))[user_id]
    return rules.decide(room, standing, await barred(desk, user_id, room.key), desk.now)


# Arrivals ----------------------------------------------------------------------------------------


async def on_membership(desk: Desk, change: Membership) -> None:
    """Somebody knocked, joined, was invited or is gone: answer at once, unless the room is being stormed."""
    if desk.bot != gate.first_bot(desk.house):
        return
    key = await rooms_store.key_of(desk.tx, change.room_id)
    room = None if key is None else gate.network(desk.house).rooms.get(key)
    if room is None:
        return
    if change.now in ("leave", "ban"):
        await welcome.forget(desk, room, change.room_id, change.user_id)
        return
    passes = await gate.exempt(desk)
    storm = False
    if change.now in ("join", "knock") and change.user_id not in passes:
        storm = await note_arrival(desk, change.room_id, change.user_id, change.now)
    decided = await decision(desk, change.user_id, room, passes=passes)
    act = rules.on_membership(change.now, decided, exempt=change.user_id in passes, by_us=False)
    if storm and change.now == "knock":
        return  # it waits in the moderators' queue, and is answered when they have decided
    await _answer(desk, room, change, act, decided, quiet=storm)


async def _answer(
    desk: Desk, room: DeclaredRoom, change: Membership, act: Act, decided: Decision, *, quiet: bool
) -> None:
    user_id, room_id = change.user_id, change.room_id
    if act is Act.INVITE:
        await let_in(desk, [room.key], user_id)
    elif act is Act.WELCOME:
        await store.drop_wish(desk.tx, user_id, room.key)
        if user_id not in await gate.exempt(desk):
            await welcome.greet(desk, room, room_id, user_id, quiet=quiet)
    elif act in (Act.REJECT, Act.REMOVE):
        await outbox.put(desk.tx, gate.removal(desk, room_id, user_id))
        await welcome.forget(desk, room, room_id, user_id)
        desk.tx.audit("system", "room.refused", user_id, room=room.key, way=change.now, why=decided.reason)
        if not quiet:
            await _tell_refused(desk, room, user_id, decided)
    elif act is Act.RESCIND:
        await outbox.put(desk.tx, gate.removal(desk, room_id, user_id))
        desk.tx.audit("system", "room.refused", user_id, room=room.key, way="invite", why=decided.reason)
        await _tell_inviter(desk, room, change)


async def _tell_refused(desk: Desk, room: DeclaredRoom, user_id: str, decided: Decision) -> None:
    """Say what is missing, to people whom we may write to, and remember the wish."""
    if not gate.in_reach(desk.house, user_id):
        return
    if decided.passing:
        await store.wish(desk.tx, [(user_id, room.key)])
    mark = ("refused", user_id, room.key, str(decided.reason))
    if await chat_store.once(desk.tx, *mark, keep=_ONE_REFUSAL):
        t = await desk.translator(user_id)
        await desk.direct(user_id, views.refused(t, room, decided, desk.house.settings))


async def _tell_inviter(desk: Desk, room: DeclaredRoom, change: Membership) -> None:
    mark = ("rescinded", change.by, change.user_id, room.key)
    if gate.in_reach(desk.house, change.by) and await chat_store.once(desk.tx, *mark, keep=_ONE_NOTICE):
        t = await desk.translator(change.by)
        await desk.direct(change.by, views.rescinded(t, room, change.user_id, desk.house.settings))


async def let_in(desk: Desk, keys: Iterable[str], user_id: str, where: Places | None = None) -> None:
    """Invite somebody into rooms, and into the spaces that they stand in, where they are not already."""
    where = where or await gate.places(desk)
    declared = where.declared.rooms
    there = await gate.place_of(desk, user_id)
    passes = await gate.exempt(desk)
    wanted = list(keys)
    asked = set(wanted)
    for key in wanted:
        for space in rules.spaces_of(declared, key):
            if space.key not in asked and space.key in where.ids and space.key not in there:
                asked.add(space.key)
                if (await decision(desk, user_id, space, passes=passes)).admitted:
                    wanted.append(space.key)
    outs = [
        gate.invitation(desk, where.ids[key], user_id)
        for key in wanted
        if key in where.ids and there.get(key) not in ("join", "invite")
    ]
    await outbox.put_all(desk.tx, outs)
    for key in asked:
        await store.drop_wish(desk.tx, user_id, key)
    desk.tx.audit("system", "room.invited", user_id, rooms=len(outs))


# What is known of somebody has changed ----------------------------------------------------------


async def standing_changed(desk: Desk, entry: InboxEntry) -> None:
    """Take somebody out of rooms that they may no longer be in, and let them into those they waited for."""
    await _look_at_people(gate.at_gate(desk), [str(entry.payload["user_id"])])


async def _look_at_people(desk: Desk, people: Collection[str]) -> None:
    where = await gate.places(desk)
    if not where.ids:
        return
    standings = await _standings(desk, set(people))
    rows = []
    for user_id in standings:
        found = await desk.house.rooms.rooms_of(desk.tx, desk.bot, user_id)
        rows += [(room_id, user_id, membership) for room_id, membership in found.items()]
    await _act_on(desk, where, rows, standings)
    for user_id, standing in standings.items():
        await welcome.resume(desk, where, user_id)
        await grant_wishes(desk, where, standing)
        await welcome.suggest(desk, where, standing)


async def check(desk: Desk, people: Collection[str]) -> None:
    """Look at many people soon, some at a time, so that other work goes on meanwhile."""
    await store.check(desk.tx, people)
    if people and not await timers.is_set(desk.tx, CHECK_TIMER, "house"):
        await timers.set_timer(desk.tx, CHECK_TIMER, "house", desk.now, bot=desk.bot)


async def check_some(desk: Desk, _timer: Timer) -> None:
    """Look at the next of those who have to be looked at."""
    people = await store.take_checks(desk.tx, _AT_ONCE)
    if people:
        await _look_at_people(gate.at_gate(desk), people)
        await timers.set_timer(desk.tx, CHECK_TIMER, "house", desk.now, bot=desk.bot)


async def grant_wishes(desk: Desk, where: Places, standing: Standing) -> None:
    """Let somebody into the rooms that they waited for and may be in now; rules are accepted first."""
    now_in: list[str] = []
    for key in await store.wishes_of(desk.tx, standing.user_id):
        room = where.room(key)
        if room is None or not rules.decide(room, standing, None, desk.now).admitted:
            continue
        if await barred(desk, standing.user_id, key) is not None:
            continue
        if await welcome.at_the_door(desk, room, standing.user_id):
            now_in.append(key)
    if not now_in:
        return
    await let_in(desk, now_in, standing.user_id, where)
    if gate.in_reach(desk.house, standing.user_id):
        t = await desk.translator(standing.user_id)
        rooms = [where.declared.rooms[key] for key in now_in]
        await desk.direct(standing.user_id, views.invited(t, rooms, where.ids, desk.house.settings))


async def hospital_changed(desk: Desk, entry: InboxEntry) -> None:
    """A hospital was suspended, removed or added again: its server at once, then each of its people."""
    desk = gate.at_gate(desk)
    server = str(entry.payload["server"])
    where = await gate.places(desk)
    await update_acls(desk)
    rows = await desk.house.rooms.people_in(desk.tx, desk.bot, list(where.keys), server)
    people = {user for _room, user, _membership in rows} | await store.wishers(desk.tx, server)
    await check(desk, people - await gate.exempt(desk))


async def room_listed(desk: Desk, entry: InboxEntry) -> None:
    """A room's members have been asked for anew: look at all of them, and go on with the next room."""
    desk = gate.at_gate(desk)
    where = await gate.places(desk)
    key, _, goes_on = str(entry.payload["ref"]).partition(" ")
    await _look_at(desk, where, key)
    after = sorted(other for other in where.ids if other > key and other in where.declared.rooms)
    if goes_on and after:
        await _ask_for_members(desk, where, after[0], goes_on=True)


async def room_to_see(desk: Desk, entry: InboxEntry) -> None:
    """Look at everybody in a room, as far as they are known."""
    desk = gate.at_gate(desk)
    await _look_at(desk, await gate.places(desk), str(entry.payload["key"]))


async def _look_at(desk: Desk, where: Places, key: str) -> None:
    room_id = where.ids.get(key)
    if room_id is None:
        return
    rows = await desk.house.rooms.people_in(desk.tx, desk.bot, [room_id])
    standings = await _standings(desk, {user for _room, user, _membership in rows})
    await _act_on(desk, where, rows, standings)


async def _ask_for_members(desk: Desk, where: Places, key: str, *, goes_on: bool) -> None:
    ref = f"{key} on" if goes_on else key
    await outbox.put(desk.tx, Outgoing(desk.bot, where.ids[key], "members", {}, topic=LISTED, ref=ref))


async def look_at_everybody(desk: Desk) -> None:
    """Ask for the members of every declared room anew, one room after the other, and look at each."""
    desk = gate.at_gate(desk)
    where = await gate.places(desk)
    first = min((key for key in where.ids if key in where.declared.rooms), default=None)
    if first is not None:
        await _ask_for_members(desk, where, first, goes_on=True)


async def room_moved(desk: Desk, entry: InboxEntry) -> None:
    """A declared room was upgraded, and both rooms say so: the successor takes its place from now on."""
    old, new = str(entry.payload["old"]), str(entry.payload["new"])
    key = await rooms_store.key_of(desk.tx, old)
    if desk.bot != gate.first_bot(desk.house) or key is None:
        return
    await rooms_store.place(desk.tx, key, new)
    desk.tx.audit("system", "room.moved", key)
    await _ask_for_members(desk, await gate.places(desk), key, goes_on=False)


async def network_changed(desk: Desk) -> None:
    """Look at everybody if the network file asks for other people than when that was done last."""
    digest, where = gate.network_digest(gate.network(desk.house)), await gate.places(desk)
    if digest == await store.seen_network(desk.tx):
        return
    await store.keep_network(desk.tx, digest)
    # At once at those who are known, a room at a time so that other work goes on, then at those found.
    entries = [Incoming(desk.bot, SEE, new_id(desk.now), f"{SEE} {key}", {"key": key}) for key in where.ids]
    await inbox.put_all(desk.tx, entries)
    await look_at_everybody(desk)


async def daily(desk: Desk) -> None:
    """Find those who came in, or stayed, unnoticed."""
    await store.forget_old(desk.tx)
    await look_at_everybody(desk)


async def _standings(desk: Desk, people: set[str]) -> dict[str, Standing]:
    """Where these people stand, without moderators and bots."""
    return await gate.known(desk, sorted(people - await gate.exempt(desk)))


async def _act_on(
    desk: Desk, where: Places, rows: Collection[tuple[str, str, str]], standings: Mapping[str, Standing]
) -> None:
    """Do all that has to be done about these people's places, in one go."""
    bars: dict[tuple[str, str], str] = {}
    held = set()
    for room_id, user in {(room_id, user) for room_id, user, membership in rows if membership == "knock"}:
        if await is_held(desk.tx, room_id, user):
            held.add((room_id, user))
        elif user in standings and (code := await barred(desk, user, where.keys[room_id])) is not None:
            bars[user, where.keys[room_id]] = code
    rows = [row for row in rows if (row[0], row[1]) not in held or row[2] != "knock"]
    present = gate.presences(where, rows)
    dues = list(rules.sweep(where.declared.rooms, present, standings, bars, desk.now))
    later = sorted({due.presence.user_id for due in dues})[_AT_ONCE:]
    await check(desk, later)
    dues = [due for due in dues if due.presence.user_id not in set(later)]
    for due in dues:
        if due.act is Act.INVITE:
            await let_in(desk, [due.presence.key], due.presence.user_id, where)
        elif due.act is Act.REJECT:
            room = where.declared.rooms[due.presence.key]
            await outbox.put(desk.tx, gate.removal(desk, where.ids[room.key], due.presence.user_id))
            await _tell_refused(desk, room, due.presence.user_id, due.decision)
    await _withdraw(desk, where, [due for due in dues if due.act in (Act.REMOVE, Act.RESCIND)], standings)


async def _withdraw(
    desk: Desk, where: Places, dues: Collection[Due], standings: Mapping[str, Standing]
) -> None:
    """Take people out of rooms: all of it is queued at once, so that 60 rooms take seconds."""
    if not dues:
        return
    outs = [gate.removal(desk, where.ids[due.presence.key], due.presence.user_id) for due in dues]
    await outbox.put_all(desk.tx, outs)
    await welcome.forget_all(desk, where, dues)
    back = {(due.presence.user_id, due.presence.key) for due in dues if due.decision.passing}
    await store.wish(desk.tx, back)  # they come back as soon as they may
    lost: dict[str, list[Due]] = {}
    for due in dues:
        lost.setdefault(due.presence.user_id, []).append(due)
    for user_id, theirs in lost.items():
        desk.tx.audit("system", "room.withdrawn", user_id, rooms=len(theirs), why=theirs[0].decision.reason)
        if gate.in_reach(desk.house, user_id):
            t = await desk.translator(user_id)
            rooms = [where.declared.rooms[due.presence.key] for due in theirs]
            await desk.direct(user_id, views.withdrawn(t, rooms, theirs[0].decision, desk.house.settings))
    await _note_for_moderators(desk, lost, standings)


async def _note_for_moderators(
    desk: Desk, lost: Mapping[str, Collection[Due]], standings: Mapping[str, Standing]
) -> None:
    """Moderators learn of those who lost their place otherwise than by time; many of them in one line."""
    if not desk.house.settings.moderators:
        return
    by_time = [
        user for user, dues in lost.items() if all(due.decision.reason is Reason.EXPIRED for due in dues)
    ]
    evidence = await evidence_of(desk, by_time)
    ended = {
        user
        for user in by_time
        if not any(one.withdrawn is not None and one.level > standings[user].level for one in evidence[user])
    }
    noted = {user: len(dues) for user, dues in lost.items() if user not in ended}
    if noted:
        await store.note_withdrawn(desk.tx, noted)
        if not await timers.is_set(desk.tx, TELL_TIMER, "house"):
            await timers.set_timer(desk.tx, TELL_TIMER, "house", desk.now + _TELL_AFTER, bot=desk.bot)


async def tell_moderators(desk: Desk, _timer: Timer) -> None:
    """Say who lost their place since the last time, in one line."""
    people = Counter(await store.take_withdrawn(desk.tx))
    if people:
        await desk.send("room:moderators", views.to_moderators(desk.house_translator(), people))
