"""The process dies at every step of a case: only what was previewed and attested is posted, once, and no
original is left on disk, in the log or on the homeserver."""

from __future__ import annotations

import asyncio
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from bot.dev.clinician import Event
from tests.support.case_stage import kept
from tests.support.declared import Declared
from tests.support.people import PATIENCE_S, Person, Stage, open_stage
from tests.support.proxy import FaultProxy, Kind

if TYPE_CHECKING:
    from bot.dev.synapse import Homeserver
    from tests.support.postgres import Postgres

# A case for each life. In the last one, her message is the first entry that is handled, her ✅ the second.
PLACES = {
    "first": "case.before_find",
    "second": "case.before_show",
    "third": "case.after_show",
    "fourth": "inbox.after_commit:2",
}
_NUMBERS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹]+[?]?")


@dataclass
class Killing:
    """One author's cases, one reader, and a Curbside that is killed."""

    stage: Stage
    proxy: FaultProxy
    ada: Person
    bela: Person
    room: str
    folders: tuple[Path, ...]  # in which nothing of an original may be found
    phones: list[str] = field(default_factory=list)
    said: dict[str, tuple[str, str]] = field(default_factory=dict)  # word → event id, text

    async def writes(self, word: str) -> None:
        """Ada writes a case in which one number has to go."""
        self.phones.append(f"{secrets.randbelow(9000) + 1000} {secrets.randbelow(900) + 100}")
        text = (
            f"!case neurology 71 yo, phone 0221 {self.phones[-1]}, {word} fall this week on a DOAC. Stop it?"
        )
        self.said[word] = (await self.ada.says(text), text)

    async def adds(self, word: str, more: str) -> None:
        """Ada corrects what she has written."""
        event, text = self.said[word]
        new = {"msgtype": "m.text", "body": f"{text} {more}"}
        relation = {"rel_type": "m.replace", "event_id": event}
        await self.ada.says(f"* {text} {more}", content={"m.new_content": new, "m.relates_to": relation})

    async def previewed(self, word: str, after: int = 0) -> Event:
        """The preview of a case."""
        found = await self.ada.reads(f"{word} fall", kind="case.preview", after=after)
        assert "Not posted yet" in found["content"]["body"] and found["encrypted"]
        return found

    def start(self, place: str = "") -> None:
        """Start the process, to die at a failpoint if one is named; its scratch files are looked at, too."""
        scratch = self.stage.running.folder / "scratch"
        scratch.mkdir(exist_ok=True)
        armed = {"CURBSIDE_FAILPOINT": place} if place else {}
        self.stage.running.start(TMPDIR=str(scratch), **armed)

    async def dies(self, posts: int) -> None:
        """Wait until the process has died at its failpoint."""
        process = self.stage.running.process
        assert process is not None
        assert await asyncio.to_thread(process.wait, PATIENCE_S) == -9, self.stage.running.tail()
        await self.is_dead(posts)

    async def is_dead(self, posts: int) -> None:
        """Kill the process; so many cases are in the room, and nothing is left of what was written."""
        self.stage.running.kill()
        self.proxy.clear()
        assert len(await self.in_room()) == posts
        assert self.holding(self.room) != [] == self.holding(*self.phones)

    async def in_room(self) -> list[str]:
        """The messages that the homeserver has of the bot in the specialty room: their ids."""
        path = f"/_matrix/client/v3/rooms/{quote(self.room)}/messages?dir=b&limit=200"
        page: dict[str, Any] = await self.bela.client.request("GET", path)
        assert not any(event["type"] == "m.room.message" for event in page["chunk"])
        return [
            event["event_id"]
            for event in page["chunk"]
            if event["type"] == "m.room.encrypted" and event["sender"] == self.stage.bot
        ]

    def holding(self, *words: str) -> list[str]:
        """The files that hold one of these words in clear; the clients of people may."""
        clients = self.stage.running.folder / "clients"
        return [
            str(file)
            for folder in self.folders
            for file in folder.rglob("*")
            if file.is_file() and clients not in file.parents
            if any(word.encode() in file.read_bytes() for word in words)
        ]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def database_server(request: pytest.FixtureRequest) -> Postgres | None:
    """PostgreSQL, which starts only when it is asked for, or None for SQLite."""
    return None if request.param == "sqlite" else request.getfixturevalue("postgres")


async def test_a_case_whose_bot_is_killed_at_every_step(
    homeserver: Homeserver, tmp_path_factory: pytest.TempPathFactory, database_server: Postgres | None
) -> None:
    folder = tmp_path_factory.mktemp("case-kills")
    folders: tuple[Path, ...] = (folder, homeserver.directory)
    settings = ""
    if database_server is not None:
        folders = (*folders, database_server.directory)
        settings = f'database = "{await database_server.create_database()}"'
    async with (
        FaultProxy(homeserver.url) as proxy,
        open_stage(homeserver, folder, homeserver_url=proxy.url, settings=settings) as stage,
    ):
        ada, bela = await stage.people("ada", "bela")
        declared = Declared(stage)
        room = await declared.room("neurology", stage.moderator, ada, bela)
        await ada.chat()
        killing = Killing(stage, proxy, ada, bela, room, folders)
        await _dies_everywhere(killing)
        await _all_is_posted_once(killing)
        async with declared.database() as database:
            for phone in killing.phones:
                assert await kept(database, phone) == []


async def _dies_everywhere(killing: Killing) -> None:
    await killing.is_dead(posts=0)
    for word, place in PLACES.items():
        killing.start(place)
        await killing.writes(word)
        if word == "fourth":  # she attests it, and the process dies before the homeserver hears of it
            await killing.ada.taps(await killing.previewed("fourth"), "✅")
        await killing.dies(posts=0)
    # The homeserver has the post, and the process dies before it knows.
    to_room = f".*/rooms/{re.escape(killing.room)}/send/.*"
    killing.proxy.add(Kind.STALLED, to_room, method="PUT")
    killing.start()
    await killing.bela.reads("fourth fall", kind="case.post", room=killing.room)
    await killing.is_dead(posts=1)


async def _all_is_posted_once(killing: Killing) -> None:
    ada, bela = killing.ada, killing.bela
    # While nobody listens she corrects a case, and confirms its old preview.
    old = await killing.previewed("third")
    await killing.adds("third", "INR 4.")
    mark = ada.client.bookmark()
    await ada.taps(old, "✅")
    killing.start()
    await ada.reads("is in Neurology", after=0)
    await ada.reads("nothing is posted", after=mark)
    anew = await killing.previewed("third", after=mark)
    assert "INR 4" in anew["content"]["body"]
    await ada.taps(await killing.previewed("second"), "❌")
    await ada.reads("is discarded")
    lines = []
    for preview in (await killing.previewed("first"), anew):
        shown = _NUMBERS.sub("", preview["content"]["body"])
        lines += [line for line in shown.splitlines() if " fall this week" in line]
        await ada.taps(preview, "✅")
        await ada.reads("is in Neurology")
    for word in ("first", "third", "fourth"):
        post = await bela.reads(f"{word} fall", kind="case.post", room=killing.room, after=0)
        assert post["encrypted"] and ada.user_id not in str(post)
        lines = [line for line in lines if line not in post["content"]["body"]]
    assert lines == []
    assert sum("fall this week" in body for body in bela.bodies(killing.room)) == 3
    assert not any(phone in str(bela.client.events) for phone in killing.phones)
    previews = [body for body in ada.bodies() if "Not posted yet" in body]
    assert [sum(f"{word} fall" in body for body in previews) for word in ("first", "second", "third")] == [
        1,
        1,
        2,
    ]
    await killing.is_dead(posts=3)
