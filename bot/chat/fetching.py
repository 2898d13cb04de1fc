"""Fetching a file that somebody posted: what features ask for, and what may come of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.kernel.db import Database

# A bot's name, the file's content as `bot.screening.files.kept` keeps it, and how many bytes it may have.
Fetch = Callable[["Database", str, Mapping[str, Any], int], Awaitable[bytes]]


class Unfetched(Exception):
    """A file did not come; `reason` is `away` (it may come later), `gone`, `size` or `damaged`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Fetcher:
    """Fetches the decrypted bytes of files, outside of transactions; raises Unfetched."""

    fetch: Fetch
