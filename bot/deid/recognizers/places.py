"""Places smaller than a state: towns, districts, landmarks, street addresses, postcodes. Linear time.

States, provinces, Länder and countries may stay: 45 CFR 164.514(b)(2)(i)(B) begins below them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from bot.deid.lexicon import cues, terms
from bot.deid.lexicon.sections import LANGUAGES, section
from bot.deid.lexicon.tokens import Token, begins, gap, tokens
from bot.deid.lexicon.words import flags, fold
from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers.cues import Places
from bot.deid.recognizers.people import phrases

_QUARTERS = (
    "north",
    "south",
    "east",
    "west",
    "central",
    "gra",
    "nord",
    "süd",
    "ost",
    "mitte",
    "norte",
    "sur",
)
_LONGEST = 4  # words of a town's name
_CUES = {language: section(f"place cue {language}") for language in LANGUAGES}
_STRONG = section("place strong cue")
_LANDMARKS = section("place landmark")
_BEFORE_LANDMARK = section("place before landmark")
_STREETS = section("place street")
_GENERIC_STREETS = section("place generic street")
_GERMAN_STREET = re.compile(
    r"[^\W\d_a-z][\w-]{2,30}(?:straße|strasse|gasse|allee|chaussee|platz|str\.)(?!\w)"
)
_STREET_END = re.compile(r"(?:straße|strasse|gasse|allee|chaussee|platz|str\.)(?!\w)")
_GERMAN_TOWN = re.compile(
    r"\w{2,20}(?:burg|berg|stadt|dorf|heim|hausen|ingen|bach|feld|furt|kirchen|kirch|brück|brücken|hofen|leben|rode|walde|see|münde|haven|büttel|stedt|itz|ow|au|felden|ikon|wil)"
)
_UNIT = r"(?:(?:Flat|Apt\.?|Apartment|Unit|Suite|Ste\.?|Blk|Block|House|Door|Plot|No\.?)\s?[\w#/-]{1,6},?\s)?"
_NUMBER = r"(?!\d{1,2}[MF]\b)(?:[A-Z]?\d{1,5}[A-Za-z]?(?:[-/–]\d{1,4}[A-Za-z]?)?)"
_WORDS = r"(?:(?:[NSEW]\.?|[^\W\d_][\w.'’-]{1,20}),?\s){1,4}?"
_ENGLISH = re.compile(
    r"(?<![\w.,:/-])"
    + _UNIT
    + _NUMBER
    + r",?\s"
    + _WORDS
    + r"(?:St(?:reet)?|Ave(?:nue)?|R(?:oad|d)|L(?:ane|n)|Blvd|Boulevard|Hwy|Highway|Drive|Dr|Court|Ct"
    r"|Place|Pl|Terrace|Tce|Ter|Crescent|Cres|Close|Cl|Way|Grove|Rise|Parade|Parkway|Pkwy|Square|Sq|Mews|Gardens|Gdns|Quay|Row|Walk|Hill|Circle|Cir|Trail"
    r"|Nagar|Marg|Colony|Layout|Estate|Koil|Station|Green|Park|Bank|View|Vale|Wynd)"
    r"(?![\w])\.?(?:\s(?:St|Street|Rd|Road)(?!\w))?(?:\s\d{1,2}(?=\s#|,|\s{0,3}$))?",
    re.I,
)
_ENGLISH_BLOCK = re.compile(r"(?<!\w)Blk\.?\s\d{1,4}[A-Z]?\s[^\n,;()]{3,30}?#\d{1,2}-\d{1,4}", re.I)
_HIGHWAY = re.compile(r"(?<![\w.,-])\d{1,5}\s(?:HWY|Hwy|Highway|Route|Rte|RR)\s\d{1,4}")
_GERMAN = re.compile(
    r"(?<!\w)(?:(?:Am|An|Im|Auf|Zum|Zur|Unter|Hinter|In)\s(?:de[rnm]\s)?)?(?:(?:Alte[rn]?|Neue[rn]?|Große|Kleine|Obere|Untere|Hintere|Vordere|Lange|Breite|Hohe)\s)?[^\W\d_a-zäöüß][\w.-]{1,30}"
    r"(?:(?<=straße)|(?<=strasse)|(?<=Straße)|(?<=Strasse)|(?<=str\.)|(?<=Str\.)|(?<=gasse)|(?<=weg)|(?<=Weg)|(?<=platz)|(?<=Platz)|(?<=allee)|(?<=Allee)|(?<=ring)|(?<=damm)|(?<=ufer)"
    r"|(?<=steig)|(?<=graben)|(?<=markt)|(?<=kai)|(?<=zeile)|(?<=stieg)|(?<=twiete)|(?<=pfad)"
    r"| (?:Str\.|Straße|Strasse|Weg|Platz|Allee))\.?\s\d{1,4}\s?[a-z]?(?!\w)"
)
# "3874 Haugschlag 17": villages without street names; the house number follows the village.
_VILLAGE = re.compile(
    r"(?<![\w.,/-])(?!19|20)[1-9]\d{3} [A-ZÄÖÜ][a-zäöüß]{3,20} \d{1,3}[a-z]?(?![^\W_]|[.,:/]\d| ?[%°])"
)
# "H.No 3-77, Shadnaggar", "8-2-293/A, Road No. 12, Banjara Hills".
_INDIAN = re.compile(
    r"(?<![\w.,/-])(?:(?:[HD]\. ?No|House No|Door No|Plot No|Flat No)\.? ?[\dA-Z][\w/-]{0,11}|"
    r"\d{1,2}-\d{1,2}-\d{1,4}(?:/[\dA-Z]{1,3})?"
    r"(?=, (?:Road|Street|Lane|[A-Z][a-z]+ (?:Nagar|Colony|Hills|Road|Puram|Marg|Layout))))"
    r"(?:, (?:No\.|[A-Z][a-z]+|\d{1,3})(?: (?:No\.|[A-Z][a-z]+|\d{1,3})){0,3}){0,3}"
)
# Welsh: "14 Heol y Graig".
_WELSH = re.compile(
    r"(?<![\w.,/-])\d{1,3}[A-Za-z]?,? (?:Heol|Ffordd|Stryd|Lôn|Clos|Rhodfa|Maes|Llys|Erw|Trem)(?: [yY]r?)?"
    r"(?: [^\W\d_a-z][\w'’-]{1,20}){1,2}"
)
_SPANISH = re.compile(
    r"(?<!\w)(?:C/|[Cc]alle|[Aa]vda?\.|[Aa]venida|[Pp]laza|[Pp]za\.|[Pp]aseo|[Pp]º|[Cc]amino|[Cc]arretera|[Rr]onda|[Tt]ravesía|[Cc]olonia)\s?(?:de\s|del\s|la\s|las\s|los\s|el\s){0,3}"
    r"[^\W\d_a-z][\w.'-]{1,20}(?:\s(?:de\s|del\s|la\s|y\s){0,2}[^\W\d_a-z][\w.'-]{1,20}){0,3}(?:,?\s(?:nº\s?|n\.º\s?)?\d{1,4}(?:,?\s\d{1,2}[ºª°]?\s?(?:izq|dcha|[A-D])?\.?)?)?"
)
_FRENCH = re.compile(
    r"(?<!\w)\d{1,4}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|av\.|boulevard|bd|place|chemin|route|allée|impasse|quai|cours|montée|passage|square|faubourg|rang)\s"
    r"(?:d[eu]s?\s|de\sla\s|de\sl['’]|d['’]|l['’]|la\s|le\s){0,2}[^\W\d_][\w.'’-]{1,25}(?:\s(?!\d)[^\W\d_A-ZÀ-Þ]{0,3}\s?[^\W\d_a-z][\w.'’-]{1,25}){0,3}"
)
_POSTCODES = (
    re.compile(r"(?<![\w-])[A-Z]{1,2}\d[A-Z\d]?\s?\d[ABD-HJLNP-UW-Z]{2}(?![\w-])"),  # UK
    re.compile(r"(?<![\w-])[AC-FHKNPRTV-Y]\d[0-9W]\s?[0-9AC-FHKNPRTV-Y]{4}(?![\w-])"),  # IE, Eircode
    re.compile(r"(?<![\w-])[ABCEGHJ-NPRSTVXY]\d[ABCEGHJ-NPRSTV-Z][ -]?\d[ABCEGHJ-NPRSTV-Z]\d(?![\w-])"),  # CA
    re.compile(r"(?<!\w)[zZ][iI][pP](?:\s?[cC]ode)?:?\s(\d{5}(?:-\d{4})?)(?!\w)"),  # US, after its cue
    re.compile(
        r"(?<![\w-])(?:AL|AK|AZ|AR|CA|CO|CT|DE|FL|GA|HI|ID|IL|IA|KS|KY|LA|ME|MD|MA|MI|MN|MS|MO|MT|NE|NV|NH|NJ|NM|NY|NC|ND|OH|OK|OR|PA|RI|SC|SD|TN|TX|UT|VT|VA|WA|WV|WI|WY)"
        r"[ ,]{1,2}(\d{5}(?:-\d{4})?)(?!\w)"
    ),
    re.compile(r"(?<![\w-])(?:NSW|VIC|QLD|WA|SA|TAS|NT|ACT)\s(\d{4})(?!\w)"),  # AU
    re.compile(r"(?<!\w)[Ss]ingapore\s(\d{6})(?!\w)"),
    re.compile(r"(?<!\w)(?:PIN|pin)(?:\s?[cC]ode)?:?\s([1-9]\d{2}\s?\d{3})(?!\w)"),  # IN
)
_BEFORE_TOWN = re.compile(r"(?<![\w.,/-])(?:D-|A-|CH-|F-)?\d{4,5}\s(?=[^\W\d_a-z])")
_AFTER_TOWN = re.compile(r"\s(?:\d{6}|\d{3}\s\d{3}|\d{5}(?:-\d{4})?)(?![\w,.]\d|\w)")
_TAIL = re.compile(
    r",? (?:(?:Apt|Suite|Unit|Flat|Floor|App\.?|Whg\.?)\.? ?\w{1,5}|#\d{1,2}-\d{1,4}"
    r"|\d{1,2}[ºª°] ?(?:izq|dcha)?\.?)"
    r"|, ?(?:Site \w\b|[^\W\d_a-z][\w'’.-]{2,20}(?: [^\W\d_a-z][\w'’.-]{2,20}){0,2})"
    r"(?=,| [A-Z]{1,2}\d| [A-Z]{2} | \d{4,6}(?!\w)|[ .]{0,3}$|[.;)\n]|  )"
    r"|,? (?:[A-Z]{2,3} )?(?:\d{5}-\d{4}|\d{4,6}(?!\w))(?: [^\W\d_a-z][\w-]{2,20})?"
    r"|,? (?:[A-Z]{2} )?(?:[A-Z]{1,2}\d[A-Z\d]? ?\d[A-Z]{2}|[A-Z]\d[A-Z] ?\d[A-Z]\d)(?!\w)"
    r"|,? [^\W\d_a-z][\w-]{2,20} (?=[A-Z]\d[A-Z] ?\d[A-Z]\d)|, [A-Z]{2} \d{5}(?!\w)"
    r"|, Co\.? [A-Z][a-z]{2,15}|, [A-Z]{2}(?= \d{5})"
)


_BEFORE_CODE = re.compile(r"(?:[^\W\d_a-z][\w'’.]{1,18}(?:[ -][^\W\d_a-z][\w'’.]{1,18}){0,2}, ?){1,4}\Z")


def find(source: Source) -> Iterable[Hit]:
    """Towns, streets, landmarks, postcodes."""
    yield from _addresses(source)
    yield from _postcodes(source)
    words = source.once(tokens)
    at = 0
    while at < len(words):
        placed = words[at].capital and (_landmark(words, at, source) or _street(words, at, source))
        found = placed or _town(words, at, source)
        if found is None:
            at += 1
            continue
        hit, at = found
        yield hit


def _addresses(source: Source) -> Iterator[Hit]:
    text, places = source.text, source.once(Places)
    for pattern in (_ENGLISH, _ENGLISH_BLOCK, _HIGHWAY, _GERMAN, _SPANISH, _FRENCH, _INDIAN, _WELSH):
        for match in (places.worded if pattern is _SPANISH else places.numbered)(pattern):
            if pattern is _ENGLISH and not _street_like(match[0]):
                continue
            if pattern is _FRENCH and source.language != "fr" and " rue " not in match[0]:
                continue
            yield Hit(match.start(), _tail(text, match.end()), Kind.PLACE, Trust.SURE, "place: address")
    for match in places.numbered(_VILLAGE) if source.language == "de" else ():
        yield Hit(match.start(), match.end(), Kind.PLACE, Trust.SOFT, "place: address")
    for match in _GERMAN_STREET.finditer(text) if _STREET_END.search(text) is not None else ():
        if fold(match[0]) not in _GENERIC_STREETS:
            yield Hit(
                match.start(),
                match.end(),
                Kind.PLACE,
                Trust.SOFT if match[0].endswith("platz") else Trust.SURE,
                "place: street",
            )


def _street_like(text: str) -> bool:
    """Whether the words between number and "St" are a street's: capitals, or a plain "12 high st"."""
    inner = list(re.findall(r"[^\W\d_][\w'’-]*", text))
    if any(terms.is_drug(word.lower()) or (cues.is_stop(word.lower()) and word.islower()) for word in inner):
        return False
    return all(word[0].isupper() for word in inner) and not (
        inner[-1].isupper() and len(inner[-1]) < 3 and not text.isupper()
    )


def _tail(text: str, end: int) -> int:
    """The end of an address: flat, town, state, postcode."""
    for _ in range(5):
        match = _TAIL.match(text, end)
        if match is None:
            break
        end = match.end()
    return end


def _postcodes(source: Source) -> Iterator[Hit]:
    text, places = source.text, source.once(Places)
    for pattern in _POSTCODES:
        for match in places.numbered(pattern):
            group = 1 if pattern.groups else 0
            if (
                not group
                and pattern is _POSTCODES[2]
                and len(match[0]) < 7
                and not _canadian(text, match.start())
            ):
                continue
            if group or any(char.isdigit() for char in match[0][:3]):
                start = match.start(group)
                before = _BEFORE_CODE.search(text[max(0, start - 90) : start])
                start -= 0 if before is None else len(before[0])
                yield Hit(start, match.end(group), Kind.PLACE, Trust.SURE, "place: postcode")
    words = source.once(tokens)
    starts = {token.start: at for at, token in enumerate(words)}
    for match in places.numbered(_BEFORE_TOWN):
        at = starts.get(match.end())
        if (
            at is not None
            and words[at].capital
            and ("t" in words[at].flags or _GERMAN_TOWN.fullmatch(words[at].text))
            and not terms.is_drug(words[at].key)
        ):
            yield Hit(match.start(), words[at].end, Kind.PLACE, Trust.SURE, "place: postcode")


def _canadian(text: str, start: int) -> bool:
    """Whether a code without its space stands after a province: "NS B0J2W0"; not "A2L3B1" of a score."""
    return (
        re.search(r"(?:AB|BC|MB|NB|NL|NS|NT|NU|ON|PE|QC|SK|YT)[ ,]{1,2}\Z", text[max(0, start - 5) : start])
        is not None
    )


def _town(words: tuple[Token, ...], at: int, source: Source) -> tuple[Hit, int] | None:
    """A town of the list, or after a cue a word that looks like one."""
    token = words[at]
    if not token.word or len(token.text) < 3:
        return None
    cue = words[at - 1].key if at else ""
    cued = cue in _CUES[source.language] or (
        cue in ("the", "der", "la") and at > 1 and words[at - 2].key in _STRONG
    )
    if not (token.capital or cued):
        return None
    longest = _longest(words, at)
    if longest > 1:
        return _placed(words, at, at + longest, source.text, Trust.SURE)
    if cues.is_stop(token.key) or (token.capital and not phrases.shaped(token)):
        return None
    if (
        terms.is_other(token.key)
        or token.is_term(source.language)
        or (terms.is_eponym(token.key) and not (cued and "t" in token.flags and cue in _STRONG | {"in"}))
    ):
        return None
    ordinary = token.is_ordinary(source.language)
    if "t" in token.flags and token.capital and not (ordinary and begins(words, at)):
        if terms.speaks_of_eponym("", words[at + 1].key if at + 1 < len(words) else ""):
            return None
        if cued and not ordinary:
            return _placed(words, at, at + 1, source.text, Trust.SURE if cue in _STRONG else Trust.SOFT)
        if (cued and cue in _STRONG) or not ordinary:
            return _placed(words, at, at + 1, source.text, Trust.SOFT)
    if (
        token.lower
        and cued
        and cue in _STRONG | {"in", "nach", "en"}
        and "t" in token.flags
        and not ordinary
        and len(token.text) > 3
        and "w" not in token.flags
    ):
        return _placed(words, at, at + 1, source.text, Trust.SURE if cue in _STRONG else Trust.SOFT)
    if (
        cued
        and token.capital
        and not ordinary
        and (source.language != "de" or _GERMAN_TOWN.fullmatch(token.text) or cue in ("aus", "nach", "in"))
    ):
        end = at + 1
        while (
            end < len(words)
            and end - at < 3
            and words[end].capital
            and words[end].start - words[end - 1].end == 1
            and not words[end].is_ordinary(source.language)
        ):
            end += 1
        return _placed(words, at, end, source.text, Trust.SOFT)
    return None


def _longest(words: tuple[Token, ...], at: int) -> int:
    """How many words from here make a town's name; 0 if none."""
    key, found = words[at].key, 0
    if (
        at + 1 >= len(words)
        or (not words[at].capital and words[at + 1].capital)
        or (words[at].capital and words[at + 1].upper)
    ):
        return 0
    for count in range(2, _LONGEST + 1):
        after = at + count - 1
        if after >= len(words) or words[after].start - words[after - 1].end > 1 or not words[after].word:
            break
        key = f"{key} {words[after].key}"
        known = "t" in flags(key) and not all(terms.is_eponym(word.key) for word in words[at : after + 1])
        if known and words[after].capital == words[at].capital:
            found = count
    return found


def _placed(words: tuple[Token, ...], at: int, end: int, text: str, trust: Trust) -> tuple[Hit, int]:
    while end < len(words) and words[end].key in _QUARTERS and gap(words, end) == 1 and not words[end].lower:
        end += 1  # "Vile Parle East"
    stop = words[end - 1].end
    code = _AFTER_TOWN.match(text, stop)
    return Hit(words[at].start, stop if code is None else code.end(), Kind.PLACE, trust, "place: town"), end


def _landmark(words: tuple[Token, ...], at: int, source: Source) -> tuple[Hit, int] | None:
    """ "Lake Sammamish", "Brighton Beach", "Wexford County", "Co. Galway"."""
    token = words[at]
    if not token.capital:
        return None
    after = at + 1
    if token.key in _BEFORE_LANDMARK:
        if after < len(words) and words[after].text == "." and token.key in ("co", "mt", "ft"):
            after += 1
        if (
            after < len(words)
            and words[after].capital
            and words[after].start - words[after - 1].end <= 1
            and not cues.is_stop(words[after].key)
            and source.language != "de"
        ):
            return Hit(token.start, words[after].end, Kind.PLACE, Trust.SURE, "place: landmark"), after + 1
        return None
    if cues.is_stop(token.key) or (begins(words, at) and "w" in token.flags and "l" not in token.flags):
        return None
    end = after
    while (
        end < len(words) and end - at < 4 and words[end].word and words[end].start - words[end - 1].end == 1
    ):
        if words[end].key in _LANDMARKS and (
            words[end].capital
            or words[end].upper
            or words[end].key
            in ("lake", "bridge", "temple", "docks", "marae", "park", "county", "market", "church")
        ):
            if terms.speaks_of_eponym(
                "", words[end + 1].key if end + 1 < len(words) else ""
            ) or terms.is_other(token.key):
                return None
            if tuple(word.key for word in words[at : end + 1]) in terms.sayings(token.key):
                return None  # of a virus: "Ross River"
            return Hit(
                token.start,
                words[end].end,
                Kind.PLACE,
                Trust.SURE if words[end].capital else Trust.SOFT,
                "place: landmark",
            ), end + 1
        if not words[end].capital:
            break
        end += 1
    return None


def _street(words: tuple[Token, ...], at: int, source: Source) -> tuple[Hit, int] | None:
    """ "Gates Ave", "Canal St", "rue de la Paix": a street without a number."""
    token = words[at]
    if not token.capital or cues.is_stop(token.key) or at + 1 >= len(words):
        return None
    end = at + 1
    while (
        end < len(words)
        and end - at < 4
        and words[end].capital
        and words[end].start - words[end - 1].end == 1
    ):
        key = words[end].key
        if key in _STREETS or (key == "st" and not (end + 1 < len(words) and words[end + 1].capital)):
            if (
                key in ("close", "row", "drive", "rise", "gardens", "terrace")
                and "l" not in token.flags
                and "t" not in token.flags
            ):
                return None
            return Hit(token.start, words[end].end, Kind.PLACE, Trust.SURE, "place: street"), end + 1
        end += 1
    return None
