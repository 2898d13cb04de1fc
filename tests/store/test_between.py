"""Consults between hospitals: two whole Curbsides, and a link that loses, repeats, reorders and breaks."""

from __future__ import annotations

import random
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.consults.between import letters, store
from bot.directory.hospital import service as hospitals
from bot.directory.hospital import signing
from bot.directory.hospital import store as hospital_store
from bot.directory.hospital.statement import canonical_json
from bot.kernel import migrate
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from tests.support.two_hospitals import Link, Region, Site

ROSTER = """
[services.cardiology]
name = "Cardiology"
name_de = "Kardiologie"
on_call = ["@ben:south.example", "@cara:south.example"]
timers = { stat = "5m", urgent = "10m", routine = "4h" }
offered_to = ["north.example"]
[services.surgery]
on_call = ["@sue:south.example"]
[clinicians."@cara:south.example"]
name = "Dr Cara Lund"
"""
QUESTION = "new AF, rate 140: cardiovert?"


@pytest.fixture(scope="module")
async def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with every table, to be copied: each test needs two."""
    path = tmp_path_factory.mktemp("migrated") / "curbside.db"
    clock = ManualClock(datetime(2026, 11, 1, tzinfo=UTC))
    database = Database(f"sqlite+aiosqlite:///{path}", clock, KeyRing([b"k" * 32]))
    await migrate.upgrade(database)
    await database.close()
    return path


@pytest.fixture
async def region(clock: ManualClock, tmp_path: Path, migrated: Path) -> AsyncIterator[Region]:
    """North asks, south is asked; each has what the other's operator has sent."""
    link, sites, databases = Link(), [], []
    for name in ("north", "south"):
        folder = tmp_path / name
        folder.mkdir()
        shutil.copy(migrated, folder / "curbside.db")
        database = Database(
            f"sqlite+aiosqlite:///{folder / 'curbside.db'}", clock, KeyRing([name[:1].encode() * 32])
        )
        databases.append(database)
        sites.append(Site(name, database, clock, folder, link))
    sites[1].roster(ROSTER)
    region = Region(clock, link, *sites)
    await region.acquaint()
    await region.heal()
    yield region
    for database in databases:
        await database.close()


async def asked(region: Region, urgency: str = "stat") -> tuple[Site, Site]:
    """Anna of the north has asked the south's cardiology; the letter is under way."""
    north, south = region.sites
    await north.says("anna", f"!consult cardiology@south {urgency} {QUESTION}")
    return north, south


async def states(region: Region) -> list[str]:
    return [row.state for site in region.sites for row in await site.consults()]


async def nothing_waits(region: Region) -> bool:
    """Whether nobody waits for a confirmation any more."""
    waiting = [kind for site in region.sites for kind in await site.timers()]
    return "between.retry" not in waiting


async def test_a_consult_at_another_hospital(region: Region) -> None:
    """From the question to the read-back; the asking side learns nothing of the rota."""
    north, south = await asked(region)
    assert "South Hospital" in north.texts("anna")
    assert south.texts("ben") == ""
    await region.heal()
    assert QUESTION in south.texts("ben")
    assert "@anna:north.example" in south.texts("ben")
    heard = north.texts("anna") + north.moderators()
    assert not any(secret in heard for secret in ("ben", "Cara", "cara", "surgery"))

    await south.says("ben", "!decline")  # the next one there is asked, and nobody here hears of it
    before = north.texts("anna")
    await region.heal()
    assert north.texts("anna") == before
    await south.says("cara", "!accept")
    assert any(op == "create" and "@anna:north.example" in body["invite"] for op, _room, body in south.made)
    await region.heal()
    assert "Dr Cara Lund (South Hospital)" in north.texts("anna")
    assert not north.made  # the room is the other side's
    assert await states(region) == ["in-progress", "in-progress"]

    await south.says("cara", "!answer metoprolol, then call me")
    await region.heal()
    assert "metoprolol, then call me" in north.texts("anna")
    await north.says("anna", "!close metoprolol first")
    await region.heal()
    assert "metoprolol first" in south.texts("cara")
    assert await states(region) == ["completed", "completed"]
    assert await nothing_waits(region)
    assert "Anna" not in south.texts("cara").replace("@anna", "")  # her hospital's roster does not name her
    for site in region.sites:  # both keep their audit, without a word of anybody
        trail = await site.audit()
        assert any(action == "between.request" for action, _facts in trail)
        assert not any("cardiovert" in facts or "metoprolol" in facts for _action, facts in trail)


async def test_the_link_is_cut_before_the_page(region: Region) -> None:
    """Nothing arrives: people are told in time; once it heals, one page and no second one."""
    north, south = await asked(region)
    region.link.under_way.clear()
    for _minute in range(6):
        await region.passes(minutes=1)
        region.link.under_way.clear()
    assert "phone" in north.texts("anna").lower()
    assert "consult" in north.moderators()
    assert await states(region) == ["unstaffed"]
    await region.passes(minutes=40)  # what is tried anew is the same request
    region.link.under_way.clear()
    await region.passes(minutes=40)
    await region.heal()
    assert await south.pages() == [("@ben:south.example", "waiting")]
    await south.says("ben", "!accept")
    await region.heal()
    assert "@ben:south.example" in north.texts("anna")
    assert await states(region) == ["in-progress", "in-progress"]
    await region.passes(hours=1)
    await region.heal()
    assert len(await south.consults()) == 1
    assert await nothing_waits(region)


async def test_the_link_is_cut_during_the_page(region: Region) -> None:
    """Accepted behind the cut: the asking side is told that nobody is known, then who has it."""
    north, south = await asked(region)
    await region.arrive()
    region.link.under_way.clear()
    await south.says("ben", "!accept")
    region.link.under_way.clear()
    for _minute in range(6):
        await region.passes(minutes=1)
        region.link.under_way.clear()
    assert await states(region) == ["unstaffed", "in-progress"]
    await region.passes(hours=1)
    await region.heal()
    assert await states(region) == ["in-progress", "in-progress"]
    assert "@ben:south.example" in north.texts("anna")
    assert [user for user, _outcome in await south.pages()] == ["@ben:south.example"]


async def test_cancelled_on_one_side_while_accepted_on_the_other(region: Region) -> None:
    north, south = await asked(region)
    await region.heal()
    await north.says("anna", "!cancel")
    await south.says("ben", "!accept")
    assert await states(region) == ["cancelled", "in-progress"]
    await region.heal()
    assert await states(region) == ["cancelled", "cancelled"]
    assert "cancelled" in south.texts("ben").lower() or "withdrawn" in south.texts("ben").lower()
    assert await nothing_waits(region)


async def test_the_link_is_cut_after_the_page(region: Region) -> None:
    """An answer and its read-back wait, and arrive once."""
    north, south = await asked(region)
    await region.heal()
    await south.says("ben", "!accept")
    await region.heal()
    await south.says("ben", "!answer metoprolol")
    region.link.under_way.clear()
    await region.passes(minutes=2)
    assert "metoprolol" not in north.texts("anna")
    await region.heal()
    assert "metoprolol" in north.texts("anna")
    await north.says("anna", "!close as you say")
    region.link.under_way.clear()
    await region.passes(minutes=2)
    await region.heal()
    assert await states(region) == ["completed", "completed"]
    assert north.texts("anna").count("metoprolol") == 1


async def test_all_that_can_be_said_about_a_consult(region: Region) -> None:
    """Edited, seen, asked back, a first word, passed on, answered, reopened, entered in error."""
    north, south = await asked(region)
    await region.heal()
    await north.says("anna", "!edit BP 80/40 now")
    await region.heal()
    assert "80/40" in south.texts("ben")
    await south.says("ben", "!ack")
    await region.heal()
    assert "ben" not in north.texts("anna")
    await south.says("ben", "!accept")
    await region.heal()
    await south.says("ben", "!info which anticoagulant?")
    await region.heal()
    assert "which anticoagulant?" in north.texts("anna")
    assert await states(region) == ["on-hold", "on-hold"]
    await north.says("anna", "!info apixaban since May")
    await region.heal()
    assert "apixaban since May" in south.texts("ben")
    assert await states(region) == ["in-progress", "in-progress"]
    await south.says("ben", "!interim give oxygen meanwhile")
    await region.heal()
    assert "give oxygen meanwhile" in north.texts("anna")
    await south.says("ben", "!handoff @cara:south.example she knows valves")
    await south.says("cara", "!accept")
    await region.heal()
    assert (await north.consults())[0].consultant == "@cara:south.example"
    await south.says("cara", "!answer metoprolol")
    await region.heal()
    await north.says("anna", "!close metoprolol")
    await region.heal()
    await north.says("anna", f"!reopen {(await north.consults())[0].id} it came back")
    await region.heal()
    assert await states(region) == ["in-progress", "in-progress"]
    assert "it came back" in south.texts("cara")
    await south.says("cara", "!answer cardiovert")
    await region.heal()
    assert "cardiovert" in north.texts("anna")
    await north.says("anna", f"!error {(await north.consults())[0].id}")
    await region.heal()
    assert await states(region) == ["entered-in-error", "entered-in-error"]
    assert len(await south.consults()) == 1
    assert await nothing_waits(region)


async def test_nobody_there_takes_it(region: Region) -> None:
    """The asking side hears that nobody has it yet as soon as the other side knows, and who takes it late."""
    north, south = await asked(region, "urgent")
    await region.heal()
    await south.says("ben", "!decline")
    await south.says("cara", "!decline")
    assert "nobody" in south.moderators().lower()
    await region.heal()
    assert "phone" in north.texts("anna").lower()
    assert await states(region) == ["unstaffed", "unstaffed"]
    await south.says("mod", f"!accept {(await south.consults())[0].id}")
    await region.heal()
    assert (await north.consults())[0].consultant == "@mod:south.example"


async def test_a_hospital_that_turns_our_bot_away(region: Region) -> None:
    """Its bot declines our invitation: the request counts as not delivered, and people are told at once."""
    north, south = await asked(region)
    region.link.under_way.clear()
    declined = {"membership": "leave"}
    await north.hears(
        south.bot, f"dm:{south.bot}", "m.room.member", declined, state_key=south.bot, before="invite"
    )
    assert await states(region) == ["unstaffed"]
    assert "does not accept" in north.moderators()
    await north.hears(
        south.bot, f"dm:{south.bot}", "m.room.member", {"membership": "join"}, state_key=south.bot
    )
    await region.heal()  # let in after all: the request is said again, and comes to somebody
    await south.says("ben", "!accept")
    await region.heal()
    assert await states(region) == ["in-progress", "in-progress"]


# What does not count ------------------------------------------------------------------------------


async def snapshot(region: Region) -> tuple[Any, ...]:
    """All that a hostile letter could change."""
    return (
        await states(region),
        [await site.pages() for site in region.sites],
        [sorted(await site.timers()) for site in region.sites],
        [len(site.made) for site in region.sites],
        region.sites[0].texts("anna"),
        region.sites[1].texts("ben"),
    )


async def resigned(site: Site, content: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A letter of a site with parts of it changed, signed by the site itself."""
    letter = {**content["letter"], **changes}
    async with site.db.read() as tx:
        keys = [(key.key, key.seed) for key in await hospital_store.own_keys(tx)]
    return {"letter": letter, "signatures": signing.signatures(canonical_json(letter), keys)}


FORGERIES: dict[str, dict[str, Any]] = {
    "size": {"body": {"text": "x" * 41_000}},
    "version": {"v": 2},
    "form": {"seq": "1"},
    "addressee": {"to": "east.example"},
    "wrong": {"ack": 9},
}


async def test_a_hostile_letter_changes_nothing(region: Region) -> None:
    """Each makes one line for the operator, and one a day for the moderators."""
    north, south = await asked(region)
    _to, content = region.link.under_way.pop()
    before = await snapshot(region)
    room, eve = f"dm:{north.bot}", "@eve:north.example"
    altered = {**content["letter"], "body": {**content["letter"]["body"], "urgency": "routine"}}
    forgeries = {reason: await resigned(north, content, **how) for reason, how in FORGERIES.items()}
    forgeries["signature"] = {**content, "letter": altered}
    for number, forged in enumerate(forgeries.values(), start=1):
        for _time in range(3):
            await south.hears(north.bot, room, letters.EVENT, forged)
        assert south.moderators().count("did not count") == number
    await south.hears(eve, f"dm:{eve}", letters.EVENT, content)
    south.plain_rooms.add(south.room_id(room))
    await south.hears(north.bot, room, letters.EVENT, content)
    assert south.moderators().count("did not count") == len(forgeries) + 2
    stranger = "@curbside:elsewhere.example"
    south.plain_rooms.clear()
    await south.hears(stranger, f"dm:{stranger}", letters.EVENT, content)
    assert "does not take part here" in south.moderators()
    assert before == await snapshot(region)
    await region.heal()  # of a later version the other side is told politely
    assert "later version" in north.moderators()


async def test_a_letter_that_is_played_again_changes_nothing(region: Region) -> None:
    _north, south = await asked(region)
    played = list(region.link.under_way)
    await region.heal()
    await south.says("ben", "!accept")
    played += region.link.under_way
    await region.heal()
    before = await snapshot(region)
    region.link.under_way += played * 2
    await region.heal()
    assert before == await snapshot(region)


async def test_no_hospital_accepts_in_the_name_of_our_own_people(region: Region) -> None:
    north, south = await asked(region)
    await region.heal()
    await south.says("ben", "!accept")
    for index, (to, content) in enumerate(region.link.under_way):
        if content["letter"]["kind"] == "accepted":
            body = {"consultant": "@bea:north.example", "name": "Dr Bea"}
            region.link.under_way[index] = to, await resigned(south, content, body=body)
    await region.heal()
    assert await states(region) == ["requested", "cancelled"]
    assert "bea" not in north.texts("anna").lower()


async def test_what_is_not_offered_is_refused(region: Region) -> None:
    """A hospital that goes past its own Curbside's list of offers is refused, and people are told."""
    north, south = await asked(region)
    to, content = region.link.under_way.pop()
    body = {**content["letter"]["body"], "service": "surgery"}
    region.link.under_way.append((to, await resigned(north, content, body=body)))
    await region.heal()
    assert await states(region) == ["unstaffed"]
    assert "not offer" in south.moderators()
    assert "phone" in north.texts("anna").lower()


async def test_an_offer_taken_back_ends_what_nobody_has(region: Region) -> None:
    """Removed from the roster: at once refused, ended where nobody had taken it, kept where somebody had."""
    north, south = await asked(region)
    await region.heal()
    await south.says("ben", "!accept")
    await region.heal()
    await north.says("bea", f"!consult cardiology@south urgent {QUESTION}")
    await region.heal()
    south.roster(ROSTER.replace('offered_to = ["north.example"]', ""))
    await south.looks()
    await region.heal()
    ours, theirs = await north.consults(), await south.consults()
    assert [row.state for row in ours] == ["in-progress", "unstaffed"]
    assert [row.state for row in theirs] == ["in-progress", "cancelled"]
    assert "offers us no services any more" in north.moderators()
    await north.says("cleo", "!consult cardiology@south stat again")
    assert len(await north.consults()) == 2


async def test_a_suspension_ends_everything_on_both_sides(region: Region) -> None:
    north, south = await asked(region)
    await region.heal()
    await south.says("ben", "!accept")
    await region.heal()
    async with south.db.begin() as tx:
        await hospitals.suspend(tx, south.settings, north.server, "incident")
    await south.settle()
    await south.looks()
    await region.heal()
    assert await states(region) == ["unstaffed", "cancelled"]
    assert "phone" in north.texts("anna").lower()
    await north.says("bea", f"!consult cardiology@south stat {QUESTION}")
    await region.heal()
    assert len(await south.consults()) == 1
    assert (await north.consults())[-1].state == "unstaffed"
    assert "suspended" in south.moderators()


async def test_the_asking_side_can_shut_the_other_out(region: Region) -> None:
    north, south = await asked(region)
    await region.heal()
    async with north.db.begin() as tx:
        await hospitals.suspend(tx, north.settings, south.server)
    await north.settle()
    await north.looks()
    await region.heal()
    assert await states(region) == ["unstaffed", "cancelled"]
    await south.says("ben", "!accept")
    await region.heal()
    assert await states(region) == ["unstaffed", "cancelled"]


@pytest.mark.parametrize("seed", range(3))
async def test_a_link_that_loses_repeats_and_reorders(region: Region, seed: int) -> None:
    """Whatever the link does to a busy day: after it heals both sides know the same."""
    print(f"seed {seed}")
    dice = random.Random(seed)
    north, south = region.sites
    for name in ("anna", "bea", "cleo"):
        await north.says(name, f"!consult cardiology@south {dice.choice(['stat', 'urgent'])} {QUESTION}")
    for _step in range(50):
        match dice.choice(["arrive", "arrive", "arrive", "lose", "repeat", "pass", "north", "south"]):
            case "arrive" | "repeat" as how if region.link.under_way:
                index = dice.randrange(len(region.link.under_way))
                await region.arrive(index, keep=how == "repeat")
            case "lose" if region.link.under_way:
                region.link.under_way.pop(dice.randrange(len(region.link.under_way)))
            case "pass":
                await region.passes(seconds=dice.choice([10, 60, 240]))
            case "north":
                deed = dice.choice(
                    ["!cancel", "!close as you say", "!info on apixaban", "!reopen it came back"]
                )
                await north.says(dice.choice(["anna", "bea", "cleo"]), deed)
            case "south" if theirs := await south.consults():
                one = dice.choice(theirs).id
                deed = dice.choice(
                    ["accept {}", "decline {}", "answer {} metoprolol", "ack {}", "interim {} wait"]
                )
                await south.says(dice.choice(["ben", "cara"]), "!" + deed.format(one))
            case _:
                pass
    for _round in range(6):
        await region.passes(minutes=31)
        await region.heal()
    assert await nothing_waits(region)
    assert "do not know the same" not in north.moderators() + south.moderators()
    async with north.db.read() as tx, south.db.read() as other:
        for row in await north.consults():
            mine = await store.load(tx, south.server, north.server, row.id)
            theirs = await store.load(other, north.server, north.server, row.id)
            assert mine is not None
            assert theirs is not None
            assert (mine.leg.asking, mine.leg.answering) == (theirs.leg.asking, theirs.leg.answering)
            twin = next(one for one in await south.consults() if one.id == theirs.local)
            final = {"cancelled", "completed", "expired", "entered-in-error"}
            assert (row.state in final) == (twin.state in final), (row.state, twin.state)
            if twin.consultant is not None and row.state not in final:
                assert row.consultant == twin.consultant
