"""Erasing what leads from a case to its author: by the clock, by its author, or with everything of theirs."""

from __future__ import annotations

import secrets
from datetime import timedelta

from bot.cases import store as cases
from bot.cases.accountability import store
from bot.cases.accountability.service import ERASE_TIMER
from bot.cases.model import Case, Event, State
from bot.cases.rules import UNSENT, Who
from bot.cases.thread.saying import store as saying
from bot.chat import filing
from bot.chat.desk import Context, Desk
from bot.kernel import inbox, outbox, timers
from bot.kernel.timers import Timer

_A_DAY = 24 * 60 * 60
_ORDERS = ("cases.preview", "cases.piece")  # the channels of drafting and saying


async def unlink(desk: Desk, case_id: str) -> None:
    """Erase what leads from a case to its author, in their chat included; no error if nothing does.

    There is no audit line of this moment, at which the author may have asked for it: see `note_later`.
    """
    author = await cases.author(desk.tx, case_id)
    case = await cases.case(desk.tx, case_id)
    if author is None or case is None:
        return
    await saying.forget(desk.tx, case_id)
    await _forget_chat(desk, author, case)
    await store.unlink(desk.tx, case_id)
    if case.state is State.POSTING:  # the post is in the outbox, and needs its draft no longer
        await cases.change(desk.tx, case_id, draft=None, shown=None)
    await timers.cancel(desk.tx, ERASE_TIMER, case_id)


async def note_later(desk: Desk, case_id: str) -> None:
    """Have the audit trail say that a case's author is forgotten, at some other moment within a day."""
    when = desk.now + timedelta(seconds=1 + secrets.randbelow(_A_DAY))
    await timers.set_timer(desk.tx, ERASE_TIMER, case_id, when)


async def all_of(ctx: Context) -> int:
    """Erase each link to the person who asks, and discard their drafts; returns how many cases that were."""
    author_key = cases.author_key(ctx.tx.keys, ctx.sender)
    found = await store.linked(ctx.tx, author_key)
    for case_id, state, _handle in found:
        case = await cases.locked(ctx.tx, case_id)
        await unlink(ctx, case_id)
        await note_later(ctx, case_id)
        if case is not None and state in UNSENT:
            await cases.move(ctx.tx, case, Event.DISCARD, Who.AUTHOR)
    await store.forget_target(ctx.tx, store.target(ctx.tx.keys, author_key))
    return len(found)


async def due(desk: Desk, timer: Timer) -> None:
    """So long after its end a case's author is forgotten, if that is not done already."""
    await unlink(desk, timer.key)
    desk.tx.audit("system", "case.unlinked", timer.key)


async def daily(desk: Desk) -> None:
    """Forget sanctions of long ago."""
    await store.forget_sanctions(desk.tx)


async def _forget_chat(desk: Desk, author: str, case: Case) -> None:
    """What was said in an author's chat, and what was sent to it, is kept for a time without its words.

    Erased are rows whose buttons name the case, and those of the moments at which something was done to it.
    """
    chats = await _chats(desk, author)
    moments = await store.moments(desk.tx, case.id)
    orders = await outbox.forget_orders(desk.tx, _ORDERS, moments)
    handles = [room.partition(":")[2] for room in orders]  # by which its buttons named a draft
    names = [name for name in (case.id, case.handle, *handles) if name]
    rooms = {f"dm:{author}", filing.lane_of(f"dm:{author}"), *chats}
    await outbox.forget_named(desk.tx, rooms, names)
    await outbox.forget_at(desk.tx, rooms, moments)
    lanes = [f"{bot} {room_id}" for bot in desk.house.bot_users for room_id in chats]
    await inbox.blur(desk.tx, lanes, moments)
    await inbox.empty_dead(desk.tx, lanes)


async def _chats(desk: Desk, author: str) -> set[str]:
    """The rooms in which somebody is alone with one of the bots."""
    found = set()
    for bot in desk.house.bot_users:
        for room in (f"dm:{author}", *await desk.house.rooms.rooms_of(desk.tx, bot, author)):
            facts = await desk.house.rooms.facts(desk.tx, bot, room)
            if facts is not None and facts.direct:
                found.add(facts.room_id)
    return found
