"""What arguments accept, and what they say when they do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.chat import CHAT
from bot.chat.command import ArgType, Misunderstood
from bot.chat.desk import Context, House, RoomFacts, Said
from bot.chat.i18n import Texts
from bot.chat.store import Person
from bot.chat.types import Choice, Language, Text, UserId, WholeNumber, Zone
from bot.directory.hospitals import HospitalBook
from bot.kernel.db import Tx
from bot.settings import BotSettings, Settings
from tests.support.chat_stage import Rooms

ANNA, BEN = "@anna:north.example", "@ben:north.example"


def context(language: str = "en") -> Context:
    """Anna in a room with Ben; no argument type of these looks into the database."""
    bots = {"curbside": BotSettings(user_id="@curbside:north.example", token_file=Path("unused"))}
    settings = Settings(
        hospital="North", homeserver="http://127.0.0.1:1", server_name="north.example", bots=bots
    )
    assert CHAT.locale is not None
    house = House(
        settings,
        Texts([CHAT.locale]),
        Rooms(),
        {"curbside": "@curbside:north.example"},
        HospitalBook(settings),
    )
    return Context(
        house,
        cast(Tx, None),
        "curbside",
        person=Person(ANNA, language, "UTC"),
        room=RoomFacts("!r:north.example", True, (ANNA, BEN), False),
        said=Said("$e", "!r:north.example", ANNA, "", pills=(("Ben Berg", BEN),)),
    )


CONTEXT = context()
URGENCY = Choice({"stat": ("notfall",), "urgent": ("dringend",)}, labels={"stat": "Commands"})


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        (Text(), "  a\n b ", "a\n b"),
        (URGENCY, "STAT", "stat"),
        (URGENCY, "“Dringend”.", "urgent"),
        (URGENCY, "commands", "stat"),
        (WholeNumber(1, 10), " 7 ", 7),
        (WholeNumber(-5, 5), "−3", -3),
        (WholeNumber(), "٣", 3),
        (UserId(), BEN, BEN),
        (UserId(), "Ben Berg", BEN),
        (UserId(), "@a/b=c:h.example:8448", "@a/b=c:h.example:8448"),
        (UserId(), "https://matrix.to/#/%40ben%3Anorth.example?via=x", BEN),
        (UserId(), "[Ben](https://matrix.to/#/@ben:north.example)", BEN),
        (UserId(), "matrix:u/ben:north.example", BEN),
        (Zone(), "europe/berlin", "Europe/Berlin"),
        (Zone(), "Berlin", "Europe/Berlin"),
        (Zone(), "new york", "America/New_York"),
        (Zone(), "utc", "UTC"),
        (Language(), "Deutsch", "de"),
        (Language(), "EN", "en"),
    ],
)
async def test_what_fits(kind: ArgType, text: str, value: Any) -> None:
    assert await kind.parse(CONTEXT, text) == value


@pytest.mark.parametrize(
    ("kind", "text", "suggestions"),
    [
        (Text(), " \n", []),
        (Text(3), "long", []),
        (URGENCY, "urgnet", ["urgent"]),
        (URGENCY, "soon", []),
        (WholeNumber(1, 10), "11", []),
        (WholeNumber(), "9" * 10_000, []),
        (WholeNumber(), "-", []),
        (WholeNumber(), "²", []),
        (UserId(), "bne", [BEN]),
        (UserId(), "@ben", [BEN]),
        (UserId(), "@x:" + "y" * 300, []),
        (Zone(), "berlni", ["Europe/Berlin"]),
        (Zone(), "Louisville", ["America/Kentucky/Louisville", "America/Louisville"]),
        (Zone(), "../../etc/passwd", []),
        (Language(), "klingon", []),
    ],
)
async def test_what_does_not_fit(kind: ArgType, text: str, suggestions: list[str]) -> None:
    with pytest.raises(Misunderstood) as caught:
        await kind.parse(CONTEXT, text)
    assert list(caught.value.suggestions) == suggestions
    assert CONTEXT.t(caught.value.template, **caught.value.values).plain


async def test_cities_have_names_in_ones_language() -> None:
    assert await Zone().parse(context("de"), "Wien") == "Europe/Vienna"


async def test_choices_are_offered_with_their_labels() -> None:
    offers = await URGENCY.offers(context("de"))
    assert [(offer.word, offer.label.plain) for offer in offers] == [
        ("stat", "Befehle"),
        ("urgent", "urgent"),
    ]
    assert [offer.label.plain for offer in await Language().offers(CONTEXT)] == ["English", "Deutsch"]


@given(st.text(), st.sampled_from([Text(5), URGENCY, WholeNumber(), UserId(), Zone(), Language()]))
async def test_any_text_is_taken_or_refused(text: str, kind: ArgType) -> None:
    try:
        await kind.parse(CONTEXT, text)
    except Misunderstood as problem:
        CONTEXT.t(problem.template, **problem.values)
