"""Asking for a consult on a phone: guided, in one line, corrected, with files."""

from pathlib import Path
from typing import Any

import pytest

from bot.chat.store import set_preference
from bot.consults import store
from bot.consults.request import Request
from bot.consults.store import consult_rows
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.ward import ANNA, CARA, QUESTION, REQ, Ward

DM_REQ, DM_ANNA = f"dm:{REQ}", f"dm:{ANNA}"
TEMPLATES = """
[services.neurology]
on_call = ["@anna:hs"]
template = "stroke"
[templates.stroke]
name = "Stroke"
fields = [
    { key = "onset", ask = "Last seen well at?", ask_de = "Zuletzt gesund um?" },
    { key = "doac", ask = "Anticoagulated?", choices = ["no", "yes"] },
]
"""


@pytest.fixture
def backend() -> str:
    """What differs between the databases is tested in test_intake_lists.py and test_hostile_inputs.py."""
    return "sqlite"


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    ward = Ward(db, clock, tmp_path)
    roster = tmp_path / "roster.toml"
    roster.write_text(roster.read_text("utf-8") + TEMPLATES, "utf-8")
    return ward


async def asked(ward: Ward) -> Request:
    async with ward.db.read() as tx:
        return await store.request(tx, ward.consult_id)


async def count(ward: Ward) -> int:
    async with ward.db.read() as tx:
        return len((await tx.conn.execute(consult_rows.select())).all())


async def edits(ward: Ward, user: str, event_id: str, text: str, room: str = "") -> None:
    """Correct a message as clients do."""
    content = {
        "msgtype": "m.text",
        "body": f"* {text}",
        "m.new_content": {"msgtype": "m.text", "body": text},
        "m.relates_to": {"rel_type": "m.replace", "event_id": event_id},
    }
    await ward.hears(user, room or f"dm:{user}", "m.room.message", content)


def picture(name: str = "ecg.jpg", **changes: Any) -> dict[str, Any]:
    return {
        "msgtype": "m.image",
        "body": name,
        "info": {"mimetype": "image/jpeg", "size": 48_211, "thumbnail_url": "mxc://hs/thumb"},
        "file": {
            "url": "mxc://hs/pIcTuRe",
            "key": {"kty": "oct", "alg": "A256CTR", "ext": True, "k": "k" * 43, "key_ops": ["decrypt"]},
            "iv": "iviviviviviviviviviviv",
            "hashes": {"sha256": "h" * 43},
            "v": "v2",
        },
        **changes,
    }


# Guided ------------------------------------------------------------------------------------------


async def test_from_the_bare_word_to_a_sent_consult_in_three_answers_and_a_tap(ward: Ward) -> None:
    await ward.says(REQ, "!consult")
    await ward.says(REQ, "cardiology")
    await ward.taps(REQ, "2️⃣")
    await ward.says(REQ, QUESTION)
    assert ward.last(DM_REQ).startswith("Not sent yet: Cardiology, URGENT\n" + QUESTION)
    assert await count(ward) == 0
    await ward.taps(REQ, "✅")
    assert QUESTION in ward.last(DM_ANNA)
    assert "asking Dr Anna Berg" in ward.last(DM_REQ)
    thread = ward.chat(DM_REQ)[-1][1]["m.relates_to"]["event_id"]
    assert thread == "$in4"  # the message that held the question, not the tap
    assert await ward.timers() == {"expire", "page"}


async def test_a_stat_request_goes_out_at_once(ward: Ward) -> None:
    await ward.says(REQ, "!consult")
    await ward.says(REQ, "cardiology")
    await ward.taps(REQ, "1️⃣")
    await ward.says(REQ, "VF storm: ECMO?")
    assert "VF storm: ECMO?" in ward.last(DM_ANNA)


async def test_details_one_by_one(ward: Ward) -> None:
    await guided(ward)
    await ward.taps(REQ, "✏️")
    assert "Ward and bed" in ward.last(DM_REQ)
    await ward.says(REQ, "B12")
    await ward.says(REQ, "4711")
    await ward.taps(REQ, "➡️")
    await ward.says(REQ, "CKD 4")
    await ward.taps(REQ, "➡️")
    await ward.taps(REQ, "➡️")
    assert "One question, or shall they follow along?" in ward.last(DM_REQ)
    await ward.taps(REQ, "2️⃣")
    await ward.says(REQ, "perhaps")
    assert "Please choose one of these." in ward.last(DM_REQ)
    await ward.says(REQ, "1")
    assert "Not sent yet" in ward.last(DM_REQ)
    assert "CKD 4" in ward.last(DM_REQ)
    await ward.taps(REQ, "✅")
    request = await asked(ward)
    assert request.parts == {"background": "CKD 4", "ward": "B12", "callback": "4711"}
    page = ward.last(DM_ANNA)
    assert "B12" in page and "4711" in page and "follow along" in page and "for your information" in page


async def test_details_all_at_once_and_more_words_for_the_draft(ward: Ward) -> None:
    await guided(ward)
    await ward.taps(REQ, "✏️")
    await ward.says(REQ, "S: new AF\nB: CKD\nWard: B12\nCallback: 4711")
    assert "Not sent yet" in ward.last(DM_REQ)
    await ward.says(REQ, "apixaban since May")
    assert f"{QUESTION}\napixaban since May" in ward.last(DM_REQ)
    await ward.says(REQ, "ja")
    assert (await asked(ward)).question == f"{QUESTION}\napixaban since May"


async def test_a_discarded_draft_was_never_sent(ward: Ward) -> None:
    await guided(ward)
    await ward.taps(REQ, "❌")
    assert "nothing was done" in ward.last(DM_REQ)
    await ward.passes(hours=1)
    assert "nothing was done" in ward.last(DM_REQ)
    assert DM_ANNA not in ward.chats


async def test_a_forgotten_draft_is_never_taken_for_sent(ward: Ward) -> None:
    await guided(ward)
    await ward.passes(minutes=5)
    assert "still waits for you: nobody is asked" in ward.last(DM_REQ)
    assert ward.chat(DM_REQ)[-1][1]["msgtype"] == "m.text"
    await ward.passes(minutes=24)
    assert "still waits for you" in ward.last(DM_REQ)
    await ward.passes(minutes=1)
    assert "was not sent, and I have dropped it" in ward.last(DM_REQ)
    assert not await ward.timers()
    assert await count(ward) == 0


async def test_a_reminded_draft_can_still_be_sent(ward: Ward) -> None:
    await guided(ward)
    await ward.passes(minutes=5)
    await ward.taps(REQ, "✅")
    assert QUESTION in ward.last(DM_ANNA)


async def test_among_others_a_draft_keeps_to_its_thread(ward: Ward) -> None:
    await ward.says(REQ, "!consult cardiology urgent", room="!open:hs")
    await ward.says(ANNA, "what a night", room="!open:hs")
    content = {
        "msgtype": "m.text",
        "body": QUESTION,
        "m.relates_to": {"rel_type": "m.thread", "event_id": "$in1"},
    }
    await ward.hears(REQ, "!open:hs", "m.room.message", content)
    shown = ward.chat("!open:hs")[-1][1]
    assert "Not sent yet" in shown["body"]
    assert shown["m.relates_to"]["event_id"] == "$in1"
    await ward.taps(ANNA, "✅", room="!open:hs")
    assert await count(ward) == 0
    await ward.taps(REQ, "✅", room="!open:hs")
    assert await count(ward) == 1


async def test_a_draft_in_a_room_without_encryption_repeats_nothing(ward: Ward) -> None:
    ward.plain_rooms.add("!open:hs")
    await ward.says(REQ, f"!consult cardiolgy urgent {QUESTION}", room="!open:hs")
    content = {
        "msgtype": "m.text",
        "body": "cardiology",
        "m.relates_to": {"rel_type": "m.thread", "event_id": "$in1"},
    }
    await ward.hears(REQ, "!open:hs", "m.room.message", content)
    assert "Not sent yet" in ward.last("!open:hs")
    assert not any("cardiovert" in text for text in ward.texts("!open:hs"))


async def guided(ward: Ward) -> None:
    await ward.says(REQ, "!consult cardiology urgent")
    await ward.says(REQ, QUESTION)


# One line ----------------------------------------------------------------------------------------


async def test_one_line_with_everything(ward: Ward) -> None:
    await ward.asks(f"!consult cardiology urgent {QUESTION} ward: B12 callback: 4711 follow")
    request = await asked(ward)
    assert request == Request(QUESTION, ward="B12", callback="4711")
    async with ward.db.read() as tx:
        row = (await tx.conn.execute(consult_rows.select())).one()
    assert (row.follow, row.expects) == (True, "action")
    assert b"B12" not in row.question


async def test_several_lines_with_german_labels(ward: Ward) -> None:
    await ward.asks(
        "!konsil Kardiologie dringend Kardiovertieren?\nSituation: VHF\nStation: B12\nErwartet: Sorge"
    )
    assert (await asked(ward)).parts == {"situation": "VHF", "ward": "B12"}
    assert "concern" in ward.last(DM_ANNA)


async def test_without_a_question_it_is_asked_for_and_nothing_is_lost(ward: Ward) -> None:
    await ward.asks("!consult cardiology urgent\nS: new AF\nWard: B12")
    assert "What is your one question?" in ward.last(DM_REQ)
    await ward.says(REQ, QUESTION)
    assert (await asked(ward)).parts == {"situation": "new AF", "ward": "B12"}


async def test_an_identifier_is_pointed_out_and_blocks_nothing(ward: Ward) -> None:
    await ward.asks("!consult cardiology urgent Mr Miller, DOB 03/05/1961, new AF: cardiovert?")
    assert "Miller" in ward.last(DM_ANNA)
    assert "⚠️ It seems to hold a date of birth, a patient’s name" in ward.last(DM_REQ)
    assert "!edit" in ward.last(DM_REQ)


# Orders ------------------------------------------------------------------------------------------


async def test_an_order_is_refused_with_the_reason(ward: Ward) -> None:
    await ward.asks("!consult cardiology stat Give 5 mg metoprolol iv now.")
    assert "This reads like an order: “Give 5 mg" in ward.last(DM_REQ)
    assert "CMS QSO-24-05" in ward.last(DM_REQ)
    assert await count(ward) == 0
    await ward.says(REQ, "5 mg metoprolol now, or wait?")
    assert "5 mg metoprolol now, or wait?" in ward.last(DM_ANNA)


async def test_a_question_taken_for_an_order_is_sent_by_a_tap(ward: Ward) -> None:
    await ward.asks("!consult cardiology urgent start heparin")
    await ward.taps(REQ, "✅")
    assert "start heparin" in ward.last(DM_ANNA)


async def test_an_order_cannot_come_in_by_an_edit(ward: Ward) -> None:
    await ward.asks()
    await ward.says(REQ, "!edit C-ID please order a CT head")
    assert "reads like an order" in ward.last(DM_REQ)
    assert (await asked(ward)).question == QUESTION


# Templates ---------------------------------------------------------------------------------------


async def test_the_guided_form_asks_what_the_service_wants_to_know(ward: Ward) -> None:
    await ward.says(REQ, "!consult neurology urgent")
    await ward.says(REQ, "lysis?")
    assert ward.last(DM_REQ).startswith("Last seen well at?")
    await ward.says(REQ, "10:40")
    assert "1️⃣ no" in ward.last(DM_REQ)
    await ward.taps(REQ, "2️⃣")
    assert "Last seen well at? 10:40" in ward.last(DM_REQ)
    assert "Anticoagulated? yes" in ward.last(DM_REQ)
    await ward.taps(REQ, "✅")
    assert (await asked(ward)).fields == (("onset", "10:40"), ("doac", "yes"))
    assert "Anticoagulated? yes" in ward.last(DM_ANNA)


async def test_a_field_can_be_left_out_and_the_rest_sent_at_once(ward: Ward) -> None:
    await ward.says(REQ, "!consult neurology urgent")
    await ward.says(REQ, "lysis?")
    await ward.taps(REQ, "➡️")
    await ward.taps(REQ, "✅")
    assert "lysis?" in ward.last(DM_ANNA)
    assert "doac: Anticoagulated?" in ward.last(DM_REQ)
    assert "onset" not in ward.last(DM_REQ)


async def test_one_line_is_sent_and_what_is_missing_named(ward: Ward) -> None:
    async with ward.db.begin() as tx:
        await set_preference(tx, REQ, language="de")
    await ward.asks("!consult neurology stat hemiparesis: lysis?\nAnticoagulated: no")
    assert "onset: Zuletzt gesund um?" in ward.last(DM_REQ)
    assert "doac" not in ward.last(DM_REQ)
    await ward.says(REQ, "!edit C-ID onset: 10:40")
    assert (await asked(ward)).fields == (("doac", "no"), ("onset", "10:40"))
    assert "Last seen well at? 10:40" in ward.texts(DM_ANNA)[0]


# Corrections -------------------------------------------------------------------------------------


async def test_an_edited_message_is_what_is_asked_and_the_page_says_so(ward: Ward) -> None:
    await ward.asks()
    await edits(ward, REQ, "$in1", "!consult cardiology urgent new AF, rate 180: cardiovert?\nWard: B12")
    assert "rate 180" in ward.texts(DM_ANNA)[0]
    assert len(ward.texts(DM_ANNA)) == 1
    assert (await asked(ward)).ward == "B12"
    await edits(ward, REQ, "$in1", "!consult surgery urgent new AF?")
    assert "nothing was changed" in ward.last(DM_REQ)
    await edits(ward, REQ, "$in1", "!consult")
    assert "nothing was changed" in ward.last(DM_REQ)
    assert "rate 180" in (await asked(ward)).question


async def test_the_answer_of_the_guided_form_can_be_edited_too(ward: Ward) -> None:
    await guided(ward)
    await ward.taps(REQ, "✅")
    await edits(ward, REQ, "$in2", "new AF, rate 90: cardiovert?")
    assert (await asked(ward)).question == "new AF, rate 90: cardiovert?"


async def test_what_is_added_replaces_nothing(ward: Ward) -> None:
    await ward.asks()
    await ward.says(REQ, "!edit apixaban since May")
    await ward.says(REQ, "!edit Ward: B14")
    assert (await asked(ward)).question == f"{QUESTION}\napixaban since May"
    await ward.says(REQ, "!edit C-ID Question: rate control?")
    assert await asked(ward) == Request("rate control?", ward="B14")
    assert "rate control?" in ward.texts(DM_ANNA)[0]


async def test_once_accepted_it_stays_as_it_was(ward: Ward) -> None:
    await ward.asks()
    await ward.taps(ANNA, "✅")
    await ward.says(REQ, "!edit C-ID Ward: B14")
    assert "stays as it was asked" in ward.last(DM_REQ)
    await edits(ward, REQ, "$in1", "!consult cardiology urgent something else?")
    assert "stays as it was asked" in ward.last(DM_REQ)
    assert await asked(ward) == Request(QUESTION)
    await ward.says(REQ, "!edit more")
    assert "no consult that can still be changed" in ward.last(DM_REQ)


async def test_others_edit_nothing(ward: Ward) -> None:
    await ward.asks()
    await ward.says(ANNA, "!edit C-ID Ward: B14")
    assert "Only Dr Rosa Quill" in ward.last(DM_ANNA)
    await ward.says("@eve:hs", "!edit C-ID Ward: B14")
    assert "I know no consult" in ward.last("dm:@eve:hs")
    await edits(ward, ANNA, "$in1", "something else?", room=DM_REQ)
    assert await asked(ward) == Request(QUESTION)


# Files -------------------------------------------------------------------------------------------


async def test_a_picture_is_kept_and_shown_in_the_room(ward: Ward) -> None:
    await ward.asks()
    await ward.hears(REQ, DM_REQ, "m.room.message", picture())
    assert "Kept with" in ward.last(DM_REQ)
    assert "1 file" in ward.texts(DM_ANNA)[0]
    await ward.taps(ANNA, "✅")
    content = ward.chat(ward.room)[-1][1]
    assert content["file"]["url"] == "mxc://hs/pIcTuRe"
    assert content["org.curbside"]["kind"] == "consult.attachment"
    assert "thumbnail_url" not in content["info"]
    async with ward.db.read() as tx:
        row = (await tx.conn.execute(consult_rows.select())).one()
    assert b"pIcTuRe" not in row.question
    await ward.hears(REQ, DM_REQ, "m.room.message", picture("x-ray.jpg"))
    assert ward.last(ward.room) == "x-ray.jpg"


async def test_a_picture_for_the_draft(ward: Ward) -> None:
    await guided(ward)
    await ward.hears(REQ, DM_REQ, "m.room.message", picture())
    assert "not sent yet: 1 file" in ward.last(DM_REQ)
    await ward.taps(REQ, "✅")
    assert len((await asked(ward)).attachments) == 1


async def test_files_are_taken_away_by_word_and_by_redaction_in_the_room_as_well(ward: Ward) -> None:
    await ward.asks()
    await ward.hears(REQ, DM_REQ, "m.room.message", picture("one.jpg"))
    await ward.hears(REQ, DM_REQ, "m.room.message", picture("two.jpg"))
    second = f"$in{ward.events}"
    await ward.says(REQ, "!edit remove 3")
    assert "from 1 to 2" in ward.last(DM_REQ)
    await ward.says(REQ, "!edit remove 1")
    assert [one.content["body"] for one in (await asked(ward)).attachments] == ["two.jpg"]
    await ward.taps(ANNA, "✅")
    copy = ward.chat(ward.room)[-1][0]
    await ward.hears(REQ, DM_REQ, "m.room.redaction", {"redacts": second})
    assert (await asked(ward)).attachments == ()
    assert ("redact", {"event_id": copy}) in ward.made


async def test_who_takes_over_sees_the_files_too(ward: Ward) -> None:
    await ward.asks()
    await ward.hears(REQ, DM_REQ, "m.room.message", picture())
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, f"!handoff {CARA}", room=ward.room)
    await ward.taps(CARA, "✅")
    assert ward.texts(ward.room).count("ecg.jpg") == 2
    await ward.says(REQ, "!edit C-ID remove 1")
    assert sum(op == "redact" for op, _body in ward.made) == 2


async def test_of_two_consults_none_is_guessed(ward: Ward) -> None:
    await ward.asks()
    first = ward.consult_id
    await ward.asks("!consult heart urgent another patient?")
    await ward.hears(REQ, DM_REQ, "m.room.message", picture())
    assert "I have not kept that file" in ward.last(DM_REQ)
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$in1"}}
    await ward.hears(REQ, DM_REQ, "m.room.message", picture(**thread))
    assert f"Kept with {first}" in ward.last(DM_REQ)


async def test_no_file_from_a_room_without_encryption(ward: Ward) -> None:
    ward.plain_rooms.add("!open:hs")
    await ward.asks(room="!open:hs")
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$in1"}}
    await ward.hears(REQ, "!open:hs", "m.room.message", picture(**thread))
    assert "Post it in our direct chat" in ward.last("!open:hs")
    assert (await asked(ward)).attachments == ()


async def test_at_most_ten_files(ward: Ward) -> None:
    await ward.asks()
    for number in range(11):
        await ward.hears(REQ, DM_REQ, "m.room.message", picture(f"{number}.jpg"))
    assert "at most 10 files" in ward.last(DM_REQ)
    assert len((await asked(ward)).attachments) == 10
