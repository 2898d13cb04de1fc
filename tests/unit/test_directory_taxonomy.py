"""The specialties: no word means two, abbreviations are known, misspellings get a suggestion."""

import pytest

from bot.directory import taxonomy
from bot.directory.model import folded
from bot.directory.profiles import languages


def test_no_word_means_two_specialties() -> None:
    owner: dict[str, str] = {}
    for one in taxonomy.specialties():
        for word in one.words:
            assert folded(word), word
            assert owner.setdefault(folded(word), one.key) == one.key, word
    assert len(taxonomy.specialties()) >= 70


def test_every_specialty_has_names_and_is_found_by_all_of_its_words() -> None:
    for one in taxonomy.specialties():
        assert one.name("en") and one.name("de") and one.name("fr") == one.name("en")
        assert len({folded(word) for word in one.synonyms}) == len(one.synonyms), one.key
        assert all(taxonomy.find(word) == one for word in one.words)
        assert taxonomy.by_key(one.key) == one
    assert taxonomy.by_key("nothing") is None


@pytest.mark.parametrize(
    ("word", "key"),
    [
        ("cards", "cardiology"),
        ("HNO", "otolaryngology"),
        ("ENT", "otolaryngology"),
        ("gyn", "obstetrics-gynecology"),
        ("Uro", "urology"),
        ("Päd", "pediatrics"),
        ("PAEDIATRICS", "pediatrics"),
        ("ICU", "intensive-care"),
        ("Anaesthesie", "anesthesiology"),
        ("Hals Nasen Ohren", "otolaryngology"),
        ("general-surgery", "surgery"),
        ("Ophthalmol", "ophthalmology"),
        ("A&E", "emergency-medicine"),
    ],
)
def test_what_people_call_them(word: str, key: str) -> None:
    found = taxonomy.find(word)
    assert found is not None and found.key == key


@pytest.mark.parametrize("word", ["", "x", "psyc", "card", "berlin", "🫀", "medi" * 50])
def test_what_is_no_specialty(word: str) -> None:
    assert taxonomy.find(word) is None


@pytest.mark.parametrize(
    ("word", "name"),
    [
        ("cardiolgy", "Cardiology"),
        ("nuerology", "Neurology"),
        ("urologgie", "Urology"),
        ("pedriatrics", "Paediatrics"),
    ],
)
def test_misspellings_get_a_suggestion(word: str, name: str) -> None:
    assert taxonomy.find(word) is None
    assert name in taxonomy.suggest(word)
    assert all(taxonomy.find(one) is not None for one in taxonomy.suggest(word, "de"))


def test_languages_by_their_names() -> None:
    for word in ("German", "deutsch", "Deutsch"):
        assert languages.find(word) == "de"
    assert languages.find("türkisch") == languages.find("Turkish") == languages.find("Türkçe") == "tr"
    assert languages.find("Berlin") is None
    assert languages.suggest("germn", "de") == ["Deutsch"]
    assert languages.is_code("DE") and not languages.is_code("qq")
