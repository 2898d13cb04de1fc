"""When a peer that fails is left alone, and when it is tried again. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.kernel.bridging import Circuit

OPEN_AFTER = 5  # failures in a row
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(seconds=60)


def failed(circuit: Circuit, now: datetime, reason: str) -> Circuit:
    """After one more failure; from the fifth in a row on single trials are made, ever further apart."""
    failures = circuit.failures + 1
    if failures < OPEN_AFTER:
        return Circuit(failures, reason=reason)
    pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(failures - OPEN_AFTER, 10))
    return Circuit(failures, circuit.open_since or now, now + pause, reason)


def at_once(circuit: Circuit, now: datetime, most: int) -> int:
    """How many messages may be under way to the peer: all, one for a trial, or none."""
    if circuit.open_since is None:
        return most
    return 1 if circuit.trial_at is None or circuit.trial_at <= now else 0
