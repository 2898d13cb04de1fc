"""The outbox: order within a room, delivery told once, content gone afterwards."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select

from bot.kernel import inbox, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.outbox import MATRIX, Outgoing, outbox_rows
from bot.kernel.sealing import KeyRing
from tests.store.conftest import START, OpenDatabase

Later = Callable[[float], datetime]


def out(room: str, body: str = "x", *, bot: str = "curbside", **options: Any) -> Outgoing:
    return Outgoing(bot, room, "send", {"type": "m.room.message", "content": {"body": body}}, **options)


async def put(db: Database, *outs: Outgoing) -> list[str]:
    async with db.begin() as tx:
        return await outbox.put_all(tx, outs)


async def due(db: Database, **options: Any) -> list[str]:
    async with db.read() as tx:
        return [row.id for row in (await outbox.due(tx, MATRIX, "curbside", **options)).rows]


async def sent(db: Database, row_id: str, event_id: str = "$e") -> None:
    async with db.begin() as tx:
        await outbox.mark_sent(tx, row_id, event_id=event_id, room_id="!r:h.example")


async def test_the_first_of_each_lane_is_due_and_the_next_only_after_it(db: Database) -> None:
    a1, b1, a2, _, _ = await put(
        db, out("!a"), out("!b"), out("!a"), out("!a", bot="second"), out("!fax", channel="fax")
    )
    assert await due(db) == [a1, b1]
    assert await due(db, limit=1) == [a1]
    assert await due(db, busy=["curbside !a"]) == [b1]
    await sent(db, a1)
    assert await due(db) == [b1, a2]
    async with db.read() as tx:
        assert (await outbox.due(tx, MATRIX, "nobody")).rows == ()


async def test_the_id_stands_in_the_content_and_beside_what_was_there(db: Database) -> None:
    plain, marked = await put(
        db,
        out("!a"),
        Outgoing("curbside", "!b", "send", {"content": {"org.curbside": {"v": 1, "kind": "page"}}}),
    )
    async with db.read() as tx:
        found = (await outbox.due(tx, MATRIX, "curbside")).rows
        rows = {row.id: row.body["content"]["org.curbside"] for row in found}
    assert rows == {plain: {"v": 1, "out": plain}, marked: {"v": 1, "kind": "page", "out": marked}}


async def test_a_row_put_off_holds_its_lane_back_until_then(db: Database, later: Later) -> None:
    first, second, other = await put(db, out("!a"), out("!a"), out("!b"))
    async with db.begin() as tx:
        await outbox.retry_at(tx, first, tx.now + timedelta(seconds=5), "HTTP_502")
    assert await due(db) == [other]
    await sent(db, other)
    async with db.read() as tx:
        found = await outbox.due(tx, MATRIX, "curbside")
        assert (found.rows, found.next_at) == ((), START + timedelta(seconds=5))
        assert await outbox.oldest_pending(tx) == START
    later(5)
    async with db.read() as tx:
        (row,) = (await outbox.due(tx, MATRIX, "curbside")).rows
    assert (row.id, row.attempts) == (first, 1)
    await sent(db, first)
    assert await due(db) == [second]


async def test_many_rooms_put_off_hide_no_other(db: Database) -> None:
    rows = await put(db, *(out(f"!dead{number}") for number in range(600)), out("!well"))
    async with db.begin() as tx:
        for row_id in rows[:-1]:
            await outbox.retry_at(tx, row_id, tx.now + timedelta(seconds=60), "HTTP_502")
    assert await due(db) == rows[-1:]


async def test_delivery_is_told_exactly_once_and_the_content_is_erased(db: Database) -> None:
    row_id, silent = await put(db, out("!a", topic="page.sent", ref="C-7F3K"), out("!b"))
    await sent(db, silent)
    await sent(db, row_id, "$first")
    await sent(db, row_id, "$echo")
    async with db.begin() as tx:
        await outbox.mark_failed(tx, row_id, "TOO_LATE")
        await outbox.retry_at(tx, row_id, tx.now, "TOO_LATE")
        told = await inbox.claim(tx)
        assert told is not None and (told.topic, told.source) == ("page.sent", row_id)
        assert told.payload == {
            "ref": "C-7F3K",
            "out": row_id,
            "room": "!a",
            "event_id": "$first",
            "room_id": "!r:h.example",
            "error": None,
        }
        assert await inbox.count_pending(tx) == 1
        assert await outbox.event_of(tx, row_id) == "$first"
        assert (await tx.conn.execute(select(outbox_rows.c.body))).scalars().all() == [None, None]
        assert await outbox.counts(tx) == {"sent": 2}


async def test_giving_up_is_told_with_its_reason(db: Database) -> None:
    (row_id,) = await put(db, out("!a", topic="page.sent", ref="C-7F3K"))
    async with db.begin() as tx:
        await outbox.mark_failed(tx, row_id, "M_FORBIDDEN" + "x" * 99)
        told = await inbox.claim(tx)
        assert told is not None and told.payload["error"].startswith("M_FORBIDDEN")
        assert told.payload["event_id"] is None
        assert await outbox.event_of(tx, row_id) is None
        assert await outbox.oldest_pending(tx) is None


async def test_a_queued_operation_is_found(db: Database) -> None:
    async with db.begin() as tx:
        row_id = await outbox.put(tx, Outgoing("curbside", "room:moderators", "create", {"name": "x"}))
        assert await outbox.is_pending(tx, "curbside", "room:moderators", "create")
        assert not await outbox.is_pending(tx, "curbside", "room:moderators", "invite")
        assert not await outbox.is_pending(tx, "second", "room:moderators", "create")
        await outbox.mark_sent(tx, row_id, room_id="!r")
        assert not await outbox.is_pending(tx, "curbside", "room:moderators", "create")


async def test_buttons_outlive_the_delivery(db: Database) -> None:
    (row_id,) = await put(db, out("!a", buttons={"✅": "accept C-7F3K"}))
    await sent(db, row_id, "$page")
    async with db.read() as tx:
        assert await outbox.buttons_on(tx, "curbside", "$page") == {"✅": "accept C-7F3K"}
        assert await outbox.buttons_on(tx, "second", "$page") == {}
        assert await outbox.buttons_on(tx, "curbside", "$other") == {}


async def test_only_what_was_settled_long_ago_is_forgotten(db: Database, clock: ManualClock) -> None:
    delivered, failed, waiting = await put(db, out("!a"), out("!b"), out("!c"))
    await sent(db, delivered)
    async with db.begin() as tx:
        await outbox.mark_failed(tx, failed, "M_FORBIDDEN")
    clock.advance(outbox.KEEP_DELIVERED + timedelta(milliseconds=1))
    async with db.begin() as tx:
        assert await outbox.purge(tx) == 2
    assert await due(db) == [waiting]


async def test_a_row_under_a_lost_key_holds_back_only_its_own_lane(
    db: Database, open_database: OpenDatabase
) -> None:
    other = open_database(keys=KeyRing([b"x" * 32]))
    await put(other, out("!a"))
    _, readable = await put(db, out("!a"), out("!b"))
    assert await due(db) == [readable]


async def test_lanes_with_hundreds_waiting_let_another_have_its_turn(
    db: Database, clock: ManualClock, later: Later
) -> None:
    await put(db, *(out(f"!noisy{room}") for _ in range(5) for room in range(50)))
    later(1)
    (page,) = await put(db, out("!quiet"))
    turns = 0
    while page not in (heads := await due(db, limit=32)):
        turns += 1
        async with db.begin() as tx:
            for row in (await outbox.due(tx, MATRIX, "curbside", limit=32)).rows:
                await outbox.mark_sent(tx, row.id, event_id="$e", room_id="!r:h.example")
                assert await outbox.step_back(tx, row.lane)
        later(0.01)
        assert turns < 4, "the page waits until all is sent that came before it"
    assert len(heads) == 32


async def test_rows_that_cannot_be_opened_hide_no_other(db: Database, open_database: OpenDatabase) -> None:
    await put(open_database(keys=KeyRing([b"x" * 32])), *(out(f"!closed{number}") for number in range(60)))
    (readable,) = await put(db, out("!z"))
    assert await due(db, limit=16) == [readable]
