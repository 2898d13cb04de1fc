"""The consult's transition table: single rules told as stories."""

from dataclasses import replace
from datetime import timedelta

from bot.consults import frozen, views
from bot.consults.model import (
    FHIR,
    FINAL,
    Accept,
    Acknowledge,
    AddColleague,
    Answer,
    AskInfo,
    AskSurvey,
    Cancel,
    CancelTimer,
    Clock,
    Decline,
    Edit,
    EnterInError,
    Event,
    GiveInfo,
    Handoff,
    Interim,
    InviteToRoom,
    Lost,
    OffDuty,
    Outcome,
    Page,
    PageDelivered,
    PageFailed,
    ReadBack,
    Refused,
    RemoveFromRoom,
    Reopen,
    Repage,
    Room,
    RoomFailed,
    RoomReady,
    State,
    TellModerators,
    TellPerson,
    TellRequester,
    Timeout,
    Unacknowledge,
    Unpage,
    Way,
)
from bot.consults.rules import TRANSITIONS, decide, unaccounted
from bot.directory.policies import Mode, Policy, Tier
from tests.support.consulting import (
    GROUP,
    ME,
    MOD,
    MODERATORS,
    NAG,
    NOBODY,
    NOW,
    ROTA,
    SEEN,
    WAIT,
    A,
    B,
    C,
    D,
    Ward,
    after,
    done,
    in_progress,
    opened,
    pages,
    person,
    refusal,
    timer,
)

PAGE_OUT = Timeout(Clock.PAGE, 1)


# ── being asked ──


def test_opening_pages_the_first_and_sets_timers() -> None:
    first = opened(A, B)
    assert first.consult.state is State.REQUESTED
    assert pages(first) == [A]
    assert timer(first, Clock.PAGE) == NOW + WAIT
    assert timer(first, Clock.EXPIRE) == NOW + first.consult.policy.expires
    assert TellRequester("asking", A) in first.effects


def test_an_empty_tier_takes_no_time_and_nobody_at_all_tells_the_moderators_at_once() -> None:
    first = opened(Tier((ROTA,), WAIT), B)
    assert pages(first) == [B]
    nobody = opened()
    assert nobody.consult.state is State.UNSTAFFED
    assert {TellModerators("unstaffed"), TellRequester("unstaffed")} <= set(nobody.effects)
    assert timer(nobody, Clock.NAG) == NOW + NAG


def test_a_tier_together_asks_all_and_the_first_has_it() -> None:
    duty = Ward(group=(A, B, C))
    first = opened(Tier((GROUP,), WAIT, Mode.TOGETHER), duty=duty)
    assert pages(first) == [A, B, C]
    assert TellRequester("asking-several", count=3) in first.effects
    left = after(first.consult, Decline(A), duty=duty)
    assert len(left.current) == 2
    taken = done(left, Accept(B), duty=duty)
    assert Unpage(C, 3, "taken") in taken.effects
    assert refusal(taken.consult, Accept(C)) == "taken"


def test_a_group_in_turn_and_again_in_the_next_round() -> None:
    duty = Ward(group=(A, B))
    consult = opened(Tier((GROUP,), WAIT), duty=duty, repeat=1).consult
    asked = [consult.current[0].user]
    for _ in range(4):
        consult = after(consult, Timeout(Clock.PAGE, consult.turn), duty=duty)
        asked += [page.user for page in consult.current]
    assert asked == [A, B, A, B]
    assert consult.state is State.UNSTAFFED
    again = done(consult, Timeout(Clock.NAG), duty=duty)
    assert (again.consult.state, pages(again)) == (State.REQUESTED, [A])


def test_the_moderators_as_a_tier_are_told_and_may_take_it() -> None:
    first = opened(Tier((MODERATORS,), WAIT))
    assert TellModerators("asked") in first.effects
    assert (first.consult.state, pages(first)) == (State.REQUESTED, [])
    assert unaccounted(first.consult) is None
    assert after(first.consult, Accept(MOD, stands_in=True)).consultant == MOD
    assert refusal(first.consult, Accept(C)) == "not-asked"
    assert after(first.consult, PAGE_OUT).state is State.UNSTAFFED


def test_the_requester_is_never_asked() -> None:
    first = opened(ME, A)
    assert pages(first) == [A]
    assert TellRequester("skipped") in first.effects
    alone = opened(ME)
    assert alone.consult.state is State.UNSTAFFED
    assert refusal(alone.consult, Accept(ME, stands_in=True)) == "own"


def test_decline_silence_and_failure_each_move_on() -> None:
    for event, outcome in (
        (Decline(A), Outcome.DECLINED),
        (PAGE_OUT, Outcome.MISSED),
        (PageFailed(1), Outcome.FAILED),
    ):
        moved = done(opened(A, B).consult, event)
        assert pages(moved) == [B]
        assert moved.consult.asked[0].outcome is outcome
    assert TellModerators("page-failed", A) in done(opened(A, B).consult, PageFailed(1)).effects


def test_the_time_to_accept_counts_from_delivery() -> None:
    later = NOW + timedelta(minutes=3)
    shown = done(opened(A).consult, PageDelivered(1), now=later)
    assert timer(shown, Clock.PAGE) == later + WAIT
    assert shown.consult.paged_at == later
    assert done(shown.consult, PageDelivered(1), now=later + WAIT).effects == ()


def test_of_two_ways_one_may_fail() -> None:
    consult = opened(person(A, channels=("sms",)), B).consult
    by_sms = after(consult, PageFailed(1, Way.MATRIX))
    assert by_sms.current[0].user == A
    assert pages(done(by_sms, PageFailed(1, Way.CHANNELS))) == [B]
    arrived = after(by_sms, PageDelivered(1, Way.CHANNELS))
    assert arrived.asked[0].delivered_at == NOW


def test_whose_duty_ends_is_not_waited_for() -> None:
    duty = Ward(rota=(A,))
    duty.ends[A] = NOW + timedelta(minutes=4)
    first = opened(Tier((ROTA,), WAIT), duty=duty)
    assert timer(first, Clock.PAGE) == NOW + timedelta(minutes=4)
    duty.on[ROTA] = (B,)
    moved = done(first.consult, PAGE_OUT, now=NOW + timedelta(minutes=4), duty=duty)
    assert pages(moved) == [B]
    assert Unpage(A, 1, "off-duty") in moved.effects
    assert moved.consult.asked[0].outcome is Outcome.OFF_DUTY
    assert refusal(moved.consult, Accept(A)) == "off-duty"


def test_a_cover_passes_what_is_being_asked_to_whoever_is_on_now() -> None:
    duty = Ward(rota=(A,))
    consult = opened(Tier((ROTA,), WAIT), duty=duty).consult
    duty.on[ROTA] = (B,)
    assert pages(done(consult, OffDuty(A), duty=duty)) == [B]
    named = after(in_progress(), Handoff(A, C))
    assert refusal(named, OffDuty(C)) == "stale"


def test_a_page_that_can_wait_goes_out_with_the_bundle_but_not_past_their_duty() -> None:
    duty = Ward(rota=(A,))
    morning = NOW + timedelta(hours=6)
    duty.at[A] = morning
    first = opened(Tier((ROTA,), WAIT), duty=duty, bundle=True)
    assert Page(A, 1, morning) in first.effects
    assert timer(first, Clock.PAGE) == morning + WAIT
    duty.ends[A] = NOW + timedelta(hours=1)
    assert Page(A, 1, NOW) in opened(Tier((ROTA,), WAIT), duty=duty, bundle=True).effects


def test_an_acknowledgement_holds_the_turn_and_is_reminded_once() -> None:
    consult = opened(person(A, remind=timedelta(minutes=5)), B).consult
    seen = done(consult, Acknowledge(A))
    assert timer(seen, Clock.PAGE) == NOW + SEEN
    assert timer(seen, Clock.REMIND) == NOW + timedelta(minutes=5)
    assert Repage(A, 1) in seen.effects
    assert done(seen.consult, Timeout(Clock.REMIND, 1)).effects == (TellPerson(A, "remind"),)
    assert refusal(seen.consult, Acknowledge(A)) == "acknowledged"
    back = done(seen.consult, Unacknowledge(A))
    assert timer(back, Clock.PAGE) == NOW + WAIT
    assert CancelTimer(Clock.REMIND) in back.effects
    assert refusal(back.consult, Unacknowledge(A)) == "not-acknowledged"
    assert pages(done(seen.consult, PAGE_OUT)) == [B]


def test_a_late_answer_counts_while_nobody_else_has_it() -> None:
    waiting = after(opened(A, B).consult, PAGE_OUT)
    taken = done(waiting, Accept(A))
    assert taken.consult.consultant == A
    assert Unpage(A, 1, "yours") in taken.effects
    assert Unpage(B, 2, "taken") in taken.effects
    assert refusal(taken.consult, Accept(B)) == "taken"
    unstaffed = after(opened(A).consult, PAGE_OUT)
    assert after(unstaffed, Accept(A)).state is State.ACCEPTED


def test_what_comes_for_an_earlier_turn_is_passed_over() -> None:
    moved = after(opened(A, B).consult, PAGE_OUT)
    assert refusal(moved, PAGE_OUT) == "stale"
    assert done(moved, PageDelivered(1)).effects == ()
    assert refusal(moved, Timeout(Clock.NAG)) == "stale"


# ── in care ──


def test_accepting_makes_a_room_and_the_answer_closes_only_by_read_back() -> None:
    consult = in_progress(answer=timedelta(hours=2))
    assert consult.state is State.IN_PROGRESS
    assert consult.due_at == NOW + timedelta(hours=2)
    answered = done(consult, Answer(A))
    assert answered.consult.state is State.ANSWERED
    assert timer(answered, Clock.DUE) == NOW + timedelta(hours=24)
    assert refusal(answered.consult, ReadBack(A)) == "not-requester"
    closed = done(answered.consult, ReadBack(ME))
    assert closed.consult.state is State.COMPLETED
    assert AskSurvey() in closed.effects


def test_a_named_person_has_to_agree_and_the_consultant_stays_until_then() -> None:
    asked = done(in_progress(), Handoff(A, C))
    assert (asked.consult.state, asked.consult.consultant) == (State.REQUESTED, A)
    assert pages(asked) == [C]
    kept = done(asked.consult, Decline(C))
    assert (kept.consult.state, kept.consult.consultant) == (State.IN_PROGRESS, A)
    assert TellPerson(A, "still-yours") in kept.effects
    taken = done(asked.consult, Accept(C))
    assert {InviteToRoom(C), TellPerson(A, "handed-over", C)} <= set(taken.effects)
    back = after(asked.consult, Accept(A))
    assert (back.state, back.consultant) == (State.IN_PROGRESS, A)
    assert refusal(in_progress(), Handoff(B, C)) == "not-yours"
    assert refusal(in_progress(), Handoff(A, ME)) == "own"
    assert refusal(asked.consult, Handoff(A, C)) == "being-asked"


def test_a_colleague_comes_in_and_nobody_else_is_responsible() -> None:
    added = done(in_progress(), AddColleague(A, D))
    assert (added.consult.consultant, added.consult.colleagues) == (A, (D,))
    assert InviteToRoom(D) in added.effects
    assert refusal(added.consult, AddColleague(A, D)) == "there-already"
    assert refusal(in_progress(), AddColleague(C, D)) == "not-yours"


def test_on_hold_the_clock_of_the_answer_stands_still() -> None:
    two, one = timedelta(hours=2), timedelta(hours=1)
    held = done(in_progress(answer=two), AskInfo(A), now=NOW + one)
    assert (held.consult.state, held.consult.due_left) == (State.ON_HOLD, one)
    assert CancelTimer(Clock.DUE) in held.effects
    reminded = done(held.consult, Timeout(Clock.HOLD), now=NOW + two)
    assert TellRequester("info-due", A) in reminded.effects
    on = done(held.consult, GiveInfo(ME), now=NOW + 5 * one)
    assert (on.consult.state, on.consult.due_at) == (State.IN_PROGRESS, NOW + 6 * one)
    runs = done(in_progress(answer=two, hold_stops_clock=False), AskInfo(A))
    assert CancelTimer(Clock.DUE) not in runs.effects


def test_whoever_is_asked_may_ask_back_before_accepting() -> None:
    asked = done(opened(A).consult, AskInfo(A))
    assert TellRequester("info-wanted", A) in asked.effects
    told = done(asked.consult, GiveInfo(ME))
    assert TellPerson(A, "info", ME) in told.effects
    assert refusal(opened(A).consult, AskInfo(C)) == "not-asked"


def test_an_interim_reply_closes_nothing_and_an_overdue_answer_is_asked_for() -> None:
    consult = in_progress(answer=timedelta(hours=2))
    assert done(consult, Interim(A)).consult.state is State.IN_PROGRESS
    first = done(consult, Timeout(Clock.DUE))
    assert {TellPerson(A, "answer-due"), TellRequester("answer-due", A)} <= set(first.effects)
    assert TellModerators("answer-due", A) not in first.effects
    assert TellModerators("answer-due", A) in done(first.consult, Timeout(Clock.DUE)).effects


def test_changes_are_shown_until_somebody_has_it() -> None:
    assert Repage(A, 1) in done(opened(A).consult, Edit(ME)).effects
    assert refusal(opened(A).consult, Edit(A)) == "not-requester"
    assert refusal(in_progress(), Edit(ME)) == "accepted"


def test_what_is_over_may_be_reopened_for_a_while() -> None:
    closed = after(in_progress(), Answer(A), ReadBack(ME))
    again = done(closed, Reopen(ME))
    assert (again.consult.state, again.consult.consultant) == (State.IN_PROGRESS, A)
    late = NOW + closed.policy.reopen + timedelta(seconds=1)
    assert refusal(closed, Reopen(ME), now=late) == "too-old"
    cancelled = after(opened(A).consult, Cancel(ME))
    assert pages(done(cancelled, Reopen(ME))) == [A]
    wrong = after(closed, EnterInError(ME))
    assert refusal(wrong, Reopen(ME)) == "entered-in-error"
    assert refusal(in_progress(), Reopen(ME)) == "open"


def test_what_nobody_took_or_read_back_ends() -> None:
    nobody = opened().consult
    assert after(nobody, Timeout(Clock.EXPIRE)).state is State.EXPIRED
    answered = after(in_progress(), Answer(A))
    assert after(answered, Timeout(Clock.EXPIRE)).state is State.EXPIRED
    assert refusal(in_progress(), Timeout(Clock.EXPIRE)) == "stale"
    reminded = done(answered, Timeout(Clock.DUE))
    assert TellRequester("read-back-due") in reminded.effects


def test_a_room_that_comes_too_late_says_so() -> None:
    late = done(after(opened(A).consult, Accept(A), Cancel(ME)), RoomReady())
    assert (late.consult.state, late.consult.room) == (State.CANCELLED, Room.READY)
    failed = done(after(opened(A).consult, Accept(A)), RoomFailed())
    assert TellPerson(A, "no-room", ME) in failed.effects
    assert unaccounted(failed.consult) is None


# ── another hospital ──


def test_what_another_hospital_found_counts_only_through_its_bot() -> None:
    there, doc = "@curbside:west", "@doc:west"
    asked = opened(there).consult
    taken = done(asked, Accept(doc, via=there))
    assert (taken.consult.consultant, taken.consult.via) == (doc, there)
    other = done(taken.consult, Accept("@other:west", via=there))
    assert other.consult.consultant == "@other:west"
    assert refusal(taken.consult, Accept(B)) == "taken"
    assert refusal(taken.consult, Handoff(doc, C)) == "elsewhere"
    lost = after(taken.consult, Lost(there))
    assert (lost.consultant, lost.via, lost.state) == (None, None, State.REQUESTED)


def test_who_is_lost_while_asked_is_passed_over() -> None:
    lost = done(opened(A, B).consult, Lost(A))
    assert pages(lost) == [B]
    assert {TellRequester("lost", A), TellModerators("lost", A)} <= set(lost.effects)
    assert lost.consult.asked[0].outcome is Outcome.WITHDRAWN
    assert not [effect for effect in lost.effects if isinstance(effect, Unpage)]  # nothing is sent there
    assert after(opened(A).consult, Lost(A)).state is State.UNSTAFFED
    assert refusal(lost.consult, Lost(A)) == "stale"


def test_a_lost_consultant_leaves_the_consult_to_the_next() -> None:
    lost = done(in_progress(), Lost(A))
    assert (lost.consult.state, lost.consult.consultant) == (State.REQUESTED, None)
    assert {RemoveFromRoom(A), TellModerators("lost", A)} <= set(lost.effects)
    assert unaccounted(lost.consult) is None


def test_an_answer_of_somebody_lost_counts_and_a_lost_requester_is_peoples_matter() -> None:
    answered = after(in_progress(), Answer(A))
    assert after(answered, Lost(A), ReadBack(ME)).state is State.COMPLETED
    told = done(in_progress(), Lost(ME))
    assert told.effects == (TellModerators("requester-lost", ME), TellPerson(A, "requester-lost", ME))


# ── tables ──


def test_every_state_maps_to_fhir_and_every_refusal_has_words() -> None:
    assert set(FHIR) == set(State) == set(views.STATES)
    assert set(views.OUTCOMES) == set(Outcome)
    base = in_progress()
    events: list[Event] = [
        Accept(C), Decline(C), Acknowledge(C), Unacknowledge(C), Answer(C), Interim(C), AskInfo(C),
        GiveInfo(C), ReadBack(C), Cancel(C), Handoff(C, A), AddColleague(C, B), Edit(C), Reopen(C),
        EnterInError(C),
        Accept(A), Decline(A), Handoff(A, ME), Handoff(A, A), Reopen(ME), ReadBack(ME), Edit(ME),
    ]  # fmt: skip
    for state in State:
        for event in events:
            decided = decide(replace(base, state=state, closed_at=NOW), event, NOW, NOBODY)
            if isinstance(decided, Refused):
                assert decided.reason in views.REFUSALS


def test_only_reopening_and_error_lead_out_of_the_end() -> None:
    for (start, event), (_rule, targets) in TRANSITIONS.items():
        if start in FINAL and event not in (Reopen, EnterInError):
            assert targets == (start,)


def test_what_is_unaccounted_is_named() -> None:
    asked = opened(A).consult
    assert unaccounted(replace(asked, turn_due=None)) == "no timer"
    silent = replace(asked, asked=(replace(asked.asked[0], outcome=Outcome.MISSED),))
    assert unaccounted(silent) == "nobody is asked"
    assert unaccounted(replace(in_progress(), consultant=None)) == "nobody has it"
    assert unaccounted(replace(in_progress(), state=State.ACCEPTED)) == "no room comes"
    for fine in (asked, opened().consult, in_progress(), after(asked, Cancel(ME))):
        assert unaccounted(fine) is None


def test_a_frozen_policy_thaws_unchanged() -> None:
    full = Policy(
        (
            person(A, channels=("sms", "pager"), remind=timedelta(seconds=90)),
            Tier((ROTA, MODERATORS), timedelta(minutes=3), Mode.TOGETHER),
        ),
        repeat=2,
        answer=timedelta(hours=1),
        read_back=None,
        hold_stops_clock=False,
        bundle=True,
    )
    assert frozen.from_json(frozen.to_json(full)) == full
