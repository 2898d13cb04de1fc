"""What stands in the place of an identifier: typed tags, the same for the same person or place. Pure.

Tags are plain text in the language of the text and carry nothing of what they replace; dates become intervals
where the text allows (`bot.deid.timeline`), ages over 89 become "90+" as 45 CFR 164.514(b)(2)(i)(C) says. The
mapping exists only while the text is worked on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence

from bot.deid import calendars, persons, timeline
from bot.deid.calendars import When
from bot.deid.merging import Found
from bot.deid.model import Kind, Source

AGE = "90+"
_ORDER = ("en", "de", "es", "fr")
# By kind and language; what a number may follow.
_KINDS: dict[Kind, tuple[str, str, str, str]] = {
    Kind.HOSPITAL: ("HOSPITAL", "KLINIK", "HOSPITAL", "HÔPITAL"),
    Kind.PLACE: ("PLACE", "ORT", "LUGAR", "LIEU"),
    Kind.ORG: ("ORGANISATION", "EINRICHTUNG", "ENTIDAD", "ORGANISME"),
    Kind.ROOM: ("ROOM", "ZIMMER", "CAMA", "CHAMBRE"),
    Kind.DATE: ("DATE", "DATUM", "FECHA", "DATE"),
    Kind.PHONE: ("PHONE", "TELEFON", "TELÉFONO", "TÉLÉPHONE"),
    Kind.FAX: ("FAX", "FAX", "FAX", "FAX"),
    Kind.EMAIL: ("EMAIL", "E-MAIL", "CORREO", "E-MAIL"),
    Kind.NATIONAL: ("NATIONAL-NUMBER", "AUSWEIS-NR", "NÚMERO-NACIONAL", "NUMÉRO-NATIONAL"),
    Kind.RECORD: ("RECORD-NUMBER", "PAT-NR", "N-HISTORIA", "N-DOSSIER"),
    Kind.PLAN: ("INSURANCE-NUMBER", "VERSICHERTEN-NR", "N-SEGURO", "N-ASSURANCE"),
    Kind.ACCOUNT: ("ACCOUNT", "KONTO", "CUENTA", "COMPTE"),
    Kind.LICENCE: ("LICENCE", "LIZENZ-NR", "LICENCIA", "LICENCE"),
    Kind.VEHICLE: ("VEHICLE", "FAHRZEUG", "VEHÍCULO", "VÉHICULE"),
    Kind.DEVICE: ("DEVICE-NUMBER", "GERÄTE-NR", "N-DISPOSITIVO", "N-APPAREIL"),
    Kind.URL: ("LINK", "LINK", "ENLACE", "LIEN"),
    Kind.IP: ("IP-ADDRESS", "IP-ADRESSE", "DIRECCIÓN-IP", "ADRESSE-IP"),
    Kind.BIOMETRIC: ("BIOMETRIC", "BIOMETRIE", "BIOMETRÍA", "BIOMÉTRIE"),
    Kind.HANDLE: ("ACCOUNT-NAME", "KONTONAME", "USUARIO", "PSEUDO"),
    Kind.OTHER: ("REMOVED", "ENTFERNT", "RETIRADO", "RETIRÉ"),
}
_ROLES: dict[str, tuple[str, str, str, str]] = {
    "patient": ("PATIENT", "PATIENT", "PACIENTE", "PATIENT"),
    "clinician": ("DR", "ARZT", "DR", "DR"),
    "nurse": ("NURSE", "PFLEGE", "ENFERMERÍA", "INFIRMIER"),
    "": ("NAME", "NAME", "NOMBRE", "NOM"),
    "wife": ("WIFE", "EHEFRAU", "ESPOSA", "ÉPOUSE"),
    "husband": ("HUSBAND", "EHEMANN", "MARIDO", "MARI"),
    "partner": ("PARTNER", "PARTNER", "PAREJA", "PARTENAIRE"),
    "mother": ("MOTHER", "MUTTER", "MADRE", "MÈRE"),
    "father": ("FATHER", "VATER", "PADRE", "PÈRE"),
    "daughter": ("DAUGHTER", "TOCHTER", "HIJA", "FILLE"),
    "son": ("SON", "SOHN", "HIJO", "FILS"),
    "sister": ("SISTER", "SCHWESTER", "HERMANA", "SŒUR"),
    "brother": ("BROTHER", "BRUDER", "HERMANO", "FRÈRE"),
    "grandparent": ("GRANDPARENT", "GROSSELTERNTEIL", "ABUELO/A", "GRAND-PARENT"),
    "grandchild": ("GRANDCHILD", "ENKELKIND", "NIETO/A", "PETIT-ENFANT"),
    "relative": ("RELATIVE", "ANGEHÖRIGE", "FAMILIAR", "PROCHE"),
    "friend": ("FRIEND", "BEKANNTE", "CONOCIDO", "CONNAISSANCE"),
}
_DOB = ("DOB", "GEB-DATUM", "F-NAC", "DDN")
# Numbered even if there is only one: the next post of a thread may name another.
_NUMBERED = frozenset({Kind.HOSPITAL, Kind.PLACE, Kind.ORG})
_BORN = "date:birth"
# Words of a hospital's or a place's name that many share.
_GENERIC = persons.listed(
    """
    hospital hospitals clinic medical centre center health infirmary practice surgery university general
    the of and st saint royal klinik klinikum krankenhaus spital uniklinik universitätsklinikum praxis
    haus sankt der die das am im an hôpital hopital clinique chu hospitalier clínica universitario de la
    el del san santa los las le les street road str straße strasse ave avenue rue calle north south east
    west new old
    """
)


def replace(source: Source, found: Sequence[Found]) -> Sequence[str]:
    """One replacement for each span, in their order."""
    language = _ORDER.index(source.language)
    shown = [""] * len(found)
    keys: list[tuple[str, object]] = []  # the word of the tag, and what is the same under it
    always: set[str] = set()
    people = persons.persons(source, found)
    intervals = _intervals(source, found)
    for index, one in enumerate(found):
        if one.kind is Kind.AGE:
            joined = source.text[one.end - 1 : one.end + 1]
            shown[index] = f"{AGE}-" if len(joined) > 1 and joined.isalpha() else AGE
        elif (interval := intervals.get(index)) is not None:
            shown[index] = f"[{interval}]"
        if index in people:
            word = _ROLES[people[index].role][language]
            keys.append((word, id(people[index])))
            if people[index].role in ("clinician", "nurse", ""):
                always.add(word)
            continue
        word = _DOB[language] if one.rule == _BORN else _KINDS.get(one.kind, _KINDS[Kind.OTHER])[language]
        if one.kind in _NUMBERED:
            always.add(word)
        keys.append((word, _identity(source.text[one.start : one.end], keys, word, one.kind in _NUMBERED)))
    numbers = _numbers([key for index, key in enumerate(keys) if not shown[index]])
    many = Counter(word for word, _ in numbers)
    for index, key in enumerate(keys):
        if shown[index]:
            continue
        word, _ = key
        several = word in always or many[word] > 1
        shown[index] = f"[{word}-{numbers[key]}]" if several else f"[{word}]"
    return shown


def _intervals(source: Source, found: Sequence[Found]) -> dict[int, str]:
    """The intervals of those dates that have one, by index."""
    read: dict[int, When] = {}
    births: list[When] = []
    for index, one in enumerate(found):
        if one.kind is Kind.DATE:
            when = calendars.read(source.text[one.start : one.end], source.language)
            if one.rule == _BORN:
                births.append(when)
            else:
                read[index] = when
    said = timeline.intervals(list(read.values()), source.language, births)
    return {index: interval for index, interval in zip(read, said, strict=True) if interval is not None}


def _identity(text: str, keys: Sequence[tuple[str, object]], word: str, parts: bool) -> frozenset[str]:
    """The same thing written twice: case, spaces and signs do not count, and a place's name may be short."""
    if not parts:
        return frozenset(["".join(char for char in text.casefold() if char.isalnum())])
    words = frozenset(re.findall(r"[^\W_]+", text.casefold().replace("'s", "")))
    telling = words - _GENERIC
    for other, known in keys:
        if (
            other == word
            and isinstance(known, frozenset)
            and telling
            and (telling <= known or known - _GENERIC <= words)
        ):
            return known
    return words


def _numbers(keys: Sequence[tuple[str, object]]) -> dict[tuple[str, object], int]:
    """Counted from 1 for each word, in the order of the text."""
    numbers: dict[tuple[str, object], int] = {}
    counted: dict[str, int] = {}
    for key in keys:
        if key not in numbers:
            counted[key[0]] = counted.get(key[0], 0) + 1
            numbers[key] = counted[key[0]]
    return numbers
