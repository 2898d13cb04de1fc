"""Other people's devices: asked for when due, kept with their signatures, and judged by the trust policy.

Source: client-server API, "Tracking the device list for a user".
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice
from typing import Any

from nio.crypto import OlmDevice

from bot.matrix.crypto.away import Away, is_failure, server_of
from bot.matrix.crypto.olm import Machine, Own
from bot.matrix.crypto.ports import IdentityChange, IdentityStore
from bot.matrix.crypto.trust import Device, Identity, Policy, UserKeys, Verdict, judge, parse_user

_QUERY = "/_matrix/client/v3/keys/query"
_USERS_PER_QUERY = 100
_REMOTE_TIMEOUT_MS = 5000  # how long our homeserver may wait for the others
_GONE_KEPT = 50
_SECOND_LOOKS_S = (0.25, 0.5, 1.0)
_EARLY_ANSWERS = 2 * len(_SECOND_LOOKS_S)  # several messages may be waiting for the same person


@dataclass
class _Known:
    """One user as last seen. `gone`: devices that are no longer listed; older messages came from them."""

    identity: Identity | None = None
    devices: dict[str, Device] = field(default_factory=dict)
    gone: dict[str, Device] = field(default_factory=dict)
    raw: dict[str, Any] = field(default_factory=dict)


class DeviceBook:
    """The devices of everybody we share rooms with.

    A user is `fresh` when asked in this process and not reported as changed since. What was last known
    outlives restarts, so that an unreachable homeserver does not silence its users.
    """

    def __init__(self, own: Own, identities: IdentityStore, policy: Policy, away: Away) -> None:
        self._own = own
        self._away = away
        self._identities = identities
        self._policy = policy
        self._known: dict[str, _Known] = {}
        self._fresh: set[str] = set()
        self._due: set[str] = set()
        self._changes: dict[str, int] = {}
        self._queries = 0
        self._applied: dict[str, int] = {}
        self._answered: dict[str, int] = {}
        self._identity_changes: dict[tuple[str, str], IdentityChange] = {}
        self._sighted: dict[tuple[str, str], tuple[int, set[tuple[str, str]]]] = {}
        self._readable: set[tuple[str, str]] = set()

    # --- what is known ---------------------------------------------------------------------------------

    def known(self, user_id: str) -> _Known:
        """What is known of the user; read from the store at first."""
        if user_id not in self._known:
            self._known[user_id] = known = _read(user_id, self._own.machine.store.load_user(user_id) or {})
            self._show(self._own.machine, user_id, known)
        return self._known[user_id]

    def attach(self, machine: Machine) -> None:
        """Tell a machine that was read anew of all devices."""
        for user_id, known in self._known.items():
            self._show(machine, user_id, known)

    def devices(self, user_id: str) -> Iterable[Device]:
        """The user's present devices, save our own one."""
        for device in self.known(user_id).devices.values():
            if (user_id, device.device_id) != (self._own.user_id, self._own.device_id):
                yield device

    def verdict(self, device: Device) -> Verdict:
        """What the policy says of the device."""
        return judge(device, self.known(device.user_id).identity, self._policy)

    def by_sender_key(self, user_id: str, curve25519: str) -> Device | None:
        """The user's device with that key, present or gone."""
        known = self.known(user_id)
        for devices in (known.devices, known.gone):
            for device in devices.values():
                if device.curve25519 == curve25519:
                    return device
        return None

    def is_fresh(self, user_id: str) -> bool:
        """Whether the user was asked for and has not changed since."""
        return user_id in self._fresh

    def has_devices(self, user_id: str) -> bool:
        """Whether any device of the user was ever seen."""
        known = self.known(user_id)
        return bool(known.devices or known.gone)

    def sighted(self, user_id: str, curve25519: str, session: tuple[str, str]) -> bool:
        """An unknown device wrote in the user's name: True when the user's list, asked since, lacks it.

        Until the answer the device may be a new one; the session is among those that `take_readable`
        names when the answer has come.
        """
        answers = self._answered.get(user_id, 0)
        at, sessions = self._sighted.setdefault((user_id, curve25519), (answers, set()))
        if answers > at:
            return True
        sessions.add(session)
        self._fresh.discard(user_id)
        self._due.add(user_id)
        return False

    # --- when to ask -----------------------------------------------------------------------------------

    def mark_changed(self, users: Iterable[str]) -> None:
        """These users' devices changed: ask again."""
        for user_id in users:
            self._changes[user_id] = self._changes.get(user_id, 0) + 1
            self._fresh.discard(user_id)
            self._away.heard(user_id)
            if self.has_devices(user_id):
                self._due.add(user_id)

    def mark_due(self, user_id: str) -> None:
        """Ask for this user with the next `refresh_due`."""
        if user_id not in self._fresh:
            self._due.add(user_id)

    def mark_left(self, users: Iterable[str]) -> None:
        """We share no encrypted room with these users any more, and will not hear of their changes."""
        self._fresh.difference_update(users)
        self._due.difference_update(users)

    async def refresh_due(self) -> None:
        """Ask for all users whose devices are known to have changed. Raises MatrixError."""
        self._due |= self._own.machine.users_for_key_query
        self._own.machine.users_for_key_query.clear()
        await self.refresh(self._due)
        self._due -= self._fresh

    async def refresh(self, users: Iterable[str]) -> None:
        """Ask for those of the users who are not fresh. Raises MatrixError when our homeserver fails.

        Users of homeservers that cannot be reached stay as they are and are asked for again later.
        """
        now = self._own.clock.now()
        waiting = iter(sorted(u for u in set(users) - self._fresh if not self._away.holds(u, now)))
        while chunk := list(islice(waiting, _USERS_PER_QUERY)):
            await self._ask(chunk, now)
            for pause in _SECOND_LOOKS_S:
                doubtful = [user_id for user_id in chunk if self._is_doubtful(user_id)]
                if not doubtful:
                    break
                await asyncio.sleep(pause)
                await self._ask(doubtful, now)

    def _is_doubtful(self, user_id: str) -> bool:
        """Whether the first answers about somebody of another homeserver may lack signatures.

        Homeservers hear of devices and of cross-signing keys one after the other (server-server API,
        m.device_list_update and m.signing_key_update): nobody is refused before a second look.
        """
        if server_of(user_id) == server_of(self._own.user_id):
            return False
        early = 0 < self._answered.get(user_id, 0) <= _EARLY_ANSWERS
        return early and any(not self.verdict(device).send for device in self.devices(user_id))

    async def _ask(self, users: Collection[str], now: datetime) -> None:
        before = {user_id: self._changes.get(user_id, 0) for user_id in users}
        self._queries += 1
        query = self._queries
        body = {"device_keys": {user_id: [] for user_id in users}, "timeout": _REMOTE_TIMEOUT_MS}
        answer = await self._own.http.request("POST", _QUERY, json=body)
        for user_id in users:
            if is_failure(answer, user_id) and user_id not in _mapping(answer, "device_keys"):
                self._away.failed(user_id, now)
                continue
            await self._take(user_id, answer, query)
            if self._changes.get(user_id, 0) == before[user_id] and not self._is_doubtful(user_id):
                self._fresh.add(user_id)
            self._away.heard(user_id)

    # --- answers ---------------------------------------------------------------------------------------

    async def _take(self, user_id: str, answer: Mapping[str, Any], query: int) -> None:
        devices = _mapping(answer, "device_keys").get(user_id)
        raw = {
            "devices": dict(devices) if isinstance(devices, Mapping) else {},
            "master": _mapping(answer, "master_keys").get(user_id),
            "self_signing": _mapping(answer, "self_signing_keys").get(user_id),
        }
        found = parse_user(user_id, raw["devices"], raw["master"], raw["self_signing"])
        if user_id != self._own.user_id:
            found = await self._compare_identity(user_id, found)
        # No await from here on: what is applied must be the newest answer.
        if query < self._applied.get(user_id, 0):
            return
        self._applied[user_id] = query
        known = _merge(self.known(user_id), found, raw)
        if known.raw != self.known(user_id).raw:
            self._own.machine.store.save_user(user_id, known.raw)
        self._known[user_id] = known
        self._show(self._own.machine, user_id, known)
        self._answered[user_id] = self._answered.get(user_id, 0) + 1
        for sighting, (_, sessions) in self._sighted.items():
            if sighting[0] == user_id:
                self._readable |= sessions
                sessions.clear()

    async def _compare_identity(self, user_id: str, found: UserKeys) -> UserKeys:
        pinned = await self._identities.pinned(user_id)
        if found.identity is None:
            # An identity is replaced, never removed: a server that leaves it out must gain nothing by it.
            return found if pinned is None else replace(found, identity=Identity(user_id, pinned, None))
        now = found.identity.master_key
        if now and now != pinned:
            if pinned is not None:
                self._identity_changes[user_id, now] = IdentityChange(user_id, pinned, now)
            await self._identities.pin(user_id, now)
        return found

    def take_identity_changes(self) -> tuple[IdentityChange, ...]:
        """The identity changes that nobody was told of yet."""
        changes = tuple(self._identity_changes.values())
        self._identity_changes.clear()
        return changes

    def take_readable(self) -> frozenset[tuple[str, str]]:
        """Sessions whose sender could not be checked before and can be now."""
        readable = frozenset(self._readable)
        self._readable.clear()
        return readable

    def _show(self, machine: Machine, user_id: str, known: _Known) -> None:
        """Put the devices where nio looks for them."""
        entries = machine.device_store[user_id]
        entries.clear()
        for devices, deleted in ((known.gone, True), (known.devices, False)):
            for device in devices.values():
                entries[device.device_id] = olm_device(device, deleted=deleted)


def olm_device(device: Device, *, deleted: bool = False) -> OlmDevice:
    """The device as nio has it."""
    keys = {"ed25519": device.ed25519, "curve25519": device.curve25519}
    return OlmDevice(device.user_id, device.device_id, keys, device.display_name, deleted)


def _merge(known: _Known, found: UserKeys, raw: dict[str, Any]) -> _Known:
    """The user after this answer. A device id that comes with another key keeps the old one, distrusted."""
    devices, kept = dict(found.devices), {i: raw["devices"][i] for i in found.devices}
    changed = []
    for device_id, device in found.devices.items():
        before = known.devices.get(device_id)
        if before is not None and before.ed25519 != device.ed25519:
            devices[device_id] = replace(before, keys_changed=True)
            kept[device_id] = known.raw["devices"][device_id]
            changed.append(device_id)
    gone = {i: known.raw["gone"][i] for i in known.gone if i not in devices}
    gone |= {i: known.raw["devices"][i] for i in known.devices if i not in devices}
    gone = dict(list(gone.items())[-_GONE_KEPT:])
    all_before = known.gone | known.devices
    return _Known(
        found.identity,
        devices,
        {i: all_before[i] for i in gone},
        raw | {"devices": kept, "gone": gone, "changed": changed, "pinned": _pinned(found.identity)},
    )


def _pinned(identity: Identity | None) -> str | None:
    return identity.master_key if identity is not None else None


def _read(user_id: str, raw: dict[str, Any]) -> _Known:
    """The user from what `_merge` made of the last answer; every signature is verified again."""
    if not raw:
        return _Known()
    found = parse_user(user_id, raw["devices"], raw["master"], raw["self_signing"])
    identity = found.identity
    if identity is None and raw["pinned"] is not None:
        identity = Identity(user_id, raw["pinned"], None)
    devices = {
        device_id: replace(device, keys_changed=device_id in raw["changed"])
        for device_id, device in found.devices.items()
    }
    return _Known(identity, devices, dict(parse_user(user_id, raw["gone"], None, None).devices), raw)


def _mapping(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = answer.get(name)
    return value if isinstance(value, Mapping) else {}
