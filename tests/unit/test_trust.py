"""The trust policy and the signatures it rests on."""

from __future__ import annotations

import copy
from base64 import b64decode
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.matrix.crypto.crosssigning import OwnIdentity
from bot.matrix.crypto.trust import (
    MEGOLM,
    OLM,
    Device,
    Identity,
    Reason,
    Verdict,
    canonical_json,
    judge,
    parse_user,
    sign,
    signed_by,
    unpadded,
)
from bot.settings import TrustSettings

ADA, EVE = "@ada:north.example", "@eve:south.example"
STRICT = TrustSettings()
LENIENT = TrustSettings(users_without_identity="send")
EVERYBODY = TrustSettings(policy="all")


def key_of(name: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(name.encode().ljust(32, b"."))


def public(key: Ed25519PrivateKey) -> str:
    return unpadded(key.public_key().public_bytes_raw())


class Person:
    """A user with an identity and one device, as keys/query shows them."""

    def __init__(self, user_id: str = ADA, device_id: str = "PHONE", name: str = "ada") -> None:
        self.user_id, self.device_id = user_id, device_id
        self.own = OwnIdentity(user_id, {u: f"{name} {u}".encode().ljust(32, b".") for u in _USAGES})
        self.device_key = key_of(f"{name} device")
        body = self.own.upload_body()
        self.master: dict[str, Any] = body["master_key"]
        self.self_signing: dict[str, Any] = body["self_signing_key"]
        device: dict[str, Any] = {
            "user_id": user_id,
            "device_id": device_id,
            "algorithms": [OLM, MEGOLM],
            "keys": {f"ed25519:{device_id}": public(self.device_key), f"curve25519:{device_id}": "A" * 43},
        }
        device["signatures"] = {user_id: {f"ed25519:{device_id}": sign(device, self.device_key)}}
        self.unsigned = device
        self.signed: dict[str, Any] = self.own.sign_device(device)

    def seen(self, **changes: Any) -> tuple[Device | None, Identity | None]:
        parts = {"device": self.signed, "master": self.master, "self_signing": self.self_signing} | changes
        keys = parse_user(
            self.user_id, {self.device_id: parts["device"]}, parts["master"], parts["self_signing"]
        )
        return keys.devices.get(self.device_id), keys.identity

    def verdict(self, policy: TrustSettings = STRICT, **changes: Any) -> Verdict:
        device, identity = self.seen(**changes)
        assert device is not None
        return judge(device, identity, policy)


_USAGES = ("master", "self_signing", "user_signing")


def test_every_verdict() -> None:
    ada = Person()
    alone: dict[str, Any] = {"master": None, "self_signing": None}
    assert ada.verdict() == Verdict(True, Reason.SIGNED)
    assert ada.verdict(device=ada.unsigned) == Verdict(False, Reason.UNSIGNED)
    assert ada.verdict(LENIENT, device=ada.unsigned) == Verdict(False, Reason.UNSIGNED)
    assert ada.verdict(**alone) == Verdict(False, Reason.NO_IDENTITY)
    assert ada.verdict(LENIENT, **alone) == Verdict(True, Reason.NO_IDENTITY_ALLOWED)
    assert ada.verdict(EVERYBODY, device=ada.unsigned) == Verdict(True, Reason.EVERYBODY)
    changed = Device(ADA, "PHONE", "e", "c", cross_signed=True, keys_changed=True)
    for policy in (STRICT, LENIENT, EVERYBODY):
        assert judge(changed, None, policy) == Verdict(False, Reason.KEYS_CHANGED)


def test_a_signature_by_another_identity_is_none() -> None:
    ada, mallory = Person(), Person(name="mallory")
    assert ada.verdict(device=mallory.own.sign_device(ada.unsigned)).reason is Reason.UNSIGNED
    assert ada.verdict(self_signing=mallory.self_signing).reason is Reason.UNSIGNED
    assert ada.verdict(master=mallory.master).reason is Reason.UNSIGNED
    assert ada.verdict(master=mallory.master, self_signing=mallory.self_signing).reason is Reason.UNSIGNED


def test_a_forged_signature_is_none() -> None:
    ada = Person()
    forged = copy.deepcopy(ada.signed)
    key_id = f"ed25519:{ada.own.public('self_signing')}"
    good = forged["signatures"][ADA][key_id]
    for bad in ("A" * 86, good[:-4] + "AAAA", good[:40], "", "!", "é", None, 7, [good]):
        forged["signatures"][ADA][key_id] = bad
        assert ada.verdict(device=forged).reason is Reason.UNSIGNED


def test_another_person_s_keys_do_not_count() -> None:
    ada, eve = Person(), Person(EVE, "PHONE", "eve")
    assert parse_user(EVE, {"PHONE": ada.signed}, eve.master, eve.self_signing).devices == {}
    assert parse_user(ADA, {"TABLET": ada.signed}, ada.master, ada.self_signing).devices == {}
    stolen = parse_user(EVE, {"PHONE": eve.signed}, ada.master, ada.self_signing)
    assert stolen.identity == Identity(EVE, "", None) and not stolen.devices["PHONE"].cross_signed
    assert judge(stolen.devices["PHONE"], stolen.identity, LENIENT).reason is Reason.UNSIGNED


def test_a_key_for_another_usage_does_not_count() -> None:
    ada = Person()
    user_signing = ada.own.upload_body()["user_signing_key"]
    assert ada.verdict(self_signing=user_signing).reason is Reason.UNSIGNED
    assert ada.verdict(master=ada.self_signing).reason is Reason.UNSIGNED
    assert ada.verdict(self_signing=ada.master).reason is Reason.UNSIGNED


def test_a_device_that_did_not_sign_itself_is_no_device() -> None:
    ada = Person()
    for part in ("keys", "algorithms", "signatures", "user_id", "device_id"):
        broken = {name: value for name, value in ada.signed.items() if name != part}
        assert ada.seen(device=broken)[0] is None
    swapped = copy.deepcopy(ada.signed)
    swapped["keys"]["curve25519:PHONE"] = "B" * 43
    assert ada.seen(device=swapped)[0] is None
    assert ada.seen(device={**ada.signed, "algorithms": [OLM]})[0] is None


def test_what_signatures_do_not_cover_may_change() -> None:
    ada = Person()
    named = {**ada.signed, "unsigned": {"device_display_name": "Ada's phone"}}
    device, _ = ada.seen(device=named)
    assert device is not None and device.cross_signed and device.display_name == "Ada's phone"
    device, _ = ada.seen(device={**ada.signed, "unsigned": {"device_display_name": 7}})
    assert device is not None and device.display_name == ""


def test_a_broken_master_key_is_no_licence() -> None:
    """Who spoils a master key must not get its owner's devices treated as a newcomer's."""
    ada = Person()
    broken: list[Any] = [
        {},
        [],
        "x",
        {**ada.master, "usage": []},
        {**ada.master, "keys": {}},
        {**ada.master, "user_id": EVE},
    ]
    for master in broken:
        assert ada.verdict(LENIENT, master=master).reason is Reason.UNSIGNED


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"b": "2", "a": "1"}, '{"a":"1","b":"2"}'),
        ({"本": 2, "日": 1}, '{"日":1,"本":2}'),
        ({"a": "日本語"}, '{"a":"日本語"}'),
        ({"a": None, "b": [True, -0, {"d": 1, "c": "\n"}]}, '{"a":null,"b":[true,0,{"c":"\\n","d":1}]}'),
    ],
)
def test_canonical_json(value: Any, text: str) -> None:
    """The examples of the appendix."""
    assert canonical_json(value) == text.encode()


@pytest.mark.parametrize("value", [1.5, 2**53, -(2**53), float("nan"), {"a": [0.0]}, "\ud800"])
def test_what_canonical_json_cannot_hold(value: Any) -> None:
    with pytest.raises(ValueError):
        canonical_json(value)


def test_the_signature_of_the_specification() -> None:
    """Appendix "Test vectors", "Signing JSON"."""
    seed = "YJDBA9Xnr2sVqXD9Vj7XVUnmFZcZrlw8Md7kMW+3XA1"
    key = Ed25519PrivateKey.from_private_bytes(b64decode(seed + "="))
    empty = "K8280/U9SSy9IVtjBuVeLr+HpOB4BQFWbg+UZaADMtTdGYI7Geitb76LTrr5QV/7Xg4ahLwYGYZzuHGZKM5ZAQ"
    assert sign({}, key) == empty
    filled = "KqmLSbO39/Bzb0QIYE82zqLwsA+PDzYIpIRA2sRQ4sL53+sN6/fpNSoqE7BP7vBZhG6kYdD13EIMJpvhJI+6Bw"
    assert sign({"one": 1, "two": "Two"}, key) == filled
    signed = {"one": 1, "two": "Two", "signatures": {"domain": {"ed25519:1": filled}}, "unsigned": {"age": 1}}
    assert signed_by(signed, "domain", "1", public(key))


_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
_PERSON = Person()
_WHOLE: dict[str, Any] = {
    "device": _PERSON.signed,
    "master": _PERSON.master,
    "self_signing": _PERSON.self_signing,
}


def _paths(value: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [at] if at else []
    if isinstance(value, dict):
        for name, part in value.items():
            found += _paths(part, (*at, name))
    return found


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_paths(_WHOLE)), _JSON)
def test_no_change_anywhere_raises_or_earns_trust(path: tuple[str, ...], garbage: Any) -> None:
    whole = copy.deepcopy(_WHOLE)
    part = whole
    for name in path[:-1]:
        part = part[name]
    before, part[path[-1]] = part[path[-1]], garbage
    device, identity = _PERSON.seen(**whole)
    if device is None or garbage == before:
        return
    assert not judge(device, identity, STRICT).send


@settings(max_examples=200, deadline=None)
@given(_JSON, _JSON, _JSON)
def test_garbage_is_nobody(devices: Any, master: Any, self_signing: Any) -> None:
    keys = parse_user(ADA, devices, master, self_signing)
    assert keys.devices == {}
    assert (keys.identity is None) == (master is None)
