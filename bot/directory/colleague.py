"""The argument that names a colleague: in a chat with the bot, no app offers a list of names to pick from."""

from __future__ import annotations

from bot.chat.command import Misunderstood
from bot.chat.desk import Context
from bot.chat.types import UserId
from bot.directory.model import Roster, folded
from bot.directory.roster import RosterFile

_MOST = 3  # named, when several are meant


class Colleague(UserId):
    """A person as `UserId` takes them, or somebody of the roster by an unmistakable beginning of a name."""

    async def parse(self, ctx: Context, text: str) -> str:
        """The Matrix id of whoever is meant."""
        try:
            return await super().parse(ctx, text)
        except Misunderstood:
            found = colleagues(ctx.house.part(RosterFile).current, text)
            if not found:
                raise
        if len(found) == 1:
            return found[0]
        raise Misunderstood(
            "“{word}” may be several: please write the Matrix id.",
            word=text.strip()[:40],
            suggestions=found[:_MOST],
        )


def colleagues(roster: Roster, word: str) -> list[str]:
    """Whom of the roster `@ben`, `ostrow` or `@ben.ostrow` means: those called so, else so beginning."""
    wanted = folded(word.strip().removeprefix("@"))
    if not wanted or ":" in word:
        return []
    called: list[str] = []
    beginning: list[str] = []
    for user, clinician in roster.clinicians.items():
        local = user[1:].partition(":")[0]
        names = {folded(one) for one in (local, clinician.name, *clinician.name.split(), *local.split("."))}
        if wanted in names:
            called.append(user)
        elif any(name.startswith(wanted) for name in names):
            beginning.append(user)
    return called or beginning
