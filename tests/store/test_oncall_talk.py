"""Rotas as people use them: what they read, and what is refused; on SQLite."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest

from bot.chat.desk import Desk
from bot.directory.policies import Target, Whom
from bot.directory.roster_calendar import parse_calendar
from bot.directory.rotas import Layer, Rota
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.oncall import rules, store
from bot.oncall.service import OnCall
from tests.support.rota_stage import ANNA, BEN, CARA, DORA, MOD, REQ, ROSTER, RotaStage

MODERATORS = "room:moderators"
CARDIOLOGY = Target(Whom.SERVICE, "cardiology")


@pytest.fixture
def backend() -> str:
    return "sqlite"


@pytest.fixture
def stage(db: Database, clock: ManualClock, tmp_path: Path) -> RotaStage:
    """Saturday, 21 November 2026, 10:30 in Berlin: Ben is on until Sunday 08:00, then Cara, then Anna."""
    return RotaStage(db, clock, tmp_path)


async def on(stage: RotaStage, hours: float = 0, target: Target = CARDIOLOGY) -> tuple[str, ...]:
    """Who is on, as consults ask for it."""
    async with stage.db.read() as tx:
        known = await OnCall.load(Desk(stage.house, tx, "curbside"), [target], "cardiology")
        return known.people(target, stage.clock.now() + timedelta(hours=hours))


async def test_who_is_on_now_then_and_over_a_day(stage: RotaStage) -> None:
    said = await stage.says(REQ, "!who heart")
    assert said.splitlines()[:2] == ["Cardiology, on call now:", "1. Dr Ben Ode, until Sun 22 Nov, 8:00 AM"]
    assert "1. @cara:hs" in await stage.says(REQ, "!who cardiology tomorrow 9am")
    assert "1. Dr Anna Berg" in await stage.says(REQ, "!who cardiology Montag 9 Uhr")
    day = await stage.says(REQ, "!who cardiology sunday")
    assert "8:00 AM – Mon 23 Nov, 8:00 AM: @cara:hs" in day
    assert "Dr Ben Ode" in day
    assert "When? For example: !who cardiology" in await stage.says(REQ, "!who cardiology some day")
    assert "1. @cara:hs\n2. @dora:hs" in await stage.says(REQ, "!who team")
    assert "Did you mean Cardiology?" in await stage.says(REQ, "!who cardiolgy")
    assert "Cardiology: Dr Ben Ode" in await stage.says(REQ, "!oncall")
    week = await stage.says(REQ, "!oncall week cardiology")
    assert week.splitlines()[:3] == [
        "Cardiology, who is on:",
        "Fri, Nov 20",
        "• 8:00 AM – Sat 21 Nov, 8:00 AM: Dr Anna Berg",
    ]
    everything = await stage.says(REQ, "!oncall week")
    assert "Chest Pain Unit" in everything
    assert "Sun, Nov 22: Dr Ben Ode, @cara:hs" in everything


async def test_a_colleague_is_put_down_and_may_object(stage: RotaStage) -> None:
    assert "is on for Cardiology" in await stage.says(ANNA, "!cover @cara:hs cardiology sat 20:00-22:00")
    assert stage.last(CARA).startswith("You are on for Cardiology, 8:00 PM – 10:00 PM.")
    assert "Dr Anna Berg has put you down." in stage.last(CARA)
    assert await on(stage, 10) == (CARA,)
    await stage.taps(CARA, "↩️")
    assert await on(stage, 10) == (BEN,)


async def test_the_next_shifts_are_offered(stage: RotaStage) -> None:
    said = await stage.says(ANNA, "!cover cardiology")
    assert "1️⃣ 10:30 AM – Sun 22 Nov, 8:00 AM: Dr Ben Ode" in said
    assert "is on for Cardiology, Sun 22 Nov" in await stage.taps(ANNA, "2️⃣")
    assert await on(stage, 24) == (ANNA,)


NO_COVERS = [
    (REQ, "!cover cardiology sat 20:00-08:00", "Only those of this rota"),
    (DORA, "!cover surgery sat 20:00-08:00", "has no rota that can be changed here"),
    (ANNA, "!cover nothing sat 20:00-08:00", "I know no service"),
    (ANNA, "!cover cardiology one day", "From when to when?"),
    (ANNA, "!cover cardiology 2026-11-20 20:00 - 2026-11-21 08:00", "That is past"),
    (ANNA, "!cover cardiology 2026-11-25 20:00 - 2026-11-24 08:00", "ends before it begins"),
    (ANNA, "!cover cardiology 2026-11-25 20:00 - 2027-03-24 08:00", "too long or too far"),
    (ANNA, "!cover cardiology 2028-11-25 20:00 - 2028-11-26 08:00", "too long or too far"),
    (BEN, "!cover cardiology sat 20:00-22:00", "is on then already"),
    (ANNA, "!cover @req:hs cardiology sat 20:00-22:00", "@req:hs is not of this rota"),
    (MOD, "!cover @eve:elsewhere cardiology sat 20:00-22:00", "cannot be asked"),
    (MOD, "!cover @curbside:hs cardiology sat 20:00-22:00", "cannot be asked"),
    (ANNA, "!cover cardiology sat 20:00-22:00 for @cara:hs", "@cara:hs is not on then"),
    (DORA, "!cover team sat 20:00-22:00", "Several are on together then: @cara:hs, @dora:hs"),
    (ANNA, "!cover undo 01ARZ3NDEKTSV4RRFFQ69G5FAV", "I know no such cover"),
    (ANNA, "!cover undo", "I know no such cover"),
]


async def test_what_is_no_cover_is_refused_with_its_reason(stage: RotaStage) -> None:
    for who, line, told in NO_COVERS:
        assert told in await stage.says(who, line), line
    async with stage.db.read() as tx:
        assert not (await tx.conn.execute(store.change_rows.select())).all()


async def test_one_of_a_team_is_covered_and_the_other_stays(stage: RotaStage) -> None:
    team = Target(Whom.ROTA, "team")
    said = await stage.says(MOD, "!cover @anna:hs chest pain unit sat 20:00-22:00 for @cara:hs")
    assert "in place of @cara:hs" in said
    assert await on(stage, 10, team) == (ANNA, DORA)
    assert await on(stage, 12, team) == (CARA, DORA)


async def test_what_is_left_out_of_a_swap_is_the_next_shift(stage: RotaStage) -> None:
    said = await stage.says(BEN, "!swap heart @cara:hs")
    assert "You give: Tue 24 Nov, 8:00 AM" in said  # the one that he is on now is no longer ahead
    assert "You take: Sun 22 Nov, 8:00 AM" in said


async def test_a_swap_of_shifts_that_were_given_away_since_fits_no_longer(stage: RotaStage) -> None:
    await stage.says(ANNA, "!swap cardiology mon @ben:hs tue")
    await stage.says(CARA, "!cover cardiology mon 12:00-14:00")
    assert "fits no longer" in await stage.taps(BEN, "✅")
    assert "fits no longer" in stage.last(ANNA)
    assert await on(stage, 50) == (CARA,)
    assert "settled already" in await stage.taps(BEN, "❌")


NO_SWAPS = [
    (REQ, "!swap cardiology @ben:hs", "Only those of this rota"),
    (ANNA, "!swap cardiology sat", "With whom? For example: !swap cardiology"),
    (ANNA, "!swap cardiology @anna:hs", "With whom?"),
    (ANNA, "!swap cardiology @dora:hs", "@dora:hs is not of this rota"),
    (ANNA, "!swap cardiology wed @ben:hs tue", "Dr Anna Berg has no such shift"),
    (ANNA, "!swap cardiology mon @ben:hs thu", "Dr Ben Ode has no such shift"),
    (ANNA, "!swap cardiology whenever @ben:hs tue", "I do not understand “whenever”"),
    (ANNA, "!swap accept W-7F3K", "I know no such swap"),
    (ANNA, "!swap accept", "I know no such swap"),
]


async def test_what_is_no_swap_is_refused_with_its_reason(stage: RotaStage) -> None:
    for who, line, told in NO_SWAPS:
        assert told in await stage.says(who, line), line
    async with stage.db.read() as tx:
        assert not (await tx.conn.execute(store.swap_rows.select())).all()


async def test_nobody_else_answers_a_swap(stage: RotaStage) -> None:
    said = await stage.says(ANNA, "!swap cardiology mon @ben:hs tue")
    swap = said.split("swap withdraw ")[1].split()[0]
    assert "Only the colleague who was asked" in await stage.says(ANNA, f"!swap accept {swap}")
    assert "I know no such swap" in await stage.says(CARA, f"!swap accept {swap}")
    assert "Only the colleague who was asked" in await stage.says(MOD, f"!swap accept {swap}")
    assert "Only whoever asked" in await stage.says(BEN, f"!swap withdraw {swap}")
    assert "Swapped" in await stage.says(BEN, f"!swap accept {swap.lower()}")


async def test_a_whole_rota_is_said_to_be_so(stage: RotaStage) -> None:
    stage.file.write_text(ROSTER.replace('"@cara:hs", "@dora:hs"', '"@dora:hs"'), "utf-8")
    assert "whole for the next 14 days" in await stage.says(ANNA, "!oncall lint")
    await stage.daily()
    assert not stage.texts(MODERATORS)


async def test_a_rota_goes_into_a_calendar_and_back(stage: RotaStage) -> None:
    await stage.says(ANNA, "!cover cardiology sat 20:00-08:00")
    await stage.says(ANNA, "!oncall export cardiology")
    ((kind, data),) = stage.files
    assert kind == "text/calendar"
    calendar = icalendar.Calendar.from_ical(data)
    assert [str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")] == ["Europe/Berlin"]
    assert {str(event["SUMMARY"]) for event in calendar.walk("VEVENT")} == {
        "Dr Anna Berg",
        "Dr Ben Ode",
        "@cara:hs",
    }
    diary = parse_calendar(data, "UTC", {})
    again = Rota("again", (Layer("calendar", diary=diary),))
    async with stage.db.read() as tx:
        changes = (await store.changes_in(tx, ["cardiology"], tx.now))["cardiology"]
    rota = stage.roster.current.rotas["cardiology"]
    begin = stage.clock.now() - timedelta(days=6)
    assert rules.stints(again, begin, begin + timedelta(days=80)) == rules.stints(
        rota, begin, begin + timedelta(days=80), changes
    )


async def test_when_turns_end_and_who_is_quiet(stage: RotaStage) -> None:
    quiet = ROSTER.replace('name = "Dr Ben Ode"', 'name = "Dr Ben Ode"\nquiet = "22:00-07:00"')
    stage.file.write_text(quiet, "utf-8")
    targets = [
        CARDIOLOGY,
        Target(Whom.SERVICE, "surgery"),
        Target(Whom.PERSON, REQ),
        Target(Whom.MODERATORS),
        Target(Whom.SERVICE, "gone"),
        Target(Whom.ROTA, "gone"),
        Target(Whom.GROUP, "gone"),
        Target(Whom.HOSPITAL, "other.example"),
    ]
    async with stage.db.read() as tx:
        known = await OnCall.load(Desk(stage.house, tx, "curbside"), targets, "cardiology")
        now = tx.now
    assert known.until(BEN, CARDIOLOGY, now) == datetime(2026, 11, 22, 7, tzinfo=UTC)
    assert known.until(ANNA, CARDIOLOGY, now) is None
    assert known.until(DORA, targets[1], now) is None
    assert [known.people(target, now) for target in targets[1:]] == [(DORA,), (REQ,), (), (), (), (), ()]
    assert known.is_quiet(BEN, now) is None
    night = datetime(2026, 11, 21, 21, 30, tzinfo=UTC)
    assert known.is_quiet(BEN, night) == datetime(2026, 11, 22, 6, tzinfo=UTC)
    assert known.is_quiet(ANNA, night) is None


async def test_german_is_spoken_too(stage: RotaStage) -> None:
    await stage.says(ANNA, "!language deutsch")
    assert "hat Dienst für Kardiologie" in await stage.says(
        ANNA, "!vertreten Kardiologie Sa 20 Uhr bis 8 Uhr"
    )
    assert "ist um einen Tausch in Kardiologie gebeten" in await stage.says(
        ANNA, "!tauschen Kardiologie Mo mit @ben:hs gegen Di"
    )
