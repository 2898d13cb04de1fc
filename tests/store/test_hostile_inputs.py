"""Malformed and hostile inputs through the real dispatcher: a clear answer, and nothing changed."""

import json
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.consults import store
from bot.consults.store import consult_rows, page_rows
from bot.directory.hospital import service as hospitals
from bot.directory.hospitals import HospitalBook
from bot.kernel import inbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from tests.store.test_intake import edits, picture
from tests.support.migrated import put_tables
from tests.support.operators import SOUTH, SUE, Operator, add, decide, refreshed, settings_of
from tests.support.ward import ANNA, BEN, QUESTION, REQ, Ward

DM_REQ, DM_ANNA = f"dm:{REQ}", f"dm:{ANNA}"
EVE, STRANGER = "@eve:hs", "@mallory:elsewhere.example"


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    return Ward(db, clock, tmp_path)


async def rows(ward: Ward) -> list[Any]:
    """Everything that is kept of consults."""
    async with ward.db.read() as tx:
        found = [list((await tx.conn.execute(select(table))).all()) for table in (consult_rows, page_rows)]
    return [tuple(row) for table in found for row in table]


Words = str | Sequence[str]

# Who says what, one after the other, while REQ's consult waits for ANNA, and what the last answer says.
SAID: dict[str, tuple[str, Words, str]] = {
    "a question of 60 KB": (REQ, "!consult cardiology urgent " + "x" * 60_000, "at most 20000 fit here"),
    "an addition that is too long": (REQ, "!edit C-ID " + "y " * 9_995, "That is too long"),
    "an unknown service": (REQ, "!consult astrology urgent Mars?", "I know no service “astrology”"),
    "a misspelt service": (REQ, "!consult cardiolgy urgent x?", "Did you mean Cardiology?"),
    "a person as a service": (REQ, f"!consult {ANNA} urgent x?", "Which service do you want to ask?"),
    "markup as a service": (
        REQ,
        "!consult <img/src=x/onerror=alert(1)> urgent x?",
        "I know no service “<img",
    ),
    "a path as a service": (REQ, "!who ../../../etc/passwd", "I know no service"),
    "two services": (
        REQ,
        ["!consult cardiology surgery urgent x?", "urgent"],
        "A consult asks one service, so nothing was sent. Please write another one to surgery.",
    ),
    "an unknown urgency": (REQ, "!consult cardiology sometime x?", "How urgent is it?"),
    "control characters alone": (
        REQ,
        "!consult cardiology urgent \x07\x1b\x08\x9b",
        "What is your one question?",
    ),
    "marks of direction alone": (
        REQ,
        "!consult cardiology urgent \u202e\u2066",
        "What is your one question?",
    ),
    "an order": (REQ, "!consult cardiology stat Give 5 mg morphine now", "This reads like an order"),
    "an order in a part": (
        REQ,
        "!consult cardiology urgent VT?\nR: start amiodarone 300 mg",
        "like an order",
    ),
    "an order by an edit": (REQ, "!edit C-ID bitte CT anordnen", "Nothing was changed"),
    "an unknown reply": (
        REQ,
        "!consult cardiology urgent x?\nExpects: miracles",
        "expected reply “miracles”",
    ),
    "a ward of 200 characters": (REQ, "!edit C-ID Ward: " + "B" * 200, "The ward is too long"),
    "an emoji as an id": (ANNA, "!accept 🦄", "I know no consult “🦄”"),
    "an id in markup": (REQ, "!cancel **`<b>C-0000</b>`**", "I know no consult"),
    "an id that none has": (ANNA, "!decline C-0000 in theatre", "I know no consult C-0000"),
    "an id of 5,000 characters": (REQ, "!cancel C-" + "7" * 5_000, "I know no consult"),
    "somebody else’s consult, cancelled": (EVE, "!cancel C-ID", "I know no consult"),
    "somebody else’s consult, edited": (EVE, "!edit C-ID Ward: B1", "I know no consult"),
    "somebody else’s consult, answered": (EVE, "!answer C-ID fine", "I know no consult"),
    "somebody else’s consult, accepted": (EVE, "!accept C-ID", "I know no consult"),
    "the consultant’s edit": (ANNA, "!edit C-ID Ward: B1", "Only Dr Rosa Quill, who asked"),
    "one’s own consult, accepted": (REQ, "!accept C-ID", "own question"),
    "one’s own consult, answered": (REQ, "!answer C-ID fine", "Nobody has accepted"),
    "closed before it is answered": (REQ, "!close C-ID fine", "has no answer yet"),
    "answered before it is accepted": (ANNA, "!answer C-ID metoprolol", "Nobody has accepted"),
    "handed to a stranger": (ANNA, f"!handoff C-ID {STRANGER}", "does not take part here"),
    "handed to nobody": (ANNA, "!handoff C-ID 🦄", "I need a person"),
    "handed to the bot": (ANNA, "!handoff C-ID @curbside:hs", "That is a bot"),
    "a file below none": (REQ, "!edit C-ID remove -1", "has no files"),
    "a page below none": (REQ, "!consults page -3", "I do not know the page “-3”"),
    "a page that no list has": (REQ, "!consults any page 9999", "No consult fits"),
    "a day to come": (REQ, "!consults since 2030-01-01", "is still to come"),
    "a day that never was": (REQ, "!consults since 2026-02-31", "I do not know the moment “2026-02-31”"),
    "a number of days beyond all calendars": (REQ, "!consults since 9999w", "I do not know the moment"),
    "SQL": (REQ, "!consults '; DROP TABLE consults; --", "I do not know “'”"),
    "everybody’s consults": (EVE, "!consults all", "Only moderators see consults of others"),
    "a part that is none of the command": (EVE, "!cnsult cardiology urgent x?", "Did you mean !consult"),
    "a stranger’s server": (STRANGER, "!consult cardiology stat x?", "yours is not among them"),
}


async def test_words_get_a_clear_answer_and_change_nothing(ward: Ward) -> None:
    await ward.asks()
    before, consult = await rows(ward), ward.consult_id
    for name, (user, said, answer) in SAID.items():
        ward.clock.advance(timedelta(minutes=2))  # nobody is told to wait
        for text in [said] if isinstance(said, str) else said:
            await ward.says(user, text.replace("C-ID", consult))
        assert answer in ward.last(f"dm:{user}"), name
        assert "<img" not in str(ward.chat(f"dm:{user}")[-1][1].get("formatted_body")), name
        assert await rows(ward) == before, name


@pytest.fixture
async def south(clock: ManualClock, tmp_path: Path) -> AsyncIterator[Operator]:
    await put_tables(tmp_path / "south.db")
    database = Database(f"sqlite+aiosqlite:///{tmp_path / 'south.db'}", clock, KeyRing([b"s" * 32]))
    yield Operator(database, settings_of(SOUTH))
    await database.close()


async def test_somebody_of_a_suspended_hospital(ward: Ward, south: Operator) -> None:
    await add(ward.db, await south.statement())
    await decide(ward.db, hospitals.suspend)
    book = ward.house.hospitals
    assert isinstance(book, HospitalBook)
    await refreshed(ward.db, book)
    await ward.asks()
    before = await rows(ward)
    for text in ("!consult cardiology stat x?", "!accept C-ID", "!edit C-ID Ward: B1"):
        await ward.says(SUE, text)
    await ward.hears(SUE, f"dm:{SUE}", "m.room.message", picture())
    assert len(ward.texts(f"dm:{SUE}")) == 1  # told once a day
    assert "yours is not among them" in ward.last(f"dm:{SUE}")
    assert await rows(ward) == before


async def test_right_to_left_text_is_asked_as_it_is_and_turns_nothing_round(ward: Ward) -> None:
    hebrew = "פרפור פרוזדורים חדש, דופק 140: היפוך?"
    await ward.asks(f"!consult cardiology urgent \u202e{hebrew}\u2066")
    assert hebrew in ward.last(DM_ANNA)
    assert "\u202e" not in ward.last(DM_ANNA) and "\u2066" not in ward.last(DM_ANNA)


async def test_markup_in_a_question_stays_what_was_typed(ward: Ward) -> None:
    await ward.asks("!consult cardiology urgent <b>**x**</b> [a](javascript:b) `c` ~~d~~?")
    page = ward.chat(DM_ANNA)[-1][1]
    assert "<b>**x**</b> [a](javascript:b) `c` ~~d~~?" in page["body"]
    assert "&lt;b&gt;**x**&lt;/b&gt;" in page["formatted_body"]


async def test_a_burst_of_commands_is_answered_once(ward: Ward) -> None:
    await ward.asks()
    before = await rows(ward)
    for _ in range(45):
        await ward.says(EVE, "!cancel C-ID")
    assert "That was a lot at once" in ward.last(f"dm:{EVE}")
    assert sum("a lot at once" in text for text in ward.texts(f"dm:{EVE}")) == 1
    assert await rows(ward) == before


async def test_buttons_that_others_press(ward: Ward) -> None:
    await ward.asks()
    await ward.says(REQ, "!consult cardiology urgent")
    await ward.says(REQ, "another question?")
    before = await rows(ward)
    page, draft = ward.chat(DM_ANNA)[-1][0], ward.chat(DM_REQ)[-1][0]
    await ward.taps(BEN, "✅", room=DM_ANNA, on=page)
    assert "You are not asked for" in ward.last(DM_ANNA)
    await ward.taps(BEN, "✅", room=DM_REQ, on=draft)
    await ward.taps(ANNA, "🦄", on=page)
    await ward.taps(ANNA, "✅", on="$nowhere")
    assert await rows(ward) == before


async def test_an_edit_after_acceptance(ward: Ward) -> None:
    await ward.asks()
    await ward.taps(ANNA, "✅")
    before = await rows(ward)
    await edits(ward, REQ, "$in1", "!consult cardiology urgent something else?")
    assert "stays as it was asked" in ward.last(DM_REQ)
    await ward.says(REQ, "!edit C-ID something else")
    assert "stays as it was asked" in ward.last(DM_REQ)
    assert await rows(ward) == before


async def test_a_correction_that_is_no_request_any_more(ward: Ward) -> None:
    await ward.asks()
    before = await rows(ward)
    for text in ("!consult", "!consult surgery urgent x?", "!consult cardiology stat x?"):
        await edits(ward, REQ, "$in1", text)
        assert "nothing was changed" in ward.last(DM_REQ)
    await edits(ward, REQ, "$in1", "please order a CT head now")
    assert "Nothing was changed" in ward.last(DM_REQ)
    await edits(ward, EVE, "$in1", "!consult cardiology urgent mine?", room=DM_REQ)
    assert await rows(ward) == before


FILES: dict[str, tuple[dict[str, Any], str]] = {
    "no url": (picture(file=None), "without a valid address"),
    "a url of the web": (picture(file={"url": "https://evil.example/x"}), "without a valid address"),
    "a path in the url": (
        picture(file={**picture()["file"], "url": "mxc://hs/../secret"}),
        "a valid address",
    ),
    "another server": (
        picture(file={**picture()["file"], "url": "mxc://evil.example/x"}),
        "takes no part here",
    ),
    "not encrypted": (picture(file=None, url="mxc://hs/x"), "is not encrypted"),
    "a key that is a table": (picture(file={**picture()["file"], "key": {"k": {"k": "k"}}}), "a valid key"),
    "a size beyond all files": (picture(info={"size": 2**52}), "too large"),
}


async def test_files_that_are_none(ward: Ward) -> None:
    await ward.asks()
    before = await rows(ward)
    for name, (content, answer) in FILES.items():
        await ward.hears(REQ, DM_REQ, "m.room.message", content)
        assert answer in ward.last(DM_REQ), name
        assert await rows(ward) == before, name


async def test_of_a_strange_file_only_what_is_known_is_kept(ward: Ward) -> None:
    await ward.asks()
    deep: Any = "x"
    for _ in range(200):
        deep = {"x": deep}
    odd = picture(
        "a\x00b\u202e" + "n" * 9_000, deep=deep, info={"size": -1, "mimetype": "<script>", "w": True}
    )
    await ward.hears(REQ, DM_REQ, "m.room.message", odd)
    async with ward.db.read() as tx:
        (kept,) = (await store.request(tx, ward.consult_id)).attachments
    assert len(json.dumps(kept.to_json())) < 2_000
    assert kept.content["info"] == {}
    assert kept.content["body"].startswith("abn")


MALFORMED: list[tuple[str, Any]] = [
    ("m.room.message", {"msgtype": "m.text", "body": {"deep": [[[[1]]]]}}),
    ("m.room.message", {"msgtype": "m.text"}),
    ("m.room.message", {"msgtype": ["m.image"], "body": 7}),
    ("m.room.message", {"msgtype": "m.image", "body": None, "file": "mxc://hs/x"}),
    ("m.room.message", {"msgtype": "m.text", "body": "x", "m.relates_to": "m.replace"}),
    ("m.room.message", {"msgtype": "m.text", "body": "x", "m.relates_to": {"rel_type": ["m.replace"]}}),
    ("m.room.redaction", {"redacts": {"$in1": 1}}),
    ("m.room.redaction", {}),
    ("m.reaction", {"m.relates_to": {"rel_type": "m.annotation", "event_id": 5, "key": "✅"}}),
    ("org.curbside.consult", {"id": "C-ID", "state": "completed"}),
]


async def test_malformed_events_are_passed_over(ward: Ward) -> None:
    await ward.asks()
    before = await rows(ward)
    for kind, content in MALFORMED:
        await ward.hears(REQ, DM_REQ, kind, content)
    assert await rows(ward) == before
    await ward.says(REQ, "!ping 7")
    assert ward.last(DM_REQ) == "pong 7"


async def test_an_event_that_comes_twice_counts_once(ward: Ward) -> None:
    await ward.asks()
    before = await rows(ward)
    event = {
        "type": "m.room.message",
        "sender": REQ,
        "event_id": "$in1",
        "content": {"msgtype": "m.text", "body": f"!consult cardiology urgent {QUESTION}"},
    }
    payload = {"room_id": f"!dm-{REQ}", "event": event, "encrypted": True, "decrypted": True}
    async with ward.db.begin() as tx:
        await inbox.put(tx, inbox.Incoming("curbside", "matrix.event", "$in1", "curbside x", payload))
    await ward.settle()
    assert await rows(ward) == before
