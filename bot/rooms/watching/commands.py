"""What people type about the watch, and what its buttons stand for."""

from __future__ import annotations

import re

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.rooms.admission import gate
from bot.rooms.watching import service, views

_GROUP = message_id("Rooms")
_ID = re.compile(r"W[-\u2010-\u2015 ]?([0-9A-Z]{4}|[0-9A-Z]{6})")
_MISREAD = str.maketrans("OIL", "011")


class OfferId:
    """An offer's id as people write it."""

    async def parse(self, ctx: Context, text: str) -> str:
        """The id in its one form, `W-7F3K`."""
        match = _ID.fullmatch(text.strip(" .,;:!?()").upper())
        if match is None:
            raise Misunderstood("That is done already, or too long ago.")
        return f"W-{match[1].translate(_MISREAD)}"


async def show(ctx: Context, _args: Args) -> None:
    """Say which rooms are watched, and how."""
    where = await gate.places(ctx)
    mine = await gate.place_of(ctx, ctx.sender)
    rooms = [
        room for room in where.declared.rooms.values() if mine.get(room.key) == "join" and not room.space
    ]
    await ctx.reply(views.policies(ctx.t, rooms))


async def remove(ctx: Context, args: Args) -> None:
    """Remove a message of one's own."""
    await service.take_down(ctx, args["id"])


async def post(ctx: Context, args: Args) -> None:
    """Post the version without identifiers."""
    await service.repost(ctx, args["id"])


_ARGS = (Arg("id", OfferId(), "Which one?"),)
COMMANDS = (
    Command(
        word="watch",
        help="which of your rooms are watched for patients’ identifiers",
        run=show,
        details=(
            "In a watched room I look at each message for what says who a patient is: names, numbers, dates "
            "of birth. I remove it, or write to you alone; you get a version without it, to post by one tap."
        ),
        group=_GROUP,
        parts=(
            Command("remove", message_id("remove the message you were warned about"), remove, args=_ARGS),
            Command("post", message_id("post the version without identifiers"), post, args=_ARGS),
        ),
    ),
)
