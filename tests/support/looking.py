"""Waiting for what nobody tells a test: it looks again and again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from tests.support.people import PATIENCE_S


async def until(
    what: Callable[[], Awaitable[bool]], *, seconds: float = PATIENCE_S, every: float = 0.05
) -> float:
    """Wait until something is so; returns how long that took."""
    began = time.monotonic()
    async with asyncio.timeout(seconds):
        while not await what():
            await asyncio.sleep(every)
    return time.monotonic() - began
