"""What must hold of every consult after every step; the first thing that does not ends the run."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.consults import rules
from bot.consults.model import (
    FINAL,
    HELD,
    OPEN,
    Accept,
    Clock,
    Consult,
    Decision,
    Event,
    Lost,
    State,
    TellPerson,
)
from bot.directory.policies import Policy
from tests.sim.case import Broken, Case

_NIGHT = timedelta(hours=11)  # the longest that a bundle waits
_LATE = timedelta(hours=2)  # the longest that a process is down, and some
_longest: dict[int, tuple[Policy, timedelta]] = {}


def check(case: Case, now: datetime) -> None:
    """An open consult is accounted for: somebody is asked, was told or has it, and a timer watches."""
    consult, timers = case.consult, case.timers
    why = rules.unaccounted(consult)
    if why is not None:
        raise Broken(why)
    state = consult.state
    if state in FINAL:
        if timers:
            raise Broken(f"timers after the end: {set(timers)}")
        return
    if state is State.REQUESTED:
        page = timers.get(Clock.PAGE)
        if page is None or page != (consult.turn_due, consult.turn):
            raise Broken("its turn has no timer, or another one")
        if page[0] > now + _bound(consult.policy):
            raise Broken("its turn lasts longer than its policy allows")
        if not _somebody_is_asked(case) and not (consult.moderators_asked and case.told):
            raise Broken("nobody is really being asked")
    elif Clock.PAGE in timers or Clock.REMIND in timers:
        raise Broken("nobody is asked, but a turn's timer is set")
    if state is State.UNSTAFFED:
        if Clock.NAG not in timers:
            raise Broken("unstaffed, and nothing will try anew")
        if not case.told:
            raise Broken("unstaffed, and the moderators do not know")
    elif Clock.NAG in timers:
        raise Broken("a timer to try anew, though somebody is asked or has it")
    if consult.consultant is None or state is State.ANSWERED:
        end = timers.get(Clock.EXPIRE)
        if end is None:
            raise Broken("it never ends")
        if end[0] > max(case.resets, consult.opened_at) + consult.policy.expires:
            raise Broken("it ends later than its policy says")
    if state in HELD or state is State.ANSWERED:
        _in_care(case)


def _somebody_is_asked(case: Case) -> bool:
    for page in case.consult.current:
        number = page.number
        if number in case.sent or number in case.waiting or number in case.asking:
            return True
    return False


def _in_care(case: Case) -> None:
    consult, timers = case.consult, case.timers
    if any(page.outcome in OPEN for page in consult.asked):
        raise Broken("somebody has it, and others are still asked")
    if consult.state is State.ON_HOLD and Clock.HOLD not in timers:
        raise Broken("on hold, and nothing reminds of it")
    if consult.state is State.ANSWERED:
        due = consult.policy.read_back
    else:
        due = consult.policy.answer if consult.due_left is None else None
    if (due is not None) and Clock.DUE not in timers:
        raise Broken("the answer or its read-back is due, and no timer says when")


def check_step(case: Case, before: Consult, event: Event, decided: Decision) -> None:
    """One consultant at a time, who changes only in the ways there are; nobody asked twice in a round."""
    after = decided.consult
    if after.consultant != before.consultant and before.consultant is not None:
        if after.consultant is None:
            if not isinstance(event, Lost):
                raise Broken("the consultant is gone")
        elif not isinstance(event, Accept):
            raise Broken("the consultant changed by itself")
        elif event.via is None or event.via != before.via:
            told = TellPerson(before.consultant, "handed-over", after.consultant)
            if before.state is not State.REQUESTED or not before.named or told not in decided.effects:
                raise Broken("accepted twice")
    fresh = after.asked[len(before.asked) :]
    if fresh and not after.named:
        for page in fresh:
            for other in after.asked:
                if other.user == page.user and other.round == page.round and other is not page:
                    raise Broken("asked twice in one round")


def check_overdue(case: Case, now: datetime) -> None:
    """Timers are late by no more than their process was away."""
    for clock, (due, _number) in case.timers.items():
        if due < now - _LATE:
            raise Broken(f"the timer {clock} is overdue")


def _bound(policy: Policy) -> timedelta:
    known = _longest.get(id(policy))
    if known is None:
        spans = [max(tier.wait, tier.acknowledged) for tier in policy.tiers]
        known = _longest[id(policy)] = (policy, max(spans) + _NIGHT)
    return known[1]
