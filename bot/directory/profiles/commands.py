"""What people type to say who they are, and to find a colleague."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context
from bot.chat.i18n import message_id
from bot.chat.message import Message
from bot.chat.rich import Rich, verbatim
from bot.chat.types import Choice, Text
from bot.directory import taxonomy
from bot.directory.profiles import languages, service, views
from bot.directory.profiles.erasing import erase_all
from bot.directory.service import standing_of
from bot.directory.taxonomy import Specialty
from bot.directory.views import elsewhere

_NOTHING = frozenset({"-", "–", "none", "nothing", "nichts"})
_MOST_LANGUAGES = 8
_GROUP = message_id("Colleagues")
_YES_NO = Choice({"yes": ("ja", "y", "j"), "no": ("nein", "n")}, {"yes": "yes", "no": "no"})


class SpecialtyArg:
    """A specialty, in English or German, by name, synonym or abbreviation."""

    async def parse(self, ctx: Context, text: str) -> Specialty:
        """The specialty meant; suggests others when there is none like it."""
        found = taxonomy.find(text)
        if found is None:
            near = taxonomy.suggest(text, ctx.t.language)
            raise Misunderstood("I know no specialty “{word}”.", word=text[:40], suggestions=near)
        return found


class LanguagesArg:
    """Languages by name or code, in one line."""

    async def parse(self, ctx: Context, text: str) -> tuple[str, ...]:
        """Their codes, each once."""
        if text.strip() in _NOTHING:
            return ()
        found: list[str] = []
        for word in text.replace(",", " ").replace(";", " ").split():
            known = languages.find(word) or (word.lower() if languages.is_code(word) else None)
            if known is not None:
                found.append(known)
            elif word.casefold() not in ("and", "und", "&"):
                near = languages.suggest(word, ctx.t.language)
                raise Misunderstood("I know no language “{word}”.", word=word[:40], suggestions=near)
        return tuple(dict.fromkeys(found))[:_MOST_LANGUAGES]


async def profile(ctx: Context, _args: Args) -> None:
    """Show one's own profile."""
    mine = await service.profile_of(ctx, ctx.sender)
    now = await standing_of(ctx, ctx.sender)
    await _say(ctx, views.profile(ctx.t, mine, now, ctx.house.settings.prefix, ctx.sender))


async def name(ctx: Context, args: Args) -> None:
    """Change the name shown."""
    value = _or_nothing(args["value"])
    await _change(ctx, ctx.t("Name").plain, verbatim(value), name=value)


async def specialty(ctx: Context, args: Args) -> None:
    """Change the specialty."""
    value: Specialty = args["value"]
    shown = verbatim(value.name(ctx.t.language))
    await _change(ctx, ctx.t("Specialty").plain, shown, specialty=value.key)


async def spoken(ctx: Context, args: Args) -> None:
    """Change the languages."""
    codes: Sequence[str] = args["value"]
    await _change(ctx, ctx.t("Languages").plain, views.spoken(ctx.t, codes), languages=tuple(codes))


async def city(ctx: Context, args: Args) -> None:
    """Change the city."""
    value = _or_nothing(args["value"])
    await _change(ctx, ctx.t("City").plain, verbatim(value), city=value)


async def referrals(ctx: Context, args: Args) -> None:
    """Say whether one accepts referrals."""
    value = args["value"] == "yes"
    await _change(ctx, ctx.t("Accepts referrals").plain, views.yes_or_no(ctx.t, value), referrals=value)


async def listed(ctx: Context, args: Args) -> None:
    """Agree to be found, or no longer."""
    value = args["value"] == "yes"
    if value and not (await service.profile_of(ctx, ctx.sender)).specialty:
        await _say(ctx, views.needs_specialty(ctx.t, ctx.house.settings.prefix))
        return
    await _change(ctx, ctx.t("Listed").plain, views.yes_or_no(ctx.t, value), listed=value)


async def undo(ctx: Context, args: Args) -> None:
    """Take the last change back."""
    if await service.undo(ctx) is None:
        await _say(ctx, views.nothing_to_undo(ctx.t))
    else:
        await profile(ctx, args)


async def delete(ctx: Context, args: Args) -> None:
    """Erase one's profile, once confirmed."""
    if args.get("sure") != "yes":
        await _say(ctx, views.ask_delete(ctx.t, ctx.sender))
        return
    await service.erase(ctx)
    await _say(ctx, views.deleted(ctx.t))


async def erase(ctx: Context, args: Args) -> None:
    """Erase what may be erased of the person who asks, once confirmed."""
    if args.get("sure") != "yes":
        await _say(ctx, views.ask_erase(ctx.t, ctx.sender))
        return
    await erase_all(ctx)
    await _say(ctx, views.erased(ctx.t))


async def find(ctx: Context, args: Args) -> None:
    """Find a colleague among those who agreed to be listed."""
    wanted = service.read_wanted(args["whom"])
    found = await service.search(ctx, wanted)
    if found.people:
        await ctx.reply(views.results(ctx.t, found))
        return
    near = [] if wanted.specialties or not wanted.city else taxonomy.suggest(wanted.city, ctx.t.language)
    fewer = await service.droppable(ctx, wanted)
    await ctx.reply(views.nobody(ctx.t, wanted, fewer, near, ctx.house.settings.prefix, ctx.sender))


async def _change(ctx: Context, field: str, value: Rich, **fields: object) -> None:
    kept = await service.change(ctx, **fields)
    await _say(ctx, views.changed(ctx.t, field, value, kept, ctx.sender))


async def _say(ctx: Context, message: Message) -> None:
    """Answer in the direct chat: a profile that is not listed is nobody else's business."""
    if ctx.room.direct:
        await ctx.reply(message)
    else:
        await ctx.direct(ctx.sender, message)
        await ctx.reply(elsewhere(ctx.t))


def _or_nothing(value: str) -> str:
    one_line = " ".join(value.split())
    return "" if one_line in _NOTHING else one_line


COMMANDS = (
    Command(
        word="profile",
        help="what colleagues may know of you",
        run=profile,
        synonyms=("profil",),
        details="You decide whether you are listed; until you say so, nobody finds you.",
        group=_GROUP,
        parts=(
            Command(
                "name",
                "the name shown",
                name,
                args=(Arg("value", Text(80), "What are you called?", rest=True),),
                example="Dr Anna Berg",
            ),
            Command(
                "specialty",
                "your specialty",
                specialty,
                args=(Arg("value", SpecialtyArg(), "What is your specialty?", rest=True),),
                synonyms=("fach", "fachgebiet", "fachrichtung"),
                example="cardiology",
            ),
            Command(
                "languages",
                "the languages you speak",
                spoken,
                args=(Arg("value", LanguagesArg(), "Which languages do you speak?", rest=True),),
                synonyms=("language", "sprachen", "sprache"),
                example="German, English",
            ),
            Command(
                "city",
                "the city you work in",
                city,
                args=(Arg("value", Text(80), "In which city do you work?", rest=True),),
                synonyms=("stadt", "ort"),
                example="Berlin",
            ),
            Command(
                "referrals",
                "whether you accept referrals",
                referrals,
                args=(Arg("value", _YES_NO, "Do you accept referrals?"),),
                synonyms=("überweisungen", "zuweisungen"),
                example="yes",
            ),
            Command(
                "listed",
                "whether colleagues find you",
                listed,
                args=(Arg("value", _YES_NO, "Shall colleagues find you?"),),
                synonyms=("gelistet", "sichtbar"),
                example="yes",
            ),
            Command("undo", "take the last change back", undo, synonyms=("rückgängig",)),
            Command(
                "delete",
                "erase your profile",
                delete,
                args=(Arg("sure", _YES_NO, "Shall I erase your profile?", required=False),),
                synonyms=("erase", "löschen"),
            ),
        ),
    ),
    Command(
        word="erase",
        help="erase what is kept of you and may be erased",
        run=erase,
        args=(Arg("sure", _YES_NO, "Shall I erase it?", required=False),),
        synonyms=("löschen",),
        details=(
            "Your profile, your drafts, and everything that says which anonymous cases are yours. The cases "
            "stay, as nobody’s. Your verification and your consults stay: others rely on them."
        ),
        audited=False,
        group=_GROUP,
    ),
    Command(
        word="find",
        help="find a colleague by specialty, language and city",
        run=find,
        args=(
            Arg("whom", Text(200), "Whom do you look for? For example: cardiology german berlin", rest=True),
        ),
        synonyms=("finden", "suche"),
        details=(
            "Only colleagues who are verified and agreed to be listed. "
            "`referrals` leaves those who accept referrals."
        ),
        example="cardiology german berlin",
        group=_GROUP,
    ),
)
