"""What an author and the moderators see of a case before it is posted, and the post itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from bot.cases.drafting.marking import in_pieces, texts
from bot.cases.model import Case, Consent, Shown, State
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, joined, lines, verbatim
from bot.deid.model import Tier

_GAP = verbatim(" ")
_NOTHING = Rich("", "")
_MOST_WARNINGS = 8
CASE_STATES: Mapping[State, str] = {
    State.DRAFTING: "not finished",
    State.WORKING: "the preview is being made",
    State.PREVIEW: "waits for your ✅",
    State.CONFIRMED: "on its way",
    State.QUEUED: "moderators look at it",
    State.POSTING: "on its way",
    State.POSTED: "posted",
    State.HIDDEN: "hidden, moderators look at it",
    State.CLOSED: "solved",
    State.DISCARDED: "discarded",
    State.REFUSED: "not let pass: change it, or discard it",
    State.FAILED: "could not be posted",
    State.EXPIRED: "erased",
}
CONSENTS: Mapping[Consent, str] = {
    Consent.NONE: "nothing noted",
    Consent.GIVEN: "the patient agrees",
    Consent.NOT_NEEDED: "not needed",
}
_WARNINGS: Mapping[str, str] = {
    "rare job": "a rare occupation",
    "public event": "something the news may have told",
    "rare disease": "a rare disease",
    "family": "an unusual family",
    "famous relative": "a well-known relative",
    "record": "a record or an award",
    "origin": "where somebody comes from",
    "mark": "a mark on the body",
    "old age": "a great age",
    "restored": "you brought it back",
    "": "it may be known to others",
}
CASE_REFUSALS: Mapping[str, str] = {
    "language": "I cannot tell its language, or it is none of English, German, Spanish and French. "
    "Please write it in one of them.",
    "long": "It is too long. Please shorten it.",
    "time": "Looking for names took too long. Please shorten it, or try again later.",
    "engine": "Something went wrong while I looked for names. Please try again later; if it fails again, "
    "tell the moderators.",
    "empty": "Nothing is left of it without the names. Please write more about the case.",
}
FILE_REFUSALS: Mapping[str, str] = {
    "away": "it could not be fetched; please post it again later",
    "gone": "it is no longer there; please post it again",
    "size": "it is too large",
    "damaged": "it is damaged",
    "time": "cleaning it took too long",
    "engine": "it could not be cleaned",
    # Those of bot.deid.files.model.Reason, by their names.
    "unsupported": "I cannot clean files of this kind",
    "broken": "it is damaged",
    "encrypted": "it is locked by a password",
    "too_large": "it is too large",
    "too_many_pages": "it has too many pages",
    "animated": "it moves; please send a still picture",
    "no_picture": "there is no picture and no text in it",
    "compression": "its pictures are compressed in a way that I do not know",
    "language": "its text is in a language that I do not know",
    "too_much_text": "it holds too much text",
    "failed": "it could not be cleaned",
    "unseen": "I could not show you all of it; a smaller one may do",
}


# The preview -------------------------------------------------------------------------------------------


def preview(
    t: Translator, one: Case, shown: Shown, room: str, p: str, lost_tags: Sequence[str]
) -> list[Message]:
    """What would be posted, what was taken out, and what can be done; several messages if long."""
    head = [
        t("**Not posted yet.** Preview of {id} for {room}:", id=one.id, room=room),
        counted(t, shown),
        _GAP,
    ]
    *firsts, last = texts(shown) or [_NOTHING]
    bodies = [*firsts, lines([last, _GAP, *_below(t, one, shown, p, lost_tags)])]
    bodies[0] = lines([*head, bodies[0]])
    messages = [_about(one, body, kind="case.preview") for body in bodies[:-1]]
    fix, cancel = f"case =fix {one.handle}", f"case =cancel {one.handle}"
    buttons = {**_post_button(one), "✏️": fix, "❌": cancel}
    return [*messages, _about(one, bodies[-1], buttons=buttons, loud=True, kind="case.preview")]


def counted(t: Translator, shown: Shown) -> Rich:
    unsure = sum(span.tier is Tier.UNCERTAIN for span in shown.spans)
    if not shown.spans:
        return t("I found nothing that names somebody. Please read it again yourself.")
    found = t.plural("{number} part is taken out", "{number} parts are taken out", len(shown.spans))
    if not unsure:
        return joined([found, verbatim(".")], "")
    doubt = t.plural("of {number} I am not sure (?)", "of {number} I am not sure (?)", unsure)
    return joined([found, verbatim(", "), doubt, verbatim(".")], "")


def _below(t: Translator, one: Case, shown: Shown, p: str, lost_tags: Sequence[str]) -> Iterator[Rich]:
    """What stands below the text of a preview."""
    if shown.tags:
        yield t("Tags: {tags}", tags=_tags(shown.tags))
    if lost_tags:
        yield t("Left out, since they may name somebody: {tags}", tags=_tags(lost_tags))
    if shown.files:
        yield t.plural(
            "📎 {number} file, shown below: confirm each picture by ✅ under it",
            "📎 {number} files, shown below: confirm each picture by ✅ under it",
            len(shown.files),
        )
    if shown.warnings:
        yield t("**May still identify** somebody:")
        yield bullets(warnings(t, shown))
    if one.consent is not Consent.NONE:
        yield t("Consent: {consent}", consent=t(CONSENTS[one.consent]))
    yield from corrections(t, shown, p)
    if not shown.tags:
        yield t("Tags: `{p}case tags afib, elderly`", p=p)
    if one.consent is Consent.NONE:
        yield t("Consent: `{p}case consent given`", p=p)
    yield _GAP
    yield t(
        "✅ posts it without your name. You attest by it: I have read this, nobody can be recognised in it, "
        "and the patient agrees or need not be asked."
    )
    yield t("✏️ how to change it · ❌ discards it")


def corrections(t: Translator, shown: Shown, p: str) -> Iterator[Rich]:
    """How to change what was found; the example is an uncertain one, where there is one."""
    doubtful = [span.number for span in shown.spans if span.tier is Tier.UNCERTAIN]
    numbers = doubtful or [span.number for span in shown.spans]
    if numbers:
        yield t("Bring one back: `{p}restore {number}`", p=p, number=numbers[0])
    yield t("Take more out: `{p}remove …` · or edit your message", p=p)


def warnings(t: Translator, shown: Shown) -> list[Rich]:
    found = [
        t(
            "“{words}”: {reason}",
            words=words[:80],
            reason=t(_WARNINGS.get(reason, _WARNINGS[""])),
        )
        for reason, words in shown.warnings[:_MOST_WARNINGS]
    ]
    more = len(shown.warnings) - len(found)
    return [*found, *([t.plural("and {number} more", "and {number} more", more)] if more else [])]


def refused(t: Translator, one: Case, reason: str) -> Message:
    """The engine did not let it pass: nothing is posted."""
    body = lines(
        [
            t("**Nothing is posted:** there is no preview of {id}.", id=one.id),
            t(CASE_REFUSALS[reason]),
            t("Edit your message, and I look again. ✅ tries again · ❌ discards it"),
        ]
    )
    buttons = {"✅": f"case =again {one.handle}", "❌": f"case =cancel {one.handle}"}
    return _about(one, body, buttons=buttons, loud=True, kind="case.preview")


def picture(t: Translator, one: Case, file_id: str, number: int) -> Message:
    """Under a file’s picture: the original left, what would be posted right."""
    body = [
        t("📎 **File {number}**: left as you posted it, right as it would be posted.", number=number),
        t("✅ nobody can be recognised in it · ❌ take this file away"),
    ]
    buttons = {"✅": f"case =look {one.handle} {file_id}", "❌": f"case =drop {one.handle} {file_id}"}
    return _about(one, lines(body), buttons=buttons, kind="case.preview")


def more_of_picture(t: Translator, one: Case, number: int, page: int) -> Message:
    """Under a further picture of a file with several."""
    return _about(one, t("📎 **File {number}**, page {page}", number=number, page=page), kind="case.preview")


def file_refused(t: Translator, one: Case, reason: str) -> Message:
    """A file that is not posted."""
    body = t("📎 A file is **not posted**: {reason}.", reason=t(FILE_REFUSALS[reason]))
    return _about(one, body, loud=True)


def picture_confirmed(t: Translator, one: Case, left: int) -> Message:
    """One picture is confirmed; when it was the last, the case may be posted from here as well."""
    if left:
        more = t.plural(
            "Confirmed. {number} picture is left.", "Confirmed. {number} pictures are left.", left
        )
        return _about(one, more)
    body = t("Confirmed. ✅ here, or under the preview, posts the case; you attest by it what stands there.")
    return _about(one, body, buttons=_post_button(one))


def pictures_first(t: Translator) -> Message:
    """The preview cannot be posted before its pictures are confirmed."""
    return Message("refused", t("Please confirm each picture first: ✅ under it. Nothing is posted."))


def outdated(t: Translator, one: Case) -> Message:
    """A button of an earlier preview."""
    if one.state is State.PREVIEW:
        body = t("That preview is not the newest: nothing is posted. Please press ✅ under the newest one.")
    elif one.state is State.WORKING:
        body = t("A new preview is being made: nothing is posted. Please press ✅ under it.")
    else:
        body = t("{id}: {state}.", id=one.id, state=t(CASE_STATES[one.state]))
    return _about(one, body)


def looked_at_anew(t: Translator, one: Case) -> Message:
    """What was shown is not what would be posted now."""
    body = t(
        "{id} is **not posted**: my way of finding names has changed since. A new preview comes; "
        "please read it and press ✅ again.",
        id=one.id,
    )
    return _about(one, body, loud=True)


def closed(t: Translator, one: Case, why: Rich, *, again: bool = True) -> Message:
    """The author may not post there now; `again`: the same preview may be tried later."""
    body = lines([t("{id} is **not posted**.", id=one.id), why, *([t("✅ tries again")] if again else [])])
    return _about(one, body, buttons=_post_button(one) if again else {}, loud=True)


def too_many(t: Translator, one: Case, most: int) -> Message:
    """More than one author may post in a day."""
    body = t.plural(
        "You have posted {number} case within a day; more are not possible. Please try again tomorrow.",
        "You have posted {number} cases within a day; more are not possible. Please try again tomorrow.",
        most,
    )
    return _about(one, lines([body, t("✅ tries again")]), buttons=_post_button(one))


# On its way --------------------------------------------------------------------------------------------


def on_its_way(t: Translator, one: Case) -> Message:
    """It is attested."""
    return _about(one, t("Thank you. {id} is on its way.", id=one.id))


def queued(t: Translator, one: Case) -> Message:
    """Moderators look at it first."""
    body = t(
        "Thank you. A moderator looks at {id} before it is posted: at the text without names, "
        "not at who you are.",
        id=one.id,
    )
    return _about(one, body)


def to_review(t: Translator, one: Case, shown: Shown, room: str, p: str) -> list[Message]:
    """To the moderators: the text as it would be posted, and nothing else."""
    head = t("**A case for {room}** waits for a moderator ({id}):", room=room, id=one.id)
    tail = [
        *([t("Tags: {tags}", tags=_tags(shown.tags))] if shown.tags else []),
        *([t.plural("📎 {number} file", "📎 {number} files", len(shown.files))] if shown.files else []),
        t("✅ posts it · ❌ does not, and asks you why: `{p}case reject {id} …`", p=p, id=one.id),
    ]
    *firsts, last = [verbatim(text) for text in in_pieces(shown.text)]
    bodies = [*firsts, lines([last, _GAP, *tail])]
    bodies[0] = lines([head, _GAP, bodies[0]])
    buttons = {"✅": f"case release {one.id}", "❌": f"case reject {one.id}"}
    return [
        *[_about(one, body, kind="case.review") for body in bodies[:-1]],
        _about(one, bodies[-1], buttons=buttons, loud=True, kind="case.review"),
    ]


def released(t: Translator, one: Case) -> Message:
    """To the moderators: it is posted."""
    return _about(one, t("{id} is released and on its way.", id=one.id), kind="case.review")


def review_moot(t: Translator, one: Case) -> Message:
    """To the moderators: there is nothing to release any more."""
    body = t("{id} is not posted: its author changed it, or may no longer post there.", id=one.id)
    return _about(one, body, kind="case.review")


def rejection_told(t: Translator, one: Case) -> Message:
    """To the moderators: the author reads why."""
    return _about(one, t("{id} is not posted; its author reads why.", id=one.id), kind="case.review")


def rejected(t: Translator, one: Case, reason: str) -> Message:
    """To the author: a moderator did not let it pass."""
    body = lines(
        [
            t("A moderator did not let {id} pass:", id=one.id),
            verbatim(reason),
            t("Edit your message, and I make a new preview. ❌ discards it"),
        ]
    )
    return _about(one, body, buttons={"❌": f"case =cancel {one.handle}"}, loud=True)


def post(t: Translator, one: Case, text: str, p: str, before: Rich | None = None) -> Message:
    """The post in the specialty room."""
    body = lines(
        [
            t("**Case {id}** from {pseudonym}:", id=one.id, pseudonym=one.pseudonym or ""),
            verbatim(text),
            *([_tags(one.tags)] if one.tags else []),
            _GAP,
            *([before] if before is not None else []),
            t("Posted without names. Please answer in its thread: the author reads along. "
              "For a patient of yours: `{p}consult`", p=p),
        ]
    )  # fmt: skip
    return _about(one, body, loud=True, kind="case.post")


def file_of(t: Translator, one: Case, number: int) -> Message:
    """A file in the thread of its case."""
    return _about(one, t("📎 {id}, file {number}", id=one.id, number=number), kind="case.file")


def posted(t: Translator, one: Case, room: str, p: str) -> Message:
    """To the author: it is in its room, and what was written here is erased."""
    body = lines(
        [
            t("**{id}** is in {room}, from “{pseudonym}”. I have erased what you gave me; the post is kept.",
              id=one.id, room=room, pseudonym=one.pseudonym or ""),
            t("I bring you the answers. `{p}reply {id} …` answers as {pseudonym}.",
              p=p, id=one.id, pseudonym=one.pseudonym or ""),
        ]
    )  # fmt: skip
    return _about(one, body)


def failed(t: Translator, one: Case, room: str, p: str) -> Message:
    """To the author: it could not be posted."""
    body = t(
        "**{id}** could not be posted in {room}. `{p}case show {id}` makes a new preview.",
        id=one.id,
        room=room,
        p=p,
    )
    return _about(one, body, loud=True)


# Lists and small answers -------------------------------------------------------------------------------


def overview(
    t: Translator, drafts: Sequence[Case], cases: Sequence[Case], rooms: Mapping[str, str], p: str
) -> Message:
    """Somebody’s drafts and posted cases."""
    body = [
        *([t("**Not posted:**"), bullets([_line(t, one, rooms) for one in drafts])] if drafts else []),
        *([t("**Your cases:**"), bullets([_line(t, one, rooms) for one in cases])] if cases else []),
        t("`{p}case show K-7F3K` shows one · `{p}case new` begins another", p=p),
    ]
    return Message("case.state", lines(body))


def _line(t: Translator, one: Case, rooms: Mapping[str, str]) -> Rich:
    room = rooms.get(one.room_key or "", one.room_key or "–")
    parts = [verbatim(one.id), verbatim(room), t(CASE_STATES[one.state])]
    return joined([*parts, verbatim(one.pseudonym or "")], " · ")


def how_to_change(t: Translator, p: str) -> Message:
    """What ✏️ shows."""
    body = lines(
        [
            t("Edit the message in which you wrote the case: I make a new preview. Or write:"),
            bullets(
                [
                    t("`{p}restore 3` brings number 3 back", p=p),
                    t("`{p}remove St Mary’s` takes words out", p=p),
                    t("`{p}case tags afib, elderly` sets tags", p=p),
                    t("`{p}case room neurology` takes another room", p=p),
                    t("`{p}case consent given`, or `not needed`", p=p),
                ]
            ),
            t("Post a picture or a PDF here to add it."),
        ]
    )
    return Message("case.state", body)


def file_kept(t: Translator, one: Case, count: int) -> Message:
    """A file is kept with a draft."""
    files = t.plural("{number} file", "{number} files", count)
    return _about(one, t("📎 Kept with {id}: {files}.", id=one.id, files=files))


def noted(t: Translator, one: Case, consent: Consent) -> Message:
    """Consent is noted."""
    body = t("{id}: consent noted: {consent}.", id=one.id, consent=t(CONSENTS[consent]))
    return _about(one, body)


def discarded(t: Translator, one: Case) -> Message:
    """A draft is erased."""
    return _about(one, t("{id} is discarded: I have erased what you gave me.", id=one.id))


def expires(t: Translator, one: Case, when: str) -> Message:
    """A draft will be erased soon."""
    body = t("{id} is **not posted**; I erase it at {when} unless you post it.", id=one.id, when=when)
    return _about(one, body, loud=True)


def expired(t: Translator, one: Case) -> Message:
    """A draft is erased."""
    return _about(one, t("{id} was **not posted**, and I have erased it.", id=one.id))


def shown_case(t: Translator, one: Case, text: str | None, room: str) -> Message:
    """One of the author’s posted cases."""
    head = t("**{id}** in {room}, from “{pseudonym}”: {state}", id=one.id, room=room,
             pseudonym=one.pseudonym or "", state=t(CASE_STATES[one.state]))  # fmt: skip
    return _about(one, lines([head, verbatim(text or "")]))


def _post_button(one: Case) -> dict[str, str]:
    """Posts what was previewed last."""
    return {"✅": f"case =post {one.handle} {one.seq}"}


def _tags(tags: Sequence[str]) -> Rich:
    return verbatim(" ".join(f"#{tag}" for tag in tags))


def _about(
    one: Case,
    body: Rich,
    *,
    kind: str = "case.state",
    buttons: Mapping[str, str] | None = None,
    loud: bool = False,
) -> Message:
    return Message(kind, body, id=one.id, state=one.state, seq=one.seq, buttons=buttons or {}, loud=loud)
