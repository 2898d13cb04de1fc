"""From what an author writes to what stands in the thread: previewed, attested by ✅, posted as it was shown.

As for cases, the engine looks at it in a worker (`working`), and all is compared again in the transaction
that queues it for the room.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from bot.cases import store as cases
from bot.cases.drafting import posting
from bot.cases.model import Case, Event, State
from bot.cases.rules import PUBLIC
from bot.cases.thread import anew, author, closing
from bot.cases.thread import service as threads
from bot.cases.thread import store as standing
from bot.cases.thread.model import LONGEST, POLLS, Given, Kind, Piece, Standing, Stands, canonical
from bot.cases.thread.polls import service as polls
from bot.cases.thread.rules import UNSENT
from bot.cases.thread.saying import store, views
from bot.chat.command import Misunderstood
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import Context, Desk
from bot.kernel import outbox, timers
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms.admission import gate

CHANNEL = "cases.piece"
SAID = "case_threads.said"
EXPIRE_TIMER = "case_threads.piece"
MOST_AN_HOUR = 20


async def begin(ctx: Context, case: Case, kind: Kind, given: Given) -> None:
    """Something that the author wants to say to their case: its preview is ordered."""
    if len(given.text) > LONGEST:
        raise Misunderstood(
            "That is too long: {length} characters, and at most {limit} fit here.",
            length=len(given.text),
            limit=LONGEST,
        )
    if await store.count_since(ctx.tx, case.id, ctx.now - timedelta(hours=1)) >= MOST_AN_HOUR:
        raise Misunderstood("That was a lot for one hour: please wait a little.")
    if kind in POLLS and await polls.is_open(ctx, case):
        raise Misunderstood(
            "There is an open poll already: `{command}` ends it.", command=ctx.typed(f"case reveal {case.id}")
        )
    hindrance = await posting.hindered(ctx, ctx.t, ctx.sender, case.room_key)
    if hindrance is not None:
        await ctx.reply(views.hindered(ctx.t, case, hindrance))
        return
    piece = await store.add(ctx.tx, case.id, case.bot, kind, given, ctx.said.event_id)
    await timers.set_timer(ctx.tx, EXPIRE_TIMER, piece.id, ctx.now + ctx.house.settings.cases.draft)
    await order(ctx, piece, ctx.sender)


async def order(desk: Desk, piece: Piece, user_id: str) -> None:
    """Have a preview made; the order names the piece sealed, in a lane that leads to nobody."""
    what = {"piece": piece.id, "seq": piece.seq}
    body = {"room": f"dm:{user_id}", "thread": None, "user": user_id, "what": what}
    await outbox.put(desk.tx, Outgoing(piece.bot, f"piece:{piece.handle}", "make", body, channel=CHANNEL))


async def _rework(desk: Desk, piece: Piece, given: Given, user_id: str) -> None:
    """Keep what has changed, and have a new preview made; the earlier one can be posted no more."""
    state = await store.move(desk.tx, piece, Event.CHANGE, seq=piece.seq + 1, preview_hash=None)
    await store.keep_given(desk.tx, piece.id, given)
    await order(desk, replace(piece, state=state, seq=piece.seq + 1), user_id)


# Corrections -------------------------------------------------------------------------------------------


async def newest(ctx: Context) -> datetime | None:
    """When the person who asks was last shown something to say that they may still correct."""
    piece = await store.latest(ctx.tx, ctx.sender)
    return None if piece is None else piece.shown_at or piece.created_at


async def correct(ctx: Context, *, restore: Sequence[int] = (), remove: str = "") -> bool:
    """Bring spans back, or take words out, in what was shown last; False if there is nothing of theirs."""
    piece = await store.latest(ctx.tx, ctx.sender)
    if piece is None:
        return False
    given, shown = await store.given(ctx.tx, piece.id), await store.shown(ctx.tx, piece.id)
    if given is None or shown is None or piece.state is State.WORKING:
        raise Misunderstood("There is no preview yet: please wait a moment.")
    edits = given.edits
    try:
        if restore:
            edits = edits.restore(given.text, shown.as_result, restore)
        if remove:
            edits = edits.remove(given.text, remove)
    except KeyError as missing:
        if restore and isinstance(missing.args[0], int):
            raise Misunderstood("The preview has no number {number}.", number=missing.args[0]) from None
        raise Misunderstood(
            "These words are not in your text. Please write them as they stand there."
        ) from None
    except ValueError:
        raise Misunderstood("That is too short: please write at least two letters or digits.") from None
    await _rework(ctx, piece, given.corrected(edits), ctx.sender)
    return True


async def retype(ctx: Context, piece: Piece, text: str, solution: int | None) -> None:
    """The author has corrected the message in which they wrote a piece, locked."""
    given = await store.given(ctx.tx, piece.id)
    if given is not None and piece.state in UNSENT:
        if len(text) > LONGEST:
            raise Misunderstood(
                "That is too long: {length} characters, and at most {limit} fit here.",
                length=len(text),
                limit=LONGEST,
            )
        await _rework(ctx, piece, given.retyped(text, solution), ctx.sender)


async def withdraw(desk: Desk, piece: Piece) -> None:
    """What was shown may be posted no more, though there is nothing to show instead yet."""
    if piece.state in UNSENT:
        state = await store.move(desk.tx, piece, Event.CHANGE, seq=piece.seq + 1, preview_hash=None)
        await store.move(desk.tx, replace(piece, state=state), Event.REFUSE)


# Deciding ----------------------------------------------------------------------------------------------


async def decide(ctx: Context, handle: str, seq: int, *, post: bool) -> None:
    """✅ or ❌ under a preview: only the newest, only as it was shown."""
    piece = await store.by_handle(ctx.tx, handle)
    case = None if piece is None else await cases.locked(ctx.tx, piece.case_id)
    if piece is None or case is None or not standing.is_authors(ctx.tx, case.author_key, ctx.sender):
        await ctx.reply(views.outdated(ctx.t))
        return
    if not post:
        await store.move(ctx.tx, piece, Event.DISCARD)
        await timers.cancel(ctx.tx, EXPIRE_TIMER, piece.id)
        await ctx.reply(views.discarded(ctx.t, case))
    elif piece.state is not State.PREVIEW or piece.seq != seq:
        await ctx.reply(views.outdated(ctx.t))
    else:
        await _confirm(ctx, case, piece)


async def _confirm(ctx: Context, case: Case, piece: Piece) -> None:
    if case.state not in PUBLIC or (piece.kind in POLLS and await polls.is_open(ctx, case)):
        why = ctx.t("{id} does not stand open in a room.", id=case.id)
        if case.state in PUBLIC:
            why = ctx.t("There is an open poll already.")
        await ctx.reply(views.hindered(ctx.t, case, why))
        return
    given, shown = await store.given(ctx.tx, piece.id), await store.shown(ctx.tx, piece.id)
    assert given is not None and shown is not None and case.room_key is not None
    now = cases.digest(ctx.tx.keys, canonical(piece, case.room_key, given, shown))
    same = piece.preview_hash is not None and hmac.compare_digest(now, piece.preview_hash)
    if not same or ctx.house.part(Deidentifier).versions != shown.versions:
        await _rework(ctx, piece, given, ctx.sender)
        await ctx.reply(views.looked_at_anew(ctx.t, case))
        return
    hindrance = await posting.hindered(ctx, ctx.t, ctx.sender, case.room_key)
    if hindrance is not None:
        await ctx.reply(views.hindered(ctx.t, case, hindrance))
        return
    await store.keep_text(ctx.tx, piece.id, shown.text)
    state = await store.move(ctx.tx, piece, Event.CONFIRM)
    await timers.cancel(ctx.tx, EXPIRE_TIMER, piece.id)
    if piece.kind in POLLS:
        await polls.keep(ctx, case, piece, shown.text, given.solution)
    ctx.tx.audit("author", "case.said", case.id, kind=piece.kind.value)
    await put_up(ctx, case, replace(piece, state=state), shown.text)


async def put_up(desk: Desk, case: Case, piece: Piece, text: str) -> None:
    """Queue a piece for the thread, to the byte as it was shown."""
    root = await anew.root(desk, case)
    speaker = Desk(desk.house, desk.tx, gate.first_bot(desk.house))
    room = gate.network(desk.house).rooms[case.room_key or ""].house_name
    if piece.kind in POLLS:
        await polls.put_up(speaker, case, piece, text, room=room, thread=root, topic=SAID)
        return
    message = views.said(desk.house_translator(), case, piece.kind, text)
    await speaker.send(room, message, thread=root, topic=SAID, ref=piece.id)


async def said(desk: Desk, entry: InboxEntry) -> None:
    """A piece stands in the thread, or could not be put there."""
    piece = await store.piece(desk.tx, str(entry.payload["ref"]), lock=True)
    case = None if piece is None else await cases.locked(desk.tx, piece.case_id)
    if piece is None or case is None:
        return
    event_id = entry.payload.get("event_id")
    if event_id is None:
        if piece.state is State.POSTING:
            await store.move(desk.tx, piece, Event.FAIL)
            await polls.gave_up(desk, piece)
            await author.tell(desk, case, lambda t: views.failed(t, case))
        return
    what = Stands.POLL if piece.kind in POLLS else Stands.SAID
    room_id = str(entry.payload["room_id"])
    await standing.stand(desk.tx, Standing(str(event_id), case.id, room_id, what, piece.id))
    first = piece.state is State.POSTING
    if first:
        await store.move(desk.tx, piece, Event.ARRIVE)
    elif piece.state is not State.POSTED:
        await threads.take_away(desk, case, piece=piece.id)
        return
    if piece.kind in POLLS:
        await polls.stands(desk, piece, str(event_id))
    if case.state not in PUBLIC:
        return
    if first and piece.kind is Kind.OUTCOME:
        await closing.solved(desk, case)
    elif first:
        await author.tell(desk, case, lambda t: views.posted(t, case))


async def expired(desk: Desk, timer: Timer) -> None:
    """A preview was not confirmed for too long: what the author wrote is erased."""
    piece = await store.piece(desk.tx, timer.key, lock=True)
    if piece is None or piece.state not in UNSENT:
        return
    await store.move(desk.tx, piece, Event.EXPIRE)
    case = await cases.case(desk.tx, piece.case_id)
    if case is not None:
        await author.tell(desk, case, lambda t: views.expired(t, case))
