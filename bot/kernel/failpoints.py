"""Named places where a test kills the process, to prove that nothing is lost there.

Set `CURBSIDE_FAILPOINT=name` (or `name:3` for the third passage, `timer.before_commit@consults.page` for
one kind of timer alone) and the process dies there by SIGKILL, as it would in a power
cut. Without the variable each call is one comparison.
"""

from __future__ import annotations

import os
import signal

FAILPOINTS = (
    "sync.before_journal",
    "sync.after_journal",
    "inbox.before_handler",
    "inbox.before_commit",
    "inbox.after_commit",
    "outbox.before_send",
    "outbox.after_send",
    "outbox.after_mark",
    "timer.before_commit",
    "timer.after_commit",
    "room.after_create",
    "room.apply_created",
    "room.apply_state",
    "room.apply_alias",
    "room.apply_unalias",
    "room.apply_publish",
    "room.apply_hide",
    "room.apply_uploaded",
    "room.apply_upgraded",
    "room.apply_note",
    "keys.before_share",
    "keys.after_share",
    "case.before_find",
    "case.before_show",
    "case.after_show",
    "bridge.before_attempt",
    "bridge.before_deliver",
    "bridge.after_deliver",
    "bridge.after_mark",
    "bridge.before_receive",
    "bridge.after_receive",
)

_place, _, _count = os.environ.get("CURBSIDE_FAILPOINT", "").partition(":")
_armed, _, _only = _place.partition("@")
_left = int(_count or 1)
if _armed and _armed not in FAILPOINTS:
    raise ValueError(f"CURBSIDE_FAILPOINT names no failpoint: {_armed}")


def failpoint(name: str, of: str = "") -> None:
    """Die here if this is the armed failpoint and its turn has come; `of` says whose passage this is."""
    global _left
    if name != _armed or (_only and of != _only):
        return
    _left -= 1
    if _left == 0:
        os.kill(os.getpid(), signal.SIGKILL)
