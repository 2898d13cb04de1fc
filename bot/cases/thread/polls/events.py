"""The events of Matrix polls, as clients of today send and show them. Pure.

Source: MSC3381 "Chat Polls", with its unstable names (`org.matrix.msc3381.*`) and the text of MSC1767 for
clients without polls; responses under the stable names of the specification are read as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from bot.cases.thread.rules import event_id

START = "org.matrix.msc3381.poll.start"
RESPONSE = "org.matrix.msc3381.poll.response"
END = "org.matrix.msc3381.poll.end"
RESPONSES = frozenset({RESPONSE, "m.poll.response"})
_TEXT = "org.matrix.msc1767.text"
_DISCLOSED, _UNDISCLOSED = "org.matrix.msc3381.poll.disclosed", "org.matrix.msc3381.poll.undisclosed"


def numbered(options: Sequence[str]) -> str:
    """Options by number, one a line."""
    return "\n".join(f"{number}. {option}" for number, option in enumerate(options, 1))


def start(question: str, options: Sequence[str], thread: str, *, secret: bool) -> dict[str, Any]:
    """The content that begins a poll in a thread; `secret`: nobody sees how it stands before its end.

    `thread` names an event or an outbox id.
    """
    answers = [{"id": str(number), _TEXT: option} for number, option in enumerate(options, 1)]
    root = thread if thread.startswith("$") else {"$out": thread}
    return {
        _TEXT: f"{question}\n{numbered(options)}",
        START: {
            "kind": _UNDISCLOSED if secret else _DISCLOSED,
            "max_selections": 1,
            "question": {_TEXT: question, "body": question, "msgtype": "m.text"},
            "answers": answers,
        },
        "m.relates_to": {
            "rel_type": "m.thread",
            "event_id": root,
            "is_falling_back": True,
            "m.in_reply_to": {"event_id": root},
        },
    }


def end(poll: str, text: str) -> dict[str, Any]:
    """The content that ends a poll, which the event `poll` began."""
    return {
        "m.relates_to": {"rel_type": "m.reference", "event_id": poll},
        END: {},
        _TEXT: text,
    }


def response(event: Mapping[str, object]) -> tuple[str, object] | None:
    """The poll that an event answers, and the ids chosen; None if it is no response."""
    content = event.get("content")
    if event.get("type") not in RESPONSES or not isinstance(content, Mapping):
        return None
    relation = content.get("m.relates_to")
    if not isinstance(relation, Mapping) or relation.get("rel_type") != "m.reference":
        return None
    target = event_id(relation.get("event_id"))
    if target is None:
        return None
    said = content.get(RESPONSE)
    if isinstance(said, Mapping):
        return target, said.get("answers")
    return target, content.get("m.selections")
