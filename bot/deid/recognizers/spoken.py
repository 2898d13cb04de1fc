"""Numbers as they are spoken or dictated: "four-oh-six, 555, oh one nine oh", "P four one six JOD". Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers.cues import Places

_FIGURES = {
    "en": "zero|oh|one|two|three|four|five|six|seven|eight|nine|niner",
    "de": "null|eins|zwei|zwo|drei|vier|fünf|sechs|sieben|acht|neun",
}
# Each of these says two figures; English tens are told figure by figure ("forty", "four").
_TWO = {
    "en": "eleven|twelve|(?:thir|four|fif|six|seven|eigh|nine)teen",
    "de": "elf|zwölf|(?:drei|vier|fünf|sech|sieb|acht|neun)zehn|"
    "(?:ein|zwei|drei|vier|fünf|sechs|sieben|acht|neun)und"
    "(?:zwanzig|drei(?:ß|ss)ig|vierzig|fünfzig|sechzig|siebzig|achtzig|neunzig)",
}
_TENS = "twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety"
_MORE = {"en": "double|triple", "de": "doppel"}
_SIGNS = "dash|hyphen|minus|strich|space|stroke|slash|comma|komma"
_LONGEST = 24  # pieces
_FEWEST_SAID, _FEWEST_FIGURES = 3, 6
_NEAREST = 3  # letters of a plate stand right beside its figures
_LABEL = re.compile(
    r"(?<![^\W_])(?:(?:case|chart|record|account|hospital|phone|fall|akten|patienten|telefon)? ?-?"
    r"(?:numbers?|nummer|nr|no)|"
    r"(?:rückruf|telefonisch|erreichbar) unter|(?:call|ring|bell) (?:me )?(?:back )?on|"
    r"mrn|pin|bleep|pager|beeper|ext|extension|dect|durchwahl|dw|accession)\.?:?(?: is| ist)?[ ,:]{1,2}\Z",
    re.I,
)


class _Piece(NamedTuple):
    start: int
    end: int
    said: int  # figures that are spoken
    figures: int
    letters: int


def _runs(language: str) -> re.Pattern[str]:
    said = "|".join((_FIGURES[language], _TWO[language], _TENS, _MORE[language]))
    word = rf"(?:{said}|\d{{1,10}}|(?-i:[A-Z]{{1,3}}))(?![^\W_])"
    gap = rf"(?:[ ,.()–-]{{1,3}}(?:(?:{_SIGNS})[ ,]{{1,2}})?)"
    return re.compile(rf"(?<![^\W_]){word}(?:{gap}{word}){{1,{_LONGEST}}}", re.I)


_RUNS = {language: _runs(language) for language in _FIGURES}
_PIECES = re.compile(r"[^\W\d_]+|\d+")
_ONE = {language: re.compile(rf"{words}|{_TENS}") for language, words in _FIGURES.items()}
_PAIR = {language: re.compile(words) for language, words in _TWO.items()}
_DOUBLED = {"double": 1, "doppel": 1, "triple": 2}  # how many figures more the next piece is
_MEANT = frozenset(_SIGNS.split("|"))


def find(source: Source) -> Iterable[Hit]:
    """Runs of spoken figures, some perhaps in digits: six, or fewer behind a label or beside a plate."""
    if source.language not in _RUNS:
        return
    for run in source.once(Places).worded(_RUNS[source.language]):
        pieces = list(_pieces(run, source.language))
        while pieces and not (pieces[0].figures or pieces[0].letters):
            pieces = pieces[1:]
        first = next((at for at, piece in enumerate(pieces) if piece.figures), None)
        if first is None:
            continue
        last = max(at for at, piece in enumerate(pieces) if piece.figures)
        said = sum(piece.said for piece in pieces)
        figures = sum(piece.figures for piece in pieces)
        plate = [at for at in (first - 1, last + 1) if 0 <= at < len(pieces) and pieces[at].letters]
        letters = sum(pieces[at].letters for at in plate)
        if figures >= _FEWEST_FIGURES:
            plate = []
        begin = pieces[first].start
        labelled = _LABEL.search(source.text, max(0, begin - 30), begin) is not None
        if said < _FEWEST_SAID or not (labelled or figures >= _FEWEST_FIGURES or letters >= _NEAREST):
            continue
        start, end = pieces[min([first, *plate])].start, pieces[max([last, *plate])].end
        yield Hit(start, end, Kind.OTHER, Trust.SURE, "spoken")


def _pieces(run: re.Match[str], language: str) -> Iterator[_Piece]:
    more = 0
    for piece in _PIECES.finditer(run.string, run.start(), run.end()):
        written = piece.group()
        word = written.lower()
        if word in _DOUBLED:
            more = _DOUBLED[word]
        elif (pair := _PAIR[language].fullmatch(word)) or _ONE[language].fullmatch(word):
            said = (2 if pair else 1) + more
            yield _Piece(piece.start(), piece.end(), said, said, 0)
            more = 0
        elif written.isdigit():
            yield _Piece(piece.start(), piece.end(), 0, len(written) + more, 0)
            more = 0
        elif word not in _MEANT:
            yield _Piece(piece.start(), piece.end(), 0, 0, len(written))
