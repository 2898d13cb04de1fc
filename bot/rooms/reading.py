"""From the entries of the network file to the network they declare, and what may not be declared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot.directory import taxonomy
from bot.directory.standing import Level
from bot.directory.taxonomy import Specialty
from bot.rooms.entries import (
    BadNetwork,
    LookEntry,
    NetworkEntries,
    PlaceEntry,
    RoomEntry,
    SpaceEntry,
)
from bot.rooms.model import DeclaredRoom, Network, PolicyList, Power

# Nobody writes in a space, and nothing in it is secret.
_SPACE_LOOK: Mapping[str, Any] = {"encryption": False, "history": "shared", "power": {"events_default": 50}}
_LOOKS = frozenset(LookEntry.model_fields)
_SPEECHES = ("welcome", "welcome_de", "rules", "rules_de")
_PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp")
_MOST_TEMPLATES = 20
_BOT_POWER = 100


def network_of(entries: NetworkEntries, folder: Path, language: str) -> Network:
    """The declared network; raises BadNetwork with one sentence naming the entry."""
    return _Reader(entries, folder, entries.language or language).network()


class _Reader:
    def __init__(self, entries: NetworkEntries, folder: Path, language: str) -> None:
        self._entries = entries
        self._folder = folder
        self._language = language

    def network(self) -> Network:
        found: dict[str, DeclaredRoom] = {}
        for key in self._spaces_in_order():
            found[key] = self._declared(f"spaces.{key}", key, self._entries.spaces[key])
        for key, entry in self._rooms().items():
            if key in found:
                raise BadNetwork(f"rooms.{key}: a space has this key already; keys are used once.")
            found[key] = self._declared(f"rooms.{key}", key, entry)
        _refuse_shared(found)
        for room in found.values():
            _refuse_unsound(room, found)
        lists = tuple(
            PolicyList(one.room, one.apply, one.dont_apply, one.via) for one in self._entries.policy_lists
        )
        return Network(self._entries.name or "", found, lists)

    # Which rooms there are -----------------------------------------------------------------------

    def _spaces_in_order(self) -> list[str]:
        """The spaces, each after the one it stands in."""
        spaces, order = self._entries.spaces, list[str]()

        def visit(key: str, above: tuple[str, ...]) -> None:
            if key in above:
                raise BadNetwork(f"spaces.{key}.space: a space cannot stand inside itself.")
            parent = spaces[key].space
            if parent is not None and parent not in spaces:
                raise BadNetwork(f"spaces.{key}.space: there is no space {parent}.")
            if key not in order:
                if parent is not None:
                    visit(parent, (*above, key))
                order.append(key)

        for key in spaces:
            visit(key, ())
        return order

    def _rooms(self) -> dict[str, RoomEntry]:
        """Every room: those that spaces list, completed by tables of their own, then the other tables."""
        rooms: dict[str, RoomEntry] = {}
        for space, entry in self._entries.spaces.items():
            for word in entry.rooms:
                place = f"spaces.{space}.rooms"
                key, specialty = self._meant(place, word)
                if key in rooms:
                    raise BadNetwork(f"{place}: {key} is listed twice; a room stands in one space.")
                own = self._entries.rooms.get(key, RoomEntry())
                if own.space not in (None, space):
                    raise BadNetwork(
                        f"rooms.{key}.space: says {own.space}, but {place} lists it; keep one of the two."
                    )
                given = {"space": space, "template": own.template or entry.room_template}
                if own.specialty is None and specialty is not None:
                    given["specialty"] = specialty.key
                rooms[key] = own.model_copy(update=given)
        for key, own in self._entries.rooms.items():
            if own.space is not None and own.space not in self._entries.spaces:
                raise BadNetwork(f"rooms.{key}.space: there is no space {own.space}.")
            if own.template is None and own.space is not None:
                own = own.model_copy(update={"template": self._entries.spaces[own.space].room_template})
            rooms.setdefault(key, own)
        return rooms

    def _meant(self, place: str, word: str) -> tuple[str, Specialty | None]:
        """The key that a space's list means: that of a table, or a specialty by any of its names."""
        if word in self._entries.rooms:
            return word, taxonomy.by_key(word)
        found = taxonomy.find(word)
        if found is None:
            near = taxonomy.suggest(word, self._language)
            perhaps = f" Perhaps {' or '.join(near)}?" if near else ""
            raise BadNetwork(
                f"{place}: {word!r} is neither a table under [rooms] nor a known specialty.{perhaps}"
            )
        return found.key, found

    # What they look like -------------------------------------------------------------------------

    def _declared(self, place: str, key: str, entry: PlaceEntry) -> DeclaredRoom:
        space = isinstance(entry, SpaceEntry)
        look = _merged(
            _SPACE_LOOK if space else {}, self._template(place, entry.template, space=space), _look(entry)
        )
        specialty = None
        if isinstance(entry, RoomEntry):
            word = entry.specialty
            specialty = taxonomy.by_key(key) if word is None else taxonomy.find(word)
            if entry.specialty is not None and specialty is None:
                raise BadNetwork(f"{place}.specialty: {entry.specialty!r} is no specialty that we know.")
        names = {} if specialty is None else {word: specialty.name(word) for word in ("en", "de")}
        if entry.name is not None:
            names = {"en": entry.name}
        if entry.name_de is not None:
            names["de"] = entry.name_de
        name = names.get(self._language) or names.get("en") or names.get("de")
        if name is None:
            raise BadNetwork(f"{place}.name: is required; {key} is no specialty that we know.")
        return DeclaredRoom(
            key=key,
            name=name,
            names=names,
            space=space,
            parent=entry.space,
            specialty=specialty.key if specialty is not None else None,
            alias=entry.alias or key,
            adopt=entry.adopt,
            archived=entry.archived,
            **self._values(place, look),
        )

    def _values(self, place: str, look: Mapping[str, Any]) -> dict[str, Any]:
        """What a look decides, as a declared room has it."""
        values = {name: value for name, value in look.items() if name not in _SPEECHES}
        for which in ("welcome", "rules"):
            said = {"en": look.get(which), "de": look.get(f"{which}_de")}
            values[which] = {language: text for language, text in said.items() if text}
        if "level" in look:
            values["level"] = Level[look["level"]]
        values["power"] = Power(**look.get("power", {}))
        values["retention"] = look.get("retention") or None
        values["avatar"] = self._avatar(place, look.get("avatar"))
        if "servers" in look:
            values["servers"] = frozenset(self._servers(place, look["servers"]))
        return values

    def _template(self, place: str, name: str | None, *, space: bool) -> dict[str, Any]:
        """What a template decides, with what it extends; rooms without one take `default`, if it is there."""
        templates = self._entries.templates
        if name is None:
            name = "default" if "default" in templates and not space else None
        chain: list[dict[str, Any]] = []
        where = f"{place}.template"
        while name is not None:
            if name not in templates:
                raise BadNetwork(f"{where}: there is no template {name}.")
            if len(chain) > _MOST_TEMPLATES:
                raise BadNetwork(f"{where}: the templates extend each other in a circle.")
            chain.append(_look(templates[name]))
            where, name = f"templates.{name}.extends", templates[name].extends
        return _merged(*reversed(chain))

    def _servers(self, place: str, words: tuple[str, ...]) -> Iterator[str]:
        for word in words:
            if word in self._entries.hospitals:
                yield from self._entries.hospitals[word]
            elif "." in word or ":" in word:
                yield word
            else:
                raise BadNetwork(f"{place}.servers: {word} is neither a server name nor under [hospitals].")

    def _avatar(self, place: str, avatar: str | None) -> str | None:
        if not avatar:
            return None
        if avatar.startswith("mxc://"):
            return avatar
        if not avatar.lower().endswith(_PICTURES):
            raise BadNetwork(f"{place}.avatar: {avatar} is no picture ({', '.join(_PICTURES)}).")
        if not (self._folder / avatar).is_file():
            raise BadNetwork(f"{place}.avatar: there is no picture {self._folder / avatar}.")
        return avatar


def _look(entry: LookEntry) -> dict[str, Any]:
    """What an entry decides itself."""
    look = {name: getattr(entry, name) for name in entry.model_fields_set & _LOOKS}
    if look.get("power") is not None:
        look["power"] = look["power"].model_dump(exclude_unset=True)
    return {name: value for name, value in look.items() if value is not None}


def _merged(*looks: Mapping[str, Any]) -> dict[str, Any]:
    """Looks upon each other, the last on top; power levels level by level."""
    whole: dict[str, Any] = {}
    for look in looks:
        power = {**whole.get("power", {}), **look.get("power", {})}
        events = {**whole.get("power", {}).get("events", {}), **look.get("power", {}).get("events", {})}
        whole.update(look)
        if power:
            whole["power"] = {**power, "events": events}
    return whole


# What may not be declared ------------------------------------------------------------------------


def _refuse_shared(rooms: Mapping[str, DeclaredRoom]) -> None:
    for what in ("alias", "adopt"):
        owner: dict[str, str] = {}
        for key, room in rooms.items():
            value = getattr(room, what)
            if value is not None and owner.setdefault(value, key) != key:
                raise BadNetwork(f"{_place(room)}.{what}: {value} already belongs to {owner[value]}.")


def _refuse_unsound(room: DeclaredRoom, rooms: Mapping[str, DeclaredRoom]) -> None:
    place = _place(room)
    parent = None if room.parent is None else rooms[room.parent]
    if room.history == "world_readable" and room.encryption:
        raise BadNetwork(
            f"{place}.history: world_readable lets anybody read along; an encrypted room cannot be that."
        )
    if room.space and room.encryption:
        raise BadNetwork(f"{place}.encryption: a space is no chat; it cannot be encrypted.")
    if room.join == "public" and room.level > Level.L0:
        raise BadNetwork(f'{place}.join: public lets everybody in; it needs level = "L0".')
    if room.join in ("restricted", "knock_restricted"):
        if parent is None:
            raise BadNetwork(f"{place}.join: {room.join} lets in who is in its space; it stands in none.")
        if parent.level < room.level:
            raise BadNetwork(
                f"{place}.level: its space {parent.key} asks for {parent.level.name} only, and whoever is in "
                f"the space may come in; raise that to {room.level.name}, or join to knock."
            )
    if parent is not None and parent.archived and not room.archived:
        raise BadNetwork(f"{place}.space: {parent.key} is archived.")
    if room.mute and not room.rules:
        raise BadNetwork(f"{place}.mute: people are mute until they accept the rules; write rules.")
    power = room.power
    if not power.users_default < power.moderators < _BOT_POWER:
        raise BadNetwork(f"{place}.power.moderators: must be between that of members and 100, the bot's.")
    for name in ("kick", "ban", "redact", "invite", "state_default"):
        if getattr(power, name) <= power.users_default:
            raise BadNetwork(f"{place}.power.{name}: must be more than users_default, which everybody has.")


def _place(room: DeclaredRoom) -> str:
    return f"{'spaces' if room.space else 'rooms'}.{room.key}"
