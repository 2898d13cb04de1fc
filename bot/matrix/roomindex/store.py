"""The room index as features see it (`bot.chat.desk.RoomDirectory`)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import select

from bot.chat.desk import RoomFacts, StateEvent
from bot.kernel.db import Tx
from bot.matrix import store
from bot.matrix.roomstate import store as roomstate


class RoomIndex(roomstate.MessageIndex):
    """The room index as features see it (`bot.chat.desk.RoomDirectory`)."""

    def __init__(self, bot_users: Mapping[str, str]) -> None:
        self._bot_users = bot_users

    async def facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        key = (RoomIndex, bot, room)
        if key not in tx.memo:
            tx.memo[key] = await self._facts(tx, bot, room)
        facts: RoomFacts | None = tx.memo[key]
        return facts

    async def _facts(self, tx: Tx, bot: str, room: str) -> RoomFacts | None:
        room_id = await store.named_room(tx, bot, room)
        row = None if room_id is None else await store.room(tx, bot, room_id)
        if row is None:
            return None
        known = await store.members(tx, bot, row.room_id)
        present = tuple(sorted(user for user, membership in known.items() if membership in store.PRESENT))
        size = (
            len(present) if row.members_known else max(len(present), (row.joined or 0) + (row.invited or 0))
        )
        # In a large room only those who are named: nobody else has more than everybody there.
        named = present if size <= 50 else {*row.shape.users, *row.shape.creators}.intersection(present)
        powers = {user: row.shape.power_of(user) for user in named}
        return RoomFacts(
            row.room_id,
            row.encrypted,
            present,
            direct=size <= 2 and not await _is_named(tx, bot, row.room_id),
            version=row.version,
            power=powers,
        )

    async def state(self, tx: Tx, bot: str, room: str, prefix: str) -> Sequence[StateEvent]:
        room_id = await store.named_room(tx, bot, room)
        return [] if room_id is None else await roomstate.read(tx, bot, room_id, prefix)

    async def rooms_of(self, tx: Tx, bot: str, user_id: str) -> Mapping[str, str]:
        query = select(store.room_members.c.room_id, store.room_members.c.membership).where(
            store.room_members.c.bot == bot,
            store.room_members.c.user_id == user_id,
            store.room_members.c.membership.in_(store.HERE),
        )
        return {row.room_id: row.membership for row in await tx.conn.execute(query)}

    async def people_in(
        self, tx: Tx, bot: str, rooms: Collection[str], server: str | None = None
    ) -> Sequence[tuple[str, str, str]]:
        query = select(
            store.room_members.c.room_id, store.room_members.c.user_id, store.room_members.c.membership
        ).where(
            store.room_members.c.bot == bot,
            store.room_members.c.room_id.in_(list(rooms)),
            store.room_members.c.membership.in_(store.HERE),
        )
        if server is not None:
            query = query.where(store.room_members.c.user_id.endswith(f":{server}", autoescape=True))
        query = query.order_by(store.room_members.c.room_id, store.room_members.c.user_id)
        return [(row.room_id, row.user_id, row.membership) for row in await tx.conn.execute(query)]


async def _is_named(tx: Tx, bot: str, room_id: str) -> bool:
    """Whether a room has a name in the house, such as the moderators': then it is nobody's direct chat."""
    query = select(store.room_names.c.name).where(
        store.room_names.c.bot == bot, store.room_names.c.room_id == room_id
    )
    query = query.where(store.room_names.c.name.startswith("room:", autoescape=True))
    return (await tx.conn.execute(query.limit(1))).first() is not None
