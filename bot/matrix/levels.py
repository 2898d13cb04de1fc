"""Changes to a room's power levels, worked into the levels as they are. Pure.

C-S API, `m.room.power_levels`; MSC4289: from room version 12 on, creators stand above all levels and must
not be listed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from bot.matrix.rooms import RoomShape, as_int, as_mapping

_CREATOR_LEVEL = 100  # a creator's before any levels are set


def initial(shape: RoomShape) -> dict[str, Any]:
    """What holds in a room without the event, said as its content: so that writing it changes nothing."""
    content: dict[str, Any] = {"state_default": 0}
    if not shape.privileged_creators:
        content["users"] = dict.fromkeys(shape.creators, _CREATOR_LEVEL)
    return content


def patched(now: Mapping[str, Any], patches: Sequence[Mapping[str, Any]], shape: RoomShape) -> dict[str, Any]:
    """The content of the next event: `now` with patches applied in their order.

    A patch is `{"users": {user id: level or null}, "least": {user id: level}, "set": {name: level, or
    {name: level or null}}}`; null takes an entry away, `least` raises those who have less. Creators of rooms
    in which they stand above all levels are passed over.
    """
    content: dict[str, Any] = deepcopy(dict(now))
    for patch in patches:
        _merge(content, as_mapping(patch.get("set")))
        _merge(content, {"users": _listed(patch.get("users"), shape)})
        usual, users = as_int(content.get("users_default"), 0), as_mapping(content.get("users"))
        least = _listed(patch.get("least"), shape).items()
        raised = {user: level for user, level in least if as_int(users.get(user), usual) < level}
        _merge(content, {"users": raised})
    return content


def _listed(users: Any, shape: RoomShape) -> dict[str, Any]:
    """Those whose level may stand in the event."""
    above = shape.creators if shape.privileged_creators else ()
    return {user: level for user, level in as_mapping(users).items() if user not in above}


def _merge(content: dict[str, Any], changes: Mapping[str, Any]) -> None:
    for name, change in changes.items():
        if isinstance(change, Mapping):
            parts = dict(as_mapping(content.get(name)))
            _merge(parts, change)
            if parts or name in content:
                content[name] = parts
        elif change is None:
            content.pop(name, None)
        else:
            content[name] = change
