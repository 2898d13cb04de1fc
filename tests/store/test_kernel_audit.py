"""The audit trail: whoever changes it is found out, and concurrent writers neither fork nor block it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, text, update

from bot.kernel import audit
from bot.kernel.audit import audit_head, audit_lines
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from tests.store.conftest import OpenDatabase

LINES = 5


async def verify(db: Database) -> tuple[int, list[str]]:
    async with db.read() as tx:
        count, _, problems = await audit.verify(tx)
        return count, problems


@pytest.fixture
async def trail(db: Database) -> AsyncIterator[Database]:
    for number in range(LINES - 1):
        async with db.begin() as tx:
            tx.audit(f"@ada{number}:h.example", "consult.accepted", "C-7F3K", step=number, urgent=True)
            if number == 2:
                tx.audit("system", "timer.set", "C-7F3K")
    yield db


async def test_an_untouched_trail_is_whole(trail: Database) -> None:
    assert await verify(trail) == (LINES, [])
    async with trail.read() as tx:
        lines = [line async for line in audit.lines(tx)]
        assert [line.seq for line in lines] == [1, 2, 3, 4, 5]
        assert lines[0].facts == {"step": 0, "urgent": True}
        assert (await audit.verify(tx))[1] == lines[-1].mac


@pytest.mark.parametrize(
    "change",
    [
        {"actor": "@eve:h.example"},
        {"action": "consult.closed"},
        {"subject": "C-0000"},
        {"facts": '{"step":9}'},
        {"facts": "no json"},
        {"at": 0},
        {"mac": "f" * 64},
    ],
    ids=lambda change: "-".join(f"{key}" for key in change),
)
@pytest.mark.parametrize("seq", [1, 3, LINES])
async def test_an_altered_line_is_found(trail: Database, change: dict[str, Any], seq: int) -> None:
    sets = ", ".join(f"{column} = :{column}" for column in change)
    async with trail.begin() as tx:
        await tx.conn.execute(text(f"UPDATE audit_lines SET {sets} WHERE seq = {seq}"), change)
    _, problems = await verify(trail)
    assert problems


async def test_a_time_that_is_none_is_found(trail: Database, backend: str) -> None:
    if backend != "sqlite":  # PostgreSQL itself refuses it
        return
    async with trail.begin() as tx:
        await tx.conn.execute(text("UPDATE audit_lines SET at = 'never' WHERE seq = 2"))
    _, problems = await verify(trail)
    assert any("Line 2" in problem for problem in problems)


@pytest.mark.parametrize("seq", [1, 3, LINES])
async def test_a_deleted_line_is_found(trail: Database, seq: int) -> None:
    async with trail.begin() as tx:
        await tx.conn.execute(delete(audit_lines).where(audit_lines.c.seq == seq))
    _, problems = await verify(trail)
    assert problems


async def test_an_inserted_line_is_found(trail: Database) -> None:
    async with trail.begin() as tx:
        copy = (await tx.conn.execute(select(audit_lines).where(audit_lines.c.seq == 2))).one()._asdict()
        await tx.conn.execute(insert(audit_lines).values(**(copy | {"seq": LINES + 1})))
        await tx.conn.execute(update(audit_head).values(seq=LINES + 1, mac=copy["mac"]))
    _, problems = await verify(trail)
    assert any(f"Line {LINES + 1}" in problem for problem in problems)


async def test_two_lines_swapped_are_found(trail: Database) -> None:
    async with trail.begin() as tx:
        for old, new in ((2, 99), (3, 2), (99, 3)):
            await tx.conn.execute(update(audit_lines).where(audit_lines.c.seq == old).values(seq=new))
    _, problems = await verify(trail)
    assert problems


async def test_cutting_off_the_end_shows_in_the_head_or_in_a_head_noted_elsewhere(trail: Database) -> None:
    async with trail.read() as tx:
        _, noted, _ = await audit.verify(tx)
    async with trail.begin() as tx:
        await tx.conn.execute(delete(audit_lines).where(audit_lines.c.seq == LINES))
    _, problems = await verify(trail)
    assert any("cut off" in problem for problem in problems)
    async with trail.begin() as tx:
        before = select(audit_lines.c.mac).where(audit_lines.c.seq == LINES - 1).scalar_subquery()
        await tx.conn.execute(update(audit_head).values(seq=LINES - 1, mac=before))
    async with trail.read() as tx:
        assert noted != (await audit.verify(tx))[1], "only the noted head tells now"


async def test_a_deleted_head_is_found_and_stops_new_lines(trail: Database) -> None:
    async with trail.begin() as tx:
        await tx.conn.execute(delete(audit_head))
    _, problems = await verify(trail)
    assert problems
    with pytest.raises(Exception, match="No row"):
        async with trail.begin() as tx:
            tx.audit("system", "test", "C-7F3K")


async def test_another_key_does_not_verify(trail: Database, open_database: OpenDatabase) -> None:
    count, problems = await verify(open_database(keys=KeyRing([b"x" * 32])))
    assert (count, len(problems)) == (LINES, LINES)
    assert await verify(open_database(keys=KeyRing([b"k" * 32, b"n" * 32]))) == (LINES, [])


async def test_a_transaction_that_fails_leaves_no_line(trail: Database) -> None:
    with pytest.raises(LookupError):
        async with trail.begin() as tx:
            tx.audit("system", "test", "C-7F3K")
            raise LookupError
    assert await verify(trail) == (LINES, [])


async def test_concurrent_writers_make_one_chain_that_verifies_all_along(db: Database) -> None:
    writers, each = 8, 10
    busy = True

    async def write(number: int) -> None:
        for step in range(each):
            async with db.begin() as tx:
                tx.audit(f"writer {number}", "test", f"C-{step}", step=step)
                tx.audit(f"writer {number}", "test", f"C-{step}", step=step, second=True)

    async def watch() -> int:
        seen = 0
        while busy:
            count, problems = await verify(db)
            assert problems == [], "a reader saw the head and the lines of different moments"
            seen = max(seen, count)
        return seen

    watcher = asyncio.create_task(watch())
    await asyncio.wait_for(asyncio.gather(*(write(number) for number in range(writers))), 60)
    busy = False
    await asyncio.wait_for(watcher, 60)
    assert await verify(db) == (writers * each * 2, [])
