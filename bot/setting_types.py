"""What settings are made of: lengths of time, addresses, names, each with a sentence when it is wrong."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_USER_ID = re.compile(r"@[0-9a-z._=/+\-]+:[A-Za-z0-9.:\-\[\]]+")
_SERVER = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?")


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        match = re.fullmatch(r"(\d+)\s*([smhd])", value.strip())
        if match is None:
            raise ValueError("must be a length of time such as 90s, 10m, 2h or 1d")
        return timedelta(seconds=int(match[1]) * _UNITS[match[2]])
    if isinstance(value, timedelta):
        return value
    raise ValueError('must be a length of time in quotes, such as "10m"')


def _positive(value: timedelta) -> timedelta:
    if value <= timedelta(0):
        raise ValueError("must be longer than nothing")
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("must be an IANA time zone such as Europe/Berlin") from None
    return value


def _user_id(value: str) -> str:
    if not _USER_ID.fullmatch(value) or len(value) > 255:
        raise ValueError("must be a Matrix user id such as @anna:hospital.example")
    return value


def _server_name(value: str) -> str:
    if not _SERVER.fullmatch(value):
        raise ValueError("must be a server name such as hospital.example")
    return value


def _base_url(value: str) -> str:
    if not re.fullmatch(r"https?://[^\s/]+/?", value):
        raise ValueError("must be a URL such as https://matrix.hospital.example")
    return value.rstrip("/")


def is_loopback(host: str | None) -> bool:
    """Whether a host is this machine."""
    return host in ("localhost", "127.0.0.1", "::1")


def _guarded_url(value: str) -> str:
    """A URL over TLS, or one on this machine; empty: none."""
    try:
        parts = urlsplit(value)
        parts.port  # noqa: B018 - raises ValueError on a port that is none
    except ValueError:
        parts = urlsplit("")
    sound = parts.hostname and not (parts.query or parts.fragment or "@" in parts.netloc)
    guarded = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(parts.hostname))
    if value and not (sound and guarded):
        raise ValueError("must be a URL such as https://curbside.hospital.example")
    return value


def _ldap_url(value: str) -> str:
    if value and not re.fullmatch(r"ldaps?://[^\s/?#@]+/?|ldapi://\S+", value):
        raise ValueError("must be a URL such as ldaps://ldap.hospital.example")
    return value.rstrip("/")


def _address(value: str) -> str:
    if value and not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", value):
        raise ValueError("must be an address such as curbside@hospital.example")
    return value


def _domain(value: str) -> str:
    if not re.fullmatch(r"(?!-)[a-z0-9-]+(\.[a-z0-9-]+)+", value):
        raise ValueError("must be a mail domain in lower case, such as hospital.example")
    return value


def _database_url(value: str) -> str:
    value = value.strip()
    if value.startswith(("postgresql://", "postgres://")):
        value = "postgresql+asyncpg://" + value.partition("://")[2]
    try:
        whole = re.fullmatch(r"sqlite\+aiosqlite:///\S+|postgresql\+asyncpg://[^\s/]*/\S+", value)
        urlsplit(value).port  # noqa: B018 - raises ValueError on a port that is none
    except ValueError:
        whole = None
    if value and whole is None:
        raise ValueError("must be a URL such as postgresql+asyncpg://curbside@localhost/curbside")
    return value


def _prefix(value: str) -> str:
    if not re.fullmatch(r"[^\w\s]{1,3}", value):
        raise ValueError("must be one to three signs that are no letters, digits or spaces, such as !")
    return value


def _device_id(value: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9._=\-]{1,64}", value):
        raise ValueError("must be 1 to 64 letters, digits and . _ = -, such as CURBSIDE1")
    return value


Duration = Annotated[timedelta, BeforeValidator(_duration), AfterValidator(_positive)]
Zone = Annotated[str, AfterValidator(_zone)]
UserId = Annotated[str, AfterValidator(_user_id)]
ServerName = Annotated[str, AfterValidator(_server_name)]
BaseUrl = Annotated[str, AfterValidator(_base_url)]
Domain = Annotated[str, AfterValidator(_domain)]
GuardedUrl = Annotated[str, AfterValidator(_guarded_url)]
LdapUrl = Annotated[str, AfterValidator(_ldap_url)]
Address = Annotated[str, AfterValidator(_address)]
DatabaseUrl = Annotated[str, AfterValidator(_database_url)]
Prefix = Annotated[str, AfterValidator(_prefix)]
DeviceId = Annotated[str, AfterValidator(_device_id)]


class Section(BaseModel):
    """A table of the settings file; an unknown name in it is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)
