"""Reading policies from the roster: how a consult is brought to somebody.

[policies.acute.stat]
tiers = [
    { ask = "service", wait = "3m", channels = ["sms"] },
    { ask = ["rota:cardiology-second", "person:@lead:hospital.example"], how = "together", wait = "5m" },
    { ask = "moderators", wait = "10m" },
]
repeat = 1
nag = "10m"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from bot.directory.policies import Mode, Policy, PolicySet, Target, Tier, Whom
from bot.directory.policy import server_of
from bot.settings import Duration, Section, UserId

_BARE = {Whom.MODERATORS, Whom.SERVICE}
_MOST_REPEATS = 20


def _target(value: str) -> Target:
    kind, _, name = value.strip().partition(":")
    try:
        whom = Whom(kind)
    except ValueError:
        whom = None
    if (
        whom is None
        or (not name and whom not in _BARE)
        or (name and whom is Whom.MODERATORS)
        or (whom is Whom.PERSON and server_of(name) is None)
    ):
        raise ValueError(
            "must be rota:NAME, service:NAME, service, group:NAME, person:@anna:hospital.example, moderators "
            "or hospital:other.example"
        )
    return Target(whom, name)


def _targets(value: Any) -> Any:
    listed = [value] if isinstance(value, str) else value
    if not isinstance(listed, list | tuple) or not all(isinstance(one, str) for one in listed):
        raise ValueError('must be text such as "rota:cardiology", or a list of such texts')
    return tuple(_target(one) for one in listed)


def _some(value: tuple[Target, ...]) -> tuple[Target, ...]:
    if not value:
        raise ValueError("must name somebody to ask")
    return value


Targets = Annotated[tuple[Target, ...], BeforeValidator(_targets), AfterValidator(_some)]


class _TierEntry(Section):
    ask: Targets
    how: Literal["together", "in turn"] = "in turn"
    wait: Duration
    acknowledged: Duration | None = None
    remind: Duration | None = None
    channels: tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,31}$")], ...] = ()


class _PolicyEntry(Section):
    tiers: tuple[_TierEntry, ...] = Field(min_length=1, max_length=20)
    repeat: int = Field(default=0, ge=0, le=_MOST_REPEATS)
    nag: Duration = timedelta(minutes=30)
    answer: Duration | None = None
    read_back: Duration | Literal[False] = timedelta(hours=24)
    hold_stops_clock: bool = True
    expires: Duration = timedelta(days=14)
    reopen: Duration = timedelta(days=14)
    bundle: bool = False


class PolicyEntries(Section):
    """`[policies.NAME]`: a policy for each urgency; one that is left out is the preset."""

    stat: _PolicyEntry | None = None
    urgent: _PolicyEntry | None = None
    routine: _PolicyEntry | None = None


class GroupEntry(Section):
    """`[groups.NAME]`: colleagues asked together, or in this order."""

    people: tuple[UserId, ...] = Field(min_length=1)


def policy_set(entries: PolicyEntries) -> PolicySet:
    """The policies by urgency."""
    return PolicySet({urgency: _policy(entry) for urgency, entry in entries if entry is not None})


def refuse_unknown(
    place: str,
    policies: PolicySet,
    known: Mapping[Whom, Mapping[str, Any]],
    refuse: Callable[[str], Exception],
) -> None:
    """Raise what `refuse` makes of a sentence when a target names a rota, group or service that is none."""
    for urgency, policy in policies.by_urgency.items():
        if urgency == "stat" and policy.bundle:
            raise refuse(f"{place}.stat.bundle: must be false: a STAT request never waits for others.")
        for number, tier in enumerate(policy.tiers):
            for target in tier.targets:
                if target.name and target.kind in known and target.name not in known[target.kind]:
                    raise refuse(
                        f"{place}.{urgency}.tiers.{number}.ask: there is no {target.kind} {target.name!r}."
                    )


def _policy(entry: _PolicyEntry) -> Policy:
    return Policy(
        tiers=tuple(_tier(tier) for tier in entry.tiers),
        repeat=entry.repeat,
        nag=entry.nag,
        answer=entry.answer,
        read_back=entry.read_back or None,
        hold_stops_clock=entry.hold_stops_clock,
        expires=entry.expires,
        reopen=entry.reopen,
        bundle=entry.bundle,
    )


def _tier(entry: _TierEntry) -> Tier:
    return Tier(
        targets=entry.ask,
        wait=entry.wait,
        mode=Mode(entry.how),
        acknowledged=entry.acknowledged or max(entry.wait, timedelta(minutes=1)),
        remind=entry.remind,
        channels=entry.channels,
    )
