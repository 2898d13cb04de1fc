"""Reading policy lists: entering their rooms, and going through our rooms whenever a list has changed."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Collection
from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Desk, House
from bot.chat.message import Message
from bot.kernel import outbox, timers
from bot.kernel.db import Database, Tx
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms import acls
from bot.rooms import store as rooms
from bot.rooms.model import PolicyList
from bot.rooms.moderation import service as moderation
from bot.rooms.moderation.lists import store, views
from bot.rooms.moderation.lists.rules import Rule
from bot.rooms.moderation.lists.service import Subscription, declared_lists, subscriptions

log = logging.getLogger(__name__)

ENTERED_TOPIC = "lists.entered"
STATE_TOPIC = "matrix.state"
REVIEW_TIMER = "lists.review"
ENTER_TIMER = "lists.enter"
_SETTLED = timedelta(seconds=3)  # a list of thousands of rules comes in several pieces
_AGAIN = timedelta(hours=1)
_LOOK_SECONDS = 5.0

Hits = dict[str, dict[str, Rule]]  # room id → who → why


async def keep_looking(house: House, database: Database) -> None:
    """Follow the network file: enter lists declared since, leave those declared no more, until cancelled."""
    last: tuple[PolicyList, ...] | None = None
    while True:
        declared = declared_lists(house)
        if declared is not None and declared != last:
            async with database.begin() as tx:
                await follow(_first(house, tx))
            last = declared
        await asyncio.sleep(_LOOK_SECONDS)


async def follow(desk: Desk) -> None:
    """Enter the rooms of declared lists that we are not in, and leave the others."""
    declared, known = declared_lists(desk.house), await store.known(desk.tx)
    if declared is None:
        return
    for one in declared:
        if one.room not in known:
            await store.add(desk.tx, one.room)
        if one.room not in known or known[one.room].room_id is None:
            await _enter(desk, one)
    gone = [known[room] for room in known.keys() - {one.room for one in declared}]
    for place in gone:
        await store.remove(desk.tx, place.room)
        if place.room_id is not None:
            await outbox.put(desk.tx, Outgoing(desk.bot, place.room_id, "leave", {}))
    if any(place.denied for place in gone):
        await acls.update_acls(desk)
    if declared or known:
        await timers.set_timer(desk.tx, REVIEW_TIMER, "lists", desk.now)


async def _enter(desk: Desk, declared: PolicyList) -> None:
    if not await outbox.is_pending(desk.tx, desk.bot, declared.room, "join"):
        body = {"via": list(declared.via)}
        await outbox.put(desk.tx, Outgoing(desk.bot, declared.room, "join", body, topic=ENTERED_TOPIC))


async def entered(desk: Desk, entry: InboxEntry) -> None:
    """We are in a list's room now, or could not enter it: then the moderators are told, once."""
    desk = _first(desk.house, desk.tx)
    room, room_id = str(entry.payload["room"]), entry.payload["room_id"]
    known = (await store.known(desk.tx)).get(room)
    if known is None:
        return
    if room_id is not None:
        await store.entered(desk.tx, room, str(room_id))
        await _review_soon(desk)
        return
    await timers.set_timer(desk.tx, ENTER_TIMER, "lists", desk.now + _AGAIN)
    if not known.failed:
        await store.unreachable(desk.tx, room)
        desk.tx.audit("system", "list.unreachable", room)
        await _tell(desk, views.unreachable(desk.house_translator(), room))


async def enter_again(desk: Desk, _timer: Timer) -> None:
    """Try to enter the rooms that could not be entered."""
    await follow(_first(desk.house, desk.tx))


async def daily(desk: Desk) -> None:
    """Enter every list's room once more: whoever was put out of one notices, and an alias may have moved."""
    desk = _first(desk.house, desk.tx)
    for one in declared_lists(desk.house) or ():
        await _enter(desk, one)


async def state_changed(desk: Desk, entry: InboxEntry) -> None:
    """A room's kept state is another one: of a list's room, the rules."""
    desk = _first(desk.house, desk.tx)
    if entry.bot == desk.bot and await store.changed(desk.tx, str(entry.payload["room_id"])):
        await _review_soon(desk)


async def _review_soon(desk: Desk) -> None:
    if not await timers.is_set(desk.tx, REVIEW_TIMER, "lists"):
        await timers.set_timer(desk.tx, REVIEW_TIMER, "lists", desk.now + _SETTLED)


async def review(desk: Desk, _timer: Timer) -> None:
    """Go through everybody in our rooms: ban and lift as applied lists say, tell the moderators of each."""
    desk = _first(desk.house, desk.tx)
    if declared_lists(desk.house) is None:
        return  # the file is broken, which lifts nothing; once it is whole again, we come back
    places = {one.room_id: one.key for one in await rooms.placed(desk.tx) if not one.archived}
    people = await desk.house.rooms.people_in(desk.tx, desk.bot, list(places)) if places else []
    known, followed = await store.known(desk.tx), await subscriptions(desk)
    applied = [one for one in followed if one.declared.apply]
    await _lift(desk, applied, places.keys())
    changed = False
    for one in followed:
        place = known.get(one.declared.room)
        if place is None or place.room_id is None:
            continue
        hits = _hits(one, people)
        if one.declared.apply:
            await _ban(desk, hits, places)
            banned = [(room, user, "ban") for room, user in await store.bans(desk.tx) if room in places]
            hits = _hits(one, [*people, *banned])
        denied = one.book.servers() if one.declared.apply else frozenset()
        if denied != place.denied:
            await store.keep_denied(desk.tx, place.room, denied)
            changed = True
        listed_rooms = [key for room_id, key in places.items() if one.book.about_room(room_id)]
        await _summarise(desk, one, place, {places[room]: who for room, who in hits.items()}, listed_rooms)
    if changed:
        await acls.update_acls(desk)


def _hits(one: Subscription, people: Collection[tuple[str, str, str]]) -> Hits:
    """Who of these people stands on a list, by room."""
    about = {user: one.book.about(user) for user in {user for _room, user, _membership in people}}
    hits: Hits = {}
    for room_id, user, _membership in people:
        if (rule := about[user]) is not None:
            hits.setdefault(room_id, {})[user] = rule
    return hits


async def _ban(desk: Desk, hits: Hits, places: dict[str, str]) -> None:
    """Ban who stands on an applied list; no reason is given, for what others wrote there is theirs."""
    done = await store.bans(desk.tx)
    fresh = [(room, user) for room, people in hits.items() for user in people if (room, user) not in done]
    await store.keep_bans(desk.tx, fresh)
    outs = [Outgoing(desk.bot, room, "ban", {"user_id": user}) for room, user in fresh]
    await outbox.put_all(desk.tx, outs)
    for room, user in fresh:
        desk.tx.audit("system", "list.ban", user, room=places[room])


async def _lift(desk: Desk, applied: Collection[Subscription], ours: Collection[str]) -> None:
    """Lift the bans of those who stand on no applied list any more, unless the moderators banned them too."""
    for room_id, user in sorted(await store.bans(desk.tx)):
        if any(one.book.about(user) is not None for one in applied):
            continue
        await store.drop_ban(desk.tx, room_id, user)
        key = await rooms.key_of(desk.tx, room_id)
        if room_id in ours and await moderation.barred(desk, user, key) is None:
            await outbox.put(desk.tx, Outgoing(desk.bot, room_id, "unban", {"user_id": user}))
            desk.tx.audit("system", "list.unban", user, room=key)


async def _summarise(
    desk: Desk, one: Subscription, place: store.Known, hits: dict[str, dict[str, Rule]], listed: list[str]
) -> None:
    """Tell the moderators of a list, or correct what they were told, when it is something else now."""
    if not desk.house.settings.moderators:
        return
    t = desk.house_translator()
    message = views.summary(t, one, hits, listed, views.titles(desk, [*hits, *listed], t.language))
    what = _digest([message.body.plain])
    facts = await desk.house.rooms.facts(desk.tx, desk.bot, MODERATORS_ROOM)
    told_in = "" if facts is None else facts.room_id
    if what == place.told_what and told_in == (place.told_in or told_in):
        return
    edits = place.told if told_in and told_in == place.told_in else None
    if edits is not None and await outbox.event_of(desk.tx, edits) is None:
        edits = None  # not arrived, or so long ago that it is forgotten
    out = await desk.send(MODERATORS_ROOM, message, edits=edits)
    await store.keep_told(desk.tx, place.room, edits or out, told_in, what)


async def _tell(desk: Desk, message: Message) -> None:
    if desk.house.settings.moderators:
        await desk.send(MODERATORS_ROOM, message)


def _digest(parts: Collection[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()


def _first(house: House, tx: Tx) -> Desk:
    """A use case of the first bot, which reads the lists and has the power in our rooms."""
    return Desk(house, tx, next(iter(house.bot_users)))
