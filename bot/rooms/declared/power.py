"""Power levels: how they differ from what is declared, and which differences the bot can mend. Pure.

Whoever changes a level needs at least the old and the new one themselves, and more than the person has whose
level it is (C-S API and room version 1, authorization rules 10 and following). Levels below 0 are how
moderation mutes people, and are left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from bot.rooms.declared import wanted
from bot.rooms.declared.world import BOT_POWER, Found, Step, World
from bot.rooms.model import GUARDED, DeclaredRoom, Power

_KIND = "m.room.power_levels"
_NAMES: Mapping[str, int] = {
    "events_default": 0,
    "state_default": 50,
    "users_default": 0,
    "invite": 0,
    "kick": 50,
    "ban": 50,
    "redact": 50,
}


def levels_step(room: DeclaredRoom | None, found: Found, world: World, *, key: str = "") -> list[Step]:
    """What is to be done about a room's power levels; without a room, it is to be archived."""
    return _Levels(room, found, world, room.key if room is not None else key).steps()


class _Levels:
    def __init__(self, room: DeclaredRoom | None, found: Found, world: World, key: str) -> None:
        self._found = found
        self._world = world
        self._key = key
        self._archived = room is None
        self._have = found.content(_KIND)
        self._bot = found.power_of(world.bot)
        declared = room or DeclaredRoom(key, "", power=Power(events_default=50))
        self._wanted = wanted.levels(declared, world, found.version, found.creators)
        if key in world.locked and not self._archived:
            # Moderators raised what speaking needs; when they open the room it is as declared again.
            self._wanted["events_default"] = max(
                self._wanted["events_default"], self._value("events_default")
            )
            have = self._events()
            self._wanted["events"] = {
                kind: max(level, have.get(kind, level)) for kind, level in self._wanted["events"].items()
            }
        if self._archived:
            self._wanted["events"] = {
                **{kind: level for kind, level in self._events().items() if level >= 50}, **GUARDED
            }  # fmt: skip
        self._lines: list[str] = []
        self._cannot: list[tuple[str, str]] = []

    def steps(self) -> list[Step]:
        content = {name: value for name, value in self._have.items() if name not in self._wanted}
        content |= {name: self._number(name) for name in _NAMES}
        content["events"] = self._event_levels()
        content["users"] = self._users()
        content["notifications"] = self._wanted["notifications"]
        room_level = self._wanted["notifications"]["room"]
        notify = self._have.get("notifications")
        before = notify.get("room", 50) if isinstance(notify, Mapping) else 50
        if before != room_level and not self._archived:
            self._lines.append(f"power to notify everybody: {before} → {room_level}")
        steps = []
        if self._lines:
            step = Step(self._key, "state", tuple(self._lines), self._found.room_id, _KIND, content=content)
            if self._bot < self._found.needed(_KIND):
                why = self._why(self._found.needed(_KIND))
                step = Step(self._key, "state", step.lines, step.room_id, _KIND, blocked=why)
            steps.append(step)
        steps += [
            Step(self._key, "state", (line,), self._found.room_id, _KIND, blocked=why)
            for line, why in self._cannot
        ]
        return steps

    def _why(self, needed: int) -> str:
        return (
            f"needs power {needed}, the bot has {self._bot}: "
            f"give {self._world.bot} power 100 in {self._found.room_id}"
        )

    def _value(self, name: str) -> int:
        value = self._have.get(name, _NAMES[name])
        return value if isinstance(value, int) and not isinstance(value, bool) else _NAMES[name]

    def _number(self, name: str) -> int:
        have, level = self._value(name), int(self._wanted[name])
        if self._archived and name != "events_default":
            return have
        if self._archived:
            level = max(level, have)
        return self._change(f"power {name}", have, level)

    def _change(self, what: str, have: int, level: int) -> int:
        """A level as it can be set; the difference is a line, or what the bot cannot do."""
        if have == level:
            return level
        line = f"{what}: {have} → {level}"
        if max(have, level) > self._bot:
            self._cannot.append((line, self._why(max(have, level))))
            return have
        self._lines.append(line)
        return level

    def _events(self) -> dict[str, int]:
        events = self._have.get("events")
        table = events if isinstance(events, Mapping) else {}
        return {kind: level for kind, level in table.items() if isinstance(level, int)}

    def _event_levels(self) -> dict[str, int]:
        have, declared = self._events(), self._wanted["events"]
        levels = {}
        for kind in sorted({*have, *declared}):
            if kind not in declared:
                if have[kind] > self._bot:
                    self._cannot.append((f"power for {kind}: {have[kind]}", self._why(have[kind])))
                    levels[kind] = have[kind]
                else:
                    self._lines.append(f"power for {kind}: {have[kind]}, not declared")
            elif kind not in have:
                if declared[kind] > self._bot:
                    line = f"power for {kind}: + {declared[kind]}"
                    self._cannot.append((line, self._why(declared[kind])))
                else:
                    self._lines.append(f"power for {kind}: + {declared[kind]}")
                    levels[kind] = declared[kind]
            else:
                levels[kind] = self._change(f"power for {kind}", have[kind], declared[kind])
        return levels

    def _users(self) -> dict[str, int]:
        have, declared = self._found.users(), self._wanted["users"]
        users: dict[str, int] = {}
        for user, level in have.items():
            if level < 0 or (user not in declared and level <= self._wanted["users_default"]):
                users[user] = level  # muted, or nothing special
            elif user not in declared:
                line = f"{user} has power {level}, not declared"
                if level >= self._bot:
                    self._cannot.append((line, f"the bot has {self._bot}: {user} must give it up"))
                    users[user] = level
                else:
                    self._lines.append(line)
        for user, level in declared.items():
            if have.get(user, 0) < 0:
                continue
            users[user] = self._person(user, have.get(user), level)
        return {user: level for user, level in users.items() if level != self._wanted["users_default"]}

    def _person(self, user: str, have: int | None, level: int) -> int:
        was = have if have is not None else self._value("users_default")
        if have == level:
            return level
        who = "the bot" if user == self._world.bot else user
        line = f"{who} has power {was} instead of {level}"
        if level > self._bot or (was >= self._bot and user != self._world.bot):
            self._cannot.append((line, self._why(max(level, BOT_POWER))))
            return was
        self._lines.append(line)
        return level
