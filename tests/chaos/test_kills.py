"""The short chaos: a death at every failpoint and at random moments, and nothing lost or answered twice."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.chaos import Chaos, Plan, Tally
from tests.support.consult import Consultation
from tests.support.house import Running, start_curbside, wait_ready

if TYPE_CHECKING:
    from bot.dev.synapse import Homeserver
    from tests.support.postgres import Postgres


def _assert_sound(tally: Tally, plan: Plan) -> None:
    told = f"seed {plan.seed}: {tally.line()}, lost {tally.lost}, doubled {tally.doubled}"
    assert tally.sound, told
    assert set(plan.failpoints) <= set(tally.failpoints), told
    assert tally.kills == plan.kills, told


async def test_kills_on_sqlite_in_encrypted_rooms(homeserver: Homeserver, tmp_path: Path) -> None:
    plan = Plan(commands=36, kills=12, encrypted=True, seed=11)
    _assert_sound(await Chaos(homeserver, tmp_path, plan).run(), plan)


@pytest.mark.soak
async def test_kills_on_postgresql_in_plain_rooms(
    homeserver: Homeserver, postgres: Postgres, tmp_path: Path
) -> None:
    plan = Plan(commands=50, kills=13, encrypted=False, seed=12, database=await postgres.create_database())
    _assert_sound(await Chaos(homeserver, tmp_path, plan).run(), plan)


@pytest.mark.parametrize(
    ("encrypted", "rooms", "burst"),
    [
        (True, 1, 60),  # a sync shows 50 messages of a room
        pytest.param(True, 2, 130, marks=pytest.mark.soak),
        pytest.param(False, 2, 130, marks=pytest.mark.soak),
    ],
)
async def test_a_burst_while_down_is_answered_in_order(
    homeserver: Homeserver, tmp_path: Path, encrypted: bool, rooms: int, burst: int
) -> None:
    plan = Plan(commands=0, kills=0, encrypted=encrypted, seed=13, rooms=rooms, burst=burst)
    tally = await Chaos(homeserver, tmp_path, plan).run()
    assert tally.sound, (tally.line(), tally.lost)
    assert tally.commands == burst
    assert tally.disordered == 0


@pytest.fixture(scope="module")
async def running(homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory):  # type: ignore[no-untyped-def]
    folder = tmp_path_factory.mktemp("consults") / "house"
    async with start_curbside(homeserver, folder, prefix=f"kills{id(folder)}-") as house:
        yield house


async def _die_there(running: Running, place: str) -> None:
    """Start the process anew so that it dies at this failpoint."""
    assert await running.stop() == 0
    running.start(CURBSIDE_FAILPOINT=place)
    await wait_ready(running)


async def _dead(running: Running) -> None:
    assert running.process is not None
    assert await asyncio.to_thread(running.process.wait, 60) == -9
    running.start()


# The other places on the way of a consult, which the short chaos above kills at as well.
_SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    "place", ["room.after_create", "keys.before_share", pytest.param("outbox.after_mark", marks=_SOAK)]
)
async def test_a_page_in_a_new_direct_chat_is_sent_once(running: Running, tmp_path: Path, place: str) -> None:
    async with Consultation(running, tmp_path) as consult:
        await consult.open_chat()
        await _die_there(running, place)
        await consult.ask()
        await _dead(running)
        await consult.paged(consult.first)
        await consult.quiet(consult.first)
        assert consult.pages(consult.first) == 1
        assert consult.invitations(consult.first) == 1
        assert consult.pages(consult.second) == 0
        assert consult.doubled() == []


@pytest.mark.parametrize(
    "place",
    [
        "room.after_create",
        pytest.param("inbox.before_commit", marks=_SOAK),
        pytest.param("keys.after_share", marks=_SOAK),
    ],
)
async def test_an_accepted_consult_gets_one_room(running: Running, tmp_path: Path, place: str) -> None:
    async with Consultation(running, tmp_path) as consult:
        await consult.open_chat()
        await consult.ask()
        await consult.paged(consult.first)
        await _die_there(running, place)
        await consult.accept(consult.first)
        await _dead(running)
        await consult.discussed(consult.first)
        await consult.quiet(consult.first)
        assert consult.invitations(consult.asker) == 1
        assert consult.invitations(consult.first) == 2  # the direct chat and the consult's room
        assert consult.questions(consult.asker) == consult.questions(consult.first) == 1
        assert consult.pages(consult.first) == 1
        assert consult.doubled() == []


@pytest.mark.parametrize(
    "place",
    [
        "timer.before_commit@consults.page",
        pytest.param("timer.after_commit@consults.page", marks=_SOAK),  # nothing is left to be done after it
    ],
)
async def test_a_timer_that_kills_asks_the_next_once(running: Running, tmp_path: Path, place: str) -> None:
    async with Consultation(running, tmp_path, patience=10) as consult:
        await consult.open_chat()
        await _die_there(running, place)
        await consult.ask()
        await _dead(running)
        await consult.accept(consult.second)
        await consult.discussed(consult.second)
        await consult.quiet(consult.second)
        assert consult.pages(consult.first) == 1
        assert consult.pages(consult.second) == 1
        assert consult.invitations(consult.second) == 2
        assert consult.doubled() == []
