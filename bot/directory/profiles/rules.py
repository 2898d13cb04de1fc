"""What people say of themselves, what is asked for, and whether they fit. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from bot.directory.model import folded

SPECIALTY, LANGUAGE, CITY, REFERRALS = "specialty", "language", "city", "referrals"
_REFERRALS = frozenset(
    map(folded, ("referrals", "referral", "überweisung", "überweisungen", "zuweisung", "zuweisungen"))
)
_FILLER_WORDS = """
    in and und who wer speaks speaking spricht accepts accepting takes nimmt mit with near bei for für an
"""
_FILLERS = frozenset(map(folded, _FILLER_WORDS.split()))
_LONGEST_PHRASE = 5  # words
_LEAST_FUZZY = 4  # letters: in shorter names a slip makes another place


@dataclass(frozen=True)
class Profile:
    """What somebody says of themselves: `specialty` is a key, `languages` are ISO 639-1 codes.

    `referrals` says whether they accept any (None: not said), `listed` whether they may be found.
    """

    name: str = ""
    specialty: str = ""
    languages: tuple[str, ...] = ()
    city: str = ""
    referrals: bool | None = None
    listed: bool = False


@dataclass(frozen=True)
class Wanted:
    """Whom somebody looks for; what is empty does not matter."""

    specialties: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    city: str = ""
    referrals: bool = False

    @property
    def criteria(self) -> tuple[str, ...]:
        """What is asked for."""
        asked = {
            SPECIALTY: bool(self.specialties),
            LANGUAGE: bool(self.languages),
            CITY: bool(self.city),
            REFERRALS: self.referrals,
        }
        return tuple(kind for kind, given in asked.items() if given)

    def without(self, kind: str) -> Wanted:
        """The same without one criterion."""
        match kind:
            case "specialty":
                return replace(self, specialties=())
            case "language":
                return replace(self, languages=())
            case "city":
                return replace(self, city="")
            case _:
                return replace(self, referrals=False)


def read(
    words: Sequence[str], specialty: Callable[[str], str | None], language: Callable[[str], str | None]
) -> Wanted:
    """What a line of words asks for; what is neither specialty, language nor filler is the city."""
    wanted, city = Wanted(), []
    place = 0
    while place < len(words):
        for length in range(min(_LONGEST_PHRASE, len(words) - place), 0, -1):
            phrase = " ".join(words[place : place + length]).strip(" ,;.")
            if (key := specialty(phrase)) is not None:
                wanted = replace(wanted, specialties=(*wanted.specialties, key))
            elif (code := language(phrase)) is not None:
                wanted = replace(wanted, languages=(*wanted.languages, code))
            elif length == 1 and folded(phrase) in _REFERRALS:
                wanted = replace(wanted, referrals=True)
            elif length == 1 and folded(phrase) not in _FILLERS and folded(phrase):
                city.append(phrase)
            elif length > 1:
                continue
            place += length
            break
    return replace(wanted, city=" ".join(city))


def tokens(profile: Profile) -> set[tuple[str, str]]:
    """What a listed profile is found by: kind and value, a city also by what slips make of it."""
    if not profile.listed:
        return set()
    found = {(LANGUAGE, code) for code in profile.languages}
    if profile.specialty:
        found.add((SPECIALTY, profile.specialty))
    if profile.referrals:
        found.add((REFERRALS, "yes"))
    return found | {(CITY, form) for form in city_forms(profile.city)}


def asked(wanted: Wanted) -> list[set[tuple[str, str]]]:
    """The tokens that somebody must have, one of each set; the rarest kinds come first."""
    groups = []
    if wanted.city:
        groups.append({(CITY, form) for form in city_forms(wanted.city)})
    if wanted.specialties:
        groups.append({(SPECIALTY, key) for key in wanted.specialties})
    groups += [{(LANGUAGE, code)} for code in wanted.languages]
    if wanted.referrals:
        groups.append({(REFERRALS, "yes")})
    return groups


def city_forms(city: str) -> set[str]:
    """A city's name in the form in which names are compared, and each with one letter left out.

    Two names that differ by one slip (a letter missing, added, wrong, or two swapped) share a form.
    """
    name = folded(city)[:40]
    if not name:
        return set()
    if len(name) < _LEAST_FUZZY:
        return {name}
    return {name, *(name[:place] + name[place + 1 :] for place in range(len(name)))}


def same_city(one: str, other: str) -> bool:
    """Whether two names are the same but for case, accents, spaces and hyphens."""
    return folded(one) == folded(other)


def ranked(
    found: Iterable[tuple[str, Profile]], wanted: Wanted, level: Callable[[str], int]
) -> list[tuple[str, Profile]]:
    """The best first: the city as written, referrals accepted, the higher level, then by name."""

    def order(one: tuple[str, Profile]) -> tuple[bool, bool, int, str, str]:
        user_id, profile = one
        elsewhere = bool(wanted.city) and not same_city(profile.city, wanted.city)
        return elsewhere, not profile.referrals, -level(user_id), profile.name.casefold(), user_id

    return sorted(found, key=order)
