"""`!erase`: what is kept of a person, and may be erased, is erased at once, by whichever feature keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.chat.capability import EraseHandler
from bot.chat.desk import Context


@dataclass(frozen=True)
class Erasers:
    """What every capability erases; made by the composition root."""

    handlers: Sequence[EraseHandler] = ()


async def erase_all(ctx: Context) -> int:
    """Erase what may be erased of the person who asks; returns how many things that were."""
    known = ctx.house.parts.get(Erasers)
    handlers = known.handlers if isinstance(known, Erasers) else ()
    return sum([await handler(ctx) for handler in handlers])
