"""Reactions as buttons: which command a reaction, or a typed answer, stands for."""

from __future__ import annotations

from collections.abc import Mapping

from bot.chat.parsing import answer_number, normal

_THREAD = "thread"
_YES = frozenset({"yes", "y", "ok", "okay", "yep", "sure", "ja", "j", "jo", "jawohl", "klar"})
_NO = frozenset({"no", "n", "nope", "nein", "nee"})
_YES_BUTTONS = ("✅", "👍", "☑", "✔")
_NO_BUTTONS = ("❌", "👎", "✖")
NUMBERS = ("1️⃣", "2️⃣", "3️⃣", "4️⃣", "5️⃣")
# Skin tones and the mark that asks for a colourful form differ between clients.
_VARIANTS = {0xFE0F: None, 0xFE0E: None, **dict.fromkeys(range(0x1F3FB, 0x1F400))}


def same(emoji: str) -> str:
    """An emoji without what clients add to it: its variation selector and skin tone."""
    return emoji.translate(_VARIANTS)


def kept(buttons: Mapping[str, str], thread: str | None) -> dict[str, str]:
    """The buttons of a message as stored with it, its thread among them."""
    return {**buttons, **({_THREAD: thread} if thread and buttons else {})}


def split(stored: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    """The buttons and the thread of a stored message."""
    return {emoji: command for emoji, command in stored.items() if emoji != _THREAD}, stored.get(_THREAD)


def pressed(buttons: Mapping[str, str], emoji: str) -> str | None:
    """The command behind a reaction."""
    wanted = same(emoji)
    return next((command for key, command in buttons.items() if same(key) == wanted), None)


def meant(buttons: Mapping[str, str], text: str, synonyms: Mapping[str, str]) -> str | None:
    """The command behind a typed answer: the button itself, its number, its word in any language, yes or no.

    `synonyms` maps every word in normal form to its command's own word.
    """
    direct = pressed(buttons, text.strip())
    if direct is not None:
        return direct
    number = answer_number(text, len(buttons))
    if number is not None:
        return list(buttons.values())[number]
    word = normal(text)
    for keys, words in ((_YES_BUTTONS, _YES), (_NO_BUTTONS, _NO)):
        if word in words:
            found = [command for key, command in buttons.items() if same(key) in keys]
            return found[0] if len(found) == 1 else None
    said = synonyms.get(word)
    return next((command for command in buttons.values() if said and own_word(command) == said), None)


def own_word(command: str) -> str:
    """The word of a button's command, without the person it is for."""
    return addressed(command)[2].partition(" ")[0]


def suggested(user_id: str, event_id: str, command: str) -> str:
    """A button that runs what somebody meant by a message of theirs, for them alone."""
    return f"{user_id} {event_id} {command}".rstrip()


def addressed(command: str) -> tuple[str | None, str | None, str]:
    """For whom a button works (None: anybody), the message of theirs that it is about, and its command."""
    person = origin = None
    if command.startswith("@"):
        person, _, command = command.partition(" ")
        if command.startswith("$"):
            origin, _, command = command.partition(" ")
    return person, origin, command
