"""Moderation from the typed line to what rooms and people see, on both databases."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from bot.chat.desk import Desk
from bot.kernel import inbox
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.rooms.moderation import service, store
from bot.rooms.moderation.housekeeping import daily
from tests.support.hall import ADA, BEN, BRAIN, EVE, HEART, MIRA, MODS, OTTO, SPACE, Hall

DM_EVE, DM_ADA, DM_MIRA = f"dm:{EVE}", f"dm:{ADA}", f"dm:{MIRA}"
TEXT = "Buy the new stethoscope now at half the usual price"


@pytest.fixture
async def hall(db: Database, clock: ManualClock, tmp_path: Path) -> Hall:
    return await Hall(db, clock, tmp_path).open()


async def barred(hall: Hall, user: str, key: str | None) -> str | None:
    async with hall.db.begin() as tx:
        return await service.barred(Desk(hall.house, tx, "curbside"), user, key)


# What is done to people --------------------------------------------------------------------------


async def test_a_warning_by_reply_and_one_tap(hall: Hall) -> None:
    message = await hall.says(EVE, "the man in bed four")
    command = await hall.says(MIRA, "!mod warn", reply=message)
    assert "⚠️ Warn? · Dr Eve Stone · Cardiology" in hall.last()
    assert command in hall.redacted  # nobody in the room reads of whom it is about
    assert hall.texts(HEART) == []
    await hall.taps(MIRA, "1️⃣")
    assert "Warned · Dr Eve Stone" in hall.last()
    assert "One strike now." in hall.last()
    told = hall.last(DM_EVE)
    assert "have warned you" in told
    assert "Details that could identify a patient" in told
    assert "!appeal" in told
    assert "@mira" not in told


async def test_a_mute_on_one_line_ends_by_itself(hall: Hall) -> None:
    await hall.says(MIRA, "!mod mute eve 2h 2 told twice")
    assert hall.levels[HEART] == {EVE: -1}
    assert hall.levels[BRAIN] == {}
    assert "told twice" not in hall.last(DM_EVE)
    await hall.passes(minutes=119)
    assert hall.levels[HEART] == {EVE: -1}
    await hall.passes(minutes=2)
    assert hall.levels[HEART] == {}
    assert "can write in Cardiology again" in hall.last(DM_EVE)
    await hall.says(MIRA, "!mod log eve")
    assert "told twice" in hall.last()


async def test_a_mute_waits_for_the_other_one_that_covers_it(hall: Hall) -> None:
    await hall.says(MIRA, "!mod mute @eve:hs everywhere 1h", MODS)
    assert hall.levels[HEART] == hall.levels[BRAIN] == {EVE: -1}
    assert hall.levels[SPACE] == {}
    await hall.says(MIRA, "!mod mute @eve:hs in cardiology 3h", MODS)
    await hall.passes(minutes=61)
    assert hall.levels[HEART] == {EVE: -1}
    assert hall.levels[BRAIN] == {}
    await hall.says(MIRA, "!mod unmute eve", MODS)
    await hall.taps(MIRA, "✅")
    assert hall.levels[HEART] == {}


async def test_a_muted_person_is_mute_in_rooms_they_join_later(hall: Hall) -> None:
    hall.members[BRAIN].pop(EVE)
    await hall.says(MIRA, "!mod mute @eve:hs everywhere 1h")
    assert hall.levels[BRAIN] == {}
    await hall.moves(EVE, BRAIN, "join")
    assert hall.levels[BRAIN] == {EVE: -1}
    async with hall.db.begin() as tx:
        assert await service.muted(Desk(hall.house, tx, "curbside"), EVE, "neurology")


async def test_a_ban_everywhere_asks_and_bars_from_rooms_made_later(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban @eve:hs everywhere 7d")
    assert "Ban? · Dr Eve Stone · all rooms · for" in hall.last()
    assert "In 3 of 3 rooms" in hall.last()
    assert not hall.ops("ban")
    await hall.taps(MIRA, "2️⃣")
    assert {room for room, op, _body in hall.done if op == "ban"} == {HEART, BRAIN, SPACE}
    assert hall.ops("ban", HEART)[0]["reason"] == "Please stay courteous"
    assert await barred(hall, EVE, "a-room-made-later") == "banned"
    assert await barred(hall, EVE, None) == "banned"
    assert await barred(hall, ADA, "cardiology") is None
    await hall.passes(days=7, minutes=1)
    assert await barred(hall, EVE, None) is None
    assert hall.members[HEART][EVE] == "leave"


async def test_a_ban_from_a_space_holds_in_the_rooms_in_it(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban @eve:hs in medicine", MODS)
    assert hall.members[HEART][EVE] == hall.members[SPACE][EVE] == "ban"
    assert await barred(hall, EVE, "neurology") == "banned"
    assert await barred(hall, EVE, None) is None
    await hall.says(MIRA, "!mod unban @eve:hs everywhere", MODS)
    assert hall.members[HEART][EVE] == "leave"
    assert await barred(hall, EVE, "neurology") is None


async def test_a_kick_is_taken_back_by_an_invitation(hall: Hall) -> None:
    await hall.says(MIRA, "!mod kick eve")
    assert hall.members[HEART][EVE] == "leave"
    assert hall.members[BRAIN][EVE] == "join"
    await hall.taps(MIRA, "↩️")
    assert hall.members[HEART][EVE] == "invite"
    assert "invited again" in hall.last(DM_EVE)
    await hall.says(MIRA, "!mod undo", MODS)
    assert "nothing of yours" in hall.last()


async def test_undo_lifts_a_ban_and_brings_back_what_was_lifted(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban eve")
    await hall.says(OTTO, "!mod unban eve everywhere", MODS)
    assert await barred(hall, EVE, "cardiology") is None
    await hall.taps(OTTO, "↩️")
    assert await barred(hall, EVE, "cardiology") == "banned"
    assert hall.members[HEART][EVE] == "ban"


async def test_removing_the_last_messages_asks_when_there_are_many(hall: Hall) -> None:
    sent = [await hall.says(EVE, f"{number}, something said", BRAIN) for number in range(8)]
    hall.clock.advance(timedelta(minutes=1))
    here = [await hall.says(EVE, f"something else said, {number}") for number in range(3)]
    await hall.says(MIRA, "!mod redact eve 2")
    assert set(hall.redacted) & {*sent, *here} <= set(here)
    assert len(set(hall.redacted) & set(here)) == 2
    await hall.says(MIRA, "!mod redact @eve:hs 20 everywhere", MODS)
    assert "Remove messages?" in hall.last()
    assert "9 messages" in hall.last()
    await hall.taps(MIRA, "✅")
    assert set(sent) < set(hall.redacted)
    await hall.says(MIRA, "!mod redact eve 3")
    assert "no messages of that person" in hall.last()


async def test_a_reply_removes_that_message(hall: Hall) -> None:
    message = await hall.says(EVE, "oops")
    await hall.says(MIRA, "!mod redact", reply=message)
    assert message in hall.redacted
    assert "Messages removed" in hall.last()


async def test_in_a_thread_the_person_is_named(hall: Hall) -> None:
    message = await hall.says(EVE, "something in a thread")
    relation = {
        "rel_type": "m.thread",
        "event_id": message,
        "is_falling_back": True,
        "m.in_reply_to": {"event_id": message},
    }
    await hall.says(MIRA, "!mod kick", **{"m.relates_to": relation})
    assert "Whom?" in hall.last()
    assert hall.members[HEART][EVE] == "join"


# Guards ------------------------------------------------------------------------------------------


async def test_nobody_moderates_a_bot_themselves_or_a_colleague_alone(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban @curbside:hs")
    assert "That is a bot" in hall.last()
    await hall.says(MIRA, "!mod mute @mira:hs")
    assert "Nobody moderates themselves" in hall.last()
    await hall.says(MIRA, "!mod mute @otto:hs")
    assert "there is no second one" in hall.last()
    assert not hall.levels[HEART]


async def test_a_moderator_is_moderated_by_two(hall: Hall) -> None:
    ida = "@ida:hs"
    hall.members[MODS][ida] = hall.members[HEART][ida] = "join"
    hall.power[ida] = 50
    await hall.says(MIRA, "!mod mute @otto:hs 1h")
    assert "a second moderator has to agree" in hall.last()
    await hall.taps(MIRA, "✅")
    assert "you have asked for it yourself" in hall.last()
    await hall.taps(OTTO, "✅")
    assert not hall.levels[HEART]
    await hall.taps(ida, "✅")
    assert hall.levels[HEART] == {OTTO: -1}
    await hall.passes(hours=2)
    assert hall.levels[HEART] == {OTTO: 50}  # what moderators have
    assert f"{ida} moderation.second" in " ".join(await hall.audit())


async def test_only_moderators_moderate(hall: Hall) -> None:
    await hall.says(ADA, "!mod ban @eve:hs")
    await hall.says(ADA, "!modlog", DM_ADA)
    assert not hall.ops("ban")
    assert "not something you can use" in hall.last(DM_ADA)


async def test_the_first_tap_wins(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban @eve:hs everywhere", MODS)
    plan = hall.chat(MODS)[-1][0]
    await hall.reacts(MIRA, plan, "❌", MODS)
    await hall.reacts(OTTO, plan, "✅", MODS)
    assert not hall.ops("ban")
    assert "settled, or too old" in hall.last()
    await hall.says(MIRA, "!mod ban @eve:hs everywhere", MODS)
    await hall.passes(hours=1)
    await hall.taps(MIRA, "✅")
    assert not hall.ops("ban")


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ("!mod mute", "Whom?"),
        ("!mod mute nobody", "I know nobody called “nobody”"),
        ("!mod mute eve 9", "no reason number 9"),
        ("!mod mute eve in oncology", "I know no room “oncology”"),
        ("!mod slow", "How many seconds"),
        ("!mod note eve", "What shall I note?"),
        ("!mod unmute eve", "nothing holds against"),
        ("!mod undo M-0000", "settled, or too old"),
    ],
)
async def test_what_is_missing_is_said_aside(hall: Hall, line: str, answer: str) -> None:
    await hall.says(MIRA, line)
    assert answer in hall.last()
    assert hall.texts(HEART) == []
    assert not hall.levels[HEART]


async def test_mod_alone_shows_what_there_is(hall: Hall) -> None:
    await hall.says(MIRA, "!mod", MODS)
    assert "!mod mute @eve 2h" in hall.last()
    assert "1 Details" in hall.last()


# Rooms -------------------------------------------------------------------------------------------


async def test_a_lock_with_a_time_and_its_end(hall: Hall) -> None:
    await hall.says(MIRA, "!mod lock 30m")
    assert hall.general[HEART] == {"events_default": 50}
    assert "Only moderators can write here until" in hall.last(HEART)
    async with hall.db.begin() as tx:
        assert await service.locked(Desk(hall.house, tx, "curbside"), "cardiology")
    await hall.passes(minutes=31)
    assert hall.general[HEART] == {"events_default": 0}
    assert "Everybody can write here again" in hall.last(HEART)


async def test_a_new_lock_outlives_the_old_one(hall: Hall) -> None:
    await hall.says(MIRA, "!mod lock 30m")
    await hall.says(MIRA, "!mod lock 2h")
    await hall.passes(minutes=31)
    assert hall.general[HEART] == {"events_default": 50}
    await hall.says(OTTO, "!mod unlock")
    assert hall.general[HEART] == {"events_default": 0}
    await hall.passes(hours=3)
    assert sum("Everybody can write" in text for text in hall.texts(HEART)) == 1


async def test_everywhere_asks_first_when_nothing_was_said(hall: Hall) -> None:
    await hall.says(MIRA, "!mod lock", MODS)
    assert "Lock? · all rooms · until it is lifted" in hall.last()
    assert not hall.ops("levels")
    await hall.taps(MIRA, "✅")
    assert hall.general[HEART] == hall.general[BRAIN] == {"events_default": 50}
    assert hall.general[SPACE] == {}


async def test_slow_mode_removes_what_comes_too_soon_and_says_so_once(hall: Hall) -> None:
    await hall.says(MIRA, "!mod slow 30")
    assert "one message in 30 seconds" in hall.last(HEART)
    first = await hall.says(EVE, "one")
    second = await hall.says(EVE, "two")
    third = await hall.says(EVE, "three")
    other = await hall.says(ADA, "me too")
    by_moderator = [await hall.says(MIRA, "a"), await hall.says(MIRA, "b")]
    assert {second, third} == set(hall.redacted) & {first, second, third, other, *by_moderator}
    assert sum("slow mode" in text for text in hall.texts(DM_EVE)) == 1
    hall.clock.advance(timedelta(seconds=31))
    fourth = await hall.says(EVE, "four")
    assert fourth not in hall.redacted
    await hall.says(MIRA, "!mod slow off")
    assert await hall.says(EVE, "five") not in hall.redacted


async def test_what_was_sent_while_the_bot_was_away_is_read_as_of_its_time(hall: Hall) -> None:
    """Ten messages of an hour, read in one go: no flood, and none too soon for slow mode."""
    await hall.says(MIRA, "!mod slow 30")
    start = hall.clock.now()
    hall.clock.advance(timedelta(hours=1))

    async def late(who: str, seconds: float) -> str:
        sent = round((start.timestamp() + seconds) * 1000)
        body = {"msgtype": "m.text", "body": f"message {seconds} of mine"}
        return await hall.hears(who, HEART, "m.room.message", body, origin_server_ts=sent)

    sent = [await late(EVE, 60.0 * number) for number in range(1, 11)]
    assert not {*sent} & {*hall.redacted} and not hall.levels[HEART]
    before = await late(EVE, 330.0)  # arrived after what was said later
    assert before not in hall.redacted
    hasty = await late(EVE, 605.0)
    assert hasty in hall.redacted
    await hall.says(MIRA, "!mod slow off")
    for number in range(1, 11):
        await late(BEN, 60.0 * number)  # a homeserver that is none of ours says so
    assert hall.levels[HEART] == {BEN: -1}


# Reports -----------------------------------------------------------------------------------------


async def test_reports_of_one_message_are_one_and_settled_once(hall: Hall) -> None:
    message = await hall.says(EVE, "something bad")
    flag = await hall.reacts(ADA, message, "🚩", HEART)
    assert flag in hall.redacted  # nobody sees who reported
    assert "Reported · Dr Eve Stone · Cardiology" in hall.last()
    assert "By one person" in hall.last()
    assert f"https://matrix.to/#/!heart:hs/{message}?via=hs" in hall.last()
    assert ADA not in hall.last()
    assert "the moderators look at it" in hall.last(DM_ADA)
    await hall.reacts(BEN, message, "🚩", HEART)
    assert len(hall.chat(MODS)) == 1
    assert "By 2 people" in hall.last()
    report = hall.chat(MODS)[0][0]
    await hall.reacts(OTTO, report, "🔇", MODS)
    await hall.reacts(MIRA, report, "🚫", MODS)
    assert hall.levels[HEART] == {EVE: -1}
    assert not hall.ops("ban")
    assert "🔇 muted · @otto:hs" in hall.texts(MODS)[0]
    assert "have acted" in hall.last(DM_ADA)
    assert "Somebody was faster" in hall.last()
    assert hall.texts(f"dm:{BEN}") == []  # their hospital may not talk to the bots


async def test_the_clients_own_report_counts_as_well(hall: Hall) -> None:
    message = await hall.says(EVE, "something bad")
    payload = {"room_id": HEART, "event_id": message, "reporter": ADA}
    async with hall.db.begin() as tx:
        await inbox.put(tx, inbox.Incoming("curbside", "moderation.report", "1", "reports", payload))
    await hall.settle()
    assert "Reported · Dr Eve Stone" in hall.last()
    await hall.taps(MIRA, "🗑️")
    assert message in hall.redacted


async def test_reports_for_nothing_are_passed_on_no_longer(hall: Hall) -> None:
    for number in range(3):
        message = await hall.says(EVE, f"fine {number}")
        await hall.reacts(ADA, message, "🚩", HEART)
        await hall.taps(MIRA, "✅")
    assert "nothing that they had to act on" in hall.last(DM_ADA)
    seen = len(hall.chat(MODS))
    await hall.reacts(ADA, await hall.says(EVE, "fine again"), "🚩", HEART)
    assert len(hall.chat(MODS)) == seen
    assert "did not pass this report on" in hall.last(DM_ADA)


async def test_nobody_reports_themselves_the_bot_or_elsewhere(hall: Hall) -> None:
    message = await hall.says(EVE, "mine")
    await hall.reacts(EVE, message, "🚩", HEART)
    await hall.reacts(ADA, "$unknown", "🚩", HEART)
    await hall.reacts(ADA, "$unknown", "🚩", DM_ADA)
    assert hall.texts(MODS) == []


# Strikes and appeals -----------------------------------------------------------------------------


async def test_the_third_strike_proposes_and_does_nothing_by_itself(hall: Hall) -> None:
    for _ in range(3):
        await hall.says(MIRA, "!mod warn eve 2")
    assert "3 strikes now." in hall.last()
    assert "next step: 🔇 Mute? for" in hall.last()
    assert not hall.levels[HEART]
    await hall.taps(MIRA, "⏫")
    await hall.taps(MIRA, "✅")
    assert hall.levels[HEART] == {EVE: -1}


async def test_an_appeal_once_and_decided_by_somebody_else(hall: Hall) -> None:
    await hall.says(MIRA, "!mod ban eve")
    await hall.says(EVE, "!appeal it was published", DM_EVE)
    assert "passed this on" in hall.last(DM_EVE)
    assert "Appeal · Dr Eve Stone" in hall.last()
    assert "it was published" in hall.last()
    await hall.says(EVE, "!appeal please", DM_EVE)
    assert "appealed already" in hall.last(DM_EVE)
    await hall.taps(MIRA, "✅")
    assert "Another moderator has to decide" in hall.last()
    assert hall.members[HEART][EVE] == "ban"
    await hall.taps(OTTO, "✅")
    assert hall.members[HEART][EVE] == "invite"
    assert "no longer banned" in hall.last(DM_EVE)
    assert any("✅ lifted · @otto:hs" in text for text in hall.texts(MODS))


async def test_an_appeal_that_is_refused_and_one_about_nothing(hall: Hall) -> None:
    await hall.says(ADA, "!appeal what have I done", DM_ADA)
    assert "nothing that you could appeal" in hall.last(DM_ADA)
    await hall.says(MIRA, "!mod warn ada 1")
    await hall.says(ADA, "!appeal it was fictional", DM_ADA)
    await hall.taps(OTTO, "❌")
    assert "It stays as it is" in hall.last(DM_ADA)
    await hall.says(MIRA, "!modlog ada 30", DM_MIRA)
    assert "warned · Cardiology" in hall.last(DM_MIRA)
    assert "One strike" in hall.last(DM_MIRA)


async def test_what_moderators_do_in_their_clients_is_kept(hall: Hall) -> None:
    await hall.moves(EVE, HEART, "ban", by=OTTO)
    assert await barred(hall, EVE, "cardiology") == "banned"
    await hall.says(MIRA, "!mod log", MODS)
    assert "Dr Eve Stone · banned · Cardiology · by @otto:hs" in hall.last()
    await hall.moves(EVE, HEART, "leave", by=OTTO)
    assert await barred(hall, EVE, "cardiology") is None


# Spam and rushes ---------------------------------------------------------------------------------


async def test_one_text_in_three_rooms_mutes_for_a_while(hall: Hall) -> None:
    for room in (HEART, BRAIN):
        await hall.says(EVE, TEXT, room)
    assert not hall.levels[HEART]
    sent = await hall.says(EVE, TEXT + "!", SPACE)
    assert hall.levels[HEART] == hall.levels[BRAIN] == {EVE: -1}
    assert "Muted automatically · Dr Eve Stone · all rooms" in hall.last()
    assert "the same text in several rooms" in hall.last()
    assert "stethoscope" not in " ".join(hall.texts(MODS))
    await hall.taps(MIRA, "🗑️")
    assert sent in hall.redacted
    await hall.passes(minutes=11)
    assert hall.levels[HEART] == {}
    async with hall.db.read() as tx:
        found = await store.actions(tx, who=EVE)
    assert [one.kind.value for one in found if one.by == "system"] == ["mute"]


async def test_moderators_and_the_quoting_of_edits_are_no_spam(hall: Hall) -> None:
    for _ in range(9):
        await hall.says(MIRA, TEXT)
    message = await hall.says(EVE, TEXT)
    for _ in range(2):
        await hall.says(EVE, f"* {TEXT}", **{"m.relates_to": {"rel_type": "m.replace", "event_id": message}})
    assert not hall.ops("levels")


async def test_no_text_is_kept(hall: Hall) -> None:
    await hall.says(EVE, TEXT)
    async with hall.db.read() as tx:
        rows = (await tx.conn.execute(select(store.room_messages))).all()
    assert len(rows) == 1
    assert "stethoscope" not in repr(rows)
    hall.clock.advance(timedelta(days=31))
    async with hall.db.begin() as tx:
        await daily(Desk(hall.house, tx, "curbside"))
        assert (await tx.conn.execute(select(store.room_messages))).all() == []


async def test_german_reads_german(hall: Hall) -> None:
    await hall.says(MIRA, "!language deutsch", DM_MIRA)
    await hall.says(EVE, "!language deutsch", DM_EVE)
    await hall.says(MIRA, "!mod verwarnen @eve:hs 2", DM_MIRA)
    assert "Verwarnt · Dr Eve Stone" in hall.last(DM_MIRA)
    assert "Bitte bleiben Sie höflich" in hall.last(DM_EVE)


async def test_own_reasons_take_the_place_of_ours(db: Database, clock: ManualClock, tmp_path: Path) -> None:
    hall = await Hall(db, clock, tmp_path, reasons=("No photos",), reasons_de=("Keine Fotos",)).open()
    await hall.says(MIRA, "!mod kick eve 1")
    assert hall.ops("kick", HEART)[0]["reason"] == "No photos"
    await hall.says(MIRA, "!mod warn ada 2")
    assert "no reason number 2" in hall.last()
