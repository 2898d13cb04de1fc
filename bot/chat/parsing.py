"""Reading what people type: commands, words, near misses. Pure, and at peace with any text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"\S+")
_QUOTED = re.compile(r"> ?(?:\* )?<@[^\n]*\n(?:>[^\n]*(?:\n|$))*\n?")
_LINK = re.compile(r"\[([^\]\n]{0,255})\]\(<?https://matrix\.to/#/([^)\s>]{1,300})>?\)")
_CLOSING = {
    '"': '"',
    "'": "'",
    "“": "”",
    "„": "“”",
    "”": "”",
    "«": "»",
    "»": "«",
    "‘": "’",
    "‚": "‘’",
    "`": "`",
}
_EDGES = ".,;:!?…·" + "".join(_CLOSING) + "".join(_CLOSING.values())
_LONGEST_WORD = 40


@dataclass(frozen=True)
class Parsed:
    """A command as typed: its word in normal form, and what follows it, verbatim.

    `bot` is the bot that was called by name, if one was; `bare` says that no prefix stood before it.
    """

    word: str
    rest: str
    bot: str | None = None
    bare: bool = False


def normal(word: str) -> str:
    """The form in which words are compared: NFC, case folded, without invisible signs and punctuation."""
    shown = "".join(char for char in word if unicodedata.category(char) != "Cf")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", shown).casefold()).strip().strip(_EDGES)


def parse(
    text: str, prefix: str, words: Collection[str], *, bot_names: Mapping[str, str], bare: bool = False
) -> Parsed | None:
    """Find the command in a message; None if it is none.

    `words` are all known words in normal form; `bot_names` maps what bots are called (user id, its
    local part, display name; in normal form) to their names. With `bare`, a known word needs no prefix.
    """
    text = _trimmed(without_quote(text))
    prefixed = _prefixed(text, prefix, words, bot_names)
    if prefixed is not None:
        return prefixed
    addressed = _addressed(text, prefix, words, bot_names)
    if addressed is not None:
        return addressed
    word, rest = _first(text)
    return Parsed(word, rest, bare=True) if bare and word in words else None


def without_quote(text: str) -> str:
    """Drop the quote that older clients put before a reply (C-S API, "Rich replies", fallback)."""
    quoted = _QUOTED.match(text)
    return text[quoted.end() :] if quoted else text


def take_word(text: str, names: Iterable[tuple[str, str]] = ()) -> tuple[str, str]:
    """Split the first word off: `(word, rest)`.

    Words in quotes of any style are one; `names` are people mentioned (name shown, user id), whose
    name of several words is taken whole and given as the id.
    """
    text = _trimmed(text)
    if not text:
        return "", ""
    link = _LINK.match(text)
    if link:
        return link[2], _trimmed(text[link.end() :])
    for shown, user_id in names:
        if shown and text.startswith(shown) and not text[len(shown) : len(shown) + 1].isalnum():
            return user_id, text[len(shown) :].lstrip(":, \t\n")
    closing = _CLOSING.get(text[0], "")
    ends = [end for mark in closing if (end := text.find(mark, 1)) > 1]
    if ends and (len(text) == min(ends) + 1 or text[min(ends) + 1].isspace()):
        return text[1 : min(ends)], _trimmed(text[min(ends) + 1 :])
    match = _WORD.match(text)
    assert match is not None
    return match[0], _trimmed(text[match.end() :])


def distance(one: str, other: str) -> int:
    """The fewest insertions, deletions, changes and swaps of neighbours between two words (OSA)."""
    before: list[int] = []
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        earlier, before, row = before, row, [i]
        for j, b in enumerate(other, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == other[j - 2] and one[i - 2] == b:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def closest(word: str, known: Iterable[str], limit: int = 3) -> list[str]:
    """The known words that somebody may have meant: those nearest, else those that begin so."""
    meant = normal(word)
    if not 2 <= len(meant) <= _LONGEST_WORD:
        return []
    allowed = 1 if len(meant) < 6 else 2
    found: list[tuple[int, str]] = []
    for candidate in dict.fromkeys(known):
        form = normal(candidate)
        if abs(len(form) - len(meant)) <= allowed and (far := distance(meant, form)) <= min(
            allowed, len(form) // 2
        ):
            found.append((far, candidate))
        elif len(meant) >= 3 and form.startswith(meant):
            found.append((allowed + 1, candidate))
    nearest = min(found)[0] if found else 0
    return [candidate for far, candidate in sorted(found) if far == nearest][:limit]


def names_of(bots: Mapping[str, tuple[str, str]]) -> dict[str, str]:
    """What people may call each bot (name → user id, display name): for `parse`."""
    names: dict[str, str] = {}
    for bot, (user_id, shown) in bots.items():
        for called in (user_id, user_id[1:].partition(":")[0], bot, shown):
            names.setdefault(normal(called), bot)
    return names


def _trimmed(text: str) -> str:
    start = 0
    while start < len(text) and (text[start].isspace() or unicodedata.category(text[start]) == "Cf"):
        start += 1
    return text[start:]


def _first(text: str) -> tuple[str, str]:
    match = _WORD.match(text)
    return (normal(match[0]), _trimmed(text[match.end() :])) if match else ("", "")


def _without_prefix(text: str, prefix: str) -> str | None:
    head = text[: len(prefix)]
    return text[len(prefix) :] if unicodedata.normalize("NFKC", head) == prefix else None


def _prefixed(text: str, prefix: str, words: Collection[str], bot_names: Mapping[str, str]) -> Parsed | None:
    for mark in (prefix, "!"):
        body = _without_prefix(text, mark)
        if body is None:
            continue
        word, rest = _first(_trimmed(body))
        if word == "curbside" or (word in bot_names and word not in words):
            called = None if word == "curbside" else bot_names[word]
            word, rest = _first(rest)
            return Parsed(word or "help", rest, bot=called)
        spaced = body[:1].isspace()  # phones put a space after punctuation
        if mark == prefix and any(map(str.isalpha, word)) and (word in words or not spaced):
            return Parsed(word, rest)
    return None


def _addressed(text: str, prefix: str, words: Collection[str], bot_names: Mapping[str, str]) -> Parsed | None:
    link = _LINK.match(text)
    if link:
        called = bot_names.get(normal(link[2]))
        return None if called is None else _to(called, text[link.end() :].lstrip(":："), prefix)
    at = text.startswith("@")
    for name in sorted(bot_names, key=len, reverse=True):
        for start in (0, 1) if at else (0,):
            end = start + len(name)
            if text[start:end].casefold() != name or text[end : end + 1].isalnum():
                continue
            after = text[end:]
            if after[:1] in (":", ",", "：", "，"):
                return _to(bot_names[name], after[1:], prefix)
            # A name without a colon is talk about the bot more often than to it.
            if (at and (not after or after[0].isspace())) or (
                after[:1].isspace() and _first(_trimmed(after))[0] in words
            ):
                return _to(bot_names[name], after, prefix)
    return None


def _to(bot: str, text: str, prefix: str) -> Parsed:
    text = _trimmed(text)
    bare = _without_prefix(text, prefix)
    word, rest = _first(_trimmed(text if bare is None else bare))
    return Parsed(word or "help", rest, bot=bot)


def answer_number(text: str, count: int) -> int | None:
    """The place in a list of `count` that somebody names: `2`, `2.` or `2️⃣` is 1; else None."""
    shown = "".join(char for char in text.strip() if char not in "\ufe0f\u20e3").rstrip(".)")
    return int(shown) - 1 if shown.isdecimal() and len(shown) <= 3 and 0 < int(shown) <= count else None


def fits(text: str, known: Mapping[str, Sequence[str]]) -> str | None:
    """The key whose own form or a synonym is this text; None if there is none."""
    said = normal(text)
    for key, synonyms in known.items():
        if said == normal(key) or any(said == normal(synonym) for synonym in synonyms):
            return key
    return None
