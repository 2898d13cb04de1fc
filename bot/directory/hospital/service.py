"""What operators do about other hospitals, and what follows; each change holds at once in every process."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import timedelta

from bot.chat.desk import Desk
from bot.chat.message import Message
from bot.directory.hospital import signing, store, views
from bot.directory.hospital.rules import (
    END,
    LISTED,
    REMOVED,
    SHARED,
    SUSPENDED,
    Hospital,
    next_notice,
    standing_of,
)
from bot.directory.hospital.statement import Signed, Statement, StatementRefused, fingerprint, judge, read
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.standing import Level
from bot.kernel import inbox, timers
from bot.kernel.db import Tx
from bot.kernel.errors import CurbsideError
from bot.kernel.inbox import InboxEntry, Incoming
from bot.kernel.timers import Timer
from bot.settings import Settings

# Who hears of a change, each in a transaction of its own: the declared rooms, the consults, the moderators.
ROOMS_TOPIC, CONSULTS_TOPIC, TOLD_TOPIC = "directory.hospital", "consults.hospital", "hospitals.changed"
TOPICS = (ROOMS_TOPIC, CONSULTS_TOPIC, TOLD_TOPIC)
EXPIRY_TIMER = "hospitals.expiry"
DEFAULT_DAYS = 365


@dataclass(frozen=True)
class Offer:
    """A statement that may count: what it takes the place of, and whether its key is `trusted` already."""

    signed: Signed
    before: Hospital | None
    trusted: bool

    @property
    def fingerprint(self) -> str:
        """Of its key, to be compared by telephone."""
        return fingerprint(self.signed.statement.key)


# ── our own statement ──


async def issue(
    tx: Tx,
    settings: Settings,
    *,
    allow: Collection[str] = SHARED,
    days: int = DEFAULT_DAYS,
    addressee: str | None = None,
    contact: str = "",
    rotate: bool = False,
) -> Signed:
    """Sign our own statement; the key is made the first time, and with `rotate` replaced.

    Former keys sign too, so that hospitals that know one of them accept the new one.
    """
    keys = await store.own_keys(tx)
    if rotate or not keys:
        public, seed = signing.new_key()
        await store.keep_key(tx, public, seed, keys[0].sequence + 1 if keys else 0)
        tx.audit("operator", "hospital.key", fingerprint(public), rotated=bool(keys))
        keys = await store.own_keys(tx)
    newest = keys[0]
    # Also above what a restored backup knows to have been sent.
    sequence = max(newest.sequence + 1, int(tx.now.timestamp()))
    await store.keep_sequence(tx, newest.key, sequence)
    statement = Statement(
        server=settings.server_name,
        name=settings.hospital,
        key=newest.key,
        bots=tuple(bot.user_id for bot in settings.bots.values()),
        contact=contact,
        allow=frozenset(allow),
        issued=tx.now,
        expires=tx.now + timedelta(days=days),
        sequence=sequence,
        addressee=addressee,
    )
    tx.audit("operator", "hospital.statement", addressee or "everybody", sequence=sequence, days=days)
    return signing.sign(statement, [(key.key, key.seed) for key in keys])


# ── others' statements ──


async def examine(tx: Tx, settings: Settings, text: str) -> Offer:
    """Read a statement and say whether it may count; raises CurbsideError with one sentence."""
    try:
        signed = read(text)
        known = await store.everyone(tx)
        theirs = {hospital.key for hospital in known if hospital.key is not None}
        right = signing.signers(signed, {signed.statement.key, *theirs})
        own_keys = [key.key for key in await store.own_keys(tx)]
        before = judge(signed, right, known, own=settings.server_name, own_keys=own_keys, now=tx.now)
    except StatementRefused as error:
        raise CurbsideError(str(error)) from None
    followed = before is not None and before.key is not None and before.key in right
    return Offer(signed, before, followed and before is not None and before.state != REMOVED)


async def accept(
    tx: Tx, settings: Settings, offer: Offer, *, permit: Collection[str] | None, proves: Level | None
) -> Hospital:
    """Let a statement count; what is not given stays as it was, else all it offers is permitted, proving L0.

    A suspended hospital stays suspended.
    """
    statement, before = offer.signed.statement, offer.before
    fresh = before is None or before.key is None or before.state == REMOVED
    if permit is None:
        permit = SHARED if fresh or before is None else before.permitted
    if proves is None:
        proves = Level.L0 if fresh or before is None else before.proves
    hospital = Hospital(
        server=statement.server,
        name=statement.name,
        state=SUSPENDED if before is not None and before.state == SUSPENDED else LISTED,
        key=statement.key,
        offered=statement.allow,
        permitted=frozenset(permit),
        proves=proves,
        statement_id=offer.signed.id,
        sequence=statement.sequence,
        issued=statement.issued,
        expires=statement.expires,
        bots=statement.bots,
        contact=statement.contact,
        reason=before.reason if before is not None else "",
    )
    if hospital == before:
        return hospital
    tx.audit(
        "operator",
        "hospital.added" if fresh else "hospital.renewed",
        hospital.server,
        sequence=hospital.sequence,
        allow=" ".join(sorted(hospital.offered & hospital.permitted)),
        proves=proves.name,
        key=fingerprint(statement.key),
    )
    await _change(tx, settings, hospital)
    return hospital


# ── decisions ──


async def suspend(tx: Tx, settings: Settings, server: str, reason: str = "") -> Hospital:
    """Allow a hospital nothing until it is resumed, whatever the settings and its statement say."""
    hospital = await _known(tx, settings, server) or Hospital(server)
    if hospital.state == SUSPENDED:
        raise CurbsideError(f"{server} is suspended already.")
    if hospital.state == REMOVED:
        raise CurbsideError(f"{server} was removed: it may do nothing already.")
    return await _decide(tx, settings, replace(hospital, state=SUSPENDED, reason=reason), "suspended")


async def resume(tx: Tx, settings: Settings, server: str) -> Hospital:
    """Take a suspension back."""
    hospital = await _known(tx, settings, server)
    if hospital is not None and hospital.state == REMOVED and hospital.key is not None:
        raise CurbsideError(f"{server} was removed: add its statement again.")
    if hospital is None or hospital.state == LISTED:
        raise CurbsideError(f"{server} is not suspended.")
    return await _decide(tx, settings, replace(hospital, state=LISTED, reason=""), "resumed")


async def remove(tx: Tx, settings: Settings, server: str) -> Hospital:
    """End the agreement: the hospital may do nothing until its statement is added anew."""
    hospital = await _known(tx, settings, server)
    if hospital is None and server not in settings.servers:
        raise CurbsideError(f"{server} is not known here; `curbside hospital list` shows who is.")
    if hospital is not None and hospital.state == REMOVED:
        raise CurbsideError(f"{server} is removed already.")
    hospital = replace(hospital or Hospital(server), state=REMOVED, reason="")
    return await _decide(tx, settings, hospital, "removed")


async def _known(tx: Tx, settings: Settings, server: str) -> Hospital | None:
    if server == settings.server_name:
        raise CurbsideError(f"{server} is our own hospital: it always takes part.")
    return await store.load(tx, server)


async def _decide(tx: Tx, settings: Settings, hospital: Hospital, what: str) -> Hospital:
    tx.audit("operator", f"hospital.{what}", hospital.server, reason=hospital.reason)
    await _change(tx, settings, hospital)
    return hospital


async def _change(tx: Tx, settings: Settings, hospital: Hospital) -> None:
    await store.save(tx, hospital)
    await _set_timer(tx, hospital)
    bot = next(iter(settings.bots))
    source = f"{hospital.server} {await store.revision(tx)}"
    await _announce(tx, bot, hospital.server, standing_of(hospital, tx.now), source)


async def _announce(tx: Tx, bot: str, server: str, state: str, source: str) -> None:
    payload = {"server": server, "state": state}
    await inbox.put_all(
        tx,
        [Incoming(bot, topic, source, f"{topic} {server}", payload) for topic in TOPICS],
    )


# ── what follows ──


async def changed(desk: Desk, entry: InboxEntry) -> None:
    """Tell the moderators how a hospital stands from now on."""
    server, state = str(entry.payload["server"]), str(entry.payload["state"])
    hospital = await store.load(desk.tx, server) or Hospital(server)
    named = server in desk.house.settings.servers
    may = hospital.allowed(desk.now, named)
    await _tell_moderators(desk, views.changed(desk.house_translator(), hospital, state, may))


async def expiry_due(desk: Desk, timer: Timer) -> None:
    """A statement ends soon, or now: the moderators are told, and at its end everybody else too."""
    server = str(timer.facts["server"])
    hospital = await store.load(desk.tx, server)
    if hospital is None or hospital.state != LISTED or hospital.expires is None:
        return
    if timer.facts["step"] == END and hospital.expired(desk.now):
        desk.tx.audit("system", "hospital.expired", server, sequence=hospital.sequence)
        source = f"{server} end {hospital.sequence}"
        await _announce(desk.tx, desk.bot, server, standing_of(hospital, desk.now), source)
    elif not hospital.expired(desk.now):
        await _tell_moderators(desk, views.expiring(desk.house_translator(), hospital, desk.now))
    await _set_timer(desk.tx, hospital)


async def _set_timer(tx: Tx, hospital: Hospital) -> None:
    """Wait for what is next to be said of a statement's end."""
    key = hashlib.sha256(hospital.server.encode()).hexdigest()[:32]  # a server name may be too long
    notice = next_notice(hospital, tx.now)
    if notice is None:
        await timers.cancel(tx, EXPIRY_TIMER, key)
    else:
        due_at, step = notice
        await timers.set_timer(tx, EXPIRY_TIMER, key, due_at, server=hospital.server, step=step)


async def _tell_moderators(desk: Desk, message: Message) -> None:
    if desk.house.settings.moderators:
        await desk.send(MODERATORS_ROOM, message)
