"""What waits is found at once, however much was handled before."""

import time
from typing import Any

import pytest
from sqlalchemy import event, insert, text

from bot.kernel import inbox, outbox, timers
from bot.kernel.db import Database, Tx
from bot.kernel.ids import new_id
from bot.kernel.inbox import Incoming, inbox_entries
from bot.kernel.outbox import MATRIX, Outgoing, outbox_rows

HANDLED = 100_000
PENDING = 2_000


async def fill(db: Database) -> None:
    async with db.begin() as tx:
        entry: dict[str, Any] = {
            "bot": "curbside", "topic": "test", "state": "done", "attempts": 0,
            "received_at": tx.now, "due_at": tx.now, "done_at": tx.now,
        }  # fmt: skip
        row: dict[str, Any] = {
            "bot": "curbside", "channel": MATRIX, "room": "!r", "op": "send", "state": "sent", "attempts": 0,
            "created_at": tx.now, "due_at": tx.now, "sent_at": tx.now,
        }  # fmt: skip
        for start in range(0, HANDLED, 5000):
            numbers = range(start, start + 5000)
            lanes = [f"curbside !r{number % 300}" for number in numbers]
            entries = [
                entry | {"id": new_id(tx.now), "source": f"${number}", "lane": lane}
                for number, lane in zip(numbers, lanes, strict=True)
            ]
            await tx.conn.execute(insert(inbox_entries), entries)
            rows = [
                row | {"id": new_id(tx.now), "event_id": f"${number}", "lane": lane}
                for number, lane in zip(numbers, lanes, strict=True)
            ]
            await tx.conn.execute(insert(outbox_rows), rows)
        rooms = [f"!r{number % 300}" for number in range(PENDING)]
        await inbox.put_all(
            tx,
            [Incoming("curbside", "test", f"$p{n}", f"curbside {room}", {}) for n, room in enumerate(rooms)],
        )
        await outbox.put_all(tx, [Outgoing("curbside", room, "send", {"content": {}}) for room in rooms])
    if not db.is_sqlite:
        async with db.begin() as tx:
            await tx.conn.execute(text("ANALYZE"))


async def ask_everything(tx: Tx) -> None:
    await inbox.claim(tx)
    await inbox.oldest_pending(tx)
    assert await inbox.count_pending(tx) == PENDING
    assert len((await outbox.due(tx, MATRIX, "curbside", busy=["curbside !r1"], limit=16)).rows) == 16
    await outbox.is_pending(tx, "curbside", "!r7", "create")
    await outbox.buttons_on(tx, "curbside", "$7")
    await timers.next_due_at(tx)
    await timers.claim(tx)


@pytest.fixture
async def full(db: Database) -> Database:
    await fill(db)
    return db


async def test_every_question_uses_an_index_and_claims_stay_fast(full: Database) -> None:
    asked: list[tuple[str, Any]] = []

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.startswith("SELECT"):
            asked.append((statement, parameters))

    engine = full.engine
    event.listen(engine, "before_cursor_execute", note)
    async with full.begin() as tx:
        asked.clear()
        await ask_everything(tx)
    event.remove(engine, "before_cursor_execute", note)
    assert len(asked) == 8
    word = "EXPLAIN QUERY PLAN " if full.is_sqlite else "EXPLAIN "
    async with full.read() as tx:
        for statement, parameters in asked:
            if not full.is_sqlite and "FOR UPDATE" in statement:
                statement = statement.partition("FOR UPDATE")[0]
            rows = (await tx.conn.exec_driver_sql(word + statement, parameters)).all()
            plan = [str(row[-1]) for row in rows]
            whole = [step for step in plan if whole_table(step, full.is_sqlite)]
            assert not whole, f"{statement}\n{plan}"
    took = []
    for _ in range(30):
        async with full.begin() as tx:
            began = time.thread_time() if full.is_sqlite else time.monotonic()
            found = await inbox.claim(tx)
            took.append((time.thread_time() if full.is_sqlite else time.monotonic()) - began)
            assert found is not None
            await inbox.mark_done(tx, found.id)
    assert sorted(took)[15] < (0.002 if full.is_sqlite else 0.1), f"{sorted(took)[15] * 1000:.1f} ms"


def whole_table(step: str, sqlite: bool) -> bool:
    if not sqlite:
        return "Seq Scan on inbox" in step or "Seq Scan on outbox" in step
    return (
        step.startswith("SCAN")
        and "INDEX" not in step
        and any(name in step for name in ("inbox", "outbox", "earlier"))
    )
