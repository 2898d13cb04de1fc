"""Which specialty room somebody means, among those that exist."""

from __future__ import annotations

from bot.chat.command import Misunderstood
from bot.chat.desk import Desk
from bot.rooms.admission import gate, words
from bot.rooms.model import DeclaredRoom


async def existing(desk: Desk) -> list[DeclaredRoom]:
    """The specialty rooms that exist."""
    where = await gate.places(desk)
    return [
        room
        for room in where.declared.rooms.values()
        if room.key in where.ids and not room.space and not room.archived
    ]


async def meant(desk: Desk, text: str, language: str) -> DeclaredRoom:
    """The room that a word or name means; raises Misunderstood, which suggests others."""
    known = await existing(desk)
    if not known:
        raise Misunderstood("There is no specialty room here yet: please tell the moderators.")
    found = words.meant(known, text)
    if len(found) == 1:
        return found[0]
    near = found or words.similar(known, text)
    raise Misunderstood(
        "I know no room “{word}”.",
        word=text[:40],
        suggestions=[room.title(language) for room in near[:3]],
    )
