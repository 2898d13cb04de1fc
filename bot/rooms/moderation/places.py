"""Where something holds: in one room, in a space with all that stands in it, or everywhere."""

from __future__ import annotations

from dataclasses import dataclass

from bot.chat.desk import Desk
from bot.rooms import store as rooms
from bot.rooms.file import NetworkFile
from bot.rooms.model import DeclaredRoom, Network
from bot.rooms.moderation.model import EVERYWHERE


@dataclass(frozen=True)
class Place:
    """A declared room that exists: `lane` is what outbox rows call it whose turn must come at once.

    Rows under its id wait behind each other, be they 300 kicks; those under its name only behind theirs.
    """

    key: str
    room_id: str
    lane: str
    space: bool


def network(desk: Desk) -> Network:
    """What is declared; nothing where there is no network file."""
    file = desk.house.parts.get(NetworkFile)
    return file.current if isinstance(file, NetworkFile) else Network()


def first_bot(desk: Desk) -> str:
    """The bot that made the declared rooms and has the highest power there."""
    return next(iter(desk.house.bot_users))


def scopes_of(declared: Network, key: str) -> list[str]:
    """The scopes in which a room lies: itself, the spaces around it, everywhere."""
    found = [key]
    while (room := declared.rooms.get(found[-1])) is not None and room.parent and room.parent not in found:
        found.append(room.parent)
    return [*found, EVERYWHERE]


async def places(desk: Desk, scope: str) -> list[Place]:
    """The rooms of a scope that exist and are in use."""
    declared, bot = network(desk), first_bot(desk)
    found = []
    for one in await rooms.placed(desk.tx):
        if one.archived or scope not in scopes_of(declared, one.key):
            continue
        found.append(await _place(desk, bot, one.key, one.room_id, declared.rooms.get(one.key)))
    return found


async def place(desk: Desk, key: str) -> Place | None:
    """A declared room by its key; None before it exists."""
    room_id = await rooms.room_of(desk.tx, key)
    if room_id is None:
        return None
    return await _place(desk, first_bot(desk), key, room_id, network(desk).rooms.get(key))


async def _place(desk: Desk, bot: str, key: str, room_id: str, declared: DeclaredRoom | None) -> Place:
    name = f"room:network/{key}"
    named = await desk.house.rooms.facts(desk.tx, bot, name)
    lane = name if named is not None and named.room_id == room_id else room_id
    return Place(key, room_id, lane, declared is not None and declared.space)


def title(desk: Desk, scope: str, language: str) -> str:
    """What to call a room or space; its key where it is declared no more."""
    room = network(desk).rooms.get(scope)
    return scope if room is None else room.title(language)
