"""matrix-nio's client without the faults that hang a send or end a sync. Used by `bot.dev.device` alone."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import aiohttp
from nio import AsyncClient, EncryptionError, ErrorResponse, MegolmEvent, SyncResponse

_log = logging.getLogger(__name__)


class GuardedClient(AsyncClient):  # type: ignore[misc]  # nio has no types
    """nio's client that keeps its token and its sync, and whose failed key shares leave nothing behind.

    `came_encrypted`: ids of the events that came encrypted with the latest sync.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.came_encrypted: frozenset[str] = frozenset()
        self._key_share = defaultdict[str, asyncio.Lock](asyncio.Lock)

    async def receive_response(self, response: Any) -> None:
        """Take an answer. Errors change nothing: some make nio drop the access token."""
        if isinstance(response, ErrorResponse):
            return
        if not isinstance(response, SyncResponse):
            await super().receive_response(response)
            return
        rooms = (*response.rooms.join.values(), *response.rooms.leave.values())
        self.came_encrypted = frozenset(
            event.event_id
            for room in rooms
            for event in room.timeline.events
            if isinstance(event, MegolmEvent)
        )
        try:
            await super().receive_response(response)
        except Exception as error:
            # One event that nio cannot take must not hide the others of the same answer.
            _log.warning("sync answer handled in part: %s", type(error).__name__)
        if self.olm is not None and response.device_key_count.signed_curve25519 == 0:
            self.olm.uploaded_key_count = 0  # nio takes "none left" for "not told"

    async def create_matrix_response(
        self, response_class: type, transport_response: aiohttp.ClientResponse, *args: Any, **options: Any
    ) -> Any:
        """Read an answer. Raises ClientResponseError for a 5xx.

        nio reads a body that is not JSON as `{}`, which for `/sendToDevice` means success.
        """
        if transport_response.status >= 500:
            transport_response.release()
            transport_response.raise_for_status()
        return await super().create_matrix_response(response_class, transport_response, *args, **options)

    async def keep_keys(self) -> None:
        """Upload one-time keys, query and claim the keys of others, as far as they are due."""
        if self.should_upload_keys:
            await self.keys_upload()
        if self.should_query_keys:
            await self.keys_query()
        if self.should_claim_keys:
            await self.keys_claim(self.get_users_for_key_claiming())
        await self.send_to_device_messages()

    async def encrypt_event(
        self, room_id: str, event_type: str, content: Mapping[str, Any]
    ) -> tuple[str, dict[str, Any]]:
        """The type and content to send, once every device in the room has the key.

        Raises EncryptionError, or whatever nio or the connection raises; it may then be called again.
        """
        # One at a time per room: nio lets later senders wait for a key share that failed for ever.
        async with self._key_share[room_id]:
            if not self.rooms[room_id].members_synced:
                await self.joined_members(room_id)
            if self.should_query_keys:
                await self.keys_query()
            if self.olm.should_share_group_session(room_id):
                await self._share_key(room_id)
            encrypted: tuple[str, dict[str, Any]] = self.encrypt(room_id, event_type, dict(content))
        return encrypted

    async def _share_key(self, room_id: str) -> None:
        complete = False
        missing = self.get_missing_sessions(room_id)
        # nio goes on after a failed claim, and leaves out whom it could not reach.
        if missing and isinstance(await self.keys_claim(missing), ErrorResponse):
            raise EncryptionError("no one-time keys could be claimed")
        try:
            answer = await self.share_group_session(room_id, ignore_unverified_devices=True)
            reached = set(answer.users_shared_with)
            # nio takes the key for shared although a request failed. Who has no one-time keys is passed over.
            complete = all(
                (user, device.id) in reached or device.id == self.device_id
                for user in self.rooms[room_id].users
                for device in self.device_store.active_user_devices(user)
                if self.olm.session_store.get(device.curve25519) and not device.blacklisted
            )
        finally:
            if not complete:
                waiting = self.sharing_session.pop(room_id, None)
                if waiting is not None:
                    waiting.set()
                self.invalidate_outbound_session(room_id)
        if not complete:
            raise EncryptionError("the room key did not reach every device")
