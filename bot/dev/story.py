"""What the demo's chapters are told with: people whose words and readings appear in the terminal."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot.dev.clinician import Clinician, Event
from bot.dev.people import make_clinician
from bot.dev.up import hospital_of
from bot.kernel.errors import CurbsideError

WAIT_SECONDS = 60.0

_BOLD, _DIM, _GREEN, _CYAN = "1", "2", "32", "36"
_NARROWEST, _WIDEST = 60, 110


def _styled(text: str, *codes: str) -> str:
    if not sys.stdout.isatty() or os.environ.get("NO_COLOR"):
        return text
    return f"\x1b[{';'.join(codes)}m{text}\x1b[0m"


def heading(text: str) -> None:
    """Open a chapter."""
    print(f"\n{_styled(f'── {text} ──', _BOLD)}", flush=True)


def remark(text: str) -> None:
    """A sentence of the narrator's."""
    print(
        _styled(textwrap.fill(text, _width(), initial_indent="   ", subsequent_indent="   "), _DIM),
        flush=True,
    )


def line(who: str, where: str, text: str, *, bot: bool = False) -> None:
    """One message: who wrote it, in which room, and its text."""
    print(f"   {_styled(who, _BOLD, _CYAN if bot else _GREEN)} {_styled(f'· {where}', _DIM)}")
    for part in text.split("\n"):
        print(textwrap.fill(part, _width(), initial_indent="      ", subsequent_indent="      "))
    sys.stdout.flush()


def _width() -> int:
    return min(_WIDEST, max(_NARROWEST, shutil.get_terminal_size().columns - 2))


def _newest(event: Event) -> str:
    """The text of a message; of an edit, the new one."""
    content = event["content"]
    return str(content.get("m.new_content", content).get("body", ""))


class Person:
    """A clinician with a real client; what they write and read is shown."""

    def __init__(self, name: str, hospital: str, client: Clinician, bot: str) -> None:
        self.name = name
        self.client = client
        self._label = f"{name} ({hospital})"
        self._bot = bot
        self._chat: str | None = None
        self._mark = 0

    async def chat(self) -> str:
        """The encrypted direct chat with their hospital's bot, opened when first used."""
        if self._chat is None:
            self._chat = await self.client.create_dm(self._bot)
            await self.client.wait_for(
                lambda event: (
                    event["type"] == "m.room.member"
                    and event["room_id"] == self._chat
                    and event.get("state_key") == self._bot
                    and event["content"].get("membership") == "join"
                ),
                timeout=WAIT_SECONDS,
            )
        return self._chat

    async def types(
        self,
        text: str,
        room_id: str | None = None,
        where: str = "chat with the bot",
        *,
        thread: str | None = None,
    ) -> str:
        """Write a message, in the direct chat unless a room is given; returns its event id."""
        room_id = room_id or await self.chat()
        line(self._label, where, text)
        self._mark = self.client.bookmark()
        return await self.client.send(room_id, text, thread=thread, timeout=WAIT_SECONDS)

    async def taps(self, event: Event, emoji: str, where: str = "chat with the bot") -> None:
        """Put a reaction under a message: the bot's buttons."""
        line(self._label, where, f"taps {emoji}")
        self._mark = self.client.bookmark()
        await self.client.react(event["room_id"], event["event_id"], emoji)

    async def reads(
        self,
        contains: str,
        *,
        kind: str | None = None,
        room_id: str | None = None,
        where: str = "chat with the bot",
        ever: bool = False,
    ) -> Event:
        """Wait for a bot's message since this person last did something (or `ever`), and show it.

        Raises TimeoutError when none comes, CurbsideError when it was not encrypted.
        """

        def matches(found: Event) -> bool:
            marker = found["content"].get("org.curbside")
            return (
                found["type"] == "m.room.message"
                and isinstance(marker, dict)
                and contains in _newest(found)
                and kind in (None, marker.get("kind"))
                and room_id in (None, found["room_id"])
            )

        event = await self.client.wait_for(matches, timeout=WAIT_SECONDS, after=0 if ever else self._mark)
        if not event["encrypted"]:
            raise CurbsideError(f"A message to {self.name} came unencrypted.")
        updated = ", updated" if "m.new_content" in event["content"] else ""
        line(f"Curbside → {self.name}", f"🔒 {where}{updated}", _newest(event), bot=True)
        return event


class Cast:
    """Who plays: clinicians made when a chapter names them, and their clients closed at the end."""

    def __init__(self, directory: Path, state: dict[str, Any]) -> None:
        self.directory = directory
        self.state = state
        self._people: dict[tuple[str, str], Person] = {}

    def hospital(self, name: str) -> dict[str, Any]:
        """A hospital's entry in the state."""
        return hospital_of(self.state, name)

    async def enter(self, name: str, hospital: str, **options: Any) -> Person:
        """Register a clinician (options of `make_clinician`) and start their client; once for each."""
        if (name, hospital) in self._people:
            return self._people[name, hospital]
        account = await make_clinician(self.directory, name, hospital=hospital, **options)
        return await self._start(name, hospital, account)

    async def moderator(self, hospital: str) -> Person:
        """The moderator of a hospital."""
        return await self._start("Moderator", hospital, self.hospital(hospital)["moderator"])

    async def _start(self, name: str, hospital: str, account: Mapping[str, str]) -> Person:
        entry = self.hospital(hospital)
        client = await Clinician.start(
            entry["homeserver"],
            account["user_id"],
            self.directory / "clients" / hospital / account["user_id"][1:].partition(":")[0],
            access_token=account["access_token"],
            device_id=account["device_id"],
        )
        person = Person(name, hospital, client, entry["bots"]["curbside"])
        self._people[name, hospital] = person
        return person

    async def leave(self) -> None:
        """Close all clients."""
        for person in self._people.values():
            await person.client.close()
        self._people.clear()
