"""Consults under their rules alone: who is on, and short ways to let things happen."""

from datetime import UTC, datetime, timedelta

from bot.consults.model import (
    Accept,
    Clock,
    Consult,
    Decision,
    Event,
    Page,
    Refused,
    RoomReady,
    SetTimer,
    Urgency,
)
from bot.consults.rules import begin, decide
from bot.directory.policies import Policy, Target, Tier, Whom

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
WAIT, SEEN, NAG = timedelta(minutes=10), timedelta(minutes=15), timedelta(minutes=30)
ME, A, B, C, D, MOD = "@me:hs", "@a:hs", "@b:hs", "@c:hs", "@d:hs", "@mod:hs"
ROTA, GROUP = Target(Whom.ROTA, "heart"), Target(Whom.GROUP, "seniors")
MODERATORS = Target(Whom.MODERATORS)


class Ward:
    """Who is on now, until when, and when somebody may be interrupted."""

    def __init__(self, **groups: tuple[str, ...]) -> None:
        self.on = {Target(Whom.ROTA, "heart"): groups.get("rota", ()), GROUP: groups.get("group", ())}
        self.ends: dict[str, datetime] = {}
        self.at: dict[str, datetime] = {}

    def people(self, target: Target) -> tuple[str, ...]:
        return (target.name,) if target.kind is Whom.PERSON else self.on.get(target, ())

    def when(self, user: str) -> datetime:
        return self.at.get(user, NOW)

    def until(self, target: Target, user: str) -> datetime | None:
        return self.ends.get(user)


NOBODY = Ward()


def person(user: str, **more: object) -> Tier:
    return Tier((Target(Whom.PERSON, user),), WAIT, acknowledged=SEEN, **more)  # type: ignore[arg-type]


def policy(*tiers: Tier, **more: object) -> Policy:
    return Policy(tiers, nag=NAG, **more)  # type: ignore[arg-type]


def opened(*who: str | Tier, duty: Ward = NOBODY, **more: object) -> Decision:
    tiers = [person(one) if isinstance(one, str) else one for one in who] or [Tier((ROTA,), WAIT)]
    consult = Consult("C-7F3K", "cardiology", Urgency.URGENT, ME, policy(*tiers, **more), NOW)
    return begin(consult, NOW, duty)


def done(consult: Consult, event: Event, *, now: datetime = NOW, duty: Ward = NOBODY) -> Decision:
    decided = decide(consult, event, now, duty)
    assert isinstance(decided, Decision), (consult.state, event, decided)
    return decided


def after(consult: Consult, *events: Event, now: datetime = NOW, duty: Ward = NOBODY) -> Consult:
    for event in events:
        consult = done(consult, event, now=now, duty=duty).consult
    return consult


def refusal(consult: Consult, event: Event, *, now: datetime = NOW) -> str:
    decided = decide(consult, event, now, NOBODY)
    assert isinstance(decided, Refused), decided
    return decided.reason


def in_progress(*who: str, **more: object) -> Consult:
    return after(opened(*(who or (A, B)), **more).consult, Accept(A), RoomReady())


def pages(decision: Decision) -> list[str]:
    return [effect.user for effect in decision.effects if isinstance(effect, Page)]


def timer(decision: Decision, clock: Clock) -> datetime | None:
    found = [one for one in decision.effects if isinstance(one, SetTimer) and one.clock is clock]
    return found[-1].due_at if found else None
