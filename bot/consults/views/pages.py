"""What somebody sees who is asked: the page, what becomes of it, and several at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.message import Message
from bot.chat.rich import Rich, joined, lines, verbatim
from bot.consults.asking import times
from bot.consults.model import Asked, Consult, Expects, Outcome
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.views.reader import GAP, Reader, about
from bot.consults.views.wording import EXPECTS
from bot.consults.words.store import Words
from bot.directory.policies import Mode

_SBAR: Mapping[str, str] = {
    "situation": "Situation",
    "background": "Background",
    "assessment": "Assessment",
    "recommendation": "Wanted",
}


def request_lines(reader: Reader, request: Request) -> list[Rich]:
    """What was asked, in the requester's words: the question first, then what helps to answer it."""
    place = [
        reader.t("ward {ward}", ward=request.ward) if request.ward else verbatim(""),
        reader.t("callback {callback}", callback=request.callback) if request.callback else verbatim(""),
    ]
    parts = [
        reader.t(_SBAR[name]) + verbatim(": " + text) for name, text in request.parts.items() if name in _SBAR
    ]
    template = reader.roster.templates.get(request.template)
    asks = {one.key: one.ask(reader.t.language) for one in template.fields} if template is not None else {}
    fields = [verbatim(f"{asks.get(key, key)} {text}") for key, text in request.fields]
    count = len(request.attachments)
    files = reader.t.plural("{number} file, in the room", "{number} files, in the room", count)
    attached = [verbatim("📎 ") + files] if count else []
    return [verbatim(request.question), *fields, *parts, joined(place, " · "), *attached]


def handed_on(reader: Reader, summary: Words | None) -> list[Rich]:
    """What somebody wrote for whoever takes over from them."""
    if summary is None:
        return []
    return [GAP, reader.t("{who} hands it on:", who=reader.who(summary.author)), verbatim(summary.text)]


def page(
    reader: Reader,
    record: Record,
    number: int,
    request: Request | None,
    summary: Words | None = None,
    *,
    quiet: bool = False,
) -> Message:
    """Ask somebody; without anything of the request where the chat is not encrypted.

    `quiet`: it does not ring, since it goes out with others that were announced.
    """
    say, consult = reader.say, record.consult
    asked = consult.page(number)
    unseen = say("This chat is not encrypted: the question is shown only in the room.", record)
    expects: list[Rich] = []
    if consult.expects is not Expects.ACTION:
        expects.append(say("Reply wanted: {what}", record, what=reader.t(EXPECTS[consult.expects])))
    if consult.follow:
        expects.append(say("please follow along", record))
    body = lines(
        [
            say("**{urgency}** · {service} · consult **{id}**", record),
            say("From {requester}:", record),
            *(request_lines(reader, request) if request is not None else [unseen]),
            joined(expects, " · "),
            *handed_on(reader, summary),
            GAP,
            say("✅ or `{p}accept {id}`: you take it", record),
            say("👀 or `{p}ack {id}`: you are looking at it", record),
            say("❌ or `{p}decline {id} …`: you cannot", record),
            _what_then(reader, record, asked),
        ]
    )
    buttons = {
        "✅": f"accept {record.id}",
        "👀": f"ack {record.id}",
        "❌": f"decline {record.id}",
    }
    return about(record, body, kind="consult.page", loud=not quiet, buttons=buttons)


def _what_then(reader: Reader, record: Record, asked: Asked | None) -> Rich:
    consult = record.consult
    if asked is not None and asked.outcome is Outcome.ACKNOWLEDGED and consult.turn_due is not None:
        return reader.say(
            "You have seen it. Please accept or decline until {time}.",
            record,
            time=reader.time(consult.turn_due),
        )
    if _together(consult, asked):
        return reader.say("Others are asked as well: who accepts first has it.", record)
    return reader.say("After {span} I ask the next one.", record)


def _together(consult: Consult, asked: Asked | None) -> bool:
    return (
        asked is not None
        and not consult.named
        and times(consult).mode is Mode.TOGETHER
        and sum(page.turn == asked.turn for page in consult.asked) > 1
    )


def unpaged(reader: Reader, record: Record, why: str) -> Message:
    """What an earlier page says once there is nothing left to do there."""
    match why:
        case "yours" if record.room_id:
            body = reader.say("**{id}** · {service}: you accepted. {room}", record)
        case "yours":
            body = reader.say("**{id}** · {service}: you accepted.", record)
        case "declined":
            body = reader.say("**{id}** · {service}: you declined.", record)
        case "off-duty":
            body = reader.say(
                "**{id}** · {service}: your duty is over, so somebody else is asked. Nothing to do.", record
            )
        case "cancelled":
            body = reader.say("**{id}** · {service}: cancelled, nothing to do.", record)
        case "expired":
            body = reader.say("**{id}** · {service}: expired, nothing to do.", record)
        case "entered-in-error":
            body = reader.say("**{id}** · {service}: entered in error, nothing to do.", record)
        case _:
            body = reader.say("**{id}** · {service}: already taken by {consultant}, nothing to do.", record)
    return about(record, body, kind="consult.page")


def bundle(reader: Reader, records: Sequence[Record], user: str) -> Message:
    """That several requests waited for somebody: this rings, once; each has its own page below."""
    count = len(records)
    head = reader.t.plural(
        "**{number} request** that could wait is here now:",
        "**{number} requests** that could wait are here now:",
        count,
    )  # fmt: skip
    listed = [reader.say("**{id}** · {service} · from {requester}", one) for one in records]
    return Message("consult.bundle", lines([head, *listed]), loud=True, mentions=(user,))
