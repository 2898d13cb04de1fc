"""Patches of power levels."""

from typing import Any

from bot.matrix.levels import initial, patched
from bot.matrix.rooms import RoomShape

ADA, BEN = "@ada:h.example", "@ben:h.example"


def shape(version: str) -> RoomShape:
    made = RoomShape()
    content = {"room_version": version, "creator": ADA}
    made.apply({"type": "m.room.create", "state_key": "", "sender": ADA, "content": content})
    return made


def test_patches_apply_in_their_order_and_leave_the_rest() -> None:
    now: dict[str, Any] = {"users": {ADA: 100}, "events": {"m.room.name": 50}, "kick": 50, "x": {"y": 1}}
    patches: list[dict[str, Any]] = [
        {"users": {BEN: 50}},
        {"users": {BEN: -1}, "set": {"events": {"m.room.name": None, "m.room.topic": 75}, "kick": 60}},
        {"set": {"ban": None, "redact": 10}},
    ]
    assert patched(now, patches, shape("11")) == {
        "users": {ADA: 100, BEN: -1}, "events": {"m.room.topic": 75}, "kick": 60, "x": {"y": 1}, "redact": 10,
    }  # fmt: skip
    assert now["users"] == {ADA: 100}, "what was read is left as it is"


def test_taking_away_what_is_not_there_changes_nothing() -> None:
    assert patched({}, [{"users": {BEN: None}, "set": {"events": {"a": None}}}], shape("11")) == {}


def test_creators_who_stand_above_levels_are_not_listed() -> None:
    assert patched({}, [{"users": {ADA: 0, BEN: 50}}], shape("12")) == {"users": {BEN: 50}}
    assert patched({}, [{"users": {ADA: 90}}], shape("11")) == {"users": {ADA: 90}}


def test_writing_first_levels_takes_nobody_power_nor_gives_it() -> None:
    for version in ("1", "10", "12"):
        made = shape(version)
        first = initial(made)
        before = {user: made.power_of(user) for user in (ADA, BEN)}
        made.apply({"type": "m.room.power_levels", "state_key": "", "sender": ADA, "content": first})
        assert {user: made.power_of(user) for user in (ADA, BEN)} == before
        assert made.may(BEN, "x", event_type="m.room.topic", state=True)


def test_what_is_no_patch_is_passed_over() -> None:
    assert patched({"kick": 1}, [{}, {"users": 7, "set": []}], shape("11")) == {"kick": 1}
