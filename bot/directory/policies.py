"""What a hospital decides on asking: who is asked, in which order, for how long. Plain values.

A policy holds for one service and one urgency, and is frozen into a consult when it opens; whom a rota
or a group means is decided anew each time somebody is to be asked. How long anything takes is the
hospital's policy, never ours; the presets of `DEFAULTS` are a start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Whom(StrEnum):
    """What kind of thing a target names."""

    PERSON = "person"  # a Matrix user id
    ROTA = "rota"  # whoever is on in this rota
    GROUP = "group"  # a group of the roster
    SERVICE = "service"  # whoever is on call for a service: its rota, else its shifts and chain
    MODERATORS = "moderators"  # told in their room, where each of them may take it
    HOSPITAL = "hospital"  # another hospital's Curbside, by its server name


class Mode(StrEnum):
    """How the people of a tier are asked."""

    TOGETHER = "together"  # all at once, the first to accept has it
    IN_TURN = "in turn"  # one after the other, each for the tier's time


@dataclass(frozen=True)
class Target:
    """Whom a tier asks; `name` is empty for the moderators."""

    kind: Whom
    name: str = ""


@dataclass(frozen=True)
class Tier:
    """One step of an escalation.

    `wait` is the time to accept, from the delivery of the page. An acknowledgement (“seen”) holds the
    step for `acknowledged`; `remind` after it whoever has not accepted is reminded once. `channels` names
    the bridges by which a page goes out as well, in the order in which they are tried.
    """

    targets: tuple[Target, ...]
    wait: timedelta
    mode: Mode = Mode.IN_TURN
    acknowledged: timedelta = timedelta(minutes=10)
    remind: timedelta | None = None
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Policy:
    """How a consult is brought to somebody, and what is watched over afterwards.

    All tiers are gone through once and `repeat` times more. When nobody took it, the moderators are told,
    and after `nag` it is tried anew, then after pauses twice as long each, up to sixteen times as long.
    `answer` is the time from acceptance to the answer, `read_back` the pause between reminders to read it
    back; None: nobody is reminded. `hold_stops_clock`: the time until information comes from the requester
    does not count. A consult that nobody took, or whose answer nobody read back, ends after `expires`; a
    closed one may be reopened for `reopen`. `bundle`: requests wait for the end of somebody's quiet hours,
    and for each other.
    """

    tiers: tuple[Tier, ...]
    repeat: int = 0
    nag: timedelta = timedelta(minutes=30)
    answer: timedelta | None = None
    read_back: timedelta | None = timedelta(hours=24)
    hold_stops_clock: bool = True
    expires: timedelta = timedelta(days=14)
    reopen: timedelta = timedelta(days=14)
    bundle: bool = False


@dataclass(frozen=True)
class PolicySet:
    """The policies of a service by urgency (`stat`, `urgent`, `routine`)."""

    by_urgency: Mapping[str, Policy]
