"""Power in rooms of versions 1–12, and content that anybody may have written."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matrix.rooms import CREATOR_POWER, RoomShape, as_int, creators_rule

ADA, BEN, CY = "@ada:h.example", "@ben:h.example", "@cy:h.example"


def state(kind: str, content: Any, sender: Any = ADA, key: Any = "") -> dict[str, Any]:
    return {"type": kind, "state_key": key, "sender": sender, "content": content}


def room(version: str | None, levels: dict[str, Any] | None = None, **create: Any) -> RoomShape:
    shape = RoomShape()
    content = create if version is None else {"room_version": version, **create}
    shape.apply(state("m.room.create", content))
    if levels is not None:
        shape.apply(state("m.room.power_levels", levels))
    return shape


@pytest.mark.parametrize("version", [None, "1", "9", "10", "11"])
def test_without_power_levels_the_creator_has_100_and_state_is_free(version: str | None) -> None:
    shape = room(version)
    assert (shape.power_of(ADA), shape.power_of(BEN)) == (100, 0)
    assert shape.may(BEN, "send", event_type="m.room.topic", state=True)
    assert shape.may(BEN, "invite") and not shape.may(BEN, "kick")


@pytest.mark.parametrize("version", ["9", "10", "11"])
def test_with_power_levels_the_creator_is_like_everybody(version: str) -> None:
    shape = room(version, {"users": {BEN: 50}, "events": {"m.room.name": 40}})
    assert (shape.power_of(ADA), shape.power_of(BEN), shape.power_of(CY)) == (0, 50, 0)
    assert shape.may(BEN, "send", event_type="m.room.topic", state=True), "state_default is 50"
    assert not shape.may(CY, "send", event_type="m.room.topic", state=True)
    assert shape.may(CY, "send", event_type="m.room.message"), "events_default is 0"
    assert shape.may(BEN, "kick") and shape.may(BEN, "redact") and not shape.may(CY, "ban")
    assert shape.may(CY, "invite")


def test_in_version_12_creators_stand_above_all_levels() -> None:
    levels = {"users": {CY: 100}, "ban": 2**53 - 1, "events": {"m.room.tombstone": 2**53 - 1}}
    shape = room("12", levels, additional_creators=[BEN, 7, None])
    assert shape.power_of(ADA) == shape.power_of(BEN) == CREATOR_POWER
    assert shape.power_of(CY) == 100
    assert shape.may(BEN, "send", event_type="m.room.tombstone", state=True) and shape.may(ADA, "ban")
    assert not shape.may(CY, "ban")
    assert room("12").power_of(ADA) == CREATOR_POWER and room("12").power_of(CY) == 0


def test_additional_creators_mean_nothing_before_version_12() -> None:
    assert room("11", additional_creators=[BEN]).power_of(BEN) == 0


def test_until_version_10_the_creator_stands_in_the_content() -> None:
    assert room("10", creator=BEN).power_of(BEN) == 100
    assert room("10", creator=BEN).power_of(ADA) == 0
    assert room("11", creator=BEN).power_of(ADA) == 100, "version 11 took the field away (MSC2175)"
    assert room("9", creator={"odd": 1}).power_of(ADA) == 100


@pytest.mark.parametrize(
    ("level", "read"),
    [(50, 50), ("50", 50), (" 50 ", 50), ("-1", -1), (50.9, 50), (True, 7), (None, 7), ("fifty", 7), ([], 7),
     (float("inf"), 7), (float("nan"), 7), ("9" * 5000, 7)],
)  # fmt: skip
def test_levels_as_old_rooms_wrote_them(level: Any, read: int) -> None:
    assert as_int(level, 7) == read
    assert room("9", {"users_default": level}).power_of(CY) == (read if read != 7 else 0)


@pytest.mark.parametrize(
    ("version", "privileged"),
    [("11", False), ("12", True), ("13", True), ("org.example.12", False), ("²", False), ("", False),
     ("1" * 5000, False)],
)  # fmt: skip
def test_which_versions_know_the_rule(version: str, privileged: bool) -> None:
    assert creators_rule(version) is privileged


def test_what_followed_and_what_came_before() -> None:
    shape = room("11", predecessor={"room_id": "!old"}, **{"org.curbside": {"out": "01A"}})
    assert (shape.replaces, shape.replaced_by) == ("!old", None)
    shape.apply(state("m.room.tombstone", {"replacement_room": "!new"}))
    assert shape.replaced_by == "!new"
    shape.apply(state("m.room.tombstone", {"replacement_room": 7}))
    assert shape.replaced_by is None
    shape.apply(state("m.room.tombstone", {"replacement_room": "!fake"}, key="x"))
    assert shape.replaced_by is None, "a state key other than the empty one is another event"


def test_rotation_of_keys_is_read_and_never_negative() -> None:
    shape = room("11")
    shape.apply(state("m.room.encryption", {"rotation_period_msgs": 50, "rotation_period_ms": 1000}))
    assert (shape.rotate_messages, shape.rotate_ms) == (50, 1000)
    shape.apply(state("m.room.encryption", {"rotation_period_msgs": -5, "rotation_period_ms": "x"}))
    assert (shape.rotate_messages, shape.rotate_ms) == (None, None)


leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([ADA, "12", "²"])
)
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
)
fields = st.sampled_from(
    ["room_version", "additional_creators", "creator", "predecessor", "org.curbside", "users", "events",
     "users_default", "state_default", "invite", "kick", "replacement_room", "rotation_period_msgs",
     "rotation_period_ms"]
)  # fmt: skip
kinds = st.sampled_from(
    ["m.room.create", "m.room.power_levels", "m.room.tombstone", "m.room.encryption", "m.other"]
)
events = st.fixed_dictionaries(
    {"type": kinds | anything, "state_key": st.just("") | anything},
    optional={
        "content": st.dictionaries(fields, anything, max_size=6) | anything,
        "sender": st.just(ADA) | anything,
    },
)


@given(st.lists(events, max_size=6))
def test_no_content_raises_and_every_shape_can_be_kept(received: list[dict[str, Any]]) -> None:
    shape = RoomShape()
    for event in received:
        shape.apply(event)
    for user in (ADA, BEN):
        assert isinstance(shape.power_of(user), int)
        shape.may(user, "invite")
        shape.may(user, "send", event_type="m.room.message")
        shape.may(user, "send", event_type="m.room.topic", state=True)
    assert RoomShape.from_json(json.loads(json.dumps(shape.to_json()))) == shape
