"""The roster: what is read, what is refused and how clearly, and what happens while the file is broken."""

import os
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from bot.directory.model import Shift, folded
from bot.directory.policy import may_talk, server_of
from bot.directory.roster import BadRoster, RosterFile, load_roster

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
