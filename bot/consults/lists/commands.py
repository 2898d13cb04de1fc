"""What people type to see consults."""

from __future__ import annotations

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.parsing import closest
from bot.chat.types import Text
from bot.consults import store, views
from bot.consults.lists import rules
from bot.consults.lists import store as lists
from bot.consults.lists import views as list_views
from bot.consults.lists.rules import Filter, Unclear
from bot.consults.model import Outcome, State
from bot.consults.store import Record
from bot.consults.views import reader_of
from bot.directory.moderators import moderates
from bot.directory.roster import RosterFile

_GROUP = message_id("Consults")
_MOST_PLAIN = 25  # open consults of one person that are still grouped by what there is to do


async def consults(ctx: Context, args: Args) -> None:
    """List consults: one's open ones, or those that the words ask for."""
    asked = _read(ctx, str(args.get("filter", "")))
    if asked.plain:
        mine = [one for one in await store.open_for(ctx.tx, ctx.sender) if _concerns(one, ctx.sender)]
        if len(mine) <= _MOST_PLAIN:
            await ctx.reply(views.listing(reader_of(ctx, ctx.t), mine, ctx.sender))
            return
    if asked.part == "mine" and asked.service is not None and await moderates(ctx):
        asked = Filter("all", asked.state, asked.urgency, asked.service, asked.since, asked.page)
    if asked.part == "all" and not await moderates(ctx):
        raise Misunderstood("Only moderators see consults of others. `{mine}` lists yours.",
                            mine=ctx.typed("consults"))  # fmt: skip
    records, count = await lists.find(ctx.tx, ctx.sender, asked)
    await ctx.reply(list_views.page(reader_of(ctx, ctx.t), records, count, asked, ctx.sender))


def _read(ctx: Context, text: str) -> Filter:
    roster = ctx.house.part(RosterFile).current

    def service(word: str) -> str | None:
        found = roster.find(word)
        return found.key if found is not None else word if word in roster.services else None

    asked = rules.read(text.split(), service, ctx.now, ctx.t.zone)
    if isinstance(asked, Filter):
        return asked
    raise _unclear(asked)


def _unclear(unclear: Unclear) -> Misunderstood:
    word = unclear.word[:40]
    if unclear.why == "future":
        return Misunderstood("“{word}” is still to come: please name a day that has been.", word=word)
    if unclear.why == "since":
        return Misunderstood(
            "I do not know the moment “{word}”: write `since yesterday`, `since 7d` or `since 2026-11-01`.",
            word=word,
        )
    if unclear.why == "page":
        return Misunderstood("I do not know the page “{word}”.", word=word)
    return Misunderstood(
        "I do not know “{word}” here.", word=word, suggestions=closest(word, rules.KNOWN, limit=3)
    )


def _concerns(record: Record, user: str) -> bool:
    """Whether there is, or was asked, something to do for this person."""
    consult = record.consult
    if user in (consult.requester, consult.consultant):
        return True
    page = consult.last_page(user)
    waiting = consult.state in (State.REQUESTED, State.UNSTAFFED)
    return waiting and page is not None and page.outcome is not Outcome.DECLINED


COMMANDS = (
    Command(
        word="consults",
        help="your consults, open ones unless you say otherwise",
        run=consults,
        args=(Arg("filter", Text(300), "Which ones?", required=False, rest=True),),
        synonyms=("konsile",),
        details=(
            "Words narrow it: `asked`, `care`, `requested`, `open`, `closed`, `any`, a service, `stat`, "
            "`urgent`, `routine`, `since 7d`, `page 2`. Moderators see all of a service, and `all`."
        ),
        example="requested closed cardiology since 7d",
        group=_GROUP,
    ),
)
