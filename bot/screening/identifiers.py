"""Noticing, in plain cases, that a text says who the patient is. Pure.

A hint for whoever writes, not the de-identification: a few forms that are hardly ever anything else, out of
the identifiers of 45 CFR 164.514(b)(2) (names, dates of birth, record and insurance numbers). What it does
not notice may be an identifier all the same.
"""

from __future__ import annotations

import re
from enum import StrEnum

_LONGEST = 20_000  # characters looked at


class Identifier(StrEnum):
    """What kind of identifier a text seems to hold."""

    BIRTH = "birth"
    NUMBER = "number"
    NAME = "name"


_MONTH = r"(?:jan|feb|mar|mär|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|dec|dez)[a-zä]*"
_DATE = (
    r"(?:\d{1,2}[./-]\s?\d{1,2}[./-]\s?\d{2,4}|\d{4}-\d{2}-\d{2}"
    rf"|\d{{1,2}}\.?\s{_MONTH}\.?,?\s\d{{4}}|{_MONTH}\s\d{{1,2}},?\s\d{{4}})"
)
_BIRTH = re.compile(
    rf"(?:\bd\.?o\.?b\b\.?|\bdate of birth\b|\bborn\b|\bgeb\.|\bgeboren\b|\bgeburtsdatum\b|\*)"
    rf"\s*(?:on|am)?\s*[:=]?\s*{_DATE}",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"\b(?:mrn|medical record(?: number| no\.?)?|hospital (?:number|no\.?)|nhs(?: number| no\.?)?"
    r"|pat(?:ient|ienten)?[-. ]{0,2}(?:id|nr|no|nummer|number)|fall[- ]?(?:nr|nummer)|aufnahmenummer"
    r"|versicher(?:ten|ungs)[- ]?(?:nr|nummer)|kvnr|ssn|social security(?: number)?)"
    r"\.?\s*[:#=]?\s*(?=[a-z]{0,3}[-\d])[a-z]{0,3}-?\d[\d\- ]{3,}"
    r"|(?<![\d-])\d{3}-\d{2}-\d{4}(?![\d-])",  # a United States social security number
    re.IGNORECASE,
)
_NO_PATIENT = (
    r"(?!Doktor|Dr\b|Prof|Kolleg|Ober|Chef|Assist|Patient|PD\b|Right|Wrong|Who\b|Mit\b|In\b|Und\b|Nach\b)"
)
_CAPITAL = r"[A-ZÄÖÜ][a-zäöüßéèç]+(?:-[A-ZÄÖÜ][a-zäöüß]+)?"
_NAME = re.compile(
    rf"\b(?:Mr|Mrs|Ms|Miss|Mister|Herrn?|Frau|Hr|Fr)\b\.?\s+{_NO_PATIENT}{_CAPITAL}"
    r"|\b(?:[Pp]atient(?:in)?(?:['’]s)?\s+(?:named?|called|name is|namens|heißt)|[Nn]ame(?: of patient)?\s*:)"
    rf"\s*:?\s*(?:is\s+)?{_CAPITAL}"
)


def find(text: str) -> tuple[Identifier, ...]:
    """The kinds of identifiers that a text seems to hold."""
    seen = text[:_LONGEST]
    patterns = ((Identifier.BIRTH, _BIRTH), (Identifier.NUMBER, _NUMBER), (Identifier.NAME, _NAME))
    return tuple(kind for kind, pattern in patterns if pattern.search(seen))
