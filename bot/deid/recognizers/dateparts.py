"""Parts of written dates by language, as fragments of regular expressions: what `dateforms` puts together."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bot.deid.model import Trust

DAY = r"(?:0[1-9]|[12]\d|3[01]|[1-9])"


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


MONTH = r"(?:0[1-9]|1[0-2]|[1-9])"
YEAR = r"(?:18|19|20)\d\d"
TWO = r"'?\d\d"
BEFORE = r"(?<![\w.,/+-])"
UNIT = (
    r"(?!\s?(?:mg|mcg|µg|ug|ml|mmol|g|kg|iu|units?|tabs?|h|hrs?|hours?|mins?|am|pm|bpm|mmhg|cm|mm|fr|u|l)\b)"
    r"(?!\s?%)"
)


def either(words: Iterable[str]) -> str:
    """An alternation of words, the longest first."""
    return "|".join(re.escape(word) for word in sorted(words, key=lambda word: (-len(word), word)))


def form(
    name: str, pattern: str, trust: Trust = Trust.SURE, guard: str = "", *, anchor: str = "month"
) -> Form:
    """A form in any case, anchored at months unless told otherwise."""
    return Form(name, re.compile(pattern, re.IGNORECASE), trust, guard, anchor)


ORDINAL = {"en": r"(?:\s?(?:st|nd|rd|th))?", "de": r"\.?", "es": r"[º°.]?", "fr": r"(?:er|ᵉʳ|ème)?"}
OF = {"en": r"of\s", "de": r"des\s", "es": r"del?\s", "fr": r"de\s"}
ARTICLE = {"en": r"the\s", "de": r"(?:den|dem|der)\s", "es": r"(?:día|el)\s", "fr": r"le\s"}
JOIN = {
    "en": "to|and|or|until|till|through|the",
    "de": "bis|und|oder|bis zum",
    "es": "al|a|y|o|y el",
    "fr": "au|et|ou|et le",
}
PART = {
    "en": r"(?:(?:early|late|mid|middle of|end of|beginning of|start of|the end of)[ -])?",
    "de": r"(?:(?:anfang|anf\.|mitte|ende|spätestens|anfangs)\s)?",
    "es": r"(?:(?:principios|mediados|finales|fines|inicios)\sde\s)?",
    "fr": r"(?:(?:début|debut|mi|fin|courant)[\s-](?:de\s)?)?",
}
RECENT = {
    "en": r"(?:this past|this coming|last|next|past|this)\s",
    "de": r"(?:letzte|vorige|vergangene|nächste|kommende|diese|übernächste)[nrms]?\s",
    "es": r"(?:pasado|próximo|proximo|este)\s",
    "fr": r"ce\s",
}
SEASON = {
    "en": "spring|summer|autumn|fall|winter",
    "de": "frühling|frühjahr|sommer|herbst|winter|spätsommer|spätherbst|frühsommer",
    "es": "primavera|verano|otoño|invierno",
    "fr": "printemps|été|automne|hiver",
}
SHORT_DAY = {
    "en": r"mon|tues|tue|weds|wed|thurs|thur|thu|fri|sat|sun|"
    r"lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche",
    "de": r"mo|di|mi|do|fr|sa|so",
    "es": r"lun|mié|mie|jue|vie|sáb|sab|dom",
    "fr": r"lun|mar|mer|jeu|ven|sam|dim",
}
WEEKDAY_END = {
    "en": rf"(?:s|'s(?=\s))?(?:\s(?:the\s)?{DAY}(?:st|nd|rd|th)(?![\w-]))?",
    "de": r"s?",
    "es": r"(?:\s(?:pasado|próximo|proximo|que viene)(?!\w))?",
    "fr": r"s?(?:\s(?:dernier|prochain|passé)(?!\w))?",
}
BIRTH_CUE = {
    "en": r"d\.?\s?o\.?\s?b\.?|date of birth|birth ?date|birthday|bday|b-day|born(?: on)?(?: the)?",
    "de": r"geb(?:oren)?\.?(?: am)?|geburtsdatum|geb\.?-?(?:datum|dat\.?)|gebdat\.?|gdat\.?|g\.?d\.?|"
    r"geburtstag",
    "es": r"f(?:echa)?\.?\s?(?:de\s)?nac(?:imiento)?\.?|f/n|fn|fnac\.?|nacid[oa](?: el)?(?: día)?|nac\.?",
    "fr": r"n[ée]e?(?: le)?|date de naissance|d\.?d\.?n\.?|ddn|naissance",
}
# Days of the month in words that hardly count anything: the thirteenth to the thirty-first.
WORDED = (
    r"thirteenth|fourteenth|fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|thirtieth|thirty[ -]first|"
    r"twenty[ -](?:first|second|third|fourth|fifth|sixth|seventh|eighth|ninth)|twentieth"
)
_SINGLE = r"(?:one|two|three|four|five|six|seven|eight|nine)"
_TENS = r"(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
WORDED_YEAR = (
    rf"(?:nineteen|twenty)[ -](?:{_TENS}(?:[ -]{_SINGLE})?|hundred|oh[ -]{_SINGLE}|ten|eleven|twelve|"
    r"thirteen|fourteen|fifteen|sixteen|seventeen|eighteen|nineteen)"
    rf"|two thousand(?: and)?(?: (?:{_SINGLE}|ten|eleven|twelve))?"
)
# Words of days that are no weekday and no feast of `holidays`.
DAYS = {
    "en": ("day", "holiday", "weekend", "year", "whitsun", "simbang"),
    "de": (
        "herbstferien",
        "sommerferien",
        "osterferien",
        "weihnachtsferien",
        "pfingstferien",
        "fasnachtsferien",
        "faschingsferien",
        "feiertagen",
        "advent",
        "adventssonntag",
    ),
}
