"""Encryption at rest: AES-256-GCM under a ring of keys, the newest of which seals.

A sealed value is `version(1) | key id(8) | nonce(12) | ciphertext+tag`; the place where it is
stored (table, column, row) is authenticated with it, so that values cannot be swapped between
rows (NIST SP 800-38D). Old keys open, the newest key seals, `curbside keys rotate` reseals all.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bot.kernel.errors import CurbsideError, KeyMissing

_VERSION = b"\x01"
_ID_BYTES = 8
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER = 1 + _ID_BYTES + _NONCE_BYTES


def _key_id(key: bytes) -> bytes:
    return hashlib.sha256(b"curbside at-rest key id" + key).digest()[:_ID_BYTES]


class KeyRing:
    """The at-rest keys of one installation; the last one seals."""

    def __init__(self, keys: Iterable[bytes]) -> None:
        self._path: Path | None = None
        self._use(list(keys))

    def _use(self, keys: list[bytes]) -> None:
        self._keys = keys
        if not self._keys or any(len(key) != 32 for key in self._keys):
            raise CurbsideError("The at-rest key file must hold at least one key of 32 bytes in base64.")
        self._ciphers = {_key_id(key): AESGCM(key) for key in self._keys}
        self._primary = _key_id(self._keys[-1])

    @classmethod
    def load(cls, path: Path) -> KeyRing:
        """Read the key file: one base64 key a line, oldest first."""
        try:
            lines = path.read_text("ascii").split()
            ring = cls([base64.b64decode(line, validate=True) for line in lines])
        except FileNotFoundError:
            raise CurbsideError(
                f"The at-rest key file {path} does not exist: restore it from your backup, "
                "or run `curbside init` for a new installation."
            ) from None
        except OSError as error:
            raise CurbsideError(f"The at-rest key file {path} cannot be read: {error.strerror}.") from None
        except ValueError:
            raise CurbsideError(f"The at-rest key file {path} is not lines of base64.") from None
        ring._path = path
        return ring

    @staticmethod
    def append_new_key(path: Path) -> None:
        """Add a fresh key, written beside and renamed so that a crash leaves the old file whole."""
        old = path.read_text("ascii").split() if path.exists() else []
        lines = [*old, base64.b64encode(secrets.token_bytes(32)).decode()]
        fresh = path.with_suffix(".new")
        fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        # Nothing may be sealed with a key whose file a power cut could take back.
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @property
    def size(self) -> int:
        """How many keys the ring holds."""
        return len(self._keys)

    def seal(self, plain: bytes, place: str) -> bytes:
        """Encrypt `plain` for the place `table.column:row`."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._ciphers[self._primary].encrypt(nonce, plain, place.encode())
        return _VERSION + self._primary + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """Decrypt a sealed value; raises KeyMissing, or CurbsideError if it was altered or moved."""
        if sealed[:1] != _VERSION or len(sealed) < _HEADER + _TAG_BYTES:
            raise CurbsideError(f"A sealed value in {place.split(':')[0]} was altered or cut.")
        key_id = sealed[1 : 1 + _ID_BYTES]
        if key_id not in self._ciphers:
            self._reload()
        cipher = self._ciphers.get(key_id)
        if cipher is None:
            raise KeyMissing(
                f"A value in {place.split(':')[0]} is sealed with a key that the at-rest key file lacks: "
                "restore the key file from your backup."
            )
        nonce = sealed[1 + _ID_BYTES : _HEADER]
        try:
            return cipher.decrypt(nonce, sealed[_HEADER:], place.encode())
        except InvalidTag:
            raise CurbsideError(f"A sealed value in {place.split(':')[0]} was altered or moved.") from None

    def _reload(self) -> None:
        """Read the key file again: `curbside keys rotate` may have run since."""
        if self._path is None:
            return
        try:
            keys = KeyRing.load(self._path)._keys
        except CurbsideError:
            return  # the keys we hold are still good; the missing one is reported by the caller
        if keys[: len(self._keys)] == self._keys:
            self._use(keys)

    def is_current(self, sealed: bytes) -> bool:
        """Say whether the newest key sealed this value."""
        return sealed[1 : 1 + _ID_BYTES] == self._primary

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for `purpose` that survive rotation (taken from the oldest key)."""
        return hmac.new(self._keys[0], b"curbside " + purpose.encode(), hashlib.sha256).digest()
