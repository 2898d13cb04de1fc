"""Telling an order from a question. Pure.

The bots take no orders: CMS QSO-24-05 allows texting them on a secure platform, but prefers computerised
provider order entry (CPOE), and a chat is none. Precision comes first: a question that merely names a drug
must pass, so what is not plainly an order is none. An order is told by its grammar (an imperative at the
head of a clause, or "please" and a verb of ordering) together with what is ordered.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_LONGEST = 20_000  # characters looked at
_LONGEST_SENTENCE = 600  # an order stands in its beginning; what goes on for longer is a hostile text
_LONGEST_SHOWN = 80
_FLAGS = re.IGNORECASE


@dataclass(frozen=True)
class Order:
    """The words that are an order."""

    words: str


# What is given: a dose, or something that is only ever given.
_DOSE = (
    r"\d+(?:[.,]\d+)?\s?(?:mg|g|kg|mcg|µg|ug|ml|l|iu|ie|i\.e\.|units?|einheiten|mmol|mval|meq|puffs?|hub"
    r"|tabs?|tablets?|tabletten?|tropfen|drops|ampoules?|ampullen?|bags?|beutel|konserven?|ek|prbcs?)\b"
)
_DRUG = (
    r"\b(?!(?:again|main|brain|pain|skin|vein|protein|origin|begin|within|margin|certain|creatinine?|fibrin"
    r"|bilirubin|albumin|ferritin|troponin|h[ae]moglobin|decline|baseline|routine|machine|medicine|spine|urine"
    r"|guideline|determine|examine|imagine|combine|online|line|fine|nine|termin|schein|allein|ein|kein|dein"
    r"|sein|mein|protocol|control|alcohol|cholesterol|school|tool|state|rate|date|late|saturate|urate)\b)"
    r"[a-zäöü]{3,24}(?:arin|parine?|cillin|mycin|micin|oxacin|cycline?|azole?|prazole?|olol|pril|sartan|statin"
    r"|dipine?|xaban|gatran|mab|nib|azepam|zolam|barbital|profen|fenac|oxicam|setron|asone?|olone?|isone?"
    r"|semide?|thiazide?|lactone?|formin|gliptin|gliflozin|glutide?|cefalin|penem|triaxone?|axim|bactam"
    r"|parox|pidogrel|grelor|teplase?|amine|idine|orphine?|codone?|fentanil|entanyl|caine?|ofol|etamine?"
    r"|epam|pidem|peridol|apine?|idone?|triptyline?|oxetine?|pram|triptan|levetiracetam|acetam|toin"
    r"|gabalin|pentin|darone?|goxin|pamil|tiazem|trate?|prusside?|renaline?|pressin|inone|tamine|dopa"
    r"|thyroxine?|vir|quine?|fungin|conazol|glycin|colistin|zolid|furantoin)\b"
)
_THINGS = (
    r"\b(?:aspirin|ass|asa|heparin|insulin|warfarin|marcumar|phenprocoumon|morphine?|morphin|paracetamol"
    r"|acetaminophen|metamizol|novalgin|ibuprofen|adrenalin|epinephrine|noradrenaline?|arterenol|amiodarone?"
    r"|adenosine?|digoxin|digitalis|metoprolol|lasix|furosemide?|potassium|kalium|magnesium|calcium|kcl|sodium"
    r"|bicarbonate|bikarbonat|glucose|glukose|dextrose|saline|nacl|ringer|crystalloids?|fluids?|infusion"
    r"|infusionen|volumen|blood|blut|platelets|thrombozyten|ffp|plasma|erythrozyten|oxygen|sauerstoff|o2"
    r"|antibiotics?|antibiotika|antibiose|steroids?|cortison|kortison|cortisone|prednisolon|dexa"
    r"|anticoagula(?:nts?|tion)|antikoagula(?:nzien|tion)|lysis|lyse|alteplase|tpa|rt-?pa|tenecteplase"
    r"|statins?|nsaids?|nsar|opio?ids?|opioide?|sedation|propofol|ketamine?|dialysis|dialyse|nitro(?:glycerin)?"
    r"|gtn|vancomycin|meropenem|tazocin|pip/?taz|cefazolin|ceftriaxon|metformin|diuretics?|diuretika"
    r"|beta-?blockers?|betablocker|ace-?inhibitors?|ace-?hemmer|drip|perfusor|medications?|medikation|meds"
    r"|tube feeds?|feeding|tpn|vasopressors?|pressors|k\+|doac|noac|apixaban|eliquis|xarelto|clexane"
    r"|enoxaparin|clopidogrel|plavix|dapt|ppi|pantoprazol)\b"
)
_TESTS = (
    r"\b(?:ct|cta|cct|mri|mrt|mrcp|x-?ray|röntgen|cxr|ecg|ekg|eeg|echo|tte|tee|ultrasound|sono|sonographie?"
    r"|labs?|bloods|labor|blood cultures?|blutkulturen?|cultures?|kulturen|lactate|laktat|troponin|abg|bga"
    r"|cbc|blutbild|inr|type and (?:screen|cross)|crossmatch|kreuzblut|lumbar puncture|lp|lumbalpunktion"
    r"|biopsy|biopsie|endoscopy|gastroscopy|gastroskopie|colonoscopy|koloskopie|angio(?:gram|graphy|graphie)?"
    r"|doppler|duplex|urinalysis|urinstatus|scan|physio(?:therapy|therapie)?|holter|langzeit-ekg)\b"
)
_GIVEN = f"(?:{_DOSE}|{_DRUG}|{_THINGS})"
_ORDERED = f"(?:{_DOSE}|{_DRUG}|{_THINGS}|{_TESTS})"
_NEAR = r"[^.?!\n]{0,40}?"  # what may stand between a verb and what it is about

_GIVE = (
    r"give|administer|start|begin|initiate|commence|stop|discontinue|hold|withhold|increase|decrease|reduce"
    r"|double|halve|titrate|bolus|infuse|transfuse|inject|push|hang|run|wean|switch|change|resume|restart"
    r"|continue|load|taper|prescribe"
)
_ORDER = r"order|prescribe|request|schedule|book|obtain|arrange|send|draw|perform|do|get"
# After these an imperative is none: "stop of", "increase in", "hold on", "start date", "give me your view".
_NO_OBJECT = (
    r"(?!\s+(?:of|in|from|on|at|by|was|were|is|are|up|for|date|time|point|set|sets|me|us|your|you|an? opinion"
    r"|an? advice|advice|feedback|input|guidance|rise|or|vs)\b)"
)
_HEAD = (
    r"^(?:and|then|also|now|so|ok|okay|next|first|please|pls|kindly|just|immediately|stat|asap|nurse)?[\s,:]*"
)
_NOT = r"(?:do not|don['’]t|never)\s+"

_IMPERATIVE = re.compile(rf"{_HEAD}(?:{_NOT})?(?:{_GIVE}){_NO_OBJECT}\s+{_NEAR}{_GIVEN}", _FLAGS)
_ORDERING = re.compile(
    rf"{_HEAD}(?:(?:order|prescribe){_NO_OBJECT}\s+{_NEAR}{_ORDERED}"
    rf"|(?:obtain|schedule|book|arrange|draw|send|get){_NO_OBJECT}\s+(?:an?\s+|the\s+|urgent\s+|stat\s+|two\s+|2\s+)*{_TESTS})",
    _FLAGS,
)
_DISCONTINUE = re.compile(rf"{_HEAD}discontinue{_NO_OBJECT}\s+(?:all|the|his|her|their)\b", _FLAGS)
_PLEASE = re.compile(
    rf"\b(?:please|pls|kindly)\s+(?:also\s+|now\s+|just\s+|{_NOT})*"
    rf"(?:(?:order|prescribe|discontinue){_NO_OBJECT}\s+\w"
    rf"|(?:{_GIVE}){_NO_OBJECT}\s+{_NEAR}{_GIVEN}|(?:{_ORDER}){_NO_OBJECT}\s+{_NEAR}{_TESTS})",
    _FLAGS,
)
_ASKED_TO = re.compile(
    rf"\b(?:can|could|would|will)\s+(?:you|u|someone|somebody)\s+(?:please|pls|kindly)\s+(?:{_GIVE}|{_ORDER})"
    rf"\s+{_NEAR}{_ORDERED}"
    rf"|\b(?:can|could)\s+you\s+(?:order|prescribe)\s+{_NEAR}{_ORDERED}",
    _FLAGS,
)
_LABEL = re.compile(
    r"^\s*(?:(?:verbal|telephone|phone|standing|new|my)\s+)?orders?\s*:\s*\S"
    r"|^\s*(?:anordnung(?:en)?|ärztliche anordnung|verordnung)\s*:\s*\S",
    _FLAGS,
)

# German: the verb at the end, the polite imperative, and the bare infinitive.
_ENDING = (
    r"(?:anordnen|verordnen|rezeptieren|verabreichen|applizieren|ansetzen|absetzen|ausschleichen|infundieren"
    r"|transfundieren|spritzen|injizieren|aufdosieren|eindosieren)"
)
_SOFT_ENDING = (
    r"(?:geben|starten|beginnen|stoppen|pausieren|erhöhen|reduzieren|steigern|verdoppeln|halbieren|umstellen"
    r"|weitergeben|fortführen|nachgeben|laufen lassen|anhängen|anmelden|durchführen|veranlassen|abnehmen"
    r"|schreiben)"
)
_NO_BITTE = (
    r"(?!\s*(?:um|kurz um|rat|rückmeldung|rückruf|bescheid|antwort|auskunft|hilfe|einschätzung|empfehlung"
    r"|info)\b)"
)
_BITTE = re.compile(
    rf"\bbitte{_NO_BITTE}\s+(?:[^.?!\n]{{0,60}}\s)?{_ENDING}\b"
    rf"|\bbitte{_NO_BITTE}\s+[^.?!\n]{{0,40}}?{_ORDERED}[^.?!\n]{{0,30}}?\b{_SOFT_ENDING}\b",
    _FLAGS,
)
_SIE = re.compile(
    rf"^(?:und|dann|jetzt|bitte|also|sofort)?[\s,]*(?:geben|verabreichen|verordnen|starten|stoppen|pausieren|erhöhen"
    rf"|reduzieren|infundieren|transfundieren|spritzen|beginnen|setzen|ordnen|führen|nehmen)\s+sie\s+"
    rf"{_NEAR}{_ORDERED}"
    rf"|^(?:und|dann|jetzt|bitte|also|sofort)?[\s,]*(?:gib|gebt|verabreiche|verordne|starte|stoppe|pausiere|erhöhe"
    rf"|reduziere|spritze|beginne|setze|setz|ordne)\s+{_NEAR}{_ORDERED}",
    _FLAGS,
)
_CAN_SIE = re.compile(
    rf"\b(?:können|könnten|würden)\s+sie\s+bitte\s+{_NEAR}{_ORDERED}[^.?!\n]{{0,40}}?"
    rf"\b(?:{_ENDING}|{_SOFT_ENDING})\b"
    rf"|\b(?:kannst|könntest)\s+du\s+bitte\s+{_NEAR}{_ORDERED}[^.?!\n]{{0,40}}?"
    rf"\b(?:{_ENDING}|{_SOFT_ENDING})\b",
    _FLAGS,
)
_INFINITIVE = re.compile(
    r"^(?!.*\b(?:will|wollen|möchten?|würden?|muss|musste|mussten|hat|haben|wurde|wir|ich)\b)"
    rf"(?:\S+\s+){{0,4}}?{_GIVEN}(?:\s+\S+){{0,5}}?\s+(?:sofort\s+|jetzt\s+)?"
    rf"(?:{_ENDING}|geben|starten|stoppen|pausieren)\s*(?:jetzt|sofort)?$",
    _FLAGS,
)

# What makes a sentence a weighing of what to do, or a telling of what was done.
_WEIGHED = re.compile(
    r"\b(?:or|vs\.?|versus|whether|if|should|shall|may i|can i|can we|could i|could we|safe to|when to|how to"
    r"|do you|would you (?!please|kindly)|what|which|unless|oder|ob|soll(?:en|te|ten)?|darf|dürfen"
    r"|kann ich|können wir|falls|würden sie(?! bitte)|wann|welche[rsn]?|wie)\b",
    _FLAGS,
)
_INTENDED = re.compile(
    r"(?:\b(?:plan|plans|planned|idea|option|options|proposal|suggestion|question|thinking of|considering"
    r"|i would|we would|i[’']d|told to|advised to|wants? to|want me to|asked to|supposed to|vorschlag|geplant"
    r"|überlegung|frage|ich würde|wir würden|empfohlen|laut))\W*$",
    _FLAGS,
)
_SENTENCE = re.compile(r"[^.?!\n]+(?:\.(?=\d)[^.?!\n]+)*[.?!\n]*")
_CLAUSE = re.compile(r"[^,;:–—]+(?:[,:](?=\d)[^,;:–—]+)*")


def find(text: str) -> Order | None:
    """The first order in a text; None if there is none."""
    for sentence in _sentences(text[:_LONGEST]):
        words = _order_in(sentence)
        if words is not None:
            return Order(" ".join(words.split())[:_LONGEST_SHOWN])
    return None


def _sentences(text: str) -> Iterator[str]:
    # An abbreviation's full stop ends no sentence that matters: what follows is looked at as well.
    for match in _SENTENCE.finditer(text.replace("…", ".")):
        if sentence := match[0].strip(" \t\n-*•>„“\"'()"):
            yield sentence


def _order_in(sentence: str) -> str | None:
    asks = "?" in sentence
    bare = sentence[:_LONGEST_SENTENCE].rstrip(".?! \n")
    weighed = _WEIGHED.search(bare) is not None
    if asked := _ASKED_TO.search(bare) or _CAN_SIE.search(bare):
        alternatives = re.search(r"\b(?:or|oder|vs)\b", bare, _FLAGS)
        return None if alternatives else asked[0]
    if asks:
        return None
    if _LABEL.match(bare):
        return bare
    if found := _PLEASE.search(bare) or _BITTE.search(bare):
        said_before = bare[: found.start()]
        return None if weighed or _INTENDED.search(said_before) else found[0]
    if weighed:
        return None
    said_before = ""
    for match in _CLAUSE.finditer(bare):
        clause = match[0].strip(" -*•")
        for pattern in (_IMPERATIVE, _ORDERING, _DISCONTINUE, _SIE, _INFINITIVE):
            if (found := pattern.search(clause)) and not _INTENDED.search(said_before):
                return found[0]
        said_before += match[0]
    return None
