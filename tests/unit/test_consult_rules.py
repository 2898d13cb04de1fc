"""The consult's transition table: single rules told as stories, and all of it under hypothesis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from bot.consults import views
from bot.consults.model import (
    FHIR,
    FINAL,
    Accept,
    Answer,
    Cancel,
    CancelTimer,
    Consult,
    Decision,
    Decline,
    Event,
    Handoff,
    InviteToRoom,
    Lost,
    OpenRoom,
    Outcome,
    Page,
    PageDelivered,
    PageFailed,
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
    Timeout,
    Unpage,
    Urgency,
)
from bot.consults.rules import TRANSITIONS, begin, decide

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WAIT = timedelta(minutes=10)
ME, A, B, C, MOD = "@me:hs", "@a:hs", "@b:hs", "@c:hs", "@mod:hs"


def opened(*chain: str) -> Decision:
    consult = Consult("C-7F3K", "cardiology", Urgency.URGENT, ME, chain, WAIT, NOW)
    return begin(consult, NOW)


def after(consult: Consult, *events: Event) -> Consult:
    for event in events:
        decided = decide(consult, event, NOW)
        assert isinstance(decided, Decision), (consult.state, event, decided)
        consult = decided.consult
    return consult


def done(consult: Consult, event: Event) -> Decision:
    decided = decide(consult, event, NOW)
    assert isinstance(decided, Decision), decided
    return decided


def refusal(consult: Consult, event: Event) -> str:
    decided = decide(consult, event, NOW)
    assert isinstance(decided, Refused), decided
    return decided.reason


def in_progress() -> Consult:
    return after(opened(A, B).consult, Accept(A), RoomReady())


def test_opening_pages_the_first_and_sets_a_timer() -> None:
    first = opened(A, B)
    assert first.consult.state is State.REQUESTED
    assert first.effects == (Page(A, 1), SetTimer(1, NOW + WAIT), TellRequester("asking", A))


def test_nobody_on_call_tells_the_moderators_at_once() -> None:
    first = opened()
    assert first.consult.state is State.UNSTAFFED
    assert TellModerators("unstaffed") in first.effects
    assert TellRequester("unstaffed") in first.effects


def test_the_requester_is_never_asked() -> None:
    assert Page(A, 1) in opened(ME, A).effects
    assert TellRequester("skipped") in opened(ME, A).effects
    alone = opened(ME)
    assert alone.consult.state is State.UNSTAFFED
    assert TellRequester("skipped") in alone.effects
    assert refusal(alone.consult, Accept(ME, stands_in=True)) == "own"


def test_decline_silence_and_failure_each_move_on() -> None:
    for event, outcome in (
        (Decline(A), Outcome.DECLINED),
        (Timeout(1), Outcome.MISSED),
        (PageFailed(1), Outcome.FAILED),
    ):
        moved = done(opened(A, B).consult, event)
        assert Page(B, 2) in moved.effects
        assert moved.consult.asked[0].outcome is outcome
    assert TellModerators("page-failed", A) in done(opened(A, B).consult, PageFailed(1)).effects


def test_a_late_answer_counts_while_nobody_else_has_it() -> None:
    waiting = after(opened(A, B).consult, Timeout(1))
    taken = done(waiting, Accept(A))
    assert taken.consult.consultant == A
    assert Unpage(A, 1, "yours") in taken.effects
    assert Unpage(B, 2, "taken") in taken.effects
    assert refusal(taken.consult, Accept(B)) == "taken"
    assert refusal(taken.consult, Accept(A)) == "yours"
    assert refusal(taken.consult, Decline(B)) == "taken"
    assert refusal(taken.consult, Decline(A)) == "hand-off"


def test_after_the_last_one_the_moderators_know_and_it_can_still_be_taken() -> None:
    nobody = after(opened(A, B).consult, Timeout(1), Decline(B))
    assert nobody.state is State.UNSTAFFED
    assert refusal(nobody, Accept(C)) == "not-asked"
    for event in (Accept(A), Accept(B), Accept(MOD, stands_in=True)):
        taken = done(nobody, event)
        assert taken.consult.consultant == event.user
        assert TellModerators("accepted", event.user) in taken.effects


def test_an_old_timer_does_nothing() -> None:
    moved = after(opened(A, B).consult, Decline(A))
    assert refusal(moved, Timeout(1)) == "stale"
    assert refusal(after(moved, Accept(B)), Timeout(2)) == "stale"


def test_the_time_to_accept_counts_from_delivery() -> None:
    late = NOW + timedelta(minutes=3)
    decided = decide(opened(A, B).consult, PageDelivered(1), late)
    assert isinstance(decided, Decision)
    assert decided.effects == (SetTimer(1, late + WAIT),)
    assert decided.consult.paged_at == late
    moved = after(opened(A, B).consult, Decline(A))
    assert done(moved, PageDelivered(1)).effects == ()


def test_who_declined_cannot_accept_while_others_are_asked() -> None:
    moved = after(opened(A, B).consult, Decline(A))
    assert refusal(moved, Accept(A)) == "declined"
    assert refusal(moved, Decline(A)) == "declined"
    assert refusal(moved, Accept(C)) == "not-asked"


def test_accepting_opens_a_room_and_the_question_goes_there() -> None:
    taken = done(opened(A).consult, Accept(A))
    assert taken.consult.state is State.ACCEPTED
    assert OpenRoom((ME, A)) in taken.effects
    assert CancelTimer() in taken.effects
    assert after(taken.consult, RoomReady()).state is State.IN_PROGRESS
    failed = done(taken.consult, RoomFailed())
    assert failed.consult.state is State.IN_PROGRESS
    assert TellRequester("no-room", A) in failed.effects


def test_closing_needs_an_answer_and_the_requesters_read_back() -> None:
    consult = in_progress()
    assert refusal(consult, ReadBack(ME)) == "not-answered"
    assert refusal(consult, Answer(B)) == "not-yours"
    answered = after(consult, Answer(A))
    assert answered.state is State.ANSWERED
    assert refusal(answered, ReadBack(A)) == "not-requester"
    assert after(answered, Answer(A)).state is State.ANSWERED
    closed = after(answered, ReadBack(ME))
    assert closed.state is State.COMPLETED
    assert refusal(closed, Answer(A)) == "completed"


def test_a_handoff_leaves_the_consultant_responsible_until_accepted() -> None:
    asked = done(in_progress(), Handoff(A, C))
    assert asked.consult.state is State.REQUESTED
    assert asked.consult.consultant == A
    assert asked.consult.chain == (C, B)
    taken = done(asked.consult, Accept(C))
    assert taken.consult.consultant == C
    assert taken.consult.state is State.IN_PROGRESS
    assert InviteToRoom(C) in taken.effects
    nobody = after(asked.consult, Decline(C), Timeout(3))
    assert (nobody.state, nobody.consultant) == (State.IN_PROGRESS, A)
    kept = after(asked.consult, Accept(A))
    assert (kept.state, kept.consultant) == (State.IN_PROGRESS, A)
    assert after(asked.consult, Answer(A)).state is State.ANSWERED


def test_who_may_hand_off_and_to_whom() -> None:
    consult = in_progress()
    assert refusal(consult, Handoff(B, C)) == "not-yours"
    assert refusal(consult, Handoff(A, ME)) == "own"
    assert refusal(consult, Handoff(A, A)) == "theirs"
    assert after(consult, Handoff(MOD, C, moderator=True)).chain[0] == C
    asked = opened(A, B).consult
    assert refusal(asked, Handoff(A, A)) == "being-asked"
    passed = after(asked, Handoff(A, C))  # instead of a decline
    assert passed.asked[0].outcome is Outcome.DECLINED
    assert passed.asked[-1].user == C
    assert refusal(after(consult, Answer(A)), Handoff(A, C)) == "answered"
    nobody = opened().consult
    assert Page(C, 1) in done(nobody, Handoff(MOD, C, moderator=True)).effects


def test_only_the_requester_or_a_moderator_cancels() -> None:
    consult = opened(A).consult
    assert refusal(consult, Cancel(A)) == "not-requester"
    cancelled = done(consult, Cancel(ME))
    assert Unpage(A, 1, "cancelled") in cancelled.effects
    assert CancelTimer() in cancelled.effects
    assert after(consult, Cancel(MOD, moderator=True)).state is State.CANCELLED
    late = after(consult, Accept(A), Cancel(ME), RoomReady())
    assert (late.state, late.room) == (State.CANCELLED, Room.READY)


def test_who_is_lost_while_asked_is_passed_over() -> None:
    lost = done(opened(A, B).consult, Lost(A))
    assert Page(B, 2) in lost.effects
    assert {TellRequester("lost", A), TellModerators("lost", A)} <= set(lost.effects)
    assert lost.consult.asked[0].outcome is Outcome.WITHDRAWN
    assert not [effect for effect in lost.effects if isinstance(effect, Unpage)]  # nothing is sent there
    assert after(opened(A).consult, Lost(A)).state is State.UNSTAFFED
    assert refusal(lost.consult, Lost(A)) == "stale"
    assert refusal(lost.consult, Lost(C)) == "stale"


def test_a_lost_consultant_leaves_the_consult_to_the_next() -> None:
    lost = done(in_progress(), Lost(A))
    assert (lost.consult.state, lost.consult.consultant) == (State.REQUESTED, None)
    assert {Page(B, 2), RemoveFromRoom(A), TellModerators("lost", A)} <= set(lost.effects)
    taken = done(lost.consult, Accept(B))
    assert taken.consult.state is State.IN_PROGRESS
    assert InviteToRoom(B) in taken.effects
    nobody = after(lost.consult, Decline(B))
    assert (nobody.state, nobody.consultant) == (State.UNSTAFFED, None)
    again = after(nobody, Accept(MOD, stands_in=True))
    assert (again.state, again.consultant) == (State.IN_PROGRESS, MOD)


def test_a_consultant_lost_before_the_room_was_made() -> None:
    nobody = after(opened(A).consult, Accept(A), Lost(A))
    assert (nobody.state, nobody.room) == (State.UNSTAFFED, Room.MAKING)
    ready = after(nobody, RoomReady())
    assert (ready.state, ready.room) == (State.UNSTAFFED, Room.READY)
    assert after(ready, Accept(MOD, stands_in=True)).state is State.IN_PROGRESS


def test_during_a_handoff_the_asking_goes_on_without_the_lost_one() -> None:
    asked = after(in_progress(), Handoff(A, C))
    lost = done(asked, Lost(A))
    assert (lost.consult.state, lost.consult.consultant) == (State.REQUESTED, None)
    assert lost.consult.current == asked.current
    assert not [effect for effect in lost.effects if isinstance(effect, Page)]


def test_an_answer_of_somebody_lost_counts_and_a_lost_requester_is_peoples_matter() -> None:
    answered = after(in_progress(), Answer(A))
    gone = done(answered, Lost(A))
    assert gone.effects == (RemoveFromRoom(A),)
    assert after(gone.consult, ReadBack(ME)).state is State.COMPLETED
    told = done(in_progress(), Lost(ME))
    assert told.effects == (TellModerators("requester-lost", ME), TellPerson(A, "requester-lost", ME))
    assert told.consult.state is State.IN_PROGRESS


def test_every_state_maps_to_fhir_and_every_refusal_has_words() -> None:
    assert set(FHIR) == set(State) == set(views.STATES)
    assert set(views.OUTCOMES) == set(Outcome)
    for state in State:
        for event in (Accept(C), Decline(C), Answer(C), ReadBack(C), Cancel(C), Handoff(C, A)):
            consult = replace(in_progress(), state=state)
            decided = decide(consult, event, NOW)
            if isinstance(decided, Refused):
                assert decided.reason in views.REFUSALS


@pytest.mark.parametrize("state", sorted(FINAL))
def test_the_end_is_the_end(state: State) -> None:
    assert all(
        targets == (state,) for (start, _event), (_rule, targets) in TRANSITIONS.items() if start is state
    )


PEOPLE = (ME, A, B, C, MOD, "@d:hs")
people = st.sampled_from(PEOPLE)


class ConsultMachine(RuleBasedStateMachine):
    """Any event at any time, with an outside that keeps the timer and hears what the moderators are told."""

    def __init__(self) -> None:
        super().__init__()
        self.consult: Consult | None = None
        self.now = NOW
        self.timer: int | None = None
        self.moderators_know = False
        self.paged: list[str] = []

    @precondition(lambda self: self.consult is None)
    @rule(chain=st.lists(people, unique=True, max_size=5))
    def open(self, chain: list[str]) -> None:
        begun = opened(*chain)
        self.consult = begun.consult
        self.apply(begun)

    def apply(self, decision: Decision) -> None:
        for effect in decision.effects:
            match effect:
                case SetTimer(number=number):
                    self.timer = number
                case CancelTimer():
                    self.timer = None
                case TellModerators():
                    self.moderators_know = True
                case Page(user=user):
                    assert user != ME
                    self.paged.append(user)
                case _:
                    pass

    def happen(self, event: Event) -> None:
        before = self.consult
        if before is None:
            return
        self.now += timedelta(seconds=30)
        decided = decide(before, event, self.now)
        if isinstance(decided, Refused):
            return
        after = decided.consult
        _rule, targets = TRANSITIONS[(before.state, type(event))]
        assert after.state in targets
        assert after.version == before.version + 1
        if before.state in FINAL:
            assert after.state is before.state
        if before.consultant is not None and after.consultant != before.consultant:
            if isinstance(event, Lost):
                assert (event.user, after.consultant) == (before.consultant, None)
            else:
                assert isinstance(event, Accept)
                assert event.user == after.consultant
                assert before.state is State.REQUESTED
        if not isinstance(event, Handoff):
            declined = {page.user for page in before.asked if page.outcome is Outcome.DECLINED}
            assert not {page.user for page in after.asked[len(before.asked) :]} & declined
        self.consult = after
        self.apply(decided)

    @precondition(lambda self: self.consult is not None)
    @rule(
        event=st.one_of(
            st.builds(Accept, people, st.booleans()),
            st.builds(Decline, people),
            st.builds(Handoff, people, people, st.booleans()),
            st.builds(Answer, people),
            st.builds(ReadBack, people),
            st.builds(Cancel, people, st.just(False)),
            st.builds(Lost, people),
            st.just(RoomReady()),
            st.just(RoomFailed()),
        )
    )
    def anything(self, event: Event) -> None:
        self.happen(event)

    @precondition(lambda self: self.consult is not None)
    @rule(data=st.data(), what=st.sampled_from([PageDelivered, PageFailed, Timeout]))
    def page_event(self, data: st.DataObject, what: type[Timeout]) -> None:
        assert self.consult is not None
        number = data.draw(st.integers(1, len(self.consult.asked) + 1))
        if what is Timeout and number == self.timer:
            self.timer = None  # a timer that fires is gone
        self.happen(what(number))

    @invariant()
    def somebody_is_accountable(self) -> None:
        if self.consult is None:
            return
        match self.consult.state:
            case State.REQUESTED:
                assert self.consult.current is not None
                assert self.timer == self.consult.current.number
            case State.UNSTAFFED:
                assert self.moderators_know
                assert self.consult.consultant is None
            case State.ACCEPTED | State.IN_PROGRESS | State.ANSWERED | State.COMPLETED:
                assert self.consult.consultant is not None
            case State.CANCELLED:
                pass
        if self.consult.state is not State.REQUESTED:
            assert self.timer is None

    @invariant()
    def the_requester_does_not_answer_himself(self) -> None:
        assert self.consult is None or self.consult.consultant != ME


ConsultMachine.TestCase.settings = settings(max_examples=100, stateful_step_count=30, deadline=None)
TestConsultMachine = ConsultMachine.TestCase
