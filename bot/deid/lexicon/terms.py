"""Medicine's words that look like names: eponyms, drugs, clinical nouns, scores, trials, bodies, makers."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

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


@lru_cache(maxsize=1)
def _lists() -> tuple[dict[str, bool], frozenset[str], frozenset[str], frozenset[str], frozenset[str]]:
    """Eponyms (and whether they are common names too), drugs, clinical nouns, other terms, French words."""
    eponyms = {fold(word.rstrip("+")): word.endswith("+") for word in _read("eponyms.txt")}
    drugs, clinical, other, french = (
        frozenset(map(fold, _read(name))) for name in ("drugs.txt", "clinical.txt", "other.txt", "french.txt")
    )
    return eponyms, drugs, clinical, other, french


def _read(name: str) -> list[str]:
    lines = (_HERE / name).read_text("utf-8").splitlines()
    return [word for line in lines if not line.startswith("#") for word in line.split()]


def load() -> None:
    """Read the lists now."""
    _lists()


def is_eponym(word: str) -> bool:
    """Whether a folded word names a disease, sign, score … after somebody."""
    return word in _lists()[0]


def is_only_eponym(word: str) -> bool:
    """The same, for words that are hardly ever names of people one meets."""
    return not _lists()[0].get(word, True)


def speaks_of_eponym(before: str, after: str) -> bool:
    """Whether the folded words at both sides make an eponym of the one between."""
    return before in _BEFORE or after in _CONTEXT or (after[:1].isdigit() and len(after) < 4)


def is_drug(word: str) -> bool:
    """Whether a folded word is a drug: listed, or with an ending of one."""
    return word in _lists()[1] or (len(word) > 6 and _STEM_END.search(word) is not None)


def is_listed_drug(word: str) -> bool:
    """Whether a folded word is a drug of the list."""
    return word in _lists()[1]


def is_clinical(word: str) -> bool:
    """Whether a folded word is a clinical noun, or ends like one."""
    return word in _lists()[2] or (len(word) > 6 and _ENDING.search(word) is not None)


def is_other(word: str) -> bool:
    """Whether a folded word is a score, trial, guideline, maker, country, nationality, weekday or month."""
    return word in _lists()[3]


def is_french(word: str) -> bool:
    """Whether a folded word is a common French one."""
    return word in _lists()[4]
