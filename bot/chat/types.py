"""The types of commands' arguments: each reads the words of one, or says what would fit."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote
from zoneinfo import available_timezones

from babel.dates import get_timezone_location

from bot.chat.command import Misunderstood, Offer
from bot.chat.i18n import LANGUAGES
from bot.chat.parsing import closest, fits, normal, take_word
from bot.chat.rich import verbatim

if TYPE_CHECKING:
    from bot.chat.desk import Context

_USER = re.compile(
    r"@[^\s:@]{1,200}:[A-Za-z0-9.\-]+(?::\d{1,5})?|@[^\s:@]{1,200}:\[[0-9A-Fa-f:.]+\](?::\d{1,5})?"
)
_MATRIX_TO = re.compile(r"https://matrix\.to/#/([^?\s)]{1,400})|matrix:u/([^?\s)]{1,400})")
_LONGEST_NUMBER = 18


@dataclass(frozen=True)
class Text:
    """Free text of at most `max_length` characters; lines stay as they were typed."""

    max_length: int = 20_000

    async def parse(self, ctx: Context, text: str) -> str:
        kept = text.strip()
        if not kept:
            raise Misunderstood("Please write a few words.")
        if len(kept) > self.max_length:
            raise Misunderstood(
                "That is too long: {length} characters, and at most {limit} fit here.",
                length=len(kept),
                limit=self.max_length,
            )
        return kept


@dataclass(frozen=True)
class Choice:
    """One of a few values: `options` maps each to its synonyms, in every language.

    `labels` gives the text shown for a value (a message id); without one the value is shown.
    """

    options: Mapping[str, Sequence[str]]
    labels: Mapping[str, str] = field(default_factory=dict)

    async def parse(self, ctx: Context, text: str) -> str:
        value = fits(text, self.options)
        if value is not None:
            return value
        for value, label in self.labels.items():
            if normal(ctx.t(label).plain) == normal(text):
                return value
        known = [word for value, synonyms in self.options.items() for word in (value, *synonyms)]
        raise Misunderstood(
            "I do not know “{word}” here.", word=_short(text), suggestions=closest(text, known)
        )

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """What a person can choose from."""
        return [
            Offer(value, ctx.t(self.labels[value]) if value in self.labels else verbatim(value))
            for value in self.options
        ]


@dataclass(frozen=True)
class WholeNumber:
    """A whole number from `lo` to `hi`, in the digits of any script."""

    lo: int = 0
    hi: int = 1_000_000_000

    async def parse(self, ctx: Context, text: str) -> int:
        digits = text.strip().removeprefix("+").replace("−", "-")
        if len(digits) <= _LONGEST_NUMBER and digits.removeprefix("-").isdecimal():
            number = int(digits)
            if self.lo <= number <= self.hi:
                return number
        raise Misunderstood("Please write a whole number from {lo} to {hi}.", lo=self.lo, hi=self.hi)


@dataclass(frozen=True)
class UserId:
    """A person: a Matrix id, a link to one, or somebody picked from the client's list of names."""

    async def parse(self, ctx: Context, text: str) -> str:
        word = text.strip()
        for shown, user_id in ctx.said.pills:
            if word == shown:
                word = user_id
        link = _MATRIX_TO.search(word)
        if link:
            word = unquote(link[1]) if link[1] is not None else "@" + unquote(link[2])
        word = word.strip(" ,;<>()")
        if _USER.fullmatch(word) and len(word.encode("utf-8", "replace")) <= 255:
            return word
        near = {member[1:].partition(":")[0]: member for member in ctx.room.members}
        raise Misunderstood(
            "I need a person: type @ and pick one from the list, or write the Matrix id, such as {example}.",
            example="@anna:" + ctx.house.settings.server_name,
            suggestions=[near[name] for name in closest(word.removeprefix("@"), near)],
        )


@dataclass(frozen=True)
class Zone:
    """An IANA time zone, by its name or by its city in English or the person's language."""

    async def parse(self, ctx: Context, text: str) -> str:
        word = normal(text).replace(" ", "_")
        exact = {zone.casefold(): zone for zone in _zones()}
        if word in exact:
            return exact[word]
        cities = _cities(ctx.t.language)
        if len(found := cities.get(word, ())) == 1:
            return found[0]
        near = [zone for city in closest(word, cities) for zone in cities[city]]
        raise Misunderstood(
            "I do not know the time zone “{word}”: write a big city of it, such as {example}.",
            word=_short(text),
            example="Berlin",
            suggestions=list(dict.fromkeys([*found, *near]))[:3],
        )


class Language(Choice):
    """One of the languages that the bots speak, by code or name."""

    def __init__(self) -> None:
        super().__init__(
            {"en": ("english", "englisch"), "de": ("german", "deutsch")},
        )

    async def offers(self, ctx: Context) -> Sequence[Offer]:
        """Every language under the name its speakers give it."""
        return [Offer(code, verbatim(name)) for code, name in LANGUAGES.items()]


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC"))


@cache
def _cities(language: str) -> Mapping[str, tuple[str, ...]]:
    """City → zones, under its name in the IANA list, else under those of CLDR."""
    cities: dict[str, list[str]] = {}
    for zone in _zones():
        cities.setdefault(normal(zone.rpartition("/")[2]), []).append(zone)
    translated: dict[str, list[str]] = {}
    for zone in _zones():
        if not zone.startswith("Etc/"):
            name = normal(str(get_timezone_location(zone, locale=language, return_city=True)))
            translated.setdefault(name.replace(" ", "_"), []).append(zone)
    return {name: tuple(zones) for name, zones in {**translated, **cities}.items()}


def _short(text: str) -> str:
    word, rest = take_word(text)
    return word[:40] + ("…" if rest or len(word) > 40 else "")
