"""The policies that hold where a hospital has written none. Pure.

How long anything takes is the hospital's decision; these are a start that it can live with. The times to
accept are the settings' (`consults.stat` and so on), or those of the service in the roster.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.directory.policies import Policy, PolicySet, Target, Tier, Whom

STAT, URGENT = "stat", "urgent"


def policy_for(
    service: str,
    urgency: str,
    own: PolicySet | None,
    waits: Mapping[str, timedelta],
) -> Policy:
    """The policy for a service and an urgency: its own, else the preset with the time to accept of `waits`.

    In a policy of its own, a target `service` without a name means the service that is asked. Raises
    KeyError for an urgency without a time to accept.
    """
    written = own.by_urgency.get(urgency) if own is not None else None
    if written is None:
        return preset(service, urgency, waits[urgency])
    return replace(written, tiers=tuple(_named(tier, service) for tier in written.tiers))


def preset(service: str, urgency: str, wait: timedelta) -> Policy:
    """Whoever is on call for the service, in turn; then the moderators are told, and it begins anew."""
    tier = Tier((Target(Whom.SERVICE, service),), wait, acknowledged=wait, remind=wait / 2)
    if urgency == STAT:
        return Policy((tier,), nag=timedelta(minutes=10), read_back=timedelta(hours=4))
    if urgency == URGENT:
        return Policy((tier,), nag=timedelta(minutes=30))
    return Policy((tier,), nag=timedelta(hours=4), bundle=True)


def _named(tier: Tier, service: str) -> Tier:
    targets = tuple(
        replace(target, name=service) if target.kind is Whom.SERVICE and not target.name else target
        for target in tier.targets
    )
    return replace(tier, targets=targets)
