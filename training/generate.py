"""Training texts out of marked posts: every mark is filled anew, and the text around it is varied.

Each post is a template of its writer's style. Within one post a name stays the same person's: "Anna Keller",
"keller" and "AK" are replaced by one invented name in the same three forms.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence

from bot.deid.lexicon import terms
from bot.deid.lexicon.words import fold
from bot.deid.model import Kind
from training import surrogates
from training.data import Mark, Text

REMARKED = 0.12  # share of variants with a remark
_PERSONS = (Kind.NAME, Kind.CLINICIAN)
_NUMBERS = {
    Kind.ROOM: "room",
    Kind.RECORD: "id",
    Kind.NATIONAL: "id",
    Kind.PLAN: "id",
    Kind.ACCOUNT: "id",
    Kind.LICENCE: "id",
    Kind.OTHER: "id",
    Kind.PHONE: "phone",
    Kind.DEVICE: "device",
    Kind.VEHICLE: "vehicle",
}
_PARTICLES = frozenset(
    "de da do dos del la las los van von der den zu bin bint bte binti al el abu ben ibn mc mac san o d s w "
    "c r l jr sr ii iii née geb and y e i und et st mr mrs ms dr".split()
)
_WORD = re.compile(r"[^\W\d_]+")


class Generator:
    """Makes variants of posts. `learned` are the patterns of numbers seen in the posts."""

    def __init__(self, posts: Sequence[Text], seed: int) -> None:
        self._rng = random.Random(seed)
        self._learned: dict[str, list[str]] = {}
        self._known = frozenset(word for word in surrogates.single("drugs") if len(word) > 4)
        for post in posts:
            for mark in post.marks:
                if mark.kind in _NUMBERS:
                    pattern = post.text[mark.start : mark.end]
                    self._learned.setdefault(_NUMBERS[mark.kind], []).append(pattern)

    def variants(self, posts: Iterable[Text], times: int) -> Iterator[Text]:
        """So many variants of each post."""
        for post in posts:
            for _ in range(times):
                yield self.variant(post)

    def variant(self, post: Text) -> Text:
        """One variant of a post: other identifiers, other drugs, sometimes another way of typing."""
        names: dict[str, str] = {}
        parts: list[tuple[str, Kind | None]] = []
        at = 0
        for mark in post.marks:
            parts.append((self._other_drugs(post.text[at : mark.start]), None))
            parts.append(
                (self._filled(post.text[mark.start : mark.end], mark.kind, post.language, names), mark.kind)
            )
            at = mark.end
        parts.append((self._other_drugs(post.text[at:]), None))
        if self._rng.random() < REMARKED:
            parts = self._remarked(parts, post.language)
        return _joined(self._typed(parts), post)

    def _filled(self, old: str, kind: Kind, language: str, names: dict[str, str]) -> str:
        rng = self._rng
        if kind in _PERSONS:
            if rng.random() < 0.25:
                return surrogates.person(language, rng)
            return self._same_person(old, language, names)
        if kind in _NUMBERS:
            return self._number(old, _NUMBERS[kind])
        if kind is Kind.DATE:
            draw = rng.random()
            return (
                old if draw < 0.2 else jittered(old, rng) if draw < 0.35 else surrogates.date(language, rng)
            )
        if kind is Kind.PLACE and re.search(r"\d", old):
            return jittered(old, rng) if rng.random() < 0.3 else surrogates.address(language, rng)
        make = {
            Kind.PLACE: surrogates.town,
            Kind.HOSPITAL: surrogates.hospital,
            Kind.ORG: surrogates.organisation,
            Kind.AGE: surrogates.age,
            Kind.EMAIL: surrogates.email,
            Kind.HANDLE: surrogates.handle,
            Kind.URL: surrogates.url,
        }.get(kind)
        if make is None:
            return surrogates.ip(rng) if kind is Kind.IP else jittered(old, rng)
        if kind in (Kind.PLACE, Kind.HOSPITAL, Kind.ORG) and rng.random() < 0.2:
            return surrogates.cased(surrogates.typo(old, rng), rng)
        return surrogates.typo(make(language, rng), rng) if rng.random() < 0.05 else make(language, rng)

    def _same_person(self, old: str, language: str, names: dict[str, str]) -> str:
        """Word for word another name in the form of the old one."""

        def other(found: re.Match[str]) -> str:
            word = found[0]
            key = word.lower()
            if len(word) == 1:
                return self._rng.choice(
                    "ABCDEFGHIJKLMNOPRSTVWZ" if word.isupper() else "abcdefghijklmnoprstvwz"
                )
            if key in _PARTICLES:
                return word
            if key not in names:
                first = found.start() == 0 and " " in old
                fresh = (surrogates.first_name if first else surrogates.last_name)(language, self._rng)
                names[key] = fresh if self._rng.random() > 0.03 else surrogates.typo(fresh, self._rng)
            new = names[key]
            if len(word) <= 3 and word.isupper():
                return "".join(self._rng.choice("ABCDEFGHIJKLMNOPRSTVWZ") for _ in word)
            return new.lower() if word.islower() else new.upper() if word.isupper() else new

        return _WORD.sub(other, old)

    def _number(self, old: str, kind: str) -> str:
        rng = self._rng
        draw = rng.random()
        if draw < 0.45:
            new = jittered(old, rng)
        elif draw < 0.7:
            new = jittered(rng.choice(self._learned[kind]), rng)
        else:
            new = surrogates.number(kind, rng)
        return surrogates.respaced(new, rng) if kind != "room" and rng.random() < 0.1 else new

    def _remarked(self, parts: list[tuple[str, Kind | None]], language: str) -> list[tuple[str, Kind | None]]:
        """With somebody's sign or score besides, which identifies nobody."""
        at = self._rng.randrange((len(parts) + 1) // 2) * 2  # every other part is no identifier
        text, remark = parts[at][0], surrogates.remark(language, self._rng)
        if at == 0 and self._rng.random() < 0.5:
            text = f"{remark} {text}"
        elif at == len(parts) - 1:
            text = f"{text} {remark}"
        else:
            text = re.sub(r"(?<=[.!?\n])\s", lambda found: f"{found[0]}{remark} ", text, count=1)
        return [*parts[:at], (text, None), *parts[at + 1 :]]

    def _other_drugs(self, text: str) -> str:
        """Other drugs and eponyms in the place of known ones: what they are called says nothing."""

        def other(found: re.Match[str]) -> str:
            word = found[0]
            drug = word.lower() in self._known
            if not (drug or terms.is_only_eponym(fold(word))) or self._rng.random() < 0.4:
                return word
            new = self._rng.choice(surrogates.single("drugs") if drug else surrogates.eponyms()).lower()
            return new.upper() if word.isupper() else new.capitalize() if word[0].isupper() else new

        return _WORD.sub(other, text)

    def _typed(self, parts: list[tuple[str, Kind | None]]) -> list[tuple[str, Kind | None]]:
        """Another way of typing: small letters, capitals, no accents, fewer marks; another start or end."""
        rng = self._rng
        draw = rng.random()
        if draw < 0.14:
            parts = [(text.lower(), kind) for text, kind in parts]
        elif draw < 0.17:
            parts = [(text.upper(), kind) for text, kind in parts]
        elif draw < 0.20:
            parts = [(text if kind else text.lower(), kind) for text, kind in parts]
        if rng.random() < 0.1:
            parts = [(text if kind else re.sub(r"[.,;:!?](?=\s|$)", "", text), kind) for text, kind in parts]
        if rng.random() < 0.06:
            plain = str.maketrans("äöüéèáíóúñç", "aoueeaiounc")
            parts = [(text.translate(plain), kind) for text, kind in parts]
        if rng.random() < 0.12:
            parts = _cut(parts, rng)
        return parts


def _cut(parts: list[tuple[str, Kind | None]], rng: random.Random) -> list[tuple[str, Kind | None]]:
    """From the middle of the post on: every identifier must be known without what came before."""
    if len(parts) < 4:
        return parts
    at = rng.randrange(0, len(parts) // 2) * 2
    head = parts[at][0]
    words = head.split(" ")
    return [(" ".join(words[-rng.randrange(2, 8) :]), None), *parts[at + 1 :]]


def jittered(old: str, rng: random.Random) -> str:
    """The same form with other digits and, where they stand among digits, other letters."""
    mixed = any(character.isdigit() for character in old)
    return "".join(
        rng.choice("0123456789") if character.isdigit()
        else rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if mixed and character.isascii() and character.isupper()
        else character
        for character in old
    )  # fmt: skip


def _joined(parts: Iterable[tuple[str, Kind | None]], post: Text) -> Text:
    written: list[str] = []
    marks: list[Mark] = []
    length = 0
    for text, kind in parts:
        if kind is not None:
            marks.append(Mark(length, length + len(text), kind))
        written.append(text)
        length += len(text)
    return Text("".join(written), tuple(marks), post.writer, post.language)
