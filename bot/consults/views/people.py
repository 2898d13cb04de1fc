"""What the consultant, colleagues, moderators and the consult's room see."""

from __future__ import annotations

from bot.chat.message import Message
from bot.chat.rich import Rich, lines, verbatim
from bot.consults.model import Room
from bot.consults.request import Request
from bot.consults.store import Record
from bot.consults.views.pages import handed_on, request_lines
from bot.consults.views.reader import GAP, Reader, about
from bot.consults.views.wording import OUTCOMES
from bot.consults.words.store import Words

_REQUESTER_LOST = (
    "**{id}**: the hospital of {who}, who asked, takes part no longer. Please see who looks after it."
)
# What rings; invitations to rooms ring by themselves.
_LOUD_TO_PERSON = frozenset(
    {"no-room", "still-yours", "cancelled", "expired", "entered-in-error", "reopened", "info", "answer-due",
     "remind", "added"}
)  # fmt: skip
_LOUD_TO_MODERATORS = frozenset(
    {"page-failed", "channels-failed", "room-failed", "lost", "requester-lost", "asked", "answer-due",
     "unaccounted"}
)  # fmt: skip


def to_person(
    reader: Reader,
    record: Record,
    what: str,
    who: str | None,
    *,
    request: Request | None = None,
    text: str = "",
) -> Message:
    """Tell the consultant, a former one or a colleague, in their direct chat.

    `text` is what somebody wrote, given only where the chat is encrypted.
    """
    name, consult = reader.who(who), record.consult
    say = reader.say
    buttons: dict[str, str] = {}
    match what:
        case "accepted" if consult.room is Room.READY:
            body = say("You have **{id}** now ({service}, from {requester}): {room}", record)
        case "accepted" if consult.room is Room.MAKING:
            body = say("You have **{id}** now ({service}, from {requester}). I am making a room.", record)
        case "accepted":
            body = say("You have **{id}** now ({service}, from {requester}).", record)
        case "room":
            body = say("**{id}**: the room is ready. To answer there: `{p}answer …`\n{room}", record)
        case "no-room":
            question = request_lines(reader, request) if request is not None else []
            first = say(
                "**{id}**: there is no room. Please write to {who} directly, and answer here:",
                record,
                who=name,
            )
            body = lines([first, say("`{p}answer {id} …`", record), *question])
        case "requester-lost":
            body = say(_REQUESTER_LOST, record, who=name)
        case "still-yours":
            body = say("**{id}** stays with you.", record)
        case "handed-over":
            body = say("**{id}**: {who} has taken over. Thank you.", record, who=name)
        case "remind":
            first = say("**{id}**: you have seen it, and nobody has it yet. Do you take it?", record)
            then = say("✅ or `{p}accept {id}` · ❌ or `{p}decline {id} …`", record)
            buttons = {"✅": f"accept {record.id}", "❌": f"decline {record.id}"}
            body = lines([first, then])
        case "added":
            body = say("{who} brings you in on **{id}** ({service}): {room}", record, who=name)
        case "info":
            told = say("**{id}**: {who} tells more:", record, who=name)
            body = lines([told, verbatim(text) if text else say("You find it here: {room}", record)])
        case "answer-due":
            first = say("**{id}**: your answer is due ({service}, from {requester}).", record)
            then = say("`{p}answer {id} …`, a first word by `{p}interim {id} …`", record)
            body = lines([first, then])
        case "completed":
            read_back = say("{requester} has read your answer back:", record) if text else verbatim("")
            closed = say("**{id}** is closed. Thank you.", record)
            body = lines([closed, read_back, verbatim(text)])
        case "reopened":
            body = lines([say("**{id}** is open again, and with you.", record), verbatim(text)])
        case "expired":
            body = say("**{id}** has expired: nobody read the answer back.", record)
        case "entered-in-error":
            body = say("**{id}** was entered in error. There is nothing to do.", record)
        case _:
            body = say("**{id}** was cancelled by {who}.", record, who=name)
    return about(record, body, loud=what in _LOUD_TO_PERSON, buttons=buttons)


def to_moderators(reader: Reader, record: Record, what: str, who: str | None, *, error: str = "") -> Message:
    """Tell the moderators' room; never the question. `error` is a content-free reason."""
    if what in ("unstaffed", "still-unstaffed", "asked"):
        return _unstaffed(reader, record, what)
    name, say = reader.who(who), reader.say
    match what:
        case "page-failed":
            body = say("**{id}**: the page to {who} could not be delivered", record, who=name)
            body = body + (verbatim(f" ({error}).") if error else verbatim("."))
        case "channels-failed":
            body = say(
                "**{id}**: {who} could be reached by no second channel; their chat has the page.",
                record,
                who=name,
            )
        case "handoff-failed":
            body = say("**{id}**: nobody took over from {who}, who stays responsible.", record, who=name)
        case "lost":
            body = say(
                "**{id}**: the hospital of {who} takes part no longer. Somebody else is asked.",
                record,
                who=name,
            )
        case "requester-lost":
            body = say(_REQUESTER_LOST, record, who=name)
        case "room-failed":
            body = say("**{id}**: its room could not be made; it goes on in direct messages.", record)
        case "accepted":
            body = say("**{id}**: {who} has accepted.", record, who=name)
        case "answer-due":
            body = say("**{id}**: the answer of {who} is overdue, for the second time.", record, who=name)
        case "unaccounted":
            body = say(
                "**{id}**: I cannot tell who looks after it ({service}). Please see to it: "
                "`{p}handoff {id} @colleague`",
                record,
            )
        case "expired":
            body = say("**{id}** has expired.", record)
        case "entered-in-error":
            body = say("**{id}** was entered in error.", record)
        case _:
            body = say("**{id}** was cancelled by {who}.", record, who=name)
    return about(record, body, loud=what in _LOUD_TO_MODERATORS)


def _unstaffed(reader: Reader, record: Record, what: str) -> Message:
    last = {page.user: page for page in record.consult.asked}
    asked = [
        reader.t("{who}: {outcome}", who=reader.who(page.user), outcome=reader.t(OUTCOMES[page.outcome]))
        for page in last.values()
    ]
    if what == "asked":
        first = reader.say("**{urgency} · {service}: can one of you take consult {id}?**", record)
    elif what == "unstaffed":
        first = reader.say("**{urgency} · {service}: nobody has taken consult {id}**", record)
    else:
        first = reader.say("**{urgency} · {service}: still nobody has taken consult {id}**", record)
    nobody = [] if what == "asked" else [reader.say("Nobody is on call.", record)]
    body = lines(
        [
            first,
            reader.say("From {requester}", record),
            *(asked or nobody),
            reader.say(
                "✅ or `{p}accept {id}` takes it; to ask somebody: `{p}handoff {id} @colleague`", record
            ),
        ]
    )
    buttons = {"✅": f"accept {record.id}"}
    return about(record, body, kind="consult.unstaffed", loud=True, buttons=buttons)


def to_room(reader: Reader, record: Record, what: str, who: str | None) -> Message:
    """What all in the consult's room must know."""
    name, say = reader.who(who), reader.say
    body: Rich
    match what:
        case "completed":
            body = say("**{id}** is closed.", record)
        case "added":
            body = say("**{id}**: {who} joins you.", record, who=name)
        case "reopened":
            body = say("**{id}** is open again.", record)
        case "expired":
            body = say("**{id}** has expired.", record)
        case "entered-in-error":
            body = say("**{id}** was entered in error.", record)
        case _:
            body = say("**{id}** is cancelled.", record)
    return about(record, body)


def question(reader: Reader, record: Record, request: Request, summary: Words | None = None) -> Message:
    """The question, in the consult's room."""
    body = lines(
        [
            reader.say("**{urgency}** · {service} · consult **{id}**", record),
            reader.say("{requester} asks {consultant}:", record),
            *request_lines(reader, request),
            *handed_on(reader, summary),
            GAP,
            reader.say("To answer: `{p}answer …`", record),
            reader.say("To ask back: `{p}info …`", record),
            reader.say("To pass it on: `{p}handoff @colleague`", record),
        ]
    )
    mentions = (record.consult.consultant,) if record.consult.consultant else ()
    return about(record, body, kind="consult.question", loud=True, mentions=mentions)
