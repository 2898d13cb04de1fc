"""Pages that waited for each other, or for the end of somebody's quiet hours, go out together."""

from __future__ import annotations

from bot.chat.desk import Desk
from bot.consults import duty, model, steps, store, views
from bot.consults.bundles import store as bundles
from bot.consults.carrier import Carrier
from bot.consults.model import Asked
from bot.consults.paging import service as paging
from bot.consults.store import Record
from bot.kernel.timers import Timer


async def bundle_due(desk: Desk, timer: Timer) -> None:
    """Send what waits for one person: one message that rings, and a page each, which do not.

    A single one rings itself. Whoever is on duty no longer is not paged: whoever is on is asked instead.
    """
    user = str(timer.facts["user"])
    found = await bundles.waiting(desk.tx, user, desk.now)
    ready: list[tuple[Record, Asked]] = []
    for consult_id, number in sorted(found):
        record = await store.load(desk.tx, consult_id)
        page = record.consult.page(number) if record is not None else None
        if record is None or page is None or page not in record.consult.current:
            continue
        if await duty.still_meant(desk, record.consult, page):
            ready.append((record, page))
        else:
            await steps.happen(desk, record, model.OffDuty(user), actor=record.bot)
    if len(ready) > 1:
        at = views.reader_of(desk, await desk.translator(user))
        await desk.direct(user, views.bundle(at, [record for record, _page in ready], user))
    for record, page in ready:
        sent = await Carrier(desk, record).send_page(user, page.number, quiet=len(ready) > 1)
        await store.note_sent(desk.tx, record.id, page.number, sent)
        channels = record.consult.policy.tiers[page.tier].channels
        if channels:
            await paging.alert(desk, record, page.number, user, channels)
