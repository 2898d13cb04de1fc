"""What the Matrix side keeps: sync tokens, the room index, logins and identities, unreadable events."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Index,
    Integer,
    String,
    Table,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from bot.kernel.db import Database, Sealed, Tx, UtcTime, metadata
from bot.matrix.rooms import RoomShape

bot_accounts = Table(
    "bot_accounts",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("since", Text, nullable=True),
    Column("device_id", String(255), nullable=True),
    Column("device_since", UtcTime, nullable=True),
    Column("owner", String(128), nullable=True),
    Column("owned_until", UtcTime, nullable=True),
)
secrets = Table(
    "secrets",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("value", Sealed, nullable=False),
)
identities = Table(
    "identities",
    metadata,
    Column("user_id", String(255), primary_key=True),
    Column("master_key", String(64), nullable=False),
)
rooms = Table(
    "rooms",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("room_id", String(255), primary_key=True),
    Column("membership", String(8), nullable=False),
    Column("encrypted", Boolean, nullable=False),
    Column("version", String(32), nullable=False),
    Column("joined", Integer, nullable=True),
    Column("invited", Integer, nullable=True),
    Column("members_known", Boolean, nullable=False),
    Column("shape", Text, nullable=False),
    Column("last_event", String(255), nullable=True),
)
room_members = Table(
    "room_members",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("room_id", String(255), primary_key=True),
    Column("user_id", String(255), primary_key=True),
    Column("membership", String(8), nullable=False),
)
Index("ix_room_members_user", room_members.c.bot, room_members.c.user_id)
room_names = Table(
    "room_names",
    metadata,
    Column("bot", String(64), primary_key=True),
    Column("name", String(320), primary_key=True),
    Column("room_id", String(255), nullable=False),
)
unread_events = Table(
    "unread_events",
    metadata,
    Column("event_id", String(255), primary_key=True),
    Column("bot", String(64), nullable=False),
    Column("room_id", String(255), nullable=False),
    Column("session_id", String(255), nullable=False),
    Column("event", Sealed, nullable=False),
    Column("give_up_at", UtcTime, nullable=False),
)
Index("ix_unread_session", unread_events.c.bot, unread_events.c.room_id, unread_events.c.session_id)

PRESENT = ("join", "invite")
HERE = (*PRESENT, "knock")


# The statements of every event are built once: building them anew cost more than running them.


@cache
def _upsert(table: Table, dialect: str) -> Any:
    """A statement that inserts rows with all columns, or overwrites those with the same key."""
    statement = (sqlite.insert if dialect == "sqlite" else postgresql.insert)(table)
    keys = {column.name for column in table.primary_key.columns} | {"members_known"}
    changed: dict[str, Any] = {
        column.name: statement.excluded[column.name] for column in table.columns if column.name not in keys
    }
    if table is rooms:
        # Once encrypted, always encrypted: the first sync of a new room may lack the event that says so.
        changed["encrypted"] = or_(rooms.c.encrypted, statement.excluded.encrypted)
    return statement.on_conflict_do_update(index_elements=list(table.primary_key.columns), set_=changed)


async def _write(tx: Tx, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        await tx.conn.execute(_upsert(table, tx.conn.dialect.name), rows)


_TOKEN = update(bot_accounts).where(bot_accounts.c.bot == bindparam("of")).values(since=bindparam("to"))
_ROOM = select(rooms).where(rooms.c.bot == bindparam("of"), rooms.c.room_id == bindparam("room"))
_MEMBERS = select(room_members.c.user_id, room_members.c.membership).where(
    room_members.c.bot == bindparam("of"), room_members.c.room_id == bindparam("room")
)


# Accounts ----------------------------------------------------------------------------------------


async def sync_token(tx: Tx, bot: str) -> str | None:
    """Where the bot's sync goes on; None before the first."""
    return (await tx.conn.execute(select(bot_accounts.c.since).where(bot_accounts.c.bot == bot))).scalar()


async def keep_sync_token(tx: Tx, bot: str, since: str) -> None:
    await tx.conn.execute(_TOKEN, {"of": bot, "to": since})


async def use_device(tx: Tx, bot: str, device_id: str) -> bool:
    """Note the device a bot speaks as; True if it takes the place of another.

    Its predecessor's transaction ids mean nothing to the homeserver.
    """
    query = select(bot_accounts.c.device_id).where(bot_accounts.c.bot == bot)
    row = (await tx.conn.execute(query)).first()
    if row is None:
        await tx.conn.execute(insert(bot_accounts).values(bot=bot, device_id=device_id, device_since=tx.now))
        return False
    if row.device_id == device_id:
        return False
    await tx.conn.execute(
        update(bot_accounts).where(bot_accounts.c.bot == bot).values(device_id=device_id, device_since=tx.now)
    )
    return row.device_id is not None


async def device_since(tx: Tx, bot: str) -> datetime | None:
    """Since when the bot speaks as its present device."""
    return (
        await tx.conn.execute(select(bot_accounts.c.device_since).where(bot_accounts.c.bot == bot))
    ).scalar()


async def lease(tx: Tx, bot: str, owner: str, until: datetime) -> bool:
    """Take or keep the bot's device for `owner`; False while another process holds it."""
    query = select(bot_accounts.c.owner, bot_accounts.c.owned_until).where(bot_accounts.c.bot == bot)
    row = (await tx.conn.execute(query.with_for_update())).first()
    if row is None:
        await tx.conn.execute(insert(bot_accounts).values(bot=bot, owner=owner, owned_until=until))
        return True
    if row.owner not in (None, owner) and row.owned_until is not None and row.owned_until > tx.now:
        return False
    await tx.conn.execute(
        update(bot_accounts).where(bot_accounts.c.bot == bot).values(owner=owner, owned_until=until)
    )
    return True


async def release(tx: Tx, bot: str, owner: str) -> None:
    """Give the bot's device back."""
    await tx.conn.execute(
        update(bot_accounts)
        .where(bot_accounts.c.bot == bot, bot_accounts.c.owner == owner)
        .values(owner=None, owned_until=None)
    )


class SecretBox:
    """Secrets of one bot (logins, cross-signing seeds), sealed in the database."""

    def __init__(self, database: Database, bot: str) -> None:
        self._database = database
        self._bot = bot

    async def load(self, name: str) -> Any | None:
        key = f"{self._bot} {name}"
        async with self._database.read() as tx:
            sealed = (await tx.conn.execute(select(secrets.c.value).where(secrets.c.id == key))).scalar()
            return tx.open(secrets.c.value, key, sealed)

    async def save(self, name: str, value: Any) -> None:
        key = f"{self._bot} {name}"
        async with self._database.begin() as tx:
            await _write(tx, secrets, [{"id": key, "value": tx.seal(secrets.c.value, key, value)}])


class IdentityPins:
    """The master key first seen of each person (trust on first use)."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def pinned(self, user_id: str) -> str | None:
        async with self._database.read() as tx:
            query = select(identities.c.master_key).where(identities.c.user_id == user_id)
            return (await tx.conn.execute(query)).scalar()

    async def pin(self, user_id: str, master_key: str) -> None:
        async with self._database.begin() as tx:
            await _write(tx, identities, [{"user_id": user_id, "master_key": master_key}])


# The room index ----------------------------------------------------------------------------------


@dataclass
class RoomRow:
    """One room as one bot knows it."""

    bot: str
    room_id: str
    membership: str = "leave"
    encrypted: bool = False
    version: str = "1"
    joined: int | None = None
    invited: int | None = None
    members_known: bool = False
    shape: RoomShape = field(default_factory=RoomShape)
    last_event: str | None = None
    unsaved: int = 0  # syncs since the row was written


async def room(tx: Tx, bot: str, room_id: str) -> RoomRow | None:
    """A room of the index."""
    row = (await tx.conn.execute(_ROOM, {"of": bot, "room": room_id})).first()
    return None if row is None else _opened(row)


def _opened(row: Any) -> RoomRow:
    shape = RoomShape.from_json(json.loads(row.shape))
    return RoomRow(
        row.bot, row.room_id, row.membership, row.encrypted, row.version, row.joined, row.invited,
        row.members_known, shape, row.last_event,
    )  # fmt: skip


async def all_rooms(tx: Tx, bot: str) -> dict[str, RoomRow]:
    """Every room of the index."""
    return {
        row.room_id: _opened(row) for row in await tx.conn.execute(select(rooms).where(rooms.c.bot == bot))
    }


async def keep_rooms(tx: Tx, rows: Iterable[RoomRow]) -> None:
    """Write rooms of the index."""
    values = [
        {
            "bot": row.bot,
            "room_id": row.room_id,
            "membership": row.membership,
            "encrypted": row.encrypted,
            "version": row.version,
            "joined": row.joined,
            "invited": row.invited,
            "members_known": row.members_known,
            "shape": json.dumps(row.shape.to_json(), sort_keys=True),
            "last_event": row.last_event,
        }
        for row in rows
    ]
    await _write(tx, rooms, values)


async def keep_members(tx: Tx, bot: str, room_id: str, members: Mapping[str, str]) -> None:
    """Write memberships (user → membership) of a room."""
    values = [
        {"bot": bot, "room_id": room_id, "user_id": user_id, "membership": membership}
        for user_id, membership in members.items()
    ]
    await _write(tx, room_members, values)


async def members(tx: Tx, bot: str, room_id: str) -> dict[str, str]:
    """The memberships known of a room."""
    return {row[0]: row[1] for row in await tx.conn.execute(_MEMBERS, {"of": bot, "room": room_id})}


async def forget_members(tx: Tx, bot: str, room_id: str) -> None:
    """Note that a room's members may have changed unseen: they are listed anew before the next message."""
    await tx.conn.execute(
        update(rooms).where(rooms.c.bot == bot, rooms.c.room_id == room_id).values(members_known=False)
    )


async def replace_members(tx: Tx, bot: str, room_id: str, present: Mapping[str, str]) -> None:
    """Set a room's members as the homeserver lists them."""
    await tx.conn.execute(
        delete(room_members).where(room_members.c.bot == bot, room_members.c.room_id == room_id)
    )
    await keep_members(tx, bot, room_id, present)
    await tx.conn.execute(
        update(rooms).where(rooms.c.bot == bot, rooms.c.room_id == room_id).values(members_known=True)
    )


async def name_room(tx: Tx, bot: str, name: str, room_id: str) -> None:
    """Let `dm:@user:server` or `room:NAME` stand for a room."""
    await _write(tx, room_names, [{"bot": bot, "name": name, "room_id": room_id}])


async def rename_room(tx: Tx, bot: str, old: str, new: str) -> None:
    """Let every name of a room stand for its successor after an upgrade."""
    await tx.conn.execute(
        update(room_names).where(room_names.c.bot == bot, room_names.c.room_id == old).values(room_id=new)
    )


async def named_room(tx: Tx, bot: str, name: str) -> str | None:
    """The room behind a name, or the id itself if it is one; only while what is sent there can arrive."""
    if name.startswith("!"):
        return name
    room_id: str | None = (await tx.conn.execute(_NAMED, {"of": bot, "called": name})).scalar()
    if not name.startswith("dm:"):
        known = None if room_id is None else await room(tx, bot, room_id)
        return None if known is None or known.membership == "leave" else room_id
    if room_id is not None and await _usable_direct(tx, bot, room_id, name[3:]):
        return room_id
    return await _find_direct(tx, bot, name[3:])


async def is_direct_chat(tx: Tx, bot: str, room_id: str) -> bool:
    """Whether a room is somebody's direct chat with the bot."""
    query = select(room_names.c.name).where(room_names.c.bot == bot, room_names.c.room_id == room_id)
    query = query.where(room_names.c.name.startswith("dm:", autoescape=True))
    return (await tx.conn.execute(query.limit(1))).first() is not None


# The statements of every message are built once: building them anew cost more than running them.
_NAMED = select(room_names.c.room_id).where(
    room_names.c.bot == bindparam("of"), room_names.c.name == bindparam("called")
)
_THERE = room_members.alias("there")
_PRESENT_THERE = (
    select(func.count())
    .where(_THERE.c.bot == rooms.c.bot, _THERE.c.room_id == rooms.c.room_id, _THERE.c.membership.in_(PRESENT))
    .correlate(rooms)
    .scalar_subquery()
)
_DIRECT = (
    select(rooms.c.room_id)
    .join(room_members, and_(room_members.c.bot == rooms.c.bot, room_members.c.room_id == rooms.c.room_id))
    .where(rooms.c.bot == bindparam("of"), rooms.c.membership == "join", rooms.c.encrypted.is_(True))
    .where(room_members.c.user_id == bindparam("user"), room_members.c.membership.in_(PRESENT))
    .where(rooms.c.joined + rooms.c.invited <= 2)
)
_USABLE_DIRECT = _DIRECT.where(rooms.c.room_id == bindparam("room"))
# A homeserver that joins another's room counts us alone at first, and says no more of it until somebody
# comes or goes: only what was listed, or counts us both, is known to be nobody else's.
_FIND_DIRECT = (
    _DIRECT.where(room_members.c.membership == "join")
    .where(
        or_(
            and_(rooms.c.members_known, _PRESENT_THERE <= 2),
            and_(rooms.c.members_known.is_(False), rooms.c.joined + rooms.c.invited == 2),
        )
    )
    .order_by(rooms.c.room_id)
    .limit(1)
)


async def _usable_direct(tx: Tx, bot: str, room_id: str, user_id: str) -> bool:
    values = {"of": bot, "user": user_id, "room": room_id}
    return (await tx.conn.execute(_USABLE_DIRECT, values)).first() is not None


async def _find_direct(tx: Tx, bot: str, user_id: str) -> str | None:
    """A chat that somebody else made: the person must be in it, else anybody could lead messages astray."""
    found: str | None = (await tx.conn.execute(_FIND_DIRECT, {"of": bot, "user": user_id})).scalar()
    return found


async def perhaps_direct(tx: Tx, bot: str, user_id: str) -> list[str]:
    """Rooms that somebody made, in which we seem to be alone because nobody has told us who is there."""
    query = select(rooms).where(
        rooms.c.bot == bot, rooms.c.membership == "join", rooms.c.encrypted.is_(True),
        rooms.c.members_known.is_(False), rooms.c.joined + rooms.c.invited < 2,
        rooms.c.shape.contains(user_id, autoescape=True),
    )  # fmt: skip
    found = [_opened(row) for row in await tx.conn.execute(query.order_by(rooms.c.room_id))]
    return [row.room_id for row in found if user_id in row.shape.creators]


# Events that could not be read yet ---------------------------------------------------------------


async def keep_unread(
    tx: Tx, bot: str, room_id: str, session_id: str, event: Mapping[str, Any], give_up_at: datetime
) -> None:
    """Set an event aside until its key comes."""
    event_id = str(event["event_id"])
    make_insert = sqlite.insert if tx.conn.dialect.name == "sqlite" else postgresql.insert
    await tx.conn.execute(
        make_insert(unread_events)
        .values(
            event_id=event_id,
            bot=bot,
            room_id=room_id,
            session_id=session_id[:255],
            event=tx.seal(unread_events.c.event, event_id, dict(event)),
            give_up_at=give_up_at,
        )
        .on_conflict_do_nothing()
    )


@dataclass(frozen=True)
class UnreadEvent:
    """An event waiting for its key."""

    room_id: str
    session_id: str
    event: dict[str, Any]
    give_up_at: datetime


async def unread(tx: Tx, bot: str) -> list[UnreadEvent]:
    """The events waiting for a key, oldest first."""
    query = select(unread_events).where(unread_events.c.bot == bot).order_by(unread_events.c.give_up_at)
    return [
        UnreadEvent(
            row.room_id,
            row.session_id,
            tx.open(unread_events.c.event, row.event_id, row.event),
            row.give_up_at,
        )
        for row in await tx.conn.execute(query)
    ]


async def drop_unread(tx: Tx, event_ids: Collection[str]) -> None:
    """Forget events that have been read, or given up."""
    await tx.conn.execute(delete(unread_events).where(unread_events.c.event_id.in_(list(event_ids))))
