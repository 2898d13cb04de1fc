"""One consult among three clinicians, driven and counted at their clients, while a test breaks things."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

from bot.dev.clinician import Clinician, Event
from bot.dev.synapse import register_user
from tests.bench.rig import direct_chat
from tests.support.house import Running

_WAIT = 120.0  # seconds; what is broken heals after half a minute at most, on a busy machine later


class Consultation:
    """A requester and two consultants, of whom no one has spoken to the bot; `async with` registers them.

    `patience`: seconds after which the second consultant is asked.
    """

    def __init__(self, running: Running, folder: Path, *, patience: int = 3600) -> None:
        self._running = running
        self._folder = folder
        self._patience = patience
        self._name = f"s{uuid4().hex[:10]}"
        self._people: list[Clinician] = []
        self.question = f"question {self._name}"

    async def __aenter__(self) -> Self:
        server = self._running.homeserver
        for role in ("asker", "first", "second"):
            account = await register_user(server, f"{role}-{self._name}", uuid4().hex)
            self._people.append(
                await Clinician.start(
                    server.url,
                    account.user_id,
                    self._folder / f"{role}-{self._name}",
                    access_token=account.access_token,
                    device_id=account.device_id,
                )
            )
        self.asker, self.first, self.second = self._people
        self._running.write_roster(
            f'[services.{self._name}]\nname = "{self._name}"\n'
            f'on_call = ["{self.first.user_id}", "{self.second.user_id}"]\n'
            f'timers = {{ urgent = "{self._patience}s" }}\n'
        )
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for person in self._people:
            await person.close()

    async def open_chat(self) -> None:
        """The requester's direct chat with the bot."""
        self._chat = await direct_chat(self.asker, self._running.user_id("curbside"), encrypted=True)

    async def ask(self) -> None:
        """Ask for the consult."""
        await self.asker.send(self._chat, f"!consult {self._name} urgent {self.question}")

    async def paged(self, person: Clinician) -> Event:
        """Wait for somebody's page."""
        return await person.wait_for(lambda event: event in self._pages(person, [event]), timeout=_WAIT)

    async def accept(self, person: Clinician) -> None:
        """Press the button under the page."""
        page = await self.paged(person)
        await person.react(page["room_id"], page["event_id"], "✅")

    async def discussed(self, person: Clinician) -> str:
        """Wait until the consult's room has both people and the question; returns its id."""
        found = await self.asker.wait_for(self._is_question, timeout=_WAIT)
        room_id = str(found["room_id"])
        await person.wait_for(
            lambda event: event["room_id"] == room_id and self._is_question(event), timeout=_WAIT
        )
        return room_id

    async def quiet(self, person: Clinician) -> None:
        """Wait until the bot has answered something new to everybody: nothing older is under way then."""
        for one in (self.asker, person):
            room_id = await direct_chat(one, self._running.user_id("curbside"), encrypted=True)
            word = uuid4().hex[:8]
            await one.send(room_id, f"!ping {word}")
            await one.wait_for_message(room_id=room_id, contains=f"pong {word}", timeout=_WAIT)

    # Counting ------------------------------------------------------------------------------------

    def pages(self, person: Clinician) -> int:
        """How many pages somebody got, edits of them not counted."""
        return len(self._pages(person, person.events))

    def invitations(self, person: Clinician) -> int:
        """To how many rooms the bot has invited somebody."""
        bot = self._running.user_id("curbside")
        return len(
            {
                event["room_id"]
                for event in person.events
                if event["type"] == "m.room.member"
                and event.get("state_key") == person.user_id
                and event["content"].get("membership") == "invite"
                and event["sender"] == bot
            }
        )

    def questions(self, person: Clinician) -> int:
        """How often the question was posted in consult rooms."""
        return sum(self._is_question(event) for event in person.events)

    def doubled(self) -> list[str]:
        """Outbox ids that anybody saw on more than one message."""
        found: list[str] = []
        for person in self._people:
            outs = Counter(
                event["content"].get("org.curbside", {}).get("out")
                for event in person.events
                if "state_key" not in event  # a room carries the id of the message it was made for
            )
            found += [out for out, times in outs.items() if out and times > 1]
        return found

    def _pages(self, person: Clinician, events: list[Event]) -> list[Event]:
        return [
            event
            for event in events
            if event["sender"] == self._running.user_id("curbside")
            and event["content"].get("org.curbside", {}).get("kind") == "consult.page"
            and event["content"].get("m.relates_to", {}).get("rel_type") != "m.replace"
            and self.question in str(event["content"].get("body"))
        ]

    def _is_question(self, event: Event) -> bool:
        content = event["content"]
        return (
            event["sender"] == self._running.user_id("curbside")
            and event["type"] == "m.room.message"
            and content.get("org.curbside", {}).get("kind") != "consult.page"
            and self.question in str(content.get("body"))
        )
