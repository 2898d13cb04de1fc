"""In which language a text is: English, German, Spanish, French, or none that the engine knows. Pure.

Words are counted, letter groups help where words are unknown. A text in several languages goes by its main
one; where another takes more than a third, the text is refused (None), because names in it would be looked
for by the wrong rules.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from bot.deid import tongues

SUPPORTED = frozenset({"en", "de", "es", "fr"})
FOREIGN_SHARE = 1 / 3  # of the letters
_FEW = 5  # words: too few to tell without a clear sign
_CLEAR = 1.0  # points that a language needs, and of very few words twice that
_PLAIN_LEAD = 3.0  # points from words alone with which letter groups need not be asked
# Letters that none of the four has: in a small word they are another language, in a capital one a name.
_ELSEWHERE = re.compile("[ąćčďđėęěğģīįıķļłńňőřśšşșťțţůűųūźżžāåøæõãăơưðþ]")
_PART = 6  # words at least, of a part that is judged on its own
_KNOWN = 0.08  # of the words, known to the main language: less is another language
_MANY = 12  # words: from here on that share counts
_ACRONYM = 4  # letters of an abbreviation in capitals, at most
_LONGEST = 20_000  # characters looked at, from the beginning, the middle and the end

_LISTS = {
    "en": tongues.ENGLISH,
    "de": tongues.GERMAN,
    "es": tongues.SPANISH,
    "fr": tongues.FRENCH,
    **tongues.FOREIGN,
}


def _weights() -> dict[str, dict[str, float]]:
    """For each word the languages it speaks for; a word of several speaks for each of them less."""
    speakers: dict[str, set[str]] = {}
    for language, words in _LISTS.items():
        for word in words.split():
            speakers.setdefault(word, set()).add(language)
            plain = _plain(word)
            if plain != word and len(plain) > 3:  # as typed without accents
                speakers.setdefault(plain, set()).add(language)
    return {word: dict.fromkeys(known, 1.0 / len(known)) for word, known in speakers.items()}


def _plain(word: str) -> str:
    return "".join(char for char in unicodedata.normalize("NFD", word) if not unicodedata.combining(char))


def _groups() -> dict[str, dict[str, float]]:
    speakers: dict[str, set[str]] = {}
    for language, groups in tongues.GROUPS.items():
        for group in groups.split(","):
            speakers.setdefault(group, set()).add(language)
    return {group: dict.fromkeys(known, 0.3 / len(known)) for group, known in speakers.items()}


_OTHER = "other"
# Letters that are not Latin, but for those of measures and of "β-blocker".
_STRANGE = re.compile("[^\\W\\d_\\u0000-\\u024f](?<![µμαβγδκλωΔΩ\\u1e00-\\u1eff])")
_WEIGHTS = _weights()
_GROUPS = _groups()
_GROUPS_BY_HEAD: dict[str, list[str]] = {}  # those of two letters and more; a single one is never in ASCII
for _group in _GROUPS:
    _GROUPS_BY_HEAD.setdefault(_group[:2], []).append(_group)
_NO_WORDS = re.compile(
    r"https?://\S{1,200}|\S{1,80}@\S{1,80}|\[[^\]\n]{1,40}\]|(?<![\w./-])[\w./-]*\d[\w./-]*"
)
_WORD = re.compile(r"[^\W\d_]+(?:['./&][^\W\d_]+)*\.?")
_BREAK = re.compile(r"[.!?;:]\s+|\n+|\s[-–]\s|[()\"»«]")


@dataclass(slots=True)
class _Part:
    words: int = 0
    letters: int = 0
    points: dict[str, float] = field(default_factory=dict)
    known: dict[str, int] = field(default_factory=dict)

    def add(self, other: _Part) -> None:
        self.words += other.words
        self.letters += other.letters
        for language, points in other.points.items():
            self.points[language] = self.points.get(language, 0.0) + points
        for language, known in other.known.items():
            self.known[language] = self.known.get(language, 0) + known

    def best(self, clear: float = _CLEAR) -> str | None:
        """The language that leads clearly."""
        ranked = sorted(self.points.items(), key=lambda item: (-item[1], item[0]))
        if not ranked or ranked[0][1] < clear:
            return None
        if len(ranked) > 1 and ranked[0][1] - ranked[1][1] < max(0.1, 0.12 * ranked[0][1]):
            return None
        return ranked[0][0]

    def foreign(self, main: str) -> bool:
        """Whether it is clearly in another language."""
        spoken = self.best(1.5)
        return spoken not in (None, main) and self.points.get(main, 0.0) <= 0.6 * self.points[str(spoken)]


def detect(text: str, default: str = "en") -> str | None:
    """The language of a text; None if it is none of SUPPORTED or a third of it is in another one.

    A text too short or too bare of words to tell counts as `default`.
    """
    text = _sample(text)
    letters = sum(map(str.isalpha, text))
    if len(_STRANGE.findall(text)) > FOREIGN_SHARE * letters:
        return None
    words = list(_parts(text))
    parts, whole = _read(words, groups=False)
    if (plain := whole.best(_PLAIN_LEAD)) not in SUPPORTED or any(part.best() != plain for part in parts):
        parts, whole = _read(words, groups=True)
    main = _main(parts, whole)
    if main is None:
        return default if _bare(whole, default) else None
    if main not in SUPPORTED:
        return None
    if whole.words >= _MANY and whole.known.get(main, 0) < _KNOWN * whole.words:
        return None
    foreign = sum(part.letters for part in parts if part.foreign(main))
    return None if foreign > FOREIGN_SHARE * whole.letters else main


def _read(words: Sequence[Sequence[str]], groups: bool) -> tuple[list[_Part], _Part]:
    parts = [_judged(part, groups) for part in words]
    whole = _Part()
    for part in parts:
        whole.add(part)
    return parts, whole


def _main(parts: Sequence[_Part], whole: _Part) -> str | None:
    spoken = whole.best(_CLEAR if whole.words > _FEW else 2 * _CLEAR)
    if spoken is None and whole.words > _FEW:
        # Two languages that balance in points: the longer one.
        letters: dict[str, int] = {}
        for part in parts:
            if (one := part.best()) is not None:
                letters[one] = letters.get(one, 0) + part.letters
        spoken = max(letters, key=lambda one: (letters[one], one), default=None)
    return spoken


def _bare(whole: _Part, default: str) -> bool:
    """Whether a text without a clear language is merely terse."""
    if whole.words <= _FEW:
        return True
    lead = max(whole.points.values(), default=0.0)
    mine = max((whole.points.get(language, 0.0) for language in SUPPORTED), default=0.0)
    return mine >= 0.75 * lead and (whole.words < _MANY or sum(whole.known.values()) >= _KNOWN * whole.words)


def _sample(text: str) -> str:
    """All of a text, or three pieces of a long one."""
    if len(text) <= _LONGEST:
        return text
    third, middle = _LONGEST // 3, len(text) // 2
    return "\n".join((text[:third], text[middle : middle + third], text[-third:]))


def _parts(text: str) -> Iterator[list[str]]:
    """The words, in parts of some length: sentences and lines, short ones together."""
    words: list[str] = []
    for piece in _BREAK.split(_NO_WORDS.sub(" ", text.replace("’", "'"))):
        words += _WORD.findall(piece)
        if len(words) >= _PART:
            yield words
            words = []
    if words:
        yield words


def _judged(words: Sequence[str], groups: bool) -> _Part:
    part = _Part()
    points, known = part.points, part.known
    shouted = 2 * sum(map(str.isupper, words)) > len(words)
    for written in words:
        word = written.casefold()
        part.letters += len(word)
        found = _WEIGHTS.get(word)
        if found is not None and not shouted and written.isupper() and 1 < len(written) <= _ACRONYM:
            # "AF" is no Danish word.
            found = {language: weight for language, weight in found.items() if language in SUPPORTED}
        if found is None and not word.isalpha():
            found = _WEIGHTS.get(word.rstrip(".")) or _elided(word)
        if found is not None:
            for language, weight in found.items():
                points[language] = points.get(language, 0.0) + weight
                known[language] = known.get(language, 0) + 1
        elif not word.isascii() and written.islower() and _ELSEWHERE.search(word) is not None:
            points[_OTHER] = points.get(_OTHER, 0.0) + 1.0
        elif groups and len(word) > 3 and not written.isupper():
            for group in _grouped(f" {word} "):
                for language, weight in _GROUPS[group].items():
                    points[language] = points.get(language, 0.0) + weight
    part.words = len(words)
    return part


def _grouped(framed: str) -> list[str]:
    """The letter groups in a word with a space on either side, the short ones first."""
    found: list[str] = []
    for start in range(len(framed) - 1):
        for group in _GROUPS_BY_HEAD.get(framed[start : start + 2], ()):
            if framed.startswith(group, start):
                found.append(group)
    if not framed.isascii():
        found = [*(char for char in framed if char in _GROUPS), *found]
    found.sort(key=len)
    return found


def _elided(word: str) -> dict[str, float] | None:
    """`l'antibiotique`: the article speaks, and the word behind it."""
    head, sign, tail = word.partition("'")
    if not sign or not tail or head not in ("l", "d", "j", "c", "n", "s", "m", "t", "qu"):
        return None
    return {"fr": 1.0, "it": 0.3, "ca": 0.3} if tail not in ("s", "t", "m") else None
