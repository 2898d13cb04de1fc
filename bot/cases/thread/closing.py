"""The end of a case: solved with what it was, or closed without a word."""

from __future__ import annotations

from bot.cases import store as cases
from bot.cases.accountability import service as accounts
from bot.cases.model import Case, Event, State
from bot.cases.rules import Who
from bot.cases.thread import anew, author, following, views
from bot.cases.thread.polls import service as polls
from bot.chat.desk import Desk
from bot.rooms.admission import gate


async def close(desk: Desk, case: Case, *, told: bool) -> None:
    """Close a case that stands open; `told`: the room has read what it was."""
    await cases.move(desk.tx, case, Event.SOLVE, Who.AUTHOR, closed_at=desk.now)
    desk.tx.audit("author", "case.closed", case.id, outcome=told)
    await polls.end_open(desk, case)
    await following.forget(desk, case)
    if not told:
        room = gate.network(desk.house).rooms.get(case.room_key or "")
        if room is not None:
            speaker = Desk(desk.house, desk.tx, gate.first_bot(desk.house))
            message = views.closed(desk.house_translator(), case)
            await speaker.send(room.house_name, message, thread=await anew.root(desk, case))
    await accounts.closed(desk, case.id)
    await author.tell(desk, case, lambda t: views.closed_told(t, case, told=told))


async def solved(desk: Desk, case: Case) -> None:
    """What it was stands in the thread: the case is closed, if it is not already."""
    if case.state is State.POSTED:
        await close(desk, case, told=True)
