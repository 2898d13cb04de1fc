"""What people type about rotas."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command
from bot.chat.desk import Context
from bot.directory.model import Service
from bot.directory.roster import RosterFile
from bot.oncall import views
from bot.oncall.arguments import ServiceArg
from bot.oncall.rules import on_call


async def who(ctx: Context, args: Args) -> None:
    """Say who is on call for a service."""
    service: Service = args["service"]
    roster = ctx.house.part(RosterFile).current
    users = on_call(service, ctx.now)
    await ctx.reply(views.chain(ctx.t, roster, service, users, ctx.house.settings.prefix))


async def oncall(ctx: Context, _args: Args) -> None:
    """Say who is on call first for every service."""
    roster = ctx.house.part(RosterFile).current
    first = [(service, next(iter(on_call(service, ctx.now)), None)) for service in roster.services.values()]
    await ctx.reply(views.overview(ctx.t, roster, first))


COMMANDS = (
    Command(
        word="who",
        help="who is on call for a service now",
        run=who,
        args=(Arg("service", ServiceArg(), "Which service?"),),
        synonyms=("wer",),
        example="cardiology",
        group="On call",
    ),
    Command(
        word="oncall",
        help="who is on call first, for every service",
        run=oncall,
        synonyms=("on-call", "dienst", "rufbereitschaft"),
        group="On call",
    ),
)
