"""The settings: `curbside.toml`, the environment (`CURBSIDE_…`), and secrets in files of their own.

A wrong setting stops the start with one sentence that names it. Durations are written `90s`, `10m`,
`2h` or `1d`; paths are relative to the settings file.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)

from bot.kernel.errors import CurbsideError

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_USER_ID = re.compile(r"@[0-9a-z._=/+\-]+:[A-Za-z0-9.:\-\[\]]+")
_SERVER = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?|\[[0-9a-fA-F:.]+\](:\d{1,5})?")


class BadSettings(CurbsideError):
    """A setting is missing or wrong; the message names it and says what to write."""


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


def _database(value: str) -> str:
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


class Section(BaseModel):
    """A table of the settings file; an unknown name in it is an error, not ignored."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class BotSettings(Section):
    """One bot account: exactly one of password, access token and application-service token."""

    user_id: UserId
    password_file: Path | None = None
    token_file: Path | None = None
    appservice_token_file: Path | None = None
    device_id: Annotated[str, AfterValidator(_device_id)] | None = None
    display_name: str = "Curbside"

    @model_validator(mode="after")
    def _one_way_to_log_in(self) -> BotSettings:
        ways = [self.password_file, self.token_file, self.appservice_token_file]
        if sum(way is not None for way in ways) != 1:
            raise ValueError("needs exactly one of password_file, token_file and appservice_token_file")
        return self


class TrustSettings(Section):
    """To which devices encrypted messages go.

    `cross-signed`: only devices that their owner has signed. `all`: every device. Under
    `cross-signed`, `users_without_identity` says what devices get whose owner has not set up
    cross-signing at all: `withhold` or `send`.
    """

    policy: Literal["cross-signed", "all"] = "cross-signed"
    users_without_identity: Literal["withhold", "send"] = "withhold"


class LimitSettings(Section):
    """How much one person may ask of the bots; 0 switches the limit off."""

    commands_per_minute: int = Field(default=30, ge=0, le=6000)


class WebSettings(Section):
    """Where health and metrics are served; an empty host switches them off."""

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)


class HealthSettings(Section):
    """When `/readyz` says no: a message undelivered, a timer overdue, for longer than this."""

    undelivered: Duration = timedelta(minutes=2)
    overdue: Duration = timedelta(seconds=30)


class VerificationSettings(Section):
    """How clinicians prove who they are, and for how long a proof counts."""

    own_accounts: Literal["L0", "L1", "L2"] = "L0"  # what an account on our own homeserver proves


class ModerationSettings(Section):
    """What the moderators are helped with."""


class ConsultSettings(Section):
    """How long a paged clinician has to accept, by urgency, before the next one is asked.

    These are the hospital's policy, not ours; a service in the roster may set its own.
    """

    stat: Duration = timedelta(minutes=5)
    urgent: Duration = timedelta(minutes=20)
    routine: Duration = timedelta(hours=4)


class Settings(BaseSettings):
    """Everything that an operator decides."""

    model_config = SettingsConfigDict(
        env_prefix="CURBSIDE_", env_nested_delimiter="__", extra="forbid", frozen=True, validate_default=True
    )
    base: Path = Field(default=Path(), exclude=True)
    hospital: str = Field(min_length=1, max_length=100)
    homeserver: BaseUrl
    server_name: ServerName
    bots: dict[str, BotSettings]
    data_dir: Path = Path("data")
    database: Annotated[str, AfterValidator(_database)] = ""
    database_password_file: Path | None = None
    at_rest_keys: Path = Path("secrets/at-rest.keys")
    roster: Path = Path("roster.toml")
    network: Path = Path("network.toml")
    profile: Literal["standard", "strict"] = "standard"
    language: Literal["en", "de"] = "en"
    timezone: Zone = "UTC"
    prefix: Annotated[str, AfterValidator(_prefix)] = "!"
    allowed_servers: tuple[ServerName, ...] = ()
    moderators: tuple[UserId, ...] = ()
    trust: TrustSettings = TrustSettings()
    limits: LimitSettings = LimitSettings()
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()
    consults: ConsultSettings = ConsultSettings()
    verification: VerificationSettings = VerificationSettings()
    moderation: ModerationSettings = ModerationSettings()
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource, dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:  # fmt: skip
        # The environment wins over the file, whose values arrive as keyword arguments.
        return env_settings, init_settings

    @model_validator(mode="after")
    def _whole(self) -> Settings:
        if not self.bots:
            raise ValueError("bots: needs at least one table [bots.NAME]")
        if self.database_password_file is not None and not self.database.startswith("postgresql"):
            raise ValueError("database_password_file: needs a PostgreSQL URL in the setting database")
        for name, bot in self.bots.items():
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,31}", name):
                raise ValueError(f"bots.{name}: a bot's name is lower-case letters, digits, - and _")
            if bot.user_id.partition(":")[2] != self.server_name:
                raise ValueError(f"bots.{name}.user_id: must be an account of server_name {self.server_name}")
        users = [bot.user_id for bot in self.bots.values()]
        if len(set(users)) != len(users):
            raise ValueError("bots: two bots have the same user_id")
        return self

    def path(self, path: Path) -> Path:
        """A path of the settings, relative to the settings file."""
        return path if path.is_absolute() else self.base / path

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL, password included; without one, SQLite in the data folder."""
        if self.database_password_file is not None:
            password = self.secret(self.database_password_file, "database_password_file")
            parts = urlsplit(self.database)
            user, at, host = parts.netloc.rpartition("@")
            login = f"{user.partition(':')[0]}:{quote(password, safe='')}@" if at else ""
            return parts._replace(netloc=login + host).geturl()
        return self.database or f"sqlite+aiosqlite:///{self.path(self.data_dir) / 'curbside.db'}"

    @property
    def servers(self) -> frozenset[str]:
        """The homeservers whose people may talk to the bots: our own and the allowed ones."""
        return frozenset({self.server_name, *self.allowed_servers})

    def secret(self, path: Path, setting: str) -> str:
        """Read a secret from its file."""
        try:
            value = self.path(path).read_text("utf-8").strip()
        except OSError as error:
            raise BadSettings(f"{setting}: cannot read {self.path(path)} ({error.strerror}).") from None
        except UnicodeDecodeError:
            raise BadSettings(f"{setting}: {self.path(path)} is not a text file.") from None
        if not value:
            raise BadSettings(f"{setting}: {self.path(path)} is empty.")
        return value


def load(path: Path) -> Settings:
    """Read the settings file and the environment; raises BadSettings with one sentence."""
    try:
        values = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise BadSettings(
            f"There is no settings file {path}: run `curbside init`, or name one with --config."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadSettings(f"The settings file {path} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise BadSettings(f"The settings file {path} is not valid TOML: {error}.") from None
    try:
        return Settings(**{**values, "base": path.resolve().parent})
    except ValidationError as error:
        raise BadSettings(_sentence(error)) from None
    except SettingsError as error:
        field = re.search(r'"(\w+)"', str(error))
        name = f"CURBSIDE_{field[1].upper()}" if field else "The environment"
        raise BadSettings(f'{name}: must be JSON, such as ["@anna:hospital.example"].') from None


_WORDS = {
    "missing": "is required",
    "extra_forbidden": "is not a setting; see docs/operator.md for the list",
    "tuple_type": 'must be a list, such as ["…", "…"]',
    "string_type": "must be text in quotes",
    "path_type": "must be a path in quotes",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "model_type": "must be a table of settings",
    "dict_type": "must be a table of settings",
    "string_too_short": "must not be empty",
}


def _sentence(error: ValidationError) -> str:
    first = error.errors()[0]
    name = ".".join(str(part) for part in first["loc"])
    message = str(first["msg"]).removeprefix("Value error, ")
    message = _WORDS.get(first["type"], re.sub(r"^(Input|String|Value) should ", "must ", message))
    more = f" ({error.error_count() - 1} more after this one)" if error.error_count() > 1 else ""
    return f"{name}: {message}{more}." if name else f"{message}{more}."
