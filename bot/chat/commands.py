"""The chat's own commands: help, ping, and how somebody likes to be spoken to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bot.chat import notices, store
from bot.chat.capability import Capability
from bot.chat.command import Arg, Args, Command, Misunderstood
from bot.chat.desk import Context, Desk
from bot.chat.i18n import LANGUAGES, Translator, message_id
from bot.chat.message import Message
from bot.chat.parsing import closest, normal
from bot.chat.rich import Rich, code, joined, lines, verbatim
from bot.chat.types import Language, Text, Zone

_SHORT_HELP = 12  # more commands than this are listed without their explanations
_GROUP = message_id("Settings and help")


async def _help(ctx: Context, args: Args) -> None:
    permitted = await ctx.book.permitted(ctx)
    word = normal(str(args.get("word", "")).removeprefix(ctx.house.settings.prefix))
    if not word:
        await ctx.reply(Message("help", _overview(ctx, permitted)))
        return
    command = ctx.book.find(ctx.bot, word)
    if command is None or not await command.may(ctx):
        known = [command.word for command in permitted]
        raise Misunderstood("I do not know “{word}” here.", word=word[:40], suggestions=closest(word, known))
    await ctx.reply(Message("help", await _details(ctx, command)))


def _overview(ctx: Context, permitted: Sequence[Command]) -> Rich:
    groups: dict[str, list[Command]] = {}
    for command in permitted:
        groups.setdefault(command.group, []).append(command)
    own = groups.pop(_GROUP, [])
    parts: list[Rich] = []
    for group, commands in [*groups.items(), (_GROUP, own)]:
        if not commands:
            continue
        if parts:
            parts.append(verbatim(" "))
        heading = ctx.t(group) if group else ctx.t("Commands")
        parts.append(Rich(heading.plain, f"<strong>{heading.html}</strong>"))
        if len(permitted) > _SHORT_HELP:
            parts.append(joined((code(ctx.typed(command.word)) for command in commands), " · "))
        else:
            parts += [
                code(ctx.typed(command.word)) + verbatim(" – ") + ctx.t(command.help) for command in commands
            ]
    one = next((command for command in permitted if command.details and command not in own), permitted[0])
    more = ctx.t("`{help}` explains one of them.", help=ctx.typed(f"help {one.word}"))
    return lines([*parts, verbatim(" "), more])


async def _details(ctx: Context, command: Command) -> Rich:
    parts = [code(ctx.typed(command.word)) + verbatim(" – ") + ctx.t(command.help), ctx.t(command.details)]
    if command.example:
        example = command.example.removeprefix("!").removeprefix(command.word).strip()
        parts.append(ctx.t("For example: {example}", example=code(ctx.typed(f"{command.word} {example}"))))
    if command.parts:
        for part in await ctx.book.permitted_parts(ctx, command):
            parts.append(code(ctx.typed(part.word)) + verbatim(" – ") + ctx.t(part.help))
    if command.synonyms:
        words = joined((code(ctx.typed(word)) for word in command.synonyms), " · ")
        parts.append(ctx.t("The same: {words}", words=words))
    return lines(parts)


async def _ping(ctx: Context, args: Args) -> None:
    await ctx.reply(Message("pong", verbatim(f"pong {args.get('text', '')}".rstrip())))


async def _language(ctx: Context, args: Args) -> None:
    language = str(args["language"])
    await store.set_preference(ctx.tx, ctx.sender, language=language)
    t = ctx.house.texts.translator(replace(ctx.person, language=language))
    await ctx.reply(Message("settings", t("I speak {language} with you now.", language=LANGUAGES[language])))


async def _timezone(ctx: Context, args: Args) -> None:
    zone = str(args["zone"])
    await store.set_preference(ctx.tx, ctx.sender, timezone=zone)
    t = ctx.house.texts.translator(replace(ctx.person, timezone=zone))
    await ctx.reply(
        Message(
            "settings", t("Your time zone is {zone} now; it is {time} there.", zone=zone, time=_time(ctx, t))
        )
    )


async def _settings(ctx: Context, args: Args) -> None:
    t = ctx.t
    language = LANGUAGES.get(ctx.person.language, ctx.person.language)
    body = lines(
        [
            t(
                "Language: **{language}** – change it with `{command}`",
                language=language,
                command=ctx.typed("language"),
            ),
            t(
                "Time zone: **{zone}**, {time} now – change it with `{command}`",
                zone=ctx.person.timezone,
                time=_time(ctx, t),
                command=ctx.typed("timezone"),
            ),
        ]
    )
    await ctx.reply(Message("settings", body))


def _time(ctx: Context, t: Translator) -> str:
    return t.time(ctx.now, ctx.now)


async def _forget(desk: Desk) -> None:
    await store.forget_expired(desk.tx)


CHAT = Capability(
    name="chat",
    commands=(
        Command(
            "help",
            "show what I can do, or explain one command",
            _help,
            args=(Arg("word", Text(200), "Which command?", required=False, rest=True),),
            synonyms=("hilfe",),
            details="With a command’s name it explains that command.",
            example="language",
            bots=(),
            audited=False,
            group=_GROUP,
        ),
        Command(
            "ping",
            "see whether I am there",
            _ping,
            args=(Arg("text", Text(), "What shall I repeat?", required=False, rest=True),),
            bots=(),
            audited=False,
            group=_GROUP,
        ),
        Command(
            "settings",
            "your language and time zone",
            _settings,
            synonyms=("einstellungen",),
            bots=(),
            audited=False,
            group=_GROUP,
        ),
        Command(
            "language",
            "choose the language I speak with you",
            _language,
            args=(Arg("language", Language(), "Which language shall I speak with you?"),),
            synonyms=("sprache",),
            example="deutsch",
            bots=(),
            audited=False,
            group=_GROUP,
        ),
        Command(
            "timezone",
            "choose your time zone",
            _timezone,
            args=(Arg("zone", Zone(), "Which time zone are you in? A big city of it will do.", rest=True),),
            synonyms=("zeitzone",),
            example="Berlin",
            bots=(),
            audited=False,
            group=_GROUP,
        ),
    ),
    topics={
        "matrix.withheld": notices.withheld,
        "matrix.file_refused": notices.file_refused,
        "matrix.identity_changed": notices.identity_changed,
        "matrix.new_device": notices.new_device,
    },
    daily=_forget,
    locale=Path(__file__).parent / "locale",
)
