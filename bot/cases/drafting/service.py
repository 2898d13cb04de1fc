"""From what an author writes to a case that is posted: each use case is one transaction.

What the engine has to look at is ordered as an outbox row of the channel CHANNEL, which names the draft and
the number of the preview, and holds no text; `working` makes it.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from bot.cases import store
from bot.cases.drafting import posting, views
from bot.cases.model import MOST_FILES, Case, Consent, Draft, Event, File, State
from bot.cases.rules import UNSENT, Who
from bot.chat.command import Misunderstood
from bot.chat.desk import Context, Desk
from bot.kernel import outbox, timers
from bot.kernel.inbox import InboxEntry
from bot.kernel.outbox import Outgoing
from bot.kernel.timers import Timer
from bot.rooms.model import DeclaredRoom

CHANNEL = "cases.preview"
UNSEEN = "cases.picture"
EXPIRE_TIMER = "cases.draft"
MOST_DRAFTS = 5
_TOLD_BEFORE = timedelta(hours=1)


async def begin(ctx: Context, draft: Draft, room: DeclaredRoom | None) -> Case:
    """A new draft of the person who asks; its preview is made as soon as text and room are there."""
    if len(await store.mine(ctx.tx, ctx.sender, UNSENT)) >= MOST_DRAFTS:
        raise Misunderstood(
            "You have {number} cases that are not posted. Please post or discard one first: `{command}`",
            number=MOST_DRAFTS,
            command=ctx.typed("case"),
        )
    one = await store.add(ctx.tx, ctx.bot, ctx.sender)
    kept = replace(draft, chat=ctx.room.room_id)
    await store.keep_draft(ctx.tx, one.id, kept)
    if room is not None:
        await store.change(ctx.tx, one.id, room_key=room.key)
        one = replace(one, room_key=room.key)
    length = ctx.house.settings.cases.draft
    early = max(length - _TOLD_BEFORE, length / 2)
    await timers.set_timer(ctx.tx, EXPIRE_TIMER, one.id, ctx.now + early, bot=ctx.bot, told=False)
    ctx.tx.audit("author", "case.begun", one.id)
    return one


async def rework(desk: Desk, one: Case, draft: Draft | None = None, *, who: Who = Who.AUTHOR) -> None:
    """Keep a changed draft, and have its preview made anew; the earlier one can be posted no more."""
    draft = draft or await store.draft(desk.tx, one.id)
    if draft is None:
        raise store.CaseMoved(f"{one.id} holds no text any more.")
    if not draft.text or one.room_key is None:
        await store.move(desk.tx, one, Event.CHANGE, who)
        await store.keep_draft(desk.tx, one.id, draft)
        return
    event = Event.COMPLETE if one.state is State.DRAFTING else Event.CHANGE
    await store.move(desk.tx, one, event, who, seq=one.seq + 1, preview_hash=None, attested_at=None)
    await store.keep_draft(desk.tx, one.id, draft)
    body = {"case": one.id, "seq": one.seq + 1}
    await outbox.put(desk.tx, Outgoing(one.bot, f"case:{one.handle}", "make", body, channel=CHANNEL))


async def rework_by_house(desk: Desk, one: Case) -> None:
    """Have a preview made anew that was in somebody else's hands."""
    await rework(desk, one, who=Who.HOUSE)


async def change_room(ctx: Context, one: Case, room: DeclaredRoom) -> None:
    """Another specialty room."""
    await store.change(ctx.tx, one.id, room_key=room.key)
    await rework(ctx, replace(one, room_key=room.key))


async def note_consent(ctx: Context, one: Case, consent: Consent) -> None:
    """Note what the author says of the patient's consent; it changes nothing of what is posted."""
    await store.change(ctx.tx, one.id, consent=consent)


async def restore(ctx: Context, one: Case, numbers: list[int]) -> None:
    """Bring back spans by their numbers in the last preview."""
    draft, shown = await store.draft(ctx.tx, one.id), await store.shown(ctx.tx, one.id)
    if draft is None or shown is None or one.state is State.WORKING:
        raise Misunderstood("There is no preview yet: please wait a moment.")
    try:
        edits = draft.edits.restore(draft.text, shown.as_result, numbers)
    except KeyError as missing:
        raise Misunderstood("The preview has no number {number}.", number=int(missing.args[0])) from None
    await rework(ctx, one, draft.corrected(edits))


async def remove(ctx: Context, one: Case, words: str) -> None:
    """Take words out of the text."""
    draft = await store.draft(ctx.tx, one.id)
    if draft is None or not draft.text:
        raise Misunderstood("There is no text yet.")
    try:
        edits = draft.edits.remove(draft.text, words)
    except KeyError:
        raise Misunderstood(
            "These words are not in your text. Please write them as they stand there."
        ) from None
    except ValueError:
        raise Misunderstood("That is too short: please write at least two letters or digits.") from None
    await rework(ctx, one, draft.corrected(edits))


async def keep_file(ctx: Context, one: Case, file: File) -> int:
    """Keep a file with a draft; returns how many there are. It is fetched and cleaned by the worker."""
    draft = await store.draft(ctx.tx, one.id)
    assert draft is not None
    others = tuple(known for known in draft.files if known.event != file.event)
    if len(others) >= MOST_FILES:
        raise Misunderstood("At most {number} files go with a case.", number=MOST_FILES)
    await _changed(ctx, one, replace(draft, files=(*others, file)))
    return len(others) + 1


async def drop_file(desk: Desk, one: Case, event: str, *, who: Who = Who.AUTHOR) -> bool:
    """Take a file away; False if it is not there."""
    draft = await store.draft(desk.tx, one.id)
    left = tuple(file for file in draft.files if file.event != event) if draft is not None else ()
    if draft is None or len(left) == len(draft.files):
        return False
    await _changed(desk, one, replace(draft, files=left), who=who)
    return True


async def picture_sent(desk: Desk, entry: InboxEntry) -> None:
    """A page of a file has reached its author's chat; or could not: then nobody may confirm that file."""
    if entry.payload.get("error") is None:
        return
    case_id, file_id = await store.pictured(desk.tx, str(entry.payload["ref"])) or ("", "")
    one = await store.locked(desk.tx, case_id)
    if one is None or one.state not in UNSENT:
        return
    shown, draft = await store.shown(desk.tx, case_id), await store.draft(desk.tx, case_id)
    event = next((file.event for file in (shown.files if shown else ()) if file.id == file_id), None)
    if draft is None or event is None or not await drop_file(desk, one, event, who=Who.HOUSE):
        return
    author = await store.author(desk.tx, case_id)
    t = await desk.translator(author or "")
    await desk.send(draft.chat, views.file_refused(t, one, "unseen"))


async def retype(ctx: Context, one: Case, draft: Draft, room_key: str | None) -> None:
    """The author has corrected their message, and perhaps the room that it names."""
    named = room_key is not None and one.room_key is None
    if room_key is not None:
        await store.change(ctx.tx, one.id, room_key=room_key)
        one = replace(one, room_key=room_key)
    await (rework if named else _changed)(ctx, one, draft)


async def withdraw(desk: Desk, one: Case) -> None:
    """What was shown may be posted no more, though there is nothing to show instead yet."""
    if one.state is not State.DRAFTING:
        state = await store.move(desk.tx, one, Event.CHANGE, Who.AUTHOR, seq=one.seq + 1, preview_hash=None)
        await store.move(desk.tx, replace(one, state=state), Event.REFUSE, Who.HOUSE)


async def _changed(desk: Desk, one: Case, draft: Draft, *, who: Who = Who.AUTHOR) -> None:
    """Keep a changed draft; while questions about it wait for their answers, its preview waits for these."""
    if one.state is State.DRAFTING:
        await store.keep_draft(desk.tx, one.id, draft)
    else:
        await rework(desk, one, draft, who=who)


async def confirm_picture(ctx: Context, one: Case, file_id: str) -> None:
    """The author has looked at a file's picture and confirms it."""
    if file_id not in await store.files_confirmed(ctx.tx, one.id):
        raise Misunderstood("That picture is of an earlier preview. Please confirm the newest one.")
    await store.change_file(ctx.tx, file_id, confirmed_at=ctx.now)
    left = [file for file, done in (await store.files_confirmed(ctx.tx, one.id)).items() if not done]
    await ctx.reply(views.picture_confirmed(ctx.t, one, len(left)))


async def confirm(ctx: Context, one: Case, seq: int) -> None:
    """The author attests a preview and posts it: only the newest, only as it was shown."""
    if one.state is not State.PREVIEW or seq != one.seq:
        await ctx.reply(views.outdated(ctx.t, one))
        return
    if all((await store.files_confirmed(ctx.tx, one.id)).values()):
        await posting.attested(ctx, one, rework_by_house)
        return
    await ctx.reply(views.pictures_first(ctx.t))


async def discard(ctx: Context, one: Case) -> None:
    """Erase a draft and all that came with it."""
    await store.move(ctx.tx, one, Event.DISCARD, Who.AUTHOR)
    await store.erase_author(ctx.tx, one.id)
    await timers.cancel(ctx.tx, EXPIRE_TIMER, one.id)
    ctx.tx.audit("author", "case.discarded", one.id)
    await ctx.reply(views.discarded(ctx.t, one))


async def draft_due(desk: Desk, timer: Timer) -> None:
    """A draft grows old: its author is told; an hour later it is erased, whatever became of it."""
    one = await store.locked(desk.tx, timer.key)
    if one is None or not (one.state in UNSENT or one.state is State.POSTING):
        return
    author, draft = await store.author(desk.tx, one.id), await store.draft(desk.tx, one.id)
    length = desk.house.settings.cases.draft
    left = one.created_at + length
    if not timer.facts["told"] and left > desk.now:
        await timers.set_timer(desk.tx, EXPIRE_TIMER, one.id, left, bot=one.bot, told=True)
        if author is not None and draft is not None and one.state in UNSENT:
            t = await desk.translator(author)
            await desk.send(draft.chat, views.expires(t, one, t.time(left, desk.now)))
        return
    if one.state is State.POSTING:  # the homeserver is away: what is posted waits in the outbox
        await store.change(desk.tx, one.id, draft=None)
        return
    await store.move(desk.tx, one, Event.EXPIRE, Who.HOUSE)
    await store.erase_author(desk.tx, one.id)
    desk.tx.audit("system", "case.expired", one.id)
    if author is not None and draft is not None:
        await desk.send(draft.chat, views.expired(await desk.translator(author), one))
