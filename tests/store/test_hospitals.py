"""Hospitals in the database: statements, decisions, who hears of them and when, on both databases."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.chat.desk import Desk
from bot.directory.hospital import service, store
from bot.directory.hospital.capability import HOSPITALS
from bot.directory.hospitals import HospitalBook
from bot.directory.standing import Level
from bot.kernel import inbox, outbox, timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.kernel.sealing import KeyRing
from bot.rooms import store as rooms_store
from bot.rooms.acls import update_acls
from tests.support.migrated import put_tables
from tests.support.operators import (
    MODS,
    NORTH,
    SAM,
    SOUTH,
    SUE,
    OpenDatabase,
    Operator,
    actions,
    add,
    decide,
    refreshed,
    settings_of,
    topics,
)
from tests.support.ward import BEN, MOD, QUESTION, REQ, Ward


@pytest.fixture
async def south(clock: ManualClock, tmp_path: Path) -> AsyncIterator[Operator]:
    await put_tables(tmp_path / "south.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'south.db'}", clock, KeyRing([b"s" * 32]))
    yield Operator(database, settings_of(SOUTH))
    await database.close()


# Statements and decisions ------------------------------------------------------------------------


async def test_a_statement_counts_until_it_is_suspended_and_again(db: Database, south: Operator) -> None:
    book = HospitalBook(NORTH)
    assert (book.state("hs"), book.state(SOUTH)) == ("ours", "unknown")
    await add(db, await south.statement(allow=["rooms", "consults"]), proves=Level.L2)
    assert await refreshed(db, book)
    assert not await refreshed(db, book)
    assert book.servers() == {"hs", SOUTH} == book.servers("rooms") == book.servers("consults")
    assert book.servers("invites") == {"hs"}
    assert (book.state(SOUTH), book.proves(SOUTH)) == ("listed", Level.L2)
    (known,) = book.known
    assert known.bots == (f"@curbside:{SOUTH}",)

    await decide(db, service.suspend, reason="incident")
    await refreshed(db, book)
    assert (book.servers(), book.state(SOUTH), book.proves(SOUTH)) == ({"hs"}, "suspended", Level.L0)
    await decide(db, service.resume)
    await refreshed(db, book)
    assert book.servers("consults") == {"hs", SOUTH}
    await decide(db, service.remove)
    await refreshed(db, book)
    assert book.state(SOUTH) == "suspended"
    assert await actions(db) == [
        "hospital.added", "hospital.suspended", "hospital.resumed", "hospital.removed",
    ]  # fmt: skip
    heard = await topics(db)
    for topic in service.TOPICS:
        said = [state for one, state in heard if one == topic]
        assert said == ["listed", "suspended", "listed", "removed"]


async def test_a_renewal_keeps_what_we_decided(db: Database, south: Operator, clock: ManualClock) -> None:
    first = await south.statement()
    await add(db, first, permit={"rooms"}, proves=Level.L1)
    before = await topics(db)
    await add(db, first)  # the same again changes nothing
    assert await topics(db) == before
    clock.advance(timedelta(days=300))
    renewed = await add(db, await south.statement(allow=["rooms", "invites"]))
    assert (renewed.permitted, renewed.proves) == ({"rooms"}, Level.L1)
    assert renewed.expires == clock.now() + timedelta(days=365)
    await decide(db, service.suspend)
    still = await add(db, await south.statement())
    assert still.state == "suspended"
    with pytest.raises(CurbsideError, match="older"):
        await add(db, first)


async def test_a_key_is_changed_by_a_statement_that_both_sign(db: Database, south: Operator) -> None:
    old = await add(db, await south.statement())
    async with db.begin() as tx:
        fresh = await service.examine(tx, NORTH, await south.statement(rotate=True))
        assert fresh.trusted
        new = await service.accept(tx, NORTH, fresh, permit=None, proves=None)
    assert new.key != old.key
    assert new.sequence > old.sequence
    later = await add(db, await south.statement())
    assert later.key == new.key


async def test_a_lost_key_is_compared_by_telephone_again(
    db: Database, south: Operator, clock: ManualClock, tmp_path: Path
) -> None:
    await add(db, await south.statement())
    async with south.database.begin() as tx:
        await tx.conn.execute(store.hospital_keys.delete())  # their database is lost
    clock.advance(timedelta(minutes=1))
    anew = await south.statement()
    with pytest.raises(CurbsideError, match="has changed, and the old one does not confirm it"):
        await add(db, anew)
    await decide(db, service.remove)
    async with db.read() as tx:
        offer = await service.examine(tx, NORTH, anew)
    assert not offer.trusted
    assert (await add(db, anew)).state == "listed"


async def test_two_hospitals_with_one_key_are_refused(db: Database, south: Operator) -> None:
    await add(db, await south.statement())
    south.settings = settings_of("west.example")
    with pytest.raises(CurbsideError, match=r"bears the key of south\.example"):
        await add(db, await south.statement())


async def test_our_own_statement_does_not_come_back(db: Database) -> None:
    us = Operator(db, NORTH)
    ours = await us.statement()
    with pytest.raises(CurbsideError, match="our own hospital"):
        await add(db, ours)
    us.settings = settings_of("west.example")  # our key under another name
    with pytest.raises(CurbsideError, match="our own key"):
        await add(db, await us.statement())


async def test_numbers_rise_also_after_a_restore(south: Operator, clock: ManualClock) -> None:
    async with south.database.begin() as tx:
        numbers = [(await service.issue(tx, south.settings)).statement.sequence for _ in range(3)]
    assert numbers == sorted(set(numbers))
    async with south.database.begin() as tx:
        await tx.conn.execute(store.hospital_keys.update().values(sequence=0))  # an old backup
    clock.advance(timedelta(minutes=1))
    async with south.database.begin() as tx:
        assert (await service.issue(tx, south.settings)).statement.sequence > numbers[-1]


async def test_decisions_that_make_no_sense_are_refused(db: Database, south: Operator) -> None:
    for what, server, why in (
        (service.suspend, "hs", "our own"),
        (service.resume, SOUTH, "not suspended"),
        (service.remove, SOUTH, "not known"),
    ):
        with pytest.raises(CurbsideError, match=why):
            await decide(db, what, server)
    await add(db, await south.statement())
    await decide(db, service.remove)
    for what, why in ((service.suspend, "removed"), (service.resume, "removed"), (service.remove, "already")):
        with pytest.raises(CurbsideError, match=why):
            await decide(db, what)


async def test_a_hospital_of_the_settings_is_suspended_too(db: Database) -> None:
    settings = settings_of("hs", allowed_servers=(SOUTH,))
    book = HospitalBook(settings)
    assert book.servers("consults") == {"hs", SOUTH}
    await decide(db, service.suspend)
    await refreshed(db, book)
    assert book.servers() == {"hs"}
    await decide(db, service.resume)
    await refreshed(db, book)
    assert book.servers("consults") == {"hs", SOUTH}
    assert book.proves(SOUTH) is Level.L0


async def test_no_private_key_lies_open(db: Database) -> None:
    await Operator(db, NORTH).statement()
    async with db.read() as tx:
        (key,) = await store.own_keys(tx)
        raw = (await tx.conn.execute(select(store.hospital_keys.c.seed))).scalar_one()
    assert key.seed.encode() not in raw


# Every process -----------------------------------------------------------------------------------


async def test_every_process_knows_within_a_second(
    db: Database, open_database: OpenDatabase, south: Operator
) -> None:
    text = await south.statement()
    books = [HospitalBook(NORTH) for _ in range(3)]
    told = [asyncio.Event() for _ in books]
    keepers = [
        asyncio.create_task(book.keep(open_database(), event.set))
        for book, event in zip(books, told, strict=True)
    ]

    async def seen(state: str) -> float:
        began = time.monotonic()
        async with asyncio.timeout(20):
            while any(book.state(SOUTH) != state for book in books):
                await asyncio.gather(*(event.wait() for event in told))
                for event in told:
                    event.clear()
        return time.monotonic() - began

    try:
        await asyncio.wait_for(asyncio.gather(*(event.wait() for event in told)), 20)  # the first look
        for event in told:
            event.clear()
        await add(db, text)
        first = await seen("listed")
        await decide(db, service.suspend)
        second = await seen("suspended")
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
    assert first < 1.0 + 2.0  # the machine may be busy; alone it is half a second
    assert second < 1.0 + 2.0


async def test_a_statement_ends_by_itself(
    db: Database, south: Operator, later: Callable[[float], datetime]
) -> None:
    book = HospitalBook(NORTH)
    await add(db, await south.statement(days=1))
    await refreshed(db, book)
    later(86_399)
    assert not await refreshed(db, book)
    assert book.state(SOUTH) == "listed"
    later(1)
    assert await refreshed(db, book)
    assert (book.state(SOUTH), book.servers()) == ("suspended", {"hs"})


# What follows ------------------------------------------------------------------------------------


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    return Ward(db, clock, tmp_path)


async def happens(ward: Ward) -> None:
    """Let what waits be handled, as the worker does."""
    await refreshed(ward.db, hospitals_of(ward))
    async with ward.db.begin() as tx:
        rows = await tx.conn.execute(
            select(inbox.inbox_entries).where(
                inbox.inbox_entries.c.topic == service.TOLD_TOPIC, inbox.inbox_entries.c.state == "pending"
            )
        )
        for row in rows.all():
            payload = tx.open(inbox.inbox_entries.c.payload, row.id, row.payload)
            entry = inbox.InboxEntry(row.id, row.bot, row.topic, row.source, row.lane, payload, 0, tx.now)
            await service.changed(Desk(ward.house, tx, "curbside"), entry)
            await inbox.mark_done(tx, row.id)
    await ward.settle()


def hospitals_of(ward: Ward) -> HospitalBook:
    assert isinstance(ward.house.hospitals, HospitalBook)
    return ward.house.hospitals


def on_call(ward: Ward, *users: str) -> None:
    names = ", ".join(f'"{user}"' for user in users)
    path = ward.house.settings.base / "roster.toml"
    path.write_text(f'[services.cardiology]\nname = "Cardiology"\non_call = [{names}]\n', "utf-8")


async def test_moderators_hear_how_a_hospital_stands(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement(allow=["rooms"]))
    await happens(ward)
    assert ward.last(MODS).startswith("Hospital south.example (south.example) takes part. Its people may:")
    assert "invite" not in ward.last(MODS)
    await decide(ward.db, service.suspend)
    await happens(ward)
    assert "is suspended" in ward.last(MODS)
    await decide(ward.db, service.remove)
    await happens(ward)
    assert "takes part no longer" in ward.last(MODS)
    assert set(ward.kinds(MODS)) == {"hospital.state"}


async def test_moderators_are_warned_and_told_of_the_end(
    ward: Ward, south: Operator, clock: ManualClock
) -> None:
    await add(ward.db, await south.statement(days=30))
    await happens(ward)
    ends = clock.now() + timedelta(days=30)
    said = []
    for _ in range(3):
        async with ward.db.read() as tx:
            due = await timers.next_due_at(tx)
        assert due is not None
        clock.advance(due - clock.now())
        async with ward.db.begin() as tx:
            timer = await timers.claim(tx)
            assert timer is not None
            await HOSPITALS.timers[timer.kind](Desk(ward.house, tx, "curbside"), timer)
        await happens(ward)
        said.append((ends - clock.now(), ward.kinds(MODS)[-1]))
    assert said == [
        (timedelta(days=14), "hospital.expiring"),
        (timedelta(days=1), "hospital.expiring"),
        (timedelta(0), "hospital.state"),
    ]
    assert "ends in 14 days" in ward.texts(MODS)[-3]
    assert "has ended" in ward.last(MODS)
    assert hospitals_of(ward).state(SOUTH) == "suspended"
    async with ward.db.read() as tx:
        assert await timers.next_due_at(tx) is None


async def test_no_page_goes_to_a_suspended_hospital(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    await decide(ward.db, service.suspend)
    on_call(ward, SUE, BEN)
    await happens(ward)
    await ward.asks()
    assert ward.chat(f"dm:{SUE}") == []
    assert ward.kinds(f"dm:{BEN}") == ["consult.page"]
    assert "page to" in ward.last(MODS)
    assert QUESTION not in " ".join(ward.texts(MODS))
    await decide(ward.db, service.resume)
    await happens(ward)
    await ward.says(BEN, "!decline")
    on_call(ward, SUE)
    await ward.asks()
    assert ward.kinds(f"dm:{SUE}") == ["consult.page"]


async def test_a_page_waiting_there_goes_to_the_next(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    on_call(ward, SUE, BEN)
    await happens(ward)
    await ward.asks()
    assert ward.kinds(f"dm:{SUE}") == ["consult.page"]
    await decide(ward.db, service.suspend)
    await happens(ward)
    assert ward.kinds(f"dm:{BEN}") == ["consult.page"]
    assert any("takes part no longer" in text for text in ward.texts(f"dm:{REQ}"))
    assert any("takes part no longer" in text and "C-" in text for text in ward.texts(MODS))
    page = ward.chat(f"dm:{SUE}")[0][0]
    await ward.taps(SUE, "✅", on=page)
    assert await ward.state() == "requested"
    await ward.taps(BEN, "✅")
    assert await ward.state() == "in-progress"
    assert len(ward.chat(f"dm:{SUE}")) == 1  # nothing more is written there


async def test_what_is_in_care_there_goes_to_the_next(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    on_call(ward, SUE, BEN)
    await happens(ward)
    await ward.asks()
    await ward.taps(SUE, "✅")
    assert await ward.state() == "in-progress"
    written = len(ward.chat(f"dm:{SUE}"))
    await decide(ward.db, service.suspend)
    await happens(ward)
    assert ("kick", {"user_id": SUE}) in ward.made
    assert ward.kinds(f"dm:{BEN}") == ["consult.page"]
    await ward.taps(BEN, "✅")
    assert ("invite", {"user_id": BEN}) in ward.made
    await ward.says(BEN, "!answer rate control")
    await ward.says(REQ, "!close rate control")
    assert await ward.state() == "completed"
    assert len(ward.chat(f"dm:{SUE}")) == written


async def test_nobody_else_to_ask_goes_to_the_moderators(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    on_call(ward, SUE, SAM)
    await happens(ward)
    await ward.asks()
    await decide(ward.db, service.suspend)
    await happens(ward)
    assert await ward.state() == "unstaffed"
    assert ward.chat(f"dm:{SAM}") == []
    await ward.says(MOD, "!accept C-ID")
    assert await ward.state() == "in-progress"


async def test_a_requester_there_is_left_to_people(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    on_call(ward, BEN)
    await happens(ward)
    await ward.says(SUE, f"!consult cardiology urgent {QUESTION}", room=f"dm:{SUE}")
    await ward.taps(BEN, "✅")
    await decide(ward.db, service.suspend)
    await happens(ward)
    assert any("who asked, takes part no longer" in text for text in ward.texts(MODS))
    assert "who asked, takes part no longer" in ward.last(f"dm:{BEN}")


async def test_a_hospital_without_consults_may_still_talk(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement(), permit={"rooms"})
    await happens(ward)
    await ward.says(SUE, "!ping 7", room=f"dm:{SUE}")
    assert ward.last(f"dm:{SUE}") == "pong 7"
    await ward.says(SUE, "!consult cardiology urgent x", room=f"dm:{SUE}")
    assert "not something you can use here" in ward.last(f"dm:{SUE}")
    on_call(ward, BEN)
    await ward.asks()
    await ward.says(BEN, f"!handoff C-ID {SUE}")
    assert "does not take part here" in ward.last(f"dm:{BEN}")


async def test_access_lists_follow_the_policy(ward: Ward, south: Operator) -> None:
    (ward.house.settings.base / "network.toml").write_text(
        '[spaces.medicine]\nname = "Medicine"\nrooms = ["cardiology"]\n'
        '[rooms.cardiology]\nname = "Cardiology"\n'
        f'[rooms.closed]\nname = "Closed"\nspace = "medicine"\nservers = ["{SOUTH}"]\n'
        '[rooms.open]\nname = "Open"\nspace = "medicine"\nacl = false\n'
    )
    await add(ward.db, await south.statement())
    async with ward.db.begin() as tx:
        for key in ("medicine", "cardiology", "closed", "open", "gone"):
            await rooms_store.place(tx, key, f"!{key}:hs")
    lists: list[dict[str, list[str]]] = []
    for what in (None, service.suspend, service.resume):
        if what is not None:
            await decide(ward.db, what)
        await refreshed(ward.db, hospitals_of(ward))
        async with ward.db.begin() as tx:
            assert await update_acls(Desk(ward.house, tx, "curbside")) == 3
            rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
            lists.append({row.room: row.body["content"]["allow"] for row in rows})
            for row in rows:
                await outbox.mark_sent(tx, row.id)
    with_south, without = ["hs", SOUTH], ["hs"]
    rooms = ["!medicine:hs", "!cardiology:hs", "!closed:hs"]
    assert lists == [
        dict.fromkeys(rooms, with_south),
        dict.fromkeys(rooms, without),
        dict.fromkeys(rooms, with_south),
    ]


async def test_an_access_list_that_shuts_out_a_moderator_is_not_sent(ward: Ward, south: Operator) -> None:
    (ward.house.settings.base / "network.toml").write_text(
        '[spaces.medicine]\nname = "Medicine"\n[rooms.cardiology]\nname = "Cardiology"\nspace = "medicine"\n'
    )
    settings = ward.house.settings.model_copy(update={"moderators": (MOD, SUE)})
    object.__setattr__(ward.house, "settings", settings)
    await add(ward.db, await south.statement(), permit={"consults"})
    await refreshed(ward.db, hospitals_of(ward))

    async def updated() -> int:
        async with ward.db.begin() as tx:
            await rooms_store.place(tx, "cardiology", "!cardiology:hs")
            return await update_acls(Desk(ward.house, tx, "curbside"))

    async def facts(tx: Any, bot: str, room: str) -> None:
        return None  # before there is a moderators' room, the settings say who moderates

    ward.facts = facts  # type: ignore[method-assign, assignment]
    assert await updated() == 0
    async with ward.db.read() as tx:
        rows = (await outbox.due(tx, outbox.MATRIX, "curbside")).rows
    assert [row.body["content"]["org.curbside"]["kind"] for row in rows if row.op == "send"] == [
        "hospital.acl"
    ]
    await decide(ward.db, service.suspend)  # of a suspended hospital nobody moderates
    await refreshed(ward.db, hospitals_of(ward))
    assert await updated() == 1
