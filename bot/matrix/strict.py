"""What homeservers with TI-Messenger rules allow (profile `strict`). Pure.

Source: gematik, TI-Messenger specification, and Famedly's invite checker for Synapse: `createRoom` names at
most one person to invite, rooms are of version 10 or 9, nobody is invited into a direct chat that exists,
and a reaction is a single grapheme.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any

ROOM_VERSIONS = ("10", "9")  # the better one first
_JOINER, _KEYCAP = "\u200d", "\u20e3"
_MARKS = ("Mn", "Me", "Mc")


def room_version(available: Mapping[str, Any]) -> str:
    """The version of the rooms we make, of those that the homeserver has (C-S API, capabilities)."""
    return next((version for version in ROOM_VERSIONS if version in available), ROOM_VERSIONS[0])


def is_allowed_reaction(content: Mapping[str, Any]) -> bool:
    """Whether the content of an `m.reaction` is a single grapheme."""
    relation = content.get("m.relates_to")
    key = relation.get("key") if isinstance(relation, Mapping) else None
    return isinstance(key, str) and is_grapheme(key)


def is_grapheme(text: str) -> bool:
    """Whether a text is what people see as one sign: of emoji and letters (Unicode annex 29, simplified)."""
    if not text:
        return False
    if all(_is_regional(char) for char in text):
        return len(text) <= 2  # a flag
    starts, joined = 0, False
    for index, char in enumerate(text):
        if char == _JOINER:
            joined = index > 0
        elif joined:
            joined = False
        elif not (index and _extends(char)):
            starts += 1
    return starts == 1 and not text.endswith(_JOINER)


def _is_regional(char: str) -> bool:
    return 0x1F1E6 <= ord(char) <= 0x1F1FF


def _extends(char: str) -> bool:
    """Whether a character belongs to the sign before it: marks, variants, skin tones, tags of flags."""
    number = ord(char)
    return (
        unicodedata.category(char) in _MARKS
        or 0x1F3FB <= number <= 0x1F3FF
        or 0xE0020 <= number <= 0xE007F
        or char == _KEYCAP
    )
