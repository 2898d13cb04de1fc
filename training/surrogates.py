"""Invented identifiers of many countries and forms, to fill marked posts with. Randomness comes from the caller."""

from __future__ import annotations

import gzip
import importlib
import random
import re
from functools import cache
from pathlib import Path

from bot.deid.lexicon.words import FILE as LEXICON

WORDS = Path(__file__).parent / "words"
_LOCALES = (
    "en_US en_GB en_IE en_IN en_NG en_KE en_PK en_NZ yo_NG ha_NG ig_NG zu_ZA tw_GH ga_IE de_DE de_AT de_CH "
    "tr_TR pl_PL it_IT es_ES es_MX es_AR fr_FR fr_CA fr_BE nl_NL pt_BR sv_SE cs_CZ hr_HR hu_HU ro_RO id_ID da_DK"
).split()
_HOME = {
    "en": ("en_US", "en_GB", "en_IE", "en_IN"),
    "de": ("de_DE", "de_AT", "de_CH", "tr_TR", "pl_PL"),
    "es": ("es_ES", "es_MX", "es_AR"),
    "fr": ("fr_FR", "fr_CA", "fr_BE"),
}
MONTHS = {
    "en": "January February March April May June July August September October November December".split(),
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember".split(),
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre".split(),
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre".split(),
}
DAYS = {
    "en": "Monday Tuesday Wednesday Thursday Friday Saturday Sunday Mon Tue Tues Wed Thu Thurs Fri Sat Sun".split(),
    "de": "Montag Dienstag Mittwoch Donnerstag Freitag Samstag Sonnabend Sonntag Mo Di Mi Do Fr Sa So".split(),
    "es": "lunes martes miércoles jueves viernes sábado domingo".split(),
    "fr": "lundi mardi mercredi jeudi vendredi samedi dimanche".split(),
}
HOLIDAYS = {
    "en": (
        "Christmas|Christmas Eve|xmas|Boxing Day|New Year's|NYE|Easter|Good Friday|Thanksgiving|Labor Day|Memorial "
        "Day|July 4th|Fourth of July|Halloween|Valentine's Day|St Patrick's Day|Diwali|Eid|Hanukkah|Mother's Day|"
        "Bank Holiday Monday|Anzac Day|Canada Day|Super Bowl Sunday|Holi|Deepavali|Chinese New Year"
    ).split("|"),
    "de": (
        "Weihnachten|Heiligabend|Hl. Abend|Silvester|Neujahr|Ostern|Karfreitag|Ostermontag|Pfingsten|Christi "
        "Himmelfahrt|Vatertag|Fronleichnam|Allerheiligen|Nikolaus|Rosenmontag|Fasching|Aschermittwoch|1. Advent|"
        "Dreikönig|Muttertag|Buß- und Bettag|zweiter Weihnachtsfeiertag"
    ).split("|"),
    "es": "Nochebuena|Navidad|Nochevieja|Reyes|Semana Santa|el Pilar|la Constitución|Todos los Santos".split(
        "|"
    ),
    "fr": "Noël|la Toussaint|Pâques|le 14 juillet|la Pentecôte|l'Ascension|le jour de l'an|le 11 novembre".split(
        "|"
    ),
}
_TENS = {
    "en": (
        "ninety|ninety-one|ninety-two|ninety three|ninety-four|ninety five|ninety-six|ninety seven|ninety-eight|"
        "ninety nine|one hundred|a hundred and two|a hundred and one|one hundred and four"
    ).split("|"),
    "de": (
        "neunzig|einundneunzig|zweiundneunzig|dreiundneunzig|vierundneunzig|fünfundneunzig|sechsundneunzig|"
        "siebenundneunzig|achtundneunzig|neunundneunzig|hundert|hunderteins|hundertzwei"
    ).split("|"),
    "es": "noventa|noventa y uno|noventa y dos|noventa y cuatro|noventa y seis|cien|ciento uno".split("|"),
    "fr": "quatre-vingt-dix|quatre-vingt-onze|quatre-vingt-treize|quatre-vingt-seize|cent|cent deux".split(
        "|"
    ),
}
_STREETS = {
    "en": "St|Street|Rd|Road|Ave|Avenue|Lane|Ln|Dr|Drive|Blvd|Close|Crescent|Court|Way|Terrace|Place|Hwy".split(
        "|"
    ),
    "de": "straße|strasse|str.|weg|gasse|allee|platz|ring".split("|"),
    "es": "C/|Calle|Avda.|Av.|Plaza|Paseo".split("|"),
    "fr": "rue|avenue|boulevard|impasse|place|allée des|chemin de".split("|"),
}


@cache
def words(name: str) -> tuple[str, ...]:
    """A word list."""
    return tuple(
        word for word in re.split(r"\s*[|\n]\s*", (WORDS / f"{name}.txt").read_text("utf-8")) if word
    )


@cache
def single(name: str) -> tuple[str, ...]:
    """A word list whose words are separated by spaces."""
    return tuple((WORDS / f"{name}.txt").read_text("utf-8").split())


@cache
def _people(locale: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    provider = importlib.import_module(f"faker.providers.person.{locale}").Provider
    first: list[str] = []
    for part in ("first_names", "first_names_male", "first_names_female"):
        first += list(getattr(provider, part, ()))
    last = list(provider.last_names)
    return tuple(n for n in first if n[:1].isupper()), tuple(n for n in last if n[:1].isupper())


@cache
def _cities(language: str) -> tuple[str, ...]:
    cities: list[str] = []
    for locale in {"en": ("en_IN",), "de": ("de_DE", "de_CH")}.get(language, ()):
        cities += list(importlib.import_module(f"faker.providers.address.{locale}").Provider.cities)
    return (*words("towns"), *cities)


@cache
def known(letter: str) -> tuple[str, ...]:
    """Words of the lexicon with this letter (f given name, l surname, t town) that are no ordinary words."""
    lines = gzip.decompress(LEXICON.read_bytes()).decode().splitlines()
    found = (line.split("\t") for line in lines)
    return tuple(
        word.title() for word, letters in found if letter in letters and not set("wds") & set(letters)
    )


@cache
def eponyms() -> tuple[str, ...]:
    """Eponyms that are hardly anybody's name."""
    lines = LEXICON.with_name("eponyms.txt").read_text("utf-8").splitlines()
    listed = (word for line in lines if not line.startswith("#") for word in line.split())
    return tuple(word for word in listed if not word.endswith("+"))


def remark(language: str, rng: random.Random) -> str:
    """A remark with an eponym in it, which may be any surname: what stands around it tells."""
    name, other = (
        rng.choice(eponyms()).title() if rng.random() < 0.3 else last_name("en", rng) for _ in range(2)
    )
    said = rng.choice(words("remarks_de" if language == "de" else "remarks")).format(n=name, m=other)
    return said.lower() if rng.random() < 0.35 else said


def _locale(language: str, rng: random.Random) -> str:
    return rng.choice(_HOME[language] if rng.random() < 0.45 else _LOCALES)


def first_name(language: str, rng: random.Random) -> str:
    """A first name of anywhere, more often of where the language is spoken."""
    draw = rng.random()
    if draw < 0.12:
        return rng.choice(single("names"))
    if draw < 0.22:
        return rng.choice(single("wordnames"))
    if draw < 0.36:
        return rng.choice(known("f"))
    return rng.choice(_people(_locale(language, rng))[0])


def last_name(language: str, rng: random.Random) -> str:
    """A surname, likewise."""
    draw = rng.random()
    if draw < 0.2:
        return rng.choice(single("names"))
    if draw < 0.34:
        return rng.choice(single("wordnames"))
    if draw < 0.55:
        return rng.choice(known("l"))
    return rng.choice(_people(_locale(language, rng))[1])


def person(language: str, rng: random.Random) -> str:
    """A person's name in one of the forms in which it is written."""
    first, last = first_name(language, rng), last_name(language, rng)
    form = rng.choice(
        (
            "F L",
            "F L",
            "F",
            "F",
            "L",
            "L",
            "L",
            "L, F",
            "f. L",
            "F l.",
            "f.l.",
            "fl",
            "F f. L",
            "L F",
            "F L-L",
            "f l",
        )
    )
    second = last_name(language, rng)
    written = {
        "F L": f"{first} {last}",
        "F": first,
        "L": last,
        "L, F": f"{last}, {first}",
        "f. L": f"{first[0]}. {last}",
        "F l.": f"{first} {last[0]}.",
        "f.l.": f"{first[0]}.{last[0]}.",
        "fl": f"{first[0]}{last[0]}",
        "F f. L": f"{first} {second[0]}. {last}",
        "L F": f"{last} {first}",
        "F L-L": f"{first} {last}-{second}",
        "f l": f"{first[0]} {last[0]}",
    }[form]
    return cased(written, rng)


def cased(written: str, rng: random.Random) -> str:
    """Written as somebody tired writes it: as it is, in lower case, or in capitals."""
    draw = rng.random()
    return written.lower() if draw < 0.3 else written.upper() if draw < 0.36 else written


def typo(written: str, rng: random.Random) -> str:
    """With one letter doubled, dropped or swapped."""
    if len(written) < 5 or not written.isalpha():
        return written
    at = rng.randrange(1, len(written) - 1)
    kind = rng.randrange(3)
    if kind == 0:
        return written[:at] + written[at + 1 :]
    if kind == 1:
        return written[: at + 1] + written[at:]
    return written[:at] + written[at + 1] + written[at] + written[at + 2 :]


def town(language: str, rng: random.Random) -> str:
    """A town, district or county."""
    if rng.random() < 0.2:
        return cased(rng.choice(known("t")), rng)
    return cased(rng.choice(_cities(language)), rng)


def postcode(language: str, rng: random.Random) -> str:
    """A postcode of some country."""
    forms = {
        "en": (
            "#####",
            "#####-####",
            "@@# #@@",
            "@## #@@",
            "@@## #@@",
            "@#@ #@#",
            "####",
            "######",
            "@## @@##",
        ),
        "de": ("#####", "#####", "A-####", "CH-####", "####", "D-#####"),
        "es": ("#####",),
        "fr": ("#####", "## ###"),
    }
    return filled(rng.choice(forms[language]), rng)


def address(language: str, rng: random.Random) -> str:
    """A street address, with or without its town."""
    number = str(rng.randrange(1, 400)) + rng.choice(("", "", "", "a", "B", "/2"))
    name = rng.choice((last_name, first_name))(language, rng)
    kind = rng.choice(_STREETS[language])
    place = rng.choice(_cities(language))
    code = postcode(language, rng)
    if language == "de":
        base = rng.choice(
            (f"{name}{kind} {number}", f"{name}-{kind.title()} {number}", f"Am {name}berg {number}")
        )
        whole = rng.choice(
            (base, f"{base}, {code} {place}", f"{code} {place}", f"{base} in {place}", f"{name}{kind}")
        )
    elif language == "es":
        base = f"{kind} {name} {number}"
        whole = rng.choice((base, f"{base}, {code} {place}", f"{base}, {place}", f"{code} {place}"))
    elif language == "fr":
        base = f"{number} {kind} {name}"
        whole = rng.choice((base, f"{base}, {code} {place}", f"{base} à {place}", f"{code} {place}"))
    else:
        base = f"{number} {name} {kind}"
        flat = f"{rng.choice(('Flat', 'Apt', 'Unit', 'apt', '#'))} {rng.randrange(1, 40)}"
        whole = rng.choice(
            (base, f"{base}, {place} {code}", f"{base} {place}", f"{flat}, {base}, {place}", f"{name} {kind}",
             f"{base}, {code}", code, f"corner of {name} and {last_name(language, rng)}")
        )  # fmt: skip
    return cased(whole, rng)


def hospital(language: str, rng: random.Random) -> str:
    """A hospital, practice or home, also as it is called for short."""
    draw = rng.random()
    if draw < 0.5:
        return rng.choice((cased, lambda written, _: written))(rng.choice(words("hospitals")), rng)
    place, saint = rng.choice(_cities(language)), first_name(language, rng)
    if draw < 0.58:
        return "".join(rng.choice("ABCDEGHIKLMNPRSTUVW") for _ in range(rng.choice((2, 3, 3, 3, 4, 4))))
    forms = {
        "en": (
            "{p} General", "{p} Hospital", "{p} Memorial", "St {s}'s", "St. {s}", "{p} Regional", "{p} Med Center",
            "{p} Infirmary", "{s} House", "{p} Surgery", "{p} Family Medicine", "{p} Nursing Home", "{p} Hospice",
            "{p} Community", "{p} Children's", "{p} ED", "{p} VA", "Our Lady of {p}", "{p} Health Centre", "{p} Clinic",
            "University of {p}", "{p} Uni", "{p} District", "{p} Care Home", "{p} Base", "the {p}", "{p}",
        ),
        "de": (
            "Klinikum {p}", "Uniklinik {p}", "KH {p}", "Kreiskrankenhaus {p}", "St. {s}", "St.-{s}-Krankenhaus",
            "Klinik {p}", "{p}er Klinik", "LKH {p}", "Spital {p}", "Pflegeheim {p}", "Haus {s}", "Praxis {l}", "MVZ {p}",
            "Seniorenzentrum {p}", "Reha {p}", "Helios {p}", "Asklepios {p}", "UK {p}", "Marienhospital {p}", "BG {p}",
            "Hospiz {p}", "Diakonie {p}", "Sankt {s}", "Gemeinschaftspraxis {l}/{s}", "Kinderklinik {p}", "{p}",
        ),
        "es": ("Hospital de {p}", "Clínico de {p}", "CAP {p}", "CS {p}", "San {s}", "Hospital San {s}", "HU {p}",
               "residencia {p}", "clínica {l}", "Virgen de {p}", "Hospital General de {p}", "{p}"),
        "fr": ("CHU de {p}", "CHU {p}", "CH {p}", "hôpital de {p}", "clinique {l}", "Saint-{s}", "EHPAD {p}",
               "clinique Saint-{s}", "CHR de {p}", "MSP {p}", "hôpital {l}", "les urgences de {p}", "{p}"),
    }[language]  # fmt: skip
    return cased(rng.choice(forms).format(p=place, s=saint, l=last_name(language, rng)), rng)


def organisation(language: str, rng: random.Random) -> str:
    """An employer, school or club."""
    if rng.random() < 0.5:
        return cased(rng.choice(words("orgs")), rng)
    place, name = rng.choice(_cities(language)), last_name(language, rng)
    forms = {
        "en": ("{p} High", "{p} Elementary", "{n} & Sons", "{p} Uni", "{p} FC", "{n} Logistics", "{p} Police",
               "{p} Fire Dept", "{n} Plumbing", "{p} Primary School", "{p} Council", "{n} Motors", "{p} Rugby Club"),
        "de": ("{n} GmbH", "Firma {n}", "Gymnasium {p}", "{n}-Schule", "Kita {n}", "FC {p}", "Uni {p}", "{n} AG",
               "Bäckerei {n}", "Stadtwerke {p}", "Feuerwehr {p}", "Autohaus {n}", "TSV {p}", "{n}werke"),
        "es": ("colegio {n}", "IES {n}", "{n} S.L.", "Talleres {n}", "CF {p}", "universidad de {p}"),
        "fr": ("lycée {n}", "école {n}", "{n} SA", "garage {n}", "mairie de {p}", "collège {n}", "AS {p}"),
    }[language]  # fmt: skip
    return cased(rng.choice(forms).format(p=place, n=name), rng)


def date(language: str, rng: random.Random) -> str:
    """A date or a part of one, as it is written; never a bare year."""
    day, month = rng.randrange(1, 29), rng.randrange(1, 13)
    year = rng.randrange(1928, 2030)
    named = MONTHS[language][month - 1]
    short = named[: rng.choice((3, 3, 4))] if len(named) > 4 else named
    weekday = rng.choice(DAYS[language])
    holiday = rng.choice(HOLIDAYS[language])
    mark = rng.choice("//-. ")
    two = rng.random() < 0.5
    tail = f"{year % 100:02d}" if rng.random() < 0.5 else str(year)
    numeric = f"{day:02d}{mark}{month:02d}" if two else f"{day}{mark.strip() or '/'}{month}"
    forms = {
        "en": (
            f"{named} {day}", f"{day} {named}", f"{short} {day}", f"{day} {short}", f"{named} {day}, {year}",
            f"{day}{_ordinal(day)} {named}", f"{named} {day}{_ordinal(day)}", f"the {day}{_ordinal(day)}", f"{named}",
            f"{day}{_ordinal(day)} of {named}", f"{named} {year}", f"{short} '{year % 100:02d}", f"{short}",
            weekday, weekday, f"last {weekday}", f"{weekday} {day}/{month}", f"{weekday} the {day}{_ordinal(day)}",
            holiday, f"{holiday} {year}", f"Q{rng.randrange(1, 5)} {year}", f"{year}-{month:02d}-{day:02d}",
            f"{month}/{year}", f"{month:02d}/{year % 100:02d}", f"early {named}", f"mid-{named}", f"late {short}",
            f"{day}{_ordinal(day)}", f"{weekday} {named} {day}", f"{day}-{short}-{year}", f"{short} {day} {year}",
            f"week of {named} {day}", f"spring {year}", f"winter {year}", f"{day}{short.upper()}{year}",
            f"{named} {year % 100:02d}", f"{month}.{day}.{year % 100:02d}", f"{month:02d}{day:02d}{year}",
        ),
        "de": (
            f"{day}. {named}", f"{day}.{month}.", f"{day:02d}.{month:02d}.", f"{day}.{month}.{year}", f"{named} {year}",
            f"{day:02d}.{month:02d}.{year % 100:02d}", f"{named}", f"Anfang {named}", f"Ende {named}", f"Mitte {named}",
            weekday, weekday, f"letzten {weekday}", f"{weekday}, {day}.{month}.", f"{weekday}, den {day}. {named}",
            holiday, f"{holiday} {year}", f"{month:02d}/{year % 100:02d}", f"{month}/{year}", f"{day}. {named} {year}",
            f"{day}.{month}", f"Frühjahr {year}", f"Herbst {year}", f"KW {rng.randrange(1, 53)}", f"{short} {year % 100}",
            f"{day}.–{day + 2}.{month}.", f"Q{rng.randrange(1, 5)}/{year}", f"{weekday}abend", f"{weekday}nacht",
        ),
        "es": (
            f"{day} de {named}", f"{day} de {named} de {year}", weekday, weekday, f"el {weekday}", named, holiday,
            f"{named} de {year}", f"{day}/{month:02d}/{year}", f"{day}-{month}-{year % 100:02d}", f"{day}/{short}",
            f"finales de {named}", f"{month}/{year}", f"{weekday} {day}", f"{day}.{month}.{year}",
        ),
        "fr": (
            f"{day} {named}", f"{day} {named} {year}", weekday, weekday, f"{weekday} {day} {named}", named, holiday,
            f"{named} {year}", f"{day:02d}/{month:02d}/{year}", f"{day}/{month}", f"fin {named}", f"début {named}",
            f"{month:02d}/{year}", f"{weekday} dernier", f"{day}.{month:02d}.{year % 100:02d}",
        ),
    }[language]  # fmt: skip
    generic = (
        f"{numeric}{mark.strip() or '/'}{tail}",
        f"{numeric}/{tail}",
        f"{day}/{month}",
        f"{month}/{day}",
    )
    return cased(rng.choice(generic if rng.random() < 0.25 else forms), rng)


def _ordinal(day: int) -> str:
    return "th" if 10 < day < 20 else {1: "st", 2: "nd", 3: "rd"}.get(day % 10, "th")


def age(language: str, rng: random.Random) -> str:
    """An age over 89."""
    return str(rng.randrange(90, 108)) if rng.random() < 0.7 else rng.choice(_TENS[language])


def filled(pattern: str, rng: random.Random) -> str:
    """A pattern with # for a digit, @ for a capital and ? for a small letter."""
    return "".join(
        rng.choice("0123456789") if c == "#" else rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") if c == "@"
        else rng.choice("abcdefghjkmnprstuvwxyz") if c == "?" else c
        for c in pattern
    )  # fmt: skip


NUMBERS = {
    "id": (
        "#######|########|######|#####|#########|###-##-####|###-####|##-###-###|## ## ##|### ### ###|### ## ####|"
        "####-####-##|@######|@@-######|@@#######|#-######-#|@##-#####|####/####|####/##|####-#######|## ### ###|"
        "@#######@|##########|### ### ####|#### #### ####|@ ###|#####-#|##/######|@@@-####-##|@@ ## ## ## @|##.###.###|"
        "@###-####-####|#### ######|##-####|###.####.####.##|@@####|H#######|MRN#######|#### #####|@#########|#-###-#-##|"
        "##-#####-@|####.##.###|E####-#####|@@/####/####/##|@@@@@####@|######-##|#############|## ###### @ ###|@@@@####"
    ),
    "phone": (
        "###-###-####|(###) ###-####|### ### ####|###.###.####|###-####|x####|####|#####|+1 ### ### ####|1-800-###-####|"
        "07### ######|07## ### ####|0### ### ####|020 #### ####|+44 7### ######|08# ### ####|08# #######|04## ### ###|"
        "(0#) #### ####|+91 ##### #####|98### #####|#### ####|+65 #### ####|0## ### ####|080# ### ####|+234 80# ### ####|"
        "0### ######|0### ### ## ##|0###/#######|0### - ######|+49 ### #######|+43 664 #######|0664 ### ## ##|+41 79 ### ## ##|"
        "079 ### ## ##|6## ### ###|6## ## ## ##|9## ## ## ##|0# ## ## ## ##|+33 6 ## ## ## ##|###|## ###|bleep ####|5####|-####"
    ),
    "device": (
        "@@@######@|SN ########|########|@@##-######|@#####|@@-#####-@|LOT @####|#####@@@|@@@-####|@#-####-#|##@@#####|"
        "@@@ ######|(01)##############|@@@#####|####@####|@@######|W#####|#-######|REF ######"
    ),
    "vehicle": (
        "@@@ ####|@@## @@@|@-@@ ####|@@-@@ ###|#@@@###|@@@-###|@@ #####|@## @@@|#### @@@|@@-###-@@|@@@@ ###|W-#####@|"
        "###-@-####|@@@@@##@#########|@@ ## @@ ####"
    ),
    "room": (
        "#|##|###|####|#@|##@|###-#|#-##|@#|@##|#.##|##.#|##-@|#/#|@@##|#@##|#?|##?|#W|#N|###@|#@@|##/#|@-#|@#.#|#.#.#"
    ),
}  # fmt: skip


def number(kind: str, rng: random.Random) -> str:
    """A number of a kind in NUMBERS; one in five written with other spaces or dashes."""
    written = filled(rng.choice(NUMBERS[kind].split("|")), rng)
    if kind != "room" and rng.random() < 0.2:
        written = respaced(written, rng)
    return written.lower() if rng.random() < 0.15 else written


def respaced(written: str, rng: random.Random) -> str:
    """Other separators between groups of a number, or none."""
    mark = rng.choice((" ", "-", "", ".", " - ", "/"))
    return re.sub(r"(?<=\w)[ \-./]+(?=\w)", mark, written)


def email(language: str, rng: random.Random) -> str:
    """An e-mail address."""
    first, last = _ascii(first_name(language, rng)), _ascii(last_name(language, rng))
    user = rng.choice(
        (f"{first}.{last}", f"{first[0]}{last}", f"{last}{rng.randrange(99)}", f"{first}_{last}", first)
    )
    host = rng.choice(
        ("gmail.com", "yahoo.com", "hotmail.co.uk", "nhs.net", "gmx.de", "web.de", "t-online.de", "orange.fr", "hse.ie",
         "outlook.com", "icloud.com", f"{last}.org", f"{_ascii(town(language, rng))}hospital.org", "health.gov.au")
    )  # fmt: skip
    return f"{user}@{host}"


def handle(language: str, rng: random.Random) -> str:
    """A name on a social network, or a Matrix id."""
    base = _ascii(first_name(language, rng)) + rng.choice(("", "_", ".")) + _ascii(last_name(language, rng))
    return rng.choice(
        (
            f"@{base}",
            f"@{base}{rng.randrange(100)}",
            f"@{base}:example.org",
            f"u/{base}",
            f"{base}{rng.randrange(99)}",
        )
    )


def url(language: str, rng: random.Random) -> str:
    """A web address."""
    host = _ascii(last_name(language, rng)) + rng.choice((".com", ".de", ".org", ".co.uk", ".net", ".ch"))
    path = rng.choice(
        ("", f"/{_ascii(first_name(language, rng))}", f"/p/{rng.randrange(10**6)}", "/patient/portal")
    )
    return rng.choice(("https://", "http://", "www.", "")) + host + path


def ip(rng: random.Random) -> str:
    """An address of version 4."""
    return ".".join(str(rng.randrange(1, 255)) for _ in range(4))


def _ascii(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower().replace("ß", "ss")) or "sam"
