"""The network file: what it declares, and the sentence for each thing it may not."""

import os
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.directory.standing import Level
from bot.rooms.entries import (
    BadNetwork,
    PolicyListEntry,
    PowerEntry,
    RoomEntry,
    SpaceEntry,
    TemplateEntry,
)
from bot.rooms.file import NetworkFile, load_network, read_network
from bot.rooms.model import DeclaredRoom

SPACE: dict[str, Any] = {"medicine": {"name": "Medicine"}}


OPERATOR = (Path(__file__).parents[2] / "docs" / "operator.md").read_text("utf-8")


def rooms(text: dict[str, Any]) -> dict[str, DeclaredRoom]:
    return dict(read_network(text).rooms)


def refused(text: dict[str, Any]) -> str:
    with pytest.raises(BadNetwork) as caught:
        read_network(text)
    return str(caught.value)


def one(**room: Any) -> dict[str, Any]:
    return {"spaces": SPACE, "rooms": {"cardiology": {"space": "medicine", **room}}}


def test_specialties_become_rooms_in_one_line() -> None:
    found = rooms({"spaces": {"medicine": {"name": "Medicine", "rooms": ["cards", "HNO", "neurology"]}}})
    assert list(found) == ["medicine", "cardiology", "otolaryngology", "neurology"]
    heart = found["cardiology"]
    assert (heart.name, heart.title("de"), heart.parent) == ("Cardiology", "Kardiologie", "medicine")
    assert (heart.specialty, heart.alias, heart.house_name) == (
        "cardiology",
        "cardiology",
        "room:network/cardiology",
    )
    space = found["medicine"]
    assert space.space
    assert not space.encryption
    assert space.power.events_default == 50


def test_a_room_is_named_in_the_language_of_the_file() -> None:
    text = {"language": "de", "spaces": {"medicine": {"name": "Medicine", "name_de": "Innere"}}}
    assert rooms({**text, "rooms": {"neurology": {}}})["neurology"].name == "Neurologie"
    assert rooms(text)["medicine"].name == "Innere"


def test_templates_build_on_each_other_and_a_room_has_the_last_word() -> None:
    found = rooms(
        {
            "templates": {
                "base": {"level": "L3", "retention": "30d", "power": {"redact": 60, "events": {"m.a": 10}}},
                "default": {"extends": "base", "watch": "warn", "rules": "Be kind.", "mute": True},
                "open": {"extends": "base", "power": {"events": {"m.b": 20}}, "level": "L1"},
            },
            "spaces": {
                "medicine": {"name": "Medicine", "level": "L3", "room_template": "open", "rooms": ["ep"]}
            },
            "rooms": {
                "stroke": {"space": "medicine", "template": "default", "retention": "forever"},
                "urology": {},
            },
        }
    )
    listed, stroke, alone = found["electrophysiology"], found["stroke"], found["urology"]
    assert (listed.level, listed.retention, listed.mute) == (Level.L1, timedelta(days=30), False)
    assert (listed.power.redact, dict(listed.power.events)) == (60, {"m.a": 10, "m.b": 20})
    assert (stroke.level, stroke.retention, stroke.watch) == (Level.L3, None, "warn")
    assert (stroke.rules, stroke.mute) == ({"en": "Be kind."}, True)
    assert (alone.parent, alone.watch) == (None, "warn")
    assert found["medicine"].watch == "off"  # the template `default` is for rooms


def test_hospitals_have_short_names() -> None:
    text = one(servers=["lake", "third.example"])
    text["hospitals"] = {"lake": ["lake.example", "lake-clinic.example"]}
    assert rooms(text)["cardiology"].servers == {"lake.example", "lake-clinic.example", "third.example"}


def test_policy_lists_are_a_dry_run_until_somebody_says_otherwise() -> None:
    network = read_network(
        {"policy_lists": [{"room": "#bans:lists.example"}, {"room": "!l:x.example", "apply": True}]}
    )
    assert [one.apply for one in network.policy_lists] == [False, True]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ({"roms": {}}, "roms: is not an entry of the network file"),
        (one(histroy="shared"), "rooms.cardiology.histroy: is not an entry"),
        (one(history="secret"), "rooms.cardiology.history: must be"),
        (one(level="L7"), "rooms.cardiology.level: must be"),
        (one(retention="12 moons"), 'rooms.cardiology.retention: must be a length of time such as "365d"'),
        (one(template="fancy"), "rooms.cardiology.template: there is no template fancy"),
        (one(space="surgery"), "rooms.cardiology.space: there is no space surgery"),
        (one(specialty="alchemy"), "rooms.cardiology.specialty: 'alchemy' is no specialty"),
        ({"rooms": {"corridor": {}}}, "rooms.corridor.name: is required"),
        ({"rooms": {"No Key": {}}}, "rooms.No Key: must be lower-case letters"),
        (one(power={"redact": 101}), "rooms.cardiology.power.redact: must be a power level from 0 to 100"),
        (one(power={"moderators": 100}), "rooms.cardiology.power.moderators: must be between"),
        (one(power={"invite": 0}), "rooms.cardiology.power.invite: must be more than users_default"),
        (one(power={"kick": 10, "users_default": 20}), "rooms.cardiology.power.kick: must be more"),
        (one(history="world_readable"), "rooms.cardiology.history: world_readable lets anybody read along"),
        (one(join="public"), 'rooms.cardiology.join: public lets everybody in; it needs level = "L0"'),
        (one(join="restricted", level="L3"), "rooms.cardiology.level: its space medicine asks for L2 only"),
        ({"rooms": {"urology": {"join": "restricted"}}}, "rooms.urology.join: restricted lets in who is in"),
        (one(mute=True), "rooms.cardiology.mute: people are mute until they accept the rules; write rules"),
        (one(alias="medicine"), "rooms.cardiology.alias: medicine already belongs to medicine"),
        (one(avatar="none.png"), "rooms.cardiology.avatar: there is no picture"),
        (one(avatar="none.exe"), "rooms.cardiology.avatar: none.exe is no picture"),
        (one(servers=["lake"]), "rooms.cardiology.servers: lake is neither a server name nor"),
        (one(topic="Mr Holm 030-123456"), "rooms.cardiology.topic: must not hold a long number or a date"),
        (one(topic="born 12.03.1961"), "rooms.cardiology.topic: must not hold a long number or a date"),
        (one(name="ask @eva:lake.example"), "rooms.cardiology.name: must not hold a Matrix id"),
        (one(topic="mail eva@lake.example"), "rooms.cardiology.topic: must not hold an e-mail address"),
        (one(topic="MRN 12"), "rooms.cardiology.topic: must not hold a patient's identifier"),
        ({"spaces": {"a": {"name": "A", "encryption": True}}}, "spaces.a.encryption: a space is no chat"),
        ({"spaces": {"a": {"name": "A", "space": "a"}}}, "spaces.a.space: a space cannot stand inside"),
        ({"spaces": {"a": {"name": "A", "space": "b"}}}, "spaces.a.space: there is no space b"),
        ({"spaces": {"a": {"name": "A", "rooms": ["cardiolgy"]}}}, "Perhaps Cardiology"),
        ({"spaces": {"a": {"name": "A", "rooms": ["cards", "heart"]}}}, "cardiology is listed twice"),
        ({"spaces": {"a": {"name": "A"}}, "rooms": {"a": {"name": "B"}}}, "rooms.a: a space has this key"),
        ({"templates": {"a": {"extends": "b"}}, "rooms": {"urology": {"template": "a"}}}, "no template b"),
        (
            {
                "templates": {"a": {"extends": "b"}, "b": {"extends": "a"}},
                "rooms": {"urology": {"template": "a"}},
            },
            "extend each other in a circle",
        ),
        (
            {"spaces": {"a": {"name": "A", "rooms": ["ep"], "archived": True}}},
            "rooms.electrophysiology.space: a is archived",
        ),
        ({"policy_lists": [{"room": "bans"}]}, "policy_lists.0.room: must be the address or id"),
        (one(adopt="#x:y"), "rooms.cardiology.adopt: must be the id of a room"),
        ({"spaces": []}, "spaces: must be a table of entries"),
    ],
)  # fmt: skip
def test_what_may_not_be_declared(text: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(text)


def test_a_file_is_read_again_when_it_changes_and_kept_while_it_is_broken(tmp_path: Path) -> None:
    path = tmp_path / "network.toml"
    file = NetworkFile(path)
    assert not file.current.rooms
    assert file.error is None
    path.write_text('[rooms.urology]\ntopic = "Stones"\n')
    assert file.current.rooms["urology"].topic == "Stones"
    path.write_text("[rooms.urology\n")
    assert file.current.rooms["urology"].topic == "Stones"
    assert file.error is not None
    assert "not valid TOML" in file.error
    path.write_text('[rooms.urology]\ntopic = "Rocks"\n')
    os.utime(path, ns=(1, 1))
    assert file.current.rooms["urology"].topic == "Rocks"
    assert file.error is None
    path.unlink()
    assert not file.current.rooms


def test_a_picture_lies_beside_the_file(tmp_path: Path) -> None:
    (tmp_path / "heart.png").write_bytes(b"picture")
    path = tmp_path / "network.toml"
    path.write_text('[rooms.cardiology]\navatar = "heart.png"\n')
    assert load_network(path).rooms["cardiology"].avatar == "heart.png"


def test_the_example_for_operators_is_sound_and_every_entry_is_told(tmp_path: Path) -> None:
    (example,) = re.findall(r'^```toml title="network.toml"\n(.*?)^```$', OPERATOR, re.MULTILINE | re.DOTALL)
    path = tmp_path / "network.toml"
    path.write_text(example, "utf-8")
    network = load_network(path)
    assert len(network.rooms) == 9
    assert network.rooms["psychiatry"].level == Level.L3
    told = set(re.findall(r"`(\w+)`", OPERATOR.partition("## Specialty rooms")[2].partition("\n## ")[0]))
    entries = {*RoomEntry.model_fields, *SpaceEntry.model_fields, *TemplateEntry.model_fields}
    entries |= {*PowerEntry.model_fields, *PolicyListEntry.model_fields}
    assert {entry.removesuffix("_de") for entry in entries} - told - {"adopt", "archived"} == set()
