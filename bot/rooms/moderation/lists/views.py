"""What the moderators read of a policy list: short enough for a phone, and what to do next."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from bot.chat.desk import Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, code, joined, lines, mention, verbatim
from bot.rooms.file import NetworkFile
from bot.rooms.moderation.lists.rules import ROOM, SERVER, USER, Rule
from bot.rooms.moderation.lists.service import Subscription

_PEOPLE = 15
_ROOMS = 4
_GUARDED = 5


def titles(desk: Desk, keys: Collection[str], language: str) -> dict[str, str]:
    """What rooms are called, by key."""
    file = desk.house.parts.get(NetworkFile)
    declared = file.current.rooms if isinstance(file, NetworkFile) else {}
    return {key: declared[key].title(language) if key in declared else key for key in keys}


def summary(
    t: Translator,
    one: Subscription,
    hits: Mapping[str, Mapping[str, Rule]],
    listed_rooms: Collection[str],
    names: Mapping[str, str],
) -> Message:
    """A list, and whom it concerns: `hits` by room key and person, `listed_rooms` ours that stand on it."""
    apply, name = one.declared.apply, code(one.declared.room)
    head = (
        t("Policy list {list}: in force.", list=name)
        if apply
        else t("Policy list {list}: a trial, nothing is done yet.", list=name)
    )
    parts = [head, _counts(t, one), _people(t, hits, names, apply=apply)]
    if listed_rooms:
        shown = joined([verbatim(names[key]) for key in listed_rooms], ", ")
        parts.append(t("Our own rooms stand on it: {rooms}. Ask those who keep the list.", rooms=shown))
    guarded = one.book.guarded()
    if guarded:
        shown = joined([code(rule.entity) for rule, _hit in guarded[:_GUARDED]], ", ")
        parts.append(
            t.plural(
                "{number} rule is about ourselves and not followed there: {rules}",
                "{number} rules are about ourselves and not followed there: {rules}",
                len(guarded),
                rules=shown,
            )
        )
    if not apply:
        parts.append(
            t(
                "To follow it, set `apply = true` in the network file; to spare somebody, put them into "
                "`dont_apply`."
            )
        )
    return Message("mod.list", lines(parts))


def unreachable(t: Translator, room: str) -> Message:
    """A list's room could not be entered."""
    text = t(
        "I cannot enter the policy list {list}, so its rules are not known. I try again every hour: look at "
        "its address in the network file, and whether I may join.",
        list=code(room),
    )
    return Message("mod.list", text)


def _counts(t: Translator, one: Subscription) -> Rich:
    kinds = [rule.kind for rule in one.book.rules]
    return t(
        "Rules: {people} about people, {servers} about homeservers, {rooms} about rooms.",
        people=kinds.count(USER),
        servers=kinds.count(SERVER),
        rooms=kinds.count(ROOM),
    )


def _people(
    t: Translator, hits: Mapping[str, Mapping[str, Rule]], names: Mapping[str, str], *, apply: bool
) -> Rich:
    places: dict[str, list[str]] = {}
    for key, people in hits.items():
        for user in people:
            places.setdefault(user, []).append(names[key])
    if not places:
        return t("Nobody in our rooms stands on it.")
    number = len(places)
    head = (
        t.plural("**{number} person is banned:**", "**{number} people are banned:**", number)
        if apply
        else t.plural("**{number} person would be banned:**", "**{number} people would be banned:**", number)
    )
    shown = [
        t("{who}: {rooms}", who=mention(user), rooms=_few(t, sorted(rooms)))
        for user, rooms in sorted(places.items())[:_PEOPLE]
    ]
    if number > _PEOPLE:
        shown.append(t("and {number} more", number=number - _PEOPLE))
    return lines([head, bullets(shown)])


def _few(t: Translator, rooms: list[str]) -> Rich:
    shown = joined([verbatim(room) for room in rooms[:_ROOMS]], ", ")
    if len(rooms) <= _ROOMS:
        return shown
    return joined([shown, t("and {number} more", number=len(rooms) - _ROOMS)], " ")
