"""What people type to ask: `!consult`, and `!edit` until somebody has it."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.types import Choice, Text
from bot.consults import store, views
from bot.consults.between.arguments import AnyService
from bot.consults.commands import ConsultId, takes_part
from bot.consults.intake import editing, guided
from bot.consults.intake.draft import Draft
from bot.consults.model import Urgency
from bot.consults.views import reader_of

_GROUP = message_id("Consults")


async def consult(ctx: Context, args: Args) -> None:
    """Ask whoever is on call, or go on with what is not sent yet."""
    if "draft" in args:
        draft = Draft.unpack(args["draft"])
        await guided.answered(ctx, args["service"], draft, args["answer"])
    else:
        await guided.begin(ctx, args["service"], Urgency(args["urgency"]), args["question"])


async def edit(ctx: Context, args: Args) -> None:
    """Change what one has asked."""
    if "id" in args:
        record = await store.load(ctx.tx, args["id"])
        if record is None or not await store.concerns(ctx.tx, record.id, ctx.sender):
            await ctx.reply(views.unknown(reader_of(ctx, ctx.t), args["id"]))
            return
        await editing.edit(ctx, record, args["change"])
        return
    found = [one for one in await store.open_for(ctx.tx, ctx.sender) if editing.may_be_edited(ctx, one)]
    here = [one for one in found if ctx.said.thread is not None and one.thread == ctx.said.thread]
    found = here or found
    if len(found) > 1:
        await ctx.reply(views.choice(reader_of(ctx, ctx.t), found, "edit", args["change"], ctx.sender))
    elif not found:
        raise Misunderstood(
            "You have no consult that can still be changed. `{consults}` lists yours.",
            consults=ctx.typed("consults"),
        )
    else:
        record = await store.load(ctx.tx, found[0].id)
        assert record is not None
        await editing.edit(ctx, record, args["change"])


COMMANDS = (
    Command(
        word=guided.COMMAND,
        help="ask the colleague on call for a service",
        run=consult,
        may=takes_part,
        args=(
            Arg("service", AnyService(), "Which service do you want to ask?"),
            Arg(
                "urgency",
                Choice(
                    {
                        "stat": ("emergency", "sofort", "notfall"),
                        "urgent": ("dringend", "eilig"),
                        "routine": ("planbar",),
                    },
                    {urgency.value: label for urgency, label in views.URGENCIES.items()},
                ),
                "How urgent is it?",
            ),
            Arg("question", Text(), "What is your one question? Name no patient.", rest=True),
            # What is asked after these three: nobody types them, see bot.consults.intake.guided.
            Arg("draft", Text(200_000), "", required=False),
            Arg("answer", Text(), "Please write a few words.", required=False),
        ),
        synonyms=("konsil",),
        details=(
            "I ask whoever is on call in their direct chat, and the next one if they decline or are silent. "
            "Who accepts meets you in an encrypted room. You follow each step in the thread of your "
            "message, and close it by reading the answer back. More helps, each on a line of its own: "
            "`S: …` `B: …` `A: …` `R: …` `Ward: …` `Callback: …` `Expects: fyi` `Follow: yes`. "
            "Until somebody accepts you can edit your message."
        ),
        example="cardiology urgent new AF, rate 140, BP 95/60: cardiovert? ward: B12 callback: 4711",
        group=_GROUP,
    ),
    Command(
        word="edit",
        help="change or add to what you asked, until somebody accepts",
        run=edit,
        may=takes_part,
        args=(
            Arg("id", ConsultId(), "Which consult? Its id looks like C-7F3K.", required=False),
            Arg("change", Text(), "What do you want to change or add?", rest=True),
        ),
        synonyms=("ändern", "aendern", "ergänzen", "ergaenzen"),
        details=(
            "What you write is added to your question; behind `Question:` it takes its place. "
            "`Ward: …`, `Callback: …` and the like are told anew. `remove 1` takes your first file away. "
            "You can also edit the message with which you asked."
        ),
        example="C-7F3K Ward: B14",
        group=_GROUP,
    ),
)
