"""What stands in the place of identifiers, and warnings of what may still identify."""

from __future__ import annotations

import re
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid import persons, quasi, replacing
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


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        (
            "Ms {name:Bell} has NSTEMI. Ms. {name:Bell} refuses. Her brother {name:Mark Bell} agrees",
            "Ms [PATIENT] has NSTEMI. Ms. [PATIENT] refuses. Her brother [BROTHER] agrees",
        ),
        (
            "Mr {name:Patel} came with his wife {name:Anita Patel}. Mr {name:Patel} is ok, {name:Anita} not",
            "Mr [PATIENT] came with his wife [WIFE]. Mr [PATIENT] is ok, [WIFE] not",
        ),
        # The same sex, too.
        (
            "Mr {name:Bell} is worse. His brother {name:Mark Bell} called. Mr {name:Bell} and {name:Bell}",
            "Mr [PATIENT] is worse. His brother [BROTHER] called. Mr [PATIENT] and [PATIENT]",
        ),
        (
            "the son, {name:Ravi Das}, says his father Mr {name:Das} stopped. Mr. {name:Das} denies",
            "the son, [SON], says his father Mr [FATHER] stopped. Mr. [FATHER] denies",
        ),
        (
            "Mr {name:Das} fell. The son, {name:Ravi Das}, says his father Mr {name:Das} stopped",
            "Mr [PATIENT] fell. The son, [SON], says his father Mr [PATIENT] stopped",
        ),
        # Nobody else has that surname.
        (
            "brother {name:Mark Bell} called. Mr {name:Bell} wants all",
            "brother [BROTHER] called. Mr [BROTHER] wants all",
        ),
        ("Mr {name:Bell}, then: pt {name:John Bell}", "Mr [PATIENT], then: pt [PATIENT]"),
        ("his wife {name:Mia Bo}, Mrs {name:Bo} said", "his wife [WIFE], Mrs [WIFE] said"),
        ("Mr {name:Bo} and his wife Mrs {name:Bo}", "Mr [PATIENT] and his wife Mrs [WIFE]"),
        ("Mr {name:M. Bo} and Ms {name:M. Bo}", "Mr [PATIENT-1] and Ms [PATIENT-2]"),
        ("pt {name:Tim}, 8. Mum says her son {name:Tim}", "pt [PATIENT], 8. Mum says her son [PATIENT]"),
        ("pt {name:Bo}, wife {name:Bo} called", "pt [PATIENT], wife [WIFE] called"),
        ("told his wife Mr {name:Bo} is stable", "told his wife Mr [PATIENT] is stable"),
    ],
)  # fmt: skip
def test_relatives_with_one_surname_stay_apart(marked: str, shown: str) -> None:
    assert _replaced(marked) == shown


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        (
            "Herr {name:Weber} kam mit seiner Tochter {name:Lena Weber}. Herr {name:Weber} ist stabil",
            "Herr [PATIENT] kam mit seiner Tochter [TOCHTER]. Herr [PATIENT] ist stabil",
        ),
        (
            "Tochter {name:Lena Weber} rief an. Herr {name:Weber} schläft",
            "Tochter [TOCHTER] rief an. Herr [PATIENT] schläft",
        ),
        (
            "Herr und Frau {name:Klein}. Herr {name:Klein} fiebert, Fr. {name:Klein} nicht",
            "Herr und Frau [PATIENT-1]. Herr [PATIENT-2] fiebert, Fr. [PATIENT-1] nicht",
        ),
        # One name, however it is spelt.
        ("Pat. {name:Ali Yıldız}, Herr {name:Yildiz}", "Pat. [PATIENT], Herr [PATIENT]"),
        ("Frau {name:Müller}, {name:Mueller}, {name:Muller}", "Frau [PATIENT], [PATIENT], [PATIENT]"),
        ("Herr {name:Jörg Groß}, Hr. {name:Joerg Gross}", "Herr [PATIENT], Hr. [PATIENT]"),
        ("Frau {name:Bauer} und Frau {name:Baur}", "Frau [PATIENT-1] und Frau [PATIENT-2]"),
    ],
)
def test_german_persons(marked: str, shown: str) -> None:
    assert _replaced(marked, "de") == shown


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        ("pt {name:Ann Lee}\nConsultant: Mr {name:P. Cole-Boyd}", "pt [PATIENT]\nConsultant: Mr [DR-1]"),
        (
            "Surgeon: Mr {name:Ian Hill}\nRegistrar: Ms {name:Obi}\nMr {name:Hill} saw Mr {name:Lee}",
            "Surgeon: Mr [DR-1]\nRegistrar: Ms [DR-2]\nMr [DR-1] saw Mr [PATIENT]",
        ),
        ("Staff nurse: Ms {name:Obi}", "Staff nurse: Ms [NURSE-1]"),
        (
            "Mr {name:Bo} left. His lawyer, Mr. {name:Stern}, called. Mr {name:Stern} insists",
            "Mr [PATIENT] left. His lawyer, Mr. [NAME-1], called. Mr [NAME-1] insists",
        ),
        # Whom one told is not who follows.
        ("told nurse Mr {name:Bo} is worse", "told nurse Mr [PATIENT] is worse"),
        ("the consultant saw Mr {name:Bo}", "the consultant saw Mr [PATIENT]"),
        ("surgeon's patient Mr {name:Bo}", "surgeon's patient Mr [PATIENT]"),
    ],
)
def test_a_label_before_a_title_says_who_it_is(marked: str, shown: str) -> None:
    assert _replaced(marked) == shown


@pytest.mark.parametrize(
    ("marked", "shown"),
    [
        (
            "Patient {name:HILL}^{name:DENISE}^{name:M} in. {name:HILL}^{name:DENISE}^M, Ms {name:Hill}",
            "Patient [PATIENT]^[PATIENT]^[PATIENT] in. [PATIENT]^[PATIENT]^M, Ms [PATIENT]",
        ),
        ("Name: {name:HILL}, {name:OWAIN} in, {name:Owain}", "Name: [PATIENT], [PATIENT] in, [PATIENT]"),
        ("{name:HILL}, {name:COLE} and {name:BELL} left", "[NAME-1], [NAME-2] and [NAME-3] left"),
        ("{name:HILL}, {name:COLE}, {name:BELL}, {name:LEE}", "[NAME-1], [NAME-2], [NAME-3], [NAME-4]"),
        ("{name:Hill}, {name:Owain}", "[NAME-1], [NAME-2]"),
    ],
)  # fmt: skip
def test_the_parts_of_one_name_have_one_tag(marked: str, shown: str) -> None:
    assert _replaced(marked) == shown


def test_many_names_take_linear_time() -> None:
    def taken(count: int) -> float:
        names = [
            f"{chr(97 + n % 26)}{chr(97 + n // 26 % 26)}{chr(97 + n // 676)}x Bell" for n in range(count)
        ]
        found, at = [], 0
        for name in names:
            found.append(Found(at, at + len(name), Kind.NAME, Tier.CERTAIN, "test"))
            at += len(name) + 1
        source = Source(" ".join(names), "en")
        times = []
        for _ in range(3):
            start = time.thread_time()
            persons.persons(source, found)
            times.append(time.thread_time() - start)
        return min(times)

    assert taken(4000) < 7 * max(taken(1000), 0.003)


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
