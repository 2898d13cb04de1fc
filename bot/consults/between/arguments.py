"""The argument that names a service, of this hospital or of one that offers it to us."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.command import Misunderstood, Offer
from bot.chat.desk import Context
from bot.chat.parsing import closest
from bot.chat.rich import verbatim
from bot.consults.between import offering
from bot.directory.model import Service
from bot.oncall.arguments import ServiceArg

_MOST = 20  # of other hospitals' services among those offered to choose from


class AnyService(ServiceArg):
    """A service as `ServiceArg` takes it, or `service@hospital`."""

    async def parse(self, ctx: Context, text: str) -> Service:
        """The service meant; suggests others when there is none like it."""
        if "@" not in text:
            return await super().parse(ctx, text)
        found = await offering.service(ctx, text)
        if found is not None:
            return found
        known = [f"{one.key}@{book.server}" for book in await offering.books(ctx) for one in book.services]
        near = closest(text, known, limit=3)
        if not known:
            raise Misunderstood("No other hospital offers us a service at present.")
        raise Misunderstood("No hospital offers us “{word}”.", word=text[:60], suggestions=near or known[:3])

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """Our own services, then those that others offer us."""
        theirs = [
            Offer(f"{one.key}@{book.server}", verbatim(f"{one.name(ctx.t.language)} ({book.name})"))
            for book in await offering.books(ctx)
            for one in book.services
        ]
        return [*await super().offers(ctx), *theirs[:_MOST]]
