"""What looks like a date and is none: scores, fractions, doses, verbs, and the like.

Each guard looks at a few words before and after, which bounds its time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from bot.deid.calendars import MONTHS, SHORT
from bot.deid.model import Source, Trust
from bot.deid.recognizers import datewords
from bot.deid.recognizers.dateparts import Form
from bot.deid.recognizers.datewords import words

_REACH = 48  # characters looked at on either side
_WORD = re.compile(r"[^\W_]+(?:['/.-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class Place:
    """A candidate with what stands around it."""

    text: str  # the candidate
    before: str
    after: str
    language: str
    trust: Trust

    @property
    def previous(self) -> tuple[str, ...]:
        """The words before it in the same line, the nearest first, in lower case."""
        line = self.before.rsplit("\n", 1)[-1]
        return tuple(word.casefold() for word in reversed(_WORD.findall(line)))

    @property
    def last(self) -> str:
        """The word right before it."""
        previous = self.previous
        return previous[0] if previous else ""

    @property
    def next(self) -> str:
        """The word right after it, as written; nothing if a sign stands between."""
        found = re.match(r"\s([^\W\d_]+)", self.after)
        return found[1] if found else ""


def judged(form: Form, source: Source, start: int, end: int) -> Trust | None:
    """What a candidate is worth; None if it is no date."""
    if not form.guard:
        return form.trust
    text = source.text
    before, after = text[max(0, start - _REACH) : start], text[end : end + _REACH]
    return _GUARDS[form.guard](Place(text[start:end], before, after, source.language, form.trust))


_MEASURED = re.compile(r"\s?(?:mg|ml|mcg|µg|kg|cm|mm|mmHg|mmol|IU|IE)\b")


def _numeric(place: Place) -> Trust | None:
    """Day, month and year in figures."""
    numbers = [int(digits) for digits in re.findall(r"\d+", place.text)]
    if min(numbers[:2]) > 12 or place.last in words("v version ver build fw firmware software release ratio"):
        return None
    if place.last in words(
        "bipap vent settings score scores peep strength power apgar apgars ap apgar-werte ph mrc"
    ):
        return None
    return None if _MEASURED.match(place.after) else place.trust


def _pair(place: Place) -> Trust | None:
    """Two figures with a slash: a date after a cue, or where it can hardly be a score."""
    first, second = (int(digits) for digits in re.findall(r"\d+", place.text))
    previous = place.previous
    if min(first, second) > 12 or (first, second) == (24, 7) or _scored(place, second):
        return None
    if place.last in datewords.HAPPENED or (
        place.last in ("is", "was") and previous[1:2] and previous[1] in datewords.HAPPENED
    ):
        return Trust.SOFT
    if previous and (previous[0] in datewords.SCORES or previous[0].isdigit()):
        return None
    if second in (12, 7) and place.last in words("x in at for every ~ tld"):
        return None  # months and days, as British notes write them
    if place.next.casefold() in datewords.UNITS or re.match(r"\s?(?:mg|ml|cm|h\b|d\b|x\b)", place.after):
        return None
    cued = place.last in datewords.CUES or place.last.endswith("'s")
    event = any(word in datewords.EVENTS for word in previous[:3])
    event = event and not place.before.rstrip().endswith((".", "?", "!"))
    if max(first, second) > 12:
        # "11/30" is a score after its name only, "4/21" hardly ever.
        return None if any(word in datewords.SCORES for word in previous[:2]) and not cued else Trust.SOFT
    if cued:
        return Trust.SOFT
    if "0" in (place.text[0], place.text.split("/")[1][0]):
        return Trust.SOFT
    if (first, second) in {(1, 2), (1, 3), (2, 3), (1, 4), (3, 4)} or second in (5, 7, 12):
        return None
    if second == 10 and first != 10:
        return Trust.SOFT if previous[:1] and previous[0] in datewords.EVENTS else None
    return Trust.SOFT if event and not any(word in datewords.SCORES for word in previous[:3]) else None


def _scored(place: Place, second: int) -> bool:
    """Whether a pair is a score by what stands beside it: a mode of ventilation, a score out of the same."""
    if place.next.casefold() in datewords.VENTILATED or _NODES.match(place.last):
        return True
    around = f"{place.before[-32:]} {place.after[:32]}"
    return second > 12 and any(
        int(one[2]) == second and int(one[1]) > 12 for one in _OTHER_PAIR.finditer(around)
    )


_NODES = re.compile(r"[ypc]{0,2}n\d[a-c]?\Z")
_OTHER_PAIR = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?![\d/])")


def _cued_pair(place: Place) -> Trust | None:
    if place.next.casefold() in datewords.UNITS | datewords.VENTILATED or place.last in datewords.SCORES:
        return None
    if place.text.endswith(("/52", "/40")) or (place.text.endswith(("/12", "/7")) and place.last == "in"):
        return None  # weeks, weeks of gestation, months and days, as British notes write them
    if place.last == "on" and int(place.text.partition("/")[2]) < 18:
        return None
    padded = place.text[0] == "0" and int(place.text[-2:]) > 31
    led = place.last in words(
        "implanted fitted placed dated since from on in vom seit ab exp expiry expires dos ed dx"
    )
    return Trust.SOFT if led or padded else None


def _months(place: Place) -> Trust | None:
    """`6/29-11/29`, `02-04/2021`: months of a year."""
    return None if place.next.casefold() in datewords.UNITS or place.last in datewords.SCORES else Trust.SOFT


def _cued_hyphen(place: Place) -> Trust | None:
    padded = re.fullmatch(r"0\d-\d\d|\d\d-0\d", place.text) is not None
    if place.next.casefold() in datewords.UNITS or not (padded or place.last in ("dated", "dob", "dos")):
        return None
    return Trust.SOFT if place.last in datewords.CUES else None


def _month_year(place: Place) -> Trust | None:
    return None if place.last in words("ratio pmid doi vol") else place.trust


def _capitals(place: Place) -> Trust | None:
    return place.trust if place.text.isupper() else None


def _month_of(text: str, language: str) -> str:
    """The word of the month within a candidate, as written."""
    known = {**MONTHS[language], **SHORT[language]}
    return next((word for word in re.findall(r"[^\W\d_]+", text) if word.casefold() in known), "")


def _day_month(place: Place) -> Trust | None:
    month = _month_of(place.text, place.language).casefold()
    if (
        month == "may"
        and re.fullmatch(r"\d+ ?[Mm]ay", place.text)
        and place.next.casefold() in datewords.VERBS
    ):
        return None
    if place.last in ("pod", "#") and month in datewords.DOUBTFUL:
        return None
    return Trust.SOFT if month in datewords.DOUBTFUL - {"march", "mars"} else place.trust


def _month_day(place: Place) -> Trust | None:
    month = _month_of(place.text, place.language)
    if place.next.casefold() in datewords.UNITS:
        return None
    if (
        month in ("may", "march")
        and place.last not in datewords.MONTH_CUES | datewords.EVENTS
        and not re.search(r"\d(?:st|nd|rd|th)|\d{4}|(?:nineteen|twenty)\s\w", place.text)
    ):
        return None
    if month in ("MAR", "OCT") and place.text.upper() != place.text:
        return None
    return Trust.SOFT if month.casefold() in datewords.DOUBTFUL else place.trust


def _month_year_words(place: Place) -> Trust | None:
    month = _month_of(place.text, place.language)
    return Trust.SOFT if month in ("may", "mar", "dec", "set", "OCT", "MAR", "DEC") else place.trust


def _month_alone(place: Place) -> Trust | None:
    """A whole month's name without a day; some are verbs or names."""
    word = re.findall(r"[^\W\d_]+", place.text)[-1]
    low = word.casefold()
    led = len(place.text.split()) > 1 or "-" in place.text or place.last in datewords.MONTH_CUES
    after = place.next.casefold()
    if place.language == "en":
        if low == "march" and after in datewords.MARCHES:
            return None
        if low == "march" and place.last in ("a", "the"):
            return Trust.SOFT if word == "March" else None
        if low == "may" and (after in datewords.VERBS or not led or place.last in ("a", "de", "en")):
            return None
        if not led and word.islower() and low in ("march", "august"):
            return None
        return place.trust if led or low not in ("march", "april", "june", "august") else Trust.SOFT
    if place.language == "es" and low == "mayo" and word != "mayo":
        return Trust.SOFT if place.last in ("en", "desde", "hasta") else None
    if low in ("mars", "mai", "marzo") and not led and place.language != "de":
        return None
    named = low in words("julio abril mai avril april juno august mars")
    return Trust.SOFT if named and not led else place.trust


def _short_month(place: Place) -> Trust | None:
    word = re.findall(r"[^\W\d_]+", place.text)[-1]
    if re.search(r"\d\d$", place.text) and (
        place.last not in datewords.MONTH_CUES or place.next.casefold() in datewords.UNITS
    ):
        return None
    if word.isupper() and place.before[-24:] != place.before[-24:].upper():
        return None
    if place.language == "en" and word.casefold() == "may":
        return None
    if len(place.text.split()) > 1 or "-" in place.text:
        return place.trust
    if word.istitle() and place.last in datewords.EVENTS:
        return place.trust
    if place.last not in datewords.MONTH_CUES or place.last in ("a", "de", "and", "or", "the", "el", "al"):
        return None
    if word.islower() and word in words("mar dec set sep mai jan"):
        return place.trust if place.last in words("in since until till til by en im seit last next") else None
    if place.last in ("of", "for", "den", "dem") and word.casefold() in ("jan", "may", "set"):
        return None
    return place.trust


def _season(place: Place) -> Trust | None:
    if "fall" in place.text.casefold() and place.last in words("a his her mechanical post s/p after with"):
        return None
    return place.trust


def _weekday(place: Place) -> Trust | None:
    return None if place.last in datewords.TITLES and place.text[:1].isupper() else place.trust


_TIME = re.compile(
    r"[,.]?\s?(?:\d{1,2}[:.h]\d\d|\d{1,2}\s?(?:uhr|h\b|am\b|pm\b)|\d{1,2}\.\d{1,2}|\d{1,2}/\d)", re.IGNORECASE
)


def _short_weekday(place: Place) -> Trust | None:
    return _SHORT_WEEKDAY[place.language](place)


def _english_weekday(place: Place) -> Trust | None:
    word = place.text.split()[-1].casefold()
    after = place.next.casefold()
    if len(place.text.split()) > 1 or after in datewords.PART_OF_DAY:
        return place.trust
    if (word in ("sat", "sun") and (place.before.endswith("-") or place.last in ("arctic", "fat"))) or (
        word == "sat" and after in ("phone", "phones", "tel")
    ):
        return None
    if (
        re.match(r"\s?(?:[<>=~:]\s?)?\d{2,3}(?!\d|:|[ap]m|\d?\s?(?:am|pm|h))\s?%?", place.after)
        and word == "sat"
    ):
        return None
    if word in ("tues", "weds", "thurs", "thur", "thu", "tue"):
        return Trust.SURE
    if word in ("wed", "fri"):
        return place.trust
    if place.last in datewords.CUES | words(
        "this last next every each & wed fri mon sun sat tues thurs weds come for out my your her his"
        if word != "sat" or place.text.istitle()
        else "this last next every each & wed fri mon sun tues thurs weds come for out"
    ):
        return None if word == "sat" and after in ("probe", "of") else place.trust
    if word == "mon":
        return None if after in ("ami", "cheri") else place.trust
    if word == "sun":
        if place.after.startswith("?") or place.last in ("swap", "swapping", "cover", "covering", "free"):
            return place.trust
        capital = place.text[0].isupper() and not place.before.rstrip().endswith((".", "!", "?"))
        return place.trust if capital and place.last not in ("the", "mr", "mrs", "ms", "dr") else None
    if place.last in datewords.SAT_VERB or after in datewords.SAT_AFTER:
        return None
    return place.trust


_CLOCK = re.compile(r"\s\d{1,2}:\d{2}(?!\d)")


def _german_weekday(place: Place) -> Trust | None:
    word = place.text.split()[-1]
    after = place.next
    if after.casefold() in datewords.PART_OF_DAY or len(place.text.split()) > 1:
        return place.trust if after.casefold() != "nacht" or word[0].isupper() else None
    if _TIME.match(place.after) and (not word.islower() or _CLOCK.match(place.after)):
        return place.trust if not word.islower() else Trust.SOFT
    if datewords.PAIRED.match(place.after) or datewords.PAIRED_BEFORE.search(place.before[-8:]):
        return place.trust if not word.islower() or word == "mo" else None
    if re.search(r"\d\s?\Z", place.before):
        return None  # months: "14 Mo"
    if word in ("mo", "di", "mi", "do", "fr", "sa") and (
        place.last in datewords.PLANNED
        or datewords.SMALL_PAIR.match(place.after)
        or datewords.SMALL_PAIR_BEFORE.search(place.before[-8:])
    ):
        return Trust.SURE if word == "fr" or place.last not in ("geht", "erst") else Trust.SOFT
    listed = not after or after[0].islower() or datewords.NEAR_WEEKDAY.search(f"{place.before}|{place.after}")
    if word in ("Mo", "Di", "Mi", "Do") and listed and place.last not in datewords.TITLES:
        return Trust.SOFT
    if place.last not in datewords.DE_CUES or word == "so":
        return None
    if word == "So" or word.casefold() == "fr":
        return place.trust if after.islower() or re.match(r"\s?(?:[,;!?)]|$)", place.after) else None
    if word.islower() and place.last in ("für", "von", "morgen", "heute", "gestern"):
        return None
    return place.trust


def _romance_weekday(place: Place) -> Trust | None:
    led = place.last in words("ce le el este hasta desde jusqu'à du del")
    return place.trust if led and re.match(r"\.?\s\d|[.,;]|$", place.after) else None


def _feast(place: Place) -> Trust | None:
    low = place.text.casefold()
    if place.next.casefold() in ("disease", "factor", "cactus", "lights"):
        return None
    if low in ("eid", "cny", "holi") and place.text.isupper() and low != "cny":
        return None
    return Trust.SOFT if low in words("noel eid waitangi onam pascua reyes carnaval") else place.trust


_COUNTED = re.compile(
    r"\s?-?\s?(?:percentile|centile|%|rib|ribs|nerve|cn|week|weeks|wk|day|days|time|times|floor|dose|doses|decade|cranial|"
    r"line|metatarsal|metacarpal|mt|mc|digit|toe|finger|degree|episode|grade|century|gen|generation|visit|cycle|"
    r"intercostal|ics|ventricle|year|years|yr|month|months|trimester|hour|hr|attempt|birthday|child|edition|person|one|"
    r"opinion|line|admission|course|round|set|pass|look|stage|place|heart|degree|case|trop|troponin|presentation|"
    r"seizure|shift|night|bed|patient|pt|bottle|litre|liter|bag|unit|call|page|consult|try|ave|avenue|st|street|"
    r"pregnancy|baby|relapse|infusion|block|av|shock|arrest|infection|stroke|fall|dka|exacerbation|"
    r"order|lady|gent|guy|twin|half|chance|admit|kidney|lesion|vaccine|jab|booster|ray|hand|stage|gear|party|most|last|sound|intention|gravida|cousin)s?\b",
    re.IGNORECASE,
)


_NTH = re.compile(r"\d+(?:st|nd|rd|th)\Z")


def _worded_ordinal(place: Place) -> Trust | None:
    """ "the twenty second": a day of the month unless it counts what follows."""
    if _COUNTED.match(place.after):
        return None
    noun = re.match(
        r"\s?(?:[.,;!?)\n]|$)|\s(?:not|and|or|at|on|if|for|with|is|was|then|ring|in|by|to)\b", place.after
    )
    led = place.previous[1:2] and place.previous[1] in datewords.CUES | words(
        "is was on the not have has for"
    )
    return Trust.SOFT if noun is not None or led else None


def _ordinal(place: Place) -> Trust | None:
    """A bare day of the month: "the 19th"."""
    previous = place.previous
    following = re.match(r"\s(?:and|to|or|-)\s\d", place.after) is not None
    if _COUNTED.match(place.after) or (following and place.last not in datewords.CUES):
        return None
    if place.last in ("and", "or", "to") and previous[1:2] and _NTH.match(previous[1]):
        return Trust.SOFT if any(word in datewords.CUES for word in previous[2:4]) else None
    if place.last in ("the", "this"):
        previous = previous[1:]
        if not previous or place.before.rstrip().endswith((".the", ", the")):
            return Trust.SOFT
    led = previous[0] if previous else ""
    if led in datewords.CUES | words(
        "w/c wc wk and or to tmrw tomorrow today was is night evening morning day for it's its day"
    ):
        return Trust.SOFT
    return (
        Trust.SOFT if re.match(r"\s?(?:[.,;!?)]|at\b|$)", place.after) and place.last in ("the", "") else None
    )


def _some_day(place: Place) -> Trust | None:
    named = [word.casefold() for word in place.text.split()]
    if any(word in datewords.NO_DAY for word in named[:-1]) or place.next.casefold() in datewords.DAY_PLACE:
        return None
    return place.trust


def _long_weekend(place: Place) -> Trust | None:
    first = place.text.split()[0].casefold()
    named = first in MONTHS["en"] or first in words(
        "easter labour labor waitangi queen's king's victoria civic christmas"
    )
    led = first == "the" and place.last in datewords.CUES | words("over this")
    return place.trust if named or led else None


def _dotted(place: Place) -> Trust | None:
    """`3.2.` in German: a date, a value at the end of a sentence, or the number of a heading."""
    if place.last in datewords.LABS:
        return None
    if place.last in datewords.CUES | datewords.EVENTS | words("in am mo di mi do fr sa so"):
        return Trust.SURE
    day, month = re.findall(r"\d+", place.text)
    plain = len(day) == 1 and len(month) == 1
    ends = re.match(r"\s*(?:$|[A-ZÄÖÜ])", place.after) is not None
    if plain and ((ends and place.last) or (not place.before.rsplit("\n", 1)[-1].strip() and ends)):
        return None
    return Trust.SOFT


def _cued_dotted(place: Place) -> Trust | None:
    if place.next.casefold() == "uhr" or place.next.casefold() in datewords.UNITS:
        return None
    padded = re.fullmatch(r"\d\d\.\d\d", place.text) is not None
    cues = words("am vom seit bis zum den dem") if padded else words("am vom")
    return place.trust if place.last in cues else None


def _month_range(place: Place) -> Trust | None:
    return None if "may" in place.text.split() and place.last not in datewords.MONTH_CUES else place.trust


_COUNTED_DE = re.compile(
    r"\s?(?:mal|tag|tage|woche|monat|jahr|ssw|stock|gabe|dosis|zyklus|rippe|finger|zehe|lebens|grad|kind|stelle|quartal|og|"
    r"versuch|teil|inter|icr|semester|hals|hirn|postop|post|op|stunde|lwk|bwk|hwk|etage|wahl|platz|schwanger|linie|"
    r"strahl|mittel|fahrt|reihe|ebene|generation|person|advent|januar|februar|april|mai|juni|juli|august|"
    r"september|oktober|november|dezember|märz|feber|jänner|weihnacht|konsil|anlauf|eizelle|bypass|klinisch|po\b)",
    re.IGNORECASE,
)


def _day_alone(place: Place) -> Trust | None:
    """`am 12.` in German; a noun behind it is what is counted."""
    if re.match(r"\s(?:oder|und)\s(?:der |die |dem |den )?\d{1,2}\.\s", place.after):
        return None
    if place.last not in words("am vom zum bis dem der den") or _COUNTED_DE.match(place.after):
        return None
    if place.last in ("der", "den", "dem") and re.match(r"\s[a-zäöü]", place.after):
        # "der 2. war schlimmer": no telling; after a preposition it is a day.
        before = place.previous[1:2]
        if not before or before[0] not in words("seit ab nach vor bis nicht auf für mit"):
            return None
    if re.match(r"\s[A-ZÄÖÜ]", place.after) and place.next.casefold() not in datewords.TITLES | words(
        "pat patient patientin"
    ):
        return None
    return place.trust


def _romance_day(place: Place) -> Trust | None:
    return place.trust if not place.last or place.last not in datewords.SCORES else None


_SHORT_WEEKDAY: dict[str, Callable[[Place], Trust | None]] = {
    "en": _english_weekday,
    "de": _german_weekday,
    "es": _romance_weekday,
    "fr": _romance_weekday,
}
_GUARDS: dict[str, Callable[[Place], Trust | None]] = {
    "numeric": _numeric,
    "pair": _pair,
    "cued pair": _cued_pair,
    "months": _months,
    "cued hyphen": _cued_hyphen,
    "month year": _month_year,
    "capitals": _capitals,
    "day month": _day_month,
    "month day": _month_day,
    "month year words": _month_year_words,
    "month": _month_alone,
    "month range": _month_range,
    "short month": _short_month,
    "season": _season,
    "weekday": _weekday,
    "short weekday": _short_weekday,
    "feast": _feast,
    "ordinal": _ordinal,
    "worded ordinal": _worded_ordinal,
    "some day": _some_day,
    "long weekend": _long_weekend,
    "dotted": _dotted,
    "cued dotted": _cued_dotted,
    "day alone": _day_alone,
    "romance day": _romance_day,
}
