"""Receipts: what was found in a text before it was shown, which versions looked, and who attested. Pure.

A receipt says what was found and who looked; never that a text is anonymous. It is JSON, signed with Ed25519
(RFC 8032) over its canonical form. Texts stand in it as HMAC-SHA-256 (RFC 2104):

* `after`, of what was shown, under a key that stands beside it: whoever has the text can compare.
* `before`, of what the author wrote, under a key that only the house has. With an open key, names could be
  tried out one by one against the text as shown.
* who attested, as a commitment: HMAC-SHA-256 of the author under a nonce that only the author's
  own copy holds.

Times are to the hour.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

TYPE = "org.curbside.deid.receipt"
VERSION = 1
CLASSES = "ABCDEFGHIJKLMNOPQR"  # 45 CFR 164.514(b)(2)(i)
MOST_BYTES = 256 * 1024
# What a house's keys are derived for: to sign, and for `before`.
SIGNING, BEFORE = "case receipt signing key", "case receipt originals"
_KEY_BYTES = 32


class BadReceipt(Exception):
    """What was given is no receipt, or not one that was signed so; the message says why."""


@dataclass(frozen=True, slots=True)
class Attested:
    """Who looked: `name` is the pseudonym, `author` goes in as a commitment alone."""

    name: str
    author: str
    at: datetime
    consent: str


@dataclass(frozen=True, slots=True)
class Looked:
    """What was looked at and found: counts per class A–R, of spans taken out and of spans brought back.

    `warnings` are reasons for which the text may still identify somebody; `files` are (type, bytes) as shown.
    """

    before: str
    after: str
    language: str
    found: Mapping[str, int]
    restored: Mapping[str, int]
    warnings: Sequence[str]
    versions: Mapping[str, str]
    files: Sequence[tuple[str, bytes]] = ()


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as read: `content` is what was signed, `key` the public key it names, in base64."""

    content: Mapping[str, Any]
    key: str
    signature: bytes
    nonce: bytes | None = None

    @property
    def fingerprint(self) -> str:
        """The public key in a form that people compare: SHA-256, in groups of four."""
        return fingerprint(self.key)


def draw_up(
    receipt_id: str, house: str, made_at: datetime, looked: Looked, attested: Attested, *, secret: bytes
) -> tuple[dict[str, Any], bytes]:
    """A receipt's content, and the nonce that opens who attested. `secret` is the house's for `before`."""
    open_key, nonce = secrets.token_bytes(_KEY_BYTES), secrets.token_bytes(_KEY_BYTES)
    content = {
        "type": TYPE,
        "v": VERSION,
        "id": receipt_id,
        "house": house,
        "made_at": _moment(made_at),
        "before": {"hmac_sha256": before_hash(secret, receipt_id, looked.before)},
        "after": {"key": _encoded(open_key), "hmac_sha256": _hash(open_key, _bytes(looked.after))},
        "files": [
            {"mimetype": mimetype, "hmac_sha256": _hash(open_key, data)} for mimetype, data in looked.files
        ],
        "language": looked.language,
        "found": _counted(looked.found),
        "restored": {letter: count for letter, count in _counted(looked.restored).items() if count},
        "warnings": _reasons(looked.warnings),
        "versions": dict(sorted(looked.versions.items())),
        "attested": {
            "as": attested.name,
            "by": _hash(nonce, attested.author.encode()),
            "at": _moment(attested.at),
            "consent": attested.consent,
            "words": "read by its author, who recognises nobody in it",
        },
    }
    return content, nonce


def before_hash(secret: bytes, receipt_id: str, text: str) -> str:
    """The keyed hash of an original, under a key of its own for each receipt."""
    return _hash(_hash_bytes(secret, receipt_id.encode()), _bytes(text))


def public_key(seed: bytes) -> str:
    """The public half of a 32-byte seed, in base64."""
    return _encoded(Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw())


def fingerprint(key: str) -> str:
    """SHA-256 of a public key in base64, in groups of four hexadecimal digits."""
    digest = hashlib.sha256(_decoded(key)).hexdigest().upper()[:32]
    return " ".join(digest[place : place + 4] for place in range(0, len(digest), 4))


def write(content: Mapping[str, Any], seed: bytes, *, nonce: bytes | None = None) -> str:
    """A signed receipt as text; with the `nonce`, the author's own copy."""
    signature = Ed25519PrivateKey.from_private_bytes(seed).sign(canonical(content))
    whole: dict[str, Any] = {
        "receipt": content,
        "signature": {"algorithm": "ed25519", "key": public_key(seed), "value": _encoded(signature)},
    }
    if nonce is not None:
        whole["yours"] = {"nonce": _encoded(nonce)}
    return json.dumps(whole, ensure_ascii=False, indent=2) + "\n"


def read(text: str, *, key: str | None = None) -> Receipt:
    """Read a receipt and check its signature; raises BadReceipt.

    With `key`, only that public key counts. Without, the receipt is as the owner of the key that it names
    wrote it: compare the fingerprint with the one that the hospital tells.
    """
    if len(text) > MOST_BYTES:
        raise BadReceipt("it is too long")
    try:
        whole = json.loads(text)
        content, signed = whole["receipt"], whole["signature"]
        named, value = str(signed["key"]), _decoded(str(signed["value"]))
        nonce = whole.get("yours", {}).get("nonce")
        found = Receipt(content, named, value, None if nonce is None else _decoded(str(nonce)))
        _shape(content)
        if content["type"] != TYPE or content["v"] != VERSION or signed["algorithm"] != "ed25519":
            raise BadReceipt("it is of a kind or version that is not known here")
        Ed25519PublicKey.from_public_bytes(_decoded(named)).verify(value, canonical(content))
    except InvalidSignature:
        raise BadReceipt("the signature is wrong: it was altered") from None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise BadReceipt("it is no receipt") from None
    if key is not None and _decoded_or_none(key) != _decoded(named):
        raise BadReceipt("it is signed with another key")
    return found


def is_after(receipt: Receipt, text: str) -> bool:
    """Whether a text is the one that was shown to others, to the letter."""
    after = receipt.content["after"]
    return hmac.compare_digest(_hash(_decoded(str(after["key"])), _bytes(text)), str(after["hmac_sha256"]))


def is_file(receipt: Receipt, data: bytes) -> bool:
    """Whether a file is one of those shown, to the byte."""
    found = _hash(_decoded(str(receipt.content["after"]["key"])), data)
    return any(hmac.compare_digest(found, str(one["hmac_sha256"])) for one in receipt.content["files"])


def is_before(receipt: Receipt, text: str, secret: bytes) -> bool:
    """Whether a text is the one that the author wrote; `secret` is the house's."""
    found = before_hash(secret, str(receipt.content["id"]), text)
    return hmac.compare_digest(found, str(receipt.content["before"]["hmac_sha256"]))


def is_by(receipt: Receipt, author: str) -> bool:
    """Whether somebody attested; False where the copy lacks the nonce."""
    if receipt.nonce is None:
        return False
    return hmac.compare_digest(_hash(receipt.nonce, author.encode()), str(receipt.content["attested"]["by"]))


def canonical(content: Mapping[str, Any]) -> bytes:
    """JSON in the one form that is signed: keys sorted, no white space, UTF-8."""
    return json.dumps(content, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _shape(content: Mapping[str, Any]) -> None:
    """Whether all stands there that is looked at later; raises KeyError, TypeError or ValueError."""
    str(content["id"]), str(content["before"]["hmac_sha256"]), str(content["after"]["hmac_sha256"])
    _decoded(str(content["after"]["key"])), str(content["attested"]["by"]), str(content["attested"]["as"])
    for one in content["files"]:
        str(one["hmac_sha256"])
    for name in ("found", "restored", "warnings", "versions"):
        if not isinstance(content[name], dict):
            raise TypeError(name)
    str(content["house"]), str(content["made_at"]), str(content["language"])
    attested = content["attested"]
    str(attested["at"]), str(attested["consent"]), str(attested["words"])


def _counted(found: Mapping[str, int]) -> dict[str, int]:
    return {letter: int(found.get(letter, 0)) for letter in CLASSES}


def _reasons(warnings: Sequence[str]) -> dict[str, int]:
    return {reason: list(warnings).count(reason) for reason in sorted(set(warnings))}


def _hash(key: bytes, data: bytes) -> str:
    return _hash_bytes(key, data).hex()


def _hash_bytes(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _moment(moment: datetime) -> str:
    """To the hour: an exact moment could be compared with who wrote to the bot just then."""
    return moment.replace(minute=0, second=0, microsecond=0).isoformat(timespec="minutes")


def _encoded(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text, validate=True)


def _decoded_or_none(text: str) -> bytes | None:
    try:
        return _decoded(text.strip())
    except ValueError:
        return None
