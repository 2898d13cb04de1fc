"""Serial, lot and implant numbers of devices, unique device identifiers, and vehicles. Pure.

Catalogue and model numbers name a product, not a person; a serial or lot number leads to the patient (45 CFR
164.514(b)(2)(i)(M)).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import checks, shapes, vehicles
from bot.deid.recognizers.cues import Cues, Places

_CUES = Cues(
    (
        (
            r"s ?/ ?n|sn|ser(?:ial)?(?:[ .-]*(?:no|nr|number|num|#|sticker|nummer))?|serials|sl\.? ?no|"
            r"model ?/ ?serial|"
            r"seriennummer|seriennr|serien-?nr|serie|gerätenummer|gerätenr|geräte-?nr|implantat-?nr|aggregat|"
            r"n[°ºo.]* ?(?:de )?(?:série|serie|lot|lote)|série|número de (?:serie|lote)|lote?s?(?:[ "
            r".]*(?:no|nr|number|#))?|ln|"
            r"batch(?: lot)?(?:[ .]*(?:no|nr|number|#))?|ch(?:argen)?\.?-?(?:b|bez|nr|nummer)|ch\.-b|"
            r"charge(?:n)?|los-?nr|"
            r"udi(?:-?d?i)?|implant(?:ed)? (?:id|no|number|serial|#)|device(?: (?:id|no|number|serial|"
            r"#))?|asset(?: tag)?(?: ?(?:no|#))?|"
            r"inventar-?nr|equipment (?:no|id|#)|med ?equip(?: no)?|console|konsole|generator (?:no|"
            r"serial)|pump (?:no|id|serial|#)|"
            r"lead (?:sn|serial|no|number|#)|sonde(?:n?nr)?|electrodo(?: \w{2,3})?|prothèse rappelée|"
            r"ref ?/ ?lot|hin|transmitter|sensor (?:id|sn|no|serial)|receiver|handset",
            None,
        ),
    )
)
_PLAIN = re.compile(r"(?:a|the|whole|lot'?s) $|(?:in|no|free of|ohne|en|sans|Erhöhung der) $", re.I)
_UDI = re.compile(r"\(01\)\d{14}(?:\((?:10|11|17|21|240|30)\)[\w./+-]{1,20}?(?=\(|[\s,;]|\Z)){0,5}")
_GTIN = re.compile(r"(?<![\w.-])01\d{14}(?:(?:17|11)\d{6})?(?:(?:10|21)[A-Z0-9-]{3,20})?(?![\w])")
_PART = re.compile(r"\((?:10|21)\)([\w./+-]{3,20})")
# Serial numbers of pacemakers and defibrillators: three letters, six or seven figures, a letter (RNB604417H).
_PACER = re.compile(
    r"(?<![^\W_])[A-Z]{3} ?\d{6,7} ?[A-Z]?(?![^\W_])|"
    r"(?<![^\W_])[A-Z]{3} (?:\d{3} \d{3,4}|\d\d \d\d \d\d) [A-Z](?![^\W_])"
)
_GLUE = re.compile(
    rf"[ \t]*[.:=#)\"'{shapes.DASHES}]{{0,3}}[ \t]*(?:(?:sn|s/n|serial|no|nr|number|num|is|was|"
    rf"reads|ist|lautet|es|est|lot|#|:)[ \t]*[.:=#]{{0,2}}[ \t]*){{0,3}}",
    re.I,
)
_JOINT = re.compile(r"\s?(?:,|/|;|and|und|y|et|&|\+)\s?")
_LOT = re.compile(r"(?=[A-Z]{0,9}\d)[A-Z0-9]{5,12}(?![^\W_])")
_NOT_PACER = shapes.bag(
    "MED NMW PHA DEN PSY PHY OCC POD OPT CHI OST PAR MRP NCT PMC REF LIC LNR COL REG TKT INC "
    "REQ INV ORD CAS FIR MLC"
)


def find(source: Source) -> Iterable[Hit]:
    """Serials, lots and device identifiers, plates and vehicle identification numbers."""
    text = source.text
    places = source.once(Places)
    if len(places.digits) < 2:
        return
    for cue, _ in _CUES.find(places, least=2):
        yield from _valued(text, cue, source.language)
    for udi in _UDI.finditer(text):
        yield Hit(udi.start(), udi.end(), Kind.DEVICE, Trust.PROVEN, "udi")
    for part in _PART.finditer(text):
        yield Hit(part.start(1), part.end(1), Kind.DEVICE, Trust.SURE, "udi")
    for gtin in places.numbered(_GTIN):
        if checks.gtin(gtin.group()[2:16]):
            yield Hit(gtin.start(), gtin.end(), Kind.DEVICE, Trust.PROVEN, "udi")
    for pacer in places.numbered(_PACER):
        if pacer.group()[:3] not in _NOT_PACER and pacer.group()[:3] not in shapes.LABELLED:
            yield Hit(pacer.start(), pacer.end(), Kind.DEVICE, Trust.SURE, "pacemaker")
    yield from vehicles.find(source)


def _valued(text: str, cue: re.Match[str], language: str) -> Iterator[Hit]:
    word, said = cue.group(), text[cue.start() : cue.end()]
    if word in ("charge", "chargen") and language not in ("de",):
        return
    if word in ("lot", "lots", "ln", "sn", "serie", "los") and _PLAIN.search(
        text, max(0, cue.start() - 14), cue.start()
    ):
        return
    if word == "sn" and said != "SN" and text[cue.end() : cue.end() + 1] not in ":#":
        return
    loose = word in (
        "device",
        "sonde",
        "console",
        "konsole",
        "aggregat",
        "serie",
        "charge",
        "serials",
        "hin",
        "transmitter",
        "receiver",
        "handset",
    ) or word.startswith("electrodo")
    glue = _GLUE.match(text, cue.end(), min(len(text), cue.end() + 32))
    at = cue.end() if glue is None else glue.end()
    for _ in range(3):
        value = shapes.value_after(text, at, words=2 if not loose else 0, least=3)
        if value is None:
            value = _short(text, at)
        if value is None or not _meant(text, value, loose):
            return
        yield Hit(value.start, value.end, Kind.DEVICE, Trust.SURE, "device")
        joint = _JOINT.match(text, value.end)
        if joint is None or loose:
            return
        at = joint.end()
        following = shapes.value_after(text, at, words=0, least=4)
        if following is None or following.start != at or following.letters == 0:
            return


def _short(text: str, at: int) -> shapes.Value | None:
    """A lot with more letters than figures: "MKJ4X9"."""
    lot = _LOT.match(text, at)
    return None if lot is None else shapes.Value(lot.start(), lot.end(), *shapes.counted(lot.group()), 0)


def _meant(text: str, value: shapes.Value, loose: bool) -> bool:
    shown = text[value.start : value.end]
    if shown[:2] in ("3s", "7s"):
        return False  # the serial sevens of a mental state
    if value.letters == 0 and (shapes.is_year(shown) or shapes.is_decimal(shown) or value.digits < 4):
        return False
    if value.letters == 0 and value.words and (value.digits < 5 or shapes.is_clock(shown)):
        return False
    if value.digits <= 6 and shapes.quantity(text, value.start, value.end):
        return False
    return not loose or value.digits >= 5 or (value.letters > 1 and value.digits + value.letters > 4)
