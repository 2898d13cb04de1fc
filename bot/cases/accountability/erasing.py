"""Erasing what leads from a case to its author: by the clock, by its author, or with everything of theirs."""

from __future__ import annotations

from bot.cases import store as cases
from bot.cases.accountability import store
from bot.cases.accountability.service import ERASE_TIMER
from bot.cases.model import Event
from bot.cases.rules import UNSENT, Who
from bot.chat.desk import Context, Desk
from bot.kernel import outbox, timers
from bot.kernel.timers import Timer


async def unlink(desk: Desk, case_id: str, *, noted: bool = True) -> None:
    """Erase what leads from a case to its author, buttons in their chat included; no error if nothing does.

    `noted` False leaves no line in the audit trail, where others of the same moment name the person.
    """
    author = await cases.author(desk.tx, case_id)
    case = await cases.case(desk.tx, case_id)
    if author is None or case is None:
        return
    await _forget_chat(desk, author, [name for name in (case.id, case.handle) if name])
    await store.unlink(desk.tx, case_id)
    await timers.cancel(desk.tx, ERASE_TIMER, case_id)
    if noted:
        desk.tx.audit("system", "case.unlinked", case_id)


async def all_of(ctx: Context) -> int:
    """Erase each link to the person who asks, and discard their drafts; returns how many cases that were."""
    author_key = cases.author_key(ctx.tx.keys, ctx.sender)
    found = await store.linked(ctx.tx, author_key)
    for case_id, state, _handle in found:
        case = await cases.locked(ctx.tx, case_id)
        await unlink(ctx, case_id, noted=False)
        if case is not None and state in UNSENT:
            await cases.move(ctx.tx, case, Event.DISCARD, Who.AUTHOR)
    await store.forget_target(ctx.tx, store.target(ctx.tx.keys, author_key))
    return len(found)


async def due(desk: Desk, timer: Timer) -> None:
    """So long after its end a case's author is forgotten."""
    await unlink(desk, timer.key)


async def daily(desk: Desk) -> None:
    """Forget sanctions of long ago."""
    await store.forget_sanctions(desk.tx)


async def _forget_chat(desk: Desk, author: str, names: list[str]) -> None:
    """What was sent to an author stays in the outbox for a time, without its words, but with its buttons."""
    rooms = {f"dm:{author}"}
    for bot in desk.house.bot_users:
        facts = await desk.house.rooms.facts(desk.tx, bot, f"dm:{author}")
        if facts is not None:
            rooms.add(facts.room_id)
    await outbox.forget_named(desk.tx, rooms, names)
