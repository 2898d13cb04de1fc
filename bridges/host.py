"""Who starts bridges and keeps them started: outbox rows go out through them, what comes back is stored.

Each bridge is run by one process at a time, held in the database. A row of the channel `bridge.NAME` has a
body {address, text, until}; `until` is a moment in ISO 8601, after which the row is given up instead of
sent late. Its topic is told as with rows for Matrix. What comes in becomes inbox entries of the topics
`bridge.received` and `bridge.report`, and a peer that is left alone one of `bridge.state`.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.kernel import bridging, inbox, metrics, outbox
from bot.kernel.bridging import CHANNEL, RECEIVED, REPORT, STATE, Circuit
from bot.kernel.db import Database, DatabaseTrouble, Tx
from bot.kernel.engine import backoff
from bot.kernel.failpoints import failpoint
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import OutboxRow
from bridges import circuit as breaker
from bridges.contract import (
    IN_DOUBT,
    Answer,
    Bridge,
    Call,
    Delivered,
    Inbound,
    Inquirer,
    Listener,
    Missing,
    Outbound,
    Outcome,
    Rejected,
    Report,
    Retry,
    Stage,
)

log = logging.getLogger(__name__)

AT_ONCE = 8
GIVE_UP = timedelta(hours=24)  # for a row that names no `until`
_LEASE = timedelta(seconds=6)
_DELIVER_SECONDS = 60.0
_DRAIN_SECONDS = 10.0
_LONGEST_TEXT = 4000  # of what comes in, characters


class _LostHold(Exception):
    """Another process runs the bridge now."""


class DatabaseSink:
    """Stores what a bridge brings in; from any process."""

    def __init__(self, database: Database, bot: str, name: str) -> None:
        self._database = database
        self._bot = bot
        self._name = name

    async def received(self, inbound: Inbound) -> bool:
        """Store what somebody said, once."""
        payload = {
            "bridge": self._name,
            "id": inbound.id,
            "address": inbound.address,
            "text": inbound.text[:_LONGEST_TEXT],
        }
        failpoint("bridge.before_receive")
        async with self._database.begin() as tx:
            # A lane stands in the clear: an address must not.
            lane = f"bridge {self._name} {_digest(inbound.address)}"
            fresh = await inbox.put(
                tx, Incoming(self._bot, RECEIVED, _source(self._name, inbound.id), lane, payload)
            )
        failpoint("bridge.after_receive")
        return fresh

    async def report(self, report: Report) -> bool:
        """Store what has become of a message, each stage once; it settles an attempt in doubt."""
        failpoint("bridge.before_receive")
        async with self._database.begin() as tx:
            if await bridging.end_attempt(tx, report.id):
                await outbox.mark_sent(tx, report.id)
            fresh = await _store_report(tx, self._bot, self._name, report)
        failpoint("bridge.after_receive")
        return fresh


async def _store_report(tx: Tx, bot: str, name: str, report: Report) -> bool:
    out, stage = report.id[:64], report.stage.value
    payload = {"bridge": name, "out": out, "stage": stage, "reason": report.reason[:64]}
    source = _source(name, f"{report.id} {stage}")
    return await inbox.put(tx, Incoming(bot, REPORT, source, f"bridge {name} {out}", payload))


def _source(name: str, key: str) -> str:
    whole = f"{name} {key}"
    return whole if len(whole) <= 120 else f"{name} {_digest(key)}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


@dataclass(frozen=True)
class Bridging:
    """The bridges of a house, by name, and the bots whose rows they send."""

    bridges: Mapping[str, Bridge]
    bots: Sequence[str]

    async def hear(self, database: Database, name: str, call: Call) -> Answer:
        """Hand a request from outside to the bridge that is meant."""
        bridge = self.bridges.get(name)
        if not isinstance(bridge, Listener):
            return Answer(404, "not found")
        return await bridge.hear(call, DatabaseSink(database, self.bots[0], name))

    async def run(self, database: Database, *, poll: float = 1.0) -> None:
        """Run all bridges until cancelled; `poll`: seconds after which to look for other processes' rows."""
        await self._give_up_unowned(database)
        async with asyncio.TaskGroup() as tasks:
            for name, bridge in self.bridges.items():
                tasks.create_task(Runner(database, self.bots, name, bridge, poll=poll).run())

    async def _give_up_unowned(self, database: Database) -> None:
        """What waits for a bridge that was taken out of the settings would wait for ever."""
        with suppress(*DatabaseTrouble):
            async with database.begin() as tx:
                for row_id in await bridging.unowned(tx, self.bridges):
                    await outbox.mark_failed(tx, row_id, "no-bridge")


class Runner:
    """Runs one bridge, as long as this process holds it."""

    def __init__(
        self, database: Database, bots: Sequence[str], name: str, bridge: Bridge, *, poll: float
    ) -> None:
        self._database = database
        self._bots = bots
        self._name = name
        self._bridge = bridge
        self._poll = poll
        self._owner = secrets.token_hex(16)
        self._circuit = Circuit()
        self._lanes: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Hold the bridge, start it, send; whatever fails is begun again after a growing pause."""
        failures = 0
        try:
            while True:
                try:
                    if not await self._hold():
                        await asyncio.sleep(_LEASE.total_seconds() / 3)
                        continue
                    failures = failures + 1 if await self._run_held() else 0
                except _LostHold:
                    log.warning("another process runs the bridge", extra={"bridge": self._name})
                except Exception as error:
                    log.error("a bridge stopped", extra={"bridge": self._name}, exc_info=error)
                    failures += 1
                metrics.bridge_up.labels(self._name).set(0)
                await asyncio.sleep(backoff(failures, first=0.5, most=60).total_seconds())
        finally:
            with suppress(*DatabaseTrouble):
                async with self._database.begin() as tx:
                    await bridging.let_go(tx, self._name, self._owner)

    async def _hold(self) -> bool:
        async with self._database.begin() as tx:
            held = await bridging.hold(tx, self._name, self._owner, tx.now + _LEASE)
        if held is not None:
            self._circuit = held
        return held is not None

    async def _run_held(self) -> bool:
        """Run the bridge; True if it could not be started."""
        sink = DatabaseSink(self._database, self._bots[0], self._name)
        keeping: asyncio.Task[None] | None = None
        try:
            try:
                async with asyncio.timeout(_DELIVER_SECONDS):
                    await self._bridge.start(sink)
            except Exception as error:
                log.error("a bridge did not start", extra={"bridge": self._name}, exc_info=error)
                return True
            keeping = asyncio.create_task(self._keep_hold())
            await self._send_until_lost(keeping)
        finally:
            lanes = list(self._lanes.values())
            if lanes:  # what is under way comes to its end, or it would be in doubt
                await asyncio.wait(lanes, timeout=_DRAIN_SECONDS)
            for task in (*lanes, *([keeping] if keeping else [])):
                task.cancel()
            await asyncio.gather(*lanes, return_exceptions=True)
            self._lanes.clear()
            with suppress(Exception):
                await self._bridge.stop()
        return False

    async def _keep_hold(self) -> None:
        while True:
            await asyncio.sleep(_LEASE.total_seconds() / 3)
            async with self._database.begin() as tx:
                if await bridging.hold(tx, self._name, self._owner, tx.now + _LEASE) is None:
                    raise _LostHold

    async def _send_until_lost(self, keeping: asyncio.Task[None]) -> None:
        woken = f"outbox {CHANNEL}{self._name}"
        while True:
            if keeping.done():
                keeping.result()
            metrics.bridge_up.labels(self._name).set(self._circuit.open_since is None)
            pause = await self._start_due()
            await self._database.wakeups.wait(woken, pause)

    async def _start_due(self) -> float:
        """Start what is due and allowed; returns the seconds until to look again."""
        now = self._database.clock.now()
        allowed = breaker.at_once(self._circuit, now, AT_ONCE) - len(self._lanes)
        next_at: datetime | None = None
        async with self._database.read() as tx:
            rows: list[OutboxRow] = []
            for bot in self._bots:
                found = await outbox.due(tx, CHANNEL + self._name, bot, busy=self._lanes, limit=50)
                rows += found.rows
                next_at = min((at for at in (next_at, found.next_at) if at is not None), default=None)
        for row in rows:
            if (gone := _useless(row, now)) is not None:
                await self._settle(row, Rejected(gone))
            elif allowed > 0:
                allowed -= 1
                task = asyncio.create_task(self._attempt(row))
                self._lanes[row.lane] = task
                task.add_done_callback(lambda done, lane=row.lane: self._lane_done(lane, done))  # type: ignore[misc]
        if next_at is None:
            return self._poll
        return min(self._poll, max(0.01, (next_at - now).total_seconds()))

    def _lane_done(self, lane: str, task: asyncio.Task[None]) -> None:
        self._lanes.pop(lane, None)
        if not task.cancelled() and task.exception() is not None:
            log.error("an attempt failed", extra={"bridge": self._name}, exc_info=task.exception())
        self._database.wakeups.event(f"outbox {CHANNEL}{self._name}").set()

    async def _attempt(self, row: OutboxRow) -> None:
        """Find out about an earlier attempt, then make one; what comes of it is written down."""
        out = _outbound(row)
        if out is None:
            await self._settle(row, Rejected("malformed"))
            return
        async with self._database.read() as tx:
            tried_at, now = await bridging.open_attempt(tx, row.id), tx.now
        if tried_at is not None and isinstance(self._bridge, Inquirer):
            found = await self._guarded(self._bridge.find(out, (now - tried_at).total_seconds()))
            if not isinstance(found, Missing):
                if isinstance(found, Retry):  # still in doubt, whatever it said
                    found = Retry(found.after, found.reason, unsure=True)
                await self._settle(row, found, asked=True)
                return
        failpoint("bridge.before_attempt")
        async with self._database.begin() as tx:
            if await bridging.hold(tx, self._name, self._owner, tx.now + _LEASE) is None:
                raise _LostHold
            if not await bridging.begin_attempt(tx, row.id):
                return
        failpoint("bridge.before_deliver")
        outcome = await self._guarded(self._bridge.deliver(out))
        failpoint("bridge.after_deliver")
        assert not isinstance(outcome, Missing)
        await self._settle(row, outcome)
        failpoint("bridge.after_mark")

    async def _guarded(self, doing: Awaitable[Outcome | Missing]) -> Outcome | Missing:
        """What a bridge answers; an error or no answer in time leaves the outcome in doubt."""
        try:
            async with asyncio.timeout(_DELIVER_SECONDS):
                return await doing
        except TimeoutError:
            return Retry(reason="timeout", unsure=True)
        except Exception as error:
            log.error("a bridge raised", extra={"bridge": self._name}, exc_info=error)
            return Retry(reason="raised", unsure=True)

    async def _settle(self, row: OutboxRow, outcome: Outcome, *, asked: bool = False) -> None:
        """Write an outcome down. What was `asked` says nothing of how the peer takes messages."""
        result = type(outcome).__name__.lower()
        metrics.bridge_messages.labels(
            self._name, "in doubt" if asked and result == "retry" else result
        ).inc()
        async with self._database.begin() as tx:
            match outcome:
                case Delivered(final=final):
                    await bridging.end_attempt(tx, row.id)
                    await outbox.mark_sent(tx, row.id)
                    if final:
                        await _store_report(tx, self._bots[0], self._name, Report(row.id, Stage.TAKEN))
                case Rejected(reason=reason):
                    log.warning("a message was given up", extra={"bridge": self._name, "out": row.id})
                    await bridging.end_attempt(tx, row.id)
                    await outbox.mark_failed(tx, row.id, reason)
                case Retry(after=after, reason=reason, unsure=unsure):
                    if not unsure:
                        await bridging.end_attempt(tx, row.id)
                    pause = (
                        timedelta(seconds=after) if after > 0 else backoff(row.attempts, first=1.0, most=30)
                    )
                    until = _until(row) or row.created_at + GIVE_UP
                    await outbox.retry_at(tx, row.id, min(tx.now + pause, until), reason)
            await self._note_circuit(tx, outcome, asked)

    async def _note_circuit(self, tx: Tx, outcome: Outcome, asked: bool) -> None:
        before = self._circuit
        if isinstance(outcome, Retry):
            if asked and outcome.reason == IN_DOUBT:
                return
            self._circuit = breaker.failed(before, tx.now, outcome.reason)
        elif isinstance(outcome, Delivered):  # what was rejected may never have come to the peer
            self._circuit = Circuit()
        if self._circuit == before:
            return
        await bridging.keep_circuit(tx, self._name, self._circuit)
        if (before.open_since is None) != (self._circuit.open_since is None):
            await self._tell(tx)

    async def _tell(self, tx: Tx) -> None:
        """Say, once for each time, that the peer is left alone or answers again."""
        is_open = self._circuit.open_since is not None
        payload: dict[str, Any] = {"bridge": self._name, "open": is_open, "reason": self._circuit.reason}
        tx.audit("system", "bridge.open" if is_open else "bridge.closed", self._name)
        source = f"{self._name} {tx.now.isoformat()}"
        await inbox.put(tx, Incoming(self._bots[0], STATE, source, f"bridge {self._name} state", payload))


def _outbound(row: OutboxRow) -> Outbound | None:
    address, text = row.body.get("address"), row.body.get("text")
    if not isinstance(address, str) or not isinstance(text, str) or not address or not text:
        return None
    return Outbound(row.id, address, text, _until(row))


def _until(row: OutboxRow) -> datetime | None:
    said = row.body.get("until")
    return datetime.fromisoformat(said) if isinstance(said, str) else None


def _useless(row: OutboxRow, now: datetime) -> str | None:
    """Why a row is not sent any more, as a code."""
    until = _until(row) or row.created_at + GIVE_UP
    return "expired" if until <= now else None
