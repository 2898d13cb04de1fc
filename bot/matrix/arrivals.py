"""Somebody of another homeserver comes into a room of ours at the moment when we say something there.

A homeserver sends an event to the servers that were in the room before it (S-S API, "Transactions"), and
who joins later looks for what came before the joining. A message sent while the joining was under way is
neither: it stands beside it in the room's graph, and the newcomer's homeserver learns of it only from an
event that follows both. So one more event is sent, which people's clients show nothing of.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from bot.kernel.outbox import Outgoing
from bot.matrix.rooms import as_mapping
from bot.matrix.store import RoomRow

ARRIVED = "org.curbside.arrived"
# In larger rooms there is always somebody who says something next, and newcomers are many.
_FEW = 8
_OURS_FROM = 50


def follow_up(bot: str, user_id: str, row: RoomRow, events: Iterable[Mapping[str, Any]]) -> list[Outgoing]:
    """The event to send after others' arrivals among these events in a small room that we made."""
    size = (row.joined or 0) + (row.invited or 0)
    if size > _FEW or row.shape.power_of(user_id) < _OURS_FROM:
        return []
    home = user_id.partition(":")[2]
    if not any(_arrival(event, home) for event in events):
        return []
    return [Outgoing(bot, row.room_id, "send", {"type": ARRIVED, "content": {}, "clear": True})]


def _arrival(event: Mapping[str, Any], home: str) -> bool:
    """Whether this is the joining of somebody from another homeserver, and no new name of theirs."""
    if event.get("type") != "m.room.member" or as_mapping(event.get("content")).get("membership") != "join":
        return False
    before = as_mapping(as_mapping(event.get("unsigned")).get("prev_content")).get("membership")
    return before != "join" and str(event.get("state_key")).partition(":")[2] != home
