"""The bot's cross-signing identity: three keys made once, which vouch for its devices.

Without it the apps of other people refuse the bot's messages or show a warning. Source: client-server
API, "Cross-signing", "User-Interactive Authentication".
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from bot.matrix.crypto.ports import CrossSigningRefused, Http, MatrixError, SecretStore
from bot.matrix.crypto.trust import cross_signing_key, parse_user, sign, signed_by, unpadded

_QUERY = "/_matrix/client/v3/keys/query"
_UPLOAD = "/_matrix/client/v3/keys/device_signing/upload"
_SIGNATURES = "/_matrix/client/v3/keys/signatures/upload"
_USAGES = ("master", "self_signing", "user_signing")


class OwnIdentity:
    """The three private keys, and what is signed with them."""

    def __init__(self, user_id: str, seeds: Mapping[str, bytes]) -> None:
        self._user_id = user_id
        self._keys = {usage: Ed25519PrivateKey.from_private_bytes(seeds[usage]) for usage in _USAGES}

    @classmethod
    def make(cls, user_id: str) -> tuple[OwnIdentity, dict[str, str]]:
        """A new identity, and its seeds in the form to save."""
        seeds = {usage: secrets.token_bytes(32) for usage in _USAGES}
        return cls(user_id, seeds), {usage: b64encode(seed).decode() for usage, seed in seeds.items()}

    @classmethod
    def load(cls, user_id: str, saved: Mapping[str, str]) -> OwnIdentity:
        """The identity of saved seeds."""
        return cls(user_id, {usage: b64decode(saved[usage]) for usage in _USAGES})

    def public(self, usage: str) -> str:
        """The public key of that usage."""
        return unpadded(self._keys[usage].public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def master_key(self) -> dict[str, Any]:
        """The master key object, unsigned."""
        key = self.public("master")
        return {"user_id": self._user_id, "usage": ["master"], "keys": {f"ed25519:{key}": key}}

    def upload_body(self) -> dict[str, Any]:
        """The public keys, the two others signed by the master key."""
        body = {"master_key": self.master_key()}
        for usage in ("self_signing", "user_signing"):
            key = self.public(usage)
            payload = {"user_id": self._user_id, "usage": [usage], "keys": {f"ed25519:{key}": key}}
            body[f"{usage}_key"] = self._signed(payload, "master")
        return body

    def sign_device(self, device_keys: Mapping[str, Any]) -> dict[str, Any]:
        """The device's keys with our signature beside its own."""
        return self._signed(device_keys, "self_signing")

    def _signed(self, payload: Mapping[str, Any], usage: str) -> dict[str, Any]:
        signatures = {user: dict(by) for user, by in payload.get("signatures", {}).items()}
        signatures.setdefault(self._user_id, {})[f"ed25519:{self.public(usage)}"] = sign(
            payload, self._keys[usage]
        )
        return {**payload, "signatures": signatures}


class OnServer:
    """What the homeserver has of our own keys."""

    def __init__(self, user_id: str, device_id: str, answer: Mapping[str, Any]) -> None:
        self._user_id = user_id
        self._device_id = device_id
        self.master = _own(answer, "master_keys", user_id)
        self.self_signing = _own(answer, "self_signing_keys", user_id)
        self.device = _own(_own(answer, "device_keys", user_id), device_id)

    @property
    def has_identity(self) -> bool:
        return bool(self.master)

    def is_of(self, identity: OwnIdentity) -> bool:
        """Whether it is this identity, with its self-signing key."""
        master, signer = identity.public("master"), identity.public("self_signing")
        return (
            cross_signing_key(self.master, self._user_id, "master") == master
            and cross_signing_key(self.self_signing, self._user_id, "self_signing") == signer
            and signed_by(self.self_signing, self._user_id, master, master)
        )

    @property
    def fingerprint(self) -> str | None:
        """Our device's Ed25519 key, None when the homeserver has no keys of the device."""
        key = _own(self.device, "keys", f"ed25519:{self._device_id}")
        return key if isinstance(key, str) else None

    @property
    def device_signed(self) -> bool:
        """Whether the identity that is there, ours or not, vouches for our device."""
        keys = parse_user(
            self._user_id, {self._device_id: self.device}, self.master or None, self.self_signing
        )
        return any(device.cross_signed for device in keys.devices.values())

    def device_signed_by(self, identity: OwnIdentity) -> bool:
        """Whether our device bears the identity's valid signature."""
        key = identity.public("self_signing")
        return signed_by(self.device, self._user_id, key, key)


class CrossSigning:
    """Loads, makes and uploads the identity."""

    def __init__(
        self, http: Http, secret_store: SecretStore, user_id: str, device_id: str, password: str | None
    ) -> None:
        self._http = http
        self._secrets = secret_store
        self._user_id = user_id
        self._device_id = device_id
        self._password = password
        self._name = f"cross-signing {user_id}"

    async def load(self, server: OnServer) -> OwnIdentity | None:
        """Our identity, or None when none was made yet. One that replaced it just before a crash counts."""
        saved = await self._secrets.load(self._name)
        if saved is None:
            return None
        if "next" in saved:
            coming = OwnIdentity.load(self._user_id, saved["next"])
            if server.is_of(coming):
                await self._secrets.save(self._name, {"seeds": saved["next"]})
                return coming
        return OwnIdentity.load(self._user_id, saved["seeds"])

    async def make(self) -> OwnIdentity:
        """Make the first identity and save it, before the homeserver or anybody hears of it."""
        identity, seeds = OwnIdentity.make(self._user_id)
        await self._secrets.save(self._name, {"seeds": seeds})
        return identity

    async def replace(self) -> OwnIdentity:
        """Make a new identity the account's; the old one stays ours until the homeserver has taken it.

        Raises CrossSigningRefused, MatrixError.
        """
        identity, seeds = OwnIdentity.make(self._user_id)
        saved = await self._secrets.load(self._name) or {"seeds": seeds}
        await self._secrets.save(self._name, {"seeds": saved["seeds"], "next": seeds})
        await self.upload(identity)
        await self._secrets.save(self._name, {"seeds": seeds})
        return identity

    async def on_server(self) -> OnServer:
        """Ask the homeserver. Raises MatrixError."""
        answer = await self._http.request("POST", _QUERY, json={"device_keys": {self._user_id: []}})
        return OnServer(self._user_id, self._device_id, answer)

    async def upload(self, identity: OwnIdentity) -> None:
        """Make the identity the account's. Raises CrossSigningRefused, MatrixError."""
        body = identity.upload_body()
        try:
            await self._http.request("POST", _UPLOAD, json=body)
        except MatrixError as error:
            if error.status != 401 or "flows" not in error.body:
                if error.transient:
                    raise
                raise CrossSigningRefused(_REFUSED.format(user=self._user_id, why=error.errcode)) from None
            await self._upload_with_password(body, error.body)

    async def _upload_with_password(self, body: dict[str, Any], challenge: Mapping[str, Any]) -> None:
        stages = [_own(flow, "stages") for flow in challenge["flows"] if isinstance(flow, Mapping)]
        if ["m.login.password"] not in stages:
            why = "the homeserver asks for " + (
                " or ".join(str(s) for stage in stages for s in stage) or "more"
            )
            raise CrossSigningRefused(_REFUSED.format(user=self._user_id, why=why))
        if self._password is None:
            raise CrossSigningRefused(
                f"{self._user_id} cannot set up cross-signing: the homeserver asks for the password again. "
                "Give it as password_file for one start."
            )
        auth = {
            "type": "m.login.password",
            "identifier": {"type": "m.id.user", "user": self._user_id},
            "password": self._password,
            "session": challenge.get("session"),
        }
        try:
            await self._http.request("POST", _UPLOAD, json=body | {"auth": auth})
        except MatrixError as error:
            if error.transient:
                raise
            why = "the homeserver refuses the password" if error.status in (401, 403) else error.errcode
            raise CrossSigningRefused(_REFUSED.format(user=self._user_id, why=why)) from None

    async def sign(
        self, identity: OwnIdentity, device_keys: Mapping[str, Any], master: Mapping[str, Any]
    ) -> None:
        """Upload our device signed by the identity, and the master key signed by the device.

        Raises CrossSigningRefused, MatrixError.
        """
        devices = {self._device_id: identity.sign_device(device_keys), identity.public("master"): master}
        body = {self._user_id: devices}
        answer = await self._http.request("POST", _SIGNATURES, json=body)
        if failures := _own(answer, "failures", self._user_id):
            codes = {str(_own(failure, "errcode")) for failure in dict(failures).values()}
            raise CrossSigningRefused(
                f"The homeserver refuses the signature of {self._user_id}'s device ({', '.join(codes)})."
            )


_REFUSED = (
    "{user} cannot set up cross-signing ({why}). Until then other people's apps warn of its messages "
    "or refuse them."
)


def _own(answer: Any, *names: str) -> Any:
    """The value at that path of nested objects, or {} where there is none."""
    for name in names:
        answer = answer.get(name) if isinstance(answer, Mapping) else None
    return {} if answer is None else answer
