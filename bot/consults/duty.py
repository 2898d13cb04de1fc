"""What the rules ask of the world when somebody is to be asked: who is on, who first, and when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.chat.desk import Desk
from bot.consults import model, pacing
from bot.consults.between.post import bot_of
from bot.consults.bundles import store as bundles
from bot.consults.model import Asked, Clock, Consult, Event, Urgency
from bot.directory.policies import Target, Whom
from bot.directory.roster import RosterFile
from bot.oncall.service import OnCall

# After these, and after the timers of asking, somebody may have to be asked.
_ASKING = (model.OffDuty, model.Decline, model.PageFailed, model.Handoff, model.Reopen, model.Lost)


class Unasked:
    """For decisions that ask nobody; to be asked all the same would be a fault of ours."""

    def people(self, target: Target) -> tuple[str, ...]:
        raise LookupError("this decision asks nobody")

    def when(self, user: str) -> datetime:
        raise LookupError("this decision asks nobody")

    def until(self, target: Target, user: str) -> datetime | None:
        raise LookupError("this decision asks nobody")


class Known:
    """Who is on at one moment, as read from the database: see `model.Duty`."""

    def __init__(
        self,
        now: datetime,
        oncall: OnCall,
        people: Mapping[Target, tuple[str, ...]],
        at: Mapping[str, datetime],
    ) -> None:
        self._now = now
        self._oncall = oncall
        self._people = people
        self._at = at

    def people(self, target: Target) -> tuple[str, ...]:
        return self._people.get(target, ())

    def when(self, user: str) -> datetime:
        return self._at.get(user, self._now)

    def until(self, target: Target, user: str) -> datetime | None:
        return self._oncall.until(user, target, self._now)


async def for_event(desk: Desk, consult: Consult, event: Event) -> model.Duty:
    """What a decision on this event may need to know."""
    if isinstance(event, model.Timeout):
        asks = event.clock in (Clock.PAGE, Clock.NAG)
    else:
        asks = isinstance(event, _ASKING)
    if not asks:
        return Unasked()
    return await known(desk, consult, [event.to] if isinstance(event, model.Handoff) else [])


async def known(desk: Desk, consult: Consult, also: Iterable[str] = ()) -> Known:
    """Whom the consult's policy means now; `also` are others who may be asked."""
    targets = list(dict.fromkeys(target for tier in consult.policy.tiers for target in tier.targets))
    oncall = await OnCall.load(desk, targets, consult.service)
    people = {target: _people(desk, oncall, target) for target in targets}
    equals = {target: _equals(desk, oncall, target, people[target]) for target in targets}
    among = {user for users in equals.values() if len(users) > 1 for user in users}
    if among:
        load = await bundles.load(desk.tx, among, desk.now - pacing.LATELY)
        for target, users in equals.items():
            first = pacing.fairly(users, load)
            people[target] = (*first, *(user for user in people[target] if user not in first))
    everybody = dict.fromkeys([*(user for users in people.values() for user in users), *also])
    return Known(desk.now, oncall, people, await _pace(desk, consult, oncall, everybody))


async def on_now(desk: Desk, consult: Consult) -> frozenset[str]:
    """Everybody whom the consult's policy means at this moment."""
    targets = list(dict.fromkeys(target for tier in consult.policy.tiers for target in tier.targets))
    oncall = await OnCall.load(desk, [*targets, Target(Whom.SERVICE, consult.service)], consult.service)
    on = [oncall.people(target, desk.now) for target in (*targets, Target(Whom.SERVICE, consult.service))]
    return frozenset(user for users in on for user in users)


async def still_meant(desk: Desk, consult: Consult, page: Asked) -> bool:
    """Whether somebody is still meant by the tier that asks them; who is asked by name always is."""
    if consult.named:
        return True
    targets = consult.policy.tiers[page.tier].targets
    oncall = await OnCall.load(desk, targets, consult.service)
    return any(page.user in _people(desk, oncall, target) for target in targets)


def _people(desk: Desk, oncall: OnCall, target: Target) -> tuple[str, ...]:
    if target.kind is Whom.HOSPITAL:
        bot = bot_of(desk, target.name)
        return () if bot is None else (bot,)
    return oncall.people(target, desk.now)


def _equals(desk: Desk, oncall: OnCall, target: Target, people: tuple[str, ...]) -> tuple[str, ...]:
    """Those among whom nobody comes first: a group, or all who are on in one rota."""
    if target.kind in (Whom.ROTA, Whom.GROUP):
        return people
    service = desk.house.part(RosterFile).current.services.get(target.name)
    if target.kind is Whom.SERVICE and service is not None and service.rota is not None:
        return oncall.people(Target(Whom.ROTA, service.rota), desk.now)
    return ()


async def _pace(desk: Desk, consult: Consult, oncall: OnCall, users: Iterable[str]) -> Mapping[str, datetime]:
    """When somebody may be interrupted; STAT always at once, and whatever no policy puts off."""
    if not consult.policy.bundle or consult.urgency is Urgency.STAT:
        return {}
    lately = await bundles.lately(desk.tx, list(users), desk.now - pacing.WINDOW)
    per_hour = desk.house.settings.consults.interruptions_per_hour
    nothing = bundles.Lately()
    return {
        user: pacing.when(
            desk.now,
            quiet_until=oncall.is_quiet(user, desk.now),
            sent=lately.get(user, nothing).sent,
            waiting=lately.get(user, nothing).waiting,
            per_hour=per_hour,
        )
        for user in users
    }
