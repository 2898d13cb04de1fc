"""Lists of consults, and what somebody reads directly after their command."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.buttons import NUMBERS
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, verbatim
from bot.consults.store import Record
from bot.consults.views.reader import Reader, about
from bot.consults.views.wording import NOTHING, REFUSALS, STATES


def done(reader: Reader, record: Record, word: str, who: str | None = None) -> Message:
    """Confirm to somebody what their command did, where nothing else tells them."""
    name, say = reader.who(who), reader.say
    match word:
        case "answer":
            body = say("**{id}**: your answer is with {requester}, who is asked to read it back.", record)
        case "interim":
            body = say("**{id}**: {requester} has your first word. The answer is still to come.", record)
        case "wanted":
            body = say("**{id}**: {requester} is asked. You hear it here.", record)
        case "info":
            body = say("**{id}**: it is passed on.", record)
        case "decline":
            body = say("**{id}**: you declined.", record)
        case "ack":
            body = say("**{id}**: they know that you have seen it. To take it: `{p}accept {id}`", record)
        case "unack":
            body = say("**{id}**: they know that you are not looking at it.", record)
        case "add":
            body = say("**{id}**: {who} is invited.", record, who=name)
        case "reopen":
            body = say("**{id}** is open again.", record)
        case "error":
            body = say("**{id}** is marked as entered in error.", record)
        case "handoff" if record.consult.consultant is not None:
            body = say("**{id}**: asking {who}. Until they accept, {consultant} has it.", record, who=name)
        case "handoff":
            body = say("**{id}**: asking {who}.", record, who=name)
        case _:
            body = say("**{id}** is cancelled.", record)
    return about(record, body)


def refused(reader: Reader, record: Record, reason: str) -> Message:
    """Why nothing was done, and what can be."""
    return about(record, reader.say(REFUSALS[reason], record), kind="error")


def unknown(reader: Reader, consult_id: str) -> Message:
    """There is no such consult."""
    return Message("error", reader.t(REFUSALS["unknown"], id=consult_id, p=reader.prefix), id=consult_id)


def nothing(reader: Reader, word: str) -> Message:
    """There is no consult with which this command could do anything."""
    return Message("error", reader.t(NOTHING[word], p=reader.prefix))


def not_here(reader: Reader, consult_id: str, word: str) -> Message:
    """A command without an id in the room of a consult to which it does not apply."""
    text = reader.t(
        "This is the room of **{id}**, and there is nothing to do with it. "
        "If you mean another consult, name it: `{p}{word} C-…`",
        id=consult_id,
        p=reader.prefix,
        word=word,
    )
    return Message("error", text, id=consult_id)


def choice(reader: Reader, records: Sequence[Record], word: str, rest: str, user: str) -> Message:
    """Which of several is meant: by number, or by id."""
    numbered = list(zip(NUMBERS, records, strict=False))
    body = lines(
        [
            reader.t(
                "Which one? Tap its number, or write `{p}{word}` with its id:", p=reader.prefix, word=word
            ),
            *(verbatim(f"{number} ") + line(reader, record) for number, record in numbered),
            *(line(reader, record) for record in records[len(numbered) :]),
        ]
    )
    buttons = {number: f"{user} {word} {record.id} {rest}".rstrip() for number, record in numbered}
    return Message("consult.list", body, buttons=buttons)


def listing(reader: Reader, records: Sequence[Record], user: str) -> Message:
    """Somebody's open consults."""
    care = [record for record in records if record.consult.consultant == user]
    requested = [record for record in records if record.consult.requester == user]
    asked = [record for record in records if record not in care and record not in requested]
    parts = []
    for heading, group in (
        (reader.t("**In your care**"), care),
        (reader.t("**You are asked**"), asked),
        (reader.t("**Requested by you**"), requested),
    ):
        if group:
            parts += [heading, bullets([line(reader, record) for record in group])]
    none = reader.t("You have no open consult. To ask for one: `{p}consult`", p=reader.prefix)
    return Message("consult.list", lines(parts) if parts else none)


def line(reader: Reader, record: Record) -> Rich:
    """A consult in one line."""
    consult = record.consult
    text = reader.say(
        "**{id}** · {urgency} · {service} · {state} · since {since}",
        record,
        state=reader.t(STATES[consult.state]),
        since=reader.time(consult.opened_at),
    )
    return text + verbatim(" · ") + reader.who(consult.consultant) if consult.consultant else text
