"""What the network file declares, as plain values: spaces, specialty rooms, and what holds in each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from bot.directory.standing import Level

JOIN_RULES = ("invite", "knock", "restricted", "knock_restricted", "public")
HISTORY = ("invited", "joined", "shared", "world_readable")
WATCH = ("off", "warn", "redact")
# State by which a room could be opened, shut or taken over: only the bot sends it.
GUARDED: Mapping[str, int] = dict.fromkeys(
    (
        "m.room.encryption",
        "m.room.guest_access",
        "m.room.history_visibility",
        "m.room.join_rules",
        "m.room.power_levels",
        "m.room.retention",
        "m.room.server_acl",
        "m.room.tombstone",
        "org.curbside.room",
    ),
    100,
)


@dataclass(frozen=True)
class Power:
    """Power levels of a room, beside the bot's own and the moderators': C-S API, m.room.power_levels."""

    events_default: int = 0
    state_default: int = 50
    users_default: int = 0
    invite: int = 50
    kick: int = 50
    ban: int = 50
    redact: int = 50
    events: Mapping[str, int] = field(default_factory=dict)
    moderators: int = 50  # what everybody gets who moderates

    def content(self) -> dict[str, Any]:
        """The levels without people, as in m.room.power_levels."""
        return {
            "events_default": self.events_default,
            "state_default": self.state_default,
            "users_default": self.users_default,
            "invite": self.invite,
            "kick": self.kick,
            "ban": self.ban,
            "redact": self.redact,
            "events": {**GUARDED, **self.events},
            "notifications": {"room": self.moderators},
        }


@dataclass(frozen=True)
class DeclaredRoom:
    """A specialty room, or (`space`) a space, with its template's values filled in.

    `key` names it in the file, in commands and in the house (`room:network/KEY`); `parent` is the key of
    the space it stands in. `name` is what the room is called on the homeserver, `names` what people of
    each language read. `adopt` is the id of a room that exists already. `level` is what somebody must be
    verified as to be in it. `rules` are what a newcomer accepts; with `mute` they are mute until then.
    `retention` is how long messages stay (None: for ever). `servers` limits it to these homeservers (the
    server ACL); None means whoever the hospital policy lets into rooms.
    """

    key: str
    name: str
    names: Mapping[str, str] = field(default_factory=dict)  # language → name
    space: bool = False
    parent: str | None = None
    topic: str = ""
    specialty: str | None = None
    alias: str | None = None  # the local part
    encryption: bool = True
    history: str = "invited"
    join: str = "knock"
    level: Level = Level.L2
    power: Power = field(default_factory=Power)
    acl: bool = True
    servers: frozenset[str] | None = None
    retention: timedelta | None = None
    watch: str = "off"
    languages: tuple[str, ...] = ()
    avatar: str | None = None  # a picture file beside the network file, or an mxc:// URI
    welcome: Mapping[str, str] = field(default_factory=dict)  # language → text
    rules: Mapping[str, str] = field(default_factory=dict)
    mute: bool = False
    listed: bool = False  # in the homeserver's public room list
    version: str | None = None
    adopt: str | None = None
    archived: bool = False

    def title(self, language: str) -> str:
        """What to call it towards somebody who reads this language."""
        return self.names.get(language) or self.name

    @property
    def house_name(self) -> str:
        """Its name in the house: what an outbox row's `room` may say."""
        return f"room:network/{self.key}"


@dataclass(frozen=True)
class PolicyList:
    """A Matrix policy list to subscribe to: `apply` is False for a dry run; `dont_apply` are globs.

    `via` names homeservers through which to enter its room, for an id that names none.
    """

    room: str  # id or alias
    apply: bool = False
    dont_apply: tuple[str, ...] = ()
    via: tuple[str, ...] = ()


@dataclass(frozen=True)
class Network:
    """The declared network: spaces before the rooms in them, in the order of the file."""

    name: str = ""
    rooms: Mapping[str, DeclaredRoom] = field(default_factory=dict)  # spaces too
    policy_lists: tuple[PolicyList, ...] = ()

    def inside(self, space: str) -> list[DeclaredRoom]:
        """What stands directly in a space."""
        return [room for room in self.rooms.values() if room.parent == space]
