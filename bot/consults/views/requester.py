"""What the requester sees: one message that shows how it goes, and what they must know or do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.buttons import NUMBERS
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, verbatim
from bot.consults.asking import times
from bot.consults.model import Asked, Outcome, Room, State, TellRequester
from bot.consults.store import Record
from bot.consults.views.reader import GAP, Reader, about
from bot.consults.views.wording import OUTCOMES

# Steps on the way to somebody: they change the one message that shows how it goes, and ring nobody.
QUIET = frozenset(
    {
        "skipped", "asking", "asking-later", "asking-several", "asking-moderators", "no-answer",
        "no-answer-several", "declined", "page-failed", "channels-failed", "off-duty", "acknowledged",
        "unacknowledged", "handoff", "still-unstaffed", "edited", "reopened",
    }
)  # fmt: skip
# What rings: news that somebody else made, or that the requester has to act on.
_LOUD = frozenset(
    {
        "unstaffed", "accepted", "no-room", "still-with", "lost", "cancelled", "expired", "info-wanted",
        "info-due", "interim", "answer-due", "read-back-due", "reopened",
    }
)  # fmt: skip
_SHOWN = 8  # pages; of many, the last


def progress(
    reader: Reader,
    record: Record,
    steps: Sequence[TellRequester],
    reasons: Mapping[str, str],
    *,
    warn: bool = False,
) -> Message:
    """How it goes: who is being asked now, and what became of those before.

    `steps` are those that led here, `reasons` why people declined, shown only where the question may be.
    """
    consult = record.consult
    parts = [_headline(reader, record, consult.current), *_before(reader, record, steps, reasons)]
    if consult.state in (State.REQUESTED, State.UNSTAFFED):
        parts.append(reader.say("To withdraw it: `{p}cancel {id}`", record))
    if warn:
        parts.append(_unencrypted(reader, record))
    return about(record, lines(parts))


def _before(
    reader: Reader, record: Record, steps: Sequence[TellRequester], reasons: Mapping[str, str]
) -> list[Rich]:
    """What led to where it stands: who was passed over, and what became of those who were asked."""
    consult, what = record.consult, {step.what for step in steps}
    notes = []
    if "edited" in what:
        notes.append(reader.say("Your changes are shown to those who are asked.", record))
    if "skipped" in what:
        notes.append(reader.say("You are on call yourself, so I pass you over.", record))
    done = [page for page in consult.asked if page not in consult.current]
    return [*notes, bullets([_became(reader, page, reasons) for page in done[-_SHOWN:]])]


def _became(reader: Reader, page: Asked, reasons: Mapping[str, str]) -> Rich:
    line = reader.t("{who}: {outcome}", who=reader.who(page.user), outcome=reader.t(OUTCOMES[page.outcome]))
    reason = reasons.get(page.user, "") if page.outcome is Outcome.DECLINED else ""
    return line + verbatim(f" ({reason})") if reason else line


def _headline(reader: Reader, record: Record, current: Sequence[Asked]) -> Rich:
    consult = record.consult
    if consult.state is State.UNSTAFFED and not reader.moderators:
        return reader.say(
            "**{id}**: still nobody could take it ({service}, {urgency}), and nobody else knows of it. "
            "If it cannot wait, please phone. I try again.",
            record,
        )
    if consult.state is State.UNSTAFFED:
        return reader.say(
            "**{id}**: still nobody could take it ({service}, {urgency}). If it cannot wait, please phone. "
            "The moderators know, and I try again.",
            record,
        )
    if consult.state is not State.REQUESTED:
        return reader.say("**{id}** stays with {consultant}.", record)
    seen = next((page for page in current if page.outcome is Outcome.ACKNOWLEDGED), None)
    if seen is not None:
        return reader.say(
            "**{id}**: {who} has seen it ({service}, {urgency}), and has until {time} to accept.",
            record,
            who=reader.who(seen.user),
            time=reader.time(consult.turn_due or reader.now),
        )
    if len(current) > 1:
        return reader.say(
            "**{id}**: asking {number} colleagues at once ({service}, {urgency}); the first one has it.",
            record,
            number=len(current),
        )
    if not current:
        return reader.say(
            "**{id}**: asking the moderators ({service}, {urgency}), who have {span} to find somebody.",
            record,
        )
    who = reader.who(current[0].user)
    due = consult.turn_due
    if due is not None and due - reader.now > times(consult).wait:
        return reader.say(
            "**{id}**: {who} is asked with their next bundle ({service}, {urgency}), at {time}.",
            record,
            who=who,
            time=reader.time(due - times(consult).wait),
        )
    return reader.say(
        "**{id}**: asking {who} ({service}, {urgency}), who has {span} to accept.", record, who=who
    )


def to_requester(
    reader: Reader,
    record: Record,
    step: TellRequester,
    before: Sequence[TellRequester] = (),
    reasons: Mapping[str, str] | None = None,
    *,
    text: str = "",
    warn: bool = False,
) -> Message:
    """One step that they must know of, told in the thread in which the consult was asked for.

    `before` are the steps that led to it, `text` what somebody wrote with it.
    """
    what = step.what
    history = _before(reader, record, before, reasons or {}) if what == "unstaffed" else []
    body = lines([_line(reader, record, step), verbatim(text), *history, *_next(reader, record, what)])
    if warn:
        body = lines([body, _unencrypted(reader, record)])
    kind = "consult.unstaffed" if what == "unstaffed" else "consult.state"
    loud = what in _LOUD and step.who != record.consult.requester
    requester = record.consult.requester
    buttons = {"✅": f"{requester} close {record.id} ✅"} if what == "read-back-due" else {}
    return about(record, body, kind=kind, loud=loud, buttons=buttons, mentions=(requester,))


def _unencrypted(reader: Reader, record: Record) -> Rich:
    return reader.say("⚠️ This room is not encrypted: I repeat neither question nor answer here.", record)


def _line(reader: Reader, record: Record, step: TellRequester) -> Rich:
    consult, name = record.consult, reader.who(step.who)
    match step.what:
        case "lost":
            return reader.say(
                "**{id}**: the hospital of {who} takes part no longer. Somebody else is asked.",
                record,
                who=name,
            )
        case "still-with":
            return reader.say("**{id}** stays with {who}.", record, who=name)
        case "accepted" if consult.room is Room.READY:
            return reader.say("**{id}**: **{who} has accepted** and joins you: {room}", record, who=name)
        case "accepted" if consult.room is Room.MAKING and consult.via is None:
            return reader.say(
                "**{id}**: **{who} has accepted.** I am making a room for you.", record, who=name
            )
        case "accepted":
            return reader.say("**{id}**: **{who} has accepted.**", record, who=name)
        case "room":
            return reader.say(
                "**{id}**: **{who} has accepted.** Your room is ready: {room}", record, who=name
            )
        case "no-room":
            return reader.say(
                "**{id}**: there is no room, but {who} has your question: write to each other directly. "
                "The answer comes here.",
                record,
                who=name,
            )
        case "unstaffed":
            return _unstaffed(reader, record)
        case "info-wanted":
            return reader.say("**{id}**: {who} needs to know more:", record, who=name)
        case "info-due":
            return reader.say("**{id}**: {who} still waits for what you know.", record, who=name)
        case "interim":
            return reader.say("**{id}**: a first word of {who}, not yet the answer:", record, who=name)
        case "answer-due":
            return reader.say("**{id}**: the answer of {who} is due. I have reminded them.", record, who=name)
        case "read-back-due":
            return reader.say("**{id}** is answered and waits for you: what will you do?", record)
        case "reopened":
            return reader.say("**{id}** is open again, with {consultant}.", record)
        case "completed":
            return _summary(reader, record)
        case "expired":
            return reader.say("**{id}** has expired.", record)
        case "entered-in-error":
            return reader.say("**{id}** is marked as entered in error.", record)
        case _ if step.who == consult.requester:
            return reader.say("**{id}** is cancelled.", record)
        case _:
            return reader.say("**{id}** was cancelled by {who}.", record, who=name)


def _next(reader: Reader, record: Record, what: str) -> list[Rich]:
    match what:
        case "info-wanted" | "info-due":
            return [GAP, reader.say("To tell them: `{p}info {id} …`", record)]
        case "read-back-due":
            return [reader.say("In your own words: `{p}close {id} …`, or tap ✅ if it is clear.", record)]
        case "answer-due":
            return [reader.say("If it cannot wait, please phone.", record)]
        case "expired" | "cancelled":
            return [reader.say("To ask again: `{p}reopen {id}`", record)]
        case _:
            return []


def _unstaffed(reader: Reader, record: Record) -> Rich:
    if record.consult.asked:
        first = reader.say(
            "**{id}: nobody could take it.** I have asked everybody on call for {service}.", record
        )
    else:
        first = reader.say("**{id}: nobody is on call for {service}.**", record)
    if reader.moderators:
        then = reader.say(
            "The moderators know; they take it or name somebody. You will hear it here.", record
        )
    else:
        then = reader.say("There is no moderator whom I could tell: **nobody else knows of it.**", record)
    return lines([first, reader.say("If it cannot wait, please phone.", record), then])


def _summary(reader: Reader, record: Record) -> Rich:
    consult = record.consult
    times_of = [
        (reader.say("accepted", record), consult.accepted_at),
        (reader.say("answered", record), consult.answered_at),
        (reader.say("closed", record), consult.closed_at),
    ]
    told = [
        reader.t("{step} after {span}", step=step, span=reader.t.span(moment - consult.opened_at))
        for step, moment in times_of
        if moment is not None
    ]
    thanks = reader.say("**{id}** is closed. Thank you.", record)
    return lines([thanks, verbatim(" · ".join(part.plain for part in told))])


def answer(reader: Reader, record: Record, text: str | None) -> Message:
    """The answer, and the request to read it back; without its text where it must not stand."""
    parts = [reader.say("**{id}: the answer of {consultant}**", record)]
    parts.append(verbatim(text) if text is not None else reader.say("You find it here: {room}", record))
    parts.append(GAP)
    parts.append(reader.say("{requester}: please say in your own words what you will do:", record))
    parts.append(reader.say("`{p}close {id} …`, or tap ✅ if it is clear.", record))
    return about(
        record, lines(parts), kind="consult.answer", loud=True, mentions=(record.consult.requester,),
        buttons={"✅": f"{record.consult.requester} close {record.id} ✅"},
    )  # fmt: skip


def answer_elsewhere(reader: Reader, record: Record) -> Message:
    """That there is an answer, for a room that is not encrypted."""
    body = reader.say("**{id}**: {consultant} has answered. The answer is in our direct chat.", record)
    return about(record, body, loud=True, mentions=(record.consult.requester,))


def survey(reader: Reader, record: Record) -> Message:
    """Three questions after the end, a tap each; nobody has to answer."""
    user, key = record.consult.requester, record.id
    body = lines(
        [
            reader.say("**{id}**: three taps, if you like:", record),
            reader.say("👍 / 👎 it changed the plan, or not", record),
            reader.say("✅ / ❌ it avoided a visit or a transfer, or not", record),
            reader.say("1️⃣ to 5️⃣ how useful it was: 5 is best", record),
        ]
    )
    buttons = {
        "👍": f"{user} survey {key} plan yes",
        "👎": f"{user} survey {key} plan no",
        "✅": f"{user} survey {key} visit yes",
        "❌": f"{user} survey {key} visit no",
        **{emoji: f"{user} survey {key} useful {number}" for number, emoji in enumerate(NUMBERS, 1)},
    }
    return about(record, body, kind="consult.survey", buttons=buttons)


def surveyed(reader: Reader, record: Record) -> Message:
    """Thanks in the survey's place, once all three are answered."""
    return about(record, reader.say("**{id}**: thank you.", record), kind="consult.survey")
