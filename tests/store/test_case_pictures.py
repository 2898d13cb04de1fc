"""Pictures of a case that stands in a room: hidden with it, shown to moderators, and posted anew with it."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from bot.cases import store as cases
from bot.cases.model import Case, State
from bot.cases.thread import store as standing
from bot.cases.thread.model import Stands
from bot.kernel import inbox, outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.hall import ADA, BRAIN, EVE, HEART, MIRA, MODS, OTTO
from tests.support.thread_stage import Threads

DM_EVE = f"dm:{EVE}"


def png(grey: int) -> bytes:
    """One grey pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes((0, grey)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Threads:
    hall = Threads(db, clock, tmp_path)
    await hall.open()
    return hall


def pictures(hall: Threads, room: str = BRAIN) -> list[tuple[str, str, str]]:
    """The pictures in a room that have not been redacted: event, file's name, root of the thread."""
    return [
        (event, content["filename"], root(hall, content))
        for event, content in hall.chat(room)
        if "filename" in content and event not in hall.redacted
    ]


def root(hall: Threads, content: dict[str, object]) -> str:
    relation = content["m.relates_to"]
    assert isinstance(relation, dict)
    target = relation["event_id"]
    return f"$out-{target['$out']}" if isinstance(target, dict) else str(target)


async def stand(hall: Threads, case: Case) -> int:
    async with hall.db.read() as tx:
        return len(await standing.present(tx, case.id, {Stands.FILE}))


async def flagged(hall: Threads, case: Case) -> None:
    assert case.event_id is not None
    await hall.reacts(ADA, case.event_id, "🚩", BRAIN)


async def test_a_restored_case_stands_again_with_its_pictures(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1), png(2)])
    before = pictures(hall)
    assert [place for _event, _name, place in before] == [case.event_id] * 2
    await flagged(hall, case)
    assert {event for event, _name, _root in before} <= set(hall.redacted) and pictures(hall) == []
    assert await stand(hall, case) == 0
    await hall.taps(OTTO, "✅")
    now = await hall.case(case.id)
    assert now.state is State.POSTED and now.event_id != case.event_id
    after = pictures(hall)
    assert [name for _event, name, _root in after] == [f"{case.id}-1.png", f"{case.id}-2.png"]
    assert [place for _event, _name, place in after] == [now.event_id] * 2
    assert await stand(hall, case) == 2
    # Hidden again, by hand: those in the new thread go.
    await hall.hears(MIRA, BRAIN, "m.room.redaction", {}, redacts=now.event_id)
    assert pictures(hall) == [] and await stand(hall, case) == 0


async def test_moderators_see_the_pictures_that_they_decide_about_once(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1)])
    await flagged(hall, case)
    card = next(event for event, content in hall.chat(MODS) if "1 flag" in content["body"])
    assert [(name, place) for _event, name, place in pictures(hall, MODS)] == [(f"{case.id}-1.png", card)]
    await hall.says(MIRA, "I look", MODS)
    assert case.event_id is not None
    await hall.reacts(OTTO, case.event_id, "🚩", BRAIN)
    assert len(pictures(hall, MODS)) == 1


async def test_a_removed_case_keeps_no_picture(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1)])
    await flagged(hall, case)
    await hall.taps(OTTO, "❌")
    assert (await hall.case(case.id)).state is State.DISCARDED and pictures(hall) == []
    async with hall.db.read() as tx:
        assert await cases.files(tx, case.id) == []


async def test_a_picture_that_comes_late_goes_with_a_case_hidden_meanwhile(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1)])
    (event, _name, _root), *_ = pictures(hall)
    async with hall.db.begin() as tx:  # as if its arrival were told only after the flag
        await standing.gone(tx, [event])
    await flagged(hall, case)
    async with hall.db.begin() as tx:
        late = f"$late-{case.id}"
        payload = {"ref": case.id, "out": "x", "event_id": late, "room_id": BRAIN, "error": None}
        entry = inbox.Incoming("curbside", "case_threads.stands", "late", f"out {case.id}", payload)
        await inbox.put(tx, entry)
    await hall.settle()
    assert late in hall.redacted and await stand(hall, case) == 0


async def test_a_picture_that_a_moderator_took_away_is_never_posted_again(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1), png(2)])
    taken = pictures(hall)[0][0]
    await hall.hears(MIRA, BRAIN, "m.room.redaction", {}, redacts=taken)
    assert (await hall.case(case.id)).state is State.POSTED  # the case itself stands on
    await flagged(hall, case)
    assert pictures(hall) == [] or pictures(hall)[0][0] == taken
    await hall.taps(OTTO, "✅")
    now = await hall.case(case.id)
    assert now.state is State.POSTED and now.event_id != case.event_id
    assert {event for event, _name, _root in pictures(hall)} <= {taken}


async def test_a_replaced_room_gets_the_pictures_too(hall: Threads) -> None:
    case = await hall.posts(pictures=[png(1)], key="cardiology")
    assert len(pictures(hall, HEART)) == 1
    await hall.replaces("cardiology", "!heart2:hs")
    await hall.says(EVE, f"!case close {case.id}", DM_EVE)
    found = pictures(hall, "!heart2:hs")
    assert [name for _event, name, _root in found] == [f"{case.id}-1.png"]
    async with hall.db.read() as tx:
        assert (await outbox.counts(tx)).get("pending", 0) == 0
