"""Making previews: the engine and the cleaner of files at work, outside of any transaction.

Whatever goes wrong (an error, a time-out, a language that is not known, a file that is refused), there is no
preview, or none with that file in it; the author reads why. What was made counts only if the draft is still
the one that it was made of.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

from bot.cases import store
from bot.cases.drafting import posting, views
from bot.cases.drafting.service import CHANNEL, UNSEEN
from bot.cases.model import Case, Draft, Event, File, Shown, ShownFile, State
from bot.cases.rules import Who
from bot.chat import filing
from bot.chat.attachment import MOST_BYTES, Attachment
from bot.chat.deidentifying import TEXT_SECONDS, Deidentifier
from bot.chat.desk import Desk, House
from bot.chat.fetching import Fetcher, Unfetched
from bot.kernel import outbox
from bot.kernel.db import Database, DatabaseTrouble
from bot.kernel.failpoints import failpoint
from bot.kernel.outbox import OutboxRow

if TYPE_CHECKING:
    from bot.deid.files.model import Cleaned
    from bot.deid.model import Result

log = logging.getLogger(__name__)

_POLL_SECONDS = 3.0
FILE_SECONDS = 240.0
MOST_FETCHED = 50 * 1024 * 1024
MOST_PICTURES = 20


@dataclass(frozen=True)
class Picture:
    """One cleaned file: what may leave, and the pictures that show what was done, for its author alone."""

    event: str
    parts: tuple[tuple[str, bytes], ...] = field(repr=False)
    comparisons: tuple[Attachment, ...] = field(repr=False)


@dataclass(frozen=True)
class Made:
    """What became of a draft."""

    shown: Shown | None = None
    refusal: str = ""  # a key of views' reasons, without `shown`
    pictures: tuple[Picture, ...] = ()
    refused: tuple[tuple[str, str], ...] = ()  # files that are not posted: event, and a key of views' reasons
    lost_tags: tuple[str, ...] = ()


async def run(house: House, database: Database) -> None:
    """The worker: makes what is ordered, one preview at a time."""
    try:
        await house.part(Deidentifier).warm()
    except Exception as error:  # each preview tries again, and says that there is none
        log.error("the engine cannot be loaded", extra={"error": type(error).__name__})
    while True:
        try:
            busy = await make_one(house, database)
        except DatabaseTrouble as error:
            log.error("the outbox cannot be read", extra={"error": type(error).__name__})
            busy = False
        if not busy:
            await database.wakeups.wait(f"outbox {CHANNEL}", _POLL_SECONDS)


async def make_one(house: House, database: Database) -> bool:
    """Make the preview that was ordered first; False if there was nothing to do."""
    row = await filing.claim(house, database, CHANNEL)
    if row is None:
        return False
    held = asyncio.create_task(filing.hold(database, row))
    try:
        case_id, seq = str(row.body["case"]), int(row.body["seq"])
        async with database.read() as tx:
            one, draft = await store.case(tx, case_id), await store.draft(tx, case_id)
            earlier = await store.shown(tx, case_id)
            author = await store.author(tx, case_id)
            t = await Desk(house, tx, row.bot).translator(author or "")
        made = Made(refusal="engine")
        if one is not None and draft is not None and _waits(one, seq):
            failpoint("case.before_find")
            made = await _make(house, database, one, draft, earlier, t.language)
            failpoint("case.before_show")
        try:
            await _finish(house, database, row, made)
        except DatabaseTrouble:
            raise
        except Exception as error:  # its text may hold names
            log.error("a preview could not be shown", extra={"case": case_id, "error": type(error).__name__})
            await _finish(house, database, row, Made(refusal="engine"))
        failpoint("case.after_show")
    finally:
        held.cancel()
    return True


async def _finish(house: House, database: Database, row: OutboxRow, made: Made) -> None:
    """Show what was made, if the draft still waits for it, and take the order off the list."""
    async with database.begin() as tx:
        one = await store.locked(tx, str(row.body["case"]))
        draft = await store.draft(tx, one.id) if one is not None else None
        if one is not None and draft is not None and _waits(one, int(row.body["seq"])):
            await _show(Desk(house, tx, one.bot), one, draft, made)
        await outbox.mark_sent(tx, row.id)


def _waits(one: Case, seq: int) -> bool:
    """Whether a case still waits for this preview; else a newer one is ordered, or it is gone."""
    return one.state is State.WORKING and one.seq == seq


async def _make(
    house: House, database: Database, one: Case, draft: Draft, earlier: Shown | None, language: str
) -> Made:
    """What may be shown of a draft; never raises but for a database that is away."""
    engine = house.part(Deidentifier)
    try:
        found = await engine.find(draft.text, default=language)
        result = await engine.threads.run(partial(_corrected, draft, found), TEXT_SECONDS)
        tags, lost = await _tags(engine, draft.tags, result.language)
    except Exception as error:
        return Made(refusal=_refusal(one, error))
    if not any(isinstance(piece, str) and piece.strip() for piece in _shown(result).pieces()):
        return Made(refusal="empty")
    kept = {file.event: file for file in earlier.files} if earlier else {}
    same_engine = earlier is not None and earlier.versions == result.versions
    pictures: list[Picture] = []
    refused: list[tuple[str, str]] = []
    for file in draft.files:
        if same_engine and file.event in kept:
            continue
        try:
            data = await house.part(Fetcher).fetch(database, one.bot, file.content, MOST_FETCHED)
        except Unfetched as error:
            refused.append((file.event, error.reason))
            continue
        try:
            pictures.append(await _clean(engine, file, data, language))
        except Exception as error:
            refused.append((file.event, _file_refusal(one, error)))
    words = tuple((hint.reason, draft.text[hint.start : hint.end]) for hint in result.quasi)
    old = tuple(kept[file.event] for file in draft.files if same_engine and file.event in kept)
    back = tuple(span.kind.letter for span in found.spans if (span.start, span.end) in draft.edits.restored)
    shown = replace(_shown(result), warnings=words, tags=tags, files=old, restored=back)
    return Made(shown, "", tuple(pictures), tuple(refused), lost)


def _corrected(draft: Draft, found: Result) -> Result:
    """What was found, with the author’s corrections."""
    from bot.deid.edits import corrected

    return corrected(draft.text, found, draft.edits)


def _shown(result: Result) -> Shown:
    return Shown(result.text, result.language, result.spans, versions=dict(result.versions))


async def _tags(
    engine: Deidentifier, tags: Sequence[str], language: str
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The tags that name nobody, and the others."""
    lost = [
        tag for tag in tags if (await engine.find(tag.replace("-", " ").replace("_", " "), language)).spans
    ]
    return tuple(tag for tag in tags if tag not in lost), tuple(lost)


async def _clean(engine: Deidentifier, file: File, data: bytes, language: str) -> Picture:
    """Clean one file; raises whatever goes wrong."""
    info = file.content.get("info", {})
    mimetype = str(info.get("mimetype", "application/octet-stream"))
    name = str(file.content.get("filename") or file.content.get("body") or "file")
    work = partial(_cleaned, engine, data, mimetype, name, language)
    cleaned = await engine.threads.run(work, FILE_SECONDS)
    parts = tuple((part.mimetype, part.data) for part in cleaned.files)
    comparisons = tuple(
        Attachment(part.name, part.mimetype, part.data, part.width, part.height)
        for part in cleaned.comparisons
    )
    if not parts or not comparisons or len(comparisons) > MOST_PICTURES:
        raise Unfetched("engine")
    if any(len(part) > MOST_BYTES for _mimetype, part in parts):
        raise Unfetched("size")
    return Picture(file.event, parts, comparisons)


def _cleaned(engine: Deidentifier, data: bytes, mimetype: str, name: str, language: str) -> Cleaned:
    """The cleaner, imported here: what it takes to look at pictures is loaded when there is one."""
    from bot.deid.files import Limits, Options, clean

    limits = Limits(bytes=MOST_FETCHED, pages=MOST_PICTURES, seconds=FILE_SECONDS * 0.8)
    return clean(data, mimetype, name, engine.engine(), Options(default_language=language, limits=limits))


def _refusal(one: Case, error: Exception) -> str:
    """Why there is no preview; of what is not foreseen only the type is logged, its text may hold names."""
    from bot.deid.engine import TooLong, UnsupportedLanguage

    if isinstance(error, UnsupportedLanguage):
        return "language"
    if isinstance(error, TooLong):
        return "long"
    log.error("no preview could be made", extra={"case": one.id, "error": type(error).__name__})
    return "time" if isinstance(error, TimeoutError) else "engine"


def _file_refusal(one: Case, error: Exception) -> str:
    """Why a file is not posted."""
    if isinstance(error, Unfetched):
        return error.reason
    reason = getattr(error, "reason", None)  # bot.deid.files.Refused: a name, no text of the file
    named = str(getattr(reason, "name", "")).lower()
    if named in views.FILE_REFUSALS:
        return named
    log.error("a file could not be cleaned", extra={"case": one.id, "error": type(error).__name__})
    return "time" if isinstance(error, TimeoutError) else "failed"


async def _show(desk: Desk, one: Case, draft: Draft, made: Made) -> None:
    """Keep what is shown, and show it, in one transaction."""
    author = await store.author(desk.tx, one.id)
    t = await desk.translator(author or "")
    left = tuple(file for file in draft.files if file.event not in dict(made.refused))
    if left != draft.files:
        draft = replace(draft, files=left)
        await store.keep_draft(desk.tx, one.id, draft)
    for _event, reason in made.refused:
        await desk.send(draft.chat, views.file_refused(t, one, reason))
    if made.shown is None:
        await store.move(desk.tx, one, Event.REFUSE, Who.HOUSE)
        desk.tx.audit("system", "case.refused", one.id, reason=made.refusal)
        await desk.send(draft.chat, views.refused(t, one, made.refusal))
        return
    await store.forget_files(desk.tx, one.id, [file.id for file in made.shown.files])
    fresh = [(picture, *await store.add_file(desk.tx, one.id, picture.parts)) for picture in made.pictures]
    by_event = {file.event: file for file in made.shown.files}
    by_event |= {picture.event: ShownFile(file_id, picture.event, named) for picture, file_id, named in fresh}
    files = tuple(by_event[file.event] for file in draft.files)
    shown = replace(made.shown, files=files)
    assert one.room_key is not None
    await store.keep_shown(
        desk.tx, one.id, shown, store.digest(desk.tx.keys, shown.canonical(one.id, one.room_key))
    )
    state = await store.move(desk.tx, one, Event.SHOW, Who.HOUSE)
    one = replace(one, state=state)
    desk.tx.audit("system", "case.shown", one.id, preview=one.seq)
    room = posting.room_title(desk, one.room_key, t.language)
    for message in views.preview(t, one, shown, room, desk.house.settings.prefix, made.lost_tags):
        await desk.send(draft.chat, message)
    for picture, file_id, _named in fresh:
        number = [file.event for file in draft.files].index(picture.event) + 1
        last = len(picture.comparisons)
        for page, comparison in enumerate(picture.comparisons, 1):
            caption = (
                views.picture(t, one, file_id, number)
                if page == last
                else views.more_of_picture(t, one, number, page)
            )
            ref = store.picture_key(desk.tx.keys, file_id)
            await desk.attach(draft.chat, comparison, caption, topic=UNSEEN, ref=ref)
