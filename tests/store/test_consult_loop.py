"""The steps between a page and the end, and who is asked when: on a real database, as people see them."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import delete, select, update

from bot.consults import watch
from bot.consults.store import consult_rows, page_rows
from bot.consults.watching.store import unaccounted
from bot.consults.words import store as words
from bot.kernel import timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.timers import timer_rows
from tests.support.ward import ANNA, BEN, CARA, MOD, QUESTION, REQ, Ward

ROSTER = """
[services.heart]
rota = "heart"
policy = "calm"
[services.lung]
policy = "careful"
[services.team]
policy = "team"
[rotas.heart]
gaps = true
[[rotas.heart.layers]]
people = ["@anna:hs"]
turn = "daily"
start = 2026-01-01
[groups.seniors]
people = ["@anna:hs", "@ben:hs", "@cara:hs"]
[policies.calm.routine]
tiers = [{ ask = "service", wait = "1h" }]
bundle = true
[policies.careful.urgent]
tiers = [
    { ask = "person:@anna:hs", wait = "10m", acknowledged = "20m", remind = "5m" },
    { ask = "moderators", wait = "10m" },
]
answer = "2h"
[policies.team.urgent]
tiers = [{ ask = "group:seniors", how = "together", wait = "10m" }]
[policies.team.routine]
tiers = [{ ask = "group:seniors", wait = "10m" }]
[clinicians."@anna:hs"]
name = "Dr Anna Berg"
quiet = "22:00-07:00"
[clinicians."@req:hs"]
name = "Dr Rosa Quill"
"""
DM_REQ, DM_ANNA, DM_BEN, DM_CARA, MODS = (
    f"dm:{REQ}",
    f"dm:{ANNA}",
    f"dm:{BEN}",
    f"dm:{CARA}",
    "room:moderators",
)
ASK = f"!consult lung urgent {QUESTION}"


@pytest.fixture
async def ward(db: Database, clock: ManualClock, tmp_path: Path) -> Ward:
    return Ward(db, clock, tmp_path, roster=ROSTER)


async def test_seen_holds_the_page_and_a_reminder_comes(ward: Ward) -> None:
    await ward.asks(ASK)
    await ward.taps(ANNA, "👀")
    assert "Please accept or decline until" in ward.texts(DM_ANNA)[0]
    assert "Dr Anna Berg has seen it" in ward.last(DM_REQ)
    await ward.passes(minutes=5)
    assert "Do you take it?" in ward.last(DM_ANNA)
    await ward.passes(minutes=14)
    assert await ward.state() == "requested" and MODS not in ward.chats
    await ward.says(ANNA, "!unack")
    assert "you are not looking" in ward.last(DM_ANNA)
    assert "asking Dr Anna Berg" in ward.last(DM_REQ)
    await ward.passes(minutes=10)
    assert "can one of you take" in ward.last(MODS)
    await ward.taps(MOD, "✅", room=MODS)
    assert await ward.state() == "in-progress"


async def test_information_is_asked_for_given_and_the_clock_stands_meanwhile(ward: Ward) -> None:
    await ward.asks(ASK)
    await ward.taps(ANNA, "✅")
    assert await ward.timers() == {"due"}
    await ward.passes(hours=1)
    await ward.says(ANNA, "!info is she on heparin?")
    assert await ward.state() == "on-hold"
    assert "Dr Anna Berg needs to know more:\nis she on heparin?" in ward.last(DM_REQ)
    await ward.passes(hours=6)
    assert "still waits for what you know" in ward.last(DM_REQ)
    await ward.says(REQ, "!info C-ID no, nothing")
    assert "Dr Rosa Quill tells more:\nno, nothing" in ward.last(DM_ANNA)
    assert await ward.state() == "in-progress"
    await ward.passes(minutes=59)
    assert "is due" not in ward.last(DM_ANNA)
    await ward.passes(minutes=1)
    assert "your answer is due" in ward.last(DM_ANNA)
    assert "I have reminded them" in ward.last(DM_REQ)
    await ward.says(ANNA, "!interim coming within the hour")
    assert "not yet the answer:\ncoming within the hour" in ward.last(DM_REQ)
    await ward.passes(hours=2)
    assert "overdue" in ward.last(MODS)
    async with ward.db.read() as tx:
        kept = [(one.kind, one.author, one.text) for one in await words.of_consult(tx, ward.consult_id)]
    assert kept == [
        ("wanted", ANNA, "is she on heparin?"),
        ("info", REQ, "no, nothing"),
        ("interim", ANNA, "coming within the hour"),
    ]


async def test_nothing_written_meanwhile_is_repeated_in_a_room_without_encryption(ward: Ward) -> None:
    ward.plain_rooms.add("!open:hs")
    await ward.asks(ASK, room="!open:hs")
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, "!info is she on heparin?")
    assert "needs to know more" in ward.last("!open:hs")
    assert not any("heparin" in text for text in ward.texts("!open:hs"))
    assert "heparin" in ward.last(DM_REQ)


async def test_colleagues_summaries_and_the_way_back(ward: Ward) -> None:
    await ward.asks(ASK)
    await ward.taps(ANNA, "✅")
    await ward.says(ANNA, f"!add {CARA}", room=ward.room)
    assert ("invite", {"user_id": CARA}) in ward.made
    assert "Dr Anna Berg brings you in" in ward.last(DM_CARA)
    await ward.says(ANNA, f"!handoff {BEN} rate control started", room=ward.room)
    assert "rate control started" in ward.last(DM_BEN)
    await ward.taps(BEN, "✅")
    await ward.says(BEN, "!answer carry on")
    await ward.says(REQ, "!close carrying on")
    assert await ward.state() == "completed"
    await ward.taps(REQ, "👍")
    await ward.taps(REQ, "❌")
    await ward.says(REQ, "!survey C-ID useful 4")
    async with ward.db.read() as tx:
        said = await words.survey(tx, ward.consult_id)
    assert said is not None and (said.plan, said.visit, said.useful) == (True, False, 4)
    assert ward.last(DM_REQ).endswith("thank you.")
    await ward.says(REQ, "!reopen it is back")
    assert await ward.state() == "in-progress"
    assert "is open again, and with you.\nit is back" in ward.last(DM_BEN)
    await ward.says(REQ, "!error")
    assert await ward.state() == "entered-in-error"
    await ward.says(REQ, "!reopen C-ID")
    assert "entered in error: nothing can be done" in ward.last(DM_REQ)
    assert await ward.timers() == set()


async def test_a_group_is_asked_at_once_or_fairly_in_turn(ward: Ward) -> None:
    await ward.asks(f"!consult team urgent {QUESTION}")
    assert "asking 3 colleagues at once" in ward.last(DM_REQ)
    assert all("who accepts first has it" in ward.last(room) for room in (DM_ANNA, DM_BEN, DM_CARA))
    await ward.taps(ANNA, "✅")
    assert "already taken by Dr Anna Berg" in ward.texts(DM_BEN)[0]
    await ward.passes(minutes=1)
    await ward.asks(f"!consult team routine {QUESTION}")
    assert "asking @ben:hs" in ward.last(DM_REQ)  # Anna took the last one
    await ward.passes(minutes=1)
    await ward.asks(f"!consult team routine {QUESTION}")
    assert "asking @cara:hs" in ward.last(DM_REQ)


async def test_routine_requests_wait_for_the_morning_and_come_together(
    ward: Ward, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=14))  # 23:30
    for question in ("first?", "second?"):
        await ward.asks(f"!consult heart routine {question}")
        await ward.passes(minutes=1)
    assert DM_ANNA not in ward.chats
    assert "with their next bundle" in ward.last(DM_REQ)
    assert "bundle" in await ward.timers()
    await ward.passes(hours=7, minutes=27)
    assert DM_ANNA not in ward.chats
    await ward.passes(minutes=1)
    assert ward.kinds(DM_ANNA) == ["consult.bundle", "consult.page", "consult.page"]
    assert "2 requests that could wait are here now" in ward.texts(DM_ANNA)[0]
    rings = [content["msgtype"] for _event, content in ward.chat(DM_ANNA)]
    assert rings == ["m.text", "m.notice", "m.notice"]
    await ward.taps(ANNA, "✅")
    assert await ward.state() == "in-progress"
    await ward.passes(minutes=59)
    assert MODS not in ward.chats  # the hour to accept began when the page went out
    await ward.passes(minutes=2)
    assert "nobody has taken consult" in ward.last(MODS)


async def test_the_fifth_routine_page_of_an_hour_waits_and_an_urgent_one_does_not(ward: Ward) -> None:
    for number in range(5):
        await ward.asks(f"!consult heart routine question {number}?")
        await ward.passes(minutes=5)
    assert ward.kinds(DM_ANNA) == ["consult.page"] * 4
    await ward.asks("!consult heart urgent and now?")
    assert len(ward.texts(DM_ANNA)) == 5
    await ward.passes(minutes=40)
    assert "question 4?" in ward.last(DM_ANNA)
    assert ward.chat(DM_ANNA)[-1][1]["msgtype"] == "m.text"  # alone, it rings itself


async def test_who_is_off_duty_by_the_time_of_their_bundle_is_not_paged(
    ward: Ward, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=14))
    await ward.asks("!consult heart routine first?")
    await ward.says(BEN, "!cover heart 2026-11-22 06:00-12:00", room=DM_BEN)
    await ward.says(MOD, f"!cover {BEN} heart 2026-11-22 06:00-12:00", room=f"dm:{MOD}")
    await ward.passes(hours=7, minutes=30)
    assert DM_ANNA not in ward.chats or "consult.page" not in ward.kinds(DM_ANNA)
    assert "first?" in ward.last(DM_BEN)


async def test_a_cover_passes_on_what_is_being_asked(ward: Ward) -> None:
    await ward.asks("!consult heart urgent now?")
    assert "now?" in ward.last(DM_ANNA)
    await ward.says(MOD, f"!cover {BEN} heart 09:00-12:00", room=f"dm:{MOD}")
    assert "your duty is over" in ward.texts(DM_ANNA)[0]
    assert "now?" in ward.last(DM_BEN)
    assert "Dr Anna Berg: off duty by now" in ward.last(DM_REQ)
    await ward.taps(BEN, "✅")
    assert await ward.state() == "in-progress"


async def test_the_watch_finds_what_nobody_looks_after(ward: Ward) -> None:
    ready = watch.probe(ward.db)
    assert await ready() == []
    await watch.begin(ward.house, ward.db)
    await ward.asks(ASK)
    await ward.passes(minutes=1)
    assert await ready() == []
    async with ward.db.begin() as tx:
        assert await unaccounted(tx) == []
        await tx.conn.execute(delete(timer_rows).where(timer_rows.c.kind == "consults.page"))
        assert [one.why for one in await unaccounted(tx)] == ["no timer"]
    await ward.passes(minutes=1)
    assert await ready() == ["1 open consults were unaccounted for at the last look."]
    assert "can one of you take" in ward.last(MODS)  # the step that was lost has been taken
    await ward.passes(minutes=1)
    assert await ready() == []
    await ward.taps(ANNA, "✅", on=ward.chat(DM_ANNA)[0][0])
    async with ward.db.begin() as tx:
        await tx.conn.execute(update(consult_rows).values(consultant=None))
    await ward.passes(minutes=1)
    assert "I cannot tell who looks after it" in ward.last(MODS)
    ward.clock.advance(timedelta(minutes=5))
    assert await ready() == ["Nobody has looked after open consults for more than 3 minutes."]


async def test_late_timers_are_unaccounted_for(ward: Ward) -> None:
    await ward.asks(ASK)
    async with ward.db.begin() as tx:
        await timers.set_timer(tx, "consults.page", ward.consult_id, tx.now, number=1, bot="curbside")
    ward.clock.advance(timedelta(minutes=3))
    async with ward.db.read() as tx:
        assert [one.why for one in await unaccounted(tx)] == ["late"]


async def test_what_became_of_each_page_is_kept(ward: Ward) -> None:
    await ward.asks(ASK)
    await ward.passes(minutes=2)
    await ward.says(ANNA, "!decline in theatre")
    async with ward.db.read() as tx:
        page = (await tx.conn.execute(select(page_rows))).one()
    assert page.outcome == "declined"
    assert page.delivered_at is not None and page.settled_at - page.delivered_at == timedelta(minutes=2)
    assert page.out is not None and page.send_at == page.asked_at


async def test_of_many_due_together_a_broken_one_holds_up_none(ward: Ward) -> None:
    for _ in range(12):
        await ward.asks(ASK)
    broken = ward.consult_id
    async with ward.db.begin() as tx:
        await tx.conn.execute(update(consult_rows).where(consult_rows.c.id == broken).values(policy="{}"))
    await ward.passes(minutes=10)
    for _ in range(12):
        await ward.passes(seconds=2)
    async with ward.db.read() as tx:
        asked = select(consult_rows.c.id).where(consult_rows.c.moderators_asked.is_(False))
        waiting = [row.id for row in await tx.conn.execute(asked)]
        (retried,) = (await tx.conn.execute(select(timer_rows).where(timer_rows.c.attempts > 0))).all()
    assert waiting == [broken]
    assert retried.key == broken
