"""What is kept of what hospitals say to each other, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.consults.between import store
from bot.consults.between.letters import OFFERS, Letter
from bot.consults.between.offers import Offered
from bot.consults.between.protocol import Kind, Leg, Place, Side, hear, say
from bot.consults.between.store import ALL, Given, Got, Held
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database

OWN, PEER = "north.example", "south.example"
CARDIOLOGY = Offered("cardiology", {"en": "Cardiology", "de": "Kardiologie"}, ("heart",))


def letter(held: Held, number: int, kind: Kind) -> Letter:
    return Letter(
        f"L{number}", OWN, PEER, held.asker, held.consult, number, 0, kind, 1, {"text": f"word {number}"}
    )


async def test_a_leg_and_its_letters_until_they_are_confirmed(db: Database, clock: ManualClock) -> None:
    held = Held(
        Leg(Side.ASKING), PEER, OWN, "C-7F3K", "C-7F3K", "cardiology", {"@ben:south.example": "Dr Ben"}, 1
    )
    for number, kind in enumerate((Kind.REQUEST, Kind.INFO, Kind.EDIT), start=1):
        held = replace(held, leg=say(held.leg, kind))
        async with db.begin() as tx:
            await store.save(tx, held)
            await store.keep_letter(tx, held, letter(held, number, kind))
    async with db.begin() as tx:
        kept = await store.asked_of(tx, "C-7F3K", PEER, OWN)
        assert kept is not None
        assert replace(kept, opened_at=None) == held
        assert [one.id for one in await store.waiting_for(tx, PEER)] == [held.id]
        assert await store.peers_of_open(tx) == {PEER}
        again = await store.unconfirmed(tx, kept, OWN, 2)
        assert [(one.number, one.kind, one.body) for one in again] == [
            (1, Kind.REQUEST, {"text": "word 1"}),
            (2, Kind.INFO, {"text": "word 2"}),
        ]
    _verdict, leg = hear(held.leg, Kind.STATUS, 0, 2)
    held = replace(held, leg=leg, heard_at=clock.now())
    async with db.begin() as tx:
        await store.save(tx, held)
        assert [one.number for one in await store.unconfirmed(tx, held, OWN, 9)] == [3]
        await store.drop_letters(tx, held)
        assert await store.unconfirmed(tx, held, OWN, 9) == []
        assert await store.answering(tx, "C-7F3K", OWN) is None
    ended = replace(held, leg=replace(held.leg, asking=Place.CANCELLED))
    async with db.begin() as tx:
        await store.save(tx, ended)
        assert await store.open_with(tx, PEER) == []
    clock.advance(timedelta(days=61))
    async with db.begin() as tx:
        assert await store.purge(tx, clock.now() - timedelta(days=60)) == 1
        assert await store.load_by_id(tx, held.id) is None


async def test_the_other_sides_leg_is_found_by_our_consult(db: Database) -> None:
    held = Held(Leg(Side.ANSWERING), PEER, PEER, "C-AAAA", "C-BBBB", "cardiology")
    offers = Held(Leg(Side.ANSWERING), PEER, PEER, OFFERS)
    async with db.begin() as tx:
        await store.save(tx, held)
        await store.save(tx, offers)
        found = await store.answering(tx, "C-BBBB", OWN)
        assert found is not None
        assert (found.leg.side, found.consult) == (Side.ANSWERING, "C-AAAA")
        assert [one.id for one in await store.open_with(tx, PEER)] == [held.id]


async def test_offers_given_and_got(db: Database, clock: ManualClock) -> None:
    until = clock.now() + timedelta(days=30)
    async with db.begin() as tx:
        await store.keep_given(tx, Given(PEER, "d" * 64, 7, until))
        await store.keep_given(tx, Given(PEER, "e" * 64, 8, until))
        assert await store.given(tx) == {PEER: Given(PEER, "e" * 64, 8, until)}
        got = Got(PEER, 7, until, (CARDIOLOGY,))
        await store.keep_got(tx, got)
        assert await store.got(tx) == {PEER: got}
        assert (await store.decline(tx, got, {ALL})).open == ()
        assert (await store.got(tx, [PEER]))[PEER].declined == {ALL}
        assert (await store.decline(tx, got, {"surgery"})).open == (CARDIOLOGY,)
