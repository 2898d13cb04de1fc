"""Telephone, fax, pager and extension numbers of all regions. Pure.

Full numbers are told by their form (E.123, national plans) and by the plans that `phonenumbers` knows; short
ones only behind a word such as pager, bleep, ext or Durchwahl.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import phonenumbers

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import shapes
from bot.deid.recognizers.cues import Cues, Places

_GAP = rf"(?: ?[{shapes.DASHES}] ?| ?/ ?|\.| |\)[ {shapes.DASHES}]?| ?\()"
_RUN = re.compile(
    rf"(?<![\w.])(?<!\d,)(?:\+ ?|\+ ?\(|\()?\d{{1,15}}(?:{_GAP}\d{{1,15}}){{0,40}}"
    r"(?:(?![\w])|(?=x\d{1,5}(?![\w])))"
)
_GROUP = re.compile(r"\d+")
_STRONG = (
    r"phones?|telephones?|tel|tele?fon|telefone?|teléfonos?|telefono|téléphone|tél|tlf|tfno|ph|"
    r"cell(?! (?:count|saver|line|lung|ca|salvage|carc|canc|free|lysis|type))(?:ular| ?phone)?|"
    r"mob(?:ile?)?|"
    r"handy|hp|natel|móvil|movil|cel(?:ular)?|portable|landline|festnetz|fijo|fixe|hotline|"
    r"whats ?app|wa|call ?back|"
    r"callback|switchboard|switch|answering service|direct line|back ?line|extensions?|ext|extn|durchwahl|dw|"
    r"apparat|app|intercoms?|nebenstelle|klappe|dect|pagers?|pgr|pager|bleeps?|beepers?|bleep me|"
    r"pieps(?:er)?|pieper|sucher|"
    r"funk|busca(?:personas)?|interno|anexo|poste|bip|rufnummer|rückruf(?:nummer)?|"
    r"telefonnummer|handynr|telnr|vodafone|"
    r"pikett|anpiepen|anfunken|intern(?= \d{3,5})|contact(?: no| number)?|numéro|num de tel|"
    r"interpreter line|vocera|ascom|spectralink|zone phone"
)
_FAX = r"(?:tele)?fax(?:nr|nummer|ed|e)?"
_WEAK = (
    r"call(?: me| us| her| him| them)?(?: back)?(?: (?:on|at))?|ring(?: me| us| her| him)?(?: (?:on|at))?|"
    r"reach(?:able|ed)?(?: me| us| her| him)?(?: (?:on|at|under))?|text(?: me| us| her| "
    r"him)?(?: (?:on|at))?|dial|"
    r"page(?: me| us| her| him)?(?: (?:on|at))?|erreichbar(?: unter)?|(?:zu )?erreichen(?: "
    r"unter)?|unter|ruft?(?: (?:bitte|mal|kurz))?|rufen?(?: sie)?(?: an)?|"
    r"anrufen?(?: unter)?|zurückrufen(?: (?:auf|unter))?|rückruf(?: (?:auf|unter))?|"
    r"melden(?: unter| bei| sich)?|llam(?:ad|ar|en|a|e)(?:me|le|les)?(?: "
    r"al)?|marquen|marcar|"
    r"appel(?:er|ez|le)(?:-moi)?(?: au)?|joindre(?: au)?|essayez(?: le)?|rappel(?:er|ez)(?: au)?|"
    r"use mine|wählen|nummer|number|best #"
)
_CUES = Cues(((_STRONG, "strong"), (_FAX, "fax"), (_WEAK, "weak")))
_EXT = re.compile(
    r"(?:(?<![^\W_])|(?<=\d))(?:x|X|ext\.?|EXT) ?(\d(?:-\d{3,4}|\d{0,5}))(?!\w|[.,]\d|-\d|[\^*])"
)
_WHOLE = re.compile(rf"\d{{3}}[ .{shapes.DASHES}]?\d{{4}} ?\Z")  # "555-0114 x 7"
_NEXT = re.compile(
    rf"(?<![\w.,])(?:nehmt (?:die )?|nimm (?:die )?|oder |or |od\. |bzw\.? |and |und |y |et |ou |/ "
    rf"?)[{shapes.DASHES}]?(\d{{1,5}}(?:[ {shapes.DASHES}]\d{{2,4}}){{0,3}})(?![\w%]|[.,:/]\d)"
)
_CLOCKS = shapes.bag(
    "at by since from till til until before after around ca um gegen ab bis vor nach seit a las à vers dès"
)
_REACHED_BY = shapes.bag("on at under unter au al auf me mich us uns")
_REGIONS = {
    "en": ("US", "GB", "IE", "AU", "NZ", "IN", "SG", "ZA"),
    "de": ("DE", "AT", "CH"),
    "es": ("ES", "MX"),
    "fr": ("FR", "CH"),
}
_INNER_DATE = re.compile(
    r"(?<!\d)\d{1,2}[/.]\d{1,2}[/.](?:\d{4}|\d{2})(?!\d)|(?<!\d)(?:19|20)\d\d-[01]\d-[0-3]\d(?!\d)"
)
_INTERNAL = re.compile(r"(?<![\w.,/-])(?:\d|\d\d)-\d{4}(?![\w%]|[.,/-]\d)")
# "Durchwahl 24": two figures are enough.
_BRANCH = re.compile(
    r"(?<![^\W_])(?:durchwahl|dw|klappe|nebenstelle)[ \t]?[:.]?[ \t]?-?(\d{2})(?![\w%]|[.,:/-]\d)", re.I
)
# Four figures that somebody is "on": internal numbers, in German behind the article.
_ON = {
    "en": re.compile(r"(?<![^\W_])(?:i['’]?m|we['’]?re|i am|we are) on (\d{4,5})(?![\w%]|[.,:/-]\d)", re.I),
    "de": re.compile(r"(?<![^\W_])(?:auf|an|unter) (?:der|die) (\d{4})(?![\w%]|[.,:/-]\d)"),
}
_EMERGENCY = shapes.bag("110 112 911 999 111 144 117 118 119 061 091 000")
_DOSES = re.compile(r"(?<!\d)\d{1,3}-\d{1,3}-\d{1,3}(?!\d)")
_SHORTEST = 3
_REACH = 60


class _Run(NamedTuple):
    """A stretch of digit groups with what stands between them."""

    start: int
    end: int
    groups: tuple[tuple[int, int], ...]


def find(source: Source) -> Iterable[Hit]:
    """Telephone numbers by form, and any number behind a word that announces one."""
    text, places = source.text, source.once(Places)
    runs = [_run(match) for match in _RUN.finditer(text)]
    for run in runs:
        if sum(end - start for start, end in run.groups) >= 7:
            yield from _by_form(source, run)
    yield from _by_cue(places, runs)
    for branch in places.numbered(_BRANCH):
        yield Hit(*branch.span(1), Kind.PHONE, Trust.SURE, "extension")
    if source.language in _ON:
        for on in places.numbered(_ON[source.language]):
            if (
                not shapes.is_year(on[1])
                and (source.language == "de" or not on[1].endswith("00"))
                and not shapes.quantity(text, *on.span(1))
            ):
                yield Hit(*on.span(1), Kind.PHONE, Trust.SURE, "internal")
    for internal in places.numbered(_INTERNAL):
        near = shapes.words_before(text, internal.start(), 1)
        trust = Trust.SURE if near and near[0] in _REACHED_BY else Trust.SOFT
        yield Hit(internal.start(), internal.end(), Kind.PHONE, trust, "internal form")
    for extension in _EXT.finditer(text):
        before = text[max(0, extension.start() - 6) : extension.start()].rstrip()
        single = len(extension[1]) == 1 and not extension.group().lower().startswith("ext")
        if single and not _WHOLE.search(text, max(0, extension.start() - 10), extension.start()):
            continue
        if before[-4:].isdigit() or (not before[-1:].isdigit() and len(extension[1]) > 2):
            apart = " " in extension.group() and before[-1:].isdigit()  # "555-0190 ext. 31" is one number
            yield Hit(*extension.span(0 if apart else 1), Kind.PHONE, Trust.SURE, "extension")


def _run(match: re.Match[str]) -> _Run:
    groups = tuple(
        (one.start(), one.end()) for one in _GROUP.finditer(match.string, match.start(), match.end())
    )
    return _Run(match.start(), match.end(), groups)


def _by_form(source: Source, run: _Run) -> Iterator[Hit]:
    text = source.text
    at = 0
    while at < len(run.groups):
        for to in range(min(len(run.groups), at + 8), at, -1):
            trust = _judged(source, run, at, to)
            if trust is not None:
                start = run.groups[at][0]
                while start > run.start and text[start - 1] in "+( ":
                    start -= 1
                end = run.groups[to - 1][1]
                if text.count("(", start, end) > text.count(")", start, end):
                    start = text.index("(", start) + 1  # the bracket of a sentence
                yield Hit(start, end, Kind.PHONE, trust, "phone form")
                at = to - 1
                break
        at += 1


def _judged(source: Source, run: _Run, at: int, to: int) -> Trust | None:
    """What groups `at` to `to` of a run are worth as a telephone number; None if they are none."""
    text = source.text
    groups = run.groups[at:to]
    sizes = tuple(end - start for start, end in groups)
    total = sum(sizes)
    if not 7 <= total <= 15:
        return None
    figures = "".join(text[start:end] for start, end in groups)
    gaps = [text[groups[i][1] : groups[i + 1][0]] for i in range(len(groups) - 1)]
    start, end = groups[0][0], groups[-1][1]
    if text[end : end + 1] in "%°" and end < len(text):
        return None
    if (at and "." in text[run.groups[at - 1][1] : start]) or (
        to < len(run.groups) and text[end : run.groups[to][0]] == "."
    ):
        return None
    if at == 0 and text[run.start : start].startswith("+") and total >= 8:
        return Trust.PROVEN if _valid("+" + figures, None) else Trust.SURE
    if figures.startswith("00") and len(figures) >= 11 and _valid("+" + figures[2:], None):
        return Trust.SURE
    spelt = text[start:end]
    if _INNER_DATE.search(spelt) or _dated(text, run, at, to) or len(set(figures)) == 1:
        return None
    if sizes == (4, 4) and all(shapes.is_clock(text[first:last]) for first, last in groups):
        return None
    bracket = text[start - 1 : start] == "("
    if (
        sizes in ((3, 3, 4), (1, 3, 3, 4))
        and figures[-10] in "23456789"
        and (to == len(run.groups) or bracket)
    ):
        return Trust.SURE if figures[-7] in "23456789" else Trust.SOFT
    if bracket and 2 <= sizes[0] <= 5 and len(sizes) > 1 and total >= 8:
        return Trust.SURE
    if len(sizes) == 4 and set(sizes) == {2} and all(gap in shapes.DASHES for gap in gaps):
        steps = [int(figures[place : place + 2]) for place in range(0, 8, 2)]
        if steps in (sorted(steps), sorted(steps, reverse=True)):
            return None  # a dose that is raised or tapered
        return Trust.SOFT
    if any(gap.strip() == "." for gap in gaps) and not (figures.startswith("0") and total >= 9):
        return None
    if figures[0] == "0" and figures[1] != "0" and 8 <= total <= 13 and (len(sizes) > 1 or total >= 9):
        return _leading_zero(sizes, gaps, bracket)
    if sizes in ((4, 3, 3), (4, 2, 2, 2), (4, 3, 4)) and figures[:4] in ("1300", "1800", "0800", "0900"):
        return Trust.SURE
    if sizes in ((5, 5), (10,)) and figures[0] in "6789" and source.language == "en" and len(sizes) == 2:
        return Trust.SURE
    if source.language == "es" and total == 9 and figures[0] in "6789" and len(sizes) > 1:
        return Trust.SURE
    if sizes == (4, 4) and figures[0] in "3689" and source.language == "en" and gaps == [" "]:
        return Trust.SOFT
    if sizes == (3, 4) and gaps[0] in shapes.DASHES and figures[0] in "23456789":
        return Trust.SOFT
    alone = len(sizes) == len(run.groups) == 1 and 9 <= total <= 12
    if alone and any(_valid(figures, region) for region in _REGIONS.get(source.language, ())):
        return Trust.SOFT
    return None


def _leading_zero(sizes: tuple[int, ...], gaps: list[str], bracket: bool) -> Trust | None:
    """A number with a trunk prefix: the plans of Europe, Africa, Oceania and India."""
    if len(sizes) == 1:
        return Trust.SURE
    if sizes[0] < 2 and not bracket:
        return None
    if all(size <= 2 for size in sizes) and len(sizes) < 4:
        return None
    if len(sizes) > 2 and sizes[-1] < 5 and gaps[-1].strip() == "-":
        gaps, sizes = gaps[:-1], sizes[:-1]  # the branch of a German number
    if len({gap.strip() for gap in gaps}) > 2 or (1 in sizes[1:-1] and gaps[0].strip() != "/"):
        return None
    return Trust.SURE


def _dated(text: str, run: _Run, at: int, to: int) -> bool:
    """Whether a window of a run begins or ends within a date: "17/02/2025 03"."""
    first, last = run.groups[at], run.groups[to - 1]
    before = text[run.groups[at - 1][1] : first[0]] if at else ""
    after = text[last[1] : run.groups[to][0]] if to < len(run.groups) else ""
    return (before in ("/", ".", "-") and first[1] - first[0] <= 2) or after in ("/", ".")


def _valid(number: str, region: str | None) -> bool:
    """Whether a numbering plan knows the number."""
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(number, region))
    except phonenumbers.NumberParseException:
        return False


def _by_cue(places: Places, runs: list[_Run]) -> Iterator[Hit]:
    text, index = places.text, 0
    for cue, force in _CUES.find(places, least=3):
        end, strong, fax = cue.end(), force != "weak", force == "fax"
        if text[cue.start() : end] == "pH":
            continue
        while index < len(runs) and runs[index].end <= end:
            index += 1
        for run in runs[index : index + 3]:
            if run.start - end > _REACH or run.end <= end:
                break
            last = _cued(text, run, end, strong)
            if last is None:
                continue
            kind = Kind.FAX if fax and run.start - end < 30 else Kind.PHONE
            first = run.start
            digits = sum(one.isdigit() for one in text[first:last])
            trust = Trust.PROVEN if strong and digits >= 9 and run.start - end < 12 else Trust.SURE
            yield Hit(first, last, kind, trust, "cue")
            again = _NEXT.search(text, last, min(len(text), last + 25)) if strong else None
            if (
                again is not None
                and sum(one.isdigit() for one in again[1]) > 2
                and not shapes.quantity(text, *again.span(1))
                and "\n" not in text[last : again.start()]
            ):
                yield Hit(again.start(1), again.end(1), Kind.PHONE, Trust.SURE, "cue")
            break


def _cued(text: str, run: _Run, after: int, strong: bool) -> int | None:
    """Where the number ends that a cue announces, or None if the run is none."""
    between = text[after : run.start]
    if between.count("\n") > (1 if between.strip(" :\t\n") == "" else 0) or (
        "\n" in between and between.strip(" :\n\t")
    ):
        return None
    near = len(between) < 16
    last = 0
    digits = 0
    for number, (start, end) in enumerate(run.groups):
        if number and (
            shapes.quantity(text, start, end)
            or (digits >= 10 and text[run.groups[number - 1][1] : start] == " ")
        ):
            break
        digits += end - start
        last = end
        if digits > 15:
            break
    value = text[run.groups[0][0] : last]
    if value in _EMERGENCY or _DOSES.search(value) or between.lower().endswith("starts with "):
        return None
    if digits < _SHORTEST or (digits == _SHORTEST and not (strong and near)):
        return None
    if digits <= 5 and (
        shapes.quantity(text, run.groups[0][0], last)
        or (shapes.is_year(value) and not (strong and between.strip(" :#.") == ""))
        or shapes.is_decimal(value)
        or (text[last : last + 1] in (":", "/") and text[last + 1 : last + 2].isdigit())
    ):
        return None
    if shapes.is_date(value):
        return None
    words = between.lower().replace(":", " ").split()
    adjacent = strong and near and not (words and words[-1] in _CLOCKS)
    if digits <= 4 and not adjacent and (shapes.is_clock(value) or "/" in value):
        return None
    if digits <= 6 and not strong and not near:
        return None
    if digits <= 6 and strong and not near and (re.search(r"[.;!]\s", between) or len(words) > 7):
        return None
    if "/" in value and digits <= 6:
        return None
    return last
