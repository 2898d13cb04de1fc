"""A capability: what a feature folder, ours or an outside package's, adds to the bots.

An outside package names an object of this class under the entry point `curbside.capabilities`;
docs/tutorial.md builds one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bot.chat.command import Command
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer

if TYPE_CHECKING:
    from bot.chat.desk import Context, Desk

TimerHandler = Callable[["Desk", Timer], Awaitable[None]]
TopicHandler = Callable[["Desk", InboxEntry], Awaitable[None]]
DailyHandler = Callable[["Desk"], Awaitable[None]]
EventHandler = Callable[["Context", Mapping[str, object]], Awaitable[bool]]


@dataclass(frozen=True)
class Capability:
    """What a feature adds.

    `timers` and `topics` map a timer's kind and an inbox topic (prefixed with the capability's name
    and a dot) to their handlers; each runs in one transaction and may run again after a crash.
    `migrations` is a folder of Alembic revisions with a branch label of its own; `locale` a folder
    of `<language>.po`. `events` are rules over room events (raw decrypted event; return True when
    it was theirs). `daily` runs once a day.
    """

    name: str
    commands: tuple[Command, ...] = ()
    timers: Mapping[str, TimerHandler] = field(default_factory=dict)
    topics: Mapping[str, TopicHandler] = field(default_factory=dict)
    events: tuple[EventHandler, ...] = ()
    daily: DailyHandler | None = None
    migrations: Path | None = None
    locale: Path | None = None
