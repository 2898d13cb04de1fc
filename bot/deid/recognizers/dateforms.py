"""The forms in which dates are written, as regular expressions; each has a group `date`.

Every repetition is bounded, so that the time is linear in the text. What a form may be besides a date is for
`dateguards` to tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache

from bot.deid import holidays
from bot.deid.calendars import DAY_WORDS, MONTHS, SHORT, WEEKDAYS
from bot.deid.model import Trust
from bot.deid.recognizers import dateromance
from bot.deid.recognizers.dateparts import (
    ARTICLE,
    BEFORE,
    BIRTH_CUE,
    DAY,
    DAYS,
    JOIN,
    MONTH,
    OF,
    ORDINAL,
    PART,
    RECENT,
    SEASON,
    SHORT_DAY,
    TWO,
    UNIT,
    WEEKDAY_END,
    WORDED,
    WORDED_YEAR,
    YEAR,
    Form,
    either,
    form,
)

_NUMERIC = (
    form("iso", rf"(?<![\w.])(?P<date>{YEAR}([-/.]){MONTH}\2{DAY})(?=T\d\d|\D|$)", anchor="number"),
    form(
        "full",
        rf"(?<![\w.,/+])(?P<date>{DAY}\s?(?:[/.]\s?{DAY}\s?[/.]\s?|\.\s?{DAY}\s){YEAR})(?!\d)(?!/\d)",
        guard="numeric",
        anchor="number",
    ),
    form(
        "full short",
        rf"{BEFORE}(?P<date>{DAY}\s?([-/.])\s?{DAY}\s?\2\s?(?:{YEAR}|'?\d\d))(?=T\d\d|[^\w%/]|$)"
        r"(?!\.\d)(?!-\d{2})(?!:\d)(?!\s?Uhr)",
        guard="numeric",
        anchor="number",
    ),
    form(
        "full range",
        rf"{BEFORE}(?P<date>{DAY}(?:[/.]{MONTH}[/.](?:{YEAR}|\d\d))?\s?-\s?"
        rf"{DAY}([/.]){MONTH}\2(?:{YEAR}|\d\d))(?![\w%/])",
        anchor="number",
    ),
    form(
        "this month",
        r"(?<![\w.])(?P<date>\d{1,2}\.\s?(?:d|ds|dies)\.\s?(?:M|Mts|Mon)\.)",
        anchor="number",
    ),
    form(
        "year month",
        r"(?<![\w./-])(?P<date>(?:19|20)\d\d[/-](?:0[1-9]|1[0-2]))(?![\w/-])(?!\.\d)",
        Trust.SOFT,
        anchor="number",
    ),
    form(
        "months",
        rf"{BEFORE}(?P<date>{MONTH}(?:/\d\d)?\s?-\s?{MONTH}/(?:{YEAR}|\d\d))(?![\w%/])",
        guard="months",
        anchor="number",
    ),
    form(
        "spaced",
        rf"{BEFORE}(?P<date>{DAY} {DAY} {YEAR})(?!\w)",
        Trust.SOFT,
        "numeric",
        anchor="number",
    ),
    form(
        "month year",
        rf"{BEFORE}(?P<date>{MONTH}[/.-](?:19|20)\d\d)(?![\w%/-])",
        guard="month year",
        anchor="number",
    ),
    form(
        "compact",
        r"(?<![\w.,/-])(?P<date>(?:19[3-9]|20[0-4])\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))(?!\w)",
        Trust.SOFT,
        anchor="number",
    ),
    form(
        "pair",
        rf"{BEFORE}(?P<date>{DAY}/{DAY})(?![\w%/])(?!\.\d)(?!-\d)",
        Trust.SOFT,
        "pair",
        anchor="number",
    ),
    form(
        "month / year",
        rf"{BEFORE}(?P<date>{MONTH}/(?:0\d|[1-9]\d))(?![\w%/])(?!\.\d)",
        Trust.SOFT,
        "cued pair",
        anchor="number",
    ),
    form(
        "hyphened",
        rf"{BEFORE}(?P<date>{DAY}-{DAY})(?![\w%/-])",
        Trust.SOFT,
        "cued hyphen",
        anchor="number",
    ),
    form(
        "quarter",
        rf"\b(?P<date>Q ?[1-4](?:(?:[ /-]|\sof\s){YEAR}|[/ ]?'\d\d|/\d\d))(?!\w)",
        anchor="quarter",
    ),
    form(
        "bare quarter",
        r"\b(?:in|since|from|by|until|im|seit|en)\s(?P<date>Q[1-4])(?![\w-])",
        Trust.SOFT,
        "capitals",
        anchor="quarter",
    ),
    form("quarter year", rf"\b(?P<date>{YEAR}[ /-]?Q[1-4])(?!\w)", anchor="quarter"),
)


def forms(language: str) -> tuple[Form, ...]:
    """All forms of a language."""
    return (*_NUMERIC, *_months(language), *_weekdays(language), *_OWN[language](), _feast(language))


def _led(language: str) -> str:
    """A weekday before a date."""
    weekday = rf"(?:{either(WEEKDAYS[language])}|{SHORT_DAY[language]})"
    return rf"(?:{weekday}[.,]{{0,2}}\s(?:{ARTICLE[language]})?)?"


def _months(language: str) -> Iterator[Form]:
    """Days and years with a month in letters."""
    month, of, part, recent = _month(language), OF[language], PART[language], RECENT[language]
    led = _led(language)
    day = rf"{DAY}{ORDINAL[language]}"
    word = rf"(?:{either(DAY_WORDS[language])})"
    joined = rf"(?:\s?(?:-|/|,|&|\+)\s?|\s(?:{JOIN[language]})\s)"
    year = rf"(?:(?:\s?[,/-]\s?|\s{{1,2}})(?:{of})?(?:{YEAR}|{TWO}(?!\s?[:%\w/]|[.,]\d)))?"
    days = rf"{day}(?:{joined}{day}){{0,2}}"
    whole, short = either(MONTHS[language]), either(SHORT[language])
    yield form(
        "day month",
        rf"(?<![\w/])(?<!\d[.,])(?P<date>{led}{days}[\s/-]?(?:{of})?{month}(?:{YEAR}|(?!\w){year}))(?!\w)",
        guard="day month",
    )
    # Whole names only: "dix sept" is seventeen.
    yield form(
        "worded day",
        rf"\b(?P<date>{led}{word}\s(?:{of})?(?:{whole})(?!\w){year})(?!\w)",
        guard="day month",
    )
    yield form(
        "month year",
        rf"(?<!\w)(?P<date>{part}{month}(?:\s?[,/-]\s?|\s)(?:{of})?(?:{YEAR}|'\d\d))(?!\w)",
        guard="month year words",
    )
    yield form("month", rf"(?<!\w)(?P<date>{part}(?:{recent})?(?:{whole}))(?!\w)(?!-\w)", guard="month")
    yield form(
        "month range",
        rf"(?<!\w)(?P<date>(?:{whole}|{short})\.?(?:\s?[-/]\s?|\s(?:{JOIN[language]})\s)(?:{whole}|{short})"
        rf"(?:\s(?:{of})?{YEAR})?)(?!\w)",
        guard="month range",
    )
    yield form(
        "month year range",
        rf"(?<!\w)(?P<date>{month}\s'?\d\d\s?[-–]\s?{month}\s'?\d\d)(?!\w)",
    )
    yield form(
        "short month",
        rf"(?<!\w)(?P<date>{part}(?:{recent})?(?:{short}))(?!\w)",
        Trust.SOFT,
        "short month",
    )
    if language != "en":  # where the day comes first, a number behind is a year
        yield form(
            "month short year",
            rf"(?<!\w)(?P<date>{part}{month}\s\d\d)(?!\w)(?![.:,]\d)",
            Trust.SOFT,
            "short month",
        )
    yield form(
        "season",
        rf"\b(?P<date>{part}(?:{SEASON[language]})(?:\s|\s(?:{of})|/)(?:{YEAR}|'\d\d)(?:/\d\d)?)(?!\w)",
        guard="season",
        anchor="season",
    )


def _weekdays(language: str) -> Iterator[Form]:
    weekday, recent = either(WEEKDAYS[language]), RECENT[language]
    yield form(
        "weekday figures",
        rf"(?<!\w)(?P<date>(?:{weekday}|{SHORT_DAY[language]})[.,]{{0,2}}\s{DAY}(?:/{MONTH}|\.{MONTH}\.)"
        rf"(?:/?(?:{YEAR}|\d\d))?)(?![\w%/])(?!\.\d)",
        anchor="weekday",
    )
    yield form(
        "weekday",
        rf"(?<!\w)(?P<date>(?:{recent})?(?:{weekday}){WEEKDAY_END[language]})(?!\w)",
        guard="weekday",
        anchor="weekday",
    )
    yield form(
        "short weekday",
        rf"(?<!\w)(?P<date>(?:{recent})?(?:{SHORT_DAY[language]}))(?!\w)",
        Trust.SOFT,
        "short weekday",
        anchor="weekday",
    )


def _month(language: str) -> str:
    return rf"(?:{either(MONTHS[language])}|(?:{either(SHORT[language])})\.?)"


def _feast(language: str) -> Form:
    year = rf"(?:\s(?:{OF[language]})?(?:{YEAR}|'\d\d))?"
    tail = r"(?:\s(?:eve|morning|weekend|week)\b)?" if language == "en" else ""
    return form(
        "feast",
        rf"(?<!\w)(?P<date>(?:{holidays.names(language)}){tail}{year})(?!\w)",
        guard="feast",
        anchor="feast",
    )


def _english() -> tuple[Form, ...]:
    day = rf"{DAY}{ORDINAL['en']}"
    month = _month("en")
    year = rf"(?:,?\s(?:{YEAR})|,\s?{TWO}(?!\w)|\s'\d\d)?"
    weekday = rf"(?:{either(WEEKDAYS['en'])}|{SHORT_DAY['en']})"
    nth = "first|second|third|fourth|last|1st|2nd|3rd|4th"
    return (
        form(
            "weekday ordinal",
            rf"(?<![\w-])(?P<date>{weekday}\.?,?\s(?:the\s)?{DAY}(?:st|nd|rd|th))(?![\w-])",
            anchor="weekday",
        ),
        form(
            "weekday week",
            rf"(?<![\w-])(?P<date>{weekday}\s(?:week|fortnight))(?![\w-])",
            Trust.SOFT,
            anchor="weekday",
        ),
        form(
            "nth weekday",
            rf"(?<!\w)(?P<date>(?:{nth})\s{weekday}\s(?:of|in)\s(?:{month}|(?:the|each|every|next|this)\smonth))"
            r"(?!\w)",
            anchor="weekday",
        ),
        form(
            "nth week",
            rf"(?<!\w)(?P<date>(?:{nth}|final)\s(?:full\s)?(?:week|wk|weekend)\s(?:of|in)\s(?:{month}))(?!\w)",
            anchor="week",
        ),
        form(
            "week of",
            rf"(?<!\w)(?P<date>(?:wk|week)\sof\s(?:{MONTH}/{DAY}|{month}\s{DAY}))(?![\w%/])(?!\.\d)",
            anchor="week",
        ),
        form(
            "dotted",
            rf"(?:(?<=on )|(?<=since )|(?<=from )|(?<=until ))(?P<date>{DAY}\.{MONTH}\.)(?!\d)",
            Trust.SOFT,
            anchor="number",
        ),
        form(
            "worded ordinal",
            rf"(?<=the )(?P<date>{WORDED})(?![\w-])",
            Trust.SOFT,
            "worded ordinal",
            anchor="worded",
        ),
        form(
            "month day",
            rf"(?<!\w)(?P<date>{_led('en')}{month}[\s-]?(?:the\s)?{day}(?:\s?(?:-|/|&|to|and)\s?{day}(?!\d))?"
            rf"(?![\w%])(?![.:]\d)(?!/\d)(?!-\d{{3}}){UNIT}{year})(?!\w)",
            guard="month day",
        ),
        form(
            "month worded day",
            rf"\b(?P<date>{month}\s(?:the\s)?(?:{either(DAY_WORDS['en'])})"
            rf"(?:,?\s(?:{YEAR}|{WORDED_YEAR}))?)(?!\w)",
            guard="month day",
        ),
        form(
            "ordinal",
            rf"(?<![\w/])(?P<date>{DAY}(?:st|nd|rd|th)(?: of (?:next|this|the|last) month)?)(?![\w-])",
            Trust.SOFT,
            "ordinal",
            anchor="number",
        ),
        form(
            "quarter words",
            r"\b(?P<date>(?:first|second|third|fourth|1st|2nd|3rd|4th|last) quarter(?:\sof)?\s"
            rf"(?:{YEAR}|'\d\d))(?!\w)",
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
        form(
            "feast day", r"\b(?P<date>new year|whitsun|simbang gabi)(?![\w'])(?!\W{1,2}resol)", anchor="day"
        ),
        form(
            "long weekend",
            r"\b(?P<date>[a-z]{3,12} (?:bank holiday|long weekend))\b",
            Trust.SOFT,
            "long weekend",
            anchor="day",
        ),
    )


def _german() -> tuple[Form, ...]:
    weekday = either(WEEKDAYS["de"])
    return (
        form(
            "dotted",
            rf"{BEFORE}(?P<date>{DAY}\.\s?{MONTH}\.)(?!\d)(?!\s?(?:19|20)\d\d)",
            guard="dotted",
            anchor="number",
        ),
        form(
            "in words",
            rf"(?<!\w)(?P<date>(?:{_DAY_DE}|(?:{_MONTH_DE})e[nr])\s(?:{_MONTH_DE})e[nr]\s"
            rf"(?:(?:neunzehnhundert|zweitausend)\w{{0,30}}|{_TENS_DE}))(?!\w)",
            anchor="worded",
        ),
        form(
            "month compound",
            rf"(?<!\w)(?P<date>(?:(?:[1-5]\.|erste[nr]?|zweite[nr]?|dritte[nr]?|vierte[nr]?|letzte[nr]?)\s)?"
            rf"(?:{either(MONTHS['de'])})(?:woche|hälfte|wochenende|mitte|anfang|ende))(?!\w)",
            anchor="month",
        ),
        form(
            "last season",
            r"(?<!\w)(?P<date>(?:letzte|vorige|vergangene|nächste|kommende)[nrms]\s"
            r"(?:frühling|frühjahr|sommer|herbst|winter))(?!\w)",
            anchor="season",
        ),
        form(
            "named weekday",
            rf"(?<!\w)(?P<date>[a-zäöüß]{{3,15}}(?:{weekday}))(?!\w)",
            Trust.SOFT,
            anchor="weekday",
        ),
        form(
            "holidays",
            rf"(?<!\w)(?P<date>(?:{'|'.join(DAYS['de'][:8])}|"
            r"(?:1\.|2\.|3\.|4\.|ersten?|zweiten?|dritten?|vierten?)[rm]? advent(?:ssonntag)?))(?!\w)",
            Trust.SOFT,
            anchor="day",
        ),
        form(
            "dotted range",
            rf"{BEFORE}(?P<date>{DAY}\.\s?(?:{MONTH}\.)?\s?(?:-|bis|und|oder|/)\s?{DAY}\.\s?{MONTH}\.(?:{YEAR}|\d\d)?)(?!\d)",
            anchor="number",
        ),
        form(
            "bare dotted",
            rf"{BEFORE}(?P<date>{DAY}\.{MONTH})(?![\d.%])",
            Trust.SOFT,
            "cued dotted",
            anchor="number",
        ),
        form(
            "day alone",
            rf"(?<![\w.,/+-])(?P<date>{DAY}\.)(?!\d)(?=\s|[,;:!?)]|$)",
            Trust.SOFT,
            "day alone",
            anchor="number",
        ),
        form(
            "weekday compound",
            rf"(?<!\w)(?P<date>(?:{weekday})(?:s|e)?(?:abend|morgen|mittag|vormittag|nachmittag|nacht|"
            r"früh|dienst|visite)[sn]?)(?!\w)",
            anchor="weekday",
        ),
        form(
            "calendar week",
            rf"\b(?P<date>KW\s?(?:[1-4]\d|5[0-3]|0?[1-9])(?:[/\s](?:{YEAR}|\d\d))?)(?!\w|[.,]\d)",
            Trust.SOFT,
            "capitals",
            anchor="quarter",
        ),
        form(
            "quarter words",
            r"\b(?P<date>(?:[1-4]\.|erste[sn]?|zweite[sn]?|dritte[sn]?|vierte[sn]?) Quartal"
            rf"(?:\s(?:{YEAR}|'\d\d))?)(?!\w)",
            anchor="quarter",
        ),
    )


# A date as it is dictated: "siebter achter neunzehnhundertfünfundsechzig".
_MONTH_DE = "erst|zweit|dritt|viert|fünft|sechst|siebt|acht|neunt|zehnt|elft|zwölft"
_TENS_DE = (
    "(?:(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und)?"
    "(?:zwanzig|dreißig|vierzig|fünfzig|sechzig|siebzig|achtzig|neunzig)"
)
_DAY_DE = (
    r"(?:dreizehnt|vierzehnt|fünfzehnt|sechzehnt|siebzehnt|achtzehnt|neunzehnt|"
    r"(?:(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und)?(?:zwanzigst|dreißigst))e[nr]"
)
_OWN = {"en": _english, "de": _german, "es": dateromance.spanish, "fr": dateromance.french}


def anchors(language: str) -> Mapping[str, str]:
    """The words around which dates stand, in lower case, by the anchor of the forms that hold them."""
    found: dict[str, str] = {}
    for anchor, words in (
        ("season", SEASON[language].split("|")),
        ("quarter", ("q", "quarter", "quartal", "kw", "trimestre")),
        ("day", DAYS.get(language, ())),
        ("week", ("week", "wk") if language == "en" else ()),
        ("worded", re.findall(r"[a-z]{6,}", WORDED) if language == "en" else ()),
        (
            "worded",
            [f"{one}e{end}" for one in _MONTH_DE.split("|") for end in "nr"] if language == "de" else (),
        ),
        (
            "weekday",
            (
                *WEEKDAYS[language],
                *(f"{day}s" for day in WEEKDAYS[language]),
                *SHORT_DAY[language].split("|"),
            ),
        ),
        ("month", (*MONTHS[language], *SHORT[language])),
    ):
        found.update(dict.fromkeys(words, anchor))
    return found


@lru_cache(maxsize=8)
def born(language: str) -> re.Pattern[str]:
    """A birth date after its cue; a time of birth right behind it goes with it."""
    cues = "|".join(dict.fromkeys([BIRTH_CUE[language], BIRTH_CUE["en"], r"\*"]))
    month, of = _month(language), OF[language]
    day = rf"{DAY}{ORDINAL[language]}"
    year = rf"(?:{YEAR}|'?\d\d)"
    worded = (
        rf"{day}[\s-]?(?:{of})?{month}[\s,-]{{1,2}}(?:{of})?{year}|{month}\s{day},?\s{year}"
        rf"|{month}\s(?:{of})?{year}"
    )
    numeric = (
        rf"{YEAR}[-/.]{MONTH}[-/.]{DAY}|{DAY}\s?[-/. ]\s?{DAY}\s?[-/. ]\s?{year}"
        rf"|{MONTH}/{year}|(?:19|20)\d{{6}}|\d{{8}}|\d{{6}}"
    )
    time = r"(?:,?\s(?:at|um|a las|à|@)\s\d{1,2}[:.h]\d\d)?"
    return re.compile(
        rf"(?<!\w)(?:{cues})[\s:=(\"']{{0,6}}(?P<date>(?:{worded}|{numeric}){time})(?!\w)", re.IGNORECASE
    )
