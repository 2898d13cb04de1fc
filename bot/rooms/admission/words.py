"""Which of the declared rooms a word means: a key, a name in any language, an address, a specialty."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from bot.chat.desk import Desk
from bot.chat.parsing import closest
from bot.directory import taxonomy
from bot.directory.model import folded
from bot.directory.profiles.service import profile_of
from bot.directory.roster import RosterFile
from bot.rooms.model import DeclaredRoom

_LEAST_BEGINNING = 4


def own_words(room: DeclaredRoom) -> set[str]:
    """What a room itself is called."""
    return {room.key, room.name, *room.names.values(), *((room.alias,) if room.alias else ())}


def all_words(room: DeclaredRoom) -> set[str]:
    """What a room is called, and all that people call its specialty."""
    specialty = taxonomy.by_key(room.specialty) if room.specialty else None
    return own_words(room) | (set(specialty.words) if specialty is not None else set())


def meant(rooms: Collection[DeclaredRoom], text: str) -> list[DeclaredRoom]:
    """The rooms that somebody may mean: those called so, else of that specialty, else by a beginning."""
    wanted = folded(text.removeprefix("#").partition(":")[0])
    if not wanted:
        return []
    named = [room for room in rooms if wanted in map(folded, own_words(room))]
    if named:
        return named
    specialty = taxonomy.find(text)
    if specialty is not None:
        fitting = [room for room in rooms if room.specialty == specialty.key]
        if fitting:  # the room that is called like the specialty is the one meant
            return [room for room in fitting if room.key == specialty.key] or fitting
    if len(wanted) < _LEAST_BEGINNING:
        return []
    return [room for room in rooms if any(folded(word).startswith(wanted) for word in own_words(room))]


def similar(rooms: Iterable[DeclaredRoom], text: str) -> list[DeclaredRoom]:
    """At most three rooms that a misspelt word may mean; a room's own name counts before its specialty's."""
    known = list(rooms)
    for words_of in (own_words, all_words):
        forms: dict[str, list[DeclaredRoom]] = {}
        for room in known:
            for form in {folded(word) for word in words_of(room)}:
                forms.setdefault(form, []).append(room)
        near = [room for form in closest(folded(text), sorted(forms), limit=6) for room in forms[form]]
        if near:
            return list({room.key: room for room in near}.values())[:3]
    return []


async def specialties_of(desk: Desk, user_id: str) -> set[str]:
    """The keys of somebody's specialties, as their profile and the roster say."""
    listed = desk.house.part(RosterFile).current.clinicians.get(user_id)
    on_roster = taxonomy.find(listed.specialty) if listed is not None else None
    said = (await profile_of(desk, user_id)).specialty
    return {key for key in (said, on_roster.key if on_roster is not None else "") if key}
