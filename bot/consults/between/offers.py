"""Which of its services a hospital offers to another one: a signed statement. Pure.

The roster says to whom a service is offered; for each such hospital its Curbside signs one statement that
lists all that is offered there, with the key that signs the operators' statements
(`bot.directory.hospital.statement`). A statement takes the place of the one before it, so an empty list
takes everything back. It holds services' names, and nothing of who works there.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from bot.directory.hospital.fields import milliseconds, moment, number
from bot.directory.hospital.statement import CLOCKS_DIFFER, StatementRefused, canonical_json
from bot.directory.model import Service, folded
from bot.directory.policies import Policy, PolicySet, Target, Whom
from bot.directory.presets import preset

_T = TypeVar("_T")

TYPE = "org.curbside.service_offer"
COUNTS = timedelta(days=30)  # how long a statement counts
RENEWED = timedelta(days=10)  # before its end a fresh one is sent
MOST_SERVICES = 200
_LONGEST = timedelta(days=400)
_MOST_WORDS = 20
_KEY = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SIGNATURE = re.compile(r"[A-Za-z0-9+/]{86}")
_KEY_ID = re.compile(r"ed25519:[0-9a-f]{8}")
_NAMES = {"type", "server_name", "addressee", "services", "issued", "expires", "sequence", "signatures"}


@dataclass(frozen=True)
class Offered:
    """A service that is offered: its key in the offering hospital's roster, and what people call it."""

    key: str
    names: Mapping[str, str]  # language → name
    synonyms: tuple[str, ...] = ()

    def name(self, language: str) -> str:
        """Its name in a language, else in English, else its key."""
        return self.names.get(language) or self.names.get("en") or self.key.replace("_", " ")

    @property
    def words(self) -> tuple[str, ...]:
        """All that people may call it."""
        return (self.key, *self.names.values(), *self.synonyms)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a statement."""
        return {"key": self.key, "names": dict(self.names), "synonyms": list(self.synonyms)}


@dataclass(frozen=True)
class Statement:
    """What `server` offers to `addressee`; `sequence` rises, so that no older one is played again."""

    server: str
    addressee: str
    services: tuple[Offered, ...]
    issued: datetime
    expires: datetime
    sequence: int

    def to_json(self) -> dict[str, Any]:
        """As it is signed."""
        return {
            "type": TYPE,
            "server_name": self.server,
            "addressee": self.addressee,
            "services": [service.to_json() for service in self.services],
            "issued": milliseconds(self.issued),
            "expires": milliseconds(self.expires),
            "sequence": self.sequence,
        }


@dataclass(frozen=True)
class Signed:
    """A statement, the bytes that were signed, and the signatures by key id, which nobody has checked yet."""

    statement: Statement
    content: bytes
    signatures: Mapping[str, str]


@dataclass(frozen=True)
class Book:
    """What one hospital offers us, as far as our own operator has not declined it."""

    server: str
    name: str
    services: tuple[Offered, ...]


def offered_to(services: Iterable[Service], server: str) -> tuple[Offered, ...]:
    """What of a roster's services is offered to a hospital, by key."""
    found = [
        Offered(one.key, dict(one.names), tuple(one.synonyms[:_MOST_WORDS]))
        for one in services
        if server in one.offered_to
    ]
    return tuple(sorted(found, key=lambda one: one.key)[:MOST_SERVICES])


def digest(services: Sequence[Offered]) -> str:
    """What tells one list of services from another."""
    return hashlib.sha256(canonical_json([service.to_json() for service in services])).hexdigest()


def read(value: Any) -> Signed:
    """Read a statement as it came; raises StatementRefused. Checks no signature."""
    if not isinstance(value, Mapping) or value.get("type") != TYPE or not set(value) >= _NAMES:
        raise StatementRefused("form", "The text holds no offer of services.")
    content = {name: part for name, part in value.items() if name != "signatures"}
    services = content["services"]
    if not isinstance(services, list) or len(services) > MOST_SERVICES:
        raise _wrong("list of services")
    statement = Statement(
        server=_word(content["server_name"], 255, "server_name"),
        addressee=_word(content["addressee"], 255, "addressee"),
        services=tuple(_service(service) for service in services),
        issued=moment(content["issued"], _wrong("issued")),
        expires=moment(content["expires"], _wrong("expires")),
        sequence=number(content["sequence"], _wrong("sequence")),
    )
    if not statement.issued < statement.expires <= statement.issued + _LONGEST:
        raise _wrong("times")
    if len({service.key for service in statement.services}) != len(services):
        raise _wrong("list of services")
    return Signed(statement, _canonical(content), _signatures(value["signatures"]))


def judge(
    signed: Signed, signers: Collection[str], key: str, *, own: str, server: str, before: int, now: datetime
) -> None:
    """Whether a statement of the hospital `server` may count now; raises StatementRefused.

    `signers` are the keys whose signatures were found right, `key` the hospital's, `before` the sequence of
    the statement that counts so far.
    """
    statement = signed.statement
    if statement.server != server or statement.addressee != own:
        raise StatementRefused("addressee", "The offer is another hospital's, or meant for another one.")
    if key not in signers:
        raise StatementRefused("signature", "The offer's signature is wrong: it was altered or forged.")
    if statement.issued > now + CLOCKS_DIFFER:
        raise StatementRefused("future", "The offer is from the future: one of the two clocks is wrong.")
    if statement.expires <= now:
        raise StatementRefused("expired", "The offer has expired.")
    if statement.sequence <= before:
        raise StatementRefused("replay", "The offer is older than the one that counts.")


def find(text: str, books: Iterable[Book]) -> tuple[Book, Offered] | None:
    """The service meant by `service@hospital`; None if there is none, or several are meant.

    A hospital is called by its server's name, its own, or an unmistakable beginning of either; a service
    by a name, a synonym or an unmistakable beginning.
    """
    word, at, place = text.strip().partition("@")
    if not at or not folded(word) or not place.strip():
        return None
    found = _only(place.strip(), [(book, _places(book)) for book in books])
    if found is None:
        return None
    wanted = _only(word, [(service, service.words) for service in found.services])
    return None if wanted is None else (found, wanted)


def service_of(book: Book, offered: Offered, waits: Mapping[str, timedelta]) -> Service:
    """Another hospital's service as one that can be asked: by one request to its Curbside.

    `waits` is by urgency the time in which it must have received the request, and then somebody there have
    accepted, before our own people are told that nobody has.
    """
    target = Target(Whom.HOSPITAL, book.server)
    policies = {urgency: preset(offered.key, urgency, wait) for urgency, wait in waits.items()}
    policies = {
        urgency: replace(
            policy, tiers=(replace(policy.tiers[0], targets=(target,), remind=None),), repeat=0, bundle=False
        )
        for urgency, policy in policies.items()
    }
    names = {language: f"{name} ({book.name or book.server})" for language, name in offered.names.items()}
    return Service(f"{offered.key}@{book.server}", names, policy=PolicySet(policies))


def kept_here(policy: Policy) -> Policy:
    """A policy for what another hospital asks of us: it is not handed on to a third one, nor back.

    Where nobody of ours would be left to ask, the moderators are.
    """
    tiers = []
    for tier in policy.tiers:
        targets = tuple(target for target in tier.targets if target.kind is not Whom.HOSPITAL)
        if targets:
            tiers.append(replace(tier, targets=targets))
    if policy.tiers and not tiers:
        tiers = [replace(policy.tiers[0], targets=(Target(Whom.MODERATORS),))]
    return replace(policy, tiers=tuple(tiers))


def _places(book: Book) -> tuple[str, ...]:
    return (
        (book.server, book.server.rpartition(":")[0], book.name)
        if ":" in book.server
        else (book.server, book.name)
    )


def _only(word: str, known: Sequence[tuple[_T, Sequence[str]]]) -> _T | None:
    wanted = folded(word)
    exact = [thing for thing, words in known if wanted in [folded(one) for one in words]]
    found = exact or [thing for thing, words in known if any(folded(one).startswith(wanted) for one in words)]
    return found[0] if len(found) == 1 and wanted else None


# ── form ──


def _wrong(name: str) -> StatementRefused:
    return StatementRefused("form", f"The offer's {name} is not what it must be.")


def _canonical(content: Mapping[str, Any]) -> bytes:
    try:
        return canonical_json(dict(content))
    except (ValueError, RecursionError):
        raise _wrong("text") from None


def _word(value: Any, longest: int, name: str) -> str:
    """A short line that shows as what it is: no control characters, none that reverse its direction."""
    if not isinstance(value, str) or not 0 < len(value) <= longest or value != value.strip():
        raise _wrong(name)
    if any(unicodedata.category(sign)[0] == "C" or sign in "\u2028\u2029" for sign in value):
        raise _wrong(name)
    return value


def _service(value: Any) -> Offered:
    if not isinstance(value, Mapping):
        raise _wrong("list of services")
    key, names, synonyms = value.get("key"), value.get("names", {}), value.get("synonyms", [])
    if not isinstance(key, str) or _KEY.fullmatch(key) is None:
        raise _wrong("list of services")
    if (
        not isinstance(names, Mapping)
        or not isinstance(synonyms, list)
        or len(names) + len(synonyms) > 2 * _MOST_WORDS
    ):
        raise _wrong("list of services")
    if not all(isinstance(language, str) and _LANGUAGE.fullmatch(language) for language in names):
        raise _wrong("list of services")
    return Offered(
        key,
        {language: _word(name, 80, "list of services") for language, name in names.items()},
        tuple(_word(word, 80, "list of services") for word in synonyms),
    )


def _signatures(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not 0 < len(value) <= 20:
        raise _wrong("list of signatures")
    for name, signature in value.items():
        right = isinstance(name, str) and _KEY_ID.fullmatch(name) and isinstance(signature, str)
        if not right or not _SIGNATURE.fullmatch(signature):
            raise _wrong("list of signatures")
    return dict(value)
