"""Ages over 89 (45 CFR 164.514(b)(2)(i)(C)), in figures and words, from 90 to 119.

A unit ("yo", "Jahre", "ans") or a sex ("94F") makes an age certain; behind a name, in brackets or after "is"
it is soft. Weights, rates, pressures, saturations, values and doses are none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers.cues import Places, matches

_FIGURE = r"(?:9\d|1[01]\d)"
_FREE = r"(?<![\w.,:/+<>=~-])"
_ONE = {
    "en": "one|two|three|four|five|six|seven|eight|nine",
    "de": "ein|zwei|drei|vier|fünf|fuenf|sechs|sieben|acht|neun",
    "es": "uno|una|un|dos|tres|cuatro|cinco|seis|siete|ocho|nueve",
    "fr": "un|une|deux|trois|quatre|cinq|six|sept|huit|neuf",
}
_WORDS = {
    "en": rf"(?:nine?ty(?:[ -]?(?:{_ONE['en']}))?"
    rf"|(?:a |one )hundred(?: (?:and )?(?:{_ONE['en']}|ten|eleven|twelve))?)",
    "de": rf"(?:(?:(?:{_ONE['de']})und)?neunzig|(?:ein)?hundert(?:und)?(?:eins|{_ONE['de']}|zehn|elf|"
    rf"zwölf)?)",
    "es": rf"(?:noventa(?: y (?:{_ONE['es']}))?|ciento (?:{_ONE['es']}|diez)|cien)",
    "fr": r"(?:quatre[ -]vingt[ -](?:dix[ -](?:sept|huit|neuf)|dix|onze|douze|treize|quatorze|quinze|seize)"
    rf"|nonante(?:[ -](?:et[ -])?(?:{_ONE['fr']}))?|cent(?: (?:{_ONE['fr']}))?)",
}
# What makes a number an age, right behind it.
_UNITS = {
    "en": r"\s?-?\s?(?:y\s?/\s?o|y\.\s?o\b|yo[fm]?\b|y[fm]\b|yrs?[ -]?olds?|yrs?\b|years?[ -]?old|"
    r"years? of age|"
    r"yoa\b|years? young|y\b(?=\s?(?:[fm]\b|old|,|;|\)|$)))",
    "de": r"\s?-?\s?(?:jährig|jaehrig|jhr\b|jähr\.|j\b|jahren?\b|y/?o\b|lj\b|geworden\b)",
    "es": r"\s?-?\s?(?:años?\b|anos\b|añitos\b|a\b(?=[,.);]))",
    "fr": r"\s?-?\s?(?:ans?\b|a\b(?=[,.);])|balais\b)",
}
_SEX = {
    "en": r"(?:[FM]\b|♀|♂|\s[FM]\b(?!\s?\d)|\s(?:female|male|woman|lady|gentleman|man)\b)",
    "de": r"(?:[MWF]\b|♀|♂|\s[mw]\b(?=[,.;)]))",
    "es": r"(?:[MFHV]\b|♀|♂)",
    "fr": r"(?:[FHM]\b|♀|♂)",
}
_CUES = {
    "en": r"age[ds]?(?:\sof)?:?\s|turn(?:s|ed|ing)?\s|(?:lady|man|woman|gentleman|gent|lass|patient) of\s|"
    r"(?:celebrat(?:ed|ing|es)|reached)\s(?:(?:his|her|their)\s)?|until\s(?:s?he|they)\s(?:was|were)\s|"
    r"(?:s?he|who|they|mum|mom|dad|nan|gran|grandma|grandpa|granny|mother|father|aunt|uncle|husband|wife|sister|"
    r"brother|pt|patient|resident|grandmother|grandfather|neighbou?r)(?:'?s|\sis|\swas|'re)\s|will\sbe\s|"
    r"(?:fe)?male,?\s(?=\d+(?:,|\.?$|\.\s))|"
    r"happy\s(?=\w+th birthday)",
    "de": r"alter:?\s|alter\svon\s|"
    r"(?:ist|wird|wurde|war)\s(?:(?:übermorgen|morgen|heut|heute|nun|jetzt|schon|bereits|"
    r"gerade|grad|fast)\s)?|"
    r"(?:starb|verstarb|gestorben|verstorben)\smit\s|"
    r"mit\s(?:(?:ihren|seinen|stolzen)\s)?(?=[\wäöü]+\s(?:jahren|noch))",
    "es": r"edad:?\s(?:de\s)?|(?:abuel[oa]|señora?|yay[oa]|tí[oa]|bisabuel[oa])\sde\s(?:los\s)?|"
    r"(?:tiene|tenía|cumple|cumplió|cumplido)\s(?:ya\s)?(?=[\w "
    r"]{2,16}(?:[,.;)]|$|\saños))",
    "fr": r"[âa]ge:?\s|[âa]g[ée]e?\s(?:de\s)?|(?:fête|fêter|fêté|a|ses)\s(?=[\w-]{2,20}\sans)",
}
_NTH = rf"(?<![\w.])(?P<age>{_FIGURE}"
_BIRTHDAYS = {
    "en": rf"{_NTH}(?:st|nd|rd|th))\s(?:birthday|bday|b-day)",
    "de": rf"{_NTH})\.?\s?(?:geburtstag|geb\.tag)",
    "es": rf"{_NTH})º?\scumpleaños",
    "fr": rf"{_NTH})(?:e|ème)?\s(?:anniversaire|bougies)",
}
_NO_VALUE = (
    r"(?!\w)(?![.,:/]\d)(?!\s?%)(?!\s?(?:percent|prozent|por ciento|pour cent|mg|mcg|µg|ug|g|kg|"
    r"lbs?|ml|l|mmhg|mm|cm|"
    r"bpm|min|mins|minutes|minuten|minutos|sec|s|h|hrs?|hours?|stunden|horas|heures|days?|tage|"
    r"tagen|días|jours|d|"
    r"weeks?|wks?|wochen|months?|mmol|meq|iu|units?|u|on ra|on room|on \d|ra|sat|o2|degrees?|grad|"
    r"systolic|times|x|"
    r"points?|beds?|patients|pts|patienten|meter|db|dioptri\w*|euro|dollars|bucks|pages|people|miles|km|"
    r"steps)\b)(?!\s?[°€$])"
)
# Words of what is measured, numbered or counted: a number behind them is no age.
_VALUES = (
    "spo2 sp02 sao2 sat sats sätt sättigung saturation hr pulse puls fc hf rate rr bp ta pa wt weight "
    "gewicht kg poids peso "
    "temp tmax fever febrile fieber glucose bz bsl bgl cbg bg sugar na cl plt plts platelets hb "
    "hgb mcv crp ldh alt "
    "ast alp ggt egfr gfr creat cr krea ferritin map mad sys systolic qrs qt qtc pr ck trop room "
    "bed bay zimmer zi "
    "bett cama lit hab ward station case fall page ext dect tel fio2 pco2 po2 paco2 iq score moca "
    "type cup size "
    "gauge icd covid route highway bus nr no number code ca ldl chol max target goal sodium "
    "chloride block op pathway again rest peak baseline exertion psa cea afp lactate urea bun bicarb "
    "amylase lipase ck tsh pth b12 folate hdl tg triglycerides iop etco2 bmi height volume fev1 ef albumin "
    "nh3 ammonia seizing dose"
)
_BLOCKED = re.compile(
    rf"(?:(?<!\w)(?:{'|'.join(_VALUES.split())})[\s:=~<>.]{{0,3}}(?:,\s|\(|"
    r"(?:of|was|is|at|von|auf|in the|down to|up to|now|still|today|this am)\s){0,2}|"
    r"(?<!\w)[pt][.:]?\s|[\d%/]\s)$",
    re.IGNORECASE,
)
_LOOK = 40  # characters before
_BEHIND = 11  # characters at most of what an age stands behind: "bett 123a, "
_NAMED = 48  # the same with a name


class _Form(NamedTuple):
    """A form of age. Where a match does not begin with a word, `age` is what it looks for after `width`."""

    name: str
    trust: Trust
    pattern: re.Pattern[str]
    age: re.Pattern[str] | None = None
    width: int = 0  # characters at most before the age


def find(source: Source) -> Iterable[Hit]:
    """Ages over 89; hits may overlap."""
    places = source.once(Places)
    for form in _forms(source.language):
        for match in _matches(form, places):
            start, end = match.span("age")
            measured = _BLOCKED.search(source.text[max(0, start - _LOOK) : start]) is not None
            if form.name == "unit" or not measured:
                yield Hit(start, end, Kind.AGE, form.trust, f"age:{form.name}")


def _matches(form: _Form, places: Places) -> Iterator[re.Match[str]]:
    if form.age is None:
        return places.worded(form.pattern)
    return matches(form.pattern, places.text, _before(places.worded(form.age), form.width))


def _before(ages: Iterable[re.Match[str]], width: int) -> Iterator[int]:
    """The places before some ages, each once."""
    last = 0
    for age in ages:
        yield from range(max(last, age.start() - width), age.start())
        last = age.start()


@lru_cache(maxsize=8)
def _forms(language: str) -> tuple[_Form, ...]:
    words, units, cues = _WORDS[language], _UNITS[language], _CUES[language]
    either = rf"(?:{_FIGURE}|{words})"
    behind = (
        r"(?:[^\W\d_]\.?\)?(?:,\s|,|\s\(|\)\s)|[^\W\d_][\"”»]\s|"
        r"\balso\s|(?<=19[0-3]\d)(?:,?\s(?:also|so|now|jetzt)\s|\s\()|"
        r"\b(?:in|bed|bett|[Zz]i\.?|cama|lit)\s\d{1,3}[a-z]?,\s)"
    )
    figure, worded = re.compile(rf"{_FIGURE}(?!\w)"), re.compile(words, re.IGNORECASE)
    return (
        _Form("unit", Trust.SURE, re.compile(rf"{_FREE}(?P<age>{_FIGURE}){units}", re.IGNORECASE)),
        _Form("unit", Trust.SURE, re.compile(rf"(?<!\w)(?P<age>{words}){units}", re.IGNORECASE)),
        _Form(
            "sex",
            Trust.SURE,
            re.compile(rf"(?<![\w.,/<>=~])(?<![<>=~] )(?P<age>{_FIGURE}){_SEX[language]}(?!\s?/)"),
        ),
        _Form(
            "cue",
            Trust.SOFT,
            re.compile(
                rf"(?<!\w)(?:{cues})(?:(?:almost|nearly|about|now)\s)?(?P<age>{either}){_NO_VALUE}",
                re.IGNORECASE,
            ),
        ),
        # Behind a name, a room or in brackets: "Usha Kelkar, 91, lives alone", "(Zenzi, 95)".
        _Form(
            "apposition",
            Trust.SOFT,
            re.compile(rf"{behind}(?P<age>{_FIGURE}){_NO_VALUE}(?=\)|[,;.!?]|\s[(a-zäöüß/A-Z]|$)"),
            figure,
            _BEHIND,
        ),
        _Form(
            "apposition",
            Trust.SOFT,
            re.compile(rf"{behind}(?P<age>(?i:{words})){_NO_VALUE}(?=\)|[,;.!?]|$)"),
            worded,
            _BEHIND,
        ),
        # A statement of its own: "Am I being lazy. 95, septic from urine".
        _Form(
            "alone",
            Trust.SOFT,
            re.compile(
                rf"(?:(?<![^\n])|(?<=[.?!]\s))(?P<age>{_FIGURE}){_NO_VALUE},\s"
                r"(?!then|with|from|after|when|over|this|that|better)(?=[a-zäöüß]{4,})"
            ),
        ),
        # "Ivy P. is 101 and furious", "Ruthanne in 22 is 97".
        _Form(
            "is",
            Trust.SOFT,
            re.compile(
                rf"(?:[A-Z][a-z'’-]+|[A-Z]\.|\bin\s\d{{1,3}}[A-Za-z]?)\s(?:is|turns|turned)\s(?P<age>{_FIGURE}){_NO_VALUE}"
                r"(?=[,;.!?)]|\s(?:and|but|with|still|lives|has|who|so|tomorrow|today)\b|$)"
            ),
            figure,
            _NAMED,
        ),
        _Form("birthday", Trust.SURE, re.compile(_BIRTHDAYS[language], re.IGNORECASE)),
        # "room 118 is ninety-seven": a word for a number is hardly a value.
        _Form(
            "is",
            Trust.SOFT,
            re.compile(rf"(?<!\w)(?:is|'s|ist)\s(?P<age>{words}){_NO_VALUE}", re.IGNORECASE),
            worded,
            _BEHIND,
        ),
    )
