"""Bugs planted into the rules and the routing, one at a time: the simulation finds every one of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from bot.consults import asking, caring, model, rules
from bot.consults.between import protocol
from bot.consults.model import Clock, Decision, Outcome, Refused, State, replace
from tests.sim.case import Broken
from tests.sim.duty import Rotas
from tests.sim.engine import Simulation

_SEEDS = 3
_CONSULTS = 1500
Patch = pytest.MonkeyPatch


def _without(patch: Patch, module: Any, name: str, *unwanted: Callable[[model.Effect], bool]) -> None:
    """A rule that forgets some of what is to be done."""
    real = getattr(module, name)

    def forgetful(*args: Any, **options: Any) -> Any:
        decided = real(*args, **options)
        if not isinstance(decided, Decision):
            return decided
        kept = tuple(one for one in decided.effects if not any(test(one) for test in unwanted))
        return replace(decided, effects=kept)

    patch.setattr(module, name, forgetful)


def _rule(patch: Patch, event: type, rule: Callable[..., Any], *states: State) -> None:
    table = dict(rules.TRANSITIONS)
    for state in states or State:
        if (state, event) in table or states:
            table[state, event] = (rule, tuple(State))
    patch.setattr(rules, "TRANSITIONS", table)


def _sets(clock: Clock) -> Callable[[model.Effect], bool]:
    return lambda effect: isinstance(effect, model.SetTimer) and effect.clock is clock


def turn_without_timer(patch: Patch) -> None:
    _without(patch, asking, "_ask", _sets(Clock.PAGE))


def nobody_tries_anew(patch: Patch) -> None:
    _without(patch, asking, "_nobody", _sets(Clock.NAG))


def moderators_not_told(patch: Patch) -> None:
    _without(patch, asking, "_nobody", lambda effect: isinstance(effect, model.TellModerators))


def page_not_sent(patch: Patch) -> None:
    _without(patch, asking, "_ask", lambda effect: isinstance(effect, model.Page))


def off_duty_ignored(patch: Patch) -> None:
    _rule(patch, model.OffDuty, lambda *_: Refused("stale"))


def accepted_twice(patch: Patch) -> None:
    def accept(consult: Any, event: Any, now: Any, duty: Any) -> Any:
        open_again = tuple(replace(page, outcome=Outcome.MISSED) for page in consult.asked)
        return caring.accept(replace(consult, asked=open_again), event, now, duty)

    _rule(patch, model.Accept, accept, State.ACCEPTED, State.IN_PROGRESS)


def asked_again_in_the_round(patch: Patch) -> None:
    real = asking._eligible

    def eligible(consult: Any, duty: Any) -> Any:
        forgotten = tuple(replace(page, round=-1) for page in consult.asked)
        return real(replace(consult, asked=forgotten), duty)

    patch.setattr(asking, "_eligible", eligible)


def failed_page_waited_for(patch: Patch) -> None:
    def failed(consult: Any, event: Any, now: Any, duty: Any) -> Any:
        page = consult.page(event.number)
        if page is None:
            return Refused("stale")
        return Decision(asking._put(consult, replace(page, outcome=Outcome.FAILED)))

    _rule(patch, model.PageFailed, failed)


def others_stay_asked(patch: Patch) -> None:
    real = caring.settled

    def settled(consult: Any, why: str, taker: str | None) -> Any:
        done, effects = real(consult, why, taker)
        return replace(done, asked=consult.asked), effects

    patch.setattr(caring, "settled", settled)


def never_expires(patch: Patch) -> None:
    _without(patch, asking, "ask_next", _sets(Clock.EXPIRE))


def timers_outlive_it(patch: Patch) -> None:
    patch.setattr(caring, "_LATER", ())


def lost_and_forgotten(patch: Patch) -> None:
    def lost(consult: Any, event: Any, now: Any, duty: Any) -> Any:
        return Decision(replace(consult, consultant=None, via=None))

    _rule(patch, model.Lost, lost, State.IN_PROGRESS, State.ACCEPTED, State.REQUESTED)


def declined_and_still_waited_for(patch: Patch) -> None:
    _rule(
        patch,
        model.Decline,
        lambda consult, event, now, duty: (
            Decision(asking._put(consult, replace(page, outcome=Outcome.DECLINED)))
            if (page := consult.last_page(event.user)) is not None
            else Refused("not-asked")
        ),
    )


def old_timer_counts(patch: Patch) -> None:
    """The time of a turn runs from its first setting: delivery and acknowledgement change nothing."""
    _without(patch, asking, "delivered", _sets(Clock.PAGE))
    real = asking.delivered
    _rule(patch, model.PageDelivered, real)


def covers_not_looked_at(patch: Patch) -> None:
    real = Rotas.change

    def change(self: Rotas, key: str, *changes: Any) -> None:
        spans = self.spans[key]
        before = list(spans.begins), list(spans.people)
        real(self, key, *changes)
        spans.begins, spans.people = before

    patch.setattr(Rotas, "change", change)


def clock_change_not_looked_at(patch: Patch) -> None:
    real = Rotas.people

    def people(self: Rotas, target: Any, moment: Any) -> Any:
        zone = self.place.zone
        drift = moment.astimezone(zone).utcoffset() - self.began.astimezone(zone).utcoffset()
        return real(self, target, moment - drift)

    patch.setattr(Rotas, "people", people)


def other_hospital_not_told(patch: Patch) -> None:
    """Somebody here has it, and the hospital that was asked as well never hears so."""
    real = protocol.may_say
    patch.setattr(
        "tests.sim.between.may_say",
        lambda leg, kind: kind is not protocol.Kind.CANCEL and real(leg, kind),
    )


def stream_taken_in_any_order(patch: Patch) -> None:
    real = protocol.hear

    def hear(leg: Any, kind: Any, number: int, confirmed: int) -> Any:
        if number > leg.got:
            leg = replace(leg, got=number - 1)
        return real(leg, kind, number, confirmed)

    patch.setattr(protocol, "hear", hear)


BUGS: Mapping[str, Callable[[Patch], None]] = {
    bug.__name__: bug
    for bug in (
        turn_without_timer,
        nobody_tries_anew,
        moderators_not_told,
        page_not_sent,
        off_duty_ignored,
        accepted_twice,
        asked_again_in_the_round,
        failed_page_waited_for,
        others_stay_asked,
        never_expires,
        timers_outlive_it,
        lost_and_forgotten,
        declined_and_still_waited_for,
        old_timer_counts,
        covers_not_looked_at,
        clock_change_not_looked_at,
        other_hospital_not_told,
        stream_taken_in_any_order,
    )
}


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BUGS[bug](monkeypatch)
    for seed in range(_SEEDS):
        try:
            Simulation(seed, _CONSULTS, compared=0.1).run()
        except Broken:
            return
    pytest.fail(f"{_SEEDS} seeds did not find it")


def test_without_a_bug_nothing_is_found() -> None:
    for seed in range(2):
        assert Simulation(seed, _CONSULTS // 3, compared=1.0, days=90).run().counts["compared"]
