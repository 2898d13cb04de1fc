"""What people see of a curbside question, in the room and alone with the bot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, joined, lines, verbatim
from bot.rooms.asking.store import Ask
from bot.rooms.model import DeclaredRoom
from bot.screening.identifiers import Identifier

_GAP = verbatim(" ")
_IDENTIFIERS: Mapping[Identifier, str] = {
    Identifier.BIRTH: "a date of birth",
    Identifier.NUMBER: "a patient’s number",
    Identifier.NAME: "a patient’s name",
}


def question(t: Translator, ask: Ask, who: Rich, text: str, p: str) -> Message:
    """The question in the specialty room, with its notice."""
    body = lines(
        [
            t("**Curbside question** {id} from {who}:", id=ask.id, who=who),
            verbatim(text),
            _GAP,
            t(
                "Hypothetical, not a consult: nobody is on call for this, and it is about no patient. "
                "For a patient: `{p}consult`",
                p=p,
            ),
            t("Please answer in its thread; I tell {who}.", who=who),
        ]
    )
    return Message(
        "ask.question", body, id=ask.id, state=ask.state, loud=True,
        buttons={"✅": f"{ask.asker} solved {ask.id}"},
    )  # fmt: skip


def posted(t: Translator, ask: Ask, room: str) -> Message:
    """To the asker: where the question stands."""
    body = t(
        "**{id}** is in {room}. It is no consult: nobody is on call for it. I bring you what they answer.",
        id=ask.id,
        room=room,
    )
    return Message("ask.state", body, id=ask.id, state=ask.state)


def failed(t: Translator, ask: Ask, room: str) -> Message:
    """To the asker: the question could not be posted."""
    body = t("**{id}** could not be posted in {room}. Please try again later.", id=ask.id, room=room)
    return Message("ask.state", body, id=ask.id, state=ask.state, loud=True)


def reply(t: Translator, ask: Ask, who: Rich, room: Rich, text: str | None) -> Message:
    """To the asker: somebody has answered; without the words where they must not stand."""
    body = lines(
        [
            t("**{id}**: {who} answers in {room}:", id=ask.id, who=who, room=room),
            verbatim(text) if text is not None else t("It is shown only there."),
            _GAP,
            t("✅ solved, thank you"),
        ]
    )
    return Message(
        "ask.reply", body, id=ask.id, state=ask.state, loud=True,
        buttons={"✅": f"{ask.asker} solved {ask.id}"},
    )  # fmt: skip


def solved(t: Translator, ask: Ask, who: Rich) -> Message:
    """In the thread: it is solved."""
    return Message("ask.state", t("✅ {who} thanks you: solved.", who=who), id=ask.id, state=ask.state)


def thanked(t: Translator, ask: Ask) -> Message:
    """To the asker: the room knows."""
    return Message(
        "ask.state", t("**{id}** is solved; the room knows.", id=ask.id), id=ask.id, state=ask.state
    )


def holds_identifiers(t: Translator, found: Sequence[Identifier]) -> Message:
    """Nothing was posted, since the text seems to say who the patient is."""
    what = joined([t(_IDENTIFIERS[kind]) for kind in found], ", ")
    body = lines(
        [
            t("**Nothing was posted:** it seems to hold {what}, and a whole room reads along.", what=what),
            t("Ask again without it, as a case that could be anybody’s."),
        ]
    )
    return Message("refused", body)


def is_order(t: Translator, p: str) -> Message:
    """Nothing was posted, since the text is an order."""
    body = lines(
        [
            t("**Nothing was posted:** this reads like an order; a curbside question is about no patient."),
            t("For advice on a patient: `{p}consult`. Orders belong into your order entry system.", p=p),
        ]
    )
    return Message("refused", body)


def closed(t: Translator, room: DeclaredRoom, why: Rich) -> Message:
    """Nothing was posted, since this person may not speak in that room."""
    head = t("**Nothing was posted** in {room}.", room=room.title(t.language))
    return Message("refused", lines([head, why]))
