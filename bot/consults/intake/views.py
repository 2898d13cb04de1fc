"""What people read while they ask: the next question, the draft, what was refused, what was noticed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.buttons import NUMBERS
from bot.chat.message import Message
from bot.chat.rich import Rich, joined, lines, verbatim
from bot.consults import views
from bot.consults.intake.draft import DETAILS, ORDER, QUESTION, REVIEW, Draft
from bot.consults.model import Expects
from bot.consults.request import MOST_ATTACHMENTS
from bot.consults.store import Record
from bot.consults.views import EXPECTS, URGENCIES, Reader, request_lines
from bot.directory.templates import RequestTemplate, TemplateField
from bot.screening.identifiers import Identifier

ANSWER = "=consult answer"
LEAVE = "=consult"
SEND, SKIP, MORE, YES = "=send", "=skip", "=more", "=yes"
_GAP = verbatim(" ")
MOST_SHOWN = 5  # consults, in a question which one is meant
_IDENTIFIERS: Mapping[Identifier, str] = {
    Identifier.BIRTH: "a date of birth",
    Identifier.NUMBER: "a patient’s number",
    Identifier.NAME: "a patient’s name",
}
_PARTS: Mapping[str, str] = {
    "part:ward": "Where is the patient? Ward and bed, no name.",
    "part:callback": "Under which number do they reach you?",
    "part:situation": "Situation: what is happening?",
    "part:background": "Background: what led to it?",
    "part:assessment": "Assessment: what do you think it is?",
    "part:recommendation": "What kind of advice do you want?",
    "follow": "One question, or shall they follow along?",
    "expects": "Which reply do you expect?",
}
UNFIT: Mapping[str, str] = {
    "room": "I pass no files on from a room that is not encrypted. Post it in our direct chat.",
    "clear": "That file is not encrypted, so I do not pass it on. Post it from an encrypted chat.",
    "address": "That file came without a valid address. Please post it again.",
    "key": "That file came without a valid key. Please post it again.",
    "server": "That file lies on a homeserver that takes no part here. Save it and post it yourself.",
    "size": "That file is too large. Please post a smaller one.",
    "many": "A consult holds at most {most} files. Remove one first: `{p}edit C-… remove 1`",
    "elsewhere": "The other hospital has it already. Post the file in the room that it made for you.",
}
_FOLLOW: Mapping[str, str] = {"once": "one question", "follow": "follow along"}


def step(
    reader: Reader,
    draft: Draft,
    template: RequestTemplate | None,
    order: str,
    found: Sequence[Identifier],
    *,
    encrypted: bool,
    problem: Rich | None = None,
) -> Message:
    """Put the question of a draft's step, below what was wrong with the last answer."""
    t = reader.t
    head = [problem] if problem is not None else []
    buttons: dict[str, str] = {}
    if draft.step == QUESTION:
        body = [t("What is your one question? Name no patient.")]
    elif draft.step == ORDER:
        body = [order_refused(reader, order, encrypted=encrypted), _GAP, t("✅ It is a question: send it")]
        buttons = {"✅": YES}
    elif draft.step == REVIEW:
        return _review(reader, draft, found, head, encrypted=encrypted)
    elif (asked := _field(draft, template)) is not None:
        body, buttons = [verbatim(asked.ask(t.language))], dict(zip(NUMBERS, asked.choices, strict=False))
        body += [verbatim(f"{emoji} {choice}") for emoji, choice in buttons.items()]
        body.append(t("➡️ skips it · ✅ sends now"))
        buttons |= {"➡️": SKIP, "✅": SEND}
    else:
        body = [t(_PARTS[draft.step]), *_choices(reader, draft.step, buttons)]
        if draft.step == DETAILS[0]:
            body.append(
                t("Or all at once, each on a line: `S: …` `B: …` `A: …` `R: …` `Ward: …` `Callback: …`")
            )
        body.append(t("➡️ skips it · ✅ sends now"))
        buttons |= {"➡️": SKIP, "✅": SEND}
    body.append(t("❌ discards it."))
    return _question(lines([*head, *body]), buttons)


def _choices(reader: Reader, name: str, buttons: dict[str, str]) -> list[Rich]:
    """The answers to choose from, numbered; `buttons` takes theirs."""
    labels: list[tuple[str, Rich]] = []
    if name == "follow":
        labels = [(word, reader.t(_FOLLOW[word])) for word in _FOLLOW]
    elif name == "expects":
        labels = [(str(one), reader.t(EXPECTS[one])) for one in Expects]
    buttons |= {emoji: word for emoji, (word, _label) in zip(NUMBERS, labels, strict=False)}
    return [verbatim(f"{emoji} ") + label for emoji, (_word, label) in zip(NUMBERS, labels, strict=False)]


def _review(
    reader: Reader, draft: Draft, found: Sequence[Identifier], head: Sequence[Rich], *, encrypted: bool
) -> Message:
    t = reader.t
    service = reader.roster.service_name(draft.service, t.language)
    follow = [t("follow along")] if draft.follow else []
    expects = [t("Reply wanted: {what}", what=t(EXPECTS[draft.expects]))]
    asked = request_lines(reader, draft.request) if encrypted else []
    body = [
        *head,
        t("**Not sent yet:** {service}, {urgency}", service=service, urgency=t(URGENCIES[draft.urgency])),
        *asked,
        joined([*(expects if draft.expects is not Expects.ACTION else []), *follow], " · "),
        *([identifiers(reader, found)] if found else []),
        _GAP,
        t("✅ sends it · ✏️ adds details · ❌ discards it"),
    ]
    return _question(lines(body), {"✅": SEND, "✏️": MORE})


def _question(body: Rich, buttons: Mapping[str, str]) -> Message:
    answers = {emoji: f"{ANSWER} {word}" for emoji, word in buttons.items()}
    return Message("question", body, buttons={**answers, "❌": LEAVE})


def _field(draft: Draft, template: RequestTemplate | None) -> TemplateField | None:
    fields = template.fields if template is not None else ()
    return next((one for one in fields if one.key == draft.field), None)


def dropped(reader: Reader, draft: Draft) -> Message:
    """Nobody finished a draft: say so, lest it is taken for sent."""
    service = reader.roster.service_name(draft.service, reader.t.language)
    body = reader.t(
        "Your request to {service} was **not sent**, and I have dropped it. `{p}consult` starts again.",
        service=service,
        p=reader.prefix,
    )
    return Message("question", body, loud=True)


def order_refused(reader: Reader, order: str, *, encrypted: bool) -> Rich:
    """Why an order is not taken, and what to do instead."""
    shown = reader.t("This reads like an order: “{words}”.", words=order)
    return lines(
        [
            shown if encrypted else reader.t("This reads like an order."),
            reader.t(
                "I pass on questions, never orders: those belong into your order entry system "
                "(CMS QSO-24-05), or are given in person and read back."
            ),
        ]
    )


def refused_order(reader: Reader, order: str, *, encrypted: bool) -> Message:
    """An order where only words can be changed: nothing was done."""
    ask = reader.t("Nothing was changed. Please write it as a question.")
    return Message("refused", lines([order_refused(reader, order, encrypted=encrypted), ask]))


def identifiers(reader: Reader, found: Sequence[Identifier]) -> Rich:
    """That a text seems to say who the patient is."""
    what = joined([reader.t(_IDENTIFIERS[kind]) for kind in found], ", ")
    return reader.t(
        "⚠️ It seems to hold {what}. A consult needs none: ward and callback are enough.", what=what
    )


def hints(
    reader: Reader, record: Record, found: Sequence[Identifier], missing: Sequence[TemplateField]
) -> Message | None:
    """What could be better in a request that is on its way; None if nothing."""
    parts: list[Rich] = []
    if found:
        parts.append(identifiers(reader, found))
    if missing:
        asks = [verbatim(f"• {one.key}: {one.ask(reader.t.language)}") for one in missing]
        parts += [reader.t("They will want to know:"), *asks]
    if not parts:
        return None
    parts.append(reader.t("To change or add something until somebody accepts: `{p}edit {id} …`",
                          p=reader.prefix, id=record.id))  # fmt: skip
    return views.about(record, lines(parts))


def attached(reader: Reader, record: Record, count: int) -> Message:
    """A file is kept with a consult."""
    files = reader.t.plural("{number} file", "{number} files", count)
    body = reader.t(
        "📎 Kept with **{id}**: {files}. Shown in its room, not on the page. "
        "`{p}edit {id} remove {count}` takes it away.",
        id=record.id,
        files=files,
        count=count,
        p=reader.prefix,
    )
    return views.about(record, body)


def drafted(reader: Reader, count: int) -> Message:
    """A file is kept with a draft."""
    files = reader.t.plural("{number} file", "{number} files", count)
    return Message(
        "question", reader.t("📎 Kept with the request that is not sent yet: {files}.", files=files)
    )


def removed(reader: Reader, record: Record, count: int) -> Message:
    """A file was taken away."""
    left = reader.t.plural("{number} file is left", "{number} files are left", count)
    return views.about(record, reader.t("**{id}**: taken away; {left}.", id=record.id, left=left))


def edited(reader: Reader, record: Record) -> Message:
    """A request was changed, told where its thread does not tell it."""
    return views.about(record, reader.t("**{id}** is changed; whoever is asked sees it.", id=record.id))


def unfit(reader: Reader, reason: str) -> Message:
    """Why a file is not kept."""
    return Message("refused", reader.t(UNFIT[reason], most=MOST_ATTACHMENTS, p=reader.prefix))


def which_consult(reader: Reader, records: Sequence[Record]) -> Message:
    """A file that may belong to several consults, or to an old one."""
    body = [
        reader.t("I have not kept that file: I do not know which consult it belongs to."),
        reader.t("Post it in the thread of its consult, or as a reply to what you asked:"),
        *(views.line(reader, one) for one in records[:MOST_SHOWN]),
    ]
    return Message("question", lines(body))
