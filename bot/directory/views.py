"""What people see of their verification: short, the most important thing first, and what to do next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from babel.dates import format_date

from bot.chat.buttons import NUMBERS
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, code, joined, lines, mention, verbatim
from bot.directory import codes, numbers
from bot.directory.nppes.store import Entry
from bot.directory.standing import Evidence, Level, Standing
from bot.directory.store import Claim

LEVELS: Mapping[Level, str] = {
    Level.L0: "not verified",
    Level.L1: "number given, not checked",
    Level.L2: "hospital e-mail or account confirmed",
    Level.L3: "verified clinician",
    Level.L4: "verified, and vouched for by colleagues",
}
METHODS: Mapping[str, str] = {
    "roster": "the hospital’s roster",
    "server": "your hospital’s account",
    "number": "registration number",
    "email": "hospital e-mail",
    "register": "register, looked up by a moderator",
    "oidc": "your hospital’s sign-in",
    "ldap": "your hospital’s staff directory",
    "scim": "your hospital’s staff list",
    "vouch": "colleagues who vouch for you",
}
_SHOWN_DOMAINS = 5


def level(t: Translator, value: Level) -> Rich:
    """A level in words, with its name: `verified clinician (L3)`."""
    return t("{words} ({level})", words=t(LEVELS[value]), level=value.name)


def day(t: Translator, moment: datetime) -> str:
    """A day as people write it, in their zone."""
    return str(format_date(moment.astimezone(t.zone).date(), "long", locale=t.language))


def methods(t: Translator, names: Sequence[str]) -> Rich:
    """What a level rests on."""
    return joined([t(METHODS[name]) for name in names], ", ")


def overview(
    t: Translator, now: Standing, evidence: Sequence[Evidence], ways: Sequence[str], prefix: str, needed: int,
    *, held: bool,
) -> Message:  # fmt: skip
    """Somebody's own level, what it rests on, and the ways to the next."""
    parts = [_you_are(t, now)]
    if held:
        parts.append(t("A moderator has withdrawn your verification. Please write to the moderators."))
        return Message("verify", lines(parts))
    if now.level < now.had:
        parts.append(t("You had more: **{level}**. Renew it below.", level=level(t, now.had)))
    parts.append(
        bullets(
            [
                t("{method}, until {day}", method=t(METHODS[one.method]), day=day(t, one.until))
                if one.until is not None
                else t(METHODS[one.method])
                for one in evidence
            ]
        )
    )
    numbered = dict(zip(NUMBERS, ways, strict=False))
    parts += [verbatim(f"{number} ") + _way(t, way, prefix) for number, way in numbered.items()]
    if now.level is Level.L3:
        parts.append(
            t(
                "The last step: {number} colleagues of other hospitals write `{p}vouch {you}`.",
                number=needed,
                p=prefix,
                you=now.user_id,
            )
        )
    buttons = {number: f"{now.user_id} verify {way}" for number, way in numbered.items()}
    return Message("verify", lines(parts), buttons=buttons)


def _way(t: Translator, way: str, prefix: str) -> Rich:
    match way:
        case "signin":
            return t("Sign in at your hospital: `{p}verify signin` ({level})", p=prefix, level="L3")
        case "email":
            return t("A code to your hospital e-mail: `{p}verify email …` ({level})", p=prefix, level="L2")
        case _:
            return t(
                "Your registration number, which a moderator looks up: `{p}verify gmc 1234567`, "
                "`npi`, `ahpra` or `register …` ({level})",
                p=prefix,
                level="L1 → L3",
            )


def _you_are(t: Translator, now: Standing) -> Rich:
    if now.until is None:
        return t("You are: **{level}**.", level=level(t, now.level))
    return t("You are: **{level}**, until {day}.", level=level(t, now.level), day=day(t, now.until))


# Numbers -----------------------------------------------------------------------------------------


def noted(t: Translator, register: str, now: Standing, checked: bool) -> Message:
    """A number is noted."""
    next_step = (
        t("A moderator looks it up in the register; I tell you when they have.")
        if checked
        else t("Somebody has to look it up in the register: please tell your hospital’s IT.")
    )
    return Message(
        "verify",
        lines(
            [t("Your {register} number has a valid form.", register=register), _you_are(t, now), next_step]
        ),
    )


def deactivated(t: Translator) -> Message:
    """A number that its register has ended."""
    return _no(
        t("That NPI is deactivated in the register, so I cannot take it. If that is wrong, ask a moderator.")
    )


def claimed(t: Translator) -> Message:
    """Somebody else has claimed the same."""
    return _no(t("I cannot take that by myself: please ask a moderator. They have been told."))


def too_many(t: Translator) -> Message:
    """Too many numbers in a day."""
    return _no(t("Those were many numbers for one day: please ask a moderator."))


def held(t: Translator) -> Message:
    """Nothing counts until a moderator says so."""
    return _no(t("A moderator has withdrawn your verification. Please write to the moderators."))


def not_confirmed(t: Translator, register: str) -> Message:
    """A moderator has not found the number."""
    return Message(
        "verify",
        t(
            "A moderator could not confirm your {register} number in the register. "
            "Please check it, and write to the moderators.",
            register=register,
        ),
        loud=True,
    )


def no_files(t: Translator, *, removed: bool) -> Message:
    """Pictures of documents are refused."""
    never = t("**I never take pictures of IDs or documents.**")
    done = t("I have removed it.") if removed else t("Please delete it from this chat.")
    return _no(lines([never, done, t("A number, a code by mail or your hospital’s sign-in is all I need.")]))


# Mail --------------------------------------------------------------------------------------------


def mail(t: Translator, hospital: str, user_id: str, secret: str) -> tuple[str, str]:
    """The mail that brings a code: subject and text."""
    subject = t("Your code for Curbside")
    text = t(
        "{code}\n\nis the code with which {who} confirms this address at Curbside, {hospital}.\n"
        "Type it in the chat with the bot within 15 minutes.\n\n"
        "You did not ask for it? Then do nothing: without the code nothing happens.",
        code=codes.shown(secret),
        who=user_id,
        hospital=hospital,
    )
    return subject.plain, text.plain


def code_sent(t: Translator, prefix: str) -> Message:
    """A code is on its way, if the address exists."""
    return Message(
        "verify",
        lines(
            [
                t("A code is on its way to that address. Type it here within 15 minutes."),
                t(
                    "Nothing came? Look into the spam folder, and at the address: `{p}verify email …`",
                    p=prefix,
                ),
            ]
        ),
    )


def no_mail(t: Translator) -> Message:
    """No mail server is set up."""
    return _no(t("I cannot send mail here. Try another way: a number, or your hospital’s sign-in."))


def wrong_domain(t: Translator, domains: Mapping[str, str]) -> Message:
    """Addresses of this domain prove nothing."""
    shown = [
        t("@{domain} ({hospital})", domain=domain, hospital=name) if name else verbatim(f"@{domain}")
        for domain, name in sorted(domains.items())[:_SHOWN_DOMAINS]
    ]
    return _no(lines([t("Please use your address at work. These count:"), bullets(shown)]))


def too_many_mails(t: Translator) -> Message:
    """Three mails an hour."""
    return _no(t("I have sent you as many codes as I may. Use the last one, or try again in an hour."))


def mail_failed(t: Translator, prefix: str) -> Message:
    """The mail server is away."""
    return _no(t("The mail with your code could not be sent. Try again later: `{p}verify email`", p=prefix))


def wrong_code(t: Translator, left: int) -> Message:
    """Not the code."""
    return _no(
        t.plural(
            "That is not the code. You have {number} more try.",
            "That is not the code. You have {number} more tries.",
            left,
        )
    )


def locked(t: Translator) -> Message:
    """Too many wrong codes."""
    return _no(t("Too many wrong codes: I take no more for an hour. Then ask for a new one."))


def no_code(t: Translator, prefix: str, *, expired: bool) -> Message:
    """There is no code to compare with."""
    first = t("That code has expired.") if expired else t("I have sent you no code.")
    return _no(lines([first, t("For a new one: `{p}verify email`", p=prefix)]))


def proven(t: Translator, now: Standing, *, by_moderator: bool = False) -> Message:
    """A proof counts."""
    first = t("A moderator has verified you.") if by_moderator else t("Thank you, that is confirmed.")
    return Message("verify", lines([first, _you_are(t, now)]), loud=by_moderator)


def signin(t: Translator, link: str | None, prefix: str) -> Message:
    """The link to the hospital's sign-in."""
    if link is None:
        return _no(t("Your hospital has not set up its sign-in here. Other ways: `{p}verify`", p=prefix))
    return Message(
        "verify",
        lines(
            [
                t("Open this link and sign in at your hospital. It is yours alone and holds for 15 minutes:"),
                verbatim(link),
            ]
        ),
    )


# The end of a level ------------------------------------------------------------------------------


def ending(t: Translator, now: Standing, names: Sequence[str], moment: datetime, prefix: str) -> Message:
    """A level is about to end."""
    until = now.until or moment
    values = {"level": level(t, now.level), "day": day(t, until)}
    body = lines(
        [
            t("Your verification as **{level}** ends on **{day}**.", **values),
            t("It rests on: {methods}. To renew it: `{p}verify`", methods=methods(t, names), p=prefix),
        ]
    )
    return Message("verify", body, buttons={"✅": "verify"}, loud=True)


def ended(t: Translator, now: Standing, prefix: str) -> Message:
    """A level has ended."""
    body = lines(
        [
            t("Your verification has run out: you are now **{level}**.", level=level(t, now.level)),
            t("Rooms that ask for more are closed to you until you renew it: `{p}verify`", p=prefix),
        ]
    )
    return Message("verify", body, buttons={"✅": "verify"}, loud=True)


def withdrawn(t: Translator, now: Standing) -> Message:
    """A moderator has withdrawn it."""
    body = lines(
        [
            t(
                "A moderator has withdrawn your verification: you are now **{level}**.",
                level=level(t, now.level),
            ),
            t("If you think that is wrong, write to the moderators."),
        ]
    )
    return Message("verify", body, loud=True)


# Moderators --------------------------------------------------------------------------------------


def claim(
    t: Translator, one: Claim, now: datetime, entry: Entry | None, *, imported: bool, with_number: bool
) -> Message:
    """A claim to look up, with its buttons."""
    value = code(one.value) if with_number else t("(shown in encrypted rooms only)")
    parts = [
        t("**{id}**: {who} says that this number is theirs.", id=one.id, who=mention(one.user_id)),
        t(
            "{register} {number}, since {since}",
            register=one.register,
            number=value,
            since=t.time(one.made_at, now),
        ),
    ]
    known = numbers.REGISTERS.get(one.register.casefold())
    if known is not None:
        parts.append(t("Look it up: {page}", page=known.look_up))
    if entry is not None:
        state = t("active") if entry.active else t("**deactivated**")
        facts = [verbatim(part) for part in (entry.name, entry.taxonomy, entry.state) if part]
        parts.append(t("NPPES says: {facts}", facts=joined([*facts, state], " · ")))
    elif imported:
        parts.append(t("NPPES, as imported, does not know it."))
    parts.append(t("✅ it is theirs · ❌ it is not"))
    buttons = {"✅": f"mod verify {one.id}", "❌": f"mod unverify {one.id}"}
    return Message("verify.claim", lines(parts), buttons=buttons)


def conflict(t: Translator, kind: str, who: str, other: str) -> Message:
    """Two people claim the same; it is not repeated."""
    people = {"who": mention(who), "other": mention(other)}
    text = (
        t("{who} gives a registration number that already speaks for {other}. Please ask both.", **people)
        if kind == "number"
        else t("{who} confirms a mailbox that already speaks for {other}. Please ask both.", **people)
    )
    return Message("verify.claim", text)


def pending(t: Translator, shown: int, total: int) -> Message:
    """How many claims wait."""
    if not total:
        return Message("verify.claim", t("Nothing waits for a check."))
    if shown < total:
        return Message("verify.claim", t("The oldest {shown} of {total}:", shown=shown, total=total))
    return Message("verify.claim", t.plural("{number} waits:", "{number} wait:", total))


def confirmed(t: Translator, user_id: str, now: Standing) -> Message:
    """Somebody is verified; with a way back."""
    text = t("{who} is now **{level}**. ↩️ takes it back.", who=mention(user_id), level=level(t, now.level))
    return Message("verify.claim", text, buttons={"↩️": f"mod unverify {user_id} register"})


def restored(t: Translator, user_id: str, now: Standing) -> Message:
    """A withdrawal is taken back."""
    text = t("Taken back: {who} is **{level}** again.", who=mention(user_id), level=level(t, now.level))
    return Message("verify.claim", text)


def refused_claim(t: Translator, user_id: str) -> Message:
    """A claim is refused."""
    return Message(
        "verify.claim", t("Noted: the number is not confirmed. {who} is told.", who=mention(user_id))
    )


def unverified(t: Translator, user_id: str, now: Standing, *, undo: bool) -> Message:
    """Proofs are withdrawn."""
    values = {"who": mention(user_id), "level": level(t, now.level)}
    if not undo:
        return Message("verify.claim", t("Withdrawn. {who} is now **{level}**.", **values))
    text = lines(
        [
            t("Withdrawn: nothing counts for {who} until a moderator verifies them.", **values),
            t("↩️ takes it back."),
        ]
    )
    return Message("verify.claim", text, buttons={"↩️": f"mod unverify {user_id} undo"})


def taken(t: Translator, other: str, prefix: str) -> Message:
    """The number speaks for somebody else."""
    return _no(
        t(
            "That number already speaks for {other}. First: `{p}mod unverify {id}`",
            other=mention(other),
            p=prefix,
            id=other,
        )
    )


def not_oneself(t: Translator) -> Message:
    """Nobody checks themselves."""
    return _no(t("Somebody else has to check you."))


def no_claim(t: Translator, claim_id: str, prefix: str) -> Message:
    """No such claim waits."""
    return _no(
        t("**{id}** does not wait for a check (any more). `{p}mod pending` lists all.", id=claim_id, p=prefix)
    )


def nothing_to_withdraw(t: Translator, user_id: str) -> Message:
    """Nothing counted."""
    return _no(t("Nothing of that kind counts for {who}.", who=mention(user_id)))


def nothing_to_restore(t: Translator, user_id: str) -> Message:
    """Nothing was withdrawn."""
    return _no(t("Nothing is withdrawn from {who}.", who=mention(user_id)))


def elsewhere(t: Translator) -> Message:
    """The answer is in the direct chat."""
    return Message("verify", t("I have answered in our direct chat."))


def _no(text: Rich) -> Message:
    return Message("error", text)
