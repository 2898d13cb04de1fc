"""Files that people posted, fetched and decrypted in memory.

Source: C-S API v1.11, "Content repository" (authenticated download), "Sending encrypted attachments".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from nio.crypto.attachments import decrypt_attachment
from nio.exceptions import EncryptionError

from bot.chat.fetching import Unfetched
from bot.kernel.db import Database
from bot.matrix.http import Http, MatrixError, TokenRevoked, open_session
from bot.matrix.store import SecretBox
from bot.settings import BadSettings, Settings

_SECONDS = 60.0


class MediaFetcher:
    """Fetches as one of the bots, with the token that it is logged in with."""

    def __init__(self, settings: Settings, seconds: float = _SECONDS) -> None:
        """`seconds`: after so long a file is given up."""
        self._settings = settings
        self._seconds = seconds

    async def fetch(self, database: Database, bot: str, content: Mapping[str, Any], most_bytes: int) -> bytes:
        """As `bot.chat.fetching.Fetch`."""
        file = content["file"]
        async with open_session() as session:
            http = Http(self._settings.homeserver, session)
            try:
                await self._authorise(http, database, bot)
                sealed = await http.download(file["url"], most_bytes=most_bytes, timeout=self._seconds)
            except BadSettings:
                raise Unfetched("away") from None
            except MatrixError as error:
                if error.errcode == "M_TOO_LARGE":
                    raise Unfetched("size") from None
                later = error.transient or isinstance(error, TokenRevoked)  # the file is where it was
                raise Unfetched("away" if later else "gone") from None
        key, digest, iv = file["key"]["k"], file["hashes"]["sha256"], file["iv"]
        try:
            return await asyncio.to_thread(decrypt_attachment, sealed, key, digest, iv)
        except (EncryptionError, ValueError):
            raise Unfetched("damaged") from None

    async def _authorise(self, http: Http, database: Database, bot: str) -> None:
        account = self._settings.bots[bot]
        if account.appservice_token_file is not None:
            setting = f"bots.{bot}.appservice_token_file"
            http.token = self._settings.secret(account.appservice_token_file, setting)
            http.masquerade = {"user_id": account.user_id}
        elif account.token_file is not None:
            http.token = self._settings.secret(account.token_file, f"bots.{bot}.token_file")
        else:
            stored = await SecretBox(database, bot).load("login") or {}
            http.token = stored.get("token")
