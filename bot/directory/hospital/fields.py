"""Numbers and moments of signed JSON, as statements and offers hold them. Pure.

Moments are whole milliseconds since 1970 UTC; numbers are those that canonical JSON has room for (Matrix
specification, appendices, "Canonical JSON").
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

MOST_INT = 2**53 - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def number(value: Any, wrong: Exception) -> int:
    """A whole number above zero; raises `wrong` for everything else."""
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= MOST_INT:
        raise wrong
    return value


def moment(value: Any, wrong: Exception) -> datetime:
    """A moment; raises `wrong` for everything else."""
    try:
        return _EPOCH + timedelta(milliseconds=number(value, wrong))
    except OverflowError:
        raise wrong from None


def milliseconds(at: datetime) -> int:
    """How a moment is written."""
    return (at - _EPOCH) // timedelta(milliseconds=1)
