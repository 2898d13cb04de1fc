"""What is kept of joined rooms for features to read, gathered from syncs: rules, and where messages are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.matrix.rooms import as_int

# C-S API, "Moderation policy lists"; Mjolnir's and the drafts' names are still written by older tools.
KEPT = ("m.policy.rule.", "org.matrix.mjolnir.rule.", "m.room.rule.")
_LONGEST = 255


@dataclass(frozen=True)
class Change:
    """One state event as it is kept; an empty `content` has taken the place of an earlier one."""

    event_id: str
    sender: str
    content: str


@dataclass
class StateChanges:
    """What syncs change in what is kept of rooms, gathered before it is written."""

    fresh: set[str] = field(default_factory=set)  # rooms whose whole state comes anew
    events: dict[tuple[str, str, str], Change] = field(default_factory=dict)  # by room, type and key
    redacted: list[tuple[str, str]] = field(default_factory=list)  # room and event
    messages: list[tuple[str, str, int]] = field(default_factory=list)  # room, event, milliseconds

    def take(self, room_id: str, event: Mapping[str, Any]) -> None:
        """Take in a state event, in the order of the room; malformed and unkept ones are passed over."""
        kind, key, content = event.get("type"), event.get("state_key"), event.get("content")
        event_id, sender = event.get("event_id"), event.get("sender")
        if not isinstance(kind, str) or not kind.startswith(KEPT):
            return
        names = (room_id, kind, key, event_id, sender)
        if not isinstance(content, Mapping) or not all(
            isinstance(name, str) and _fits(name) for name in names
        ):
            return
        self.events[room_id, kind, str(key)] = Change(str(event_id), str(sender), json.dumps(content))

    def take_message(self, room_id: str, event: Mapping[str, Any]) -> None:
        """Take in an event of a timeline, ours as well, readable or not, if it is a message."""
        event_id, sent_at = event.get("event_id"), event.get("origin_server_ts")
        if "state_key" in event or event.get("type") == "m.room.redaction":
            return
        if isinstance(event_id, str) and _fits(event_id) and _fits(room_id):
            self.messages.append((room_id, event_id, as_int(sent_at, 0)))

    def take_redaction(self, room_id: str, event: Mapping[str, Any]) -> None:
        """Take in a redaction (C-S API `m.room.redaction`; from room version 11 on its target is content)."""
        content = event.get("content")
        target = event.get("redacts") or (content.get("redacts") if isinstance(content, Mapping) else None)
        if isinstance(target, str) and _fits(target) and _fits(room_id):
            self.redacted.append((room_id, target))


def _fits(name: str) -> bool:
    return len(name) <= _LONGEST and "\0" not in name and not any("\ud800" <= one <= "\udfff" for one in name)
