"""The folder of a Curbside and `curbside rooms` on it, for tests of declared rooms."""

from __future__ import annotations

import asyncio
import importlib
import multiprocessing
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.app import open_database
from bot.kernel import failpoints
from bot.kernel.db import Database
from bot.matrix.http import Http, open_session, quoted
from bot.matrix.provision import Outcome, Provisioner
from bot.matrix.survey import Survey, as_bot
from bot.rooms import store
from bot.rooms.declared import rules
from bot.rooms.file import load_network
from bot.rooms.model import Network
from bot.settings import Settings, load

if TYPE_CHECKING:
    import aiohttp

    from bot.dev.synapse import Registered
    from tests.support.house import Running

CLIENT = "/_matrix/client/v3"
# Children of this one have everything imported already: tests kill many.
_FORKS = multiprocessing.get_context("forkserver")


class Rooms:
    """A Curbside's folder, the command on it, and requests in the name of the bot and of others."""

    def __init__(self, running: Running, session: aiohttp.ClientSession) -> None:
        self.folder = running.folder
        self.homeserver = running.homeserver
        self.session = session
        self.settings: Settings = load(self.folder / "curbside.toml")
        self.http = Http(self.homeserver.url, session)
        self.moderator = running.moderator
        self.bot = running.user_id("curbside")

    def declare(self, text: str) -> Network:
        """Write the network file."""
        (self.folder / "network.toml").write_text(text)
        return self.network

    @property
    def network(self) -> Network:
        return load_network(self.folder / "network.toml")

    def command(self, *arguments: str, **environment: str) -> tuple[int, str]:
        """`curbside rooms …` in a process of its own."""
        done = subprocess.run(
            [sys.executable, "-m", "bot", "rooms", *arguments, "--config", "curbside.toml"],
            cwd=self.folder,
            env={**os.environ, **environment, "PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=240,
        )
        return done.returncode, done.stdout + done.stderr

    async def plan(self, *, upgrade: bool = False) -> dict[str, list[str]]:
        """What `plan` says, by key; what only a person can do begins with `!`."""
        async with self.database() as database:
            http = await as_bot(self.settings, database, self.session)
            world = await Survey(self.settings, database, http).world(
                self.network, self.folder, upgrade=upgrade
            )
            return {
                key: [("! " if step.blocked else "") + line for step in steps for line in step.lines]
                for key, steps in rules.everything(self.network, world).items()
            }

    async def apply(self, *, upgrade: bool = False) -> Outcome:
        """What `apply --yes` does."""
        return await _apply(self.folder, self.session, upgrade=upgrade)

    async def die_at(self, place: str) -> None:
        """`apply --yes --upgrade` in a process that is killed at a failpoint (`name` or `name:3`)."""
        _FORKS.set_forkserver_preload([__name__])
        process = _FORKS.Process(target=_apply_and_die, args=(self.folder, place))
        process.start()
        await asyncio.to_thread(process.join, 120)
        assert process.exitcode == -9, (place, process.exitcode)

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        database = open_database(self.settings)
        try:
            yield database
        finally:
            await database.close()

    async def room_id(self, key: str) -> str:
        async with self.database() as database, database.read() as tx:
            found = await store.room_of(tx, key)
        assert found is not None, key
        return found

    async def get(self, path: str) -> Any:
        return await self.http.request("GET", f"{CLIENT}/{path}")

    async def put(self, path: str, content: Mapping[str, Any], http: Http | None = None) -> Any:
        return await (http or self.http).request("PUT", f"{CLIENT}/{path}", json=dict(content))

    async def state(self, room_id: str) -> dict[tuple[str, str], dict[str, Any]]:
        events = await self.http.request_list(f"{CLIENT}/rooms/{quoted(room_id)}/state")
        return {(event["type"], event["state_key"]): event for event in events}

    async def set(self, key: str, kind: str, content: Mapping[str, Any], state_key: str = "") -> None:
        """Change a state event by hand."""
        room = quoted(await self.room_id(key))
        await self.put(f"rooms/{room}/state/{kind}/{quoted(state_key)}", content)

    async def content(self, key: str, kind: str, state_key: str = "") -> dict[str, Any]:
        room = quoted(await self.room_id(key))
        content: dict[str, Any] = await self.get(f"rooms/{room}/state/{kind}/{quoted(state_key)}")
        return content

    async def rooms_of_network(self, name: str) -> dict[str, list[str]]:
        """Every room that the bot is in and that says it was made for this network, by key."""
        made: dict[str, list[str]] = {}
        for room_id in (await self.get("joined_rooms"))["joined_rooms"]:
            create = await self.get(f"rooms/{quoted(room_id)}/state/m.room.create/")
            mark = create.get("org.curbside", {})
            if mark.get("network") == name:
                made.setdefault(mark["key"], []).append(room_id)
        return made

    def as_user(self, account: Registered) -> Http:
        http = Http(self.homeserver.url, self.session)
        http.token = account.access_token
        return http


async def _apply(folder: Path, session: aiohttp.ClientSession, *, upgrade: bool) -> Outcome:
    settings = load(folder / "curbside.toml")
    network = load_network(folder / "network.toml")
    database = open_database(settings)
    try:
        http = await as_bot(settings, database, session)
        world = await Survey(settings, database, http).world(network, folder, upgrade=upgrade)
        maker = Provisioner(settings, database, http, folder, lambda _line: None)
        return await maker.apply(network, world)
    finally:
        await database.close()


def _apply_and_die(folder: Path, place: str) -> None:
    os.environ["CURBSIDE_FAILPOINT"] = place
    importlib.reload(failpoints)

    async def work() -> None:
        async with open_session() as session:
            await _apply(folder, session, upgrade=True)

    asyncio.run(work())
