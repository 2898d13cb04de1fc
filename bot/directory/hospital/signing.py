"""Ed25519 (RFC 8032) under statements: making keys, signing, and whose signatures are right."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from bot.directory.hospital.statement import Signed, Statement, canonical_json, key_id


def new_key() -> tuple[str, str]:
    """A new key: the public half and the seed, both in unpadded base64."""
    private = Ed25519PrivateKey.generate()
    return _encoded(private.public_key().public_bytes_raw()), _encoded(private.private_bytes_raw())


def sign(statement: Statement, keys: Sequence[tuple[str, str]]) -> Signed:
    """Sign a statement with each of these keys (public half, seed)."""
    content = canonical_json(statement.to_json())
    return Signed(statement, content, signatures(content, keys))


def signatures(content: bytes, keys: Sequence[tuple[str, str]]) -> dict[str, str]:
    """The signatures of bytes with each of these keys (public half, seed), by key id."""
    made = {}
    for public, seed in keys:
        private = Ed25519PrivateKey.from_private_bytes(_decoded(seed))
        made[key_id(public)] = _encoded(private.sign(content))
    return made


def signers(signed: Signed, keys: Iterable[str]) -> set[str]:
    """Which of these keys have signed; each must have been written in the one way that base64 has for it."""
    return signers_of(signed.content, signed.signatures, keys)


def signers_of(content: bytes, signatures: Mapping[str, str], keys: Iterable[str]) -> set[str]:
    """Which of these keys have signed bytes, by signatures that nobody has checked yet."""
    right = set()
    for key in keys:
        signature = signatures.get(key_id(key))
        if signature is None or _encoded(_decoded(key)) != key:
            continue
        try:
            public = Ed25519PublicKey.from_public_bytes(_decoded(key))
            public.verify(_decoded(signature), content)
        except (InvalidSignature, ValueError):
            continue
        right.add(key)
    return right


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii").rstrip("=")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
