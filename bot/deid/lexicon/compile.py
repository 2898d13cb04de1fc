"""Makes words.tsv.gz from openly licensed lists (SOURCES.md). Run by a developer, never at run time.

    python -m bot.deid.lexicon.compile PHILTER_SET_TOML SPACY_LOOKUPS_DATA SCOWL GEONAMES_CITIES

One line per folded word: the word, a tab, and letters: w d s ordinary in English (with medicine's words),
German, Spanish; f given name; l surname; t town.
"""

from __future__ import annotations

import gzip
import importlib
import json
import pkgutil
import re
import sys
import tomllib
from collections import Counter, defaultdict
from pathlib import Path

from bot.deid.lexicon.words import FILE, fold

_LATIN = re.compile(r"[a-z]{2,20}")
_TOWN = re.compile(r"[a-z]{2,20}(?:[ -][a-z]{2,20}){0,3}")
_COUNTRIES = frozenset(
    ["US", "GB", "IE", "CA", "AU", "NZ", "IN", "SG", "ZA", "NG", "DE", "AT", "CH", "ES", "FR"]
)
_LOCAL = frozenset(["DE", "AT", "CH", "ES", "FR"])  # their towns have names of their own
Chances = dict[str, tuple[float, float]]  # log10-like chance of a word in lower case, and capitalised


def main(philter: str, spacy: str, scowl: str, cities: str) -> None:
    """Compile all lists into one file."""
    sets = tomllib.loads(Path(philter).read_text("utf-8"))
    flags: defaultdict[str, set[str]] = defaultdict(set)
    _names(sets, flags)
    _towns(Path(cities), flags)
    english, german, spanish = (_chances(Path(spacy), code) for code in ("en", "de", "es"))
    _english(sets["nonames"], Path(scowl), english, flags)
    _german(german, _german_names(), flags)
    for word, (lower, title) in spanish.items():
        if lower > -15 and lower > title - 1.2:
            flags[word].add("s")
    lines = [f"{word}\t{''.join(sorted(found))}" for word, found in sorted(flags.items()) if found]
    with gzip.GzipFile(str(FILE), "wb", 9, mtime=0) as packed:
        packed.write("\n".join(lines).encode() + b"\n")


def _names(sets: dict[str, list[str]], flags: defaultdict[str, set[str]]) -> None:
    given, family = set(map(fold, sets["firstnames"])), set(map(fold, sets["lastnames"]))
    person = importlib.import_module("faker.providers.person")
    for module in pkgutil.iter_modules(person.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        for attribute in dir(provider):
            into = given if "first_name" in attribute else family if "last_name" in attribute else None
            values = getattr(provider, attribute)
            if into is not None and isinstance(values, (dict, list, tuple)):
                into |= {part for name in values for part in re.split(r"[^\w']+", fold(str(name)))}
    for letter, names in (("f", given), ("l", family)):
        for name in names:
            if _LATIN.fullmatch(name) and len(name) > 2:
                flags[name].add(letter)


def _chances(spacy: Path, code: str) -> Chances:
    packed = spacy / "data" / f"{code}_lexeme_prob.json.gz"
    found: dict[str, list[float]] = {}
    for word, chance in json.loads(gzip.decompress(packed.read_bytes())).items():
        if word.isalpha() and (word.islower() or word.istitle()):
            both = found.setdefault(fold(word), [-30.0, -30.0])
            both[word.istitle()] = max(both[word.istitle()], chance)
    return {word: (lower, title) for word, (lower, title) in found.items() if _LATIN.fullmatch(word)}


def _english(safe: list[str], scowl: Path, chances: Chances, flags: defaultdict[str, set[str]]) -> None:
    words = set(map(fold, safe))
    for path in scowl.glob("*-words.*"):
        if int(path.suffix[1:]) <= 60 and path.name.startswith(("american", "british", "english")):
            words |= {fold(line) for line in path.read_text("latin-1").split() if line.islower()}
    words |= {word for word, (lower, title) in chances.items() if lower > -13.5 and lower > title}
    for word in words:
        lower, title = chances.get(word, (-30.0, -30.0))
        foreign = "t" in flags[word] and lower < -18
        if _LATIN.fullmatch(word) and not foreign and not (flags[word] and title > lower + 1.2):
            flags[word].add("w")


def _german_names() -> set[str]:
    person = "faker.providers.person"
    providers = [
        importlib.import_module(f"{person}.{code}").Provider
        for code in ("de_DE", "de_AT", "de_CH", "tr_TR", "pl_PL")
    ]
    values = [getattr(one, name) for one in providers for name in dir(one) if "first_name" in name]
    return {fold(str(name)) for value in values if isinstance(value, (dict, list, tuple)) for name in value}


def _german(chances: Chances, given: set[str], flags: defaultdict[str, set[str]]) -> None:
    """Nouns are capitalised like names: one that makes compounds, or is often seen small, is a noun."""
    tails = Counter(word[cut:] for word in chances for cut in range(3, len(word) - 3))
    heads = Counter(word[:cut] for word in chances for cut in range(3, len(word) - 3))
    for word, (lower, title) in chances.items():
        if not flags[word]:
            ordinary = title > -15.3 or lower > -15
        elif "t" in flags[word] or word in given:
            ordinary = (title > -15 and lower > title - 1.5) or (
                word in given and tails[word] > 24 < heads[word]
            )
        else:
            compounds = tails[word] >= 25 or (tails[word] >= 3 and heads[word] >= 10)
            ordinary = title > -15 and (lower > title - 3.45 or compounds)
        if ordinary:
            flags[word].add("d")


def _towns(cities: Path, flags: defaultdict[str, set[str]]) -> None:
    for town in json.loads(cities.read_text("utf-8")).values():
        country, people = town["countrycode"], town["population"]
        if not (country in _COUNTRIES or people > 250_000):
            continue
        names = [town["name"]]
        if country in _LOCAL and people > 100_000:
            names += [name for name in town["alternatenames"] if name.istitle() and len(name) > 4]
        for name in map(fold, names):
            if _TOWN.fullmatch(name) and len(name) > 3:
                flags[name].add("t")


if __name__ == "__main__":
    main(*sys.argv[1:])
