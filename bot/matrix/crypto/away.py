"""Homeservers that did not answer ours: what needs them waits a while, and does not hold up the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=15), timedelta(minutes=10)


@dataclass(frozen=True)
class _Pause:
    until: datetime
    length: timedelta


class Away:
    """Which homeservers are not to be asked now: the pause doubles from failure to failure, up to a limit."""

    def __init__(self) -> None:
        self._pauses: dict[str, _Pause] = {}

    def holds(self, user_id: str, now: datetime) -> bool:
        """Whether the user's homeserver is to be left alone."""
        pause = self._pauses.get(server_of(user_id))
        return pause is not None and pause.until > now

    def failed(self, user_id: str, now: datetime) -> None:
        """The user's homeserver did not answer; several failures within one pause count once."""
        server = server_of(user_id)
        last = self._pauses.get(server)
        if last is not None and last.until > now:
            return
        length = _FIRST_PAUSE if last is None else min(last.length * 2, _LONGEST_PAUSE)
        self._pauses[server] = _Pause(now + length, length)

    def heard(self, user_id: str) -> None:
        """The user's homeserver has answered, or has told of itself: it may be asked at once."""
        self._pauses.pop(server_of(user_id), None)


def server_of(user_id: str) -> str:
    """The name of a user's homeserver."""
    return user_id.partition(":")[2]


def is_failure(answer: Mapping[str, object], user_id: str) -> bool:
    """Whether a user's homeserver did not answer; `answer` is that to /keys/query or /keys/claim."""
    failures = answer.get("failures")
    return isinstance(failures, Mapping) and server_of(user_id) in failures
