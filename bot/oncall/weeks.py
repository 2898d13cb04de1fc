"""Who is on over some days, as text and as a picture.

Drawing takes a second, so a worker does it (`bot.chat.filing`): whoever asked reads the text at once, and the
picture follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.chat import filing
from bot.chat.desk import Context, Desk, House
from bot.chat.filing import Made
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.pictures import Cell, Tone, picture, table_png
from bot.directory.model import Roster
from bot.directory.roster import RosterFile
from bot.kernel.db import Database
from bot.oncall import rules, store, views
from bot.oncall.arguments import Place, find_place
from bot.oncall.rules import Stint

CHANNEL = "oncall.pictures"
_WEEK = timedelta(days=7)
_AROUND = timedelta(days=9)
_MOST_SERVICES = 20
_MOST_ROWS = 100
_CHANGED = " ⇄"  # beside the colour, for whoever does not see it


async def stints(
    desk: Desk, place: Place, begin: datetime, end: datetime, *, whole: bool = True
) -> list[Stint]:
    """Who is on in a span: by the rota with its changes, else by the shifts and the chain.

    With `whole`, shifts that reach over the span's ends are given whole, a week long at most.
    """
    first, last = (begin - _AROUND, end + _AROUND) if whole else (begin, end)
    if place.rota is not None:
        made = await store.changes_in(desk.tx, [place.rota.key], first, last)
        found = rules.stints(place.rota, first, last, made.get(place.rota.key, ()))
    else:
        shifts = rules.service_stints(place.service, first, last) if place.service is not None else []
        chain = place.service.on_call if place.service is not None else ()
        found = [Stint(one.begin, one.end, tuple(dict.fromkeys([*one.people, *chain]))) for one in shifts]
    return [one for one in found if one.begin < end and one.end > begin]


async def of_place(desk: Desk, t: Translator, place: Place) -> list[Stint]:
    """The seven days from today on, in the reader's zone."""
    begin = _today(desk, t)
    return await stints(desk, place, begin, begin + _WEEK)


async def of_all(desk: Desk, t: Translator) -> list[tuple[Place, Sequence[Stint]]]:
    """The same for every service with a rota or shifts, cut at the ends."""
    roster, begin = views.roster_of(desk), _today(desk, t)
    places = [
        Place(key, service, roster.rotas.get(service.rota or ""))
        for key, service in roster.services.items()
        if service.rota is not None or service.shifts
    ]
    return [
        (place, await stints(desk, place, begin, begin + _WEEK, whole=False))
        for place in places[:_MOST_SERVICES]
    ]


async def order(ctx: Context, place: Place | None) -> None:
    """Have the week of a place, or of all, sent as a picture where the person asked."""
    what = {"place": place.key if place is not None else "", "user": ctx.sender}
    await filing.order(ctx, CHANNEL, ctx.room.room_id, what, user=ctx.sender, thread=ctx.said.thread)


async def make(house: House, database: Database, bot: str, what: Mapping[str, Any]) -> list[Made]:
    """Draw what was ordered; nothing if there is nothing to show any more."""
    key = str(what["place"])
    async with database.read() as tx:
        desk = Desk(house, tx, bot)
        t = await desk.translator(str(what["user"]))
        table = await _table(desk, t, key)
    if table is None:
        return []
    title, columns, rows = table
    png = await table_png(title, columns, rows[:_MOST_ROWS], note=house.settings.hospital)
    caption = Message("oncall.picture", t("The same as a picture."))
    return [Made(caption, picture(f"{key or 'oncall'}.png", png))]


async def _table(desk: Desk, t: Translator, key: str) -> tuple[str, list[str], list[list[str | Cell]]] | None:
    """Title, columns and rows; None if nothing can be shown."""
    roster = desk.house.part(RosterFile).current
    if key:
        place = find_place(roster, key)
        ahead = await of_place(desk, t, place) if place is not None else []
        if place is None or not ahead:
            return None
        columns = [t("Day").plain, t("Time").plain, t("On call").plain]
        return place.name(t.language), columns, _rows(desk, t, roster, place, ahead)
    services = await of_all(desk, t)
    if not services:
        return None
    begin = _today(desk, t)
    days = [views.day_of(t, begin + timedelta(days=number, hours=12)) for number in range(7)]
    rows: list[list[str | Cell]] = []
    for place, within in services:
        cut = list(views.at_midnights(t, within))
        by_day = {day: [one for one in cut if views.day_of(t, one.begin) == day] for day in days}
        rows.append([place.name(t.language), *(_day(t, roster, one) for one in by_day.values())])
    return t("On call").plain, [t("Service").plain, *days], rows


def _rows(
    desk: Desk, t: Translator, roster: Roster, place: Place, ahead: Sequence[Stint]
) -> list[list[str | Cell]]:
    rows: list[list[str | Cell]] = []
    before = ""
    for stint in ahead:
        day = views.day_of(t, stint.begin)
        planned = rules.on_duty(place.rota, stint.begin) if place.rota is not None else stint.people
        tone = Tone.NOW if stint.begin <= desk.now < stint.end else Tone.PLAIN
        names = ", ".join(map(roster.name_of, stint.people)) or t("nobody").plain
        if set(planned) != set(stint.people):
            tone, names = Tone.CHANGED, names + _CHANGED
        cell = Cell(names, tone if stint.people else Tone.WARNING)
        rows.append([day if day != before else "", views.hours(t, stint), cell])
        before = day
    return rows


def _day(t: Translator, roster: Roster, within: Sequence[Stint]) -> Cell:
    users = dict.fromkeys(user for stint in within for user in stint.people)
    names = [roster.name_of(user) for user in users]
    gap = any(not stint.people for stint in within) or not within
    return Cell(", ".join([*names, t("nobody").plain] if gap else names), Tone.WARNING if gap else Tone.PLAIN)


def _today(desk: Desk, t: Translator) -> datetime:
    midnight = desk.now.astimezone(t.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight.astimezone(UTC)
