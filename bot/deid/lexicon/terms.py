"""Medicine's words that look like names: eponyms, drugs, clinical nouns, scores, trials, bodies, makers."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from bot.deid.lexicon.sections import section
from bot.deid.lexicon.words import fold

_HERE = Path(__file__).parent
# International nonproprietary names carry their class at the end (WHO, The use of stems, 2018).
_STEMS = re.compile(
    r"(?:mab|nib|tinib|ciclib|parib|limus|statin|sartan|prazol|prazole|pril|prilat|olol|dipine?|gliptine?|gliflozine?|glutide"
    r"|vastatin|xaban|gatran|parin|parinux|cillin|cilina|cilline|mycine?|micina|micin|floxacine?|floxacino|cycline?|ciclina|penem|bactam"
    r"|oxetine?|azepam|azolam|zodone|triptane?|setron|tidine|azole?|conazol|fungin|[aeiou]vir|vudine|mivir|buvir|previr|asvir"
    r"|caine?|curium|curonium|fentanil|fentanyl|morphone|codone|barbital|toin|bamate|gabaline?|triptyline?|pramine"
    r"|peridone?|peridol|apine?|idone|prazole|lukast|terol|phylline?|sonide?|solone?|sonee?|metasone?|cortisone?"
    r"|thiazide?|semide?|lactone?|platine?|rubicine?|taxel|bine?tabine|trexate?|trexed|poetine?|grastim|cept|kinra"
    r"|dronate?|dronat|dronsäure|cal?citonin|tocin|pressine?|relix|relin|formine?|glitazone?|glinide?)"
)
_STEM_END = re.compile(_STEMS.pattern + r"\Z")
# Endings of German (and much Latin and Greek) clinical nouns, and of abstract nouns.
_ENDING = re.compile(
    r"(?:" + "|".join(sorted(section("term clinical ending"), key=len, reverse=True)) + r")\Z"
)
_CONTEXT = section("term eponym context")
_BEFORE = section("term before eponym")
_GRADE = re.compile(r"(?:[a-f]|[ivx]{1,4}[a-d]?|[0-9]{1,2}[a-f]?)\Z")


class _Lists(NamedTuple):
    """What the files hold, folded."""

    eponyms: dict[str, bool]  # and whether they are common names too
    people: frozenset[str]  # eponyms that are common names above all
    drugs: frozenset[str]
    clinical: frozenset[str]
    other: frozenset[str]
    devices: frozenset[str]
    french: frozenset[str]
    sayings: dict[str, tuple[tuple[str, ...], ...]]  # terms of several words by the first, the longest first
    around: frozenset[str]  # words after common names that make eponyms of them


@lru_cache(maxsize=1)
def _lists() -> _Lists:
    """All lists, read once."""
    eponyms = {fold(word.rstrip("+")): word.count("+") for word in _read("eponyms.txt")}
    names = ("drugs", "clinical", "other", "devices", "french", "eponym_context")
    drugs, clinical, other, devices, french, around = (
        frozenset(map(fold, _read(f"{name}.txt"))) for name in names
    )
    sayings: dict[str, list[tuple[str, ...]]] = {}
    for line in _lines("terms_of_words.txt"):
        if words := tuple(map(fold, line.split())):
            sayings.setdefault(words[0], []).append(words)
    return _Lists(
        {word: plus == 1 for word, plus in eponyms.items() if plus < 2},
        frozenset(word for word, plus in eponyms.items() if plus > 1),
        drugs,
        clinical,
        other | devices,
        devices,
        french,
        {first: tuple(sorted(found, key=len, reverse=True)) for first, found in sayings.items()},
        around,
    )


def _lines(name: str) -> list[str]:
    return [line for line in (_HERE / name).read_text("utf-8").splitlines() if not line.startswith("#")]


def _read(name: str) -> list[str]:
    return [word for line in _lines(name) for word in line.split()]


def load() -> None:
    """Read the lists now."""
    _lists()


def is_eponym(word: str) -> bool:
    """Whether a folded word names a disease, sign, score … after somebody."""
    return word in _lists().eponyms


def is_only_eponym(word: str) -> bool:
    """The same, for words that are hardly ever names of people one meets."""
    return not _lists().eponyms.get(word, True)


def speaks_of_eponym(before: str, after: str) -> bool:
    """Whether the folded words at both sides make an eponym of the one between."""
    return before in _BEFORE or after in _CONTEXT or (after[:1].isdigit() and len(after) < 4)


def is_person_eponym(word: str) -> bool:
    """Whether a folded word names something clinical, but people far more often."""
    return word in _lists().people


def is_any_eponym(word: str) -> bool:
    """Whether a folded word is one of both kinds of eponyms."""
    return is_eponym(word) or is_person_eponym(word)


def follows_eponym(word: str) -> bool:
    """Whether a folded word after a common name makes an eponym of it: "approach", "retractor"."""
    return word in _lists().around


def is_grade(written: str) -> bool:
    """Whether what is written after an eponym is a grade: "B", "IV", "2a"; small letters alone are words."""
    return not (written.isalpha() and written.islower()) and _GRADE.match(written.casefold()) is not None


def sayings(word: str) -> tuple[tuple[str, ...], ...]:
    """The terms of several folded words that begin with this one, the longest first."""
    return _lists().sayings.get(word, ())


def is_device(word: str) -> bool:
    """Whether a folded word is a device, maker, body, trial or clinical abbreviation, and never a name."""
    return word in _lists().devices


def is_drug(word: str) -> bool:
    """Whether a folded word is a drug: listed, or with an ending of one."""
    return word in _lists().drugs or (len(word) > 6 and _STEM_END.search(word) is not None)


def is_listed_drug(word: str) -> bool:
    """Whether a folded word is a drug of the list."""
    return word in _lists().drugs


def is_clinical(word: str) -> bool:
    """Whether a folded word is a clinical noun, or ends like one."""
    return word in _lists().clinical or (len(word) > 6 and _ENDING.search(word) is not None)


def is_other(word: str) -> bool:
    """Whether a folded word is a score, trial, guideline, maker, country, nationality, weekday or month."""
    return word in _lists().other


def is_french(word: str) -> bool:
    """Whether a folded word is a common French one."""
    return word in _lists().french
