"""Whether this process is fit to serve: probes that each give reasons, in words, why it is not."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.kernel import bridging, inbox, metrics, outbox, timers
from bot.kernel.clock import Clock
from bot.kernel.db import Database
from bot.settings import HealthSettings

log = logging.getLogger(__name__)

Probe = Callable[[], Awaitable[list[str]]]

_PROBE_SECONDS = 5.0
# A long poll ends after 30 s at most, so two of them without an answer mean that something is wrong.
SYNC_SILENCE = timedelta(seconds=75)


class Health:
    """Asks all probes; ready means that none has a reason against it."""

    def __init__(self) -> None:
        self._probes: dict[str, Probe] = {}

    def add(self, name: str, probe: Probe) -> None:
        """Add a probe; `name` stands in the reason when the probe itself fails."""
        self._probes[name] = probe

    async def reasons(self) -> list[str]:
        """Why this process is not ready; empty when it is. Takes at most a few seconds."""
        answers = await asyncio.gather(*(self._ask(name, probe) for name, probe in self._probes.items()))
        return [reason for answer in answers for reason in answer]

    @staticmethod
    async def _ask(name: str, probe: Probe) -> list[str]:
        try:
            return await asyncio.wait_for(probe(), _PROBE_SECONDS)
        except TimeoutError:
            return [f"The {name} did not answer within {_PROBE_SECONDS:.0f} s."]
        except Exception as error:
            log.warning("health probe failed", extra={"probe": name}, exc_info=error)
            return [f"The {name} could not be checked ({type(error).__name__})."]


def work_probe(database: Database, limits: HealthSettings) -> Probe:
    """Not ready while a message, a timer or a received entry has waited too long, or without a database."""

    async def probe() -> list[str]:
        async with database.read() as tx:
            waiting = (
                (
                    "The oldest undelivered message has waited",
                    await outbox.oldest_pending(tx),
                    limits.undelivered,
                ),
                ("The most overdue timer is late by", await timers.most_overdue(tx), limits.overdue),
                ("The oldest unhandled event has waited", await inbox.oldest_pending(tx), limits.undelivered),
            )
            now = tx.now
        return [
            f"{what} {_length(now - since)}, longer than {_length(limit)}."
            for what, since, limit in waiting
            if since is not None and now - since > limit
        ]

    return probe


@dataclass(frozen=True)
class BotState:
    """How one bot fares: why it stopped for good (None while it runs), and when it last synchronised."""

    name: str
    stopped_because: str | None
    last_sync: datetime | None


def bots_probe(states: Callable[[], Iterable[BotState]], clock: Clock) -> Probe:
    """Not ready while a bot of this process has stopped or has not synchronised lately."""

    async def probe() -> list[str]:
        reasons = []
        for state in states():
            reason = _against(state, clock.now())
            metrics.bot_up.labels(state.name).set(reason is None)
            if reason is not None:
                reasons.append(reason)
        return reasons

    return probe


def _against(state: BotState, now: datetime) -> str | None:
    if state.stopped_because is not None:
        return f"The bot {state.name} has stopped: {state.stopped_because}"
    if state.last_sync is None:
        return f"The bot {state.name} has not synchronised yet."
    if now - state.last_sync > SYNC_SILENCE:
        return f"The bot {state.name} last synchronised {_length(now - state.last_sync)} ago."
    return None


def bridges_probe(database: Database, names: Collection[str]) -> Probe:
    """Not ready while a bridge's peer is left alone because it fails, or while no process runs a bridge."""

    async def probe() -> list[str]:
        if not names:
            return []
        async with database.read() as tx:
            known = {row.name: row for row in await bridging.known(tx)}
            now = tx.now
        reasons = []
        for name in names:
            row = known.get(name)
            if row is None or row.held_until <= now:
                reasons.append(f"The bridge {name} does not run.")
            elif row.circuit.open_since is not None:
                since = _length(now - row.circuit.open_since)
                reasons.append(f"The bridge {name} has not reached its peer for {since}.")
        return reasons

    return probe


def problem_probe(problem: Callable[[], str | None]) -> Probe:
    """Not ready while `problem` returns a sentence: a roster file that cannot be read, for one."""

    async def probe() -> list[str]:
        sentence = problem()
        return [] if sentence is None else [sentence]

    return probe


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min"
    return f"{seconds // 3600} h"


async def measure(database: Database) -> None:
    """Set the gauges that are read off the database."""
    async with database.read() as tx:
        since = await outbox.oldest_pending(tx)
        metrics.oldest_outbox_seconds.set(0 if since is None else (tx.now - since).total_seconds())
        metrics.overdue_timers.set(await timers.count_overdue(tx))
        metrics.inbox_pending.set(await inbox.count_pending(tx))
