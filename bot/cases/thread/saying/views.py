"""What an author sees of what they are about to say, and how it looks in the room."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bot.cases.drafting import views as drafting
from bot.cases.drafting.marking import texts
from bot.cases.model import Case, Shown, State
from bot.cases.thread.model import Kind, Piece
from bot.chat.i18n import Translator, message_id
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines, verbatim

_GAP = verbatim(" ")
PIECE_KINDS: Mapping[Kind, str] = {
    Kind.REPLY: message_id("your answer"),
    Kind.POLL: message_id("your poll"),
    Kind.QUIZ: message_id("your quiz"),
    Kind.OUTCOME: message_id("what it was"),
}
PIECE_REFUSALS: Mapping[str, str] = {
    **drafting.CASE_REFUSALS,
    "form": message_id(
        "Without the names, two options are the same or one is empty. Please write them otherwise."
    ),
}


def preview(t: Translator, case: Case, piece: Piece, shown: Shown, solution: int | None, p: str) -> Message:
    """What would be said in the thread, with what was taken out numbered, and what can be done."""
    head = t("**Not posted yet.** Preview for {id}: {what}", id=case.id, what=t(PIECE_KINDS[piece.kind]))
    body = lines([head, drafting.counted(t, shown), _GAP, *texts(shown), _GAP, *_below(t, shown, p)])
    if solution is not None:
        body = lines(
            [body, t("The right one is {number}. It stays sealed until you reveal it.", number=solution + 1)]
        )
    words = t("✅ posts it as {pseudonym} · ❌ discards it", pseudonym=case.pseudonym or "")
    mark = f"{piece.handle} {piece.seq}"
    return _about(
        case, kind="case.preview", body=lines([body, _GAP, words]), state=State.PREVIEW,
        buttons={"✅": f"case tap say {mark} yes", "❌": f"case tap say {mark} no"}, loud=True,
    )  # fmt: skip


def _below(t: Translator, shown: Shown, p: str) -> Iterator[Rich]:
    if shown.warnings:
        yield t("**May still identify** somebody:")
        yield bullets(drafting.warnings(t, shown))
    yield from drafting.corrections(t, shown, p)


def refused(t: Translator, case: Case, piece: Piece, reason: str) -> Message:
    """The engine did not let it pass: nothing is posted."""
    body = lines(
        [
            t("**Nothing is posted** to {id}.", id=case.id),
            t(PIECE_REFUSALS[reason]),
            t("Edit your message, and I look again. ❌ discards it"),
        ]
    )
    buttons = {"❌": f"case tap say {piece.handle} {piece.seq} no"}
    return _about(case, kind="case.preview", body=body, state=State.REFUSED, buttons=buttons, loud=True)


def outdated(t: Translator) -> Message:
    """A button of a preview that is not the newest, or of something posted."""
    return Message("case.state", t("That preview is not the newest: nothing is posted by it."))


def looked_at_anew(t: Translator, case: Case) -> Message:
    """What was shown is not what would be posted now."""
    body = t(
        "It is **not posted**: my way of finding names has changed since. A new preview comes; "
        "please read it and press ✅ again."
    )
    return _about(case, kind="case.state", body=body, loud=True)


def hindered(t: Translator, case: Case, why: Rich) -> Message:
    """The author may not speak there now."""
    return _about(
        case, kind="case.state", body=lines([t("**Nothing is posted** to {id}.", id=case.id), why]), loud=True
    )


def discarded(t: Translator, case: Case) -> Message:
    """The author does not want to say it."""
    return _about(
        case, kind="case.state", body=t("Discarded: nothing is posted, and I have erased what you wrote.")
    )


def expired(t: Translator, case: Case) -> Message:
    """A preview was not confirmed for too long."""
    body = t("What you wanted to say to {id} was **not posted**, and I have erased it.", id=case.id)
    return _about(case, kind="case.state", body=body)


def posted(t: Translator, case: Case) -> Message:
    """It stands in the thread."""
    body = t("It is in the thread of {id}, from {pseudonym}.", id=case.id, pseudonym=case.pseudonym or "")
    return _about(case, kind="case.state", body=body)


def failed(t: Translator, case: Case) -> Message:
    """It could not be put there."""
    body = t("It could **not be posted** to {id}. Please write it again later.", id=case.id)
    return _about(case, kind="case.state", body=body, loud=True)


def said(t: Translator, case: Case, kind: Kind, text: str) -> Message:
    """What the author says, in the thread."""
    if kind is Kind.OUTCOME:
        head = t(
            "✅ **What it was**, from {pseudonym}, who wrote {id}:",
            id=case.id,
            pseudonym=case.pseudonym or "",
        )
    else:
        head = t("**{pseudonym}**, who wrote {id}:", id=case.id, pseudonym=case.pseudonym or "")
    return _about(case, kind="case.said", body=lines([head, verbatim(text)]), loud=True)


def _about(
    case: Case, *, kind: str, body: Rich, state: State | None = None,
    buttons: Mapping[str, str] | None = None, loud: bool = False,
) -> Message:  # fmt: skip
    return Message(kind, body, id=case.id, state=state or case.state, buttons=buttons or {}, loud=loud)
