"""What people type for an export."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.consults import store
from bot.consults.commands import ConsultId, takes_part
from bot.consults.export import service


async def export(ctx: Context, args: Args) -> None:
    """Take a consult out of the house: that which is named, or the one of this room."""
    consult_id = args.get("id") or await store.of_room(ctx.tx, ctx.room.room_id)
    if consult_id is None:
        raise Misunderstood("Which consult? Its id looks like C-7F3K.")
    await service.order(ctx, consult_id)


COMMANDS = (
    Command(
        word="export",
        help="a consult as a signed PDF and as FHIR, for the patient’s record",
        run=export,
        may=takes_part,
        args=(Arg("id", ConsultId(), "Which consult? Its id looks like C-7F3K.", required=False),),
        synonyms=("exportieren", "ausleiten"),
        details=(
            "Its requester, its consultant and the moderators may have it. Both files come to the direct "
            "chat, encrypted. They are an extract: a chat is not the record, and I know no patient."
        ),
        example="C-7F3K",
        group=message_id("Consults"),
    ),
)
