"""What people see of profiles and of a search for colleagues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bot.chat.buttons import NUMBERS
from bot.chat.i18n import Translator
from bot.chat.message import Message
from bot.chat.rich import Rich, code, joined, lines, mention, verbatim
from bot.directory import taxonomy
from bot.directory.profiles import languages
from bot.directory.profiles.rules import CITY, LANGUAGE, REFERRALS, SPECIALTY, Profile, Wanted
from bot.directory.profiles.service import Found
from bot.directory.standing import Level, Standing

MOST_SHOWN = 8
WITHOUT: Mapping[str, str] = {
    SPECIALTY: "without the specialty: {number}",
    LANGUAGE: "without the language: {number}",
    CITY: "without the city: {number}",
    REFERRALS: "without referrals: {number}",
}


def profile(t: Translator, one: Profile, now: Standing, prefix: str, user_id: str) -> Message:
    """One's own profile, with how to change it."""
    nothing = t("–")
    listed = t("yes: colleagues find you") if one.listed else t("no: nobody finds you")
    rows = [
        t("Name: **{value}**", value=one.name or nothing),
        t("Specialty: **{value}**", value=specialty(t, one.specialty) or nothing),
        t("Languages: **{value}**", value=spoken(t, one.languages) or nothing),
        t("City: **{value}**", value=one.city or nothing),
        t("Accepts referrals: **{value}**", value=yes_or_no(t, one.referrals) or nothing),
        t("Listed: **{value}**", value=listed),
        t("To change: `{p}profile city Berlin` (or `name`, `specialty`, `languages`, `referrals`)", p=prefix),
    ]
    if one.listed:
        rows.append(t("✅ takes you off the list · `{p}profile delete` erases all", p=prefix))
    else:
        rows.append(t("✅ lists you, so that `{p}find` finds you", p=prefix))
    if one.listed and now.level < Level.L2:
        rows.append(t("You are found once you are verified (L2): `{p}verify`", p=prefix))
    buttons = {"✅": f"{user_id} profile listed {'no' if one.listed else 'yes'}"}
    return Message("profile", lines(rows), buttons=buttons)


def changed(t: Translator, field: str, value: Rich, one: Profile, user_id: str) -> Message:
    """A field is changed; with a way back."""
    first = t("{field}: **{value}**.", field=field, value=value or t("–"))
    found = (
        t("You are listed: colleagues see it.") if one.listed else t("You are not listed: nobody sees it.")
    )
    body = lines([first, found, t("↩️ takes it back.")])
    return Message("profile", body, buttons={"↩️": f"{user_id} profile undo"})


def needs_specialty(t: Translator, prefix: str) -> Message:
    """Nobody is listed without a specialty."""
    return Message("error", t("First say what you are: `{p}profile specialty cardiology`", p=prefix))


def nothing_to_undo(t: Translator) -> Message:
    """There was no change."""
    return Message("error", t("There is nothing to take back."))


def ask_delete(t: Translator, user_id: str) -> Message:
    """Erasing cannot be taken back."""
    text = t("✅ erases your profile for good. Your verification stays.")
    return Message("profile", text, buttons={"✅": f"{user_id} profile delete yes"})


def deleted(t: Translator) -> Message:
    """The profile is gone."""
    return Message("profile", t("Your profile is erased, and nobody finds you any more."))


def ask_erase(t: Translator, user_id: str) -> Message:
    """What `!erase` erases, and what stays."""
    text = t(
        "✅ erases for good your profile, your drafts, and that anonymous cases are yours: you get no "
        "replies to them any more. Your verification and your consults stay."
    )
    return Message("profile", text, buttons={"✅": f"{user_id} erase yes"})


def erased(t: Translator) -> Message:
    """It is erased."""
    return Message("profile", t("Erased."))


def results(t: Translator, found: Found) -> Message:
    """Colleagues who fit."""
    shown = found.people[:MOST_SHOWN]
    parts = [t.plural("{number} colleague:", "{number} colleagues:", len(found.people))]
    if found.more:
        parts = [
            t(
                "More than {number} colleagues; name a city or a specialty. Here are some:",
                number=len(found.people),
            )
        ]
    elif len(found.people) > len(shown):
        parts.append(t("The first {number}; a city or a language makes it fewer.", number=len(shown)))
    for user_id, one, now in shown:
        facts = [
            specialty(t, one.specialty),
            spoken(t, one.languages),
            verbatim(one.city),
            t("accepts referrals") if one.referrals else verbatim(""),
            verbatim(now.level.name),
        ]
        name = t("**{name}**", name=one.name or user_id)
        parts.append(joined([name, *facts], " · "))
        parts.append(verbatim("✉ ") + mention(user_id))
    return Message("find", lines(parts))


def nobody(
    t: Translator, wanted: Wanted, droppable: Sequence[tuple[str, int]], near: Sequence[str], prefix: str,
    user_id: str,
) -> Message:  # fmt: skip
    """Nobody fits: what to drop, or what may have been meant."""
    parts = [t("Nobody who is listed fits: {wanted}.", wanted=asked(t, wanted))]
    buttons = {}
    if near:
        words = joined([code(word) for word in near], " · ")
        parts.append(t("Did you mean {words}?", words=words))
    for number, (kind, count) in zip(NUMBERS, droppable, strict=False):
        parts.append(verbatim(f"{number} ") + t(WITHOUT[kind], number=count))
        buttons[number] = f"{user_id} find {typed(wanted.without(kind))}"
    if not droppable and not near:
        parts.append(t("`{p}join` shows the rooms in which you can ask many at once.", p=prefix))
    return Message("find", lines(parts), buttons=buttons)


def typed(wanted: Wanted) -> str:
    """What to type for a search."""
    words = [*wanted.specialties, *(languages.name(code, "en") for code in wanted.languages)]
    words += [wanted.city] if wanted.city else []
    return " ".join([*words, *(["referrals"] if wanted.referrals else [])])


def asked(t: Translator, wanted: Wanted) -> Rich:
    """A search in words."""
    parts = [specialty(t, key) for key in wanted.specialties]
    parts += [spoken(t, wanted.languages), verbatim(wanted.city)]
    parts += [t("accepts referrals")] if wanted.referrals else []
    return joined(parts, ", ")


def specialty(t: Translator, key: str) -> Rich:
    """A specialty's name."""
    known = taxonomy.by_key(key)
    return verbatim(known.name(t.language) if known is not None else key)


def spoken(t: Translator, codes: Sequence[str]) -> Rich:
    """Languages by name."""
    return verbatim(", ".join(languages.name(one, t.language) for one in codes))


def yes_or_no(t: Translator, value: bool | None) -> Rich:
    """Yes, no, or nothing when it was not said."""
    if value is None:
        return verbatim("")
    return t("yes") if value else t("no")
