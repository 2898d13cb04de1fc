"""Polls from the author's ✅ to their result: the last vote of everybody in the room counts, till the end."""

from __future__ import annotations

from collections.abc import Mapping

from bot.cases import store as cases
from bot.cases.model import Case, State
from bot.cases.rules import PUBLIC
from bot.cases.thread import anew
from bot.cases.thread import store as standing
from bot.cases.thread.model import Piece, Poll
from bot.cases.thread.polls import events, store, views
from bot.cases.thread.rules import chosen, tally
from bot.cases.thread.saying import store as saying
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.kernel import timers
from bot.kernel.timers import Timer
from bot.rooms import store as rooms_store
from bot.rooms.admission import gate
from bot.rooms.moderation.service import muted

END_TIMER = "case_threads.poll"


async def is_open(desk: Desk, case: Case) -> bool:
    """Whether a case has a poll that has not ended."""
    return await store.open_of(desk.tx, case.id) is not None


async def keep(desk: Desk, case: Case, piece: Piece, text: str, solution: int | None) -> None:
    """A poll that its author has attested."""
    ends_at = desk.now + desk.house.settings.cases.poll
    options = len(text.split("\n")) - 1
    await store.add(desk.tx, piece.id, case.id, options=options, solution=solution, ends_at=ends_at)
    await timers.set_timer(desk.tx, END_TIMER, piece.id, ends_at)


async def put_up(
    desk: Desk, case: Case, piece: Piece, text: str, *, room: str, thread: str, topic: str
) -> None:
    """Queue the poll, and the same as a message for clients without polls."""
    question, *options = text.split("\n")
    poll = await store.poll(desk.tx, piece.id)
    assert poll is not None
    content = events.start(question, options, thread, secret=poll.quiz)
    await desk.event(room, events.START, content, topic=topic, ref=piece.id)
    t = desk.house_translator()
    message = views.beside(
        t, case, question, options, t.time(poll.ends_at, desk.now), desk.house.settings.prefix
    )
    await desk.send(room, message, thread=thread)


async def stands(desk: Desk, piece: Piece, event_id: str) -> None:
    """A poll is in its room."""
    await store.change(desk.tx, piece.id, event_id=event_id)


async def gave_up(desk: Desk, piece: Piece) -> None:
    """A poll could not be put into its room."""
    if await store.poll(desk.tx, piece.id) is not None:
        await store.change(desk.tx, piece.id, open=False)
        await timers.cancel(desk.tx, END_TIMER, piece.id)


# Votes -------------------------------------------------------------------------------------------------


async def responded(ctx: Context, event: Mapping[str, object]) -> bool:
    """An event rule: a response to a poll of ours."""
    found = events.response(event)
    if found is None:
        return False
    poll = await store.at(ctx.tx, found[0])
    if poll is None:
        return False
    case = await cases.case(ctx.tx, poll.case_id)
    if case is not None and await _may_vote(ctx, case, poll):
        await store.vote(ctx.tx, poll.id, ctx.sender, chosen(found[1], poll.options))
    return True


async def vote(ctx: Context, case_id: str | None, number: int) -> None:
    """A vote by text, in the room or alone with the bot."""
    case = await _voted_on(ctx, case_id)
    poll = None if case is None else await store.open_of(ctx.tx, case.id)
    if case is None or poll is None or not await _is_in(ctx, case):
        raise Misunderstood("There is no open poll that you could vote in.")
    if not 1 <= number <= poll.options:
        raise Misunderstood("Please write a whole number from {lo} to {hi}.", lo=1, hi=poll.options)
    counts = await _may_vote(ctx, case, poll)
    if counts:
        await store.vote(ctx.tx, poll.id, ctx.sender, number - 1)
    await ctx.direct(ctx.sender, views.counted(ctx.t, case, number - 1 if counts else None))


async def _voted_on(ctx: Context, case_id: str | None) -> Case | None:
    if case_id is not None:
        return await cases.case(ctx.tx, case_id)
    return await cases.at(ctx.tx, {at for at in (ctx.said.thread, ctx.said.reply_to) if at is not None})


async def _may_vote(ctx: Context, case: Case, poll: Poll) -> bool:
    """Whether a vote counts now: of somebody in the room, not muted, before the end."""
    if not poll.open or case.state not in PUBLIC or case.room_key is None:
        return False
    piece = await saying.piece(ctx.tx, poll.id)
    if piece is None or piece.state not in (State.POSTED, State.POSTING):
        return False
    return await _is_in(ctx, case) and not await muted(ctx, ctx.sender, case.room_key)


async def _is_in(ctx: Context, case: Case) -> bool:
    return (await gate.place_of(ctx, ctx.sender)).get(case.room_key or "") == "join"


# The end -----------------------------------------------------------------------------------------------


async def reveal(ctx: Context, case: Case) -> None:
    """The author ends the poll of their case."""
    if not await end_open(ctx, case):
        raise Misunderstood("{id} has no open poll.", id=case.id)
    ctx.tx.audit("author", "case.revealed", case.id)


async def due(desk: Desk, timer: Timer) -> None:
    """A poll has run its time."""
    poll = await store.poll(desk.tx, timer.key)
    case = None if poll is None else await cases.locked(desk.tx, poll.case_id)
    if case is not None and poll is not None and poll.open:
        await _end(desk, case, poll)


async def end_open(desk: Desk, case: Case) -> bool:
    """End the open poll of a case, and tell what it came to; False if there is none."""
    poll = await store.open_of(desk.tx, case.id)
    if poll is None:
        return False
    await _end(desk, case, poll)
    return True


async def _end(desk: Desk, case: Case, poll: Poll) -> None:
    await store.change(desk.tx, poll.id, open=False)
    await timers.cancel(desk.tx, END_TIMER, poll.id)
    piece, text = await saying.piece(desk.tx, poll.id), await saying.text(desk.tx, poll.id)
    room = gate.network(desk.house).rooms.get(case.room_key or "")
    if piece is None or piece.state is not State.POSTED or text is None or room is None:
        return
    if case.state not in PUBLIC:
        return  # hidden: nobody reads anything of it
    question, *options = text.split("\n")
    counts = tally(await store.choices(desk.tx, poll.id), len(options))
    message = views.result(
        desk.house_translator(), case, question, options, counts, await store.solution(desk.tx, poll.id)
    )
    speaker = Desk(desk.house, desk.tx, gate.first_bot(desk.house))
    root = await anew.root(desk, case)
    stands = await standing.standing(desk.tx, {poll.event_id} if poll.event_id else set())
    if stands is not None and stands.room_id == await rooms_store.room_of(desk.tx, room.key):
        await speaker.event(room.house_name, events.END, events.end(stands.event_id, message.body.plain))
    await speaker.send(room.house_name, message, thread=root)
