"""Who may read: cross-signing chains and the trust policy. Pure: no I/O, no clock.

Sources: Matrix specification, appendix "Signing JSON" and "Canonical JSON"; client-server API,
"Cross-signing" and "Device keys"; MSC4153 (exclude devices that are not cross-signed).
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Literal, Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

MEGOLM = "m.megolm.v1.aes-sha2"
OLM = "m.olm.v1.curve25519-aes-sha2"
_LEAST_INTEGER, _MOST_INTEGER = -(2**53) + 1, 2**53 - 1


class Policy(Protocol):
    """The two settings that the policy reads; `TrustSettings` has them."""

    @property
    def policy(self) -> Literal["cross-signed", "all"]: ...

    @property
    def users_without_identity(self) -> Literal["withhold", "send"]: ...


class Reason(Enum):
    """Why a device gets keys or not."""

    SIGNED = "its owner has verified it"
    EVERYBODY = "the policy sends to every device"
    NO_IDENTITY_ALLOWED = "its owner has not set up cross-signing, which the policy allows"
    NO_IDENTITY = "its owner has not set up cross-signing"
    UNSIGNED = "its owner has not verified it"
    KEYS_CHANGED = "its keys changed, which is never right"


@dataclass(frozen=True)
class Verdict:
    """Whether a device gets keys, and why."""

    send: bool
    reason: Reason


@dataclass(frozen=True)
class Device:
    """A device whose keys are well-formed and self-signed. `cross_signed`: by its owner's valid chain."""

    user_id: str
    device_id: str
    ed25519: str
    curve25519: str
    display_name: str = ""
    cross_signed: bool = False
    keys_changed: bool = False


@dataclass(frozen=True)
class Identity:
    """A user's cross-signing identity; without `self_signing_key` its chain is broken and signs nothing."""

    user_id: str
    master_key: str
    self_signing_key: str | None


@dataclass(frozen=True)
class UserKeys:
    """What a keys/query answer says of one user, as far as the signatures bear it out."""

    identity: Identity | None
    devices: Mapping[str, Device]


def judge(device: Device, identity: Identity | None, policy: Policy) -> Verdict:
    """Whether room keys go to this device."""
    if device.keys_changed:
        return Verdict(False, Reason.KEYS_CHANGED)
    if policy.policy == "all":
        return Verdict(True, Reason.EVERYBODY)
    if identity is None:
        if policy.users_without_identity == "send":
            return Verdict(True, Reason.NO_IDENTITY_ALLOWED)
        return Verdict(False, Reason.NO_IDENTITY)
    if device.cross_signed:
        return Verdict(True, Reason.SIGNED)
    return Verdict(False, Reason.UNSIGNED)


def parse_user(user_id: str, devices: Any, master: Any, self_signing: Any) -> UserKeys:
    """Read one user's part of a keys/query answer; what is malformed or wrongly signed counts as absent.

    A master key that is there but malformed still makes an identity, one that signs nothing: else a
    broken key would get its owner's devices the treatment of a user who has no identity.
    """
    identity = None if master is None else _identity(user_id, master, self_signing)
    signer = identity.self_signing_key if identity is not None else None
    found: dict[str, Device] = {}
    for device_id, payload in devices.items() if isinstance(devices, Mapping) else ():
        if (device := _device(user_id, device_id, payload, signer)) is not None:
            found[device_id] = device
    return UserKeys(identity, found)


def _identity(user_id: str, master: Any, self_signing: Any) -> Identity:
    master_key = cross_signing_key(master, user_id, "master")
    if master_key is None:
        return Identity(user_id, "", None)
    signer = cross_signing_key(self_signing, user_id, "self_signing")
    if signer is not None and not signed_by(self_signing, user_id, master_key, master_key):
        signer = None
    return Identity(user_id, master_key, signer)


def cross_signing_key(payload: Any, user_id: str, usage: str) -> str | None:
    """The public key of a cross-signing key object, None when not this user's or not for this usage."""
    if not isinstance(payload, Mapping) or payload.get("user_id") != user_id:
        return None
    usages, keys = payload.get("usage"), payload.get("keys")
    if not isinstance(usages, list) or usage not in usages or not isinstance(keys, Mapping) or len(keys) != 1:
        return None
    ((key_id, key),) = keys.items()
    if not isinstance(key, str) or key_id != f"ed25519:{key}" or _raw(key) is None:
        return None
    return key


def _device(user_id: str, device_id: Any, payload: Any, signer: str | None) -> Device | None:
    if not isinstance(payload, Mapping) or not isinstance(device_id, str):
        return None
    keys, algorithms = payload.get("keys"), payload.get("algorithms")
    if (
        payload.get("user_id") != user_id
        or payload.get("device_id") != device_id
        or not isinstance(keys, Mapping)
    ):
        return None
    if not isinstance(algorithms, list) or MEGOLM not in algorithms or OLM not in algorithms:
        return None
    ed25519, curve25519 = keys.get(f"ed25519:{device_id}"), keys.get(f"curve25519:{device_id}")
    if not isinstance(ed25519, str) or not isinstance(curve25519, str) or _raw(curve25519) is None:
        return None
    if not signed_by(payload, user_id, device_id, ed25519):
        return None
    unsigned = payload.get("unsigned")
    name = unsigned.get("device_display_name") if isinstance(unsigned, Mapping) else None
    return Device(
        user_id,
        device_id,
        ed25519,
        curve25519,
        name if isinstance(name, str) else "",
        cross_signed=signer is not None and signed_by(payload, user_id, signer, signer),
    )


def signed_by(payload: Any, user_id: str, key_id: str, public_key: str) -> bool:
    """Whether the object bears that user's valid signature with that key.

    Source: appendix "Checking for a signature".
    """
    try:
        signature = b64decode(_padded(payload["signatures"][user_id][f"ed25519:{key_id}"]), validate=True)
        key = _raw(public_key)
        if key is None:
            return False
        Ed25519PublicKey.from_public_bytes(key).verify(signature, canonical_json(signable(payload)))
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError, InvalidSignature):
        return False
    return True


def sign(payload: Mapping[str, Any], key: Ed25519PrivateKey) -> str:
    """The signature of the object, unpadded base64 (appendix "Signing details")."""
    return unpadded(key.sign(canonical_json(signable(payload))))


def signable(payload: Mapping[str, Any]) -> dict[str, Any]:
    """The object without what signatures do not cover."""
    return {name: value for name, value in payload.items() if name not in ("signatures", "unsigned")}


def canonical_json(value: Any) -> bytes:
    """Canonical JSON; raises ValueError on what it cannot hold."""
    _check_numbers(value)
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True, allow_nan=False)
    return text.encode("utf-8")


def _check_numbers(value: Any) -> None:
    if isinstance(value, Mapping):
        for item in value.values():
            _check_numbers(item)
    elif isinstance(value, list):
        for item in value:
            _check_numbers(item)
    elif isinstance(value, float) or (
        isinstance(value, int) and not _LEAST_INTEGER <= value <= _MOST_INTEGER
    ):
        raise ValueError("canonical JSON holds no such number")


def unpadded(raw: bytes) -> str:
    """Unpadded base64, as everywhere in Matrix."""
    return b64encode(raw).decode().rstrip("=")


def _padded(text: str) -> str:
    return text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4)


def _raw(key: str) -> bytes | None:
    """The 32 bytes of a public key, or None."""
    try:
        raw = b64decode(_padded(key), validate=True)
    except ValueError:
        return None
    return raw if len(raw) == 32 else None
