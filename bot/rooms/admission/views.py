"""What people see of admission: short enough for a phone, the most important first, then what to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bot.chat.buttons import NUMBERS
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, code, joined, lines, mention, room_link, verbatim
from bot.directory.standing import Level
from bot.rooms.admission.gate import spoken
from bot.rooms.admission.rules import Decision, Reason
from bot.rooms.model import DeclaredRoom
from bot.settings import Settings

LEVELS = {
    Level.L0: "no proof",
    Level.L1: "a registration number",
    Level.L2: "a confirmed hospital address or account",
    Level.L3: "your hospital’s sign-in, or a check of the register",
    Level.L4: "colleagues of other hospitals who vouch for you",
}
_MOST_NAMED = 8


@dataclass(frozen=True)
class Listing:
    """A person's view of the network: `offered` in the order of their numbers, by heading."""

    inside: Sequence[DeclaredRoom] = ()
    invited: Sequence[DeclaredRoom] = ()
    waiting: Sequence[DeclaredRoom] = ()
    offered: Mapping[str, Sequence[DeclaredRoom]] = field(default_factory=dict)
    folded: Mapping[str, int] = field(default_factory=dict)  # space → how many rooms in it are not shown
    missing: Mapping[Level, Sequence[DeclaredRoom]] = field(default_factory=dict)
    refused: Decision | None = None  # when nothing at all is open to them


def listing(
    t: Translator, seen: Listing, spaces: Mapping[str, DeclaredRoom], who: str, settings: Settings
) -> Message:
    """What somebody is in, may join, and what needs more."""
    p = settings.prefix
    parts: list[Rich] = []
    if seen.inside:
        parts.append(t("You are in: {rooms}", rooms=_names(t, seen.inside)))
    if seen.invited:
        parts.append(t("Invited, accept in your app: {rooms}", rooms=_names(t, seen.invited)))
    if seen.waiting:
        parts.append(t("You wait for: {rooms}", rooms=_names(t, seen.waiting)))
    number, buttons = 0, dict[str, str]()
    for heading, rooms in seen.offered.items():
        space = spaces.get(heading)
        title = t("More rooms") if space is None else verbatim(space.title(t.language))
        parts.append(Rich(title.plain, f"<strong>{title.html}</strong>"))
        for room in rooms:
            number += 1
            if number <= len(NUMBERS):
                buttons[NUMBERS[number - 1]] = f"{who} join {room.key}"
            parts.append(verbatim(f"{number}. {room.title(t.language)}"))
    for key, count in seen.folded.items():
        parts.append(
            t(
                "**{space}**: {number} rooms – `{p}rooms {key}`",
                space=spaces[key].title(t.language) if key in spaces else key,
                number=count,
                p=p,
                key=key,
            )
        )
    if number:
        first = next(room for rooms in seen.offered.values() for room in rooms)
        parts.append(t("To join: the number below, `{p}join 2`, or `{p}join {key}`", p=p, key=first.key))
    for level, rooms in sorted(seen.missing.items()):
        parts.append(
            t(
                "Need {level} ({what}): {rooms}",
                level=level.name,
                what=t(LEVELS[level]),
                rooms=_names(t, rooms),
            )
        )
    if seen.missing:
        parts.append(t("`{p}verify` takes you there.", p=p))
    if seen.refused is not None:
        parts.append(why(t, seen.refused, p))
    if not parts:
        parts.append(t("There are no rooms yet. The moderators set them up."))
    return Message("rooms.list", lines(parts), buttons=buttons)


def refused(t: Translator, room: DeclaredRoom, decided: Decision, settings: Settings) -> Message:
    """Why somebody may not come in, and what they can do."""
    parts = [
        t("**{room}**: I cannot let you in yet.", room=room.title(t.language))
        if decided.passing
        else t("**{room}**: I cannot let you in.", room=room.title(t.language)),
        why(t, decided, settings.prefix),
    ]
    buttons: dict[str, str] = {}
    if decided.passing:
        parts.append(
            t(
                "I remember it and invite you as soon as you may come in. `{p}leave {key}` takes that back.",
                p=settings.prefix,
                key=room.key,
            )
        )
    if decided.reason in (Reason.LEVEL, Reason.EXPIRED):
        buttons = {"✅": "verify"}
    return Message("rooms.refused", lines(parts), buttons=buttons, loud=True)


def why(t: Translator, decided: Decision, p: str) -> Rich:
    """The reason, and the next step."""
    level = decided.missing or Level.L0
    values = {"level": level.name, "what": t(LEVELS[level]), "p": p}
    if decided.reason is Reason.LEVEL:
        return t("It needs {level}: {what}. ✅ or `{p}verify` starts that.", **values)
    if decided.reason is Reason.EXPIRED:
        return t(
            "Your verification for it has ended. It needs {level}: {what}. ✅ or `{p}verify` renews it.",
            **values,
        )
    if decided.reason is Reason.SUSPENDED:
        return t("Your hospital is suspended at present. Please ask your hospital.")
    if decided.reason is Reason.UNKNOWN:
        return t("Your hospital takes no part in these rooms. Please ask your hospital.")
    if decided.reason is Reason.ELSEWHERE:
        return t("It is for other hospitals.")
    if decided.reason is Reason.BARRED:
        return t("The moderators have closed it to you. `{p}appeal` and your reason reach them.", p=p)
    return t("It is archived: nobody comes in any more.")


def rules_shown(t: Translator, room: DeclaredRoom, who: str, settings: Settings) -> Message:
    """The rules at the door."""
    parts = [
        t("**{room}**: you may come in. Its rules:", room=room.title(t.language)),
        verbatim(spoken(room.rules, t.language)),
        t("✅ or `{p}join {key} yes`: I accept them, let me in.", p=settings.prefix, key=room.key),
    ]
    return Message("rooms.rules", lines(parts), buttons=_accepting(room, who), loud=True)


def invited(
    t: Translator, rooms: Sequence[DeclaredRoom], ids: Mapping[str, str], settings: Settings
) -> Message:
    """Invitations are on their way."""
    via = (settings.server_name,)
    links = [room_link(ids[room.key], room.title(t.language), via) for room in rooms if room.key in ids]
    if len(links) == 1:
        body = lines([t("You are invited. Accept in your app, or open:"), *links])
    else:
        body = lines([t("You are invited. Accept in your app, or open:"), bullets(links)])
    return Message("rooms.invited", body, loud=True)


def already(t: Translator, room: DeclaredRoom, room_id: str, membership: str, settings: Settings) -> Message:
    """They are in, or have an invitation."""
    title = room.title(t.language)
    said = (
        t("You are in **{room}** already.", room=title)
        if membership == "join"
        else t("You are invited to **{room}**: accept in your app.", room=title)
    )
    return Message("rooms.invited", lines([said, room_link(room_id, title, (settings.server_name,))]))


def accepted(t: Translator, room: DeclaredRoom) -> Message:
    """They accepted the rules of a room in which they are."""
    return Message("rooms.invited", t("Thank you. Welcome to **{room}**.", room=room.title(t.language)))


def welcome(t: Translator, room: DeclaredRoom, who: str, settings: Settings, *, with_rules: bool) -> Message:
    """To a newcomer, in their direct chat."""
    parts = [
        t("Welcome to **{room}**.", room=room.title(t.language)),
        verbatim(spoken(room.welcome, t.language)),
    ]
    if with_rules:
        parts += _rules(t, room, settings)
    buttons = _accepting(room, who) if with_rules else {}
    return Message("rooms.welcome", lines(parts), buttons=buttons, loud=with_rules)


def reminder(t: Translator, room: DeclaredRoom, who: str, settings: Settings) -> Message:
    """To somebody who is in a room and has not accepted its rules."""
    parts = [
        t("**{room}**: you have not accepted the rules yet.", room=room.title(t.language)),
        *_rules(t, room, settings),
    ]
    return Message("rooms.welcome", lines(parts), buttons=_accepting(room, who), loud=True)


def _rules(t: Translator, room: DeclaredRoom, settings: Settings) -> list[Rich]:
    accept = (
        t(
            "✅ or `{p}join {key} yes`: I accept them. Until then you can read, not write.",
            p=settings.prefix,
            key=room.key,
        )
        if room.mute
        else t("✅ or `{p}join {key} yes`: I accept them.", p=settings.prefix, key=room.key)
    )
    return [t("**The rules**"), verbatim(spoken(room.rules, t.language)), accept]


def _accepting(room: DeclaredRoom, who: str) -> dict[str, str]:
    return {"✅": f"{who} join {room.key} yes"}


def suggestion(t: Translator, rooms: Sequence[DeclaredRoom], who: str, settings: Settings) -> Message:
    """Rooms of somebody's specialty."""
    p, all_of_them = settings.prefix, ", ".join(room.key for room in rooms)
    parts = [t("For your specialty:"), *(verbatim(f"• {room.title(t.language)}") for room in rooms)]
    if len(rooms) == 1:
        parts.append(t("✅ or `{p}join {key}`: let me in.", p=p, key=rooms[0].key))
    else:
        parts.append(t("✅: let me into all. One: `{p}join {key}`", p=p, key=rooms[0].key))
    return Message("rooms.suggestion", lines(parts), buttons={"✅": f"{who} join {all_of_them}"})


def choice(t: Translator, rooms: Sequence[DeclaredRoom], who: str, settings: Settings) -> Message:
    """Several rooms fit a word."""
    parts = [t("Which one?")]
    for number, room in enumerate(rooms, 1):
        mark = NUMBERS[number - 1] if number <= len(NUMBERS) else f"{number}."
        parts.append(
            verbatim(f"{mark} {room.title(t.language)} – ") + code(f"{settings.prefix}join {room.key}")
        )
    buttons = {emoji: f"{who} join {room.key}" for emoji, room in zip(NUMBERS, rooms, strict=False)}
    return Message("rooms.question", lines(parts), buttons=buttons)


def unknown(
    t: Translator, word: str, near: Sequence[DeclaredRoom], verb: str, who: str, settings: Settings
) -> Message:
    """No room is called so; `near` are those with a similar name, and 👍 means the first."""
    p = settings.prefix
    sentence = t("I know no room “{word}”.", word=word[:40])
    if not near:
        return Message("rooms.question", lines([sentence, t("`{p}rooms` shows them all.", p=p)]))
    names = joined((verbatim(room.title(t.language)) for room in near), " · ")
    question = (
        t("Did you mean {room}? 👍 takes it.", room=names)
        if len(near) == 1
        else t("Did you mean one of these: {rooms}? 👍 takes the first.", rooms=names)
    )
    return Message(
        "rooms.question", lines([sentence, question]), buttons={"👍": f"{who} {verb} {near[0].key}"}
    )


def no_list(t: Translator, settings: Settings) -> Message:
    """A number without a list that it belongs to."""
    return Message(
        "rooms.question", t("I have shown you no list with that number: `{p}rooms`", p=settings.prefix)
    )


def left(t: Translator, room: DeclaredRoom, what: str, settings: Settings) -> Message:
    """After `!leave`: what was taken back, or how one leaves."""
    title = room.title(t.language)
    if what == "join":
        body = t(
            "You are in **{room}**. To go, leave it in your app: open the room, its name, “Leave”. "
            "`{p}join {key}` lets you in again.",
            room=title,
            p=settings.prefix,
            key=room.key,
        )
    elif what == "invite":
        body = t("I have taken back your invitation to **{room}**.", room=title)
    elif what == "wish":
        body = t("I no longer keep a place in **{room}** in mind for you.", room=title)
    else:
        body = t("You are not in **{room}**, and not waiting for it.", room=title)
    return Message("rooms.left", body)


def rescinded(t: Translator, room: DeclaredRoom, who: str, settings: Settings) -> Message:
    """To the person whose invitation was taken back."""
    body = t(
        "I took back your invitation of {who} to **{room}**: they may not be in it at present. "
        "If they write `{p}join {key}` to me, I tell them why.",
        who=mention(who),
        room=room.title(t.language),
        p=settings.prefix,
        key=room.key,
    )
    return Message("rooms.refused", body)


def withdrawn(t: Translator, rooms: Sequence[DeclaredRoom], decided: Decision, settings: Settings) -> Message:
    """To somebody who lost their place in rooms."""
    parts = [
        t.plural(
            "You are no longer in {number} room: {rooms}",
            "You are no longer in {number} rooms: {rooms}",
            len(rooms),
            rooms=_names(t, rooms),
        ),
        why(t, decided, settings.prefix),
    ]
    if decided.passing:
        parts.append(t("As soon as you may be in them again, I invite you back."))
    buttons = {"✅": "verify"} if decided.reason in (Reason.LEVEL, Reason.EXPIRED) else {}
    return Message("rooms.withdrawn", lines(parts), buttons=buttons, loud=True)


def to_moderators(t: Translator, people: Mapping[str, int]) -> Message:
    """One line about everybody who lost their place."""
    named = [
        mention(user) + verbatim(f" ({count})")
        for user, count in sorted(people.items(), key=lambda one: (-one[1], one[0]))[:_MOST_NAMED]
    ]
    who = joined(named, ", ")
    more = len(people) - len(named)
    if more:
        body = t("Taken out of rooms (how many): {who} and {more} others.", who=who, more=more)
    else:
        body = t("Taken out of rooms (how many): {who}.", who=who)
    return Message("rooms.withdrawn", body)


def written_apart(t: Translator) -> Message:
    """In a room with others, instead of an answer that concerns one person."""
    return Message("rooms.left", t("I have answered in our direct chat."))


def _names(t: Translator, rooms: Iterable[DeclaredRoom]) -> Rich:
    names = [room.title(t.language) for room in rooms]
    shown = " · ".join(names[:_MOST_NAMED])
    return verbatim(shown if len(names) <= _MOST_NAMED else f"{shown} · +{len(names) - _MOST_NAMED}")
