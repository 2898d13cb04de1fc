"""National numbers of people and of those who treat them, by form, check digit and cue. Pure.

United States, United Kingdom, Ireland, Canada, Australia, New Zealand, India, Singapore, South Africa,
Germany, Austria, Switzerland, Spain, France; Mexico's CURP, and passports behind a cue. The forms are those
that the issuing bodies publish; `checks` holds their check digits.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import NamedTuple

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import checks, shapes
from bot.deid.recognizers.cues import Places

_D = rf"[ {shapes.DASHES}.]?"
_SEP = re.compile(rf"[ {shapes.DASHES}./]")


class _Form(NamedTuple):
    """One kind of number. `bare` is its trust with a valid check digit but no cue, `odd` with neither."""

    rule: str
    pattern: re.Pattern[str]
    cue: re.Pattern[str] | None
    valid: Callable[[str], bool]
    bare: Trust | None
    odd: Trust | None = None
    kind: Kind = Kind.NATIONAL


def _form(body: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?<![\d][.,/{shapes.DASHES}])(?:{body})(?![^\W_]|[.,]\d)")


def _cue(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![^\W_])(?:{words})(?![^\W_])", re.I)


def _any(_value: str) -> bool:
    return True


def _never(_value: str) -> bool:
    return False


def _birthday(value: str) -> bool:
    """Whether a number of ten digits begins like a CHI: day, month, year."""
    return 1 <= int(value[:2]) <= 31 and 1 <= int(value[2:4]) <= 12


def _aadhaar(value: str) -> bool:
    return value[0] in "23456789" and checks.verhoeff(value)


def _za(value: str) -> bool:
    return 1 <= int(value[2:4]) <= 12 and 1 <= int(value[4:6]) <= 31 and checks.luhn(value)


def _nino(value: str) -> bool:
    return value[:2] not in ("BG", "GB", "KN", "NK", "NT", "TN", "ZZ")


def _ahv(value: str) -> bool:
    return value.startswith("756") and checks.ean(value)


def _gln(value: str) -> bool:
    return value.startswith("76") and checks.ean(value)


def _de_birth(value: str) -> bool:
    return checks.rvnr(value)


def _lanr(value: str) -> bool:
    return checks.lanr(value)


_S, _P, _F = Trust.SURE, Trust.PROVEN, Trust.SOFT
_LETTERED = {"dea", "nino", "ramq", "dva", "ahpra", "nhi", "pan", "nric", "mcr", "kvnr", "cip", "curp"}
_EITHER = {"dni", "passport"}
_FORMS: tuple[_Form, ...] = (
    # United States
    _Form(
        "ssn",
        _form(rf"\d{{3}}[{shapes.DASHES}]\d\d[{shapes.DASHES}]\d{{4}}"),
        _cue(r"ssn?|social(?: security)?|soc(?: sec)?"),
        checks.ssn,
        _S,
        _S,
    ),
    _Form(
        "ssn",
        _form(r"\d{3} \d\d \d{4}|\d{9}"),
        _cue(r"ssn?|social(?: security)?|soc(?: sec)?"),
        checks.ssn,
        None,
    ),
    _Form(
        "mbi",
        _form(
            rf"[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d{_D}[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d{_D}[AC-HJKMNP-RT-Y]{{2}}\d\d"
        ),
        _cue("mbi|medicare|beneficiary"),
        _any,
        _S,
        None,
        Kind.PLAN,
    ),
    _Form("npi", _form(r"[12]\d{9}"), _cue("npi|provider"), checks.npi, _F, None, Kind.LICENCE),
    _Form("dea", _form(r"[ABCDEFGHJKLMPRSTUX][A-Z9]\d{7}"), _cue("dea"), checks.dea, _S, _F, Kind.LICENCE),
    # United Kingdom and Ireland
    _Form("nhs", _form(rf"\d{{3}}{_D}\d{{3}}{_D}\d{{4}}"), _cue(r"nhs|h&c|hcn|chi|n\.h\.s"), checks.nhs, _S),
    _Form("chi", _form(r"\d{6} ?\d{4}"), _cue("chi"), _birthday, None),
    _Form(
        "nino",
        _form(r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d\d ?\d\d ?\d\d ?[A-D]"),
        _cue("nino|ni|national insurance|n\\.i"),
        _nino,
        _S,
    ),
    _Form("pps", _form(r"\d{7} ?[A-W][A-IW]?"), _cue("ppsn?|pps no|rsi"), checks.pps, _S, _F),
    _Form("ie ihi", _form(r"\d{4} ?\d{4} ?\d{4} ?\d{4} ?\d\d"), _cue("ihi"), _any, _S),
    # Canada
    _Form("sin", _form(r"\d{3}[ -]?\d{3}[ -]?\d{3}"), _cue("sin|social insurance|nas"), checks.luhn, _F),
    _Form(
        "ohip",
        _form(r"\d{4}[ -]?\d{3}[ -]?\d{3}(?:[ -]?(?:version |ver |v\.? ?)?[A-Z]{2})?"),
        _cue(r"ohip|health ?card|hcn|hc|phn|uli|msi|mcp|rhn"),
        checks.luhn,
        _F,
        None,
        Kind.PLAN,
    ),
    _Form("ramq", _form(r"[A-Z]{4} ?\d{4} ?\d{4}"), _cue("ramq|nam"), _any, _S, None, Kind.PLAN),
    # Australia and New Zealand
    _Form(
        "medicare",
        _form(r"[2-6]\d{3}[ -]?\d{5}[ -]?\d(?: ?[-/]? ?[1-9](?:-\d)?)?"),
        _cue("medicare|mcn|mc no"),
        checks.medicare,
        _S,
        None,
        Kind.PLAN,
    ),
    _Form(
        "au ihi", _form(r"800[36][ -]?\d{4}[ -]?\d{4}[ -]?\d{4}"), _cue("ihi|hpi-?[io]"), checks.luhn, _S, _S
    ),
    _Form("tfn", _form(r"\d{3} ?\d{3} ?\d{3}"), _cue("tfn|tax file"), checks.tfn, _F),
    _Form(
        "dva",
        _form(r"[NVQWST][A-Z]{0,3} ?\d{2,6}[A-Z]?"),
        _cue("dva|veterans?|gold card|white card"),
        _any,
        None,
        None,
        Kind.PLAN,
    ),
    _Form(
        "ahpra",
        _form(r"(?:MED|NMW|PHA|DEN|PSY|PHY|OCC|POD|OPT|CHI|OST|PAR|MRP)\d{10}"),
        _cue("ahpra|registration"),
        _any,
        _P,
        _P,
        Kind.LICENCE,
    ),
    _Form(
        "nhi", _form(r"[A-HJ-NP-Z]{3} ?\d{4}|[A-HJ-NP-Z]{3} ?\d\d[A-HJ-NP-Z]{2}"), _cue("nhi"), checks.nhi, _F
    ),
    # India, Singapore, South Africa
    _Form("aadhaar", _form(r"[2-9]\d{3}[ -]?\d{4}[ -]?\d{4}"), _cue("a+dha+r|uid(?:ai)?"), _aadhaar, _S),
    _Form(
        "abha", _form(r"\d\d-?\d{4}-?\d{4}-?\d{4}"), _cue("abha|health id|ndhm"), _any, _S, None, Kind.PLAN
    ),
    _Form("pan", _form(r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]"), _cue("pan(?: card)?"), _any, _S),
    _Form("nric", _form(r"[STFGM]\d{7}[A-Z]"), _cue("nric|fin|ic|nric/fin"), checks.nric, _P, _S),
    _Form("mcr", _form(r"[MDP]\d{5}[A-Z]"), _cue("mcr"), _any, _F, None, Kind.LICENCE),
    _Form("za id", _form(r"\d{6} ?\d{4} ?\d{2} ?\d|\d{13}"), _cue("id|identity|rsa id|sa id"), _za, _S),
    # Germany, Austria, Switzerland
    _Form(
        "kvnr",
        _form(r"[A-Z] ?\d{3} ?\d{3} ?\d{3}"),
        _cue(r"kvnr|kv-?nr|egk|vers(?:icherten)?[.-]?(?:nr|nummer)?|krankenkasse|kasse"),
        checks.kvnr,
        _S,
        _F,
        Kind.PLAN,
    ),
    _Form(
        "rvnr",
        _form(r"\d\d ?[0-3]\d[01]\d\d\d ?[A-Z] ?\d{3}"),
        _cue(r"rvnr|rv-?nr|sv-?nr|rentenversicherung\w*|sozialversicherung\w*"),
        _de_birth,
        _S,
        _F,
    ),
    _Form(
        "steuer-id",
        _form(r"\d{2} ?\d{3} ?\d{3} ?\d{3}"),
        _cue(r"steuer[ -]?id\w*|idnr|tin|stid"),
        checks.steuer,
        _S,
    ),
    _Form(
        "lanr",
        _form(r"\d{9}"),
        _cue("lanr|bsnr|arztnr|arztnummer|betriebsstätte\\w*"),
        _lanr,
        None,
        None,
        Kind.LICENCE,
    ),
    _Form(
        "svnr",
        _form(r"\d{4} ?[0-3]\d[01]\d\d\d"),
        _cue(r"sv|svnr|sv-?nr|svn|vsnr|sozialversicherung\w*|e-?card"),
        checks.svnr,
        _S,
    ),
    _Form("ahv", _form(r"756[. ]?\d{4}[. ]?\d{4}[. ]?\d\d"), _cue("ahv|avs|ahvn13|navs"), _ahv, _P, _S),
    _Form("gln", _form(r"76\d{11}"), _cue("gln|ean"), _gln, _S, None, Kind.LICENCE),
    _Form(
        "ch card",
        _form(r"80756[ -]?\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{3,4}"),
        _cue("karte|carte|versicherten\\w*|assurée?s?"),
        _any,
        _S,
        None,
        Kind.PLAN,
    ),
    # Spain, France, Mexico
    _Form(
        "dni",
        _form(
            rf"\d{{8}} ?[{shapes.DASHES}]? ?[TRWAGMYFPDXBNJZSQVHLCKE]|[XYZ] ?-?\d{{7}} "
            rf"?[{shapes.DASHES}]? ?[TRWAGMYFPDXBNJZSQVHLCKE]"
        ),
        _cue("dni|nif|nie"),
        checks.dni,
        _P,
        _S,
    ),
    _Form(
        "nuss",
        _form(r"\d\d[ /-]?\d{8}[ /-]?\d\d"),
        _cue("nuss|nass|naf|afiliaci[oó]n|seguridad social|ss"),
        checks.nuss,
        _S,
    ),
    _Form(
        "cip",
        _form(r"[A-Z]{4}\d{10}|[BCDFGHJKLMNPQRSTVWXYZ]{4} ?\d{6} ?\d{4,7}|AN\d{10}|[A-Z]{2}[A-Z]{2} ?\d{12}"),
        _cue("cip|cipa|sip|tis|tsi|nuhsa|tarjeta"),
        _any,
        _S,
        None,
        Kind.PLAN,
    ),
    _Form(
        "nir",
        _form(r"[12378] ?\d\d ?[0-9]\d ?(?:\d\d|2[AB]) ?\d{3} ?\d{3}(?: ?\d\d)?"),
        _cue("nir|n° ?ss|ss|sécu(?:rité sociale)?|secu|insee|ins"),
        checks.nir,
        _S,
    ),
    _Form("curp", _form(r"[A-Z]{4}\d{6}[HMX][A-Z]{5}[A-Z0-9]\d"), _cue("curp"), _any, _P, _P),
    # anywhere
    _Form(
        "passport",
        _form(r"[A-Z]{0,3} ?\d{6,9}[A-Z]?|[CFGHJKLMNPRTVWXYZ0-9]{9}"),
        _cue(
            r"passports?(?: no)?|reisepass\w*|pass(?:nummer|-?nr)|pasaporte|passeport|"
            r"ausweis\w*|personalausweis\w*|pp no"
        ),
        _never,
        None,
    ),
)


def _some(forms: list[_Form]) -> tuple[list[_Form], re.Pattern[str]]:
    """Some forms, and one pattern for all of them: most numbers have none of them."""
    return forms, re.compile("|".join(form.pattern.pattern for form in forms))


_FIGURES = _some([form for form in _FORMS if form.rule not in _LETTERED])
_LETTERS = _some([form for form in _FORMS if form.rule in _LETTERED | _EITHER])
_REACH = 42


def find(source: Source) -> Iterable[Hit]:
    """National, tax, insurance and registration numbers of the countries above."""
    text = source.text
    places = source.once(Places)
    for start in places.dense(24, 4):
        forms, some = _FIGURES if text[start].isdigit() else _LETTERS
        if some.match(text, start) is None:
            continue
        for form in forms:
            match = form.pattern.match(text, start)
            if match is None:
                continue
            value = match.group()
            if any(one.isdigit() for one in value) and value.split(" ")[0] not in shapes.LABELLED:
                trust = _trust(form, text, start, value)
                if trust is not None:
                    yield Hit(start, match.end(), form.kind, trust, form.rule)


def _trust(form: _Form, text: str, start: int, value: str) -> Trust | None:
    plain = _SEP.sub("", value)
    try:
        valid = form.valid(plain)
    except (ValueError, KeyError, IndexError):
        valid = False
    if form.cue is not None and _cued(form.cue, text, start):
        return Trust.PROVEN if valid else Trust.SURE
    tail = value.rpartition(" ")[2]
    if len(value) - len(tail) == 4 and (shapes.is_year(tail) or shapes.is_clock(tail)) and value[0].isalpha():
        return None  # an abbreviation before a year or a time: "LTX 2021"
    return form.bare if valid else form.odd


def _cued(cue: re.Pattern[str], text: str, start: int) -> bool:
    """Whether a cue stands within the few words before, in the same line or at the end of the last."""
    window = text[max(0, start - _REACH) : start]
    head, line, tail = window.rpartition("\n")
    if line and not tail.strip():
        tail = head.rpartition("\n")[2]
    return cue.search(tail) is not None
