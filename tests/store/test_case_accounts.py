"""Anonymous yet accountable: sanctions on a pseudonym, unmasking by two, receipts, erasing the way back."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.cases import CASES
from bot.cases import store as cases
from bot.cases.accountability import appeals, pseudonyms, receipts, service, store
from bot.cases.accountability.capability import ACCOUNTS
from bot.cases.model import Case, Consent, Event, Shown
from bot.cases.rules import Who
from bot.chat import CHAT, filing
from bot.chat.attachment import unpacked
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Desk
from bot.chat.dispatch import Dispatcher
from bot.deid import receipts as documents
from bot.deid.engine import Engine
from bot.deid.model import Kind, Span, Tier
from bot.directory.capability import DIRECTORY
from bot.directory.profiles.erasing import Erasers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Sealed, Tx, metadata, place_of
from bot.kernel.timers import Timer
from bot.rooms.moderation import MODERATION
from tests.support.hall import ADA, EVE, MIRA, MODS, OTTO, Hall

DM_EVE = f"dm:{EVE}"
TEXT = "91 yo, Mr Miller, third fall since Monday: stop the DOAC?"
SHOWN = Shown(
    "90+, [PATIENT], third fall since day 0: stop the DOAC?",
    "en",
    (
        Span(0, 5, Kind.AGE, Tier.CERTAIN, "90+", 1, "age"),
        Span(10, 16, Kind.NAME, Tier.UNCERTAIN, "[PATIENT]", 2, "title"),
    ),
    (("rare job", "miller"),),
    ("falls",),
    versions={"engine": "1", "model": "none"},
    restored=("C",),
)


class Court(Hall):
    """A hall with moderators, in which cases are posted behind the stage."""

    def __init__(self, db: Database, clock: ManualClock, folder: Path) -> None:
        super().__init__(db, clock, folder)
        known = [CHAT, DIRECTORY, MODERATION, CASES, ACCOUNTS]
        self.dispatcher = Dispatcher(self.house, known)
        parts: Any = self.house.parts
        parts[Deidentifier] = Deidentifier(lambda: Engine(None))
        parts[Erasers] = Erasers([one.erase for one in known if one.erase is not None])
        self.files: dict[str, bytes] = {}

    def allow_unmasking(self) -> None:
        rules = self.settings.cases.model_copy(update={"unmask": True})
        self.house = replace(self.house, settings=self.settings.model_copy(update={"cases": rules}))
        self.dispatcher = Dispatcher(self.house, [CHAT, DIRECTORY, MODERATION, CASES, ACCOUNTS])

    async def settle(self) -> None:
        while True:
            await super().settle()
            if not await filing.make_one(self.house, self.db, appeals.CHANNEL, appeals.make):
                return

    async def posted(self, user: str = EVE) -> Case:
        """A case of somebody, through all its states."""
        async with self.db.begin() as tx:
            one = await cases.add(tx, "curbside", user)
            await cases.change(
                tx, one.id, room_key="cardiology", attested_at=tx.now, consent=Consent.NOT_NEEDED,
                pseudonym=await pseudonyms.new(tx, "cardiology"),
            )  # fmt: skip
            for event, who in (
                (Event.COMPLETE, Who.AUTHOR),
                (Event.SHOW, Who.HOUSE),
                (Event.CONFIRM, Who.AUTHOR),
            ):
                one = replace(one, state=await cases.move(tx, one, event, who))
            loaded = await cases.case(tx, one.id)
            assert loaded is not None
            desk = Desk(self.house, tx, "curbside")
            await receipts.make(desk, loaded, before=TEXT, shown=SHOWN)
            await cases.keep_text(tx, one.id, SHOWN.text)
            loaded = replace(loaded, state=await cases.move(tx, loaded, Event.POST, Who.HOUSE))
            await cases.move(
                tx, loaded, Event.ARRIVE, Who.HOUSE, posted_at=tx.now, event_id=f"$post-{one.id}"
            )
            posted = await cases.case(tx, one.id)
            assert posted is not None
            await service.posted(desk, posted)
            return posted

    async def close(self, case: Case) -> None:
        async with self.db.begin() as tx:
            await cases.move(tx, case, Event.SOLVE, Who.AUTHOR, closed_at=tx.now)
            await service.closed(Desk(self.house, tx, "curbside"), case.id)

    async def barred(self, user: str = EVE) -> Any:
        async with self.db.read() as tx:
            return await service.barred(Desk(self.house, tx, "curbside"), cases.author_key(tx.keys, user))

    async def mod(self, words: str, user: str = MIRA) -> str:
        await self.says(user, f"!mod {words}", "room:moderators")
        return self.last(MODS)

    async def author_of(self, case: Case) -> str | None:
        async with self.db.read() as tx:
            return await cases.author(tx, case.id)

    async def _timer(self, tx: Tx, timer: Timer) -> None:
        if timer.kind in ACCOUNTS.timers:
            await ACCOUNTS.timers[timer.kind](Desk(self.house, tx, "curbside"), timer)
        else:
            await super()._timer(tx, timer)

    async def _said(self, tx: Tx, room: str, event_id: str, body: Any) -> None:
        if "file" in body:
            self.files[body["content"]["filename"]] = unpacked(body["file"])[1]
        await super()._said(tx, room, event_id, body)

    async def rows(self) -> list[str]:
        """Every row of the database, sealed values opened, one text each."""
        found = []
        async with self.db.read() as tx:
            for table in metadata.sorted_tables:
                (key, *others) = table.primary_key.columns
                for row in (await tx.conn.execute(select(table))).all():
                    parts = []
                    for column, value in zip(table.columns, row, strict=True):
                        if isinstance(column.type, Sealed) and value is not None and not others:
                            value = tx.keys.open(value, place_of(column, getattr(row, key.name))).decode()
                        parts.append(str(value))
                    found.append(f"{table.name} " + " | ".join(parts))
        return found


@pytest.fixture
async def court(db: Database, clock: ManualClock, tmp_path: Path) -> Court:
    court = Court(db, clock, tmp_path)
    await court.open()
    return court


# Sanctions ---------------------------------------------------------------------------------------


async def test_a_mute_is_on_the_pseudonym_holds_for_later_cases_and_ends(court: Court) -> None:
    case = await court.posted()
    done = await court.mod(f"case {case.id} mute 2h Please stay courteous")
    assert "Muted" in done and str(case.pseudonym) in done and EVE not in done and "Stone" not in done
    told = court.last(DM_EVE)
    assert "you can neither post cases nor reply until" in told and "Why: Please stay courteous" in told
    assert f"!case appeal {case.id}" in told
    assert (await court.barred()).kind == "mute"
    assert await court.barred(ADA) is None
    await court.close(await court.posted())
    assert await court.barred() is not None
    court.clock.advance(timedelta(hours=3))
    assert await court.barred() is None
    assert f"{MIRA} case.mute {case.id}" in await court.audit()
    assert not any(EVE in line for line in await court.audit())


async def test_a_warning_bars_nobody_and_a_ban_until_it_is_taken_back(court: Court) -> None:
    case = await court.posted()
    assert "1 sanction so far" in await court.mod(f"case {case.id} warn no pictures")
    assert await court.barred() is None
    assert "Banned until further notice" in await court.mod(f"case {case.id} ban again")
    assert (await court.barred()).until is None
    await court.taps(OTTO, "↩️")
    assert "Taken back: banned" in court.last(MODS)
    assert "taken back" in court.last(DM_EVE)
    assert await court.barred() is None
    assert "warned" in await court.mod(f"case {case.id}")


async def test_what_moderators_get_wrong(court: Court) -> None:
    case = await court.posted()
    assert "Say why" in await court.mod(f"case {case.id} mute 2h")
    assert "I know no posted case K-0000" in await court.mod("case K-0000 mute 2h rude")
    assert "not “kick”" in await court.mod(f"case {case.id} kick rude")
    assert "Which case?" in await court.mod("case")
    assert "There is nothing" in await court.mod(f"case {case.id} undo")
    await court.says(EVE, f"!mod case {case.id} warn x", DM_EVE)
    assert "not something you can use" in court.last(DM_EVE)


async def test_a_moderator_who_is_the_author_cannot_take_it_back_and_is_not_told_apart(court: Court) -> None:
    case = await court.posted(MIRA)
    await court.mod(f"case {case.id} mute 2h rude", OTTO)
    assert "There is nothing of" in await court.mod(f"case {case.id} undo", MIRA)
    assert await court.barred(MIRA) is not None


async def test_an_appeal_goes_through_the_bot_and_another_moderator_decides(court: Court) -> None:
    case = await court.posted()
    await court.mod(f"case {case.id} mute 2h rude")
    await court.says(EVE, f"!case appeal {case.id} I am Eve, eve.stone@north.example, it was a joke", DM_EVE)
    asked = court.last(MODS)
    assert "Appeal" in asked and "it was a joke" in asked and "eve.stone@" not in asked
    assert "is with the moderators" in court.last(DM_EVE)
    await court.says(EVE, f"!case appeal {case.id} again", DM_EVE)
    assert "You have appealed already" in court.last(DM_EVE)
    await court.taps(MIRA, "❌")
    assert "it was your own decision" in court.last(MODS)
    await court.taps(OTTO, "❌")
    assert "it stays as it is" in court.last(DM_EVE)
    assert await court.barred() is not None


# Unmasking ---------------------------------------------------------------------------------------


async def test_nobody_is_unmasked_unless_the_operator_allows_it(court: Court) -> None:
    case = await court.posted()
    assert "has not switched it on" in await court.mod(f"unmask {case.id} threat")


async def test_two_moderators_learn_it_alone_and_the_author_hears_of_it(court: Court) -> None:
    court.allow_unmasking()
    case = await court.posted()
    assert "wants to know who wrote" in await court.mod(f"unmask {case.id} a threat against a colleague")
    await court.taps(MIRA, "✅")
    assert "It takes a second moderator" in court.last(MODS)
    assert court.texts(DM_EVE) == []
    await court.taps(OTTO, "✅")
    assert "Two moderators learn now" in court.last(DM_EVE)
    assert "Why: a threat against a colleague" in court.last(DM_EVE)
    for moderator in (MIRA, OTTO):
        assert EVE in court.last(f"dm:{moderator}") and "Dr Eve Stone" in court.last(f"dm:{moderator}")
    assert not any(EVE in text or "Stone" in text for text in court.texts(MODS))
    assert f"{OTTO} case.unmasked {case.id}" in await court.audit()


async def test_a_request_lapses_after_a_day(court: Court) -> None:
    court.allow_unmasking()
    case = await court.posted()
    await court.mod(f"unmask {case.id} a threat")
    court.clock.advance(timedelta(hours=25))
    assert "wants to know who wrote" in await court.mod(f"unmask {case.id} a threat", OTTO)
    assert court.texts(f"dm:{MIRA}") == []


# Receipts ----------------------------------------------------------------------------------------


async def test_the_author_gets_a_receipt_that_anybody_can_check(court: Court) -> None:
    case = await court.posted()
    await court.says(EVE, f"!case receipt {case.id}", DM_EVE)
    text = court.files[f"receipt-{case.id}.json"].decode()
    async with court.db.read() as tx:
        key, secret = receipts.public_key(tx.keys), tx.keys.derive(documents.BEFORE)
    found = documents.read(text, key=key)
    assert documents.is_after(found, SHOWN.text)
    assert documents.is_before(found, TEXT, secret)
    assert documents.is_by(found, EVE) and not documents.is_by(found, ADA)
    said = found.content
    assert said["found"]["A"] == 1 and said["found"]["C"] == 1 and sum(said["found"].values()) == 2
    assert said["restored"] == {"C": 1} and said["warnings"] == {"rare job": 1}
    assert said["attested"]["as"] == case.pseudonym and said["attested"]["consent"] == "not needed"
    assert "Miller" not in text and EVE not in text
    assert not re.search("compliant|anonym", text + court.last(DM_EVE), re.IGNORECASE)
    await court.says(ADA, f"!case receipt {case.id}", f"dm:{ADA}")
    assert "I know no case" in court.last(f"dm:{ADA}")
    assert len(court.files) == 1


# Erasing -----------------------------------------------------------------------------------------


def leads(rows: list[str], case: Case, author_key: str) -> list[str]:
    """Rows that hold both the case and its author, or the author's keyed hash."""
    names = (case.id, str(case.pseudonym), str(case.event_id))
    return [row for row in rows if (EVE in row and any(name in row for name in names)) or author_key in row]


Erase = Callable[[Court, Case], Any]


async def _by_clock(court: Court, case: Case) -> None:
    await court.close(case)
    await court.passes(days=29)
    assert await court.author_of(case) == EVE
    await court.passes(days=2)


async def _although_open(court: Court, case: Case) -> None:
    await court.passes(days=181)


async def _by_forget(court: Court, case: Case) -> None:
    await court.says(EVE, f"!case forget {case.id}", DM_EVE)
    assert await court.author_of(case) == EVE
    await court.taps(EVE, "✅", DM_EVE)
    assert "nothing here says any more whose" in court.last(DM_EVE)


async def _by_erase(court: Court, case: Case) -> None:
    await court.says(EVE, "!erase", DM_EVE)
    await court.taps(EVE, "✅", DM_EVE)
    assert "Erased" in court.last(DM_EVE)


@pytest.mark.parametrize("erase", [_by_clock, _although_open, _by_forget, _by_erase])
async def test_after_that_nothing_leads_to_the_author(court: Court, erase: Erase) -> None:
    case = await court.posted()
    await court.mod(f"case {case.id} warn courteous")
    await court.mod(f"case {case.id} ban again")
    await court.says(EVE, f"!case receipt {case.id}", DM_EVE)
    async with court.db.read() as tx:
        key = cases.author_key(tx.keys, EVE)
    assert leads(await court.rows(), case, key)
    await erase(court, case)
    assert leads(await court.rows(), case, key) == []
    assert await court.author_of(case) is None
    assert (await court.barred()) is not None  # a ban in force stays, and is no longer about this case
    assert "the link is erased" in await court.mod(f"case {case.id} ban x")
    async with court.db.read() as tx:
        content, nonce = await store.receipt(tx, case.id) or ({}, "")
        kept = await cases.case(tx, case.id)
    assert nonce is None and content["attested"]["as"] == case.pseudonym
    assert EVE not in json.dumps(content)
    assert kept is not None and kept.created_at.hour == kept.created_at.minute == 0
    assert not any(EVE in line and case.id in line for line in await court.audit())


async def test_erase_takes_drafts_too(court: Court) -> None:
    async with court.db.begin() as tx:
        draft = await cases.add(tx, "curbside", EVE)
    await _by_erase(court, draft)
    async with court.db.read() as tx:
        left = await cases.case(tx, draft.id)
        assert left is not None and left.state == "discarded" and left.author_key is None
        assert await cases.draft(tx, draft.id) is None and await cases.author(tx, draft.id) is None


async def test_pseudonyms_are_never_used_twice_in_a_room(
    court: Court, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with court.db.begin() as tx:
        assert await store.take_pseudonym(tx, "cardiology", "Grey Heron 41")
        assert not await store.take_pseudonym(tx, "cardiology", "Grey Heron 41")
        assert await store.take_pseudonym(tx, "neurology", "Grey Heron 41")
        drawn = iter([31, "Grey", "Heron", 32, "Grey", "Heron"])
        monkeypatch.setattr(pseudonyms.secrets, "randbelow", lambda _most: next(drawn))
        monkeypatch.setattr(pseudonyms.secrets, "choice", lambda _words: next(drawn))
        assert await pseudonyms.new(tx, "cardiology") == "Grey Heron 42"
