"""Rooms, beds, bays, wards, cubicles and theatres, in the forms that people type. Pure.

Room numbers are no class of their own in 45 CFR 164.514(b)(2); with a hospital and a day they single out one
person, so they go under (R), any other unique characteristic.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import roomsaid, roomwords, shapes
from bot.deid.recognizers.cues import Cues, Places
from bot.deid.recognizers.roomguards import END, PLACE, D, anatomy, follows, judged

_JOIN = rf"(?:, ?| ?[&+/] ?|{D}| (?:and|or|und|oder|y|et|o|ou|to|bis) )"
_CUES = {
    "en": roomwords.ENGLISH,
    "de": roomwords.ENGLISH.replace("|ot|", "|") + "|" + roomwords.GERMAN,
    "es": roomwords.SPANISH,
    "fr": roomwords.FRENCH,
}
_AFTER = r"[ \t]*(?:(?:no|nr|number|num|n[°º])\.?|#|:|=)?[ \t]?[#:]?"


_CUED = {language: Cues(((words, None),)) for language, words in _CUES.items()}
_NUMBER = re.compile(rf"{_AFTER}[ \t{shapes.DASHES}]?({PLACE}{END}(?:{_JOIN}{PLACE}{END}){{0,8}})", re.I)


class _Found(NamedTuple):
    """A word for a place in the text, and the number behind it."""

    start: int
    word: str
    first: int
    end: int


_UNIT = re.compile(rf"(?<![^\W_])({roomwords.UNITS})[ \t]?(?:[#:{shapes.DASHES}][ \t]?)?({PLACE}{END})")
_LOWER_UNIT = re.compile(
    r"(?<![^\W_])(micu|sicu|picu|nicu|cvicu|ccu|hdu|itu|amu|mau|sau|icu|its|imc|resus|cdu|eau)[ "
    r"\t](\d{1,2}[a-z]?|[a-z]\d{1,2})" + END,
    re.I,
)
_COMPASS = re.compile(
    rf"(?<![\w.,/])(\d{{1,2}} ?(?:{D} ?)?(?:north|south|east|west|nord|süd|ost|norte|sur|este|"
    rf"oeste|tower|center|central|main|"
    rf"(?-i:N|S|E|W|NE|NW|SE|SW)(?= \d{{1,3}}(?![\d.,/%])))(?: (?:bed |rm |room |"
    rf"-)?\d{{1,3}}[A-Za-z]?{END})?)(?![^\W_])",
    re.I,
)
_WARD_CODE = re.compile(
    rf"(?<![\w.,/{shapes.DASHES}])(W\d{{1,2}}[A-Z]?|S\d{{1,2}}[A-Z]?)(?= (?:bed|bay|bd|b)\b)", re.I
)
_SHORT = re.compile(r"(?<![^\W_])(?:r|w|rm)\.? ?(\d{1,4}[A-Za-z]?)(?=[ /,](?:b|bd|bed|bay)\.? ?\d)", re.I)
_STUCK = re.compile(
    r"(?<![^\W_])(?:bd|bed|rm|room|bay|zi|bett|cama|lit|hab|cub)(\d{1,4}[A-Za-z]?)(?![^\W_]|[.,]\d)", re.I
)
_BEFORE_BED = re.compile(
    r"(?<![\w.,/-])(\d{1,3}[A-Za-z]|[A-Z]\d{1,2})(?=,? (?:bett|bed|bay|bd|platz|cama|lit) ?\d)"
)
_TITLED = re.compile(
    rf"(?<![^\W_])(?:Station|Stat\.|[Ww]ard|Unit|Pflegegruppe|Planta|Service) "
    rf"([A-ZÄÖÜ][A-Za-zäöü]{{1,9}}[ -]?\d{{1,3}}[A-Za-z]?){END}"
)
_DEPARTMENT = re.compile(
    rf"(?:station|ambulanz|ologie|chirurgie) ([A-Z]{{1,2}}\d{{1,3}}|\d{{1,2}}[A-Z]?){END}"
)
_THEATRE = re.compile(r"(?<![^\W_])OR[ \t]?#?(\d{1,2}[A-Z]?)(?![^\W_]|[.,:]\d|[ ,;]*(?:\(?95|CI|\[))")
_POINTED = re.compile(
    r"(?<![^\W_])(?:station|stat\.|room|rm|zi\.?|zimmer|raum|salle|bureau|sala|habitaci[oó]n)[ "
    r"\t]?([A-Z]?\d{1,2}\.\d{1,3}[A-Za-z]?)(?![^\W_])",
    re.I,
)
_SWAPPED = re.compile(
    r"(?<![^\W_])(?:cohort|swap|switch|tauschen?|check on|eyes on|look in on|look at|round on) "
    rf"(\d{{1,4}}[A-Za-z]?){END} (?:and|&|with|und|mit) (\d{{1,4}}[A-Za-z]?){END}(?=[ ]?[.,;:?!\n]|\Z)",
    re.I,
)
_COVERED = re.compile(
    rf"(?<![^\W_])(?:cover(?:ing)?|float(?:ing|ed)? to|transfer(?:red)? to|tx to|moved? to|"
    rf"pulled to|round(?:ing)? on|upstairs (?:to|on)|[Vv]isite(?: auf)?(?: der)?|visita|nights "
    rf"on|days on|over on|up on|down on) "
    rf"(\d{{1,2}}[A-Z](?:(?:,| and| &|/|\+) ?\d{{1,2}}[A-Z]){{0,4}}|[A-Z]\d{{1,2}}){END}"
)
_SUBJECT = re.compile(
    r"(?:(?<![^,;.\n])|(?<=[,;.\n] )|(?<=and )|(?<=und ))(\d{1,4}[A-Za-z]?|[A-Z]\d{1,2}) (?:is|wants|"
    r"needs|has|keeps|refuses|refused|says|said|still|won'?t|looks|"
    r"fell|asked|asks|rang|pulled|will|braucht|will|hat|ist|klingelt|schläft|est|veut|a sonné|"
    r"quiere|pide|está)(?![^\W_])"
)
_LETTERED = re.compile(
    r"(?<![^\W_])(?i:bay|pod|triage|hall(?:way)?|wing|ward|zone|room|cubicle|curtain|pit|unit|station|box|sala|salle|"
    r"chair|resus|s/r|side ?room|stretcher|trolley|gurney|"
    r"theatre) ([A-HJ-Z])(?=[\s.,;:=)?!]|\Z)(?! ?[&.]\w)",
)
_NAMED = re.compile(
    r"(?<![^\W_])((?:St\.? |Saint )?[A-Z][a-zà-ÿ]{2,}(?:'s|’s)?(?: [A-Z][a-zà-ÿ]+)?) (?:[Ww]ard|"
    r"[Ss]uite|[Ww]ing)(?![^\W_])"
)
# Rooms without a word for them: the person in 14, a letter behind the number, German "auf der 4C".
_IN = re.compile(
    rf"(?<![^\W_])(?:in|from|for|of|auf|von|aus|del|de la|la|du|au)(?: the| der| dem)? "
    rf"({PLACE}){END}(?!-\s)(?! ?(?:of|in|to|out|out of|vs|from|bis|à|von)\b)",
    re.I,
)
_ARTICLE = {
    "de": re.compile(
        rf"(?<![^\W_])(?:auf|von|vor|in|aus|zur|an)(?: der)? (\d{{1,2}}[A-Z]|[A-Z]\d{{1,2}}){END}"
    ),
    "de2": re.compile(
        rf"(?<![^\W_])(?:auf|von|vor|aus|zur|der) (?:der )?(\d{{1,2}}[A-Z]|[A-Z]\d{{1,2}}){END}"
    ),
    "es": re.compile(rf"(?<![^\W_])(?:en|de|a) la (?:de la )?(\d{{1,3}}(?:{D}\d)?[A-Z]?){END}"),
    "fr": re.compile(rf"(?<![^\W_])(?:à la|de la|du|au|la) (\d{{3}}[A-Z]?|[A-Z]\d{{1,2}}){END}"),
}
_LETTER = re.compile(
    rf"(?<![\w.,/:+{shapes.DASHES}])(\d{{2,3}} ?[A-E]|\d{{1,2}}[A-E]|\d{{2}}[a-c]){END}(?!['’]?[a-z])"
)
_PREPOSED = re.compile(r"(?:\bon|\bin|\bfrom|\bto|\bat|\bthe|\bof|\bre|\bfor|^|\n|[.;:] )\s?$", re.I)
_DOTTED = re.compile(r"(?<![\w.,:])\d{1,2}\.\d{2}(?=: )")
_FIGURES = re.compile(r"\d+")
_LIST_LINE = re.compile(
    rf"(?m)^[ \t]{{0,4}}(?:(?:OG|EG|UG|DG)[ \t]?)?[*•>{shapes.DASHES}]?[ \t]{{0,2}}"
    rf"(\d{{1,4}}(?:{D}\d{{1,2}}|/\d|[A-Za-z])?|"
    rf"[A-Z]{{1,2}}\d{{1,3}})(?=[ \t]?[:=–-][ \t]|[ \t]+[\"“„][A-ZÄÖÜ]|[ \t]+[^\W\d_\"“'(?—–])"
)


def find(source: Source) -> Iterable[Hit]:
    """Numbers, letters and names of rooms, beds and wards."""
    places = source.once(Places)
    hits = [*_cued(source, places), *_without_figures(source, places)]
    hits += roomsaid.find(source)
    if places.digits:
        hits += [*_shaped(source, places), *_people(places), *_listed(source.text)]
        hits += [*_related(places, hits), *_echoed(places, hits)]
    return hits


def _related(places: Places, hits: list[Hit]) -> Iterator[Hit]:
    """Rooms that the sentence shows to be some: covered, swapped, or its subject ("11 is asleep")."""
    text = places.text
    for covered in places.numbered(_COVERED):
        for one in _ONE.finditer(text, *covered.span(1)):
            yield Hit(*one.span(), Kind.ROOM, Trust.SURE, "covered")
    for pair in places.numbered(_SWAPPED):
        for group in (1, 2):
            room = judged(text, *pair.span(group), Trust.SOFT, "pair")
            if room is not None:
                yield room
    for subject in places.numbered(_SUBJECT):
        if text[max(0, subject.start(1) - 4) : subject.start(1)].rstrip(" ,;.")[-1:].isdigit():
            continue
        if hits or (subject[1][-1].isalpha() and len(subject[1]) > 1):
            room = judged(text, subject.start(1), subject.end(1), Trust.SOFT, "subject")
            if room is not None:
                yield room


def _cued(source: Source, places: Places) -> Iterator[Hit]:
    text = source.text
    for cue, _ in _CUED[source.language if source.language in _CUED else "en"].find(
        places, reach=30, least=0
    ):
        number = _NUMBER.match(text, cue.end())
        if number is None:
            continue
        found = _Found(cue.start(), text[cue.start() : cue.end()], number.start(1), number.end(1))
        word = cue.group().rstrip(".")
        if not _fits(text, word, found, source.language):
            continue
        trust = Trust.SOFT if word in _LOOSE else Trust.SURE
        for start, end in _series(text, found):
            room = judged(text, start, end, trust, "room")
            if room is not None:
                yield room
    for pattern in (_UNIT, _LOWER_UNIT):
        for unit in places.numbered(pattern):
            room = judged(text, unit.start(2), unit.end(2), Trust.SURE, "unit")
            before = text[max(0, unit.start() - 4) : unit.start()].lower()
            its = unit[1] == "its" and source.language != "de"
            if (
                room is not None
                and not its
                and not (len(unit[2]) == 4 and shapes.is_clock(unit[2]))
                and not before.endswith(("no ", "non ", "per "))
                and not text.startswith((" x", " ×"), unit.end(2))
            ):
                yield room


def _echoed(places: Places, hits: list[Hit]) -> Iterator[Hit]:
    """Codes of the same form as a room that is known: "she's in B12 now, not B14"."""
    text = places.text
    if any(any(one.isalpha() for one in text[hit.start : hit.end]) for hit in hits):
        known = {_form(text[hit.start : hit.end]) for hit in hits}
        for code in places.numbered(_LETTERS):
            if (
                code.group() not in ("F1", "F2")
                and _form(code.group()) in known
                and not anatomy(code.group())
            ):
                yield Hit(code.start(), code.end(), Kind.ROOM, Trust.SOFT, "echo")


def _form(shown: str) -> str:
    return re.sub(r"\d+", "9", shown)


def _series(text: str, found: _Found) -> list[tuple[int, int]]:
    """The rooms of a series, "beds 3, 4 and 7"; what follows a single bed is another statement."""
    several = list(_ONE.finditer(text, found.first, found.end))
    series = [several[0].span()]
    plural = found.word.lower().rstrip(".").endswith(("s", "n", "zimmer")) and found.word.lower() != "its"
    for one in several[1:]:
        tight = (
            text[series[-1][1] : one.start()].strip() in ("&", "+", "/") or one.start() - series[-1][1] == 1
        )
        if (
            not (plural or tight)
            or shapes.quantity(text, one.start(), one.end())
            or follows(text, one.end())
            or _AGED.match(one.group())
        ):
            break
        series.append(one.span())
    return series


_LETTERS = re.compile(rf"(?<![\w.,/:+{shapes.DASHES}])(?:\d{{1,3}}[A-HJ-Z]|[A-HJ-Z]\d{{1,3}}){END}")
_ONE = re.compile(PLACE, re.I)
_AGED = re.compile(r"\d{2}[MFmfwWjJ]\Z")
_LOOSE = shapes.bag(
    "unit zone trauma x-ray xray floor flat suite triage ot c q st ch op control consulta ala "
    "service bureau aile platz chair pit sr floor tower wing level box exam recovery curtain "
    "cube einheit ebene raum angio delivery swing cot crib incubator isolette"
)


def _fits(text: str, cue: str, found: _Found, language: str) -> bool:
    """Whether a word for a place is meant as one."""
    shown = text[found.first : found.end]
    before = text[max(0, found.start - 12) : found.start].lower()
    raw = found.word
    if cue in ("ot", "sr", "iso") and not raw.isupper():
        return False
    if cue in ("st", "stat") and (language != "de" or not shown[0].isdigit()):
        return False
    if cue == "sr" and language == "de":
        return False  # sinus rhythm
    if cue == "zone" and before.rstrip().endswith(("neck", "vf", "vt", "shock", "detection", "fvt")):
        return False
    if cue == "puesto" and before.rstrip().endswith(
        (" he", " ha", " han", " hemos", " has", "le he", "le ha")
    ):
        return False
    if cue in ("station", "stations") and before.rstrip().endswith("tube"):
        return False
    if cue == "op" and before.endswith(("prä-", "post-", "prae-")):
        return False
    if cue == "unit" and re.match(r" donation| of | o\b", text[found.end : found.end + 10]):
        return False
    if cue in ("angio", "delivery", "swing") and (
        not shown.isdigit()
        or len(shown) > 2
        or (cue == "angio" and (raw.islower() or before.rstrip().lower().endswith(("ct", "mr", "coronary"))))
        or (cue == "swing" and not before.rstrip().endswith("in"))
    ):
        return False
    if cue in ("c", "q", "ch") and not re.fullmatch(r"\d{2,4}.*", shown):
        return False
    if cue in ("op",) and (language != "de" or len(shown) > 2):
        return False
    if (cue == "zone" and not shown[0].isdigit()) or (
        cue == "zone" and "zone" in text[found.end : found.end + 12]
    ):
        return False
    if cue == "trauma" and before.rstrip().endswith(("level", "grade", "blunt", "head", "penetrating", "of")):
        return False
    if cue in ("unit", "units") and before.rstrip().endswith(("per", "1", "one", "each", "rt", "flat")):
        return False
    if cue in ("flat", "suite", "box", "service", "bureau", "control") and language == "en":
        return False
    if cue == "x-ray" and before.rstrip().endswith(("chest", "c", "on", "repeat")):
        return False
    if cue in ("chair", "recovery", "pit", "cube", "curtain", "tower", "wing", "floor", "exam") and re.match(
        r" ?(?:x|/)", text[found.end :]
    ):
        return False
    if cue in ("pod", "pods") and (raw.isupper() or (shown.isdigit() and raw.islower())):
        return False  # the day after an operation
    if re.match(r"[xX]\d", shown):
        return False  # times
    if cue in ("bd", "wd") and (before.rstrip()[-1:].isdigit() or not shown[0].isdigit()):
        return False  # twice a day
    if cue in _LOOSE and len(shown) == 4 and shapes.is_clock(shown):
        return False
    if re.split(r"[ -]", shown.lower())[0] in ("a", "an", "0", "x"):
        return False
    if (
        cue in ("bed", "beds")
        and re.search(r"(?:\d|few|more|many|no|free|empty|of) $", before)
        and shown.isdigit()
        and cue == "beds"
    ):
        return cue == "beds" and not re.search(r"\d $", before)
    return True


def _shaped(source: Source, places: Places) -> Iterator[Hit]:
    text = source.text
    for pattern, rule in (
        (_COMPASS, "wing"),
        (_WARD_CODE, "ward code"),
        (_SHORT, "short"),
        (_STUCK, "stuck"),
        (_BEFORE_BED, "before bed"),
        (_TITLED, "ward"),
        (_DEPARTMENT, "ward"),
        (_POINTED, "room"),
    ):
        if pattern is _DEPARTMENT:  # an ending, not a word
            matches = pattern.finditer(text) if source.language == "de" else iter(())
        else:
            matches = places.numbered(pattern)
        for found in matches:
            if rule == "before bed" and _AGED.match(found[1]):
                continue
            room = judged(text, found.start(1), found.end(1), Trust.SURE, rule)
            if room is not None:
                yield room
    for found in places.numbered(_THEATRE):
        room = judged(text, found.start(1), found.end(1), Trust.SURE, "theatre")
        if room is not None:
            yield room
    for key in ("de", "de2", "es", "fr"):
        if key[:2] == source.language:
            for found in places.numbered(_ARTICLE[key]):
                if " der " not in found.group() and found[1][0].isalpha() and anatomy(found[1]):
                    continue
                room = judged(
                    text, found.start(1), found.end(1), Trust.SOFT if key == "es" else Trust.SURE, "article"
                )
                if room is not None and not roomwords.GRADED.search(
                    text[max(0, found.start() - 14) : found.start()]
                ):
                    yield room
    for found in places.numbered(_LETTER):
        before = text[max(0, found.start() - 16) : found.start()]
        if (
            (" E" in found[1] and source.language == "de")
            or (found[1][-1] == "a" and source.language in ("de", "es"))
            or roomwords.GRADED.search(before)
            or (re.search(r"(?:3[4-9]|4[0-2])C\Z", found[1]) and found[1][-1] == "C")
        ):
            continue
        preposed = _PREPOSED.search(before[-8:]) is not None
        trust = Trust.SURE if preposed and len(found[1]) > 2 else Trust.SOFT
        if len(found[1]) > 2 or (preposed and before[-1:] == " "):
            room = judged(text, found.start(1), found.end(1), trust, "letter")
            if room is not None:
                yield room


def _without_figures(source: Source, places: Places) -> Iterator[Hit]:
    """ "Bay C", "Kestrel ward"."""
    for found in places.worded(_LETTERED):
        yield Hit(found.start(1), found.end(1), Kind.ROOM, Trust.SURE, "lettered")
    if source.language == "en":
        for found in places.worded(_NAMED):
            words = found[1].lower().replace("’", "'").split()
            while words and words[0] in roomwords.COMMON:
                words.pop(0)
            if words and not any(word in roomwords.COMMON for word in words):
                start = found.end(1) - len(" ".join(words))
                yield Hit(start, found.end(1), Kind.ROOM, Trust.SOFT, "named ward")


def _people(places: Places) -> Iterator[Hit]:
    """ "The guy in 14", "rose in 11", "mk in 7b"."""
    text = places.text
    for found in places.numbered(_IN):
        shown = found[1]
        word = found.group().split()[0].lower()
        words = shapes.words_before(text, found.start(), 3)
        if (
            shapes.is_clock(shown)
            and len(shown) == 4
            and not (words and re.fullmatch(roomwords.PERSON, words[0]))
        ):
            continue
        person = any(re.fullmatch(roomwords.PERSON, one) for one in words[:2])
        if word != "in" and not person:
            continue
        if word in ("of", "for") and shown.isdigit() and len(shown) < 3:
            continue  # "a woman of 38"
        if re.fullmatch(r"\d+[hdw]", shown) or shown in ("F1", "F2"):
            continue
        if word != "in" and (len(shown) < 2 or (word in ("of", "for") and not words[0:1])):
            continue
        if (
            not words
            and word == "in"
            and len(shown) > 2
            and text[max(0, found.start() - 1) : found.start()] in ("", "\n")
        ):
            words = ["patient"]
        if (
            not words
            or words[0] in roomwords.NOT_PLACED
            or (text[max(0, found.start() - 3) : found.start()].strip()[-1:].isdigit())
        ):
            continue
        lettered = any(one.isalpha() for one in shown)
        if not lettered and not shown.isdigit() and "-" not in shown:
            continue
        if lettered and not shown[0].isdigit() and not person and anatomy(shown):
            continue
        if roomwords.GRADED.search(text[max(0, found.start() - 14) : found.start()]) and not person:
            continue
        trust = Trust.SURE if person or (lettered and shown[0].isdigit()) or len(shown) >= 3 else Trust.SOFT
        room = judged(text, found.start(1), found.end(1), trust, "in")
        if room is not None:
            yield room


def _listed(text: str) -> Iterator[Hit]:
    """The lines of a hand-over that begin with a room or bed."""
    lines = [
        line for line in _LIST_LINE.finditer(text) if not shapes.quantity(text, line.start(1), line.end(1))
    ]
    if len(lines) < 2:
        return
    figures = [_FIGURES.findall(line[1])[0] for line in lines]
    numbers = [int(one) for one in figures]
    shown = {line[1] for line in lines}
    falls = sum(low > high for low, high in pairwise(numbers))
    rising = falls <= (len(lines) > 3) and len(shown) == len(lines)
    dotted = list(_DOTTED.finditer(text))
    if len(dotted) > 2:  # a numbered list that tells the room behind the name
        for one in dotted:
            yield Hit(*one.span(), Kind.ROOM, Trust.SOFT, "list")
        return
    if not rising or any(shapes.is_year(one) for one in figures):
        return
    said = roomwords.HANDOVER.search(text) is not None
    if len(lines) < 3 and not (said and min(numbers) > 9):
        return
    for line in lines:
        room = judged(text, line.start(1), line.end(1), Trust.SURE if said else Trust.SOFT, "list")
        if room is not None:
            yield room
