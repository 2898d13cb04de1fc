"""What people type to ask a curbside question."""

from __future__ import annotations

import re
from collections.abc import Sequence

from bot.chat.command import Arg, Args, Command, Misunderstood, Offer
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.rich import verbatim
from bot.chat.types import Text
from bot.directory.policy import may_talk
from bot.rooms.admission import naming
from bot.rooms.asking import service
from bot.rooms.model import DeclaredRoom

_GROUP = message_id("Rooms")
_ID = re.compile(r"Q[-\u2010-\u2015 ]?([0-9A-Z]{4}|[0-9A-Z]{6})")
_MISREAD = str.maketrans("OIL", "011")


class RoomArg:
    """A specialty room that exists, by its name or specialty in any language."""

    async def parse(self, ctx: Context, text: str) -> DeclaredRoom:
        """The room meant; suggests others when it is not one."""
        return await naming.meant(ctx, text, ctx.t.language)

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """All of them."""
        return [Offer(room.key, verbatim(room.title(ctx.t.language))) for room in await naming.existing(ctx)]


class QuestionId:
    """A question's id as people write it."""

    async def parse(self, ctx: Context, text: str) -> str:
        """The id in its one form, `Q-7F3K`."""
        match = _ID.fullmatch(text.strip(" .,;:!?()").upper())
        if match is None:
            raise Misunderstood("I know no question “{word}”.", word=text[:20])
        return f"Q-{match[1].translate(_MISREAD)}"


async def may_ask(ctx: Context) -> bool:
    """A `Command.may`: the hospital of the person who asks takes part in rooms."""
    return may_talk(ctx.sender, ctx.house.hospitals.servers("rooms"))


async def ask(ctx: Context, args: Args) -> None:
    """Put a question to a specialty room."""
    await service.ask(ctx, args["room"], args["question"])


async def solved(ctx: Context, args: Args) -> None:
    """Say that one's question is solved."""
    await service.solve(ctx, args.get("id"))


COMMANDS = (
    Command(
        word="ask",
        help="a hypothetical question to a specialty room, no consult",
        run=ask,
        may=may_ask,
        args=(
            Arg("room", RoomArg(), "Which specialty do you want to ask?"),
            Arg("question", Text(service.LONGEST), "What do you want to know? Name no patient.", rest=True),
        ),
        synonyms=("frage", "fragen"),
        details=(
            "Nobody is on call for it, and it is about no patient: for a patient use `consult`. "
            "I post it under your name and bring you the answers."
        ),
        example="neurology How long do you wait with anticoagulation after a small bleed?",
        group=_GROUP,
    ),
    Command(
        word="solved",
        help="thank for the answers to your question",
        run=solved,
        may=may_ask,
        args=(Arg("id", QuestionId(), "Which question?", required=False),),
        synonyms=("gelöst", "geloest", "danke"),
        example="Q-7F3K",
        group=_GROUP,
    ),
)
