"""Who may be in a declared room, and what follows when somebody's membership of it changes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.directory.standing import Level, Standing
from bot.rooms.model import DeclaredRoom


class Reason(StrEnum):
    """Why somebody may not be in a room."""

    BARRED = "barred"  # by the moderators, or by a policy list
    SUSPENDED = "suspended"  # their hospital is
    UNKNOWN = "unknown"  # their hospital takes no part
    ELSEWHERE = "elsewhere"  # the room is for other hospitals
    EXPIRED = "expired"  # they had the level once
    LEVEL = "level"  # they have not reached it yet
    ARCHIVED = "archived"  # nobody comes in any more


class Step(StrEnum):
    """What somebody who was refused can do next."""

    VERIFY = "verify"
    RENEW = "renew"
    ASK_HOSPITAL = "ask-hospital"
    ASK_MODERATORS = "ask-moderators"
    NOTHING = "nothing"


_STEPS = {
    Reason.BARRED: Step.ASK_MODERATORS,
    Reason.SUSPENDED: Step.ASK_HOSPITAL,
    Reason.UNKNOWN: Step.ASK_HOSPITAL,
    Reason.ELSEWHERE: Step.NOTHING,
    Reason.EXPIRED: Step.RENEW,
    Reason.LEVEL: Step.VERIFY,
    Reason.ARCHIVED: Step.NOTHING,
}
# What passes by itself once the person, or their hospital, has done something: they are let in then.
_PASSING = frozenset({Reason.SUSPENDED, Reason.EXPIRED, Reason.LEVEL})


@dataclass(frozen=True)
class Decision:
    """Admitted, or refused for one reason; `missing` is the level that the room asks for."""

    reason: Reason | None = None
    missing: Level | None = None

    @property
    def admitted(self) -> bool:
        """Whether they may come in."""
        return self.reason is None

    @property
    def stays(self) -> bool:
        """Whether somebody who is in may stay: an archived room keeps its members."""
        return self.reason is None or self.reason is Reason.ARCHIVED

    @property
    def step(self) -> Step:
        """What they can do next."""
        return Step.NOTHING if self.reason is None else _STEPS[self.reason]

    @property
    def passing(self) -> bool:
        """Whether it is worth remembering that they want to come in."""
        return self.reason in _PASSING


ADMITTED = Decision()
_REFUSED = {reason: Decision(reason) for reason in Reason}
_MISSING = {
    (reason, level): Decision(reason, level) for reason in (Reason.EXPIRED, Reason.LEVEL) for level in Level
}


def decide(room: DeclaredRoom, standing: Standing, barred: str | None, now: datetime) -> Decision:
    """Whether somebody may be in a room at a moment.

    `barred` is the moderation's short code, or None. The reason given is the one that weighs most: who is
    barred learns nothing of levels, and a level that would suffice is not asked of a suspended hospital.
    """
    if barred is not None:
        return _REFUSED[Reason.BARRED]
    if not standing.welcome:
        return _REFUSED[Reason.SUSPENDED if standing.hospital == "suspended" else Reason.UNKNOWN]
    if room.servers is not None and standing.user_id.partition(":")[2] not in room.servers:
        return _REFUSED[Reason.ELSEWHERE]
    if room.level > Level.L0:
        lapsed = standing.until is not None and standing.until <= now
        if standing.level < room.level or lapsed:
            reason = Reason.EXPIRED if standing.had >= room.level else Reason.LEVEL
            return _MISSING[reason, room.level]
    return _REFUSED[Reason.ARCHIVED] if room.archived else ADMITTED


class Act(StrEnum):
    """What follows from a change of somebody's membership."""

    NOTHING = "nothing"
    INVITE = "invite"  # answers a knock
    REJECT = "reject"  # a knock, by a kick (C-S API, "Knocking on rooms")
    WELCOME = "welcome"
    REMOVE = "remove"
    RESCIND = "rescind"  # an invitation, by a kick
    FORGET = "forget"  # they are gone: no reminder, no mute


def on_membership(now_is: str, decision: Decision, *, exempt: bool, by_us: bool) -> Act:
    """What follows when somebody's membership became `now_is` (C-S API, m.room.member).

    It does not matter which way they came: an alias, the space of a restricted room, a member's invitation
    or an upgraded room lead to the same decision. `exempt` are moderators and bots; `by_us` says that a bot
    of the house did it.
    """
    if now_is == "knock":
        return Act.INVITE if exempt or decision.admitted else Act.REJECT
    if now_is == "join":
        return Act.WELCOME if exempt or decision.admitted else Act.REMOVE
    if now_is == "invite":
        return Act.NOTHING if exempt or by_us or decision.admitted else Act.RESCIND
    return Act.FORGET if now_is in ("leave", "ban") else Act.NOTHING


def on_change(membership: str, decision: Decision) -> Act:
    """What follows for somebody in a room, invited to it or knocking, when what is known of them changed."""
    if membership == "knock":
        return Act.INVITE if decision.admitted else Act.REJECT
    if decision.stays:
        return Act.NOTHING
    return Act.REMOVE if membership == "join" else Act.RESCIND


@dataclass(frozen=True)
class Presence:
    """Somebody's place in a declared room: join, invite or knock."""

    key: str
    user_id: str
    membership: str


@dataclass(frozen=True)
class Due:
    """What is to be done about somebody's place in a room."""

    presence: Presence
    act: Act
    decision: Decision


def sweep(
    rooms: Mapping[str, DeclaredRoom],
    present: Iterable[Presence],
    standings: Mapping[str, Standing],
    barred: Mapping[tuple[str, str], str],
    now: datetime,
) -> Iterator[Due]:
    """All that has to be done about these people: `barred` maps (user, room) to the moderation's code.

    Whoever has no standing in `standings` is passed over: moderators and bots.
    """
    for one in present:
        standing, room = standings.get(one.user_id), rooms.get(one.key)
        if standing is None or room is None:
            continue
        decision = decide(room, standing, barred.get((one.user_id, one.key)), now)
        act = on_change(one.membership, decision)
        if act is not Act.NOTHING:
            yield Due(one, act, decision)


def spaces_of(rooms: Mapping[str, DeclaredRoom], key: str) -> list[DeclaredRoom]:
    """The spaces that a room stands in, the nearest first; a circle in the file ends it."""
    found: list[DeclaredRoom] = []
    at = rooms.get(key)
    while at is not None and at.parent is not None:
        at = rooms.get(at.parent)
        if at is None or at in found:
            break
        found.append(at)
    return found
