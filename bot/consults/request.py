"""What a requester asks, in their words: the one question, and what helps to answer it. Pure values.

The parts follow SBAR (situation, background, assessment, recommendation wanted), after the one question that
a good request has: the "core question" of the 5 Cs (doi:10.1111/j.1553-2712.2012.01405.x). Kept sealed, as
JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

MOST_ATTACHMENTS = 10
PARTS = ("situation", "background", "assessment", "recommendation", "ward", "callback")


@dataclass(frozen=True)
class Attached:
    """A file that the requester posted: the event, and the content by which any client opens it.

    `content` holds the address and the key of the encrypted file (C-S API, "Sending encrypted attachments"),
    never the file. `posted` are the outbox ids of its copies in the consult's room.
    """

    event_id: str
    content: Mapping[str, Any] = field(repr=False)
    posted: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        return {"event_id": self.event_id, "content": dict(self.content), "posted": list(self.posted)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Attached:
        return cls(str(value["event_id"]), dict(value["content"]), tuple(map(str, value["posted"])))


@dataclass(frozen=True)
class Request:
    """One request. `ward` is a place, never a name. `fields` are a template's answers, as (key, answer)."""

    question: str
    situation: str = ""
    background: str = ""
    assessment: str = ""
    recommendation: str = ""
    ward: str = ""
    callback: str = ""
    template: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    attachments: tuple[Attached, ...] = ()

    @property
    def parts(self) -> dict[str, str]:
        """The parts beside the question that were given, in their order."""
        return {name: text for name in PARTS if (text := getattr(self, name))}

    def with_parts(self, **parts: Any) -> Request:
        """This request with parts, or its question, told anew; those left out stay."""
        return replace(self, **parts)

    def with_fields(self, answers: Mapping[str, str]) -> Request:
        """This request with a template's answers; an empty answer takes an earlier one away."""
        kept = {**dict(self.fields), **answers}
        return replace(self, fields=tuple((key, text) for key, text in kept.items() if text))

    def to_json(self) -> dict[str, Any]:
        """The form in which it is sealed: only what was said."""
        packed: dict[str, Any] = {"question": self.question, **self.parts}
        if self.template:
            packed["template"] = self.template
        if self.fields:
            packed["fields"] = [list(pair) for pair in self.fields]
        if self.attachments:
            packed["attachments"] = [one.to_json() for one in self.attachments]
        return packed

    @classmethod
    def from_json(cls, value: Any) -> Request:
        """Read `to_json`'s form; a bare string is the question alone, as kept before there were parts."""
        if isinstance(value, str):
            return cls(value)
        return cls(
            question=str(value["question"]),
            template=str(value.get("template", "")),
            fields=tuple((str(key), str(text)) for key, text in value.get("fields", ())),
            attachments=tuple(Attached.from_json(one) for one in value.get("attachments", ())),
            **{name: str(value[name]) for name in PARTS if name in value},
        )
