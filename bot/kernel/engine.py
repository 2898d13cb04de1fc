"""The loops that turn stored entries and due timers into use cases, one transaction each.

APScheduler only wakes the timer loop at the next due moment; what is due is decided by the rows.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.kernel import inbox, metrics, timers
from bot.kernel.db import Database, Tx
from bot.kernel.failpoints import failpoint
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer

if TYPE_CHECKING:
    from apscheduler.schedulers.asyncio import AsyncIOScheduler

log = logging.getLogger(__name__)

EntryHandler = Callable[[Tx, InboxEntry], Awaitable[None]]
TimerHandler = Callable[[Tx, Timer], Awaitable[None]]

MAX_ATTEMPTS = 6
_HANDLER_SECONDS = 60.0
_TIMERS_IN_A_ROW = 8


def backoff(attempts: int, *, first: float = 0.2, most: float = 300.0) -> timedelta:
    """How long to wait before the next attempt: doubling from `first` to `most` seconds."""
    return timedelta(seconds=min(most, first * 2 ** min(attempts, 30)))


class Engine:
    """Claims inbox entries and timers and runs their handlers.

    A handler that fails is rolled back and tried again later; an entry that fails `MAX_ATTEMPTS`
    times is set aside and `gave_up` tells the person; a timer is never given up.
    """

    def __init__(
        self,
        database: Database,
        *,
        on_entry: EntryHandler,
        on_timer: TimerHandler,
        gave_up: EntryHandler,
        poll: float = 0.25,
    ) -> None:
        """`poll`: seconds after which to look for work of another process; our own wakes us at once."""
        self._poll = poll
        self._database = database
        self._on_entry = on_entry
        self._on_timer = on_timer
        self._gave_up = gave_up
        self._scheduler: AsyncIOScheduler | None = None
        self._draining = False
        self._lane = ""  # the inbox lane served last while others may wait
        self._kind, self._in_a_row = "", 0  # the kind of the timers fired last, and how many of them

    async def run(self) -> None:
        """Work until `drain` is called."""
        workers = 1 if self._database.is_sqlite else 4
        try:
            async with asyncio.TaskGroup() as tasks:
                for _ in range(workers):
                    tasks.create_task(self._entries())
                tasks.create_task(self._timers())
        finally:
            if self._scheduler is not None:
                self._scheduler.shutdown(wait=False)

    def drain(self) -> None:
        """Finish what is in hand and let `run` return."""
        self._draining = True
        for name in ("inbox", "timers"):
            self._database.wakeups.event(name).set()

    async def _entries(self) -> None:
        while not self._draining:
            if not await self._guarded(self._handle_and_look):
                await self._database.wakeups.wait("inbox", self._poll)

    async def _timers(self) -> None:
        while not self._draining:
            if not await self._guarded(self.fire_one) and await self._guarded(self._wake_at_next_timer):
                await self._database.wakeups.wait("timers", min(self._poll * 4, 5.0))

    async def _guarded(self, step: Callable[[], Awaitable[bool]]) -> bool:
        """Run one step; the database being away is waited out, never fatal."""
        try:
            return await step()
        except Exception as error:
            log.error("engine step failed", extra={"step": step.__name__, "error": type(error).__name__})
            await asyncio.sleep(1.0)
            return False

    async def _wake_at_next_timer(self) -> bool:
        async with self._database.read() as tx:
            due_at = await timers.next_due_at(tx)
        if due_at is not None and due_at - self._database.clock.now() < timedelta(seconds=6):
            self._wakes().add_job(
                self._wake_timers,
                "date",
                run_date=due_at,
                id="next-timer",
                replace_existing=True,
                misfire_grace_time=None,
            )
        return True

    def _wakes(self) -> AsyncIOScheduler:
        """The scheduler, started when there is first something to wake for: a start without it is faster."""
        from apscheduler.schedulers.asyncio import AsyncIOScheduler

        if self._scheduler is None:
            self._scheduler = AsyncIOScheduler(timezone="UTC")
            self._scheduler.start()
        return self._scheduler

    async def _wake_timers(self) -> None:
        # A coroutine, since APScheduler calls plain functions in a thread, where no event may be set.
        self._database.wakeups.event("timers").set()

    async def handle_one(self) -> bool:
        """Handle a due entry; False if there is none."""
        return await self._handle() is not None

    async def _handle_and_look(self) -> bool:
        """Handle an entry; False if no other was waiting (whoever adds one wakes us).

        Beside other workers one may have come meanwhile that had to wait for this one, in its lane.
        """
        entry = await self._handle()
        return entry is not None and (entry.more or not self._database.is_sqlite)

    async def _handle(self) -> InboxEntry | None:
        entry: InboxEntry | None = None
        try:
            async with asyncio.timeout(_HANDLER_SECONDS), self._database.begin() as tx:
                entry = await inbox.claim(tx, after=self._lane)
                if entry is None:
                    return None
                self._lane = entry.lane if entry.more else ""
                failpoint("inbox.before_handler")
                with metrics.handler_seconds.labels(entry.topic).time():
                    await self._on_entry(tx, entry)
                await inbox.mark_done(tx, entry.id)
                failpoint("inbox.before_commit")
        except inbox.Unreadable as error:
            entry = error.entry
            await self._entry_failed(entry, error)
        except Exception as error:
            if entry is None:
                raise
            await self._entry_failed(entry, error)
        failpoint("inbox.after_commit")
        return entry

    async def _entry_failed(self, entry: InboxEntry, error: Exception) -> None:
        last = entry.attempts + 1 >= MAX_ATTEMPTS
        log.error(
            "handler failed",
            extra={"topic": entry.topic, "entry": entry.id, "attempt": entry.attempts + 1, "given_up": last},
            exc_info=error,
        )
        if last:
            try:
                await self._set_aside(entry, self._gave_up)
            except Exception as second:
                log.error("telling of a failure failed", extra={"entry": entry.id}, exc_info=second)
                await self._set_aside(entry, None)
        else:
            pause = backoff(entry.attempts)
            async with self._database.begin() as tx:
                await inbox.put_off(tx, entry.id, tx.now + pause)
            # When it is due again, nobody's commit will wake us.
            wake = self._database.wakeups.event("inbox").set
            asyncio.get_running_loop().call_later(pause.total_seconds() + 0.01, wake)

    async def _set_aside(self, entry: InboxEntry, tell: EntryHandler | None) -> None:
        """Give an entry up and tell the person, in one transaction: a crash leaves neither or both."""
        async with self._database.begin() as tx:
            if await inbox.mark_dead(tx, entry.id):
                tx.audit("system", "inbox.dead", entry.id, topic=entry.topic)
                if tell is not None:
                    await tell(tx, entry)

    async def fire_one(self) -> bool:
        """Run the handler of the longest-due timer; False if none is due.

        However many of one kind fall due together, every so often one of another kind goes first.
        """
        timer: Timer | None = None
        try:
            async with asyncio.timeout(_HANDLER_SECONDS), self._database.begin() as tx:
                turn = self._in_a_row >= _TIMERS_IN_A_ROW
                timer = await timers.claim(tx, other_than=self._kind if turn else "")
                if timer is None:
                    return False
                self._in_a_row = self._in_a_row + 1 if timer.kind == self._kind and not turn else 1
                self._kind = timer.kind
                with metrics.handler_seconds.labels(timer.kind).time():
                    await self._on_timer(tx, timer)
                failpoint("timer.before_commit", timer.kind)
        except Exception as error:
            if timer is None:
                raise
            log.error(
                "timer failed",
                extra={"kind": timer.kind, "attempt": timer.attempts + 1},
                exc_info=error,
            )
            async with self._database.begin() as tx:
                await timers.put_off(tx, timer, tx.now + backoff(timer.attempts, first=1.0))
        failpoint("timer.after_commit", timer.kind)
        return True
