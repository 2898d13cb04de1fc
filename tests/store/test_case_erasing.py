"""Once a case's author is erased no name, no button and no moment leads back, and no word is left over."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from bot.cases import store as cases
from bot.cases.accountability import erasing, store
from bot.cases.model import Case, State
from bot.cases.thread import store as standing
from bot.cases.thread.saying.store import piece_rows
from bot.chat.desk import Desk
from bot.directory.profiles.erasing import Erasers
from bot.kernel import ids, inbox, outbox
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.inbox import inbox_entries
from bot.kernel.outbox import outbox_rows
from tests.support.case_stage import CASE, CaseStage
from tests.support.hall import ADA, BRAIN, EVE
from tests.support.thread_stage import Threads

DM_EVE = f"dm:{EVE}"
_DAY = 24 * 60 * 60 * 1000
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ticking(ManualClock):
    """Every look is a moment of its own, so that what bears the same one was done in one transaction."""

    def now(self) -> datetime:
        return self.advance(timedelta(milliseconds=7))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> ManualClock:
    monkeypatch.setattr(ids, "_last", 0)  # the ids of a process never go back in time, tests do
    return Ticking(datetime(2026, 3, 2, 9, 0, tzinfo=UTC))


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Threads:
    hall = Threads(db, clock, tmp_path)
    parts: Any = hall.house.parts
    parts[Erasers] = Erasers([one.erase for one in hall.known if one.erase is not None])
    await hall.open()
    return hall


def moment_in(row_id: str) -> int:
    """The milliseconds in a row's id."""
    value = 0
    for char in row_id[:10]:
        value = value * 32 + _CROCKFORD.index(char)
    return value


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


async def meeting(db: Database, case_id: str) -> list[str]:
    """What of the author's chat bears a moment at which something was done to the case."""
    found = []
    async with db.read() as tx:
        moments = {_ms(moment) for moment in await store.moments(tx, case_id)}
        for line in await tx.conn.execute(select(audit_lines)):
            if line.subject == case_id:
                moments.add(_ms(line.at))
        for row in await tx.conn.execute(select(piece_rows.c.id, piece_rows.c.created_at)):
            moments |= {_ms(row.created_at), moment_in(row.id)}
        moments = {moment for moment in moments if moment % _DAY}  # a day alone leads to nobody
        for row in await tx.conn.execute(select(inbox_entries)):
            if EVE in row.lane:
                times = {_ms(one) for one in (row.received_at, row.due_at, row.done_at) if one}
                if moments & {*times, moment_in(row.id)}:
                    found.append(f"inbox {row.topic}")
        for row in await tx.conn.execute(select(outbox_rows)):
            if EVE in f"{row.room}{row.room_id}":
                times = {_ms(one) for one in (row.created_at, row.due_at, row.sent_at) if one}
                if moments & {*times, moment_in(row.id)}:
                    found.append(f"outbox {row.op}")
    return found


async def talked(hall: Threads) -> Case:
    """A case with all that its author does in it: an answer, one that waits for a ✅, and a flag."""
    case = await hall.posts()
    await hall.answers(ADA, "why?", case)
    await hall.says(EVE, "because of the pacemaker", DM_EVE, reply=hall.chat(DM_EVE)[-1][0])
    await hall.taps(EVE, "✅", DM_EVE)
    await hall.says(EVE, f"!reply {case.id} and one more word", DM_EVE)
    assert case.event_id is not None
    await hall.reacts(ADA, case.event_id, "🚩", BRAIN)
    return await hall.case(case.id)


async def _forgotten(hall: Threads, case: Case) -> None:
    await hall.says(EVE, f"!case forget {case.id}", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)


async def _erased(hall: Threads, _case: Case) -> None:
    await hall.says(EVE, "!erase", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)


async def _in_time(hall: Threads, _case: Case) -> None:
    for days in (1, 14, 14, 152):  # the piece expires, two times the author is asked what it was
        await hall.passes(days=days)


@pytest.mark.parametrize("erase", [_forgotten, _erased, _in_time])
async def test_no_moment_leads_from_a_case_to_its_author(
    hall: Threads, erase: Callable[[Threads, Case], Awaitable[None]]
) -> None:
    case = await talked(hall)
    assert await meeting(hall.db, case.id)
    await erase(hall, case)
    await hall.passes(days=1)
    assert await meeting(hall.db, case.id) == []
    assert f"system case.unlinked {case.id}" in await hall.audit()
    async with hall.db.read() as tx:
        assert await cases.author(tx, case.id) is None
        assert await standing.relays(tx, case.id) == 0


async def test_what_an_author_was_about_to_say_goes_with_them(hall: Threads) -> None:
    case = await talked(hall)
    async with hall.db.read() as tx:
        kept = (await tx.conn.execute(select(piece_rows).where(piece_rows.c.given.is_not(None)))).all()
    assert len(kept) == 1
    await _forgotten(hall, case)
    async with hall.db.read() as tx:
        for row in await tx.conn.execute(select(piece_rows)):
            assert row.given is None and row.shown is None and row.handle is None and row.source is None


async def test_orders_do_not_lead_to_the_author_by_a_drafts_handle(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    stage = CaseStage(db, clock, tmp_path)
    await stage.open()
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    case = await stage.case()
    assert case.posted_at is not None
    assert await meeting(stage.db, case.id)
    async with stage.db.read() as tx:
        orders = {row.room for row in await tx.conn.execute(select(outbox_rows.c.room))}
    handles = [room.partition(":")[2] for room in orders if room.startswith("case:")]
    assert len(handles) == 1
    await stage.writes(f"!case forget {case.id}")
    await stage.presses("✅")
    assert await meeting(stage.db, case.id) == []
    assert await stage.traces(handles[0]) == []


async def test_a_post_still_on_its_way_needs_its_authors_words_no_longer(
    hall: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away() -> bool:
        return False

    with monkeypatch.context() as patch:
        patch.setattr(hall, "_deliver", away)
        case = await hall.posts()
        assert case.state is State.POSTING
        async with hall.db.begin() as tx:
            assert await cases.draft(tx, case.id) is not None
            desk = Desk(hall.house, tx, "curbside")
            await erasing.unlink(desk, case.id)
            await erasing.note_later(desk, case.id)
            assert await cases.draft(tx, case.id) is None and await cases.shown(tx, case.id) is None
            assert await cases.author(tx, case.id) is None
    await hall.settle()
    posted = await hall.case(case.id)
    assert posted.state is State.POSTED and posted.erase_at is None
    assert "DOAC" in hall.last(BRAIN) and hall.texts(DM_EVE) == []
    noted = f"system case.unlinked {case.id}"
    assert noted not in await hall.audit()
    await hall.passes(days=1, seconds=1)
    assert (await hall.audit()).count(noted) == 1


async def test_what_failed_is_kept_sealed_for_two_weeks_or_until_its_author_erases_it(hall: Threads) -> None:
    case = await hall.posts()
    await hall.says(EVE, "!help", DM_EVE)
    await hall.says(ADA, "!help", f"dm:{ADA}")

    async def kept() -> set[str]:
        async with hall.db.read() as tx:
            query = select(inbox_entries).where(inbox_entries.c.payload.is_not(None))
            return {row.lane.rpartition("!dm-")[2] for row in await tx.conn.execute(query)}

    async with hall.db.begin() as tx:
        for row in (await tx.conn.execute(select(inbox_entries))).all():
            if "!dm-" in row.lane:
                sealed = tx.seal(inbox_entries.c.payload, row.id, {"event": "words"})
                this = inbox_entries.c.id == row.id
                await tx.conn.execute(update(inbox_entries).where(this).values(payload=sealed, state="dead"))
    assert await kept() == {EVE, ADA}
    await _forgotten(hall, case)
    assert await kept() == {ADA}
    hall.clock.advance(inbox.KEEP_DEAD - timedelta(hours=1))
    async with hall.db.begin() as tx:
        await inbox.purge(tx)
        await outbox.purge(tx)
    assert await kept() == {ADA}
    hall.clock.advance(timedelta(hours=2))
    async with hall.db.begin() as tx:
        await inbox.purge(tx)
    assert await kept() == set()
