"""Three hospitals, one network of rooms at the northern one: who gets in, by which way, and how fast."""

from __future__ import annotations

import asyncio
import itertools
import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import aiohttp
import pytest

from bot.app import capabilities
from bot.dev.clinician import MatrixError
from bot.dev.synapse import Homeserver, HomeserverGroup, Registered, login_user, register_user
from bot.directory.standing import Evidence, Level
from bot.directory.store import Kept, keep_evidence
from bot.kernel import migrate
from bot.kernel.clock import SystemClock
from bot.kernel.db import Database
from bot.kernel.sealing import KeyRing
from bot.matrix import store as matrix
from bot.rooms import store as rooms_store
from bot.settings import load
from tests.support.house import Running, wait_ready
from tests.support.looking import until
from tests.support.people import Stage

API = "/_matrix/client/v3"
# Wards that somebody is taken out of at once: all sixty in `make soak`.
SIZES = (20, pytest.param(60, marks=pytest.mark.soak))
# Rooms for the ways in; each is given an inviting fault by hand, which admission has to make good.
WAYS = ("knock", "restricted", "invite", "alias", "upgrade")
HALL = "hall"  # has rules, and newcomers are mute until they accept them
_DECLARED = """
[templates.default]
join = "knock"
level = "L2"
encryption = false

[spaces.medicine]
name = "Medicine"

[rooms.hall]
name = "Hall"
space = "medicine"
rules = "No patient names."
mute = true

"""
_NOTHING: dict[str, Any] = {"types": [], "limit": 1}
_FILTER = json.dumps(
    {
        "presence": _NOTHING,
        "account_data": _NOTHING,
        "room": {"timeline": _NOTHING, "state": _NOTHING, "ephemeral": _NOTHING, "account_data": _NOTHING},
    }
)
_numbers = itertools.count(1_000_001)


class Refused(Exception):
    """A homeserver's refusal."""


@dataclass
class Guest:
    """Somebody with a plain client: requests, and nothing else."""

    http: aiohttp.ClientSession
    homeserver: Homeserver
    account: Registered
    invitations: set[str] = field(default_factory=set)

    @property
    def user_id(self) -> str:
        return self.account.user_id

    async def ask(self, method: str, path: str, json: Any = None, **query: str) -> dict[str, Any]:
        async with self.http.request(
            method,
            f"{self.homeserver.url}{API}{path}",
            json=json if method != "GET" else None,
            params=query,
            headers={"Authorization": f"Bearer {self.account.access_token}"},
        ) as answer:
            body: dict[str, Any] = await answer.json()
            if answer.status != 200:
                raise Refused(f"{answer.status} {body.get('errcode')} {body.get('error')}")
            return body

    async def knock(self, room: str, via: str) -> None:
        await self.ask("POST", f"/knock/{_q(room)}", {}, server_name=via, via=via)

    async def join(self, room: str, via: str) -> str:
        return str((await self.ask("POST", f"/join/{_q(room)}", {}, server_name=via, via=via))["room_id"])

    async def comes(self, room: str, via: str) -> None:
        """Accept the invitation into a room as soon as it is there (see `listen`)."""

        async def here() -> bool:
            return room in self.invitations

        await until(here, seconds=120)
        await self.enters(room, via)

    async def enters(self, room: str, via: str) -> None:
        """Accept an invitation.

        A homeserver sends its invitation out before it knows of it itself, so the first joins may be refused.
        """

        async def here() -> bool:
            try:
                return await self.join(room, via) == room
            except Refused:
                return False

        await until(here)

    async def listen(self) -> None:
        """Sync as clients do, and note every invitation, until cancelled."""
        query: dict[str, str] = {}
        while True:
            answer = await self.ask("GET", "/sync", filter=_FILTER, **query)
            self.invitations |= set(answer.get("rooms", {}).get("invite", {}))
            query = {"since": answer["next_batch"], "timeout": "20000"}

    async def joined(self) -> set[str]:
        return set((await self.ask("GET", "/joined_rooms"))["joined_rooms"])

    async def state(self, room: str, kind: str, content: dict[str, Any]) -> None:
        await self.ask("PUT", f"/rooms/{_q(room)}/state/{kind}/", content)

    async def membership(self, room: str, user_id: str) -> str:
        """Somebody's membership, as this person's homeserver sees it."""
        try:
            path = f"/rooms/{_q(room)}/state/m.room.member/{_q(user_id)}"
            return str((await self.ask("GET", path))["membership"])
        except Refused as refusal:
            if "404" in str(refusal):
                return "leave"
            raise


def _q(text: str) -> str:
    return quote(text, safe="")


PROMPT_S = 30.0  # what waits for nobody's next look, even on a busy machine; what was measured is printed


@dataclass
class Place:
    """The network: its rooms by key, the moderator, and the person with power in the rooms of WAYS."""

    stage: Stage
    group: HomeserverGroup
    http: aiohttp.ClientSession
    rooms: dict[str, str]
    wards: list[str]
    power: Guest
    expired: Guest

    @property
    def via(self) -> str:
        return self.group["north"].server_name

    async def guest(self, hospital: str, name: str) -> Guest:
        return await _guest(self.http, self.group[hospital], name)

    async def verify(self, guest: Guest) -> None:
        """A moderator has looked into the register; returns when their message is sent."""
        text = f"!mod verify {guest.user_id} register GMC {next(_numbers)}"
        await self.stage.moderator.says(text)

    async def moderator(self, text: str) -> str:
        """What the bot answers to a moderator."""
        await self.stage.moderator.says(text)
        answer = str((await self.stage.moderator.reads())["content"]["body"])
        assert "not something you can use" not in answer
        return answer

    async def is_out(self, guest: Guest, room: str) -> None:
        """Wait until somebody is neither in a room, nor invited to it, nor knocking."""

        async def out() -> bool:
            return await self.power.membership(room, guest.user_id) in ("leave", "ban")

        await until(out, every=0.2)


async def _guest(http: aiohttp.ClientSession, homeserver: Homeserver, name: str) -> Guest:
    account = await register_user(homeserver, f"{name}-{uuid4().hex[:6]}", uuid4().hex)
    return Guest(http, homeserver, account)


def _network(keys: Sequence[str]) -> str:
    return _DECLARED + "\n".join(
        f'[rooms.{key}]\nname = "{key.capitalize()}"\nspace = "medicine"' for key in keys
    )


async def _make_rooms(bot: Guest, power: Guest, via: str, wards: Sequence[str]) -> dict[str, str]:
    rooms = {}
    for key in ("medicine", *WAYS, HALL, *wards):
        body: dict[str, Any] = {
            "preset": "private_chat",
            "room_version": "11",
            "name": key.capitalize(),
            "creation_content": {"type": "m.space"} if key == "medicine" else {},
            "initial_state": [{"type": "m.room.join_rules", "content": {"join_rule": "knock"}}],
            "power_level_content_override": {"users": {bot.user_id: 100}},
        }
        if key in (*WAYS, HALL):
            body["invite"] = [power.user_id]
            body["power_level_content_override"] = {"users": {bot.user_id: 100, power.user_id: 100}}
        rooms[key] = str((await bot.ask("POST", "/createRoom", body))["room_id"])
        if key in (*WAYS, HALL):
            await power.join(rooms[key], via)
    return rooms


@pytest.fixture(scope="module", params=SIZES)
async def place(
    federation: HomeserverGroup, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    """Curbside of the northern hospital, with a network of rooms and so many wards in one space."""
    wards = [f"ward{number:02}" for number in range(request.param)]
    north = federation["north"]
    stage = Stage(Running(north, tmp_path_factory.mktemp("network") / "curbside"))
    running = stage.running
    async with aiohttp.ClientSession() as http:
        try:
            stage.moderator = await stage.person("mira")
            prefix = f"{uuid4().hex[:6]}-"
            servers = [federation[name].server_name for name in ("south", "east")]
            await running.prepare(prefix=prefix, moderators=[stage.moderator.user_id], servers=servers)
            stage.bot = stage.moderator.bot = running.user_id("curbside")
            (running.folder / "network.toml").write_text(_network((*WAYS, *wards)), "utf-8")
            password = (running.folder / "secrets" / "curbside").read_text()
            bot = Guest(http, north, await login_user(north, f"{prefix}curbside", password))
            power = await _guest(http, north, "paula")
            rooms = await _make_rooms(bot, power, north.server_name, wards)
            await bot.ask("POST", "/logout", {})
            expired = await _guest(http, federation["south"], "xaver")
            await _fill(running.folder, rooms, power, expired)
            running.start()
            await wait_ready(running)
            await _take_up_moderating(stage)
            yield Place(stage, federation, http, rooms, wards, power, expired)
        finally:
            running.kill()
            await stage.close()


async def _take_up_moderating(stage: Stage) -> None:
    """Wait until the bot has made the moderators' room and given the moderator power there."""

    async def obeyed() -> bool:
        answer = await stage.moderator.asks("!mod pending")
        return "not something you can use" not in str(answer["content"]["body"])

    await until(obeyed)


async def _fill(folder: Path, rooms: dict[str, str], power: Guest, expired: Guest) -> None:
    """What an earlier `rooms apply` and earlier verifications left behind."""
    capabilities()
    settings = load(folder / "curbside.toml")
    (folder / "data").mkdir(exist_ok=True)
    keys = KeyRing.load(settings.path(settings.at_rest_keys))
    database = Database(settings.database_url, SystemClock(), keys)
    await migrate.upgrade(database)
    then = datetime.now(UTC) - timedelta(days=400)
    async with database.begin() as tx:
        for key, room_id in rooms.items():
            await rooms_store.place(tx, key, room_id)
            await matrix.name_room(tx, "curbside", f"room:network/{key}", room_id)
        for guest, end in ((power, None), (expired, then + timedelta(days=365))):
            evidence = Evidence("register", Level.L3, then, end)
            await keep_evidence(tx, Kept(guest.user_id, evidence, "system"), "")
    await database.close()


# The ways in -------------------------------------------------------------------------------------


async def _by_knock(place: Place, guest: Guest) -> None:
    await guest.knock(place.rooms["knock"], place.via)
    await place.is_out(guest, place.rooms["knock"])


async def _by_restricted_join(place: Place, guest: Guest) -> None:
    await guest.join(place.rooms["restricted"], place.via)
    await place.is_out(guest, place.rooms["restricted"])


async def _by_invitation(place: Place, guest: Guest) -> None:
    path = f"/rooms/{_q(place.rooms['invite'])}/invite"
    await place.power.ask("POST", path, {"user_id": guest.user_id})
    await place.is_out(guest, place.rooms["invite"])


async def _by_alias(place: Place, guest: Guest, alias: str) -> None:
    assert await guest.join(alias, place.via) == place.rooms["alias"]
    await place.is_out(guest, place.rooms["alias"])


async def test_the_ineligible_are_kept_out_by_every_way(place: Place) -> None:
    stage, power = place.stage, place.power
    # Somebody with power opens what the file keeps shut.
    club = str((await power.ask("POST", "/createRoom", {"preset": "public_chat"}))["room_id"])
    allowed = [{"type": "m.room_membership", "room_id": club}]
    restricted = {"join_rule": "restricted", "allow": allowed}
    await power.state(place.rooms["restricted"], "m.room.join_rules", restricted)
    await power.state(place.rooms["alias"], "m.room.join_rules", {"join_rule": "public"})
    await power.state(place.rooms["upgrade"], "m.room.join_rules", {"join_rule": "public"})
    alias = f"#open-{uuid4().hex[:6]}:{place.via}"
    await power.ask("PUT", f"/directory/room/{_q(alias)}", {"room_id": place.rooms["alias"]})

    unverified = await place.guest("south", "uli")
    banned = await place.guest("south", "bert")
    suspended = await place.guest("east", "susi")
    for guest in (banned, suspended):
        print(await place.moderator(f"!mod verify {guest.user_id} register GMC {next(_numbers)}"))
    await stage.moderator.says(f"!mod ban {banned.user_id} everywhere 3")
    asked = await stage.moderator.reads()
    await stage.moderator.taps(asked, "✅")
    print((await stage.moderator.reads())["content"]["body"])
    status, said = await stage.command("hospital", "suspend", place.group["east"].server_name)
    assert status == 0, said

    out = {"unverified": unverified, "expired": place.expired, "banned": banned, "suspended": suspended}
    took: dict[str, dict[str, str]] = {}

    async def tries(name: str, guest: Guest) -> None:
        await guest.join(club, place.via)
        ways = took[name] = {}
        for way, attempt in {
            "knock": _by_knock(place, guest),
            "restricted": _by_restricted_join(place, guest),
            "invite": _by_invitation(place, guest),
            "alias": _by_alias(place, guest, alias),
        }.items():
            began = time.monotonic()
            try:
                await attempt
                ways[way] = f"{time.monotonic() - began:.2f} s"
            except Refused as refusal:
                ways[way] = f"refused by the homeserver ({refusal})"

    async with asyncio.TaskGroup() as tasks:
        for name, guest in out.items():
            tasks.create_task(tries(name, guest))
    answer = await power.ask("POST", f"/rooms/{_q(place.rooms['upgrade'])}/upgrade", {"new_version": "11"})
    successor = str(answer["replacement_room"])
    for name, guest in out.items():
        began = time.monotonic()
        try:
            await guest.join(successor, place.via)
            await place.is_out(guest, successor)
            took[name]["upgrade"] = f"{time.monotonic() - began:.2f} s"
        except Refused as refusal:
            took[name]["upgrade"] = f"refused by the homeserver ({refusal})"
    for name, ways in took.items():
        print(f"{name}: " + ", ".join(f"{way} {result}" for way, result in ways.items()))
    for name, guest in out.items():
        for way in WAYS:
            room = successor if way == "upgrade" else place.rooms[way]
            assert await power.membership(room, guest.user_id) in ("leave", "ban"), (name, way)
    # Whoever may be in gets in by each of these ways, the upgraded room too.
    status, said = await stage.command("hospital", "resume", place.group["east"].server_name)
    assert status == 0, said


async def test_a_verified_clinician_of_each_hospital_gets_in_at_once(place: Place) -> None:
    room = place.rooms["knock"]
    taken = {}
    for hospital in ("north", "south", "east"):
        guest = await place.guest(hospital, "vera")
        await guest.knock(room, place.via)  # turned down, and remembered
        await place.is_out(guest, room)
        listening = asyncio.create_task(guest.listen())
        began = time.monotonic()
        await place.verify(guest)

        await guest.comes(room, place.via)
        taken[hospital] = time.monotonic() - began
        listening.cancel()
        assert await place.power.membership(room, guest.user_id) == "join"
        await place.stage.moderator.reads()
    print("verification to being in the room:", {name: f"{one:.2f} s" for name, one in taken.items()})
    assert max(taken.values()) < PROMPT_S, taken


async def test_asked_for_accepted_and_in(place: Place) -> None:
    """A clinician of another hospital, with a real client: from `!join` to the room."""
    wilma = await place.stage.person("wilma", homeserver=place.group["south"])
    await wilma.asks("!join halll", "Did you mean Hall?")
    await wilma.asks("!join hall", "I cannot let you in yet")
    await place.stage.moderator.says(f"!mod verify {wilma.user_id} register GMC {next(_numbers)}")
    rules = await wilma.reads("No patient names.", kind="rooms.rules")
    await wilma.taps(rules, "✅")
    await wilma.reads(kind="rooms.invited")

    async def in_the_hall() -> bool:
        try:
            await wilma.client.join(place.rooms[HALL])
        except MatrixError:
            return False
        return True

    await until(in_the_hall)
    await wilma.client.send(place.rooms[HALL], "Good morning from the south.")


async def test_invited_by_a_member_means_mute_until_the_rules_are_accepted(place: Place) -> None:
    nils = await place.stage.person("nils", homeserver=place.group["south"])
    await nils.chat()
    await place.moderator(f"!mod verify {nils.user_id} register GMC {next(_numbers)}")
    hall = place.rooms[HALL]
    await place.power.ask("POST", f"/rooms/{_q(hall)}/invite", {"user_id": nils.user_id})

    async def inside() -> bool:
        try:
            await nils.client.join(hall)
        except MatrixError:
            return False
        return True

    async def level() -> int | None:
        levels = await place.power.ask("GET", f"/rooms/{_q(hall)}/state/m.room.power_levels/")
        found: int | None = levels["users"].get(nils.user_id)
        return found

    async def mute() -> bool:
        return await level() == -1

    async def free() -> bool:
        return await level() is None

    await until(inside)
    await until(mute)
    welcome = await nils.reads("No patient names.", kind="rooms.welcome", after=0)
    await nils.taps(welcome, "✅")
    await until(free)
    await nils.reads("Thank you")

    async def writes() -> bool:  # their own homeserver learns of it a moment later
        try:
            await nils.client.send(hall, "Now I may write.")
        except MatrixError:
            return False
        return True

    await until(writes)


async def test_a_withdrawal_takes_out_of_every_room_at_once(place: Place) -> None:
    guest = await place.guest("south", "wanda")
    await place.moderator(f"!mod verify {guest.user_id} register GMC {next(_numbers)}")
    listening = asyncio.create_task(guest.listen())
    wards = {place.rooms[key] for key in place.wards}
    gate = asyncio.Semaphore(8)

    async def enters(room: str) -> None:
        async with gate:
            await guest.knock(room, place.via)
            await guest.comes(room, place.via)

    await asyncio.gather(*(enters(room) for room in wards))
    listening.cancel()
    assert wards <= await guest.joined()
    began = time.monotonic()
    await place.stage.moderator.says(f"!mod unverify {guest.user_id}")

    async def out() -> bool:
        return not wards & await guest.joined()

    await until(out, every=0.2)
    taken = time.monotonic() - began
    print(f"withdrawal from {len(wards)} rooms, seen at the clinician's own homeserver: {taken:.2f} s")
    assert taken < PROMPT_S
