"""Transactions: whole or not at all, also when broken off; sealed values and their rotation."""

import asyncio
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select, text, update
from sqlalchemy.exc import DBAPIError

from bot.kernel import inbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, UtcTime, Wakeups, count
from bot.kernel.errors import CurbsideError, KeyMissing
from bot.kernel.inbox import Incoming, inbox_entries
from bot.kernel.sealing import KeyRing
from bot.kernel.timers import set_timer, timer_rows
from tests.store.conftest import KEYS, START, OpenDatabase


def entry(source: str) -> Incoming:
    return Incoming("curbside", "test", source, f"lane {source}", {"said": source})


async def stored(db: Database) -> int:
    async with db.read() as tx:
        return await count(tx, inbox_entries)


async def test_a_transaction_broken_off_leaves_nothing_and_blocks_nobody(db: Database) -> None:
    for attempt in range(12):  # more than any pool holds
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02), db.begin() as tx:
                await inbox.put(tx, entry(f"$lost{attempt}"))
                await asyncio.Event().wait()
    await asyncio.wait_for(db_put(db, "$kept"), 30)
    assert await stored(db) == 1


async def db_put(db: Database, source: str) -> None:
    async with db.begin() as tx:
        await inbox.put(tx, entry(source))


async def test_cancelling_in_the_middle_of_statements_is_survived(db: Database) -> None:
    cancelled = 0
    for step in range(40):
        task = asyncio.create_task(db_put(db, f"${step}"))
        await asyncio.wait([task], timeout=step * 0.0004)
        cancelled += task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert cancelled or db.is_sqlite, "nothing was broken off"  # SQLite's statements never wait
    await asyncio.wait_for(db_put(db, "$kept"), 30)
    kept = await stored(db)
    assert 1 <= kept <= 41
    writers = asyncio.gather(*(db_put(db, f"$after{number}") for number in range(20)))
    await asyncio.wait_for(writers, 60)
    assert await stored(db) == kept + 20


async def test_a_waiting_writer_may_be_cancelled(db: Database) -> None:
    async with db.begin() as tx:
        await inbox.put(tx, entry("$first"))
        waiting = asyncio.create_task(db_put(db, "$first" if not db.is_sqlite else "$second"))
        done, _ = await asyncio.wait([waiting], timeout=0.1)
        assert not done, "the second writer did not wait for the first"
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
    await asyncio.wait_for(db_put(db, "$third"), 30)
    assert await stored(db) == 2


async def test_a_reader_sees_one_moment_and_waits_for_nobody(db: Database) -> None:
    async with db.read() as tx:
        assert await count(tx, inbox_entries) == 0
        await asyncio.wait_for(db_put(db, "$a"), 30)
        assert await count(tx, inbox_entries) == 0
    async with db.begin() as tx:
        await inbox.put(tx, entry("$b"))
        assert await asyncio.wait_for(stored(db), 30) == 1


async def test_other_loops_are_woken_by_the_commit_only(db: Database) -> None:
    woken = db.wakeups.event("inbox")
    with pytest.raises(LookupError):
        async with db.begin() as tx:
            await inbox.put(tx, entry("$a"))
            raise LookupError
    assert not woken.is_set()
    async with db.begin() as tx:
        await inbox.put(tx, entry("$a"))
        assert not woken.is_set()
    assert woken.is_set()
    woken.clear()
    await db_put(db, "$a")
    assert not woken.is_set(), "a repeat is no work"


async def test_a_wake_up_between_question_and_wait_is_not_lost() -> None:
    wakeups = Wakeups()
    wakeups.event("inbox").set()
    loop = asyncio.get_running_loop()
    began = loop.time()
    await wakeups.wait("inbox", 60)
    assert loop.time() - began < 30
    began = loop.time()
    await wakeups.wait("inbox", 0.05)
    assert loop.time() - began > 0.04, "the event was not reset"
    both = [asyncio.create_task(wakeups.wait("inbox", 60)) for _ in range(2)]
    done, _ = await asyncio.wait(both, timeout=0.01)
    assert not done
    wakeups.event("inbox").set()
    await asyncio.wait_for(asyncio.gather(*both), 30)


async def test_an_error_of_the_database_carries_no_values(db: Database) -> None:
    with pytest.raises(DBAPIError) as caught:
        async with db.begin() as tx:
            await tx.conn.execute(text("SELECT :secret FROM nowhere"), {"secret": "Frau Beispiel"})
    assert "Beispiel" not in str(caught.value)


moments = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moments)
def test_a_moment_comes_back_to_the_millisecond(moment: datetime) -> None:
    column = UtcTime()
    kept = column.process_bind_param(moment, None)  # type: ignore[arg-type]
    back = column.process_result_value(kept, None)  # type: ignore[arg-type]
    assert back is not None and timedelta(0) <= moment - back < timedelta(milliseconds=1)
    assert column.process_bind_param(back, None) == kept  # type: ignore[arg-type]


async def test_moments_of_any_zone_are_stored_and_compared_in_utc(db: Database) -> None:
    local = datetime(2026, 11, 21, 10, 30, 0, 123456, tzinfo=timezone(timedelta(hours=1)))
    async with db.begin() as tx:
        await set_timer(tx, "test", "a", local)
        found = (
            await tx.conn.execute(select(timer_rows.c.due_at).where(timer_rows.c.due_at >= START))
        ).scalar_one()
        assert found == START.replace(microsecond=123000) and found.tzinfo is UTC
    with pytest.raises(Exception, match="naive"):
        async with db.begin() as tx:
            await set_timer(tx, "test", "b", datetime(2026, 11, 21))


# Rotation ----------------------------------------------------------------------------------------


async def test_resealing_with_writers_at_work_leaves_nothing_under_the_old_key(
    db: Database, open_database: OpenDatabase
) -> None:
    for number in range(60):
        await db_put(db, f"$old{number}")
    newer = open_database(keys=KeyRing([b"k" * 32, b"n" * 32]))
    resealing = True

    async def work(worker: int) -> None:
        step = 0
        while resealing:
            await db_put(newer, f"$new{worker}/{step}")
            step += 1
            async with newer.begin() as tx:
                found = await inbox.claim(tx)
                if found is not None and step % 3 == 0:
                    await inbox.mark_done(tx, found.id)

    workers = [asyncio.create_task(work(number)) for number in range(2)]
    changed = await asyncio.wait_for(newer.reseal(inbox_entries, batch=7), 90)
    assert changed > 30
    assert await newer.reseal(inbox_entries) == 0
    resealing = False
    await asyncio.wait_for(asyncio.gather(*workers), 60)
    only_new = KeyRing([b"n" * 32])
    async with open_database(keys=only_new).read() as tx:
        rows = (
            await tx.conn.execute(select(inbox_entries.c.id, inbox_entries.c.source, inbox_entries.c.payload))
        ).all()
        opened = {row.source: tx.open(inbox_entries.c.payload, row.id, row.payload) for row in rows}
    assert len(opened) >= 60
    assert all(value in (None, {"said": source}) for source, value in opened.items())


async def test_a_process_at_work_learns_the_new_key_from_the_file(
    db: Database, open_database: OpenDatabase, tmp_path: Path
) -> None:
    path = tmp_path / "at-rest.keys"
    KeyRing.append_new_key(path)
    running = open_database(keys=KeyRing.load(path))
    await db_put(running, "$a")
    KeyRing.append_new_key(path)
    assert await open_database(keys=KeyRing.load(path)).reseal(inbox_entries) == 1
    async with running.begin() as tx:
        found = await inbox.claim(tx)
    assert found is not None and found.payload == {"said": "$a"}
    await db_put(running, "$b")
    assert await open_database(keys=KeyRing.load(path)).reseal(inbox_entries) == 0, (
        "it still seals with the old key"
    )


async def test_a_value_that_does_not_open_stops_resealing(db: Database) -> None:
    await db_put(db, "$a")
    async with db.begin() as tx:
        await tx.conn.execute(update(inbox_entries).values(payload=KeyRing([b"x" * 32]).seal(b"{}", "inbox")))
    with pytest.raises(KeyMissing):
        await db.reseal(inbox_entries)


def test_a_missing_driver_is_one_clear_sentence(clock: ManualClock) -> None:
    with pytest.raises(CurbsideError, match="psycopg"):
        Database("postgresql+psycopg://h/x", clock, KEYS)
