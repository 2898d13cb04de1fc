"""What the crypto machine asks of its surroundings, and what it answers with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from bot.kernel.errors import CurbsideError
from bot.matrix.http import MatrixError

__all__ = [
    "CannotOpenStore",
    "CrossSigningRefused",
    "Decrypted",
    "DeviceKeysLost",
    "DeviceView",
    "Encrypted",
    "Http",
    "IdentityChange",
    "IdentityStore",
    "KeyStatus",
    "MatrixError",
    "ReceivedKeys",
    "SecretStore",
    "StartReport",
    "SyncOutcome",
    "Undecryptable",
    "Withheld",
]


class Http(Protocol):
    """Requests to the homeserver; every failure, also of the network, is a MatrixError."""

    async def request(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        query: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> dict[str, Any]: ...


class SecretStore(Protocol):
    """Small secrets, encrypted at rest."""

    async def load(self, name: str) -> Any | None: ...

    async def save(self, name: str, value: Any) -> None: ...


class IdentityStore(Protocol):
    """The master keys of other people as first seen (trust on first use)."""

    async def pinned(self, user_id: str) -> str | None: ...

    async def pin(self, user_id: str, master_key: str) -> None: ...


class CannotOpenStore(CurbsideError):
    """The file with the device's keys is damaged or was written with another key."""


class DeviceKeysLost(CurbsideError):
    """The homeserver knows keys of this device that are not here: only a new device can go on."""


class CrossSigningRefused(CurbsideError):
    """The homeserver does not let us upload a cross-signing identity."""


@dataclass(frozen=True)
class IdentityChange:
    """A user's master key is not the one seen before."""

    user_id: str
    before: str
    now: str


@dataclass(frozen=True)
class Withheld:
    """A device that cannot read a message, and why.

    `code` is that of `m.room_key.withheld`: `m.unverified`, `m.no_olm`; or `m.unavailable` with the
    device "*" for a person of whom no device is known. `new`: not reported for this session before.
    """

    user_id: str
    device_id: str
    code: str
    reason: str
    new: bool


@dataclass(frozen=True)
class Encrypted:
    """The content of an `m.room.encrypted` event, and who will not be able to read it."""

    content: dict[str, Any]
    withheld: tuple[Withheld, ...] = ()
    identity_changes: tuple[IdentityChange, ...] = ()


@dataclass(frozen=True)
class Decrypted:
    """An event in the clear. `verified`: its device is signed by its sender's cross-signing identity."""

    event: dict[str, Any]
    session_id: str
    verified: bool


@dataclass(frozen=True)
class Undecryptable:
    """An event that could not be read.

    `no_key`: the session, or the list of the sender's devices that it must be checked against, has not
    come yet; try again when `receive_sync` or `after_sync` names the session. `replay`: this message of
    the session was another event. `forged`: it does not come from a device of its sender, or not from this
    room. `withheld`: the code with which the sender refused us the key, if it said so.
    """

    session_id: str
    reason: Literal["no_key", "replay", "malformed", "forged"]
    withheld: str | None = None


@dataclass(frozen=True)
class ReceivedKeys:
    """What a sync brought: sessions as (room id, session id), and users whose devices changed."""

    sessions: frozenset[tuple[str, str]] = frozenset()
    changed_users: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SyncOutcome:
    """What `after_sync` found: events of these sessions deserve another try; whose identity changed."""

    readable: frozenset[tuple[str, str]] = frozenset()
    identity_changes: tuple[IdentityChange, ...] = ()


@dataclass(frozen=True)
class StartReport:
    """What `start` found and did.

    `identity`: `created` (new cross-signing identity uploaded), `ours` (the one on the server is ours),
    `other` (the server has one that we cannot sign with), `refused` (the server does not let us upload one).
    `advice`: what an operator should know or do, in words.
    """

    new_device: bool
    identity: Literal["created", "ours", "other", "refused"]
    device_signed: bool
    signed_now: bool
    fallback_key: bool
    advice: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeviceView:
    """One device of a user as the trust policy sees it. `fingerprint`: its Ed25519 key, unpadded base64."""

    user_id: str
    device_id: str
    display_name: str
    fingerprint: str
    cross_signed: bool
    send: bool
    why: str


@dataclass(frozen=True)
class KeyStatus:
    """The bot's own keys as other people's clients see them; `lines` says it in plain words."""

    user_id: str
    device_id: str
    fingerprint: str
    identity: Literal["ours", "other", "none"]
    device_signed: bool
    one_time_keys: int | None
    other_devices: tuple[DeviceView, ...]
    lines: tuple[str, ...]
