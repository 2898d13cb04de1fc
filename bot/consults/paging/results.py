"""What comes back of pages by second channels: outcomes, reports, silence, and answers by SMS."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

from bot.chat import store as marks
from bot.chat.desk import Desk
from bot.consults import service as consults
from bot.consults import store as records
from bot.consults.model import OPEN, Refused, State, Way
from bot.consults.paging import rules, service, store, views
from bot.consults.paging.rules import Alert, Effect, Reply
from bot.consults.views import reader_of
from bot.consults.views import refused as refusal
from bot.directory.moderators import MODERATORS_ROOM
from bot.directory.roster import RosterFile
from bot.kernel import outbox
from bot.kernel.bridging import CHANNEL
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer

_ANSWER_WITHIN = timedelta(hours=48)  # of the page
_STRANGERS = timedelta(hours=6)  # between two answers to a number that nobody knows
_MISREADINGS = timedelta(minutes=10)  # between two answers to what nobody understands
_FAILURES = timedelta(days=1)  # between two words to the moderators of one person's channel
_USELESS = timedelta(minutes=15)  # an answer by SMS that could not be sent by then is not sent any more


# ── outcomes ──


async def sent(desk: Desk, entry: InboxEntry) -> None:
    """A row has been handed over, or given up."""
    error = entry.payload.get("error")
    if error is None:
        await _happened(desk, str(entry.payload["out"]), rules.taken)
    else:
        await _happened(desk, str(entry.payload["out"]), lambda a, i: rules.failed(a, i, str(error)))


async def reported(desk: Desk, entry: InboxEntry) -> None:
    """A bridge's peer has said what became of a message; of an answer by SMS nobody wants to know."""
    stage, reason = str(entry.payload["stage"]), str(entry.payload.get("reason") or "failed")
    if stage in ("delivered", "taken"):
        await _happened(desk, str(entry.payload["out"]), rules.delivered)
    elif stage == "failed":
        await _happened(desk, str(entry.payload["out"]), lambda a, i: rules.failed(a, i, reason))
    else:
        await _happened(desk, str(entry.payload["out"]), rules.taken)


async def overdue(desk: Desk, timer: Timer) -> None:
    """There is no report in time."""
    consult, _, number = timer.key.rpartition(" ")
    found = await store.load(desk.tx, consult, int(number))
    record = await records.look(desk.tx, consult)
    if found is not None and record is not None:
        await service.go_on(desk, record, found, rules.overdue(found, int(timer.facts["step"])))


async def _happened(
    desk: Desk, out: str, decide: Callable[[Alert, int], tuple[Alert, tuple[Effect, ...]]]
) -> None:
    found = await store.find_sent(desk.tx, out)
    if found is None:
        return
    alert, index = found
    record = await records.look(desk.tx, alert.consult)
    if record is None:
        return
    decided = decide(alert, index)
    await service.go_on(desk, record, alert, decided)
    now = decided[0].tries[index]
    if now.step is rules.Step.FAILED and now != alert.tries[index]:
        await _tell_of_failure(desk, alert.user, now)


async def _tell_of_failure(desk: Desk, user: str, failed: rules.Try) -> None:
    """The moderators hear once a day that somebody cannot be reached by a channel: a number may be wrong."""
    if not desk.house.settings.moderators:
        return
    if await marks.once(desk.tx, "paging", "failed", failed.channel, user, keep=_FAILURES):
        at = reader_of(desk, desk.house_translator())
        await desk.send(MODERATORS_ROOM, views.failed(at, user, failed))


async def told(desk: Desk, entry: InboxEntry) -> None:
    """The consult hears that a page has arrived by a second channel, or by none."""
    error = entry.payload.get("error")
    await consults.page_reported(
        desk,
        str(entry.payload["consult"]),
        int(entry.payload["number"]),
        Way.CHANNELS,
        None if error is None else str(error),
    )


async def bridge_state(desk: Desk, entry: InboxEntry) -> None:
    """The moderators hear that a bridge's peer is left alone, or answers again."""
    if desk.house.settings.moderators:
        message = views.bridge_state(
            desk.house_translator(),
            str(entry.payload["bridge"]),
            str(entry.payload.get("reason") or ""),
            is_open=bool(entry.payload["open"]),
        )
        await desk.send(MODERATORS_ROOM, message)


# ── answers by SMS ──


async def received(desk: Desk, entry: InboxEntry) -> None:
    """Somebody has written back: what they mean is done as if they had typed it, or nothing is."""
    bridge, address = str(entry.payload["bridge"]), str(entry.payload["address"])
    clinicians = desk.house.part(RosterFile).current.clinicians.values()
    user = rules.owner(address, [(one.user_id, one.address(bridge)) for one in clinicians])
    if user is None:
        desk.tx.audit("system", "paging.stranger", bridge)
        if await _once(desk, "stranger", bridge, address, _STRANGERS):
            await _write(desk, bridge, address, views.stranger(desk.house_translator()), entry.id)
        return
    t = await desk.translator(user)
    reply = rules.read_reply(str(entry.payload["text"]))
    if reply is None:
        text = views.not_understood(t)
    else:
        waiting = await _waiting(desk, user)
        known = await store.consults_of(desk.tx, user, _ANSWER_WITHIN)
        if (reply.consult not in known) if reply.consult is not None else not waiting:
            text = views.nothing_waits(t)
        elif reply.consult is None and len(waiting) > 1:
            text = views.which(t, waiting)
        else:
            done = await _answer(desk, user, reply, reply.consult or waiting[0])
            await _write(desk, bridge, address, done, entry.id)
            return
    if await _once(desk, "misread", bridge, address, _MISREADINGS):
        await _write(desk, bridge, address, text, entry.id)


async def _waiting(desk: Desk, user: str) -> list[str]:
    """The consults of which a page by a second channel waits for somebody's answer."""
    found = []
    for consult in await store.consults_of(desk.tx, user, _ANSWER_WITHIN):
        record = await records.look(desk.tx, consult)
        if record is None or record.consult.state not in (State.REQUESTED, State.UNSTAFFED):
            continue
        page = record.consult.last_page(user)
        if page is not None and page.outcome in OPEN:
            found.append(consult)
    return found


async def _answer(desk: Desk, user: str, reply: Reply, consult: str) -> str:
    """Accept or decline; returns what to write back."""
    t = await desk.translator(user)
    desk.tx.audit(user, "consult.reply-channel", consult, accepts=reply.accepts)
    if reply.accepts:
        done = await consults.accept_for(desk, consult, user)
    else:
        done = await consults.decline_for(desk, consult, user)
    if done is None:
        return views.nothing_waits(t)
    if isinstance(done, Refused):
        record = await records.look(desk.tx, consult)
        return (
            views.nothing_waits(t)
            if record is None
            else views.not_done(refusal(reader_of(desk, t), record, done.reason))
        )
    return views.accepted(t, consult) if reply.accepts else views.declined(t, consult)


async def _once(desk: Desk, what: str, bridge: str, address: str, keep: timedelta) -> bool:
    digest = hashlib.sha256(f"{bridge} {address}".encode()).hexdigest()
    return await marks.once(desk.tx, "paging", what, digest, keep=keep)


async def _write(desk: Desk, bridge: str, address: str, text: str, entry_id: str) -> None:
    """Write back to a number."""
    body = {"address": address, "text": text, "until": (desk.now + _USELESS).isoformat()}
    room = f"to:answer {entry_id}"
    await outbox.put(desk.tx, Outgoing(desk.bot, room, "deliver", body, channel=CHANNEL + bridge))


async def purge(desk: Desk) -> None:
    """Forget what is old, once a day."""
    await store.purge(desk.tx)
