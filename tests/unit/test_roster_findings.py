"""What `curbside check` says of a department: nobody reached, gaps, doubles, unknown names and channels."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.cli.roster_findings import Calling
from bot.dev.department import example, hastened
from bot.directory.hospitals import HospitalBook
from bot.directory.roster import load_roster
from bot.directory.rotas import Change
from bot.settings import Settings

MODERATED = {"moderators": ("@mo:hospital.example",)}
SMS = {"bridges": {"sms": {"kind": "kannel"}}}
MONDAY = datetime(2026, 6, 1, 12, tzinfo=UTC)
SERVICE = """
[services.eyes]
rota = "eyes"
policy = "eyes"
[clinicians."@a:hospital.example"]
name = "Ada"
[clinicians."@b:hospital.example"]
name = "Bo"
"""
ROTA = """
[rotas.eyes]
layers = [{ people = ["@a:hospital.example"] }]
"""
POLICY = """
[policies.eyes.urgent]
tiers = [{ ask = "service", wait = "5m" }]
"""


def settings(more: Mapping[str, Any]) -> Settings:
    bot = {"user_id": "@curbside:hospital.example", "password_file": "p"}
    return Settings(
        hospital="Here", homeserver="http://h", server_name="hospital.example", bots={"curbside": bot}, **more
    )


def told(
    tmp_path: Path,
    text: str,
    changes: Mapping[str, tuple[Change, ...]] | None = None,
    **more: Any,
) -> list[tuple[str, str, str]]:
    path = tmp_path / "roster.toml"
    path.write_text(text, "utf-8")
    house = settings(MODERATED | more)
    calling = Calling(house, load_roster(path, "UTC"), HospitalBook(house), changes or {}, MONDAY)
    return [(one.level, one.subject.removeprefix("roster."), one.text) for one in calling.findings()]


def test_the_worked_example_is_sound(tmp_path: Path) -> None:
    text = example("hospital.example")
    assert {level for level, _subject, _text in told(tmp_path, text, **SMS)} == {"ok"}
    without = [one for one in told(tmp_path, text) if one[0] != "ok"]
    assert [(level, subject) for level, subject, _text in without] == [("warn", "policies.cardiology.stat")]
    assert "no bridge sms" in without[0][2]


def test_the_demo_has_the_same_department_in_a_hurry(tmp_path: Path) -> None:
    slow, fast = tmp_path / "slow.toml", tmp_path / "fast.toml"
    slow.write_text(example("hospital.example"), "utf-8")
    fast.write_text(hastened(example("hospital.example")), "utf-8")
    one, other = load_roster(slow, "UTC"), load_roster(fast, "UTC")
    assert (one.rotas, one.groups, one.clinicians) == (other.rotas, other.groups, other.clinicians)
    for urgency, policy in one.policies["cardiology"].by_urgency.items():
        quick = other.policies["cardiology"].by_urgency[urgency]
        assert [tier.wait / 60 for tier in policy.tiers] == [tier.wait for tier in quick.tiers]


def test_gaps_and_double_bookings_of_the_next_days(tmp_path: Path) -> None:
    days = ROTA.replace("] }]", '], windows = ["mon-fri 08:00-16:00"] }]')
    found = told(tmp_path, SERVICE + days + POLICY)
    gap = "nobody is on, Mon 2026-06-01 16:00 to Tue 08:00, and 9 more in 14 days"
    assert ("warn", "rotas.eyes", gap) in found
    second = ROTA.replace("rotas.eyes", "rotas.ears") + '[services.ears]\nname = "Ears"\nrota = "ears"\n'
    (double,) = [one for one in told(tmp_path, SERVICE + ROTA + second + POLICY) if one[0] == "warn"]
    assert double[1:] == (
        "rotas.ears",
        "@a:hospital.example is on in rotas.eyes at once, Mon 2026-06-01 12:00 to Mon 2026-06-15 12:00",
    )


def test_covers_count(tmp_path: Path) -> None:
    cover = Change("@x:hospital.example", MONDAY, MONDAY.replace(hour=20), "@a:hospital.example")
    found = told(tmp_path, SERVICE + ROTA + POLICY, {"eyes": (cover,)})
    text = "@x:hospital.example, who is not of it, covers Mon 2026-06-01 12:00 to 20:00"
    assert ("warn", "rotas.eyes", text) in found


def test_a_policy_that_reaches_nobody(tmp_path: Path) -> None:
    over = ROTA.replace("] }]", "], start = 2026-01-05, until = 2026-02-01 }]\ngaps = true")
    found = told(tmp_path, SERVICE + over + POLICY)
    assert ("error", "services.eyes", "has nobody: its consults go to the moderators") in found
    assert ("error", "policies.eyes.urgent", "never reaches anybody for eyes") in found
    second = POLICY.replace("}]", '}, { ask = "person:@b:hospital.example", wait = "5m" }]')
    found = told(tmp_path, SERVICE + over + second)
    text = "tier 1 reaches nobody for eyes in the next 14 days"
    assert ("warn", "policies.eyes.urgent", text) in found
    assert ("ok", "services.eyes", "1 to call") in found


def test_what_a_policy_names_must_be_there(tmp_path: Path) -> None:
    elsewhere = POLICY.replace("}]", '}, { ask = "hospital:far.example", wait = "5m" }]')
    elsewhere += '[policies.eyes.stat]\ntiers = [{ ask = "service", wait = "5m" }]\n'
    elsewhere += "[policies.spare.stat]\n"
    elsewhere += 'tiers = [{ ask = "moderators", wait = "5m", channels = ["pager"] }]\n'
    found = told(tmp_path, SERVICE + ROTA + elsewhere, **SMS)
    urgent = [text for _level, subject, text in found if subject == "policies.eyes.urgent"]
    assert urgent == [
        "tier 2 reaches nobody for eyes in the next 14 days",
        "the hospital far.example takes no part in consults",
    ]
    assert [level for level, subject, _text in found if subject == "policies.eyes.stat"] == ["hint"]
    assert ("warn", "policies.spare", 'no service says policy = "spare"') in found
    assert any(subject == "policies.spare.stat" and "no bridge pager" in text for _, subject, text in found)


def test_somebody_whom_no_second_channel_reaches(tmp_path: Path) -> None:
    policy = POLICY.replace('"5m"', '"5m", channels = ["sms"]')
    text = "@a:hospital.example: nothing in sms or pager, so paged by Matrix only"
    assert ("warn", "policies.eyes.urgent", text) in told(tmp_path, SERVICE + ROTA + policy, **SMS)
    numbered = SERVICE.replace('name = "Ada"', 'name = "Ada"\nsms = "+49 171 3920001"')
    assert {level for level, *_ in told(tmp_path, numbered + ROTA + policy, **SMS)} == {"ok"}


def test_people_without_an_entry_and_rotas_without_a_service(tmp_path: Path) -> None:
    text = '[services.skin]\non_call = ["@c:hospital.example"]\n' + ROTA
    found = told(tmp_path, text)
    assert ("warn", "rotas.eyes", "no service and no policy asks it") in found
    (bare,) = [text for level, subject, text in found if subject == "clinicians"]
    assert bare.startswith("@c:hospital.example, @a:hospital.example: on call without an entry")
