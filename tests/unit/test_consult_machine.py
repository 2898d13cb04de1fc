"""The consult's transition table under hypothesis: any event, at any time."""

from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bot.consults import views
from bot.consults.model import (
    FINAL,
    HELD,
    Accept,
    Acknowledge,
    AddColleague,
    Answer,
    AskInfo,
    Cancel,
    CancelTimer,
    Clock,
    Consult,
    Decision,
    Decline,
    Edit,
    EnterInError,
    Event,
    GiveInfo,
    Handoff,
    Interim,
    Lost,
    OffDuty,
    Outcome,
    Page,
    PageDelivered,
    PageFailed,
    ReadBack,
    Refused,
    Reopen,
    RoomFailed,
    RoomReady,
    SetTimer,
    State,
    TellModerators,
    Timeout,
    Unacknowledge,
    Urgency,
    Way,
)
from bot.consults.rules import TRANSITIONS, begin, decide, unaccounted
from bot.directory.policies import Mode, Policy, Target, Tier, Whom
from tests.support.consulting import GROUP, ME, MOD, MODERATORS, NOW, ROTA, WAIT, A, B, C, D, Ward

PEOPLE = (ME, A, B, C, MOD, D)
people = st.sampled_from(PEOPLE)
targets = st.one_of(
    st.builds(Target, st.just(Whom.PERSON), people), st.just(ROTA), st.just(GROUP), st.just(MODERATORS)
)
tiers = st.builds(
    Tier,
    st.lists(targets, min_size=1, max_size=2).map(tuple),
    st.just(WAIT),
    st.sampled_from(list(Mode)),
    remind=st.sampled_from([None, timedelta(minutes=2)]),
    channels=st.sampled_from([(), ("sms",)]),
)
policies = st.builds(
    Policy,
    st.lists(tiers, min_size=1, max_size=3).map(tuple),
    repeat=st.integers(0, 1),
    answer=st.sampled_from([None, timedelta(hours=1)]),
    read_back=st.sampled_from([None, timedelta(hours=4)]),
    hold_stops_clock=st.booleans(),
)
ways = st.sampled_from(list(Way))


class ConsultMachine(RuleBasedStateMachine):
    """Any event at any time, with an outside that keeps the timers and hears what the moderators are told."""

    @initialize(policy=policies, rota=st.lists(people, unique=True, max_size=3))
    def open(self, policy: Policy, rota: list[str]) -> None:
        self.duty = Ward(rota=tuple(rota), group=(B, C))
        self.now = NOW
        self.clocks: dict[Clock, SetTimer] = {}
        self.moderators_know = False
        self.accepted: list[str] = []
        begun = begin(Consult("C-7F3K", "cardiology", Urgency.URGENT, ME, policy, NOW), NOW, self.duty)
        self.consult = begun.consult
        self.apply(begun)

    def apply(self, decision: Decision) -> None:
        for effect in decision.effects:
            match effect:
                case SetTimer(clock=clock):
                    self.clocks[clock] = effect
                case CancelTimer(clock=clock):
                    self.clocks.pop(clock, None)
                case TellModerators():
                    self.moderators_know = True
                case Page(user=user):
                    assert user != ME
                case _:
                    pass

    def happen(self, event: Event) -> None:
        before = self.consult
        self.now += timedelta(seconds=30)
        decided = decide(before, event, self.now, self.duty)
        if isinstance(decided, Refused):
            assert decided.reason in views.REFUSALS
            return
        changed = decided.consult
        _rule, possible = TRANSITIONS[(before.state, type(event))]
        assert changed.state in possible
        assert changed.version == before.version + 1
        if before.consultant is not None and changed.consultant != before.consultant:
            assert isinstance(event, (Accept, Lost))
        if not isinstance(event, Handoff):
            declined = {page.user for page in before.asked if page.outcome is Outcome.DECLINED}
            assert not {page.user for page in changed.asked[len(before.asked) :]} & declined
        self.consult = changed
        self.apply(decided)

    @rule(
        event=st.one_of(
            st.builds(Acknowledge, people),
            st.builds(Unacknowledge, people),
            st.builds(Accept, people, st.booleans()),
            st.builds(Decline, people),
            st.builds(Handoff, people, people, st.booleans()),
            st.builds(AddColleague, people, people, st.booleans()),
            st.builds(AskInfo, people),
            st.builds(GiveInfo, people),
            st.builds(Interim, people),
            st.builds(Answer, people),
            st.builds(ReadBack, people),
            st.builds(Edit, people),
            st.builds(OffDuty, people),
            st.builds(Lost, people),
            st.just(RoomReady()),
            st.just(RoomFailed()),
        )
    )
    def anything(self, event: Event) -> None:
        self.happen(event)

    @rule(
        event=st.one_of(st.builds(Cancel, people), st.builds(EnterInError, people), st.builds(Reopen, people))
    )
    def ends(self, event: Event) -> None:
        self.happen(event)

    @rule(data=st.data(), what=st.sampled_from([PageDelivered, PageFailed]), way=ways)
    def page_event(self, data: st.DataObject, what: type[PageDelivered | PageFailed], way: Way) -> None:
        self.happen(what(data.draw(st.integers(1, len(self.consult.asked) + 1)), way))

    @rule(data=st.data())
    def time_runs_out(self, data: st.DataObject) -> None:
        if self.clocks:
            fired = self.clocks.pop(data.draw(st.sampled_from(sorted(self.clocks))))
            self.now = max(self.now, fired.due_at)
            self.happen(Timeout(fired.clock, fired.number))

    @rule(rota=st.lists(people, unique=True, max_size=3))
    def somebody_else_is_on(self, rota: list[str]) -> None:
        gone = set(self.duty.on[ROTA]) - set(rota)
        self.duty.on[ROTA] = tuple(rota)
        for user in gone:
            self.happen(OffDuty(user))

    @invariant()
    def somebody_is_accountable(self) -> None:
        consult = self.consult
        assert unaccounted(consult) is None, unaccounted(consult)
        assert (Clock.PAGE in self.clocks) == (consult.state is State.REQUESTED)
        assert (Clock.NAG in self.clocks) == (consult.state is State.UNSTAFFED)
        if consult.state is State.REQUESTED:
            assert self.clocks[Clock.PAGE].number == consult.turn
        if consult.state is State.UNSTAFFED:
            assert self.moderators_know and consult.consultant is None
        if consult.state in HELD or consult.state in (State.ANSWERED, State.COMPLETED):
            assert consult.consultant is not None
        if consult.state is State.ON_HOLD:
            assert Clock.HOLD in self.clocks
        if consult.state is State.ANSWERED:
            assert Clock.EXPIRE in self.clocks
        if consult.state in FINAL:
            assert not self.clocks

    @invariant()
    def nobody_answers_oneself(self) -> None:
        assert self.consult.consultant != ME


ConsultMachine.TestCase.settings = settings(max_examples=150, stateful_step_count=30, deadline=None)
TestConsultMachine = ConsultMachine.TestCase
