"""Making rooms, and what is done to them: each request may be repeated after a crash without harm."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from weakref import WeakValueDictionary

from bot.kernel.db import Database
from bot.kernel.failpoints import failpoint
from bot.kernel.outbox import OutboxRow
from bot.matrix import levels, store, strict
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.rooms import RoomShape, as_mapping

CLIENT = "/_matrix/client/v3"
_HALF_MADE_ATTEMPTS = 4
_ALREADY_SO = ("already in the room", "already joined", "is already")
# When a request about somebody's membership has nothing left to do; "leave" also stands for strangers.
_DONE_WHEN = {
    "invite": ("join", "invite"),
    "kick": ("leave", "ban"),
    "ban": ("ban",),
    "unban": ("leave", "join", "invite", "knock"),
}
_AFTERWARDS = {"invite": "invite", "kick": "leave", "ban": "ban", "unban": "leave"}
_INITIAL = {
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
    "m.room.history_visibility": {"history_visibility": "invited"},
    "m.room.guest_access": {"guest_access": "forbidden"},
    # The alias is for finding the room again; as the canonical one it would be the name that people see.
    "m.room.canonical_alias": {},
}


class Undeliverable(Exception):
    """A row that no later attempt can deliver; the text is a short content-free reason."""


class RoomMaker:
    """Carries out the outbox rows of one bot that are about rooms, not messages."""

    def __init__(
        self,
        bot: str,
        user_id: str,
        *,
        http: Http,
        database: Database,
        crypto: CryptoMachine,
        strict: bool = False,
    ) -> None:
        """`strict`: keep to the rules of TI-Messenger homeservers (see `bot.matrix.strict`)."""
        self._bot = bot
        self._strict = strict
        self._version: str | None = None  # the one that strict homeservers allow
        self._user_id = user_id
        self._http = http
        self._database = database
        self._crypto = crypto
        # Rooms have several names, each a lane of its own: changes to a room's levels must not cross.
        self._changing: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def create_direct(self, row: OutboxRow) -> str:
        """Make the direct chat that a row is for."""
        return await self._make(row, {}, [row.room[3:]], direct=True)

    async def create(self, row: OutboxRow) -> str:
        """Make the room that a `create` row describes; its name in the house is `row.room`."""
        return await self._make(row, row.body, list(row.body.get("invite", [])), direct=False)

    async def _make(self, row: OutboxRow, body: Mapping[str, Any], people: list[str], *, direct: bool) -> str:
        """Make a room once: the alias taken from the row's id tells whether an earlier attempt made it."""
        alias = f"curbside_{row.id.lower()}"
        server = self._user_id.partition(":")[2]
        request: dict[str, Any] = {
            "preset": "private_chat",
            "visibility": "private",
            "is_direct": direct,
            "room_alias_name": alias,
            "initial_state": [
                {"type": kind, "state_key": "", "content": content} for kind, content in _INITIAL.items()
            ],
            "creation_content": {"org.curbside": {"out": row.id}, **body.get("creation", {})},
            "invite": people[:1] if self._strict else people,
        }
        for key, name in (("name", "name"), ("topic", "topic"), ("version", "room_version")):
            if body.get(key):
                request[name] = body[key]
        if self._strict and request.get("room_version") not in strict.ROOM_VERSIONS:
            request["room_version"] = await self._strict_version()
        if body.get("power"):
            request["power_level_content_override"] = body["power"]
        try:
            answer = await self._http.request("POST", f"{CLIENT}/createRoom", json=request, timeout=45.0)
            room_id = str(answer["room_id"])
        except MatrixError as error:
            # 409: an earlier attempt is still being worked on.
            if error.errcode != "M_ROOM_IN_USE" and error.status != 409:
                raise
            room_id = await self._made_before(f"#{alias}:{server}", row)
            missing = await self._missing(room_id, people)
            if missing and direct and self._strict:  # nobody may be invited there now: another one, then
                await self._http.request("DELETE", f"{CLIENT}/directory/room/{quoted(f'#{alias}:{server}')}")
                raise MatrixError(0, "CURBSIDE_ROOM_HALF_MADE") from None
            await self._invite_each(room_id, missing)
        else:
            if self._strict:
                await self._invite_each(room_id, people[1:])
        failpoint("room.after_create")
        async with self._database.begin() as tx:
            known = await store.room(tx, self._bot, room_id) or store.RoomRow(self._bot, room_id)
            if known.membership != "join":  # the sync has not told us yet
                known.membership, known.encrypted, known.members_known = "join", True, True
                known.joined, known.invited = 1, len(people)
                await store.keep_rooms(tx, [known])
                members = {self._user_id: "join", **dict.fromkeys(people, "invite")}
                await store.keep_members(tx, self._bot, room_id, members)
            await store.name_room(tx, self._bot, row.room, room_id)
        return room_id

    async def _made_before(self, alias: str, row: OutboxRow) -> str:
        """The room that an earlier attempt made.

        One that has no encryption after some time was broken off half-made, with the homeserver perhaps,
        and nobody was invited: its alias is taken away, so that the next attempt makes a new room.
        """
        directory = f"{CLIENT}/directory/room/{quoted(alias)}"
        room_id = str((await self._http.request("GET", directory))["room_id"])
        try:
            await self._http.request("GET", f"{CLIENT}/rooms/{quoted(room_id)}/state/m.room.encryption/")
        except MatrixError as error:
            if error.transient or isinstance(error, TokenRevoked):
                raise
            if row.attempts >= _HALF_MADE_ATTEMPTS:
                await self._http.request("DELETE", directory)
            raise MatrixError(0, "CURBSIDE_ROOM_HALF_MADE") from None
        return room_id

    async def _missing(self, room_id: str, people: list[str]) -> list[str]:
        """Those who are neither in a room nor invited."""
        answer = await self._http.request("GET", f"{CLIENT}/rooms/{quoted(room_id)}/members")
        here = {
            event.get("state_key"): as_mapping(event.get("content")).get("membership")
            for event in answer.get("chunk") or []
            if isinstance(event, Mapping)
        }
        return [user_id for user_id in people if here.get(user_id) not in store.PRESENT]

    async def _invite_each(self, room_id: str, people: Sequence[str]) -> None:
        path = f"{CLIENT}/rooms/{quoted(room_id)}/invite"
        for user_id in people:
            await self._http.request("POST", path, json={"user_id": user_id})

    async def _strict_version(self) -> str:
        """The room version for a strict homeserver; asked once."""
        if self._version is None:
            answer = await self._http.request("GET", f"{CLIENT}/capabilities")
            versions = as_mapping(as_mapping(answer.get("capabilities")).get("m.room_versions"))
            self._version = strict.room_version(as_mapping(versions.get("available")))
        return self._version

    async def act(self, row: OutboxRow, room_id: str) -> None:
        """Membership, state and redactions: asking for what is already so counts as done."""
        body, room = row.body, quoted(room_id)
        if row.op in _DONE_WHEN:
            await self._set_membership(room_id, row.op, body)
        elif row.op == "leave":
            with _already_so():
                await self._http.request("POST", f"{CLIENT}/rooms/{room}/leave", json=dict(body))
        elif row.op == "state":
            path = f"{CLIENT}/rooms/{room}/state/{quoted(body['type'])}/{quoted(body.get('state_key', ''))}"
            with _already_so():
                await self._http.request("PUT", path, json=body["content"])
        elif row.op == "redact":
            event_id = body["event_id"]
            path = f"{CLIENT}/rooms/{room}/redact/{quoted(str(event_id))}/{quoted(row.id)}"
            await self._http.request("PUT", path, json={"reason": body.get("reason", "")})
        else:
            raise Undeliverable("NO_SUCH_OPERATION")

    async def join(self, row: OutboxRow) -> str:
        """Enter a room by its id or an alias, each time through another of the servers named; its id."""
        query = {}
        if via := row.body.get("via"):
            server = str(via[row.attempts % len(via)])
            query = {"via": server, "server_name": server}  # the older name of the same parameter
        path = f"{CLIENT}/join/{quoted(row.room)}"
        with _already_so():
            answer = await self._http.request("POST", path, json={}, query=query, timeout=45.0)
            return str(answer.get("room_id", row.room))
        return row.room

    # Membership ----------------------------------------------------------------------------------

    async def _set_membership(self, room_id: str, op: str, body: Mapping[str, Any]) -> None:
        """Invite, kick, ban or unban; a kick also turns down who knocks (C-S API, "Kicking users")."""
        user_id, now = str(body["user_id"]), _AFTERWARDS[op]
        if self._strict and op == "invite":
            async with self._database.read() as tx:
                if await store.is_direct_chat(tx, self._bot, room_id):
                    raise Undeliverable("STRICT_DIRECT_CHAT")
        try:
            await self._http.request("POST", f"{CLIENT}/rooms/{quoted(room_id)}/{op}", json=dict(body))
        except MatrixError as error:
            if error.status not in (400, 403):
                raise
            now = await self._membership(room_id, user_id, error)
            if now not in _DONE_WHEN[op]:
                raise
        # Noted at once: who may read the next message hangs on it.
        async with self._database.begin() as tx:
            await store.keep_members(tx, self._bot, room_id, {user_id: now[:8]})
        if op in ("kick", "ban"):
            self._crypto.forget_outbound(room_id)

    async def _membership(self, room_id: str, user_id: str, refused: MatrixError) -> str:
        """What somebody is in a room, asked after a refusal; where we may not look, that stands."""
        path = f"{CLIENT}/rooms/{quoted(room_id)}/state/m.room.member/{quoted(user_id)}"
        try:
            return str((await self._http.request("GET", path)).get("membership", "leave"))
        except MatrixError as error:
            if error.transient or isinstance(error, TokenRevoked):
                raise
            if error.status == 404:
                return "leave"
            raise refused from None

    # Power levels --------------------------------------------------------------------------------

    async def set_levels(self, room_id: str, patches: Sequence[Mapping[str, Any]]) -> None:
        """Change the power levels as they are now, by these patches in their order (see `levels.patched`).

        Nothing is written when nothing changes. Raises Undeliverable when the bot has not the power to.
        """
        async with self._changing.setdefault(room_id, asyncio.Lock()):
            shape = await self._shape(room_id)
            path = f"{CLIENT}/rooms/{quoted(room_id)}/state/m.room.power_levels/"
            try:
                now: Mapping[str, Any] = await self._http.request("GET", path)
            except MatrixError as error:
                if error.status != 404:
                    raise
                now = levels.initial(shape)
            changed = levels.patched(now, patches, shape)
            if changed != now:
                await self._http.request("PUT", path, json=changed)

    async def _shape(self, room_id: str) -> RoomShape:
        """Who made a room, and whether that alone gives power there."""
        async with self._database.read() as tx:
            known = await store.room(tx, self._bot, room_id)
        if known is not None and known.shape.creators:
            return known.shape
        path = f"{CLIENT}/rooms/{quoted(room_id)}/state/m.room.create/"
        event = await self._http.request("GET", path, query={"format": "event"})
        shape = RoomShape()
        shape.apply({**event, "type": "m.room.create", "state_key": ""})
        if not shape.creators:  # a homeserver that gives no more than the content: the sync will tell
            raise MatrixError(0, "CURBSIDE_ROOM_NOT_SYNCED")
        return shape


@contextmanager
def _already_so() -> Iterator[None]:
    """Let a refusal pass that only says that there is nothing to do."""
    try:
        yield
    except MatrixError as error:
        said = str(error.body.get("error", "")).lower()
        if error.status != 403 or not any(words in said for words in _ALREADY_SO):
            raise
