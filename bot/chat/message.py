"""What a bot says: a message with its kind, its buttons, and its place in a thread."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from bot.chat.rich import Rich

# An event may have 65,536 bytes of canonical JSON (C-S API, "Size limits"). The homeserver adds some 2.5 KB
# (previous and authorising events, hashes, signatures); base64 of an encrypted event a third.
PLAIN_LIMIT = 60_000
ENCRYPTED_LIMIT = 44_000
_RELATION_BYTES = 800  # two event ids and their names
_UNSENDABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True)
class Message:
    """One message of a bot.

    `kind`, `id`, `state` and `seq` go into `org.curbside` (docs/events.md) and never hold PHI.
    `buttons` maps a reaction (one grapheme) to the command it stands for; one that begins with a
    user id (`@anna:hospital.example consult …`) works for that person alone. `loud` messages notify
    (m.text); others are m.notice, which clients show without ringing.
    """

    kind: str
    body: Rich
    id: str | None = None
    state: str | None = None
    seq: int | None = None
    buttons: Mapping[str, str] = field(default_factory=dict)
    loud: bool = False
    mentions: tuple[str, ...] = ()


def content_of(
    message: Message, *, thread: str | None = None, edits: str | None = None, encrypted: bool = True
) -> list[dict[str, Any]]:
    """Build the event contents of a message: one, or several when it is too long for one event.

    `thread` and `edits` name an event (`$…`) or an outbox id whose event it will be. A message too
    long for its formatted form goes without; an edit holds its text twice.
    """
    limit = (ENCRYPTED_LIMIT if encrypted else PLAIN_LIMIT) - _RELATION_BYTES
    if edits is not None:
        limit //= 2
    content = _content(message)
    if _size(content) > limit:
        content.pop("format", None)
        content.pop("formatted_body", None)
    parts = [content] if _size(content) <= limit else _split(content, limit)
    return [
        _related(part, thread=thread, edits=edits if index == 0 else None) for index, part in enumerate(parts)
    ]


def sendable(text: str) -> str:
    """Replace what JSON over HTTP and PostgreSQL refuse: NUL and halves of surrogate pairs."""
    return _UNSENDABLE.sub("\ufffd", text)


def _content(message: Message) -> dict[str, Any]:
    ours = {"v": 1, "kind": message.kind, "id": message.id, "state": message.state, "seq": message.seq}
    content: dict[str, Any] = {
        "msgtype": "m.text" if message.loud else "m.notice",
        "body": sendable(message.body.plain),
        "org.curbside": {key: value for key, value in ours.items() if value is not None},
    }
    # A notice rings nobody, whatever names it holds (C-S API, .m.rule.suppress_notices); Synapse takes as
    # long to validate this as for all the rest of a short message.
    if message.loud or message.mentions:
        content["m.mentions"] = {"user_ids": list(message.mentions)} if message.mentions else {}
    if message.body.html != message.body.plain:
        content["format"] = "org.matrix.custom.html"
        content["formatted_body"] = sendable(message.body.html)
    return content


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode("utf-8"))


@lru_cache(maxsize=4096)
def _width(char: str) -> int:
    return _size(char) - 2  # the quotes


def _split(content: dict[str, Any], limit: int) -> list[dict[str, Any]]:
    room = limit - _size({**content, "body": ""})
    parts = [{**content, "body": piece} for piece in _pieces(content["body"], room)]
    return [parts[0], *(_silent(part) for part in parts[1:])]


def _silent(content: dict[str, Any]) -> dict[str, Any]:
    """The same content, which mentions nobody."""
    return {**content, "m.mentions": {}} if "m.mentions" in content else content


def _pieces(text: str, room: int) -> list[str]:
    """Cut a text into pieces of at most `room` bytes: at a line, else a space, else between letters."""
    pieces, start, size, line, space = [], 0, 0, 0, 0
    index = 0
    while index < len(text):
        char = text[index]
        size += _width(char)
        if size > room:
            # A cut in the last half keeps pieces from growing many.
            half = (start + index) // 2
            cut = line if line > half else space if space > half else _between_letters(text, start, index)
            pieces.append(text[start:cut])
            start = index = cut
            size = line = space = 0
            continue
        index += 1
        if char == "\n":
            line = index
        elif char == " ":
            space = index
    pieces.append(text[start:])
    return pieces


def _between_letters(text: str, start: int, index: int) -> int:
    """The last place before `index` that parts no letter from its accents and no emoji."""
    cut = index
    while (
        cut - 1 > start
        and index - cut < 32
        and (unicodedata.category(text[cut]) in ("Mn", "Me", "Cf", "Sk") or text[cut - 1] == "\u200d")
    ):
        cut -= 1
    return cut if cut - 1 > start else index


def _event(reference: str) -> Any:
    return reference if reference.startswith("$") else {"$out": reference}


def _related(content: dict[str, Any], *, thread: str | None, edits: str | None) -> dict[str, Any]:
    if edits is not None:
        # Nobody is rung a second time by an edit (C-S API, "Mentioning in edited events").
        content = {
            **_silent(content),
            "body": f"* {content['body']}",
            "m.new_content": dict(content),
            "m.relates_to": {"rel_type": "m.replace", "event_id": _event(edits)},
        }
        if "formatted_body" in content:
            content["formatted_body"] = f"* {content['formatted_body']}"
    elif thread is not None:
        content["m.relates_to"] = {
            "rel_type": "m.thread",
            "event_id": _event(thread),
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": _event(thread)},
        }
    return content
