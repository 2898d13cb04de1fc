"""Consults from the typed line to the read-back, through dispatcher, engine and outbox, on both databases."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from bot.chat.store import set_preference
from bot.consults.commands import read_id
from bot.consults.store import consult_rows
from bot.kernel import audit
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.ward import ANNA, BEN, BOT, CARA, MOD, QUESTION, REQ, Ward


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    return Ward(db, clock, tmp_path)


DM_REQ, DM_ANNA, DM_BEN, MODS = f"dm:{REQ}", f"dm:{ANNA}", f"dm:{BEN}", "room:moderators"


async def test_a_consult_from_the_question_to_the_read_back(ward: Ward) -> None:
    await ward.asks()
    assert ward.texts(DM_REQ)[0].startswith(
        f"{ward.consult_id}: asking Dr Anna Berg (Cardiology, URGENT), who has 10 minutes to accept."
    )
    page = ward.chat(DM_ANNA)[0][1]
    assert page["msgtype"] == "m.text"
    assert page["body"].startswith("URGENT · Cardiology · consult")
    assert QUESTION in page["body"]
    assert "Dr Rosa Quill" in page["body"]
    assert page["org.curbside"]["kind"] == "consult.page"
    assert ward.chat(DM_REQ)[0][1]["m.relates_to"]["event_id"] == "$in1"

    ward.clock.advance(timedelta(minutes=2))
    await ward.taps(ANNA, "✅")
    assert ward.made == [
        ("create", {"name": f"Consult {ward.consult_id} · Cardiology", "invite": [REQ, ANNA]})
    ]
    assert ward.texts(DM_ANNA)[0].endswith("you accepted.")
    assert "Dr Anna Berg has accepted" in ward.texts(DM_REQ)[1]
    assert f"https://matrix.to/#/!consult-{ward.consult_id}?via=hs" in ward.last(DM_REQ)
    assert "the room is ready" in ward.last(DM_ANNA)
    assert QUESTION in ward.last(ward.room)
    assert await ward.timers() == set()
    assert len(ward.texts(DM_ANNA)) == 2 and len(ward.texts(DM_REQ)) == 2  # an accept is no flood

    await ward.says(ANNA, "!answer metoprolol, shock if unstable", room=ward.room)
    assert "metoprolol" in ward.last(ward.room)
    assert "metoprolol" in ward.last(DM_REQ)
    assert await ward.state() == "answered"
    await ward.says(REQ, "!close metoprolol now, shock if the pressure falls")
    assert await ward.state() == "completed"
    assert "accepted after 2 minutes" in ward.texts(DM_REQ)[-2]
    assert "shock if the pressure falls" in ward.last(DM_ANNA)
    assert "is closed" in ward.last(ward.room)
    thread = [content["m.relates_to"]["event_id"] for _event, content in ward.chat(DM_REQ)]
    assert set(thread) == {"$in1"}
    states = [content["org.curbside"]["state"] for _event, content in ward.chat(DM_REQ)]
    assert states == ["requested", "in-progress", "answered", "completed", "completed"]
    assert ward.kinds(DM_REQ)[-1] == "consult.survey"
    assert await ward.timers() == set()


async def test_what_people_wrote_is_sealed_and_the_audit_is_free_of_it(ward: Ward) -> None:
    await ward.asks()
    await ward.says(ANNA, "!accept")
    await ward.says(ANNA, "!answer metoprolol")
    await ward.taps(REQ, "✅")
    assert await ward.state() == "completed"
    async with ward.db.read() as tx:
        row = (await tx.conn.execute(consult_rows.select())).one()
        written = str(row._mapping).encode() + row.question + row.answer + row.read_back
        for words in ("140", "metoprolol"):
            assert words.encode() not in written
        lines = [line async for line in audit.lines(tx)]
        problems = (await audit.verify(tx))[2]
    done = [line.action for line in lines if line.subject == ward.consult_id]
    assert done == [
        "consult.open",
        "consult.page-delivered",
        "consult.accept",
        "consult.room-ready",
        "consult.answer",
        "consult.close",
    ]
    assert problems == []
    assert row.paged_at is not None
    assert row.acknowledged_at == row.accepted_at


async def test_a_decline_goes_to_the_next_and_tells_why(ward: Ward) -> None:
    await ward.asks()
    await ward.says(ANNA, "!decline in theatre")
    assert "you declined" in ward.texts(DM_ANNA)[0]
    (progress,) = ward.texts(DM_REQ)
    assert progress.startswith(f"{ward.consult_id}: asking @ben:hs")
    assert "Dr Anna Berg: declined (in theatre)" in progress
    assert QUESTION in ward.last(DM_BEN)
    await ward.says(ANNA, f"!accept {ward.consult_id}")
    assert "declined" in ward.last(DM_ANNA)


async def test_silence_goes_to_the_next_then_to_the_moderators_and_late_is_not_too_late(ward: Ward) -> None:
    await ward.asks()
    await ward.passes(minutes=9)
    assert DM_BEN not in ward.chats
    await ward.passes(minutes=1)
    assert QUESTION in ward.last(DM_BEN)
    assert "Dr Anna Berg: no answer" in ward.last(DM_REQ)
    assert len(ward.texts(DM_REQ)) == 1
    await ward.passes(minutes=10)
    assert await ward.state() == "unstaffed"
    assert ward.kinds(MODS) == ["consult.unstaffed"]
    assert "Dr Anna Berg: no answer" in ward.last(MODS)
    assert QUESTION not in ward.last(MODS)
    assert "The moderators know" in ward.last(DM_REQ)
    assert "@ben:hs: no answer" in ward.last(DM_REQ)
    assert await ward.timers() == {"nag", "expire"}
    await ward.says(ANNA, "!accept")
    assert await ward.state() == "in-progress"
    assert "Dr Anna Berg has accepted" in ward.last(MODS)
    assert "already taken by Dr Anna Berg" in ward.texts(DM_BEN)[0]


async def test_a_moderator_takes_what_nobody_took_by_a_tap(ward: Ward) -> None:
    await ward.asks("!consult surgery stat ruptured what?")
    assert "Nobody is on call" in ward.last(MODS)
    assert "nobody is on call for surgery" in ward.last(DM_REQ)
    await ward.taps(MOD, "✅", room=MODS)
    assert await ward.state() == "in-progress"
    assert "You have" in ward.texts(f"dm:{MOD}")[0]


async def test_a_moderator_names_somebody(ward: Ward) -> None:
    await ward.asks("!consult surgery stat ruptured what?")
    await ward.says(MOD, f"!handoff C-ID {CARA}", room=MODS)
    assert "ruptured what?" in ward.last(f"dm:{CARA}")
    await ward.taps(CARA, "✅")
    assert await ward.state() == "in-progress"


async def test_without_moderators_the_requester_is_told_plainly(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    ward = Ward(db, clock, tmp_path, moderators=False)
    await ward.asks("!consult surgery stat ruptured what?")
    assert "nobody else knows of it" in ward.last(DM_REQ)
    assert MODS not in ward.chats


async def test_whoever_asks_is_not_asked(ward: Ward) -> None:
    await ward.asks("!consult selfcare routine may I?")
    assert "You are on call yourself" in ward.texts(DM_REQ)[0]
    assert await ward.state() == "unstaffed"


async def test_the_second_accept_learns_who_has_it(ward: Ward) -> None:
    await ward.asks()
    await ward.passes(minutes=10)
    await ward.taps(BEN, "✅")
    page = ward.chat(DM_ANNA)[0][0]
    await ward.taps(ANNA, "✅", on=page)
    assert "already taken by @ben:hs" in ward.last(DM_ANNA)
    assert ward.kinds(DM_ANNA)[-1] == "error"
    await ward.taps(ANNA, "❌", on=page)
    assert await ward.state() == "in-progress"
    assert len(ward.made) == 1


async def test_of_two_accepts_at_the_same_moment_one_wins(ward: Ward) -> None:
    await ward.asks()
    await ward.passes(minutes=10)
    for user in (ANNA, BEN):
        await ward.journal(user, f"dm:{user}", "m.room.message", {"msgtype": "m.text", "body": "!accept"})
    await asyncio.gather(ward.engine.handle_one(), ward.engine.handle_one())
    await ward.settle()
    assert len(ward.made) == 1
    told = [ward.last(DM_ANNA), ward.last(DM_BEN)]
    assert sum("the room is ready" in text for text in told) == 1
    assert await ward.state() == "in-progress"


async def test_a_page_that_cannot_be_delivered_moves_on_at_once(ward: Ward) -> None:
    ward.broken.add(DM_ANNA)
    await ward.asks()
    assert QUESTION in ward.last(DM_BEN)
    assert "Dr Anna Berg: not reached" in ward.last(DM_REQ)
    assert "could not be delivered (WITHHELD)" in ward.last(MODS)
    await ward.passes(minutes=10)
    assert await ward.state() == "unstaffed"


async def test_without_a_room_it_goes_on_in_direct_messages(ward: Ward) -> None:
    await ward.asks()
    ward.broken.add(ward.room)
    await ward.says(ANNA, "!accept")
    assert QUESTION in ward.last(DM_ANNA)
    assert "write to each other directly" in ward.last(DM_REQ)
    assert "room could not be made" in ward.last(MODS)
    await ward.says(ANNA, "!answer metoprolol")
    assert "metoprolol" in ward.last(DM_REQ)
    await ward.taps(REQ, "✅")
    assert await ward.state() == "completed"


async def test_a_cancelled_consult_is_over_everywhere(ward: Ward) -> None:
    await ward.asks()
    await ward.says(REQ, "!cancel")
    assert await ward.state() == "cancelled"
    assert "cancelled, nothing to do" in ward.texts(DM_ANNA)[0]
    assert QUESTION not in ward.texts(DM_ANNA)[0]
    await ward.taps(ANNA, "✅", on=ward.chat(DM_ANNA)[0][0])
    assert "was cancelled" in ward.last(DM_ANNA)
    await ward.passes(hours=1)
    assert DM_BEN not in ward.chats


async def test_others_cannot_cancel_or_close(ward: Ward) -> None:
    await ward.asks()
    await ward.says(BEN, f"!cancel {ward.consult_id}")
    assert "Only Dr Rosa Quill" in ward.last(DM_BEN)
    await ward.says(REQ, f"!close {ward.consult_id} fine")
    assert "has no answer yet" in ward.last(DM_REQ)
    await ward.says(MOD, f"!cancel {ward.consult_id}")
    assert "was cancelled by @mod:hs" in ward.last(DM_REQ)
    assert "is cancelled" in ward.last(f"dm:{MOD}")


async def test_a_handoff_keeps_the_consultant_until_somebody_accepts(ward: Ward) -> None:
    await ward.asks()
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, f"!handoff {CARA}", room=ward.room)
    assert "Until they accept, Dr Anna Berg has it" in ward.last(ward.room)
    await ward.passes(minutes=10)
    assert DM_BEN not in ward.chats
    assert await ward.state() == "in-progress"
    assert "stays with you" in ward.last(DM_ANNA)
    assert "stays with Dr Anna Berg" in ward.last(DM_REQ)
    await ward.says(ANNA, f"!handoff {CARA}")
    await ward.taps(CARA, "✅")
    assert ("invite", {"user_id": CARA}) in ward.made
    assert "has taken over" in ward.last(DM_ANNA)
    await ward.says(ANNA, f"!answer {ward.consult_id} too late")
    assert "not in your care" in ward.last(DM_ANNA)
    await ward.says(CARA, "!answer in time")
    assert "in time" in ward.last(DM_REQ)


async def test_a_handoff_only_to_people_of_allowed_hospitals(ward: Ward) -> None:
    await ward.asks()
    await ward.says(ANNA, "!handoff @eve:elsewhere")
    assert "does not take part" in ward.last(DM_ANNA)
    await ward.says(ANNA, f"!handoff {BOT}")
    assert "That is a bot" in ward.last(DM_ANNA)
    assert await ward.state() == "requested"


async def test_a_restart_in_the_middle_changes_nothing(
    ward: Ward, open_database: Callable[..., Database]
) -> None:
    await ward.asks()
    await ward.db.close()
    ward.restart(open_database())
    await ward.passes(minutes=10)
    assert QUESTION in ward.last(DM_BEN)
    await ward.db.close()
    ward.restart(open_database())
    await ward.taps(BEN, "✅")
    assert await ward.state() == "in-progress"


async def test_nothing_is_repeated_in_a_room_without_encryption(ward: Ward) -> None:
    ward.plain_rooms.add("!open:hs")
    await ward.asks(room="!open:hs")
    assert "This room is not encrypted" in ward.texts("!open:hs")[0]
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, "!answer metoprolol")
    assert "metoprolol" in ward.last(ward.room)
    assert sum("not encrypted" in text for text in ward.texts("!open:hs")) == 1
    assert not any("metoprolol" in text or QUESTION in text for text in ward.texts("!open:hs"))
    assert f"#/!consult-{ward.consult_id}" in ward.last("!open:hs")
    await ward.taps(REQ, "✅", room="!open:hs")
    assert await ward.state() == "completed"


async def test_a_page_into_a_chat_without_encryption_holds_no_question(ward: Ward) -> None:
    ward.plain_rooms.add(DM_ANNA)
    await ward.asks()
    assert QUESTION not in ward.last(DM_ANNA)
    assert "not encrypted" in ward.last(DM_ANNA)


async def test_several_are_told_apart_by_number(ward: Ward) -> None:
    await ward.asks()
    first = ward.consult_id
    await ward.passes(minutes=1)
    await ward.says(REQ, "!consult heart urgent and another?")
    await ward.says(ANNA, "!accept")
    assert ward.kinds(DM_ANNA)[-1] == "consult.list"
    assert first in ward.last(DM_ANNA)
    await ward.taps(ANNA, "2️⃣")
    await ward.says(ANNA, "!consults")
    care, asked = ward.last(DM_ANNA).split("You are asked")
    assert first in asked
    assert first not in care
    await ward.says(REQ, "!consults")
    assert ward.last(DM_REQ).count("Cardiology") == 2


async def test_missing_parts_are_asked_for(ward: Ward) -> None:
    await ward.says(REQ, "!consult")
    assert "Which service" in ward.last(DM_REQ)
    await ward.says(REQ, "cardiologie")
    assert "Did you mean" in ward.last(DM_REQ)
    await ward.says(REQ, "heart")
    assert "How urgent" in ward.last(DM_REQ)
    await ward.taps(REQ, "2️⃣")
    await ward.says(REQ, QUESTION)
    await ward.taps(REQ, "✅")
    assert QUESTION in ward.last(DM_ANNA)
    assert "URGENT" in ward.last(DM_ANNA)


async def test_free_text_is_never_taken_for_an_id(ward: Ward) -> None:
    await ward.asks()
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, "!answer C-0000 slip of the finger")
    assert "I know no consult C-0000" in ward.last(DM_ANNA)
    assert await ward.state() == "in-progress"
    await ward.says(ANNA, "!answer 20mg once daily")
    assert "20mg once daily" in ward.last(DM_REQ)
    bare = ward.consult_id[2:].lower()
    await ward.says(REQ, f"!close {bare} 20mg once")
    assert await ward.state() == "completed"


async def test_in_the_room_of_a_closed_consult_nothing_happens_to_another(ward: Ward) -> None:
    await ward.asks()
    await ward.taps(ANNA, "✅")
    closed, room = ward.consult_id, ward.room
    await ward.says(ANNA, "!answer rate control", room=room)
    await ward.says(REQ, f"!close {closed} rate control first")
    await ward.asks()
    assert "✅" in ward.last(DM_ANNA) and closed not in ward.last(DM_ANNA)
    await ward.says(ANNA, "!decline in theatre", room=room)
    assert f"This is the room of {closed}" in ward.last(room)
    assert "✅" in ward.last(DM_ANNA)  # the page of the other one stands
    await ward.says(ANNA, "!decline in theatre")
    assert "you declined" in ward.last(DM_ANNA)


async def test_each_reads_their_own_language(ward: Ward) -> None:
    async with ward.db.begin() as tx:
        await set_preference(tx, ANNA, language="de")
    await ward.says(REQ, "!consult Kardiologie dringend worum geht es?")
    assert "DRINGEND · Kardiologie · Konsil" in ward.last(DM_ANNA)
    assert "asking Dr Anna Berg" in ward.last(DM_REQ)
    await ward.taps(ANNA, "✅")
    assert "Dr Rosa Quill asks" in ward.last(ward.room)
    async with ward.db.begin() as tx:
        await set_preference(tx, REQ, language="de")
    await ward.says(ANNA, "!antwort Metoprolol")
    assert "Antwort von Dr Anna Berg" in ward.last(ward.room)


async def test_who_is_on_call(ward: Ward) -> None:
    await ward.says(REQ, "!who heart")
    assert ward.last(DM_REQ).splitlines()[:3] == ["Cardiology, on call now:", "1. Dr Anna Berg", "2. @ben:hs"]
    await ward.says(REQ, "!oncall")
    assert "Cardiology: Dr Anna Berg" in ward.last(DM_REQ)
    assert "surgery: nobody" in ward.last(DM_REQ)
    await ward.says(REQ, "!who surgery")
    assert "nobody is on call now" in ward.last(DM_REQ)


@pytest.mark.parametrize(
    ("word", "read"),
    [
        ("C-7F3K", ("C-7F3K", True)),
        ("c-7f3k,", ("C-7F3K", True)),
        ("C–7F3K", ("C-7F3K", True)),
        ("7f3k", ("C-7F3K", False)),
        ("C7F3K", ("C-7F3K", False)),
        ("c-oil7", ("C-0117", True)),
        ("7F3", None),
        ("metoprolol", None),
        ("", None),
    ],
)
def test_ids_are_read_as_people_write_them(word: str, read: tuple[str, bool] | None) -> None:
    assert read_id(word) == read


async def test_whoever_tries_ids_learns_nothing(ward: Ward) -> None:
    eve, dm = "@eve:hs", "dm:@eve:hs"
    await ward.asks()
    await ward.says(ANNA, "!accept")
    told = set()
    for word in ("accept", "decline", "answer {} yes", "close {} yes", "cancel", "handoff {} @ben:hs"):
        text = word.format(ward.consult_id) if "{}" in word else f"{word} {ward.consult_id}"
        await ward.says(eve, f"!{text}")
        told.add(ward.last(dm))
    assert told == {f"I know no consult {ward.consult_id}. !consults lists yours."}
    assert await ward.state() == "in-progress"
