"""Requests to Kannel: `sendsms` of its smsbox, and the status pages of its bearerbox."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp

_LARGEST = 4 * 1024 * 1024  # bytes of a status page


class Unreachable(Exception):
    """Nothing was sent."""


class InDoubt(Exception):
    """The request may have been heard, and there is no answer."""


class Gateway:
    """One Kannel, over one session."""

    def __init__(self, seconds: float) -> None:
        self._session = aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=seconds), cookie_jar=aiohttp.DummyCookieJar()
        )

    async def get(self, url: str, params: Mapping[str, str]) -> tuple[int, str]:
        """Status and text of a page; raises Unreachable or InDoubt."""
        return await self._ask("GET", url, params=params)

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        """Status and text of an answer; raises Unreachable or InDoubt.

        Never by GET: aiohttp repeats that by itself when the connection breaks (RFC 9110, section 9.2.2),
        and Kannel would send the message twice.
        """
        return await self._ask("POST", url, headers=headers, data=body)

    async def _ask(self, method: str, url: str, **what: Any) -> tuple[int, str]:
        what["headers"] = {**what.get("headers", {}), "Connection": "close"}
        try:
            async with self._session.request(method, url, allow_redirects=False, **what) as answer:
                body = b""
                async for some in answer.content.iter_chunked(65536):
                    body += some
                    if len(body) > _LARGEST:
                        raise InDoubt
                return answer.status, body.decode("utf-8", "replace")
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
            raise Unreachable from None
        except (aiohttp.ClientError, TimeoutError, OSError):
            raise InDoubt from None  # the chained error would hold the request, and that the message

    async def close(self) -> None:
        await self._session.close()
