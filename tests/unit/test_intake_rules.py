"""The words behind !consults, templates of requests, and drafts that wait."""

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.consults.intake.draft import DETAILS, REVIEW, Draft
from bot.consults.intake.parsing import Typed, take_fields
from bot.consults.lists.rules import Filter, Unclear, read, words
from bot.consults.model import Expects, Urgency
from bot.consults.request import Request
from bot.directory.roster import BadRoster, load_roster
from bot.directory.templates import RequestTemplate, TemplateField, template_for

NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
SERVICES = {"cardiology": "cardiology", "antibiotic stewardship": "abx"}


def asked(text: str) -> Filter | Unclear:
    return read(text.split(), SERVICES.get, NOW, BERLIN)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", Filter()),
        ("requested closed", Filter("requested", "closed")),
        ("Gestellt, beendet", Filter("requested", "closed")),
        ("antibiotic stewardship stat", Filter(service="abx", urgency=Urgency.STAT)),
        ("any page 3", Filter(state="any", page=3)),
        ("since yesterday", Filter(since=datetime(2026, 11, 21, tzinfo=BERLIN))),
        ("seit 1.11.2026", Filter(since=datetime(2026, 11, 1, tzinfo=BERLIN))),
        ("since 2026-10-25", Filter(since=datetime(2026, 10, 25, tzinfo=BERLIN))),
        ("since 6h", Filter(since=datetime(2026, 11, 21, 21, 30, tzinfo=UTC))),
        ("care moon", Unclear("word", "moon")),
        ("since", Unclear("since", "")),
        ("since 31.02.2026", Unclear("since", "31.02.2026")),
        ("since 2027-01-01", Unclear("future", "2027-01-01")),
        ("page 0", Unclear("page", "0")),
        ("page ٣", Unclear("page", "٣")),
    ],
)
def test_words_narrow_the_list(text: str, found: Filter | Unclear) -> None:
    assert asked(text) == found


@given(
    st.builds(
        Filter,
        st.sampled_from(["mine", "asked", "care", "requested", "all"]),
        st.sampled_from(["open", "closed", "any"]),
        st.none() | st.sampled_from(Urgency),
        st.none() | st.just("cardiology"),
        st.none() | st.just(datetime(2026, 11, 1, 7, 15, tzinfo=UTC)),
    )
)
def test_the_button_for_the_next_page_asks_for_the_same(filter_: Filter) -> None:
    again = asked(words(filter_, 2))
    assert isinstance(again, Filter)
    assert again.page == 2
    assert words(again, 1) == words(filter_, 1)


@given(st.text(max_size=60))
def test_any_words_can_be_read(text: str) -> None:
    assert isinstance(asked(text), Filter | Unclear)


# Templates ---------------------------------------------------------------------------------------

STROKE = RequestTemplate("stroke", {"en": "Stroke", "de": "Schlaganfall"}, ("neurology",))
SEIZURE = RequestTemplate("seizure", {}, ("neurology",), "stat")
KNOWN = {"stroke": STROKE, "seizure": SEIZURE}


def test_a_template_is_the_one_named_else_the_services_own() -> None:
    assert template_for(KNOWN, "neurology", None, "urgent", "Schlaganfall? lysis?") is STROKE
    assert template_for(KNOWN, "neurology", None, "stat", "first seizure") is SEIZURE
    assert template_for(KNOWN, "neurology", None, "urgent", "first seizure") is None
    assert template_for(KNOWN, "neurology", "stroke", "urgent", "what now?") is STROKE
    assert template_for(KNOWN, "neurology", "stroke", "stat", "seizure?") is SEIZURE
    assert template_for(KNOWN, "neurology", None, "stat", "stroke or seizure?") is None
    assert template_for(KNOWN, "cardiology", None, "stat", "stroke") is None


def test_a_templates_fields_are_taken_from_their_lines() -> None:
    left, told = take_fields("lysis?\nNIHSS: 12\n* Last seen well at?: 10:40\nward: B12", {
        "nihss": "nihss", "last seen well at": "onset",
    })  # fmt: skip
    assert (left, told) == ("lysis?\nward: B12", {"nihss": "12", "onset": "10:40"})


def roster(folder: Path, text: str) -> Path:
    path = folder / "roster.toml"
    path.write_text("[services.neurology]\n" + text, "utf-8")
    return path


FIELDS = (
    'fields = [{ key = "onset", ask = "When?", ask_de = "Wann?" }, '
    '{ key = "bp", ask = "BP?", choices = ["low"] }]'
)


def test_templates_stand_in_the_roster(tmp_path: Path) -> None:
    text = f'template = "stroke"\n[templates.stroke]\nname = "Stroke"\nurgency = "stat"\n{FIELDS}'
    found = load_roster(roster(tmp_path, text), "UTC")
    assert found.templates["stroke"].fields == (
        TemplateField("onset", {"en": "When?", "de": "Wann?"}),
        TemplateField("bp", {"en": "BP?"}, ("low",)),
    )
    assert found.templates["stroke"].fields[0].ask("de") == "Wann?"
    assert found.template_for(found.services["neurology"], "stat", "x") is found.templates["stroke"]
    assert found.template_for(found.services["neurology"], "routine", "x") is None


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('template = "moon"', "services.neurology.template: there is no templates.moon."),
        (f'[templates.x]\nservices = ["moon"]\n{FIELDS}', "templates.x.services: there is no services.moon."),
        ("[templates.x]", "templates.x.fields: is required."),
        (
            '[templates.x]\nfields = [{ key = "a", ask = "A?" }, { key = "a", ask = "B?" }]',
            "templates.x.fields: a is asked for twice.",
        ),
        (f'[templates.x]\nurgency = "soon"\n{FIELDS}', "templates.x.urgency:"),
    ],
)
def test_a_wrong_template_is_named(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadRoster) as error:
        load_roster(roster(tmp_path, text), "UTC")
    assert str(error.value).startswith(sentence)


# Drafts ------------------------------------------------------------------------------------------


def test_a_draft_waits_and_comes_back() -> None:
    draft = Draft(
        "neurology", Urgency.URGENT, Request("lysis?"), "$1", Expects.FYI, follow=True, passed=("onset",)
    )
    assert Draft.unpack(draft.pack()) == draft


def test_a_draft_asks_for_each_detail_once() -> None:
    draft, asked_for = Draft("neurology", Urgency.URGENT, Request("lysis?"), "$1"), list[str]()
    while (step := draft.next_detail()) != REVIEW:
        asked_for.append(step)
        draft = draft.at(step)
    assert tuple(asked_for) == DETAILS


def test_answers_go_where_they_were_asked_for() -> None:
    draft = Draft("neurology", Urgency.URGENT, Request("lysis?"), "$1")
    ward = draft.at("part:ward").with_answer("B\x0712")
    assert ward is not None and ward.request.ward == "B12"
    assert draft.at("follow").with_answer("maybe") is None
    follow = draft.at("follow").with_answer("mitbetreuen")
    assert follow is not None and follow.follow
    assert draft.at("expects").with_answer("soon") is None
    onset = draft.at("field:onset").with_answer("10:40")
    assert onset is not None and onset.request.fields == (("onset", "10:40"),)
    assert draft.with_typed(Typed("NIHSS 12"), adds=True).request.question == "lysis?\nNIHSS 12"
