"""Timers: each fires once, the longest due first, and a failing one is never lost."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from bot.kernel import timers
from bot.kernel.db import Database
from bot.kernel.timers import Timer
from tests.store.conftest import START

Later = Callable[[float], datetime]
MINUTE = timedelta(minutes=1)


async def set_timer(db: Database, key: str, due_at: datetime, **facts: str | int | bool | None) -> None:
    async with db.begin() as tx:
        await timers.set_timer(tx, "answer", key, due_at, **facts)


async def fire(db: Database) -> Timer | None:
    async with db.begin() as tx:
        return await timers.claim(tx)


async def test_timers_fire_when_due_in_the_order_of_their_moments(db: Database, later: Later) -> None:
    for key, minutes in (("c", 3), ("a", 1), ("b", 2), ("d", 9)):
        await set_timer(db, key, START + minutes * MINUTE, step=minutes)
    assert await fire(db) is None
    async with db.read() as tx:
        assert await timers.next_due_at(tx) == START + MINUTE
        assert await timers.most_overdue(tx) is None
        assert await timers.count_overdue(tx) == 0
    later(180)
    assert [timer and timer.key for timer in [await fire(db) for _ in range(4)]] == ["a", "b", "c", None]
    async with db.read() as tx:
        assert await timers.is_set(tx, "answer", "d")
        assert not await timers.is_set(tx, "answer", "a")


async def test_setting_again_replaces_and_cancelling_takes_back(db: Database, later: Later) -> None:
    await set_timer(db, "a", START + MINUTE, step=1)
    await set_timer(db, "a", START + 2 * MINUTE, step=2)
    await set_timer(db, "b", START)
    async with db.begin() as tx:
        await timers.cancel(tx, "answer", "b")
        await timers.cancel(tx, "answer", "never set")
    later(60)
    assert await fire(db) is None
    later(60)
    timer = await fire(db)
    assert timer == Timer("answer", "a", START + 2 * MINUTE, {"step": 2}, 0)
    assert await fire(db) is None


async def test_two_processes_may_set_the_same_timer(db: Database, backend: str) -> None:
    if backend == "sqlite":  # there transactions come one after the other
        return
    async with db.begin() as one:
        await timers.set_timer(one, "answer", "a", START + MINUTE)
        second = asyncio.create_task(set_timer(db, "a", START + 2 * MINUTE))
        done, _ = await asyncio.wait([second], timeout=0.2)
        assert not done
    await asyncio.wait_for(second, 30)
    async with db.read() as tx:
        assert await timers.next_due_at(tx) == START + 2 * MINUTE


async def test_a_rolled_back_claim_brings_the_timer_back(db: Database) -> None:
    await set_timer(db, "a", START)
    try:
        async with db.begin() as tx:
            assert await timers.claim(tx) is not None
            raise LookupError
    except LookupError:
        pass
    assert await fire(db) is not None


async def test_a_put_off_timer_stays_overdue_and_keeps_its_moment(db: Database, later: Later) -> None:
    await set_timer(db, "a", START)
    late = Timer("answer", "a", START, {}, 0)
    async with db.begin() as tx:
        await timers.put_off(tx, late, tx.now + MINUTE)
    later(30)
    assert await fire(db) is None
    async with db.read() as tx:
        assert await timers.most_overdue(tx) == START
        assert await timers.count_overdue(tx) == 1
        assert await timers.next_due_at(tx) == START + MINUTE
    later(30)
    assert await fire(db) == Timer("answer", "a", START, {}, 1)


async def test_putting_off_does_not_touch_a_timer_set_anew(db: Database) -> None:
    await set_timer(db, "daily", START + timedelta(days=1))
    async with db.begin() as tx:
        await timers.put_off(tx, Timer("answer", "daily", START, {}, 0), tx.now)
    assert await fire(db) is None
    async with db.read() as tx:
        assert await timers.next_due_at(tx) == START + timedelta(days=1)


async def test_a_thousand_timers_fire_once_each_among_four_workers(db: Database, backend: str) -> None:
    number = 1000 if backend == "postgresql" else 200
    async with db.begin() as tx:
        for index in range(number):
            await timers.set_timer(tx, "answer", f"{index}", START)
    fired: list[str] = []

    async def work() -> int:
        own = 0
        while (timer := await fire(db)) is not None:
            fired.append(timer.key)
            own += 1
        return own

    shares = await asyncio.wait_for(asyncio.gather(*(work() for _ in range(4))), 90)
    assert sorted(fired, key=int) == [f"{index}" for index in range(number)]
    assert min(shares) > 0, "a worker was shut out"
