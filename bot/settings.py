"""The settings: `curbside.toml`, the environment (`CURBSIDE_…`), and secrets in files of their own.

A wrong setting stops the start with one sentence that names it. Durations are written `90s`, `10m`,
`2h` or `1d`; paths are relative to the settings file.
"""

from __future__ import annotations

import re
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import Literal
from urllib.parse import quote, urlsplit

from pydantic import (
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
from bot.setting_types import (
    Address,
    BaseUrl,
    DatabaseUrl,
    DeviceId,
    Domain,
    GuardedUrl,
    LdapUrl,
    Prefix,
    is_loopback,
)
from bot.setting_types import Duration as Duration
from bot.setting_types import Section as Section
from bot.setting_types import ServerName as ServerName
from bot.setting_types import UserId as UserId
from bot.setting_types import Zone as Zone


class BadSettings(CurbsideError):
    """A setting is missing or wrong; the message names it and says what to write."""


class BotSettings(Section):
    """One bot account: exactly one of password, access token and application-service token."""

    user_id: UserId
    password_file: Path | None = None
    token_file: Path | None = None
    appservice_token_file: Path | None = None
    device_id: DeviceId | None = None
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
    """Where health, metrics and the sign-in page are served; an empty host switches them off.

    `public_url` is how people's browsers reach it, `proxies` the addresses of reverse proxies whose word
    about the caller's address counts.
    """

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    public_url: GuardedUrl = ""
    proxies: tuple[str, ...] = ()


class HealthSettings(Section):
    """When `/readyz` says no: a message undelivered, a timer overdue, for longer than this."""

    undelivered: Duration = timedelta(minutes=2)
    overdue: Duration = timedelta(seconds=30)


class EmailSettings(Section):
    """The mail server that codes leave by, and whose addresses prove something; an empty host: no e-mail."""

    host: str = ""
    port: int = Field(default=587, ge=1, le=65535)
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: str = ""
    password_file: Path | None = None
    sender: Address = ""
    domains: dict[Domain, str] = Field(default={})  # mail domain → its institution's name
    valid: Duration = timedelta(days=180)

    @model_validator(mode="after")
    def _whole(self) -> EmailSettings:
        if self.host and not self.sender:
            raise ValueError("sender is required: the address that mail comes from")
        if bool(self.user) != (self.password_file is not None):
            raise ValueError("user and password_file belong together")
        if self.user and self.security == "none" and not is_loopback(self.host):
            raise ValueError('security = "none" would send the password in the clear')
        return self


class OidcSettings(Section):
    """The hospital's sign-in (OpenID Connect); an empty issuer: none.

    `require` names the claims that make a clinician: a claim and the values of which one must be there.
    `account_claim` names a claim that must be the Matrix id, or on our own homeserver its local part.
    """

    issuer: GuardedUrl = ""
    client_id: str = ""
    client_secret_file: Path | None = None
    scopes: tuple[str, ...] = ("openid", "profile")
    require: dict[str, tuple[str, ...]] = Field(default={})
    account_claim: str = ""
    npi_claim: str = "npi"
    prompt: Literal["login", "select_account", "consent", ""] = "login"
    valid: Duration = timedelta(days=365)

    @model_validator(mode="after")
    def _whole(self) -> OidcSettings:
        if self.issuer and not self.client_id:
            raise ValueError("client_id is required: the name under which the provider knows Curbside")
        if self.issuer and not (self.require and all(self.require.values())):
            raise ValueError('require: name the claim of a clinician, such as { role = ["physician"] }')
        if "openid" not in self.scopes:
            raise ValueError('scopes: must hold "openid"')
        return self


class LdapSettings(Section):
    """The hospital's LDAP directory; an empty url: none.

    `user` makes the Matrix id from an entry's attributes: `@{uid}:hospital.example`, or
    `@{mail|local}:hospital.example` for what stands before the @ of an address.
    """

    url: LdapUrl = ""
    bind_dn: str = ""
    password_file: Path | None = None
    base: str = ""
    filter: str = "(objectClass=inetOrgPerson)"
    user: str = ""
    name: str = "cn"
    specialty: str = ""
    npi: str = ""
    interval: Duration = timedelta(hours=24)
    valid: Duration = timedelta(days=30)

    @model_validator(mode="after")
    def _whole(self) -> LdapSettings:
        if self.url and not (self.base and self.user):
            raise ValueError("base and user are required: where people stand, and their Matrix ids")
        if bool(self.bind_dn) != (self.password_file is not None):
            raise ValueError("bind_dn and password_file belong together")
        return self


class ScimSettings(Section):
    """The hospital's SCIM service; an empty url: none. `user` as in `LdapSettings`, from SCIM attributes."""

    url: GuardedUrl = ""
    token_file: Path | None = None
    filter: str = ""
    user: str = ""
    name: str = "displayName"
    specialty: str = ""
    npi: str = ""
    interval: Duration = timedelta(hours=24)
    valid: Duration = timedelta(days=30)

    @model_validator(mode="after")
    def _whole(self) -> ScimSettings:
        if self.url and not self.user:
            raise ValueError("user is required: how Matrix ids are made: @{userName}:hospital.example")
        return self


class VerificationSettings(Section):
    """How clinicians prove who they are, and for how long a proof counts.

    A `number`, a moderator's `register_check` and a `vouch` count for so long. L4 takes `vouchers`
    colleagues of different hospitals; each may make `vouches_per_quarter` (91 days), once they have been
    at least L3 for `vouch_after`. People are told `warning` before their level falls.
    """

    own_accounts: Literal["L0", "L1", "L2"] = "L0"  # what an account on our own homeserver proves
    number: Duration = timedelta(days=365)
    register_check: Duration = timedelta(days=365)
    vouch: Duration = timedelta(days=365)
    warning: Duration = timedelta(days=14)
    vouchers: int = Field(default=2, ge=1, le=10)
    vouches_per_quarter: int = Field(default=3, ge=0, le=100)
    vouch_after: Duration = timedelta(days=30)
    ca_file: Path | None = None  # certificates trusted beside the system's: the hospital's own authority
    email: EmailSettings = EmailSettings()
    oidc: OidcSettings = OidcSettings()
    ldap: LdapSettings = LdapSettings()
    scim: ScimSettings = ScimSettings()


class ModerationSettings(Section):
    """What the moderators are helped with.

    `reasons` are the templates by number, at most nine, in English, and `reasons_de` the same in German;
    empty: ours. People and the rooms' state read them, so they name nobody. After `strikes` strikes in
    `strike_days` days a next step is proposed. So many arrivals within `storm_window` are a rush: into one
    room, and from one homeserver into all rooms; 0: never. `newcomer` is how long spam is told more
    strictly of somebody. `reports_token_file` holds a Synapse administrator's access token, with which the
    reports that people make with their client are fetched.
    """

    reasons: tuple[str, ...] = Field(default=(), max_length=9)
    reasons_de: tuple[str, ...] = Field(default=(), max_length=9)
    strikes: int = Field(default=3, ge=0, le=100)
    strike_days: int = Field(default=90, ge=1, le=3650)
    mute: Duration = timedelta(hours=1)
    spam_mute: Duration = timedelta(minutes=10)
    newcomer: Duration = timedelta(hours=24)
    storm_arrivals: int = Field(default=20, ge=0, le=100_000)
    storm_server_arrivals: int = Field(default=60, ge=0, le=100_000)
    storm_window: Duration = timedelta(seconds=60)
    storm_quiet: Duration = timedelta(minutes=5)
    reports_per_hour: int = Field(default=6, ge=1, le=1000)
    reports_token_file: Path | None = None

    @model_validator(mode="after")
    def _templates(self) -> ModerationSettings:
        if self.reasons_de and len(self.reasons_de) != len(self.reasons):
            raise ValueError("reasons_de: must have as many entries as reasons")
        if any(not text.strip() or len(text) > 100 or "@" in text for text in self.reasons + self.reasons_de):
            raise ValueError("reasons: must each be 1 to 100 characters that name nobody, so without @")
        return self


class ConsultSettings(Section):
    """How long a paged clinician has to accept, by urgency, before the next one is asked.

    These are the hospital's policy, not ours; a service in the roster may set its own. After
    `interruptions_per_hour` pages within an hour, requests that can wait are collected; 0: never.
    """

    stat: Duration = timedelta(minutes=5)
    urgent: Duration = timedelta(minutes=20)
    routine: Duration = timedelta(hours=4)
    interruptions_per_hour: int = Field(default=4, ge=0, le=1000)


class BridgeSettings(Section):
    """One bridge: `kind` says which (an entry point of `curbside.bridges`), the rest is its own."""

    model_config = ConfigDict(extra="allow", frozen=True)
    kind: str = Field(min_length=1, max_length=64)


class PagingSettings(Section):
    """How pages go out by second channels, such as SMS.

    After `report` without word that a page was delivered, the next channel is tried; a page that could not
    be handed over for `useful` is not sent any more.
    """

    report: Duration = timedelta(seconds=90)
    useful: Duration = timedelta(minutes=30)


class ExportSettings(Section):
    """The hospital's own certificate and key (PKCS#12) that sign exports; none: those of our own making."""

    certificate_file: Path | None = None
    password_file: Path | None = None

    @model_validator(mode="after")
    def _whole(self) -> ExportSettings:
        if self.password_file is not None and self.certificate_file is None:
            raise ValueError("password_file: opens certificate_file, which is not set")
        return self


class CaseSettings(Section):
    """Anonymous cases.

    A draft is kept for `draft`, then erased with all that its author gave. What leads from a case to its
    author is erased `link` after it was closed. An author is asked for the outcome after `follow_up`.
    Cases for the rooms named in `review` (their keys, or "*" for all) wait for a moderator. `unmask` lets two
    moderators, with a reason, learn who wrote a case; its author is told. `posts_per_day` is how many one
    author may post.
    A poll ends after `poll`. An author may have specialists asked `pages_per_day` times. Each room but those
    in `digest_off` gets a list of its cases once a week, on `digest` at `digest_hour` in the house's time.
    """

    draft: Duration = timedelta(hours=24)
    link: Duration = timedelta(days=30)
    follow_up: Duration = timedelta(days=14)
    review: tuple[str, ...] = ()
    unmask: bool = False
    posts_per_day: int = Field(default=6, ge=1, le=1000)
    poll: Duration = timedelta(days=7)
    pages_per_day: int = Field(default=2, ge=0, le=100)
    digest: Literal["off", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] = (
        "monday"
    )
    digest_hour: int = Field(default=8, ge=0, le=23)
    digest_off: tuple[str, ...] = ()


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
    database: DatabaseUrl = ""
    database_password_file: Path | None = None
    at_rest_keys: Path = Path("secrets/at-rest.keys")
    roster: Path = Path("roster.toml")
    network: Path = Path("network.toml")
    profile: Literal["standard", "strict"] = "standard"
    language: Literal["en", "de"] = "en"
    timezone: Zone = "UTC"
    prefix: Prefix = "!"
    allowed_servers: tuple[ServerName, ...] = ()
    moderators: tuple[UserId, ...] = ()
    trust: TrustSettings = TrustSettings()
    limits: LimitSettings = LimitSettings()
    web: WebSettings = WebSettings()
    health: HealthSettings = HealthSettings()
    consults: ConsultSettings = ConsultSettings()
    verification: VerificationSettings = VerificationSettings()
    moderation: ModerationSettings = ModerationSettings()
    bridges: dict[str, BridgeSettings] = Field(default={})
    paging: PagingSettings = PagingSettings()
    export: ExportSettings = ExportSettings()
    cases: CaseSettings = CaseSettings()
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
        if self.verification.oidc.issuer and not self.web.public_url:
            raise ValueError("web.public_url: is required for verification.oidc; people's browsers go there")
        for name in self.bridges:
            if not re.fullmatch(r"[a-z][a-z0-9_-]{0,22}", name):
                raise ValueError(f"bridges.{name}: a bridge's name is lower-case letters, digits, - and _")
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
