"""One step of a consult: the rules decide, what was decided is kept and carried out, in one transaction.

Whatever happens to a consult happens here: typed, tapped, reported by a homeserver or a bridge, told by
another hospital's Curbside, or due by the clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.chat.desk import Desk
from bot.consults import duty, model, rules, store
from bot.consults.carrier import Carrier
from bot.consults.model import Consult, Event, Refused
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.words import store as words
from bot.kernel import metrics

# What the audit trail calls an event.
ACTIONS: Mapping[type[Event], str] = {
    model.PageDelivered: "page-delivered",
    model.PageFailed: "page-failed",
    model.Timeout: "timeout",
    model.OffDuty: "off-duty",
    model.Acknowledge: "acknowledge",
    model.Unacknowledge: "unacknowledge",
    model.Accept: "accept",
    model.Decline: "decline",
    model.Handoff: "handoff",
    model.AddColleague: "add",
    model.RoomReady: "room-ready",
    model.RoomFailed: "room-failed",
    model.AskInfo: "ask-info",
    model.GiveInfo: "give-info",
    model.Interim: "interim",
    model.Answer: "answer",
    model.ReadBack: "close",
    model.Edit: "edit",
    model.Reopen: "reopen",
    model.Cancel: "cancel",
    model.EnterInError: "enter-in-error",
    model.Lost: "lost",
}
_KINDS: Mapping[type[Event], str] = {  # of words that are kept, see bot.consults.words.store.Words
    model.Decline: "decline",
    model.Handoff: "handoff",
    model.AskInfo: "wanted",
    model.GiveInfo: "info",
    model.Interim: "interim",
    model.Reopen: "reopen",
    model.Cancel: "cancel",
}


async def begin(
    desk: Desk, consult: Consult, request: Request, *, origin: str, thread: str, warn: bool = False
) -> Record:
    """A new consult: keep it, and ask the first of its policy.

    `warn`: the requester is told that what they wrote in is not encrypted.
    """
    begun = rules.begin(consult, desk.now, await duty.known(desk, consult))
    record = Record(begun.consult, desk.bot, origin, thread)
    await store.add(desk.tx, record, request)
    _audit(desk, record, consult.requester, "open")
    carrier = Carrier(desk, record, warn=warn)
    await carrier.carry_out(begun.effects)
    await store.save(
        desk.tx, replace(record, consult=replace(begun.consult, asked=())), carrier.record, carrier.sent
    )
    return carrier.record


async def happen(
    desk: Desk,
    record: Record,
    event: Event,
    *,
    actor: str,
    text: str = "",
    error: str = "",
    room_id: str | None = None,
    request: Request | None = None,
) -> Record | Refused:
    """Let an event happen to a consult, loaded in this transaction.

    `text` is what its author wrote with it (a reason, an answer), `request` what is asked from now on,
    `error` the content-free reason of a failed delivery, `room_id` the room that was made.
    """
    decided = rules.decide(record.consult, event, desk.now, await duty.for_event(desk, record.consult, event))
    if isinstance(decided, Refused):
        return decided
    await _keep(desk, record, event, actor, text, request)
    changed = replace(record, consult=decided.consult, room_id=room_id or record.room_id)
    _audit(desk, changed, actor, ACTIONS[type(event)])
    desk = desk if desk.bot == record.bot else Desk(desk.house, desk.tx, record.bot)
    carrier = Carrier(desk, changed, before=record.consult, text=text, error=error)
    await carrier.carry_out(decided.effects)
    await store.save(desk.tx, record, carrier.record, carrier.sent)
    if isinstance(event, model.Accept):
        waited = desk.now - record.consult.opened_at
        metrics.acknowledge_seconds.labels(str(record.consult.urgency)).observe(waited.total_seconds())
    return carrier.record


async def tell(
    desk: Desk,
    consult_id: str,
    event: Event,
    *,
    actor: str | None = None,
    text: str = "",
    error: str = "",
    room_id: str | None = None,
    request: Request | None = None,
) -> Record | Refused | None:
    """As `happen`, of a consult by its id; None if there is none. `actor` is the bot if nobody is named."""
    record = await store.load(desk.tx, consult_id)
    if record is None:
        return None
    actor = actor or record.bot
    return await happen(
        desk, record, event, actor=actor, text=text, error=error, room_id=room_id, request=request
    )


async def _keep(
    desk: Desk, record: Record, event: Event, actor: str, text: str, request: Request | None
) -> None:
    if isinstance(event, model.Answer):
        await store.keep_answer(desk.tx, record.id, text)
    elif isinstance(event, model.ReadBack):
        await store.keep_read_back(desk.tx, record.id, text)
    elif isinstance(event, model.Edit) and request is not None:
        await store.keep_request(desk.tx, record.id, request)
    elif text and (kind := _KINDS.get(type(event))) is not None:
        await words.keep(desk.tx, record.id, kind, actor, text)


def _audit(desk: Desk, record: Record, actor: str, action: str) -> None:
    consult = record.consult
    desk.tx.audit(
        actor,
        f"consult.{action}",
        record.id,
        state=str(consult.state),
        turn=consult.turn,
        version=consult.version,
    )
