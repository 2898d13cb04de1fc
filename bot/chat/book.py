"""The commands of all capabilities: which bot knows which word."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.chat.command import Command, anybody
from bot.chat.parsing import normal, take_word
from bot.kernel.errors import CurbsideError

if TYPE_CHECKING:
    from bot.chat.desk import Context


class CommandBook:
    """Commands by bot and word; a word that two commands claim stops the start with a CurbsideError."""

    def __init__(self, commands: Iterable[Command], bots: Iterable[str]) -> None:
        self.bots = tuple(bots)
        self._words: dict[str, dict[str, Command]] = {bot: {} for bot in self.bots}
        self._parts: dict[str, dict[str, Command]] = {}  # family → word of a part → the part
        given = tuple(commands)
        for command in (one for one in given if not one.family):
            added = [part for part in given if part.family == command.word]
            self._parts[command.word] = {
                normal(word): whole
                for part in (*command.parts, *added)
                for whole in (_whole(command, part),)
                for word in (part.word, *part.synonyms)
            }
            known_to = [bot for bot in self.bots if not command.bots or bot in command.bots]
            # A house without the bot that a command names still has the command.
            for bot in known_to or self.bots[:1]:
                for word in (command.word, *command.synonyms):
                    taken = self._words[bot].setdefault(normal(word), command)
                    if taken is not command:
                        raise CurbsideError(
                            f"The commands {taken.word} and {command.word} both claim the word {word}: "
                            "remove one of the two capabilities."
                        )

    def find(self, bot: str, word: str) -> Command | None:
        """The command that a bot knows under this word or synonym; `mod warn` is a family's part."""
        first, second = take_word(word)
        command = self._words.get(bot, {}).get(normal(first))
        return command if command is None or not second else self._parts[command.word].get(normal(second))

    def resolve(self, bot: str, word: str, rest: str) -> tuple[Command | None, str]:
        """The command meant by a word and what follows it, and what is left for its arguments."""
        command = self.find(bot, word)
        if command is not None and command.parts:
            second, after = take_word(rest)
            part = self._parts[command.word].get(normal(second))
            if part is not None:
                return part, after
        return command, rest

    def parts(self, family: Command) -> list[Command]:
        """The parts of a family, each once."""
        return list({part.word: part for part in self._parts.get(family.word, {}).values()}.values())

    def words(self, bot: str) -> Collection[str]:
        """Every word and synonym that a bot knows, in normal form."""
        return self._words.get(bot, {}).keys()

    def commands(self, bot: str) -> list[Command]:
        """A bot's commands, each once."""
        return list({command.word: command for command in self._words.get(bot, {}).values()}.values())

    def own_words(self, bot: str) -> Mapping[str, str]:
        """Every word and synonym in normal form → its command's own word."""
        return {word: command.word for word, command in self._words.get(bot, {}).items()}

    def knowing(self, word: str) -> list[str]:
        """The bots that know a word."""
        return [bot for bot in self.bots if word in self._words[bot]]

    async def permitted_parts(self, ctx: Context, family: Command) -> list[Command]:
        """The parts of a family that this person may use."""
        return [part for part in self.parts(family) if await part.may(ctx)]

    async def permitted(self, ctx: Context) -> list[Command]:
        """The commands that this person may use with this bot."""
        return [command for command in self.commands(ctx.bot) if await command.may(ctx)]


def _whole(family: Command, part: Command) -> Command:
    """A part as a command of its own: both words, and what it does not say itself from its family."""
    return replace(
        part,
        word=f"{family.word} {part.word}",
        may=family.may if part.may is anybody else part.may,
        bots=family.bots,
        group=family.group,
    )
