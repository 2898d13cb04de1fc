"""The files of one Synapse: configuration, signing key, certificate. Used by `bot.dev.synapse`.

Source: Synapse configuration manual.
"""

import json
import os
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

CONFIG_FILE = "homeserver.yaml"
_NO_LIMIT = {"per_second": 1_000_000, "burst_count": 1_000_000}


@dataclass(frozen=True)
class Homeserver:
    """Where one homeserver listens and where its files are."""

    name: str
    server_name: str
    url: str
    registration_shared_secret: str
    directory: Path
    client_port: int
    federation_port: int

    def to_json(self) -> dict[str, Any]:
        """Plain types only; holds the registration secret."""
        return asdict(self) | {"directory": str(self.directory)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_json`."""
        return cls(**(dict(data) | {"directory": Path(data["directory"])}))


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def write_files(
    homeserver: Homeserver,
    peers: Sequence[Homeserver],
    *,
    rate_limits: bool,
    database: Mapping[str, Any] | None,
    appservices: Sequence[Path],
) -> None:
    """Write its configuration anew; keys and certificate only where none are. Parameters as `create`."""
    directory = homeserver.directory
    (directory / "media").mkdir(parents=True, exist_ok=True)
    if not (directory / "signing.key").exists():
        seed = b64encode(secrets.token_bytes(32)).rstrip(b"=")
        write_private(directory / "signing.key", b"ed25519 a_dev " + seed + b"\n")
        write_private(directory / "macaroon.key", secrets.token_hex(32).encode())
        _write_certificate(directory)
    log = {
        "version": 1,
        "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "disable_existing_loggers": False,
    }
    (directory / "log.yaml").write_text(json.dumps(log, indent=1))
    config = _configuration(homeserver, peers, rate_limits, database, appservices)
    # JSON is YAML.
    write_private(directory / CONFIG_FILE, json.dumps(config, indent=1).encode())


def _configuration(
    homeserver: Homeserver,
    peers: Sequence[Homeserver],
    rate_limits: bool,
    database: Mapping[str, Any] | None,
    appservices: Sequence[Path],
) -> dict[str, Any]:
    directory = homeserver.directory
    listener = {"type": "http", "bind_addresses": ["127.0.0.1"]}
    # With two servers a notary knows no more than the server itself; with three it answers for a dead one.
    notaries = peers if len(peers) > 1 else ()
    config: dict[str, Any] = {
        "server_name": homeserver.server_name,
        "public_baseurl": homeserver.url + "/",
        "listeners": [
            listener | {"port": homeserver.client_port, "tls": False, "resources": [{"names": ["client"]}]},
            listener
            | {"port": homeserver.federation_port, "tls": True, "resources": [{"names": ["federation"]}]},
        ],
        "tls_certificate_path": str(directory / "tls.crt"),
        "tls_private_key_path": str(directory / "tls.key"),
        "federation_verify_certificates": False,
        "ip_range_blacklist": [],
        "trusted_key_servers": [
            {"server_name": peer.server_name, "accept_keys_insecurely": True} for peer in notaries
        ],
        "suppress_key_server_warning": True,
        # Synapse waits ten minutes before it asks a server again that was down; here it restarts in seconds.
        "federation": {
            "destination_min_retry_interval": "1s",
            "destination_retry_multiplier": 2,
            "destination_max_retry_interval": "5s",
        },
        "database": dict(database)
        if database is not None
        else {"name": "sqlite3", "args": {"database": str(directory / "homeserver.db")}},
        "log_config": str(directory / "log.yaml"),
        "signing_key_path": str(directory / "signing.key"),
        "macaroon_secret_key": (directory / "macaroon.key").read_text(),
        "media_store_path": str(directory / "media"),
        "max_upload_size": "50M",
        "url_preview_enabled": False,
        "registration_shared_secret": homeserver.registration_shared_secret,
        "enable_registration": False,
        "bcrypt_rounds": 4,
        "report_stats": False,
        "presence": {"enabled": False},
        "caches": {"sync_response_cache_duration": "0s"},
        "app_service_config_files": [str(path.resolve()) for path in appservices],
    }
    return config if rate_limits else config | _unlimited()


def _unlimited() -> dict[str, Any]:
    # The limits of one kind of request, then those that are split further.
    single = (
        "rc_message rc_registration rc_registration_token_validity rc_admin_redaction rc_joins_per_room "
        "rc_3pid_validation rc_third_party_invite rc_key_requests rc_media_create rc_reports "
        "rc_room_creation rc_delayed_event_mgmt rc_user_directory"
    )
    limits: dict[str, Any] = dict.fromkeys(single.split(), _NO_LIMIT)
    return limits | {
        "rc_login": {"address": _NO_LIMIT, "account": _NO_LIMIT, "failed_attempts": _NO_LIMIT},
        "rc_joins": {"local": _NO_LIMIT, "remote": _NO_LIMIT},
        "rc_invites": {"per_room": _NO_LIMIT, "per_user": _NO_LIMIT, "per_issuer": _NO_LIMIT},
        "rc_presence": {"per_user": _NO_LIMIT},
        "rc_federation": {
            "window_size": 1,
            "sleep_limit": 1_000_000,
            "sleep_delay": 1,
            "reject_limit": 1_000_000,
            "concurrent": 100,
        },
    }


def _write_certificate(directory: Path) -> None:
    """A self-signed certificate for localhost, for the federation listener."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=3650))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_private(
        directory / "tls.key",
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
    )
    (directory / "tls.crt").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
