"""Olm sessions with devices, and messages to them.

Sources: client-server API, "Send-to-Device messaging", POST /keys/claim.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Any
from uuid import uuid4

from bot.matrix.crypto.away import Away, is_failure
from bot.matrix.crypto.devices import olm_device
from bot.matrix.crypto.olm import FOREIGN_ERRORS, Own
from bot.matrix.crypto.trust import Device, signed_by

_CLAIM = "/_matrix/client/v3/keys/claim"
_DEVICES_PER_CLAIM = 200
_DEVICES_PER_SEND = 40
_REMOTE_TIMEOUT_MS = 5000  # how long our homeserver may wait for the others
_AGAIN_AFTER = timedelta(minutes=5)  # when a device that had no one-time key is asked for again


class ToDevice:
    """Sends to single devices, in the clear or through Olm."""

    def __init__(self, own: Own, away: Away) -> None:
        self._own = own
        self._away = away
        self._keyless: dict[tuple[str, str], datetime] = {}

    def has_session(self, device: Device) -> bool:
        """Whether there is an Olm session with the device."""
        return self._own.machine.session_store.get(device.curve25519) is not None

    async def claim(self, devices: Iterable[Device]) -> list[Device]:
        """Make a new Olm session with each that has a one-time key left, and return those.

        Raises MatrixError. Those that have none are asked for again after five minutes; those whose
        homeserver is away, as soon as it may be asked again.
        """
        now = self._own.clock.now()
        made: list[Device] = []
        waiting = iter([device for device in devices if self._may_have_key(device, now)])
        while chunk := list(islice(waiting, _DEVICES_PER_CLAIM)):
            wanted: dict[str, dict[str, str]] = {}
            for device in chunk:
                wanted.setdefault(device.user_id, {})[device.device_id] = "signed_curve25519"
            body = {"one_time_keys": wanted, "timeout": _REMOTE_TIMEOUT_MS}
            answer = await self._own.http.request("POST", _CLAIM, json=body)
            with self._own.machine.store.transaction():
                for device in chunk:
                    place = (device.user_id, device.device_id)
                    if self._start_session(device, answer):
                        self._keyless.pop(place, None)
                        self._away.heard(device.user_id)
                        made.append(device)
                    elif is_failure(answer, device.user_id):
                        self._away.failed(device.user_id, now)
                    else:
                        self._keyless[place] = now + _AGAIN_AFTER
        return made

    def _may_have_key(self, device: Device, now: datetime) -> bool:
        again = self._keyless.get((device.user_id, device.device_id), now)
        return again <= now and not self._away.holds(device.user_id, now)

    def _start_session(self, device: Device, answer: Mapping[str, Any]) -> bool:
        try:
            (key,) = answer["one_time_keys"][device.user_id][device.device_id].values()
            if not signed_by(key, device.user_id, device.device_id, device.ed25519):
                return False
            self._own.machine.create_session(key["key"], device.curve25519)
        except FOREIGN_ERRORS:
            return False
        return True

    async def send_encrypted(
        self, devices: Iterable[Device], event_type: str, content: dict[str, Any]
    ) -> AsyncIterator[list[Device]]:
        """Send through Olm to those who have a session; yields chunk by chunk who got it.

        Raises MatrixError.
        """
        waiting = iter([device for device in devices if self.has_session(device)])
        while chunk := list(islice(waiting, _DEVICES_PER_SEND)):
            messages: dict[str, dict[str, Any]] = {}
            # The ratchets are saved before anything leaves: a message key is never used twice.
            with self._own.machine.store.transaction():
                for device in chunk:
                    sealed = self._own.machine.olm_encrypt(olm_device(device), event_type, content)
                    messages.setdefault(device.user_id, {})[device.device_id] = sealed
            await self.send("m.room.encrypted", messages)
            yield chunk

    async def send_to_each(self, devices: Iterable[Device], event_type: str, content: dict[str, Any]) -> None:
        """Send the same content in the clear to each of the devices. Raises MatrixError."""
        messages: dict[str, dict[str, Any]] = {}
        for device in devices:
            messages.setdefault(device.user_id, {})[device.device_id] = content
        if messages:
            await self.send(event_type, messages)

    async def send(self, event_type: str, messages: Mapping[str, Mapping[str, Any]]) -> None:
        """Send contents by user and device (or "*") in one request. Raises MatrixError."""
        path = f"/_matrix/client/v3/sendToDevice/{event_type}/{uuid4().hex}"
        await self._own.http.request("PUT", path, json={"messages": messages})
