"""A person's cross-signing identity: three Ed25519 keys in a file, in the clear (invented people only).

Source: Matrix client-server API v1.11, module "End-to-End Encryption", section "Cross-signing"; appendix
"Signing JSON".
"""

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

_FILE = "identity.json"
_USAGES = ("master", "self_signing", "user_signing")


@dataclass(frozen=True)
class Identity:
    """The private keys by usage, and whose they are."""

    user_id: str
    keys: Mapping[str, Ed25519PrivateKey]

    @classmethod
    def load(cls, directory: Path, user_id: str) -> Self | None:
        """The identity kept there, or None. Raises ValueError when it is another person's."""
        try:
            data = json.loads((directory / _FILE).read_text())
        except FileNotFoundError:
            return None
        if data["user_id"] != user_id:
            raise ValueError(f"{directory} holds the identity of {data['user_id']}, not of {user_id}")
        seeds = {usage: b64decode(data[usage]) for usage in _USAGES}
        return cls(user_id, {usage: Ed25519PrivateKey.from_private_bytes(seeds[usage]) for usage in _USAGES})

    @classmethod
    def create(cls, directory: Path, user_id: str) -> Self:
        """A new identity, written there (mode 0600) before anybody else hears of it."""
        keys = {usage: Ed25519PrivateKey.generate() for usage in _USAGES}
        data = {usage: b64encode(key.private_bytes_raw()).decode() for usage, key in keys.items()}
        directory.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(directory / _FILE, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump({"user_id": user_id} | data, file)
        return cls(user_id, keys)

    def public_keys(self) -> dict[str, Any]:
        """The body of `POST /keys/device_signing/upload`."""
        body: dict[str, Any] = {}
        for usage in _USAGES:
            public = self._public(usage)
            key: dict[str, Any] = {
                "user_id": self.user_id,
                "usage": [usage],
                "keys": {f"ed25519:{public}": public},
            }
            body[f"{usage}_key"] = key if usage == "master" else self._signed(key, "master")
        return body

    def signature_of(self, device_keys: Mapping[str, Any]) -> dict[str, Any]:
        """The body of `POST /keys/signatures/upload` that signs one's own device."""
        bare = {name: value for name, value in device_keys.items() if name not in ("signatures", "unsigned")}
        return {self.user_id: {device_keys["device_id"]: self._signed(bare, "self_signing")}}

    def _signed(self, content: dict[str, Any], usage: str) -> dict[str, Any]:
        canonical = json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
        signature = _base64(self.keys[usage].sign(canonical))
        return content | {"signatures": {self.user_id: {f"ed25519:{self._public(usage)}": signature}}}

    def _public(self, usage: str) -> str:
        return _base64(self.keys[usage].public_key().public_bytes_raw())


def _base64(data: bytes) -> str:
    return b64encode(data).decode().rstrip("=")
