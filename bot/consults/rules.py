"""A consult's life: every transition, and what each one asks to be done.

`TRANSITIONS` is the whole table: which event is possible in which state, what it does, and where it
may lead. `decide` reads it; an event that is not in it is refused with a reason, never an error.
An open consult is always accounted for: a page timer runs (requested), the moderators have been
told (unstaffed), or one named consultant has it. The states follow FHIR R4 Task
(http://hl7.org/fhir/R4/task.html), see `bot.consults.model`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.consults.model import (
    FINAL,
    Accept,
    Answer,
    Asked,
    Cancel,
    CancelTimer,
    Consult,
    Decision,
    Decline,
    DeliverAnswer,
    Effect,
    Event,
    Handoff,
    InviteToRoom,
    Lost,
    OpenRoom,
    Outcome,
    Page,
    PageDelivered,
    PageFailed,
    PostAnswer,
    PostQuestion,
    ReadBack,
    Refused,
    RemoveFromRoom,
    Room,
    RoomFailed,
    RoomReady,
    SetTimer,
    State,
    TellModerators,
    TellPerson,
    TellRequester,
    TellRoom,
    Timeout,
    Unpage,
)


def begin(consult: Consult, now: datetime) -> Decision:
    """A new consult: ask the first of its chain."""
    return _ask_next(consult, now)


def decide(consult: Consult, event: Event, now: datetime) -> Decision | Refused:
    """What an event does to a consult; its version rises by one with every decision."""
    entry = TRANSITIONS.get((consult.state, type(event)))
    if entry is None:
        return Refused(_why_not(consult, event))
    rule, _targets = entry
    result = rule(consult, event, now)
    if isinstance(result, Decision):
        return replace(result, consult=replace(result.consult, version=consult.version + 1))
    return result


def _why_not(consult: Consult, event: Event) -> str:
    match event:
        case PageDelivered() | PageFailed() | Timeout() | RoomReady() | RoomFailed() | Lost():
            return "stale"
        case _ if consult.state in FINAL:
            return str(consult.state)
        case Accept(user=user) if user == consult.consultant:
            return "yours"
        case Decline(user=user) if user == consult.consultant:
            return "hand-off"
        case Accept() | Decline():
            return "taken"
        case Answer():
            return "not-accepted"
        case ReadBack():
            return "not-answered"
        case _:
            return "answered"


# ── asking ──


def _ask_next(consult: Consult, now: datetime, *before: Effect) -> Decision:
    """Ask the next of the chain who can be asked; whoever requests a consult is not asked to answer it."""
    skipped: tuple[Effect, ...] = ()
    for step in range(consult.step + 1, len(consult.chain)):
        user = consult.chain[step]
        if user == consult.requester:
            skipped = (TellRequester("skipped"),)
        elif user != consult.consultant and consult.last_page(user) is None:
            return _ask(consult, step, now, *before, *skipped)
    asked_all = replace(consult, step=len(consult.chain))
    if consult.consultant is not None:
        return Decision(
            replace(asked_all, state=_in_care(consult)),
            (
                *before,
                CancelTimer(),
                TellPerson(consult.consultant, "still-yours"),
                TellRequester("still-with", consult.consultant),
                TellModerators("handoff-failed", consult.consultant),
            ),
        )
    told = TellModerators("unstaffed"), TellRequester("unstaffed")
    return Decision(replace(asked_all, state=State.UNSTAFFED), (*before, CancelTimer(), *skipped, *told))


def _ask(consult: Consult, step: int, now: datetime, *before: Effect) -> Decision:
    page = Asked(len(consult.asked) + 1, consult.chain[step])
    return Decision(
        replace(consult, state=State.REQUESTED, step=step, asked=(*consult.asked, page)),
        (
            *before,
            Page(page.user, page.number),
            SetTimer(page.number, now + consult.wait),
            TellRequester("asking", page.user),
        ),
    )


def _delivered(consult: Consult, event: PageDelivered, now: datetime) -> Decision | Refused:
    """The time to accept counts from when the page has arrived; the timer set before is the fail-safe."""
    noted = replace(consult, paged_at=consult.paged_at or now)
    if consult.current is not None and consult.current.number == event.number:
        return Decision(noted, (SetTimer(event.number, now + consult.wait),))
    return Decision(noted)


def _page_failed(consult: Consult, event: PageFailed, now: datetime) -> Decision | Refused:
    page = next((page for page in consult.asked if page.number == event.number), None)
    if page is None or page.outcome not in (Outcome.WAITING, Outcome.MISSED):
        return Refused("stale")
    noted = _marked(consult, page.number, Outcome.FAILED)
    told = TellModerators("page-failed", page.user)
    if consult.current == page:
        return _ask_next(noted, now, told, TellRequester("page-failed", page.user))
    return Decision(noted, (told,))


def _timeout(consult: Consult, event: Timeout, now: datetime) -> Decision | Refused:
    page = consult.current
    if page is None or page.number != event.number:
        return Refused("stale")
    return _ask_next(
        _marked(consult, page.number, Outcome.MISSED), now, TellRequester("no-answer", page.user)
    )


def _decline(consult: Consult, event: Decline, now: datetime) -> Decision | Refused:
    if event.user == consult.consultant:
        return Refused("hand-off")
    page = consult.last_page(event.user)
    if page is None:
        return Refused("not-asked")
    if page.outcome is Outcome.DECLINED:
        return Refused("declined")
    noted = replace(
        _marked(consult, page.number, Outcome.DECLINED), acknowledged_at=consult.acknowledged_at or now
    )
    undone = _undone(page, "declined")
    if consult.current == page:
        return _ask_next(noted, now, *undone, TellRequester("declined", event.user))
    return Decision(noted, undone)


# ── taking ──


def _accept(consult: Consult, event: Accept, now: datetime) -> Decision | Refused:
    """The first to accept has it; late is better than never, and unasked only when nobody is left."""
    if event.user == consult.requester:
        return Refused("own")
    if event.user == consult.consultant:
        return _keep(consult)
    page = consult.last_page(event.user)
    if consult.state is State.UNSTAFFED:
        if page is None and event.user not in consult.chain and not event.stands_in:
            return Refused("not-asked")
    elif page is None:
        return Refused("not-asked")
    elif page.outcome is Outcome.DECLINED:
        return Refused("declined")
    former = consult.consultant
    settled, unpaged = _settled(consult, "taken", event.user)
    taken = replace(
        settled,
        consultant=event.user,
        accepted_at=now,
        acknowledged_at=consult.acknowledged_at or now,
        room=Room.MAKING if consult.room is Room.NONE else consult.room,
    )
    effects: list[Effect] = [CancelTimer(), *unpaged]
    effects += [TellPerson(event.user, "accepted"), TellRequester("accepted", event.user)]
    if consult.state is State.UNSTAFFED:
        effects.append(TellModerators("accepted", event.user))
    if former is not None:
        effects.append(TellPerson(former, "handed-over", event.user))
    if consult.room is Room.NONE:
        effects.append(OpenRoom((consult.requester, event.user)))
    elif consult.room is Room.FAILED:
        effects += [
            TellRequester("no-room", event.user),
            TellPerson(event.user, "no-room", consult.requester),
        ]
    else:
        effects.append(InviteToRoom(event.user))
        if consult.room is Room.READY:  # who comes later cannot read what was said before
            effects.append(PostQuestion())
    return Decision(replace(taken, state=_in_care(taken)), tuple(effects))


def _keep(consult: Consult) -> Decision:
    """The consultant takes a handoff back that nobody has accepted yet."""
    assert consult.consultant is not None
    settled, unpaged = _settled(consult, "taken", None)
    told = TellPerson(consult.consultant, "still-yours"), TellRequester("still-with", consult.consultant)
    return Decision(replace(settled, state=_in_care(consult)), (CancelTimer(), *unpaged, *told))


def _handoff(consult: Consult, event: Handoff, now: datetime) -> Decision | Refused:
    """Ask a named person, then whoever of the chain has not been asked; until then nothing changes hands.

    Naming somebody is a person's decision, so it also reaches one who did not answer or declined before.
    """
    page = consult.last_page(event.user)
    if event.to == consult.requester:
        return Refused("own")
    if event.to == consult.consultant:
        return Refused("theirs")
    if consult.current is not None and consult.current.user == event.to:
        return Refused("being-asked")
    undone: tuple[Effect, ...] = ()
    if not event.moderator and event.user != consult.consultant:
        if consult.consultant is not None or page is None or page.outcome is Outcome.DECLINED:
            return Refused("not-yours")
        undone = _undone(page, "declined")
        consult = replace(
            _marked(consult, page.number, Outcome.DECLINED), acknowledged_at=consult.acknowledged_at or now
        )
    passed_over = {event.to, consult.requester, consult.consultant}
    unasked = [user for user in consult.chain if user not in passed_over and consult.last_page(user) is None]
    renewed = replace(consult, chain=(event.to, *unasked), step=0)
    return _ask(renewed, 0, now, CancelTimer(), *undone, TellRequester("handoff", event.user))


def _room_ready(consult: Consult, _event: RoomReady, _now: datetime) -> Decision | Refused:
    if consult.room is not Room.MAKING:
        return Refused("stale")
    ready = replace(consult, room=Room.READY)
    if consult.state in FINAL:
        return Decision(ready, (TellRoom(str(consult.state)),))
    effects: list[Effect] = [PostQuestion()]
    if consult.state is State.ANSWERED:
        effects.append(PostAnswer())
    elif consult.consultant is not None:
        effects += [TellRequester("room", consult.consultant), TellPerson(consult.consultant, "room")]
    return Decision(_entered(ready), tuple(effects))


def _room_failed(consult: Consult, _event: RoomFailed, _now: datetime) -> Decision | Refused:
    if consult.room is not Room.MAKING:
        return Refused("stale")
    failed = _entered(replace(consult, room=Room.FAILED))
    effects: list[Effect] = [TellModerators("room-failed")]
    if consult.consultant is not None and consult.state is not State.ANSWERED:
        effects += [
            TellRequester("no-room", consult.consultant),
            TellPerson(consult.consultant, "no-room", consult.requester),
        ]
    return Decision(failed, tuple(effects))


def _entered(consult: Consult) -> Consult:
    return replace(consult, state=State.IN_PROGRESS) if consult.state is State.ACCEPTED else consult


# ── closing the loop ──


def _answer(consult: Consult, event: Answer, now: datetime) -> Decision | Refused:
    if consult.consultant is None:
        return Refused("not-accepted")
    if event.user != consult.consultant:
        return Refused("not-yours")
    settled, unpaged = _settled(consult, "taken", None)
    post = (PostAnswer(),) if consult.room is Room.READY else ()
    answered = replace(settled, state=State.ANSWERED, answered_at=now)
    return Decision(answered, (CancelTimer(), *unpaged, *post, DeliverAnswer()))


def _read_back(consult: Consult, event: ReadBack, now: datetime) -> Decision | Refused:
    if event.user != consult.requester or consult.consultant is None:
        return Refused("not-requester")
    effects: list[Effect] = [TellRequester("completed"), TellPerson(consult.consultant, "completed")]
    if consult.room is Room.READY:
        effects.append(TellRoom("completed"))
    return Decision(replace(consult, state=State.COMPLETED, closed_at=now), tuple(effects))


def _cancel(consult: Consult, event: Cancel, now: datetime) -> Decision | Refused:
    if event.user != consult.requester and not event.moderator:
        return Refused("not-requester")
    settled, unpaged = _settled(consult, "cancelled", None)
    effects: list[Effect] = [CancelTimer(), *unpaged, TellRequester("cancelled", event.user)]
    if consult.consultant is not None:
        effects.append(TellPerson(consult.consultant, "cancelled", event.user))
    if consult.room is Room.READY:
        effects.append(TellRoom("cancelled", event.user))
    if consult.state is State.UNSTAFFED:
        effects.append(TellModerators("cancelled", event.user))
    return Decision(replace(settled, state=State.CANCELLED, closed_at=now), tuple(effects))


def _lost(consult: Consult, event: Lost, now: datetime) -> Decision | Refused:
    """Who may take part no longer is asked nothing more; what they had in care, somebody else is asked for.

    An answer that was given counts. What somebody has asked who is shut out, people have to see to.
    """
    user = event.user
    if user == consult.requester:
        told: list[Effect] = [TellModerators("requester-lost", user)]
        if consult.consultant is not None:
            told.append(TellPerson(consult.consultant, "requester-lost", user))
        return Decision(consult, tuple(told))
    asked = tuple(
        replace(page, outcome=Outcome.WITHDRAWN)
        if page.user == user and page.outcome in (Outcome.WAITING, Outcome.MISSED)
        else page
        for page in consult.asked
    )
    had = user == consult.consultant
    without = replace(consult, asked=asked)
    if had and consult.state is State.ANSWERED:
        return Decision(without, (RemoveFromRoom(user),))
    if had:
        effects = TellRequester("lost", user), TellModerators("lost", user), RemoveFromRoom(user)
        alone = replace(without, consultant=None)
        if consult.current is None:
            return _ask_next(alone, now, *effects)
        return Decision(alone, effects)  # somebody else is being asked already
    if consult.current is not None and consult.current.user == user:
        return _ask_next(without, now, TellRequester("lost", user), TellModerators("lost", user))
    return Decision(without) if asked != consult.asked else Refused("stale")


# ── parts ──


def _in_care(consult: Consult) -> State:
    return State.ACCEPTED if consult.room is Room.MAKING else State.IN_PROGRESS


def _marked(consult: Consult, number: int, outcome: Outcome) -> Consult:
    asked = tuple(replace(page, outcome=outcome) if page.number == number else page for page in consult.asked)
    return replace(consult, asked=asked)


def _undone(page: Asked, why: str) -> tuple[Effect, ...]:
    """A page that failed stands in no chat, so there is nothing to change."""
    return () if page.outcome is Outcome.FAILED else (Unpage(page.user, page.number, why),)


def _settled(consult: Consult, why: str, taker: str | None) -> tuple[Consult, tuple[Effect, ...]]:
    """Close every page that still asks for something; the taker's own says that it is theirs."""
    asked, effects = [], []
    for page in consult.asked:
        mine = page.user == taker
        if page.outcome in (Outcome.WAITING, Outcome.MISSED):
            effects.append(Unpage(page.user, page.number, "yours" if mine else why))
            page = replace(page, outcome=Outcome.ACCEPTED if mine else Outcome.WITHDRAWN)
        asked.append(page)
    return replace(consult, asked=tuple(asked)), tuple(effects)


_S = State
_HELD = (_S.ACCEPTED, _S.IN_PROGRESS)
Rule = Callable[..., Decision | Refused]

TRANSITIONS: Mapping[tuple[State, type[Event]], tuple[Rule, tuple[State, ...]]] = {
    (_S.REQUESTED, PageDelivered): (_delivered, (_S.REQUESTED,)),
    (_S.REQUESTED, PageFailed): (_page_failed, (_S.REQUESTED, _S.UNSTAFFED, *_HELD)),
    (_S.REQUESTED, Timeout): (_timeout, (_S.REQUESTED, _S.UNSTAFFED, *_HELD)),
    (_S.REQUESTED, Accept): (_accept, _HELD),
    (_S.REQUESTED, Decline): (_decline, (_S.REQUESTED, _S.UNSTAFFED, *_HELD)),
    (_S.REQUESTED, Handoff): (_handoff, (_S.REQUESTED,)),
    (_S.REQUESTED, RoomReady): (_room_ready, (_S.REQUESTED,)),  # while a handoff is asked for
    (_S.REQUESTED, RoomFailed): (_room_failed, (_S.REQUESTED,)),
    (_S.REQUESTED, Answer): (_answer, (_S.ANSWERED,)),
    (_S.REQUESTED, Cancel): (_cancel, (_S.CANCELLED,)),
    (_S.UNSTAFFED, PageDelivered): (_delivered, (_S.UNSTAFFED,)),
    (_S.UNSTAFFED, PageFailed): (_page_failed, (_S.UNSTAFFED,)),
    (_S.UNSTAFFED, Accept): (_accept, _HELD),
    (_S.UNSTAFFED, Decline): (_decline, (_S.UNSTAFFED,)),
    (_S.UNSTAFFED, Handoff): (_handoff, (_S.REQUESTED,)),
    (_S.UNSTAFFED, RoomReady): (_room_ready, (_S.UNSTAFFED,)),  # whose consultant was lost meanwhile
    (_S.UNSTAFFED, RoomFailed): (_room_failed, (_S.UNSTAFFED,)),
    (_S.UNSTAFFED, Cancel): (_cancel, (_S.CANCELLED,)),
    (_S.ACCEPTED, PageDelivered): (_delivered, (_S.ACCEPTED,)),
    (_S.ACCEPTED, RoomReady): (_room_ready, (_S.IN_PROGRESS,)),
    (_S.ACCEPTED, RoomFailed): (_room_failed, (_S.IN_PROGRESS,)),
    (_S.ACCEPTED, Handoff): (_handoff, (_S.REQUESTED,)),
    (_S.ACCEPTED, Answer): (_answer, (_S.ANSWERED,)),
    (_S.ACCEPTED, Cancel): (_cancel, (_S.CANCELLED,)),
    (_S.IN_PROGRESS, PageDelivered): (_delivered, (_S.IN_PROGRESS,)),
    (_S.IN_PROGRESS, Handoff): (_handoff, (_S.REQUESTED,)),
    (_S.IN_PROGRESS, Answer): (_answer, (_S.ANSWERED,)),
    (_S.IN_PROGRESS, Cancel): (_cancel, (_S.CANCELLED,)),
    (_S.ANSWERED, Answer): (_answer, (_S.ANSWERED,)),  # a better answer; it is read back anew
    (_S.ANSWERED, RoomReady): (_room_ready, (_S.ANSWERED,)),
    (_S.ANSWERED, RoomFailed): (_room_failed, (_S.ANSWERED,)),
    (_S.ANSWERED, ReadBack): (_read_back, (_S.COMPLETED,)),
    (_S.ANSWERED, Cancel): (_cancel, (_S.CANCELLED,)),
    (_S.REQUESTED, Lost): (_lost, (_S.REQUESTED, _S.UNSTAFFED, *_HELD)),
    (_S.UNSTAFFED, Lost): (_lost, (_S.UNSTAFFED,)),
    (_S.ACCEPTED, Lost): (_lost, (_S.ACCEPTED, _S.REQUESTED, _S.UNSTAFFED)),
    (_S.IN_PROGRESS, Lost): (_lost, (_S.IN_PROGRESS, _S.REQUESTED, _S.UNSTAFFED)),
    (_S.ANSWERED, Lost): (_lost, (_S.ANSWERED,)),
    (_S.COMPLETED, RoomReady): (_room_ready, (_S.COMPLETED,)),  # a room that came too late says so
    (_S.CANCELLED, RoomReady): (_room_ready, (_S.CANCELLED,)),
}
