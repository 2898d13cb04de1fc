"""The files of a consult in its room: posted there by address and key, never uploaded again."""

from __future__ import annotations

from dataclasses import replace

from bot.chat.desk import Desk
from bot.chat.message import Message, content_of
from bot.chat.rich import verbatim
from bot.consults import store
from bot.consults.model import Room
from bot.consults.request import Attached
from bot.consults.store import Record
from bot.kernel import outbox
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing

POSTED = "consults.attachment"


async def post(desk: Desk, record: Record, *, again: bool = False) -> None:
    """Post what is not in the room yet; nothing while the room is not there, or not encrypted.

    `again`: post all of it, for somebody who comes later and cannot read what was said before.
    """
    request = await store.request(desk.tx, record.id)
    if record.consult.room is not Room.READY or all(one.posted and not again for one in request.attachments):
        return
    facts = await desk.house.rooms.facts(desk.tx, record.bot, record.room)
    if facts is not None and not facts.encrypted:
        return
    shown = [
        replace(one, posted=(*one.posted, await _post(desk, record, one))) if again or not one.posted else one
        for one in request.attachments
    ]
    await store.keep_request(desk.tx, record.id, replace(request, attachments=tuple(shown)))


async def take_back(desk: Desk, record: Record, file: Attached) -> None:
    """Take a file's copies out of the consult's room; one that is on its way goes as soon as it is there."""
    for out in file.posted:
        event_id = await outbox.event_of(desk.tx, out)
        if event_id is not None:
            await _redact(desk, record, event_id)


async def posted(desk: Desk, entry: InboxEntry) -> None:
    """A copy is in the room: if it was taken away meanwhile, so is the copy."""
    event_id = entry.payload.get("event_id")
    record = await store.look(desk.tx, str(entry.payload["ref"]))
    if event_id is None or record is None:
        return
    request = await store.request(desk.tx, record.id)
    if all(entry.payload["out"] not in one.posted for one in request.attachments):
        await _redact(desk, record, str(event_id))


async def _redact(desk: Desk, record: Record, event_id: str) -> None:
    body = {"event_id": event_id}
    await outbox.put(desk.tx, Outgoing(record.bot, record.room, "redact", body))


async def _post(desk: Desk, record: Record, file: Attached) -> str:
    shown = Message("consult.attachment", verbatim(str(file.content["body"])), id=record.id)
    ours, *_rest = content_of(shown)
    content = {**file.content, "org.curbside": ours["org.curbside"]}
    body = {"type": "m.room.message", "content": content}
    out = Outgoing(record.bot, record.room, "send", body, topic=POSTED, ref=record.id)
    return await outbox.put(desk.tx, out)
