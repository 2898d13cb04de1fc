"""What the moderators read about old messages: what will be deleted, and what was."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta

from bot.chat.desk import Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines
from bot.rooms import store as rooms
from bot.rooms.file import NetworkFile
from bot.rooms.moderation.retention.store import Room

_ROOMS = 30


async def announcement(desk: Desk, due: Mapping[str, int], notice: timedelta) -> Message:
    """What will be deleted for the first time, by room id, when `notice` is over."""
    t = desk.house_translator()
    names = await _names(desk, due, t.language)
    shown = [t("{room}: {number}", room=names[room_id], number=number) for room_id, number in due.items()]
    head = t("In {time} I begin to delete old messages, which cannot be undone:", time=t.span(notice))
    tail = t("To keep them, change `retention` in the network file before that.")
    return Message("mod.retention", lines([head, _list(t, shown), tail]), loud=True)


async def report(desk: Desk, finished: Collection[Room]) -> Message:
    """What was deleted, by room."""
    t = desk.house_translator()
    names = await _names(desk, [room.room_id for room in finished], t.language)
    shown = [
        t(
            "{room}: {number}, {failed} could not be",
            room=names[one.room_id],
            number=one.deleted,
            failed=one.failed,
        )
        if one.failed
        else t("{room}: {number}", room=names[one.room_id], number=one.deleted)
        for one in finished
    ]
    total = sum(room.deleted for room in finished)
    head = t.plural("**{number} old message** was deleted:", "**{number} old messages** were deleted:", total)
    return Message("mod.retention", lines([head, _list(t, shown)]))


def _list(t: Translator, shown: list[Rich]) -> Rich:
    more = [t("{number} more rooms", number=len(shown) - _ROOMS)] if len(shown) > _ROOMS else []
    return bullets([*shown[:_ROOMS], *more])


async def _names(desk: Desk, room_ids: Collection[str], language: str) -> dict[str, str]:
    """What rooms are called, by id."""
    file = desk.house.parts.get(NetworkFile)
    declared = file.current.rooms if isinstance(file, NetworkFile) else {}
    keys = {place.room_id: place.key for place in await rooms.placed(desk.tx)}
    named = {}
    for room_id in room_ids:
        room = declared.get(keys.get(room_id, ""))
        named[room_id] = keys.get(room_id, room_id) if room is None else room.title(language)
    return named
