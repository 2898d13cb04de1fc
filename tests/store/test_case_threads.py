"""What happens to a case in its room: answers to and by its author, flags, specialists, lists."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.cases import store as cases
from bot.cases.model import Case, State
from bot.cases.thread import store as standing
from bot.cases.thread.flags.store import flag_rows
from bot.cases.thread.saying.store import piece_rows
from bot.kernel import outbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.outbox import outbox_rows
from bot.kernel.timers import timer_rows
from tests.support.hall import ADA, BEN, BRAIN, EVE, HEART, MIRA, MODS, OTTO
from tests.support.thread_stage import TEXT, Threads

DM_EVE, DM_ADA = f"dm:{EVE}", f"dm:{ADA}"


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Threads:
    hall = Threads(db, clock, tmp_path)
    await hall.open()
    return hall


async def pieces(hall: Threads) -> list[tuple[str, str]]:
    async with hall.db.read() as tx:
        rows = await tx.conn.execute(select(piece_rows).order_by(piece_rows.c.id))
        return [(row.kind, row.state) for row in rows]


# Answers -----------------------------------------------------------------------------------------------


async def test_an_answer_reaches_the_author_and_theirs_goes_to_the_thread(hall: Threads) -> None:
    case = await hall.posts()
    assert TEXT in hall.texts(BRAIN)[0] and "Grey Heron 41" in hall.texts(BRAIN)[0]
    await hall.answers(ADA, "How high was the INR?", case)
    told = hall.last(DM_EVE)
    assert "Dr Ada Reed answers in Neurology" in told and "How high was the INR?" in told
    await hall.says(EVE, "2.1, says her GP, tel 0221 4710 815", DM_EVE, reply=hall.chat(DM_EVE)[-1][0])
    assert "Not posted yet" in hall.last(DM_EVE) and "4710" not in hall.last(DM_EVE)
    assert len(hall.texts(BRAIN)) == 1  # nothing before the ✅
    await hall.taps(EVE, "✅", DM_EVE)
    said = hall.chat(BRAIN)[-1][1]
    assert "Grey Heron 41" in said["body"] and "2.1, says her GP" in said["body"]
    assert "4710" not in str(said)
    assert said["m.relates_to"]["event_id"] == case.event_id
    assert "It is in the thread of" in hall.last(DM_EVE)
    assert EVE not in json.dumps(hall.chat(BRAIN))


async def test_by_command_and_a_tap_that_asks_for_the_words(hall: Threads) -> None:
    case = await hall.posts()
    await hall.says(EVE, f"!reply {case.id} ferritin was normal", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    await hall.answers(BEN, "and the liver?", case)
    await hall.taps(EVE, "💬", DM_EVE)
    assert "What do you want to answer?" in hall.last(DM_EVE)
    await hall.says(EVE, "transaminases fine", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    answers = [text.splitlines()[-1] for text in hall.texts(BRAIN)[1:]]
    assert answers == ["ferritin was normal", "transaminases fine"]
    assert await pieces(hall) == [("reply", "posted"), ("reply", "posted")]


async def test_only_the_newest_preview_of_the_author_counts(hall: Threads) -> None:
    case = await hall.posts()
    asked = await hall.says(EVE, f"!reply {case.id} tell Keller at 0221 4710 815", DM_EVE)
    first = hall.chat(DM_EVE)[-1][0]
    change: dict[str, Any] = {
        "m.new_content": {"msgtype": "m.text", "body": f"!reply {case.id} tell nobody"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": asked},
    }
    await hall.says(EVE, "* edited", DM_EVE, **change)
    await hall.reacts(EVE, first, "✅", DM_EVE)
    assert "not the newest" in hall.last(DM_EVE) and len(hall.texts(BRAIN)) == 1
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.last(BRAIN).endswith("tell nobody")
    await hall.says(EVE, f"!reply {case.id} not this", DM_EVE)
    await hall.taps(EVE, "❌", DM_EVE)
    assert "Discarded" in hall.last(DM_EVE) and len(hall.texts(BRAIN)) == 2


async def test_nothing_is_posted_when_the_engine_fails_hangs_or_has_changed(
    hall: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await hall.posts()

    async def broken(*_arguments: object, **_options: object) -> None:
        raise TimeoutError

    with monkeypatch.context() as patch:
        patch.setattr(hall.deidentifier, "find", broken)
        await hall.says(EVE, f"!reply {case.id} it was late", DM_EVE)
    assert "Nothing is posted" in hall.last(DM_EVE)
    await hall.says(EVE, f"!reply {case.id} zażółć gęślą jaźń, proszę o pomoc w diagnostyce", DM_EVE)
    assert "Nothing is posted" in hall.last(DM_EVE)
    await hall.says(EVE, f"!reply {case.id} once more", DM_EVE)
    assert hall.deidentifier._engine is not None
    hall.deidentifier._engine.versions["engine"] = "other"
    await hall.taps(EVE, "✅", DM_EVE)
    assert "A new preview comes" in hall.texts(DM_EVE)[-2] + hall.texts(DM_EVE)[-1]
    assert len(hall.texts(BRAIN)) == 1
    await hall.passes(days=2)
    assert {state for _kind, state in await pieces(hall)} == {"expired"}
    async with hall.db.read() as tx:
        rows = (await tx.conn.execute(select(piece_rows))).all()
    assert all(row.given is row.shown is row.handle is row.source is None for row in rows)


async def test_corrections_by_word(hall: Threads) -> None:
    case = await hall.posts()
    await hall.says(EVE, f"!reply {case.id} call 0221 4710 815, ask for the blue team", DM_EVE)
    await hall.says(EVE, "!remove blue team", DM_EVE)
    assert "blue team" not in hall.last(DM_EVE).split("Take more out")[0]
    await hall.says(EVE, "!restore 1", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert "4710 815" in hall.last(BRAIN) and "blue team" not in hall.last(BRAIN)


async def test_what_is_not_relayed(hall: Threads) -> None:
    case = await hall.posts()
    before = len(hall.texts(DM_EVE))
    await hall.says(ADA, "coffee?", BRAIN)
    await hall.answers(EVE, "a note of mine", case)
    await hall.answers(ADA, "from a machine", case, msgtype="m.notice")
    ours: dict[str, Any] = {"org.curbside": {"v": 1}}
    await hall.answers(ADA, "from a bot", case, **ours)
    assert len(hall.texts(DM_EVE)) == before
    event = await hall.answers(ADA, "three weeks", case)
    change: dict[str, Any] = {
        "m.new_content": {"msgtype": "m.text", "body": "four weeks"},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event},
    }
    await hall.says(ADA, "* four weeks", BRAIN, **change)
    assert "four weeks" in hall.last(DM_EVE) and "three weeks" not in hall.last(DM_EVE)
    await hall.hears(ADA, BRAIN, "m.room.redaction", {}, redacts=event)
    assert "was taken back" in hall.last(DM_EVE)
    async with hall.db.begin() as tx:
        await cases.change(tx, case.id, author=None, author_key=None, handle=None)
    await hall.answers(ADA, "too late for you", case)
    assert len(hall.texts(DM_EVE)) == before + 1
    await hall.says(EVE, f"!reply {case.id} mine", DM_EVE)
    assert "no case of yours" in hall.last(DM_EVE)


async def test_among_others_nothing_is_taken_and_nobody_elses_case_is_answered(hall: Threads) -> None:
    case = await hall.posts()
    event = await hall.says(EVE, f"!reply {case.id} oops", BRAIN)
    assert event in hall.redacted and "in a room everybody sees" in hall.last(DM_EVE)
    await hall.says(ADA, f"!reply {case.id} I am she", DM_ADA)
    assert "no case of yours" in hall.last(DM_ADA)
    assert await pieces(hall) == []


@pytest.mark.parametrize(
    "typed",
    ["!reply", "!reply {}", "!case solve {}", "!case poll {}", "!case forget {}", "!case receipt {}",
     "!case appeal {} it was from a textbook", "!case tags"],
)  # fmt: skip
async def test_what_would_show_whose_case_it_is_is_taken_away_and_nothing_asked(
    hall: Threads, typed: str
) -> None:
    case = await hall.posts()
    before = hall.texts(BRAIN)
    event = await hall.answers(EVE, typed.format(case.id), case)
    assert event in hall.redacted and [text for text in hall.texts(BRAIN) if "answer?" in text] == []
    told = hall.texts(BRAIN)[len(before) :]
    assert told == [] or (typed == "!case tags" and "written only alone with me" in told[0])


async def test_a_correction_that_cannot_be_used_voids_what_was_shown(hall: Threads) -> None:
    case = await hall.posts()
    asked = await hall.says(EVE, f"!case poll {case.id} Biopsy? | yes | no", DM_EVE)
    shown = hall.chat(DM_EVE)[-1][0]
    relation = {"rel_type": "m.replace", "event_id": asked}

    async def edits(text: str) -> None:
        new = {"msgtype": "m.text", "body": text}
        await hall.says(EVE, "* edited", DM_EVE, **{"m.new_content": new, "m.relates_to": relation})

    await edits(f"!case poll {case.id} Biopsy? | yes")
    assert "2 to 10 different options" in hall.last(DM_EVE)
    await hall.reacts(EVE, shown, "✅", DM_EVE)
    assert "nothing is posted" in hall.last(DM_EVE).casefold() and hall.polls == []
    await hall.hears(EVE, DM_EVE, "m.room.encrypted", {"session_id": "S", "m.relates_to": relation})
    assert "could not read your correction" in hall.last(DM_EVE)
    await edits(f"!case poll {case.id} Biopsy? | yes | later")
    await hall.taps(EVE, "✅", DM_EVE)
    assert "later" in json.dumps(hall.polls[-1][2])


async def test_a_mistyped_answer_run_by_a_tap_is_the_authors_message(hall: Threads) -> None:
    case = await hall.posts()
    asked = await hall.says(EVE, f"!repyl {case.id} tell Keller", DM_EVE)
    await hall.taps(EVE, "👍", DM_EVE)
    shown = hall.chat(DM_EVE)[-1][0]
    new = {"msgtype": "m.text", "body": f"!repyl {case.id} tell nobody"}
    relation = {"rel_type": "m.replace", "event_id": asked}
    await hall.says(EVE, "* edited", DM_EVE, **{"m.new_content": new, "m.relates_to": relation})
    await hall.reacts(EVE, shown, "✅", DM_EVE)
    assert len(hall.texts(BRAIN)) == 1
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.last(BRAIN).splitlines()[-1] == "tell nobody"


async def test_nothing_in_clear_leads_from_the_case_to_its_author(hall: Threads) -> None:
    case = await hall.posts()
    await hall.answers(ADA, "why?", case)
    await hall.says(EVE, "because", DM_EVE, reply=hall.chat(DM_EVE)[-1][0])
    await hall.taps(EVE, "✅", DM_EVE)
    async with hall.db.read() as tx:
        for row in (await tx.conn.execute(select(outbox_rows))).all():
            if EVE in row.room:
                assert case.id not in f"{row.lane} {row.topic} {row.ref}"
        for timer in (await tx.conn.execute(select(timer_rows))).all():
            assert EVE not in f"{timer.key} {timer.facts}"
        for table in (piece_rows, standing.relay_rows, standing.event_rows):
            for row in (await tx.conn.execute(select(table))).all():
                assert EVE not in repr([value for value in row if isinstance(value, str)])
    assert not [line for line in await hall.audit() if EVE in line]


# Flags -------------------------------------------------------------------------------------------------


async def flagged(hall: Threads, case: Case, user: str = ADA) -> None:
    assert case.event_id is not None
    await hall.reacts(user, case.event_id, "🚩", BRAIN)


async def test_a_flag_hides_at_once_and_a_moderator_restores(hall: Threads) -> None:
    case = await hall.posts()
    await flagged(hall, case)
    assert case.event_id in hall.redacted
    assert (await hall.case(case.id)).state is State.HIDDEN
    assert "is hidden: somebody flagged it" in hall.last(DM_EVE)
    assert "1 flag" in hall.last(MODS) and TEXT in hall.last(MODS) and EVE not in hall.last(MODS)
    await hall.answers(BEN, "what happened here?", case)
    assert "is hidden" in hall.last(DM_EVE)  # nothing is relayed meanwhile
    await hall.says(EVE, f"!reply {case.id} hm", DM_EVE)
    assert "is hidden until the moderators" in hall.last(DM_EVE)
    await hall.taps(OTTO, "✅")
    now = await hall.case(case.id)
    assert now.state is State.POSTED and now.event_id != case.event_id
    anew, note = hall.chat(BRAIN)[-2][1], hall.chat(BRAIN)[-1][1]
    assert TEXT in anew["body"] and "The earlier thread" in anew["body"]
    assert "goes on here" in note["body"] and note["m.relates_to"]["event_id"] == case.event_id
    assert "found it fine" in hall.last(DM_ADA) and "stands again" in hall.last(DM_EVE)
    await hall.answers(BEN, "in the new thread", now)
    assert "in the new thread" in hall.last(DM_EVE)
    await flagged(hall, now, BEN)  # found fine before: it stays, and the moderators look again
    assert (await hall.case(case.id)).state is State.POSTED
    assert "so it still stands" in hall.last(MODS)


async def test_ten_flags_at_once_are_one_review(hall: Threads) -> None:
    case = await hall.posts()
    people = [f"@reader{number}:hs" for number in range(10)]
    hall.members[BRAIN] |= dict.fromkeys(people, "join")
    for user in people:
        await flagged(hall, case, user)
    assert hall.redacted.count(str(case.event_id)) == 1
    assert sum("flag" in text for text in hall.texts(MODS)) == 1 and "10 flags" in hall.last(MODS)
    review = hall.chat(MODS)[-1][1]["org.curbside"]["id"]
    await hall.says(MIRA, f"!mod flag {review} remove names a place", MODS)
    assert (await hall.case(case.id)).state is State.DISCARDED
    assert "Their reason: names a place" in hall.last(DM_EVE)
    assert "removed by" in hall.texts(MODS)[-1]
    async with hall.db.read() as tx:
        rows = (await tx.conn.execute(select(flag_rows.c.wrong))).all()
    assert [row.wrong for row in rows] == [False] * 10


async def test_an_answer_of_the_author_is_flagged_alone(hall: Threads) -> None:
    case = await hall.posts()
    await hall.says(EVE, f"!reply {case.id} nonsense", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    event = hall.chat(BRAIN)[-1][0]
    await hall.reacts(ADA, event, "🚩", BRAIN)
    assert event in hall.redacted and case.event_id not in hall.redacted
    assert await pieces(hall) == [("reply", "hidden")]
    await hall.taps(OTTO, "✅")
    assert hall.last(BRAIN).endswith("nonsense") and await pieces(hall) == [("reply", "posted")]


async def test_whose_flags_do_not_count(hall: Threads) -> None:
    posted = [await hall.posts(f"{TEXT} ({number})") for number in range(5)]
    await hall.says(MIRA, f"!mod mute {BEN} neurology 1h", MODS)
    await flagged(hall, posted[0], BEN)
    hall.members[BRAIN]["@gone:hs"] = "leave"
    await flagged(hall, posted[0], "@gone:hs")
    assert (await hall.case(posted[0].id)).state is State.POSTED
    for case in posted[:4]:
        await flagged(hall, case)
    assert [(await hall.case(case.id)).state for case in posted[:4]] == [State.HIDDEN] * 3 + [State.POSTED]
    assert "many flags for one day" in hall.last(DM_ADA)
    for _event, content in hall.chat(MODS)[-3:]:
        await hall.says(OTTO, f"!mod flag {content['org.curbside']['id']} restore", MODS)
    await hall.passes(days=2)
    await flagged(hall, posted[4])
    assert (await hall.case(posted[4].id)).state is State.POSTED  # three false ones lately


async def test_taken_down_by_hand(hall: Threads) -> None:
    case = await hall.posts()
    await hall.hears(MIRA, BRAIN, "m.room.redaction", {}, redacts=case.event_id)
    assert (await hall.case(case.id)).state is State.HIDDEN
    assert "taken down by hand" in hall.last(MODS)
    await hall.taps(OTTO, "❌")
    assert (await hall.case(case.id)).state is State.DISCARDED


# Specialists, follow-up, the end -----------------------------------------------------------------------


async def test_a_specialist_is_asked_once_and_the_next_when_they_cannot(hall: Threads) -> None:
    case = await hall.posts(tags="afib")
    await hall.says(EVE, f"!case page {case.id} cardiology", DM_EVE)
    asked = hall.last(DM_ADA)
    assert "Would you look at an anonymous case" in asked and "#afib" in asked and str(case.event_id) in asked
    await hall.taps(ADA, "❌", DM_ADA)
    assert "Would you look" in hall.last(f"dm:{MIRA}")
    await hall.taps(MIRA, "👀", f"dm:{MIRA}")
    assert "somebody of Cardiology on call looks at it" in hall.last(DM_EVE) and MIRA not in hall.last(DM_EVE)
    await hall.says(EVE, f"!case page {case.id} cardiology", DM_EVE)
    assert "already" in hall.last(DM_EVE)
    await hall.says(EVE, f"!case page {(await hall.posts()).id} cardiology", DM_EVE)
    await hall.says(EVE, f"!case page {(await hall.posts()).id} cardiology", DM_EVE)
    assert "At most 2 specialists a day" in hall.last(DM_EVE)


async def test_the_author_is_asked_what_it_was_and_reminded_once(hall: Threads) -> None:
    case = await hall.posts()
    await hall.passes(days=14, minutes=1)
    assert "what was it in the end?" in hall.last(DM_EVE)
    await hall.passes(days=14, minutes=1)
    assert "I will not ask again" in hall.last(DM_EVE)
    count = len(hall.texts(DM_EVE))
    await hall.passes(days=30)
    assert len(hall.texts(DM_EVE)) == count
    await hall.says(EVE, "a subdural after all, op on 3/4/2026", DM_EVE, reply=hall.chat(DM_EVE)[-1][0])
    assert "what it was" in hall.last(DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert "What it was" in hall.last(BRAIN) and "subdural" in hall.last(BRAIN)
    assert "3/4/2026" not in hall.last(BRAIN)
    now = await hall.case(case.id)
    assert now.state is State.CLOSED and now.closed_at is not None and now.erase_at is not None
    assert "is closed. Thank you" in hall.last(DM_EVE)


async def test_closed_without_a_word(hall: Threads) -> None:
    case = await hall.posts()
    await hall.says(EVE, f"!case close {case.id}", DM_EVE)
    assert "has closed" in hall.last(BRAIN)
    await hall.says(EVE, f"!case close {case.id}", DM_EVE)
    assert "does not stand open" in hall.last(DM_EVE)
    await hall.passes(days=20)
    assert not [text for text in hall.texts(DM_EVE) if "what was it" in text]


async def test_a_replaced_room_gets_the_case_anew_before_the_next_word(hall: Threads) -> None:
    case = await hall.posts()
    await hall.replaces("neurology", "!brain2:hs")
    await hall.says(EVE, f"!reply {case.id} still here", DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    root, said = hall.chat("!brain2:hs")
    assert TEXT in root[1]["body"] and BRAIN in root[1]["body"]
    assert said[1]["body"].endswith("still here")
    now = await hall.case(case.id)
    assert now.event_id == root[0]
    await hall.answers(ADA, "found you", now, "!brain2:hs")
    assert "found you" in hall.last(DM_EVE)


# Lists -------------------------------------------------------------------------------------------------


async def test_search_finds_only_what_one_may_read(hall: Threads) -> None:
    first = await hall.posts("bleeding on a DOAC", tags="afib doac")
    await hall.passes(minutes=1)
    await hall.posts("a long QT", key="cardiology", tags="afib")
    await hall.says(EVE, f"!case close {first.id}", DM_EVE)
    await hall.says(ADA, "!cases #afib", DM_ADA)
    found = hall.last(DM_ADA)
    assert "long QT" in found and "bleeding" in found and found.index("long QT") < found.index("bleeding")
    await hall.says(ADA, "!cases doac solved", DM_ADA)
    assert first.id in hall.last(DM_ADA) and "long QT" not in hall.last(DM_ADA)
    hall.members[HEART].pop(ADA)
    await hall.says(ADA, "!cases #afib open", BRAIN)
    assert "No case fits" in hall.last(DM_ADA)
    for number in range(9):
        await hall.posts(f"case number {number}")
        await hall.passes(seconds=1)
    await hall.says(ADA, "!cases number", DM_ADA)
    assert "page 1 of 2" in hall.last(DM_ADA) and "number 8" in hall.last(DM_ADA)
    await hall.taps(ADA, "➡️", DM_ADA)
    assert "page 2 of 2" in hall.last(DM_ADA) and "number 0" in hall.last(DM_ADA)


async def test_once_a_week_each_room_reads_what_is_open_and_solved(hall: Threads) -> None:
    first = await hall.posts(tags="doac")
    second = await hall.posts("another")
    await hall.says(EVE, f"!case close {second.id}", DM_EVE)
    await hall.passes(days=2)  # from Saturday to Monday
    digest = hall.last(BRAIN)
    assert "1 open" in digest and "1 solved" in digest and first.id in digest and second.id in digest
    assert hall.texts(HEART) == []
    await hall.passes(days=7)
    assert "solved" not in hall.last(BRAIN) and "1 open" in hall.last(BRAIN)
    assert sum("this week" in text for text in hall.texts(BRAIN)) == 2


# Crashes -----------------------------------------------------------------------------------------------


async def test_a_crash_between_preview_and_post_posts_nothing_twice(
    hall: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = await hall.posts()
    await hall.says(EVE, f"!reply {case.id} only once", DM_EVE)
    real, left = outbox.put_all, [1]

    async def dies(tx: Tx, outs: list[outbox.Outgoing]) -> list[str]:
        if left and any(out.topic == "case_threads.said" for out in outs):
            left.pop()
            raise OSError("power cut")
        return await real(tx, outs)

    with monkeypatch.context() as patch:
        patch.setattr(outbox, "put_all", dies)
        await hall.taps(EVE, "✅", DM_EVE)
        hall.clock.advance(timedelta(seconds=30))
        await asyncio.sleep(0)
        await hall.settle()
    assert sum(text.endswith("only once") for text in hall.texts(BRAIN)) == 1
    assert await pieces(hall) == [("reply", "posted")]
