"""A request that is not sent yet, and what is asked next about it. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace

from bot.consults.intake.parsing import Typed, clean, expected, followed
from bot.consults.model import Expects, Urgency
from bot.consults.request import Request
from bot.directory.templates import RequestTemplate

# The steps of the guided form: `field:KEY` for what a template asks, `part:NAME` for a detail.
QUESTION, ORDER, REVIEW = "question", "order", "review"
_FIELD, _PART = "field:", "part:"
DETAILS = (
    "part:ward",
    "part:callback",
    "part:situation",
    "part:background",
    "part:assessment",
    "part:recommendation",
    "follow",
    "expects",
)


@dataclass(frozen=True)
class Draft:
    """A request in the making.

    `anchor` is the event in which it was asked, whose thread the consult will live in; `step` is what was
    asked last. `guided`: it was asked for step by step, so it is shown before it is sent. `asked` says that
    its requester has confirmed that it is a question, and `passed` are fields that they left out.
    """

    service: str
    urgency: Urgency
    request: Request
    anchor: str
    expects: Expects = Expects.ACTION
    follow: bool = False
    guided: bool = False
    asked: bool = False
    step: str = ""
    passed: tuple[str, ...] = ()

    @property
    def field(self) -> str | None:
        """The key of the template's field that was asked for last."""
        return self.step.removeprefix(_FIELD) if self.step.startswith(_FIELD) else None

    @property
    def part(self) -> str | None:
        """The part of the request that was asked for last."""
        return self.step.removeprefix(_PART) if self.step.startswith(_PART) else None

    def at(self, step: str) -> Draft:
        """The same draft, with another thing asked."""
        return replace(self, step=step)

    def with_typed(self, typed: Typed, *, adds: bool = False) -> Draft:
        """The draft with what was typed; `adds`: a question is added to the one there."""
        request = self.request.with_parts(**typed.parts)
        if typed.question:
            question = f"{request.question}\n{typed.question}" if adds else typed.question
            request = request.with_parts(question=question.strip())
        return replace(
            self,
            request=request,
            expects=Expects(typed.expects) if typed.expects is not None else self.expects,
            follow=typed.follow if typed.follow is not None else self.follow,
        )

    def with_answer(self, text: str) -> Draft | None:
        """The draft with the answer to its step; None if that is no answer to it."""
        text = clean(text)
        if self.field is not None:
            return replace(self, request=self.request.with_fields({self.field: text}))
        if self.part is not None:
            return replace(self, request=self.request.with_parts(**{self.part: text}))
        if self.step == "follow":
            follow = followed(text)
            return None if follow is None else replace(self, follow=follow)
        if self.step == "expects":
            expects = expected(text)
            return None if expects is None else replace(self, expects=Expects(expects))
        return self.with_typed(Typed(text))

    def next_detail(self) -> str:
        """The detail to ask for after the present step; REVIEW after the last."""
        if self.step not in DETAILS:
            return DETAILS[0]
        return (*DETAILS, REVIEW)[DETAILS.index(self.step) + 1]

    def next_field(self, template: RequestTemplate | None) -> str | None:
        """The step for the first field of the template that was neither told nor passed over."""
        told = {key for key, _text in self.request.fields} | set(self.passed)
        fields = template.fields if template is not None else ()
        return next((_FIELD + one.key for one in fields if one.key not in told), None)

    def pack(self) -> str:
        """The form in which it waits for the next answer."""
        return json.dumps(
            {
                "service": self.service,
                "urgency": str(self.urgency),
                "request": self.request.to_json(),
                "anchor": self.anchor,
                "expects": str(self.expects),
                "follow": self.follow,
                "guided": self.guided,
                "asked": self.asked,
                "step": self.step,
                "passed": list(self.passed),
            },
            ensure_ascii=False,
        )

    @classmethod
    def unpack(cls, packed: str) -> Draft:
        """Read `pack`'s form."""
        value: Mapping[str, object] = json.loads(packed)
        passed = value["passed"]
        return cls(
            service=str(value["service"]),
            urgency=Urgency(str(value["urgency"])),
            request=Request.from_json(value["request"]),
            anchor=str(value["anchor"]),
            expects=Expects(str(value["expects"])),
            follow=bool(value["follow"]),
            guided=bool(value["guided"]),
            asked=bool(value["asked"]),
            step=str(value["step"]),
            passed=tuple(map(str, passed)) if isinstance(passed, list) else (),
        )
