"""What a request to a service should tell, as the service declares it: plain values."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TemplateField:
    """One thing to tell: `asks` is the question by language, `choices` the answers to choose from, if any."""

    key: str
    asks: Mapping[str, str] = field(default_factory=dict)
    choices: tuple[str, ...] = ()

    def ask(self, language: str) -> str:
        """The question in a language, else in English."""
        return self.asks.get(language) or self.asks["en"]


@dataclass(frozen=True)
class RequestTemplate:
    """What a request for one problem should tell: stroke, chest pain, an antibiotic.

    `services` are the keys of those it is for; with an `urgency`, only for such requests.
    """

    key: str
    names: Mapping[str, str] = field(default_factory=dict)  # language → name
    services: tuple[str, ...] = ()
    urgency: str | None = None
    fields: tuple[TemplateField, ...] = ()

    def name(self, language: str) -> str:
        """What the problem is called in a language, else in English, else by its key."""
        return self.names.get(language) or self.names.get("en") or self.key.replace("_", " ")

    def is_named_in(self, text: str) -> bool:
        """Whether a text names the problem."""
        words = {self.key.replace("_", " "), *self.names.values()}
        return any(re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE) for word in words)


def template_for(
    templates: Mapping[str, RequestTemplate], service: str, own: str | None, urgency: str, text: str
) -> RequestTemplate | None:
    """The template for a request: the one whose problem it names, else `own`, which the service names."""
    fitting = [
        one
        for key, one in templates.items()
        if (key == own or service in one.services) and one.urgency in (None, urgency)
    ]
    named = [one for one in fitting if one.is_named_in(text)]
    if len(named) == 1:
        return named[0]
    return next((one for one in fitting if one.key == own), None)
