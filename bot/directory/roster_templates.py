"""Templates of requests, as they are written in the roster.

    [templates.stroke]
    name = "Stroke"
    name_de = "Schlaganfall"
    services = ["neurology"]               # their requests take it when they name the problem
    urgency = "stat"                       # only such requests; without it, all
    fields = [
        { key = "onset", ask = "Last seen well at?", ask_de = "Zuletzt gesund gesehen um?" },
        { key = "doac", ask = "Anticoagulated?", ask_de = "Antikoaguliert?", choices = ["no", "yes"] },
    ]

A service whose every request takes it says so itself: `template = "stroke"`. The guided form asks for the
fields; a request in one line is sent, and what it does not tell is named.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Annotated, Literal

from pydantic import Field

from bot.directory.roster_words import Key, Word
from bot.directory.templates import RequestTemplate, TemplateField
from bot.settings import Section

MOST_FIELDS = 12
_Ask = Annotated[str, Field(min_length=1, max_length=120)]
_Choice = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^\S.*$")]


class FieldEntry(Section):
    key: Key
    ask: _Ask
    ask_de: _Ask | None = None
    choices: tuple[_Choice, ...] = Field(default=(), max_length=5)


class TemplateEntry(Section):
    name: Word | None = None
    name_de: Word | None = None
    services: tuple[Key, ...] = ()
    urgency: Literal["stat", "urgent", "routine"] | None = None
    fields: tuple[FieldEntry, ...] = Field(min_length=1, max_length=MOST_FIELDS)


def template(
    key: str, entry: TemplateEntry, services: Collection[str], refused: Callable[[str], Exception]
) -> RequestTemplate:
    """A template of the roster; raises what `refused` makes of one sentence."""
    place = f"templates.{key}"
    for service in entry.services:
        if service not in services:
            raise refused(f"{place}.services: there is no services.{service}.")
    keys = [one.key for one in entry.fields]
    for one in keys:
        if keys.count(one) > 1:
            raise refused(f"{place}.fields: {one} is asked for twice.")
    names = {"en": entry.name, "de": entry.name_de}
    return RequestTemplate(
        key,
        names={language: name for language, name in names.items() if name is not None},
        services=entry.services,
        urgency=entry.urgency,
        fields=tuple(
            TemplateField(
                one.key,
                {"en": one.ask, **({"de": one.ask_de} if one.ask_de is not None else {})},
                one.choices,
            )
            for one in entry.fields
        ),
    )
