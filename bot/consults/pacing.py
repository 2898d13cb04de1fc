"""How often somebody may be interrupted, and who is asked first among equals. Pure.

Interruptions cost attention and cause errors (doi:10.1001/archinternmed.2010.65), so a request that can wait
does: until somebody's quiet hours are over, and, once they were paged so often within an hour as the hospital
allows, until the first of these pages is an hour old. Whatever else comes meanwhile goes out with it. A STAT
request never waits; that is the caller's to see to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

WINDOW = timedelta(hours=1)
LATELY = timedelta(days=7)


def when(
    now: datetime,
    *,
    quiet_until: datetime | None,
    sent: Sequence[datetime],
    waiting: datetime | None,
    per_hour: int,
) -> datetime:
    """When a request that can wait may go out to somebody.

    `sent` are the moments at which pages went out to them within the last hour, a bundle being one;
    `waiting` is when a bundle goes out that waits already. At most `per_hour` go out within any hour;
    0: as many as there are.
    """
    if waiting is not None and waiting > now:
        return waiting
    if quiet_until is not None and quiet_until > now:
        return quiet_until
    lately = sorted(moment for moment in set(sent) if now - WINDOW < moment <= now)
    if not per_hour or len(lately) < per_hour:
        return now
    return lately[-per_hour] + WINDOW


def fairly(people: Sequence[str], load: Mapping[str, int]) -> tuple[str, ...]:
    """Equals in the order in which to ask them: the least loaded first; among these, as they stand."""
    return tuple(sorted(people, key=lambda user: load.get(user, 0)))
