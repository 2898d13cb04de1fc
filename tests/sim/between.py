"""Consults between the hospitals of the simulation: the program's own protocol over a bad link.

What a decision means for the other hospital is what `bot.consults.between` makes of it, told here without
a database: each letter is kept until it is confirmed, said again with growing pauses, and lost, repeated,
delayed and reordered on its way.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bot.consults import model
from bot.consults.between import protocol
from bot.consults.between.protocol import GONE, Kind, Leg, Place, Side, Verdict, may_say
from bot.consults.model import FINAL, Clock, Refused, State
from tests.sim.case import Broken, Case

if TYPE_CHECKING:
    from tests.sim.engine import Simulation
    from tests.sim.house import House

_ENDS = {"cancelled", "expired", "entered-in-error", "completed"}


@dataclass(frozen=True)
class Letter:
    """One word on its way."""

    kind: Kind
    number: int
    confirms: int
    body: Any = None


@dataclass(eq=False)
class Held:
    """One side's leg of one consult between two hospitals, and what it said that is not confirmed."""

    house: House
    peer: House
    leg: Leg
    case: Case | None = None
    number: int = 0  # the page that asked
    said: list[Letter] = field(default_factory=list)
    other: Held | None = None


class Wire:
    """The link between the hospitals: cut at times, and never quite in order."""

    def __init__(
        self, sim: Simulation, act: Callable[[Held, Letter], None], agree: Callable[[Held], bool]
    ) -> None:
        self.sim = sim
        self.act = act
        self.agree = agree
        self.cut: dict[frozenset[str], datetime] = {}
        self.letters = 0
        self.legs: list[Held] = []

    def say(self, held: Held, kind: Kind, body: Any = None) -> None:
        """Say it, and again until it is confirmed."""
        held.leg = protocol.say(held.leg, kind)
        letter = Letter(kind, held.leg.sent, held.leg.got, body)
        held.said.append(letter)
        self._send(held, letter)
        self.sim.after(protocol.retry_after(0).total_seconds(), self._again, held, held.leg.sent, 0)

    def _again(self, held: Held, number: int, tries: int) -> None:
        if held.leg.acked >= number:
            return
        for letter in held.said:
            self._send(held, letter)
        pause = protocol.retry_after(tries + 1).total_seconds()
        self.sim.after(pause, self._again, held, number, tries + 1)

    def _send(self, held: Held, letter: Letter) -> None:
        sim, rng = self.sim, self.sim.rng
        self.letters += 1
        cut = self.cut.get(frozenset((held.house.place.server, held.peer.place.server)), sim.now)
        wait = max(0.0, (max(cut, held.house.down_until) - sim.now).total_seconds())
        if wait and rng.random() < 0.2:
            return  # lost with the link; the retry brings it
        for _ in range(2 if rng.random() < 0.05 else 1):
            slow = 600.0 if rng.random() < 0.03 else 2.0
            sim.after(wait + rng.expovariate(1 / slow), self._arrive, held, letter)

    def _arrive(self, sender: Held, letter: Letter) -> None:
        sim = self.sim
        if sender.other is None:  # the first letter makes the other side's leg
            other = Held(sender.peer, sender.house, Leg(Side.ANSWERING))
            sender.other, other.other = other, sender
        held = sender.other
        if sim.is_lost(held.house):  # it stays in the inbox
            sim.at(held.house.down_until, self._arrive, sender, letter)
            return
        verdict, leg = protocol.hear(held.leg, letter.kind, letter.number, letter.confirms)
        if verdict is Verdict.WRONG:
            raise Broken(f"a word that cannot be said there: {letter.kind} at {held.leg}")
        held.leg = leg
        if held.said and held.said[0].number <= leg.acked:
            held.said = [one for one in held.said if one.number > leg.acked]
            if verdict is Verdict.STATUS:
                self.agree(held)
        if verdict is Verdict.NEW:
            self.act(held, letter)
        if verdict is not Verdict.STATUS:
            self._send(held, Letter(Kind.STATUS, 0, held.leg.got))


class Between:
    """What letters do to consults, and decisions to letters."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.wire = Wire(sim, self._act, self.agree)

    # ── what our decisions mean for another hospital ──

    def request(self, case: Case, server: str, number: int) -> None:
        """Ask a hospital, once: while it has the request, a later page is the same one."""
        held = case.legs.get(server)
        if held is None:
            held = case.legs[server] = Held(case.house, self.sim.houses[server], Leg(Side.ASKING), case)
            self.wire.legs.append(held)
        held.number = number
        case.asking.add(number)
        if held.leg.asking is Place.ASKED and held.leg.open:
            if held.leg.answering is not Place.NOTHING:
                self.sim.after(1, self.sim.hear, case, model.PageDelivered(number))
        elif may_say(held.leg, Kind.REQUEST):
            self.wire.say(held, Kind.REQUEST, case.consult)
        else:
            self.sim.after(1, self.sim.hear, case, model.PageFailed(number))

    def carry(self, case: Case, effect: model.Effect) -> None:
        """Hand on what concerns another hospital."""
        match effect:
            case model.Unpage(user=user, why=why) if (held := self._bot(case, user)) is not None:
                if why not in ("yours", "declined"):
                    self._say(held, Kind.ERROR if why == "entered-in-error" else Kind.CANCEL)
            case model.TellPerson(user=user, what=what):
                held = self._found_by(case, user)
                kinds = {"completed": Kind.READ_BACK, "reopened": Kind.REOPEN, "info": Kind.INFO}
                ends = {"entered-in-error": Kind.ERROR, "cancelled": Kind.CANCEL, "expired": Kind.CANCEL}
                kind = {**kinds, **ends}.get(what)
                if held is not None and kind is not None:
                    self._say(held, kind)
            case model.TellRequester(what="lost", who=str(bot)) if (held := self._bot(case, bot)) is not None:
                if held.peer.place.server in case.house.revoked:
                    self._say(held, Kind.CANCEL)
            case model.TellRequester(what="edited"):
                for held in case.legs.values():
                    self._say(held, Kind.EDIT)
            case _:
                pass

    def tell(self, held: Held, effect: model.Effect) -> None:
        """What a requester at another hospital is to know."""
        if not (held.leg.open or held.leg.phase is Place.CLOSED):
            return
        kind: Kind | None = None
        body: Any = None
        if isinstance(effect, model.DeliverAnswer):
            kind = Kind.ANSWER
        elif isinstance(effect, model.TellRequester):
            words = {
                "acknowledged": Kind.SEEN,
                "accepted": Kind.ACCEPTED,
                "room": Kind.ROOM,
                "lost": Kind.LOST,
            }
            more = {"info-wanted": Kind.HOLD, "interim": Kind.INTERIM, "no-room": Kind.ROOM}
            kind, body = {**words, **more}.get(effect.what), effect.who
            if effect.what in ("unstaffed", "still-unstaffed") and held.leg.answering is not Place.UNSTAFFED:
                kind = Kind.UNSTAFFED
            elif effect.what in _ENDS:
                kind, body = Kind.ENDED, effect.what
            if kind is Kind.ROOM:
                body = effect.what
        if kind is not None and may_say(held.leg, kind) and (held.leg.open or kind is not Kind.ENDED):
            self.wire.say(held, kind, body)

    def _say(self, held: Held, kind: Kind) -> None:
        if may_say(held.leg, kind):
            self.wire.say(held, kind)

    def _bot(self, case: Case, user: str) -> Held | None:
        name, _, server = user.partition(":")
        return case.legs.get(server) if name == "@curbside" else None

    def _found_by(self, case: Case, user: str) -> Held | None:
        via = case.consult.via
        return self._bot(case, via if via is not None and user == case.consult.consultant else user)

    # ── what letters do ──

    def _act(self, held: Held, letter: Letter) -> None:
        if letter.kind is Kind.REQUEST:
            self._requested(held, letter.body)
        elif held.case is None:
            return
        elif held.leg.side is Side.ANSWERING:
            self._of_requester(held.case, letter.kind)
        else:
            self._of_consultant(held, held.case, letter)

    def _requested(self, held: Held, asked: model.Consult) -> None:
        if held.case is not None and held.leg.answering not in GONE:
            return
        if held.peer.place.server in held.house.revoked:
            self.wire.say(held, Kind.REFUSED)
            return
        self.wire.say(held, Kind.RECEIVED)
        services = list(held.house.place.roster.services)
        service = services[sum(map(ord, asked.service)) % len(services)]
        held.case = self.sim.open(held.house, service, asked.urgency, asked.requester, held)

    def _of_requester(self, case: Case, kind: Kind) -> None:
        who = case.consult.requester
        events: dict[Kind, model.Event] = {
            Kind.EDIT: model.Edit(who),
            Kind.INFO: model.GiveInfo(who),
            Kind.READ_BACK: model.ReadBack(who),
            Kind.REOPEN: model.Reopen(who),
            Kind.CANCEL: model.Cancel(who),
            Kind.ERROR: model.EnterInError(who),
        }
        self.sim.decide(case, events[kind])

    def _of_consultant(self, held: Held, case: Case, letter: Letter) -> None:
        decide, consult = self.sim.decide, case.consult
        bot = f"@curbside:{held.peer.place.server}"
        who = consult.consultant if consult.via == bot and consult.consultant is not None else bot
        match letter.kind:
            case Kind.RECEIVED:
                decide(case, model.PageDelivered(held.number))
            case Kind.SEEN:
                decide(case, model.Acknowledge(bot))
            case Kind.UNSTAFFED:
                if any(page.user == bot for page in consult.current):
                    decide(case, model.Timeout(Clock.PAGE, consult.turn))
            case Kind.ACCEPTED:
                self._reopened(case, letter.body)
                done = decide(case, model.Accept(letter.body, via=bot))
                if isinstance(done, Refused) and case.consult.via != bot:
                    self._say(held, Kind.CANCEL)
            case Kind.ROOM if consult.via == bot:
                decide(case, model.RoomReady() if letter.body == "room" else model.RoomFailed())
            case Kind.HOLD:
                decide(case, model.AskInfo(who))
            case Kind.INTERIM:
                self._reopened(case, who)
                decide(case, model.Interim(who))
            case Kind.ANSWER:
                self._reopened(case, who)
                decide(case, model.Answer(who))
            case Kind.LOST if consult.via == bot:
                decide(case, model.Lost(bot))
            case Kind.REFUSED:
                self._gave_up(case, bot)
            case Kind.ENDED if letter.body == "completed":
                decide(case, model.ReadBack(consult.requester))
            case Kind.ENDED:
                self._gave_up(case, bot)
            case _:
                pass

    def _reopened(self, case: Case, who: str) -> None:
        if case.consult.state is State.COMPLETED and case.consult.consultant == who:
            self.sim.decide(case, model.Reopen(who))

    def _gave_up(self, case: Case, bot: str) -> None:
        consult = case.consult
        gone = consult.via == bot and consult.state is not State.ANSWERED
        self.sim.decide(case, model.Lost(bot) if gone else model.Decline(bot))

    # ── invariants ──

    def agree(self, mine: Held) -> bool:
        """Where both have heard everything, they agree, and no two people have it; whether they have."""
        theirs = mine.other
        if theirs is None or mine.case is None or theirs.case is None:
            return False
        said = mine.leg.acked < mine.leg.sent or theirs.leg.acked < theirs.leg.sent
        if said or mine.leg.got != theirs.leg.sent or theirs.leg.got != mine.leg.sent:
            return False
        if (mine.leg.asking, mine.leg.answering) != (theirs.leg.asking, theirs.leg.answering):
            raise Broken(f"two hospitals disagree: {mine.leg} and {theirs.leg}")
        if mine.leg.side is Side.ANSWERING:
            mine, theirs = theirs, mine
        assert mine.case is not None and theirs.case is not None
        ours, there = mine.case.consult, theirs.case.consult
        elsewhere = ours.consultant is not None and ours.via != f"@curbside:{mine.peer.place.server}"
        if there.consultant is not None and there.state not in FINAL and elsewhere:
            raise Broken(
                f"accepted at two hospitals: {ours.consultant} has {mine.case}, "
                f"{there.consultant} has {theirs.case}"
            )
        theirs_now = ours.via is not None and not elsewhere and ours.state not in FINAL
        if theirs_now and there.state is not State.REQUESTED and there.consultant != ours.consultant:
            raise Broken(f"{ours.consultant} has {mine.case}, {there.consultant} has {theirs.case}")
        return True
