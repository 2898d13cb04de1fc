"""Sanctions on a pseudonym: moderators act on a case, and never learn whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.cases import store as cases
from bot.cases.accountability import store, views
from bot.cases.accountability.model import Barred, Kind, Sanction
from bot.cases.model import Case, State
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.message import Message
from bot.directory.moderators import moderators
from bot.directory.policy import may_talk
from bot.kernel import timers
from bot.rooms.moderation import rules as moderation

ERASE_TIMER = "case_accounts.erase"
LATEST = timedelta(days=180)  # after the post, the link to the author is erased although the case is open
_UNKNOWN = "I know no posted case {id}."


# What other parts of cases ask -------------------------------------------------------------------


async def barred(desk: Desk, author_key: str) -> Barred | None:
    """Whether an author may not post or reply; of several sanctions the one that holds longest."""
    holding = await _holding(desk, author_key)
    if not holding:
        return None
    longest = max(holding, key=lambda one: (one.until is None, one.until or one.at))
    return Barred(longest.kind, longest.until)


async def posted(desk: Desk, case: Case) -> None:
    """A case is posted, or open again: its author is forgotten after a time although it is never closed.

    Nobody is left to forget if they erased the link while the post was on its way: the timer then notes that.
    """
    if case.author_key is None:
        return
    await _erase_at(desk, case, (case.posted_at or desk.now) + LATEST)


async def closed(desk: Desk, case_id: str) -> None:
    """A case is closed or removed: its author is forgotten soon."""
    case = await cases.case(desk.tx, case_id)
    if case is not None and case.author_key is not None:
        await _erase_at(desk, case, desk.now + desk.house.settings.cases.link)


async def _erase_at(desk: Desk, case: Case, when: datetime) -> None:
    await cases.change(desk.tx, case.id, erase_at=when)
    await timers.set_timer(desk.tx, ERASE_TIMER, case.id, when, bot=case.bot)


async def _holding(desk: Desk, author_key: str) -> list[Sanction]:
    found = await store.sanctions_on(desk.tx, store.target(desk.tx.keys, author_key))
    return [one for one in found if one.kind is not Kind.WARN and one.holds(desk.now)]


# What moderators do ------------------------------------------------------------------------------


async def posted_case(desk: Desk, case_id: str) -> Case:
    """A case that is, or was, in its room; raises Misunderstood."""
    case = await cases.locked(desk.tx, case_id)
    if case is None or case.pseudonym is None or case.posted_at is None:
        raise Misunderstood(_UNKNOWN, id=case_id)
    return case


async def sanction(ctx: Context, case_id: str, kind: Kind, length: timedelta | None, reason: str) -> Message:
    """Warn, mute or ban the author of a case; returns what the moderator reads."""
    case = await posted_case(ctx, case_id)
    author = await cases.author(ctx.tx, case.id)
    if author is None or case.author_key is None:
        return views.unlinked(ctx.t, case)
    if not reason.strip():
        raise Misunderstood("Say why: its author reads it. For example `mod case {id} mute 2h …`", id=case.id)
    until = None
    if kind is Kind.MUTE:
        until = ctx.now + (length or ctx.house.settings.moderation.mute)
    elif kind is Kind.BAN and length is not None:
        until = ctx.now + length
    whom = store.target(ctx.tx.keys, case.author_key)
    if kind is not Kind.WARN:
        for earlier in await store.sanctions_on(ctx.tx, whom):
            if earlier.kind is kind and earlier.holds(ctx.now):
                await store.end_sanction(ctx.tx, earlier.id)  # what is decided now takes its place
    made = await store.add_sanction(ctx.tx, whom, case.id, kind, ctx.sender, until, reason.strip())
    _audit(ctx, kind.value, case, until)
    await tell_author(ctx, case, author, lambda t, p: views.told(t, p, case, made, ctx.now))
    return views.done(ctx.t, case, made, await _count(ctx, whom), ctx.now)


async def undo(ctx: Context, case_id: str) -> Message:
    """Take back what was done last for a case; returns what the moderator reads."""
    case = await posted_case(ctx, case_id)
    mine = case.author_key is not None and case.author_key == cases.author_key(ctx.tx.keys, ctx.sender)
    found = await store.sanctions_for(ctx.tx, case.id)
    last = next((one for one in found if one.holds(ctx.now)), None)
    if last is None or mine:  # to a moderator who is the author it looks as if there were nothing
        raise Misunderstood("There is nothing of {id} to take back.", id=case.id)
    await _lift(ctx, case, last)
    return views.taken_back(ctx.t, case, last)


async def _lift(desk: Context, case: Case, one: Sanction) -> None:
    await store.end_sanction(desk.tx, one.id)
    if one.appeal in ("open", "sent"):
        await store.set_appeal(desk.tx, one.id, one.appeal, "lifted")
    _audit(desk, "undo", case, None)
    author = await cases.author(desk.tx, case.id)
    if author is not None:
        await tell_author(desk, case, author, lambda t, _p: views.lifted(t, case, one))


async def keep(ctx: Context, case_id: str) -> Message:
    """Let a sanction stand against which its author has appealed: another moderator decides that."""
    case = await posted_case(ctx, case_id)
    found = await store.sanctions_for(ctx.tx, case.id)
    last = next((one for one in found if one.appeal == "sent"), None)
    if last is None:
        raise Misunderstood("Nobody has appealed in {id}, or it is decided.", id=case.id)
    if not moderation.may_decide(ctx.sender, last.by, await moderators(ctx)):
        raise Misunderstood("Somebody else decides this: it was your own decision.")
    await store.set_appeal(ctx.tx, last.id, "sent", "kept")
    _audit(ctx, "appeal_kept", case, None)
    author = await cases.author(ctx.tx, case.id)
    if author is not None:
        await tell_author(ctx, case, author, lambda t, _p: views.kept(t, case))
    return views.kept_done(ctx.t, case)


async def status(ctx: Context, case_id: str) -> Message:
    """What moderators may know of a case's author: that there is one, and what was done."""
    case = await posted_case(ctx, case_id)
    found: Sequence[Sanction] = ()
    if case.author_key is not None:
        found = await store.sanctions_on(ctx.tx, store.target(ctx.tx.keys, case.author_key))
    return views.status(ctx.t, ctx.house.settings.prefix, case, found, ctx.now)


async def tell_author(desk: Desk, case: Case, author: str, words: views.Words) -> None:
    """Write to a case's author alone, in their language, if their hospital may talk to the bots."""
    if may_talk(author, desk.house.hospitals.servers("talk")):
        speaker = Desk(desk.house, desk.tx, case.bot)
        t = await desk.translator(author)
        await speaker.direct(author, words(t, desk.house.settings.prefix))


async def mine(ctx: Context, case_id: str) -> Case:
    """A case of the person who asks; raises Misunderstood, as if there were none."""
    case = await cases.locked(ctx.tx, case_id)
    if case is None or case.author_key != cases.author_key(ctx.tx.keys, ctx.sender):
        raise Misunderstood("I know no case {id} of yours.", id=case_id)
    return case


def sendable(case: Case) -> bool:
    """Whether a case is past its draft."""
    return case.state in (State.POSTED, State.HIDDEN, State.CLOSED, State.DISCARDED)


async def _count(desk: Desk, whom: str) -> int:
    return len([one for one in await store.sanctions_on(desk.tx, whom) if one.ended_at is None])


def _audit(desk: Context, what: str, case: Case, until: datetime | None) -> None:
    desk.tx.audit(desk.sender, f"case.{what}", case.id, until=None if until is None else until.isoformat())
