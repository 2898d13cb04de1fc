"""One consult in the simulation, with what its hospital's database holds of it beside its row."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.consults.model import Clock, Consult

if TYPE_CHECKING:
    from tests.sim.between import Held
    from tests.sim.house import House


class Broken(AssertionError):
    """An invariant does not hold."""


class Case:
    """A consult; its timers, its pages, and what is remembered to check on it.

    `sent`: pages that have gone out; `waiting`: those that go out with a bundle. `told`: how many times
    the moderators were told since somebody was last being asked. `asker`: the hospital that asks it of us.
    """

    __slots__ = (
        "asker",
        "asking",
        "consult",
        "following",
        "house",
        "legs",
        "resets",
        "sent",
        "timers",
        "told",
        "waiting",
    )

    def __init__(self, house: House, consult: Consult, asker: Held | None = None) -> None:
        self.house = house
        self.consult = consult
        self.timers: dict[Clock, tuple[datetime, int]] = {}
        self.sent: set[int] = set()
        self.waiting: set[int] = set()
        self.asking: set[int] = set()  # pages that other hospitals have as requests
        self.told = 0
        self.resets = consult.opened_at  # since when its end is awaited
        self.asker = asker
        self.legs: dict[str, Held] = {}  # hospitals that are asked
        self.following = (
            0  # how often somebody has set to work on it; what belongs to an earlier time is void
        )

    def __repr__(self) -> str:
        return f"<{self.consult.id} at {self.house.place.server}: {self.consult.state}>"
