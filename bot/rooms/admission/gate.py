"""What every use case of admission begins with: the declared rooms, the first bot, and who somebody is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace

from bot.chat.desk import Desk, House
from bot.directory.moderators import moderators
from bot.directory.policy import may_talk
from bot.directory.service import standings_of
from bot.directory.standing import Standing
from bot.kernel.outbox import Outgoing
from bot.rooms import store as rooms_store
from bot.rooms.admission.rules import Presence
from bot.rooms.file import NetworkFile
from bot.rooms.model import DeclaredRoom, Network


@dataclass(frozen=True)
class Places:
    """The declared rooms that exist: key → room id and back, archived ones too."""

    declared: Network
    ids: Mapping[str, str]
    keys: Mapping[str, str]

    def room(self, key: str) -> DeclaredRoom | None:
        """What is declared under a key, if the room exists."""
        return self.declared.rooms.get(key) if key in self.ids else None


def network(house: House) -> Network:
    """What is declared now; nothing where there is no network file."""
    file = house.parts.get(NetworkFile)
    return file.current if isinstance(file, NetworkFile) else Network()


def first_bot(house: House) -> str:
    """The bot that made the declared rooms; it alone acts in them."""
    return next(iter(house.bot_users))


def at_gate(desk: Desk) -> Desk:
    """The same use case, for the first bot."""
    first = first_bot(desk.house)
    return desk if desk.bot == first and type(desk) is Desk else Desk(desk.house, desk.tx, first)


async def places(desk: Desk) -> Places:
    """The declared rooms that exist, read once in a transaction."""
    key = (Places, "admission")
    if key not in desk.tx.memo:
        found = await rooms_store.placed(desk.tx)
        ids = {one.key: one.room_id for one in found}
        desk.tx.memo[key] = Places(network(desk.house), ids, {room_id: key for key, room_id in ids.items()})
    known: Places = desk.tx.memo[key]
    return known


async def exempt(desk: Desk) -> set[str]:
    """Who passes whatever is known of them: moderators and the bots."""
    return {*await moderators(desk), *desk.house.bot_users.values()}


def in_reach(house: House, user_id: str) -> bool:
    """Whether somebody's hospital may talk to the bots: nobody else is ever written to."""
    return may_talk(user_id, house.hospitals.servers("talk"))


async def known(desk: Desk, user_ids: Collection[str]) -> dict[str, Standing]:
    """Where people stand; a hospital that may talk but takes no part in rooms counts as unknown here."""
    if not user_ids:
        return {}
    taking_part = desk.house.hospitals.servers("rooms")
    standings = await standings_of(desk, user_ids)
    return {
        user: one
        if not one.welcome or user.partition(":")[2] in taking_part
        else replace(one, hospital="unknown")
        for user, one in standings.items()
    }


async def place_of(desk: Desk, user_id: str) -> dict[str, str]:
    """Somebody's declared rooms: key → join, invite or knock."""
    where = await places(desk)
    found = await desk.house.rooms.rooms_of(desk.tx, first_bot(desk.house), user_id)
    return {where.keys[room]: membership for room, membership in found.items() if room in where.keys}


def presences(where: Places, found: Iterable[tuple[str, str, str]]) -> list[Presence]:
    """What the room index says of people, by the rooms' keys."""
    return [
        Presence(where.keys[room], user, membership) for room, user, membership in found if room in where.keys
    ]


def removal(desk: Desk, room_id: str, user_id: str) -> Outgoing:
    """Take somebody out of a room, or turn down their knock or invitation; the reason gives nothing away."""
    reason = desk.house_translator()("Please write to the bot about this room.").plain
    return Outgoing(first_bot(desk.house), room_id, "kick", {"user_id": user_id, "reason": reason})


def invitation(desk: Desk, room_id: str, user_id: str) -> Outgoing:
    """Invite somebody."""
    return Outgoing(first_bot(desk.house), room_id, "invite", {"user_id": user_id})


def rules_digest(room: DeclaredRoom) -> str:
    """Names a room's rules as they are now, in all languages; empty if it has none."""
    if not room.rules:
        return ""
    return hashlib.sha256(json.dumps(sorted(room.rules.items())).encode()).hexdigest()


def network_digest(declared: Network) -> str:
    """Names what the network file says about who may be where."""
    said = [
        [one.key, int(one.level), one.archived, None if one.servers is None else sorted(one.servers)]
        for one in declared.rooms.values()
    ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()


def spoken(texts: Mapping[str, str], language: str) -> str:
    """A text of the file in somebody's language, else in English, else as it is there."""
    return texts.get(language) or texts.get("en") or next(iter(texts.values()), "")
