"""What people see of a consult: short, the most important thing first, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.chat.buttons import NUMBERS
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, mention, room_link, verbatim
from bot.consults.model import Consult, Outcome, Room, State, Urgency
from bot.consults.store import Record
from bot.directory.model import Roster

URGENCIES: Mapping[Urgency, str] = {
    Urgency.STAT: "STAT",
    Urgency.URGENT: "URGENT",
    Urgency.ROUTINE: "Routine",
}
STATES: Mapping[State, str] = {
    State.REQUESTED: "being asked",
    State.UNSTAFFED: "nobody has it yet, the moderators know",
    State.ACCEPTED: "accepted, the room is being made",
    State.IN_PROGRESS: "in progress",
    State.ANSWERED: "answered, waits for the read-back",
    State.COMPLETED: "closed",
    State.CANCELLED: "cancelled",
}
OUTCOMES: Mapping[Outcome, str] = {
    Outcome.WAITING: "asked",
    Outcome.MISSED: "no answer",
    Outcome.FAILED: "not reached",
    Outcome.DECLINED: "declined",
    Outcome.ACCEPTED: "accepted",
    Outcome.WITHDRAWN: "withdrawn",
}
REFUSALS: Mapping[str, str] = {
    "unknown": "I know no consult **{id}**. `{p}consults` lists yours.",
    "own": "**{id}** is the requester’s own question: somebody else has to answer it.",
    "not-asked": "You are not asked for **{id}**.",
    "declined": "You have declined **{id}** already; the next one is being asked.",
    "taken": "**{id}** is already taken by {consultant}.",
    "yours": "You have **{id}** already.",
    "hand-off": "**{id}** is in your care. To pass it on: `{p}handoff {id} @colleague`.",
    "theirs": "{consultant} has **{id}** already.",
    "being-asked": "That colleague is being asked for **{id}** right now.",
    "not-accepted": "Nobody has accepted **{id}** yet. To take it: `{p}accept {id}`.",
    "not-answered": "**{id}** has no answer yet. To withdraw it: `{p}cancel {id}`.",
    "answered": "**{id}** is answered already and waits for the read-back.",
    "not-yours": "**{id}** is not in your care.",
    "not-requester": "Only {requester}, who asked, can do that with **{id}**.",
    "completed": "**{id}** is closed.",
    "cancelled": "**{id}** was cancelled.",
}
NOTHING: Mapping[str, str] = {
    "accept": "Nobody asks you for a consult at the moment.",
    "decline": "Nobody asks you for a consult at the moment.",
    "answer": "You have no consult in your care.",
    "handoff": "You have no consult in your care.",
    "close": "None of your consults waits for your read-back.",
    "cancel": "You have no open consult.",
}
LOST = "**{id}**: the hospital of {who} takes part no longer. Somebody else is asked."
REQUESTER_LOST = (
    "**{id}**: the hospital of {who}, who asked, takes part no longer. Please see who looks after it."
)
# What rings: news that somebody else made; invitations to rooms ring by themselves.
_LOUD_TO_REQUESTER = frozenset({"unstaffed", "accepted", "no-room", "still-with", "lost", "cancelled"})
_LOUD_TO_PERSON = frozenset({"no-room", "still-yours", "cancelled"})
_GAP = verbatim(" ")  # an empty line, so that what a person wrote stands apart from what to do next


@dataclass(frozen=True)
class Reader:
    """Who will read: in what language, with what names, with what prefix before commands, and when."""

    t: Translator
    roster: Roster
    prefix: str
    now: datetime
    server: str
    moderators: bool  # whether there are any

    def who(self, user_id: str | None) -> Rich:
        return mention(user_id, self.roster.name_of(user_id)) if user_id else verbatim("")

    def service(self, consult: Consult) -> str:
        return self.roster.service_name(consult.service, self.t.language)

    def room(self, record: Record) -> Rich:
        if not record.room_id:
            return verbatim(record.id)
        return room_link(record.room_id, self.t("open the room").plain, via=[self.server])

    def say(self, template: str, record: Record, **more: object) -> Rich:
        """A sentence about a consult; the template may use its id, service, people, room and the prefix."""
        consult = record.consult
        return self.t(
            template,
            id=consult.id,
            p=self.prefix,
            urgency=self.t(URGENCIES[consult.urgency]),
            service=self.service(consult),
            requester=self.who(consult.requester),
            consultant=self.who(consult.consultant),
            room=self.room(record),
            span=self.t.span(consult.wait),
            **more,
        )


def _state(
    record: Record, body: Rich, *, kind: str = "consult.state", loud: bool = False,
    buttons: Mapping[str, str] | None = None, mentions: tuple[str, ...] = (),
) -> Message:  # fmt: skip
    consult = record.consult
    return Message(
        kind, body, id=consult.id, state=str(consult.state), seq=consult.version,
        loud=loud, buttons=buttons or {}, mentions=mentions if loud else (),
    )  # fmt: skip


def page(reader: Reader, record: Record, question: str | None) -> Message:
    """Ask somebody; without a question where the chat is not encrypted."""
    say = reader.say
    body = lines(
        [
            say("**{urgency}** · {service} · consult **{id}**", record),
            say("From {requester}:", record),
            verbatim(question)
            if question is not None
            else say("This chat is not encrypted: the question is shown only in the room.", record),
            _GAP,
            say("✅ or `{p}accept {id}`: you take it", record),
            say("❌ or `{p}decline {id} …`: you cannot", record),
            say("After {span} I ask the next one.", record),
        ]
    )
    buttons = {"✅": f"accept {record.id}", "❌": f"decline {record.id}"}
    return _state(record, body, kind="consult.page", loud=True, buttons=buttons)


def unpaged(reader: Reader, record: Record, why: str) -> Message:
    """What an earlier page says once there is nothing left to do there."""
    match why:
        case "yours":
            body = reader.say("**{id}** · {service}: you accepted.", record)
        case "declined":
            body = reader.say("**{id}** · {service}: you declined.", record)
        case "cancelled":
            body = reader.say("**{id}** · {service}: cancelled, nothing to do.", record)
        case _:
            body = reader.say("**{id}** · {service}: already taken by {consultant}, nothing to do.", record)
    return _state(record, body, kind="consult.page")


def to_requester(
    reader: Reader, record: Record, what: str, who: str | None, *, note: str = "", warn: bool = False
) -> Message:
    """One step, told in the thread in which the consult was asked for."""
    body = lines([_requester_line(reader, record, what, who), verbatim(note)])
    if warn:
        body = lines(
            [
                body,
                reader.say(
                    "⚠️ This room is not encrypted: I repeat neither question nor answer here.", record
                ),
            ]
        )
    kind = "consult.unstaffed" if what == "unstaffed" else "consult.state"
    loud = what in _LOUD_TO_REQUESTER and who != record.consult.requester
    return _state(record, body, kind=kind, loud=loud, mentions=(record.consult.requester,))


def _requester_line(reader: Reader, record: Record, what: str, who: str | None) -> Rich:
    consult, name = record.consult, reader.who(who)
    match what:
        case "asking":
            asking = reader.say(
                "**{id}**: asking {who} ({service}, {urgency}), who has {span} to accept.", record, who=name
            )
            if len(consult.asked) == 1:
                return lines([asking, reader.say("To withdraw it: `{p}cancel {id}`", record)])
            return asking
        case "skipped":
            return reader.say("**{id}**: you are on call yourself, so I pass you over.", record)
        case "no-answer":
            return reader.say("**{id}**: {who} has not answered in time.", record, who=name)
        case "page-failed":
            return reader.say("**{id}**: my message to {who} could not be delivered.", record, who=name)
        case "declined":
            return reader.say("**{id}**: {who} has declined.", record, who=name)
        case "lost":
            return reader.say(LOST, record, who=name)
        case "handoff":
            return reader.say("**{id}**: {who} wants somebody else to take it.", record, who=name)
        case "still-with":
            return reader.say("**{id}** stays with {who}.", record, who=name)
        case "accepted" if consult.room is Room.READY:
            return reader.say("**{id}**: **{who} has accepted** and joins you: {room}", record, who=name)
        case "accepted" if consult.room is Room.MAKING:
            return reader.say(
                "**{id}**: **{who} has accepted.** I am making a room for you.", record, who=name
            )
        case "accepted":
            return reader.say("**{id}**: **{who} has accepted.**", record, who=name)
        case "room":
            return reader.say("**{id}**: your room with {who} is ready: {room}", record, who=name)
        case "no-room":
            return reader.say(
                "**{id}**: there is no room, but {who} has your question: write to each other directly. "
                "The answer comes here.",
                record,
                who=name,
            )
        case "unstaffed":
            return _unstaffed_line(reader, record)
        case "completed":
            return _summary(reader, record)
        case _ if who == consult.requester:
            return reader.say("**{id}** is cancelled.", record)
        case _:
            return reader.say("**{id}** was cancelled by {who}.", record, who=name)


def _unstaffed_line(reader: Reader, record: Record) -> Rich:
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
    times = [
        (reader.say("accepted", record), consult.accepted_at),
        (reader.say("answered", record), consult.answered_at),
        (reader.say("closed", record), consult.closed_at),
    ]
    told = [
        reader.t("{step} after {span}", step=step, span=reader.t.span(moment - consult.opened_at))
        for step, moment in times
        if moment is not None
    ]
    thanks = reader.say("**{id}** is closed. Thank you.", record)
    return lines([thanks, verbatim(" · ".join(part.plain for part in told))])


def to_person(
    reader: Reader,
    record: Record,
    what: str,
    who: str | None,
    *,
    question: str | None = None,
    words: str = "",
) -> Message:
    """Tell the consultant, or a former one, in their direct chat."""
    name, consult = reader.who(who), record.consult
    match what:
        case "accepted" if consult.room is Room.READY:
            body = reader.say("You have **{id}** now ({service}, from {requester}): {room}", record)
        case "accepted" if consult.room is Room.MAKING:
            body = reader.say(
                "You have **{id}** now ({service}, from {requester}). I am making a room.", record
            )
        case "accepted":
            body = reader.say("You have **{id}** now ({service}, from {requester}).", record)
        case "room":
            body = reader.say("**{id}**: the room is ready. To answer there: `{p}answer …`\n{room}", record)
        case "no-room":
            body = lines(
                [
                    reader.say(
                        "**{id}**: there is no room. Please write to {who} directly, and answer here:",
                        record,
                        who=name,
                    ),
                    reader.say("`{p}answer {id} …`", record),
                    verbatim(question or ""),
                ]
            )
        case "requester-lost":
            body = reader.say(REQUESTER_LOST, record, who=name)
        case "still-yours":
            body = reader.say("**{id}** stays with you.", record)
        case "handed-over":
            body = reader.say("**{id}**: {who} has taken over. Thank you.", record, who=name)
        case "completed":
            read_back = (
                reader.say("{requester} has read your answer back:", record) if words else verbatim("")
            )
            closed = reader.say("**{id}** is closed. Thank you.", record)
            body = lines([closed, read_back, verbatim(words)])
        case _:
            body = reader.say("**{id}** was cancelled by {who}.", record, who=name)
    return _state(record, body, loud=what in _LOUD_TO_PERSON)


def to_moderators(reader: Reader, record: Record, what: str, who: str | None, *, note: str = "") -> Message:
    """Tell the moderators' room; never the question."""
    if what == "unstaffed":
        return _unstaffed(reader, record)
    name = reader.who(who)
    match what:
        case "page-failed":
            body = reader.say("**{id}**: the page to {who} could not be delivered", record, who=name)
            body = body + (verbatim(f" ({note}).") if note else verbatim("."))
        case "handoff-failed":
            body = reader.say(
                "**{id}**: nobody took over from {who}, who stays responsible.", record, who=name
            )
        case "lost":
            body = reader.say(LOST, record, who=name)
        case "requester-lost":
            body = reader.say(REQUESTER_LOST, record, who=name)
        case "room-failed":
            body = reader.say("**{id}**: its room could not be made; it goes on in direct messages.", record)
        case "accepted":
            body = reader.say("**{id}**: {who} has accepted.", record, who=name)
        case _:
            body = reader.say("**{id}** was cancelled by {who}.", record, who=name)
    return _state(record, body, loud=what in ("page-failed", "room-failed", "lost", "requester-lost"))


def _unstaffed(reader: Reader, record: Record) -> Message:
    asked = [
        reader.t("{who}: {outcome}", who=reader.who(page.user), outcome=reader.t(OUTCOMES[page.outcome]))
        for page in record.consult.asked
    ]
    body = lines(
        [
            reader.say("**{urgency} · {service}: nobody has taken consult {id}**", record),
            reader.say("From {requester}", record),
            *(asked or [reader.say("Nobody is on call.", record)]),
            reader.say(
                "✅ or `{p}accept {id}` takes it; to ask somebody: `{p}handoff {id} @colleague`", record
            ),
        ]
    )
    buttons = {"✅": f"accept {record.id}"}
    return _state(record, body, kind="consult.unstaffed", loud=True, buttons=buttons)


def to_room(reader: Reader, record: Record, what: str) -> Message:
    """The end, told in the consult's room."""
    closed = what == "completed"
    body = (
        reader.say("**{id}** is closed.", record) if closed else reader.say("**{id}** is cancelled.", record)
    )
    return _state(record, body)


def question(reader: Reader, record: Record, text: str) -> Message:
    """The question, in the consult's room."""
    body = lines(
        [
            reader.say("**{urgency}** · {service} · consult **{id}**", record),
            reader.say("{requester} asks {consultant}:", record),
            verbatim(text),
            _GAP,
            reader.say("To answer: `{p}answer …`", record),
            reader.say("To pass it on: `{p}handoff @colleague`", record),
        ]
    )
    mentions = (record.consult.consultant,) if record.consult.consultant else ()
    return _state(record, body, kind="consult.question", loud=True, mentions=mentions)


def answer(reader: Reader, record: Record, text: str | None) -> Message:
    """The answer, and the request to read it back; without its text where it must not stand."""
    parts = [reader.say("**{id}: the answer of {consultant}**", record)]
    parts.append(verbatim(text) if text is not None else reader.say("You find it here: {room}", record))
    parts.append(_GAP)
    parts.append(reader.say("{requester}: please say in your own words what you will do:", record))
    parts.append(reader.say("`{p}close {id} …`, or tap ✅ if it is clear.", record))
    return _state(
        record, lines(parts), kind="consult.answer", loud=True, mentions=(record.consult.requester,),
        buttons={"✅": f"{record.consult.requester} close {record.id} ✅"},
    )  # fmt: skip


def answer_elsewhere(reader: Reader, record: Record) -> Message:
    """That there is an answer, for a room that is not encrypted."""
    body = reader.say("**{id}**: {consultant} has answered. The answer is in our direct chat.", record)
    return _state(record, body, loud=True, mentions=(record.consult.requester,))


def done(reader: Reader, record: Record, word: str, who: str | None = None) -> Message:
    """Confirm to somebody what their command did, where nothing else tells them."""
    name = reader.who(who)
    match word:
        case "answer":
            body = reader.say(
                "**{id}**: your answer is with {requester}, who is asked to read it back.", record
            )
        case "decline":
            body = reader.say("**{id}**: you declined.", record)
        case "handoff" if record.consult.consultant is not None:
            body = reader.say(
                "**{id}**: asking {who}. Until they accept, {consultant} has it.", record, who=name
            )
        case "handoff":
            body = reader.say("**{id}**: asking {who}.", record, who=name)
        case _:
            body = reader.say("**{id}** is cancelled.", record)
    return _state(record, body)


def refused(reader: Reader, record: Record, reason: str) -> Message:
    """Why nothing was done."""
    return _state(record, reader.say(REFUSALS[reason], record), kind="error")


def unknown(reader: Reader, consult_id: str) -> Message:
    """There is no such consult."""
    return Message("error", reader.t(REFUSALS["unknown"], id=consult_id, p=reader.prefix), id=consult_id)


def nothing(reader: Reader, word: str) -> Message:
    """There is no consult with which this command could do anything."""
    return Message("error", reader.t(NOTHING[word]))


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
            *(verbatim(f"{number} ") + _line(reader, record) for number, record in numbered),
            *(_line(reader, record) for record in records[len(numbered) :]),
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
            parts += [heading, bullets([_line(reader, record) for record in group])]
    none = reader.t("You have no open consult. To ask for one: `{p}consult`", p=reader.prefix)
    return Message("consult.list", lines(parts) if parts else none)


def _line(reader: Reader, record: Record) -> Rich:
    state = reader.t(STATES[record.consult.state])
    since = reader.t.time(record.consult.opened_at, reader.now)
    line = reader.say(
        "**{id}** · {urgency} · {service} · {state} · since {since}", record, state=state, since=since
    )
    return (
        line + verbatim(" · ") + reader.who(record.consult.consultant) if record.consult.consultant else line
    )
