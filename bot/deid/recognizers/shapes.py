"""What numbers and codes look like in running text: values after a label, amounts, dates, times. Pure.

Every function looks at a bounded stretch of text, so that recognizers stay linear.
"""

from __future__ import annotations

import re
from typing import NamedTuple


def bag(words: str) -> frozenset[str]:
    """A set of words from one string of them."""
    return frozenset(words.split())


REACH = 70  # characters behind a label in which its value is looked for
LEFT = 48  # characters before a value that are read as its context
DASHES = "\\-\u2010\u2011\u2012\u2013\u2014\u2212"  # for a set in a regular expression

_TOKEN = re.compile(rf"[^\W_]+(?:[{DASHES}/._*][^\W_]+)*")
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_NEXT = re.compile(r"[ \t]?(?:(y(?=[^\w]|\Z)|[^\W\d_]+|[%‰°€$])|[x×](?= ?\d)|/ ?([^\W\d_]+))")
_UNITS = bag(
    "% ‰ ° € $ mg mcg µg μg ug ng pg g gm kg lb lbs ml mls cc l dl ltr liter liters litre "
    "litres mol mmol µmol μmol umol nmol "
    "pmol meq mval mosm iu ie ui u miu unit units munits einheit einheiten unités unidades "
    "bpm mmhg kpa cmh cm mm km nm hz kv "
    "mv ma joule joules day days d tag tage tagen jour jours día días dia dias week weeks "
    "wk wks w woche wochen semaine "
    "semaines semana semanas month months mth mths mo monat monate monaten mois mes meses "
    "year years yr yrs yo jahr jahre "
    "jahren jährige jähriger jährigen j ans año años hour hours hr hrs h std stunde "
    "stunden uhr heure heures hora horas minute "
    "minutes min mins minuten minuto minutos sec secs second seconds times mal fois vez "
    "veces percent prozent tab tabs tablet "
    "tablets tabletten tbl cap caps capsule capsules dose doses dosen drops gtt puff puffs "
    "amp amps vial vials copies beats counts cells "
    "zellen cfu kcal cal ppm rpm french gauge point points pt pts punkte patients "
    "patienten people person persons euro euros eur "
    "dollar dollars usd bucks quid franc francs rs rupees metre metres meter meters"
)
_RATES = bag("min h hr d day tag kg ml µl μl ul l dl mm hpf nl")
_MONEY = re.compile(r"[€$£₹]\s?$")
_DATE = re.compile(
    rf"(?:(?:19|20)\d\d[{DASHES}/.](?:0?[1-9]|1[0-2])[{DASHES}/.](?:0?[1-9]|[12]\d|3[01])|"
    rf"(?:0?[1-9]|[12]\d|3[01])[{DASHES}/.](?:0?[1-9]|[12]\d|3[01])[{DASHES}/.](?:(?:19|20)\d\d|\d\d))\Z"
)
_CLOCK = re.compile(r"(?:[01]?\d|2[0-3])[:.h][0-5]\d\Z|(?:[01]\d|2[0-3])[0-5]\dh?\Z")
_YEAR = re.compile(r"(?:19[2-9]\d|20[0-4]\d)\Z")
_DECIMAL = re.compile(r"\d{1,4}[.,]\d{1,3}\Z|\d{1,3}(?:[.,]\d{3})+\Z")
_AGE = re.compile(r"\d{1,3}(?:[mfwh]|yo|y|yr|yrs|j|a)\Z", re.I)
_GROUP_GAP = re.compile(rf" ?[{DASHES}/] ?| ")
_TAIL = re.compile(r" ([A-Z]{1,2})(?![^\W_])(?=[.,;:)\]\n]|  |\Z)")
_PREFIX = re.compile(r"[A-Z]{1,4}\Z")
_STOP = bag(
    "dob d.o.b geb geboren born born: tel phone cell mob mobile fax nac né née naissance age aged from since "
    "mrn nhs nhi ssn room rm bed zimmer bett cama lit"
)
LABELLED = bag(
    "NHS ID NO IS DOB UR MRN THE HIS HER NR AND OR FOR IN ON OF AT DE LA EL LE ES DER DIE OHIP "
    "TFN IHI SIN NHC NSS NDA SS PPS "
    "PV NHI CHI NIR MBI SSN HCN PHN MSI DVA UCI IP OP MR SV AHV AVS KVNR PID IPP SIP CIP DNI "
    "NIE GMC NMC IMC NPI DEA GLN LOT "
    "REF SN ACC RX TEL FAX EXT DECT CELL MOB PH BP HR RR TA GCS CK LDH BNP PLT WBC CRP HB PIN "
    "CRN UHID LANR BSNR RPPS AUF "
    "NRO NUM ICU ED ER RM BED ROOM WARD AND VON VOM BEI MIT AM UM CA BIS FALL PAT VS NBM KG CM "
    "EN AL DU AU SUR PMID PMC NCT RPPS SVNR RVNR HAR CSN HID TFNO SOFA RASS MAP GMBH TIN UID "
    "NAS NAM COL LIC EXP QTY VIN REG PCN BIN GRP ID TSI TIS NUSS NSS AZ GZ VNR KTO BLZ BIC "
    "IBAN BSB FIN NIN MCR MCRN SMC HPI DOC INC SAFE TO OHIP"
)
# Abbreviations that may also begin a number, right behind its label: "URN CK 209 944".
_PREFIXES = bag("CK LDH BNP PLT CRP HB PH BP HR RR TA GCS RX CA UM AM AN EN AL")
_SIGNS = ".,;:!?()[]{}\"'“”„=<>~≈-–#*"
_ENDING = re.compile(r"[.!?;](?:\s|\Z)")


class Value(NamedTuple):
    """A value that was found behind a label."""

    start: int
    end: int
    digits: int
    letters: int
    words: int  # how many words stand between the label and it


def counted(value: str) -> tuple[int, int]:
    """How many digits and how many letters a value has."""
    digits = sum(one.isdigit() for one in value)
    return digits, sum(one.isalpha() for one in value)


def quantity(text: str, start: int, end: int) -> bool:
    """Whether a number is an amount: a unit follows, or a currency sign stands before it."""
    if text[start - 1 : start] in ("€", "$", "£", "₹", "<", ">", "≥", "≤", "~", "≈", "±"):
        return True
    after = _NEXT.match(text, end)
    if after is None:
        return _MONEY.search(text, max(0, start - 3), start) is not None
    if after[2] is not None:
        return after[2].lower() in _RATES
    if after[1] == "Hr" and text[after.end(1) : after.end(1) + 2] == ". ":
        return False  # a German gentleman
    return after[1] is None or (after[1] == "y" and after.start(1) == end) or after[1].lower() in _UNITS


def is_date(value: str) -> bool:
    """Whether a value is a full date in figures."""
    return _DATE.match(value) is not None


def is_clock(value: str) -> bool:
    """Whether a value may be a time of day, such as 03:15 or 0315."""
    return _CLOCK.match(value) is not None


def is_year(value: str) -> bool:
    """Whether a value may be a year of living people."""
    return _YEAR.match(value) is not None


def is_decimal(value: str) -> bool:
    """Whether a value is a decimal or a number with separators of thousands."""
    return _DECIMAL.match(value) is not None


def words_before(text: str, start: int, most: int = 3) -> list[str]:
    """The words before a place, lower-cased, the nearest first; only of the same line."""
    window = text[max(0, start - LEFT) : start].rpartition("\n")[2]
    return [word.lower() for word in reversed(_WORD.findall(window)[-most:])]


def near(text: str, start: int, most: int = 3) -> list[str]:
    """The words and figures before a place, lower-cased and without signs around them, the nearest first."""
    window = text[max(0, start - LEFT) : start].rpartition("\n")[2]
    return [word.strip(_SIGNS).lower() for word in reversed(window.split()[-most:])]


def value_after(text: str, at: int, *, words: int, least: int) -> Value | None:
    """The first value behind a label that ends at `at`.

    A value holds at least `least` digits; at most `words` words may stand before it, none of which begins
    another statement. Its groups ("W2207 14493", "H 24 / 006 713") are one value.
    """
    limit = min(len(text), at + REACH)
    here, passed, lines = at, 0, 0
    while (token := _TOKEN.search(text, here, limit)) is not None:
        gap = text[here : token.start()]
        lines += gap.count("\n")
        if lines > (0 if passed else 1) or (here > at and _ENDING.search(gap)):
            return None
        word = token.group()
        if any(one.isdigit() for one in word):
            found = _grown(text, token.start(), token.end(), passed, token.start())
            if found.digits >= least and not _denied(text, found):
                return found
            here = max(token.end(), found.end if found.digits < least else token.end())
            passed += 1
        else:
            following = token.end() + 1
            if (
                _PREFIX.match(word)
                and (word not in LABELLED or (passed == 0 and word in _PREFIXES))
                and text[token.end() : following] == " "
                and text[following : following + 1].isdigit()
            ):
                after = _TOKEN.match(text, following, min(len(text), following + 40))
                if after is not None:
                    found = _grown(text, following, after.end(), passed, token.start())
                    if found.digits >= least and not _denied(text, found):
                        return found
            if word.lower() in _STOP:
                return None
            here = token.end()
            passed += 1
        if passed > words:
            return None
    return None


def grown(text: str, start: int, end: int) -> int:
    """Where the value ends whose first group is `start`–`end`."""
    return _grown(text, start, end, 0, start).end


def _grown(text: str, start: int, end: int, words: int, first: int) -> Value:
    total, _ = counted(text[start:end])
    last = total
    groups = 1
    while groups < 9 and last <= 6 and total < 20:
        gap = _GROUP_GAP.match(text, end)
        if gap is None:
            break
        token = _TOKEN.match(text, gap.end(), min(len(text), gap.end() + 24))
        if token is None or not _joins(text, token, last):
            break
        last, _ = counted(token.group())
        end = token.end()
        total += last
        groups += 1
    tail = _TAIL.match(text, end)
    if tail is not None and tail[1] not in ("M", "F", "W") and total >= 5:
        end = tail.end()
    digits, letters = counted(text[first:end])
    return Value(first, end, digits, letters, words)


def _joins(text: str, token: re.Match[str], last: int) -> bool:
    """Whether a group of digits belongs to the value before it."""
    group = token.group()
    digits, letters = counted(group)
    if not 1 <= digits <= 8 or letters > 2 or not group[0].isdigit() or "." in group:
        return False
    if letters and (_AGE.match(group) or digits < 3):
        return False
    if quantity(text, token.start(), token.end()) or is_date(group):
        return False
    if digits > 2 or (digits == 2 and last <= 4):
        return text[token.end() : token.end() + 1] != ":"
    after = text[token.end() : token.end() + 2]
    return not after or after[0] in "\n.,;)]/" or (after[0] == " " and after[1:].isdigit()) or after == "  "


def _denied(text: str, found: Value) -> bool:
    """Whether a value cannot be an identifier even behind a label."""
    value = text[found.start : found.end]
    return (
        is_date(value)
        or (is_decimal(value) and value.count(".") + value.count(",") == 1)
        or _AGE.match(value) is not None
        or (":" in text[found.end : found.end + 1] and text[found.end + 1 : found.end + 3].isdigit())
        or (found.digits <= 6 and quantity(text, found.start, found.end))
    )
