"""Who somebody is, as far as it is proven: standings, and every change of one.

A change of a standing, its expiry among them, puts one inbox entry of topic `directory.standing`, whose
handler lets them into rooms or takes them out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

from bot.chat.desk import Desk, House
from bot.directory import rules, store, views
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import RosterFile
from bot.directory.standing import HOLD, VOUCH, Evidence, Level, Standing, standing
from bot.directory.store import Kept
from bot.kernel import inbox, timers
from bot.kernel.ids import new_id
from bot.kernel.inbox import Incoming
from bot.kernel.timers import Timer

STANDING = "directory.standing"
EXPIRY_TIMER = "directory.expiry"
ROSTER = "roster"
_AT_ONCE = 200
_AN_INSTANT = timedelta(milliseconds=1)


def hospitals_of(house: House) -> HospitalBook:
    """The house's hospitals, with all that is known of them."""
    book = house.hospitals
    if not isinstance(book, HospitalBook):
        raise TypeError("the house has no hospital book")
    return book


async def evidence_of(desk: Desk, user_ids: Collection[str]) -> dict[str, list[Evidence]]:
    """All that speaks for these people: what is kept, the roster, and what their hospital proves."""
    kept = await store.evidence_of(desk.tx, user_ids)
    clinicians = desk.house.part(RosterFile).current.clinicians
    book = hospitals_of(desk.house)
    found = {}
    for user_id in user_ids:
        listed = clinicians.get(user_id)
        found[user_id] = rules.with_sources(
            kept.get(user_id, []),
            desk.now,
            roster=Level[listed.level] if listed is not None else Level.L0,
            server=book.proves(_server(user_id)),
        )
    return found


async def standing_of(desk: Desk, user_id: str) -> Standing:
    """Somebody's standing now."""
    return (await standings_of(desk, [user_id]))[user_id]


async def standings_of(desk: Desk, user_ids: Collection[str]) -> dict[str, Standing]:
    """Many people's standings now, in a statement for every few thousand of them."""
    state = cache(hospitals_of(desk.house).state)
    return {
        user_id: standing(user_id, evidence, state(_server(user_id)), desk.now)
        for user_id, evidence in (await evidence_of(desk, user_ids)).items()
    }


async def add_evidence(
    desk: Desk, user_id: str, method: str, level: Level, *, until: datetime | None, by: str, ref: str = ""
) -> None:
    """Let a method speak for somebody until a moment (None: no end), in place of what it said before.

    `by` is who saw to it: a Matrix id, or the name of a source such as `scim`. `ref` is sealed.
    """
    before = await standing_of(desk, user_id)
    earlier = await _kept_of(desk, user_id)
    since = rules.since(earlier, method, level, desk.now)
    await store.keep_evidence(desk.tx, Kept(user_id, Evidence(method, level, since, until), by), ref)
    desk.tx.audit(by, "verified", user_id, method=method, level=level.name)
    await note_change(desk, before)


async def withdraw(desk: Desk, user_id: str, *, by: str, method: str | None = None) -> bool:
    """End what a method says of somebody, or all that speaks for them; False if nothing did.

    When a person (a moderator) withdraws all, nothing counts any more, not even the roster or
    what the person proves again by themselves, until `lift`.
    """
    before = await standing_of(desk, user_id)
    hold = method is None and by.startswith("@") and not await is_held(desk, user_id)
    ended = await store.withdraw_evidence(desk.tx, user_id, method)
    if hold:
        held = Evidence(HOLD, Level.L0, desk.now)
        await store.keep_evidence(desk.tx, Kept(user_id, held, by), "")
        await store.drop_code(desk.tx, user_id)
    if not ended and not hold:
        return False
    desk.tx.audit(by, "unverified", user_id, method=method or "all")
    await note_change(desk, before)
    return True


async def lift(desk: Desk, user_id: str, *, by: str) -> bool:
    """Let evidence count again for somebody from whom a moderator had withdrawn all; False if none had."""
    return await is_held(desk, user_id) and await withdraw(desk, user_id, by=by, method=HOLD)


async def restore(desk: Desk, user_id: str, *, by: str) -> bool:
    """Take a moderator's withdrawal back: what counted before it counts again; False if there was none."""
    hold = next((one for one in await _kept_of(desk, user_id) if one.method == HOLD), None)
    if hold is None or not hold.counts(desk.now):
        return False
    before = await standing_of(desk, user_id)
    await store.withdraw_evidence(desk.tx, user_id, HOLD)
    await store.restore_evidence(desk.tx, user_id, hold.since)
    desk.tx.audit(by, "verified", user_id, method="restored")
    await note_change(desk, before)
    return True


async def is_held(desk: Desk, user_id: str) -> bool:
    """Whether a moderator has withdrawn all that speaks for somebody."""
    return await counts(desk, user_id, HOLD)


async def counts(desk: Desk, user_id: str, *methods: str) -> bool:
    """Whether one of these methods has something to say of somebody now."""
    return any(one.method in methods and one.counts(desk.now) for one in await _kept_of(desk, user_id))


async def _kept_of(desk: Desk, user_id: str) -> list[Evidence]:
    return (await store.evidence_of(desk.tx, [user_id])).get(user_id, [])


async def announce(desk: Desk, user_id: str) -> None:
    """Let those who guard the rooms know that somebody's standing may have changed."""
    entry = Incoming(
        bot=next(iter(desk.house.bot_users)),
        topic=STANDING,
        source=new_id(desk.now),
        lane=f"standing {user_id}",
        payload={"user_id": user_id},
    )
    await inbox.put(desk.tx, entry)


async def note_change(desk: Desk, before: Standing) -> None:
    """Do what follows when something that speaks for somebody may have changed; nothing if it has not."""
    after = await standing_of(desk, before.user_id)
    if after != before:
        await announce(desk, before.user_id)
    await set_expiry(desk, after)
    await review_around(desk, before.user_id)


async def set_expiry(desk: Desk, now: Standing) -> None:
    """Set the timer for a standing's next moment: the warning of its end, then its end."""
    key = _timer_key(now.user_id)
    moment = rules.next_moment(now.until, desk.now, desk.house.settings.verification.warning)
    if moment is None:
        await timers.cancel(desk.tx, EXPIRY_TIMER, key)
    else:
        await timers.set_timer(desk.tx, EXPIRY_TIMER, key, moment, user_id=now.user_id)


async def expiry_due(desk: Desk, timer: Timer) -> None:
    """Warn somebody that their verification is about to end, or tell them and the rooms that it has."""
    user_id = str(timer.facts["user_id"])
    evidence = (await evidence_of(desk, [user_id]))[user_id]
    hospital = hospitals_of(desk.house).state(_server(user_id))
    before = standing(user_id, evidence, hospital, timer.due_at - _AN_INSTANT)
    now = standing(user_id, evidence, hospital, desk.now)
    t = await desk.translator(user_id)
    if now.level < before.level:
        await announce(desk, user_id)
        await desk.direct(user_id, views.ended(t, now, desk.house.settings.prefix))
        desk.tx.audit("system", "verification.ended", user_id, level=now.level.name)
        await review_around(desk, user_id)
    elif now.until is not None and now.until <= desk.now + desk.house.settings.verification.warning:
        methods = rules.supporting(evidence, now.level, desk.now)
        await desk.direct(user_id, views.ending(t, now, methods, desk.now, desk.house.settings.prefix))
    await set_expiry(desk, now)


# Vouching ----------------------------------------------------------------------------------------


async def base_of(desk: Desk, user_ids: Collection[str]) -> dict[str, rules.Base]:
    """What is known of people without what others vouch: from when to when they are at least L3."""
    book = hospitals_of(desk.house)
    found = {}
    for user_id, evidence in (await evidence_of(desk, user_ids)).items():
        server = _server(user_id)
        found[user_id] = rules.base(user_id, server, book.state(server), evidence, desk.now)
    return found


async def review_around(desk: Desk, *user_ids: str) -> None:
    """Look again at everybody for whom these people vouch, and at themselves: levels may have changed."""
    vouches = await store.vouches_around(desk.tx, user_ids)
    for candidate in sorted({vouch.candidate for vouch in vouches if vouch.ended_at is None}):
        await review(desk, candidate)


async def review(desk: Desk, candidate: str) -> None:
    """Give somebody what the vouches for them are worth now, or take it away."""
    vouches = [
        one
        for one in await store.vouches_around(desk.tx, [candidate])
        if one.candidate == candidate and one.ended_at is None
    ]
    settings = desk.house.settings.verification
    people = await base_of(desk, [candidate, *(one.voucher for one in vouches)])
    made = {one.voucher: one.made_at for one in vouches}
    worth = rules.vouched_until(
        people[candidate], [people[who] for who in made], made, settings.vouchers, settings.vouch, desk.now
    )
    kept = await _kept_of(desk, candidate)
    current = next((one for one in kept if one.method == VOUCH and one.counts(desk.now)), None)
    if worth is None and current is None:
        return
    if worth is not None and current is not None and current.until == worth.until:
        return
    before = await standing_of(desk, candidate)
    if worth is None:
        await store.withdraw_evidence(desk.tx, candidate, VOUCH)
        desk.tx.audit("system", "unverified", candidate, method=VOUCH)
    else:
        since = current.since if current is not None else desk.now
        vouched = Evidence(VOUCH, Level.L4, since, worth.until)
        await store.keep_evidence(desk.tx, Kept(candidate, vouched, "system"), "")
        if current is None:
            desk.tx.audit("system", "verified", candidate, method=VOUCH, level=Level.L4.name)
    after = await standing_of(desk, candidate)
    if after != before:
        await announce(desk, candidate)
    await set_expiry(desk, after)


# The roster --------------------------------------------------------------------------------------


async def note_roster(desk: Desk) -> bool:
    """Compare the roster's levels with those last seen, and announce what has changed.

    It does some at a time, so that nobody else waits for long; False once nothing was left to do.
    """
    clinicians = desk.house.part(RosterFile).current.clinicians
    levels = {user: Level[one.level] for user, one in clinicians.items() if one.level != Level.L0.name}
    seen = await store.people_with(desk.tx, ROSTER)
    changes = dict(islice(rules.roster_changes(levels, seen, desk.now).items(), _AT_ONCE))
    for user_id, evidence in changes.items():
        await store.keep_evidence(desk.tx, Kept(user_id, evidence, ROSTER), "")
        action = "verified" if evidence.withdrawn is None else "unverified"
        desk.tx.audit(ROSTER, action, user_id, method=ROSTER, level=evidence.level.name)
    for now in (await standings_of(desk, list(changes))).values():
        await announce(desk, now.user_id)
        await set_expiry(desk, now)
    await review_around(desk, *changes)
    return bool(changes)


async def review_everybody(desk: Desk) -> None:
    """Once a day: what vouches are worth may have changed with hospitals; forget what has expired."""
    for candidate in await store.candidates(desk.tx):
        await review(desk, candidate)
    await store.forget_expired(desk.tx)


def _server(user_id: str) -> str:
    return user_id.partition(":")[2]


def _timer_key(user_id: str) -> str:
    return hashlib.sha256(user_id.encode()).hexdigest()[:32]


def methods_of(evidence: Iterable[Evidence], now: datetime) -> Sequence[Evidence]:
    """What speaks for somebody now, the highest level first."""
    counting = [one for one in evidence if one.counts(now) and one.method != HOLD]
    return sorted(counting, key=lambda one: (-one.level, one.method))
