"""Cases from draft to post: previews, corrections, attestation, the moderators’ queue, pseudonyms."""

import re
from pathlib import Path

import pytest

from bot.cases.drafting import working
from bot.cases.model import Consent, State
from bot.chat.desk import MODERATORS_ROOM
from bot.deid.engine import Engine
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.case_stage import CASE, DM_EVE, CaseStage, Cleaner
from tests.support.hall import ADA, BRAIN, EVE, HEART, MIRA, MODS

BOTH = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)
CLEAN = "Mr [NAME] from [PLACE] fell again, [NAME] found him: stop the DOAC?"


@pytest.fixture(params=["sqlite"])
def backend(request: pytest.FixtureRequest) -> str:
    """One database for most: two stories are told on both."""
    return str(request.param)


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> CaseStage:
    stage = CaseStage(db, clock, tmp_path)
    await stage.open()
    return stage


@BOTH
async def test_from_one_line_to_the_post(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    shown = stage.last(DM_EVE)
    assert "Not posted yet. Preview of K-" in shown and "for Neurology" in shown
    assert "Mr [NAME]¹ from [PLACE]² fell again, [NAME]³? found him" in shown
    assert "3 parts are taken out, of 1 I am not sure (?)." in shown
    assert "!restore 3" in shown and "You attest by it" in shown
    html = stage.chat(DM_EVE)[-1][1]["formatted_body"]
    assert 'data-mx-bg-color="#b3261e" data-mx-color="#ffffff"><strong>[NAME]</strong></font><sup>1<' in html
    assert stage.texts(BRAIN) == []
    await stage.presses("✅")
    posted = stage.last(BRAIN)
    assert CLEAN in posted and "Posted without names" in posted and "from" in posted
    assert not re.search(r"\bEve\b", posted) and EVE not in posted  # some pseudonyms begin with "Evening"
    one = await stage.case()
    assert one.state is State.POSTED and one.pseudonym is not None and one.pseudonym in posted
    assert one.attested_at is not None and one.handle is None
    assert f"{one.id} is in Neurology, from “{one.pseudonym}”" in stage.last(DM_EVE)
    assert await stage.traces("Ashford") == []


async def test_every_case_has_a_name_of_its_own_and_the_trail_names_nobody(stage: CaseStage) -> None:
    names = set()
    for number in range(3):
        await stage.writes(f"!case neurology case {number}: {CASE}")
        await stage.presses("✅")
        names.add((await stage.case()).pseudonym)
        await stage.passes(minutes=1)
    assert len(names) == 3
    trail = await stage.audit()
    assert any("case.posted" in line for line in trail)
    assert not any(EVE in line for line in trail)


async def test_step_by_step(stage: CaseStage) -> None:
    await stage.writes("!case")
    assert "For which specialty room" in stage.last(DM_EVE) and "2. Neurology" in stage.last(DM_EVE)
    await stage.writes("neurolgy")
    assert "I know no room" in stage.last(DM_EVE)
    await stage.writes("2")
    assert "What is the case" in stage.last(DM_EVE)
    await stage.writes(CASE)
    assert "Post pictures or PDFs" in stage.last(DM_EVE)
    await stage.presses("➡️")
    assert "By which words" in stage.last(DM_EVE)
    await stage.writes("falls, #elderly")
    assert "Does the patient agree?" in stage.last(DM_EVE)
    await stage.presses("2️⃣")
    assert "Tags: #falls #elderly" in stage.last(DM_EVE) and "Consent: not needed" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert "#falls #elderly" in stage.last(BRAIN) and CLEAN in stage.last(BRAIN)
    one = await stage.case()
    assert one.tags == ("falls", "elderly") and one.consent is Consent.NOT_NEEDED
    assert await stage.traces("Ashford") == []


async def test_the_room_is_asked_for_when_the_line_names_none(stage: CaseStage) -> None:
    await stage.writes(f"!case {CASE}")
    assert "For which specialty room" in stage.last(DM_EVE)
    await stage.presses("2️⃣")
    assert "Preview of K-" in stage.last(DM_EVE) and "for Neurology" in stage.last(DM_EVE)
    await stage.writes("!case room cardiology")
    assert "for Cardiology" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert "is not posted" in stage.last(DM_EVE) and "It needs L2" in stage.last(DM_EVE)
    assert stage.texts(HEART) == []


async def test_corrections_by_word(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.writes("!restore 3")
    assert "Rose found him" in stage.last(DM_EVE) and "“Rose”: you brought it back" in stage.last(DM_EVE)
    await stage.writes("!remove the DOAC")
    assert "stop [REMOVED]³?" in stage.last(DM_EVE)
    await stage.writes("!restore 9")
    assert "no number 9" in stage.last(DM_EVE)
    await stage.writes("!remove unicorn")
    assert "not in your text" in stage.last(DM_EVE)
    await stage.writes("!remove x")
    assert "too short" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert "Mr [NAME] from [PLACE] fell again, Rose found him: stop [REMOVED]?" in stage.last(BRAIN)


async def test_an_edit_of_the_message_begins_anew_and_keeps_words_taken_out(stage: CaseStage) -> None:
    event = await stage.writes(f"!case neurology {CASE}")
    await stage.writes("!remove fell")
    await stage.edits(event, "!case neurology Mr Miller fell twice: stop it?")
    assert "Mr [NAME]¹ [REMOVED]² twice" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert "Mr [NAME] [REMOVED] twice: stop it?" in stage.last(BRAIN)
    assert await stage.traces("Ashford") == []


async def test_a_name_that_reads_like_an_id_is_a_name(stage: CaseStage) -> None:
    await stage.writes("!case neurology seen by Kevin and Karina in the morning")
    await stage.writes("!remove Kevin")
    shown = stage.last(DM_EVE).split("Take more out")[0]
    assert "[REMOVED]" in shown and "Kevin" not in shown
    one = await stage.case()
    await stage.writes(f"!remove {one.id.replace('-', '').lower()} Karina")
    shown = stage.last(DM_EVE).split("Take more out")[0]
    assert shown.count("[REMOVED]") == 2 and "Karina" not in shown


async def test_what_may_still_identify_is_shown(stage: CaseStage) -> None:
    await stage.writes("!case neurology Miller, the only trapeze artist of the county, fell.")
    assert "“only trapeze artist”: a rare occupation" in stage.last(DM_EVE)
    assert "May still identify somebody" in stage.last(DM_EVE)
    await stage.writes("!remove only trapeze artist")
    assert "[REMOVED]" in stage.last(DM_EVE) and "May still identify" not in stage.last(DM_EVE)


async def test_tags_that_name_somebody_are_left_out(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.writes("!case tags falls miller")
    assert "Tags: #falls" in stage.last(DM_EVE)
    assert "Left out, since they may name somebody: #miller" in stage.last(DM_EVE)
    await stage.presses("✅")
    assert "#falls" in stage.last(BRAIN) and "miller" not in stage.last(BRAIN).lower()


async def test_a_long_text_comes_in_pieces_with_the_buttons_last(stage: CaseStage) -> None:
    words = " ".join(f"Miller sentence number {number} of a long story." for number in range(300))
    await stage.writes(f"!case neurology {words}")
    pieces = [text for text in stage.texts(DM_EVE) if "sentence number" in text]
    assert len(pieces) > 2 and "Preview of K-" in pieces[0] and "You attest by it" in pieces[-1]
    assert all(f"number {number} of" in "".join(pieces) for number in range(300))
    await stage.presses("✅")
    assert words.replace("Miller", "[NAME]") in " ".join(stage.texts(BRAIN))


async def test_only_alone_and_encrypted(stage: CaseStage) -> None:
    await stage.says(EVE, f"!case neurology {CASE}", HEART)
    assert "only alone with me" in stage.last(HEART) and "Miller" not in stage.last(HEART)
    assert await stage.traces("Ashford") == []


async def test_overview_show_and_cancel(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    await stage.passes(minutes=1)
    await stage.writes("!case neurology a second one about Quill")
    await stage.writes("!case")
    listed = stage.last(DM_EVE)
    assert "Not posted:" in listed and "waits for your ✅" in listed and "Your cases:" in listed
    await stage.writes("!case show")
    assert "a second one about [CLINICIAN]¹" in stage.last(DM_EVE)
    await stage.writes("!case cancel")
    assert "is discarded" in stage.last(DM_EVE)
    one = await stage.case()
    assert one.state is State.DISCARDED and one.author_key is None
    assert await stage.traces("Quill") == ["case_words"] or await stage.traces("Quill") == []
    await stage.writes(f"!case show {one.id}")
    assert "no such case" in stage.last(DM_EVE)


async def test_a_draft_expires_and_its_author_is_told_before(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.passes(hours=23, minutes=1)
    assert "unless you post it" in stage.last(DM_EVE)
    await stage.passes(hours=1)
    assert "was not posted, and I have erased it" in stage.last(DM_EVE)
    one = await stage.case()
    assert one.state is State.EXPIRED and one.author_key is None
    assert await stage.traces("Ashford") == []
    await stage.presses("✅")
    assert "done already" in stage.last(DM_EVE)
    assert stage.texts(BRAIN) == []


@BOTH
async def test_moderators_see_the_text_without_names_and_decide(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    stage = CaseStage(db, clock, tmp_path, review=("neurology",))
    await stage.open()
    event = await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    assert "A moderator looks at K-" in stage.last(DM_EVE)
    asked = stage.last(MODS)
    assert CLEAN in asked and "Eve" not in asked and "Ashford" not in asked
    assert stage.texts(BRAIN) == []
    await stage.presses("❌", MODS, MIRA)
    assert "Why is it not posted?" in stage.last(MODS)
    asked_why = {"m.relates_to": {"m.in_reply_to": {"event_id": stage.chat(MODS)[-1][0]}}}
    await stage.says(MIRA, "please leave the day of the week out", MODS, **asked_why)
    assert "did not let K-" in stage.last(DM_EVE) and "leave the day of the week out" in stage.last(DM_EVE)
    await stage.edits(event, "!case neurology Mr Miller fell: stop the DOAC?")
    await stage.presses("✅")
    await stage.presses("✅", MODS, MIRA)
    assert "is released" in stage.last(MODS)
    assert "Mr [NAME] fell: stop the DOAC?" in stage.last(BRAIN)
    assert await stage.traces("Miller") == []


@BOTH
async def test_moderators_who_decide_see_the_clean_picture_first(
    db: Database, clock: ManualClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "_cleaned", Cleaner())
    stage = CaseStage(db, clock, tmp_path, review=("neurology",))
    await stage.open()
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", b"scan of Miller")
    await stage.presses("✅")  # under the picture
    await stage.presses("✅")
    here = [file for file in stage.files if file[0] == MODERATORS_ROOM]
    assert [data.startswith(b"CLEAN") for _room, _name, _type, data in here] == [True]
    await stage.presses("✅", MODS, MIRA)
    assert [data[:5] for room, _name, _type, data in stage.files if "neurology" in room] == [b"CLEAN"]


async def test_who_may_not_write_there_cannot_post(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.says(MIRA, f"!mod mute {EVE} neurology 1h", MODS)
    await stage.presses("✅")
    assert "muted there" in stage.last(DM_EVE)
    assert stage.texts(BRAIN) == []


async def test_buttons_and_drafts_are_the_authors_alone(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    one = await stage.case()
    dm_ada = f"dm:{ADA}"
    await stage.writes(f"!case show {one.id}", ADA)
    assert "no such case" in stage.last(dm_ada)
    await stage.writes(f"!case =post {one.handle} {one.seq}", ADA)
    await stage.writes(f"!restore {one.id} 1", ADA)
    assert (await stage.case()).state is State.PREVIEW
    assert stage.texts(BRAIN) == []


async def test_not_too_many_a_day(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    stage = CaseStage(db, clock, tmp_path, posts_per_day=1)
    await stage.open()
    for _ in range(2):
        await stage.writes(f"!case neurology {CASE}")
        await stage.presses("✅")
        await stage.passes(minutes=1)
    assert "more are not possible" in stage.last(DM_EVE)
    assert len(stage.texts(BRAIN)) == 1


async def test_in_german(stage: CaseStage) -> None:
    await stage.writes("!language deutsch")
    await stage.writes(f"!fall Neurologie {CASE}")
    assert "Noch nicht eingestellt" in stage.last(DM_EVE) and "!zurückholen 3" in stage.last(DM_EVE)
    await stage.writes("!zurückholen 3")
    assert "Rose found him" in stage.last(DM_EVE)


async def test_with_the_engine_that_is_shipped(stage: CaseStage) -> None:
    stage.finder = Engine(None)
    await stage.writes(
        "!case neurology 93 yo, Mr Miller from Ashford, seen by Dr Quill, call 07700 900123: stop the DOAC?"
    )
    assert "Not posted yet" in stage.last(DM_EVE)
    await stage.presses("✅")
    posted = stage.last(BRAIN)
    assert "stop the DOAC?" in posted
    for word in ("Miller", "Ashford", "Quill", "900123", "93"):
        assert word not in posted
        assert word == "93" or await stage.traces(word) == []


async def test_corrections_go_to_what_was_shown_last(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    one = await stage.case()
    await stage.passes(minutes=1)
    await stage.writes(f"!case neurology a second one: {CASE}")
    await stage.passes(minutes=1)
    await stage.writes(f"!reply {one.id} Miller had Rose beside him")
    await stage.writes("!restore 2")
    assert "had Rose beside him" in stage.last(DM_EVE)
    assert (await stage.case()).seq == 1
