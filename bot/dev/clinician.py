"""A small Matrix client for one person, for the demo and the tests: what one reads, types and taps."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from bot.dev.answers import API, MatrixError, quoted
from bot.dev.device import Device, Event, IdentityError

__all__ = ["Clinician", "Event", "IdentityError", "MatrixError"]

_MEGOLM = "m.megolm.v1.aes-sha2"


class Clinician(Device):
    """One person with one device. Make it with `start`; end it with `close`. See `Device` for `events`."""

    async def wait_for_message(
        self,
        *,
        room_id: str | None = None,
        sender: str | None = None,
        contains: str = "",
        kind: str | None = None,
        timeout: float = 60.0,
        after: int = 0,
    ) -> Event:
        """The first readable `m.room.message` from somebody else that matches all that is given.

        `contains`: a part of the body; `kind`: that of the bots' `org.curbside` object. Errors as `wait_for`.
        """

        def matches(event: Event) -> bool:
            content = event["content"]
            marker = content.get("org.curbside")
            return (
                event["type"] == "m.room.message"
                and event["sender"] != self.user_id
                and room_id in (None, event["room_id"])
                and sender in (None, event["sender"])
                and contains in str(content.get("body", ""))
                and (kind is None or (isinstance(marker, dict) and marker.get("kind") == kind))
            )

        return await self.wait_for(matches, timeout=timeout, after=after)

    async def send(
        self,
        room_id: str,
        text: str,
        *,
        thread: str | None = None,
        reply_to: str | None = None,
        txn_id: str | None = None,
        content: Mapping[str, Any] | None = None,
        timeout: float = 60.0,
    ) -> str:
        """Send a text, encrypted where the room is; returns its event id.

        `thread`, `reply_to`: event ids. `txn_id`: the transaction id; the same one twice is one message.
        `content`: further or other fields of the content. Tries again on failures that may pass.
        Raises MatrixError when refused, TimeoutError after `timeout` seconds.
        """
        body: dict[str, Any] = {"msgtype": "m.text", "body": text}
        if thread is not None:
            body["m.relates_to"] = {
                "rel_type": "m.thread",
                "event_id": thread,
                "is_falling_back": reply_to is None,
                "m.in_reply_to": {"event_id": reply_to or thread},
            }
        elif reply_to is not None:
            body["m.relates_to"] = {"m.in_reply_to": {"event_id": reply_to}}
        return await self.send_event(
            room_id, "m.room.message", body | dict(content or {}), txn_id=txn_id, timeout=timeout
        )

    async def react(self, room_id: str, event_id: str, key: str) -> str:
        """Put a reaction (in the clear, as the specification has it) under an event; returns its own id."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": key}
        return await self.send_event(room_id, "m.reaction", {"m.relates_to": relation})

    async def create_room(
        self,
        *,
        invite: Iterable[str] = (),
        encrypted: bool = True,
        options: Mapping[str, Any] | None = None,
    ) -> str:
        """Create a private room and return its id once it is known here. `options`: fields of createRoom."""
        body: dict[str, Any] = {"preset": "private_chat", "invite": list(invite)} | dict(options or {})
        if encrypted:
            algorithm = {"type": "m.room.encryption", "state_key": "", "content": {"algorithm": _MEGOLM}}
            body["initial_state"] = [*body.get("initial_state", ()), algorithm]
        room_id = str((await self.request("POST", f"{API}/createRoom", body))["room_id"])
        await self._joined(room_id)
        return room_id

    async def create_dm(self, user_id: str, encrypted: bool = True) -> str:
        """Create a direct chat, invite the other, and note it in `m.direct`; returns the room id."""
        options = {"preset": "trusted_private_chat", "is_direct": True}
        room_id = await self.create_room(invite=[user_id], encrypted=encrypted, options=options)
        path = f"{API}/user/{quoted(self.user_id)}/account_data/m.direct"
        try:
            direct = await self.request("GET", path)
        except MatrixError as error:
            if error.status != 404:
                raise
            direct = {}
        await self.request("PUT", path, direct | {user_id: [*direct.get(user_id, ()), room_id]})
        return room_id

    async def join(self, room_id: str) -> None:
        """Join, and return once the room is known here."""
        await self._enter(room_id)
        await self._joined(room_id)

    async def invite(self, room_id: str, user_id: str) -> None:
        """Invite a user."""
        await self.request("POST", f"{API}/rooms/{quoted(room_id)}/invite", {"user_id": user_id})

    async def leave(self, room_id: str) -> None:
        """Leave a room, or decline an invitation to it."""
        await self.request("POST", f"{API}/rooms/{quoted(room_id)}/leave", {}, retry=True)

    async def _joined(self, room_id: str) -> None:
        async with asyncio.timeout(60.0):
            await self._until(lambda: room_id in self._client.rooms)
