"""Offers: what we let other hospitals ask, by the roster, and what they let us ask, by their statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from bot.chat.desk import MODERATORS_ROOM, Desk
from bot.consults.between import offers, post, store, views
from bot.consults.between.letters import OFFERS
from bot.consults.between.offers import Book, Statement
from bot.consults.between.protocol import Kind, Leg, Place, Side
from bot.consults.between.store import Given, Got, Held
from bot.directory.hospital import signing
from bot.directory.hospital import store as hospitals
from bot.directory.hospital.statement import StatementRefused, canonical_json
from bot.directory.model import Service
from bot.directory.roster import RosterFile
from bot.directory.service import hospitals_of

_WHILE_ASKED = (Place.NOTHING, Place.RECEIVED, Place.UNSTAFFED)


# ── ours ──


def offers_service(desk: Desk, key: str, server: str) -> bool:
    """Whether our roster offers a service to a hospital now, and the hospital may do consults."""
    service = desk.house.part(RosterFile).current.services.get(key)
    return service is not None and server in service.offered_to and post.peer(desk, server) is not None


async def offer_all(desk: Desk) -> None:
    """Send each hospital what it is offered now, where that is not what it was sent, or ends soon."""
    roster = desk.house.part(RosterFile)
    if roster.error is not None:
        return  # nobody has decided to take back what a broken file does not say
    keys = [(key.key, key.seed) for key in await hospitals.own_keys(desk.tx)]
    given = await store.given(desk.tx)
    services = roster.current.services.values()
    for known in hospitals_of(desk.house).known:
        server = known.server
        listed = offers.offered_to(services, server) if post.peer(desk, server) is not None else ()
        before = given.get(server)
        if post.hospital(desk, server) is None or (before is None and not listed):
            continue
        digest = offers.digest(listed)
        fresh = before is not None and before.expires - offers.RENEWED > desk.now
        if before is not None and before.digest == digest and (fresh or not listed):
            continue
        if not keys:
            await post.report(desk, server, "no-key")
            continue
        sequence = max((before.sequence if before else 0) + 1, int(desk.now.timestamp()))
        statement = Statement(post.own(desk), server, listed, desk.now, desk.now + offers.COUNTS, sequence)
        await store.keep_given(desk.tx, Given(server, digest, sequence, statement.expires))
        signed = {
            **statement.to_json(),
            "signatures": signing.signatures(canonical_json(statement.to_json()), keys[:3]),
        }
        held = await store.load(desk.tx, server, post.own(desk), OFFERS)
        held = held or Held(Leg(Side.ASKING), server, post.own(desk), OFFERS)
        await post.say(desk, held, Kind.OFFER, statement=signed)


def withdrawn(desk: Desk, held: Held) -> str | None:
    """Why a request that another hospital has made to us, and nobody has taken, is not done any more."""
    if held.leg.side is not Side.ANSWERING:
        return None
    if post.peer(desk, held.peer) is None:
        return "not-listed"
    if desk.house.part(RosterFile).error is not None or held.leg.answering not in _WHILE_ASKED:
        return None
    return None if offers_service(desk, held.service, held.peer) else "not-offered"


# ── theirs ──


async def take_in(desk: Desk, server: str, key: str, value: Mapping[str, object]) -> None:
    """Let another hospital's offer count, in place of the one before; what cannot is reported."""
    before = (await store.got(desk.tx, [server])).get(server)
    try:
        signed = offers.read(value)
        signers = signing.signers_of(signed.content, signed.signatures, [key])
        offers.judge(
            signed,
            signers,
            key,
            own=post.own(desk),
            server=server,
            before=before.sequence if before is not None else 0,
            now=desk.now,
        )
    except StatementRefused as error:
        await post.report(desk, server, error.code)
        return
    statement = signed.statement
    got = Got(
        server,
        statement.sequence,
        statement.expires,
        statement.services,
        before.declined if before is not None else frozenset(),
    )
    await store.keep_got(desk.tx, got)
    desk.tx.audit("system", "between.offered", server, sequence=got.sequence, services=len(got.services))
    known = before is not None and before.services == got.services
    if desk.house.settings.moderators and not known:
        book = Book(server, post.name_of(desk, server), got.open)
        await desk.send(
            MODERATORS_ROOM, views.offers_changed(desk.house_translator(), book, desk.typed("consult"))
        )


async def books(desk: Desk, servers: Collection[str] | None = None) -> list[Book]:
    """What can be asked of other hospitals now, by hospital."""
    return [
        Book(server, post.name_of(desk, server), got.open)
        for server, got in (await store.got(desk.tx, servers)).items()
        if got.open and got.expires > desk.now and post.peer(desk, server) is not None
    ]


async def service(desk: Desk, text: str) -> Service | None:
    """The service of another hospital that `service@hospital` means; None if there is none, or several."""
    found = offers.find(text, await books(desk))
    if found is None:
        return None
    settings = desk.house.settings.consults
    waits: dict[str, timedelta] = {
        urgency: getattr(settings, urgency) for urgency in ("stat", "urgent", "routine")
    }
    return offers.service_of(*found, waits)


def without(got: Got, key: str, *, declined: bool) -> frozenset[str]:
    """What of an offer is declined once a service (`*`: all) is, or is not any more."""
    if declined:
        return got.declined | {key}
    return frozenset() if key == store.ALL else got.declined - {key}
