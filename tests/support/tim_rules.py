"""A Synapse module with the rules of TI-Messenger homeservers, as Famedly's invite checker has them.

Copied beside the configuration of a homeserver, and loaded there by `tests/matrix/test_strict_profile.py`.
Source: Synapse manual, "Third party rules callbacks".
"""

from __future__ import annotations

import unicodedata
from typing import Any

from synapse.module_api import ModuleApi, StateMap
from synapse.module_api.errors import SynapseError

VERSIONS = ("9", "10")


class TimRules:
    """Refuses what those homeservers refuse."""

    def __init__(self, config: dict[str, Any], api: ModuleApi) -> None:
        self._default = str(config["default_room_version"])
        self._direct: dict[str, str] = {}  # direct chat → the one person invited
        api.register_third_party_rules_callbacks(
            check_event_allowed=self.check_event_allowed, on_create_room=self.on_create_room
        )

    async def on_create_room(self, requester: Any, request: dict[str, Any], is_admin: bool) -> None:
        if len(request.get("invite", [])) > 1:
            raise SynapseError(403, "At most one invitee", "M_FORBIDDEN")
        if request.get("room_version", self._default) not in VERSIONS:
            raise SynapseError(403, "Room version not allowed", "M_FORBIDDEN")

    async def check_event_allowed(self, event: Any, state: StateMap[Any]) -> tuple[bool, dict | None]:
        if event.type == "m.room.member" and event.content.get("membership") == "invite":
            known = self._direct.get(event.room_id)
            if known is not None:
                return False, None
            if event.content.get("is_direct"):
                self._direct[event.room_id] = event.state_key
        if event.type == "m.reaction":
            key = event.content.get("m.relates_to", {}).get("key")
            return isinstance(key, str) and _signs(key) == 1, None
        return True, None


def _signs(text: str) -> int:
    """How many signs a reader sees, for the emoji that people react with."""
    number, joined = 0, False
    for char in text:
        if char == "\u200d":
            joined = True
        elif unicodedata.category(char)[0] == "M" or 0x1F3FB <= ord(char) <= 0x1F3FF:
            continue
        else:
            number += not joined
            joined = False
    return number
