"""Sending pages by second channels: whoever carries out a consult's page calls `alert`, at its end `stop`.

Knows nothing of the use cases of consults, which call it: what comes of it is told by `results`.
"""

from __future__ import annotations

from dataclasses import replace

from bot.chat.desk import Desk
from bot.consults import store as records
from bot.consults.paging import rules, store, views
from bot.consults.paging.rules import Alert, Effect, Exhausted, Reached, Send, Step, Try, Withdraw
from bot.consults.store import Record
from bot.consults.views import reader_of
from bot.directory.roster import RosterFile
from bot.kernel import bridging, inbox, outbox, timers
from bot.kernel.bridging import CHANNEL
from bot.kernel.inbox import Incoming
from bot.kernel.outbox import Outgoing

SENT = "paging.sent"  # what became of a row
OUTCOME = "paging.outcome"  # {consult, number, error}
REPORT_TIMER = "paging.report"
_MOST_SHOWN = 6  # pages of a consult, in the message to its requester
_ANSWERABLE = frozenset({"sms"})


async def alert(desk: Desk, record: Record, number: int, user: str, channels: tuple[str, ...]) -> None:
    """Page somebody by the first of these channels on which they can be reached, once for each page."""
    if await store.load(desk.tx, record.id, number) is not None:
        return
    clinician = desk.house.part(RosterFile).current.clinicians.get(user)
    tries = []
    for channel in dict.fromkeys(channels):
        if channel not in desk.house.settings.bridges:
            tries.append(Try(channel, Step.FAILED, "no-bridge"))
        elif clinician is None or not clinician.address(channel):
            tries.append(Try(channel, Step.FAILED, "no-address"))
        else:
            tries.append(Try(channel))
    begun, effects = rules.begin(Alert(record.id, number, user, tuple(tries)))
    await store.add(desk.tx, begun, record.bot)
    await _carry_out(desk, record, begun, effects)


async def stop(desk: Desk, consult: str, number: int) -> None:
    """Send nothing more for a page that is answered or not wanted any more."""
    found = await store.load(desk.tx, consult, number)
    if found is None or found.stopped:
        return
    changed, effects = rules.stop(found)
    await timers.cancel(desk.tx, REPORT_TIMER, store.key(consult, number))
    for effect in effects:
        if isinstance(effect, Withdraw):
            changed = await _withdraw(desk, changed, effect.index)
    await store.save(desk.tx, changed)
    record = await records.look(desk.tx, consult)
    if record is not None:
        await _show(desk, record)


async def go_on(desk: Desk, record: Record, before: Alert, decided: tuple[Alert, tuple[Effect, ...]]) -> None:
    """Keep what the rules decided on a known alert, and carry it out."""
    changed, effects = decided
    if changed != before:
        await store.save(desk.tx, changed)
    if changed != before or effects:
        await _carry_out(desk, record, changed, effects)


async def _carry_out(desk: Desk, record: Record, alert: Alert, effects: tuple[Effect, ...]) -> None:
    for effect in effects:
        match effect:
            case Send(index=index):
                alert = await _send(desk, record, alert, index)
            case Withdraw(index=index):
                alert = await _withdraw(desk, alert, index)
            case Reached():
                await timers.cancel(desk.tx, REPORT_TIMER, store.key(alert.consult, alert.number))
                await _tell(desk, record, alert, None)
            case Exhausted(reason=reason):
                await _tell(desk, record, alert, reason)
    await store.save(desk.tx, alert)
    await _show(desk, record)


async def _send(desk: Desk, record: Record, alert: Alert, index: int) -> Alert:
    channel = alert.tries[index].channel
    roster, paging = desk.house.part(RosterFile).current, desk.house.settings.paging
    clinician = roster.clinicians.get(alert.user)
    address = clinician.address(channel) if clinician is not None else ""
    t = await desk.translator(alert.user)
    service = roster.service_name(record.consult.service, t.language)
    text = views.page(t, record, service, answerable=channel in _ANSWERABLE)
    body = {"address": address, "text": text, "until": (desk.now + paging.useful).isoformat()}
    # A lane of its own: a page must not wait behind another that is repeated.
    room = f"to:{alert.user} {alert.consult} {alert.number}"[:255]
    ref = store.key(alert.consult, alert.number)
    out = await outbox.put(
        desk.tx, Outgoing(record.bot, room, "page", body, topic=SENT, ref=ref, channel=CHANNEL + channel)
    )
    tries = (*alert.tries[:index], replace(alert.tries[index], out=out), *alert.tries[index + 1 :])
    alert = replace(alert, tries=tries)
    await store.note_sent(desk.tx, out, alert, index)
    await timers.set_timer(desk.tx, REPORT_TIMER, ref, desk.now + paging.report, step=index, bot=record.bot)
    desk.tx.audit(record.bot, "consult.page-channel", record.id, number=alert.number, channel=channel)
    return alert


async def _withdraw(desk: Desk, alert: Alert, index: int) -> Alert:
    """Take a row back, unless it may have left."""
    out = alert.tries[index].out
    if not out or await bridging.open_attempt(desk.tx, out) is not None:
        return alert
    return rules.withdrawn(alert, index) if await outbox.withdraw(desk.tx, out) else alert


async def _tell(desk: Desk, record: Record, alert: Alert, error: str | None) -> None:
    """The consult hears of it as an entry: it may be at work on itself just now."""
    payload = {"consult": alert.consult, "number": alert.number, "error": error}
    source = f"{store.key(alert.consult, alert.number)} {'failed' if error else 'delivered'}"
    lane = f"{record.bot} consult {record.id}"
    await inbox.put(desk.tx, Incoming(record.bot, OUTCOME, source, lane, payload))


async def _show(desk: Desk, record: Record) -> None:
    """One message in the requester's thread, edited as things go on; none to another hospital."""
    if record.hospital is not None:
        return
    alerts = await store.of_consult(desk.tx, record.id, _MOST_SHOWN)
    if not any(one.step is not Step.NEXT and one.reason != "no-address" for a in alerts for one in a.tries):
        return
    requester = record.consult.requester
    own = requester.partition(":")[2] == desk.house.settings.server_name
    at = reader_of(desk, await desk.translator(requester))
    message = views.channels(at, record, alerts, named=own)
    shown = await store.shown(desk.tx, record.id)
    desk = desk if desk.bot == record.bot else Desk(desk.house, desk.tx, record.bot)
    out = await desk.send(record.origin, message, thread=record.thread, edits=shown)
    if shown is None:
        await store.note_shown(desk.tx, record.id, out)
