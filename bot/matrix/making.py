"""Making rooms, and what is done to them: each request may be repeated after a crash without harm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.kernel.db import Database
from bot.kernel.failpoints import failpoint
from bot.kernel.outbox import OutboxRow
from bot.matrix import store
from bot.matrix.crypto.machine import CryptoMachine
from bot.matrix.http import Http, MatrixError, TokenRevoked, quoted
from bot.matrix.rooms import as_mapping

CLIENT = "/_matrix/client/v3"
_HALF_MADE_ATTEMPTS = 4
_ALREADY_SO = ("already in the room", "already joined", "is already")
_INITIAL = {
    "m.room.encryption": {"algorithm": "m.megolm.v1.aes-sha2"},
    "m.room.history_visibility": {"history_visibility": "invited"},
    "m.room.guest_access": {"guest_access": "forbidden"},
}


class Undeliverable(Exception):
    """A row that no later attempt can deliver; the text is a short content-free reason."""


class RoomMaker:
    """Carries out the outbox rows of one bot that are about rooms, not messages."""

    def __init__(
        self, bot: str, user_id: str, *, http: Http, database: Database, crypto: CryptoMachine
    ) -> None:
        self._bot = bot
        self._user_id = user_id
        self._http = http
        self._database = database
        self._crypto = crypto

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
            "invite": people,
        }
        for key in ("name", "topic"):
            if body.get(key):
                request[key] = body[key]
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
            await self._invite_missing(room_id, people)
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

    async def _invite_missing(self, room_id: str, people: list[str]) -> None:
        answer = await self._http.request("GET", f"{CLIENT}/rooms/{quoted(room_id)}/members")
        here = {
            event.get("state_key"): as_mapping(event.get("content")).get("membership")
            for event in answer.get("chunk") or []
            if isinstance(event, Mapping)
        }
        for user_id in people:
            if here.get(user_id) not in store.PRESENT:
                await self._http.request(
                    "POST", f"{CLIENT}/rooms/{quoted(room_id)}/invite", json={"user_id": user_id}
                )

    async def _keep_member(self, room_id: str, user_id: str, op: str) -> None:
        """Note an invitation or a removal at once: who may read the next message hangs on it."""
        async with self._database.begin() as tx:
            membership = "invite" if op == "invite" else "leave"
            await store.keep_members(tx, self._bot, room_id, {user_id: membership})
        if op == "kick":
            self._crypto.forget_outbound(room_id)

    async def act(self, row: OutboxRow, room_id: str) -> None:
        """Membership, state and redactions: asking for what is already so counts as done."""
        body, room = row.body, quoted(room_id)
        try:
            if row.op == "join":
                query = {"via": str(body["via"][0])} if body.get("via") else {}
                await self._http.request("POST", f"{CLIENT}/join/{room}", json={}, query=query, timeout=45.0)
            elif row.op in ("leave", "invite", "kick"):
                await self._http.request("POST", f"{CLIENT}/rooms/{room}/{row.op}", json=dict(body))
                if row.op != "leave":
                    await self._keep_member(room_id, str(body["user_id"]), row.op)
            elif row.op == "state":
                path = (
                    f"{CLIENT}/rooms/{room}/state/{quoted(body['type'])}/{quoted(body.get('state_key', ''))}"
                )
                await self._http.request("PUT", path, json=body["content"])
            elif row.op == "redact":
                event_id = body["event_id"]
                path = f"{CLIENT}/rooms/{room}/redact/{quoted(str(event_id))}/{quoted(row.id)}"
                await self._http.request("PUT", path, json={"reason": body.get("reason", "")})
            else:
                raise Undeliverable("NO_SUCH_OPERATION")
        except MatrixError as error:
            said = str(error.body.get("error", "")).lower()
            if error.status != 403 or not any(words in said for words in _ALREADY_SO):
                raise
