"""What people see of the rotas: who is on, and what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from babel.dates import format_skeleton

from bot.chat.buttons import NUMBERS
from bot.chat.desk import Context, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, joined, lines, mention, verbatim
from bot.directory.model import Roster, Service
from bot.directory.roster import RosterFile
from bot.directory.rotas import Change
from bot.oncall.arguments import Place, place_of
from bot.oncall.rules import Finding, Kind, Stint
from bot.oncall.store import DECLINED, WITHDRAWN, Kept, Swap

_UNDO = "↩️"
_MOST_FINDINGS = 10


def chain(
    t: Translator,
    desk: Desk,
    place: Place,
    users: Sequence[str],
    at: datetime | None = None,
    until: Mapping[str, datetime] | None = None,
) -> Message:
    """Who is on call, in the order in which they are asked: now, or at a moment; and when their turns end."""
    name, now = place.name(t.language), desk.now
    roster = roster_of(desk)
    if not users and at is None:
        return Message(
            "oncall.who",
            t("**{service}**: nobody is on call now. A consult goes to the moderators.", service=name),
        )
    if not users:
        text = t("**{service}**: nobody is on call {when}.", service=name, when=t.time(at or now, now))
        return Message("oncall.who", text)
    if at is None:
        heading = t("**{service}**, on call now:", service=name)
    else:
        heading = t("**{service}**, on call {when}:", service=name, when=t.time(at, now))
    rows = []
    for number, user in enumerate(users, 1):
        row = verbatim(f"{number}. ") + person(roster, user)
        end = (until or {}).get(user)
        rows.append(row + t(", until {when}", when=t.time(end, at or now)) if end is not None else row)
    asking = Rich("", "")
    if at is None and place.service is not None:
        prefix = desk.house.settings.prefix
        asking = t("To ask: `{p}consult {service}`", p=prefix, service=place.service.key)
    return Message("oncall.who", lines([heading, *rows, asking]))


def overview(t: Translator, roster: Roster, first: Iterable[tuple[Service, str | None]]) -> Message:
    """Every service and who is asked first now."""
    rows = [
        t(
            "**{service}**: {who}",
            service=service.name(t.language),
            who=person(roster, user) if user else t("nobody"),
        )
        for service, user in first
    ]
    if not rows:
        return Message(
            "oncall.list", t("The hospital has not set up any service yet: please tell the moderators.")
        )
    return Message("oncall.list", lines([t("On call now:"), bullets(rows)]))


def week(t: Translator, desk: Desk, place: Place, ahead: Sequence[Stint]) -> Message:
    """Who is on over some days, each shift under the day on which it begins."""
    roster, days = roster_of(desk), _by_day(t, ahead)
    parts = [t("**{service}**, who is on:", service=place.name(t.language))]
    for day, stints in days.items():
        parts.append(_bold(day))
        parts.append(bullets([_shift(t, roster, stint) for stint in stints]))
    return Message("oncall.week", lines(parts))


def week_of_all(t: Translator, desk: Desk, ahead: Sequence[tuple[Place, Sequence[Stint]]]) -> Message:
    """Every service's days, each with those who are on in it."""
    roster = roster_of(desk)
    if not ahead:
        return Message(
            "oncall.week",
            t(
                "No service has a rota. `{p}oncall` shows who is asked first now.",
                p=desk.house.settings.prefix,
            ),
        )
    parts: list[Rich] = []
    for place, stints in ahead:
        parts.append(_bold(place.name(t.language)))
        rows = []
        for day, within in _by_day(t, list(at_midnights(t, stints))).items():
            users = dict.fromkeys(user for stint in within for user in stint.people)
            names = joined((person(roster, user) for user in users), ", ")
            gap = verbatim(" ⚠️") if any(not stint.people for stint in within) else Rich("", "")
            rows.append(verbatim(f"{day}: ") + names + gap)
        parts.append(bullets(rows))
    parts.append(t("One with its times: `{p}oncall week SERVICE`", p=desk.house.settings.prefix))
    return Message("oncall.week", lines(parts))


def findings(t: Translator, desk: Desk, found: Sequence[Finding]) -> Message:
    """What is wrong in the next two weeks."""
    if not found:
        return Message("oncall.findings", t("The rotas are whole for the next 14 days."))
    rows = [finding(t, desk, one) for one in found[: 3 * _MOST_FINDINGS]]
    more = t.plural("…and {number} more.", "…and {number} more.", len(found) - len(rows))
    heading = t("**The next 14 days:**")
    return Message(
        "oncall.findings", lines([heading, bullets(rows), more if len(found) > len(rows) else Rich("", "")])
    )


def warning(t: Translator, desk: Desk, found: Sequence[Finding]) -> Message:
    """The moderators learn what is new."""
    rows = [finding(t, desk, one) for one in found[:_MOST_FINDINGS]]
    heading = t.plural(
        "**A rota needs a look** within the next 14 days:",
        "**Rotas need a look** within the next 14 days:",
        len(rows),
    )
    closing = t(
        "Mend it in the roster, or cover it: `{p}cover SERVICE sat 20:00-08:00`. All of it: `{p}oncall lint`",
        p=desk.house.settings.prefix,
    )
    return Message("oncall.findings", lines([heading, bullets(rows), closing]), loud=True)


def finding(t: Translator, desk: Desk, one: Finding) -> Rich:
    """One thing that is wrong, in a line."""
    roster = roster_of(desk)
    kind, _, key = one.place.partition(".")
    service = roster.services.get(key) if kind == "services" else place_of(roster, key).service
    name = service.name(t.language) if service is not None else key.replace("_", " ")
    when = span(t, one.begin, one.end, desk.now)
    if one.kind is Kind.GAP:
        return t("**{service}**: nobody is on, {when}", service=name, when=when)
    if one.kind is Kind.UNREADABLE:
        day = t.time(one.begin, desk.now)
        return t(
            "**{service}**: “{words}” in the calendar, {when}, is nobody of the roster",
            service=name,
            words=one.words,
            when=day,
        )
    who = person(roster, one.who)
    if one.kind is Kind.STRANGER:
        return t(
            "**{service}**: {who} covers and is not of the rota, {when}", service=name, who=who, when=when
        )
    other = place_of(roster, one.other.partition(".")[2]).name(t.language)
    return t(
        "{who} is on in **{service}** and **{other}** at once, {when}",
        who=who,
        service=name,
        other=other,
        when=when,
    )


# Covers ------------------------------------------------------------------------------------------


def to_take(ctx: Context, place: Place, who: str, ahead: Sequence[Stint]) -> Message:
    """The next shifts that somebody could take, each with its button."""
    t, roster = ctx.t, roster_of(ctx)
    if not ahead:
        return Message(
            "oncall.cover",
            t("**{service}**: there is nothing to cover in the next days.", service=place.name(t.language)),
        )
    rows, buttons = [], {}
    for emoji, stint in zip(NUMBERS, ahead, strict=False):
        rows.append(
            verbatim(f"{emoji} {span(t, stint.begin, stint.end, ctx.now)}: ")
            + _people(t, roster, stint.people)
        )
        target = f"{who} " if who != ctx.sender else ""
        buttons[emoji] = f"{ctx.sender} cover {target}{place.key} {iso(stint.begin)} - {iso(stint.end)}"
    heading = t(
        "**{service}**: which one does {who} take?", service=place.name(t.language), who=person(roster, who)
    )
    closing = t(
        "Or with times: `{p}cover {service} sat 20:00-08:00`", p=ctx.house.settings.prefix, service=place.key
    )
    return Message("oncall.cover", lines([heading, *rows, closing]), buttons=buttons)


def covered(ctx: Context, place: Place, change: Change, change_id: str, elsewhere: Sequence[str]) -> Message:
    """The cover holds."""
    t, roster = ctx.t, roster_of(ctx)
    values = {
        "who": person(roster, change.who),
        "service": place.name(t.language),
        "when": span(t, change.begin, change.end, ctx.now),
    }
    if change.instead is None:
        text = t("{who} is on for **{service}**, {when}.", **values)
    else:
        instead = person(roster, change.instead)
        text = t("{who} is on for **{service}** in place of {instead}, {when}.", instead=instead, **values)
    parts = [text]
    if elsewhere:
        names = ", ".join(place_of(roster, key).name(t.language) for key in elsewhere)
        parts.append(t("⚠️ Then also on for {services}.", services=names))
    parts.append(t("↩️ takes it back."))
    return Message("oncall.cover", lines(parts), buttons={_UNDO: f"cover undo {change_id}"})


def told_of_cover(
    t: Translator, desk: Context, place: Place, change: Change, change_id: str, user: str
) -> Message:
    """Somebody whom a cover concerns learns of it: they are on, or on no longer."""
    roster, name = roster_of(desk), place.name(t.language)
    when, by = span(t, change.begin, change.end, desk.now), person(roster, desk.sender)
    if user == change.who:
        text = t(
            "**You are on** for **{service}**, {when}. {by} has put you down.", service=name, when=when, by=by
        )
    else:
        who = person(roster, change.who)
        text = t("{who} covers for you in **{service}**, {when}.", who=who, service=name, when=when)
    body = lines([text, t("↩️ takes it back.")])
    return Message("oncall.cover", body, buttons={_UNDO: f"{user} cover undo {change_id}"}, loud=True)


def taken_back(t: Translator, desk: Desk, place: Place, change: Change) -> Message:
    """A cover holds no longer."""
    text = t(
        "Taken back: {who} covers **{service}** no longer, {when}. Who was on before is on again.",
        who=person(roster_of(desk), change.who),
        service=place.name(t.language),
        when=span(t, change.begin, change.end, desk.now),
    )
    return Message("oncall.cover", text, loud=True)


def covers(ctx: Context, ahead: Sequence[tuple[Place, Kept]]) -> Message:
    """The covers and swaps ahead, the first ones with a button that takes them back."""
    t, roster = ctx.t, roster_of(ctx)
    p = ctx.house.settings.prefix
    if not ahead:
        return Message(
            "oncall.cover", t("No covers ahead. To take one over: `{p}cover SERVICE sat 20:00-08:00`", p=p)
        )
    rows: list[Rich] = []
    buttons: dict[str, str] = {}
    for place, kept in ahead:
        change = kept.change
        row = t(
            "**{service}**, {when}: {who}",
            service=place.name(t.language),
            when=span(t, change.begin, change.end, ctx.now),
            who=person(roster, change.who),
        )
        if len(buttons) < len(NUMBERS):
            emoji = NUMBERS[len(buttons)]
            buttons[emoji] = f"{ctx.sender} cover undo {kept.id}"
            row = verbatim(f"{emoji} ") + row
        rows.append(row)
    closing = t("A number takes that one back.")
    return Message("oncall.cover", lines([t("**Covers ahead:**"), *rows, closing]), buttons=buttons)


# Swaps -------------------------------------------------------------------------------------------


def swap_question(t: Translator, desk: Desk, place: Place, asked: Swap) -> Message:
    """The colleague is asked."""
    roster = roster_of(desk)
    body = lines(
        [
            t(
                "{who} asks you to swap in **{service}**:",
                who=person(roster, asked.asker),
                service=place.name(t.language),
            ),
            t("You take: {when}", when=span(t, *asked.given, desk.now)),
            t("You give: {when}", when=span(t, *asked.taken, desk.now)),
            t("✅ agree · ❌ decline, until {when}", when=t.time(asked.expires_at, desk.now)),
        ]
    )
    buttons = {
        "✅": f"{asked.other} swap accept {asked.id}",
        "❌": f"{asked.other} swap decline {asked.id}",
    }
    return Message("oncall.swap", body, buttons=buttons, loud=True)


def swap_asked(t: Translator, desk: Desk, place: Place, asked: Swap) -> Message:
    """Whoever asks reads what was asked."""
    roster = roster_of(desk)
    body = lines(
        [
            t(
                "{who} is asked to swap in **{service}**:",
                who=person(roster, asked.other),
                service=place.name(t.language),
            ),
            t("You give: {when}", when=span(t, *asked.given, desk.now)),
            t("You take: {when}", when=span(t, *asked.taken, desk.now)),
            t(
                "Until they agree you keep your shift. ❌ or `{p}swap withdraw {id}` takes it back.",
                p=desk.house.settings.prefix,
                id=asked.id,
            ),
        ]
    )
    return Message("oncall.swap", body, buttons={"❌": f"{asked.asker} swap withdraw {asked.id}"})


def swap_agreed(t: Translator, desk: Desk, place: Place, asked: Swap, reader: str) -> Message:
    """Both learn what holds from now on."""
    mine, theirs = (asked.taken, asked.given) if reader == asked.asker else (asked.given, asked.taken)
    other = asked.other if reader == asked.asker else asked.asker
    body = lines(
        [
            t(
                "**Swapped** with {who} in **{service}**.",
                who=person(roster_of(desk), other),
                service=place.name(t.language),
            ),
            t("You are on: {when}", when=span(t, *mine, desk.now)),
            t("No longer: {when}", when=span(t, *theirs, desk.now)),
        ]
    )
    return Message("oncall.swap", body, loud=True)


def swap_over(t: Translator, desk: Desk, place: Place, asked: Swap, state: str) -> Message:
    """A swap does not come about: everybody keeps their shifts."""
    values = {"service": place.name(t.language), "who": person(roster_of(desk), asked.other)}
    if state == DECLINED:
        text = t("**{service}**: {who} does not swap. Everybody keeps their shifts.", **values)
    elif state == WITHDRAWN:
        text = t(
            "**{service}**: the swap with {who} is no longer asked for. Everybody keeps their shifts.",
            **values,
        )
    else:
        text = t(
            "**{service}**: the swap with {who} was not agreed in time. Everybody keeps their shifts.",
            **values,
        )
    return Message("oncall.swap", text, loud=True)


def swap_unfit(t: Translator) -> Message:
    """A shift of the two has changed meanwhile."""
    return Message("error", t("The rota has changed since: this swap fits no longer. Please ask anew."))


# Parts -------------------------------------------------------------------------------------------


def roster_of(desk: Desk) -> Roster:
    """The roster as it is."""
    return desk.house.part(RosterFile).current


def person(roster: Roster, user: str) -> Rich:
    """Somebody by name, as a link."""
    return mention(user, roster.name_of(user))


def span(t: Translator, begin: datetime, end: datetime, now: datetime) -> str:
    """From when to when, in the reader's zone; what is over within the same day names it once."""
    return f"{t.time(begin, now)} – {t.time(end, begin)}"


def iso(moment: datetime) -> str:
    """A moment as a button's command names it: UTC, without seconds."""
    return moment.strftime("%Y-%m-%dT%H:%MZ")


def _people(t: Translator, roster: Roster, users: Sequence[str]) -> Rich:
    return joined((person(roster, user) for user in users), ", ") if users else t("⚠️ nobody")


def hours(t: Translator, stint: Stint) -> str:
    """From when to when, under the day on which it begins."""
    return span(t, stint.begin, stint.end, stint.begin)


def _shift(t: Translator, roster: Roster, stint: Stint) -> Rich:
    return verbatim(f"{hours(t, stint)}: ") + _people(t, roster, stint.people)


def _by_day(t: Translator, ahead: Sequence[Stint]) -> dict[str, list[Stint]]:
    days: dict[str, list[Stint]] = {}
    for stint in ahead:
        days.setdefault(day_of(t, stint.begin), []).append(stint)
    return days


def day_of(t: Translator, moment: datetime) -> str:
    """A day as people write it, short, in their zone."""
    return str(format_skeleton("EEEdMMM", moment.astimezone(t.zone), locale=t.language))


def at_midnights(t: Translator, ahead: Sequence[Stint]) -> Iterator[Stint]:
    """The same stints, cut where a day of the reader begins."""
    for stint in ahead:
        begin = stint.begin
        while begin < stint.end:
            tomorrow = (begin.astimezone(t.zone) + timedelta(days=1)).replace(hour=0, minute=0, second=0)
            end = min(tomorrow.astimezone(UTC), stint.end)
            yield Stint(begin, end, stint.people)
            begin = end


def _bold(text: str) -> Rich:
    shown = verbatim(text)
    return Rich(shown.plain, f"<strong>{shown.html}</strong>")
