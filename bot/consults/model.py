"""What a consult is, what can happen to it, and what can follow: plain values, no words of anybody.

The states follow FHIR R4 Task (http://hl7.org/fhir/R4/task.html): where Task.status is too coarse
for the people involved, Task.businessStatus says more; `FHIR` is the mapping. Sent is not delivered,
delivered is not acknowledged, acknowledged is not accepted, answered is not closed: each is a state or
an event of its own, and only the requester's read-back closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from bot.consults.values import replace as replace
from bot.directory.policies import Policy, Target


class State(StrEnum):
    """Where a consult stands."""

    REQUESTED = "requested"  # somebody is being asked; during a hand-off the consultant stays responsible
    UNSTAFFED = "unstaffed"  # everybody was asked, or nobody is on call; the moderators know
    ACCEPTED = "accepted"  # somebody has it; its room is being made
    IN_PROGRESS = "in-progress"
    ON_HOLD = "on-hold"  # the consultant waits for information from the requester
    ANSWERED = "answered"  # waits for the requester's read-back
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"  # nobody took it, or nobody read the answer back, for too long
    ENTERED_IN_ERROR = "entered-in-error"


FHIR: Mapping[State, tuple[str, str | None]] = {  # → Task.status, Task.businessStatus
    State.REQUESTED: ("requested", None),
    State.UNSTAFFED: ("requested", "unstaffed"),
    State.ACCEPTED: ("accepted", None),
    State.IN_PROGRESS: ("in-progress", None),
    State.ON_HOLD: ("on-hold", None),
    State.ANSWERED: ("in-progress", "answered"),
    State.COMPLETED: ("completed", None),
    State.CANCELLED: ("cancelled", None),
    State.EXPIRED: ("failed", "expired"),
    State.ENTERED_IN_ERROR: ("entered-in-error", None),
}
FINAL = frozenset({State.COMPLETED, State.CANCELLED, State.EXPIRED, State.ENTERED_IN_ERROR})
HELD = frozenset({State.ACCEPTED, State.IN_PROGRESS, State.ON_HOLD})  # one named consultant works on it


class Urgency(StrEnum):
    """How soon somebody must have accepted; how long that is, the hospital says."""

    STAT = "stat"
    URGENT = "urgent"
    ROUTINE = "routine"


class Expects(StrEnum):
    """What reply the requester expects, apart from the urgency (doi:10.12788/jhm.3305)."""

    FYI = "fyi"
    ACTION = "action"
    CONCERN = "concern"
    STAT = "stat"


class Outcome(StrEnum):
    """What has become of a page."""

    WAITING = "waiting"
    ACKNOWLEDGED = "acknowledged"  # seen, not yet accepted
    MISSED = "missed"  # no answer in time; a late one still counts
    FAILED = "failed"  # never reached them
    DECLINED = "declined"
    ACCEPTED = "accepted"
    OFF_DUTY = "off-duty"  # their duty ended before they answered; whoever came on was asked
    WITHDRAWN = "withdrawn"  # somebody else has it, or it is over


OPEN = frozenset({Outcome.WAITING, Outcome.ACKNOWLEDGED, Outcome.MISSED})  # an accept still counts
ASKING = frozenset({Outcome.WAITING, Outcome.ACKNOWLEDGED})  # its time has not run out


class Room(StrEnum):
    """What has become of the consult's room."""

    NONE = "none"
    MAKING = "making"
    READY = "ready"
    FAILED = "failed"


class Way(StrEnum):
    """By what a page reaches somebody."""

    MATRIX = "matrix"
    CHANNELS = "channels"  # the policy's second channels, one after the other


class Clock(StrEnum):
    """The timers of a consult; each has at most one of a kind, setting it again replaces it."""

    PAGE = "page"  # the turn's time to accept
    REMIND = "remind"  # acknowledged but not accepted
    NAG = "nag"  # nobody had it: try anew
    DUE = "due"  # the answer, or its read-back, is due
    HOLD = "hold"  # information is still missing
    EXPIRE = "expire"


@dataclass(frozen=True)
class Asked:
    """One page: its number within the consult, by which late answers are told apart, and to whom.

    Pages of one `turn` were sent together and share its timer. `until` is when their duty ends, as it
    stood then. `ways` are those by which the page may still arrive.
    """

    number: int
    user: str
    outcome: Outcome = Outcome.WAITING
    turn: int = 0
    round: int = 0
    tier: int = 0
    until: datetime | None = None
    delivered_at: datetime | None = None
    ways: tuple[Way, ...] = (Way.MATRIX,)


@dataclass(frozen=True)
class Consult:
    """A consult, without its words. `policy` is how it is brought to somebody, frozen when it opened.

    Asking goes through the policy's tiers in rounds; `rounds` is the last one to go through. `turn` counts
    the askings, and `turn_due` is when the present one's time runs out. While `named`, one person is asked
    by name, outside the tiers. `via` is the bot of the hospital at which the consultant was found. `due_at`
    is when the answer is due, `due_left` what was left of it when the clock stopped.
    """

    id: str
    service: str
    urgency: Urgency
    requester: str
    policy: Policy
    opened_at: datetime
    expects: Expects = Expects.ACTION
    follow: bool = False
    state: State = State.REQUESTED
    round: int = 0
    rounds: int = 0
    tier: int = 0
    turn: int = 0
    turn_due: datetime | None = None
    named: bool = False
    moderators_asked: bool = False
    asked: tuple[Asked, ...] = ()
    consultant: str | None = None
    via: str | None = None
    colleagues: tuple[str, ...] = ()
    room: Room = Room.NONE
    version: int = 0
    held_by: str | None = None  # who asked for information
    due_at: datetime | None = None
    due_left: timedelta | None = None
    reminders: int = 0
    paged_at: datetime | None = None  # the first page delivered
    acknowledged_at: datetime | None = None  # the first acknowledgement, accept or decline
    accepted_at: datetime | None = None
    answered_at: datetime | None = None
    closed_at: datetime | None = None

    def last_page(self, user: str) -> Asked | None:
        """The latest page to somebody."""
        return next((page for page in reversed(self.asked) if page.user == user), None)

    def page(self, number: int) -> Asked | None:
        """The page with this number."""
        return self.asked[number - 1] if 0 < number <= len(self.asked) else None

    @property
    def current(self) -> tuple[Asked, ...]:
        """The pages whose time runs."""
        if self.state is not State.REQUESTED:
            return ()
        return tuple(page for page in self.asked if page.turn == self.turn and page.outcome in ASKING)


class Duty(Protocol):
    """What the rules need to know of the world at this moment; its answers do not change within it."""

    def people(self, target: Target) -> Sequence[str]:
        """Whom a target means now, in the order in which they are to be asked."""
        ...

    def when(self, user: str) -> datetime:
        """When somebody may be interrupted for this consult: now, or when their bundle goes out."""
        ...

    def until(self, target: Target, user: str) -> datetime | None:
        """When the duty by which a target means somebody ends; None: not before they say so."""
        ...


# ── what happens ──


@dataclass(frozen=True)
class PageDelivered:
    """The page with this number stands in its addressee's chat, or on their telephone."""

    number: int
    way: Way = Way.MATRIX


@dataclass(frozen=True)
class PageFailed:
    """The page with this number cannot be delivered in this way."""

    number: int
    way: Way = Way.MATRIX


@dataclass(frozen=True)
class Timeout:
    """A timer has run out; `number` is the turn (PAGE) or the page (REMIND) that it was set for."""

    clock: Clock
    number: int = 0


@dataclass(frozen=True)
class OffDuty:
    """Somebody who is being asked is on duty no longer: it was covered, swapped, or is over."""

    user: str


@dataclass(frozen=True)
class Acknowledge:
    """Seen: I am looking at it."""

    user: str


@dataclass(frozen=True)
class Unacknowledge:
    """I cannot look at it after all, but decline nothing."""

    user: str


@dataclass(frozen=True)
class Accept:
    """`stands_in`: a moderator, or on the service's rota now, so may take what nobody took.

    `via`: the bot of the hospital that was asked, and found `user`.
    """

    user: str
    stands_in: bool = False
    via: str | None = None


@dataclass(frozen=True)
class Decline:
    user: str


@dataclass(frozen=True)
class Handoff:
    """`user` asks for `to` to take over, who has to agree."""

    user: str
    to: str
    moderator: bool = False


@dataclass(frozen=True)
class AddColleague:
    """`user` brings `to` in; who is responsible does not change."""

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
class AskInfo:
    """`user` needs to know more before they can go on."""

    user: str


@dataclass(frozen=True)
class GiveInfo:
    """The requester tells more."""

    user: str


@dataclass(frozen=True)
class Interim:
    """A first word of the consultant, which is not yet the answer."""

    user: str


@dataclass(frozen=True)
class Answer:
    user: str


@dataclass(frozen=True)
class ReadBack:
    """The requester has said in their own words what they understood."""

    user: str


@dataclass(frozen=True)
class Edit:
    """The requester has changed what they asked."""

    user: str


@dataclass(frozen=True)
class Reopen:
    user: str
    moderator: bool = False


@dataclass(frozen=True)
class Cancel:
    user: str
    moderator: bool = False


@dataclass(frozen=True)
class EnterInError:
    """It should never have been asked: the wrong patient, the wrong service."""

    user: str
    moderator: bool = False


@dataclass(frozen=True)
class Lost:
    """Somebody's hospital takes part no longer: they cannot be asked, answer or be answered.

    The bot of a hospital stands for whoever that hospital found.
    """

    user: str


Event = (
    PageDelivered | PageFailed | Timeout | OffDuty | Acknowledge | Unacknowledge | Accept | Decline | Handoff
    | AddColleague | RoomReady | RoomFailed | AskInfo | GiveInfo | Interim | Answer | ReadBack | Edit
    | Reopen | Cancel | EnterInError | Lost
)  # fmt: skip


# ── what is to be done ──


@dataclass(frozen=True)
class Page:
    """Ask somebody in their direct chat at `at` (now, or with their bundle), and by `channels` as well."""

    user: str
    number: int
    at: datetime
    channels: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unpage:
    """Say on an earlier page that there is nothing left to do there: `yours`, `declined`, `taken`, …"""

    user: str
    number: int
    why: str


@dataclass(frozen=True)
class Repage:
    """Show an earlier page as it is now: its words were changed, or it was acknowledged."""

    user: str
    number: int


@dataclass(frozen=True)
class SetTimer:
    clock: Clock
    due_at: datetime
    number: int = 0


@dataclass(frozen=True)
class CancelTimer:
    clock: Clock


@dataclass(frozen=True)
class TellRequester:
    """`count`: how many people it is about, where it is not one."""

    what: str
    who: str | None = None
    count: int = 0


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


@dataclass(frozen=True)
class AskSurvey:
    """Ask the requester the three questions after the end."""


Effect = (
    Page | Unpage | Repage | SetTimer | CancelTimer | TellRequester | TellPerson | TellModerators | TellRoom
    | OpenRoom | InviteToRoom | RemoveFromRoom | PostQuestion | PostAnswer | DeliverAnswer | AskSurvey
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
