"""Licence plates and vehicle identification numbers. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import checks, shapes
from bot.deid.recognizers.cues import Cues, Places

_D = rf"[ {shapes.DASHES}]"
_CUES = Cues(
    (
        (
            r"(?:licen[cs]e |number |car )?plates?(?: (?:partial|no|number|#))?|tags?(?= (?:no|number|#|"
            r"[a-z0-9]))|rego?(?: (?:no|number|plate))?|"
            r"registration(?: (?:no|number|plate))?|vehicle(?: (?:no|number|reg))?|kennzeichen|"
            r"kfz(?:-kennzeichen)?|nummernschild|kontrollschild|"
            r"nummerntafel|matr[ií]cula|placas?|call ?sign|immatriculation|immatriculée?|plaque(?: "
            r"d'immatriculation)?|number plate|"
            r"(?:car|truck|taxi|van|ute|bakkie|lorry|scooter|motorbike|pickup|suv|minivan|sedan|"
            r"ambulance|fourgon|camion|voiture|"
            r"coche|auto|wagen|pkw|lkw|sattelzug|roller|toyota|hilux|landcruiser|honda|ford|chevy|"
            r"silverado|dodge|ram|nissan|altima|mazda|"
            r"subaru|hyundai|kia|bmw|audi|mercedes|vw|golf|passat|polo|opel|corsa|skoda|octavia|renault|"
            r"clio|peugeot|citro[eë]n|fiat|seat|ibiza|"
            r"myvi|perodua|proton saga|volvo|tesla|tesla model [3sxy]|caravan|caddy|transit|sprinter|prius|"
            r"camry|corolla|civic|"
            r"accord|jeep|holden|commodore|falcon)",
            None,
        ),
    )
)
_VALUE = re.compile(
    rf"[ :#=.(\"'“]{{0,4}}(?:(?:is|was|says|ends|reads|no|number|nr|lautet|ist|es|est|on|mit|"
    rf"partial|:)[ :#.]{{1,2}}){{0,2}}"
    rf"([A-ZÄÖÜ0-9]{{1,4}}(?:{_D}?[A-ZÄÖÜ0-9]{{1,6}}){{0,3}})(?![^\W_])"
)
_VIN_CUE = re.compile(r"(?<![^\W_])(?:vin|fin|fahrgestell(?:nr|nummer)?|bastidor|chassis)(?![^\W_])", re.I)
_VIN = re.compile(r"(?<![^\W_])(?=[A-Z0-9]{0,16}\d)(?=\d{0,16}[A-Z])[A-HJ-NPR-Z0-9]{17}(?![^\W_])")
_GERMAN = re.compile(
    rf"(?<![\w{shapes.DASHES}])[A-ZÄÖÜ]{{1,3}}-[A-Z]{{1,2}} ?\d{{1,4}}[EH]?(?![^\W_]|[.,]\d|-)"
)
_UK = re.compile(r"(?<![^\W_])([A-HJ-PR-Y][A-HJ-PR-Y])(\d\d) ?([A-HJ-PR-Z]{3})(?![^\W_])")
_IRISH = re.compile(
    r"(?<![\w-])\d{2,3}-(?:C|CE|CN|CW|D|DL|G|KE|KK|KY|L|LD|LH|LK|LM|LS|MH|MN|MO|OY|RN|SO|T|TN|"
    r"TS|W|WH|WX|WW|WD)-\d{1,6}(?![\w-])"
)
_FRENCH = re.compile(rf"(?<![\w-])[A-HJ-NP-TV-Z]{{2}}{_D}\d{{3}}{_D}[A-HJ-NP-TV-Z]{{2}}(?![\w-])")
_SPANISH = re.compile(r"(?<![\w-])\d{4}[ -]?([B-DF-HJ-NP-TV-Z]{3})(?![\w-])")
_INDIAN = re.compile(
    r"(?<![^\W_])(?:AN|AP|AR|AS|BR|CG|CH|DD|DL|GA|GJ|HP|HR|JH|JK|KA|KL|LA|LD|MH|ML|MN|MP|MZ|NL|"
    r"OD|OR|PB|PY|RJ|SK|TN|TR|TS|TG|UK|UP|WB)"
    r"[ -]?\d{1,2}[ -]?[A-Z]{1,3}[ -]?\d{4}(?![^\W_])"
)
_SINGAPORE = re.compile(
    r"(?<![^\W_])(?:S[A-Z]{2}|[EFG][A-Z]{1,2}|P[A-Z]{1,2}) ?\d{1,4} ?[A-EGHJ-MPR-Z](?![^\W_])"
)
_SWISS = re.compile(
    r"(?<![^\W_])(?:AG|AI|AR|BE|BL|BS|FR|GE|GL|GR|JU|LU|NE|NW|OW|SG|SH|SO|SZ|TG|TI|VD|VS|ZG|ZH) "
    r"\d{1,3} \d{3}(?![^\W_]| \d)"
)
# Plates of South Africa, and what a few words behind somebody's car or drive has the form of a plate.
_CAPE = re.compile(r"(?<![\w-])C(?:A|Y|F|J|X|AA|AW|BS|EY|FM) (?!125)\d{3}[ -]\d{3}(?![\w-])")
_DRIVEN = re.compile(
    r"(?<![^\W_])(?:drives?|driving|drove|parked|truck|trailer|pickup|ute|van|lorry|bakkie|plate|"
    r"car(?: park)?|fährt|fuhr|gesehen|parkt|Auto|Wagen|Traktor|Moped|Motorrad|Kombi|Bus|LKW|Anhänger|"
    r"Taxi|Taxifahrer(?:in)?)(?![^\W_])"
    r"[^.;:\n]{1,40}?"
    r"(?<![\w.,/-])([A-Z]{2,3} \d{3,4}|[A-ZÄÖÜ]{1,3} [A-Z]{2} \d{1,4}|[A-Z]{2} \d{2} [A-Z]{2}|"
    r"\d[A-Z] \d{4}|[A-Z]{3}-?\d{3,4})"
    r"(?![\w%]|[.,:/-]\d)"
)
_SHIP = re.compile(
    r"(?<![^\W_])(?:[MFS]/[VY]|HMS|HMAS|HMCS|USNS|USS|MV(?=[A-Za-zà-ÿ ]{3,30} \(IMO)) "
    r"([A-Z][a-zà-ÿ]+(?: [A-Z][a-zà-ÿ]+)?)"
)
_IMO = re.compile(r"(?<![^\W_])(?:IMO|MMSI)[ :#]{1,3}(\d{7,9})(?!\w)")
_ABBREVIATIONS = shapes.bag(
    "LDL HDL VLDL BPM MCG PCR CRP WBC RBC PLT LDH TSH BNP LPM CPM RPM DDD GBS TBC DNR CPR NPT CTG KCL PPM BGB"
)
_DOSED = shapes.bag("ML MG QD BD OD AF BP UI SC IV PO IM")
_SCORES = shapes.bag(
    "TPO ANA HLA ICG "
    "CK LDL HDL NT FEV FVC CA PSA AFP IGF PTH TSH FT GLP HB HBS ACE MDRD CKD ECOG MMST RR EF LV "
    "PHQ GAD MDQ SCL BDI BDI- HAM HADS MMS PSS AUDIT CGI Q T ISS GCS IES RCS YMR UPS"
)
_UNLIKE_UK = shapes.bag("CD IL HB PD CA TH FI HR RR BP GC PE DX HX TX RX CT MR US ED ER HP VT PC PS")


def find(source: Source) -> Iterable[Hit]:
    """Plates and vehicle identification numbers."""
    text = source.text
    places = source.once(Places)
    if len(places.digits) < 2:
        return
    for cue, _ in _CUES.find(places, reach=60):
        if not (cue.group().startswith("tag") and source.language == "de"):
            yield from _cued(text, cue)
    for vin in places.numbered(_VIN):
        cued = _VIN_CUE.search(text, max(0, vin.start() - 40), vin.start()) is not None
        trust = Trust.PROVEN if cued or checks.vin(vin.group()) else Trust.SURE
        yield Hit(vin.start(), vin.end(), Kind.VEHICLE, trust, "vin")
    german = Trust.SURE if source.language == "de" else Trust.SOFT
    for pattern, trust in (
        (_GERMAN, german),
        (_IRISH, Trust.SURE),
        (_FRENCH, Trust.SURE),
        (_INDIAN, Trust.SURE),
        (_SWISS, german),
    ):
        for plate in places.numbered(pattern):
            shown = plate.group()
            if pattern is _SWISS and source.language not in ("de", "fr"):
                continue
            if pattern is _FRENCH and " " in shown and (source.language != "fr" or shown[-2:] in _DOSED):
                continue
            if pattern is not _GERMAN or (shown[-2:-1].isdigit() and shown.partition("-")[0] not in _SCORES):
                yield Hit(plate.start(), plate.end(), Kind.VEHICLE, trust, "plate")
    yield from _softly(places)


def _cued(text: str, cue: re.Match[str]) -> Iterator[Hit]:
    """What stands behind a word for a plate, or behind the make of a car."""
    value = _VALUE.match(text, cue.end(), min(len(text), cue.end() + 48))
    if value is None:
        return
    start, end = value.start(1), value.end(1)
    shown = value[1]
    digits = sum(one.isdigit() for one in shown)
    letters = sum(one.isalpha() for one in shown)
    plate = (
        cue.group()
        .lower()
        .startswith(
            (
                "plate",
                "licen",
                "number",
                "reg",
                "kenn",
                "kfz",
                "matr",
                "imma",
                "plaque",
                "vehicle",
                "tag",
                "placa",
                "call",
            )
        )
    )
    while (
        shown and shown.split(" ")[-1].isalpha() and len(shown.split(" ")) > 1 and digits >= 3 and letters > 4
    ):
        shown = shown.rpartition(" ")[0]
        end = start + len(shown)
        letters = sum(one.isalpha() for one in shown)
    if not digits or shapes.is_year(shown) or shapes.quantity(text, start, end):
        return
    if cue.group() in ("reg", "tag", "tags") and letters + digits < 5:
        return
    if plate and letters + digits >= 3 and (letters or digits >= 4):
        yield Hit(start, end, Kind.VEHICLE, Trust.SURE, "plate cue")
    elif letters >= 2 and digits >= 2 and letters + digits >= 5:
        yield Hit(start, end, Kind.VEHICLE, Trust.SURE, "car cue")


def _softly(places: Places) -> Iterator[Hit]:
    """Plates whose form medicine uses as well, and ships."""
    text = places.text
    for cape in places.numbered(_CAPE):
        yield Hit(cape.start(), cape.end(), Kind.VEHICLE, Trust.SOFT, "plate")
    for driven in places.worded(_DRIVEN):
        if not shapes.quantity(text, *driven.span(1)):
            yield Hit(*driven.span(1), Kind.VEHICLE, Trust.SOFT, "driven")
    for pattern in (_SHIP, _IMO):
        for ship in places.worded(pattern):
            yield Hit(*ship.span(1), Kind.VEHICLE, Trust.SURE, "ship")
    for plate in places.numbered(_UK):
        if plate[1] not in _UNLIKE_UK and plate[2] != "00":
            yield Hit(plate.start(), plate.end(), Kind.VEHICLE, Trust.SOFT, "plate")
    for plate in places.numbered(_SPANISH):
        if plate[1] not in _ABBREVIATIONS:
            yield Hit(plate.start(), plate.end(), Kind.VEHICLE, Trust.SOFT, "plate")
    for plate in places.numbered(_SINGAPORE):
        if sum(one.isdigit() for one in plate.group()) >= 3:
            yield Hit(plate.start(), plate.end(), Kind.VEHICLE, Trust.SOFT, "plate")
