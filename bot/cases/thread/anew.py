"""The root of a case's thread: where it stands, or posted anew after its room was replaced or it hidden."""

from __future__ import annotations

from bot.cases import store as cases
from bot.cases.drafting import posting
from bot.cases.model import Case
from bot.cases.rules import PUBLIC
from bot.cases.thread import service, store, views
from bot.cases.thread.model import Standing, Stands
from bot.chat.desk import Desk
from bot.kernel.inbox import InboxEntry
from bot.rooms import store as rooms_store
from bot.rooms.admission import gate

ANEW = "case_threads.anew"


async def root(desk: Desk, case: Case) -> str:
    """The event, or the outbox row, under which something is said to a case in its room as it is now."""
    room_id = await rooms_store.room_of(desk.tx, case.room_key or "")
    for one in await store.present(desk.tx, case.id, {Stands.POST}):
        if one.room_id == room_id:
            return one.event_id
    return await again(desk, case)


async def again(desk: Desk, case: Case) -> str:
    """Post a case anew, with a link to where it stood; returns the outbox id, which stands for its event."""
    room_id = await rooms_store.room_of(desk.tx, case.room_key or "")
    before = await store.standing(desk.tx, {case.event_id} if case.event_id else set())
    link = None
    if before is not None:
        link = views.earlier(desk.house_translator(), before, desk.house.settings.server_name)
    out = await posting.put_up(desk, case, topic=ANEW, before=link)
    await store.stand(desk.tx, Standing(out, case.id, room_id or "", Stands.POST))
    desk.tx.audit("system", "case.anew", case.id)
    return out


async def stands_anew(desk: Desk, entry: InboxEntry) -> None:
    """A case posted anew is in its room, or could not be put there."""
    case = await cases.locked(desk.tx, str(entry.payload["ref"]))
    out, event_id = str(entry.payload["out"]), entry.payload.get("event_id")
    await store.gone(desk.tx, [out])
    if case is None or event_id is None:
        return
    room_id = str(entry.payload["room_id"])
    await store.stand(desk.tx, Standing(str(event_id), case.id, room_id, Stands.POST))
    before = await store.standing(desk.tx, {case.event_id} if case.event_id else set())
    await cases.change(desk.tx, case.id, event_id=str(event_id))
    if case.state not in PUBLIC:  # hidden again meanwhile
        await service.take_away(desk, case, {Stands.POST})
        return
    if before is not None and before.room_id == room_id:
        t = desk.house_translator()
        link = views.goes_on(t, case, room_id, str(event_id), desk.house.settings.server_name)
        speaker = Desk(desk.house, desk.tx, gate.first_bot(desk.house))
        await speaker.send(str(entry.payload["room"]), link, thread=before.event_id)
