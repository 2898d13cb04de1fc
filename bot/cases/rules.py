"""What may follow what in the life of a case, and who may do it. Pure: one table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum

from bot.cases.model import Event, State


class Who(StrEnum):
    """Who makes an event happen."""

    AUTHOR = "author"
    MODERATOR = "moderator"
    READER = "reader"
    HOUSE = "house"  # a worker, a timer, the room


REVIEWED = timedelta(days=7)
_S, _E = State, Event
_UNSENT = (_S.DRAFTING, _S.WORKING, _S.PREVIEW, _S.QUEUED, _S.REFUSED, _S.FAILED)

# What is not in it does not happen. Only from PREVIEW leads a way to CONFIRMED, and only from CONFIRMED one
# to POSTING: nothing is posted that its author has not been shown and attested.
TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (_S.DRAFTING, _E.COMPLETE): _S.WORKING,
    (_S.DRAFTING, _E.CHANGE): _S.DRAFTING,
    **{(state, _E.CHANGE): _S.WORKING for state in _UNSENT if state is not _S.DRAFTING},
    (_S.WORKING, _E.SHOW): _S.PREVIEW,
    (_S.WORKING, _E.REFUSE): _S.REFUSED,
    (_S.PREVIEW, _E.CONFIRM): _S.CONFIRMED,
    (_S.CONFIRMED, _E.QUEUE): _S.QUEUED,
    (_S.QUEUED, _E.RELEASE): _S.CONFIRMED,
    (_S.QUEUED, _E.REFUSE): _S.REFUSED,
    (_S.CONFIRMED, _E.POST): _S.POSTING,
    (_S.POSTING, _E.ARRIVE): _S.POSTED,
    (_S.POSTING, _E.FAIL): _S.FAILED,
    **{(state, _E.DISCARD): _S.DISCARDED for state in _UNSENT},
    **{(state, _E.EXPIRE): _S.EXPIRED for state in _UNSENT},
    (_S.POSTED, _E.HIDE): _S.HIDDEN,
    (_S.CLOSED, _E.HIDE): _S.HIDDEN,
    (_S.HIDDEN, _E.UNHIDE): _S.POSTED,
    (_S.HIDDEN, _E.REMOVE): _S.DISCARDED,
    (_S.POSTED, _E.SOLVE): _S.CLOSED,
    (_S.CLOSED, _E.REOPEN): _S.POSTED,
}

MAY: Mapping[Event, frozenset[Who]] = {
    _E.COMPLETE: frozenset({Who.AUTHOR}),
    _E.SHOW: frozenset({Who.HOUSE}),
    _E.REFUSE: frozenset({Who.HOUSE, Who.MODERATOR}),
    _E.CHANGE: frozenset({Who.AUTHOR, Who.HOUSE}),
    _E.CONFIRM: frozenset({Who.AUTHOR}),
    _E.QUEUE: frozenset({Who.HOUSE}),
    _E.RELEASE: frozenset({Who.MODERATOR}),
    _E.POST: frozenset({Who.HOUSE}),
    _E.ARRIVE: frozenset({Who.HOUSE}),
    _E.FAIL: frozenset({Who.HOUSE}),
    _E.HIDE: frozenset({Who.READER, Who.MODERATOR}),
    _E.UNHIDE: frozenset({Who.MODERATOR}),
    _E.REMOVE: frozenset({Who.MODERATOR}),
    _E.SOLVE: frozenset({Who.AUTHOR, Who.MODERATOR}),
    _E.REOPEN: frozenset({Who.AUTHOR, Who.MODERATOR}),
    _E.DISCARD: frozenset({Who.AUTHOR}),
    _E.EXPIRE: frozenset({Who.HOUSE}),
}

UNSENT = frozenset(_UNSENT)  # a draft: its original is kept, and its author may still change it
ENDED = frozenset({_S.DISCARDED, _S.EXPIRED})
PUBLIC = frozenset({_S.POSTED, _S.CLOSED})  # what readers see


def after(state: State, event: Event, who: Who) -> State | None:
    """The state that an event leads to; None if it cannot happen, or not by them."""
    return TRANSITIONS.get((state, event)) if who in MAY[event] else None


def keep_waiting(state: State, attested_at: datetime | None, now: datetime) -> bool:
    """Whether a draft waits for a moderator, and may go on to: they are given REVIEWED to look at it."""
    return state is State.QUEUED and attested_at is not None and now < attested_at + REVIEWED


def keeps_original(state: State) -> bool:
    """Whether a state still has the author's own text; on its way to the room it is needed no longer."""
    return state in UNSENT or state in (State.CONFIRMED, State.POSTING)
