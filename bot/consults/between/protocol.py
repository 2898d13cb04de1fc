"""What two hospitals say to each other about one consult, and how both come to know the same. Pure.

Each side numbers what it says about a consult, keeps it until the other has acknowledged it, and takes in
only what follows directly on what it has heard: so each stream arrives whole, in order and once, however
the link between them loses, repeats and reorders. What has become of a consult is a function of where the
two streams stand (`phase`); two sides that have heard everything therefore agree, in whatever order each
of them heard. `TABLE` is all that can be said: which word is possible where a stream stands, and where it
stands then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum


class Side(StrEnum):
    """Which of the two hospitals this is."""

    ASKING = "asking"
    ANSWERING = "answering"


class Kind(StrEnum):
    """A word of the protocol."""

    # of the hospital that asks
    REQUEST = "request"
    EDIT = "edit"
    INFO = "info"
    READ_BACK = "read-back"
    REOPEN = "reopen"
    CANCEL = "cancel"
    ERROR = "entered-in-error"
    # of the hospital that is asked
    RECEIVED = "received"
    SEEN = "seen"
    UNSTAFFED = "unstaffed"  # nobody has taken it yet; the people who look after that know
    ACCEPTED = "accepted"
    ROOM = "room"
    HOLD = "hold"  # more is to be known from whoever asked
    INTERIM = "interim"
    ANSWER = "answer"
    LOST = "lost"  # whoever had it has it no longer, somebody else is asked
    REFUSED = "refused"  # it is not done between these hospitals
    ENDED = "ended"  # it was done, and is over without an answer
    # of both, not numbered
    STATUS = "status"
    # of a hospital that offers services, on the stream of its offers
    OFFER = "offer"


class Place(StrEnum):
    """Where a stream stands."""

    NOTHING = "nothing"
    ASKED = "asked"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    IN_ERROR = "entered-in-error"
    RECEIVED = "received"
    UNSTAFFED = "unstaffed"
    TAKEN = "taken"
    ANSWERED = "answered"
    REFUSED = "refused"
    ENDED = "ended"
    OFFERING = "offering"


OVER = frozenset({Place.CLOSED, Place.CANCELLED, Place.IN_ERROR})  # the asking hospital needs no more
GONE = frozenset({Place.REFUSED, Place.ENDED})  # the asked hospital does no more

_ASKING: Mapping[tuple[Place, Kind], Place] = {
    (Place.NOTHING, Kind.REQUEST): Place.ASKED,
    (Place.ASKED, Kind.REQUEST): Place.ASKED,  # anew, after a refusal or an end
    (Place.CANCELLED, Kind.REQUEST): Place.ASKED,  # reopened, or lost by somebody of ours who had it
    (Place.CANCELLED, Kind.REOPEN): Place.ASKED,  # after somebody there had taken it
    (Place.CANCELLED, Kind.ERROR): Place.IN_ERROR,
    (Place.ASKED, Kind.EDIT): Place.ASKED,
    (Place.ASKED, Kind.INFO): Place.ASKED,
    (Place.ASKED, Kind.READ_BACK): Place.CLOSED,
    (Place.ASKED, Kind.CANCEL): Place.CANCELLED,
    (Place.ASKED, Kind.ERROR): Place.IN_ERROR,
    (Place.CLOSED, Kind.REOPEN): Place.ASKED,
    (Place.CLOSED, Kind.ERROR): Place.IN_ERROR,
    (Place.NOTHING, Kind.OFFER): Place.OFFERING,
    (Place.OFFERING, Kind.OFFER): Place.OFFERING,
}
_ALIVE = (Place.RECEIVED, Place.UNSTAFFED, Place.TAKEN, Place.ANSWERED)
_ANSWERING: Mapping[tuple[Place, Kind], Place] = {
    (Place.NOTHING, Kind.RECEIVED): Place.RECEIVED,
    (Place.NOTHING, Kind.REFUSED): Place.REFUSED,
    **{(place, Kind.RECEIVED): Place.RECEIVED for place in (*GONE, *_ALIVE)},  # it was asked anew
    **{(place, Kind.REFUSED): Place.REFUSED for place in (*GONE, *_ALIVE)},
    **{(place, Kind.ENDED): Place.ENDED for place in _ALIVE},
    **{(place, Kind.UNSTAFFED): Place.UNSTAFFED for place in _ALIVE},
    **{(place, Kind.LOST): Place.RECEIVED for place in _ALIVE},
    **{(place, Kind.ACCEPTED): Place.TAKEN for place in _ALIVE},  # also handed over, and reopened
    **{(place, Kind.ANSWER): Place.ANSWERED for place in _ALIVE},
    **{(place, kind): place for place in _ALIVE for kind in (Kind.SEEN, Kind.ROOM, Kind.HOLD, Kind.INTERIM)},
}
TABLE: Mapping[Side, Mapping[tuple[Place, Kind], Place]] = {Side.ASKING: _ASKING, Side.ANSWERING: _ANSWERING}

RETRY_FIRST = timedelta(seconds=30)
RETRY_MOST = timedelta(minutes=30)


@dataclass(frozen=True)
class Leg:
    """One side's view of one consult between two hospitals.

    `sent` is the number of what we said last, `acked` of what the other side has confirmed, `got` of what
    we heard last from it. `tries`: how often in a row nothing was confirmed.
    """

    side: Side
    asking: Place = Place.NOTHING
    answering: Place = Place.NOTHING
    sent: int = 0
    acked: int = 0
    got: int = 0
    tries: int = 0

    @property
    def phase(self) -> Place:
        """What has become of it: what the asking hospital no longer needs is over, whoever said what."""
        if self.asking in OVER:
            return self.asking
        return self.answering if self.answering is not Place.NOTHING else self.asking

    @property
    def open(self) -> bool:
        """Whether the hospital that was asked is to do something, as far as this side knows."""
        return self.phase not in OVER and self.phase not in GONE

    @property
    def waiting(self) -> bool:
        """Whether something that we said is not confirmed."""
        return self.acked < self.sent


class Verdict(StrEnum):
    """What becomes of something that was heard."""

    NEW = "new"
    STATUS = "status"
    AGAIN = "again"  # known already: said twice, or played again
    GAP = "gap"  # something before it is missing: it will be said again
    WRONG = "wrong"  # cannot be said there


def may_say(leg: Leg, kind: Kind) -> bool:
    """Whether this side can say this now."""
    return (_own(leg), kind) in TABLE[leg.side]


def say(leg: Leg, kind: Kind) -> Leg:
    """This side says something; raises ValueError where it cannot (see `may_say`)."""
    place = TABLE[leg.side].get((_own(leg), kind))
    if place is None:
        raise ValueError(f"{kind} cannot be said by the {leg.side} side at {_own(leg)}")
    tries = leg.tries if leg.waiting else 0
    return _at(replace(leg, sent=leg.sent + 1, tries=tries), leg.side, place)


def hear(leg: Leg, kind: Kind, number: int, confirmed: int) -> tuple[Verdict, Leg]:
    """The other side says something: the word, its number, and what it confirms of ours.

    Only NEW and STATUS may change what either side goes by; AGAIN confirms at most what we said.
    """
    if not 0 <= confirmed <= leg.sent:
        return Verdict.WRONG, leg
    noted = replace(leg, acked=confirmed, tries=0) if confirmed > leg.acked else leg
    if kind is Kind.STATUS:
        return Verdict.STATUS, noted
    if number <= leg.got:
        return Verdict.AGAIN, noted
    if number > leg.got + 1:
        return Verdict.GAP, leg
    other = Side.ANSWERING if leg.side is Side.ASKING else Side.ASKING
    place = TABLE[other].get((_of(leg, other), kind))
    if place is None:
        return Verdict.WRONG, leg
    return Verdict.NEW, _at(replace(noted, got=number), other, place)


def retry_after(tries: int) -> timedelta:
    """How long to wait for a confirmation before saying it again: twice as long each time, up to a limit."""
    wait: timedelta = RETRY_FIRST * 2 ** min(tries, 10)
    return min(wait, RETRY_MOST)


def disagree(leg: Leg, asking: str, answering: str, got: int, sent: int) -> bool:
    """Whether both have heard all of each other and still do not know the same: then people must look.

    `got` and `sent` are the other side's numbers: of what it heard last of us, and said last itself.
    """
    settled = got == leg.sent and sent == leg.got
    return settled and (asking, answering) != (leg.asking, leg.answering)


def _own(leg: Leg) -> Place:
    return _of(leg, leg.side)


def _of(leg: Leg, side: Side) -> Place:
    return leg.asking if side is Side.ASKING else leg.answering


def _at(leg: Leg, side: Side, place: Place) -> Leg:
    return replace(leg, asking=place) if side is Side.ASKING else replace(leg, answering=place)
