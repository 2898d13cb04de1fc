"""What stands in the place of identifiers, and warnings of what may still identify."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid import quasi, replacing
from bot.deid.merging import Found
from bot.deid.model import Kind, Source, Tier

_MARK = re.compile(r"\{(\w+):([^}]+)\}")


def _replaced(marked: str, language: str = "en") -> str:
    """A text with its marked spans (`{name:Anna}`) replaced."""
    text, found, at = "", [], 0
    for match in _MARK.finditer(marked):
        text += marked[at : match.start()]
        kind, rule = (Kind.DATE, "date:birth") if match[1] == "born" else (Kind(match[1]), "test")
        found.append(Found(len(text), len(text) + len(match[2]), kind, Tier.CERTAIN, rule))
        text += match[2]
        at = match.end()
    text += marked[at:]
    shown, at = "", 0
    for one, replacement in zip(found, replacing.replace(Source(text, language), found), strict=True):
        shown += text[at : one.start] + replacement
        at = one.end
    return shown + text[at:]


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        ("pt {name:Anna Keller}, {name:Keller} and {name:Anna}", "pt [PATIENT], [PATIENT] and [PATIENT]"),
        (
            "pt {name:Anna Keller} aka {name:A.K.}, later {name:AK}",
            "pt [PATIENT] aka [PATIENT], later [PATIENT]",
        ),
        ("pt {name:Keller, Anna}, {name:anna}'s", "pt [PATIENT], [PATIENT]'s"),
        ("Mr {name:Bo} and Mrs {name:Lind}", "Mr [PATIENT-1] and Mrs [PATIENT-2]"),
        ("her daughter {name:Mia} called", "her daughter [DAUGHTER] called"),
        ("his wife Mrs {name:Mia Bo} called", "his wife Mrs [WIFE] called"),
        ("the mother of {name:Tim} asks", "the mother of [PATIENT] asks"),
        ("{name:Tim} and {name:Tom} and {name:Tim}", "[NAME-1] and [NAME-2] and [NAME-1]"),
        (
            "Dr {clinician:Ray} told Dr {clinician:Moss}, {clinician:Ray} agreed",
            "Dr [DR-1] told Dr [DR-2], [DR-1] agreed",
        ),
        ("nurse {clinician:Ida} and Dr {clinician:Moss}", "nurse [NURSE-1] and Dr [DR-1]"),
        ("to {hospital:St Mary's Hospital}, {hospital:St Mary's} said", "to [HOSPITAL-1], [HOSPITAL-1] said"),
        ("{hospital:UCLH} or {hospital:RPA}", "[HOSPITAL-1] or [HOSPITAL-2]"),
        ("lives in {place:90210}", "lives in [PLACE-1]"),
        (
            "call {phone:555 0142} or {phone:555 0199}, {phone:5550142}",
            "call [PHONE-1] or [PHONE-2], [PHONE-1]",
        ),
        ("call {phone:555 0142}", "call [PHONE]"),
        ("bed {room:7B}", "bed [ROOM]"),
        ("{age:94}yo", "90+yo"),
        ("dob {born:12/3/1958}", "dob [DOB]"),
    ],
)
def test_english_tags(marked: str, shown: str) -> None:
    assert _replaced(marked) == shown


@pytest.mark.parametrize(
    ("language", "marked", "shown"),
    [
        ("de", "Fr. {name:Anna Groß}, {name:Groß}", "Fr. [PATIENT], [PATIENT]"),
        ("de", "Dr. {clinician:Wolf} aus dem {hospital:AKH}", "Dr. [ARZT-1] aus dem [KLINIK-1]"),
        ("de", "Schwester {clinician:Uli}", "Schwester [PFLEGE-1]"),
        ("de", "die Tochter {name:Mia}", "die Tochter [TOCHTER]"),
        ("de", "die Mutter von {name:Tim}", "die Mutter von [PATIENT]"),
        ("de", "seit {date:Dienstag}", "seit [DATUM]"),
        ("de", "{age:zweiundneunzig}jährige", "90+-jährige"),
        ("de", "vom {date:12.3.2024} bis {date:15.3.}", "vom [Tag 0] bis [Tag +3]"),
        ("es", "la hija {name:Marta} vino", "la hija [HIJA] vino"),
        ("es", "el {date:3 de junio} y el {date:5 de junio}", "el [día 0] y el [día +2]"),
        (
            "fr",
            "son frère {name:Luc}, le {date:3 mars} puis le {date:7 mars}",
            "son frère [FRÈRE], le [jour 0] puis le [jour +4]",
        ),
        ("fr", "M. {name:Blanc}", "M. [PATIENT]"),
    ],
)
def test_tags_speak_the_language_of_the_text(language: str, marked: str, shown: str) -> None:
    assert _replaced(marked, language) == shown


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        ("in {date:2024-03-12}, out {date:2024-03-15}", "in [day 0], out [day +3]"),
        ("out {date:2024-03-15}, in {date:2024-03-12}", "out [day +3], in [day 0]"),
        ("in {date:12 March 2024}, CT {date:14 March}", "in [day 0], CT [day +2]"),
        # Counted from the course, not from an operation years ago.
        (
            "valve {date:May 2 2019}, in {date:2024-03-12}, out {date:2024-03-15}",
            "valve [5 y earlier], in [day 0], out [day +3]",
        ),
        ("in {date:2024-01-10}, back {date:2024-09-10}", "in [8 mo earlier], back [day 0]"),
        # Over new year: the nearest year.
        ("in {date:28 Dec 2023}, out {date:3 Jan}", "in [day 0], out [day +6]"),
        ("in {date:14-15 Aug}", "in [day 0 to +1]"),
        # A date alone says nothing of time.
        ("seen {date:2024-03-12}", "seen [DATE]"),
        # Open either way, until another date tells.
        ("in {date:3/4/24}, out {date:3/6/24}", "in [DATE-1], out [DATE-2]"),
        ("in {date:3/4/24}, out {date:3/16/24}", "in [day 0], out [day +12]"),
        ("dob {born:14/2/60}, in {date:3/4/24}, out {date:7/4/24}", "dob [DOB], in [day 0], out [day +4]"),
        # No day: no interval.
        ("in {date:2024-03-12}, again {date:March}, {date:Monday}, {date:Easter}, {date:Monday}",
         "in [DATE-1], again [DATE-2], [DATE-3], [DATE-4], [DATE-3]"),
        # Too far apart to be sure of the year.
        ("in {date:3 January}, out {date:4 October}", "in [DATE-1], out [DATE-2]"),
        ("on {date:30 February 2024} and {date:1 March 2024}", "on [DATE-1] and [DATE-2]"),
    ],
)  # fmt: skip
def test_dates_become_intervals(marked: str, shown: str) -> None:
    assert _replaced(marked) == shown


_NAMES = st.lists(st.sampled_from(["Anna", "Keller", "Bo", "Grün", "K", "O'Neil"]), min_size=1, max_size=3)
_TAG = re.compile(r"\[[^\[\]]{1,40}\]|90\+-?")


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(sorted(Kind)), _NAMES), min_size=1, max_size=6),
    st.sampled_from(["en", "de", "es", "fr"]),
)
def test_no_replacement_holds_a_word_of_what_it_replaces(
    pieces: list[tuple[Kind, list[str]]], language: str
) -> None:
    text, found = "", []
    for kind, names in pieces:
        text += "x "
        start = len(text)
        text += " ".join(names)
        found.append(Found(start, len(text), kind, Tier.CERTAIN, "test"))
    shown = replacing.replace(Source(text, language), found)
    assert len(shown) == len(found)
    for one, tag in zip(found, shown, strict=True):
        assert _TAG.fullmatch(tag)
        held = set(re.findall(r"\w+", tag.casefold()))
        assert not held & set(re.findall(r"\w+", text[one.start : one.end].casefold()))
    # The same words of the same kind have the same tag.
    seen: dict[tuple[Kind, str], str] = {}
    for one, tag in zip(found, shown, strict=True):
        if one.kind not in (Kind.NAME, Kind.CLINICIAN, Kind.AGE):
            assert seen.setdefault((one.kind, text[one.start : one.end]), tag) == tag


@pytest.mark.parametrize(
    ("language", "text", "reason"),
    [
        ("en", "he is the mayor of a small town", "rare job"),
        ("en", "a professional footballer with knee pain", "rare job"),
        ("en", "brought in after the train crash", "public event"),
        ("en", "it was in the news last week", "public event"),
        ("en", "the video went viral", "public event"),
        ("en", "the first case in the country", "record"),
        ("en", "one of only three families in the world", "record"),
        ("en", "boy with progeria from a village", "rare disease"),
        ("en", "one of triplets", "family"),
        ("en", "from the Amish community", "origin"),
        ("en", "daughter of the mayor", "famous relative"),
        ("en", "with a face tattoo", "mark"),
        ("de", "der Bürgermeister des Ortes", "rare job"),
        ("de", "Opfer vom Zugunglück", "public event"),
        ("de", "stand in der Zeitung", "public event"),
        ("de", "weltweit einzige Patientin", "record"),
        ("de", "einer von Drillingen", "family"),
        ("es", "es el alcalde del pueblo", "rare job"),
        ("fr", "le député est hospitalisé", "rare job"),
    ],
)
def test_what_may_still_identify_is_named(language: str, text: str, reason: str) -> None:
    hints = list(quasi.find(Source(text, language)))
    assert reason in {hint.reason for hint in hints}
    assert all(hint.reason in quasi.REASONS and 0 <= hint.start < hint.end <= len(text) for hint in hints)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "62M POD 2, first case of the day was long, only one unit left"),
        ("en", "boy with porphyria, what next"),
        ("en", "the pilot study showed nothing, judge the response"),
        ("en", "86 yo with a fall and a hip fracture"),
        ("de", "Pat. mit Fieber, erster Fall heute, einzige Option wäre OP"),
    ],
)
def test_ordinary_posts_carry_no_warning(language: str, text: str) -> None:
    assert list(quasi.find(Source(text, language))) == []


def test_high_age_counts_beside_a_rare_fact() -> None:
    hints = quasi.find(Source("88 yo former mayor", "en"))
    assert [hint.reason for hint in hints] == ["old age", "rare job"]
