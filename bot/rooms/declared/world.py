"""What is known when declared rooms are compared with those of the homeserver, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

StateKey = tuple[str, str]
ROOM_EVENT = "org.curbside.room"
OURS = "org.curbside"  # in the content of m.room.create: whose room it is
DIGEST = "org.curbside.sha256"  # in the content of m.room.avatar: of which picture it was uploaded
# From room version 12 on, creators have more power than any number (MSC4289); this stands for it.
ABOVE_ALL = 2**53
BOT_POWER = 100


@dataclass(frozen=True)
class Picture:
    """An avatar: `url` when it lies on the homeserver already, else the SHA-256 of its file."""

    url: str | None = None
    digest: str = ""
    media_type: str = ""
    size: int = 0


@dataclass
class Found:
    """A room as the homeserver has it.

    `entered` is False when the bot is not in it and nothing else is known. `creators` are those who stand
    above all power levels; `founder` sent the create event. `notes` say what nobody but a person can mend.
    """

    room_id: str
    entered: bool = True
    state: dict[StateKey, Mapping[str, Any]] = field(default_factory=dict)
    version: str = "1"
    creators: frozenset[str] = frozenset()
    founder: str = ""
    listed: bool = False
    notes: tuple[str, ...] = ()

    def content(self, kind: str, state_key: str = "") -> Mapping[str, Any]:
        """The content of a state event; empty when there is none, or it was taken back."""
        return self.state.get((kind, state_key), {})

    def keys(self, kind: str) -> list[str]:
        """The state keys of a type of which something is left."""
        return sorted(key for (one, key), content in self.state.items() if one == kind and content)

    @property
    def levels(self) -> Mapping[str, Any]:
        """The content of its power levels; before any are set the founder has all power (C-S API)."""
        return self.content("m.room.power_levels") or {"users": {self.founder: 100}, "state_default": 0}

    def power_of(self, user_id: str) -> int:
        """Somebody's power level."""
        if user_id in self.creators:
            return ABOVE_ALL
        return _level(_table(self.levels.get("users")).get(user_id, self.levels.get("users_default", 0)), 0)

    def needed(self, kind: str) -> int:
        """The power that a state event of this type needs."""
        events = _table(self.levels.get("events"))
        return _level(events.get(kind, self.levels.get("state_default", 50)), 50)

    def users(self) -> dict[str, int]:
        """Everybody with a power level of their own."""
        return {user: _level(level, 0) for user, level in _table(self.levels.get("users")).items()}

    def of_network(self, network: str, key: str) -> bool:
        """Whether it was made as this declared room."""
        mark = _table(self.content("m.room.create").get(OURS))
        return mark.get("network") == network and mark.get("key") == key

    @property
    def half_made(self) -> bool:
        """Whether its making is still under way, or was broken off: what comes last is missing."""
        return OURS in self.content("m.room.create") and (ROOM_EVENT, "") not in self.state


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _level(value: Any, default: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return default
    try:
        return int(value)
    except (ValueError, OverflowError):
        return default


@dataclass
class World:
    """Everything around the rooms. `found` grows while rooms are made; `noted` is what the database knows."""

    server: str
    bot: str
    default_version: str
    network: str = ""
    moderators: tuple[str, ...] = ()
    allowed: frozenset[str] = frozenset()  # homeservers that may take part in rooms
    denied: frozenset[str] = frozenset()  # globs of homeservers, by policy lists that are applied
    language: str = "en"
    upgrade: bool = False
    found: dict[str, Found] = field(default_factory=dict)
    aliases: dict[str, str] = field(default_factory=dict)  # local part → room id
    noted: dict[str, tuple[str, bool]] = field(default_factory=dict)  # key → room id, archived
    pictures: dict[str, Picture] = field(default_factory=dict)  # as the file names them
    locked: frozenset[str] = frozenset()  # keys of rooms that moderators have locked for now

    def address(self, alias: str) -> str:
        """An alias in full."""
        return f"#{alias}:{self.server}"

    def room_id(self, key: str) -> str | None:
        """The id of a declared room that exists."""
        found = self.found.get(key)
        return None if found is None else found.room_id


@dataclass(frozen=True)
class Step:
    """One thing that differs, and what mends it.

    `do` is create, join, upgrade, state, alias, unalias, publish, hide or note (only the database learns of
    it). `lines` say it to the operator. `blocked` is why the bot cannot do it, and who can.
    """

    key: str
    do: str
    lines: tuple[str, ...]
    room_id: str = ""
    kind: str = ""
    state_key: str = ""
    content: Mapping[str, Any] = field(default_factory=dict)
    blocked: str = ""


def short(value: object) -> str:
    """A value as it stands in a line."""
    text = str(value).replace("\n", " ")
    return "nothing" if value in (None, "") else text if len(text) <= 70 else text[:67] + "…"
