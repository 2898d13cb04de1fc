"""Clinicians in the hospital's LDAP directory (RFC 4511; paged results, RFC 2696)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from bot.directory.imports.rules import Found, Reading, placeholders, user_id_of
from bot.directory.imports.service import SourceFailed
from bot.setting_types import is_loopback
from bot.settings import Settings

_PAGE = 500
_CONNECT_SECONDS = 10
_ANSWER_SECONDS = 60


class LdapSource:
    """Everybody whom the filter finds under the base, over TLS: `ldaps://`, or `ldap://` with StartTLS."""

    name = "ldap"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ldap = settings.verification.ldap
        self.interval = self._ldap.interval
        self.valid = self._ldap.valid

    async def read(self) -> Reading:
        """Everybody found; the library blocks, so a thread waits for it."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> Reading:
        import ldap3
        from ldap3.core.exceptions import LDAPException, LDAPInvalidCredentialsResult

        ldap = self._ldap
        names = {*placeholders(ldap.user), ldap.name, ldap.specialty, ldap.npi} - {""}
        try:
            with self._connect(ldap3) as connection:
                entries = connection.extend.standard.paged_search(
                    self._ldap.base,
                    self._ldap.filter,
                    attributes=sorted(names),
                    paged_size=_PAGE,
                    generator=True,
                )
                return self._reading(
                    [entry["attributes"] for entry in entries if entry.get("type") == "searchResEntry"]
                )
        except LDAPInvalidCredentialsResult:
            raise SourceFailed("verification.ldap: the server refuses bind_dn and password_file.") from None
        except (LDAPException, OSError, ssl.SSLError) as error:
            # The library's texts may hold what an entry holds.
            raise SourceFailed(
                f"verification.ldap: {self._ldap.url} could not be read to the end ({type(error).__name__})."
            ) from None

    def _connect(self, ldap3: Any) -> Any:
        settings, ldap = self._settings, self._ldap
        ca_file = settings.verification.ca_file
        parts = urlsplit(ldap.url)
        tls = ldap3.Tls(
            validate=ssl.CERT_REQUIRED,
            version=ssl.PROTOCOL_TLS_CLIENT,
            ca_certs_file=None if ca_file is None else str(settings.path(ca_file)),
        )
        server = ldap3.Server(ldap.url, get_info=ldap3.NONE, tls=tls, connect_timeout=_CONNECT_SECONDS)
        password = None
        if ldap.password_file is not None:
            password = settings.secret(ldap.password_file, "verification.ldap.password_file")
        inside = parts.scheme == "ldapi" or is_loopback(parts.hostname)
        plain = parts.scheme == "ldaps" or (inside and ca_file is None)
        return ldap3.Connection(
            server,
            user=ldap.bind_dn or None,
            password=password,
            auto_bind=ldap3.AUTO_BIND_NO_TLS if plain else ldap3.AUTO_BIND_TLS_BEFORE_BIND,
            read_only=True,
            auto_referrals=False,
            check_names=False,
            raise_exceptions=True,
            receive_timeout=_ANSWER_SECONDS,
        )

    def _reading(self, entries: list[Mapping[str, Any]]) -> Reading:
        people, skipped = [], 0
        for entry in entries:
            user_id = user_id_of(self._ldap.user, lambda name, entry=entry: _first(entry, name))  # type: ignore[misc]
            if user_id is None:
                skipped += 1
            else:
                name, specialty, npi = (
                    _first(entry, named) for named in (self._ldap.name, self._ldap.specialty, self._ldap.npi)
                )
                people.append(Found(user_id, name=name, specialty=specialty, npi=npi))
        return Reading(tuple(people), skipped)


def _first(entry: Mapping[str, Any], name: str) -> str:
    """An attribute's first value; names are case-insensitive (RFC 4512, section 2.5)."""
    value = next((found for key, found in entry.items() if key.lower() == name.lower()), "")
    if isinstance(value, list):
        value = value[0] if value else ""
    return value if isinstance(value, str) else ""
