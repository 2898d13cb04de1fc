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
    from aiohttp import web

    from bot.chat.desk import Context, Desk, House
    from bot.chat.heard import Membership
    from bot.kernel.db import Database

TimerHandler = Callable[["Desk", Timer], Awaitable[None]]
TopicHandler = Callable[["Desk", InboxEntry], Awaitable[None]]
DailyHandler = Callable[["Desk"], Awaitable[None]]
EraseHandler = Callable[["Context"], Awaitable[int]]
EventHandler = Callable[["Context", Mapping[str, object]], Awaitable[bool]]
Witness = Callable[["Context", Mapping[str, object]], Awaitable[None]]
MembershipHandler = Callable[["Desk", "Membership"], Awaitable[None]]
RouteHandler = Callable[["House", "Database", "web.Request"], Awaitable["web.StreamResponse"]]
Worker = Callable[["House", "Database"], Awaitable[None]]


@dataclass(frozen=True)
class Route:
    """A page of the web server: `path` as aiohttp's router takes it."""

    method: str
    path: str
    handler: RouteHandler


@dataclass(frozen=True)
class Capability:
    """What a feature adds.

    `timers` and `topics` map a timer's kind and an inbox topic (prefixed with the capability's name
    and a dot) to their handlers; each runs in one transaction and may run again after a crash.
    `migrations` is a folder of Alembic revisions with a branch label of its own; `locale` a folder
    of `<language>.po`. `events` are rules over room events (raw decrypted event; return True when
    it was theirs). `witnesses` see every room event before anybody acts on it: commands, what could not
    be decrypted, and what strangers send too. `daily` runs once a day.
    `memberships` hear of every join, knock, invitation, leaving and ban in a room of the bots, also of
    people whom the hospital policy does not let talk. `routes` are served by the web server. `workers`
    run beside the engine until cancelled, for requests to the outside (a mail server, a directory);
    one that fails is started again after a growing pause. `erase` erases at once, when somebody says
    `!erase`, what may be erased of what it keeps of them; it returns how many things that were.
    """

    name: str
    commands: tuple[Command, ...] = ()
    timers: Mapping[str, TimerHandler] = field(default_factory=dict)
    topics: Mapping[str, TopicHandler] = field(default_factory=dict)
    events: tuple[EventHandler, ...] = ()
    witnesses: tuple[Witness, ...] = ()
    memberships: tuple[MembershipHandler, ...] = ()
    daily: DailyHandler | None = None
    erase: EraseHandler | None = None
    routes: tuple[Route, ...] = ()
    workers: tuple[Worker, ...] = ()
    migrations: Path | None = None
    locale: Path | None = None
