"""From acceptance to the end: who has a consult, what is still missing, the answer, the loop closed. Pure."""

from __future__ import annotations

from datetime import datetime

from bot.consults.asking import ask_next, in_care, off_hold, settled, withdrawn
from bot.consults.model import (
    ASKING,
    FINAL,
    OPEN,
    Accept,
    AddColleague,
    Answer,
    AskInfo,
    AskSurvey,
    Cancel,
    CancelTimer,
    Clock,
    Consult,
    Decision,
    DeliverAnswer,
    Duty,
    Edit,
    Effect,
    EnterInError,
    GiveInfo,
    Interim,
    InviteToRoom,
    Lost,
    OpenRoom,
    Outcome,
    PostAnswer,
    PostQuestion,
    ReadBack,
    Refused,
    RemoveFromRoom,
    Reopen,
    Repage,
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
    replace,
)

_LATER = (CancelTimer(Clock.DUE), CancelTimer(Clock.HOLD), CancelTimer(Clock.EXPIRE))


# ── taking ──


def accept(consult: Consult, event: Accept, now: datetime, duty: Duty) -> Decision | Refused:
    """The first to accept has it; late is better than never, and unasked only when nobody is left."""
    if event.user == consult.requester:
        return Refused("own")
    if event.user == consult.consultant:
        return _keep(consult)
    if consult.via is not None and event.via != consult.via:
        return Refused("elsewhere")
    asked = event.via or event.user
    page = consult.last_page(asked)
    open_to_all = consult.state is State.UNSTAFFED or consult.moderators_asked
    if page is None and not (open_to_all and event.stands_in):
        return Refused("not-asked")
    if page is not None and page.outcome not in OPEN and not (event.stands_in and open_to_all):
        return Refused(_late(page.outcome))
    former = consult.consultant
    pending, unpaged = settled(consult, "taken", asked)
    taken = replace(
        pending,
        consultant=event.user,
        via=event.via,
        accepted_at=now,
        acknowledged_at=consult.acknowledged_at or now,
        room=Room.MAKING if consult.room is Room.NONE else consult.room,
        due_at=now + consult.policy.answer if consult.policy.answer is not None else None,
        due_left=None,
        reminders=0,
    )
    effects: list[Effect] = [*unpaged, CancelTimer(Clock.EXPIRE)]
    if taken.due_at is not None:
        effects.append(SetTimer(Clock.DUE, taken.due_at))
    effects += [TellPerson(event.user, "accepted"), TellRequester("accepted", event.user)]
    if open_to_all:
        effects.append(TellModerators("accepted", event.user))
    if former is not None:
        effects.append(TellPerson(former, "handed-over", event.user))
    effects += _into_room(consult, event)
    return Decision(replace(taken, state=in_care(taken)), tuple(effects))


def _into_room(consult: Consult, event: Accept) -> tuple[Effect, ...]:
    if event.via is not None:  # the other hospital makes the room
        return ()
    if consult.room is Room.NONE:
        return (OpenRoom((consult.requester, event.user)),)
    if consult.room is Room.FAILED:
        requester = TellRequester("no-room", event.user)
        return requester, TellPerson(event.user, "no-room", consult.requester)
    if consult.room is Room.READY:  # who comes later cannot read what was said before
        return InviteToRoom(event.user), PostQuestion()
    return (InviteToRoom(event.user),)


def _late(outcome: Outcome) -> str:
    codes = {Outcome.DECLINED: "declined", Outcome.OFF_DUTY: "off-duty", Outcome.FAILED: "not-asked"}
    return codes.get(outcome, "taken")


def succeeded(consult: Consult, event: Accept, now: datetime, duty: Duty) -> Decision | Refused:
    """The hospital that has a consult hands it on among its own people."""
    if event.via is None or event.via != consult.via or event.user == consult.consultant:
        return Refused("yours" if event.user == consult.consultant else "taken")
    changed = replace(consult, consultant=event.user, accepted_at=now)
    return Decision(changed, (TellRequester("accepted", event.user),))


def _keep(consult: Consult) -> Decision:
    """The consultant takes a hand-off back that nobody has agreed to yet."""
    assert consult.consultant is not None
    pending, unpaged = settled(consult, "taken", None)
    told = TellPerson(consult.consultant, "still-yours"), TellRequester("still-with", consult.consultant)
    return Decision(replace(pending, state=in_care(consult)), (*unpaged, *told))


def add_colleague(consult: Consult, event: AddColleague, now: datetime, duty: Duty) -> Decision | Refused:
    """Somebody more at the table; who is responsible does not change."""
    if not (event.moderator or event.user in (consult.consultant, consult.requester, *consult.colleagues)):
        return Refused("not-yours")
    if event.to in (consult.requester, consult.consultant, *consult.colleagues):
        return Refused("there-already")
    if consult.room not in (Room.MAKING, Room.READY) or consult.via is not None:
        return Refused("no-room")
    effects: list[Effect] = [InviteToRoom(event.to), TellPerson(event.to, "added", event.user)]
    if consult.room is Room.READY:
        effects += [TellRoom("added", event.to), PostQuestion()]
    return Decision(replace(consult, colleagues=(*consult.colleagues, event.to)), tuple(effects))


def room_ready(consult: Consult, _event: RoomReady, _now: datetime, _duty: Duty) -> Decision | Refused:
    """Its room is there; one that comes too late says so."""
    if consult.room is not Room.MAKING:
        return Refused("stale")
    ready = replace(consult, room=Room.READY)
    if consult.state in FINAL:
        return Decision(ready, (TellRoom(str(consult.state)),))
    invited = tuple(InviteToRoom(user) for user in consult.colleagues)
    effects: list[Effect] = [*invited, PostQuestion()] if consult.via is None else []
    if consult.state is State.ANSWERED:
        effects += [PostAnswer()] if consult.via is None else []
    elif consult.consultant is not None:
        effects += [TellRequester("room", consult.consultant)]
        effects += [TellPerson(consult.consultant, "room")] if consult.via is None else []
    return Decision(_entered(ready), tuple(effects))


def room_failed(consult: Consult, _event: RoomFailed, _now: datetime, _duty: Duty) -> Decision | Refused:
    """It goes on without a room."""
    if consult.room is not Room.MAKING:
        return Refused("stale")
    failed = _entered(replace(consult, room=Room.FAILED))
    effects: list[Effect] = [TellModerators("room-failed")]
    if consult.consultant is not None and consult.state not in (State.ANSWERED, *FINAL):
        told = TellPerson(consult.consultant, "no-room", consult.requester)
        effects += [TellRequester("no-room", consult.consultant), told]
    return Decision(failed, tuple(effects))


def _entered(consult: Consult) -> Consult:
    return replace(consult, state=State.IN_PROGRESS) if consult.state is State.ACCEPTED else consult


# ── what is missing ──


def edit(consult: Consult, event: Edit, now: datetime, duty: Duty) -> Decision | Refused:
    """Until somebody has it, the requester may change what they asked; whoever was asked sees it."""
    if event.user != consult.requester:
        return Refused("not-requester")
    if consult.consultant is not None:
        return Refused("accepted")
    shown = [Repage(page.user, page.number) for page in consult.asked if page.outcome in OPEN]
    return Decision(consult, (*shown, TellRequester("edited")))


def ask_info(consult: Consult, event: AskInfo, now: datetime, duty: Duty) -> Decision | Refused:
    """The consultant, or somebody who is being asked, needs to know more from the requester."""
    wanted = TellRequester("info-wanted", event.user)
    if consult.state is State.REQUESTED:
        page = consult.last_page(event.user)
        if event.user != consult.consultant and (page is None or page.outcome not in ASKING):
            return Refused("not-asked")
        return Decision(replace(consult, held_by=event.user), (wanted,))
    if event.user != consult.consultant:
        return Refused("not-yours")
    left = consult.due_left
    effects: list[Effect] = []
    if consult.policy.hold_stops_clock and consult.due_at is not None and consult.due_left is None:
        left = max(consult.due_at - now, now - now)
        effects.append(CancelTimer(Clock.DUE))
    held = replace(consult, state=State.ON_HOLD, held_by=event.user, due_left=left)
    return Decision(held, (*effects, SetTimer(Clock.HOLD, now + consult.policy.nag), wanted))


def give_info(consult: Consult, event: GiveInfo, now: datetime, duty: Duty) -> Decision | Refused:
    """The requester tells more, asked for or not."""
    if event.user != consult.requester:
        return Refused("not-requester")
    to = consult.consultant or consult.held_by
    if to is None:
        return Refused("not-accepted")
    on, resumed = off_hold(consult, now)
    return Decision(replace(on, held_by=None), (*resumed, TellPerson(to, "info", consult.requester)))


def interim(consult: Consult, event: Interim, now: datetime, duty: Duty) -> Decision | Refused:
    """A first word, which stops no clock and closes nothing."""
    if consult.consultant is None:
        return Refused("not-accepted")
    if event.user != consult.consultant:
        return Refused("not-yours")
    return Decision(consult, (TellRequester("interim", event.user),))


# ── closing the loop ──


def answer(consult: Consult, event: Answer, now: datetime, duty: Duty) -> Decision | Refused:
    """The answer, or a better one, which is read back anew."""
    if consult.consultant is None:
        return Refused("not-accepted")
    if event.user != consult.consultant:
        return Refused("not-yours")
    pending, unpaged = settled(consult, "taken", None)
    answered = replace(
        pending, state=State.ANSWERED, answered_at=now, due_at=None, due_left=None, held_by=None, reminders=0
    )
    effects: list[Effect] = [*unpaged, CancelTimer(Clock.HOLD)]
    if consult.policy.read_back is not None:
        effects.append(SetTimer(Clock.DUE, now + consult.policy.read_back))
    else:
        effects.append(CancelTimer(Clock.DUE))
    effects.append(SetTimer(Clock.EXPIRE, now + consult.policy.expires))
    if consult.room is Room.READY and consult.via is None:
        effects.append(PostAnswer())
    return Decision(answered, (*effects, DeliverAnswer()))


def read_back(consult: Consult, event: ReadBack, now: datetime, duty: Duty) -> Decision | Refused:
    """The requester says what they understood: this alone closes."""
    if event.user != consult.requester or consult.consultant is None:
        return Refused("not-requester")
    told = TellRequester("completed"), TellPerson(consult.consultant, "completed")
    effects: list[Effect] = [*_LATER, *told, *_room_hears(consult, "completed"), AskSurvey()]
    return Decision(replace(consult, state=State.COMPLETED, closed_at=now), tuple(effects))


def cancel(consult: Consult, event: Cancel, now: datetime, duty: Duty) -> Decision | Refused:
    """Withdrawn by the requester or a moderator."""
    if event.user != consult.requester and not event.moderator:
        return Refused("not-requester")
    return _ended(consult, State.CANCELLED, "cancelled", now, event.user)


def enter_in_error(consult: Consult, event: EnterInError, now: datetime, duty: Duty) -> Decision | Refused:
    """It should never have been asked; also said of one that is over."""
    if event.user != consult.requester and not event.moderator:
        return Refused("not-requester")
    return _ended(consult, State.ENTERED_IN_ERROR, "entered-in-error", now, event.user)


def _ended(consult: Consult, state: State, what: str, now: datetime, who: str | None) -> Decision:
    pending, unpaged = settled(consult, what, None)
    effects: list[Effect] = [*unpaged, *_LATER, TellRequester(what, who)]
    if consult.consultant is not None:
        effects.append(TellPerson(consult.consultant, what, who))
    effects += _room_hears(consult, what, who)
    if consult.state is State.UNSTAFFED or consult.moderators_asked or state is State.EXPIRED:
        effects.append(TellModerators(what, who))
    return Decision(replace(pending, state=state, closed_at=now), tuple(effects))


def _room_hears(consult: Consult, what: str, who: str | None = None) -> tuple[Effect, ...]:
    return (TellRoom(what, who),) if consult.room is Room.READY and consult.via is None else ()


def reopen(consult: Consult, event: Reopen, now: datetime, duty: Duty) -> Decision | Refused:
    """One that is over goes on where it was: with its consultant, else somebody is asked anew."""
    if event.user not in (consult.requester, consult.consultant) and not event.moderator:
        return Refused("not-requester")
    if consult.closed_at is None or now - consult.closed_at > consult.policy.reopen:
        return Refused("too-old")
    again = replace(consult, closed_at=None, answered_at=None, reminders=0)
    if consult.consultant is None:
        fresh = replace(
            again, round=consult.round + 1, rounds=consult.round + 1, tier=0, moderators_asked=False
        )
        expire = SetTimer(Clock.EXPIRE, now + consult.policy.expires)
        return ask_next(fresh, now, duty, expire, TellRequester("reopened", event.user))
    due = now + consult.policy.answer if consult.policy.answer is not None else None
    effects: list[Effect] = [SetTimer(Clock.DUE, due)] if due is not None else []
    effects += [TellPerson(consult.consultant, "reopened", event.user), TellRequester("reopened", event.user)]
    effects += _room_hears(consult, "reopened", event.user)
    return Decision(replace(again, state=in_care(again), due_at=due, due_left=None), tuple(effects))


# ── time and loss ──


def watched(consult: Consult, event: Timeout, now: datetime, duty: Duty) -> Decision | Refused:
    """What is due after acceptance, and the end of what nobody saw to."""
    match event.clock:
        case Clock.NAG if consult.state is State.UNSTAFFED:
            again = consult.round + 1
            fresh = replace(consult, round=again, rounds=again, tier=0, moderators_asked=False)
            return ask_next(fresh, now, duty)
        case Clock.EXPIRE if consult.consultant is None or consult.state is State.ANSWERED:
            return _ended(consult, State.EXPIRED, "expired", now, None)
        case Clock.DUE if consult.state is State.ANSWERED and consult.policy.read_back is not None:
            told = TellRequester("read-back-due"), SetTimer(Clock.DUE, now + consult.policy.read_back)
            return Decision(replace(consult, reminders=consult.reminders + 1), told)
        case Clock.DUE if consult.consultant is not None and consult.policy.answer is not None:
            return _answer_due(consult, now)
        case Clock.HOLD if consult.state is State.ON_HOLD:
            told = TellRequester("info-due", consult.held_by), SetTimer(Clock.HOLD, now + consult.policy.nag)
            return Decision(consult, told)
        case _:
            return Refused("stale")


def _answer_due(consult: Consult, now: datetime) -> Decision:
    """First the two are told, then the moderators as well."""
    assert consult.consultant is not None
    assert consult.policy.answer is not None
    effects: list[Effect] = [SetTimer(Clock.DUE, now + consult.policy.answer)]
    effects += [TellPerson(consult.consultant, "answer-due"), TellRequester("answer-due", consult.consultant)]
    if consult.reminders:
        effects.append(TellModerators("answer-due", consult.consultant))
    return Decision(replace(consult, reminders=consult.reminders + 1), tuple(effects))


def lost(consult: Consult, event: Lost, now: datetime, duty: Duty) -> Decision | Refused:
    """Who may take part no longer is asked nothing more; what they had in care, somebody else is asked for.

    An answer that was given counts. What somebody has asked who is shut out, people have to see to.
    """
    user = event.user
    if user == consult.requester:
        told: list[Effect] = [TellModerators("requester-lost", user)]
        if consult.consultant is not None:
            told.append(TellPerson(consult.consultant, "requester-lost", user))
        return Decision(consult, tuple(told))
    without = withdrawn(consult, user)
    without = replace(without, colleagues=tuple(one for one in consult.colleagues if one != user))
    gone: tuple[Effect, ...] = (RemoveFromRoom(user),) if consult.via is None else ()
    if user in (consult.consultant, consult.via):
        if consult.state is State.ANSWERED:
            return Decision(without, gone)
        effects = TellRequester("lost", user), TellModerators("lost", user), *gone, *_LATER
        expire = SetTimer(Clock.EXPIRE, now + consult.policy.expires)
        alone = replace(
            without, consultant=None, via=None, named=False, held_by=None, due_at=None, due_left=None
        )
        if without.current:  # somebody else is being asked already
            return Decision(alone, (*effects, expire))
        fresh = replace(
            alone, round=consult.round + 1, rounds=consult.round + 1, tier=0, moderators_asked=False
        )
        return ask_next(fresh, now, duty, *effects, expire)
    if any(page.user == user for page in consult.current):
        told = [TellRequester("lost", user), TellModerators("lost", user)]
        return Decision(without, tuple(told)) if without.current else ask_next(without, now, duty, *told)
    if user in consult.colleagues:
        return Decision(without, gone)
    return Decision(without) if without != consult else Refused("stale")
