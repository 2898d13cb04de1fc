"""Files on their way out: uploaded right before the event that shows them, encrypted where the room is.

Source: C-S API v1.11, "Content repository" and "Sending encrypted attachments" (AES-256-CTR, a key and an
initialisation vector for this file alone, the SHA-256 of what was uploaded).
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from nio.crypto.attachments import encrypt_attachment

from bot.chat.attachment import unpacked
from bot.kernel.outbox import OutboxRow
from bot.matrix.http import Http, MatrixError, TokenRevoked
from bot.matrix.making import Undeliverable

FILE_REFUSED_TOPIC = "matrix.file_refused"
TOO_LARGE = "FILE_TOO_LARGE"
UPLOAD_SECONDS = 180.0
_REMEMBERED = 64
# The authenticated endpoint, and the one of homeservers before v1.11.
_CONFIGS = ("/_matrix/client/v1/media/config", "/_matrix/media/v3/config")


class Uploader:
    """Uploads the files of one bot's outbox rows.

    A row whose event could not be sent afterwards finds its upload here again, so that a homeserver in
    trouble is not filled with copies; after a crash it is uploaded anew, under another key.
    """

    def __init__(self, http: Http) -> None:
        self._http = http
        self._done: OrderedDict[tuple[str, bool], Mapping[str, Any]] = OrderedDict()

    async def shown(self, row: OutboxRow, content: Mapping[str, Any], *, encrypted: bool) -> dict[str, Any]:
        """The content with where its file lies; raises Undeliverable when the homeserver takes none so large.

        Neither the name nor, of an encrypted file, its type is told to the homeserver.
        """
        key = (row.id, encrypted)
        if key not in self._done:
            self._done[key] = await self._upload(row.body["file"], encrypted=encrypted)
            if len(self._done) > _REMEMBERED:
                self._done.popitem(last=False)
        return {**content, **self._done[key]}

    def forget(self, row: OutboxRow) -> None:
        """What a row uploaded is no longer needed: its event was sent, or given up."""
        for encrypted in (True, False):
            self._done.pop((row.id, encrypted), None)

    async def _upload(self, packed: Mapping[str, Any], *, encrypted: bool) -> Mapping[str, Any]:
        mimetype, data = unpacked(packed)
        most = await self._most_bytes()
        # Asked before: a proxy that refuses closes the connection midway, which looks like any other trouble.
        if most is not None and len(data) > most:
            raise Undeliverable(TOO_LARGE)
        keys: dict[str, Any] = {}
        if encrypted:
            data, keys = await asyncio.to_thread(encrypt_attachment, data)
            mimetype = "application/octet-stream"
        try:
            uri = await self._http.upload(data, mimetype, timeout=UPLOAD_SECONDS)
        except MatrixError as error:
            if error.status == 413:
                raise Undeliverable(TOO_LARGE) from None
            raise
        return {"file": {**keys, "url": uri}} if encrypted else {"url": uri}

    async def _most_bytes(self) -> int | None:
        """How large an upload may be (`m.upload.size`); None where the homeserver does not say."""
        for path in _CONFIGS:
            try:
                size = (await self._http.request("GET", path)).get("m.upload.size")
            except MatrixError as error:
                if error.transient or isinstance(error, TokenRevoked):
                    raise
            else:
                return size if isinstance(size, int) else None
        return None
