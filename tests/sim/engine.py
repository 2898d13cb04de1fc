"""The simulation's own time: everything that happens, in the order in which it happens.

Each input is one transaction of its hospital's process, as in the program: the rules decide, and state,
timers and outgoing messages are kept together or not at all. A process that dies before its commit has done
nothing, and its input comes again; one that dies after it sends later, perhaps twice.
"""

from __future__ import annotations

import gc
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from heapq import heappop, heappush
from itertools import count
from typing import Any

from bot.consults import duty, model, rules
from bot.consults.between import offers
from bot.consults.model import FINAL, Clock, Consult, Decision, Event, Refused, State, Urgency, Way
from bot.directory.policies import Policy, Whom
from bot.directory.rotas import Change
from tests.sim import invariants
from tests.sim.between import Between, Held
from tests.sim.case import Broken, Case
from tests.sim.house import Here, House
from tests.sim.people import People
from tests.sim.world import DAYS, URGENCIES, WINDOWS, build

WAITS = {name: timedelta(minutes=minutes) for name, minutes in zip(URGENCIES, (5, 15, 60), strict=True)}
_ASKING = (Clock.PAGE, Clock.NAG)  # after which somebody may have to be asked, as in bot.consults.duty
_NOT_READ = duty.Unasked()
_CRASHES = 1 / 900  # of all transactions
_FAILS = 0.01
_BEGINS_ANEW = (model.Lost, model.Reopen, model.Answer)  # its end is awaited from then on
_COVERS_A_DAY = 4  # in each hospital
_SWEEP = 86400.0


class Simulation:
    """One run, from one seed."""

    def __init__(
        self,
        seed: int,
        consults: int = 20_000,
        *,
        services: int = 40,
        clinicians: int = 600,
        days: int = DAYS,
        compared: float = 0.02,
    ) -> None:
        """`compared`: how many of the pages are compared with a rota that is worked out anew."""
        self.seed = seed
        self.rng = random.Random(seed)
        self._random = self.rng.random
        self.begin = self.now = WINDOWS[seed % 2]
        self.end = self.begin + timedelta(days=days)
        self.compared = compared
        self.consults = consults
        self.houses = {
            place.server: House(place, self.begin, days) for place in build(self.rng, services, clinicians)
        }
        self.between = Between(self)
        self.people = People(self)
        self.counts: Counter[str] = Counter()
        self.steps = 0
        self.settled = 0
        self._heap: list[tuple[datetime, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._order = count()
        self._ids = count(1)
        self._policies: dict[tuple[str, str, str, bool], Policy] = {}
        self._carriers: dict[type, Callable[[Case, Any], None]] = {
            model.SetTimer: self._set_timer,
            model.CancelTimer: self._cancel_timer,
            model.Page: self._page,
            model.TellModerators: self._tell_moderators,
            model.Unpage: self._tell,
            model.TellPerson: self._tell,
            model.TellRequester: self._tell_requester,
            model.DeliverAnswer: self._tell_requester,
            model.OpenRoom: self.people.hear,
        }

    # ── time ──

    def at(self, when: datetime, call: Callable[..., Any], *args: Any) -> None:
        heappush(self._heap, (when, next(self._order), call, args))

    def after(self, seconds: float, call: Callable[..., Any], *args: Any) -> None:
        heappush(self._heap, (self.now + timedelta(seconds=seconds), next(self._order), call, args))

    def run(self) -> Simulation:
        """From the first day to the last consult's end; raises Broken with the seed and the moment."""
        self._plan()
        gc.disable()  # a tenth of the run, and nothing here is garbage before its end
        last = self.end + timedelta(days=60)
        heap = self._heap
        try:
            while heap:
                when, _order, call, args = heappop(heap)
                if when > self.now:
                    self.now = when
                    if when > last:
                        raise Broken("it does not come to an end")
                call(*args)
            for house in self.houses.values():
                if house.open:
                    raise Broken(f"open at the end: {sorted(map(repr, house.open))[:3]}")
        except (Broken, AssertionError, ValueError, LookupError) as error:
            raise Broken(
                f"seed {self.seed}, {self.consults} consults: {error} "
                f"(step {self.steps}, {self.now:%d %b %H:%M:%S})"
            ) from error
        finally:
            gc.enable()
        self.settled = sum(map(self.between.agree, self.between.wire.legs))
        return self

    def _plan(self) -> None:
        rng, houses = self.rng, list(self.houses.values())
        span = (self.end - self.begin).total_seconds()
        for _ in range(self.consults):
            self.after(rng.uniform(0, span), self._asked, rng.choice(houses))
        days = span / 86400
        for house in houses:
            for _ in range(int(days * _COVERS_A_DAY)):
                self.after(rng.uniform(0, span), self._covers, house)
            for _ in range(int(days / 2)):  # its homeserver is away
                self.after(rng.uniform(0, span), self._goes_away, house)
        for _ in range(int(days / 3)):  # a partition
            self.after(rng.uniform(0, span), self._cuts)
        for _ in range(int(days / 30) or 1):
            self.after(rng.uniform(0, span * 0.9), self._revokes, *rng.sample(houses, 2))
        for step in range(int(span / _SWEEP)):
            self.after(step * _SWEEP, self._sweep)
        self.after(span + 3600, self.people.finish)

    # ── transactions ──

    def hear(self, case: Case, event: Event) -> None:
        """An input arrives: it waits while the process is down, and comes again until it is committed."""
        if self.is_lost(case.house):
            self.at(self._up(case.house), self.hear, case, event)
        else:
            self.decide(case, event)

    def is_lost(self, house: House) -> bool:
        """Whether a transaction does not happen: nobody is there, or the process dies before its commit."""
        if house.down_until > self.now:
            return True
        return self._random() < _CRASHES and self._crash(house)

    def _crash(self, house: House) -> bool:
        """The process dies: before the commit, or after it, so that what it sends goes out later."""
        self.counts["crashes"] += 1
        pause = self.rng.choice((5.0, 20.0, 120.0, 2400.0))
        house.down_until = self.now + timedelta(seconds=pause)
        return self._random() < 0.5

    def fire(self, case: Case, clock: Clock, due: datetime, number: int) -> None:
        """A timer is due; the process claims it when it is up."""
        if case.timers.get(clock) != (due, number):
            return
        if self.is_lost(case.house):
            self.at(self._up(case.house), self.fire, case, clock, due, number)
            return
        del case.timers[clock]
        if isinstance(self.decide(case, model.Timeout(clock, number)), Refused):
            self._check(case)

    def decide(self, case: Case, event: Event) -> Decision | Refused:
        """One transaction of one input."""
        before = case.consult
        asks = type(event) in duty._ASKING or (type(event) is model.Timeout and event.clock in _ASKING)
        known = Here(case.house, before, self.now) if asks else _NOT_READ
        decided = rules.decide(before, event, self.now, known)
        self.steps += 1
        if isinstance(decided, Refused):
            self.counts["refused"] += 1
            return decided
        if decided.consult.version != before.version + 1:
            raise Broken("a version left out")
        invariants.check_step(case, before, event, decided)
        if type(event) in _BEGINS_ANEW:
            case.resets = self.now
        self._commit(case, decided)
        return decided

    def open(
        self, house: House, service: str, urgency: Urgency, requester: str, asker: Held | None = None
    ) -> Case:
        """A new consult, asked here or by another hospital."""
        key = (house.place.server, service, urgency.value, asker is None)
        policy = self._policies.get(key)
        if policy is None:
            policy = house.place.roster.services[service].policy_for(urgency.value, WAITS)
            if asker is not None:
                policy = offers.kept_here(policy)
            self._policies[key] = policy
        consult = Consult(f"C-{next(self._ids)}", service, urgency, requester, policy, self.now)
        case = Case(house, consult, asker)
        if asker is not None:
            asker.case = case
        begun = rules.begin(consult, self.now, Here(house, consult, self.now))
        self.steps += 1
        self._commit(case, begun)
        return case

    def _commit(self, case: Case, decided: Decision) -> None:
        consult = case.consult = decided.consult
        house = case.house
        if consult.state in FINAL:
            house.open.discard(case)
            house.requested.discard(case)
        else:
            house.open.add(case)
            (house.requested.add if consult.state is State.REQUESTED else house.requested.discard)(case)
        carriers = self._carriers
        for effect in decided.effects:
            carry = carriers.get(type(effect))
            if carry is not None:
                carry(case, effect)
        self._check(case)

    def _check(self, case: Case) -> None:
        try:
            invariants.check(case, self.now)
        except Broken as error:
            raise Broken(f"{error}: {case}") from None

    # ── effects ──

    def _set_timer(self, case: Case, effect: model.SetTimer) -> None:
        due, number = case.timers[effect.clock] = (effect.due_at, effect.number)
        self.at(due, self.fire, case, effect.clock, due, number)

    def _cancel_timer(self, case: Case, effect: model.CancelTimer) -> None:
        case.timers.pop(effect.clock, None)

    def _tell_moderators(self, case: Case, effect: model.TellModerators) -> None:
        case.told += 1
        self.counts["moderators told"] += 1
        self.after(self.latency(case.house), self.people.moderators_hear, case, effect)

    def _tell(self, case: Case, effect: model.Effect) -> None:
        if case.legs:
            self.between.carry(case, effect)
        self.people.hear(case, effect)

    def _tell_requester(self, case: Case, effect: model.Effect) -> None:
        if case.asker is not None:
            self.between.tell(case.asker, effect)
        else:
            self._tell(case, effect)

    def _page(self, case: Case, effect: model.Page) -> None:
        case.told = 0
        if effect.user.startswith("@curbside:"):
            self.between.request(case, effect.user.partition(":")[2], effect.number)
        elif effect.at > self.now:
            case.waiting.add(effect.number)
            self.counts["bundled"] += 1
            house, user = case.house, effect.user
            house.bundled[user].append((case, effect.number))
            house.bundles[user] = effect.at
            self.at(effect.at, self._release, house, user, effect.at)
        else:
            self._send(case, effect.number, effect.channels)

    def _release(self, house: House, user: str, due: datetime) -> None:
        """A bundle goes out: who is on no longer is not paged, and whoever is on is asked instead."""
        if house.bundles.get(user) != due:
            return
        if self.is_lost(house):
            self.at(self._up(house), self._release, house, user, due)
            return
        del house.bundles[user]
        for case, number in house.bundled.pop(user):
            case.waiting.discard(number)
            page = case.consult.page(number)
            if page is None or page not in case.consult.current:
                continue
            if case.consult.named or self._is_on(case, page):
                channels = case.consult.policy.tiers[page.tier].channels
                self._send(case, number, channels)
            else:
                self._off_duty(case, page)

    def _send(self, case: Case, number: int, channels: Sequence[str]) -> None:
        """The page's message is in the outbox."""
        page = case.consult.page(number)
        if page is None:
            raise Broken("a page to somebody who is not asked")
        if number in case.sent:
            raise Broken("a page sent twice")
        if not case.consult.named:
            if not self._is_on(case, page):
                raise Broken(f"{page.user} was paged, and is not on call")
            if self.rng.random() < self.compared:
                self._compare(case, page)
        case.sent.add(number)
        case.house.rung[page.user].append(self.now)
        self.counts["pages"] += 1
        self._on_its_way(case, page, Way.MATRIX)
        if channels:
            self._on_its_way(case, page, Way.CHANNELS)

    def _on_its_way(self, case: Case, page: model.Asked, way: Way) -> None:
        wait = self.latency(case.house)
        if self.rng.random() < (_FAILS if way is Way.MATRIX else 10 * _FAILS):
            self.counts["pages failed"] += 1
            self.after(wait, self.hear, case, model.PageFailed(page.number, way))
            return
        if page.until is not None:
            wait = min(wait, max(5.0, (page.until - self.now).total_seconds()))
        self.after(wait, self.people.paged, case, page.number, page.user, way)
        for _ in range(2 if self.rng.random() < 0.03 else 1):
            late = self.rng.expovariate(1 / (3600 if self.rng.random() < 0.02 else 0.5))
            self.after(wait + late, self.hear, case, model.PageDelivered(page.number, way))

    def latency(self, house: House) -> float:
        """How many seconds until something that was committed now has arrived."""
        wait = self.rng.expovariate(0.7)
        there = max(house.down_until, house.away_until)
        return wait + (there - self.now).total_seconds() if there > self.now else wait

    def _up(self, house: House) -> datetime:
        return house.down_until + timedelta(seconds=self.rng.uniform(0.1, 20))

    # ── who is on ──

    def _is_on(self, case: Case, page: model.Asked) -> bool:
        tier = case.consult.policy.tiers[page.tier]
        return any(page.user in case.house.rotas.people(target, self.now) for target in tier.targets)

    def _compare(self, case: Case, page: model.Asked) -> None:
        """What was kept of the rotas is what the program says when it works them out anew."""
        self.counts["compared"] += 1
        truth = case.house.rotas.truth(case.consult.service)
        for target in case.consult.policy.tiers[page.tier].targets:
            kept = case.house.rotas.people(target, self.now)
            if kept != truth.people(target, self.now):
                raise Broken(f"{target} means {kept} here, {truth.people(target, self.now)} by the rules")
            if page.user in kept and target.kind in (Whom.ROTA, Whom.SERVICE):
                until = case.house.rotas.until(page.user, target, self.now)
                if until != truth.until(page.user, target, self.now):
                    raise Broken(f"the turn of {page.user} ends at {until} here, not so by the rules")

    def _covers(self, house: House) -> None:
        """A cover, or a swap of two turns: whoever is on no longer is asked no longer."""
        rng = self.rng
        key = rng.choice(list(house.rotas.spans))
        team = house.place.roster.rotas[key].people
        start = self.now if rng.random() < 0.3 else self.now + timedelta(minutes=rng.randrange(1, 2000))
        end = start + timedelta(minutes=rng.randrange(30, 900))
        on = house.rotas.spans[key].on(start)
        who = rng.choice(team)
        if on and rng.random() < 0.7:
            changes = [Change(who, start, end, on[0])]
            if rng.random() < 0.4:  # the other half of a swap, some days later
                later = timedelta(days=rng.randrange(1, 5))
                changes.append(Change(on[0], start + later, end + later, who))
        else:
            changes = [Change(who, start, end)]
        house.rotas.change(key, *changes)
        self.counts["covers"] += 1
        for one in changes:
            self.at(max(one.begin, self.now), self.see_who_is_on, house)

    def see_who_is_on(self, house: House) -> None:
        """A cover begins: who is being asked and is on no longer, is not waited for."""
        if self.is_lost(house):
            self.at(self._up(house), self.see_who_is_on, house)
            return
        for case in sorted(house.requested, key=lambda one: one.consult.id):
            if case.consult.named:
                continue
            for page in case.consult.current:
                if not page.user.startswith("@curbside:") and not self._is_on(case, page):
                    self._off_duty(case, page)

    def _off_duty(self, case: Case, page: model.Asked) -> None:
        self.counts["off duty"] += 1
        self.decide(case, model.OffDuty(page.user))
        if page in case.consult.current:
            raise Broken(f"{page.user} is on call no longer, and still waited for: {case}")

    # ── the world outside ──

    def _asked(self, house: House) -> None:
        if self.is_lost(house):
            self.at(self._up(house), self._asked, house)
            return
        rng = self.rng
        service = rng.choice(list(house.place.roster.services))
        urgency = Urgency(rng.choices(URGENCIES, (2, 3, 5))[0])
        case = self.open(house, service, urgency, rng.choice(house.place.people))
        self.people.asked(case)

    def _goes_away(self, house: House) -> None:
        self.counts["outages"] += 1
        house.away_until = self.now + timedelta(seconds=self.rng.expovariate(1 / 600))

    def _cuts(self) -> None:
        self.counts["partitions"] += 1
        pair = frozenset(self.rng.sample(sorted(self.houses), 2))
        self.between.wire.cut[pair] = self.now + timedelta(seconds=self.rng.expovariate(1 / 7200))

    def _revokes(self, house: House, other: House) -> None:
        """A hospital takes another one off its list, and puts it back after some days."""
        server = other.place.server
        house.revoked.add(server)
        self.counts["revocations"] += 1
        self.after(3 * 86400, house.revoked.discard, server)
        bot = f"@curbside:{server}"
        for case in sorted(house.open, key=lambda one: one.consult.id):
            consult = case.consult
            for user in (bot, *(one for one in (consult.consultant, *consult.colleagues) if one)):
                if user.endswith(":" + server):
                    self.decide(case, model.Lost(user))

    def _sweep(self) -> None:
        for house in self.houses.values():
            for case in house.open:
                self._check(case)
                invariants.check_overdue(case, self.now)
