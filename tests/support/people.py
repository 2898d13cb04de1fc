"""People with real clients around one Curbside: what they write, tap and read."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

from bot.dev.clinician import Clinician, Event
from bot.dev.synapse import Homeserver, register_user
from tests.support.house import Running, wait_ready

PATIENCE_S = 120.0  # the machine may be busy; what comes, comes at once


class Person:
    """A clinician whose direct chat with one bot is opened when they first need it."""

    def __init__(self, client: Clinician, bot: str) -> None:
        self.client = client
        self.bot = bot
        self.user_id = client.user_id
        self.mark = 0
        self._chat: str | None = None

    async def chat(self, *, encrypted: bool = True) -> str:
        """The direct chat with the bot."""
        if self._chat is None:
            self._chat = await self.client.create_dm(self.bot, encrypted=encrypted)
            await self.sees_join(self._chat, self.bot)
        return self._chat

    async def room(self, *invite: str, encrypted: bool = True, **options: Any) -> str:
        """A new room in which everybody invited has arrived."""
        room_id = await self.client.create_room(invite=invite, encrypted=encrypted, options=options)
        for user_id in invite:
            await self.sees_join(room_id, user_id)
        return room_id

    async def sees_join(self, room_id: str, user_id: str, *, after: int = 0) -> Event:
        """Wait until somebody is in a room: this client shares no keys with people merely invited."""
        return await self.client.wait_for(
            lambda event: is_membership(event, room_id, user_id, "join"), timeout=PATIENCE_S, after=after
        )

    async def says(self, text: str, room: str | None = None, **options: Any) -> str:
        """Write, in the direct chat unless a room is given; what is read next is what comes after."""
        room = room or await self.chat()
        self.mark = self.client.bookmark()
        return await self.client.send(room, text, timeout=PATIENCE_S, **options)

    async def taps(self, event: Event, emoji: str) -> str:
        """React to a message."""
        self.mark = self.client.bookmark()
        return await self.client.react(event["room_id"], event["event_id"], emoji)

    async def reads(
        self,
        contains: str = "",
        *,
        kind: str | None = None,
        room: str | None = None,
        after: int | None = None,
        timeout: float = PATIENCE_S,
    ) -> Event:
        """The first such message of the bot since this person last did something."""
        after = self.mark if after is None else after
        try:
            return await self.client.wait_for_message(
                contains=contains, kind=kind, room_id=room, sender=self.bot, after=after, timeout=timeout
            )
        except TimeoutError as error:
            raise AssertionError(
                f"no {kind or 'message'} with {contains!r}; read: {self.bodies(after=after)} ({error})"
            ) from None

    async def asks(self, text: str, contains: str = "", *, room: str | None = None, **options: Any) -> Event:
        """Write, and read the answer in the same room."""
        room = room or await self.chat()
        await self.says(text, room, **options)
        return await self.reads(contains, room=room)

    async def sees_edit(self, event: Event, contains: str = "", *, after: int = 0) -> Event:
        """The bot's correction of one of its messages."""
        return await self.client.wait_for(
            lambda one: (
                one["sender"] == self.bot
                and relation(one).get("rel_type") == "m.replace"
                and relation(one).get("event_id") == event["event_id"]
                and contains in str(one["content"].get("body"))
            ),
            timeout=PATIENCE_S,
            after=after,
        )

    async def sees_button(self, event: Event, emoji: str) -> Event:
        """A reaction that the bot put under its own message."""
        return await self.client.wait_for(
            lambda one: (
                one["type"] == "m.reaction"
                and one["sender"] == self.bot
                and relation(one).get("event_id") == event["event_id"]
                and relation(one).get("key") == emoji
            ),
            timeout=PATIENCE_S,
        )

    def messages(self, room: str | None = None, *, after: int = 0) -> list[Event]:
        """The bot's messages so far, corrections left out."""
        return [
            event
            for event in self.client.events[after:]
            if event["type"] == "m.room.message"
            and event["sender"] == self.bot
            and room in (None, event["room_id"])
            and relation(event).get("rel_type") != "m.replace"
        ]

    def bodies(self, room: str | None = None, *, after: int = 0) -> list[str]:
        """Their texts."""
        return [str(event["content"]["body"]) for event in self.messages(room, after=after)]


class Stage:
    """One Curbside, its roster, and the people around it."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.homeserver = running.homeserver
        self.bot = running.user_id("curbside")
        self.moderator: Person
        self._services: dict[str, str] = {}
        self._clinicians: dict[str, str] = {}
        self._clients: list[Clinician] = []

    async def person(
        self,
        name: str = "ada",
        *,
        bot: str = "curbside",
        homeserver: Homeserver | None = None,
        on_roster: bool = False,
        **options: Any,
    ) -> Person:
        """Somebody new with a client; options of `Clinician.start`. `on_roster` gives the bots their name."""
        homeserver = homeserver or self.homeserver
        localpart = f"{name}-{uuid4().hex[:8]}"
        account = await register_user(homeserver, localpart, uuid4().hex, displayname=name.capitalize())
        client = await Clinician.start(
            homeserver.url,
            account.user_id,
            self.running.folder / "clients" / localpart,
            access_token=account.access_token,
            device_id=account.device_id,
            **options,
        )
        self._clients.append(client)
        if on_roster:
            self._clinicians[account.user_id] = f"Dr {name.capitalize()}"
            self._write_roster()
        return Person(client, self.running.user_id(bot))

    async def people(self, *names: str, **options: Any) -> list[Person]:
        """Several at once."""
        return list(await asyncio.gather(*(self.person(name, **options) for name in names)))

    def service(self, on_call: Sequence[Person], *, timer: str = "30m", **names: str) -> str:
        """A new service whose chain these people are; returns its key."""
        key = f"s{uuid4().hex[:8]}"
        lines = [f'{name} = "{text}"' for name, text in names.items()]
        lines.append(f"on_call = {json.dumps([person.user_id for person in on_call])}")
        lines.append(f'timers = {{ stat = "{timer}", urgent = "{timer}", routine = "{timer}" }}')
        self._services[key] = "\n".join(lines)
        self._write_roster()
        return key

    def _write_roster(self) -> None:
        parts = [f"[services.{key}]\n{text}" for key, text in self._services.items()]
        parts += [f'[clinicians."{user}"]\nname = "{name}"' for user, name in self._clinicians.items()]
        self.running.write_roster("\n".join(parts))

    async def restart(self) -> None:
        """Start the killed or stopped Curbside again."""
        self.running.start()
        await wait_ready(self.running)

    async def command(self, *arguments: str) -> tuple[int, str]:
        """Run one of an operator's commands; its exit status and all that it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "bot",
            *arguments,
            "--config",
            "curbside.toml",
            cwd=self.running.folder,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        said, _ = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()

    async def close(self) -> None:
        """Close every client."""
        await asyncio.gather(*(client.close() for client in self._clients))


@asynccontextmanager
async def open_stage(homeserver: Homeserver, folder: Path, **options: Any) -> AsyncIterator[Stage]:
    """A Curbside that is ready, with one moderator; options as of `Running.prepare`."""
    stage = Stage(Running(homeserver, folder))
    try:
        prefix = f"{uuid4().hex[:6]}-"
        stage.moderator = await stage.person("mira")
        await stage.running.prepare(prefix=prefix, moderators=[stage.moderator.user_id], **options)
        stage.bot = stage.moderator.bot = stage.running.user_id("curbside")
        stage.running.start()
        await wait_ready(stage.running)
        yield stage
    finally:
        stage.running.kill()
        await stage.close()


def relation(event: Event) -> dict[str, Any]:
    """What a message says it relates to."""
    found = event["content"].get("m.relates_to")
    return found if isinstance(found, dict) else {}


def thread_of(event: Event) -> str | None:
    """The root of the thread that a message stands in."""
    return relation(event).get("event_id") if relation(event).get("rel_type") == "m.thread" else None


def ours(event: Event) -> dict[str, Any]:
    """What a bot's message carries for programs."""
    found = event["content"].get("org.curbside")
    return found if isinstance(found, dict) else {}


def is_membership(event: Event, room_id: str, user_id: str, membership: str) -> bool:
    """Whether an event says so of somebody."""
    return (
        event["type"] == "m.room.member"
        and event["room_id"] == room_id
        and event.get("state_key") == user_id
        and event["content"].get("membership") == membership
    )
