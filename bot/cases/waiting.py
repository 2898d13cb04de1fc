"""Drafts that grow old: erased after a day, but not while they wait for a moderator."""

from __future__ import annotations

from datetime import datetime, timedelta

from bot.cases import store
from bot.cases.drafting import posting, service, views
from bot.cases.model import Case, State
from bot.cases.rules import REVIEWED, UNSENT, keep_waiting
from bot.chat.desk import MODERATORS_ROOM, Desk
from bot.chat.message import Message
from bot.kernel import timers
from bot.kernel.timers import Timer

_AGAIN = timedelta(hours=24)  # so often all are told that a case still waits


async def due(desk: Desk, timer: Timer) -> None:
    """A draft grows old: one that waits for a moderator stays, for a time, and all hear where it stands."""
    one = await store.locked(desk.tx, timer.key)
    if one is not None and one.attested_at and keep_waiting(one.state, one.attested_at, desk.now):
        await _remind(desk, one, until=one.attested_at + REVIEWED)
    elif one is not None and one.state in UNSENT - {State.QUEUED} and _came_back_late(desk, one, timer):
        await _warn(desk, one)
    else:
        await service.draft_due(desk, timer)


async def _remind(desk: Desk, one: Case, *, until: datetime) -> None:
    """Tell the author where their case stands, and the moderators that it waits; they have until then."""
    again = min(desk.now + _AGAIN, until)
    await timers.set_timer(desk.tx, service.EXPIRE_TIMER, one.id, again, bot=one.bot, told=False)
    t = desk.house_translator()
    p, room = desk.house.settings.prefix, posting.room_title(desk, one.room_key, t.language)
    asked = t(
        "{id}, a case for {room}, still waits for a moderator: ✅ or ❌ under it, or `{p}case release {id}`.",
        id=one.id,
        room=room,
        p=p,
    )
    await desk.send(MODERATORS_ROOM, Message("case.review", asked, id=one.id, state=one.state, loud=True))
    _shown, author, chat = await posting.opened(desk, one)
    if author is not None and chat:
        t = await desk.translator(author)
        told = t(
            "{id} is **not posted yet**: it still waits for a moderator, and I have reminded them. "
            "To take it back: `{p}case cancel {id}`",
            id=one.id,
            p=p,
        )
        await desk.send(chat, Message("case.state", told, id=one.id, state=one.state))


def _came_back_late(desk: Desk, one: Case, timer: Timer) -> bool:
    """Whether moderators gave a draft back when its own time was over: its author has not been warned.

    One that they have not looked at is erased then, also where an outage kept the warning back. That they
    have is known by their refusal, or, once its author has changed it, by the time `_remind` gave it.
    """
    end = one.created_at + desk.house.settings.cases.draft
    reviewed = timer.due_at >= end or (one.state is State.REFUSED and one.attested_at is not None)
    return not timer.facts["told"] and end <= desk.now and reviewed


async def _warn(desk: Desk, one: Case) -> None:
    """Leave its author half a draft's time to change it."""
    left = desk.now + desk.house.settings.cases.draft / 2
    await timers.set_timer(desk.tx, service.EXPIRE_TIMER, one.id, left, bot=one.bot, told=True)
    _shown, author, chat = await posting.opened(desk, one)
    if author is not None and chat:
        t = await desk.translator(author)
        await desk.send(chat, views.expires(t, one, t.time(left, desk.now)))
