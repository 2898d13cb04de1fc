"""What a consult is, what can happen to it, and what can follow: plain values, no words of anybody.

The states follow FHIR R4 Task (http://hl7.org/fhir/R4/task.html): where Task.status is too coarse
for the people involved, Task.businessStatus says more; `FHIR` is the mapping. Sent is not delivered,
delivered is not accepted, answered is not closed: each is a state or an event of its own, and only
the requester's read-back closes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class State(StrEnum):
    """Where a consult stands."""

    REQUESTED = "requested"  # somebody is being asked; during a handoff the consultant stays responsible
    UNSTAFFED = "unstaffed"  # everybody was asked, or nobody is on call; the moderators know
    ACCEPTED = "accepted"  # somebody has it; its room is being made
    IN_PROGRESS = "in-progress"
    ANSWERED = "answered"  # waits for the requester's read-back
    COMPLETED = "completed"
    CANCELLED = "cancelled"


FHIR: Mapping[State, tuple[str, str | None]] = {  # → Task.status, Task.businessStatus
    State.REQUESTED: ("requested", None),
    State.UNSTAFFED: ("requested", "unstaffed"),
    State.ACCEPTED: ("accepted", None),
    State.IN_PROGRESS: ("in-progress", None),
    State.ANSWERED: ("in-progress", "answered"),
    State.COMPLETED: ("completed", None),
    State.CANCELLED: ("cancelled", None),
}
FINAL = frozenset({State.COMPLETED, State.CANCELLED})


class Urgency(StrEnum):
    """How soon somebody must have accepted; how long that is, the hospital says."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"


class Outcome(StrEnum):
    """What has become of a page."""

    WAITING = "waiting"
    MISSED = "missed"  # no answer in time; a late one still counts
    FAILED = "failed"  # never reached them
    DECLINED = "declined"
    ACCEPTED = "accepted"
    WITHDRAWN = "withdrawn"  # somebody else has it, or it is over


class Room(StrEnum):
    """What has become of the consult's room."""

    NONE = "none"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


@dataclass(frozen=True)
class Asked:
    """One page: its number within the consult, by which late answers are told apart, and to whom."""

    number: int
    user: str
    outcome: Outcome = Outcome.WAITING


@dataclass(frozen=True)
class Consult:
    """A consult, without its words. `chain` is who is to be asked, frozen when asking began."""

    id: str
    service: str
    urgency: Urgency
    requester: str
    chain: tuple[str, ...]
    wait: timedelta  # for each person asked
    opened_at: datetime
    state: State = State.REQUESTED
    step: int = -1  # how far in the chain
    asked: tuple[Asked, ...] = ()
    consultant: str | None = None
    room: Room = Room.NONE
    version: int = 0
    paged_at: datetime | None = None  # the first page delivered
    acknowledged_at: datetime | None = None  # the first accept or decline
    accepted_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None

    def last_page(self, user: str) -> Asked | None:
        """The latest page to somebody."""
        return next((page for page in reversed(self.asked) if page.user == user), None)

    @property
    def current(self) -> Asked | None:
        """The page whose timer runs."""
        if (
            self.state is not State.REQUESTED
            or not self.asked
            or self.asked[-1].outcome is not Outcome.WAITING
        ):
            return None
        return self.asked[-1]


# ── what happens ──


@dataclass(frozen=True)
class PageDelivered:
    """The page with this number stands in its addressee's chat."""

    number: int


@dataclass(frozen=True)
class PageFailed:
    """The page with this number cannot be delivered."""

    number: int


@dataclass(frozen=True)
class Timeout:
    """The timer of the page with this number has run out."""

    number: int


@dataclass(frozen=True)
class Accept:
    """`stands_in`: a moderator, or on the service's rota now, so may take what nobody took."""

    user: str
    stands_in: bool = False


@dataclass(frozen=True)
class Decline:
    user: str


@dataclass(frozen=True)
class Handoff:
    """`user` asks for `to` to take over."""

    user: str
    to: str
    moderator: bool = False


@dataclass(frozen=True)
class RoomReady:
    pass


@dataclass(frozen=True)
class RoomFailed:
    pass


@dataclass(frozen=True)
class Answer:
    user: str


@dataclass(frozen=True)
class ReadBack:
    """The requester has said in their own words what they understood."""

    user: str


@dataclass(frozen=True)
class Cancel:
    user: str
    moderator: bool = False


@dataclass(frozen=True)
class Lost:
    """Somebody's hospital takes part no longer: they cannot be asked, answer or be answered."""

    user: str


Event = (
    PageDelivered | PageFailed | Timeout | Accept | Decline | Handoff | RoomReady | RoomFailed
    | Answer | ReadBack | Cancel | Lost
)  # fmt: skip


# ── what is to be done ──


@dataclass(frozen=True)
class Page:
    """Ask somebody in their direct chat."""

    user: str
    number: int


@dataclass(frozen=True)
class Unpage:
    """Say on an earlier page that there is nothing left to do there: `yours`, `declined`, `taken`, …"""

    user: str
    number: int
    why: str


@dataclass(frozen=True)
class SetTimer:
    number: int
    due_at: datetime


@dataclass(frozen=True)
class CancelTimer:
    pass


@dataclass(frozen=True)
class TellRequester:
    what: str
    who: str | None = None


@dataclass(frozen=True)
class TellPerson:
    user: str
    what: str
    who: str | None = None


@dataclass(frozen=True)
class TellModerators:
    what: str
    who: str | None = None


@dataclass(frozen=True)
class TellRoom:
    what: str
    who: str | None = None


@dataclass(frozen=True)
class OpenRoom:
    invite: tuple[str, ...]


@dataclass(frozen=True)
class InviteToRoom:
    user: str


@dataclass(frozen=True)
class RemoveFromRoom:
    user: str


@dataclass(frozen=True)
class PostQuestion:
    """Put the question into the consult's room."""


@dataclass(frozen=True)
class PostAnswer:
    """Put the answer into the consult's room."""


@dataclass(frozen=True)
class DeliverAnswer:
    """Give the answer to the requester and ask for the read-back."""


Effect = (
    Page | Unpage | SetTimer | CancelTimer | TellRequester | TellPerson | TellModerators | TellRoom
    | OpenRoom | InviteToRoom | RemoveFromRoom | PostQuestion | PostAnswer | DeliverAnswer
)  # fmt: skip


@dataclass(frozen=True)
class Decision:
    """The consult as it is from now on, and what is to be done, in this order."""

    consult: Consult
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True)
class Refused:
    """Why an event does nothing: a reason code that views.REFUSALS puts into words."""

    reason: str
