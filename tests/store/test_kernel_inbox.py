"""The inbox: each thing once, in order within its lane, whoever else works at the same time."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, text, update

from bot.kernel import inbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.inbox import Incoming, inbox_entries
from bot.kernel.sealing import KeyRing
from tests.store.conftest import START, OpenDatabase

Later = Callable[[float], datetime]


def entry(source: str, lane: str = "ward", *, bot: str = "curbside", topic: str = "test") -> Incoming:
    return Incoming(bot, topic, source, lane, {"said": source})


async def put(db: Database, *entries: Incoming) -> int:
    async with db.begin() as tx:
        return await inbox.put_all(tx, entries)


async def handle(db: Database) -> str | None:
    async with db.begin() as tx:
        found = await inbox.claim(tx)
        if found is None:
            return None
        await inbox.mark_done(tx, found.id)
        return found.source


async def test_an_entry_is_known_by_bot_topic_and_source(db: Database) -> None:
    assert await put(db, entry("$a"), entry("$a"), entry("$b")) == 2
    assert await put(db, entry("$a"), entry("$b", "other lane")) == 0
    assert await put(db, entry("$a", bot="second"), entry("$a", topic="other")) == 2
    while await handle(db):
        pass
    assert await put(db, entry("$a")) == 0, "a repeat is recognised after the entry was handled"


async def test_more_entries_than_a_statement_has_parameters(db: Database) -> None:
    assert await put(db, *(entry(f"${number}", f"lane {number % 7}") for number in range(5000))) == 5000
    async with db.read() as tx:
        ids = select(inbox_entries.c.source).order_by(inbox_entries.c.id)
        stored = (await tx.conn.execute(ids)).scalars().all()
        assert await inbox.count_pending(tx) == 5000
    assert stored == [f"${number}" for number in range(5000)]


async def test_a_lane_keeps_its_order_and_a_put_off_entry_blocks_only_its_own(
    db: Database, later: Later
) -> None:
    await put(db, entry("a1", "a"), entry("b1", "b"), entry("a2", "a"), entry("b2", "b"))
    async with db.begin() as tx:
        first = await inbox.claim(tx)
        assert first is not None and first.source == "a1" and first.attempts == 0
        await inbox.put_off(tx, first.id, tx.now + timedelta(seconds=10))
    assert [await handle(db) for _ in range(3)] == ["b1", "b2", None]
    later(9.9)
    assert await handle(db) is None
    later(0.1)
    async with db.read() as tx:
        assert await inbox.oldest_pending(tx) == START
    assert [await handle(db) for _ in range(3)] == ["a1", "a2", None]


async def test_four_workers_keep_every_lane_in_order(db: Database, backend: str) -> None:
    lanes, each = 8, 15
    await put(
        db, *(entry(f"{lane}/{number}", f"lane {lane}") for number in range(each) for lane in range(lanes))
    )
    handled: list[tuple[str, int]] = []
    inside: set[str] = set()
    most = 0

    async def work() -> None:
        nonlocal most
        while len(handled) < lanes * each:
            async with db.begin() as tx:
                found = await inbox.claim(tx)
                if found is not None:
                    assert found.lane not in inside, "two workers are in one lane"
                    inside.add(found.lane)
                    most = max(most, len(inside))
                    await tx.conn.execute(text("SELECT 1"))  # gives the others their turn
                    await inbox.mark_done(tx, found.id)
                    lane, _, number = found.source.partition("/")
                    handled.append((lane, int(number)))
                    # Before the commit, since nobody else may see the lane free until then.
                    inside.discard(found.lane)

    await asyncio.wait_for(asyncio.gather(*(work() for _ in range(4))), 60)
    assert len(handled) == len(set(handled)) == lanes * each
    if backend == "postgresql":
        assert most > 1, "the workers did not work at the same time"
    async with db.read() as tx:
        query = select(inbox_entries.c.lane, inbox_entries.c.source).order_by(inbox_entries.c.id)
        stored = (await tx.conn.execute(query)).all()
    for lane in range(lanes):
        wanted = [source for name, source in stored if name == f"lane {lane}"]
        assert [f"{name}/{number}" for name, number in handled if name == str(lane)] == wanted


async def test_a_worker_that_lost_its_entry_changes_nothing(db: Database) -> None:
    await put(db, entry("$a"))
    async with db.read() as tx:
        found = await inbox.claim(tx) if db.is_sqlite else None
    if found is None:
        async with db.begin() as tx:
            found = await inbox.claim(tx)
    assert found is not None
    assert await handle(db) == "$a"
    async with db.begin() as tx:
        await inbox.put_off(tx, found.id, tx.now + timedelta(hours=1))
        assert not await inbox.mark_dead(tx, found.id)
    async with db.read() as tx:
        assert await inbox.counts(tx) == {"done": 1}


async def test_content_is_sealed_while_it_waits_and_erased_once_handled(
    db: Database, backend: str, tmp_path: Path
) -> None:
    secret = "Frau Beispiel hat Fieber"
    await put(db, Incoming("curbside", "test", "$a", "ward", {"body": secret, "odd": "\ud800\x00"}))

    def on_disk() -> bytes:
        files = [tmp_path / "curbside.db", tmp_path / "curbside.db-wal"] if backend == "sqlite" else []
        return b"".join(file.read_bytes() for file in files if file.exists())

    if backend == "sqlite":
        assert b"$a" in on_disk(), "the look-out sees nothing at all"
    assert secret.encode() not in on_disk()
    async with db.begin() as tx:
        found = await inbox.claim(tx)
        assert found is not None and found.payload == {"body": secret, "odd": "\ud800\x00"}
        sealed = (await tx.conn.execute(select(inbox_entries.c.payload))).scalar_one()
        assert sealed is not None and secret.encode() not in sealed
        await inbox.mark_done(tx, found.id)
    assert secret.encode() not in on_disk()
    async with db.read() as tx:
        assert (await tx.conn.execute(select(inbox_entries.c.payload))).scalar_one() is None


async def test_an_entry_under_a_lost_key_is_named_and_can_be_set_aside(
    db: Database, open_database: OpenDatabase
) -> None:
    await put(db, entry("$a"))
    other = open_database(keys=KeyRing([b"x" * 32]))
    async with other.begin() as tx:
        with pytest.raises(inbox.Unreadable) as caught:
            await inbox.claim(tx)
        assert (caught.value.entry.source, caught.value.entry.payload) == ("$a", {})
        assert await inbox.mark_dead(tx, caught.value.entry.id)
        assert await inbox.claim(tx) is None


async def test_only_what_was_handled_long_ago_is_forgotten(db: Database, clock: ManualClock) -> None:
    await put(db, entry("old"))
    assert await handle(db) == "old"
    await put(db, entry("waiting"))
    clock.advance(inbox.KEEP_HANDLED)
    async with db.begin() as tx:
        assert await inbox.purge(tx) == 0
    clock.advance(timedelta(milliseconds=1))
    async with db.begin() as tx:
        assert await inbox.purge(tx) == 1
    assert await handle(db) == "waiting"


async def test_what_was_set_aside_is_emptied_once_and_not_written_again(
    db: Database, clock: ManualClock
) -> None:
    await put(db, entry("$a"), entry("$b", "other"))
    async with db.begin() as tx:
        for row in (await tx.conn.execute(select(inbox_entries.c.id))).all():
            assert await inbox.mark_dead(tx, row.id)
    clock.advance(inbox.KEEP_DEAD + timedelta(milliseconds=1))
    written: list[int] = []

    def note(_conn: Any, _cursor: Any, statement: str, _values: Any, context: Any, _many: bool) -> None:
        if statement.startswith("UPDATE"):
            written.append(context.cursor.rowcount)

    event.listen(db.engine, "after_cursor_execute", note)
    for _run in range(2):
        async with db.begin() as tx:
            await inbox.purge(tx)
    event.remove(db.engine, "after_cursor_execute", note)
    assert written == [2, 0]
    async with db.read() as tx:
        assert (await tx.conn.execute(select(inbox_entries.c.payload))).scalars().all() == [None, None]
        assert await inbox.counts(tx) == {"dead": 2}


async def test_a_moved_payload_does_not_open(db: Database) -> None:
    await put(db, entry("$a", "a"), entry("$b", "b"))
    async with db.begin() as tx:
        query = select(inbox_entries.c.payload).where(inbox_entries.c.source == "$b")
        taken = (await tx.conn.execute(query)).scalar_one()
        await tx.conn.execute(
            update(inbox_entries).where(inbox_entries.c.source == "$a").values(payload=taken)
        )

    async with db.begin() as tx:
        with pytest.raises(inbox.Unreadable):
            await inbox.claim(tx)
