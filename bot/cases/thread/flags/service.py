"""A 🚩 hides what an author posted at once; moderators restore or remove it, and the first one wins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from bot.cases import store as cases
from bot.cases.accountability import service as accounts
from bot.cases.drafting import posting
from bot.cases.model import Case, Event, State
from bot.cases.rules import PUBLIC, Who
from bot.cases.thread import anew, author, following
from bot.cases.thread import service as threads
from bot.cases.thread import store as standing
from bot.cases.thread.flags import store, views
from bot.cases.thread.flags.store import REMOVED, RESTORED
from bot.cases.thread.model import Review, Standing, Stands
from bot.cases.thread.rules import FALSE_FOR, event_id, flag_refusal
from bot.cases.thread.saying import service as saying
from bot.cases.thread.saying import store as pieces
from bot.chat import store as chat
from bot.chat.desk import MODERATORS_ROOM, Context, Desk
from bot.chat.message import Message
from bot.chat.rich import mention
from bot.directory.moderators import is_moderator
from bot.directory.policy import may_talk
from bot.rooms.admission import gate
from bot.rooms.moderation.service import muted

FLAG = "🚩"
_DAY = timedelta(days=1)
_POST = (Stands.POST, Stands.FILE)


async def seen(ctx: Context, event: Mapping[str, object]) -> None:
    """A witness: a 🚩 on something of a case; moderation takes the reaction itself away."""
    if ctx.bot != gate.first_bot(ctx.house) or not may_talk(ctx.sender, ctx.house.hospitals.servers("rooms")):
        return
    if ctx.said.reaction is not None:
        flagged = ctx.said.reaction.startswith(FLAG) and ctx.said.reply_to is not None
        stands = await standing.standing(ctx.tx, {str(ctx.said.reply_to)}) if flagged else None
        if stands is not None and stands.room_id == ctx.room.room_id:
            await flag(ctx, stands)
        return
    if event.get("type") == "m.room.redaction":
        content = event.get("content")
        target = event_id(
            event.get("redacts") or (content.get("redacts") if isinstance(content, Mapping) else None)
        )
        stands = None if target is None else await standing.standing(ctx.tx, {target})
        if stands is not None and stands.room_id == ctx.room.room_id:
            await _by_hand(ctx, stands)


async def flag(ctx: Context, stands: Standing) -> None:
    """Somebody in the room of a case flags something of it."""
    case = await cases.locked(ctx.tx, stands.case_id)
    if case is None or case.room_key is None:
        return
    if (await gate.place_of(ctx, ctx.sender)).get(case.room_key) != "join":
        return
    piece = stands.piece if stands.what not in _POST else None
    if not await _is_there(ctx, case, piece):
        review = await store.open_review(ctx.tx, case.id, piece)
        if review is not None:
            await _count(ctx, case, review)
        return
    refusal = await _refusal(ctx, case)
    if refusal is not None:
        if await chat.once(ctx.tx, "case flag refused", ctx.sender, keep=timedelta(hours=1)):
            await ctx.direct(ctx.sender, views.refused(ctx.t, refusal))
        return
    review = await store.open_review(ctx.tx, case.id, piece)
    if review is None:
        review = await store.add_review(ctx.tx, case.id, piece)
        if not await store.was_restored(ctx.tx, case.id, piece):
            await _hide(ctx, case, piece, Who.READER)
    await _count(ctx, case, review)


async def _is_there(desk: Desk, case: Case, piece_id: str | None) -> bool:
    """Whether people read it now."""
    if case.state not in PUBLIC:
        return False
    piece = None if piece_id is None else await pieces.piece(desk.tx, piece_id)
    return piece_id is None or (piece is not None and piece.state is State.POSTED)


async def _refusal(ctx: Context, case: Case) -> str | None:
    today = await store.flagged_since(ctx.tx, ctx.sender, ctx.now - _DAY)
    wrong = await store.flagged_since(ctx.tx, ctx.sender, ctx.now - FALSE_FOR, wrong=True)
    moderator = await is_moderator(ctx, ctx.sender)
    silent = await muted(ctx, ctx.sender, case.room_key or "")
    return flag_refusal(today, wrong, moderator=moderator, muted=silent)


async def _count(ctx: Context, case: Case, review: Review) -> None:
    """Count a flag once, and show it to the moderators; those that come after hiding count, too."""
    if await _refusal(ctx, case) is not None or not await store.add_flag(ctx.tx, review.id, ctx.sender):
        return
    ctx.tx.audit("reader", "case.flagged", case.id, review=review.id)
    now = await cases.case(ctx.tx, case.id)
    assert now is not None
    await _show(ctx, now, review, hidden=not await _is_there(ctx, now, review.piece))
    await ctx.direct(ctx.sender, views.thanks(ctx.t, case))


async def _hide(desk: Desk, case: Case, piece_id: str | None, who: Who) -> None:
    """Take it away from the room; what it says stays sealed."""
    if piece_id is None:
        await cases.move(desk.tx, case, Event.HIDE, who)
        await threads.take_away(desk, case, _POST)
    else:
        piece = await pieces.piece(desk.tx, piece_id, lock=True)
        assert piece is not None
        await pieces.move(desk.tx, piece, Event.HIDE)
        await threads.take_away(desk, case, piece=piece_id)
    desk.tx.audit("system", "case.hidden", case.id, post=piece_id is None)
    await author.tell(desk, case, lambda t: views.hidden(t, case, post=piece_id is None))


async def _by_hand(ctx: Context, stands: Standing) -> None:
    """A moderator has redacted something of a case with their client: it waits like a flagged one."""
    case = await cases.locked(ctx.tx, stands.case_id)
    piece = stands.piece if stands.what not in _POST else None
    if case is None or case.room_key is None or not await _is_there(ctx, case, piece):
        return
    await standing.gone(ctx.tx, [stands.event_id])
    if stands.what is Stands.FILE:
        # Which of the kept files that was is not kept: none is posted anew, lest it be the one.
        await cases.forget_files(ctx.tx, case.id)
        return
    await _hide(ctx, case, piece, Who.MODERATOR)
    review = await store.open_review(ctx.tx, case.id, piece)
    if review is None:
        review = await store.add_review(ctx.tx, case.id, piece)
    await _show(ctx, case, review, hidden=True)


async def _show(desk: Desk, case: Case, review: Review, *, hidden: bool) -> None:
    facts = await desk.house.rooms.facts(desk.tx, gate.first_bot(desk.house), MODERATORS_ROOM)
    text: str | None = None
    if facts is None or facts.encrypted:
        kept = cases.text(desk.tx, case.id) if review.piece is None else pieces.text(desk.tx, review.piece)
        text = await kept or ""
    t = desk.house_translator()
    room = posting.room_title(desk, case.room_key, t.language)
    flags = len(await store.flaggers(desk.tx, review.id))
    message = views.card(t, review, case, room, text, flags, hidden, desk.house.settings.prefix)
    out = await desk.send(MODERATORS_ROOM, message, edits=review.out)
    if review.out is None:
        await store.show_review(desk.tx, review.id, out)
        if review.piece is None and text is not None:
            await posting.show_files(desk, case, out)


# Deciding ----------------------------------------------------------------------------------------------


async def decide(ctx: Context, review_id: str, *, restore: bool, reason: str = "") -> None:
    """What a moderator decides; the first one wins."""
    review = await store.review(ctx.tx, review_id)
    case = None if review is None else await cases.locked(ctx.tx, review.case_id)
    verdict = RESTORED if restore else REMOVED
    if review is None or case is None or not await store.settle(ctx.tx, review.id, verdict, ctx.sender):
        await _answer(ctx, views.moot(ctx.t))
        return
    review = replace(review, verdict=verdict)
    ctx.tx.audit(ctx.sender, f"case.{verdict}", case.id, review=review.id)
    done = views.settled(ctx.house_translator(), review, case, mention(ctx.sender))
    if review.out is not None:
        await ctx.send(MODERATORS_ROOM, done, edits=review.out)
    if restore:
        await _restore(ctx, case, review)
    else:
        await _remove(ctx, case, review, reason)
    for flagger in await store.flaggers(ctx.tx, review.id):
        if gate.in_reach(ctx.house, flagger):
            home = Desk(ctx.house, ctx.tx, gate.first_bot(ctx.house))
            await home.direct(flagger, views.outcome(await ctx.translator(flagger), case, fine=restore))


async def _answer(ctx: Context, message: Message) -> None:
    """Answer a moderator: never where readers would see it."""
    facts = await ctx.house.rooms.facts(ctx.tx, gate.first_bot(ctx.house), MODERATORS_ROOM)
    if ctx.room.direct or (facts is not None and facts.room_id == ctx.room.room_id):
        await ctx.reply(message)
    else:
        await ctx.direct(ctx.sender, message)


async def _restore(desk: Desk, case: Case, review: Review) -> None:
    """It stands again: posted anew, with a link to where it stood."""
    if review.piece is not None:
        piece = await pieces.piece(desk.tx, review.piece, lock=True)
        if piece is None or piece.state is not State.HIDDEN or case.state not in PUBLIC:
            return
        state = await pieces.move(desk.tx, piece, Event.UNHIDE)
        await saying.put_up(
            desk, case, replace(piece, state=state), await pieces.text(desk.tx, piece.id) or ""
        )
    elif case.state is State.HIDDEN:
        case = replace(case, state=await cases.move(desk.tx, case, Event.UNHIDE, Who.MODERATOR))
        await anew.again(desk, case)
        if case.closed_at is not None:
            await cases.move(desk.tx, case, Event.SOLVE, Who.MODERATOR)
    else:
        return
    await author.tell(desk, case, lambda t: views.restored(t, case))


async def _remove(desk: Desk, case: Case, review: Review, reason: str) -> None:
    """It is gone for good: with a post all that its author said under it."""
    post = review.piece is None
    if await _is_there(desk, case, review.piece):  # found fine before, so it was not hidden
        await _hide(desk, case, review.piece, Who.MODERATOR)
    if post:
        now = await cases.locked(desk.tx, case.id)
        if now is None or now.state is not State.HIDDEN:
            return
        await cases.move(desk.tx, now, Event.REMOVE, Who.MODERATOR, closed_at=now.closed_at or desk.now)
        await threads.take_away(desk, case)
        for said in await pieces.posted(desk.tx, case.id):
            await pieces.move(desk.tx, said, Event.REMOVE)
        await pieces.forget(desk.tx, case.id)
        await following.forget(desk, case)
        await accounts.closed(desk, case.id)
    else:
        piece = await pieces.piece(desk.tx, review.piece or "", lock=True)
        if piece is not None and piece.state is State.HIDDEN:
            await pieces.move(desk.tx, piece, Event.REMOVE)
    await author.tell(desk, case, lambda t: views.removed(t, case, reason, post=post))
