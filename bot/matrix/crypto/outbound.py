"""Encrypting for a room: who may read, who has the key, when the session is replaced.

nio's own sharing is not used: an error in it leaves a mark that lets every later send in the room hang.
Here a device counts as served when the homeserver has taken its key, and nothing else is remembered, so
that a failure or a cancellation at any point leaves what the next call can go on from.

Sources: client-server API, "m.megolm.v1.aes-sha2", `m.room.encryption`, `m.room_key.withheld`.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from nio.crypto import OutboundGroupSession

from bot.matrix.crypto.devices import DeviceBook
from bot.matrix.crypto.olm import Own
from bot.matrix.crypto.ports import Encrypted, MatrixError, Withheld
from bot.matrix.crypto.todevice import ToDevice
from bot.matrix.crypto.trust import MEGOLM, Device, Reason

_MESSAGES, _PERIOD = 100, timedelta(days=7)
_ATTEMPTS = 3
_REASONS = {
    Reason.NO_IDENTITY: "Set up cross-signing (secure backup) in your Matrix app to read this message.",
    Reason.UNSIGNED: "Verify this session from another one of yours to read this message.",
    Reason.KEYS_CHANGED: "The keys of this session changed. Log out and in again to read this message.",
}
_NO_OLM = "No secure channel could be made: this session has not uploaded one-time keys."
_NO_DEVICE = "This person is logged in with no app that can read encrypted messages."
_AWAY = "The homeserver of this person did not answer, so their devices are not known."

Place = tuple[str, str, str]


@dataclass
class _Outbound:
    """A Megolm session of ours and what was said about it. Lives in memory only."""

    session: OutboundGroupSession
    created: datetime
    served: set[Place] = field(default_factory=set)
    told: set[tuple[Place, str]] = field(default_factory=set)


def _place(device: Device) -> Place:
    return device.user_id, device.device_id, device.curve25519


class Sharing:
    """The outbound sessions of all rooms."""

    def __init__(self, own: Own, book: DeviceBook, to_device: ToDevice) -> None:
        self._own = own
        self._book = book
        self._to_device = to_device
        self._rooms: dict[str, _Outbound] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def forget(self, room_id: str) -> None:
        """The next message starts a new session."""
        self._rooms.pop(room_id, None)

    async def encrypt(
        self,
        room_id: str,
        members: Collection[str],
        event_type: str,
        content: Mapping[str, Any],
        settings: Mapping[str, Any],
    ) -> Encrypted:
        """See CryptoMachine.encrypt."""
        async with self._locks.setdefault(room_id, asyncio.Lock()):
            await self._book.refresh(members)
            for _ in range(_ATTEMPTS):
                outbound = self._session(room_id, members, settings)
                withheld = await self._share(room_id, members, outbound)
                # While the keys were on their way somebody may have left.
                if self._rooms.get(room_id) is outbound:
                    sealed = self._seal(room_id, outbound, event_type, content)
                    return Encrypted(sealed, withheld, self._book.take_identity_changes())
            raise MatrixError(0, "CURBSIDE_MEMBERS_CHANGING")

    def _session(self, room_id: str, members: Collection[str], settings: Mapping[str, Any]) -> _Outbound:
        """The room's session; a new one when it is worn out or known to somebody who may not read on."""
        outbound = self._rooms.get(room_id)
        if outbound is not None:
            most, period = _rotation(settings)
            age = self._own.clock.now() - outbound.created
            allowed = {_place(device) for device in self._devices(members) if self._book.verdict(device).send}
            if outbound.session.message_count >= most or age >= period or outbound.served - allowed:
                outbound = None
        if outbound is None:
            machine = self._own.machine
            with machine.store.transaction():
                machine.create_outbound_group_session(room_id)
            session = machine.outbound_group_sessions.pop(room_id)
            # Its end is decided here, by our clock.
            session.max_age = timedelta.max
            session.max_messages = _MESSAGES + 1
            session.mark_as_shared()
            outbound = self._rooms[room_id] = _Outbound(session, self._own.clock.now())
        return outbound

    def _devices(self, members: Collection[str]) -> list[Device]:
        return [device for user_id in members for device in self._book.devices(user_id)]

    async def _share(
        self, room_id: str, members: Collection[str], outbound: _Outbound
    ) -> tuple[Withheld, ...]:
        due: list[Device] = []
        withheld: list[tuple[Device, str, str]] = []
        for device in self._devices(members):
            verdict = self._book.verdict(device)
            if not verdict.send:
                withheld.append((device, "m.unverified", _REASONS[verdict.reason]))
            elif _place(device) not in outbound.served:
                due.append(device)
        if due:
            await self._to_device.claim(device for device in due if not self._to_device.has_session(device))
            withheld += [(d, "m.no_olm", _NO_OLM) for d in due if not self._to_device.has_session(d)]
            key = {
                "algorithm": MEGOLM,
                "room_id": room_id,
                "session_id": outbound.session.id,
                "session_key": outbound.session.session_key,
            }
            async for chunk in self._to_device.send_encrypted(due, "m.room_key", key):
                outbound.served.update(_place(device) for device in chunk)
        return await self._tell(room_id, members, outbound, withheld)

    async def _tell(
        self,
        room_id: str,
        members: Collection[str],
        outbound: _Outbound,
        withheld: list[tuple[Device, str, str]],
    ) -> tuple[Withheld, ...]:
        """Tell each device once per session that it gets no key; a failure is made good next time."""
        fresh = {entry for entry in withheld if (_place(entry[0]), entry[1]) not in outbound.told}
        for code, reason in {entry[1:] for entry in fresh}:
            devices = [entry[0] for entry in fresh if entry[1:] == (code, reason)]
            content = {
                "algorithm": MEGOLM,
                "sender_key": self._own.machine.curve25519,
                "code": code,
                "reason": reason,
            }
            if code != "m.no_olm":
                content |= {"room_id": room_id, "session_id": outbound.session.id}
            try:
                await self._to_device.send_to_each(devices, "m.room_key.withheld", content)
            except MatrixError:
                continue
            outbound.told.update((_place(device), code) for device in devices)
        told = tuple(
            Withheld(device.user_id, device.device_id, code, reason, new=(device, code, reason) in fresh)
            for device, code, reason in withheld
            if device.user_id != self._own.user_id
        )
        return told + self._unreachable(members, outbound)

    def _unreachable(self, members: Collection[str], outbound: _Outbound) -> tuple[Withheld, ...]:
        """Members of whom no device is known cannot be told; their reader is."""
        found = []
        for user_id in members:
            if user_id != self._own.user_id and not any(True for _ in self._book.devices(user_id)):
                reason = _NO_DEVICE if self._book.is_fresh(user_id) else _AWAY
                mark = ((user_id, "*", ""), "m.unavailable")
                found.append(Withheld(user_id, "*", "m.unavailable", reason, new=mark not in outbound.told))
                outbound.told.add(mark)
        return tuple(found)

    def _seal(
        self, room_id: str, outbound: _Outbound, event_type: str, content: Mapping[str, Any]
    ) -> dict[str, Any]:
        payload = {"type": event_type, "content": dict(content), "room_id": room_id}
        # Halves of surrogate pairs, which UTF-8 cannot hold, become question marks.
        text = json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace").decode()
        sealed = {
            "algorithm": MEGOLM,
            "sender_key": self._own.machine.curve25519,
            "device_id": self._own.device_id,
            "session_id": outbound.session.id,
            "ciphertext": outbound.session.encrypt(text),
        }
        if "m.relates_to" in content:
            # Homeservers aggregate by it, so it travels in the clear.
            sealed["m.relates_to"] = content["m.relates_to"]
        return sealed


def _rotation(settings: Mapping[str, Any]) -> tuple[int, timedelta]:
    """Messages and age after which the room wants a new session; never more than the recommended ones."""
    messages, milliseconds = settings.get("rotation_period_msgs"), settings.get("rotation_period_ms")
    most = min(messages, _MESSAGES) if isinstance(messages, int) and messages > 0 else _MESSAGES
    if isinstance(milliseconds, int) and 0 < milliseconds < _PERIOD.total_seconds() * 1000:
        return most, timedelta(milliseconds=milliseconds)
    return most, _PERIOD
