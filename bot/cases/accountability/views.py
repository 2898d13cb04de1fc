"""What authors and moderators see of what is done to a pseudonym."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from bot.cases.accountability.model import Barred, Kind, Sanction
from bot.cases.model import Case
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, code, lines, verbatim
from bot.deid.receipts import fingerprint

Words = Callable[[Translator, str], Message]  # for a translator and the prefix of commands

_TOLD: Mapping[Kind, str] = {
    Kind.WARN: "⚠️ The moderators warn you for **{id}**, where you are {name}.",
    Kind.MUTE: "🔇 For **{id}**, where you are {name}: you can neither post cases nor reply until {until}.",
    Kind.BAN: "🚫 For **{id}**, where you are {name}: you can neither post cases nor reply until {until}.",
}
_DONE: Mapping[Kind, str] = {
    Kind.WARN: "⚠️ **Warned**: {name}, {id}",
    Kind.MUTE: "🔇 **Muted** until {until}: {name}, {id}",
    Kind.BAN: "🚫 **Banned** until {until}: {name}, {id}",
}
_LIFTED: Mapping[Kind, str] = {
    Kind.WARN: "↩️ The warning for **{id}** is taken back.",
    Kind.MUTE: "🔊 You can post cases and reply again: what was decided for **{id}** is taken back.",
    Kind.BAN: "🕊️ You can post cases and reply again: what was decided for **{id}** is taken back.",
}
_LABELS: Mapping[Kind, str] = {Kind.WARN: "warned", Kind.MUTE: "muted", Kind.BAN: "banned"}


def barred(t: Translator, one: Barred, now: datetime) -> Message:
    """To an author who may neither post nor reply."""
    when = _until(t, one.until, now)
    body = t(
        "The moderators have decided that you can neither post cases nor reply until {until}.", until=when
    )
    return Message("case.sanction", body, state=str(one.kind))


# To the author -----------------------------------------------------------------------------------


def told(t: Translator, p: str, case: Case, one: Sanction, now: datetime) -> Message:
    """What was done to the author's pseudonym, why, and how to object."""
    head = t(_TOLD[one.kind], id=case.id, name=case.pseudonym or "", until=_until(t, one.until, now))
    body = lines(
        [
            head,
            t("Why: {reason}", reason=one.reason),
            t("The moderators do not know who you are. It holds for later cases of yours, too."),
            t("To object, once: {command}", command=code(f"{p}case appeal {case.id} …")),
        ]
    )
    return Message("case.sanction", body, id=case.id, state=str(one.kind), loud=True)


def lifted(t: Translator, case: Case, one: Sanction) -> Message:
    """What was done is taken back."""
    return Message("case.sanction", t(_LIFTED[one.kind], id=case.id), id=case.id, state="lifted", loud=True)


def kept(t: Translator, case: Case) -> Message:
    """An appeal was looked at, and what was decided stands."""
    body = t("Another moderator has looked at your appeal in **{id}**: it stays as it is.", id=case.id)
    return Message("case.sanction", body, id=case.id, state="kept", loud=True)


def appeal_sent(t: Translator, case: Case) -> Message:
    """The moderators have the appeal."""
    body = t("Your appeal in **{id}** is with the moderators, without identifiers.", id=case.id)
    return Message("case.sanction", body, id=case.id, state="appeal")


def appeal_unread(t: Translator, case: Case) -> Message:
    """The engine does not take the appeal's language or length."""
    body = t(
        "I could not take identifiers out of your appeal in **{id}**, so nobody has read it: "
        "write it again, shorter, in English or German.",
        id=case.id,
    )
    return Message("case.sanction", body, id=case.id, state="appeal", loud=True)


def receipt(t: Translator, case: Case, key: str) -> Message:
    """The caption of a receipt."""
    body = lines(
        [
            t("Receipt of **{id}**: what was found, what you brought back, and that you looked.", id=case.id),
            t("Whoever has the file can check it: {command}", command=code("curbside deid verify FILE")),
            t("Key {key}", key=fingerprint(key)),
            t(
                "It proves that {name} is you: keep it to yourself.",
                name=case.pseudonym or "",
            ),
        ]
    )
    return Message("case.receipt", body, id=case.id)


def ask_forget(t: Translator, case: Case, user_id: str) -> Message:
    """Before the link is erased: what that costs."""
    body = lines(
        [
            t("Shall I forget that **{id}** is yours?", id=case.id),
            t("The case stays. You get no replies any more, and cannot reply, close or change it."),
            t("✅ forgets it for good."),
        ]
    )
    buttons = {"✅": f"{user_id} case forget {case.id} yes"}
    return Message("case.forget", body, id=case.id, state="asked", buttons=buttons)


def forgotten(t: Translator, case: Case) -> Message:
    """The link is erased."""
    body = t("Done: nothing here says any more whose **{id}** was.", id=case.id)
    return Message("case.forget", body, id=case.id, state="done")


def unmasked_author(t: Translator, case: Case, reason: str) -> Message:
    """Two moderators learn who the author is."""
    body = lines(
        [
            t("**Two moderators learn now that {id} is yours.**", id=case.id),
            t("Why: {reason}", reason=reason),
            t("It is in the audit trail, with who they are."),
        ]
    )
    return Message("case.unmask", body, id=case.id, state="told", loud=True)


# To moderators -----------------------------------------------------------------------------------


def done(t: Translator, case: Case, one: Sanction, count: int, now: datetime) -> Message:
    """What was done, and how to take it back."""
    head = t(_DONE[one.kind], id=case.id, name=case.pseudonym or "", until=_until(t, one.until, now))
    body = lines(
        [
            head,
            t("Its author knows, and why; who it is stays unknown to us."),
            t.plural("{number} sanction so far.", "{number} sanctions so far.", count),
            t("↩️ takes it back."),
        ]
    )
    return Message(
        "mod.case", body, id=case.id, state=str(one.kind), buttons={"↩️": f"mod case {case.id} undo"}
    )


def taken_back(t: Translator, case: Case, one: Sanction) -> Message:
    """It is taken back."""
    body = t(
        "↩️ Taken back: {what}, {name}, {id}", what=t(_LABELS[one.kind]), name=case.pseudonym or "", id=case.id
    )
    return Message("mod.case", body, id=case.id, state="lifted")


def kept_done(t: Translator, case: Case) -> Message:
    """The appeal is decided."""
    body = t("It stays as it is: {name}, {id}", name=case.pseudonym or "", id=case.id)
    return Message("mod.case", body, id=case.id, state="kept")


def unlinked(t: Translator, case: Case) -> Message:
    """Nobody can be reached behind a case any more."""
    body = t("Nothing here says any more who wrote {id}: the link is erased.", id=case.id)
    return Message("mod.case", body, id=case.id, state="unlinked")


def status(t: Translator, p: str, case: Case, found: Sequence[Sanction], now: datetime) -> Message:
    """How a case's author stands."""
    head = t("**{id}**, {name}", id=case.id, name=case.pseudonym or "")
    if case.author_key is None:
        return Message("mod.case", lines([head, unlinked(t, case).body]), id=case.id, state="unlinked")
    told = bullets([_line(t, one, now) for one in found[:10]])
    more = t("{command} warns; `mute 2h` and `ban` too.", command=code(f"{p}mod case {case.id} warn …"))
    return Message("mod.case", lines([head, told, more]), id=case.id, state="known")


def _line(t: Translator, one: Sanction, now: datetime) -> Rich:
    holds = t("holds until {until}", until=_until(t, one.until, now))
    state = holds if one.kind is not Kind.WARN and one.holds(now) else t("over")
    if one.kind is Kind.WARN:
        return t("{what}, {at}", what=t(_LABELS[one.kind]), at=t.time(one.at, now))
    return t("{what}, {at}: {state}", what=t(_LABELS[one.kind]), at=t.time(one.at, now), state=state)


def appeal(t: Translator, p: str, case: Case, one: Sanction, text: str) -> Message:
    """An author objects; `text` is without identifiers."""
    body = lines(
        [
            t("**Appeal** in {id} by {name}, who was {what}:", id=case.id, name=case.pseudonym or "",
              what=t(_LABELS[one.kind])),
            verbatim(text),
            t("Why it was done: {reason}", reason=one.reason),
            t("✅ takes it back · ❌ lets it stand; somebody else than before decides."),
        ]
    )  # fmt: skip
    buttons = {"✅": f"mod case {case.id} undo", "❌": f"mod case {case.id} keep"}
    return Message("mod.case", body, id=case.id, state="appeal", loud=True, buttons=buttons)


def unmask_asked(t: Translator, case: Case, who: Rich, reason: str, p: str) -> Message:
    """To all moderators: somebody wants to learn who wrote a case."""
    name = case.pseudonym or ""
    body = lines(
        [
            t("**{who} wants to know who wrote {id}** ({name}).", who=who, id=case.id, name=name),
            t("Why: {reason}", reason=reason),
            t("✅ or {command} by a second moderator within a day tells the two of you, and its author.",
              command=code(f"{p}mod unmask {case.id}")),
        ]
    )  # fmt: skip
    return Message(
        "case.unmask", body, id=case.id, state="asked", loud=True, buttons={"✅": f"mod unmask {case.id}"}
    )


def unmask_waits(t: Translator, case: Case) -> Message:
    """To whoever asked first."""
    body = t("I have asked the other moderators: a second one confirms within a day.")
    return Message("case.unmask", body, id=case.id, state="asked")


def unmasked(t: Translator, case: Case, who: Rich, user_id: str) -> Message:
    """The answer, to the two moderators alone."""
    body = t("**{id}** was written by {who} ({user}). Its author knows that you know.", id=case.id, who=who,
             user=user_id)  # fmt: skip
    return Message("case.unmask", body, id=case.id, state="done", loud=True)


def unmasked_done(t: Translator, case: Case) -> Message:
    """In the moderators' room: that it was done, not what."""
    body = t("Two moderators know now who wrote {id}; so does its author that they do.", id=case.id)
    return Message("case.unmask", body, id=case.id, state="done")


def _until(t: Translator, until: datetime | None, now: datetime) -> Rich:
    return t("further notice") if until is None else verbatim(t.time(until, now))
