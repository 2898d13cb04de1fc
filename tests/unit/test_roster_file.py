"""The roster: what is read, what is refused and how clearly, and what happens while the file is broken."""

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.directory.model import Shift, folded
from bot.directory.policies import Mode, Target, Whom
from bot.directory.policy import may_talk, server_of
from bot.directory.roster import BadRoster, RosterFile, load_roster
from bot.directory.rotas import OnHolidays, Window

WHOLE = """
[services.cardiology]
name = "Cardiology"
name_de = "Kardiologie"
synonyms = ["cards", "heart"]
on_call = ["@first:hs", "@second:hs"]
timezone = "Europe/Berlin"
timers = { stat = "2m", urgent = "10m" }

[[services.cardiology.shifts]]
who = "@night:hs"
days = "fri-mon"
from = "20:00"
to = "08:00"

[services.anaesthesia]
name_de = "Anästhesie"
synonyms = ["gas"]

[services.infectious_diseases]
on_call = ["@germ:hs:8448"]

[clinicians."@first:hs"]
name = "Dr Anna Berg"
specialty = "cardiology"
level = "L2"
"""


def read(tmp_path: Path, text: str) -> RosterFile:
    path = tmp_path / "roster.toml"
    path.write_text(text, "utf-8")
    return RosterFile(path, "Europe/London")


def test_all_entries_are_read(tmp_path: Path) -> None:
    roster = read(tmp_path, WHOLE).current
    cardiology = roster.services["cardiology"]
    assert cardiology.on_call == ("@first:hs", "@second:hs")
    assert cardiology.zone == ZoneInfo("Europe/Berlin")
    assert cardiology.timers == {"stat": timedelta(minutes=2), "urgent": timedelta(minutes=10)}
    assert cardiology.shifts == (Shift("@night:hs", frozenset({4, 5, 6, 0}), 20 * 60, 8 * 60),)
    assert roster.services["anaesthesia"].zone == ZoneInfo("Europe/London")
    assert roster.name_of("@first:hs") == "Dr Anna Berg"
    assert roster.name_of("@nobody:hs") == "@nobody:hs"
    assert roster.service_name("cardiology", "de") == "Kardiologie"
    assert roster.service_name("infectious_diseases", "de") == "infectious diseases"
    assert roster.service_name("gone_since", "en") == "gone since"


def test_everybody_who_is_called_is_known_with_their_entry(tmp_path: Path) -> None:
    assert read(tmp_path, WHOLE).current.people() == {
        "@first:hs": "services.cardiology.on_call",
        "@second:hs": "services.cardiology.on_call",
        "@night:hs": "services.cardiology.shifts.0.who",
        "@germ:hs:8448": "services.infectious_diseases.on_call",
    }


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("CARDS", "cardiology"),
        ("kardiologie", "cardiology"),
        ("Anasthesie", "anaesthesia"),
        ("ANÄSTHESIE", "anaesthesia"),
        ("Anaesthesie", "anaesthesia"),
        ("infectious-diseases", "infectious_diseases"),
        ("Infectious Diseases", "infectious_diseases"),
        ("infect", "infectious_diseases"),
        ("hea", "cardiology"),
        ("", None),
        ("!?", None),
        ("surgery", None),
    ],
)
def test_a_service_is_found_by_what_people_call_it(tmp_path: Path, word: str, key: str | None) -> None:
    found = read(tmp_path, WHOLE).current.find(word)
    assert (found.key if found else None) == key


def test_a_beginning_of_two_services_is_not_guessed(tmp_path: Path) -> None:
    roster = read(tmp_path, "[services.neurology]\n[services.neurosurgery]\n[services.neuro_icu]").current
    assert roster.find("neuro") is None
    assert (found := roster.find("neurol")) is not None
    assert found.key == "neurology"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("services = 3", "services: "),
        ("[service.x]", "service: is not an entry of the roster"),
        ('[services.x]\ncolour = "red"', "services.x.colour: is not an entry"),
        ("[services.Cardio]", "services.Cardio: must be lower-case letters"),
        ('[services.x]\non_call = ["anna"]', "services.x.on_call.0: must be a Matrix user id"),
        ('[services.x]\non_call = ["@a:h", "@a:h"]', "services.x.on_call: @a:h is named twice"),
        ('[services.x]\ntimezone = "Berlin"', "services.x.timezone: must be an IANA time zone"),
        ('[services.x]\ntimers = {stat = "soon"}', "services.x.timers.stat: must be a length of time"),
        ('[services.x]\ntimers = {stat = "0m"}', "services.x.timers.stat: must be longer than nothing"),
        ('[services.x]\ntimers = {later = "1m"}', "services.x.timers.later: is not an entry"),
        ('[services.x]\nsynonyms = ["y"]\n[services.y]', "already belongs to services.x"),
        ('[services.x]\nname = "Ä"\n[services.z]\nname_de = "a"', "services.z: the name 'a' already belongs"),
        ('[services.x]\nsynonyms = ["?"]', "holds no letter"),
        ('[[services.x.shifts]]\nfrom="8:00"\nto="9:00"', "services.x.shifts.0.who: is required"),
        ('[[services.x.shifts]]\nwho="@a:h"\nfrom="8:00"\nto="08:00"', "has no length"),
        ('[[services.x.shifts]]\nwho="@a:h"\nfrom="24:00"\nto="08:00"', "from: must be before 24:00"),
        (
            '[[services.x.shifts]]\nwho="@a:h"\nfrom="8"\nto="9:00"',
            "services.x.shifts.0.from: must be a time",
        ),
        (
            '[[services.x.shifts]]\nwho="@a:h"\nfrom="8:00"\nto="24:01"',
            "services.x.shifts.0.to: must be a time",
        ),
        (
            '[[services.x.shifts]]\nwho="@a:h"\nfrom="8:00"\nto="9:00"\ndays="mo"',
            "services.x.shifts.0.days: must be weekdays",
        ),
        ('[clinicians."anna"]\nname="A"', "clinicians.anna: must be a Matrix user id"),
        ('[clinicians."@a:h"]', "clinicians.@a:h.name: is required"),
        ('[clinicians."@a:h"]\nname="A"\nlevel="L9"', "clinicians.@a:h.level: "),
        ("[services", "is not valid TOML"),
    ],
)
def test_a_wrong_entry_is_named_in_one_sentence(tmp_path: Path, text: str, told: str) -> None:
    file = read(tmp_path, text)
    assert file.error is not None
    assert told in file.error
    assert file.error.endswith(".")
    assert "\n" not in file.error
    assert not file.current.services


def test_the_last_whole_roster_stays_while_the_file_is_broken(tmp_path: Path) -> None:
    file = read(tmp_path, WHOLE)
    path = tmp_path / "roster.toml"
    assert "cardiology" in file.current.services
    path.write_text("[services", "utf-8")
    assert "cardiology" in file.current.services
    assert file.error is not None
    path.unlink()
    assert "cardiology" in file.current.services
    assert "There is no roster" in (file.error or "")
    path.write_text("[services.surgery]", "utf-8")
    assert list(file.current.services) == ["surgery"]
    assert file.error is None


def test_an_unchanged_file_is_not_read_again(tmp_path: Path) -> None:
    file = read(tmp_path, "[services.surgery]")
    first = file.current
    assert file.current is first
    os.utime(tmp_path / "roster.toml", ns=(1, 1))
    assert file.current is not first


def test_a_missing_file_and_a_folder_are_told(tmp_path: Path) -> None:
    with pytest.raises(BadRoster, match="There is no roster"):
        load_roster(tmp_path / "none.toml", "UTC")
    with pytest.raises(BadRoster, match="cannot be read"):
        load_roster(tmp_path, "UTC")


# Rotas, groups, policies ---------------------------------------------------------------------------

DEPARTMENT = """
[services.cardiology]
rota = "cardiology"
policy = "acute"

[holidays.berlin]
dates = [2026-04-03]
yearly = ["12-25"]

[groups.stroke]
people = ["@anna:hs", "@ben:hs"]

[rotas.cardiology]
timezone = "Europe/Berlin"
holidays = "berlin"

[[rotas.cardiology.layers]]
name = "nights"
people = ["@anna:hs", ["@ben:hs", "@cara:hs"]]
turn = "2w"
start = 2026-01-05
handover = "08:00"
until = 2026-12-31
windows = ["weekend 08:00-08:00", "mon-fri 17:00-08:00", "fri 17:00 - mon 08:00"]

[[rotas.cardiology.layers]]
people = ["@dora:hs"]
windows = ["weekdays 08:00-17:00"]
on_holidays = "never"
timezone = "America/New_York"

[[rotas.cardiology.overrides]]
who = "@eve:hs"
instead = "@anna:hs"
from = 2026-03-29T02:30:00
to = 2026-03-30T08:00:00Z

[policies.acute.stat]
tiers = [
    { ask = "service", wait = "3m", channels = ["sms", "pager"] },
    { ask = ["group:stroke", "person:@lead:hs"], how = "together", wait = "5m", acknowledged = "2m" },
    { ask = "hospital:other.example", wait = "5m", remind = "1m" },
    { ask = "moderators", wait = "10m" },
]
repeat = 2
read_back = false
"""


def house(tmp_path: Path, **files: str) -> RosterFile:
    (tmp_path / "departments").mkdir()
    for name, text in files.items():
        (tmp_path / "departments" / f"{name}.toml").write_text(text, "utf-8")
    path = tmp_path / "roster.toml"
    path.write_text('include = ["departments/*.toml"]\n[services.surgery]\non_call = ["@sue:hs"]', "utf-8")
    return RosterFile(path, "Europe/London", patience=0)


def test_a_department_is_read_from_its_own_file(tmp_path: Path) -> None:
    file = house(tmp_path, cardiology=DEPARTMENT)
    assert file.error is None
    roster = file.current
    assert set(roster.services) == {"surgery", "cardiology"}
    assert roster.groups == {"stroke": ("@anna:hs", "@ben:hs")}
    rota = roster.rotas["cardiology"]
    nights, days = rota.layers
    assert nights.turns == (("@anna:hs",), ("@ben:hs", "@cara:hs"))
    assert (nights.length, nights.handover, nights.start) == (timedelta(weeks=2), 480, date(2026, 1, 5))
    assert nights.windows == (
        Window(frozenset({5, 6}), 480, timedelta(days=1)),
        Window(frozenset(range(5)), 1020, timedelta(hours=15)),
        Window(frozenset({4}), 1020, timedelta(hours=63)),
    )
    assert nights.zone == rota.zone == ZoneInfo("Europe/Berlin")
    assert days.zone == ZoneInfo("America/New_York")
    assert days.on_holidays is OnHolidays.NEVER
    assert date(2026, 4, 3) in days.holidays
    assert date(2031, 12, 25) in days.holidays
    assert date(2031, 12, 24) not in days.holidays
    (override,) = rota.overrides
    assert override.begin == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)  # 02:30 does not occur that night
    assert override.end == datetime(2026, 3, 30, 8, tzinfo=UTC)
    assert override.instead == "@anna:hs"
    assert set(roster.people()) == {
        f"@{name}:hs" for name in ("anna", "ben", "cara", "dora", "eve", "lead", "sue")
    }
    assert roster.people()["@dora:hs"] == "rotas.cardiology.layers.1.people"


def test_a_policy_of_its_own_and_the_preset(tmp_path: Path) -> None:
    roster = house(tmp_path, cardiology=DEPARTMENT).current
    waits = {"stat": timedelta(minutes=5), "urgent": timedelta(minutes=20), "routine": timedelta(hours=4)}
    own = roster.services["cardiology"].policy_for("stat", waits)
    assert [tier.targets for tier in own.tiers] == [
        (Target(Whom.SERVICE, "cardiology"),),
        (Target(Whom.GROUP, "stroke"), Target(Whom.PERSON, "@lead:hs")),
        (Target(Whom.HOSPITAL, "other.example"),),
        (Target(Whom.MODERATORS),),
    ]
    assert [tier.mode for tier in own.tiers[:2]] == [Mode.IN_TURN, Mode.TOGETHER]
    assert (own.repeat, own.read_back, own.tiers[0].channels) == (2, None, ("sms", "pager"))
    preset = roster.services["cardiology"].policy_for("urgent", waits)
    assert [tier.targets for tier in preset.tiers] == [(Target(Whom.SERVICE, "cardiology"),)]
    assert preset.tiers[0].wait == timedelta(minutes=20)
    assert roster.services["surgery"].policy_for("routine", waits).bundle
    assert not roster.services["surgery"].policy_for("stat", waits).bundle


def test_a_change_in_an_included_file_counts_at_once(tmp_path: Path) -> None:
    file = house(tmp_path, cardiology=DEPARTMENT)
    assert set(file.current.services) == {"surgery", "cardiology"}
    one = tmp_path / "departments" / "cardiology.toml"
    one.write_text("[services.cardiology]\n[services.echo]", "utf-8")
    assert set(file.current.services) == {"surgery", "cardiology", "echo"}
    two = tmp_path / "departments" / "neurology.toml"
    two.write_text("[services.neurology", "utf-8")
    assert "departments/neurology.toml is not valid TOML" in (file.error or "")
    assert set(file.current.services) == {"surgery", "cardiology", "echo"}
    two.write_text("[services.neurology]", "utf-8")
    assert set(file.current.services) == {"surgery", "cardiology", "echo", "neurology"}
    two.unlink()
    assert set(file.current.services) == {"surgery", "cardiology", "echo"}


LAYER = "[[rotas.x.layers]]\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[services.surgery]", "services.surgery: stands in roster.toml already"),
        ('include = ["*.toml"]', "include: only roster.toml itself may include files"),
        ('[services.x]\nrota = "y"', "services.x.rota: there is no rotas.y"),
        ('[services.x]\npolicy = "y"', "services.x.policy: there is no policies.y"),
        ("[rotas.x]", "rotas.x.layers: is required"),
        (LAYER, "rotas.x.layers.0: needs people, or a calendar, and not both"),
        (LAYER + 'people = ["@a:h"]\ncalendar = "x.ics"', "needs people, or a calendar, and not both"),
        (LAYER + 'people = ["@a:h", "@b:h"]', "rotas.x.layers.0.start: is required"),
        (LAYER + 'people = ["anna"]', "rotas.x.layers.0.people.0.0: must be a Matrix user id"),
        (LAYER + 'people = [["@a:h", "@a:h"]]', "rotas.x.layers.0.people: must name somebody in every turn"),
        (LAYER + 'people = "@a:h"', "rotas.x.layers.0.people: must be a list"),
        (LAYER + 'people = ["@a:h"]\nturn = "monthly"', "rotas.x.layers.0.turn: must be daily, weekly"),
        (LAYER + 'people = ["@a:h"]\nturn = "0d"', "rotas.x.layers.0.turn: must be daily, weekly"),
        (LAYER + 'people = ["@a:h"]\nwindows = ["at night"]', "rotas.x.layers.0.windows.0: must be such as"),
        (LAYER + 'people = ["@a:h"]\nwindows = ["mo 8:00-9:00"]', "windows.0: must be weekdays"),
        (
            LAYER + 'people = ["@a:h"]\nstart = 2026-02-01\nuntil = 2026-01-01',
            "rotas.x.layers.0.until: must not be before its start",
        ),
        (LAYER + 'people = ["@a:h"]\non_holidays = "only"', "on_holidays: name the rota's holidays"),
        (
            '[holidays.b]\n[rotas.x]\nholidays = "b"\n' + LAYER + 'people = ["@a:h"]\non_holidays = "only"',
            "on_holidays: needs shifts of a day at most",
        ),
        ('[rotas.x]\nholidays = "y"\n' + LAYER + 'people = ["@a:h"]', "there is no holidays.y"),
        ('[holidays.x]\nyearly = ["13-01"]', "holidays.x.yearly.0: must be month and day"),
        (
            LAYER
            + 'people = ["@a:h"]\n[[rotas.x.overrides]]\nwho = "@b:h"\n'
            + "from = 2026-01-02T00:00:00\nto = 2026-01-01T00:00:00",
            "rotas.x.overrides.0: must end after it begins",
        ),
        (LAYER + 'calendar = "none.ics"', "none.ics: there is no such file"),
        (LAYER + 'calendar = "broken.ics"', "broken.ics: is no iCalendar file"),
        ("[groups.x]\npeople = []", "groups.x.people: "),
        ('[groups.x]\npeople = ["@a:h", "@a:h"]', "groups.x.people: @a:h is named twice"),
        ("[policies.x.stat]\ntiers = []", "policies.x.stat.tiers: "),
        (
            '[policies.x.stat]\ntiers = [{ask = "rota:y", wait = "1m"}]',
            "policies.x.stat.tiers.0.ask: there is no rota 'y'",
        ),
        ('[policies.x.stat]\ntiers = [{ask = "me", wait = "1m"}]', "tiers.0.ask: must be rota:NAME"),
        ('[policies.x.stat]\ntiers = [{ask = "person:anna", wait = "1m"}]', "tiers.0.ask: must be rota:NAME"),
        ('[policies.x.stat]\ntiers = [{ask = [], wait = "1m"}]', "tiers.0.ask: must name somebody"),
        (
            '[policies.x.stat]\nbundle = true\ntiers = [{ask = "service", wait = "1m"}]',
            "policies.x.stat.bundle: must be false",
        ),
        ('[policies.x.later]\ntiers = [{ask = "service", wait = "1m"}]', "policies.x.later: is not an entry"),
        ('[clinicians."@a:h"]\nname = "A"\nquiet = "22:00"', "quiet: must be a span of the day"),
        ('[clinicians."@a:h"]\nname = "A"\nquiet = "22:00-22:00"', "quiet: must be a span of the day"),
    ],
)
def test_what_is_wrong_names_file_and_entry(tmp_path: Path, text: str, told: str) -> None:
    (tmp_path / "departments").mkdir()
    (tmp_path / "departments" / "broken.ics").write_text("no calendar", "utf-8")
    (tmp_path / "departments" / "x.toml").write_text(text, "utf-8")
    file = read(tmp_path, 'include = ["departments/*.toml"]\n[services.surgery]')
    assert file.error is not None
    assert file.error.startswith("departments/x.toml: ")
    assert told in file.error
    assert file.error.endswith(".")
    assert "\n" not in file.error


@pytest.mark.parametrize(
    ("pattern", "told"),
    [
        ("../else.toml", "must be a path below the roster's folder"),
        ("/etc/passwd", "must be a path below the roster's folder"),
        ("departments/none.toml", "there is no file departments/none.toml"),
    ],
)
def test_an_include_that_leads_nowhere_is_refused(tmp_path: Path, pattern: str, told: str) -> None:
    assert told in (read(tmp_path, f'include = ["{pattern}"]').error or "")


def test_quiet_hours_are_in_somebodys_own_zone(tmp_path: Path) -> None:
    text = '[clinicians."@a:h"]\nname = "A"\nquiet = "22:00-07:00"\ntimezone = "Europe/Berlin"'
    anna = read(tmp_path, text).current.clinicians["@a:h"]
    assert (anna.quiet, anna.zone) == ((1320, 420), ZoneInfo("Europe/Berlin"))


def test_words_are_compared_without_accents_and_spaces() -> None:
    assert folded("Hals-Nasen-Ohren Straße") == folded("halsnasenohrenstrasse")


@pytest.mark.parametrize(
    ("user", "server"),
    [
        ("@a:hospital.example", "hospital.example"),
        ("@a:hospital.example:8448", "hospital.example:8448"),
        ("@a:[2001:db8::1]:8448", "[2001:db8::1]:8448"),
        ("@a:[::1]", "[::1]"),
        ("@:hospital.example", "hospital.example"),
        ("a:hospital.example", None),
        ("@a", None),
        ("@a:", None),
        ("@a:b c", None),
        ("@a:::1", None),
        ("@a:h:123456", None),
        ("@" + "a" * 255 + ":h", None),
    ],
)
def test_the_server_of_a_user_id(user: str, server: str | None) -> None:
    assert server_of(user) == server
    assert may_talk(user, {"elsewhere.example"}) is False
    if server is not None:
        assert may_talk(user, {server})
        assert not may_talk(user, {server.upper()}) or server == server.upper()
