"""Raw events: what may be taken of one, and what a room's state says of power and successors. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# From room version 12 on, creators have more power than any number (MSC4289); this stands for it.
CREATOR_POWER = 2**53
_CREATOR_VERSIONS_FROM = 12
# From room version 11 on, the creator is whoever sent the create event, whatever its content says (MSC2175).
_CREATOR_IN_CONTENT = ("1", "2", "3", "4", "5", "6", "7", "8", "9", "10")
_DEEPEST = 60
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


def as_mapping(value: Any) -> Mapping[str, Any]:
    """A JSON object, or an empty one in place of anything else."""
    return value if isinstance(value, Mapping) else {}


def as_int(value: Any, default: int) -> int:
    """A JSON integer; old room versions also allow strings of digits, and fractions, which are cut off."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        return int(value)
    except (ValueError, OverflowError):
        return default


def shallow(value: Any, levels: int = _DEEPEST) -> bool:
    """Whether an event is nested no deeper than any reader and writer of JSON can go."""
    inside = value.values() if isinstance(value, Mapping) else value
    return levels > 0 and all(shallow(item, levels - 1) for item in inside if isinstance(item, dict | list))


def storable(name: str) -> bool:
    """Whether an identifier fits the tables: its length, and no character that PostgreSQL refuses."""
    return len(name) <= 255 and _UNSTORABLE.search(name) is None


def creators_rule(version: str) -> bool:
    """Whether creators of a room of this version stand above all power levels."""
    return version.isascii() and version.isdecimal() and as_int(version, 0) >= _CREATOR_VERSIONS_FROM


@dataclass
class RoomShape:
    """What decides power in a room, and what followed it."""

    creators: list[str] = field(default_factory=list)
    privileged_creators: bool = False
    users: dict[str, int] = field(default_factory=dict)
    users_default: int = 0
    state_default: int = 0  # 0 while no power levels are set, 50 once they are (C-S API)
    events: dict[str, int] = field(default_factory=dict)
    needs: dict[str, int] = field(default_factory=dict)  # invite, kick, ban, redact, events_default
    has_levels: bool = False
    replaced_by: str | None = None
    replaces: str | None = None
    rotate_messages: int | None = None
    rotate_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """As kept in the room index."""
        return {key: value for key, value in vars(self).items() if value not in (None, [], {}, False, 0)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RoomShape:
        return cls(**value)

    def power_of(self, user_id: str) -> int:
        """Somebody's power level (C-S API m.room.power_levels; MSC4289 for version 12)."""
        if user_id in self.creators and (self.privileged_creators or not self.has_levels):
            return CREATOR_POWER if self.privileged_creators else 100
        return self.users.get(user_id, self.users_default)

    def may(self, user_id: str, action: str, *, event_type: str | None = None, state: bool = False) -> bool:
        """Whether somebody may `invite`, `kick`, `ban`, `redact`, or send an event of a type."""
        if event_type is None:
            needed = self.needs.get(action, {"invite": 0}.get(action, 50))
        else:
            fallback = self.state_default if state else self.needs.get("events_default", 0)
            needed = self.events.get(event_type, fallback)
        return self.power_of(user_id) >= needed

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one state event; malformed parts are passed over."""
        content = as_mapping(event.get("content"))
        kind = event.get("type")
        if event.get("state_key") != "":
            return
        if kind == "m.room.create":
            self._create(event, content)
        elif kind == "m.room.power_levels":
            self._levels(content)
        elif kind == "m.room.tombstone":
            replacement = content.get("replacement_room")
            self.replaced_by = replacement if isinstance(replacement, str) else None
        elif kind == "m.room.encryption":
            self.rotate_messages = max(0, as_int(content.get("rotation_period_msgs"), 0)) or None
            self.rotate_ms = max(0, as_int(content.get("rotation_period_ms"), 0)) or None

    def _create(self, event: Mapping[str, Any], content: Mapping[str, Any]) -> None:
        creator = event.get("sender")
        others = content.get("additional_creators")
        version = content.get("room_version", "1")
        self.privileged_creators = creators_rule(version) if isinstance(version, str) else False
        if version in _CREATOR_IN_CONTENT and isinstance(content.get("creator"), str):
            creator = content["creator"]
        self.creators = [creator] if isinstance(creator, str) else []
        if self.privileged_creators and isinstance(others, list):
            self.creators += [user for user in others if isinstance(user, str)]
        predecessor = as_mapping(content.get("predecessor")).get("room_id")
        self.replaces = predecessor if isinstance(predecessor, str) else None

    def _levels(self, content: Mapping[str, Any]) -> None:
        self.has_levels = True
        self.users = {user: as_int(level, 0) for user, level in as_mapping(content.get("users")).items()}
        self.events = {kind: as_int(level, 0) for kind, level in as_mapping(content.get("events")).items()}
        self.users_default = as_int(content.get("users_default"), 0)
        self.state_default = as_int(content.get("state_default"), 50)
        names = {"invite": 0, "kick": 50, "ban": 50, "redact": 50, "events_default": 0}
        self.needs = {name: as_int(content.get(name), default) for name, default in names.items()}
