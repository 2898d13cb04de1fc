"""When somebody is reminded. Pure: the standard library only, and `now` is handed in."""

from datetime import datetime, timedelta


def reminder(now: datetime, minutes: int, sent: int = 0) -> datetime | None:
    """The next reminder after `sent` of them: when asked for, then twice more, a quarter of an hour apart."""
    return now + timedelta(minutes=15 if sent else minutes) if sent < 3 else None
