"""The server access lists of the declared rooms, as the hospital policy is (C-S API, m.room.server_acl)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from bot.chat.desk import Desk
from bot.directory import acl
from bot.directory.hospital import views
from bot.directory.moderators import MODERATORS_ROOM, moderators
from bot.kernel import outbox
from bot.kernel.outbox import Outgoing
from bot.rooms import store
from bot.rooms.file import NetworkFile
from bot.rooms.model import DeclaredRoom
from bot.rooms.moderation.lists import store as lists


def access_list(
    room: DeclaredRoom,
    server: str,
    allowed: Collection[str],
    moderators: Collection[str],
    denied: Collection[str] = (),
) -> dict[str, Any]:
    """A declared room's access list: ourselves, and of those `allowed` into rooms whom the room names.

    `denied` are globs of homeservers that a policy list denies. Raises `acl.LockedOut` when people who
    moderate would be kept out.
    """
    taking_part = set(allowed) if room.servers is None else room.servers.intersection(allowed)
    content = acl.compute(server, taking_part, denied, bots_server=server, moderators=moderators)
    if acl.EVERYBODY not in content["allow"]:
        # Ports do not count, but Synapse refuses a list in which its own name does not stand with its port.
        content["allow"] = sorted({*content["allow"], server})
    return content


async def update_acls(desk: Desk) -> int:
    """Queue every declared room's access list as the policy is now; returns in how many rooms.

    A room whose list would keep out people who moderate keeps the one it has, and the moderators are told.
    """
    house = desk.house
    file = house.parts.get(NetworkFile)
    declared = file.current.rooms if isinstance(file, NetworkFile) else {}
    bot, server = next(iter(house.bot_users)), house.settings.server_name
    allowed, people = house.hospitals.servers("rooms"), await moderators(desk)
    denied = await lists.denied(desk.tx)
    outs, locked = [], []
    for place in await store.placed(desk.tx):
        room = declared.get(place.key)
        if room is None or not room.acl:
            continue
        try:
            content = access_list(room, server, allowed, people, denied)
        except acl.LockedOut:
            locked.append(room.name)
            continue
        body = {"type": "m.room.server_acl", "state_key": "", "content": content}
        outs.append(Outgoing(bot, place.room_id, "state", body))
    await outbox.put_all(desk.tx, outs)
    if outs:
        desk.tx.audit("system", "rooms.acl", "network", rooms=len(outs), servers=len(allowed))
    if locked and house.settings.moderators:
        first = desk if desk.bot == bot else Desk(house, desk.tx, bot)
        await first.send(MODERATORS_ROOM, views.locked_out(desk.house_translator(), locked))
    return len(outs)
