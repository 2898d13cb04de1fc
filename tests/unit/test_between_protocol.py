"""Two hospitals and a link between them that loses, repeats, delays and reorders: they end up agreeing."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.consults.between.protocol import (
    GONE,
    OVER,
    RETRY_FIRST,
    RETRY_MOST,
    TABLE,
    Kind,
    Leg,
    Place,
    Side,
    Verdict,
    disagree,
    hear,
    may_say,
    retry_after,
    say,
)

Packet = tuple[Kind, int, int]  # the word, its number, what it confirms


@dataclass
class House:
    """One side: its leg, what it has said, and what it has done by what it heard."""

    leg: Leg
    said: list[Kind] = field(default_factory=list)
    heard: list[Kind] = field(default_factory=list)
    opened: int = 0  # consults opened for requests
    link: list[Packet] = field(default_factory=list)  # on its way to the other side

    def says(self, kind: Kind) -> None:
        self.leg = say(self.leg, kind)
        self.said.append(kind)
        self.link.append((kind, self.leg.sent, self.leg.got))

    def says_again(self) -> None:
        for number in range(self.leg.acked + 1, self.leg.sent + 1):
            self.link.append((self.said[number - 1], number, self.leg.got))

    def hears(self, packet: Packet) -> Verdict:
        before = self.leg
        verdict, self.leg = hear(self.leg, *packet)
        if verdict in (Verdict.GAP, Verdict.WRONG):
            assert self.leg == before
        if verdict is Verdict.NEW:
            kind = packet[0]
            self.heard.append(kind)
            if kind is Kind.REQUEST:
                alive = before.answering not in (*GONE, Place.NOTHING)
                self.opened += not alive
                if not alive:
                    self.says(Kind.RECEIVED)
        if verdict is not Verdict.STATUS:
            self.link.append((Kind.STATUS, 0, self.leg.got))
        return verdict

    def accounted(self, other: House) -> bool:
        """What this side has said will be said again, or the other side has it."""
        return self.leg.waiting or other.leg.got == self.leg.sent


_WORDS = {
    Side.ASKING: [Kind.CANCEL, Kind.READ_BACK, Kind.REOPEN, Kind.ERROR, Kind.EDIT, Kind.INFO],
    Side.ANSWERING: [
        *[Kind.SEEN, Kind.UNSTAFFED, Kind.ACCEPTED, Kind.ROOM, Kind.HOLD, Kind.INTERIM],
        *[Kind.ANSWER, Kind.LOST, Kind.REFUSED, Kind.ENDED],
    ],
}
_STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(list(Side)), st.integers(0, 9)),
        st.tuples(st.just("deliver"), st.sampled_from(list(Side)), st.integers(0, 50)),
        st.tuples(st.just("repeat"), st.sampled_from(list(Side)), st.integers(0, 50)),
        st.tuples(st.just("lose"), st.sampled_from(list(Side)), st.integers(0, 50)),
        st.tuples(st.just("retry"), st.sampled_from(list(Side)), st.just(0)),
        st.tuples(st.just("ask again"), st.just(Side.ASKING), st.just(0)),
    ),
    max_size=60,
)


def _do(houses: dict[Side, House], what: str, side: Side, number: int) -> None:
    house, other = houses[side], houses[Side.ANSWERING if side is Side.ASKING else Side.ASKING]
    if what == "say":
        kind = _WORDS[side][number % len(_WORDS[side])]
        alive = house.leg.open or side is Side.ASKING
        if alive and may_say(house.leg, kind):
            house.says(kind)
    elif what == "ask again":  # as the service does: never while the request is open or on its way
        leg = house.leg
        if may_say(leg, Kind.REQUEST) and not (leg.asking is Place.ASKED and (leg.open or leg.waiting)):
            house.says(Kind.REQUEST)
    elif what == "retry":
        house.says_again()
    elif house.link:
        index = number % len(house.link)
        packet = house.link[index] if what == "repeat" else house.link.pop(index)
        if what != "lose":
            other.hears(packet)


def _heal(houses: dict[Side, House]) -> None:
    """The link works: what is under way arrives, what is unconfirmed is said again, until all is."""
    for _round in range(200):
        for side, house in houses.items():
            other = houses[Side.ANSWERING if side is Side.ASKING else Side.ASKING]
            under_way, house.link = house.link, []
            for packet in under_way:
                other.hears(packet)
        if not any(house.link or house.leg.waiting for house in houses.values()):
            return
        for house in houses.values():
            house.says_again()
    raise AssertionError("they never came to an end")


@settings(max_examples=300)
@given(_STEPS)
def test_after_healing_both_agree_and_nobody_was_asked_twice(steps: list[tuple[str, Side, int]]) -> None:
    houses = {side: House(Leg(side)) for side in Side}
    asking, answering = houses[Side.ASKING], houses[Side.ANSWERING]
    asking.says(Kind.REQUEST)
    for step in steps:
        _do(houses, *step)
        assert asking.accounted(answering) and answering.accounted(asking)
        assert answering.opened <= asking.said.count(Kind.REQUEST)
        assert answering.heard == asking.said[: len(answering.heard)]  # whole, in order, once
        assert asking.heard == answering.said[: len(asking.heard)]
    _heal(houses)
    assert answering.heard == asking.said
    assert asking.heard == answering.said
    one, other = asking.leg, answering.leg
    assert (one.asking, one.answering, one.phase) == (other.asking, other.answering, other.phase)
    assert not disagree(one, str(other.asking), str(other.answering), other.got, other.sent)
    assert answering.opened >= 1


@given(_STEPS)
def test_a_consult_that_was_cancelled_ends_cancelled(steps: list[tuple[str, Side, int]]) -> None:
    """Accepted on one side while it was cancelled on the other: cancelled, and the other side hears of it."""
    houses = {side: House(Leg(side)) for side in Side}
    asking, answering = houses[Side.ASKING], houses[Side.ANSWERING]
    asking.says(Kind.REQUEST)
    _heal(houses)
    asking.says(Kind.CANCEL)
    answering.says(Kind.ACCEPTED)
    for what, side, number in steps:
        if what in ("deliver", "repeat", "lose", "retry"):
            _do(houses, what, side, number)
    _heal(houses)
    assert asking.leg.phase is answering.leg.phase is Place.CANCELLED
    assert answering.heard[-1] is Kind.CANCEL
    assert answering.opened == 1


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Kind)), st.integers(0, 2**53), st.integers(0, 2**53)), max_size=30
    )
)
def test_nonsense_changes_nothing(packets: list[Packet]) -> None:
    """Whatever somebody makes up with our numbers, what was not said is not believed to be confirmed."""
    leg = say(Leg(Side.ASKING), Kind.REQUEST)
    for packet in packets:
        verdict, after = hear(leg, *packet)
        assert after.sent == leg.sent and after.acked <= leg.sent
        assert after.asking is leg.asking
        if verdict is not Verdict.NEW:
            assert (after.answering, after.got) == (leg.answering, leg.got)
        leg = after


def test_each_side_speaks_for_itself() -> None:
    """No word belongs to both sides, and each place can be left or is an end."""
    words = {side: {kind for _place, kind in table} for side, table in TABLE.items()}
    assert not words[Side.ASKING] & words[Side.ANSWERING]
    assert words[Side.ASKING] | words[Side.ANSWERING] | {Kind.STATUS} == set(Kind)
    for side, table in TABLE.items():
        reached = {Place.NOTHING, *table.values()}
        assert {place for place, _kind in table} <= reached, side


@pytest.mark.parametrize("asking,answering", list(product(sorted(OVER), Place)))
def test_what_is_over_stays_over_whatever_the_other_says(asking: Place, answering: Place) -> None:
    leg = Leg(Side.ANSWERING, asking, answering)
    assert leg.phase is asking
    assert not leg.open


def test_what_cannot_be_said_is_not() -> None:
    assert not may_say(Leg(Side.ANSWERING), Kind.ACCEPTED)
    with pytest.raises(ValueError, match="cannot be said"):
        say(Leg(Side.ANSWERING), Kind.ACCEPTED)
    assert hear(Leg(Side.ANSWERING), Kind.CANCEL, 1, 0)[0] is Verdict.WRONG
    assert hear(Leg(Side.ASKING), Kind.RECEIVED, 1, 1)[0] is Verdict.WRONG  # confirms what was never said


def test_it_is_said_again_ever_more_rarely() -> None:
    spans = [retry_after(tries) for tries in range(40)]
    assert spans[0] == RETRY_FIRST
    assert spans == sorted(spans)
    assert spans[-1] == RETRY_MOST
