"""Traffic against a Curbside that keeps being killed, and the count of what was answered.

`!ping N` asks, `pong N` answers. What was lost or answered twice is counted at the client, by the
text of the answers and by the outbox id that each of them carries.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from bot.dev.clinician import Clinician
from bot.dev.synapse import Homeserver, register_user
from bot.kernel.failpoints import FAILPOINTS
from tests.bench.rig import direct_chat
from tests.support.house import Running, wait_ready

BOT = "curbside"
# The others are passed by timers and by the making of rooms (tests/chaos/test_kills.py kills there), or by
# the making of previews (tests/chaos/test_case_kills.py, tests/store/test_case_faults.py).
_ASIDE = ("timer.", "room.", "bridge.", "case.")
ON_THE_WAY = tuple(name for name in FAILPOINTS if not name.startswith((*_ASIDE, "keys.")))
ON_THE_SEALED_WAY = tuple(name for name in FAILPOINTS if not name.startswith(_ASIDE))
_DIES_WITHIN = 40.0
_ANSWERED_WITHIN = 180.0


@dataclass(frozen=True)
class Plan:
    """What is to happen: how many commands, how many kills among them, and a burst at the end while down.

    Without kills there is the burst alone; with any, each failpoint kills once at least.
    """

    commands: int
    kills: int
    encrypted: bool
    database: str = ""  # a URL; SQLite without
    rooms: int = 4
    burst: int = 0
    seed: int = 0

    @property
    def failpoints(self) -> tuple[str, ...]:
        """The places on this plan's way where the process can be killed."""
        return ON_THE_SEALED_WAY if self.encrypted else ON_THE_WAY


@dataclass
class Tally:
    """What came of a plan."""

    commands: int = 0
    kills: int = 0
    failpoints: Counter[str] = field(default_factory=Counter)  # name → deaths there
    lost: list[int] = field(default_factory=list)
    doubled: list[int] = field(default_factory=list)
    doubled_outs: list[str] = field(default_factory=list)
    disordered: int = 0  # answers that came after one to a later command of the same room
    unreadable: int = 0
    ready: list[float] = field(default_factory=list)  # seconds from a process's start until it was ready
    burst_seconds: float = 0.0
    seconds: float = 0.0

    @property
    def sound(self) -> bool:
        """Whether every command was answered once, readably."""
        return not (self.lost or self.doubled or self.doubled_outs or self.unreadable)

    def line(self) -> dict[str, Any]:
        """The figures, for a JSON line."""
        figures = {
            name: len(value) if isinstance(value, list) else value for name, value in vars(self).items()
        }
        figures["ready"] = [round(value, 2) for value in self.ready]
        figures["seconds"] = round(self.seconds, 1)
        figures["burst_seconds"] = round(self.burst_seconds, 1)
        return figures


class Chaos:
    """Drives one Curbside through a plan. Make a new one, in a new folder, for each plan."""

    def __init__(self, homeserver: Homeserver, folder: Path, plan: Plan) -> None:
        self.plan = plan
        self.running = Running(homeserver, folder / "house")
        self._folder = folder
        self._homeserver = homeserver
        self._random = random.Random(plan.seed)
        self._tally = Tally()
        self._asked: dict[int, str] = {}  # command → room
        self._rooms: list[str] = []

    async def run(self) -> Tally:
        """Everything, until all is answered or time is up; returns what came of it."""
        began = time.monotonic()
        prefix = f"chaos{uuid4().hex[:8]}-"
        database = f'database = "{self.plan.database}"' if self.plan.database else ""
        await self.running.prepare(prefix=prefix, settings=database)
        name = f"{prefix}asker"
        await register_user(self._homeserver, name, "only-for-tests")
        self._client = await Clinician.start(
            self._homeserver.url, name, self._folder / "asker", password="only-for-tests"
        )
        try:
            await self._start()
            for _ in range(self.plan.rooms):
                self._rooms.append(
                    await direct_chat(self._client, self.running.user_id(BOT), encrypted=self.plan.encrypted)
                )
            if self.plan.kills:
                self.running.kill()
                await self._kills()
                await self._start()
                await self._answered()
            if self.plan.burst:
                await self._burst()
            await self._settled()
        finally:
            self.running.kill()
            await self._client.close()
        self._count()
        self._tally.seconds = time.monotonic() - began
        return self._tally

    async def _start(self) -> None:
        self.running.start()
        self._tally.ready.append(await wait_ready(self.running))

    async def _kills(self) -> None:
        """The kills, each in a life of its own, with the commands spread over the lives."""
        places: list[str | None] = [*self.plan.failpoints]
        places += self._random.choices(
            [None, None, *self.plan.failpoints], k=max(0, self.plan.kills - len(places))
        )
        self._random.shuffle(places)
        for number, place in enumerate(places):
            share = (self.plan.commands - len(self._asked)) // (len(places) - number)
            await self._one_life(place, share)
            self._tally.kills += 1

    async def _one_life(self, place: str | None, commands: int) -> None:
        # A room's commands leave in order, so one task each; they go on when the process is dead.
        environment = {"CURBSIDE_FAILPOINT": place} if place else {}
        process = self.running.start(**environment)
        asking = asyncio.create_task(self._ask(commands))
        try:
            if place is None:
                usual = self._tally.ready[0]
                await asyncio.sleep(self._random.uniform(0.05, 1.3) * usual)  # a kill at any moment
            else:
                await self._until_dead(process, asking)
                if process.poll() is not None:
                    self._tally.failpoints[place] += 1
            self.running.kill()
            await asking
        finally:
            asking.cancel()

    async def _until_dead(self, process: subprocess.Popen[bytes], asking: asyncio.Task[None]) -> None:
        """Wait for a failpoint, with one more command if those of this life did not lead there."""
        for seconds in (_DIES_WITHIN / 4, _DIES_WITHIN):
            try:
                await asyncio.to_thread(process.wait, seconds)
            except subprocess.TimeoutExpired:
                await asking
                await self._ask(1)
            else:
                return

    async def _ask(self, commands: int) -> None:
        for _ in range(commands):
            number = len(self._asked)
            room_id = self._rooms[number % len(self._rooms)]
            self._asked[number] = room_id
            await self._client.send(room_id, f"!ping {number}", timeout=60)
            await asyncio.sleep(self._random.uniform(0, 0.2))  # so that kills fall between them too

    async def _burst(self) -> None:
        """Many messages in a few rooms while nobody is there: more than a sync shows of any of them."""
        self.running.kill()
        first = len(self._asked)
        few = self._rooms[:2]
        for number in range(first, first + self.plan.burst):
            self._asked[number] = few[number % len(few)]

        async def fill(room_id: str) -> None:
            for number in range(first, first + self.plan.burst):
                if self._asked[number] == room_id:
                    await self._client.send(room_id, f"!ping {number}", timeout=60)

        await asyncio.gather(*(fill(room_id) for room_id in few))
        began = time.monotonic()
        await self._start()
        await self._answered()
        self._tally.burst_seconds = time.monotonic() - began

    async def _answered(self) -> None:
        """Wait until each command has an answer; what has none when time is up is counted as lost."""
        try:
            await self._client.wait_for(
                lambda _event: self._answers().keys() >= self._asked.keys(),
                timeout=_ANSWERED_WITHIN,
                after=max(0, self._client.bookmark() - 1),
            )
        except TimeoutError:
            return

    async def _settled(self) -> None:
        """One more answer in each room: whatever was queued before it has been sent when it comes."""
        mark = self._client.bookmark()
        for number, room_id in enumerate(self._rooms):
            await self._client.send(room_id, f"!ping last{number}", timeout=60)
        for number, room_id in enumerate(self._rooms):
            await self._client.wait_for_message(
                room_id=room_id, contains=f"pong last{number}", after=mark, timeout=_ANSWERED_WITHIN
            )

    # Counting ------------------------------------------------------------------------------------

    def _pongs(self) -> Iterable[dict[str, Any]]:
        for event in self._client.events:
            body = str(event["content"].get("body", ""))
            if event["sender"] == self.running.user_id(BOT) and body.startswith("pong "):
                yield event

    def _answers(self) -> Counter[int]:
        found: Counter[int] = Counter()
        for event in self._pongs():
            word = event["content"]["body"].split()[1]
            if word.isdecimal():
                found[int(word)] += 1
        return found

    def _count(self) -> None:
        answers = self._answers()
        outs = Counter(str(event["content"].get("org.curbside", {}).get("out")) for event in self._pongs())
        self._tally.commands = len(self._asked)
        self._tally.lost = sorted(self._asked.keys() - answers.keys())
        self._tally.doubled = sorted(number for number, times in answers.items() if times > 1)
        self._tally.doubled_outs = sorted(out for out, times in outs.items() if times > 1)
        self._tally.unreadable = sum(
            event["undecrypted"] and event["sender"] == self.running.user_id(BOT)
            for event in self._client.events
        )
        newest: dict[str, int] = {}
        for event in self._pongs():
            word = event["content"]["body"].split()[1]
            if not word.isdecimal():
                continue
            room_id, number = event["room_id"], int(word)
            self._tally.disordered += number < newest.get(room_id, -1)
            newest[room_id] = max(number, newest.get(room_id, -1))
