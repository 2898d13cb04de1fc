"""Proving who one is, vouching, profiles: with people who type, on both databases."""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.directory import service, store, verifying, vouching
from bot.directory.numbers import Number
from bot.directory.standing import Evidence, Level
from bot.directory.store import Kept
from bot.kernel import audit
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from tests.support.directory_stage import ANNA, BEN, MOD, MODERATORS, WARD, Stage

NPI = "1234567893"


@pytest.fixture
def stage(db: Database, clock: ManualClock, tmp_path: Path) -> Stage:
    return Stage(db, clock, tmp_path)


def code_in(mail: dict[str, str]) -> str:
    return mail["text"].splitlines()[0]


# Numbers -----------------------------------------------------------------------------------------


async def test_a_number_is_noted_looked_up_and_confirmed_with_one_tap(stage: Stage) -> None:
    assert "not verified (L0)" in await stage.says(ANNA, "!verify")
    said = await stage.says(ANNA, "!verify gmc 1234567")
    assert "valid form" in said and "L1" in said
    assert await stage.level(ANNA) is Level.L1
    claim = stage.last(MODERATORS)
    assert "GMC 1234567" in claim and "gmc-uk.org" in claim
    assert "L3" in await stage.taps(MOD, "✅", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L3
    assert "A moderator has verified you." in stage.last(f"dm:{ANNA}")
    assert "Nothing waits" in await stage.says(MOD, "!mod pending", room=MODERATORS)
    assert stage.announced == [ANNA, ANNA]
    # It can be taken back at once.
    assert "L1" in await stage.taps(MOD, "↩️", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L1


async def test_a_refused_number_no_longer_counts(stage: Stage) -> None:
    await stage.says(ANNA, "!verify ahpra med 0001234567")
    await stage.taps(MOD, "❌", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L0
    assert "could not confirm" in stage.last(f"dm:{ANNA}")
    assert "could not confirm" in await stage.says(ANNA, "!verify ahpra MED0001234567")
    assert await stage.level(ANNA) is Level.L0
    assert "does not wait" in await stage.taps(MOD, "✅", room=MODERATORS)


async def test_slips_of_the_finger_are_told(stage: Stage) -> None:
    assert "check digit" in await stage.says(ANNA, "!verify npi 1234567890")
    assert "form of a GMC number" in await stage.says(ANNA, "!verify gmc 12345")
    assert "In which register?" in await stage.says(ANNA, "!verify register")
    assert "What is your number?" in await stage.says(ANNA, "LANR")
    assert "L1" in await stage.says(ANNA, "123456789")
    # Another number takes the place of the one that waits.
    await stage.says(ANNA, f"!verify npi {NPI}")
    await stage.says(MOD, "!mod pending", room=MODERATORS)
    header, shown = stage.texts(MODERATORS)[-2:]
    assert header == "1 waits:" and NPI in shown


async def test_one_number_speaks_for_one_person(stage: Stage) -> None:
    await stage.says(ANNA, f"!verify npi {NPI}")
    assert "ask a moderator" in await stage.says(BEN, f"!verify npi {NPI}")
    assert await stage.level(BEN) is Level.L0
    told = stage.last(MODERATORS)
    assert ANNA in told and BEN in told and NPI not in told
    refused = await stage.says(MOD, f"!mod verify {BEN} register NPI {NPI}", room=MODERATORS)
    assert "already speaks for" in refused
    # Once it no longer speaks for Anna, it may for Ben.
    await stage.says(MOD, f"!mod unverify {ANNA}", room=MODERATORS)
    await stage.says(MOD, f"!mod verify {BEN} npi {NPI}", room=MODERATORS)
    assert (await stage.level(ANNA), await stage.level(BEN)) == (Level.L0, Level.L3)


async def test_many_numbers_in_a_day_are_refused(stage: Stage) -> None:
    for number in range(5):
        assert "valid form" in await stage.says(ANNA, f"!verify gmc 123456{number}")
    assert "many numbers" in await stage.says(ANNA, "!verify gmc 1234569")
    await stage.passes(days=1, minutes=1)
    assert "valid form" in await stage.says(ANNA, "!verify gmc 1234569")


async def test_nobody_but_moderators_checks_and_not_themselves(stage: Stage) -> None:
    for line in (f"!mod verify {BEN} gmc 1234567", f"!mod unverify {BEN}", "!mod pending"):
        await stage.says(ANNA, line, room=WARD)
    assert await stage.level(BEN) is Level.L0
    assert "Somebody else" in await stage.says(MOD, f"!mod verify {MOD} gmc 1234567", room=MODERATORS)
    assert await stage.level(MOD) is Level.L0


async def test_numbers_and_addresses_stand_nowhere_in_the_clear(stage: Stage) -> None:
    await stage.says(ANNA, f"!verify npi {NPI}")
    await stage.says(ANNA, "!verify email a.berg@north.example")
    await stage.says(ANNA, code_in(stage.mails[-1]))
    async with stage.db.read() as tx:
        for table in ("evidence", "claims", "email_codes", "allowances", "audit_lines"):
            rows = (await tx.conn.execute(text(f"SELECT * FROM {table}"))).all()
            shown = repr(rows)
            assert NPI not in shown and "a.berg" not in shown, table
        assert (await audit.verify(tx))[2] == []


# A file ------------------------------------------------------------------------------------------


async def test_a_picture_sent_while_verifying_is_refused_and_removed(stage: Stage) -> None:
    picture = {"msgtype": "m.image", "body": "id.jpg", "file": {"url": "mxc://x/y"}}
    assert await stage.says(ANNA, "", content=picture) == ""
    await stage.says(ANNA, "!verify")
    for _ in range(2):
        assert "never take pictures" in await stage.says(ANNA, "", content=picture)
    assert len(stage.redacted) == 2


# Mail --------------------------------------------------------------------------------------------


async def test_a_code_by_mail_proves_an_address(stage: Stage) -> None:
    said = await stage.says(ANNA, "!verify email A.Berg@North.Example")
    assert "on its way" in said and "berg" not in said.lower()
    (mail,) = stage.mails
    assert mail["to"] == "A.Berg@north.example" and ANNA in mail["text"]
    assert "L2" in await stage.says(ANNA, code_in(mail).lower().replace("-", " "))
    standing = await stage.standing(ANNA)
    assert standing.level is Level.L2 and standing.until == stage.clock.now() + timedelta(days=180)
    assert "no code" in await stage.says(ANNA, f"!verify code {code_in(mail)}")


async def test_addresses_elsewhere_prove_nothing(stage: Stage) -> None:
    for address in ("a@mail.example", "a@sub.north.example", "a@north.example.evil.example"):
        assert "your address at work" in await stage.says(ANNA, f"!verify email {address}")
    for address in ("nonsense", "a@b@north.example", "a\r\nBcc:x@north.example", "@north.example"):
        assert "Please write a mail address" in await stage.says(ANNA, f'!verify email "{address}"')
        await stage.says(ANNA, "cancel")
    assert stage.mails == []


async def test_five_wrong_codes_lock_for_an_hour(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")
    for left in (4, 3, 2, 1):
        assert f"{left} more tr" in await stage.says(ANNA, "!verify code AAAA-AAAA")
    assert "no more for an hour" in await stage.says(ANNA, "AAAA-AAAA")
    right = code_in(stage.mails[-1])
    assert "no more for an hour" in await stage.says(ANNA, f"!verify code {right}")
    assert "no more for an hour" in await stage.says(ANNA, "!verify email b.berg@north.example")
    assert len(stage.mails) == 1
    await stage.passes(minutes=61)
    assert "no code" in await stage.says(ANNA, f"!verify code {right}")
    await stage.says(ANNA, "!verify email a.berg@north.example")
    assert "L2" in await stage.says(ANNA, f"!verify code {code_in(stage.mails[-1])}")


async def test_a_script_that_guesses_gets_five_tries_an_hour(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")
    tried = 0
    for guess in range(60):
        await stage.passes(minutes=2)
        if guess % 10 == 0:
            await stage.says(ANNA, "!verify email a.berg@north.example")
        said = await stage.says(ANNA, f"!verify code 0000-{guess:04}")
        tried += "That is not the code" in said
    assert tried <= 4 * 2  # the fifth of each hour locks
    assert await stage.level(ANNA) is Level.L0


async def test_a_code_expires_and_belongs_to_one_person(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")
    code = code_in(stage.mails[-1])
    assert "no code" in await stage.says(BEN, f"!verify code {code}")
    await stage.passes(minutes=16)
    assert "expired" in await stage.says(ANNA, f"!verify code {code}")
    assert await stage.level(ANNA) is Level.L0


async def test_three_mails_an_hour_for_a_person_and_for_an_address(stage: Stage) -> None:
    answers = {await stage.says(ANNA, "!verify email a.berg@north.example") for _ in range(3)}
    assert len(stage.mails) == 3
    assert "as many codes as I may" in await stage.says(ANNA, "!verify email c.dorn@north.example")
    # For another person the answer is the same as ever, though no mail leaves: it tells nothing.
    answers.add(await stage.says(BEN, "!verify email a.berg+x@north.example"))
    assert len(answers) == 1 and len(stage.mails) == 3
    await stage.passes(minutes=61)
    await stage.says(BEN, "!verify email a.berg@north.example")
    assert len(stage.mails) == 4


async def test_one_mailbox_speaks_for_one_person(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")
    await stage.says(ANNA, code_in(stage.mails[-1]))
    await stage.says(BEN, "!verify email a.berg+ben@north.example")
    assert "ask a moderator" in await stage.says(BEN, code_in(stage.mails[-1]))
    assert await stage.level(BEN) is Level.L0
    assert "mailbox" in stage.last(MODERATORS) and "berg" not in stage.last(MODERATORS)


async def test_a_mail_server_that_is_away_is_told_a_refused_mailbox_is_not(stage: Stage) -> None:
    stage.refused_mail = "unreachable"
    assert "could not be sent" in await stage.says(ANNA, "!verify email a.berg@north.example")
    stage.refused_mail = "smtp-550"
    assert "on its way" in await stage.says(ANNA, "!verify email a.berg@north.example")


async def test_in_a_room_the_answer_goes_to_the_direct_chat(stage: Stage) -> None:
    assert "direct chat" in await stage.says(ANNA, "!verify", room=WARD)
    assert "not verified" in stage.last(f"dm:{ANNA}")


# Time --------------------------------------------------------------------------------------------


async def test_a_level_ends_after_a_warning(stage: Stage) -> None:
    await stage.verified(ANNA, Level.L3, days=30)
    assert stage.announced == [ANNA]
    await stage.passes(days=16)
    warned = stage.last(f"dm:{ANNA}")
    assert "ends on" in warned and "!verify" in warned
    await stage.passes(days=13, hours=23)
    assert len(stage.texts(f"dm:{ANNA}")) == 1 and stage.announced == [ANNA]
    await stage.passes(hours=1)
    assert "has run out" in stage.last(f"dm:{ANNA}") and stage.announced == [ANNA, ANNA]
    standing = await stage.standing(ANNA)
    assert (standing.level, standing.had) == (Level.L0, Level.L3)
    await stage.passes(days=400)
    assert len(stage.texts(f"dm:{ANNA}")) == 2


async def test_a_renewal_takes_the_place_of_the_warning(stage: Stage) -> None:
    await stage.verified(ANNA, Level.L3, days=30)
    await stage.passes(days=10)
    await stage.verified(ANNA, Level.L3, days=30)
    await stage.passes(days=15)
    assert stage.texts(f"dm:{ANNA}") == []
    async with stage.db.read() as tx:
        (kept,) = (await store.evidence_of(tx, [ANNA]))[ANNA]
    assert kept.since == stage.clock.now() - timedelta(days=25)  # verified without a gap


async def test_a_lower_level_remains_when_the_higher_ends(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")
    await stage.says(ANNA, code_in(stage.mails[-1]))
    await stage.verified(ANNA, Level.L3, days=20)
    await stage.passes(days=21)
    assert await stage.level(ANNA) is Level.L2
    await stage.passes(days=150)  # warned of the end of the mail's proof too
    assert "hospital e-mail" in stage.last(f"dm:{ANNA}")


# Withdrawal --------------------------------------------------------------------------------------


async def test_what_a_moderator_withdraws_stays_withdrawn_until_one_verifies(stage: Stage) -> None:
    stage.say_roster('[clinicians."@anna:north.example"]\nname = "Anna"\nlevel = "L3"\n')
    assert await stage.level(ANNA) is Level.L3
    said = await stage.says(MOD, f"!mod unverify {ANNA}", room=MODERATORS)
    assert "nothing counts" in said and stage.announced == [ANNA]
    assert await stage.level(ANNA) is Level.L0
    assert "withdrawn your verification" in stage.last(f"dm:{ANNA}")
    # Neither the person nor a source gets around it.
    assert "A moderator has withdrawn" in await stage.says(ANNA, "!verify gmc 1234567")
    assert "A moderator has withdrawn" in await stage.says(ANNA, "!verify email a.berg@north.example")
    await stage.verified(ANNA, Level.L3)
    assert await stage.level(ANNA) is Level.L0
    assert "Taken back" in await stage.taps(MOD, "↩️", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L3
    await stage.says(MOD, f"!mod unverify {ANNA}", room=MODERATORS)
    assert "L3" in await stage.says(MOD, f"!mod verify {ANNA} register GMC 7654321", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L3
    actions = [(actor, action) for actor, action, subject, _facts in await stage.audit() if subject == ANNA]
    assert (MOD, "unverified") in actions and (MOD, "verified") in actions


async def test_one_proof_can_be_withdrawn_alone(stage: Stage) -> None:
    await stage.says(ANNA, "!verify gmc 1234567")
    await stage.verified(ANNA, Level.L3)
    await stage.says(MOD, f"!mod unverify {ANNA} ldap", room=MODERATORS)
    assert await stage.level(ANNA) is Level.L1
    assert "Nothing of that kind" in await stage.says(MOD, f"!mod unverify {ANNA} oidc", room=MODERATORS)
    assert "do not know" in await stage.says(MOD, f"!mod unverify {ANNA} nonsense", room=MODERATORS)


async def test_a_source_withdraws_what_it_said(stage: Stage) -> None:
    await stage.verified(ANNA, Level.L3)
    await stage.withdrawn(ANNA)
    assert await stage.level(ANNA) is Level.L0 and stage.announced == [ANNA, ANNA]
    async with stage.db.begin() as tx:
        assert not await service.withdraw(stage.desk(tx), ANNA, by="ldap", method="ldap")


async def test_the_roster_counts_and_its_changes_are_announced(stage: Stage) -> None:
    async def note() -> bool:
        async with stage.db.begin() as tx:
            changed = await service.note_roster(stage.desk(tx))
        await stage.settle()
        return changed

    stage.say_roster('[clinicians."@anna:north.example"]\nname = "Anna"\nlevel = "L3"\n')
    assert await stage.level(ANNA) is Level.L3  # at once, before it is noted
    assert await note() and not await note()
    stage.say_roster('[clinicians."@anna:north.example"]\nname = "Dr Anna"\nlevel = "L2"\n')
    assert await note() and await stage.level(ANNA) is Level.L2
    stage.say_roster("")
    assert await note()
    standing = await stage.standing(ANNA)
    assert (standing.level, standing.had) == (Level.L0, Level.L2)
    assert stage.announced == [ANNA] * 3


async def test_ten_thousand_standings_take_few_statements(stage: Stage) -> None:
    people = [f"@p{number}:north.example" for number in range(10_000)]
    async with stage.db.begin() as tx:
        until = tx.now + timedelta(days=100)
        kept = [Kept(who, Evidence("email", Level.L2, tx.now, until), "test") for who in people]
        for one in kept[:3000]:
            await store.keep_evidence(tx, one, "")
    async with stage.db.read() as tx:
        counting = tx.conn = Counting(tx.conn)  # type: ignore[assignment]
        found = await service.standings_of(stage.desk(tx), people)
    assert sum(one.level is Level.L2 for one in found.values()) == 3000 and len(found) == 10_000
    assert counting.statements <= 4


# At the same time --------------------------------------------------------------------------------


async def test_guesses_at_the_same_time_are_counted_one_by_one(stage: Stage) -> None:
    await stage.says(ANNA, "!verify email a.berg@north.example")

    async def guess(number: int) -> str:
        async with stage.db.begin() as tx:
            ctx = await stage.context(tx, ANNA)
            return (await verifying.enter_code(ctx, f"0000-{number:04}")).body.plain

    said = await asyncio.gather(*(guess(number) for number in range(24)))
    assert sum("That is not the code" in one for one in said) == 4
    assert sum("no more for an hour" in one for one in said) == 20
    assert "no more for an hour" in await stage.says(ANNA, code_in(stage.mails[-1]))


async def test_one_number_claimed_by_many_at_once_goes_to_one(stage: Stage) -> None:
    people = [f"@p{number}:north.example" for number in range(8)]

    async def claim(who: str) -> str:
        async with stage.db.begin() as tx:
            message = await verifying.claim_number(await stage.context(tx, who), Number("NPI", NPI))
            return message.body.plain

    said = await asyncio.gather(*map(claim, people))
    await stage.settle()
    assert sum("valid form" in one for one in said) == 1
    assert [await stage.level(who) for who in people].count(Level.L1) == 1


async def test_two_who_vouch_for_each_other_at_once_do_not_both(stage: Stage) -> None:
    eva = "@eva:east.example"
    await stage.verified(ANNA)
    await stage.verified(eva)
    await stage.passes(days=31)

    async def vouch(voucher: str, candidate: str) -> str:
        async with stage.db.begin() as tx:
            return (await vouching.vouch(await stage.context(tx, voucher), candidate)).body.plain

    said = await asyncio.gather(vouch(ANNA, eva), vouch(eva, ANNA))
    assert sum(one.startswith("You vouch") for one in said) == 1


class Counting:
    """A connection that counts what is asked of it."""

    def __init__(self, conn: Any) -> None:
        self._conn = conn
        self.statements = 0

    async def execute(self, *asked: Any) -> Any:
        self.statements += 1
        return await self._conn.execute(*asked)
