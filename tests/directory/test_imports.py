"""Who is in the hospital's directory is verified, who is gone is not: real slapd, real SCIM server."""

import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from bot.app import capabilities, make_house
from bot.chat.desk import Desk, House
from bot.directory import service, store
from bot.directory.imports import rules
from bot.directory.imports import service as imports
from bot.directory.imports import store as runs
from bot.directory.imports.rules import Found
from bot.directory.imports.service import SourceFailed, TooMany
from bot.directory.profiles import store as profiles
from bot.directory.roster import RosterFile
from bot.directory.standing import Evidence, Level
from bot.kernel import migrate
from bot.kernel.audit import audit_lines
from bot.kernel.clock import ManualClock, SystemClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from bot.settings import Settings
from tests.support.ldapserver import ADMIN, PASSWORD, PEOPLE, LdapServer
from tests.support.migrated import put_tables
from tests.support.scimserver import TOKEN, ScimServer, scim_server

SERVER = "north.example"
NAMES = [f"p{number:03}" for number in range(30)]


class Hall:
    """A house on a database of its own, importing from what its settings name."""

    def __init__(self, house: House, database: Database, clock: ManualClock) -> None:
        self.house, self.database, self.clock = house, database, clock
        (self.source,) = imports.sources(house.settings)

    async def run(self, **options: Any) -> imports.Summary:
        return (await imports.run(self.house, self.database, self.source, **options))[0]

    async def levels(self, *names: str) -> list[Level]:
        users = [f"@{name}:{SERVER}" for name in names]
        async with self.database.read() as tx:
            found = await service.standings_of(Desk(self.house, tx, "curbside"), users)
            return [found[user].level for user in users]

    async def verified(self) -> set[str]:
        async with self.database.read() as tx:
            known = await store.people_with(tx, self.source.name)
            return {user for user, evidence in known.items() if evidence.counts(tx.now)}

    async def audit(self) -> list[tuple[str, str, str, str]]:
        async with self.database.read() as tx:
            rows = await tx.conn.execute(select(audit_lines).order_by(audit_lines.c.seq))
            return [(row.actor, row.action, row.subject, row.facts) for row in rows]


def write_settings(folder: Path, verification: str, ca_file: Path | None = None) -> Path:
    (folder / "roster.toml").write_text("")
    (folder / "password").write_text(PASSWORD)
    (folder / "token").write_text(TOKEN)
    (folder / "keys").write_text("a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s=\n")
    config = folder / "curbside.toml"
    config.write_text(
        f"""hospital = "North"
homeserver = "http://127.0.0.1:1"
server_name = "{SERVER}"
at_rest_keys = "keys"
moderators = ["@mo:{SERVER}"]
[bots.curbside]
user_id = "@curbside:{SERVER}"
token_file = "token"
[verification]
{f'ca_file = "{ca_file}"' if ca_file else ""}
{verification}
"""
    )
    return config


@asynccontextmanager
async def hall_of(config: Path) -> AsyncIterator[Hall]:
    from bot.settings import load

    settings: Settings = load(config)
    clock = ManualClock(SystemClock().now())
    settings.path(settings.data_dir).mkdir(exist_ok=True)
    await put_tables(settings.database_url)
    database = Database(settings.database_url, clock, KeyRing.load(settings.path(settings.at_rest_keys)))
    await migrate.upgrade(database)
    house = make_house(settings, capabilities(), RosterFile(settings.path(settings.roster)))
    try:
        yield Hall(house, database, clock)
    finally:
        await database.close()


def ldap_table(url: str, /, **changes: str) -> str:
    values = {
        "url": url,
        "bind_dn": ADMIN,
        "password_file": "password",
        "base": PEOPLE,
        "filter": "(employeeType=clinician)",
        "user": f"@{{uid}}:{SERVER}",
        "specialty": "departmentNumber",
        "npi": "employeeNumber",
        **changes,
    }
    return "[verification.ldap]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


@pytest.fixture(scope="module")
async def ldap() -> AsyncIterator[LdapServer]:
    running = await LdapServer.start(size_limit=500)
    try:
        running.add_reader()
        yield running
    finally:
        running.stop()


@pytest.fixture
async def people(ldap: LdapServer) -> AsyncIterator[LdapServer]:
    """Thirty clinicians and one porter, gone after the test."""
    ldap.add_people(NAMES, employeeType="clinician", departmentNumber="cards")
    ldap.add_people(["porter"], employeeType="porter")
    yield ldap
    ldap.clear()


@pytest.fixture
async def open_hall(tmp_path: Path) -> AsyncIterator[Callable[..., Any]]:
    async with AsyncExitStack() as stack:

        async def make(verification: str, ca_file: Path | None = None) -> Hall:
            return await stack.enter_async_context(hall_of(write_settings(tmp_path, verification, ca_file)))

        yield make


# LDAP --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", [False, True], ids=["StartTLS", "ldaps"])
async def test_people_of_the_directory_are_verified_until_they_are_gone(
    people: LdapServer, open_hall: Callable[..., Any], tls: bool
) -> None:
    hall: Hall = await open_hall(ldap_table(people.tls_url if tls else people.url), people.ca_file)
    people.change(
        f"dn: uid=p000,{PEOPLE}\nchangetype: modify\nadd: employeeNumber\nemployeeNumber: 1234567893\n"
    )
    preview, plan = await imports.preview(hall.house, hall.database, hall.source)
    assert (preview.found, preview.added, preview.withdrawn) == (30, 30, 0) and len(plan.add) == 30
    assert await hall.verified() == set() and await hall.audit() == []
    seen: list[tuple[int, int]] = []
    summary = await hall.run(progress=lambda done, total: seen.append((done, total)))
    assert summary == preview and seen[-1] == (30, 30)
    assert await hall.levels("p000", "p029", "porter") == [Level.L3, Level.L3, Level.L0]
    async with hall.database.read() as tx:
        assert await store.ref_of(tx, f"@p000:{SERVER}", "ldap") == "NPI 1234567893"
        profile = await profiles.load(tx, f"@p001:{SERVER}")
    assert profile is not None and (profile.name, profile.specialty, profile.listed) == (
        "Dr p001",
        "cardiology",
        False,
    )
    again = await hall.run()
    assert (again.added, again.renewed, again.withdrawn, again.held) == (0, 0, 0, 30)
    people.remove("p000", "p001")
    people.add_people(["fresh"], employeeType="clinician")
    summary = await hall.run()
    assert (summary.added, summary.withdrawn) == (1, 2)
    assert await hall.levels("p000", "p001", "p002", "fresh") == [Level.L0, Level.L0, Level.L3, Level.L3]
    people.add_people(["p000"], employeeType="clinician")
    assert (await hall.run()).added == 1
    actions = {(actor, action) for actor, action, _, _ in await hall.audit()}
    assert actions == {("ldap", "verified"), ("ldap", "unverified"), ("ldap", "directory.import")}
    assert not any("Dr " in facts or "12345" in facts for *_, facts in await hall.audit())


async def test_a_fifth_and_no_more_may_go_at_once(people: LdapServer, open_hall: Callable[..., Any]) -> None:
    hall: Hall = await open_hall(ldap_table(people.url), people.ca_file)
    await hall.run()
    people.remove(*NAMES[:6])
    assert (await hall.run()).withdrawn == 6  # exactly a fifth
    people.remove(*NAMES[6:11])
    with pytest.raises(TooMany, match="would withdraw 5 of 24"):
        await hall.run()
    assert len(await hall.verified()) == 24
    assert (await imports.preview(hall.house, hall.database, hall.source))[1].too_many
    assert (await hall.run(force=True)).withdrawn == 5
    assert await hall.levels("p006", "p011") == [Level.L0, Level.L3]


async def test_what_is_imported_again_is_renewed_and_what_is_not_ends(
    people: LdapServer, open_hall: Callable[..., Any]
) -> None:
    hall: Hall = await open_hall(ldap_table(people.url, valid="30d"), people.ca_file)
    await hall.run()
    hall.clock.advance(timedelta(days=9))
    assert (await hall.run()).renewed == 0
    hall.clock.advance(timedelta(days=2))
    assert (await hall.run()).renewed == 30
    hall.clock.advance(timedelta(days=29))
    assert await hall.levels("p000") == [Level.L3]
    hall.clock.advance(timedelta(days=2))
    assert await hall.levels("p000") == [Level.L0]
    summary = await hall.run()
    assert (summary.held, summary.added) == (0, 30)


async def test_a_moderators_withdrawal_is_not_undone_by_an_import(
    people: LdapServer, open_hall: Callable[..., Any]
) -> None:
    hall: Hall = await open_hall(ldap_table(people.url), people.ca_file)
    await hall.run()
    async with hall.database.begin() as tx:
        await service.withdraw(Desk(hall.house, tx, "curbside"), f"@p003:{SERVER}", by=f"@mo:{SERVER}")
    await hall.run()
    assert await hall.levels("p003", "p004") == [Level.L0, Level.L3]


async def test_a_directory_of_two_thousand_is_read_in_pages(
    people: LdapServer, open_hall: Callable[..., Any]
) -> None:
    """More than the server hands out at once."""
    people.add_people([f"q{number:04}" for number in range(1200)], employeeType="clinician")
    hall: Hall = await open_hall(ldap_table(people.url), people.ca_file)
    reading = await hall.source.read()
    assert len({one.user_id for one in reading.people}) == 1230


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": "ldap://127.0.0.1:1"}, "could not be read to the end"),
        ({"bind_dn": f"cn=nobody,{PEOPLE}"}, "refuses bind_dn and password_file"),
        ({"base": "ou=nothing,dc=elsewhere"}, "could not be read to the end"),
        ({"filter": "(((broken"}, "could not be read to the end"),
        ({"url": "ldaps://localhost:1"}, "could not be read to the end"),
    ],
)
async def test_a_directory_that_cannot_be_read_withdraws_nobody(
    people: LdapServer, open_hall: Callable[..., Any], changes: dict[str, str], words: str, tmp_path: Path
) -> None:
    hall: Hall = await open_hall(ldap_table(people.url), people.ca_file)
    await hall.run()
    await hall.database.close()
    async with hall_of(write_settings(tmp_path, ldap_table(people.url, **changes), people.ca_file)) as broken:
        with pytest.raises(SourceFailed, match=words) as error:
            await broken.run()
        assert PASSWORD not in str(error.value)
        assert len(await broken.verified()) == 30


async def test_a_server_that_cannot_prove_itself_is_not_asked(
    people: LdapServer, open_hall: Callable[..., Any], tmp_path: Path
) -> None:
    from tests.support.certificates import make_certificates

    make_certificates(tmp_path / "other", "elsewhere.example")
    hall: Hall = await open_hall(ldap_table(people.tls_url), tmp_path / "other" / "ca.pem")
    with pytest.raises(SourceFailed):
        await hall.run()


async def test_the_worker_imports_in_time_and_tells_the_moderators_once(
    people: LdapServer, open_hall: Callable[..., Any]
) -> None:
    hall: Hall = await open_hall(ldap_table(people.url, interval="12h"), people.ca_file)
    due = imports.import_when_due
    assert await due(hall.house, hall.database, hall.source)
    assert not await due(hall.house, hall.database, hall.source)  # neither again nor in another process
    people.remove(*NAMES[:10])
    hall.clock.advance(timedelta(hours=12))
    for _ in range(3):
        assert await due(hall.house, hall.database, hall.source)
        hall.clock.advance(timedelta(hours=1))
    assert len(await hall.verified()) == 30
    from bot.kernel import outbox

    async with hall.database.read() as tx:
        run = await runs.run_of(tx, "ldap")
        queued = [row async for row in await tx.conn.stream(select(outbox.outbox_rows))]
    assert run is not None and (run.result, run.failures, run.counts["added"]) == ("too-many", 3, 30)
    assert [row.room for row in queued] == ["room:moderators"]


# SCIM --------------------------------------------------------------------------------------------


def scim_table(url: str, /, **changes: str) -> str:
    values = {"url": url, "token_file": "token", "user": f"@{{userName|local}}:{SERVER}", **changes}
    return "[verification.scim]\n" + "".join(f'{name} = "{value}"\n' for name, value in values.items())


@pytest.fixture
async def scim() -> AsyncIterator[ScimServer]:
    async with scim_server() as running:
        yield running


async def test_scim_people_are_verified_until_they_are_inactive_or_gone(
    scim: ScimServer, open_hall: Callable[..., Any]
) -> None:
    ids = [
        await scim.add(f"s{number}@hospital.example", displayName=f"Dr S{number}", title="cardiology")
        for number in range(10)
    ]
    gone = await scim.add("left@hospital.example", active=False)
    await scim.add("Ümläut@hospital.example")
    hall: Hall = await open_hall(scim_table(scim.url, specialty="title"))
    summary = await hall.run()
    assert (summary.found, summary.inactive, summary.skipped, summary.added) == (12, 1, 1, 10)
    assert await hall.levels("s0", "s9", "left") == [Level.L3, Level.L3, Level.L0]
    await scim.patch(ids[0], "active", False)
    await scim.remove(ids[1])
    await scim.patch(gone, "active", True)
    summary = await hall.run()
    assert (summary.added, summary.withdrawn) == (1, 2)
    assert await hall.levels("s0", "s1", "s2", "left") == [Level.L0, Level.L0, Level.L3, Level.L3]


async def test_scim_pages_and_filters(
    scim: ScimServer, open_hall: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(23):
        await scim.add(f"s{number}", title="clinician" if number % 2 else "porter", userType=str(number))
    hall: Hall = await open_hall(scim_table(scim.url, filter='title eq \\"clinician\\"'))
    monkeypatch.setattr("bot.directory.scim._PAGE", 5)
    assert (await hall.run()).added == 11
    assert await hall.levels("s1", "s2") == [Level.L3, Level.L0]


@pytest.mark.parametrize("what", ["token", "url", "filter", "away"])
async def test_a_scim_service_in_trouble_withdraws_nobody(
    scim: ScimServer, open_hall: Callable[..., Any], tmp_path: Path, what: str
) -> None:
    await scim.add("anna")
    hall: Hall = await open_hall(scim_table(scim.url))
    await hall.run()
    await hall.database.close()
    changes = {
        "url": {"url": f"{scim.url}/nothing"},
        "filter": {"filter": "broken ((("},
        "away": {"url": "http://127.0.0.1:1/v2"},
    }.get(what, {})
    config = write_settings(tmp_path, scim_table(scim.url, **changes))
    if what == "token":
        (tmp_path / "token").write_text("wrong")
    async with hall_of(config) as broken:
        with pytest.raises(SourceFailed, match="could not be read to the end"):
            await broken.run(force=True)
        assert await broken.verified() == {f"@anna:{SERVER}"}


# The command, and the rules ----------------------------------------------------------------------


async def test_the_operator_previews_imports_and_frees(
    scim: ScimServer, open_hall: Callable[..., Any], tmp_path: Path
) -> None:
    ids = [await scim.add(f"s{number}") for number in range(4)]
    hall: Hall = await open_hall(scim_table(scim.url))

    def curbside(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "bot", "directory", *words, "--config", tmp_path / "curbside.toml"],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            cwd=Path(__file__).parents[2],
        )

    done = curbside("import", "scim", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert f"+ @s0:{SERVER}" in done.stdout and "4 would be added" in done.stdout
    assert "never imported" in curbside("status").stdout
    done = curbside("import", "scim")
    assert (done.returncode, "4 added" in done.stdout) == (0, True), done.stderr
    assert await hall.levels("s0") == [Level.L3]
    await scim.remove(ids[0])
    done = curbside("import", "scim")
    assert done.returncode == 1 and "would withdraw 1 of 4" in done.stderr
    done = curbside("import", "scim", "--force")
    assert done.returncode == 0 and f"- @s0:{SERVER}" in done.stdout
    assert "scim: 3 verified; last import" in curbside("status").stdout
    assert "is not set" in curbside("import", "ldap").stderr
    assert curbside("import", "nppes").returncode == 2
    assert curbside("free", f"@s1:{SERVER}").returncode == 1


@pytest.mark.parametrize(
    ("template", "values", "expected"),
    [
        ("@{uid}:h.example", {"uid": "Anna.Berg"}, "@anna.berg:h.example"),
        ("@{mail|local}:h.example", {"mail": "anna@elsewhere.example"}, "@anna:h.example"),
        ("{matrixId}", {"matrixId": "@Anna:h.example"}, "@Anna:h.example"),
        ("@{uid}:h.example", {"uid": ""}, None),
        ("@{uid}:h.example", {}, None),
        ("@{uid}:h.example", {"uid": "anna:evil.example"}, None),
        ("@{uid}:h.example", {"uid": "an na"}, None),
        ("@{uid}:h.example", {"uid": "ännä"}, None),
        ("@{uid}:h.example", {"uid": "x" * 300}, None),
        ("{matrixId}", {"matrixId": "anna"}, None),
    ],
)
def test_matrix_ids_are_made_from_entries(
    template: str, values: dict[str, str], expected: str | None
) -> None:
    assert rules.user_id_of(template, lambda name: values.get(name, "")) == expected


def test_a_plan_counts_active_people_once_and_expired_ones_not() -> None:
    now = SystemClock().now()
    valid = timedelta(days=30)

    def held(until: timedelta, withdrawn: bool = False) -> Evidence:
        return Evidence("ldap", Level.L3, now, now + until, now if withdrawn else None)

    known = {"@a": held(valid), "@b": held(valid), "@c": held(-valid), "@d": held(valid, withdrawn=True)}
    people = [Found("@a"), Found("@a", active=False), Found("@b", active=False), Found("@d")]
    plan = rules.plan(people, known, now, valid)
    assert (plan.add, plan.renew, plan.withdraw, plan.held) == (("@d",), (), ("@b",), 2)
    assert plan.too_many
    assert not rules.plan([], {}, now, valid).too_many
