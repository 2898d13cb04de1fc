"""What people do with what they are sent: answer, stay silent, pass it on, change their minds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.consults import model
from bot.consults.model import FINAL, HELD, State, Urgency, Way
from tests.sim.case import Case

if TYPE_CHECKING:
    from tests.sim.engine import Simulation

_TO_WORK = ("accepted", "reopened", "still-yours")
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


class People:
    """Everybody of the three hospitals. Times are in seconds."""

    def __init__(self, sim: Simulation) -> None:
        self.sim = sim
        self.seen: set[tuple[str, int]] = set()  # pages that somebody has read

    def _soon(self, mean: float) -> float:
        return self.sim.rng.expovariate(1 / mean)

    def _does(self, wait: float, case: Case, event: model.Event) -> None:
        """Somebody does something; now and then twice."""
        sim = self.sim
        sim.after(wait, sim.hear, case, event)
        if sim.rng.random() < 0.02:
            sim.after(wait + self._soon(_MINUTE), sim.hear, case, event)

    # ── who is asked ──

    def paged(self, case: Case, number: int, user: str, _way: Way) -> None:
        """A page has arrived, by one way or another; who is asked does something, or nothing."""
        if (case.consult.id, number) in self.seen:
            return
        self.seen.add((case.consult.id, number))
        rng = self.sim.rng
        wait = self._soon(3 * _MINUTE if case.consult.urgency is Urgency.STAT else 12 * _MINUTE)
        what = rng.random()
        accept = model.Accept(user)
        if what < 0.17:
            return
        if what < 0.60:
            self._does(wait, case, accept)
        elif what < 0.72:
            self._does(wait, case, model.Acknowledge(user))
            self._does(wait + self._soon(5 * _MINUTE), case, accept)
        elif what < 0.77:
            self._does(wait, case, model.Acknowledge(user))
        elif what < 0.80:
            self._does(wait, case, model.Acknowledge(user))
            self._does(wait + self._soon(2 * _MINUTE), case, model.Unacknowledge(user))
        elif what < 0.88:
            self._does(wait, case, model.Decline(user))
        elif what < 0.92:
            self._does(wait + self._soon(2 * _HOUR), case, accept)  # late, and still better than never
        elif what < 0.95:
            self._does(wait, case, model.Handoff(user, self._colleague(case)))
        elif what < 0.98:
            self._does(wait, case, model.AskInfo(user))
            self._does(wait + self._soon(10 * _MINUTE), case, accept)
        else:
            self._does(wait, case, accept)
            self._does(wait + self._soon(_MINUTE), case, model.Decline(user))

    def _colleague(self, case: Case) -> str:
        return self.sim.rng.choice(case.house.place.people)

    def moderators_hear(self, case: Case, effect: model.TellModerators) -> None:
        """Nobody has it: a moderator takes it, finds somebody, or lies asleep."""
        if effect.what not in ("unstaffed", "still-unstaffed", "asked"):
            return
        rng = self.sim.rng
        wait, what = self._soon(20 * _MINUTE), rng.random()
        if what < 0.5:
            self._does(wait, case, model.Accept(case.house.place.moderator, stands_in=True))
        elif what < 0.6:
            name = case.house.place.moderator
            self._does(wait, case, model.Handoff(name, self._colleague(case), moderator=True))
        elif what < 0.7:
            self._does(wait, case, model.Cancel(case.house.place.moderator, moderator=True))

    # ── who has it, and who asked ──

    def asked(self, case: Case) -> None:
        """What a requester may do before anybody answers."""
        what, who = self.sim.rng.random(), case.consult.requester
        if what < 0.03:
            self._does(self._soon(10 * _MINUTE), case, model.Edit(who))
        elif what < 0.05:
            self._does(self._soon(2 * _HOUR), case, model.Cancel(who))
        elif what < 0.055:
            self._does(self._soon(2 * _HOUR), case, model.EnterInError(who))
        elif what < 0.065:
            self._does(self._soon(_HOUR), case, model.GiveInfo(who))

    def hear(self, case: Case, effect: model.Effect) -> None:
        """What somebody does with what they are told."""
        kind = type(effect)
        if isinstance(effect, model.TellPerson):
            if effect.what in _TO_WORK:
                self._works(case, effect.user)
        elif kind is model.OpenRoom:
            failed = self.sim.rng.random() < 0.02
            wait = self._soon(6.0) + self.sim.latency(case.house)
            self._does(wait, case, model.RoomFailed() if failed else model.RoomReady())
        elif kind is model.DeliverAnswer:
            self._reads(case)
        elif isinstance(effect, model.TellRequester) and effect.what == "info-wanted":
            wait = self._soon(30 * _MINUTE) if self.sim.rng.random() < 0.85 else self._soon(3 * _DAY)
            self._does(wait, case, model.GiveInfo(case.consult.requester))

    def _works(self, case: Case, user: str) -> None:
        rng, wait = self.sim.rng, self._soon(_HOUR)
        if user.partition(":")[2] != case.house.place.server:
            return  # the other hospital's people are played there
        case.following += 1
        what = rng.random()
        if what < 0.10:
            self._does(wait / 2, case, model.Interim(user))
        elif what < 0.18:
            self._does(wait / 2, case, model.AskInfo(user))
        elif what < 0.24:
            self._does(wait / 2, case, model.Handoff(user, self._colleague(case)))
        elif what < 0.29:
            self._does(wait / 2, case, model.AddColleague(user, self._colleague(case)))
        elif what < 0.32:  # they forget it; the requester asks anew elsewhere after some days
            self._does(self._soon(2 * _DAY), case, model.Cancel(case.consult.requester))
            return
        self._does(wait, case, model.Answer(user))
        self.sim.after(wait + 2 * _DAY, self._looks_again, case, user, case.following)

    def _looks_again(self, case: Case, user: str, following: int) -> None:
        """Who was reminded often enough does answer; who cannot any more is seen to by the moderators."""
        consult = case.consult
        if case.following == following and consult.state in HELD and consult.consultant == user:
            self.sim.hear(case, model.Answer(user))

    def _reads(self, case: Case) -> None:
        rng, who, wait = self.sim.rng, case.consult.requester, self._soon(4 * _HOUR)
        what = rng.random()
        if what < 0.80:
            self._does(wait, case, model.ReadBack(who))
            if what < 0.03:
                self._does(wait + self._soon(_DAY), case, model.Reopen(who))
            elif what < 0.05 and case.consult.consultant is not None:
                self._does(wait / 2, case, model.Answer(case.consult.consultant))
        elif what < 0.82:
            self._does(wait, case, model.EnterInError(who))

    def finish(self) -> None:
        """The days are over: who has something in care answers; what nobody took runs out."""
        for house in self.sim.houses.values():
            for case in sorted(house.open, key=lambda one: one.consult.id):
                consult = case.consult
                own = consult.consultant is not None and consult.via is None
                if own and consult.state not in (*FINAL, State.ANSWERED):
                    self._does(self._soon(_HOUR), case, model.Answer(str(consult.consultant)))
