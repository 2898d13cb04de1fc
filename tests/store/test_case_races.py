"""Two who change a case at the same moment, on the database that lets them: one of them comes second."""

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.cases import store as cases
from bot.cases.drafting import working
from bot.cases.model import State
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.case_stage import CASE, DM_EVE, CaseStage
from tests.support.hall import BRAIN, EVE, MIRA, MODS

CLEAN = "Mr [NAME] from [PLACE] fell again, [NAME] found him: stop the DOAC?"


@pytest.fixture
def backend() -> str:
    """SQLite lets one transaction write at a time."""
    return "postgresql"


async def opened(db: Database, clock: ManualClock, folder: Path, **settings: Any) -> CaseStage:
    stage = CaseStage(db, clock, folder, **settings)
    await stage.open()
    return stage


async def leaves_nothing(stage: CaseStage) -> None:
    """No word of the original is kept."""
    for secret in ("Miller", "Ashford", "Quill"):
        assert await stage.traces(secret) == []
        assert not any(secret in said for room in (BRAIN, MODS) for said in stage.texts(room))


async def waiting(stage: CaseStage, number: int) -> None:
    """Wait until so many transactions wait for a row that another has locked."""
    query = text(
        "SELECT count(*) FROM pg_stat_activity "
        "WHERE wait_event_type = 'Lock' AND datname = current_database()"
    )
    async with asyncio.timeout(60):
        while True:
            async with stage.db.read() as tx:
                if (await tx.conn.execute(query)).scalar_one() == number:
                    return
            await asyncio.sleep(0.02)  # a lock tells nobody who waits for it


async def meet(stage: CaseStage, monkeypatch: pytest.MonkeyPatch, *work: Awaitable[Any]) -> None:
    """Let them come to the case’s row while another has it: each begins when those before it wait for it.

    Who waits gets the row in this order; what a transaction read of it before may be old then.
    """

    async def nothing() -> None:
        return None

    one = await stage.case()
    tasks: list[asyncio.Future[Any]] = []
    with monkeypatch.context() as still:
        still.setattr(stage, "settle", nothing)
        async with stage.db.begin() as tx:
            await cases.locked(tx, one.id)
            for number, each in enumerate(work, 1):
                tasks.append(asyncio.ensure_future(each))
                await waiting(stage, number)
        await asyncio.gather(*tasks)
    await stage.passes(seconds=1)
    await stage.works()


async def corrects(stage: CaseStage, event: str) -> None:
    """Eve edits her case."""
    relation = {"rel_type": "m.replace", "event_id": event}
    new = {"msgtype": "m.text", "body": "!case neurology Mr Quill fell"}
    await stage.says(EVE, "* …", DM_EVE, **{"m.new_content": new, "m.relates_to": relation})
    await stage.engine.handle_one()


async def presses(stage: CaseStage, user: str, room: str) -> None:
    """Somebody presses ✅."""
    await stage.taps(user, "✅", room)
    await stage.engine.handle_one()


@pytest.mark.parametrize("first", ["moderator", "author"])
async def test_moderators_release_a_case_while_its_author_corrects_it(
    db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    stage = await opened(db, clock, tmp_path, review=("*",))
    event = await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    both = [presses(stage, MIRA, MODS), corrects(stage, event)]
    await meet(stage, monkeypatch, *(both if first == "moderator" else reversed(both)))
    if first == "moderator":
        assert [CLEAN in said for said in stage.texts(BRAIN)] == [True]
        await leaves_nothing(stage)
    else:
        assert stage.texts(BRAIN) == [] and "Preview of K-" in stage.last(DM_EVE)
        assert "fell" in stage.last(DM_EVE) and "DOAC" not in stage.last(DM_EVE)


@pytest.mark.parametrize("first", ["worker", "author"])
async def test_an_author_corrects_a_case_while_its_preview_is_kept(
    db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    stage = await opened(db, clock, tmp_path)
    event = await stage.says(EVE, f"!case neurology {CASE}", DM_EVE)
    both = [working.make_one(stage.house, stage.db), corrects(stage, event)]
    await meet(stage, monkeypatch, *(both if first == "worker" else reversed(both)))
    assert stage.texts(BRAIN) == [] and (await stage.case()).seq == 2
    assert "Preview of K-" in stage.last(DM_EVE) and "DOAC" not in stage.last(DM_EVE)
    previews = sum("Preview of K-" in said for said in stage.texts(DM_EVE))
    assert previews == (2 if first == "worker" else 1)
    await stage.presses("✅")
    assert ["fell" in said and "DOAC" not in said for said in stage.texts(BRAIN)] == [True]
    await leaves_nothing(stage)


@pytest.mark.parametrize("first", ["time", "author"])
async def test_a_draft_grows_old_while_its_author_confirms_it(
    db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    stage = await opened(db, clock, tmp_path)
    await stage.writes(f"!case neurology {CASE}")
    await stage.passes(hours=23, minutes=1)
    clock.advance(timedelta(hours=1))
    both = [stage.engine.fire_one(), presses(stage, EVE, DM_EVE)]
    await meet(stage, monkeypatch, *(both if first == "time" else reversed(both)))
    if first == "author":
        assert [CLEAN in said for said in stage.texts(BRAIN)] == [True]
    else:
        assert stage.texts(BRAIN) == [] and (await stage.case()).state is State.EXPIRED
    await leaves_nothing(stage)
