"""The arguments that name a service or a rota."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bot.chat.command import Misunderstood, Offer
from bot.chat.desk import Context
from bot.chat.parsing import closest, take_word
from bot.chat.rich import verbatim
from bot.directory.model import Roster, Service, folded
from bot.directory.roster import RosterFile
from bot.directory.rotas import Rota

_MOST_WORDS = 4  # of a service's name


@dataclass(frozen=True)
class Place:
    """Where somebody is on call: a service and its rota, if it has one, or a rota that no service names."""

    key: str
    service: Service | None = None
    rota: Rota | None = None

    def name(self, language: str) -> str:
        """What people call it."""
        return self.service.name(language) if self.service is not None else self.key.replace("_", " ")


class ServiceArg:
    """A service of the roster, by its name in any language, a synonym or an unmistakable beginning."""

    async def parse(self, ctx: Context, text: str) -> Service:
        """The service meant; suggests others when there is none like it."""
        roster = ctx.house.part(RosterFile).current
        service = roster.find(text)
        if service is not None:
            return service
        raise _unknown(ctx, roster, text)

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """All services."""
        roster = ctx.house.part(RosterFile).current
        return [
            Offer(service.key, verbatim(service.name(ctx.t.language))) for service in roster.services.values()
        ]


class PlaceArg(ServiceArg):
    """A service as above, or a rota by its name in the roster."""

    async def parse(self, ctx: Context, text: str) -> Place:  # type: ignore[override]
        """What is meant; suggests services when there is none like it."""
        roster = ctx.house.part(RosterFile).current
        place = find_place(roster, text)
        if place is not None:
            return place
        raise _unknown(ctx, roster, text)


def find_place(roster: Roster, text: str) -> Place | None:
    """The service or rota of that name."""
    service = roster.find(text)
    if service is not None:
        return Place(service.key, service, roster.rotas.get(service.rota or ""))
    return next(
        (Place(key, rota=rota) for key, rota in roster.rotas.items() if folded(key) == folded(text)), None
    )


def place_of(roster: Roster, key: str) -> Place:
    """How to speak of a rota: by the first service that it serves."""
    service = next((one for one in roster.services.values() if one.rota == key), None)
    return Place(service.key if service is not None else key, service, roster.rotas.get(key))


def take_place(ctx: Context, text: str) -> tuple[Place, str]:
    """The service or rota that a text begins with, and what follows; raises Misunderstood.

    A name of several words is taken whole.
    """
    roster = ctx.house.part(RosterFile).current
    words = text.split()
    for count in range(min(_MOST_WORDS, len(words)), 1, -1):
        place = find_place(roster, " ".join(words[:count]))
        if place is not None:
            return place, " ".join(words[count:])
    word, rest = take_word(text)
    place = find_place(roster, word) if word else None
    if place is None:
        raise _unknown(ctx, roster, word)
    return place, rest


def _unknown(ctx: Context, roster: Roster, text: str) -> Misunderstood:
    if not roster.services:
        return Misunderstood("The hospital has not set up any service yet: please tell the moderators.")
    if not text.strip():
        return Misunderstood(
            "Say for which service: {words}.", words=", ".join(one.key for one in roster.services.values())
        )
    words = {word: known for known in roster.services.values() for word in known.words}
    near = [words[word].name(ctx.t.language) for word in closest(text, words, limit=6)]
    return Misunderstood(
        "I know no service “{word}”.", word=text[:40], suggestions=list(dict.fromkeys(near))[:3]
    )
