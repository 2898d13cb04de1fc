"""Rooms and beds that only the sentence shows: "12 needs pain meds", "bloods on 221", "die 31". Pure.

There is no word for a place here; what is found is soft, so that the tagger may keep a number that counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import shapes
from bot.deid.recognizers.cues import Places
from bot.deid.recognizers.roomguards import END, anatomy, judged

_CODE = r"(?:\d{1,4}[A-Za-z]?|[A-Z]\d{1,3})"
_START = r"(?:(?<![^\n])|(?<=[.;:!?,] )|(?<=\band )|(?<=\bif )|(?<=\bfrom )|(?<=\bin ))"  # of a statement


class _Said(NamedTuple):
    """A form of sentence; its groups are rooms."""

    pattern: re.Pattern[str]
    rule: str
    trust: Trust = Trust.SOFT
    anatomical: bool = True  # whether a code such as T7 counts
    near: bool = True  # whether a digit must stand among the first characters (`cues.REACH`)


def _said(
    pattern: str, rule: str, trust: Trust = Trust.SOFT, *, anatomical: bool = True, near: bool = True
) -> _Said:
    return _Said(re.compile(pattern), rule, trust, anatomical, near)


_KIN = r"(?:wife|husband|daughter|son|mum|mom|dad|mother|father|sister|brother|family|nok|relatives?|partner)"
_THINGS = (
    r"(?:scan|bloods|drip|bed|gone|lac|asking|back in|slippers|dentures|teeth|labs|obs|iv|line|foley|"
    r"cath|tele|"
    r"monitor|nurse|meds|breakfast|lunch|dinner|tray|ct|mri|xr|cxr|dressing|bag|pump|phone|chart|room|"
    r"call|lac)"
)
_WISHES = (
    r"(?:needs|wants|refuses|refused|keeps|rang|asked|asks|threw|pulled|vomited|puked|fell|"
    r"just (?:threw|fell|pulled|coded|puked|vomited|rang|asked|left|arrived|died|passed)|"
    r"is (?:still npo|npo|asking|refusing|up(?: and)?|asleep|awake|ready|empty|going|here)|"
    r"has been (?:shouting|asking|calling|ringing|crying|up)|(?:and \d{1,4} )?share a)"
)
_ORDERED = (
    r"(?:bloods?|obs|ecg|ekg|labs?|egfr|eGFR|K|lovenox|heparin|ativan|haldol|insulin|meds|abx|consent|"
    r"cannula|iv|IV|"
    r"foley|catheter|sitter|restraints|orders|output|cxr|CXR|scan|discharge summary|dc summary|tto|ttos|TTOs)"
)
_FORMS: dict[str, tuple[_Said, ...]] = {
    "en": (
        _said(rf"{_START}({_CODE})(?:,? (?:and|&) ({_CODE}))? {_WISHES}(?![^\W_])", "subject"),
        _said(rf"(?<![\w.,/'’-])({_CODE})['’]s (?:{_KIN}|{_THINGS})(?![^\W_])", "possessive"),
        _said(
            rf"(?<![^\W_]){_ORDERED} (?:was |is |were )?(?:on|for) (\d{{1,4}}[A-Z]?){END}"
            rf"(?:(?: and| not|,) (\d{{1,4}}[A-Z]?){END})?",
            "ordered",
        ),
        _said(rf"(?<![^\W_])(?i:moved|moving) to (\d{{1,3}}[A-Z]?){END}(?=[ ]?[,.;!?\n]|\Z)", "moved"),
        _said(
            r"(?<![^\W_])(?i:on|from|to|cover(?:ing)?|sign-?out|census|board|upstairs) "
            r"(\d{1,2}(?:N|S|E|W|NE|NW|SE|SW|G))(?![^\W_]|[.,]\d)",
            "wing",
        ),
        _said(
            r"(?<![^\W_])(?:relatives?|wife|husband|family|nurse|son|"
            r"daughter) of ([A-HJ-Z]\d{1,2})(?![^\W_])",
            "kin",
        ),
        _said(
            r"(?<![^\W_])(?:cannulate|bleed|clerk|review|see|consent|"
            r"scan) ([A-DF-HJ-Z]\d{1,2})(?: and (?:then )?"
            r"([A-DF-HJ-Z]\d{1,2}))?(?![^\W_])",
            "seen",
        ),
        _said(r"(?<=[a-z,] )([A-Z]) [Ww]ard(?! round)(?![^\W_])", "ward", Trust.SURE, near=False),
        _said(
            r"(?<![^\W_])(?:above|outside|next to|opposite) (\d{1,3}[A-Z]?)(?![.,]\d)(?=[ ]?[,.;!?\n]|\Z)",
            "beside",
        ),
        _said(r"(?:(?<![^\n])|(?<=[.;] ))(\d{1,2}[A-F]) (?=[A-Z][a-z]+[,.]? )", "headed", anatomical=False),
        _said(
            r"(?:(?<=[,.;] )|(?<=\bin )|(?<=\bon ))([A-Z][a-z]{4,})(?= (?:bed|bay) \d)",
            "named ward",
            near=False,
        ),
        _said(r"(?<![^\W_])(?:manager|sister|hca|HCA|porter) on ([A-Z]?\d{1,3})(?![^\W_]|[.,]\d)", "staff"),
        _said(
            r"(?<![^\W_])[A-Z][a-z]+ in ([ABDEFGHK]\d{1,2}) (?:wants|needs|has|is|keeps|asked|asks|"
            r"rang)(?![^\W_])",
            "person",
            near=False,
        ),
        _said(
            r"(?<![^\W_])[Bb]ed \d{1,3} and (\d{1,3}) (?:can['’]?t|cannot|are|both|need|want|"
            r"have)(?![^\W_])",
            "room",
        ),
        _said(
            r"(?<![^\W_])(?i:room|bed|bay) (?:is|was) (?:now )?(\d{1,3}[A-Z]?)(?![^\W_]|[.,:/]\d| ?%)", "room"
        ),
        _said(r"(?<![^\W_])(?i:re) (\d{1,3}[A-Z]?)(?=:)", "subject"),
        _said(r"(?<![^\W_])(?i:outliers?) (?:to|on|in) (\d{1,3}[A-Z]?)(?![^\W_]|[.,]\d| ?%)", "staff"),
        _said(
            r"(?<![^\W_])((?i:red|blue|green|yellow|purple|orange|gold)) "
            r"(?:pod|zone|bay|wing|corridor)(?![^\W_])",
            "named",
            near=False,
        ),
        _said(rf"(?<![\w.,/'’-])([A-HJ-Z]\d{{1,2}})s {_THINGS}(?![^\W_])", "possessive"),
        _said(rf"{_START}({_CODE}) into (?:side ?room|bay|bed|cubicle|theatre)(?![^\W_])", "subject"),
        _said(
            r"(?<![^\W_])(?:have|has|got|taking|covering) (\d{1,3}) (?:thru|through) (\d{1,3})(?![^\W_]|"
            r"[.,]\d)",
            "covered",
        ),
    ),
    "de": (
        _said(
            r"(?<![^\W_])(?:[Aa]uf|[Aa]us|[Vv]on|[Ii]n|[Aa]n) der "
            r"(\d{1,3}[a-z]?|[A-Z] ?\d{2,3}|\d{1,2}\.\d{1,2})"
            r"(?=[ ]?[,;:!?)]|[ ]?\.{2,}|\.?[ ]?(?:\n|\Z)|\.? (?:hat|ist|will|liegt|fehlt|noch|schon|"
            r"heute|wieder|nicht|"
            r"läuft|piept|liegen|bitte|und|am|mag|kann|wohnt|schläft|klingelt|braucht|im)(?![^\W_]))",
            "article",
        ),
        _said(
            rf"(?<![^\W_])(?:[Aa]uf|[Aa]us|[Aa]b|bis zu) der (\d{{2,3}}){END}(?= [a-zäöü]|\n|"
            rf"\Z)",
            "article",
        ),
        _said(r"(?<![^\W_])(?:[Aa]uf|[Aa]us) der (\d{3})(?=\. )", "article"),
        _said(r"(?<![^\W_])(?:[Üü]bergabe|(?i:auf die)) (\d{1,2}[A-Z])(?![^\W_])", "article"),
        _said(r"(?<![^\W_])Bett (Fenster|Tür|Wand|Mitte)(?![^\W_])", "bed", Trust.SURE, near=False),
        _said(
            r"(?<![^\W_])(?:uns )?[Ii]m (\d{3})"
            r"(?=[ ]?[,;.!?)]|\Z| (?:und|ist|hat|liegt|will|noch|schon|wieder|bitte) )",
            "article",
        ),
        _said(
            r"(?<![^\W_])(?:Saal|Zimmer|Raum|Box) ((?:OPS?|Schock|Trauma|Eingriff) \d{1,2})(?![^\W_]|[.,]\d)",
            "room",
            Trust.SURE,
        ),
        _said(r"(?<![^\W_])[Tt]ür von (\d{1,3})(?![^\W_]|[.,]\d)", "resident"),
        _said(
            r"(?<![^\W_])(?:Wohnbereich|Wohngruppe|Bereich|Gruppe) "
            r"(gelb|rot|blau|grün|orange|lila)(?![^\W_])",
            "named",
            near=False,
        ),
        _said(
            r"(?<![\w.,:/])(\d{1,2}\.\d{2}(?: [FTMW](?![\w]))?)(?=(?:: | [–-] |:? )[A-ZÄÖÜ][a-zäöüß]+,)",
            "list",
        ),
        _said(r"(?<![\w.,:/])(\d{1,3} (?:[Mm]itte|[Ff]enster|[Tt]ür))(?![^\W_])", "bed"),
        _said(r"(?<![^\W_])bei der (\d{1,3}) (?=(?:das|den|die|ein|noch|im|am)(?![^\W_]))", "article"),
        _said(r"(?<![^\n])Z\.? ?(\d{1,3}) (?=[^\W\d_])", "room"),
        _said(
            r"(?<![^\W_])(?:[Aa]ufwachraum|[Ww]ohnbereich|[Ww]ohngruppe|"
            r"[Uu]mkleide) ([A-Z]? ?\d{1,3})(?![^\W_]|[.,]\d)",
            "room",
        ),
        _said(
            r"(?<![^\W_])[Dd]ie (\d{1,3}[a-z]?|\d{1,2}\.\d{1,2}) "
            r"(?:vorne|hinten|will|hat|ist frei|klingelt|braucht|isst|schläft|kriegt|bekommt|mag|"
            r"möchte|auch|stürzt|schreit|darf|dürfen|kommt|geht|muss|müssen|soll|spuckt|blutet|tauschen|"
            r"und die \d)(?![^\W_])",
            "die",
        ),
        _said(r"(?<![^\W_])die (\d{2,3})(?=[.!?]?[ ]?(?:\n|\Z))", "die"),
        _said(
            r"(?<![^\W_])(?:[Bb]ewohner(?:in)?|[Tt]ür|[Bb]ett) (\d{1,2}\.\d{2}|"
            r"\d{1,3})(?![^\W_]|[.,]\d)",
            "resident",
        ),
        _said(
            r"(?<![^\W_])(?:wer|[Oo]pa|[Oo]ma|[Hh]errn?|[Ff]rau|[Dd]ie|[Dd]er|"
            r"[Dd]en|Fr\.|Hr\.)(?: [^\W\d_][\w.-]{0,20}){0,2} "
            r"(?:aus|von) (\d{1,3}[a-z]?)(?=[ ]?[(,;:!?\n]|\Z|[ ](?:hat|ist|will|aufgeklärt|noch|wieder|"
            r"schon|heute))",
            "person",
        ),
        _said(r"(?<![^\W_])(?:von|aus|auf) ([a-z]\d{3})(?![^\W_])", "code"),
        _said(r"(?<![^\W_])(?:v\. ?d\.|von d\.) ([A-Z]\d{1,2})(?![^\W_])", "article"),
        _said(
            r"(?<![^\W_])(?:Uro|Chir|Gyn|Neuro|Psych|Kardio|Onko|Ortho|Unfall|Reha|Gastro|Geri|Innere|"
            r"Intensiv|Pulmo|Angio) "
            r"([A-Z]?\d{1,3})(?![^\W_]|[.,:/]\d| ?[%x×])",
            "department",
        ),
        _said(
            r"(?<![^\W_])(?:Ambulanz|Station|Trakt|Flügel|Bereich|Koje) ([A-H])(?![^\W_])",
            "lettered",
            Trust.SURE,
            near=False,
        ),
        _said(
            r"(?<![^\W_])(?:Station|Wohnbereich|Wohngruppe|WB) "
            r"([A-ZÄÖÜ][a-zäöüß]{2,12}(?:hof|berg|tal|blick|garten|wiese|brunnen|bach|höhe|park|linde|"
            r"rose|tulpe|winkel|feld))"
            r"(?![^\W_])",
            "named ward",
            near=False,
        ),
    ),
    "es": (
        _said(r"(?<![^\W_])(?:[Cc]uarto|[Pp]ieza) (\d{1,4}[A-Z]?)(?![^\W_]|[.,]\d)", "room", Trust.SURE),
        _said(
            r"(?<![^\W_])[A-ZÁÉÍÓÚ][a-záéíóúñ]+ (?:del|de la) (\d{1,4})"
            r"(?=[ ]?[,.;!?)\n]|\Z| (?:antes|que|está|tiene|sigue|quiere|dice|con|y)(?![^\W_]))",
            "person",
            near=False,
        ),
    ),
    "fr": (
        _said(
            r"(?<![^\W_])(?:Mr|Mme|M\.|Mlle|Monsieur|Madame) [A-ZÉÈ][\w'’.-]{0,20} (?:du|de la|au) (\d{1,4})"
            r"(?=[ ]?[,.;!?)=:\n]|\Z| (?:a|est|veut|refuse|et|qui)(?![^\W_]))",
            "person",
        ),
    ),
}
_ONES = "one|two|three|four|five|six|seven|eight|nine"
_UP_TO_99 = (
    rf"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)(?:[ -](?:{_ONES}))?|"
    rf"ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen|{_ONES}"
)
_COUNTS = (
    "of|more|at a time|by one|days?|nights?|weeks?|hours?|minutes?|patients?|people|times|or|to|each|"
    "another|person|bed|beds|hundred|thousand"
)
_BIS_12 = "eins|zwei|drei|vier|fünf|sechs|sieben|acht|neun|zehn|elf|zwölf"
_ZAEHLT = "tage?n?|nächte|wochen?|stunden?|mal|patienten|leute|personen|betten|bis|oder"
_WING = r"(?:North|South|East|West|Nord|Süd|Ost)"
_PERSON = r"(?:(?:Mrs?|Ms|Miss|Dr|Frau|Herrn?|Mme|Sra?)\.?|Fr\.|Hr\.) [A-ZÄÖÜ]"
# Every language: what is printed as ward and bed at once, and rooms named in another language.
_ANY = (
    _said(
        rf"(?<![\w.,/:+{shapes.DASHES}])(\d{{1,2}}[A-HJ-Z]-\d{{1,2}}|W\d{{1,2}}-B\d{{1,2}})(?![\w%]|"
        rf"[.,/-]\d)",
        "bed",
    ),
    _said(
        r"(?<![^\W_])(?i:au lit|chambre|zimmer|habitaci[oó]n|cama) (\d{1,4}(?:-\d{1,2})?[A-Z]?)(?![\w]|"
        r"[.,]\d)",
        "room",
    ),
    # "Koje 7+8", "beds 4/5"; "B12-3 krampft".
    _said(
        r"(?<![^\W_])(?i:koje|zimmer|zi\.?|betten|bett|beds?|rooms?|bays?|cubicles?) "
        r"(\d{1,3}[A-Z]?) ?[+/&] ?(\d{1,3}[A-Z]?)"
        r"(?![^\W_]|[.,/]\d| ?%)",
        "room",
        Trust.SURE,
    ),
    _said(r"(?:(?<![^\n])|(?<=[.;:!?,] ))([A-Z]\d{1,2}-\d{1,2})(?= [a-zäöü]{3,})", "subject"),
    _said(
        r"(?<![\w-])([A-H]-(?:pod|Pod|POD|bay|Bay|wing|Wing) \d{1,3})(?![^\W_]|[.,:/]\d| ?%)",
        "wing",
        Trust.SURE,
    ),
    # "pod D, 41", "OR B", "side room ii", "Five West, 12 window".
    _said(
        r"(?<![^\W_])(?i:pod|bay|zone|ward|wing|resus) [A-Z],? (?:bed )?(\d{1,3})(?![^\W_]|[.,:/]\d| ?%)",
        "behind",
        Trust.SURE,
    ),
    _said(
        r"(?<![^\W_])(?:OR|theatre|Theatre|OT|OP) ([A-HJ-Z])(?=[\s.,;:)?!]|\Z)",
        "lettered",
        Trust.SURE,
        near=False,
    ),
    _said(
        r"(?<![^\W_])(?i:side ?room|bay|ward|room|cubicle) (ii|iii|iv|vi{1,3}|II|III|IV|VI{1,3})(?![^\W_])",
        "roman",
        Trust.SURE,
        near=False,
    ),
    _said(
        rf"(?<![^\W_])(?:OR|(?i:bed|room|bay|cubicle|cube|side ?room|theatre|chair)) (?i:number |no\.? )?"
        rf"((?i:{_UP_TO_99}))(?![^\W_]|[ -](?:{_COUNTS})(?![^\W_]))",
        "in words",
        Trust.SURE,
        near=False,
    ),
    _said(
        rf"(?<![^\W_])(?i:zimmer|zi\.?|bett|koje|kabine|box|saal|platz) (?i:nummer |nr\.? )?"
        rf"((?i:{_BIS_12}))(?![^\W_]|[ -](?i:{_ZAEHLT})(?![^\W_]))",
        "in words",
        Trust.SURE,
        near=False,
    ),
    _said(
        rf"(?<![^\W_])((?:One|Two|Three|Four|Five|Six|Seven|Eight|Nine|Ten) {_WING})(?![^\W_])",
        "wing",
        Trust.SURE,
        near=False,
    ),
    _said(
        r"(?<![\w.,/-])(\d{1,3}[A-Z]?) (?:window|by the window|Fensterplatz|Einzelzimmer|Doppelzimmer)"
        r"(?![^\W_])",
        "beside",
    ),
    # "33 Mrs O'Dea, cholangitis", "1) 21F Bolliger", "(Tyrell H., tele 32)", "going to CV-6".
    _said(rf"(?:(?<![^\n])|(?<=[.;:!?] )|(?<=\d\) ))(\d{{1,3}}[A-Z]?),? (?={_PERSON})", "headed", Trust.SURE),
    _said(r"(?<=\d\) )(\d{1,3}[A-HJ-Z]),? (?=[A-ZÄÖÜ][a-zäöüß])", "headed"),
    _said(
        r"(?<![^\W_])(?i:male|female|mixed) (?i:surg(?:ical|ery)?|med(?:ical|icine)?|ortho(?:paedics?)?|"
        r"psych(?:iatric)?|isolation|general) (?i:ward )?(\d{1,2}[A-Z]?)(?![^\W_]|[.,:/]\d| ?%)",
        "unit",
        Trust.SURE,
        near=False,
    ),
    _said(r"(?<![^\W_])(?i:tele|telemetry|step-?down|pacu|cvicu|ccu) (\d{1,3})(?=[ ]?[).,;!?\n]|\Z)", "unit"),
    _said(
        r"(?<![^\W_])(?:going|moved?|moving|transferred|admitted|sent|up) to ([A-Z]{2,4}-\d{1,3})(?![\w-])",
        "moved",
    ),
    _said(
        r"(?<![^\W_])(?i:opd|chamber|cabin|counter|consulting room|booth) (?i:no\.?|number|#) ?(\d{1,3})"
        r"(?![^\W_]|[.,]\d)",
        "numbered",
        Trust.SURE,
    ),
    _said(
        r"(?<![\w.,:])([A-Z]?\d{1,2}\.\d{2}) (?:in|on) (?:the )?"
        r"(?:admin|education|teaching|main|new|old|north|south|east|west) (?:block|building|wing|corridor)",
        "numbered",
        Trust.SURE,
    ),
)
# "A) O'Sullivan P, 1 - DKA": the beds of a lettered list.
_LETTERED_LIST = re.compile(r"(?m)^[A-H]\)[ \t][^\n\d]{0,40}?(\d{1,2})[ \t][–-][ \t]")
# "b2 Ali, for carotids / b3 empty": lines of beds; in a single one it may be a vitamin, or "before".
_BED_LINE = re.compile(r"(?m)^[ \t]*b(\d{1,2})(?=[ :,])")
_GRADE = re.compile(
    r"(?:grade|stage|type|class|level|grad|stadium|klasse|figo|risk|score|fig|table|section)\W{0,2}\Z", re.I
)
_NO_WARD = shapes.bag(
    "patient every another extra spare empty single double under needs their other hospital side"
)


def find(source: Source) -> Iterable[Hit]:
    """Rooms and beds that only their sentence shows."""
    places = source.once(Places)
    lettered = list(_LETTERED_LIST.finditer(source.text))
    if len(lettered) > 2:
        for line in lettered:
            yield Hit(*line.span(1), Kind.ROOM, Trust.SOFT, "list")
    beds = list(_BED_LINE.finditer(source.text))
    if len(beds) > 1:
        for bed in beds:
            yield Hit(*bed.span(1), Kind.ROOM, Trust.SURE, "list")
    for form in (*_FORMS.get(source.language, ()), *_ANY):
        yield from _found(places, form)


def _found(places: Places, form: _Said) -> Iterator[Hit]:
    text = places.text
    for match in (places.numbered if form.near else places.worded)(form.pattern):
        for group in range(1, form.pattern.groups + 1):
            if match[group] is None or _unlikely(text, match.start(group), match[group], form):
                continue
            one = judged(text, *match.span(group), form.trust, form.rule)
            if one is not None:
                yield one


def _unlikely(text: str, start: int, shown: str, form: _Said) -> bool:
    """Whether what stands in the place of a room is something else."""
    if form.rule == "named ward":
        return shown.lower() in _NO_WARD
    if form.rule == "possessive" and (shapes.is_year(shown) or (shown.isdigit() and shown.endswith("0"))):
        return True
    if _GRADE.search(text, max(0, start - 10), start):
        return True
    return not form.anatomical and anatomy(shown)
