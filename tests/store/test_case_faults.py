"""Whatever fails from draft to post: nothing is posted that was not previewed, and no original stays."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from bot.cases import store as cases
from bot.cases.drafting import working
from bot.cases.model import State
from bot.deid.engine import TooLong, UnsupportedLanguage
from bot.kernel import engine as kernel_engine
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.rooms import store as rooms_store
from tests.support.case_stage import CASE, CLEAN, DM_EVE, CaseStage, leaves_nothing, posts_it
from tests.support.hall import BRAIN, EVE, MIRA, MODS, NETWORK
from tests.support.logged import Listening


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """One database will do, but for what it goes through itself: `on_both`."""
    return str(getattr(request, "param", "sqlite"))


on_both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
async def stage(db: Database, clock: ManualClock, tmp_path: Path) -> CaseStage:
    stage = CaseStage(db, clock, tmp_path)
    await stage.open()
    return stage


# The engine ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        (UnsupportedLanguage("Miller"), "I cannot tell its language"),
        (TooLong("Ashford"), "It is too long"),
        (ValueError("Mr Miller from Ashford"), "Something went wrong while I looked for names"),
        (RecursionError("Miller"), "Something went wrong while I looked for names"),
    ],
    ids=["language", "long", "error", "recursion"],
)
async def test_an_engine_that_fails_posts_nothing(
    stage: CaseStage, logged: Listening, trouble: Exception, told: str
) -> None:
    def fails(_text: str) -> None:
        raise trouble

    stage.finder.trouble = fails
    await stage.writes(f"!case neurology {CASE}")
    assert "Nothing is posted" in stage.last(DM_EVE) and told in stage.last(DM_EVE)
    assert (await stage.case()).state is State.REFUSED
    assert stage.texts(BRAIN) == [] and not any("Miller" in line for line in logged.lines)
    stage.finder.trouble = lambda _text: None
    await stage.presses("✅")  # tries again
    assert stage.texts(BRAIN) == []
    await posts_it(stage)
    await leaves_nothing(stage, logged)


async def test_an_engine_that_hangs_posts_nothing_and_holds_up_nobody(stage: CaseStage) -> None:
    go_on = threading.Event()
    stage.finder.trouble = lambda _text: go_on.wait(60) and None
    stage.deidentifier._seconds = 0.2
    try:
        await asyncio.wait_for(stage.writes(f"!case neurology {CASE}"), 30)
        assert "took too long" in stage.last(DM_EVE) and stage.texts(BRAIN) == []
    finally:
        go_on.set()
    stage.finder.trouble = lambda _text: None
    stage.deidentifier._seconds = 30.0
    await stage.presses("✅")
    await posts_it(stage)


async def test_another_engine_after_the_preview_means_another_preview(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    stage.finder.versions = {"engine": "2", "model": "words"}
    await stage.presses("✅")
    assert any("has changed since" in text for text in stage.texts(DM_EVE))
    assert stage.texts(BRAIN) == [] and (await stage.case()).state is State.PREVIEW
    await posts_it(stage)
    await leaves_nothing(stage)


async def test_an_engine_that_is_not_loaded_yet_attests_nothing(stage: CaseStage, db: Database) -> None:
    await stage.writes(f"!case neurology {CASE}")
    stage.restart(db)  # a new process: nobody knows yet which engine it has
    await stage.presses("✅")
    assert stage.texts(BRAIN) == []
    await posts_it(stage)


# The preview ---------------------------------------------------------------------------------------------


async def test_an_edit_after_the_preview_makes_its_button_void(stage: CaseStage) -> None:
    event = await stage.writes(f"!case neurology {CASE}")
    old = stage.chat(DM_EVE)[-1][0]
    await stage.edits(event, "!case neurology Mr Quill fell: stop?")
    await stage.reacts(EVE, old, "✅", DM_EVE)
    assert "not the newest: nothing is posted" in stage.last(DM_EVE)
    assert stage.texts(BRAIN) == []


async def test_an_edit_before_the_new_preview_posts_nothing_either(stage: CaseStage) -> None:
    event = await stage.writes(f"!case neurology {CASE}")
    old = stage.chat(DM_EVE)[-1][0]
    relation = {"rel_type": "m.replace", "event_id": event}
    new = {"msgtype": "m.text", "body": "!case neurology Mr Quill fell"}
    await stage.says(EVE, "* …", DM_EVE, **{"m.new_content": new, "m.relates_to": relation})
    await stage.reacts(EVE, old, "✅", DM_EVE)  # the worker has not been there yet
    assert "A new preview is being made" in stage.last(DM_EVE) and stage.texts(BRAIN) == []


@pytest.mark.parametrize(
    ("kind", "new"),
    [
        ("m.room.message", {"msgtype": "m.text", "body": " "}),
        ("m.room.message", {"msgtype": "m.emote", "body": "takes it all back"}),
        ("m.room.message", {"msgtype": "m.notice", "body": "no, wait"}),
        ("m.room.message", "nothing that can be read"),
        ("m.room.encrypted", None),
    ],
    ids=["empty", "emote", "notice", "malformed", "undecryptable"],
)
async def test_an_edit_that_cannot_be_used_makes_the_button_void_too(
    stage: CaseStage, kind: str, new: object
) -> None:
    event = await stage.writes(f"!case neurology {CASE}")
    old = stage.chat(DM_EVE)[-1][0]
    relation = {"rel_type": "m.replace", "event_id": event}
    content = {"msgtype": "m.text", "body": "* …", "m.new_content": new} if new else {"session_id": "S"}
    await stage.hears(EVE, DM_EVE, kind, {**content, "m.relates_to": relation})
    assert "could not read your correction" in stage.last(DM_EVE)
    assert (await stage.case()).state is State.REFUSED
    await stage.reacts(EVE, old, "✅", DM_EVE)
    assert stage.texts(BRAIN) == []
    await stage.edits(event, "!case neurology Mr Quill fell: stop?")
    await stage.presses("✅")
    assert "fell: stop?" in stage.last(BRAIN) and "Quill" not in stage.last(BRAIN)


async def test_of_a_mistyped_command_run_by_a_tap_edits_and_redactions_count(stage: CaseStage) -> None:
    event = await stage.writes(f"!cas neurology {CASE}")
    await stage.presses("👍")
    old = stage.chat(DM_EVE)[-1][0]
    await stage.edits(event, "!cas neurology Mr Quill fell: stop?")
    assert "Preview of K-" in stage.last(DM_EVE) and "fell: stop?" in stage.last(DM_EVE)
    assert "!cas " not in stage.last(DM_EVE)
    await stage.reacts(EVE, old, "✅", DM_EVE)
    assert stage.texts(BRAIN) == []
    await stage.hears(EVE, DM_EVE, "m.room.redaction", {"redacts": event}, redacts=event)
    assert (await stage.case()).state is State.DISCARDED
    await leaves_nothing(stage)


async def test_a_second_device_confirms_no_older_preview(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    old = stage.chat(DM_EVE)[-1][0]
    await stage.writes("!remove fell again")
    await stage.reacts(EVE, old, "✅", DM_EVE)
    assert stage.texts(BRAIN) == []
    await stage.presses("✅")
    assert "[REMOVED]" in stage.last(BRAIN) and len(stage.texts(BRAIN)) == 1
    await stage.reacts(EVE, old, "👍", DM_EVE)
    await stage.reacts(EVE, stage.chat(DM_EVE)[-1][0], "✅", DM_EVE)
    assert len(stage.texts(BRAIN)) == 1


@on_both
async def test_a_preview_that_was_altered_in_the_database_is_not_posted(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    one = await stage.case()
    async with stage.db.begin() as tx:
        shown = await cases.shown(tx, one.id)
        assert shown is not None and one.preview_hash is not None
        await cases.keep_shown(tx, one.id, replace(shown, text=CASE), one.preview_hash)
    await stage.presses("✅")
    assert stage.texts(BRAIN) == [] and (await stage.case()).state is State.PREVIEW
    await posts_it(stage)
    await leaves_nothing(stage)


# The database, and crashes -------------------------------------------------------------------------------


@on_both
async def test_a_database_that_is_lost_while_the_engine_works(
    stage: CaseStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin, left = Database.begin, [3]

    @asynccontextmanager
    async def lost(self: Database) -> AsyncIterator[Tx]:
        left[0] -= 1
        if left[0] == 0:
            raise OperationalError("", {}, Exception("gone"))
        async with begin(self) as tx:
            yield tx

    await stage.says(EVE, f"!case neurology {CASE}", DM_EVE)
    monkeypatch.setattr(Database, "begin", lost)
    left[0] = 2  # the order is taken, what was made is not kept
    with pytest.raises(OperationalError):
        await working.make_one(stage.house, stage.db)
    monkeypatch.undo()
    assert (await stage.case()).state is State.WORKING and stage.texts(DM_EVE) == []
    await stage.passes(seconds=31)
    await stage.works()
    await posts_it(stage)
    await leaves_nothing(stage)


@on_both
@pytest.mark.parametrize("place", ["case.before_find", "case.before_show", "case.after_show"])
async def test_a_crash_while_a_preview_is_made(
    stage: CaseStage, open_database: Callable[..., Database], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    def dies(name: str, of: str = "") -> None:
        if name == place:
            raise Crash

    monkeypatch.setattr(working, "failpoint", dies)
    with pytest.raises(Crash):
        await stage.writes(f"!case neurology {CASE}")
    monkeypatch.undo()
    stage.restart(open_database())
    await stage.deidentifier.warm()
    await stage.passes(seconds=31)
    await stage.works()
    assert sum("Preview of K-" in text for text in stage.texts(DM_EVE)) == 1
    await posts_it(stage)
    await leaves_nothing(stage)


@on_both
@pytest.mark.parametrize("place", ["inbox.before_handler", "inbox.before_commit", "inbox.after_commit"])
async def test_a_crash_between_the_confirmation_and_the_post(
    stage: CaseStage, open_database: Callable[..., Database], monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    await stage.writes(f"!case neurology {CASE}")

    def dies(name: str, of: str = "") -> None:
        if name == place:
            raise Crash

    monkeypatch.setattr(kernel_engine, "failpoint", dies)
    with pytest.raises(Crash):
        await stage.presses("✅")
    monkeypatch.undo()
    assert stage.texts(BRAIN) == []
    stage.restart(open_database())
    await stage.deidentifier.warm()
    await stage.settle()
    assert [CLEAN in text for text in stage.texts(BRAIN)] == [True]
    await leaves_nothing(stage)


# The room, and the author --------------------------------------------------------------------------------


async def test_a_room_that_is_gone_is_told(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    declared = NETWORK.replace(', "neurology"', "").replace('[rooms.neurology]\nname = "Neurology"\n', "")
    (stage.folder / "network.toml").write_text(declared, "utf-8")
    async with stage.db.begin() as tx:
        await rooms_store.place(tx, "neurology", "!elsewhere:hs", archived=True)
    await stage.presses("✅")
    assert "is not posted" in stage.last(DM_EVE) and stage.texts(BRAIN) == []


async def test_a_post_that_the_homeserver_refuses_is_kept_for_another_try(stage: CaseStage) -> None:
    await stage.writes(f"!case neurology {CASE}")
    stage.broken.add("room:network/neurology")
    await stage.presses("✅")
    assert "could not be posted in Neurology" in stage.last(DM_EVE)
    one = await stage.case()
    assert one.state is State.FAILED
    stage.broken.clear()
    await stage.writes(f"!case show {one.id}")
    await posts_it(stage)
    await leaves_nothing(stage)


@on_both
async def test_a_post_that_waits_longer_than_a_draft_is_kept(
    stage: CaseStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stage.writes(f"!case neurology {CASE}")
    deliver = CaseStage._deliver

    async def away(_self: CaseStage) -> bool:
        return False

    monkeypatch.setattr(CaseStage, "_deliver", away)
    await stage.presses("✅")
    await stage.passes(hours=23, minutes=1)
    await stage.passes(hours=1)
    assert (await stage.case()).state is State.POSTING
    assert await stage.traces("Ashford") == []
    monkeypatch.setattr(CaseStage, "_deliver", deliver)
    await stage.settle()
    assert [CLEAN in text for text in stage.texts(BRAIN)] == [True]
    assert (await stage.case()).state is State.POSTED


async def test_an_author_who_leaves_while_moderators_look(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    stage = CaseStage(db, clock, tmp_path, review=("*",))
    await stage.open()
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    await stage.says(MIRA, f"!mod ban {EVE} neurology 7d", MODS)
    one = await stage.case()
    await stage.says(MIRA, f"!case release {one.id}", MODS)
    await stage.works()
    assert "may no longer post there" in stage.last(MODS) and stage.texts(BRAIN) == []
    await stage.passes(hours=23, minutes=1)
    await stage.passes(hours=1)
    await leaves_nothing(stage)


async def test_moderators_release_nothing_that_another_engine_would_see_otherwise(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    stage = CaseStage(db, clock, tmp_path, review=("neurology",))
    await stage.open()
    await stage.writes(f"!case neurology {CASE}")
    await stage.presses("✅")
    stage.finder.versions = {"engine": "2", "model": "words"}
    await stage.presses("✅", MODS, MIRA)
    assert stage.texts(BRAIN) == [] and (await stage.case()).state is State.PREVIEW


async def test_an_author_who_takes_their_message_back_takes_the_draft_back(stage: CaseStage) -> None:
    event = await stage.writes(f"!case neurology {CASE}")
    await stage.hears(EVE, DM_EVE, "m.room.redaction", {"redacts": event}, redacts=event)
    assert (await stage.case()).state is State.DISCARDED
    await leaves_nothing(stage)
