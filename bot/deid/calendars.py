"""Words of the calendar in the four languages, and what a written date says. Pure.

`read` tells as much of a date as the words hold; which day it is exactly is decided in `bot.deid.replacing`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_EN = "january february march april may june july august september october november december"
_DE = "januar februar märz april mai juni juli august september oktober november dezember"
_ES = "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre"
_FR = "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"


def _numbered(words: str) -> dict[str, int]:
    return {word: number for number, word in enumerate(words.split(), 1)}


def _split(words: str) -> tuple[str, ...]:
    return tuple(words.split())


# Whole names, with the ways in which tired people spell them.
MONTHS: dict[str, dict[str, int]] = {
    "en": {
        **_numbered(_EN),
        "januray": 1,
        "febuary": 2,
        "feburary": 2,
        "agust": 8,
        "setpember": 9,
        "septmber": 9,
        "septembre": 9,
        "ocotber": 10,
        "octobre": 10,
        "novemeber": 11,
        "novemebr": 11,
        "decemeber": 12,
    },
    "de": {**_numbered(_DE), "jänner": 1, "jaenner": 1, "feber": 2, "maerz": 3, "juno": 6, "julei": 7},
    "es": {**_numbered(_ES), "setiembre": 9},
    "fr": {**_numbered(_FR), "fevrier": 2, "aout": 8, "decembre": 12},
}
SHORT: dict[str, dict[str, int]] = {
    "en": {**_numbered("jan feb mar apr may jun jul aug sep oct nov dec"), "sept": 9},
    "de": {
        **_numbered("jan feb mär apr mai jun jul aug sep okt nov dez"),
        "jän": 1,
        "mrz": 3,
        "sept": 9,
    },
    "es": {**_numbered("ene feb mar abr may jun jul ago sep oct nov dic"), "sept": 9, "set": 9},
    "fr": {
        **_numbered("jan fév mar avr mai juin juil août sep oct nov déc"),
        "janv": 1,
        "févr": 2,
        "fevr": 2,
        "fev": 2,
        "sept": 9,
        "dec": 12,
    },
}
WEEKDAYS: dict[str, tuple[str, ...]] = {
    "en": _split("monday tuesday wednesday thursday friday saturday sunday wensday wednsday tuseday"),
    "de": _split("montag dienstag mittwoch donnerstag freitag samstag sonnabend sonntag"),
    "es": _split("lunes martes miércoles miercoles jueves viernes sábado sabado domingo"),
    "fr": _split("lundi mardi mercredi jeudi vendredi samedi dimanche"),
}
_EN_ORDINALS = (
    "first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth fourteenth "
    "fifteenth sixteenth seventeenth eighteenth nineteenth twentieth twenty-first twenty-second twenty-third "
    "twenty-fourth twenty-fifth twenty-sixth twenty-seventh twenty-eighth twenty-ninth thirtieth thirty-first"
)
_DE_ORDINALS = (
    "erste zweite dritte vierte fünfte sechste siebte achte neunte zehnte elfte zwölfte dreizehnte "
    "vierzehnte fünfzehnte sechzehnte siebzehnte achtzehnte neunzehnte zwanzigste einundzwanzigste "
    "zweiundzwanzigste dreiundzwanzigste vierundzwanzigste fünfundzwanzigste sechsundzwanzigste "
    "siebenundzwanzigste achtundzwanzigste neunundzwanzigste dreißigste einunddreißigste"
)
_ES_DAYS = (
    "uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince dieciséis "
    "diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro veinticinco "
    "veintiséis veintisiete veintiocho veintinueve treinta treintaiuno"
)
_FR_DAYS = (
    "un deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize dix-sept "
    "dix-huit dix-neuf vingt vingt-et-un vingt-deux vingt-trois vingt-quatre vingt-cinq vingt-six "
    "vingt-sept vingt-huit vingt-neuf trente trente-et-un"
)
DAY_WORDS: dict[str, dict[str, int]] = {
    "en": _numbered(_EN_ORDINALS),
    # Every ending: erste, ersten, erster.
    "de": {word + end: day for word, day in _numbered(_DE_ORDINALS).items() for end in ("", "n", "r")},
    "es": {**_numbered(_ES_DAYS), "primero": 1},
    "fr": {**_numbered(_FR_DAYS), "premier": 1},
}
_YEARS = (1880, 2100)
_LATEST_SHORT = 35  # "31" is 2031 in a plan, "40" is 1940


@dataclass(frozen=True, slots=True)
class When:
    """What a date says; None where it is silent. `swapped` – day and month could be the other way round."""

    year: int | None = None
    month: int | None = None
    day: int | None = None
    last: int | None = None  # the last day, where several days of one month are meant
    swapped: bool = False
    order: bool | None = None  # told by its figures: True – day first, False – month first

    @property
    def full(self) -> bool:
        """Whether it says year, month and day."""
        return None not in (self.year, self.month, self.day)


_ISO = re.compile(r"((?:18|19|20)\d\d)[-/.](\d{1,2})[-/.](\d{1,2})(?!\d)")
_COMPACT = re.compile(r"(?<!\d)(?:((?:19|20)\d\d)(\d\d)(\d\d)|(\d\d)(\d\d)((?:19|20)?\d\d))(?!\d)")
_TRIPLE = re.compile(r"(?<!\d)(\d{1,2})\s?[-/. ]\s?(\d{1,2})\s?[-/. ]\s?'?(\d{4}|\d{2})(?!\d)")
_MONTH_YEAR = re.compile(r"(?<!\d)(\d{1,2})[-/.]((?:19|20)\d\d)(?!\d)")
_PAIR = re.compile(r"(?<!\d)(\d{1,2})\s?[-/.]\s?(\d{1,2})(?!\d)\.?")
_LETTERS = re.compile(r"[^\W\d_]{3}")
_WORDS = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*|\d+")


def read(text: str, language: str) -> When:
    """What the words of a date say."""
    if found := _ISO.search(text):
        return _checked(int(found[1]), int(found[2]), int(found[3]))
    if (found := _TRIPLE.search(text)) and not re.search(r"[^\W\d_]", text[found.start() : found.end()]):
        return _ordered(int(found[1]), int(found[2]), _year(found[3]), language, found[0])
    if found := _MONTH_YEAR.search(text):
        return _checked(_year(found[2]), int(found[1]), None)
    if found := _COMPACT.search(text):
        if found[1]:
            return _checked(int(found[1]), int(found[2]), int(found[3]))
        return _ordered(int(found[4]), int(found[5]), _year(found[6]), language, found[0])
    if (found := _PAIR.search(text)) and not _LETTERS.search(text):
        return _ordered(int(found[1]), int(found[2]), None, language, found[0])
    return _worded(text, language)


def _ordered(first: int, second: int, year: int | None, language: str, written: str) -> When:
    """Day first but in English, where a slash leaves it open unless one of the two is above 12."""
    if language != "en" or "." in written:
        return _checked(year, second, first)
    if first > 12:
        return replace(_checked(year, second, first), order=True)
    if second > 12:
        return replace(_checked(year, first, second), order=False)
    return replace(_checked(year, first, second), swapped=first != second)


def _worded(text: str, language: str) -> When:
    year = month = None
    days: list[int] = []
    short = SHORT[language]
    for token in _WORDS.findall(text.casefold()):
        if token.isdigit():
            number = int(token)
            if len(token) == 4 and _YEARS[0] <= number <= _YEARS[1]:
                year = number
            elif len(token) <= 2 and 1 <= number <= 31 and (month is None or not days):
                days.append(number)
            elif len(token) == 2:
                year = _year(token)
            continue
        named = MONTHS[language].get(token) or short.get(token)
        if named is not None:
            month = month or named
        elif (day := DAY_WORDS[language].get(token)) is not None:
            days.append(day)
    if month is None or not days:
        return When(year, month, days[0] if len(days) == 1 else None)
    when = _checked(year, month, days[0])
    last = days[1] if len(days) > 1 and days[0] < days[1] else None
    return When(when.year, when.month, when.day, last)


def _year(digits: str) -> int:
    number = int(digits)
    if len(digits) == 4:
        return number
    return number + (2000 if number <= _LATEST_SHORT else 1900)


def _checked(year: int | None, month: int, day: int | None) -> When:
    if not 1 <= month <= 12 or (day is not None and not 1 <= day <= 31):
        return When(year)
    return When(year, month, day)
