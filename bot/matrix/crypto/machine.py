"""End-to-end encryption of one bot account.

nio's Olm machine makes and keeps the sessions; what it lacks stands in this package: cross-signing, the
trust policy, withheld keys, fallback keys, and sharing that survives failures.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from bot.kernel.clock import Clock
from bot.matrix.crypto.away import Away
from bot.matrix.crypto.crosssigning import CrossSigning, OnServer, OwnIdentity
from bot.matrix.crypto.devices import DeviceBook
from bot.matrix.crypto.inbound import Inbox
from bot.matrix.crypto.olm import Own, open_machine
from bot.matrix.crypto.outbound import Sharing
from bot.matrix.crypto.ports import (
    CrossSigningRefused,
    Decrypted,
    DeviceKeysLost,
    DeviceView,
    Encrypted,
    Http,
    IdentityStore,
    KeyStatus,
    MatrixError,
    ReceivedKeys,
    SecretStore,
    StartReport,
    SyncOutcome,
    Undecryptable,
)
from bot.matrix.crypto.todevice import ToDevice
from bot.matrix.crypto.trust import MEGOLM, Policy
from bot.matrix.crypto.upload import KeyUpload

_REPLAY_MEMORY = timedelta(days=90)
_NO_FALLBACK = (
    "The Olm library in use makes no fallback keys: after more than 50 new sessions while the bot is away, "
    "further devices cannot reach it until it is back."
)
_OTHER_IDENTITY = (
    "{user} has a cross-signing identity whose private keys are not here, so its device cannot be signed. "
    "Verify the bot's device from the app that made the identity, or replace the identity with "
    "`curbside keys bootstrap --reset`; people who verified the bot must then do so again."
)


class CryptoMachine:
    """Encrypts, decrypts, and keeps the keys in order. One per bot account; all on one event loop."""

    def __init__(
        self,
        *,
        http: Http,
        user_id: str,
        device_id: str,
        store_dir: Path,
        pickle_key: str,
        trust: Policy,
        secrets: SecretStore,
        identities: IdentityStore,
        password: str | None,
        clock: Clock,
    ) -> None:
        """Open the key store. `pickle_key` encrypts it; `password` is for uploading an identity.

        Raises CannotOpenStore.
        """
        self._store_dir = store_dir
        self._pickle_key = pickle_key
        machine, self._new = open_machine(user_id, device_id, store_dir, pickle_key)
        self._own = Own(user_id, device_id, machine, clock, http)
        self._uploads = KeyUpload(self._own)
        self._cross_signing = CrossSigning(http, secrets, user_id, device_id, password)
        away = Away()
        self._book = DeviceBook(self._own, identities, trust, away)
        self._to_device = ToDevice(self._own, away)
        self._sharing = Sharing(self._own, self._book, self._to_device)
        self._inbox = Inbox(self._own, self._book)
        self._requests: dict[str, tuple[str, dict[str, Any]]] = {}
        self._upkeep = asyncio.Lock()

    # --- start -----------------------------------------------------------------------------------------

    async def start(self) -> StartReport:
        """Upload our keys and have our device signed, as far as that is not done yet.

        Raises DeviceKeysLost (log in as a new device and make a new machine), MatrixError.
        """
        self._own.machine.store.forget_indices(self._own.clock.now() - _REPLAY_MEMORY)
        server = await self._cross_signing.on_server()
        if server.fingerprint not in (None, self._own.machine.ed25519):
            raise DeviceKeysLost(
                f"The encryption keys of {self._own.user_id}'s device {self._own.device_id} are lost: it "
                "must log in as a new device. Messages sent to the old one in the meantime cannot be read."
            )
        if server.fingerprint is None or not self._own.machine.account.shared:
            await self._uploads.upload_device()
        report = await self._start_identity(server)
        if not self._uploads.has_fallback:
            report = replace(report, advice=(*report.advice, _NO_FALLBACK))
        return report

    async def _start_identity(self, server: OnServer) -> StartReport:
        advice: tuple[str, ...] = ()
        signed, signed_now = server.device_signed, False
        outcome: Literal["created", "ours", "other", "refused"] = "ours"
        try:
            identity = await self._cross_signing.load(server)
            if not server.has_identity:
                identity = identity or await self._cross_signing.make()
                await self._cross_signing.upload(identity)
                outcome = "created"
            if identity is None or (outcome == "ours" and not server.is_of(identity)):
                outcome = "other"
                advice = () if signed else (_OTHER_IDENTITY.format(user=self._own.user_id),)
            elif outcome == "created" or not server.device_signed_by(identity):
                await self._sign(identity)
                signed = signed_now = True
        except CrossSigningRefused as error:
            outcome, advice = "refused", (str(error),)
        return StartReport(self._new, outcome, signed, signed_now, self._uploads.has_fallback, advice)

    async def _sign(self, identity: OwnIdentity) -> None:
        master = self._uploads.signed(identity.master_key())
        await self._cross_signing.sign(identity, self._uploads.device_keys(), master)

    async def reset_identity(self) -> None:
        """Replace the account's cross-signing identity by a new one of ours, and sign our device with it.

        Raises CrossSigningRefused, MatrixError.
        """
        await self._sign(await self._cross_signing.replace())

    # --- sync ------------------------------------------------------------------------------------------

    def receive_sync(self, sync: Mapping[str, Any]) -> ReceivedKeys:
        """Take room keys, changed devices and key counts from a /sync answer, all or nothing.

        Give the same answer again after a crash: what was handled then is recognised. Raises only when
        the key store cannot be written; the sync token must then not be kept.
        """
        try:
            with self._own.machine.store.transaction():
                received = self._inbox.receive(sync)
        except Exception:
            self._read_again()
            raise
        self._uploads.note(sync)
        for room_id, session_id in received.sessions:
            if session_id in self._own.machine.wanted_keys:
                self._withdraw_request(room_id, session_id)
        return received

    def _read_again(self) -> None:
        """Return to the state on disk: what is in memory may be ahead of it."""
        before = self._own.machine
        before.store.close()
        machine, _ = open_machine(self._own.user_id, self._own.device_id, self._store_dir, self._pickle_key)
        machine.wanted_keys = before.wanted_keys
        self._own.machine = machine
        self._book.attach(machine)

    async def after_sync(self) -> SyncOutcome:
        """Do what the sync made due: upload keys, ask for changed devices, mend sessions, request keys.

        Does not raise for the homeserver's failures: what failed is tried again by the next call.
        """
        async with self._upkeep:
            for step in (
                self._uploads.top_up,
                self._book.refresh_due,
                self._mend_sessions,
                self._send_requests,
            ):
                try:
                    await step()
                except MatrixError:
                    continue
        return SyncOutcome(self._book.take_readable(), self._book.take_identity_changes())

    async def _mend_sessions(self) -> None:
        """A new Olm session, and an empty message through it, for each device whose old one is broken."""
        wedged = list(self._own.machine.wedged_devices)
        devices = [self._book.by_sender_key(device.user_id, device.curve25519) for device in wedged]
        made = await self._to_device.claim(device for device in devices if device is not None)
        async for _ in self._to_device.send_encrypted(made, "m.dummy", {}):
            pass
        self._own.machine.wedged_devices = [d for d in self._own.machine.wedged_devices if d not in wedged]

    async def _send_requests(self) -> None:
        for request_id, (user_id, content) in list(self._requests.items()):
            await self._to_device.send("m.room_key_request", {user_id: {"*": content}})
            if self._requests.get(request_id) == (user_id, content):
                del self._requests[request_id]

    # --- rooms -----------------------------------------------------------------------------------------

    def decrypt(self, room_id: str, event: Mapping[str, Any]) -> Decrypted | Undecryptable:
        """Decrypt an `m.room.encrypted` event; whatever is wrong with it, the answer says so."""
        return self._inbox.decrypt(room_id, event)

    async def request_room_key(self, room_id: str, event: Mapping[str, Any]) -> None:
        """Ask the devices of the event's sender for its room key, once per session and process.

        When the homeserver fails, `after_sync` asks again.
        """
        content, sender = event.get("content"), event.get("sender")
        session_id = content.get("session_id") if isinstance(content, Mapping) else None
        wanted = self._own.machine.wanted_keys
        if not isinstance(session_id, str) or not isinstance(sender, str) or session_id in wanted:
            return
        wanted[session_id] = (room_id, sender)
        body = {"algorithm": MEGOLM, "room_id": room_id, "session_id": session_id}
        if isinstance(content, Mapping) and isinstance(content.get("sender_key"), str):
            body["sender_key"] = content[
                "sender_key"
            ]  # deprecated, yet some clients drop a request without it
        self._queue_request(session_id, sender, {"action": "request", "body": body})
        async with self._upkeep:
            try:
                await self._send_requests()
            except MatrixError:
                return

    def _withdraw_request(self, room_id: str, session_id: str) -> None:
        _, user_id = self._own.machine.wanted_keys.pop(session_id)
        self._queue_request(session_id, user_id, {"action": "request_cancellation"})

    def _queue_request(self, session_id: str, user_id: str, content: dict[str, Any]) -> None:
        names = {"request_id": session_id, "requesting_device_id": self._own.device_id}
        self._requests[session_id] = (user_id, content | names)

    async def encrypt(
        self,
        room_id: str,
        members: Collection[str],
        event_type: str,
        content: Mapping[str, Any],
        *,
        settings: Mapping[str, Any] | None = None,
    ) -> Encrypted:
        """Encrypt for the devices of the members that the trust policy allows, sharing the key first.

        `settings`: the content of the room's `m.room.encryption`, for how long a session lasts. Raises
        MatrixError when our homeserver fails; the next call then goes on where this one stopped.
        """
        return await self._sharing.encrypt(room_id, members, event_type, content, settings or {})

    def forget_outbound(self, room_id: str) -> None:
        """Somebody left the room: the next message starts a new session."""
        self._sharing.forget(room_id)

    # --- words -----------------------------------------------------------------------------------------

    async def devices_of(self, user_id: str) -> list[DeviceView]:
        """The user's devices and what the policy makes of each. Raises MatrixError."""
        await self._book.refresh([user_id])
        views = []
        for device in self._book.devices(user_id):
            verdict = self._book.verdict(device)
            views.append(
                DeviceView(
                    user_id,
                    device.device_id,
                    device.display_name,
                    device.ed25519,
                    device.cross_signed,
                    verdict.send,
                    verdict.reason.value,
                )
            )
        return views

    async def own_status(self) -> KeyStatus:
        """What other people's apps see of this bot. Raises MatrixError."""
        server = await self._cross_signing.on_server()
        identity = await self._cross_signing.load(server)
        whose: Literal["ours", "other", "none"] = "none"
        if server.has_identity:
            whose = "ours" if identity is not None and server.is_of(identity) else "other"
        signed = server.device_signed
        lines = [
            f"{self._own.user_id}, device {self._own.device_id}, fingerprint {self._own.machine.ed25519}",
            {
                "ours": "The cross-signing identity is in place and its keys are here.",
                "other": "The cross-signing identity belongs to another program; its keys are not here.",
                "none": "There is no cross-signing identity.",
            }[whose],
        ]
        if server.fingerprint != self._own.machine.ed25519:
            lines.append("The homeserver does not have this device's keys: nobody can write to it encrypted.")
        elif signed:
            lines.append("Apps show the bot's messages without a warning, once its user is known to them.")
        else:
            lines.append(
                "The device is not signed: apps mark its messages with a red or grey shield, and Element may "
                "neither show them nor send to it. Run `curbside keys bootstrap`."
            )
        others = tuple(await self.devices_of(self._own.user_id))
        if others:
            lines.append(
                f"The account has {len(others)} other device(s) with keys; log out those not in use."
            )
        count = self._uploads.count
        return KeyStatus(
            self._own.user_id,
            self._own.device_id,
            self._own.machine.ed25519,
            whose,
            signed,
            count,
            others,
            tuple(lines),
        )

    def close(self) -> None:
        """Close the key store; everything in it is saved already."""
        self._own.machine.store.close()
