"""Polls and quizzes under a case: Matrix polls, votes by text, and what counts."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.cases.model import Case
from bot.cases.thread.polls.store import poll_rows, vote_rows
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.hall import ADA, BEN, BRAIN, EVE, MIRA, MODS
from tests.support.thread_stage import Threads

DM_EVE, DM_ADA = f"dm:{EVE}", f"dm:{ADA}"
START, RESPONSE, END = (f"org.matrix.msc3381.poll.{what}" for what in ("start", "response", "end"))
QUIZ = "What is it? | sarcoid | *IgG4 disease | lymphoma"


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Threads:
    hall = Threads(db, clock, tmp_path)
    await hall.open()
    return hall


async def asks(hall: Threads, what: str = "poll", text: str = "Biopsy? | yes | no") -> tuple[Case, str]:
    """A poll under a new case, as after its author's ✅; the case and the poll's event."""
    case = await hall.posts()
    await hall.says(EVE, f"!case {what} {case.id} {text}", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.polls[-1][1] == START, hall.texts(DM_EVE)
    return case, hall.polls[-1][0]


async def votes(hall: Threads, user: str, poll: str, *answers: str, room: str = BRAIN, **more: Any) -> None:
    relation = {"rel_type": "m.reference", "event_id": poll}
    content = {"m.relates_to": relation, RESPONSE: {"answers": list(answers)}, **more}
    await hall.hears(user, room, RESPONSE, content)


async def test_a_poll_its_form_and_its_result(hall: Threads) -> None:
    case, poll = await asks(hall, text="Biopsy after 4/3/2026? | yes | no, call 0221 4710 815 | later")
    content = hall.polls[0][2]
    assert content["m.relates_to"]["rel_type"] == "m.thread"
    assert content["m.relates_to"]["event_id"] == case.event_id
    said = content[START]
    assert said["kind"] == "org.matrix.msc3381.poll.disclosed" and said["max_selections"] == 1
    texts = [one["org.matrix.msc1767.text"] for one in (said["question"], *said["answers"])]
    assert "4710" not in str(content) and "2026" not in str(content)
    assert content["org.matrix.msc1767.text"].splitlines()[0] == texts[0] == said["question"]["body"]
    assert [one["id"] for one in said["answers"]] == ["1", "2", "3"]
    assert f"!vote {case.id} 2" in hall.last(BRAIN)  # for clients without polls
    assert "3. later" in hall.last(BRAIN)
    await votes(hall, ADA, poll, "1")
    await votes(hall, BEN, poll, "3", "1")  # the first of several
    await votes(hall, ADA, poll, "2")  # the last of a person
    await hall.says(MIRA, f"!vote {case.id} 2", BRAIN)
    await hall.says(EVE, f"!case reveal {case.id}", DM_EVE)
    event, kind, ended = hall.polls[-1]
    assert kind == END and ended["m.relates_to"] == {"rel_type": "m.reference", "event_id": poll} and event
    result = hall.last(BRAIN)
    assert "1. yes: 0" in result and ": 2\n" in result and "3. later: 1" in result and "3 votes" in result
    assert ended["org.matrix.msc1767.text"] == result


async def test_which_votes_do_not_count(hall: Threads) -> None:
    case, poll = await asks(hall)
    hall.members[BRAIN]["@out:hs"] = "leave"
    await votes(hall, "@out:hs", poll, "1")
    await hall.says("@out:hs", f"!vote {case.id} 1", "dm:@out:hs")
    assert "no open poll" in hall.last("dm:@out:hs")
    await hall.says(MIRA, f"!mod mute {BEN} neurology 1h", MODS)
    await votes(hall, BEN, poll, "1")
    await votes(hall, ADA, poll, "7")
    await votes(hall, ADA, "$another", "1")
    edit = {"rel_type": "m.replace", "event_id": poll}
    await hall.hears(ADA, BRAIN, RESPONSE, {"m.relates_to": edit, RESPONSE: {"answers": ["1"]}})
    await votes(hall, MIRA, poll, "1")
    await votes(hall, MIRA, poll)  # taken back
    await hall.says(ADA, f"!vote {case.id} 9", DM_ADA)
    assert "from 1 to 2" in hall.last(DM_ADA)
    await hall.says(ADA, f"!vote {case.id} 2", DM_ADA)
    assert "counts: 2" in hall.last(DM_ADA)
    await hall.passes(days=7, minutes=1)
    assert "1. yes: 0" in hall.last(BRAIN) and "2. no: 1" in hall.last(BRAIN) and "1 vote" in hall.last(BRAIN)
    await votes(hall, MIRA, poll, "1")
    await hall.says(MIRA, f"!vote {case.id} 1", BRAIN)
    async with hall.db.read() as tx:
        assert len((await tx.conn.execute(select(vote_rows))).all()) == 1


async def test_a_quiz_keeps_its_solution_sealed_until_it_is_revealed(hall: Threads) -> None:
    case, poll = await asks(hall, "quiz", QUIZ)
    content = hall.polls[-1][2]
    assert content[START]["kind"] == "org.matrix.msc3381.poll.undisclosed"
    assert "*" not in str(content) and "✔" not in hall.last(BRAIN)
    assert any("The right one is 2" in text for text in hall.texts(DM_EVE))
    async with hall.db.read() as tx:
        row = (await tx.conn.execute(select(poll_rows))).one()
    assert isinstance(row.solution, bytes) and len(row.solution) > 30
    await votes(hall, ADA, poll, "2")
    await hall.says(EVE, f"!case reveal {case.id}", DM_EVE)
    assert "✔ 2. IgG4 disease: 1" in hall.last(BRAIN) and "Right is ✔ 2" in hall.last(BRAIN)
    await hall.says(EVE, f"!case reveal {case.id}", DM_EVE)
    assert "has no open poll" in hall.last(DM_EVE)


async def test_what_is_no_poll(hall: Threads) -> None:
    case = await hall.posts()
    for line, problem in (
        ("poll", "question and the options"),
        (f"poll {case.id} Only one? | yes", "2 to 10 different options"),
        (f"poll {case.id} Same? | yes | Yes", "2 to 10 different options"),
        (f"quiz {case.id} Which? | a | b", "Mark the right option"),
        (f"quiz {case.id} Which? | *a | *b", "Mark the right option"),
    ):
        await hall.says(EVE, f"!case {line}", DM_EVE)
        assert problem in hall.last(DM_EVE), line
        await hall.says(EVE, "cancel", DM_EVE)
    await hall.says(EVE, f"!case poll {case.id} Whom? | 0221 4710 815 | 0221/4710815", DM_EVE)
    assert "Nothing is posted" in hall.last(DM_EVE) and "two options are the same" in hall.last(DM_EVE)
    await hall.says(EVE, f"!case poll {case.id} Biopsy? | yes | no", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    await hall.says(EVE, f"!case poll {case.id} Another? | yes | no", DM_EVE)
    assert "an open poll already" in hall.last(DM_EVE)
    assert len(hall.polls) == 1


async def test_a_flagged_poll_is_hidden_and_its_votes_wait(hall: Threads) -> None:
    case, poll = await asks(hall)
    await votes(hall, BEN, poll, "1")
    await hall.reacts(ADA, poll, "🚩", BRAIN)
    assert poll in hall.redacted
    await votes(hall, MIRA, poll, "1")
    await hall.taps(MIRA, "✅")
    anew = hall.polls[-1][0]
    assert anew != poll
    await votes(hall, MIRA, anew, "2")
    await hall.says(EVE, f"!case close {case.id}", DM_EVE)
    assert "1. yes: 1" in hall.texts(BRAIN)[-2] + hall.texts(BRAIN)[-3]
    assert "2. no: 1" in hall.texts(BRAIN)[-2] + hall.texts(BRAIN)[-3]
    assert hall.polls[-1][2]["m.relates_to"]["event_id"] == anew
