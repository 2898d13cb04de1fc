"""Bringing a consult to somebody: rounds, tiers, pages, and what becomes of them. Pure.

A turn is one asking: one person, or a whole tier at once. Its timer is the one thing that moves a consult
on by itself, so every turn sets it, and whatever comes for an earlier turn is passed over.
"""

from __future__ import annotations

from datetime import datetime

from bot.consults.model import (
    OPEN,
    Acknowledge,
    Asked,
    CancelTimer,
    Clock,
    Consult,
    Decision,
    Decline,
    Duty,
    Effect,
    Handoff,
    OffDuty,
    Outcome,
    Page,
    PageDelivered,
    PageFailed,
    Refused,
    Repage,
    Room,
    SetTimer,
    State,
    TellModerators,
    TellPerson,
    TellRequester,
    Timeout,
    Unacknowledge,
    Unpage,
    Way,
    replace,
)
from bot.directory.policies import Mode, Tier, Whom

PAGING = (CancelTimer(Clock.PAGE), CancelTimer(Clock.REMIND))
_DOUBLINGS = 4  # of the pause before everybody is asked anew


def ask_next(consult: Consult, now: datetime, duty: Duty, *before: Effect) -> Decision:
    """Ask whoever is next: of this tier, of the next ones, of the next round; an empty tier takes no time."""
    if consult.named and consult.consultant is not None:
        return _stays(consult, *before)
    effects = before
    if consult.round == 0 and not consult.asked and _on_duty_oneself(consult, duty):
        effects = (*before, TellRequester("skipped"))
    at = replace(consult, named=False)
    while True:
        for index in range(at.tier, len(at.policy.tiers)):
            there = replace(at, tier=index)
            people = _eligible(there, duty)
            if people or _calls_moderators(there):
                return _ask(there, people, now, duty, *effects)
        if at.round >= at.rounds or not any(page.round == at.round for page in at.asked):
            break
        at = replace(at, round=at.round + 1, tier=0, moderators_asked=False)
    return _nobody(at, now, *effects)


def _on_duty_oneself(consult: Consult, duty: Duty) -> bool:
    return any(consult.requester in duty.people(one) for tier in consult.policy.tiers for one in tier.targets)


def _calls_moderators(consult: Consult) -> bool:
    tier = consult.policy.tiers[consult.tier]
    return not consult.moderators_asked and any(one.kind is Whom.MODERATORS for one in tier.targets)


def _eligible(consult: Consult, duty: Duty) -> list[Asked]:
    """The pages that this tier's next turn would be; whoever requests a consult is not asked to answer it."""
    tier = consult.policy.tiers[consult.tier]
    ways = (Way.MATRIX, Way.CHANNELS) if tier.channels else (Way.MATRIX,)
    declined = {page.user for page in consult.asked if page.outcome is Outcome.DECLINED}
    asked = {page.user for page in consult.asked if page.round == consult.round}
    passed_over = {consult.requester, consult.consultant, *declined, *asked}
    pages: list[Asked] = []
    for target in tier.targets:
        for user in duty.people(target):
            if user in passed_over:
                continue
            passed_over.add(user)
            until = duty.until(target, user)
            number = len(consult.asked) + len(pages) + 1
            page = Asked(
                number,
                user,
                turn=consult.turn + 1,
                round=consult.round,
                tier=consult.tier,
                until=until,
                ways=ways,
            )
            if tier.mode is Mode.IN_TURN:
                return [page]
            pages.append(page)
    return pages


def _ask(consult: Consult, pages: list[Asked], now: datetime, duty: Duty, *before: Effect) -> Decision:
    """Send these pages, and tell the moderators where the tier says so; one timer watches over all of it."""
    tier = times(consult)
    at = {page.user: _when(page, now, duty) for page in pages}
    due = min(at.values(), default=now) + tier.wait
    ends = [page.until for page in pages if page.until is not None]
    if pages and len(ends) == len(pages):
        due = min(due, max(ends))  # whose duty ends is not waited for: whoever comes on is asked then
    calls = not consult.named and _calls_moderators(consult)
    asking = replace(
        consult,
        state=State.REQUESTED,
        turn=consult.turn + 1,
        turn_due=due,
        asked=(*consult.asked, *pages),
        moderators_asked=consult.moderators_asked or calls,
    )
    effects: list[Effect] = [*before, CancelTimer(Clock.REMIND), CancelTimer(Clock.NAG)]
    effects += [Page(page.user, page.number, at[page.user], tier.channels) for page in pages]
    effects.append(SetTimer(Clock.PAGE, due, asking.turn))
    if calls:
        effects.append(TellModerators("asked"))
    if len(pages) == 1:
        deferred = at[pages[0].user] > now
        effects.append(TellRequester("asking-later" if deferred else "asking", pages[0].user))
    elif pages:
        effects.append(TellRequester("asking-several", count=len(pages)))
    else:
        effects.append(TellRequester("asking-moderators"))
    return Decision(asking, tuple(effects))


def _when(page: Asked, now: datetime, duty: Duty) -> datetime:
    """A bundle that would go out after their duty ends is not waited for."""
    at = duty.when(page.user)
    return now if page.until is not None and at >= page.until else max(at, now)


def times(consult: Consult) -> Tier:
    """The times of the tier that is being asked; of the first one for a person asked by name."""
    tiers = consult.policy.tiers
    return tiers[min(consult.tier, len(tiers) - 1)]


def _stays(consult: Consult, *before: Effect) -> Decision:
    """Nobody took over: the consultant stays responsible."""
    assert consult.consultant is not None
    kept, unpaged = settled(replace(consult, state=in_care(consult)), "taken", None)
    told = (
        TellPerson(consult.consultant, "still-yours"),
        TellRequester("still-with", consult.consultant),
        TellModerators("handoff-failed", consult.consultant),
    )
    return Decision(kept, (*before, *unpaged, *told))


def _nobody(consult: Consult, now: datetime, *before: Effect) -> Decision:
    """Everybody was asked, or nobody is there: people are told, and it is tried anew after a while."""
    what = "unstaffed" if consult.rounds == consult.policy.repeat else "still-unstaffed"
    left = replace(consult, state=State.UNSTAFFED, turn_due=None)
    told = TellModerators(what), TellRequester(what)
    tries = max(0, consult.rounds - consult.policy.repeat)
    pause = consult.policy.nag * 2 ** min(tries, _DOUBLINGS)
    nag = SetTimer(Clock.NAG, now + pause)
    return Decision(left, (*before, *PAGING, nag, *told))


# ── what becomes of a page ──


def delivered(consult: Consult, event: PageDelivered, now: datetime, duty: Duty) -> Decision | Refused:
    """The time to accept counts from when the page has arrived; the timer set before is the fail-safe."""
    page = consult.page(event.number)
    if page is None:
        return Refused("stale")
    noted = replace(consult, paged_at=consult.paged_at or now)
    if page.delivered_at is not None:
        return Decision(noted)
    noted = _put(noted, replace(page, delivered_at=now))
    if page in consult.current and page.outcome is Outcome.WAITING:
        due = now + times(consult).wait
        if page.until is not None and len(consult.current) == 1:
            due = min(due, max(page.until, now))
        if any(one.outcome is Outcome.ACKNOWLEDGED for one in consult.current) and consult.turn_due:
            due = max(due, consult.turn_due)
        return Decision(replace(noted, turn_due=due), (SetTimer(Clock.PAGE, due, consult.turn),))
    return Decision(noted)


def failed(consult: Consult, event: PageFailed, now: datetime, duty: Duty) -> Decision | Refused:
    """A page that cannot arrive in any way is not waited for."""
    page = consult.page(event.number)
    if page is None or page.outcome not in OPEN or event.way not in page.ways:
        return Refused("stale")
    ways = tuple(way for way in page.ways if way is not event.way)
    what = "page-failed" if event.way is Way.MATRIX else "channels-failed"
    told = TellModerators(what, page.user)
    if ways or page.delivered_at is not None:  # it may still arrive, or has arrived, in another way
        return Decision(_put(consult, replace(page, ways=ways)), (told,))
    noted = _put(consult, replace(page, ways=(), outcome=Outcome.FAILED))
    if page in consult.current:
        effects = told, TellRequester("page-failed", page.user)
        return Decision(noted, effects) if noted.current else ask_next(noted, now, duty, *effects)
    return Decision(noted, (told,))


def page_due(consult: Consult, event: Timeout, now: datetime, duty: Duty) -> Decision | Refused:
    """A turn's time has run out: who did not answer may still do so, while the next one is asked."""
    if event.clock is Clock.REMIND:
        return _remind(consult, event.number)
    if event.clock is not Clock.PAGE or event.number != consult.turn:
        return Refused("stale")
    missed, effects = consult, list[Effect]()
    late = [page for page in consult.current if page.until is None or now < page.until]
    for page in consult.current:
        if page in late:
            missed = _put(missed, replace(page, outcome=Outcome.MISSED))
        else:
            missed = _put(missed, replace(page, outcome=Outcome.OFF_DUTY))
            effects += [Unpage(page.user, page.number, "off-duty"), TellRequester("off-duty", page.user)]
    if len(late) == 1:
        effects.append(TellRequester("no-answer", late[0].user))
    elif late:
        effects.append(TellRequester("no-answer-several", count=len(late)))
    return ask_next(missed, now, duty, *effects)


def _remind(consult: Consult, number: int) -> Decision | Refused:
    page = consult.page(number)
    if page is None or page not in consult.current or page.outcome is not Outcome.ACKNOWLEDGED:
        return Refused("stale")
    return Decision(consult, (TellPerson(page.user, "remind"),))


def acknowledge(consult: Consult, event: Acknowledge, now: datetime, duty: Duty) -> Decision | Refused:
    """Seen: the turn is held for a while, so that somebody who is looking is not overtaken."""
    page = consult.last_page(event.user)
    if page is None or page.outcome not in OPEN:
        return Refused("not-asked" if page is None else _closed(page))
    if page.outcome is Outcome.ACKNOWLEDGED:
        return Refused("acknowledged")
    seen = replace(page, outcome=Outcome.ACKNOWLEDGED)
    noted = replace(_put(consult, seen), acknowledged_at=consult.acknowledged_at or now)
    effects: list[Effect] = [Repage(page.user, page.number), TellRequester("acknowledged", page.user)]
    if page.turn != consult.turn or consult.state is not State.REQUESTED:
        return Decision(noted, tuple(effects))
    tier = times(consult)
    due = max(consult.turn_due or now, now + tier.acknowledged)
    if page.until is not None and len(consult.current) == 1:
        due = min(due, max(page.until, now))
    effects.insert(0, SetTimer(Clock.PAGE, due, consult.turn))
    if tier.remind is not None:
        effects.insert(1, SetTimer(Clock.REMIND, now + tier.remind, page.number))
    return Decision(replace(noted, turn_due=due), tuple(effects))


def unacknowledge(consult: Consult, event: Unacknowledge, now: datetime, duty: Duty) -> Decision | Refused:
    """Not looking at it after all: the time to accept runs anew."""
    page = consult.last_page(event.user)
    if page is None or page.outcome is not Outcome.ACKNOWLEDGED:
        return Refused("not-acknowledged")
    waits = page.turn == consult.turn and consult.state is State.REQUESTED
    back = replace(page, outcome=Outcome.WAITING if waits else Outcome.MISSED)
    effects: list[Effect] = [Repage(page.user, page.number), TellRequester("unacknowledged", page.user)]
    if not waits:
        return Decision(_put(consult, back), tuple(effects))
    due = now + times(consult).wait
    if page.until is not None and len(consult.current) == 1:
        due = min(due, max(page.until, now))
    first = CancelTimer(Clock.REMIND), SetTimer(Clock.PAGE, due, consult.turn)
    return Decision(replace(_put(consult, back), turn_due=due), (*first, *effects))


def decline(consult: Consult, event: Decline, now: datetime, duty: Duty) -> Decision | Refused:
    if event.user == consult.consultant:
        return Refused("hand-off")
    page = consult.last_page(event.user)
    if page is None or page.outcome not in OPEN:
        return Refused("not-asked" if page is None else _closed(page))
    noted = replace(
        _put(consult, replace(page, outcome=Outcome.DECLINED)),
        acknowledged_at=consult.acknowledged_at or now,
    )
    effects = Unpage(page.user, page.number, "declined"), TellRequester("declined", event.user)
    if page in consult.current and not noted.current:
        return ask_next(noted, now, duty, *effects)
    return Decision(noted, effects)


def handoff(consult: Consult, event: Handoff, now: datetime, duty: Duty) -> Decision | Refused:
    """Ask a named person; until they agree nothing changes hands.

    Naming somebody is a person's decision, so it also reaches one who did not answer or declined before.
    """
    page = consult.last_page(event.user)
    if event.to == consult.requester:
        return Refused("own")
    if event.to == consult.consultant:
        return Refused("theirs")
    if any(one.user == event.to for one in consult.current):
        return Refused("being-asked")
    if consult.via is not None:
        return Refused("elsewhere")
    effects: list[Effect] = []
    if not event.moderator and event.user != consult.consultant:
        if consult.consultant is not None or page is None or page.outcome not in OPEN:
            return Refused("not-yours")
        effects.append(Unpage(page.user, page.number, "declined"))
        consult = replace(
            _put(consult, replace(page, outcome=Outcome.DECLINED)),
            acknowledged_at=consult.acknowledged_at or now,
        )
    waiting = consult.current
    for one in waiting:  # who was being asked is not overtaken silently: a late accept still counts
        consult = _put(consult, replace(one, outcome=Outcome.MISSED))
    number = len(consult.asked) + 1
    tier = times(consult)
    ways = (Way.MATRIX, Way.CHANNELS) if tier.channels else (Way.MATRIX,)
    asked = Asked(number, event.to, turn=consult.turn + 1, round=consult.round, tier=consult.tier, ways=ways)
    consult, resumed = off_hold(consult, now)
    told = TellRequester("handoff", event.user)
    return _ask(replace(consult, named=True), [asked], now, duty, *resumed, *effects, told)


def off_duty(consult: Consult, event: OffDuty, now: datetime, duty: Duty) -> Decision | Refused:
    """Somebody else has their duty from now on: whoever is on now is asked."""
    page = next((one for one in consult.current if one.user == event.user), None)
    if page is None or consult.named:
        return Refused("stale")
    noted = _put(consult, replace(page, outcome=Outcome.OFF_DUTY))
    effects = Unpage(page.user, page.number, "off-duty"), TellRequester("off-duty", page.user)
    return Decision(noted, effects) if noted.current else ask_next(noted, now, duty, *effects)


def _closed(page: Asked) -> str:
    """Why nothing can be done with a page any more."""
    match page.outcome:
        case Outcome.DECLINED:
            return "declined"
        case Outcome.OFF_DUTY:
            return "off-duty"
        case _:
            return "taken"


# ── parts ──


def in_care(consult: Consult) -> State:
    """Where a consult stands that somebody has."""
    return State.ACCEPTED if consult.room is Room.MAKING else State.IN_PROGRESS


def off_hold(consult: Consult, now: datetime) -> tuple[Consult, tuple[Effect, ...]]:
    """The clock of the answer runs on with what was left of it when it stopped."""
    if consult.state is not State.ON_HOLD:
        return consult, ()
    effects: list[Effect] = [CancelTimer(Clock.HOLD)]
    due = consult.due_at if consult.due_left is None else now + consult.due_left
    if due is not None:
        effects.append(SetTimer(Clock.DUE, max(due, now)))
    on = replace(consult, state=in_care(consult), held_by=None, due_at=due, due_left=None)
    return on, tuple(effects)


def _put(consult: Consult, page: Asked) -> Consult:
    asked = tuple(page if one.number == page.number else one for one in consult.asked)
    return replace(consult, asked=asked)


def settled(consult: Consult, why: str, taker: str | None) -> tuple[Consult, tuple[Effect, ...]]:
    """Close every page that still asks for something; the taker's own says that it is theirs."""
    asked: list[Asked] = []
    effects: list[Effect] = []
    for page in consult.asked:
        mine = page.user == taker
        if page.outcome in OPEN:
            effects.append(Unpage(page.user, page.number, "yours" if mine else why))
            page = replace(page, outcome=Outcome.ACCEPTED if mine else Outcome.WITHDRAWN)
        asked.append(page)
    done = replace(consult, asked=tuple(asked), turn_due=None, named=False)
    return done, (*PAGING, CancelTimer(Clock.NAG), *effects)


def withdrawn(consult: Consult, user: str) -> Consult:
    """Somebody can be asked no longer."""
    asked = tuple(
        replace(page, outcome=Outcome.WITHDRAWN) if page.user == user and page.outcome in OPEN else page
        for page in consult.asked
    )
    return replace(consult, asked=asked)
