"""The bare nio echo bot that Curbside is measured against: no journal, no database, no conscience."""

import asyncio
import sys

from nio import AsyncClient, AsyncClientConfig, InviteMemberEvent, MatrixRoom, RoomMessageText


async def main(homeserver: str, user_id: str, password: str, store: str, encrypted: bool) -> None:
    client = AsyncClient(
        homeserver, user_id, store_path=store, config=AsyncClientConfig(encryption_enabled=encrypted)
    )

    async def join(room: MatrixRoom, _event: InviteMemberEvent) -> None:
        await client.join(room.room_id)

    async def answer(room: MatrixRoom, event: RoomMessageText) -> None:
        if event.sender != user_id and event.body.startswith("!ping"):
            # In a task of its own, as the fastest of the bare bots do: rooms do not wait for each other.
            tasks.add(task := asyncio.create_task(send(room, event)))
            task.add_done_callback(tasks.discard)

    async def send(room: MatrixRoom, event: RoomMessageText) -> None:
        content = {"msgtype": "m.notice", "body": event.body.replace("!ping", "pong", 1)}
        await client.room_send(room.room_id, "m.room.message", content, ignore_unverified_devices=True)

    tasks: set[asyncio.Task[None]] = set()
    client.add_event_callback(join, InviteMemberEvent)
    client.add_event_callback(answer, RoomMessageText)
    await client.login(password)
    await client.sync_forever(timeout=30_000, full_state=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:5], encrypted=sys.argv[5] == "encrypted"))
