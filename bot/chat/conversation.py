"""Asking for what a command still needs: one question at a time, kept in the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bot.chat import store
from bot.chat.buttons import NUMBERS
from bot.chat.command import Arg, Command, Misunderstood, Offer, Offers
from bot.chat.desk import Context
from bot.chat.message import Message
from bot.chat.parsing import answer_number, normal, take_word
from bot.chat.rich import Rich, code, joined, lines, verbatim
from bot.chat.store import Conversation

ANSWER_TIME = timedelta(minutes=15)
MOST_TRIES = 3
CANCEL = frozenset({"cancel", "abbrechen", "abbruch", "❌"})
# A button of a question: `=command argument word` answers it, `=command` leaves it.
ANSWER_MARK = "="


@dataclass(frozen=True)
class Reading:
    """How far a command's arguments could be read.

    `values` by argument; `given` the words they came from; `rest` the words not used yet. When
    `missing` is set it must be asked for, and `problem` says what was wrong with the words for it.
    """

    values: Mapping[str, Any]
    given: Mapping[str, str]
    rest: str = ""
    missing: Arg | None = None
    problem: Misunderstood | None = None


async def read(
    ctx: Context, command: Command, rest: str, given: Mapping[str, str] | None = None, asking: str = ""
) -> Reading:
    """Read a command's arguments from the words `given` for each, and those after `asking` from `rest`."""
    values: dict[str, Any] = {}
    words = dict(given or {})
    passed: Reading | None = None
    answered = not asking
    for place, arg in enumerate(command.args):
        if arg.name in words:
            answered = answered or arg.name == asking
            try:
                values[arg.name] = await arg.type.parse(ctx, words[arg.name])
            except Misunderstood as problem:
                del words[arg.name]
                return Reading(values, words, rest, arg, problem)
            continue
        if not answered:
            continue  # optional, and passed over when the command was read first
        word, after = await _first(ctx, arg, rest)
        if not word:
            if arg.required:
                return Reading(values, words, "", arg)
            continue
        try:
            values[arg.name] = await arg.type.parse(ctx, word)
        except Misunderstood as problem:
            if arg.required:
                last = not any(later.required for later in command.args[place + 1 :])
                if problem.suggestions or last:
                    return Reading(values, words, after, arg, problem)
                # Nothing like it fits here, so these words belong to what comes later; at the very beginning
                # they were more likely meant for this, and it is said that they are not known.
                return Reading(values, words, rest, arg, problem if place == 0 else None)
            passed = passed or Reading(values, words, "", arg, problem)
            continue
        words[arg.name], rest = word, after
    if rest.strip() and passed is not None:
        return passed
    return Reading(values, words, rest)


async def _first(ctx: Context, arg: Arg, rest: str) -> tuple[str, str]:
    """The words for an argument, and those after them; an offer of several words is taken whole."""
    if arg.rest:
        return rest.strip(), ""
    if isinstance(arg.type, Offers):
        for offer in await arg.type.offers(ctx):
            shown = offer.label.plain
            if (
                " " in shown
                and normal(rest[: len(shown)]) == normal(shown)
                and not rest[len(shown) :][:1].isalnum()
            ):
                return offer.word, rest[len(shown) :].lstrip()
    return take_word(rest, ctx.said.pills)


async def ask(ctx: Context, command: Command, reading: Reading, tries: int = 0) -> None:
    """Put the question for the missing argument, and remember where we are; give up after some tries."""
    arg = reading.missing
    if arg is None:
        raise ValueError("nothing is missing")
    again = ctx.typed(command.word)
    problem = explained(ctx, reading.problem) if reading.problem else Rich("", "")
    if tries >= MOST_TRIES:
        await store.end_conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender)
        stop = ctx.t(
            "Let us stop here. Start again with `{command}`; `{help}` explains it.",
            command=again,
            help=ctx.typed(f"help {command.word}"),
        )
        await ctx.reply(Message("question", lines([problem, stop])))
        return
    offers = list(await arg.type.offers(ctx)) if isinstance(arg.type, Offers) else []
    mark = ANSWER_MARK + command.word.replace(" ", "_")
    buttons = {"❌": mark}
    if len(offers) <= len(NUMBERS):
        numbered = dict(zip(NUMBERS, offers, strict=False))
        buttons = {
            **{emoji: f"{mark} {arg.name} {offer.word}" for emoji, offer in numbered.items()},
            **buttons,
        }
    leave = ctx.t("❌ or `cancel` leaves this.")
    body = lines([problem, ctx.t(arg.prompt), _listed(offers), leave])
    thread = _thread(ctx)
    question = await ctx.send(ctx.room.room_id, Message("question", body, buttons=buttons), thread=thread)
    talk = Conversation(command.word, reading.given, arg.name, thread, reading.rest, question, tries)
    await store.keep_conversation(ctx.tx, ctx.bot, ctx.room.room_id, ctx.sender, talk, ctx.now + ANSWER_TIME)


async def chosen(ctx: Context, arg: Arg, text: str) -> str:
    """An answer's words; an offer's number and a mentioned person's name become what they stand for."""
    said = text.strip()
    for shown, user_id in ctx.said.pills:
        if said.rstrip(":, ") == shown:
            return user_id
    if not isinstance(arg.type, Offers):
        return text
    offers = list(await arg.type.offers(ctx))
    place = answer_number(said, len(offers))
    if place is not None:
        return offers[place].word
    return next((offer.word for offer in offers if normal(offer.label.plain) == normal(said)), text)


def explained(ctx: Context, problem: Misunderstood) -> Rich:
    """A misunderstanding in the person's language, with what would fit."""
    reason = ctx.t(problem.template, **problem.values)
    if not problem.suggestions:
        return reason
    return lines(
        [reason, ctx.t("Did you mean {words}?", words=joined(map(code, problem.suggestions), " · "))]
    )


def _listed(offers: list[Offer]) -> Rich:
    if len(offers) <= len(NUMBERS):
        return lines(
            verbatim(f"{emoji} ") + offer.label for emoji, offer in zip(NUMBERS, offers, strict=False)
        )
    return lines(verbatim(f"{place}. ") + offer.label for place, offer in enumerate(offers, 1))


def _thread(ctx: Context) -> str | None:
    """Where to ask: among several people in a thread, lest other talk is taken for the answer."""
    if ctx.said.thread is not None or ctx.room.direct:
        return ctx.said.thread
    return ctx.said.reply_to if ctx.said.reaction is not None else ctx.said.event_id
