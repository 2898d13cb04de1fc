"""Consults of before the policies go on where they were."""

import json
from datetime import timedelta
from pathlib import Path

from sqlalchemy import MetaData, Table, insert, select

from bot.consults import store
from bot.consults.model import State
from bot.consults.store import consult_rows
from bot.consults.watching.store import unaccounted
from bot.directory.policies import Target, Whom
from bot.kernel import migrate, timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, milliseconds
from tests.support.ward import ANNA, BEN, CARA, QUESTION, REQ, Ward

BEFORE = "0007"


async def _old_consults(db: Database) -> None:
    """One of each kind, as the former version kept them."""
    async with db.begin() as tx:
        now = milliseconds(tx.now)

        def tables(conn: object) -> tuple[Table, Table]:
            old = MetaData()
            return (
                Table("consults", old, autoload_with=conn),  # type: ignore[arg-type]
                Table("consult_pages", old, autoload_with=conn),  # type: ignore[arg-type]
            )

        consults, pages = await tx.conn.run_sync(tables)
        rows = [
            ("C-ASKD", "requested", None, [ANNA, BEN], ["missed", "waiting"]),
            ("C-HAND", "requested", ANNA, [ANNA, CARA], ["accepted", "waiting"]),
            ("C-NONE", "unstaffed", None, [], []),
            ("C-CARE", "in-progress", ANNA, [ANNA, BEN], ["accepted"]),
            ("C-ANSW", "answered", ANNA, [ANNA, BEN], ["accepted"]),
            ("C-DONE", "completed", ANNA, [ANNA, BEN], ["accepted"]),
        ]
        for key, state, consultant, chain, outcomes in rows:
            row = {
                "id": key, "bot": "curbside", "service": "cardiology", "urgency": "urgent", "state": state,
                "version": 3, "step": len(outcomes) - 1, "chain": json.dumps(chain), "wait_seconds": 600,
                "requester": REQ, "consultant": consultant, "origin": f"!dm-{REQ[1:]}", "thread": "$t",
                "room": "ready" if consultant else "none", "opened_at": now,
                "question": tx.seal(consult_rows.c.question, key, QUESTION),
                "answered_at": now if state in ("answered", "completed") else None,
                "closed_at": now if state == "completed" else None,
            }  # fmt: skip
            await tx.conn.execute(insert(consults).values(**row))
            for number, outcome in enumerate(outcomes, 1):
                page = {"consult": key, "number": number, "user_id": chain[number - 1], "asked_at": now}
                await tx.conn.execute(insert(pages).values(**page, outcome=outcome))
        for key in ("C-ASKD", "C-HAND"):
            due = tx.now + timedelta(minutes=5)
            await timers.set_timer(tx, "consults.page", key, due, number=2, bot="curbside")


async def test_consults_of_before_go_on(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    await migrate.downgrade(db, BEFORE)
    await _old_consults(db)
    await migrate.upgrade(db)
    ward = Ward(db, clock, tmp_path)
    async with db.read() as tx:
        assert await unaccounted(tx) == []
        asked = await store.look(tx, "C-ASKD")
        assert asked is not None
        assert (await store.request(tx, "C-ASKD")).question == QUESTION
    assert [page.user for page in asked.consult.current] == [BEN]
    targets = [tier.targets for tier in asked.consult.policy.tiers]
    assert targets == [(Target(Whom.PERSON, ANNA),), (Target(Whom.PERSON, BEN),)]
    await ward.passes(minutes=5)
    async with db.read() as tx:
        states = {row.id: row.state for row in await tx.conn.execute(select(consult_rows))}
        assert await unaccounted(tx) == []
    assert states["C-ASKD"] == State.UNSTAFFED  # both were asked
    assert states["C-HAND"] == State.IN_PROGRESS  # nobody took over: it stays with Anna
    await ward.says(BEN, "!accept C-ASKD")
    await ward.says(REQ, "!close C-ANSW I shall")
    await ward.passes(hours=1)
    async with db.read() as tx:
        states = {row.id: row.state for row in await tx.conn.execute(select(consult_rows))}
    assert (states["C-ASKD"], states["C-ANSW"]) == (State.IN_PROGRESS, State.COMPLETED)
    assert f"dm:{ANNA}" in {f"dm:@{room[4:]}" for room in ward.chats if room.startswith("!dm-")}

    await migrate.downgrade(db, BEFORE)
    async with db.read() as tx:
        old = await tx.conn.run_sync(lambda conn: Table("consults", MetaData(), autoload_with=conn))
        kept = {row.id: row for row in await tx.conn.execute(select(old))}
    assert kept["C-ASKD"].state == "in-progress" and json.loads(kept["C-ASKD"].chain) == [ANNA, BEN]
    await migrate.upgrade(db)
    async with db.read() as tx:
        assert (await store.request(tx, "C-CARE")).question == QUESTION
