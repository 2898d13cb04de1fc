"""Our device's own keys on the homeserver: identity keys, one-time keys, the fallback key.

Source: client-server API, POST /keys/upload, "One-time and fallback keys".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.matrix.crypto.olm import Own
from bot.matrix.crypto.ports import MatrixError
from bot.matrix.crypto.trust import MEGOLM, OLM

_UPLOAD = "/_matrix/client/v3/keys/upload"
_KIND = "signed_curve25519"


class KeyUpload:
    """Keeps the homeserver supplied with one-time keys."""

    def __init__(self, own: Own) -> None:
        self._own = own
        self.count: int | None = None
        """One-time keys left on the homeserver, as far as known."""
        self._fallback_used = False

    @property
    def has_fallback(self) -> bool:
        """Whether the Olm library can make fallback keys, which never run out."""
        return hasattr(self._own.machine.account._account, "generate_fallback_key")

    def note(self, sync: Mapping[str, Any]) -> None:
        """Take the counts of a sync."""
        counts = sync.get("device_one_time_keys_count")
        if isinstance(counts, Mapping):
            count = counts.get(_KIND, 0)
            self.count = count if isinstance(count, int) else None
        unused = sync.get("device_unused_fallback_key_types")
        if isinstance(unused, list):
            self._fallback_used = _KIND not in unused

    def device_keys(self) -> dict[str, Any]:
        """Our device's identity keys, signed by itself."""
        device_id, machine = self._own.device_id, self._own.machine
        keys: dict[str, Any] = {
            "user_id": self._own.user_id,
            "device_id": device_id,
            "algorithms": [OLM, MEGOLM],
            "keys": {f"curve25519:{device_id}": machine.curve25519, f"ed25519:{device_id}": machine.ed25519},
        }
        return self.signed(keys)

    async def upload_device(self) -> None:
        """Upload identity keys, one-time keys and a fallback key. Raises MatrixError."""
        self.count = 0
        self._fallback_used = True
        await self._upload({"device_keys": self.device_keys()})
        self._own.machine.account.shared = True
        self._own.machine.save_account()

    async def top_up(self) -> None:
        """Upload what is used up; nothing when nothing is. Raises MatrixError."""
        most = self._own.machine.account.max_one_time_keys
        scarce = self.count is not None and self.count <= most * 3 // 4
        if scarce or (self._fallback_used and self.has_fallback):
            await self._upload({})

    async def _upload(self, body: dict[str, Any]) -> None:
        try:
            answer = await self._send(body)
        except MatrixError as error:
            if error.status != 400 or "already exists" not in str(error.body.get("error")):
                raise
            # The homeserver holds other keys under these ids, from a state of this account that was lost.
            self._own.machine.mark_keys_as_published()
            answer = await self._send(body)
        self._own.machine.mark_keys_as_published()
        self._own.machine.save_account()
        self._fallback_used = False
        self.note({"device_one_time_keys_count": answer.get("one_time_key_counts")})

    async def _send(self, body: dict[str, Any]) -> dict[str, Any]:
        machine = self._own.machine
        account = machine.account
        waiting = len(account.one_time_keys["curve25519"])
        need = account.max_one_time_keys - (self.count or 0) - waiting
        if self.count is not None and need > 0:
            account.generate_one_time_keys(need)
        if self._fallback_used and self.has_fallback and not account._account.fallback_key:
            account._account.generate_fallback_key()
        # Before they leave: the homeserver must never hold a key whose private half a crash has lost.
        machine.save_account()
        keys = {
            f"{_KIND}:{i}": self.signed({"key": key})
            for i, key in account.one_time_keys["curve25519"].items()
        }
        fallback = {
            f"{_KIND}:{i}": self.signed({"key": key.to_base64(), "fallback": True})
            for i, key in (account._account.fallback_key if self.has_fallback else {}).items()
        }
        content = (
            body
            | ({"one_time_keys": keys} if keys else {})
            | ({"fallback_keys": fallback} if fallback else {})
        )
        return await self._own.http.request("POST", _UPLOAD, json=content)

    def signed(self, payload: dict[str, Any]) -> dict[str, Any]:
        """The object with our device's signature."""
        signature = self._own.machine.sign_json(payload)
        return payload | {"signatures": {self._own.user_id: {f"ed25519:{self._own.device_id}": signature}}}
