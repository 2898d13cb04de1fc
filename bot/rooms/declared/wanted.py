"""What the state of a declared room should be, and the one request that makes it so. Pure.

Sources: C-S API "Room Events", `POST /createRoom`, "Server ACLs", "Spaces"; MSC1763 (m.room.retention);
MSC4289 (creators in room version 12).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from bot.directory import acl
from bot.rooms.declared.world import BOT_POWER, DIGEST, OURS, ROOM_EVENT, Picture, StateKey, World
from bot.rooms.model import DeclaredRoom

ENCRYPTION = {"algorithm": "m.megolm.v1.aes-sha2"}
OPEN_TO_ALL: Mapping[str, Any] = {"allow": ["*"], "deny": [], "allow_ip_literals": True}
_CREATORS_FROM = 12
# The first room version that knows a join rule.
RULE_VERSIONS: Mapping[str, int] = {"knock": 7, "restricted": 8, "knock_restricted": 10}
_MOST_ORDER = 50  # C-S API, m.space.child: the longest `order`


def number(version: str) -> int:
    """A room version as a number; 0 for one that is none."""
    return int(version) if version.isascii() and version.isdecimal() else 0


def creators_above_all(version: str) -> bool:
    """Whether in this room version no level counts for creators."""
    return number(version) >= _CREATORS_FROM


def state_of(room: DeclaredRoom, world: World) -> dict[StateKey, dict[str, Any]]:
    """The state of a declared room, without power levels and alias; our own event comes last.

    Raises `acl.LockedOut` when the server access list would keep out ourselves or a moderator.
    """
    state: dict[StateKey, dict[str, Any]] = {
        ("m.room.join_rules", ""): join_rule(room, world),
        ("m.room.history_visibility", ""): {"history_visibility": room.history},
        ("m.room.guest_access", ""): {"guest_access": "forbidden"},
    }
    if room.encryption:
        state["m.room.encryption", ""] = dict(ENCRYPTION)
    state["m.room.server_acl", ""] = access_list(room, world) if room.acl else {}
    state["m.room.name", ""] = {"name": room.name}
    state["m.room.topic", ""] = {"topic": room.topic} if room.topic else {}
    state["m.room.avatar", ""] = avatar(world.pictures[room.avatar]) if room.avatar else {}
    state["m.room.retention", ""] = retention(room.retention)
    parent = None if room.parent is None else world.room_id(room.parent)
    if parent is not None:
        state["m.space.parent", parent] = {"via": [world.server], "canonical": True}
    state[ROOM_EVENT, ""] = mark(room, world)
    return state


def join_rule(room: DeclaredRoom, world: World) -> dict[str, Any]:
    """Who may come in; restricted rooms let in whoever is in their space."""
    rule: dict[str, Any] = {"join_rule": room.join}
    if room.join in ("restricted", "knock_restricted") and room.parent is not None:
        space = world.room_id(room.parent)
        rule["allow"] = [{"type": "m.room_membership", "room_id": space}] if space else []
    return rule


def access_list(room: DeclaredRoom, world: World) -> dict[str, Any]:
    """The server access list: our own server, and the hospitals that may take part in this room."""
    allowed = world.allowed if room.servers is None else world.allowed & room.servers
    return acl.compute(
        world.server, allowed, world.denied, bots_server=world.server, moderators=world.moderators
    )


def avatar(picture: Picture) -> dict[str, Any]:
    """The avatar; `url` is missing until its file has been uploaded."""
    content: dict[str, Any] = {} if picture.url is None else {"url": picture.url}
    if picture.digest:
        content |= {
            "info": {"mimetype": picture.media_type, "size": picture.size},
            DIGEST: picture.digest,
        }
    return content


def retention(length: timedelta | None) -> dict[str, Any]:
    """How long messages stay (MSC1763), in milliseconds."""
    return {} if length is None else {"max_lifetime": int(length.total_seconds() * 1000)}


def mark(room: DeclaredRoom, world: World) -> dict[str, Any]:
    """Our own state event: what the bots hold to in this room. It names no person."""
    return {"network": world.network, "key": room.key, "level": room.level.name, "watch": room.watch}


def levels(room: DeclaredRoom, world: World, version: str, creators: frozenset[str]) -> dict[str, Any]:
    """The power levels; in room version 12 creators stand in no list."""
    users = dict.fromkeys(world.moderators, room.power.moderators)
    users[world.bot] = BOT_POWER
    if creators_above_all(version):
        users = {user: level for user, level in users.items() if user not in creators}
    return {**room.power.content(), "users": users}


def child(room: DeclaredRoom, world: World) -> dict[str, Any]:
    """The link from its space; the order is that of the keys, so that a new room moves no other."""
    return {"via": [world.server], "order": room.key[:_MOST_ORDER], "suggested": True}


def creation(room: DeclaredRoom, world: World) -> dict[str, Any]:
    """The body of `POST /createRoom`: the whole room in one request. Raises `acl.LockedOut`."""
    version = room.version or world.default_version
    body: dict[str, Any] = {
        "preset": "private_chat",
        "visibility": "private",  # Synapse may refuse to list a room, and does so in silence here
        "room_version": version,
        "creation_content": {
            OURS: {"network": world.network, "key": room.key},
            **({"type": "m.space"} if room.space else {}),
        },
        "initial_state": [
            {"type": kind, "state_key": state_key, "content": content}
            for (kind, state_key), content in state_of(room, world).items()
            if content
        ],
        "power_level_content_override": levels(room, world, version, frozenset({world.bot})),
    }
    if room.alias is not None:
        body["room_alias_name"] = room.alias
    return body
