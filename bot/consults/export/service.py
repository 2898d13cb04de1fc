"""An export on request: ordered in the chat, made and signed by a worker, sent to the direct chat."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from typing import Any

from bot.chat import filing
from bot.chat.attachment import Attachment
from bot.chat.desk import Context, Desk, House
from bot.chat.filing import Made
from bot.consults import service as consults
from bot.consults import store, views
from bot.consults.export import fhir, pdf, signing
from bot.consults.export import store as reading
from bot.consults.export import views as shown
from bot.consults.export.extract import Extract, Said
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.views import Reader
from bot.consults.words import store as words
from bot.directory.moderators import is_moderator
from bot.kernel.db import Database

CHANNEL = "file.export"
FHIR_JSON = "application/fhir+json"  # R4, "Content types"
_LABELS_OF_PARTS = {
    "situation": "Situation",
    "background": "Background",
    "assessment": "Assessment",
    "recommendation": "Wanted",
    "ward": "Ward",
    "callback": "Callback",
}


async def order(ctx: Context, consult_id: str) -> None:
    """Have a consult exported for whoever asks: its requester, its consultant, a moderator."""
    record = await store.look(ctx.tx, consult_id)
    if record is None or not await consults.may_know(ctx, record):
        await ctx.reply(views.unknown(consults.reader(ctx, ctx.t), consult_id))
        return
    if not await _may(ctx, record, ctx.sender):
        await ctx.reply(shown.not_yours(ctx.t, consult_id))
        return
    room = ctx.room.room_id if ctx.room.direct else f"dm:{ctx.sender}"
    facts = ctx.room if ctx.room.direct else await ctx.house.rooms.facts(ctx.tx, ctx.bot, room)
    if facts is not None and not facts.encrypted:
        await ctx.reply(shown.not_encrypted(ctx.t, consult_id))
        return
    ctx.tx.audit(ctx.sender, "consult.export", consult_id, state=str(record.consult.state))
    thread = ctx.said.thread if ctx.room.direct else None
    await filing.order(
        ctx, CHANNEL, room, {"consult": consult_id, "user": ctx.sender}, user=ctx.sender, thread=thread
    )
    if not ctx.room.direct:
        await ctx.reply(shown.ordered(ctx.t, consult_id))


async def make(house: House, database: Database, bot: str, what: Mapping[str, Any]) -> Sequence[Made]:
    """Gather, write and sign what was ordered; nothing if it is no longer theirs to have."""
    consult_id, user = str(what["consult"]), str(what["user"])
    async with database.read() as tx:
        desk = Desk(house, tx, bot)
        record = await store.look(tx, consult_id)
        if record is None or not await _may(desk, record, user):
            return []
        reader = views.reader_of(desk, await desk.translator(user))
        gathered = await gather(desk, reader, record, user)
    return await asyncio.to_thread(_files, house, database, reader, gathered)


async def gather(desk: Desk, reader: Reader, record: Record, user: str) -> Extract:
    """Everything about a consult, for somebody."""
    consult = record.consult
    request = await store.request(desk.tx, record.id)
    said = await words.of_consult(desk.tx, record.id)
    bots = frozenset(desk.house.bot_users.values())
    return Extract(
        consult=consult,
        service=reader.service(consult),
        hospital=desk.house.settings.hospital,
        server=desk.house.settings.server_name,
        question=request.question,
        parts=_parts(reader, request),
        ward=request.ward,
        attachments=len(request.attachments),
        words=tuple(Said(one.kind, one.author, one.at, one.text) for one in said),
        answer=await store.answer(desk.tx, record.id),
        read_back=await store.read_back(desk.tx, record.id),
        pages=await reading.pages(desk.tx, record.id),
        trail=await reading.trail(desk.tx, record.id),
        names={user_id: one.name for user_id, one in reader.roster.clinicians.items()},
        bots=bots,
        made_at=desk.now,
        made_for=user,
    )


def _files(house: House, database: Database, reader: Reader, extract: Extract) -> list[Made]:
    """The two files and what stands with them."""
    t, consult_id = reader.t, extract.consult.id
    signer = signing.identity(house.settings, database.keys)
    plain = pdf.render(extract, t, house.settings.timezone, signer.fingerprint)
    reason = t("An extract for the record").plain
    signed = signing.sign(plain, signer, reason=reason, hospital=extract.hospital)
    bundle = json.dumps(fhir.bundle(extract), ensure_ascii=False, indent=1).encode("utf-8")
    return [
        Made(
            shown.pdf_caption(t, consult_id, signer.fingerprint),
            Attachment(f"{consult_id}.pdf", "application/pdf", signed),
        ),
        Made(shown.fhir_caption(t, consult_id), Attachment(f"{consult_id}.fhir.json", FHIR_JSON, bundle)),
    ]


def _parts(reader: Reader, request: Request) -> tuple[tuple[str, str], ...]:
    template = reader.roster.templates.get(request.template)
    asks = {one.key: one.ask(reader.t.language) for one in template.fields} if template is not None else {}
    fields = [(asks.get(key, key), text) for key, text in request.fields]
    return (
        *fields,
        *((reader.t(_LABELS_OF_PARTS[name]).plain, text) for name, text in request.parts.items()),
    )


async def _may(desk: Desk, record: Record, user: str) -> bool:
    consult = record.consult
    return user in (consult.requester, consult.consultant) or await is_moderator(desk, user)
