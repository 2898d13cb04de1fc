"""What moderators, the author and those who flagged see of a flag."""

from __future__ import annotations

from bot.cases.model import Case
from bot.cases.thread.flags.store import RESTORED
from bot.cases.thread.model import Review
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, lines, verbatim

_LEAD = 3000  # characters


def card(
    t: Translator, review: Review, case: Case, room: str, text: str | None, flags: int, hidden: bool, p: str
) -> Message:
    """To the moderators: what was flagged, without names; edited as flags come."""
    if flags:
        head = t.plural(
            "🚩 {id}, case {case} in {room}: {number} flag",
            "🚩 {id}, case {case} in {room}: {number} flags",
            flags,
            id=review.id,
            case=case.id,
            room=room,
        )
    else:
        head = t("🗑️ {id}, case {case} in {room}: taken down by hand", id=review.id, case=case.id, room=room)
    what = t("From {pseudonym}; the post:", pseudonym=case.pseudonym or "")
    if review.piece is not None:
        what = t("From {pseudonym}, said in the thread:", pseudonym=case.pseudonym or "")
    body = lines(
        [
            head,
            t("Nobody reads it until you decide.")
            if hidden
            else t("You found it fine before, so it still stands."),
            what,
            t("It is shown only in encrypted rooms.") if text is None else verbatim(text[:_LEAD]),
            verbatim(" "),
            t(
                "✅ restore · ❌ remove, or with a reason for its author: `{p}mod flag {id} remove …`",
                p=p,
                id=review.id,
            ),
        ]
    )
    buttons = {"✅": f"mod flag {review.id} restore", "❌": f"mod flag {review.id} remove"}
    return Message("case.review", body, id=review.id, state="open", buttons=buttons, loud=True)


def settled(t: Translator, review: Review, case: Case, by: Rich) -> Message:
    """In place of the card."""
    if review.verdict == RESTORED:
        body = t("✅ {id}, case {case}: restored by {who}", id=review.id, case=case.id, who=by)
    else:
        body = t("❌ {id}, case {case}: removed by {who}", id=review.id, case=case.id, who=by)
    return Message("case.review", body, id=review.id, state="settled")


def moot(t: Translator) -> Message:
    """To a moderator: there is nothing to decide."""
    return Message("case.review", t("There is no such flag that waits: somebody may have been quicker."))


def hidden(t: Translator, case: Case, *, post: bool) -> Message:
    """To the author: somebody flagged it."""
    if post:
        body = t(
            "**{id}** is hidden: somebody flagged it. The moderators look at it, and I tell you.", id=case.id
        )
    else:
        body = t(
            "**{id}**: something you said is hidden, since somebody flagged it. The moderators look at it.",
            id=case.id,
        )
    return Message("case.state", body, id=case.id, state="hidden", loud=True)


def restored(t: Translator, case: Case) -> Message:
    """To the author: the moderators found it fine."""
    return Message(
        "case.state", t("**{id}**: the moderators found it fine; it stands again.", id=case.id), id=case.id
    )


def removed(t: Translator, case: Case, reason: str, *, post: bool) -> Message:
    """To the author: it was removed, and why."""
    if post:
        head = t("**{id}** was removed by the moderators.", id=case.id)
    else:
        head = t("**{id}**: the moderators removed something you said.", id=case.id)
    why = (
        t("Their reason: {reason}", reason=reason)
        if reason
        else t("It might have led to a patient, or was against the rules of the room.")
    )
    return Message("case.state", lines([head, why]), id=case.id, loud=True)


def thanks(t: Translator, case: Case) -> Message:
    """To whoever flagged."""
    return Message(
        "case.review", t("Thank you. {id} goes to the moderators; nobody learns that it was you.", id=case.id)
    )


def outcome(t: Translator, case: Case, *, fine: bool) -> Message:
    """To whoever flagged: what became of it."""
    if fine:
        body = t("The moderators looked at {id} and found it fine. Thank you all the same.", id=case.id)
    else:
        body = t("The moderators removed it ({id}). Thank you.", id=case.id)
    return Message("case.review", body)


def refused(t: Translator, reason: str) -> Message:
    """To whoever flagged: it does not count."""
    if reason == "many":
        body = t("Those were many flags for one day: this one does not count. Please write to a moderator.")
    else:
        body = t("This flag does not count. Please write to a moderator.")
    return Message("refused", body)
