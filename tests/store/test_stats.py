"""Numbers about consults: who may see which, and that they are those of what happened."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bot.consults.stats import service as stats
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.files_ward import FilesWard
from tests.support.ward import ANNA, BEN, MOD, REQ


@pytest.fixture
def ward(db: Database, clock: ManualClock, tmp_path: Path) -> FilesWard:
    return FilesWard(db, clock, tmp_path)


async def loop(ward: FilesWard, minutes: int, *, declined: str = "") -> None:
    """A consult from the question to the read-back; Ben takes it when Anna declines."""
    await ward.asks()
    await ward.passes(minutes=minutes)
    taker = ANNA
    if declined:
        await ward.says(ANNA, f"!decline {declined}")
        taker = BEN
    await ward.says(taker, "!accept")
    await ward.passes(minutes=minutes)
    await ward.says(taker, "!answer shock")
    await ward.says(REQ, "!close shock")


async def test_moderators_see_a_service_and_everybody_themselves(ward: FilesWard) -> None:
    for minutes in (1, 2, 3, 4):
        await loop(ward, minutes)
    await loop(ward, 5, declined="Not mine, sorry")
    await loop(ward, 6, declined="in theatre")
    await ward.asks("!consult surgery routine anybody?")
    await ward.says(MOD, "!stats cardiology today")
    assert len(await ward.waiting(stats.CHANNEL)) == 1, "made by the worker, not where the chat waits"
    await ward.works()
    text = ward.texts(f"dm:{MOD}")[-2]
    assert text.splitlines()[0].startswith("Cardiology · Nov 21, 2026")
    assert "6 consults were asked for." in text
    assert "• All (6): seen 3 min / 6 min · accepted 3 min / 6 min · answered 6 min / 12 min" in text
    assert "• URGENT (6): seen 3 min" in text and "STAT" not in text
    assert "Escalated beyond the first asked: 0 of 6" in text
    assert "Declines are left out: fewer than 5 people were asked." in text
    assert "At night (22:00–07:00): left out" in text
    assert "Unaccounted for: 0." in text
    (room, name, kind, data) = ward.files.pop()
    assert (ward.room_id(room), name, kind) == (ward.room_id(f"dm:{MOD}"), "stats.png", "image/png")
    assert data.startswith(b"\x89PNG") and struct.unpack(">II", data[16:24])[0] == 1000
    for word in (ANNA, BEN, "Anna Berg", "Rosa"):
        assert word not in text

    await ward.says(ANNA, "!stats 90d")
    await ward.works()
    text = ward.texts(f"dm:{ANNA}")[-2]
    assert "You were asked for 6 consults, you accepted 4." in text
    assert "At night (22:00–07:00): 0, in 0 nights." in text
    assert "Only you see this." in text
    assert len(ward.files) == 1

    await ward.says(MOD, "!statistik me woche")
    await ward.works()
    assert "asked for nothing" in ward.last(f"dm:{MOD}")
    assert await ward.waiting(stats.CHANNEL) == []


async def test_an_unaccounted_consult_is_the_loudest_line(ward: FilesWard, db: Database) -> None:
    await ward.asks()
    async with db.begin() as tx:
        await tx.conn.exec_driver_sql("DELETE FROM timers WHERE kind = 'consults.page'")
    await ward.says(MOD, "!stats")
    await ward.works()
    assert "1 open consult is unaccounted for: nobody is asked." in ward.last(f"dm:{MOD}")
    await ward.says(MOD, "!stats surgery")
    await ward.works()
    assert "Unaccounted for: 0." in ward.last(f"dm:{MOD}")


async def test_in_a_room_the_answer_stands_in_the_direct_chat(ward: FilesWard) -> None:
    await ward.says(ANNA, "!stats", room="!ward")
    await ward.works()
    assert ward.last("!ward") == "I answer in our direct chat."
    assert "asked for nothing" in ward.last(f"dm:{ANNA}")
    await ward.says(MOD, "!stats", room="room:moderators")
    await ward.works()
    assert "0 consults were asked for." in ward.last("room:moderators")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("!stats cardiolgy", "I know no service “cardiolgy”."),
        ("!stats cardiology yesterday", "I do not understand “yesterday” here"),
        ("!stats 2026-13", "I know these periods"),
        ("!stats 2027-01", "I know these periods"),
        ("!stats cardiology '; drop table consults", "I do not understand"),
        ("!stats " + "x" * 300, "too long"),
    ],
)
async def test_what_is_not_understood_is_said(ward: FilesWard, line: str, answer: str) -> None:
    await ward.says(MOD, line)
    assert answer in ward.last(f"dm:{MOD}")
    assert await ward.waiting(stats.CHANNEL) == []


async def test_a_maker_that_fails_is_tried_again_and_then_says_so(
    ward: FilesWard, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ward.says(ANNA, "!stats")
    (row,) = await ward.waiting(stats.CHANNEL)
    broken = "a period that is none"
    monkeypatch.setattr(stats.rules, "span", lambda *_: broken)
    for _ in range(5):
        await ward.works()
        await ward.passes(minutes=5)
    assert row.body["user"] == ANNA
    assert "I could not make what you asked for." in ward.last(f"dm:{ANNA}")
    assert await ward.waiting(stats.CHANNEL) == []
