"""Lists of consults, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence

from bot.chat.message import Message
from bot.chat.rich import Rich, bullets, lines
from bot.consults.lists.rules import PAGE, Filter, words
from bot.consults.store import Record
from bot.consults.views import Reader, line


def page(reader: Reader, records: Sequence[Record], count: int, asked: Filter, user: str) -> Message:
    """One page, with the way to the next."""
    t = reader.t
    if not records:
        return Message("consult.list", t("No consult fits. `{help}` explains the words.",
                                         help=f"{reader.prefix}help consults"))  # fmt: skip
    first = (asked.page - 1) * PAGE + 1
    last = first + len(records) - 1
    head: Rich = t.plural("**{number} consult**", "**{number} consults**", count)
    if count > len(records):
        head = lines([head, t("{first} to {last}, the newest first:", first=first, last=last)])
    body = [head, bullets([line(reader, record) for record in records])]
    buttons = {}
    if last < count:
        body.append(t("➡️ shows more."))
        buttons = {"➡️": f"{user} consults {words(asked, asked.page + 1)}"}
    return Message("consult.list", lines(body), buttons=buttons)
