"""The tutorial's package at work, run in a process of its own that has it on its path.

Prints one JSON object of what happened; `test_tutorial.py` reads it.
"""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import inspect, select

from bot import settings as settings_module
from bot.app import capabilities, make_house, open_database
from bot.chat.desk import Desk
from bot.chat.dispatch import Dispatcher
from bot.chat.store import set_preference
from bot.cli.common import outside_migrations
from bot.directory.roster import RosterFile
from bot.kernel import inbox, migrate, outbox, timers
from bot.kernel.clock import ManualClock
from bot.kernel.db import Database, Tx
from bot.kernel.engine import Engine
from bot.kernel.inbox import InboxEntry
from bot.kernel.timers import Timer
from bot.matrix import store as matrix_store

ANNA, ROOM, OTHER_ROOM, PLAIN_ROOM = (
    "@anna:ward.example",
    "!ward:ward.example",
    "!other:ward.example",
    "!plain:ward.example",
)
CLOCK = ManualClock(datetime(2026, 3, 2, 8, 0, tzinfo=UTC))


class Ward:
    """A house without a homeserver: what would come by sync is put into the inbox by hand."""

    def __init__(self, config: Path, database: Database) -> None:
        settings = settings_module.load(config)
        self.known = capabilities()
        self.database = database
        self.house = make_house(settings, self.known, RosterFile(settings.path(settings.roster)))
        self.dispatcher = Dispatcher(self.house, self.known)
        self.handlers = {kind: run for one in self.known for kind, run in one.timers.items()}
        self.engine = Engine(
            database, on_entry=self.dispatcher.handle, on_timer=self._on_timer, gave_up=self._gave_up
        )
        self.events = 0

    async def _on_timer(self, tx: Tx, timer: Timer) -> None:
        await self.handlers[timer.kind](Desk(self.house, tx, str(timer.facts["bot"])), timer)

    async def _gave_up(self, _tx: Tx, entry: InboxEntry) -> None:
        raise AssertionError(f"{entry.topic} was given up")

    async def open_room(self, room_id: str, *, encrypted: bool = True) -> None:
        async with self.database.begin() as tx:
            row = matrix_store.RoomRow(
                "curbside", room_id, membership="join", encrypted=encrypted, joined=3, members_known=True
            )
            await matrix_store.keep_rooms(tx, [row])
            members = dict.fromkeys((ANNA, "@bo:ward.example", "@curbside:ward.example"), "join")
            await matrix_store.keep_members(tx, "curbside", room_id, members)

    async def say(self, text: str, room_id: str = ROOM) -> list[dict[str, Any]]:
        """Anna writes; what the bot answers."""
        return await self._hear("m.room.message", {"msgtype": "m.text", "body": text}, room_id)

    async def react(self, event_id: str, emoji: str, room_id: str = ROOM) -> list[dict[str, Any]]:
        """Anna presses a button; what the bot answers."""
        relation = {"rel_type": "m.annotation", "event_id": event_id, "key": emoji}
        return await self._hear("m.reaction", {"m.relates_to": relation}, room_id)

    async def _hear(self, kind: str, content: dict[str, Any], room_id: str) -> list[dict[str, Any]]:
        self.events += 1
        event_id = f"$anna{self.events}"
        event = {
            "type": kind,
            "event_id": event_id,
            "sender": ANNA,
            "origin_server_ts": int(CLOCK.now().timestamp() * 1000),
            "content": content,
        }
        payload = {"room_id": room_id, "event": event, "encrypted": True, "decrypted": True}
        async with self.database.begin() as tx:
            lane = f"curbside {room_id}"
            await inbox.put(tx, inbox.Incoming("curbside", "matrix.event", event_id, lane, payload))
        assert await self.engine.handle_one()
        return await self.sent()

    async def wait(self, minutes: int) -> list[dict[str, Any]]:
        """Time passes; what the bot sends of its own accord."""
        CLOCK.advance(timedelta(minutes=minutes))
        while await self.engine.fire_one():
            pass
        return await self.sent()

    async def sent(self) -> list[dict[str, Any]]:
        """What waits in the outbox, taken as delivered; buttons' own reactions are left out."""
        found = []
        rows = outbox.outbox_rows
        async with self.database.begin() as tx:
            for row in (
                await tx.conn.execute(select(rows).where(rows.c.state == "pending").order_by(rows.c.id))
            ).all():
                event_id = f"${row.id}"
                body = tx.open(rows.c.body, row.id, row.body)
                if body.get("type") == "m.room.message":
                    content = body["content"]
                    found.append(
                        {
                            "event_id": event_id,
                            "room": row.room,
                            "body": content["body"],
                            "kind": content["org.curbside"]["kind"],
                            "loud": content["msgtype"] == "m.text",
                        }
                    )
                await outbox.mark_sent(tx, row.id, event_id=event_id, room_id=row.room)
        return found


async def tables(database: Database) -> list[str]:
    async with database.read() as tx:
        return await tx.conn.run_sync(lambda connection: inspect(connection).get_table_names())


async def story(config: Path) -> dict[str, Any]:
    told: dict[str, Any] = {}
    database = open_database(settings_module.load(config), CLOCK)
    folders = outside_migrations()
    try:
        told["upgraded"] = await migrate.upgrade(database, folders=folders)
        told["tables up"] = await tables(database)
        await migrate.downgrade(database, "wardjobs@base", folders)
        told["tables down"] = await tables(database)
        await migrate.upgrade(database, folders=folders)
        told["up to date"] = (await migrate.status(database, folders)).up_to_date

        ward = Ward(config, database)
        told["capabilities"] = [one.name for one in ward.known]
        for room_id in (ROOM, OTHER_ROOM):
            await ward.open_room(room_id)
        await ward.open_room(PLAIN_ROOM, encrypted=False)
        told["refused"] = await ward.say("!job 30 bloods for bay 3", PLAIN_ROOM)
        told["kept"] = await ward.say("!job 30 bloods for bay 3")
        told["asked"] = await ward.say("!job")
        told["answered"] = await ward.say("!job 45 family meeting")
        told["another room"] = await ward.say("!jobs", OTHER_ROOM)
        told["at rest"] = await at_rest(database)
        told["due"] = await ward.wait(30)
        told["again"] = await ward.wait(15)
        told["pressed"] = await ward.react(told["due"][0]["event_id"], "✅")
        told["twice"] = await ward.say(f"!tick {told['due'][0]['body'].split()[1]}")
        told["rest"] = [await ward.wait(15), await ward.wait(15), await ward.wait(600)]
        async with database.read() as tx:
            told["timers left"] = await timers.count_overdue(tx)
        async with database.begin() as tx:
            await set_preference(tx, ANNA, language="de")
        told["german"] = await ward.say("!tick J-0000")
    finally:
        await database.close()
    return told


async def at_rest(database: Database) -> str:
    """The jobs' rows as they lie in the database."""
    from wardjobs.store import jobs  # installed by the test

    async with database.read() as tx:
        return repr([tuple(row) for row in await tx.conn.execute(select(jobs))])


if __name__ == "__main__":
    json.dump(asyncio.run(story(Path(sys.argv[1]))), sys.stdout)
