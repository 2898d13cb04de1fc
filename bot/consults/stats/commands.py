"""What people type for numbers."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.parsing import fits, normal
from bot.chat.types import Text
from bot.consults.stats import rules, service
from bot.directory.moderators import moderates
from bot.directory.roster import RosterFile
from bot.oncall.arguments import take_place

_OWN = {"me": ("mine", "my", "ich", "meine", "mich")}
_PERIODS = {
    "today": ("heute",),
    "week": ("woche", "7d"),
    "month": ("monat", "30d"),
    "90d": ("quarter", "quartal", "90"),
}
_USUAL = "week"


async def stats(ctx: Context, args: Args) -> None:
    """Tell how consults went: a moderator of a service or all, everybody of themselves."""
    words = str(args.get("what", "")).split()
    own = not await moderates(ctx)
    period = _USUAL
    if words and fits(words[0], _OWN):
        own, words = True, words[1:]
    if words and (named := _period(ctx, words[-1])) is not None:
        period, words = named, words[:-1]
    key = None
    if words:
        place, rest = take_place(ctx, " ".join(words))
        if place.service is None or rest:
            raise Misunderstood(
                "I do not understand “{word}” here: please name a service, then a period.",
                word=(rest or " ".join(words))[:40],
            )
        key = place.service.key
    await service.ask(ctx, key, period, own=own)


def _period(ctx: Context, word: str) -> str | None:
    named = fits(word, _PERIODS)
    if named is not None:
        return named
    word = normal(word)
    if rules.span(word, ctx.now, ctx.t.zone) is not None:
        return word
    if word[:1].isdigit() and ctx.house.part(RosterFile).current.find(word) is None:
        raise Misunderstood(
            "I know these periods: `today`, `week`, `month`, `90d`, or a month such as {month}.",
            month=f"{ctx.now:%Y-%m}",
        )
    return None


COMMANDS = (
    Command(
        word="stats",
        help="your own load at night and by day; for moderators: how a service’s consults went",
        run=stats,
        args=(Arg("what", Text(200), "Which service and period?", required=False, rest=True),),
        synonyms=("statistik", "statistics", "zahlen"),
        details=(
            "Your own numbers are shown to you alone. Moderators see services, never people: what fewer "
            "than five stand behind is left out. `!stats me` shows moderators their own. "
            "Periods: `today`, `week`, `month`, `90d`, or a month such as 2026-10."
        ),
        example="cardiology month",
        group=message_id("Consults"),
    ),
)
