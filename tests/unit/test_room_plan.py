"""The plan: what differs between a declared room and the homeserver's, and what the bot may do about it."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.rooms.declared import rules, wanted
from bot.rooms.declared.world import ABOVE_ALL, Found, Picture, Step, World
from bot.rooms.model import DeclaredRoom, Network, Power

BOT, MOD, EVE = "@curbside:lake.example", "@mo:lake.example", "@eve:lake.example"
SPACE = DeclaredRoom(
    "medicine", "Medicine", space=True, alias="medicine", encryption=False, history="shared",
    power=Power(events_default=50),
)  # fmt: skip
ROOM = DeclaredRoom(
    "cardiology", "Cardiology", parent="medicine", topic="Hearts", alias="cardiology", join="restricted",
    retention=timedelta(days=30), avatar="heart.png",
)  # fmt: skip
NETWORK = Network("Lakeland", {"medicine": SPACE, "cardiology": ROOM})


def make(room: DeclaredRoom, world: World, version: str = "12") -> Found:
    """The room as `apply` would have made it."""
    room_id = f"!{room.key}"
    founded = Found(room_id, version=version, founder=BOT)
    founded.creators = frozenset({BOT}) if version == "12" else frozenset()
    world.found[room.key] = founded
    state = {key: content for key, content in wanted.state_of(room, world).items() if content}
    founded.state = {
        ("m.room.create", ""): {"org.curbside": {"network": "Lakeland", "key": room.key}},
        ("m.room.power_levels", ""): wanted.levels(room, world, version, founded.creators),
        ("m.room.canonical_alias", ""): {"alias": world.address(room.alias or "")},
        **state,
    }
    founded.listed = room.listed
    world.aliases[room.alias or ""] = room_id
    world.noted[room.key] = (room_id, False)
    return founded


def whole(version: str = "12") -> World:
    """Both rooms as declared."""
    world = World("lake.example", BOT, "12", "Lakeland", moderators=(MOD,))
    world.allowed = frozenset({"lake.example", "hill.example"})
    world.pictures["heart.png"] = Picture("mxc://lake.example/1", "abc", "image/png", 7)
    space = make(SPACE, world, version)
    found = make(ROOM, world, version)
    space.state["m.space.child", found.room_id] = wanted.child(ROOM, world)
    return world


def lines(steps: list[Step]) -> list[str]:
    return [line for step in steps for line in step.lines]


def plan(world: World, network: Network = NETWORK) -> list[str]:
    return [line for steps in rules.everything(network, world).values() for line in lines(steps)]


def test_what_is_as_declared_needs_nothing() -> None:
    assert plan(whole()) == []
    assert plan(whole("11")) == []


def test_what_is_not_there_is_made_spaces_first() -> None:
    world = World("lake.example", BOT, "12", "Lakeland")
    assert plan(world) == [
        "+ space medicine (#medicine:lake.example)",
        "+ room cardiology in space medicine (#cardiology:lake.example)",
    ]


@pytest.mark.parametrize(
    ("kind", "content", "line"),
    [
        ("m.room.name", {"name": "Hearts"}, "name: Hearts → Cardiology"),
        ("m.room.topic", {}, "topic: nothing → Hearts"),
        ("m.room.avatar", {"url": "mxc://x/y"}, "avatar: is another picture"),
        ("m.room.canonical_alias", {}, "main alias: nothing → #cardiology:lake.example"),
        ("m.room.join_rules", {"join_rule": "public"}, "join rule: public → restricted (who is in medicine)"),
        (
            "m.room.join_rules",
            {"join_rule": "restricted", "allow": [{"type": "m.room_membership", "room_id": "!else"}]},
            "join rule: restricted (who is in !else) → restricted (who is in medicine)",
        ),
        (
            "m.room.history_visibility",
            {"history_visibility": "shared"},
            "history: shared → invited (who could read what was sent until now still can)",
        ),
        ("m.room.history_visibility", {"history_visibility": "joined"}, "history: joined → invited"),
        ("m.room.guest_access", {"guest_access": "can_join"}, "guest access: can_join → forbidden"),
        ("m.room.encryption", {}, "encryption: nothing → m.megolm.v1.aes-sha2"),
        ("m.room.server_acl", {}, "server ACL: everybody → hill.example, lake.example"),
        (
            "m.room.server_acl",
            {"allow": ["*"], "deny": ["evil.example"]},
            "server ACL: * without evil.example → hill.example, lake.example",
        ),
        ("m.room.retention", {"max_lifetime": 3_600_000}, "retention: 1 h → 30 d"),
        ("m.room.retention", {}, "retention: for ever → 30 d"),
        ("org.curbside.room", {}, "org.curbside.room: is missing"),
        ("org.curbside.room", {"level": "L0"}, "what the bots hold to (org.curbside.room): is another"),
    ],
)
def test_state_that_differs_is_set_as_declared(kind: str, content: dict[str, Any], line: str) -> None:
    world = whole()
    before = world.found["cardiology"].state[kind, ""]
    world.found["cardiology"].state[kind, ""] = content
    steps = rules.room_steps(ROOM, world)
    assert lines(steps) == [line]
    (step,) = steps
    assert (step.do, step.kind, step.blocked) == ("state", kind, "")
    if kind != "m.room.canonical_alias":
        assert step.content == before
    world.found["cardiology"].state[kind, ""] = step.content
    assert plan(world) == []


def test_links_between_a_room_and_its_space() -> None:
    world = whole()
    space, room = world.found["medicine"], world.found["cardiology"]
    space.state["m.space.child", room.room_id] = {}
    space.state["m.space.child", "!stranger"] = {"via": ["x"]}
    room.state["m.space.parent", space.room_id] = {}
    room.state["m.space.parent", "!foreign"] = {"via": ["x"]}
    assert set(plan(world)) == {
        "in space medicine: is missing",
        "shows !stranger, not declared in it",
        "does not say in which space it stands",
        "says it stands in !foreign, not declared",
    }


def test_aliases_lead_where_they_should() -> None:
    world = whole()
    del world.aliases["cardiology"]
    assert plan(world) == ["alias: + #cardiology:lake.example"]
    world.aliases["cardiology"] = "!other"
    steps = rules.room_steps(ROOM, world)
    assert [(step.do, step.room_id) for step in steps] == [("unalias", "!other"), ("alias", "!cardiology")]


def test_the_room_directory() -> None:
    world = whole()
    world.found["cardiology"].listed = True
    assert plan(world) == ["in the room directory: yes → no"]


# Power -------------------------------------------------------------------------------------------


def levels(world: World) -> dict[str, Any]:
    content = dict(world.found["cardiology"].state["m.room.power_levels", ""])
    content |= {"users": dict(content["users"]), "events": dict(content["events"])}
    world.found["cardiology"].state["m.room.power_levels", ""] = content
    return content


def test_levels_that_differ_are_set_and_the_rest_is_kept() -> None:
    world = whole()
    content = levels(world)
    content |= {"invite": 0, "historical": 100}
    content["events"] |= {"m.room.name": 0}
    del content["events"]["m.room.tombstone"]
    content["users"] |= {EVE: 75, "@muted:x": -1}
    del content["users"][MOD]
    (step,) = rules.room_steps(ROOM, world)
    assert step.lines == (
        "power invite: 0 → 50",
        "power for m.room.name: 0, not declared",
        "power for m.room.tombstone: + 100",
        f"{EVE} has power 75, not declared",
        f"{MOD} has power 0 instead of 50",
    )
    assert step.content["users"] == {MOD: 50, "@muted:x": -1}
    assert step.content["historical"] == 100
    world.found["cardiology"].state["m.room.power_levels", ""] = step.content
    assert plan(world) == []


def test_muted_people_and_locked_rooms_are_left_alone() -> None:
    world = whole()
    content = levels(world)
    content["users"] |= {"@muted:x": -1, MOD: -1}
    content["events_default"] = 50
    assert plan(world) == ["power events_default: 50 → 0"]
    world.locked = frozenset({"cardiology"})
    assert plan(world) == []


def test_creators_of_version_12_stand_above_all_levels_and_in_no_list() -> None:
    world = whole()
    found = world.found["cardiology"]
    assert BOT not in wanted.levels(ROOM, world, "12", found.creators)["users"]
    assert found.power_of(BOT) == ABOVE_ALL
    levels(world)["users"][EVE] = 100
    (step,) = rules.room_steps(ROOM, world)
    assert (step.lines, step.blocked) == ((f"{EVE} has power 100, not declared",), "")


def test_before_version_12_nobody_is_lowered_who_is_as_high_as_the_bot() -> None:
    world = whole("11")
    levels(world)["users"][EVE] = 100
    (step,) = rules.room_steps(ROOM, world)
    assert step.blocked == f"the bot has 100: {EVE} must give it up"


def test_a_bot_without_power_says_what_it_needs() -> None:
    world = whole("11")
    levels(world)["users"][BOT] = 50
    world.found["cardiology"].state["m.room.join_rules", ""] = {"join_rule": "public"}
    steps = rules.room_steps(ROOM, world)
    assert all(step.blocked for step in steps)
    needs = "needs power 100, the bot has 50: give @curbside:lake.example power 100 in !cardiology"
    assert {step.blocked for step in steps} == {needs}
    assert "the bot has power 50 instead of 100" in lines(steps)


# What cannot be mended ---------------------------------------------------------------------------


def test_encryption_is_never_taken_away() -> None:
    world = whole()
    bare = replace(ROOM, encryption=False)
    (step,) = rules.room_steps(bare, world)
    assert step.blocked == "encryption cannot be taken away; declare encryption = true"


def test_versions_go_up_on_request_and_never_down() -> None:
    world = whole("11")
    (step,) = rules.room_steps(replace(ROOM, version="12"), world)
    assert "only with --upgrade" in step.blocked
    world.upgrade = True
    (step,) = rules.room_steps(replace(ROOM, version="12"), world)
    assert (step.do, step.lines, step.blocked) == ("upgrade", ("version: 11 → 12",), "")
    (step,) = rules.room_steps(replace(ROOM, version="10"), world)
    assert "a room never goes back" in step.blocked


def test_a_join_rule_that_the_version_does_not_know() -> None:
    world = whole("9")
    (step,) = rules.room_steps(replace(ROOM, join="knock_restricted"), world)
    assert step.blocked == "needs room version 10, this is 9; declare `version`"


def test_an_access_list_that_would_lock_a_moderator_out_is_not_set() -> None:
    world = whole()
    world.moderators = ("@mo:hill.example",)
    world.allowed = frozenset({"lake.example"})
    blocked = [step for step in rules.room_steps(ROOM, world) if step.blocked]
    assert "would cut off hill.example" in blocked[0].blocked


# Where rooms come from and go to -----------------------------------------------------------------


def test_adopting_moving_on_and_entering() -> None:
    world = whole()
    del world.noted["cardiology"]
    assert plan(world) == ["is noted as !cardiology"]
    world.found["cardiology"].state["m.room.create", ""] = {}
    assert plan(world) == ["adopts !cardiology"]
    world.noted["cardiology"] = ("!old", False)
    assert plan(world) == ["moves on from !old to !cardiology"]
    world.found["cardiology"] = Found("!cardiology", entered=False)
    assert plan(world)[0] == "the bot enters !cardiology, where it is not"


def test_archiving_shuts_a_room_and_bringing_it_back_opens_it() -> None:
    world = whole()
    found = world.found["cardiology"]
    found.listed = True
    without = Network("Lakeland", {"medicine": SPACE})
    assert plan(world, without) == [
        "shows cardiology, not declared in it",
        "in the room directory: yes → no",
        "alias: - #cardiology:lake.example",
        "main alias: -",
        "join rule: restricted (who is in medicine) → invite",
        "name: Cardiology → Archived: Cardiology",
        "says no more in which space it stood",
        "archived: no → yes",
        "power events_default: 0 → 50",
        "is noted as archived",
    ]
    declared = Network("Lakeland", {"medicine": SPACE, "cardiology": replace(ROOM, archived=True)})
    assert set(plan(world, declared)) == set(plan(world, without))
    for step in rules.everything(without, world)["cardiology"]:
        if step.do == "state":
            found.state[step.kind, step.state_key] = step.content
    found.listed = False
    world.aliases.pop("cardiology")
    world.found["medicine"].state["m.space.child", found.room_id] = {}
    world.noted["cardiology"] = (found.room_id, True)
    assert plan(world, without) == []
    assert plan(world, declared) == []
    back = plan(world)
    assert "is noted as open again" in back
    assert "name: Archived: Cardiology → Cardiology" in back
    assert "power events_default: 50 → 0" in back
    assert "alias: + #cardiology:lake.example" in back


def test_what_is_archived_and_was_never_made_is_not_made() -> None:
    world = whole()
    hall = DeclaredRoom("hall", "Hall", alias="hall", archived=True)
    assert plan(world, Network("Lakeland", {**NETWORK.rooms, "hall": hall})) == []


@pytest.mark.parametrize("language", ["en", "de"])
def test_an_archived_name_is_marked_once(language: str) -> None:
    name = rules.archived_name("Cardiology", language)
    assert rules.archived_name(name, "en") == "Archived: Cardiology"
    assert rules.archived_name(name, "de") == "Archiv: Cardiology"


def test_one_request_makes_the_whole_room() -> None:
    world = whole()
    body = wanted.creation(ROOM, world)
    assert body["room_alias_name"] == "cardiology"
    assert body["creation_content"] == {"org.curbside": {"network": "Lakeland", "key": "cardiology"}}
    assert body["initial_state"][-1]["type"] == "org.curbside.room"
    assert BOT not in body["power_level_content_override"]["users"]
    assert wanted.creation(replace(ROOM, version="11"), world)["power_level_content_override"]["users"] == {
        BOT: 100,
        MOD: 50,
    }
    mentioned = str([event for event in body["initial_state"] if event["type"] != "m.room.server_acl"])
    assert "@" not in mentioned
