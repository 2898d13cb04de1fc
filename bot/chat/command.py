"""A command is a description: its words, its typed arguments, who may use it, and what it does."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from bot.chat.rich import Rich

if TYPE_CHECKING:
    from bot.chat.desk import Context

Args = Mapping[str, Any]
Executor = Callable[["Context", Args], Awaitable[None]]
Permission = Callable[["Context"], Awaitable[bool]]


class Misunderstood(Exception):
    """A word that does not fit its argument.

    `template` is a message id for the translator, `values` fill it, and `suggestions` are words that
    would fit; the person is asked again. A command's executor may raise it too, before it has
    changed anything: the person reads the sentence, and nothing else happens.
    """

    def __init__(self, template: str, /, *, suggestions: Sequence[str] = (), **values: object) -> None:
        super().__init__(template)
        self.template = template
        self.values = values
        self.suggestions = tuple(suggestions)


class ArgType(Protocol):
    """Reads one argument: `parse` returns its value or raises Misunderstood."""

    async def parse(self, ctx: Context, text: str) -> Any: ...


@dataclass(frozen=True)
class Offer:
    """One of the words that an argument takes, and how it is shown."""

    word: str
    label: Rich


@runtime_checkable
class Offers(Protocol):
    """An argument type with a few values to choose from: they become the question's buttons."""

    async def offers(self, ctx: Context) -> Sequence[Offer]: ...


@dataclass(frozen=True)
class Arg:
    """One argument.

    `prompt` is the question put to a person who left it out (a message id). With `rest`, it takes
    all that follows. An optional argument whose word does not parse is passed over, and that word
    goes to the next one; a required one is asked for.
    """

    name: str
    type: ArgType
    prompt: str
    required: bool = True
    rest: bool = False


async def anybody(_ctx: Context) -> bool:
    """Everyone whom the hospital policy lets talk to the bots."""
    return True


@dataclass(frozen=True)
class Command:
    """One command of the bots.

    `word` is English and stable; `synonyms` are others that mean the same (other languages, short
    forms). `help` is one line, `details` a paragraph shown by `!help word` (message ids), `example` what
    one may type after the word. `may`
    decides who sees and uses it; `door` is asked before any question, and answers itself where it refuses.
    `bots` names the bots that know it; all do when it is empty.
    `group` is the heading under which help lists it (a message id). A command with `parts` is a
    family: the word after its own names the part that is meant (`!mod warn …`); `run` answers when
    none is named, and a part's own `word` is the second word alone. A capability adds a part to another
    one's family by a command that names it in `family`.
    """

    word: str
    help: str
    run: Executor
    args: tuple[Arg, ...] = ()
    synonyms: tuple[str, ...] = ()
    may: Permission = anybody
    door: Permission = anybody
    details: str = ""
    example: str = ""
    bots: tuple[str, ...] = ("curbside",)
    audited: bool = True
    group: str = ""
    parts: tuple[Command, ...] = ()
    family: str = ""
