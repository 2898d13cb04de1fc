"""The argument that names a service."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.command import Misunderstood, Offer
from bot.chat.desk import Context
from bot.chat.parsing import closest
from bot.chat.rich import verbatim
from bot.directory.model import Service
from bot.directory.roster import RosterFile


class ServiceArg:
    """A service of the roster, by its name in any language, a synonym or an unmistakable beginning."""

    async def parse(self, ctx: Context, text: str) -> Service:
        """The service meant; suggests others when there is none like it."""
        roster = ctx.house.part(RosterFile).current
        service = roster.find(text)
        if service is not None:
            return service
        if not roster.services:
            raise Misunderstood("The hospital has not set up any service yet: please tell the moderators.")
        words = {word: known for known in roster.services.values() for word in known.words}
        near = [words[word].name(ctx.t.language) for word in closest(text, words, limit=6)]
        raise Misunderstood(
            "I know no service “{word}”.", word=text[:40], suggestions=list(dict.fromkeys(near))[:3]
        )

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """All services."""
        roster = ctx.house.part(RosterFile).current
        return [
            Offer(service.key, verbatim(service.name(ctx.t.language))) for service in roster.services.values()
        ]
