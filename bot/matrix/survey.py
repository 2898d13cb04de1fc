"""Reading every declared room from the homeserver, in the name of the first bot. Nothing is changed.

The bot's stored login is used as it is, so this works beside a running `curbside run` and without one.
"""

from __future__ import annotations

import asyncio
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from bot.directory.hospitals import HospitalBook
from bot.directory.moderators import MODERATOR_POWER, MODERATORS_ROOM
from bot.kernel.db import Database
from bot.kernel.errors import CurbsideError
from bot.matrix import store
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.roomindex.store import RoomIndex
from bot.matrix.rooms import as_mapping
from bot.rooms import store as declared_store
from bot.rooms.declared.wanted import creators_above_all
from bot.rooms.declared.world import DIGEST, Found, Picture, World
from bot.rooms.model import DeclaredRoom, Network
from bot.rooms.moderation import store as moderation_store
from bot.rooms.moderation.lists import store as lists_store
from bot.rooms.moderation.model import Kind
from bot.rooms.moderation.places import scopes_of
from bot.settings import Settings

CLIENT = "/_matrix/client/v3"
AT_ONCE = 6
_MOST_UPGRADES = 10
_AWAY_SECONDS = 120.0  # how long a homeserver may be away before we give up
_STRICT_VERSION = "10"  # the newest that TI-Messenger homeservers take

_T = TypeVar("_T")


async def as_bot(settings: Settings, database: Database, session: aiohttp.ClientSession) -> Http:
    """Requests in the first bot's name, by the login that it has; raises CurbsideError when it has none."""
    name, bot = next(iter(settings.bots.items()))
    http = Http(settings.homeserver, session)
    stored: dict[str, Any] = await store.SecretBox(database, name).load("login") or {}
    if stored.get("user_id") != bot.user_id:
        stored = {}
    if bot.appservice_token_file is not None:
        http.token = settings.secret(bot.appservice_token_file, f"bots.{name}.appservice_token_file")
        device = {"device_id": str(stored["device_id"])} if stored.get("device_id") else {}
        http.masquerade = {"user_id": bot.user_id, **device}
    elif bot.token_file is not None:
        http.token = settings.secret(bot.token_file, f"bots.{name}.token_file")
    else:
        http.token = stored.get("token")
    if not http.token:
        raise CurbsideError(f"{bot.user_id} has not logged in yet: start it once with `curbside run`.")
    try:
        me = await patiently(lambda: http.request("GET", f"{CLIENT}/account/whoami"))
    except TokenRevoked:
        raise CurbsideError(
            f"The homeserver has ended the session of {bot.user_id}: start it once with `curbside run`."
        ) from None
    except MatrixError as error:
        raise CurbsideError(f"bots.{name}: the homeserver refused {bot.user_id} ({error.errcode}).") from None
    if me.get("user_id") != bot.user_id:
        raise CurbsideError(f"bots.{name}.user_id: the token belongs to {me.get('user_id')}.")
    return http


async def patiently(
    ask: Callable[[], Awaitable[_T]], waiting: Callable[[float], None] = lambda _seconds: None
) -> _T:
    """A request that is repeated while the homeserver is away or wants us to slow down.

    `waiting` hears of pauses of more than a few seconds. Raises MatrixError when it is refused, CurbsideError
    when the homeserver stays away; a rate limit is waited for however long it takes.
    """
    away = 0.0
    attempt = 0
    while True:
        try:
            return await ask()
        except MatrixError as error:
            if not error.transient or isinstance(error, TokenRevoked):
                raise
            attempt += 1
            pause = max(error.retry_after or 0.0, min(0.2 * 2**attempt, 5.0))
            if error.status != 429:
                away += pause
            if away > _AWAY_SECONDS:
                raise CurbsideError(
                    f"The homeserver does not answer as it should ({error}); what is done is done: "
                    "run the same command again."
                ) from None
            if pause > 3.0:
                waiting(pause)
            await asyncio.sleep(pause)


async def all_at_once(work: Iterable[Awaitable[None]], at_once: int = AT_ONCE) -> None:
    """Run everything, a few at a time; the first failure ends the rest."""
    gate = asyncio.Semaphore(at_once)

    async def one(todo: Awaitable[None]) -> None:
        async with gate:
            await todo

    async with asyncio.TaskGroup() as group:
        for todo in work:
            group.create_task(one(todo))


class Survey:
    """What the homeserver and the database have of a network."""

    def __init__(self, settings: Settings, database: Database, http: Http) -> None:
        self._settings = settings
        self._database = database
        self._http = http
        self._bot, account = next(iter(settings.bots.items()))
        self._user_id = account.user_id

    async def world(self, network: Network, folder: Path, *, upgrade: bool = False) -> World:
        """Everything that the comparison needs; `folder` is where the network file's pictures lie."""
        world = await self._known(network, upgrade)
        wanted = {room.avatar for room in network.rooms.values() if room.avatar is not None}
        world.pictures = {name: await asyncio.to_thread(picture, folder, name) for name in wanted}
        await all_at_once(self._find(room, world) for room in network.rooms.values())
        left = [key for key in world.noted if key not in network.rooms]
        await all_at_once(self._find_gone(key, world) for key in left)
        self._share_pictures(world)
        return world

    async def _known(self, network: Network, upgrade: bool) -> World:
        settings = self._settings
        answer = await patiently(lambda: self._http.request("GET", f"{CLIENT}/capabilities"))
        versions = as_mapping(as_mapping(answer.get("capabilities")).get("m.room_versions"))
        hospitals = HospitalBook(settings)
        ours = {bot.user_id for bot in settings.bots.values()}
        async with self._database.read() as tx:
            await hospitals.refresh(tx)
            index = RoomIndex({name: bot.user_id for name, bot in settings.bots.items()})
            facts = await index.facts(tx, self._bot, MODERATORS_ROOM)
            noted = {place.key: (place.room_id, place.archived) for place in await declared_store.placed(tx)}
            denied = await lists_store.denied(tx)
            locks = {action.scope for action in await moderation_store.modes(tx, Kind.LOCK)}
        raised = [] if facts is None else [
            user for user in facts.members if facts.power.get(user, 0) >= MODERATOR_POWER
        ]  # fmt: skip
        locked = {key for key in network.rooms if locks.intersection(scopes_of(network, key))}
        return World(
            server=settings.server_name,
            bot=self._user_id,
            default_version=_STRICT_VERSION
            if settings.profile == "strict"
            else str(versions.get("default", "10")),
            network=network.name,
            moderators=tuple(sorted({*settings.moderators, *raised} - ours)),
            allowed=hospitals.servers("rooms"),
            denied=denied,
            language=settings.language,
            upgrade=upgrade,
            noted=noted,
            locked=frozenset(locked),
        )

    # One room --------------------------------------------------------------------------------------

    async def _find(self, room: DeclaredRoom, world: World) -> None:
        """Find a declared room: where the database has it, under its alias, or by the id to adopt."""
        leads = None if room.alias is None else await self.resolve(world.address(room.alias))
        if room.alias is not None and leads is not None:
            world.aliases[room.alias] = leads
        noted = world.noted.get(room.key)
        for room_id in dict.fromkeys(filter(None, (noted and noted[0], room.adopt, leads))):
            found = await self.read(room_id)
            if found is not None:
                world.found[room.key] = found
                return
        known = (noted and noted[0]) or room.adopt or leads
        if known is not None:
            world.found[room.key] = Found(known, entered=False)

    async def _find_gone(self, key: str, world: World) -> None:
        room_id, archived = world.noted[key]
        found = await self.read(room_id)
        if found is None:
            if not archived:
                world.found[key] = Found(room_id, entered=False)
            return
        world.found[key] = found
        for alias in await self._aliases(found.room_id):
            world.aliases[alias] = found.room_id

    async def _aliases(self, room_id: str) -> list[str]:
        """The local parts of a room's aliases on our own homeserver."""
        path = f"{CLIENT}/rooms/{quoted(room_id)}/aliases"
        answer = await patiently(lambda: self._http.request("GET", path))
        ours = f":{self._settings.server_name}"
        return [
            str(alias)[1:].removesuffix(ours)
            for alias in answer.get("aliases") or ()
            if str(alias).endswith(ours)
        ]

    async def resolve(self, address: str) -> str | None:
        """The room behind an alias; None when it leads nowhere."""
        try:
            answer = await patiently(
                lambda: self._http.request("GET", f"{CLIENT}/directory/room/{quoted(address)}")
            )
        except MatrixError as error:
            if error.status == 404:
                return None
            raise
        return str(answer["room_id"])

    async def read(self, room_id: str) -> Found | None:
        """A room's state, or that of the room it was replaced by; None when the bot is not in it."""
        found, seen = await self._read_one(room_id), {room_id}
        while found is not None:
            follows = found.content("m.room.tombstone").get("replacement_room")
            if not isinstance(follows, str) or len(seen) > _MOST_UPGRADES:
                return found
            if follows in seen:
                return found
            seen.add(follows)
            later = await self._read_one(follows)
            if later is None:
                return Found(follows, entered=False)
            before = as_mapping(later.content("m.room.create").get("predecessor")).get("room_id")
            if before != found.room_id:
                found.notes = (
                    f"{found.room_id} says it is replaced by {follows}, which does not know of it",
                )
                return found
            found = later
        return None

    async def _read_one(self, room_id: str) -> Found | None:
        path = f"{CLIENT}/rooms/{quoted(room_id)}/state"
        try:
            events = await patiently(lambda: self._http.request_list(path))
        except MatrixError as error:
            if error.status in (403, 404):
                return None
            raise
        found = found_of(room_id, events)
        if found.content("m.room.member", self._user_id).get("membership") != "join":
            return None
        found.state = {key: one for key, one in found.state.items() if key[0] != "m.room.member"}
        path = f"{CLIENT}/directory/list/room/{quoted(room_id)}"
        answer = await patiently(lambda: self._http.request("GET", path))
        found.listed = answer.get("visibility") == "public"
        return found

    def _share_pictures(self, world: World) -> None:
        """A picture that was uploaded for one room need not be for another."""
        urls = {}
        for found in world.found.values():
            avatar = found.content("m.room.avatar")
            if avatar.get(DIGEST) and avatar.get("url"):
                urls[avatar[DIGEST]] = str(avatar["url"])
        for name, one in world.pictures.items():
            if one.url is None and one.digest in urls:
                world.pictures[name] = Picture(urls[one.digest], one.digest, one.media_type, one.size)


def found_of(room_id: str, events: Iterable[Any]) -> Found:
    """A room from its state events."""
    found = Found(room_id)
    create: Mapping[str, Any] = {}
    for event in events:
        event = as_mapping(event)
        kind, state_key = event.get("type"), event.get("state_key")
        if isinstance(kind, str) and isinstance(state_key, str):
            found.state[kind, state_key] = as_mapping(event.get("content"))
            if kind == "m.room.create":
                create = event
    content = as_mapping(create.get("content"))
    found.version = str(content.get("room_version", "1"))
    found.founder = str(create.get("sender", ""))
    if creators_above_all(found.version):
        others = content.get("additional_creators")
        more = [str(user) for user in others] if isinstance(others, list) else []
        found.creators = frozenset({found.founder, *more})
    return found


def picture(folder: Path, name: str) -> Picture:
    """The picture that a network file names: a file beside it, or an mxc:// URI."""
    if name.startswith("mxc://"):
        return Picture(url=name)
    try:
        data = (folder / name).read_bytes()
    except OSError as error:
        raise CurbsideError(f"The picture {folder / name} cannot be read ({error.strerror}).") from None
    media_type = mimetypes.guess_type(name)[0] or "image/png"
    return Picture(None, hashlib.sha256(data).hexdigest(), media_type, len(data))
