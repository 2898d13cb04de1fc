"""Reading marked texts: our development posts, and public sets as JSON lines.

A post marks each identifier where it stands, `[[TYPE:text]]`; posts are separated by a line that holds
only `---`. The public sets hold `{"text", "spans": [{"start", "end", "type"}]}`, each with its source's
type names.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bot.deid.model import Kind

POSTS = Path(__file__).parent / "posts"
# Posts that the shipped tagger was not trained on: what its beliefs are worth was chosen on them.
UNSEEN = (
    "dev5_uk_mixed",
    "dev10_g_de1",
    "dev10_h_en",
    "dev11_de1",
    "dev11_us",
    *(f"dev14_{writer}" for writer in ("de", "uk", "us", "world")),
    *(f"dev16_{writer}" for writer in ("de", "ukau", "us")),
)
_MARK = re.compile(r"\[\[([A-Z]+):((?:(?!\[\[|\]\]).)+?)\]\]", re.S)
_BORDER = re.compile(r"(?m)^---[ \t]*$\n?")
_YEAR = re.compile(r"(?:19|20)\d\d")

KINDS = {
    "NAME": Kind.NAME,
    "CLINICIAN": Kind.CLINICIAN,
    "HOSPITAL": Kind.HOSPITAL,
    "PLACE": Kind.PLACE,
    "ORG": Kind.ORG,
    "ROOM": Kind.ROOM,
    "DATE": Kind.DATE,
    "AGE": Kind.AGE,
    "PHONE": Kind.PHONE,
    "EMAIL": Kind.EMAIL,
    "URL": Kind.URL,
    "IP": Kind.IP,
    "HANDLE": Kind.HANDLE,
    "ID": Kind.RECORD,
    "VEHICLE": Kind.VEHICLE,
    "DEVICE": Kind.DEVICE,
    "OTHER": Kind.OTHER,
}

# What the public sets call their spans. Titles, professions and nationalities are not identifiers here.
_PUBLIC = {
    "NAME": Kind.NAME,
    "PERSON": Kind.NAME,
    "NAME_PATIENT": Kind.NAME,
    "NAME_RELATIVE": Kind.NAME,
    "NAME_EXT": Kind.NAME,
    "NAME_DOCTOR": Kind.CLINICIAN,
    "GEOGRAPHIC_LOCATION": Kind.PLACE,
    "STREET_ADDRESS": Kind.PLACE,
    "GPE": Kind.PLACE,
    "ZIP_CODE": Kind.PLACE,
    "LOCATION_CITY": Kind.PLACE,
    "LOCATION_STREET": Kind.PLACE,
    "LOCATION_ZIP": Kind.PLACE,
    "LOCATION_HOSPITAL": Kind.HOSPITAL,
    "LOCATION_ORGANIZATION": Kind.ORG,
    "ORGANIZATION": Kind.ORG,
    "DATE": Kind.DATE,
    "DATE_TIME": Kind.DATE,
    "AGE": Kind.AGE,
    "PHONE_NUMBER": Kind.PHONE,
    "CONTACT_PHONE": Kind.PHONE,
    "CONTACT_FAX": Kind.PHONE,
    "EMAIL_ADDRESS": Kind.EMAIL,
    "DOMAIN_NAME": Kind.URL,
    "IP_ADDRESS": Kind.IP,
    "SOCIAL_SECURITY_NUMBER": Kind.NATIONAL,
    "US_SSN": Kind.NATIONAL,
    "MEDICAL_RECORD_NUMBER": Kind.RECORD,
    "UNIQUE_IDENTIFIER": Kind.RECORD,
    "ID": Kind.RECORD,
    "HEALTH_PLAN_BENEFICIARY_NUMBER": Kind.PLAN,
    "ACCOUNT_NUMBER": Kind.ACCOUNT,
    "CREDIT_CARD": Kind.ACCOUNT,
    "IBAN_CODE": Kind.ACCOUNT,
    "CERTIFICATE_LICENSE_NUMBER": Kind.LICENCE,
    "US_DRIVER_LICENSE": Kind.LICENCE,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """An identifier in a text, by its offsets."""

    start: int
    end: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Text:
    """A text, its marks in order, who wrote it (the file's name) and in which language."""

    text: str
    marks: tuple[Mark, ...]
    writer: str
    language: str


def language_of(name: str) -> str:
    """The language of a file of posts, by its name: `dev_de_praxis` is German; English if it says nothing."""
    return next((code for code in ("de", "es", "fr") if f"_{code}" in name), "en")


def parse(raw: str) -> tuple[str, tuple[Mark, ...]]:
    """The text of one marked post, and its marks."""
    parts: list[str] = []
    marks: list[Mark] = []
    length = at = 0
    for found in _MARK.finditer(raw):
        parts += (raw[at : found.start()], found[2])
        length += found.start() - at
        marks.append(Mark(length, length + len(found[2]), KINDS[found[1]]))
        length += len(found[2])
        at = found.end()
    return "".join([*parts, raw[at:]]), tuple(marks)


def posts(path: Path) -> list[Text]:
    """The posts of one file."""
    raws = (raw.strip("\n") for raw in _BORDER.split(path.read_text("utf-8")))
    return [Text(*parse(raw), path.stem, language_of(path.stem)) for raw in raws if raw.strip()]


def public(path: Path) -> list[Text]:
    """The texts of a public set. Ages up to 89 and bare years are no identifiers, whatever the set says."""
    texts = []
    for line in path.read_text("utf-8").splitlines():
        row = json.loads(line)
        marks = []
        for span in sorted(row["spans"], key=lambda one: one["start"]):
            kind = _PUBLIC.get(span["type"])
            written = row["text"][span["start"] : span["end"]]
            if kind is None or (kind is Kind.DATE and _YEAR.fullmatch(written)):
                continue
            if kind is Kind.AGE and not (written.isdigit() and int(written) > 89):
                continue
            marks.append(Mark(span["start"], span["end"], kind))
        texts.append(Text(row["text"], tuple(marks), path.stem, language_of(path.stem)))
    return texts


def read(path: Path) -> list[Text]:
    """The texts of a file of either form."""
    return public(path) if path.suffix == ".jsonl" else posts(path)
