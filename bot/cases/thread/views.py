"""What people see of a case that was posted: its author, its readers, a specialist, whoever searches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.cases.model import Case, State
from bot.cases.thread.model import Query, Standing
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, event_link, joined, lines, verbatim

_GAP = verbatim(" ")
_LEAD = 90  # characters of a case in a list
_DOT = " · "


# What is said in the thread ----------------------------------------------------------------------------


def reply(t: Translator, case: Case, handle: str, who: Rich, room: str, text: Rich | None, p: str) -> Message:
    """To the author: somebody has answered in the thread; without the words where they must not stand."""
    body = lines(
        [
            t("**{id}**: {who} answers in {room}:", id=case.id, who=who, room=room),
            text if text is not None else t("It is shown only there."),
            _GAP,
            t(
                "To answer as {pseudonym}: reply to this message, or `{p}reply {id} …`. "
                "I show you first what I would post.",
                pseudonym=case.pseudonym or "",
                p=p,
                id=case.id,
            ),
        ]
    )
    return _about(case, kind="case.reply", body=body, buttons={"💬": f"reply {handle}"}, loud=True)


def no_text(t: Translator) -> Rich:
    """In place of a text: something else was posted."""
    return t("(no text: a picture or a file; please look there)")


def taken_back(t: Translator, case: Case) -> Message:
    """To the author: an answer was taken back."""
    return _about(case, kind="case.reply", body=t("**{id}**: an answer was taken back.", id=case.id))


def closed(t: Translator, case: Case) -> Message:
    """In the thread: it is closed without a word."""
    body = t("✅ {pseudonym} has closed {id}. Thank you.", pseudonym=case.pseudonym or "", id=case.id)
    return _about(case, kind="case.state", body=body, state=State.CLOSED)


def closed_told(t: Translator, case: Case, *, told: bool) -> Message:
    """To the author: the case is closed."""
    if told:
        body = t(
            "What it was stands in the thread, and {id} is closed. Thank you: they learn from it.", id=case.id
        )
    else:
        body = t("{id} is closed.", id=case.id)
    return _about(case, kind="case.state", body=body, state=State.CLOSED)


def what_was_it(t: Translator, case: Case, handle: str, p: str, *, reminder: bool) -> Message:
    """To the author, some time later."""
    head = t("**{id}**: what was it in the end?", id=case.id)
    if reminder:
        head = t("**{id}**: may I ask once more what it was? I will not ask again.", id=case.id)
    body = lines(
        [
            head,
            t(
                "Reply to this message, or `{p}case solve {id} …`. I take the names out and show it to you "
                "first; then the thread reads it.",
                p=p,
                id=case.id,
            ),
            t("💬 tell · ❌ close it without a word"),
        ]
    )
    buttons = {"💬": f"case solve {handle}", "❌": f"case close {handle}"}
    return _about(case, kind="case.follow-up", body=body, buttons=buttons, loud=True)


def earlier(t: Translator, before: Standing, server: str) -> Rich:
    """Below a case that is posted anew: where it stood."""
    return event_link(before.room_id, before.event_id, t("The earlier thread").plain, via=[server])


def goes_on(t: Translator, case: Case, room_id: str, event_id: str, server: str) -> Message:
    """In the thread of a case that is posted anew: where it goes on."""
    link = event_link(room_id, event_id, t("{id} goes on here", id=case.id).plain, via=[server])
    return _about(case, kind="case.state", body=link, state=State.POSTED)


# Specialists -------------------------------------------------------------------------------------------


def page(t: Translator, case: Case, handle: str, who: str, service: str, link: Rich, tags: Rich) -> Message:
    """To somebody on call: would they look at a case?"""
    body = lines(
        [
            t("Would you look at an anonymous case, for {service}? {link}", service=service, link=link),
            tags,
            _GAP,
            t("No consult: nobody waits, no clock runs. Please answer in its thread."),
            t("👀 I look · ❌ not now"),
        ]
    )
    buttons = {"👀": f"{who} case tap look {handle}", "❌": f"{who} case tap pass {handle}"}
    return _about(case, kind="case.page", body=body, buttons=buttons, loud=True)


def looks(t: Translator, case: Case, service: str) -> Message:
    """To the author: somebody looks."""
    return _about(
        case,
        kind="case.page",
        body=t("**{id}**: somebody of {service} looks at it.", id=case.id, service=service),
    )


def asked(t: Translator, case: Case, service: str) -> Message:
    """To the author: somebody has been asked."""
    body = t(
        "{id}: I have asked who is on call for {service}. I tell you when they look.",
        id=case.id,
        service=service,
    )
    return _about(case, kind="case.page", body=body)


def nobody(t: Translator, case: Case, service: str) -> Message:
    """To the author: nobody can look now."""
    body = t("{id}: nobody on call for {service} can look now.", id=case.id, service=service)
    return _about(case, kind="case.page", body=body)


def thanked(t: Translator, case: Case, *, looking: bool) -> Message:
    """To the specialist."""
    body = (
        t("Thank you: its author learns that somebody looks, not who.")
        if looking
        else t("Thank you for saying so.")
    )
    return _about(case, kind="case.page", body=body)


# Lists -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """A case in a list: its text as posted, its room's title, and where its post stands."""

    case: Case
    text: str
    room: str
    stands: Standing | None


def found(
    t: Translator, rows: Sequence[Found], query: Query, again: str, pages: int, p: str, server: str
) -> Message:
    """What a search found; `again` is the command without its page."""
    if not rows:
        body = lines(
            [
                t("No case fits in the rooms that you are in."),
                t("`{p}cases` lists all · `{p}cases #afib` by tag · `open` or `solved`", p=p),
            ]
        )
        return Message("case.list", body)
    items = [_line(t, row, server) for row in rows]
    head = t("**Cases**, the newest first (page {page} of {pages}):", page=query.page, pages=pages)
    more = [t("➡️ more")] if query.page < pages else []
    buttons = {"➡️": f"{again} p{query.page + 1}"} if query.page < pages else {}
    return Message("case.list", lines([head, bullets(items), *more]), buttons=buttons)


def _line(t: Translator, row: Found, server: str) -> Rich:
    lead = " ".join(row.text.split())
    lead = lead if len(lead) <= _LEAD else lead[: _LEAD - 1].rstrip() + "…"
    parts = [_linked(row.case, row.stands, server), verbatim(row.room)]
    if row.case.state is State.CLOSED:
        parts.append(t("✅ solved"))
    if row.case.tags:
        parts.append(verbatim(" ".join(f"#{tag}" for tag in row.case.tags)))
    return joined([*parts, verbatim(lead)], _DOT)


def _linked(case: Case, stands: Standing | None, server: str) -> Rich:
    if stands is None or case.event_id is None:
        return verbatim(case.id)
    return event_link(stands.room_id, case.event_id, case.id, via=[server])


def digest(
    t: Translator,
    waiting: Sequence[tuple[Case, Standing | None]],
    waiting_count: int,
    solved: Sequence[tuple[Case, Standing | None]],
    solved_count: int,
    p: str,
    server: str,
) -> Message:
    """A week's cases of a room."""
    body = [t("**Cases in this room**, this week:")]
    kinds: Mapping[str, tuple[Sequence[tuple[Case, Standing | None]], int]] = {
        t.plural("{number} open", "{number} open", waiting_count).plain: (waiting, waiting_count),
        t.plural("{number} solved", "{number} solved", solved_count).plain: (solved, solved_count),
    }
    for head, (cases, count) in kinds.items():
        if count:
            body.append(verbatim(head))
            body.append(bullets([_short(case, stands, server) for case, stands in cases]))
    body.append(t("`{p}cases` lists and finds them all.", p=p))
    return Message("case.digest", lines(body))


def _short(case: Case, stands: Standing | None, server: str) -> Rich:
    tags = verbatim(" ".join(f"#{tag}" for tag in case.tags))
    return joined([_linked(case, stands, server), verbatim(case.pseudonym or ""), tags], _DOT)


def _about(
    case: Case, *, kind: str, body: Rich, state: State | None = None,
    buttons: Mapping[str, str] | None = None, loud: bool = False,
) -> Message:  # fmt: skip
    return Message(kind, body, id=case.id, state=state or case.state, buttons=buttons or {}, loud=loud)
