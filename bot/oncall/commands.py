"""What people type about rotas."""

from __future__ import annotations

from datetime import timedelta

from bot.chat.attachment import Attachment
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.types import Text
from bot.directory.policies import Target, Whom
from bot.directory.roster import RosterFile
from bot.oncall import covering, swapping, views, warning, weeks
from bot.oncall.arguments import Place, PlaceArg
from bot.oncall.service import OnCall
from bot.oncall.when import read_when

_GROUP = message_id("On call")
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)
_EXPORTED = timedelta(weeks=12)


async def who(ctx: Context, args: Args) -> None:
    """Say who is on call: now, at a moment, or over a day."""
    place: Place = args["service"]
    text = str(args.get("when", ""))
    if not text:
        await ctx.reply(await _now(ctx, place))
        return
    when = read_when(text, ctx.now, ctx.t.zone)
    if when is None:
        raise Misunderstood("When? For example: `{example}`", example=ctx.typed(f"who {place.key} sat 20:00"))
    if when.whole:
        ahead = await weeks.stints(ctx, place, when.moment, when.moment + _DAY)
        await ctx.reply(views.week(ctx.t, ctx, place, ahead))
        return
    target = _target(place)
    oncall = await OnCall.load(ctx, [target], place.key)
    users = oncall.people(target, when.moment)
    await ctx.reply(views.chain(ctx.t, ctx, place, users, when.moment))


async def oncall(ctx: Context, _args: Args) -> None:
    """Say who is on call first for every service."""
    roster = ctx.house.part(RosterFile).current
    targets = [Target(Whom.SERVICE, key) for key in roster.services]
    known = await OnCall.load(ctx, targets, "")
    first = [
        (roster.services[target.name], next(iter(known.people(target, ctx.now)), None)) for target in targets
    ]
    await ctx.reply(views.overview(ctx.t, roster, first))


async def week(ctx: Context, args: Args) -> None:
    """Say who is on in the next seven days: for a service with its times, else for all; a picture follows."""
    place: Place | None = args.get("service")
    if place is not None:
        await ctx.reply(views.week(ctx.t, ctx, place, await weeks.of_place(ctx, ctx.t, place)))
    else:
        await ctx.reply(views.week_of_all(ctx.t, ctx, await weeks.of_all(ctx, ctx.t)))
    await weeks.order(ctx, place)


async def lint(ctx: Context, _args: Args) -> None:
    """Say what is wrong with the rotas in the next two weeks."""
    await ctx.reply(views.findings(ctx.t, ctx, await warning.found(ctx)))


async def export(ctx: Context, args: Args) -> None:
    """Give a rota as a calendar file."""
    from bot.oncall.calendars import calendar_of  # its library takes a tenth of a second to load

    place: Place = args["service"]
    if place.rota is None:
        raise Misunderstood(covering.NO_ROTA, service=place.name(ctx.t.language))
    roster = ctx.house.part(RosterFile).current
    ahead = await weeks.stints(ctx, place, ctx.now - _WEEK, ctx.now + _EXPORTED, whole=False)
    name = place.name(ctx.t.language)
    data = calendar_of(place.rota.key, name, ahead, place.rota.zone, roster.name_of, ctx.now)
    file = Attachment(f"{place.rota.key}.ics", "text/calendar", data)
    text = ctx.t(
        "**{service}**: the calendar from a week ago to in 12 weeks. It does not follow later changes.",
        service=name,
    )
    await ctx.attach(ctx.room.room_id, file, Message("oncall.calendar", text), thread=ctx.said.thread)


async def cover(ctx: Context, args: Args) -> None:
    """Take over a span, give it to a colleague, take it back, or list what is covered."""
    await ctx.reply(await covering.cover(ctx, str(args.get("what", ""))))


async def swap(ctx: Context, args: Args) -> None:
    """Ask a colleague to exchange shifts, or answer."""
    await ctx.reply(await swapping.swap(ctx, str(args.get("what", ""))))


async def _now(ctx: Context, place: Place) -> Message:
    target = _target(place)
    known = await OnCall.load(ctx, [target], place.key)
    users = known.people(target, ctx.now)
    ends = {user: known.until(user, target, ctx.now) for user in users}
    until = {user: end for user, end in ends.items() if end is not None}
    return views.chain(ctx.t, ctx, place, users, until=until)


def _target(place: Place) -> Target:
    return Target(Whom.SERVICE, place.key) if place.service is not None else Target(Whom.ROTA, place.key)


COMMANDS = (
    Command(
        word="who",
        help="who is on call for a service, now or at a time",
        run=who,
        args=(
            Arg("service", PlaceArg(), "Which service?"),
            Arg("when", Text(120), "When?", required=False, rest=True),
        ),
        synonyms=("wer",),
        details="A time may be `tomorrow 3am`, `sat 20:00` or `2026-03-01 20:00`; a day shows all of it.",
        example="cardiology sat 20:00",
        group=_GROUP,
    ),
    Command(
        word="oncall",
        help="who is on call first, for every service",
        run=oncall,
        synonyms=("on-call", "dienst", "rufbereitschaft"),
        details="With a word more: the week, what is wrong with the rotas, or a rota as a calendar file.",
        example="week cardiology",
        group=_GROUP,
        parts=(
            Command(
                word="week",
                help="who is on in the next seven days",
                run=week,
                args=(Arg("service", PlaceArg(), "Which service?", required=False, rest=True),),
                synonyms=("woche",),
                example="cardiology",
            ),
            Command(
                word="lint",
                help="gaps and double bookings in the next 14 days",
                run=lint,
                synonyms=("check", "lücken", "prüfen"),
            ),
            Command(
                word="export",
                help="a rota as a calendar file",
                run=export,
                args=(Arg("service", PlaceArg(), "Which service?", rest=True),),
                synonyms=("calendar", "kalender"),
                example="cardiology",
            ),
        ),
    ),
    Command(
        word="cover",
        help="take over a shift, or give it to a colleague",
        run=cover,
        args=(Arg("what", Text(400), "Which service, and from when to when?", required=False, rest=True),),
        synonyms=("vertreten", "vertretung", "übernehmen"),
        details=(
            "Without a time it offers the next shifts. Begin with a colleague to put them down; end with "
            "`for @colleague` when several are on together. Alone it lists what is covered. For those of the "
            "rota, and moderators."
        ),
        example="cardiology sat 20:00-08:00",
        group=_GROUP,
    ),
    Command(
        word="swap",
        help="exchange a shift with a colleague, who has to agree",
        run=swap,
        args=(Arg("what", Text(400), "Which service, and with whom?", rest=True),),
        synonyms=("tauschen", "tausch"),
        details="Your shift first, then the colleague and theirs; what you leave out is the next one.",
        example="cardiology sat @anna:hospital.example sun",
        group=_GROUP,
    ),
)
