"""Where a case stands: noted once it is posted, taken away when it is hidden."""

from __future__ import annotations

from collections.abc import Collection

from bot.cases import store as cases
from bot.cases.model import Case
from bot.cases.thread import digest, following, store
from bot.cases.thread.model import Standing, Stands
from bot.chat.desk import Desk
from bot.kernel import outbox
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.rooms import store as rooms_store
from bot.rooms.admission import gate

STANDS = "case_threads.stands"


async def opened(desk: Desk, case: Case, room_id: str | None = None) -> None:
    """A case has been posted: note where, and when to ask what it was. `room_id`: its declared room's."""
    room_id = room_id or await rooms_store.room_of(desk.tx, case.room_key or "")
    if case.event_id is not None and room_id is not None:
        await store.stand(desk.tx, Standing(case.event_id, case.id, room_id, Stands.POST))
    await following.plan(desk, case)
    await digest.plan(desk)


async def stands(desk: Desk, entry: InboxEntry) -> None:
    """A file of a post is in its room; if the case was hidden meanwhile, it goes at once."""
    event_id, room_id = entry.payload.get("event_id"), entry.payload.get("room_id")
    case = await cases.locked(desk.tx, str(entry.payload["ref"]))
    if case is None or event_id is None or room_id is None:
        return
    await store.stand(desk.tx, Standing(str(event_id), case.id, str(room_id), Stands.FILE))
    if case.event_id is None or not await store.present(desk.tx, case.id, {Stands.POST}):
        await take_away(desk, case, {Stands.FILE})


async def take_away(
    desk: Desk, case: Case, what: Collection[Stands] = tuple(Stands), piece: str | None = None
) -> None:
    """Redact what stands of a case in rooms: all of it, some of it, or one piece."""
    found = [
        one for one in await store.present(desk.tx, case.id, what, piece) if one.event_id.startswith("$")
    ]
    bot = gate.first_bot(desk.house)
    await outbox.put_all(
        desk.tx,
        [Outgoing(bot, one.room_id, "redact", {"event_id": one.event_id, "reason": ""}) for one in found],
    )
    if found:
        await store.gone(desk.tx, [one.event_id for one in found])
