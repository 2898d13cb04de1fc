"""Saying something to another hospital's Curbside: signed, numbered, and said again until it is confirmed."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from bot.chat import store as chat
from bot.chat.desk import MODERATORS_ROOM, Desk
from bot.consults.between import letters, protocol, store, views
from bot.consults.between.letters import Letter
from bot.consults.between.protocol import Kind
from bot.consults.between.store import Held
from bot.directory.hospital import signing
from bot.directory.hospital import store as hospitals
from bot.directory.hospital.rules import Hospital
from bot.directory.hospital.statement import canonical_json
from bot.directory.service import hospitals_of
from bot.kernel import outbox, timers
from bot.kernel.ids import new_id
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer

log = logging.getLogger(__name__)

RETRY = "between.retry"
_AT_ONCE = 20  # letters said again in one go
_UNHEARD = timedelta(days=3)  # a hospital that never answered is not written to for longer
_SILENT = timedelta(days=21)
_A_DAY = timedelta(days=1)
_A_MOMENT = timedelta(seconds=10)


class TooLong(Exception):
    """What is to be said does not fit into one event."""


# ── who the others are ──


def hospital(desk: Desk, server: str) -> Hospital | None:
    """A hospital that we know the key and a bot of, whatever it may do now."""
    known = hospitals_of(desk.house).known
    return next((one for one in known if one.server == server and one.key and one.bots), None)


def peer(desk: Desk, server: str) -> Hospital | None:
    """A hospital with which we may do consults now."""
    return hospital(desk, server) if server in desk.house.hospitals.servers("consults") else None


def bot_of(desk: Desk, server: str) -> str | None:
    """The bot that is asked when a hospital is asked; None while it may not be."""
    found = peer(desk, server)
    return None if found is None else found.bots[0]


def is_bot(desk: Desk, user: str) -> str | None:
    """The hospital whose bot this is, by its statement; None for everybody else."""
    server = user.partition(":")[2]
    if server == desk.house.settings.server_name:
        return None
    found = hospital(desk, server)
    return server if found is not None and user in found.bots else None


def own(desk: Desk) -> str:
    """Our own server name."""
    return desk.house.settings.server_name


def name_of(desk: Desk, server: str) -> str:
    """What a hospital calls itself, else its server's name."""
    found = hospital(desk, server)
    return found.name if found is not None and found.name else server


def names(desk: Desk) -> dict[str, str]:
    """What other hospitals call themselves, by their servers and by their bots."""
    known = [one for one in hospitals_of(desk.house).known if one.name]
    return {place: one.name for one in known for place in (one.server, *one.bots)}


# ── saying ──


async def say(desk: Desk, held: Held, kind: Kind, **body: Any) -> Held:
    """Say the next thing on a leg; raises TooLong, and ValueError for what cannot be said there."""
    leg = protocol.say(held.leg, kind)
    held = replace(held, leg=leg, opened_at=held.opened_at or desk.now)
    letter = _letter(desk, held, kind, leg.sent, body)
    if not letters.fits(letter):
        raise TooLong
    await store.save(desk.tx, held)
    await store.keep_letter(desk.tx, held, letter)
    desk.tx.audit("system", f"between.{kind}", held.local or held.consult, peer=held.peer, seq=leg.sent)
    await _post(desk, letter)
    await timers.set_timer(desk.tx, RETRY, held.id, desk.now + protocol.retry_after(leg.tries))
    return held


async def confirm(desk: Desk, held: Held, *, why: str = "") -> None:
    """Say what we have heard and where we think it stands; not numbered, not said again."""
    leg = held.leg
    body = {"asking": str(leg.asking), "answering": str(leg.answering), "sent": leg.sent, "why": why}
    await _post(desk, _letter(desk, held, Kind.STATUS, 0, body))


async def confirm_again(desk: Desk, held: Held) -> None:
    """As `confirm`, for what was heard before: not more often than every few seconds."""
    if await chat.once(desk.tx, "between.again", held.id, str(held.leg.got), keep=_A_MOMENT):
        await confirm(desk, held)


async def say_again(desk: Desk, held: Held) -> None:
    """Say what is not confirmed once more, in its order, and wait for longer than the last time."""
    for letter in await store.unconfirmed(desk.tx, held, own(desk), _AT_ONCE):
        await _post(desk, letter)
    tried = replace(held, leg=replace(held.leg, tries=held.leg.tries + 1))
    await store.save(desk.tx, tried)
    await timers.set_timer(desk.tx, RETRY, held.id, desk.now + protocol.retry_after(tried.leg.tries))


async def retry_due(desk: Desk, timer: Timer) -> None:
    """Nothing was confirmed in time: say it again, until it has been in vain for long."""
    held = await store.load_by_id(desk.tx, timer.key)
    if held is None or not held.leg.waiting:
        return
    since = held.heard_at or held.opened_at or desk.now
    if desk.now - since > (_SILENT if held.heard_at is not None else _UNHEARD):
        log.warning("given up saying something to a hospital", extra={"hospital": held.peer})
        await store.drop_letters(desk.tx, held)
    elif hospital(desk, held.peer) is not None:
        await say_again(desk, held)


async def settle(desk: Desk, held: Held) -> None:
    """Keep what was heard; a timer that waits for nothing is taken back."""
    await store.save(desk.tx, held)
    if not held.leg.waiting:
        await timers.cancel(desk.tx, RETRY, held.id)


async def report(desk: Desk, server: str, reason: str) -> None:
    """One line for the operator, and for the moderators once a day: something did not count."""
    log.warning("a message between hospitals did not count", extra={"hospital": server, "reason": reason})
    if not await chat.once(desk.tx, "between.trouble", server, reason, keep=_A_DAY):
        return
    desk.tx.audit("system", "between.trouble", server, reason=reason)
    if desk.house.settings.moderators:
        await desk.send(MODERATORS_ROOM, views.trouble(desk.house_translator(), server, reason))


def _letter(desk: Desk, held: Held, kind: Kind, number: int, body: Mapping[str, Any]) -> Letter:
    return Letter(
        id=new_id(desk.now),
        sender=own(desk),
        to=held.peer,
        asker=held.asker,
        consult=held.consult,
        number=number,
        confirms=held.leg.got,
        kind=kind,
        at=int(desk.now.timestamp() * 1000),
        body=body,
    )


async def _post(desk: Desk, letter: Letter) -> None:
    """Into the encrypted chat of the two bots, which is made when missing."""
    known = hospital(desk, letter.to)
    keys = [(key.key, key.seed) for key in await hospitals.own_keys(desk.tx)]
    if known is None:
        return
    if not keys:
        await report(desk, letter.to, "no-key")
        return
    signatures = signing.signatures(canonical_json(letter.to_json()), keys[:3])
    body = {"type": letters.EVENT, "content": letters.write(letter, signatures)}
    bot = next(iter(desk.house.bot_users))
    await outbox.put(desk.tx, Outgoing(bot, f"dm:{known.bots[0]}", "send", body))
