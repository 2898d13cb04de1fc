"""From the author's attestation to the post in the specialty room: nothing but what was previewed.

All of it is compared again in the transaction that queues the post, also after moderators have looked at it.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta

from bot.cases import store
from bot.cases.accountability import pseudonyms, receipts
from bot.cases.accountability import service as accounts
from bot.cases.accountability import views as sanctions
from bot.cases.drafting import views
from bot.cases.model import Case, Event, Shown, State
from bot.cases.rules import Who
from bot.cases.thread import service as threads
from bot.chat.attachment import Attachment
from bot.chat.deidentifying import Deidentifier
from bot.chat.desk import MODERATORS_ROOM, Context, Desk
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich
from bot.directory.policy import may_talk
from bot.kernel import timers
from bot.kernel.inbox import InboxEntry
from bot.rooms.admission import gate
from bot.rooms.admission.service import decision
from bot.rooms.admission.views import why
from bot.rooms.moderation.service import locked, muted

POSTED = "cases.posted"
EVERY_ROOM = "*"
_DAY = timedelta(days=1)
_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf"}

Rework = Callable[[Desk, Case], Awaitable[None]]


async def attested(ctx: Context, one: Case, rework: Rework) -> None:
    """The author has attested a preview: queue it for the moderators, or post it."""
    shown = await store.shown(ctx.tx, one.id)
    if shown is None or not await _unchanged(ctx, one, shown):
        await rework(ctx, one)
        await ctx.reply(views.looked_at_anew(ctx.t, one))
        return
    hindrance = await hindered(ctx, ctx.t, ctx.sender, one.room_key)
    if hindrance is not None:
        await ctx.reply(views.closed(ctx.t, one, hindrance))
        return
    assert one.author_key is not None and one.room_key is not None
    most = ctx.house.settings.cases.posts_per_day
    if await store.posted_since(ctx.tx, one.author_key, ctx.now - _DAY) >= most:
        await ctx.reply(views.too_many(ctx.t, one, most))
        return
    state = await store.move(ctx.tx, one, Event.CONFIRM, Who.AUTHOR, attested_at=ctx.now)
    one = replace(one, state=state, attested_at=ctx.now)
    ctx.tx.audit("author", "case.attested", one.id, preview=one.seq)
    review = ctx.house.settings.cases.review
    if one.room_key in review or EVERY_ROOM in review:
        await store.move(ctx.tx, one, Event.QUEUE, Who.HOUSE)
        t = ctx.house_translator()
        room = room_title(ctx, one.room_key, t.language)
        for message in views.to_review(t, one, shown, room, ctx.house.settings.prefix):
            card = await ctx.send(MODERATORS_ROOM, message)
        await show_files(ctx, one, card)
        await ctx.reply(views.queued(ctx.t, one))
        return
    await _post(ctx, one, shown)
    await ctx.reply(views.on_its_way(ctx.t, one))


async def release(ctx: Context, one: Case, rework: Rework) -> None:
    """A moderator lets a case pass: it is posted, if nothing has changed meanwhile."""
    shown, author, draft = await opened(ctx, one)
    if shown is None or author is None or not await _unchanged(ctx, one, shown):
        await rework(ctx, one)
        await ctx.reply(views.review_moot(ctx.t, one))
        if author is not None and draft:
            await _home(ctx, one).send(draft, views.looked_at_anew(await ctx.translator(author), one))
        return
    t = await ctx.translator(author)
    hindrance = await hindered(ctx, t, author, one.room_key)
    if hindrance is not None:
        await store.move(ctx.tx, one, Event.REFUSE, Who.MODERATOR)
        await ctx.reply(views.review_moot(ctx.t, one))
        if gate.in_reach(ctx.house, author):
            await _home(ctx, one).send(draft, views.closed(t, one, hindrance, again=False))
        return
    ctx.tx.audit(ctx.sender, "case.released", one.id)
    state = await store.move(ctx.tx, one, Event.RELEASE, Who.MODERATOR)
    await _post(ctx, replace(one, state=state), shown)
    await ctx.reply(views.released(ctx.t, one))


async def reject(ctx: Context, one: Case, reason: str) -> None:
    """A moderator does not let a case pass; its author reads why, and may change it."""
    _shown, author, draft = await opened(ctx, one)
    await store.move(ctx.tx, one, Event.REFUSE, Who.MODERATOR, preview_hash=None)
    ctx.tx.audit(ctx.sender, "case.rejected", one.id)
    if author is not None and draft:
        await _home(ctx, one).send(draft, views.rejected(await ctx.translator(author), one, reason))
    await ctx.reply(views.rejection_told(ctx.t, one))


async def opened(desk: Desk, one: Case) -> tuple[Shown | None, str | None, str]:
    """What was shown of a case, its author, and the chat that they wrote it in (empty: gone)."""
    draft = await store.draft(desk.tx, one.id)
    author = await store.author(desk.tx, one.id)
    return await store.shown(desk.tx, one.id), author, draft.chat if draft is not None else ""


def _home(desk: Desk, one: Case) -> Desk:
    """Where the bot speaks that the author talks with."""
    return Desk(desk.house, desk.tx, one.bot)


async def _unchanged(desk: Desk, one: Case, shown: Shown) -> bool:
    """Whether what is kept is what was shown, and the engine that would look at it now is the same."""
    if one.preview_hash is None or one.room_key is None:
        return False
    now = store.digest(desk.tx.keys, shown.canonical(one.id, one.room_key))
    files = {file.id: file.digest for file in shown.files}
    same = hmac.compare_digest(now, one.preview_hash) and files == await store.digests(desk.tx, one.id)
    return same and desk.house.part(Deidentifier).versions == shown.versions


async def hindered(desk: Desk, t: Translator, user: str, room_key: str | None) -> Rich | None:
    """Why somebody may not post in a room now; None if they may."""
    where = await gate.places(desk)
    room = where.room(room_key) if room_key is not None else None
    if room is None or room.space or room.archived:
        return t(
            "This room is there no longer. Choose another: `{command}`", command=desk.typed("case room …")
        )
    if not may_talk(user, desk.house.hospitals.servers("rooms")):
        return t("Your hospital takes no part in the specialty rooms.")
    decided = await decision(desk, user, room)
    if not decided.admitted:
        return why(t, decided, desk.house.settings.prefix)
    exempt = await gate.exempt(desk)
    if user not in exempt and (await muted(desk, user, room.key) or await locked(desk, room.key)):
        return t("Nobody can write there at present, or you are muted there.")
    barred = await accounts.barred(desk, store.author_key(desk.tx.keys, user))
    return None if barred is None else sanctions.barred(t, barred, desk.now).body


async def _post(desk: Desk, one: Case, shown: Shown) -> None:
    """Queue the post, by the first bot, under the case's own pseudonym."""
    draft = await store.draft(desk.tx, one.id)
    assert one.room_key is not None and draft is not None
    pseudonym = await pseudonyms.new(desk.tx, one.room_key)
    await store.keep_text(desk.tx, one.id, shown.text)
    state = await store.move(
        desk.tx, one, Event.POST, Who.HOUSE,
        pseudonym=pseudonym, tags=store.tags_kept(shown.tags), language=shown.language,
    )  # fmt: skip
    one = replace(one, state=state, pseudonym=pseudonym, tags=shown.tags, language=shown.language)
    await receipts.make(desk, one, before=draft.text, shown=shown)
    await put_up(desk, one, topic=POSTED)
    desk.tx.audit("system", "case.posting", one.id, room=one.room_key)


async def put_up(desk: Desk, one: Case, *, topic: str, before: Rich | None = None) -> str:
    """Queue a case’s post, and its files in its thread, as they are kept; returns the post’s outbox id.

    `topic` is told when the post is there, with the case’s id. `before` is shown below it: where it stood
    earlier.
    """
    text = await store.text(desk.tx, one.id)
    assert one.room_key is not None and text is not None
    room = gate.network(desk.house).rooms[one.room_key].house_name
    t = desk.house_translator()
    speaker = Desk(desk.house, desk.tx, gate.first_bot(desk.house))
    message = views.post(t, one, text, desk.house.settings.prefix, before)
    out = await speaker.send(room, message, topic=topic, ref=one.id)
    for attachment, caption in await _files(desk, t, one):
        await speaker.attach(room, attachment, caption, thread=out, topic=threads.STANDS, ref=one.id)
    return out


async def show_files(desk: Desk, one: Case, card: str) -> None:
    """Show moderators the files that they decide about, too, in the thread of the message that asks them."""
    for attachment, caption in await _files(desk, desk.house_translator(), one):
        await desk.attach(MODERATORS_ROOM, attachment, caption, thread=card)


async def _files(desk: Desk, t: Translator, one: Case) -> list[tuple[Attachment, Message]]:
    """A case’s cleaned files, as they are kept, with what is said of each."""
    return [
        (
            Attachment(f"{one.id}-{number}.{_ENDINGS.get(mimetype, 'bin')}", mimetype, data),
            views.file_of(t, one, number),
        )
        for number, (mimetype, data) in enumerate(await store.files(desk.tx, one.id), 1)
    ]


async def posted(desk: Desk, entry: InboxEntry) -> None:
    """The post is in its room, or could not be put there."""
    one = await store.locked(desk.tx, str(entry.payload["ref"]))
    if one is None or one.state is not State.POSTING:
        return
    shown, author, chat = await opened(desk, one)
    t = await desk.translator(author) if author is not None else desk.house_translator()
    told = author if author is not None and gate.in_reach(desk.house, author) else None
    home = _home(desk, one)
    title = room_title(desk, one.room_key, t.language)
    if entry.payload.get("error") is not None:
        state = await store.move(desk.tx, one, Event.FAIL, Who.HOUSE, preview_hash=None)
        if shown is None or not chat:  # it waited longer than a draft is kept
            await store.move(desk.tx, replace(one, state=state), Event.EXPIRE, Who.HOUSE)
            await store.erase_author(desk.tx, one.id)
        desk.tx.audit("system", "case.failed", one.id)
        if told is not None:
            await home.direct(told, views.failed(t, one, title, desk.house.settings.prefix))
        return
    event_id = str(entry.payload["event_id"])
    state = await store.move(
        desk.tx, one, Event.ARRIVE, Who.HOUSE, event_id=event_id, posted_at=desk.now, preview_hash=None
    )
    one = replace(one, state=state, event_id=event_id, posted_at=desk.now, handle=None)
    await timers.cancel(desk.tx, "cases.draft", one.id)
    desk.tx.audit("system", "case.posted", one.id, room=one.room_key)
    await accounts.posted(home, one)
    await threads.opened(home, one)
    if told is not None:
        await home.direct(told, views.posted(t, one, title, desk.house.settings.prefix))


def room_title(desk: Desk, key: str | None, language: str) -> str:
    """What to call a declared room; its key where it is declared no more."""
    room = gate.network(desk.house).rooms.get(key or "")
    return room.title(language) if room is not None else key or "?"
