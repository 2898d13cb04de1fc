"""A letter from one hospital's Curbside to another's: its form, and what each kind holds. Pure.

A letter is the content of an encrypted Matrix event of type `org.curbside.between`: an object `letter` and
its signatures. What was signed is the canonical JSON of all of `letter` (Matrix specification, appendices,
"Canonical JSON"), also of what this version does not know; unknown names are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from bot.consults.between.protocol import Kind
from bot.consults.intake.parsing import clean
from bot.consults.request import MOST_ATTACHMENTS, Request
from bot.directory.hospital.fields import MOST_INT
from bot.directory.hospital.statement import canonical_json
from bot.directory.policy import server_of

EVENT = "org.curbside.between"
VERSION = 1
OFFERS = "offers"  # in place of a consult's id: the stream of a hospital's offers
MOST_BYTES = 40_000  # an event has 65,536, and encryption takes a third
MOST_TEXT = 30_000  # characters
_SERVER = re.compile(r"[A-Za-z0-9.:\[\]-]{1,255}")
_CONSULT = re.compile(r"C-[0-9A-Z]{4,12}|" + OFFERS)
_ID = re.compile(r"[0-9A-Za-z-]{1,64}")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}")
_KEY_ID = re.compile(r"ed25519:[0-9a-f]{8}")
_WORD = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_ROOM = re.compile(r"![^\x00-\x20\x7f\ud800-\udfff]{1,254}")


class Unfit(Exception):
    """What came is no letter that counts: `code` says why, in one word."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Letter:
    """One letter. `asker` is the hospital whose consult it is about, by that hospital's id of it.

    `number` counts what `sender` says about this consult to `to`, from 1; 0 is a status, which is not
    counted. `confirms` is the number of what `sender` heard last of `to`. `at`: milliseconds.
    """

    id: str
    sender: str
    to: str
    asker: str
    consult: str
    number: int
    confirms: int
    kind: Kind | None  # None: a word of a later version
    at: int
    body: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "v": VERSION,
            "id": self.id,
            "hospital": self.sender,
            "to": self.to,
            "asker": self.asker,
            "consult": self.consult,
            "seq": self.number,
            "ack": self.confirms,
            "kind": str(self.kind),
            "at": self.at,
            "body": dict(self.body),
        }


@dataclass(frozen=True)
class Received:
    """A letter as it came: the bytes that were signed, and signatures by key id, which nobody has checked."""

    letter: Letter
    content: bytes
    signatures: Mapping[str, str]


def fits(letter: Letter) -> bool:
    """Whether a letter of ours can be sent."""
    return len(canonical_json(letter.to_json())) <= MOST_BYTES


def write(letter: Letter, signatures: Mapping[str, str]) -> dict[str, Any]:
    """The content of the event."""
    return {"letter": letter.to_json(), "signatures": dict(signatures)}


def read(content: Any) -> Received:
    """Read an event's content; raises Unfit. Checks no signature.

    `version` is told of a letter of a later version, whose other names are not looked at.
    """
    inside = content.get("letter") if isinstance(content, Mapping) else None
    if not isinstance(inside, Mapping):
        raise Unfit("form")
    try:
        signed = canonical_json(dict(inside))
    except (ValueError, RecursionError):
        raise Unfit("form") from None
    if len(signed) > MOST_BYTES:
        raise Unfit("size")
    version = inside.get("v")
    if isinstance(version, int) and not isinstance(version, bool) and version > VERSION:
        raise Unfit("version")
    if version != VERSION or isinstance(version, bool):
        raise Unfit("form")
    word = _text(inside.get("kind"), 32)
    kind = Kind(word) if word in set(Kind) else None
    number = _number(inside.get("seq"))
    if (number == 0) != (kind is Kind.STATUS):
        raise Unfit("form")
    letter = Letter(
        id=_matching(_ID, inside.get("id")),
        sender=_matching(_SERVER, inside.get("hospital")),
        to=_matching(_SERVER, inside.get("to")),
        asker=_matching(_SERVER, inside.get("asker")),
        consult=_matching(_CONSULT, inside.get("consult")),
        number=number,
        confirms=_number(inside.get("ack")),
        kind=kind,
        at=_number(inside.get("at")),
        body={} if kind is None else _body(kind, inside.get("body")),
    )
    if letter.asker not in (letter.sender, letter.to) or letter.sender == letter.to:
        raise Unfit("form")
    return Received(letter, signed, _signatures(content.get("signatures")))


# ── what each kind holds ──


def _body(kind: Kind, body: Any) -> dict[str, Any]:
    """The body's parts that this version knows, each as it must be."""
    if not isinstance(body, Mapping):
        raise Unfit("form")
    return {name: check(body.get(name)) for name, check in _BODIES.get(kind, {}).items()}


def _text(value: Any, longest: int = MOST_TEXT) -> str:
    """What somebody wrote, without what cannot be shown; raises Unfit."""
    if not isinstance(value, str) or len(value) > longest or "\x00" in value:
        raise Unfit("form")
    return clean(value)


def _text_or_none(value: Any) -> str:
    return "" if value is None else _text(value)


def _short(value: Any) -> str:
    return "" if value is None else _text(value, 200)


def _name(value: Any) -> str:
    """A name that shows as what it is: one line of letters, no more than a roster allows."""
    return " ".join(_short(value).split())[:80]


def _user(value: Any) -> str:
    if not isinstance(value, str) or server_of(value) is None:
        raise Unfit("form")
    return value


def _word(value: Any) -> str:
    return _matching(_WORD, value)


def _maybe_room(value: Any) -> str:
    return "" if value in (None, "") else _matching(_ROOM, value)


def _yes(value: Any) -> bool:
    return value is True


def _object(value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise Unfit("form")
    return value


def _request(value: Any) -> Mapping[str, Any]:
    """What was asked, in the form in which requests are kept (`bot.consults.request`); raises Unfit."""
    if not isinstance(value, Mapping):
        raise Unfit("form")
    try:
        read = Request.from_json(value)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise Unfit("form") from None
    parts = {name: clean(text) for name, text in read.parts.items()}
    shown = read.with_parts(question=clean(read.question), **parts)
    shown = replace(shown, fields=tuple((key, clean(text)) for key, text in read.fields))
    if not shown.question or len(read.attachments) > MOST_ATTACHMENTS:
        raise Unfit("form")
    return shown.to_json()


def _number(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= MOST_INT:
        raise Unfit("form")
    return value


def _matching(pattern: re.Pattern[str], value: Any) -> str:
    if not isinstance(value, str) or pattern.fullmatch(value) is None:
        raise Unfit("form")
    return value


def _signatures(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not 0 < len(value) <= 20:
        raise Unfit("signature")
    for name, signature in value.items():
        right = isinstance(name, str) and _KEY_ID.fullmatch(name) and isinstance(signature, str)
        if not right or not _SIGNATURE.fullmatch(signature):
            raise Unfit("signature")
    return dict(value)


_BODIES: Mapping[Kind, Mapping[str, Callable[[Any], Any]]] = {
    Kind.REQUEST: {
        "service": _word,
        "urgency": _word,
        "expects": _word,
        "follow": _yes,
        "request": _request,
        "requester": _user,
        "name": _name,  # what that hospital's roster calls them; empty where it does not
    },
    Kind.EDIT: {"request": _request},
    Kind.INFO: {"text": _text},
    Kind.READ_BACK: {"text": _text},
    Kind.REOPEN: {"text": _text},
    Kind.CANCEL: {"why": _word},
    Kind.ACCEPTED: {"consultant": _user, "name": _name},
    Kind.ROOM: {"room": _maybe_room},  # empty: it could not be made
    Kind.HOLD: {"text": _text},
    Kind.INTERIM: {"text": _text},
    Kind.ANSWER: {"text": _text},
    Kind.REFUSED: {"why": _word},
    Kind.ENDED: {"why": _word, "text": _text_or_none},
    Kind.STATUS: {"asking": _word, "answering": _word, "sent": _number, "why": _short},
    Kind.OFFER: {"statement": _object},
}
