"""Record, plan, account, licence and other unique numbers: behind their labels and by their form. Pure.

What is public stays: identifiers of papers, trials, codes of classifications, gene variants, research drugs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import checks, shapes
from bot.deid.recognizers.cues import Cues, Places
from bot.deid.recognizers.labels import LABELS, Label

_CUES = Cues((label.words, label) for label in LABELS)
_GLUE = re.compile(
    rf"[ \t]*[.:=#№°º)\"'’]{{0,3}}[ \t]*(?:(?:no|nr|number|num|nummer|id|is|was|are|reads?|says|"
    rf"lautet|ist|war|es|est|"
    rf":|#)[ \t]*[.:=#]{{0,2}}[ \t]*){{0,3}}[…. {shapes.DASHES}\"'“„]{{0,4}}",
    re.I,
)
_CODE = re.compile(rf"(?<![^\W_])(?<![@./_+=])[^\W_]+(?:[{shapes.DASHES}/._][^\W_]+)*(?![^\W_])")
_PUBLIC = re.compile(
    r"(?:NCT|ISRCTN|ACTRN|DRKS|CTRI|ChiCTR|UMIN|JPRN|jRCT|EUCTR|PMID|PMC|rs|ss|NM_|NP_|NC_|NG_|"
    r"ENS[TGP]|LRG_|chr|"
    r"CRD|CHEMBL|DB|HGNC|OMIM|ORPHA|HP|MONDO|GSE|SRR|RRID|UNII|CAS|ATC|"
    r"GSK|MK|AZD|LY|BMS|ABT|ABBV|RO|RG|JNJ|PF|MEDI|REGN|SAR|AMG|TAK|ONO|DS|BIIB|ALXN|VX|CP|BAY|"
    r"BI|GS|MEDI|INCB|CC|"
    r"LCZ|QVM|RAD|STI|CAL|IMMU|SGN|TMC|KW|KTE|CTL|CTX|ARO|ALN|ION|ISIS|E|TMB|AVE|HOE|SKF|UCB|"
    r"CPT|ICD|OPS|DRG|EBM|GOP|"
    r"NG|TA|CG|QS|MTG|IPG|DG|IN|FDA|ISO|IEC|DIN|EN|CFR|USP|OPCS|COVID|SARS|HIV|HPV|HTLV|EBV|HHV|"
    r"CD|IL|TNF|HLA|CYP|"
    r"UN|ASTM|DSM|ACC|AHA|KDIGO|ESC|S[123]?k?|AAV|BRAF|KRAS|EGFR|JAK|IDH|FLT|NPM|TP|BRCA|C|G|V|"
    r"M|N|T|H|A|B|Q|F)"
    rf"[{shapes.DASHES} _:]?\d",
)
_TRIALS = re.compile(
    r"(?:NCT|ISRCTN|ACTRN|DRKS|ChiCTR|UMIN|jRCT|PMC|PMID|CRD|rs|NM_|ENS[TGP]|HGNC|CHEMBL|GSE|"
    r"EUCTR|UTN|U1111)[\d-]",
    re.I,
)
_LITERATURE = shapes.bag(
    "pmid pmcid pmc doi isbn issn arxiv cpt hcpcs icd icd10 icd11 icd-10 icd-11 icd-10-cm "
    "icd-10-gm icd-o snomed snomed-ct sct "
    "loinc opcs ops ebm gop goä ziffer ziffern code codes coded kode kodes pzn ndc omim "
    "mim orpha nct eudract trial eortc swog "
    "nsabp rtog cas rxnorm rxcui atc dsm dsm-5 fehler fehlercode error erreur port version "
    "build zip plz din iso mondo hpo "
    "item items guideline leitlinie bin awmf nct isrctn"
)
_LABS = shapes.bag(
    "plt thrombo plts platelet platelets thrombos thrombozyten plaquetas plaquettes pq wbc wcc gb "
    "leuko leukos leukozyten leucos neut "
    "neutros neutrophils anc alc cd4 cd8 ferritin ferritina ferritine ck cpk ck-mb bnp "
    "nt-probnp ntprobnp probnp nt-pro-bnp "
    "d-dimer ddimer d-dimere d-dimero d-dimères dimer dimere amylase amylasa lipase lipasa "
    "ldh lactate hcg β-hcg bhcg b-hcg trop "
    "troponin troponina hs-trop hstrop tnt alt ast alat asat got gpt ggt gamma-gt alp afp "
    "cea psa ige calpro calprotectin load vl "
    "viruslast viral virale copies kopien rbc gr eos tryptase trigly triglycerides tg tgs "
    "myoglobin il-6 il6 il2r sil2r cortisol "
    "acth tsh igg procalc pct crp heparin hep units einheiten hnf enoxa dose dosis "
    "population records n costs kostet salary rs "
    "rpm speed steps feet miles km kcal cal colecalciferol cholecalciferol penicillin "
    "bicillin benzylpenicillin nystatin"
)
_CARD = re.compile(
    r"(?<![\w.-])(?:\d{4}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}|3[47]\d{2}[ -]?\d{6}[ -]?\d{5})(?![\w]|[.-]\d)"
)
_IBAN = re.compile(r"(?<![^\W_])[A-Z]{2}\d\d(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?![^\W_])")
_UNKNOWN = re.compile(
    r"(?<![^\W_])(?:unknown|unk(?= (?:fe)?male)|unidentified|unbekannte?r?|(?:var[oó]n|mujer|paciente) "
    r"desconocid[oa]|inconnu|john doe|jane doe|j\.? doe)"
    rf"(?: [A-Z][a-z]+)?[ {shapes.DASHES}](?:#? "
    rf"?)((?:[A-Z]{{1,4}}[{shapes.DASHES}])?\d[\d{shapes.DASHES}]{{0,12}})(?![^\W_])",
    re.I,
)
_ENDS = re.compile(
    r"(?<![^\W_])(?:(?:ends?|ending|finish(?:es|ing)) ?(in|with)?|(endet|endend|enden) (?:auf|mit)|"
    r"(?:acaba|termina(?:d[oa])?) (en)|"
    r"(?:finit|se termine) (?:par))(?![^\W_])",
    re.I,
)
_TAIL = re.compile(rf"[ .…:{shapes.DASHES}\"'“„]{{0,6}}([A-Z]{{0,3}}\d{{2,8}}[A-Z]{{0,2}})(?![^\W_]|[:.,]\d)")
_NUMBERED = re.compile(
    r"(?:no|number|nr|nummer|num|id|mrn|card|hosp|ssn|social|sv|nhs|phone|cell|mobile|one|#|"
    r"numéro|número|n[°º])\W{1,3}\w{0,12}\W{0,2}\Z",
    re.I,
)
_PRESSURE = re.compile(r"\d{2,3}/\d{2,3}/?[A-Za-z]+\Z")
_TITRE = re.compile(r"(?<!\d)1 ?: ?$")
_BILLED = re.compile(r"9\d{4}\Z")  # procedures in CPT
_BILLING = re.compile(
    r"(?<![^\W_])(?:bill|bills|billed|billing|cpt|rvus?|wrvus?|modifier|coding|denied)(?![^\W_])", re.I
)
_PAIR = re.compile(r"\d{2,3}/\d{2,3}\Z")
_JOINT = re.compile(r"\s?(?:/|,|;|and|und|y|et|or|oder|&|not|nicht)\s(?:the )?")
_DOI = re.compile(r"10\.\d{4,9}/\S{3,80}")
_CATALOGUE = re.compile(r"REF:? ?[\w./-]{3,20}(?=[,;/ ]{1,4}(?:LOT|SN|S/N))")
_PASSWORD = re.compile(
    r"(?<![^\W_])(?:passcode|password|passwort|kennwort|contraseña|mot de passe|pwd?)(?: is| "
    r"ist| es| est)?[ :=]{1,3}(?=\S{0,24}\d)(\S{4,24})",
    re.I,
)
# The file of a German court: "SG 14 U 223/23".
_COURT = re.compile(
    r"(?<![\w.,/-])(?:(?:AG|LG|OLG|SG|LSG|VG) )?(?:\d{1,4} [A-Z][A-Za-z]{0,4}|XVII|XIV) "
    r"\d{1,5}/\d{2}(?![\w%]|[.,/-]\d)"
)
_ROUND = re.compile(r"[1-9]\d?0{3,}\Z|[1-9]\d*0{3}\Z")


def find(source: Source) -> Iterable[Hit]:
    """Numbers behind labels, cards, accounts, and codes that are hardly anything but somebody's number."""
    text = source.text
    places = source.once(Places)
    if len(places.digits) < 2:
        return
    if source.language == "de" and "/" in text:
        for court in places.numbered(_COURT):
            yield Hit(court.start(), court.end(), Kind.RECORD, Trust.SURE, "court file")
    public = [(doi.start(), doi.end()) for doi in _DOI.finditer(text)] if "10." in text else []
    public += [(model.start(), model.end()) for model in _CATALOGUE.finditer(text)] if "REF" in text else []
    for hit in (
        *_labelled(places),
        *_endings(places),
        *_accounts(places),
        *_coded(places),
        *_grouped(places),
    ):
        if not any(start <= hit.start < end for start, end in public):
            yield hit
    for secret in places.numbered(_PASSWORD):
        yield Hit(secret.start(1), secret.end(1), Kind.OTHER, Trust.SURE, "password")
    for unknown in places.worded(_UNKNOWN):
        whole = unknown.group()[:1].isupper() and " " in unknown.group()[8:] and unknown[1].isdigit()
        start = unknown.start() if whole else unknown.start(1)
        yield Hit(start, unknown.end(), Kind.RECORD, Trust.SURE, "unknown")


def _labelled(places: Places) -> Iterator[Hit]:
    text = places.text
    for cue, label in _CUES.find(places, reach=shapes.REACH + 60, least=2):
        said = text[cue.start() : cue.end()]
        if not label.exact or said.isupper() or said == "Acc":
            yield from _valued(text, label, cue)


def _valued(text: str, label: Label, cue: re.Match[str]) -> Iterator[Hit]:
    glue = _GLUE.match(text, cue.end(), min(len(text), cue.end() + 48))
    at = cue.end() if glue is None else glue.end()
    value = shapes.value_after(text, at, words=6 if label.far else 0, least=label.least)
    if value is None or not _meant(text, label, value, at):
        return
    if label.kind is Kind.OTHER and _literary(text, cue.start(), 1):
        return
    close = value.words == 0 and value.start - at <= 2
    strong = label.far and close and value.digits >= 6 and label.kind is not Kind.OTHER
    yield Hit(value.start, value.end, label.kind, Trust.PROVEN if strong else Trust.SURE, "label")
    yield from _second(text, label, value)


def _endings(places: Places) -> Iterator[Hit]:
    """What a number ends in: "her hosp no ends …4093", "the right number ends in XQ41"."""
    text = places.text
    for end in places.numbered(_ENDS):
        value = _TAIL.match(text, end.end(), min(len(text), end.end() + 24))
        if value is None or shapes.quantity(text, value.start(1), value.end(1)) or shapes.is_date(value[1]):
            continue
        nought = value[1][0] == "0" and len(value[1]) > 3 and not shapes.is_clock(value[1])
        numbered = _NUMBERED.search(text, max(0, end.start() - 24), end.start()) is not None
        said = nought or end[1] is not None or numbered
        if numbered or (said and len(value[1]) > 2 and not shapes.is_clock(value[1])):
            yield Hit(value.start(1), value.end(1), Kind.OTHER, Trust.SURE, "ending")


def _second(text: str, label: Label, value: shapes.Value) -> Iterator[Hit]:
    """A second number of the same kind: "778120 y 0778120-2", "(0731192 / F559013)"."""
    joint = _JOINT.match(text, value.end)
    if joint is not None:
        other = shapes.value_after(text, joint.end(), words=0, least=max(5, label.least))
        if other is not None and other.start == joint.end():
            yield Hit(other.start, other.end, label.kind, Trust.SOFT, "second")


def _literary(text: str, start: int, most: int = 2) -> bool:
    """Whether the words before say that a number is one of literature, a classification or a trial."""
    return any(word.partition(":")[0] in _LITERATURE for word in shapes.near(text, start, most))


def _measured(text: str, start: int, most: int = 3) -> bool:
    """Whether the words before say that a number is a laboratory value or another measure."""
    return any(
        word in _LABS or word.endswith(("=", "€", "$", "£")) for word in shapes.near(text, start, most)
    )


def _meant(text: str, label: Label, value: shapes.Value, at: int) -> bool:
    """Whether a value behind a label is its value, not an amount, a year or a time that happens to follow."""
    shown = text[value.start : value.end]
    pure = value.letters == 0
    if _TRIALS.match(shown):
        return False
    timed = shapes.is_year(shown) or (shapes.is_clock(shown) and value.words > 0)
    if timed and pure and value.digits <= 4 and (not label.far or value.words):
        return False
    if value.digits <= 6 and shapes.quantity(text, value.start, value.end):
        return False
    if value.words and value.digits < 5 and not label.far:
        return False
    if value.words and (_PAIR.match(shown) or "item" in shapes.near(text, value.start, 2)):
        return False
    if value.words > 2 and value.digits < 4:
        return False
    if value.words and _measured(text, value.start, min(2, value.words)):
        return False
    if pure and shapes.is_decimal(shown) and value.digits < 7:
        return False
    if label.exact and value.words:
        return False
    return not (label.exact and value.digits < 5 and pure)


def _accounts(places: Places) -> Iterator[Hit]:
    for card in places.numbered(_CARD):
        digits = "".join(one for one in card.group() if one.isdigit())
        if 13 <= len(digits) <= 19 and checks.luhn(digits) and digits[0] in "23456":
            yield Hit(card.start(), card.end(), Kind.ACCOUNT, Trust.PROVEN, "card")
    for bank in places.numbered(_IBAN):
        value = bank.group().replace(" ", "")
        if 15 <= len(value) <= 34:
            good = checks.iban(value)
            if good or sum(one.isdigit() for one in value) >= 14:
                yield Hit(
                    bank.start(), bank.end(), Kind.ACCOUNT, Trust.PROVEN if good else Trust.SURE, "iban"
                )


def _coded(places: Places) -> Iterator[Hit]:
    """Codes without a label: long runs of digits, and letters mixed with digits."""
    text, last = places.text, -1
    for start in places.dense(32, 4):
        code = _CODE.match(text, start) if start >= last else None
        if code is None:
            continue
        last = code.end()
        shown = code.group()
        digits, letters = shapes.counted(shown)
        if digits < 4 or (trust := _judged(text, code.start(), code.end(), shown, digits, letters)) is None:
            continue
        yield Hit(code.start(), code.end(), Kind.OTHER, trust, "code")


def _judged(text: str, start: int, end: int, shown: str, digits: int, letters: int) -> Trust | None:
    if (shapes.quantity(text, start, end) and digits < 9) or _TITRE.search(text, max(0, start - 4), start):
        return None
    if _BILLED.match(shown) and _BILLING.search(text, max(0, start - 90), min(len(text), end + 60)):
        return None
    if (
        _literary(text, start, 4 if letters == 0 and digits == 5 else 2)
        or shapes.is_date(shown)
        or text[end : end + 2] in ("%",)
    ):
        return None
    if text[end : end + 1] in "([:" and text[end + 1 : end + 2].isdigit():
        return None
    if shown[0] in "xX" and shown[1:].isdigit():
        return None  # an extension
    if _PRESSURE.match(shown):
        return None
    if letters == 0:
        return _figures(text, shown, digits, start)
    if _TRIALS.match(shown) or (not any(one.isupper() for one in shown) and (letters > 2 or digits < 7)):
        return None
    parts = re.split(rf"[{shapes.DASHES}/._]", shown)
    if max(shapes.counted(part)[0] for part in parts) < 3 and digits < 6:
        return None
    if any(len(part) > 4 and part.isalpha() for part in parts) or letters > 8:
        return Trust.SOFT if digits >= 6 else None
    if digits >= 7 or (digits >= 6 and not _PUBLIC.match(shown)):
        return Trust.SURE
    if digits == 5 and not _PUBLIC.match(shown):
        return Trust.SURE if len(parts) == 1 and letters <= 3 else Trust.SOFT
    if digits == 6 or (
        digits == 4 and letters <= 3 and not _PUBLIC.match(shown) and len(parts) <= 2 and shown[-1].isdigit()
    ):
        return None if re.search(r"\d[a-z]", shown) and digits < 6 else Trust.SOFT
    return None


def _figures(text: str, shown: str, digits: int, start: int) -> Trust | None:
    """A code of digits alone, perhaps with dashes, slashes or points between them."""
    if shown.isdigit():
        if digits < 5 or shown == "116117" or _measured(text, start):
            return None
        if _ROUND.match(shown) and digits < 9:
            return None
        return Trust.SURE if digits >= 7 else Trust.SOFT
    if shapes.is_decimal(shown) or ("." in shown and digits < 9):
        return None
    parts = re.split(rf"[{shapes.DASHES}/._]", shown)
    if "/" in shown:
        if all(shapes.is_year(part) for part in parts):
            return None
        return Trust.SOFT if digits >= 8 and max(map(len, parts)) >= 4 else None
    steps = [int(part) for part in parts]
    if (
        len(parts) > 2
        and max(steps) < 1000
        and (0 in steps or all(high == 2 * low for low, high in pairwise(steps)) or _stepwise(steps))
    ):
        return None  # doses over a day, or raised and tapered
    if len(parts) == 2 and len(parts[0]) == len(parts[1]):
        low, high = int(parts[0]), int(parts[1])
        if digits < 8 or (
            low < high
            and (
                digits < 10
                and (low % 10 == 0 or high % 10 == 0 or shapes.is_year(parts[0]) or shapes.is_clock(parts[0]))
            )
        ):
            return None
        return Trust.SOFT
    if len(parts) == 2 and (digits < 7 or len(parts[1]) == 1):
        return Trust.SOFT if digits >= 7 and len(parts[0]) >= 6 else None
    if digits < 6 or (
        all(len(part) <= 2 for part in parts)
        and (len(parts) != 3 or min(map(len, parts)) < 2 or (int(parts[0]) <= 31 and int(parts[1]) <= 12))
    ):
        return None
    if all(part.rstrip("0") in ("", "1", "2", "5", "25", "75") for part in parts):
        return None  # doses over a day: 100-0-100
    return Trust.SURE if digits >= 8 else Trust.SOFT


def _stepwise(steps: list[int]) -> bool:
    """Whether doses rise or fall by one step: 50-40-30."""
    return len({high - low for low, high in pairwise(steps)}) == 1


_GROUPS = re.compile(
    rf"(?<![\w.,/:+{shapes.DASHES}])(?:[A-Z]{{1,4}} ?)?\d{{1,8}}(?: ?/ ?| )\d{{1,8}}(?:(?: "
    rf"?[{shapes.DASHES}/] ?| )\d{{1,8}}){{0,8}}(?: [A-Z]{{1,2}})?"
    rf"(?![\w]|[.,:/]\d)"
)


def _grouped(places: Places) -> Iterator[Hit]:
    """Numbers broken into groups without a label: "0007 662 418", "W2207 14493"."""
    text = places.text
    for found in places.numbered(_GROUPS):
        shown = found.group()
        groups = re.findall(r"\d+", shown)
        total = sum(map(len, groups))
        if not 7 <= total <= 20 or "/" in shown:
            continue
        odd = any(len(group) > 3 for group in groups) or groups[0].startswith("0")
        odd = odd or (total >= 8 and all(len(group) == 3 for group in groups[1:]))  # tens of millions
        times = all(shapes.is_clock(group) or shapes.is_year(group) or len(group) < 3 for group in groups)
        lead = shown[0].isalpha()
        start = found.start()
        if lead and shown.split()[0] in shapes.LABELLED:
            start += len(shown.split()[0]) + 1
            lead = False
        if (
            times
            or not (odd or lead)
            or shapes.quantity(text, found.start(), found.end())
            or _measured(text, start)
            or _literary(text, start)
        ):
            continue
        yield Hit(start, found.end(), Kind.OTHER, Trust.SOFT, "groups")
