"""Making the declared rooms so: one request for a new room, single steps for one that differs.

Every step may be repeated: a room is found again by its alias and by what its create event says, and after
a break the comparison begins anew. Nothing is ever deleted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bot.directory.acl import LockedOut
from bot.kernel.db import Database
from bot.kernel.failpoints import failpoint
from bot.matrix import store
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.survey import CLIENT, Survey, all_at_once, found_of, patiently
from bot.rooms import store as declared_store
from bot.rooms.declared import rules, wanted
from bot.rooms.declared.world import Found, Step, World
from bot.rooms.model import DeclaredRoom, Network
from bot.settings import Settings

AT_ONCE = 4
_HALF_MADE_SECONDS = 8.0  # how long we wait for a making that was broken off on our side only
_LOOK_SECONDS = 0.25
_TURNS = 4  # making, entering and upgrading each bring a new state to compare with


@dataclass
class Outcome:
    """What came of it: how many rooms were changed, and what is left for a person, by key."""

    changed: int = 0
    left: list[tuple[str, str]] = field(default_factory=list)


@dataclass
class _Done:
    """What was done to one room."""

    words: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def summary(self) -> str:
        """In a word or two."""
        changes = self.words.count("changed")
        others = list(dict.fromkeys(word for word in self.words if word != "changed"))
        if changes and "made" not in others:
            others.append(f"{changes} changed")
        return ", ".join(others)


class Provisioner:
    """Carries the plan out. `say` hears of every room that is done: how many, of how many, and what."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        http: Http,
        folder: Path,
        say: Callable[[str], None],
    ) -> None:
        self._database = database
        self._http = http
        self._folder = folder
        self._say = say
        self._survey = Survey(settings, database, http)
        self._bot = next(iter(settings.bots))
        self._uploads: dict[str, asyncio.Lock] = {}
        self._count = 0
        self._total = 0

    async def apply(self, network: Network, world: World) -> Outcome:
        """Make every room as declared: spaces from the outside in, then rooms, then what spaces show."""
        outcome = Outcome()
        rooms = list(network.rooms.values())
        gone = rules.gone(network, world)
        self._total = len(rules.everything(network, world))
        for depth in range(1 + max((_depth(room, network) for room in rooms), default=0)):
            spaces = [room for room in rooms if room.space and _depth(room, network) == depth]
            await all_at_once((self._settle(room, world, outcome) for room in spaces), AT_ONCE)
        others = [room for room in rooms if not room.space]
        await all_at_once((self._settle(room, world, outcome) for room in others), AT_ONCE)
        await all_at_once((self._archive(key, world, outcome) for key in gone), AT_ONCE)
        for room in rooms:
            if room.space:
                await self._tidy(room, network, world, outcome)
        return outcome

    # One room --------------------------------------------------------------------------------------

    async def _settle(self, room: DeclaredRoom, world: World, outcome: Outcome) -> None:
        """Make one room as declared, and note it."""
        done = _Done()
        parent = room.parent
        if parent is not None and parent not in world.found and not room.archived:
            done.left.append(f"its space {parent} is not there")
        else:
            await self._until_it_exists(room, world, done)
            if room.key in world.found and world.found[room.key].entered:
                for step in rules.room_steps(room, world):
                    await self._do(step, world, done)
                await self._note(room.key, world, done, archived=room.archived)
        self._report(room.key, done, outcome)

    async def _archive(self, key: str, world: World, outcome: Outcome) -> None:
        """Close a room that is no longer declared."""
        done = _Done()
        for _turn in range(2):
            steps = rules.archive_steps(key, world.found[key], world)
            if not any(step.do == "join" for step in steps):
                break
            if not await self._join(key, world.found[key].room_id, world, done):
                break
        if world.found[key].entered:
            if any(not step.blocked for step in steps):
                done.words.append("archived")
            for step in steps:
                await self._do(step, world, done)
            await self._note(key, world, done, archived=True)
        self._report(key, done, outcome)

    async def _tidy(self, space: DeclaredRoom, network: Network, world: World, outcome: Outcome) -> None:
        done = _Done()
        for step in rules.strangers(space, network, world):
            await self._do(step, world, done)
        self._report(space.key, done, outcome)

    def _report(self, key: str, done: _Done, outcome: Outcome) -> None:
        outcome.left += [(key, why) for why in done.left]
        if done.words:
            outcome.changed += 1
            self._count += 1
            self._say(f"{self._count}/{max(self._total, self._count)} {key}: {done.summary()}")

    async def _until_it_exists(self, room: DeclaredRoom, world: World, done: _Done) -> None:
        """Make the room, enter it, or replace it by one of the declared version."""
        for _turn in range(_TURNS):
            step = next(
                (
                    step
                    for step in rules.room_steps(room, world)
                    if step.do in ("create", "join", "upgrade") and not step.blocked
                ),
                None,
            )
            found = world.found.get(room.key)
            if step is None:
                if found is not None and found.entered and found.half_made:
                    await self._wait_for_making(room.key, found.room_id, world)
                return
            if step.do == "create":
                went = await self._create(room, world, done)
            elif step.do == "join":
                went = await self._join(room.key, step.room_id, world, done)
            else:
                went = await self._upgrade(room.key, step, world, done)
            if not went:
                return

    async def _create(self, room: DeclaredRoom, world: World, done: _Done) -> bool:
        if room.avatar is not None:
            await self._upload(room.avatar, world)
        try:
            body = wanted.creation(room, world)
        except LockedOut as error:
            done.left.append(str(error))
            return False
        try:
            answer = await self._patiently(
                lambda: self._http.request("POST", f"{CLIENT}/createRoom", json=body, timeout=90.0)
            )
        except TokenRevoked:
            raise
        except MatrixError as error:
            if error.errcode != "M_ROOM_IN_USE" or room.alias is None:
                done.left.append(f"could not be made ({_words(error)})")
                return False
            return await self._made_before(room, room.alias, world, done)
        failpoint("room.apply_created")
        world.found[room.key] = _as_made(str(answer["room_id"]), room, body, world)
        if room.alias is not None:
            world.aliases[room.alias] = str(answer["room_id"])
        done.words.append("made")
        return True

    async def _made_before(self, room: DeclaredRoom, alias: str, world: World, done: _Done) -> bool:
        """An earlier request made it, of which we never had the answer."""
        room_id = await self._survey.resolve(world.address(alias))
        if room_id is None:
            done.left.append("could not be made (its alias is in use and leads nowhere)")
            return False
        world.aliases[alias] = room_id
        world.found[room.key] = await self._survey.read(room_id) or Found(room_id, entered=False)
        done.words.append("made")
        return True

    async def _wait_for_making(self, key: str, room_id: str, world: World) -> None:
        """The homeserver goes on making a room when we are gone: what it still does is not ours to mend."""
        waited = 0.0
        while world.found[key].half_made and waited < _HALF_MADE_SECONDS:
            await asyncio.sleep(_LOOK_SECONDS)
            waited += _LOOK_SECONDS
            world.found[key] = await self._survey.read(room_id) or world.found[key]

    async def _join(self, key: str, room_id: str, world: World, done: _Done) -> bool:
        path = f"{CLIENT}/join/{quoted(room_id)}"
        via = room_id.partition(":")[2] or world.server
        waited = 0.0
        while True:
            try:
                await self._patiently(
                    lambda: self._http.request("POST", path, json={}, query={"via": via}, timeout=60.0)
                )
                break
            except TokenRevoked:
                raise
            except MatrixError as error:
                if error.status == 404 and key in world.noted and world.noted[key][0] == room_id:
                    del world.noted[key], world.found[key]  # the room is gone for good: a new one is made
                    return True
                if waited >= _LOOK_SECONDS * 8:  # a room that is being made lets nobody in at first
                    done.left.append(
                        f"the bot cannot enter {room_id} ({_words(error)}): invite {world.bot} there, "
                        "and give it power 100"
                    )
                    return False
                await asyncio.sleep(_LOOK_SECONDS)
                waited += _LOOK_SECONDS
        done.words.append("entered")
        world.found[key] = await self._survey.read(room_id) or Found(room_id, entered=False)
        return world.found[key].entered

    async def _upgrade(self, key: str, step: Step, world: World, done: _Done) -> bool:
        path = f"{CLIENT}/rooms/{quoted(step.room_id)}/upgrade"
        try:
            answer = await self._patiently(
                lambda: self._http.request("POST", path, json=dict(step.content), timeout=120.0)
            )
        except TokenRevoked:
            raise
        except MatrixError as error:
            done.left.append(f"could not be upgraded ({_words(error)})")
            return False
        failpoint("room.apply_upgraded")
        done.words.append("upgraded")
        fresh = str(answer["replacement_room"])
        world.found[key] = await self._survey.read(fresh) or Found(fresh, entered=False)
        for alias, leads in list(world.aliases.items()):
            if leads == step.room_id:
                world.aliases[alias] = await self._survey.resolve(world.address(alias)) or leads
        return True

    # Single steps ----------------------------------------------------------------------------------

    async def _do(self, step: Step, world: World, done: _Done) -> None:
        """Carry one step out; what the homeserver refuses is left for a person."""
        if step.blocked:
            done.left += [line if line == step.blocked else f"{line}: {step.blocked}" for line in step.lines]
            return
        if step.do == "note":
            return
        try:
            await self._carry_out(step, world)
        except TokenRevoked:
            raise
        except MatrixError as error:
            done.left += [f"{line}: refused by the homeserver ({_words(error)})" for line in step.lines]
            return
        done.words.append("changed")
        failpoint(f"room.apply_{step.do}")

    async def _carry_out(self, step: Step, world: World) -> None:
        room = quoted(step.room_id)
        if step.do == "state":
            content = dict(step.content)
            if step.kind == "m.room.avatar" and content and "url" not in content:
                content = await self._uploaded(content, world)
            path = f"{CLIENT}/rooms/{room}/state/{quoted(step.kind)}/{quoted(step.state_key)}"
            await self._patiently(lambda: self._http.request("PUT", path, json=content))
            self._remember(step, content, world)
            return
        directory = f"{CLIENT}/directory/room/{quoted(world.address(step.state_key))}"
        if step.do == "alias":
            try:
                await self._patiently(
                    lambda: self._http.request("PUT", directory, json={"room_id": step.room_id})
                )
            except MatrixError as error:
                if (
                    error.status != 409
                    or await self._survey.resolve(world.address(step.state_key)) != step.room_id
                ):
                    raise
            world.aliases[step.state_key] = step.room_id
        elif step.do == "unalias":
            try:
                await self._patiently(lambda: self._http.request("DELETE", directory))
            except MatrixError as error:
                if error.status != 404:
                    raise
            world.aliases.pop(step.state_key, None)
        else:
            visibility = "public" if step.do == "publish" else "private"
            path = f"{CLIENT}/directory/list/room/{room}"
            await self._patiently(lambda: self._http.request("PUT", path, json={"visibility": visibility}))

    def _remember(self, step: Step, content: dict[str, Any], world: World) -> None:
        for found in world.found.values():
            if found.room_id == step.room_id:
                found.state[step.kind, step.state_key] = content

    async def _uploaded(self, content: dict[str, Any], world: World) -> dict[str, Any]:
        for name, one in world.pictures.items():
            if wanted.avatar(replace(one, url=None)) == content:
                await self._upload(name, world)
                return wanted.avatar(world.pictures[name])
        return content

    async def _upload(self, name: str, world: World) -> None:
        """Upload a picture, once however many rooms show it."""
        async with self._uploads.setdefault(name, asyncio.Lock()):
            one = world.pictures[name]
            if one.url is not None:
                return
            data = await asyncio.to_thread((self._folder / name).read_bytes)
            url = await self._patiently(lambda: self._http.upload(data, one.media_type))
            world.pictures[name] = replace(one, url=url)
            failpoint("room.apply_uploaded")

    async def _note(self, key: str, world: World, done: _Done, *, archived: bool) -> None:
        """Let the database know which room it is, and the audit trail that it was changed."""
        room_id = world.found[key].room_id
        known = world.noted.get(key) == (room_id, archived)
        if known and not done.words:
            return
        async with self._database.begin() as tx:
            if not known:
                await declared_store.place(tx, key, room_id, archived=archived)
                name = f"room:network/{key}"
                await store.name_room(tx, self._bot, name, room_id)
                if not done.words:
                    done.words.append("noted")
            tx.audit(
                "operator", "rooms.apply", f"room:network/{key}", room=room_id,
                made="made" in done.words, upgraded="upgraded" in done.words, archived=archived,
                changes=done.words.count("changed"),
            )  # fmt: skip
        world.noted[key] = (room_id, archived)
        failpoint("room.apply_note")

    async def _patiently(self, ask: Callable[[], Any]) -> Any:
        return await patiently(
            ask, lambda seconds: self._say(f"the homeserver asks us to wait: {seconds:.0f} s")
        )


def _depth(room: DeclaredRoom, network: Network) -> int:
    depth = 0
    while room.parent is not None:
        room = network.rooms[room.parent]
        depth += 1
    return depth


def _as_made(room_id: str, room: DeclaredRoom, body: dict[str, Any], world: World) -> Found:
    """A room as the homeserver made it from a request."""
    create = {**body["creation_content"], "room_version": body["room_version"]}
    events = [
        {"type": "m.room.create", "state_key": "", "sender": world.bot, "content": create},
        {
            "type": "m.room.power_levels",
            "state_key": "",
            "content": body["power_level_content_override"],
        },
        *body["initial_state"],
    ]
    found = found_of(room_id, events)
    if room.alias is not None:
        found.state["m.room.canonical_alias", ""] = {"alias": world.address(room.alias)}
    return found


def _words(error: MatrixError) -> str:
    """The homeserver's own words, which name no more than the operator asked about."""
    said = error.body.get("error")
    return f"{error.errcode}: {said}"[:200] if isinstance(said, str) else str(error)
