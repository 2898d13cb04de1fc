"""What one hospital's operator declares to another's, as a text that can be sent by mail. Pure.

A statement is a JSON object with the signatures of its operator's keys, in the form of Matrix's signed JSON
(Matrix specification, appendices, "Canonical JSON" and "Signing JSON"), wrapped in base64 between two lines,
so that no mail program changes it. Whoever reads one takes nothing in it for granted: `read` checks its form,
`bot.directory.hospital.signing` its signatures, and `judge` whether it may take the place of what is known.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.directory.hospital.fields import MOST_INT, milliseconds, moment, number
from bot.directory.hospital.rules import REMOVED, SHARED, Hospital

TYPE = "org.curbside.hospital_statement"
BEGIN, END = "-----BEGIN CURBSIDE HOSPITAL STATEMENT-----", "-----END CURBSIDE HOSPITAL STATEMENT-----"
MOST_BYTES = 64 * 1024
LONGEST = timedelta(days=1100)
CLOCKS_DIFFER = timedelta(hours=1)
_SERVER = re.compile(r"(?:\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9.-]{0,228}[a-z0-9])?)(?::[0-9]{1,5})?")
_LOCALPART = re.compile(r"@[\x21-\x39\x3b-\x7e]{1,200}")
_KEY = re.compile(r"[A-Za-z0-9+/]{43}")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}")
_KEY_ID = re.compile(r"ed25519:[0-9a-f]{8}")
_LONGEST_TEXTS = {"name": 100, "contact": 200}
_MOST_BOTS = 20
_MOST_SIGNATURES = 20
_REQUIRED = {
    "type",
    "server_name",
    "name",
    "key",
    "bots",
    "contact",
    "allow",
    "issued",
    "expires",
    "sequence",
    "signatures",
}


class StatementRefused(Exception):
    """A statement that does not count: `code` names the reason, the text is one sentence for the operator."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


@dataclass(frozen=True)
class Statement:
    """What an operator declares of their hospital.

    `allow` is what its people may take part in; `addressee` the one hospital it is meant for, None for
    every one. `sequence` rises with each statement of a hospital: an older one cannot be played again.
    """

    server: str
    name: str
    key: str  # Ed25519, unpadded base64
    bots: tuple[str, ...]
    contact: str  # a role, not a person
    allow: frozenset[str]
    issued: datetime
    expires: datetime
    sequence: int
    addressee: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As it is signed."""
        content = {
            "type": TYPE,
            "server_name": self.server,
            "name": self.name,
            "key": self.key,
            "bots": list(self.bots),
            "contact": self.contact,
            "allow": sorted(self.allow),
            "issued": milliseconds(self.issued),
            "expires": milliseconds(self.expires),
            "sequence": self.sequence,
        }
        return content if self.addressee is None else {**content, "addressee": self.addressee}


@dataclass(frozen=True)
class Signed:
    """A statement, the bytes that were signed, and the signatures by key id, which nobody has checked yet.

    The bytes may hold what this version does not understand, in the list of what is allowed.
    """

    statement: Statement
    content: bytes
    signatures: Mapping[str, str]

    @property
    def id(self) -> str:
        """What tells this statement from every other one."""
        return hashlib.sha256(self.content).hexdigest()


def canonical_json(value: Any) -> bytes:
    """The one encoding of a JSON value that is signed; raises ValueError for numbers it has no place for."""
    _refuse_numbers(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True)
    return text.encode("utf-8")


def key_id(key: str) -> str:
    """The name under which a key's signature stands."""
    return "ed25519:" + hashlib.sha256(_decoded(key)).hexdigest()[:8]


def fingerprint(key: str) -> str:
    """A key in eight groups of five digits (132 bits of SHA-256), to be read out on the telephone."""
    digest = hashlib.sha256(b"curbside hospital key" + _decoded(key)).digest()
    digest += hashlib.sha256(digest).digest()
    groups = [int.from_bytes(digest[5 * i : 5 * i + 5], "big") % 100_000 for i in range(8)]
    return " ".join(f"{group:05d}" for group in groups)


def same_fingerprint(one: str, other: str) -> bool:
    """Whether two fingerprints are the same, however they are spaced."""
    return re.sub(r"[\s.\-]", "", one) == re.sub(r"[\s.\-]", "", other)


def write(signed: Signed) -> str:
    """A statement as it is sent."""
    content = json.loads(signed.content)
    content["signatures"] = {signed.statement.server: dict(signed.signatures)}
    wrapped = textwrap.wrap(base64.b64encode(canonical_json(content)).decode("ascii"), 64)
    return "\n".join([BEGIN, *wrapped, END, ""])


def read(text: str) -> Signed:
    """Read a statement out of a mail, or as mere JSON; raises StatementRefused. Checks no signature."""
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise StatementRefused("size", f"The statement is longer than {MOST_BYTES // 1024} KiB: it is none.")
    try:
        content = json.loads(
            _unwrapped(text), object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        raise StatementRefused("form", "The text holds no statement, or only a part of one.") from None
    if not isinstance(content, dict) or content.get("type") != TYPE:
        raise StatementRefused("form", "The text holds no statement of a hospital.")
    unknown = sorted(set(content) - _REQUIRED - {"addressee"})
    missing = sorted(_REQUIRED - set(content))
    if unknown or missing:
        words = f"lacks {missing[0]}" if missing else "holds something that this version does not know"
        raise StatementRefused("form", f"The statement {words}.")
    statement = Statement(
        server=_server(content["server_name"], "server_name"),
        name=_text(content["name"], "name"),
        key=_matching(_KEY, content["key"], "key"),
        bots=_bots(content["bots"], content["server_name"]),
        contact=_text(content["contact"], "contact"),
        allow=_allow(content["allow"]),
        issued=moment(content["issued"], _wrong("issued")),
        expires=moment(content["expires"], _wrong("expires")),
        sequence=number(content["sequence"], _wrong("sequence")),
        addressee=None if "addressee" not in content else _server(content["addressee"], "addressee"),
    )
    if not statement.issued < statement.expires <= statement.issued + LONGEST:
        raise StatementRefused("form", "The statement's times are wrong: it ends too early or too late.")
    signatures = _signatures(content.pop("signatures"), statement.server)
    try:
        return Signed(statement, canonical_json(content), signatures)
    except ValueError:
        raise _wrong("text") from None


def judge(
    signed: Signed,
    signers: Iterable[str],
    known: Iterable[Hospital],
    *,
    own: str,
    own_keys: Iterable[str],
    now: datetime,
) -> Hospital | None:
    """Whether a statement may count now; returns what it takes the place of, None for a new hospital.

    `signers` are the keys whose signatures were found right. Raises StatementRefused.
    """
    statement, signers, hospitals = signed.statement, set(signers), list(known)
    by_server = {hospital.server: hospital for hospital in hospitals}
    if statement.server.lower() == own.lower():
        raise StatementRefused("own", "The statement is of our own hospital: send it to the others.")
    if statement.key in set(own_keys):
        raise StatementRefused("own", "The statement is of another server but bears our own key.")
    if statement.addressee is not None and statement.addressee != own:
        raise StatementRefused("addressee", f"The statement is meant for {statement.addressee}, not for us.")
    if statement.key not in signers:
        raise StatementRefused("signature", "The statement's signature is wrong: it was altered or forged.")
    for hospital in hospitals:
        if hospital.key == statement.key and hospital.server != statement.server:
            raise StatementRefused(
                "server", f"The statement bears the key of {hospital.server}, but names {statement.server}."
            )
    if statement.issued > now + CLOCKS_DIFFER:
        raise StatementRefused("future", "The statement is from the future: one of the two clocks is wrong.")
    if statement.expires <= now:
        raise StatementRefused("expired", "The statement has expired: ask for a new one.")
    before = by_server.get(statement.server)
    if before is None or before.key is None:
        return before
    follows = statement.key == before.key or before.key in signers
    if follows or before.state != REMOVED:
        older = statement.sequence < before.sequence
        other = statement.sequence == before.sequence and signed.id != before.statement_id
        if older or other:
            raise StatementRefused(
                "replay", "The statement is older than the one that counts: it is not used again."
            )
    if not follows and before.state != REMOVED:
        raise StatementRefused(
            "key",
            f"The key of {statement.server} has changed, and the old one does not confirm it. Telephone "
            "their operator; if the new key is theirs, remove the hospital and add it anew.",
        )
    return before


# ── form ──


def _unwrapped(text: str) -> str:
    if BEGIN not in text:
        return text
    inside = text.partition(BEGIN)[2]
    if END not in inside or BEGIN in inside:
        raise StatementRefused("form", "The text holds only a part of a statement, or several.")
    # What mail programs put before quoted lines, and line breaks of any kind.
    letters = re.sub(r"^[>\s]+|\s", "", inside.partition(END)[0], flags=re.MULTILINE)
    try:
        return base64.b64decode(letters, validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise StatementRefused("form", "The statement was altered on its way: ask for it again.") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object whose names occur once: two readers must not see two statements in one."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _no_number(_text: str) -> Any:
    raise ValueError("not a whole number")


def _refuse_numbers(value: Any) -> None:
    if isinstance(value, dict):
        for part in value.values():
            _refuse_numbers(part)
    elif isinstance(value, list | tuple):
        for part in value:
            _refuse_numbers(part)
    elif isinstance(value, float) or (isinstance(value, int) and abs(value) > MOST_INT):
        raise ValueError("canonical JSON holds whole numbers below 2**53 only")


def _wrong(name: str) -> StatementRefused:
    return StatementRefused("form", f"The statement's {name} is not what it must be.")


def _matching(pattern: re.Pattern[str], value: Any, name: str) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise _wrong(name)
    return value


def _server(value: Any, name: str) -> str:
    # Lower case and ASCII only: no name may look like another one.
    server = _matching(_SERVER, value, name)
    if ".." in server:
        raise _wrong(name)
    return server


def _text(value: Any, name: str) -> str:
    """A short line that shows as what it is: no control characters, none that reverse its direction."""
    if not isinstance(value, str) or len(value) > _LONGEST_TEXTS[name] or value != value.strip():
        raise _wrong(name)
    if any(unicodedata.category(sign)[0] == "C" or sign in "\u2028\u2029" for sign in value):
        raise _wrong(name)
    if name == "name" and not value:
        raise _wrong(name)
    return value


def _bots(value: Any, server: str) -> tuple[str, ...]:
    if not isinstance(value, list) or len(value) > _MOST_BOTS:
        raise _wrong("list of bots")
    for user in value:
        local, _, of = user.partition(":") if isinstance(user, str) else ("", "", "")
        if of != server or _LOCALPART.fullmatch(local) is None:
            raise _wrong("list of bots")
    return tuple(value)


def _allow(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(what, str) for what in value):
        raise _wrong("list of what is allowed")
    return frozenset(value) & set(SHARED)  # what a later version adds, this one does not grant


def _signatures(value: Any, server: str) -> dict[str, str]:
    of = value.get(server) if isinstance(value, dict) else None
    if not isinstance(of, dict) or not 0 < len(of) <= _MOST_SIGNATURES:
        raise _wrong("list of signatures")
    for name, signature in of.items():
        _matching(_KEY_ID, name, "list of signatures")
        _matching(_SIGNATURE, signature, "list of signatures")
    return of


def _decoded(key: str) -> bytes:
    return base64.b64decode(key + "=")
