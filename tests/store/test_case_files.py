"""Files with a case: nothing is posted of one that was not cleaned, shown and confirmed."""

import asyncio
import io
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw, ImageFont
from sqlalchemy import select

from bot.cases import store as cases
from bot.cases.drafting import working
from bot.cases.model import State
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.inbox import inbox_entries
from bot.kernel.outbox import outbox_rows
from tests.support.case_stage import CASE, CLEAN, DM_EVE, CaseStage, Cleaner, leaves_nothing, posts_it
from tests.support.hall import BRAIN, EVE
from tests.support.logged import Listening


@pytest.fixture
def backend() -> str:
    """One database will do."""
    return "sqlite"


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> CaseStage:
    stage = CaseStage(db, clock, tmp_path)
    await stage.open()
    return stage


@pytest.fixture
def cleaner(monkeypatch: pytest.MonkeyPatch) -> Cleaner:
    found = Cleaner()
    monkeypatch.setattr(working, "_cleaned", found)
    return found


SCAN = b"scan of Miller, Ashford"


async def test_a_picture_is_posted_clean_once_its_author_has_confirmed_it(
    stage: CaseStage, cleaner: Cleaner
) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", SCAN)
    assert any("Kept with K-" in text for text in stage.texts(DM_EVE))
    assert stage.files[-1][0].endswith("eve:hs") and b"LEFT:" in stage.files[-1][3]
    preview = next(event for event, content in reversed(stage.chat(DM_EVE)) if "Preview" in content["body"])
    await stage.reacts(EVE, preview, "✅", DM_EVE)
    assert "confirm each picture first" in stage.last(DM_EVE) and stage.texts(BRAIN) == []
    picture = next(event for event, content in reversed(stage.chat(DM_EVE)) if "filename" in content)
    await stage.reacts(EVE, picture, "✅", DM_EVE)
    assert "Confirmed." in stage.last(DM_EVE)
    await stage.presses("✅")
    there = [file for file in stage.files if "neurology" in file[0] or file[0] == BRAIN]
    assert [data.startswith(b"CLEAN") for _room, _name, _type, data in there] == [True]
    assert there[0][1].startswith("K-")
    await leaves_nothing(stage)


async def test_a_correction_keeps_a_picture_confirmed_and_a_new_file_asks_anew(
    stage: CaseStage, cleaner: Cleaner
) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", SCAN)
    await stage.presses("✅")  # under the picture
    pictures = len(stage.files)
    await stage.writes("!remove found him")
    assert len(stage.files) == pictures
    await stage.presses("✅")
    assert "[REMOVED]" in "".join(stage.texts(BRAIN))


async def test_a_file_whose_pages_were_not_all_shown_is_not_posted(
    stage: CaseStage, cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two_pages(*given: Any) -> Any:
        made = cleaner(*given)
        return replace(made, comparisons=(made.comparisons[0], replace(made.comparisons[0], data=b"SECOND")))

    monkeypatch.setattr(working, "_cleaned", two_pages)
    stage.too_large = b"LEFT:"
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.pdf", SCAN)
    await stage.works()  # the preview without it
    assert any("could not show you all of it" in text for text in stage.texts(DM_EVE))
    picture = next(event for event, content in reversed(stage.chat(DM_EVE)) if "filename" in content)
    await stage.reacts(EVE, picture, "✅", DM_EVE)
    assert "of an earlier preview" in stage.last(DM_EVE)
    preview = next(event for event, content in reversed(stage.chat(DM_EVE)) if "Preview" in content["body"])
    await stage.reacts(EVE, preview, "✅", DM_EVE)
    assert CLEAN in stage.last(BRAIN)
    assert not any(room == BRAIN or "neurology" in room for room, *_rest in stage.files)


async def test_no_case_is_named_beside_the_chat_in_which_its_picture_was_shown(
    stage: CaseStage, cleaner: Cleaner
) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", SCAN)
    case = (await stage.case()).id
    async with stage.db.read() as tx:
        [file] = await cases.digests(tx, case)
        for row in (await tx.conn.execute(select(outbox_rows))).all():
            assert case not in f"{row.lane} {row.topic} {row.ref}" and file not in str(row.ref)
        for entry in (await tx.conn.execute(select(inbox_entries))).all():
            assert case not in f"{entry.lane} {entry.source}" and file not in f"{entry.lane} {entry.source}"


async def test_files_are_taken_while_questions_are_asked(stage: CaseStage, cleaner: Cleaner) -> None:
    for answer in ("!case new", "neurology", CASE):
        await stage.writes(answer)
    await stage.sends_file("scan.png", SCAN)
    assert "Kept with K-" in stage.last(DM_EVE) and (await stage.case()).state is State.DRAFTING
    for answer in ("skip", "falls", "skip"):
        await stage.writes(answer)
    await stage.presses("✅")  # under the picture
    await stage.presses("✅")
    assert "#falls" in "".join(stage.texts(BRAIN))
    assert [data[:5] for room, _name, _type, data in stage.files if "neurology" in room] == [b"CLEAN"]


async def test_a_picture_through_the_cleaner_that_is_shipped(stage: CaseStage) -> None:
    picture = Image.new("RGB", (400, 200), (30, 30, 30))
    font = ImageFont.load_default(24)
    ImageDraw.Draw(picture).text((20, 20), "MILLER ANNA 12.03.1950", fill=(255, 255, 255), font=font)
    written = io.BytesIO()
    picture.save(written, "PNG")
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", written.getvalue())
    await stage.presses("✅")  # under the picture
    await stage.presses("✅")
    (posted,) = [data for room, _name, _type, data in stage.files if "neurology" in room]
    left = Image.open(io.BytesIO(posted)).convert("L")
    assert left.size == picture.size and left.getextrema()[1] < 128


@pytest.mark.parametrize("how", ["refuses", "fails", "is missing"])
async def test_a_file_that_cannot_be_cleaned_is_refused_and_never_passed(
    stage: CaseStage, cleaner: Cleaner, logged: Listening, how: str
) -> None:
    from bot.deid.files.model import Reason, Refused

    def trouble() -> None:
        if how == "refuses":
            raise Refused(Reason.UNSUPPORTED)
        raise ModuleNotFoundError("Ashford") if how == "is missing" else ValueError("Miller")

    cleaner.trouble = trouble
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.xyz", SCAN)
    assert any("A file is not posted" in text for text in stage.texts(DM_EVE))
    await posts_it(stage)
    assert stage.files == []
    await leaves_nothing(stage, logged)


async def test_a_cleaner_that_hangs(
    stage: CaseStage, cleaner: Cleaner, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on = threading.Event()
    cleaner.trouble = lambda: go_on.wait(60) and None
    monkeypatch.setattr(working, "FILE_SECONDS", 0.2)
    await stage.writes(f"!case neurology {CASE}")
    try:
        await asyncio.wait_for(stage.sends_file("scan.png", SCAN), 30)
    finally:
        go_on.set()
    assert any("cleaning it took too long" in text for text in stage.texts(DM_EVE))
    assert stage.files == []


async def test_a_file_that_is_gone_from_the_homeserver(stage: CaseStage, cleaner: Cleaner) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", None)
    assert any("it is no longer there" in text for text in stage.texts(DM_EVE))
    await posts_it(stage)
    assert stage.files == []


async def test_a_cleaned_file_that_was_altered_is_not_posted(stage: CaseStage, cleaner: Cleaner) -> None:
    await stage.writes(f"!case neurology {CASE}")
    await stage.sends_file("scan.png", SCAN)
    await stage.presses("✅")
    async with stage.db.begin() as tx:
        one = await stage.case()
        (file_id,) = await cases.digests(tx, one.id)
        await cases.change_file(tx, file_id, digest="0" * 64)
    await stage.presses("✅")
    assert stage.texts(BRAIN) == [] and not any("neurology" in file[0] for file in stage.files)
