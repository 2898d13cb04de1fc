"""A policy as it is frozen into a consult: as JSON, and back. Pure."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import lru_cache
from typing import Any

from bot.directory.policies import Mode, Policy, Target, Tier, Whom


@lru_cache(maxsize=4096)
def to_json(policy: Policy) -> str:
    """The policy as text; the same policy always gives the same text. Times are in seconds."""
    packed = {
        "tiers": [_packed(tier) for tier in policy.tiers],
        "repeat": policy.repeat,
        "nag": _seconds(policy.nag),
        "answer": _seconds(policy.answer),
        "read_back": _seconds(policy.read_back),
        "hold_stops_clock": policy.hold_stops_clock,
        "expires": _seconds(policy.expires),
        "reopen": _seconds(policy.reopen),
        "bundle": policy.bundle,
    }
    return json.dumps(packed, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


@lru_cache(maxsize=4096)
def from_json(text: str) -> Policy:
    """Read `to_json`'s text; consults of one policy share the value."""
    packed: dict[str, Any] = json.loads(text)
    return Policy(
        tiers=tuple(_tier(tier) for tier in packed["tiers"]),
        repeat=packed["repeat"],
        nag=timedelta(seconds=packed["nag"]),
        answer=_span(packed["answer"]),
        read_back=_span(packed["read_back"]),
        hold_stops_clock=packed["hold_stops_clock"],
        expires=timedelta(seconds=packed["expires"]),
        reopen=timedelta(seconds=packed["reopen"]),
        bundle=packed["bundle"],
    )


def _packed(tier: Tier) -> dict[str, Any]:
    return {
        "ask": [[str(target.kind), target.name] for target in tier.targets],
        "how": str(tier.mode),
        "wait": _seconds(tier.wait),
        "acknowledged": _seconds(tier.acknowledged),
        "remind": _seconds(tier.remind),
        "channels": list(tier.channels),
    }


def _tier(packed: dict[str, Any]) -> Tier:
    return Tier(
        targets=tuple(Target(Whom(kind), name) for kind, name in packed["ask"]),
        wait=timedelta(seconds=packed["wait"]),
        mode=Mode(packed["how"]),
        acknowledged=timedelta(seconds=packed["acknowledged"]),
        remind=_span(packed["remind"]),
        channels=tuple(packed["channels"]),
    )


def _seconds(span: timedelta | None) -> float | None:
    return None if span is None else span.total_seconds()


def _span(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
