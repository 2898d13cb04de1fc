"""The forms in which dates are written, as regular expressions; each has a group `date`.

Every repetition is bounded, so that the time is linear in the text. What a form may be besides a date is for
`dateguards` to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache

from bot.deid import holidays
from bot.deid.calendars import DAY_WORDS, MONTHS, SHORT, WEEKDAYS
from bot.deid.model import Trust


@dataclass(frozen=True, slots=True)
class Form:
    """A form of date; `guard` names what must be ruled out, see `dateguards`.

    `anchor` says where to look: "number" – at the beginning of each number; "feast" – at words with which a
    feast begins; else around the words of `anchors`; nothing – everywhere.
    """

    name: str
    pattern: re.Pattern[str]
    trust: Trust
    guard: str = ""
    anchor: str = ""


_DAY = r"(?:0[1-9]|[12]\d|3[01]|[1-9])"
_MONTH = r"(?:0[1-9]|1[0-2]|[1-9])"
_YEAR = r"(?:18|19|20)\d\d"
_TWO = r"'?\d\d"
_BEFORE = r"(?<![\w.,/+-])"
_UNIT = (
    r"(?!\s?(?:mg|mcg|µg|ug|ml|mmol|g|kg|iu|units?|tabs?|h|hrs?|hours?|mins?|am|pm|bpm|mmhg|cm|mm|fr|u|l)\b)"
    r"(?!\s?%)"
)


def _either(words: Iterable[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def _form(
    name: str, pattern: str, trust: Trust = Trust.SURE, guard: str = "", *, anchor: str = "month"
) -> Form:
    return Form(name, re.compile(pattern, re.IGNORECASE), trust, guard, anchor)


_NUMERIC = (
    _form("iso", rf"(?<![\w.])(?P<date>{_YEAR}([-/.]){_MONTH}\2{_DAY})(?=T\d\d|\D|$)", anchor="number"),
    _form(
        "full",
        rf"(?<![\w.,/+])(?P<date>{_DAY}\s?(?:[/.]\s?{_DAY}\s?[/.]\s?|\.\s?{_DAY}\s){_YEAR})(?!\d)(?!/\d)",
        guard="numeric",
        anchor="number",
    ),
    _form(
        "full short",
        rf"{_BEFORE}(?P<date>{_DAY}\s?([-/.])\s?{_DAY}\s?\2\s?(?:{_YEAR}|'?\d\d))(?=T\d\d|[^\w%/]|$)"
        r"(?!\.\d)(?!-\d{3})",
        guard="numeric",
        anchor="number",
    ),
    _form(
        "full range",
        rf"{_BEFORE}(?P<date>{_DAY}(?:[/.]{_MONTH}[/.](?:{_YEAR}|\d\d))?\s?-\s?"
        rf"{_DAY}([/.]){_MONTH}\2(?:{_YEAR}|\d\d))(?![\w%/])",
        anchor="number",
    ),
    _form(
        "year month",
        r"(?<![\w./-])(?P<date>(?:19|20)\d\d[/-](?:0[1-9]|1[0-2]))(?![\w/-])(?!\.\d)",
        Trust.SOFT,
        anchor="number",
    ),
    _form(
        "months",
        rf"{_BEFORE}(?P<date>{_MONTH}(?:/\d\d)?\s?-\s?{_MONTH}/(?:{_YEAR}|\d\d))(?![\w%/])",
        guard="months",
        anchor="number",
    ),
    _form(
        "spaced",
        rf"{_BEFORE}(?P<date>{_DAY} {_DAY} {_YEAR})(?!\w)",
        Trust.SOFT,
        "numeric",
        anchor="number",
    ),
    _form(
        "month year",
        rf"{_BEFORE}(?P<date>{_MONTH}[/.-](?:19|20)\d\d)(?![\w%/-])",
        guard="month year",
        anchor="number",
    ),
    _form(
        "compact",
        r"(?<![\w.,/-])(?P<date>(?:19[3-9]|20[0-4])\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\w)",
        Trust.SOFT,
        anchor="number",
    ),
    _form(
        "pair",
        rf"{_BEFORE}(?P<date>{_DAY}/{_DAY})(?![\w%/])(?!\.\d)(?!-\d)",
        Trust.SOFT,
        "pair",
        anchor="number",
    ),
    _form(
        "month / year",
        rf"{_BEFORE}(?P<date>{_MONTH}/(?:0\d|[1-9]\d))(?![\w%/])(?!\.\d)",
        Trust.SOFT,
        "cued pair",
        anchor="number",
    ),
    _form(
        "hyphened",
        rf"{_BEFORE}(?P<date>{_DAY}-{_DAY})(?![\w%/-])",
        Trust.SOFT,
        "cued hyphen",
        anchor="number",
    ),
    _form(
        "quarter",
        rf"\b(?P<date>Q ?[1-4](?:(?:[ /-]|\sof\s){_YEAR}|[/ ]?'\d\d|/\d\d))(?!\w)",
        anchor="quarter",
    ),
    _form(
        "bare quarter",
        r"\b(?:in|since|from|by|until|im|seit|en)\s(?P<date>Q[1-4])(?![\w-])",
        Trust.SOFT,
        "capitals",
        anchor="quarter",
    ),
    _form("quarter year", rf"\b(?P<date>{_YEAR}[ /-]?Q[1-4])(?!\w)", anchor="quarter"),
)


def forms(language: str) -> tuple[Form, ...]:
    """All forms of a language."""
    return (*_NUMERIC, *_months(language), *_weekdays(language), *_OWN[language](), _feast(language))


def _led(language: str) -> str:
    """A weekday before a date."""
    weekday = rf"(?:{_either(WEEKDAYS[language])}|{_SHORT_DAY[language]})"
    return rf"(?:{weekday}[.,]{{0,2}}\s(?:{_ARTICLE[language]})?)?"


def _months(language: str) -> Iterator[Form]:
    """Days and years with a month in letters."""
    month, of, part, recent = _month(language), _OF[language], _PART[language], _RECENT[language]
    led = _led(language)
    day = rf"{_DAY}{_ORDINAL[language]}"
    word = rf"(?:{_either(DAY_WORDS[language])})"
    joined = rf"(?:\s?(?:-|/|,|&|\+)\s?|\s(?:{_JOIN[language]})\s)"
    year = rf"(?:(?:\s?[,/-]\s?|\s{{1,2}})(?:{of})?(?:{_YEAR}|{_TWO}(?!\s?[:%\w/]|[.,]\d)))?"
    days = rf"{day}(?:{joined}{day}){{0,2}}"
    whole, short = _either(MONTHS[language]), _either(SHORT[language])
    yield _form(
        "day month",
        rf"(?<![\w/])(?<!\d[.,])(?P<date>{led}{days}[\s/-]?(?:{of})?{month}(?:{_YEAR}|(?!\w){year}))(?!\w)",
        guard="day month",
    )
    # Whole names only: "dix sept" is seventeen.
    yield _form(
        "worded day",
        rf"\b(?P<date>{led}{word}\s(?:{of})?(?:{whole})(?!\w){year})(?!\w)",
        guard="day month",
    )
    yield _form(
        "month year",
        rf"(?<!\w)(?P<date>{part}{month}(?:\s?[,/-]\s?|\s)(?:{of})?(?:{_YEAR}|'\d\d))(?!\w)",
        guard="month year words",
    )
    yield _form("month", rf"(?<!\w)(?P<date>{part}(?:{recent})?(?:{whole}))(?!\w)(?!-\w)", guard="month")
    yield _form(
        "month range",
        rf"(?<!\w)(?P<date>(?:{whole}|{short})\.?(?:\s?[-/]\s?|\s(?:{_JOIN[language]})\s)(?:{whole}|{short})"
        rf"(?:\s(?:{of})?{_YEAR})?)(?!\w)",
        guard="month range",
    )
    yield _form(
        "short month",
        rf"(?<!\w)(?P<date>{part}(?:{recent})?(?:{short}))(?!\w)",
        Trust.SOFT,
        "short month",
    )
    if language != "en":  # where the day comes first, a number behind is a year
        yield _form(
            "month short year",
            rf"(?<!\w)(?P<date>{part}{month}\s\d\d)(?!\w)(?![.:,]\d)",
            Trust.SOFT,
            "short month",
        )
    yield _form(
        "season",
        rf"\b(?P<date>{part}(?:{_SEASON[language]})(?:\s|\s(?:{of})|/)(?:{_YEAR}|'\d\d)(?:/\d\d)?)(?!\w)",
        guard="season",
        anchor="season",
    )


def _weekdays(language: str) -> Iterator[Form]:
    weekday, recent = _either(WEEKDAYS[language]), _RECENT[language]
    yield _form(
        "weekday",
        rf"(?<!\w)(?P<date>(?:{recent})?(?:{weekday}){_WEEKDAY_END[language]})(?!\w)",
        guard="weekday",
        anchor="weekday",
    )
    yield _form(
        "short weekday",
        rf"(?<!\w)(?P<date>(?:{recent})?(?:{_SHORT_DAY[language]}))(?!\w)",
        Trust.SOFT,
        "short weekday",
        anchor="weekday",
    )


def _month(language: str) -> str:
    return rf"(?:{_either([*MONTHS[language], *SHORT[language]])})\.?"


def _feast(language: str) -> Form:
    year = rf"(?:\s(?:{_OF[language]})?(?:{_YEAR}|'\d\d))?"
    tail = r"(?:\s(?:eve|morning|weekend|week)\b)?" if language == "en" else ""
    return _form(
        "feast",
        rf"(?<!\w)(?P<date>(?:{holidays.names(language)}){tail}{year})(?!\w)",
        guard="feast",
        anchor="feast",
    )


def _english() -> tuple[Form, ...]:
    day = rf"{_DAY}{_ORDINAL['en']}"
    month = _month("en")
    year = rf"(?:,?\s(?:{_YEAR})|,\s?{_TWO}(?!\w)|\s'\d\d)?"
    return (
        _form(
            "month day",
            rf"(?<!\w)(?P<date>{_led('en')}{month}[\s-]?(?:the\s)?{day}(?:\s?(?:-|/|&|to|and)\s?{day}(?!\d))?"
            rf"(?![\w%])(?![.:]\d)(?!/\d)(?!-\d{{3}}){_UNIT}{year})(?!\w)",
            guard="month day",
        ),
        _form(
            "month worded day",
            rf"\b(?P<date>{month}\s(?:the\s)?(?:{_either(DAY_WORDS['en'])}))(?!\w)",
            guard="month day",
        ),
        _form(
            "ordinal",
            rf"(?<![\w/])(?P<date>{_DAY}(?:st|nd|rd|th))(?![\w-])",
            Trust.SOFT,
            "ordinal",
            anchor="number",
        ),
        _form(
            "quarter words",
            r"\b(?P<date>(?:first|second|third|fourth|1st|2nd|3rd|4th|last) quarter(?:\sof)?\s"
            rf"(?:{_YEAR}|'\d\d))(?!\w)",
            anchor="quarter",
        ),
        # "Youth Day", "Family Day weekend": written with capitals.
        Form(
            "some day",
            re.compile(r"\b(?P<date>(?:[A-Z][a-z]{2,14}(?:'s|s')? ){1,2}Day(?: [Ww]eekend)?)\b(?! \d)"),
            Trust.SOFT,
            "some day",
            "day",
        ),
        _form(
            "long weekend",
            r"\b(?P<date>[a-z]{3,12} (?:bank holiday|long weekend))\b",
            Trust.SOFT,
            "long weekend",
            anchor="day",
        ),
    )


def _german() -> tuple[Form, ...]:
    weekday = _either(WEEKDAYS["de"])
    return (
        _form(
            "dotted",
            rf"{_BEFORE}(?P<date>{_DAY}\.\s?{_MONTH}\.)(?!\d)(?!\s?(?:19|20)\d\d)",
            guard="dotted",
            anchor="number",
        ),
        _form(
            "dotted range",
            rf"{_BEFORE}(?P<date>{_DAY}\.\s?(?:{_MONTH}\.)?\s?(?:-|bis|und|oder|/)\s?{_DAY}\.\s?{_MONTH}\.(?:{_YEAR}|\d\d)?)(?!\d)",
            anchor="number",
        ),
        _form(
            "bare dotted",
            rf"{_BEFORE}(?P<date>{_DAY}\.{_MONTH})(?![\d.%])",
            Trust.SOFT,
            "cued dotted",
            anchor="number",
        ),
        _form(
            "day alone",
            rf"(?<![\w.,/+-])(?P<date>{_DAY}\.)(?!\d)(?=\s|[,;:!?)]|$)",
            Trust.SOFT,
            "day alone",
            anchor="number",
        ),
        _form(
            "weekday compound",
            rf"(?<!\w)(?P<date>(?:{weekday})(?:s|e)?(?:abend|morgen|mittag|vormittag|nachmittag|nacht|"
            r"früh|dienst|visite)[sn]?)(?!\w)",
            anchor="weekday",
        ),
        _form(
            "calendar week",
            rf"\b(?P<date>KW\s?(?:[1-4]\d|5[0-3]|0?[1-9])(?:[/\s](?:{_YEAR}|\d\d))?)(?![\w.,])",
            Trust.SOFT,
            "capitals",
            anchor="quarter",
        ),
        _form(
            "quarter words",
            r"\b(?P<date>(?:[1-4]\.|erste[sn]?|zweite[sn]?|dritte[sn]?|vierte[sn]?) Quartal"
            rf"(?:\s(?:{_YEAR}|'\d\d))?)(?!\w)",
            anchor="quarter",
        ),
    )


def _spanish() -> tuple[Form, ...]:
    return (
        _form(
            "day alone",
            rf"(?:(?<=\bel\s)|(?<=\bdel\s)|(?<=\bal\s)|(?<=\bd[ií]a\s))(?P<date>{_DAY})(?=[.,;:!?)]|$|"
            r"\s(?:a las|por|con|y|en|para|no|se|que|me|le|la|de este|del mes)\b)" + _UNIT,
            Trust.SOFT,
            "romance day",
            anchor="number",
        ),
        _form(
            "weekday day",
            rf"\b(?P<date>(?:{_either(WEEKDAYS['es'])}),?\s(?:día\s)?{_DAY})(?![\w%/:])(?!\.\d)",
            anchor="weekday",
        ),
        _form(
            "letters",
            rf"{_BEFORE}(?P<date>{_DAY}[/-](?:{_either(SHORT['es'])})\.?(?:[/-](?:{_YEAR}|\d\d))?)(?!\w)",
            anchor="number",
        ),
        _form(
            "quarter words",
            rf"\b(?P<date>(?:primer|segundo|tercer|cuarto) trimestre del? {_YEAR})(?!\w)",
            anchor="quarter",
        ),
    )


def _french() -> tuple[Form, ...]:
    return (
        _form(
            "day alone",
            rf"(?:(?<=\ble\s)|(?<=\bdu\s)|(?<=\bau\s))(?P<date>{_DAY})(?=[.,;:!?)]|$|\s(?:à|au|pour|avec|et|car|en|"
            r"par|on|elle|il)\b)" + _UNIT,
            Trust.SOFT,
            "romance day",
            anchor="number",
        ),
        _form(
            "weekday day",
            rf"\b(?P<date>(?:{_either(WEEKDAYS['fr'])}),?\s{_DAY})(?![\w%/:])(?!\.\d)(?!\s?h)",
            anchor="weekday",
        ),
        _form(
            "weekday next",
            rf"\b(?P<date>(?:{_either(WEEKDAYS['fr'])})\sen\s(?:huit|quinze))\b",
            anchor="weekday",
        ),
        _form(
            "quarter words",
            r"\b(?P<date>(?:1er|2e|2ème|3e|3ème|4e|4ème|premier|deuxième|troisième|quatrième) "
            rf"trimestre {_YEAR})(?!\w)",
            anchor="quarter",
        ),
    )


_OWN = {"en": _english, "de": _german, "es": _spanish, "fr": _french}
_ORDINAL = {"en": r"(?:\s?(?:st|nd|rd|th))?", "de": r"\.?", "es": r"[º°.]?", "fr": r"(?:er|ᵉʳ|ème)?"}
_OF = {"en": r"of\s", "de": r"des\s", "es": r"del?\s", "fr": r"de\s"}
_ARTICLE = {"en": r"the\s", "de": r"(?:den|dem|der)\s", "es": r"(?:día|el)\s", "fr": r"le\s"}
_JOIN = {
    "en": "to|and|or|until|till|through|the",
    "de": "bis|und|oder|bis zum",
    "es": "al|a|y|o|y el",
    "fr": "au|et|ou|et le",
}
_PART = {
    "en": r"(?:(?:early|late|mid|middle of|end of|beginning of|start of|the end of)[ -])?",
    "de": r"(?:(?:anfang|anf\.|mitte|ende|spätestens|anfangs)\s)?",
    "es": r"(?:(?:principios|mediados|finales|fines|inicios)\sde\s)?",
    "fr": r"(?:(?:début|debut|mi|fin|courant)[\s-](?:de\s)?)?",
}
_RECENT = {
    "en": r"(?:this past|this coming|last|next|past|this)\s",
    "de": r"(?:letzte|vorige|vergangene|nächste|kommende|diese|übernächste)[nrms]?\s",
    "es": r"(?:pasado|próximo|proximo|este)\s",
    "fr": r"ce\s",
}
_SEASON = {
    "en": "spring|summer|autumn|fall|winter",
    "de": "frühling|frühjahr|sommer|herbst|winter|spätsommer|spätherbst|frühsommer",
    "es": "primavera|verano|otoño|invierno",
    "fr": "printemps|été|automne|hiver",
}
_SHORT_DAY = {
    "en": r"mon|tues|tue|weds|wed|thurs|thur|thu|fri|sat|sun",
    "de": r"mo|di|mi|do|fr|sa|so",
    "es": r"lun|mié|mie|jue|vie|sáb|sab|dom",
    "fr": r"lun|mer|jeu|ven|sam|dim",
}
_WEEKDAY_END = {
    "en": rf"(?:s|'s(?=\s))?(?:\s(?:the\s)?{_DAY}(?:st|nd|rd|th)(?![\w-]))?",
    "de": r"s?",
    "es": r"(?:\s(?:pasado|próximo|proximo|que viene)(?!\w))?",
    "fr": r"s?(?:\s(?:dernier|prochain|passé)(?!\w))?",
}
_BIRTH_CUE = {
    "en": r"d\.?\s?o\.?\s?b\.?|date of birth|birth ?date|birthday|bday|b-day|born(?: on)?(?: the)?",
    "de": r"geb(?:oren)?\.?(?: am)?|geburtsdatum|geb\.?-?(?:datum|dat\.?)|gebdat\.?|gdat\.?|g\.?d\.?|"
    r"geburtstag",
    "es": r"f(?:echa)?\.?\s?(?:de\s)?nac(?:imiento)?\.?|f/n|fn|fnac\.?|nacid[oa](?: el)?(?: día)?|nac\.?",
    "fr": r"n[ée]e?(?: le)?|date de naissance|d\.?d\.?n\.?|ddn|naissance",
}


def anchors(language: str) -> Mapping[str, str]:
    """The words around which dates stand, in lower case, by the anchor of the forms that hold them."""
    found: dict[str, str] = {}
    for anchor, words in (
        ("season", _SEASON[language].split("|")),
        ("quarter", ("q", "quarter", "quartal", "kw", "trimestre")),
        ("day", ("day", "holiday", "weekend") if language == "en" else ()),
        (
            "weekday",
            (
                *WEEKDAYS[language],
                *(f"{day}s" for day in WEEKDAYS[language]),
                *_SHORT_DAY[language].split("|"),
            ),
        ),
        ("month", (*MONTHS[language], *SHORT[language])),
    ):
        found.update(dict.fromkeys(words, anchor))
    return found


@lru_cache(maxsize=8)
def born(language: str) -> re.Pattern[str]:
    """A birth date after its cue; a time of birth right behind it goes with it."""
    cues = "|".join(dict.fromkeys([_BIRTH_CUE[language], _BIRTH_CUE["en"], r"\*"]))
    month, of = _month(language), _OF[language]
    day = rf"{_DAY}{_ORDINAL[language]}"
    year = rf"(?:{_YEAR}|'?\d\d)"
    worded = rf"{day}[\s-]?(?:{of})?{month}[\s,-]{{1,2}}(?:{of})?{year}|{month}\s{day},?\s{year}"
    numeric = (
        rf"{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}|{_DAY}\s?[-/. ]\s?{_DAY}\s?[-/. ]\s?{year}"
        r"|(?:19|20)\d{6}|\d{8}|\d{6}"
    )
    time = r"(?:,?\s(?:at|um|a las|à|@)\s\d{1,2}[:.h]\d\d)?"
    return re.compile(
        rf"(?<!\w)(?:{cues})[\s:=(\"']{{0,6}}(?P<date>(?:{worded}|{numeric}){time})(?!\w)", re.IGNORECASE
    )
