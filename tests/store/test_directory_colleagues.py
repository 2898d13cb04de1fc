"""Vouching, profiles, finding a colleague, and the imported register, on both databases."""

import csv
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from bot.directory import nppes
from bot.directory.nppes import store as register
from bot.directory.profiles import service as profiles
from bot.directory.profiles import store
from bot.directory.profiles.rules import Profile, Wanted
from bot.directory.standing import Level
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, count
from bot.kernel.errors import CurbsideError
from tests.support.directory_stage import ANNA, BEN, CARA, EAST, MODERATORS, SOUTH, WEST, Stage

EVA, WIM, SUE = f"@eva:{EAST}", f"@wim:{WEST}", f"@sue:{SOUTH}"


@pytest.fixture
def stage(db: Database, clock: ManualClock, tmp_path: Path) -> Stage:
    return Stage(db, clock, tmp_path)


async def verified_for_long(stage: Stage, *people: str) -> None:
    for who in people:
        await stage.verified(who)
    await stage.passes(days=31)
    stage.announced.clear()


# Vouching ----------------------------------------------------------------------------------------


async def test_two_colleagues_of_other_hospitals_make_l4(stage: Stage) -> None:
    await verified_for_long(stage, ANNA, BEN, EVA, WIM)
    assert "other hospitals" in await stage.says(BEN, f"!vouch {ANNA}")
    assert "You vouch for" in await stage.says(EVA, f"!vouch {ANNA}")
    assert await stage.level(ANNA) is Level.L3 and stage.announced == []
    assert "already" in await stage.says(EVA, f"!vouch {ANNA}")
    await stage.says(WIM, f"!vouch {ANNA}")
    assert await stage.level(ANNA) is Level.L4 and stage.announced == [ANNA]
    assert "(L4)" in stage.last(f"dm:{ANNA}")
    standing = await stage.standing(ANNA)
    assert standing.until == stage.clock.now() + timedelta(days=365)
    listed = await stage.says(ANNA, "!vouch")
    assert EVA in listed and WIM in listed
    # One takes it back, with the button.
    assert "Taken back" in await stage.taps(WIM, "↩️")
    assert await stage.level(ANNA) is Level.L3 and stage.announced == [ANNA, ANNA]
    assert "do not vouch" in await stage.says(WIM, f"!vouch remove {ANNA}")


async def test_colleagues_of_one_hospital_count_once(stage: Stage) -> None:
    other = f"@emil:{EAST}"
    await verified_for_long(stage, ANNA, EVA, other, WIM)
    await stage.says(EVA, f"!vouch {ANNA}")
    await stage.says(other, f"!vouch {ANNA}")
    assert await stage.level(ANNA) is Level.L3
    await stage.says(WIM, f"!vouch {ANNA}")
    assert await stage.level(ANNA) is Level.L4


async def test_who_may_not_vouch_is_told_why(stage: Stage) -> None:
    assert "(L3)" in await stage.says(EVA, f"!vouch {ANNA}")
    await stage.verified(EVA)
    assert "30 days" in await stage.says(EVA, f"!vouch {ANNA}")
    await stage.passes(days=31)
    assert "not verified yet" in await stage.says(EVA, f"!vouch {ANNA}")
    assert "not verified yet" in await stage.says(EVA, "!vouch @x:elsewhere.example")
    assert "themselves" in await stage.says(EVA, f"!vouch {EVA}")
    assert "nobody" in await stage.says(EVA, "!vouch")
    for name in "abcd":
        await stage.verified(f"@{name}:north.example")
    for name in "abc":
        assert "You vouch for" in await stage.says(EVA, f"!vouch @{name}:north.example")
    assert "three months" in await stage.says(EVA, "!vouch @d:north.example")
    await stage.says(EVA, "!vouch remove @a:north.example")  # which makes no room for others
    assert "three months" in await stage.says(EVA, "!vouch @d:north.example")
    await stage.passes(days=92)
    assert "You vouch for" in await stage.says(EVA, "!vouch @d:north.example")


async def test_rings_are_refused(stage: Stage) -> None:
    await verified_for_long(stage, ANNA, EVA, WIM)
    await stage.says(ANNA, f"!vouch {EVA}")
    assert "vouches for you" in await stage.says(EVA, f"!vouch {ANNA}")
    await stage.says(EVA, f"!vouch {WIM}")
    assert "vouches for you" in await stage.says(WIM, f"!vouch {ANNA}")
    # The ring opens when one takes it back.
    await stage.says(ANNA, f"!vouch remove {EVA}")
    assert "You vouch for" in await stage.says(WIM, f"!vouch {ANNA}")


async def test_vouches_fall_with_those_who_made_them(stage: Stage) -> None:
    await verified_for_long(stage, ANNA, EVA, WIM)
    await stage.says(EVA, f"!vouch {ANNA}")
    await stage.says(WIM, f"!vouch {ANNA}")
    stage.announced.clear()
    await stage.withdrawn(EVA)
    assert await stage.level(ANNA) is Level.L3
    assert sorted(stage.announced) == sorted([EVA, ANNA])
    await stage.verified(EVA)
    assert await stage.level(ANNA) is Level.L4
    # And with the person's own proof: nobody is held up by others alone.
    await stage.withdrawn(ANNA)
    assert await stage.level(ANNA) is Level.L0


async def test_vouches_end_when_a_voucher_s_own_level_does(stage: Stage) -> None:
    await verified_for_long(stage, ANNA, WIM)
    await stage.verified(EVA, Level.L3, days=60)
    await stage.passes(days=31)
    await stage.says(EVA, f"!vouch {ANNA}")
    await stage.says(WIM, f"!vouch {ANNA}")
    assert (await stage.standing(ANNA)).until == stage.clock.now() + timedelta(days=29)
    await stage.passes(days=30)
    assert await stage.level(ANNA) is Level.L3 and await stage.level(EVA) is Level.L0
    assert ANNA in stage.announced


# Profiles ----------------------------------------------------------------------------------------


async def list_somebody(stage: Stage, who: str, *lines: str, level: Level = Level.L2) -> None:
    if level > Level.L0:
        await stage.verified(who, level)
    for line in (*lines, "listed yes"):
        await stage.says(who, f"!profile {line}")


async def test_a_profile_in_short_lines_with_undo(stage: Stage) -> None:
    shown = await stage.says(ANNA, "!profile")
    assert "Dr Anna Berg" in shown and "Cardiology" in shown and "nobody finds you" in shown  # the roster's
    assert "Berlin" in await stage.says(ANNA, "!profile city Berlin")
    assert "German, Türkisch" not in await stage.says(ANNA, "!profile languages deutsch, Turkish")
    assert "German, Turkish" in stage.last(f"dm:{ANNA}")
    assert "Potsdam" in await stage.says(ANNA, "!profil ort Potsdam")
    assert "Berlin" in await stage.taps(ANNA, "↩️")
    assert "Did you mean" in await stage.says(ANNA, "!profile specialty cardiolgy")
    await stage.says(ANNA, "cancel")
    assert "–" in await stage.says(ANNA, "!profile city -")
    assert "for good" in await stage.says(ANNA, "!profile delete")
    assert "erased" in await stage.taps(ANNA, "✅")
    async with stage.db.read() as tx:
        assert await count(tx, store.profile_rows) == await count(tx, store.token_rows) == 0


async def test_nobody_is_found_who_did_not_agree(stage: Stage) -> None:
    await stage.verified(ANNA, Level.L3)
    await stage.says(ANNA, "!profile city Berlin")
    assert "Nobody who is listed" in await stage.says(BEN, "!find cardiology")
    assert "you: " not in await stage.taps(ANNA, "↩️")
    await stage.says(ANNA, "!profile listed yes")
    found = await stage.says(BEN, "!find cards")
    assert "Dr Anna Berg" in found and f"✉ {ANNA}" in found
    await stage.says(ANNA, "!profile listed no")
    assert "Nobody who is listed" in await stage.says(BEN, "!find cards")
    assert "First say what you are" in await stage.says(BEN, "!profile listed yes")


async def test_finding_by_specialty_language_and_city(stage: Stage) -> None:
    await list_somebody(
        stage, ANNA, "languages German, English", "city Berlin", "referrals yes", level=Level.L3
    )
    await list_somebody(stage, BEN, "name Ben Falk", "specialty HNO", "languages Turkish", "city München")
    await list_somebody(stage, EVA, "name Eva Lund", "specialty Kardiologie", "languages German", "city Kiel")
    await list_somebody(stage, CARA, "specialty cardiology", "languages German", level=Level.L0)
    said = await stage.says(WIM, "!find cardiology german berlin")
    assert "Dr Anna Berg" in said and "accepts referrals" in said and "Eva Lund" not in said
    both = await stage.says(WIM, "!find Kardiologie Deutsch")
    assert both.index("Dr Anna Berg") < both.index("Eva Lund") and CARA not in both  # not verified
    assert "Ben Falk" in await stage.says(WIM, "!finden ENT türkisch munchen")
    assert "Ben Falk" in await stage.says(WIM, "!find Muenchn")
    assert "Eva Lund" not in await stage.says(WIM, "!find cardiology accepts referrals")
    # Nobody fits: what to drop, with a tap.
    nobody = await stage.says(WIM, "!find cardiology turkish berlin")
    assert "without the language: 1" in nobody and "without the city" not in nobody
    assert "Dr Anna Berg" in await stage.taps(WIM, "1️⃣")
    assert "Did you mean Cardiology" in await stage.says(WIM, "!find cardiolgoy")


async def test_hospitals_that_take_no_part_are_not_shown(stage: Stage) -> None:
    await list_somebody(stage, EVA, "specialty cardiology")
    book: Any = stage.house.hospitals
    whole = book.servers
    book.servers = lambda what="talk": whole(what) - {EAST}
    assert "Nobody" in await stage.says(ANNA, "!find cardiology")


async def test_profiles_are_sealed(stage: Stage) -> None:
    await list_somebody(stage, ANNA, "city Potsdam", "languages Turkish")
    async with stage.db.read() as tx:
        for table in ("profiles", "profile_tokens", "audit_lines"):
            shown = repr((await tx.conn.execute(text(f"SELECT * FROM {table}"))).all()).casefold()
            assert not {word for word in ("potsdam", "turk", "cardio", "berg") if word in shown}, table


async def test_a_search_among_ten_thousand_is_quick(stage: Stage) -> None:
    tokens, sealed = [], []
    async with stage.db.begin() as tx:
        for number in range(10_000):
            one = Profile(f"P{number}", f"s{number % 70}", ("de",), f"City{number % 200}", None, True)
            who = f"@p{number}:north.example"
            for kind, value in (("specialty", one.specialty), ("language", "de")):
                tokens.append({"token": store.token(tx, kind, value), "user_id": who})
            fields = tx.seal(store.profile_rows.c.fields, who, vars(one))
            sealed.append({"user_id": who, "fields": fields, "changed_at": tx.now})
        await tx.conn.execute(store.token_rows.insert(), tokens)
        await tx.conn.execute(store.profile_rows.insert(), sealed)
    loop_time = __import__("time").perf_counter
    async with stage.db.read() as tx:
        began = loop_time()
        found = await profiles.search(stage.desk(tx), Wanted(("s3",), ("de",)))
        one_specialty = loop_time() - began
        began = loop_time()
        await profiles.search(stage.desk(tx), Wanted((), ("de",)))
        everybody = loop_time() - began
    assert found.people == []  # nobody of them is verified
    assert one_specialty < 1 and everybody < 2  # usually some 30 and 120 ms


# The register ------------------------------------------------------------------------------------

HEADER = [
    "NPI", "Entity Type Code", "Replacement NPI", "Provider Last Name (Legal Name)", "Provider First Name",
    "Provider Business Practice Location Address State Name", "NPI Deactivation Date",
    "NPI Reactivation Date", "Healthcare Provider Taxonomy Code_1",
]  # fmt: skip


def npis() -> Iterator[str]:
    from bot.directory.numbers import npi_ok

    number = 1_000_000_000
    while True:
        if npi_ok(str(number)):
            yield str(number)
        number += 1


def nppes_file(path: Path, rows: int) -> list[str]:
    source = npis()
    numbers = [next(source) for _ in range(rows)]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, quoting=csv.QUOTE_ALL)
        writer.writerow(HEADER)
        for place, number in enumerate(numbers):
            match place % 5:
                case 0:
                    writer.writerow([number, "1", "", "QUILL", "ROSA", "CA", "", "", "207RC0000X"])
                case 1:
                    writer.writerow([number, "2", "", "SOME\nCLINIC", "", "CA", "", "", "261Q00000X"])
                case 2:
                    writer.writerow([number, "", "", "", "", "", "05/01/2020", "", ""])
                case 3:
                    row = [number, "1", "", "FALK", "BÉN", "NY", "05/01/2020", "06/01/2020", "208D00000X"]
                    writer.writerow(row)
                case _:
                    writer.writerow([number, "1", "", "LIND, JR", "MO", "TX", "", "", ""])
    return numbers


async def test_the_register_is_read_and_used(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "npidata.csv"
    numbers = nppes_file(path, 50)
    told: list[tuple[int, int]] = []
    kept = await nppes.import_nppes(
        stage.db, path, states=["ca", "NY"], progress=lambda *now: told.append(now)
    )
    assert kept == 30 and told[-1][0] == told[-1][1] == path.stat().st_size
    async with stage.db.read() as tx:
        assert await register.find(tx, numbers[0]) == register.Entry(
            numbers[0], "QUILL, ROSA", "207RC0000X", "CA", True
        )
        assert await register.find(tx, numbers[1]) is None  # an organisation
        assert not (await register.find(tx, numbers[2])).active  # type: ignore[union-attr]
        assert (await register.find(tx, numbers[3])).active  # type: ignore[union-attr]
        assert await register.find(tx, numbers[4]) is None  # another state
    assert "deactivated" in await stage.says(ANNA, f"!verify npi {numbers[2]}")
    assert await stage.level(ANNA) is Level.L0
    await stage.says(ANNA, f"!verify npi {numbers[0]}")
    assert "QUILL, ROSA · 207RC0000X · CA · active" in stage.last(MODERATORS)
    await stage.says(BEN, f"!verify npi {numbers[4]}")
    assert "does not know it" in stage.last(MODERATORS)


async def test_an_import_broken_off_goes_on_where_it_was(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "npidata.csv"
    nppes_file(path, 12_000)

    class Broken(Exception):
        pass

    def break_off(place: int, size: int) -> None:
        raise Broken

    with pytest.raises(Broken):
        await nppes.import_nppes(stage.db, path, progress=break_off)
    places: list[int] = []
    kept = await nppes.import_nppes(stage.db, path, progress=lambda place, _size: places.append(place))
    assert kept == 9600 and len(places) == 2
    async with stage.db.read() as tx:
        assert await count(tx, register.nppes_rows) == 9600
    assert await nppes.import_nppes(stage.db, path, progress=lambda *_now: places.append(0)) == 9600
    assert 0 not in places  # the same file is not read twice


async def test_files_of_another_kind_are_refused(stage: Stage, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(CurbsideError, match="'NPI' is missing"):
        await nppes.import_nppes(stage.db, other)
    (tmp_path / "npi.zip").write_bytes(b"PK\x03\x04\xff\xfe")
    with pytest.raises(CurbsideError):
        await nppes.import_nppes(stage.db, tmp_path / "npi.zip")
    with pytest.raises(CurbsideError, match="cannot be read"):
        await nppes.import_nppes(stage.db, tmp_path / "none.csv")
