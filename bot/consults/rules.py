"""A consult's life: every transition, and when it is accounted for.

`TRANSITIONS` is the whole table: which event is possible in which state, what it does, and where it
may lead; the rules themselves stand in `bot.consults.asking` and `bot.consults.caring`. `decide` reads the
table; an event that is not in it is refused with a reason, never an error. An open consult is always
accounted for: somebody is being asked and a timer watches over it, or the moderators have been told and a
timer tries anew, or one named person has it, or its requester has the answer to read back. The states
follow FHIR R4 Task (http://hl7.org/fhir/R4/task.html), see `bot.consults.model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from bot.consults import asking, caring
from bot.consults.model import (
    FINAL,
    Accept,
    Acknowledge,
    AddColleague,
    Answer,
    AskInfo,
    Cancel,
    Clock,
    Consult,
    Decision,
    Decline,
    Duty,
    Edit,
    EnterInError,
    Event,
    GiveInfo,
    Handoff,
    Interim,
    Lost,
    OffDuty,
    PageDelivered,
    PageFailed,
    ReadBack,
    Refused,
    Reopen,
    Room,
    RoomFailed,
    RoomReady,
    SetTimer,
    State,
    Timeout,
    Unacknowledge,
    replace,
)


def begin(consult: Consult, now: datetime, duty: Duty) -> Decision:
    """A new consult: ask the first of its policy."""
    expire = SetTimer(Clock.EXPIRE, now + consult.policy.expires)
    return asking.ask_next(replace(consult, rounds=consult.policy.repeat), now, duty, expire)


def decide(consult: Consult, event: Event, now: datetime, duty: Duty) -> Decision | Refused:
    """What an event does to a consult; its version rises by one with every decision."""
    entry = TRANSITIONS.get((consult.state, type(event)))
    if entry is None:
        return Refused(_why_not(consult, event))
    rule, _targets = entry
    result = rule(consult, event, now, duty)
    if isinstance(result, Decision):
        return replace(result, consult=replace(result.consult, version=consult.version + 1))
    return result


def unaccounted(consult: Consult) -> str | None:
    """Why nobody looks after an open consult; None if it is accounted for, or over.

    That its timers are really set is the store's to say (`bot.consults.store.unaccounted`).
    """
    match consult.state:
        case State.REQUESTED if consult.turn_due is None:
            return "no timer"
        case State.REQUESTED if not consult.current and not consult.moderators_asked:
            return "nobody is asked"
        case State.ACCEPTED | State.IN_PROGRESS | State.ON_HOLD | State.ANSWERED if not consult.consultant:
            return "nobody has it"
        case State.ACCEPTED if consult.room is not Room.MAKING:
            return "no room comes"
        case _:
            return None


_STALE = (PageDelivered, PageFailed, Timeout, OffDuty, RoomReady, RoomFailed, Lost)


def _why_not(consult: Consult, event: Event) -> str:
    match event:
        case _ if isinstance(event, _STALE):
            return "stale"
        case EnterInError() | Reopen() if consult.state is State.ENTERED_IN_ERROR:
            return str(consult.state)
        case Reopen():
            return "open"
        case _ if consult.state in FINAL:
            return str(consult.state)
        case Accept(user=user) if user == consult.consultant:
            return "yours"
        case Decline(user=user) if user == consult.consultant:
            return "hand-off"
        case Acknowledge(user=user) if user == consult.consultant:
            return "yours"
        case Accept() | Decline() | Acknowledge() | Unacknowledge():
            return "taken"
        case Edit():
            return "accepted"
        case AddColleague() | Interim() | AskInfo() | GiveInfo() | Answer():
            return "not-accepted" if consult.consultant is None else "answered"
        case ReadBack():
            return "not-answered"
        case _:
            return "answered"


def _requested_due(consult: Consult, event: Timeout, now: datetime, duty: Duty) -> Decision | Refused:
    """While somebody is asked two sets of clocks run: of asking, and of a hand-off's consultant."""
    rule = asking.page_due if event.clock in (Clock.PAGE, Clock.REMIND) else caring.watched
    return rule(consult, event, now, duty)


_S = State
_ASKING = (_S.REQUESTED, _S.UNSTAFFED)
_CARE = (_S.ACCEPTED, _S.IN_PROGRESS)
_HELD = (_S.ACCEPTED, _S.IN_PROGRESS, _S.ON_HOLD)
_OPEN = (*_ASKING, *_HELD, _S.ANSWERED)
_OVER = (_S.COMPLETED, _S.CANCELLED, _S.EXPIRED)
Rule = Callable[..., Decision | Refused]
_Entry = tuple[Rule, tuple[State, ...]]


def _rows() -> dict[tuple[State, type[Event]], _Entry]:
    """`None` among the targets of a row stands for the state it begins in."""
    same: tuple[State | None, ...] = (None,)
    table: list[tuple[tuple[State, ...], type[Event], Rule, tuple[State | None, ...]]] = [
        (_ASKING, PageDelivered, asking.delivered, same),
        ((*_HELD, _S.ANSWERED), PageDelivered, asking.delivered, same),
        ((_S.REQUESTED,), PageFailed, asking.failed, (*_ASKING, *_CARE)),
        ((_S.UNSTAFFED,), PageFailed, asking.failed, same),
        ((_S.REQUESTED,), Timeout, _requested_due, (*_ASKING, *_CARE, _S.EXPIRED)),
        ((_S.UNSTAFFED,), Timeout, caring.watched, (*_ASKING, _S.EXPIRED)),
        (_HELD, Timeout, caring.watched, same),
        ((_S.ANSWERED,), Timeout, caring.watched, (_S.ANSWERED, _S.EXPIRED)),
        ((_S.REQUESTED,), OffDuty, asking.off_duty, _ASKING),
        (_ASKING, Acknowledge, asking.acknowledge, same),
        (_ASKING, Unacknowledge, asking.unacknowledge, same),
        (_ASKING, Accept, caring.accept, _CARE),
        ((*_HELD, _S.ANSWERED), Accept, caring.succeeded, same),
        ((_S.REQUESTED,), Decline, asking.decline, (*_ASKING, *_CARE)),
        ((_S.UNSTAFFED,), Decline, asking.decline, same),
        ((*_ASKING, *_HELD), Handoff, asking.handoff, (_S.REQUESTED,)),
        (_ASKING, RoomReady, caring.room_ready, same),  # during a hand-off, or whose consultant was lost
        (_HELD, RoomReady, caring.room_ready, (_S.IN_PROGRESS, _S.ON_HOLD)),
        ((_S.ANSWERED, *_OVER, _S.ENTERED_IN_ERROR), RoomReady, caring.room_ready, same),
        (_ASKING, RoomFailed, caring.room_failed, same),
        (_HELD, RoomFailed, caring.room_failed, (_S.IN_PROGRESS, _S.ON_HOLD)),
        ((_S.ANSWERED,), RoomFailed, caring.room_failed, same),
        ((*_HELD, _S.ANSWERED), AddColleague, caring.add_colleague, same),
        (_ASKING, Edit, caring.edit, same),
        ((_S.REQUESTED,), AskInfo, caring.ask_info, same),
        (_CARE, AskInfo, caring.ask_info, (_S.ON_HOLD,)),
        ((_S.ON_HOLD,), AskInfo, caring.ask_info, same),
        (_ASKING, GiveInfo, caring.give_info, same),
        (_HELD, GiveInfo, caring.give_info, (*_CARE,)),
        ((_S.REQUESTED, *_HELD), Interim, caring.interim, same),
        ((_S.REQUESTED, *_HELD, _S.ANSWERED), Answer, caring.answer, (_S.ANSWERED,)),
        ((_S.ANSWERED,), ReadBack, caring.read_back, (_S.COMPLETED,)),
        (_OPEN, Cancel, caring.cancel, (_S.CANCELLED,)),
        ((*_OPEN, *_OVER), EnterInError, caring.enter_in_error, (_S.ENTERED_IN_ERROR,)),
        (_OVER, Reopen, caring.reopen, (*_ASKING, *_CARE)),
        ((_S.REQUESTED,), Lost, caring.lost, (*_ASKING, *_CARE)),
        ((_S.UNSTAFFED, _S.ANSWERED), Lost, caring.lost, same),
        (_HELD, Lost, caring.lost, (None, *_ASKING)),
    ]
    return {
        (state, event): (rule, tuple(state if target is None else target for target in targets))
        for states, event, rule, targets in table
        for state in states
    }


TRANSITIONS: Mapping[tuple[State, type[Event]], _Entry] = _rows()
