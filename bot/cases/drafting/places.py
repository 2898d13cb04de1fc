"""The specialty room that a line begins with, and the words of a case behind it."""

from __future__ import annotations

from bot.chat.desk import Desk
from bot.chat.parsing import normal, take_word
from bot.directory.model import folded
from bot.rooms.admission import naming, words
from bot.rooms.model import DeclaredRoom

_MOST_WORDS = 4


async def split(desk: Desk, line: str) -> tuple[DeclaredRoom | None, str]:
    """The room named where a line begins, and the text behind it; None where that is not clear."""
    known = await naming.existing(desk)
    parts, rest = [], line
    for _ in range(_MOST_WORDS):
        word, rest = take_word(rest)
        if not word:
            break
        parts.append((word, rest))
    for count in range(len(parts), 1, -1):
        name = folded(" ".join(normal(word) for word, _rest in parts[:count]))
        exact = [room for room in known if name in map(folded, words.own_words(room))]
        if len(exact) == 1:
            return exact[0], parts[count - 1][1]
    found = words.meant(known, normal(parts[0][0])) if parts else []
    return (found[0], parts[0][1]) if len(found) == 1 else (None, line)
