"""Reports: a 🚩 under a message, or the client's own report, becomes one message to the moderators."""

from __future__ import annotations

from datetime import timedelta

from bot.chat import store as chat_store
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.kernel import outbox
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.rooms import store as rooms
from bot.rooms.moderation import notices, rules, service, store, views
from bot.rooms.moderation.arrivals import store as comings
from bot.rooms.moderation.model import EVERYWHERE, Kind, Plan, Report
from bot.rooms.moderation.people import in_house, reader_of, tell, to_moderators
from bot.rooms.moderation.places import first_bot

FLAG = "🚩"
TOPIC = "moderation.report"
CHOICES = ("redact", "mute", "warn", "ban", "fine")
_KINDS = {"redact": Kind.REDACT, "mute": Kind.MUTE, "warn": Kind.WARN, "ban": Kind.BAN}
_REMEMBERED = timedelta(days=30)


async def reported(desk: Desk, entry: InboxEntry) -> None:
    """The client's own report: payload {"room_id", "event_id", "reporter"}, "sender" where it is known."""
    payload = entry.payload
    room_id, event_id = str(payload.get("room_id")), str(payload.get("event_id"))
    sender = payload.get("sender")
    await take(
        desk,
        room_id,
        event_id,
        str(payload.get("reporter")),
        sender=sender if isinstance(sender, str) else None,
    )


async def flagged(ctx: Context, event_id: str) -> None:
    """A 🚩 under a message; the reaction itself is taken away, so that nobody sees who reported."""
    flag = {"event_id": ctx.said.event_id, "reason": ""}
    await outbox.put(ctx.tx, Outgoing(first_bot(ctx), ctx.room.room_id, "redact", flag))
    await take(ctx, ctx.room.room_id, event_id, ctx.sender)


async def take(desk: Desk, room_id: str, event_id: str, reporter: str, *, sender: str | None = None) -> None:
    """Show a report to the moderators, once per message; further ones are counted there."""
    known = await store.sender_of(desk.tx, event_id)
    who = known[1] if known is not None else sender
    key = await rooms.key_of(desk.tx, room_id)
    if who is None or key is None or (known is not None and known[0] != room_id):
        return
    if reporter == who or who in desk.house.bot_users.values():
        return
    if not await _may_report(desk, reporter):
        if await chat_store.once(desk.tx, "report refused", reporter, keep=timedelta(hours=1)):
            await _thank(desk, reporter, "limited")
        return
    report = await store.report_of(desk.tx, event_id) or await store.add_report(
        desk.tx, event_id, room_id, who
    )
    if not await store.add_reporter(desk.tx, report.id, reporter):
        return
    desk.tx.audit(reporter, "moderation.report", report.id, room=key)
    if report.settled_by is not None:
        await _thank(desk, reporter, "fine" if report.verdict == "fine" else "acted")
        return
    await _show(desk, report, key)
    storm = await comings.storm(desk.tx, room_id)
    if storm is None or not storm.on:
        await _thank(desk, reporter, "thanks")


async def _may_report(desk: Desk, reporter: str) -> bool:
    limit = desk.house.settings.moderation.reports_per_hour
    lately, _verdicts = await store.reported_by(desk.tx, reporter, desk.now - timedelta(hours=1))
    _number, verdicts = await store.reported_by(desk.tx, reporter, desk.now - _REMEMBERED)
    return rules.may_report(lately, verdicts, limit)


async def _show(desk: Desk, report: Report, key: str) -> None:
    now = await store.report(desk.tx, report.id)
    if now is None:
        return
    message = notices.report(in_house(desk), now, key, desk.house.settings.moderation.mute)
    out = await to_moderators(desk, message, edits=now.out)
    if now.out is None:
        await store.show_report(desk.tx, now.id, out)


async def _thank(desk: Desk, reporter: str, what: str) -> None:
    await tell(desk, reporter, notices.to_reporter(await reader_of(desk, reporter), what))


async def settle(ctx: Context, report_id: str, verdict: str) -> Message | None:
    """Do what a moderator tapped; the first one wins. Returns what to answer them, if anything."""
    report = await store.report(ctx.tx, report_id)
    if report is None or verdict not in CHOICES:
        return views.refused(in_house(ctx), "gone")
    if report.settled_by is not None:
        return views.refused(in_house(ctx), "settled")
    key = await rooms.key_of(ctx.tx, report.room_id) or EVERYWHERE
    plan = _plan(ctx, report, key, verdict)
    if plan is not None:
        code = await service.refusal(ctx, plan, ctx.sender)
        if code is not None:
            return views.refused(in_house(ctx), code)
    if not await store.settle_report(ctx.tx, report.id, ctx.sender, verdict, None):
        return views.refused(in_house(ctx), "settled")
    action = None if plan is None else await service.carry_out(ctx, plan, ctx.sender)
    ctx.tx.audit(
        ctx.sender, "moderation.settled", report.id, verdict=verdict, id=action.id if action else None
    )
    if report.out is not None:
        message = notices.settled_report(in_house(ctx), report, key, ctx.sender, verdict)
        await to_moderators(ctx, message, edits=report.out)
    if action is not None:
        await service.announce(ctx, action)
    for reporter in await store.reporters(ctx.tx, report.id):
        await _thank(ctx, reporter, "fine" if verdict == "fine" else "acted")
    return None


def _plan(desk: Desk, report: Report, key: str, verdict: str) -> Plan | None:
    kind = _KINDS.get(verdict)
    if kind is None:
        return None
    length = desk.house.settings.moderation.mute if kind is Kind.MUTE else None
    events = (report.event_id,) if kind is Kind.REDACT else ()
    return Plan(kind, report.who, key, length, count=len(events), events=events)
