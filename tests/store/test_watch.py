"""The watch: what says who a patient is goes from a watched room; its author gets a version without it."""

from __future__ import annotations

import asyncio
import threading
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.chat.deidentifying import MOST_STUCK, Deidentifier
from bot.chat.desk import Desk
from bot.deid.engine import Engine
from bot.directory.hospital import store as hospitals
from bot.directory.hospital.rules import Hospital
from bot.directory.service import hospitals_of
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.metrics import watch_messages
from bot.rooms.watching import WATCH, offering, scanning, store
from bot.rooms.watching.store import message_rows, offer_rows
from tests.support.hall import ADA, BOT, BRAIN, EVE, HEART, MIRA, MODS
from tests.support.watched import Broken, Watched

DM_EVE = f"dm:{EVE}"
NAMED = "K+ 6.1 in this lady, MRN 48151623, would you dialyse tonight?"
FAR_BOT = "@curbside:far"
POLL = {
    "m.text": [{"body": "A poll"}],
    "m.poll": {"question": {"m.text": [{"body": NAMED}]}, "answers": [{"m.id": "1", "m.text": "yes"}]},
}


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Watched:
    hall = Watched(db, clock, tmp_path)
    await hall.open()
    return hall


def counted(result: str) -> float:
    return watch_messages.labels(result)._value.get()


async def test_it_is_removed_and_posted_again_with_one_tap(hall: Watched) -> None:
    event = await hall.says(EVE, NAMED)
    assert hall.redacted == [event]
    told = hall.last(DM_EVE)
    assert "I removed your message in Cardiology" in told and "a record number" in told
    assert "48151623" not in told and "K+ 6.1 in this lady, MRN [" in told
    await hall.taps(EVE, "✅", DM_EVE)
    posted = hall.last(HEART)
    assert "Dr Eve Stone writes" in posted and "48151623" not in posted
    assert "would you dialyse tonight?" in posted
    assert "It is in Cardiology" in hall.last(DM_EVE)
    assert await hall.kept() == (0, 0)
    assert not any(NAMED in text for text in [*hall.texts(HEART), *hall.texts(DM_EVE), *hall.texts(MODS)])
    assert [line for line in await hall.audit() if " watch." in line] == [
        "system watch.removed cardiology",
        f"{EVE} watch.reposted cardiology",
    ]


async def test_it_is_posted_where_it_stood_and_once(hall: Watched) -> None:
    await hall.says(EVE, NAMED, **{"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}})
    await hall.taps(EVE, "✅", DM_EVE)
    (_event, content), *others = hall.chat(HEART)
    assert content["m.relates_to"]["event_id"] == "$root"
    await hall.says(EVE, "yes", DM_EVE, reply=hall.chat(DM_EVE)[0][0])
    assert not others and len(hall.chat(HEART)) == 1


async def test_where_it_only_warns_it_stays_until_its_author_taps(hall: Watched) -> None:
    event = await hall.says(EVE, NAMED, BRAIN)
    assert hall.redacted == []
    assert "seems to hold a record number" in hall.last(DM_EVE) and "✅ removes it" in hall.last(DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.redacted == [event]
    assert "MRN [" in hall.last(DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert "Dr Eve Stone writes" in hall.last(BRAIN)


async def test_edits_and_captions_are_looked_at_too(hall: Watched) -> None:
    first = await hall.says(EVE, "K+ 6.1, would you dialyse?")
    relation = {"rel_type": "m.replace", "event_id": first}
    edit = await hall.says(
        EVE, f"* {NAMED}", **{"m.new_content": {"msgtype": "m.text", "body": NAMED}, "m.relates_to": relation}
    )
    caption = await hall.says(EVE, NAMED, msgtype="m.image", filename="ecg.png", url="mxc://hs/1")
    assert "Send the file again with these words" in hall.last(DM_EVE)
    name = await hall.says(EVE, "mrn_48151623.pdf", msgtype="m.file", url="mxc://hs/2")
    assert "Write it again without that" in hall.last(DM_EVE)
    hidden = await hall.says(
        EVE, "see below", format="org.matrix.custom.html", formatted_body="<b>MRN</b> 48151623"
    )
    assert hall.redacted == [edit, caption, name, hidden]


async def test_what_is_left_alone(hall: Watched) -> None:
    before = counted("clean")
    await hall.says(EVE, "Amiodarone or bisoprolol in a 71 y/o with EF 30 %? Guideline says 200 mg.")
    await hall.says(EVE, f"!ping {NAMED}")
    await hall.says(BOT, NAMED)
    await hall.hears(BOT, HEART, "m.poll.start", POLL)
    await hall.says(EVE, NAMED, DM_EVE)
    await hall.hears(EVE, HEART, "m.room.message", {})  # one that was removed
    await hall.hears(EVE, HEART, "m.room.topic", {"body": NAMED}, state_key="")
    await hall.says(EVE, f"> <{ADA}> K+ 6.1\n\nyes", reply="$x")
    assert hall.redacted == []
    assert counted("clean") == before + 2
    assert await hall.kept() == (0, 0)


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("m.poll.start", POLL),
        (
            "org.matrix.msc3381.poll.start",
            {
                "org.matrix.msc3381.poll.start": {
                    "question": {"org.matrix.msc1767.text": "Dialyse tonight?", "body": "Dialyse tonight?"},
                    "answers": [{"id": "1", "org.matrix.msc1767.text": NAMED}, {"id": "2"}],
                }
            },
        ),
        ("m.sticker", {"body": NAMED, "url": "mxc://hs/3", "info": {}}),
        ("m.room.message", {"msgtype": "m.location", "body": NAMED, "geo_uri": "geo:52,13"}),
        (
            "m.room.message",
            {
                "msgtype": "m.location",
                "body": "Location",
                "org.matrix.msc3488.location": {"uri": "geo:52,13", "description": NAMED},
            },
        ),
        ("m.room.message", {"msgtype": "org.example.card", "body": NAMED}),
        ("m.room.message", {"body": NAMED}),
        ("m.room.message", {"msgtype": ["m.text"], "body": NAMED}),
        ("org.matrix.msc1767.message", {"org.matrix.msc1767.text": NAMED}),
        ("m.message", {"m.text": [{"mimetype": "text/html", "body": "<b>MRN</b> 48151623"}]}),
    ],
)
async def test_whatever_else_holds_words_is_looked_at_and_to_be_written_again(
    hall: Watched, kind: str, content: dict[str, Any]
) -> None:
    event = await hall.hears(EVE, HEART, kind, content)
    assert hall.redacted == [event]
    assert "a record number" in hall.last(DM_EVE) and "Write it again without that" in hall.last(DM_EVE)
    assert "✅" not in hall.last(DM_EVE)
    with pytest.raises(AssertionError, match="no message with"):
        await hall.taps(EVE, "✅", DM_EVE)


async def test_words_beside_the_body_of_a_text_are_looked_at(hall: Watched) -> None:
    extensible = await hall.says(EVE, "see below", **{"org.matrix.msc1767.text": NAMED})
    relation = {"m.relates_to": {"rel_type": "m.replace", "event_id": "$first"}}
    no_edit = await hall.says(EVE, NAMED, **relation)  # clients show it as a message
    outer = await hall.says(EVE, NAMED, **relation, **{"m.new_content": {"msgtype": "m.text", "body": "see"}})
    assert hall.redacted == [extensible, no_edit, outer]


async def test_what_a_reply_quotes_is_removed_and_not_offered(hall: Watched) -> None:
    quoted = await hall.says(EVE, f"> <{ADA}> hello\n> {NAMED}\n\nyes, tonight", reply="$x")
    assert hall.redacted == [quoted]
    assert "yes, tonight" in hall.last(DM_EVE) and "dialyse" not in hall.last(DM_EVE)
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.last(HEART).endswith("yes, tonight") and "dialyse" not in hall.last(HEART)
    formatted = f"<mx-reply><blockquote>In reply to {ADA}<br>{NAMED}</blockquote></mx-reply>no, <b>later</b>"
    hidden = await hall.says(
        EVE, f"> <{ADA}> hello\n\nno, later", reply="$x",
        format="org.matrix.custom.html", formatted_body=formatted,
    )  # fmt: skip
    assert hall.redacted == [quoted, hidden]
    assert "no, later" in hall.last(DM_EVE) and "dialyse" not in hall.last(DM_EVE)


async def test_what_a_command_quotes_is_removed(hall: Watched) -> None:
    event = await hall.says(EVE, f"> <{ADA}> {NAMED}\n\n!ping", reply="$x")
    assert hall.redacted == [event]
    assert "Write it again without that" in hall.last(DM_EVE)


async def test_what_only_looks_like_a_quote_is_the_authors(hall: Watched) -> None:
    event = await hall.says(EVE, f"> <{ADA}> {NAMED}\n\n!ping")
    assert hall.redacted == [event]
    assert "K+ 6.1 in this lady, MRN [" in hall.last(DM_EVE)


async def test_bots_are_known_by_their_accounts_not_by_what_they_write(hall: Watched) -> None:
    ours = {"org.curbside": {"v": 1, "kind": "case"}}
    forwarded = await hall.says(EVE, NAMED, **ours)
    stranger = await hall.says(FAR_BOT, NAMED, msgtype="m.notice", **ours)
    assert hall.redacted == [forwarded, stranger]
    async with hall.db.begin() as tx:
        shared = frozenset({"rooms"})
        expires = hall.clock.now() + timedelta(days=1)
        far = Hospital("far", bots=(FAR_BOT, EVE), offered=shared, permitted=shared, expires=expires)
        await hospitals.save(tx, far)
        await hospitals_of(hall.house).refresh(tx)
    await hall.says(FAR_BOT, NAMED, msgtype="m.notice", **ours)
    assert hall.redacted == [forwarded, stranger]
    claimed = await hall.says(EVE, NAMED)  # a statement speaks for its own homeserver only
    assert hall.redacted == [forwarded, stranger, claimed]
    async with hall.db.begin() as tx:
        await hospitals.save(tx, replace(far, state="suspended"))
        await hospitals_of(hall.house).refresh(tx)
    suspended = await hall.says(FAR_BOT, NAMED, msgtype="m.notice", **ours)
    assert hall.redacted == [forwarded, stranger, claimed, suspended]


async def test_an_edit_is_posted_where_its_message_stood(hall: Watched) -> None:
    thread = {"m.relates_to": {"rel_type": "m.thread", "event_id": "$root"}}
    first = await hall.says(EVE, NAMED, BRAIN, **thread)
    mended = {"msgtype": "m.text", "body": f"Mended: {NAMED}"}
    relation = {"rel_type": "m.replace", "event_id": first}
    edit = await hall.says(
        EVE, f"* {mended['body']}", BRAIN, **{"m.new_content": mended, "m.relates_to": relation}
    )
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.redacted == [edit]
    await hall.taps(EVE, "✅", DM_EVE)
    ((_event, content),) = hall.chat(BRAIN)
    assert "Mended" in content["body"] and content["m.relates_to"]["event_id"] == "$root"


async def test_an_edit_is_posted_where_its_message_stands_that_still_waits(hall: Watched) -> None:
    async with hall.db.begin() as tx:
        said = ("curbside", "cardiology", HEART, "$first", EVE, "$root", False, "INR 2.4", ["INR 2.4"])
        await store.queue(tx, *said)
    relation = {"rel_type": "m.replace", "event_id": "$first"}
    new = {"msgtype": "m.text", "body": NAMED}
    await hall.says(EVE, f"* {NAMED}", **{"m.new_content": new, "m.relates_to": relation})
    await hall.taps(EVE, "✅", DM_EVE)
    ((_event, content),) = hall.chat(HEART)
    assert content["m.relates_to"]["event_id"] == "$root"


async def test_where_the_chat_is_not_encrypted_no_version_is_shown_or_posted(hall: Watched) -> None:
    hall.open_chat = True
    await hall.says(EVE, NAMED)
    told = hall.last(DM_EVE)
    assert "I removed your message in Cardiology" in told and "Write it again without that" in told
    assert "not encrypted" in told and "✅" not in told and "K+ 6.1" not in told
    with pytest.raises(AssertionError, match="no message with"):
        await hall.taps(EVE, "✅", DM_EVE)
    async with hall.db.read() as tx:
        (offer,) = (await tx.conn.execute(select(offer_rows.c.id))).scalars()
    await hall.says(EVE, f"!watch post {offer}", DM_EVE)
    assert "not encrypted" in hall.last(DM_EVE) and hall.texts(HEART) == []
    hall.open_chat = False
    await hall.says(EVE, f"!watch post {offer}", HEART)  # where others read
    assert not any("Dr Eve Stone writes" in text for text in hall.texts(HEART))


async def test_where_the_chat_is_not_encrypted_a_warning_removes_and_shows_no_version(hall: Watched) -> None:
    hall.open_chat = True
    event = await hall.says(EVE, NAMED, BRAIN)
    await hall.taps(EVE, "✅", DM_EVE)
    assert hall.redacted == [event]
    told = hall.last(DM_EVE)
    assert "I am removing your message in Neurology" in told and "not encrypted" in told
    assert "✅" not in told and "K+ 6.1" not in told


async def test_nothing_is_kept_of_a_room_that_is_not_watched(
    db: Database, clock: ManualClock, tmp_path: Path
) -> None:
    hall = Watched(db, clock, tmp_path, brain="off")
    await hall.open()
    await hall.says(EVE, NAMED, BRAIN)
    assert hall.redacted == [] and hall.texts(DM_EVE) == []
    await hall.says(EVE, "!watch", DM_EVE)
    assert "Neurology: not watched" in hall.last(DM_EVE) and "Cardiology: I remove it" in hall.last(DM_EVE)


@pytest.mark.parametrize("how", ["no power", "refused"])
async def test_where_it_may_not_remove_the_moderators_hear_once(hall: Watched, how: str) -> None:
    if how == "no power":
        hall.power[BOT] = 0
    hall.refused = how == "refused"
    await hall.says(EVE, NAMED)
    await hall.says(ADA, NAMED)
    told = [text for text in hall.texts(MODS) if "I may not remove messages in Cardiology" in text]
    assert len(told) == 1
    assert "Cardiology" in hall.last(DM_EVE)


async def test_when_the_engine_fails_nothing_is_removed_and_no_word_is_logged(
    hall: Watched, caplog: pytest.LogCaptureFixture
) -> None:
    hall.load(Broken)
    before = counted("failed")
    await hall.says(EVE, NAMED)
    assert hall.redacted == [] and hall.texts(DM_EVE) == []
    assert counted("failed") == before + 1
    assert await hall.kept() == (0, 0)
    assert "48151623" not in caplog.text and "48151623" not in str([r.__dict__ for r in caplog.records])


async def test_a_version_that_cannot_be_made_is_not_offered(hall: Watched) -> None:
    class Half(Broken):
        def proven(self, text: str) -> Any:
            return Engine(None).proven(text)

    hall.load(Half)
    event = await hall.says(EVE, NAMED)
    assert hall.redacted == [event]
    assert "Write it again without that" in hall.last(DM_EVE)


async def test_only_its_author_and_only_for_a_day_and_not_when_muted(hall: Watched) -> None:
    await hall.says(EVE, NAMED)
    offer = hall.chat(DM_EVE)[-1][0]
    await hall.reacts(ADA, offer, "✅", DM_EVE)
    assert hall.texts(HEART) == []
    await hall.says(MIRA, f"!mod mute {EVE} cardiology 1h", "room:moderators")
    await hall.taps(EVE, "✅", DM_EVE)
    assert "You cannot write there at present" in hall.last(DM_EVE)
    hall.clock.advance(store.OFFERED)
    async with hall.db.begin() as tx:
        assert WATCH.daily is not None
        await WATCH.daily(Desk(hall.house, tx, "curbside"))
    assert await hall.kept() == (0, 0)


async def test_what_waits_is_sealed(hall: Watched) -> None:
    async with hall.db.begin() as tx:
        await store.queue(tx, "curbside", "cardiology", HEART, "$1", EVE, None, False, NAMED, [NAMED])
    async with hall.db.read() as tx:
        (row,) = (await tx.conn.execute(select(message_rows))).all()
    assert "48151623" not in str(row)


async def queued(hall: Watched, texts: list[str]) -> None:
    """Messages that wait to be looked at, in this order."""
    async with hall.db.begin() as tx:
        for number, text in enumerate(texts):
            await store.queue(
                tx, "curbside", "cardiology", HEART, f"$wait{number}", EVE, None, False, text, [text]
            )


class Seeing(Engine):
    """The engine without its tagger, which notes what it looks at; it hangs at what it is told."""

    def __init__(self, hangs_at: str = "", going_on: threading.Event | None = None) -> None:
        super().__init__(None)
        super().proven("INR 2.4, a text")  # the first takes longer, and limits here are short
        self.seen: list[str] = []
        self.threads: set[int] = set()
        self.hangs_at, self.going_on = hangs_at, going_on

    def proven(self, text: str) -> Any:
        self.seen.append(text)
        self.threads.add(threading.get_ident())
        if self.going_on is not None and text == self.hangs_at:
            self.going_on.wait(30)
        return super().proven(text)


async def test_what_waits_is_looked_at_in_one_go_up_to_the_first_hit(hall: Watched) -> None:
    engine = Seeing()
    hall.load(lambda: engine)
    await queued(hall, ["why not digoxin?", "INR 2.4", NAMED, "and the potassium?"])
    assert await scanning.scan_some(hall.house, hall.db)
    assert engine.seen == ["why not digoxin?", "INR 2.4", NAMED] and len(engine.threads) == 1
    assert await hall.kept() == (1, 1)
    await hall.settle()
    assert hall.redacted == ["$wait2"]


async def test_a_message_that_hangs_the_engine_holds_up_no_other(
    hall: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    going_on = threading.Event()
    hall.load(lambda: Seeing("a text that hangs", going_on))
    monkeypatch.setattr(scanning, "_SECONDS", 0.5)
    before = counted("failed"), counted("clean")
    await queued(hall, ["INR 2.4", "a text that hangs", NAMED])
    try:
        await hall.settle()
    finally:
        going_on.set()
    assert hall.redacted == ["$wait2"]
    assert (counted("failed"), counted("clean")) == (before[0] + 1, before[1] + 1)


async def test_messages_that_share_their_time_are_all_looked_at(
    hall: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(Seeing):
        at_once = 0
        most_at_once = 0

        def proven(self, text: str) -> Any:
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            time.sleep(0.1)
            self.at_once -= 1
            return super().proven(text)

    engine = Slow()
    hall.load(lambda: engine)
    monkeypatch.setattr(scanning, "_SECONDS", 0.5)
    before = counted("failed"), counted("clean")
    texts = [f"INR 2.{number}" for number in range(20)]
    await queued(hall, texts)
    await hall.settle()
    assert set(engine.seen) == set(texts)
    assert engine.most_at_once <= 2  # what a round leaves behind ends with the message it is at
    assert (counted("failed"), counted("clean")) == (before[0], before[1] + 20)


async def test_while_too_many_threads_hang_messages_wait_and_none_fails(
    hall: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs, going_on = "a text that hangs", threading.Event()
    engine = Seeing(hangs, going_on)
    hall.load(lambda: engine)
    monkeypatch.setattr(scanning, "_SECONDS", 0.5)
    before = counted("failed"), counted("clean")
    await queued(hall, [hangs] * MOST_STUCK + ["INR 2.4", NAMED])
    try:
        await hall.settle()
        assert counted("failed") == before[0] + MOST_STUCK and NAMED not in engine.seen
        assert not await scanning.scan_some(hall.house, hall.db)
        assert await hall.kept() == (2, 0)
    finally:
        going_on.set()
    threads = hall.house.part(Deidentifier).threads
    async with asyncio.timeout(20):
        while threads._stuck:
            await asyncio.sleep(0.01)
    await hall.settle()
    assert hall.redacted == ["$wait5"]
    assert (counted("failed"), counted("clean")) == (before[0] + MOST_STUCK, before[1] + 1)


async def test_an_engine_that_loads_too_slowly_fails_no_message(hall: Watched) -> None:
    engine = Seeing()
    slow = [TimeoutError]

    def load() -> Engine:
        if slow:
            raise slow.pop()
        return engine

    hall.load(load)
    before = counted("failed")
    await queued(hall, ["INR 2.4"])
    assert not await scanning.scan_some(hall.house, hall.db)
    assert await scanning.scan_some(hall.house, hall.db)
    assert engine.seen == ["INR 2.4"] and counted("failed") == before


async def test_an_offer_lets_messages_be_looked_at_first(hall: Watched) -> None:
    await queued(hall, [NAMED])
    assert await scanning.scan_some(hall.house, hall.db)
    await queued(hall, ["INR 2.4"])
    made = asyncio.create_task(offering.offer_some(hall.house, hall.db))
    done, _waiting = await asyncio.wait({made}, timeout=0.3)
    assert not done and hall.texts(DM_EVE) == []
    while await scanning.scan_some(hall.house, hall.db):
        pass
    assert await asyncio.wait_for(made, 20)
    await hall.settle()
    assert "I removed your message" in hall.last(DM_EVE)
