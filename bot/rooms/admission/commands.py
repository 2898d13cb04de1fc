"""What people type about rooms."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.types import Text
from bot.rooms.admission import joining

_GROUP = message_id("Rooms")


async def rooms(ctx: Context, args: Args) -> None:
    """Show what one is in and may join."""
    await joining.show_rooms(ctx, str(args.get("space", "")))


async def join(ctx: Context, args: Args) -> None:
    """Ask to be let into a room; without a name, see which there are."""
    wanted = str(args.get("room", ""))
    await (joining.join(ctx, wanted) if wanted else joining.show_rooms(ctx, ""))


async def leave(ctx: Context, args: Args) -> None:
    """Take back what one asked for."""
    await joining.leave(ctx, str(args["room"]))


COMMANDS = (
    Command(
        word="rooms",
        help="the rooms that you are in, and may join",
        run=rooms,
        args=(Arg("space", Text(100), "Which space?", required=False, rest=True),),
        synonyms=("räume", "raeume"),
        group=_GROUP,
    ),
    Command(
        word="join",
        help="be let into a room, by its name or specialty",
        run=join,
        args=(
            Arg(
                "room",
                Text(200),
                "Which room? A name, a specialty, or its number.",
                required=False,
                rest=True,
            ),
        ),
        synonyms=("beitreten",),
        details=(
            "If the room has rules, I show them first; ✅ accepts them, and I invite you to the room and its "
            "space. If something is missing, I say what, and invite you as soon as it is there."
        ),
        example="cardiology",
        group=_GROUP,
    ),
    Command(
        word="leave",
        help="take back a `join`, before you are in the room",
        run=leave,
        args=(Arg("room", Text(200), "Which room?", rest=True),),
        synonyms=("verlassen", "austreten"),
        example="cardiology",
        group=_GROUP,
    ),
)
