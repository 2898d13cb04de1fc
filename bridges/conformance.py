"""The conformance kit: what every bridge promises, as tests that a bridge's own package runs with pytest.

Needs `pytest-asyncio`. Say how your bridge and its real peer are started, and inherit the tests:

    class TestMine(Conformance):
        @pytest.fixture
        async def staged(self):
            async with my_peer() as peer:
                yield Staged(MyBridge(...), peer)

docs/bridges.md shows a whole one.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from bridges.contract import (
    Bridge,
    Call,
    Delivered,
    Health,
    Inbound,
    Inquirer,
    Listener,
    Missing,
    Outbound,
    Outcome,
    Rejected,
    Report,
    Retry,
)

PATIENCE = 60.0  # seconds for anything to happen
_AT_ONCE = 5


class Peer(Protocol):
    """The far end, as real as can be had. `nobody` is an address that can never be reached."""

    address: str
    nobody: str

    async def arrived(self, text: str) -> int:
        """How often a text has arrived there so far."""
        ...

    async def down(self) -> None:
        """Let it go away."""
        ...

    async def up(self) -> None:
        """Let it come back, and return when it answers."""
        ...

    async def write(self, text: str) -> bool:
        """Let somebody at `address` say something; False if that cannot be with such a peer."""
        ...


class Recorder:
    """A sink that remembers, and knows what it had already."""

    def __init__(self) -> None:
        self.heard: list[Inbound] = []
        self.reports: list[Report] = []
        self._changed = asyncio.Event()

    async def received(self, inbound: Inbound) -> bool:
        fresh = inbound.id not in {one.id for one in self.heard}
        if fresh:
            self.heard.append(inbound)
        self._changed.set()
        return fresh

    async def report(self, report: Report) -> bool:
        fresh = report not in self.reports
        if fresh:
            self.reports.append(report)
        self._changed.set()
        return fresh

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Return when something has come in for which the condition holds; raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                await self._changed.wait()


@dataclass
class Staged:
    """A bridge that is not started yet, its peer, and the sink that the peer's calls are to reach."""

    bridge: Bridge
    peer: Peer
    sink: Recorder = field(default_factory=Recorder)

    @asynccontextmanager
    async def started(self) -> AsyncIterator[Bridge]:
        await self.bridge.start(self.sink)
        try:
            yield self.bridge
        finally:
            await self.bridge.stop()

    def message(self, address: str = "") -> Outbound:
        """A message that nobody has sent before."""
        word = secrets.token_hex(5)
        return Outbound(f"TEST{word.upper()}", address or self.peer.address, f"Conformance {word}")

    async def sent(self, out: Outbound) -> Delivered:
        """Deliver, as often as the bridge asks for, and asking before each repetition as the host does."""
        doing: Callable[[Outbound], Awaitable[Outcome]] = self.bridge.deliver
        outcome = await _bounded(doing(out))
        async with asyncio.timeout(PATIENCE):
            while isinstance(outcome, Retry):
                await asyncio.sleep(max(0.2, min(outcome.after, 5.0)))
                found: Outcome | Missing = Missing()
                if outcome.unsure and isinstance(self.bridge, Inquirer):
                    found = await self.found(out)
                outcome = await _bounded(doing(out)) if isinstance(found, Missing) else found
        assert isinstance(outcome, Delivered), f"not delivered: {outcome}"
        return outcome

    async def found(self, out: Outbound) -> Outcome | Missing:
        """Ask for a message until there is an answer."""
        assert isinstance(self.bridge, Inquirer)
        begun = asyncio.get_running_loop().time()
        async with asyncio.timeout(PATIENCE):
            while True:
                passed = asyncio.get_running_loop().time() - begun
                found: Outcome | Missing = await _bounded(self.bridge.find(out, passed))
                if not isinstance(found, Retry):
                    return found
                await asyncio.sleep(max(0.2, min(found.after, 5.0)))

    async def there(self, out: Outbound, times: int = 1) -> None:
        """Wait until a message has arrived, and see that it has so often."""
        async with asyncio.timeout(PATIENCE):
            while await self.peer.arrived(out.text) < times:  # noqa: ASYNC110 - a peer tells nobody
                await asyncio.sleep(0.05)
        assert await self.peer.arrived(out.text) == times


async def _bounded(doing: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(doing, PATIENCE)


class Conformance:
    """The tests. A subclass has a fixture `staged` that gives a `Staged`."""

    async def test_a_message_arrives_once(self, staged: Staged) -> None:
        async with staged.started():
            out = staged.message()
            await staged.sent(out)
            await staged.there(out)

    async def test_several_at_once_arrive_once_each(self, staged: Staged) -> None:
        async with staged.started():
            outs = [staged.message() for _ in range(_AT_ONCE)]
            await asyncio.gather(*(staged.sent(out) for out in outs))
            for out in outs:
                await staged.there(out)

    async def test_what_can_never_arrive_is_rejected(self, staged: Staged) -> None:
        async with staged.started() as bridge:
            out = staged.message(staged.peer.nobody)
            outcome = await _bounded(bridge.deliver(out))
            assert isinstance(outcome, Rejected)
            assert outcome.reason and len(outcome.reason) <= 64
            assert await staged.peer.arrived(out.text) == 0

    async def test_a_peer_that_is_away_is_waited_for(self, staged: Staged) -> None:
        async with staged.started() as bridge:
            await staged.peer.down()
            try:
                out = staged.message()
                outcome = await _bounded(bridge.deliver(out))
                assert isinstance(outcome, Retry)
                assert outcome.after >= 0 and len(outcome.reason) <= 64
                health = await _bounded(bridge.health())
                assert isinstance(health, Health) and not health.ok and health.text
            finally:
                await staged.peer.up()
            assert (await _bounded(bridge.health())).ok
            await staged.sent(out)
            await staged.there(out)

    async def test_a_bridge_starts_while_its_peer_is_away_or_says_so(self, staged: Staged) -> None:
        await staged.peer.down()
        try:
            await _bounded(staged.bridge.start(staged.sink))
        except Exception as error:  # the host tries again
            logging.getLogger(__name__).info("it did not start: %s", type(error).__name__)
        finally:
            await _bounded(staged.bridge.stop())
            await staged.peer.up()
        async with staged.started():
            out = staged.message()
            await staged.sent(out)
            await staged.there(out)

    async def test_what_was_taken_is_found_and_what_was_not_is_missing(self, staged: Staged) -> None:
        if not isinstance(staged.bridge, Inquirer):
            return  # then the peer recognises a repeated id, which the next test sees
        async with staged.started():
            out = staged.message()
            outcome = await staged.sent(out)
            await staged.there(out)
            if not outcome.final:  # by its report the host knows it, and does not ask
                await staged.sink.wait(lambda: any(one.id == out.id for one in staged.sink.reports))
            else:
                assert isinstance(await staged.found(out), Delivered | Rejected)
            assert isinstance(await staged.found(staged.message()), Missing | Rejected)

    async def test_without_asking_a_repeated_message_arrives_once(self, staged: Staged) -> None:
        if isinstance(staged.bridge, Inquirer):
            return
        async with staged.started():
            out = staged.message()
            await staged.sent(out)
            await staged.sent(out)
            later = staged.message()
            await staged.sent(later)
            await staged.there(later)
            await staged.there(out)

    async def test_a_message_that_is_not_final_is_reported(self, staged: Staged) -> None:
        async with staged.started():
            out = staged.message()
            if not (await staged.sent(out)).final:
                await staged.sink.wait(lambda: any(one.id == out.id for one in staged.sink.reports))

    async def test_what_somebody_says_is_received_once(self, staged: Staged) -> None:
        async with staged.started():
            if not await staged.peer.write("1"):
                return
            await staged.sink.wait(lambda: bool(staged.sink.heard))
            heard = staged.sink.heard[0]
            assert (heard.address, heard.text) == (staged.peer.address, "1")
            assert heard.id

    async def test_strangers_are_not_believed(self, staged: Staged) -> None:
        if not isinstance(staged.bridge, Listener):
            return
        for path in ("", "report", "received", "../x", "\u202e" * 50):
            for query in (
                {},
                {"id": "x", "key": "é", "type": "1"},
                {"key": "x" * 5000, "from": "+1", "text": "1"},
            ):
                answer = await _bounded(staged.bridge.hear(Call("GET", path, query), staged.sink))
                assert 400 <= answer.status < 500, (path, answer)
        assert staged.sink.heard == [] and staged.sink.reports == []

    async def test_nothing_of_a_message_is_logged(self, staged: Staged, caplog: Any) -> None:
        caplog.set_level(logging.DEBUG)
        for name in ("asyncio", "aiohttp"):
            logging.getLogger(name).setLevel(logging.WARNING)
        async with staged.started() as bridge:
            out = staged.message()
            await staged.sent(out)
            await bridge.deliver(staged.message(staged.peer.nobody))
            await staged.peer.down()
            try:
                await _bounded(bridge.deliver(staged.message()))
                await _bounded(bridge.health())
            finally:
                await staged.peer.up()
        for private in ("Conformance", staged.peer.address):
            assert private not in caplog.text
