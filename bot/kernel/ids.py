"""Identifiers: sortable row ids, and the short ids that people read aloud."""

from __future__ import annotations

import secrets
import threading
from datetime import datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford base 32: no I, L, O, U to misread
_PAIRS = [first + second for first in _ALPHABET for second in _ALPHABET]
_RANDOM_BITS = 80
_DAY_MS = 24 * 60 * 60 * 1000

_lock = threading.Lock()
_last = 0


def _encode(value: int, length: int) -> str:
    pairs = []
    for _ in range((length + 1) // 2):
        value, pair = divmod(value, 1024)
        pairs.append(_PAIRS[pair])
    return "".join(reversed(pairs))[-length:]


def new_id(now: datetime) -> str:
    """Return a 26-character id that sorts by time (ULID layout: 48 bits of milliseconds, 80 random).

    Ids made by one process never decrease, even when its clock stands still or is set back.
    """
    global _last
    candidate = (int(now.timestamp() * 1000) << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    with _lock:
        # A step below 2**64 keeps later ids of this millisecond unguessable enough to be unique.
        if candidate <= _last:
            candidate = _last + 1 + secrets.randbits(32)
        _last = candidate
    return _encode(candidate, 26)


def id_of_day(day: datetime) -> str:
    """Return an id in the form of `new_id` that tells the day alone: the time within it is made up."""
    start = day.replace(hour=0, minute=0, second=0, microsecond=0)
    moment = int(start.timestamp() * 1000) + secrets.randbelow(_DAY_MS)
    return _encode((moment << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS), 26)


def short_id(prefix: str, length: int = 4) -> str:
    """Return an id for people, such as `C-7F3K`; the caller retries on a collision."""
    return f"{prefix}-{_encode(secrets.randbits(5 * length), length)}"
