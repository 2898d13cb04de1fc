"""Clinicians in the hospital's SCIM service (RFC 7643, RFC 7644 section 3.4.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aiohttp

from bot.directory.imports.rules import Found, Reading, user_id_of
from bot.directory.imports.service import SourceFailed
from bot.directory.outside import tls
from bot.settings import Settings

_PAGE = 200
_MOST_PAGES = 10_000
_LARGEST_PAGE = 32 * 1024 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=120, connect=10)


class ScimSource:
    """Everybody under `/Users`, with the filter where one is set; `active: false` means gone."""

    name = "scim"

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._scim = settings.verification.scim
        self.interval = self._scim.interval
        self.valid = self._scim.valid

    async def read(self) -> Reading:
        """Everybody found, page by page; raises SourceFailed unless all pages came."""
        headers = {"Accept": "application/scim+json"}
        if self._scim.token_file is not None:
            secret = self._settings.secret(self._scim.token_file, "verification.scim.token_file")
            headers["Authorization"] = f"Bearer {secret}"
        connector = aiohttp.TCPConnector(ssl=tls(self._settings))
        users: dict[str, Mapping[str, Any]] = {}
        async with aiohttp.ClientSession(timeout=_TIMEOUT, connector=connector, headers=headers) as session:
            start = 1
            for _ in range(_MOST_PAGES):
                total, found = await self._page(session, start)
                users |= {str(user.get("id")): user for user in found}
                start += len(found)
                if start > total:
                    break
                if not found:
                    raise self._failed("pages end early")
        # Somebody removed meanwhile moves others to a page that was read: then the count does not fit.
        if len(users) < total:
            raise self._failed("people changed while they were read")
        return self._reading(list(users.values()))

    async def _page(self, session: aiohttp.ClientSession, start: int) -> tuple[int, list[Mapping[str, Any]]]:
        query = {"startIndex": str(start), "count": str(_PAGE), "sortBy": "id"}
        if self._scim.filter:
            query["filter"] = self._scim.filter
        try:
            # Not to be redirected: the token would go along.
            async with session.get(
                f"{self._scim.url.rstrip('/')}/Users", params=query, allow_redirects=False
            ) as answer:
                if answer.status != 200:
                    raise self._failed(f"it answers {answer.status}")
                if (answer.content_length or 0) > _LARGEST_PAGE:
                    raise self._failed("a page is too long")
                page = json.loads(await answer.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._failed(type(error).__name__) from None
        total = page.get("totalResults") if isinstance(page, Mapping) else None
        found = page.get("Resources", []) if isinstance(page, Mapping) else None
        if not isinstance(total, int) or not isinstance(found, list):
            raise self._failed("no list of users came")
        return total, [user for user in found if isinstance(user, Mapping)]

    def _failed(self, why: str) -> SourceFailed:
        return SourceFailed(f"verification.scim: {self._scim.url} could not be read to the end ({why}).")

    def _reading(self, users: list[Mapping[str, Any]]) -> Reading:
        people, skipped = [], 0
        for user in users:
            user_id = user_id_of(self._scim.user, lambda path, user=user: attribute(user, path))  # type: ignore[misc]
            if user_id is None:
                skipped += 1
            else:
                name, specialty, npi = (
                    attribute(user, path) for path in (self._scim.name, self._scim.specialty, self._scim.npi)
                )
                active = user.get("active", True) is True
                people.append(Found(user_id, active, name, specialty, npi))
        return Reading(tuple(people), skipped)


def attribute(user: Mapping[str, Any], path: str) -> str:
    """A value by its path (RFC 7644, 3.10): `userName`, `emails.value`, `urn:…:User:department`.

    Of several values the primary one counts, else the first; names are case-insensitive.
    """
    found: Any = user
    if path.lower().startswith("urn:"):
        schema, _, path = path.rpartition(":")
        found = next((value for key, value in user.items() if key.lower() == schema.lower()), {})
    for part in path.split("."):
        if isinstance(found, list):
            found = _primary(found)
        if not isinstance(found, Mapping):
            return ""
        found = next((value for key, value in found.items() if key.lower() == part.lower()), "")
    if isinstance(found, list):
        found = _primary(found)
        found = found.get("value", "") if isinstance(found, Mapping) else found
    return found if isinstance(found, str) else ""


def _primary(values: list[Any]) -> Any:
    marked = [one for one in values if isinstance(one, Mapping) and one.get("primary") is True]
    return (marked or values or [""])[0]
