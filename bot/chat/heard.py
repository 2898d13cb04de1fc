"""Reading a room event as it came: nothing in it is taken for granted. Pure."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any
from urllib.parse import unquote

from bot.chat.message import sendable

_EVENT_ID = re.compile(r"\$[\x21-\x7e]{1,254}")
_ROOM_ID = re.compile(r"![^\x00-\x20\x7f\ud800-\udfff]{1,254}")
_USER_ID = re.compile(r"@[^\x00-\x20\x7f:\ud800-\udfff]{0,250}:[A-Za-z0-9.\-:\[\]]{1,250}")
_PILL = re.compile(r"""href=["']https://matrix\.to/#/([^"'?]{1,400})""")
_LONGEST_TAG = 1000  # so that reading a hostile message takes no longer than it is
_LONGEST_ID = 255  # bytes (C-S API, "Identifier grammar")
_MOST_PILLS = 20


@dataclass(frozen=True)
class Heard:
    """What matters of a room event; text is None unless it is a person's m.text.

    `replaces` is the message that an edit corrects, `reaction` the event reacted to and the emoji,
    `from_curbside` marks a message of any house's bots, `session` the one of an undecryptable event, and
    `awaited` that it may become readable yet.
    """

    type: str
    event_id: str
    room_id: str
    sender: str
    readable: bool
    text: str | None = None
    thread: str | None = None
    reply_to: str | None = None
    replaces: str | None = None
    reaction: tuple[str, str] | None = None
    pills: tuple[tuple[str, str], ...] = ()
    from_curbside: bool = False
    session: str = ""
    awaited: bool = False

    @property
    def server(self) -> str:
        """The sender's homeserver."""
        return self.sender.partition(":")[2]


@dataclass(frozen=True)
class Membership:
    """Somebody's membership of a room changed: `now` and `before` are join, invite, knock, leave or ban.

    `by` did it: the person themselves when they joined, knocked or left.
    """

    room_id: str
    user_id: str
    now: str
    before: str
    by: str
    event_id: str


_MEMBERSHIPS = frozenset({"join", "invite", "knock", "leave", "ban"})


def membership(payload: Mapping[str, Any]) -> Membership | None:
    """Read an inbox payload of topic matrix.event; None if nobody's membership changed by it."""
    event = _table(payload.get("event"))
    if event.get("type") != "m.room.member":
        return None
    user_id, by = _identifier(event.get("state_key"), _USER_ID), _identifier(event.get("sender"), _USER_ID)
    room_id = _identifier(payload.get("room_id"), _ROOM_ID)
    event_id = _identifier(event.get("event_id"), _EVENT_ID)
    if user_id is None or by is None or room_id is None or event_id is None:
        return None
    now = _table(event.get("content")).get("membership")
    before = _table(_table(event.get("unsigned")).get("prev_content")).get("membership")
    if now not in _MEMBERSHIPS or now == before:  # a new name or picture
        return None
    return Membership(room_id, user_id, now, before if before in _MEMBERSHIPS else "leave", by, event_id)


def sent_at(event: Mapping[str, Any], now: datetime) -> datetime:
    """When the sender's homeserver says it took the event (C-S API, `origin_server_ts`); never after `now`.

    Without a moment that can be, `now`. It differs from `now` when the bots read what was sent while they
    were away.
    """
    milliseconds = event.get("origin_server_ts")
    if isinstance(milliseconds, bool) or not isinstance(milliseconds, int) or milliseconds <= 0:
        return now
    try:
        return min(datetime.fromtimestamp(milliseconds / 1000, UTC), now)
    except (ValueError, OverflowError, OSError):
        return now


def hear(payload: Mapping[str, Any]) -> Heard | None:
    """Read an inbox payload of topic matrix.event; None if it is no room event."""
    event = _table(payload.get("event"))
    kind, room_id = event.get("type"), _identifier(payload.get("room_id"), _ROOM_ID)
    event_id, sender = (
        _identifier(event.get("event_id"), _EVENT_ID),
        _identifier(event.get("sender"), _USER_ID),
    )
    if not isinstance(kind, str) or room_id is None or event_id is None or sender is None:
        return None
    content = _table(event.get("content"))
    relates = _table(content.get("m.relates_to"))
    target = _identifier(relates.get("event_id"), _EVENT_ID)
    relation = relates.get("rel_type")
    if kind == "m.reaction":
        key = relates.get("key")
        pressed = (
            (target, sendable(key))
            if relation == "m.annotation" and target and isinstance(key, str)
            else None
        )
        return Heard(kind, event_id, room_id, sender, True, reaction=pressed)
    replaces = target if relation == "m.replace" else None
    if kind != "m.room.message" or "state_key" in event:
        readable = payload.get("decrypted") is not False
        return Heard(
            kind,
            event_id,
            room_id,
            sender,
            readable,
            # Relations of encrypted events are in the clear.
            replaces=replaces if kind == "m.room.encrypted" else None,
            session=_text(content.get("session_id")) or "",
            awaited=payload.get("awaited") is True,
        )
    shown = _table(content.get("m.new_content")) if replaces else content
    return Heard(
        kind,
        event_id,
        room_id,
        sender,
        True,
        text=_text(shown.get("body")) if shown.get("msgtype") == "m.text" else None,
        thread=target if relation == "m.thread" else None,
        reply_to=_identifier(_table(relates.get("m.in_reply_to")).get("event_id"), _EVENT_ID),
        replaces=replaces,
        pills=_pills(shown.get("formatted_body")),
        from_curbside="org.curbside" in content,
    )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: object) -> str | None:
    return sendable(value) if isinstance(value, str) else None


def _identifier(value: object, grammar: re.Pattern[str]) -> str | None:
    if isinstance(value, str) and grammar.fullmatch(value) and len(value.encode("utf-8")) <= _LONGEST_ID:
        return value
    return None


def _pills(formatted: object) -> tuple[tuple[str, str], ...]:
    """People mentioned in a formatted body: the name shown, and whose it is."""
    if not isinstance(formatted, str):
        return ()
    found: list[tuple[str, str]] = []
    pieces = sendable(formatted).split("<")
    for piece, following in pairwise(pieces):
        tag, _, shown = piece.partition(">")
        if tag[:1] != "a" or not tag[1:2].isspace() or len(tag) > _LONGEST_TAG:
            continue
        link = _PILL.search(tag)
        if link is None or not 0 < len(shown) <= _LONGEST_ID or not following.startswith("/a>"):
            continue
        user_id = _identifier(unquote(html.unescape(link[1])), _USER_ID)
        if user_id is not None:
            found.append((html.unescape(shown), user_id))
        if len(found) == _MOST_PILLS:
            break
    return tuple(found)
