"""What may stand in the network file, entry by entry; what the entries mean together is in `reading`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, TypeAdapter, ValidationError

from bot.kernel.errors import CurbsideError
from bot.settings import Duration, Section, ServerName

_DURATION: TypeAdapter[timedelta] = TypeAdapter(Duration)
# What no name or topic of a room may hold: anybody on the homeserver can read them, encrypted room or not.
_IDENTIFIERS = (
    (re.compile(r"[@!#][\w.=\-/+]+:[\w.\-]+"), "a Matrix id"),
    (re.compile(r"[\w.+\-]+@[\w\-]+\.\w+"), "an e-mail address"),
    (re.compile(r"\d[\d\s/().\-]{5,}\d"), "a long number or a date"),
    (re.compile(r"\b(mrn|dob|ssn|nhs\s*(no|number)|geb\.)", re.IGNORECASE), "a patient's identifier"),
)


class BadNetwork(CurbsideError):
    """An entry of the network file is missing or wrong; the message names it and says what to write."""


def _key(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", value):
        raise ValueError("must be lower-case letters, digits, - and _, such as cardiology")
    return value


def _alias(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9._=-]{0,99}", value):
        raise ValueError("must be what stands between # and : of the address, such as cardiology")
    return value


def _nobody(value: str) -> str:
    for pattern, what in _IDENTIFIERS:
        if pattern.search(value):
            raise ValueError(f"must not hold {what}: names and topics are never encrypted")
    if re.search(r"[\x00-\x1f\x7f]", value):
        raise ValueError("must be one line of text")
    return value


def _room_id(value: str) -> str:
    if not re.fullmatch(r"![A-Za-z0-9._~\-+/=]{1,200}(:[A-Za-z0-9.:\-\[\]]+)?", value):
        raise ValueError("must be the id of a room, such as !abc:hospital.example")
    return value


def _list_room(value: str) -> str:
    if not re.fullmatch(r"[!#][^\s:]{1,200}(:[A-Za-z0-9.:\-\[\]]+)?", value):
        raise ValueError("must be the address or id of a policy list, such as #bans:hospital.example")
    return value


def _server_or_hospital(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9.:\-\[\]_]{1,255}", value):
        raise ValueError("must be a server name such as hospital.example, or a name under [hospitals]")
    return value


def _retention(value: Any) -> timedelta:
    if value == "forever":
        return timedelta(0)
    try:
        return _DURATION.validate_python(value)
    except ValidationError:
        raise ValueError('must be a length of time such as "365d", or "forever"') from None


def _several(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


def _version(value: str) -> str:
    if not re.fullmatch(r"[a-z0-9.\-]{1,32}", value):
        raise ValueError('must be a room version such as "12"')
    return value


Key = Annotated[str, AfterValidator(_key)]
Alias = Annotated[str, AfterValidator(_alias)]
Name = Annotated[str, Field(min_length=1, max_length=100), AfterValidator(_nobody)]
Topic = Annotated[str, Field(max_length=300), AfterValidator(_nobody)]
Speech = Annotated[str, Field(min_length=1, max_length=4000)]
Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}(-[A-Za-z]+)?$")]
PowerLevel = Annotated[int, Field(ge=0, le=100, strict=True)]
LevelName = Literal["L0", "L1", "L2", "L3", "L4"]


class PowerEntry(Section):
    """Power levels; people are never named here."""

    events_default: PowerLevel | None = None
    state_default: PowerLevel | None = None
    users_default: PowerLevel | None = None
    invite: PowerLevel | None = None
    kick: PowerLevel | None = None
    ban: PowerLevel | None = None
    redact: PowerLevel | None = None
    moderators: PowerLevel | None = None
    events: dict[str, PowerLevel] = Field(default_factory=dict)


class LookEntry(Section):
    """Whatever a template can decide for a room."""

    topic: Topic | None = None
    encryption: bool | None = None
    history: Literal["invited", "joined", "shared", "world_readable"] | None = None
    join: Literal["invite", "knock", "restricted", "knock_restricted", "public"] | None = None
    level: LevelName | None = None
    power: PowerEntry | None = None
    acl: bool | None = None
    servers: tuple[Annotated[str, AfterValidator(_server_or_hospital)], ...] | None = None
    retention: Annotated[timedelta, BeforeValidator(_retention)] | None = None  # nothing: for ever
    watch: Literal["off", "warn", "redact"] | None = None
    languages: tuple[Language, ...] | None = None
    avatar: str | None = None
    welcome: Speech | None = None
    welcome_de: Speech | None = None
    rules: Speech | None = None
    rules_de: Speech | None = None
    mute: bool | None = None
    listed: bool | None = None
    version: Annotated[str, AfterValidator(_version)] | None = None


class TemplateEntry(LookEntry):
    """A template, perhaps on the ground of another one."""

    extends: Key | None = None


class PlaceEntry(LookEntry):
    """What a space and a room have, beside what templates decide."""

    name: Name | None = None
    name_de: Name | None = None
    template: Key | None = None
    space: Key | None = None
    alias: Alias | None = None
    adopt: Annotated[str, AfterValidator(_room_id)] | None = None
    archived: bool = False


class SpaceEntry(PlaceEntry):
    """A space; `rooms` are keys of [rooms] or specialties, made with `room_template`."""

    room_template: Key | None = None
    rooms: tuple[Annotated[str, Field(min_length=1, max_length=80)], ...] = ()


class RoomEntry(PlaceEntry):
    """A room."""

    specialty: Annotated[str, Field(min_length=1, max_length=80)] | None = None


class PolicyListEntry(Section):
    """A policy list; `apply` is false until somebody has looked at what it would do."""

    room: Annotated[str, AfterValidator(_list_room)]
    apply: bool = False
    dont_apply: tuple[Annotated[str, Field(min_length=1, max_length=255)], ...] = ()
    via: tuple[ServerName, ...] = ()


class NetworkEntries(Section):
    """The whole file."""

    name: Name | None = None
    language: Literal["en", "de"] | None = None
    hospitals: dict[Key, Annotated[tuple[ServerName, ...], BeforeValidator(_several)]] = Field(
        default_factory=dict
    )
    templates: dict[Key, TemplateEntry] = Field(default_factory=dict)
    spaces: dict[Key, SpaceEntry] = Field(default_factory=dict)
    rooms: dict[Key, RoomEntry] = Field(default_factory=dict)
    policy_lists: tuple[PolicyListEntry, ...] = ()


_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not an entry of the network file; see docs/operator.md for the list",
    "tuple_type": 'must be a list, such as ["…", "…"]',
    "string_type": "must be text in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "greater_than_equal": "must be a power level from 0 to 100",
    "less_than_equal": "must be a power level from 0 to 100",
    "model_type": "must be a table of entries",
    "dict_type": "must be a table of entries",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": 'must be a language such as "en"',
}


def sentence(error: ValidationError) -> str:
    """The first fault, in one sentence that names the entry."""
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"] if not _machinery(str(part)))
    message = str(first["msg"]).removeprefix("Value error, ")
    message = _WORDS.get(first["type"], re.sub(r"^(Input|String|Value) should ", "must ", message))
    return f"{place}: {message}."


def _machinery(part: str) -> bool:
    """Whether a part of the place is pydantic's own, and not the file's."""
    return "[" in part
