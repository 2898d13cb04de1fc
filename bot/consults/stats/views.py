"""What people read about numbers: a few lines, and the same as a picture."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from babel.dates import format_date
from babel.numbers import format_decimal

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.pictures import chart_png
from bot.chat.rich import Rich, bullets, joined, lines
from bot.consults.stats.rules import LEAST_CONSULTS, LEAST_PEOPLE, Group, Load, Span, Step, Summary
from bot.consults.views.wording import URGENCIES

_STEPS: Mapping[Step, str] = {
    Step.ACKNOWLEDGED: "seen",
    Step.ACCEPTED: "accepted",
    Step.ANSWERED: "answered",
    Step.CLOSED: "closed",
}
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class Shown:
    """For whom, about what and when."""

    t: Translator
    name: str
    span: Span
    prefix: str

    @property
    def title(self) -> str:
        """The service and the days, in the reader's time zone."""
        first = self.span.start.astimezone(self.t.zone).date()
        last = (self.span.end - timedelta(milliseconds=1)).astimezone(self.t.zone).date()
        begin = str(format_date(first, "medium", locale=self.t.language))
        if first == last:
            return f"{self.name} · {begin}"
        return f"{self.name} · {begin} – {format_date(last, 'medium', locale=self.t.language)}"


@dataclass(frozen=True)
class Drawing:
    """A picture to be drawn, and what stands with it."""

    caption: Message
    png: Callable[[], Awaitable[bytes]]


def service(shown: Shown, summary: Summary, unaccounted: int) -> Message:
    """To moderators: how consults went, without names."""
    t = shown.t
    total = summary.total.number
    head = lines(
        [
            t("**{title}**", title=shown.title),
            t.plural("{number} consult was asked for.", "{number} consults were asked for.", total),
        ]
    )
    if unaccounted:
        alarm = t.plural(
            "**{number} open consult is unaccounted for: nobody is asked. Please look at it now.**",
            "**{number} open consults are unaccounted for: nobody is asked. Please look at them now.**",
            unaccounted,
        )
    else:
        alarm = t("Unaccounted for: **0**.")
    if not total:
        return Message("stats", lines([head, alarm]))
    groups = [_group(t, t("All"), summary.total)]
    groups += [
        _group(t, t(URGENCIES[urgency]), group)
        for urgency, group in summary.by_urgency.items()
        if group.number
    ]
    counts = [
        t(
            "Escalated beyond the first asked: {number} of {total}; nobody took it at first: {unstaffed}.",
            number=summary.escalated,
            total=total,
            unstaffed=summary.unstaffed,
        ),
        _people(t, summary),
        _nights(t, summary),
        alarm,
    ]
    explained = t(
        "Times from asking: half within the first, nine in ten within the second. "
        "What fewer than {number} stand behind is left out.",
        number=LEAST_CONSULTS,
    )
    return Message("stats", lines([head, bullets(groups), bullets(counts), explained]))


def service_chart(shown: Shown, summary: Summary) -> Drawing | None:
    """The times of all urgencies together, where there are any."""
    t, times = shown.t, summary.total.times
    if not times:
        return None
    labels = [t(_STEPS[step]).plain for step in times]
    series: dict[str, list[float | None]] = {
        t("half within").plain: [one.p50.total_seconds() for one in times.values()],
        t("nine in ten within").plain: [one.p90.total_seconds() for one in times.values()],
    }
    note = t.plural("{number} consult", "{number} consults", summary.total.number).plain

    async def png() -> bytes:
        return await chart_png(
            shown.title, labels, series, write=lambda seconds: length(t, seconds), logarithmic=True, note=note
        )

    return Drawing(Message("stats", t("{title}: how long each step took.", title=shown.title)), png)


def own(shown: Shown, load: Load) -> Message:
    """To somebody: what they were asked for."""
    t = shown.t
    if not load.pages:
        nothing = t("You were asked for nothing in this time.")
        return Message("stats", lines([t("**Your load** · {title}", title=shown.title), nothing]))
    parts = [
        t.plural(
            "You were asked for **{number}** consult", "You were asked for **{number}** consults", load.pages
        ),
        t("you accepted {number}.", number=load.accepted),
    ]
    nights = t.plural(
        "At night (22:00–07:00): **{pages}**, in {number} night.",
        "At night (22:00–07:00): **{pages}**, in {number} nights.",
        load.nights,
        pages=load.at_night,
    )
    return Message(
        "stats",
        lines(
            [
                t("**Your load** · {title}", title=shown.title),
                joined(parts, ", "),
                nights,
                t("Only you see this."),
            ]
        ),
    )


def own_chart(shown: Shown, load: Load) -> Drawing | None:
    """Pages by day, where there is more than one."""
    t = shown.t
    first = shown.span.start.astimezone(t.zone).date()
    last = (shown.span.end - timedelta(milliseconds=1)).astimezone(t.zone).date()
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if len(days) < 2 or not load.pages:
        return None
    labels = [
        str(format_date(day, "d. MMM" if t.language == "de" else "d MMM", locale=t.language)) for day in days
    ]
    found = [load.days.get(day, (0, 0)) for day in days]
    series: dict[str, list[float | None]] = {
        t("asked").plain: [float(everything) for everything, _night in found],
        t("of them at night").plain: [float(night) for _everything, night in found],
    }
    title = f"{t('Your load').plain} · {shown.title}"

    async def png() -> bytes:
        return await chart_png(
            title,
            labels,
            series,
            form="line",
            write=lambda value: _number(t, value) if value == int(value) else "",
        )

    return Drawing(Message("stats", t("Your load, day by day.")), png)


def length(t: Translator, seconds: float) -> str:
    """A length of time, short enough for a picture: `45 s`, `12 min`, `3.5 h`, `2 d`."""
    if seconds < 1.5 * _MINUTE:
        return f"{seconds:.0f} s"
    if seconds < 2 * _HOUR:
        return f"{seconds / _MINUTE:.0f} min"
    if seconds < 2 * _DAY:
        return f"{_number(t, round(seconds / _HOUR, 1))} h"
    return t("{number} d", number=_number(t, round(seconds / _DAY, 1))).plain


def _number(t: Translator, value: float) -> str:
    return str(format_decimal(value, format="#,##0.#", locale=t.language))


def _group(t: Translator, name: Rich, group: Group) -> Rich:
    head = t("**{name}** ({number})", name=name, number=group.number)
    told = [
        t(
            "{step} {half} / {most}",
            step=t(_STEPS[step]),
            half=length(t, one.p50.total_seconds()),
            most=length(t, one.p90.total_seconds()),
        )
        for step, one in group.times.items()
    ]
    if not told:
        told = [t("too few for times") if group.hidden else t("no times yet")]
    return joined([head, joined(told, " · ")], ": ")


def _people(t: Translator, summary: Summary) -> Rich:
    if summary.declined is None or summary.not_mine is None:
        return t(
            "Handed over: {handed}. Declines are left out: fewer than {number} people were asked.",
            handed=summary.handed_on,
            number=LEAST_PEOPLE,
        )
    return t(
        "Misrouted: {wrong} declined as not theirs; handed over: {handed}. "
        "Declined: {declined} of {pages} pages.",
        wrong=summary.not_mine,
        handed=summary.handed_on,
        declined=summary.declined,
        pages=summary.pages,
    )


def _nights(t: Translator, summary: Summary) -> Rich:
    nights = summary.nights
    if nights is None:
        return t(
            "At night (22:00–07:00): left out, fewer than {number} people were asked.", number=LEAST_PEOPLE
        )
    return t(
        "At night (22:00–07:00): {pages} pages to {people} people; median {median}, at most {most} to one.",
        pages=nights.pages,
        people=nights.people,
        median=_number(t, nights.median),
        most=nights.most,
    )
