"""Which of a text's names belong to one person, and what that person is. Pure.

A full name makes a person; a name alone or initials belong to the first person whom they fit. What a person
is (the patient, a daughter, a doctor) is said only where the words right before the name say it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.deid.merging import Found
from bot.deid.model import Kind, Source

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")


def listed(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


_PARTICLES = listed("de del der den di da dos van von vom zu zur la le el al bin bint ibn st d o s y e")
_REACH = 40  # characters before a name in which a relation or a cue stands

# A relation's word by what it becomes; the tag is in `replacing`.
_RELATIONS = {
    "wife": "wife ehefrau gattin esposa épouse",
    "husband": "husband hubby ehemann gatte esposo marido mari époux",
    "partner": "partner partnerin fiance fiancé fiancée boyfriend girlfriend lebensgefährte lebensgefährtin "
    "freundin pareja novio novia conjoint conjointe compagnon compagne copain copine spouse",
    "mother": "mother mum mom mam mommy mama mutter mutti madre mamá mère maman amma",
    "father": "father dad da daddy papa vater vati padre papá père appa",
    "daughter": "daughter dtr dgtr tochter hija fille",
    "son": "son sohn hijo fils",
    "sister": "sister sis hermana soeur sœur",
    "brother": "brother bro bruder hermano frère",
    "grandparent": "grandmother grandma nan nana gran granny grandfather grandpa granddad oma opa großmutter "
    "großvater grossmutter grossvater abuela abuelo grand-mère grand-père mémé pépé",
    "grandchild": "granddaughter grandson enkel enkelin enkeltochter nieta nieto petite-fille petit-fils",
    "relative": "aunt auntie uncle cousin niece nephew tante onkel nichte neffe cousine tía tío prima primo "
    "sobrina sobrino oncle nièce neveu sister-in-law brother-in-law mother-in-law son-in-law nok law "
    "schwägerin schwager schwiegertochter schwiegersohn schwiegermutter cuñada cuñado nuera yerno suegra "
    "relative angehörige angehöriger stepson stepdaughter stepfather stepmother guardian twin zwilling",
    "friend": "friend neighbour neighbor mate roommate flatmate carer caregiver witness nachbar nachbarin "
    "bekannte zeuge zeugin betreuer betreuerin vecina vecino amiga amigo testigo voisin voisine ami amie "
    "témoin",
    "nurse": "nurse rn hca cna matron krankenschwester pfleger krankenpfleger pflegerin enfermera enfermero "
    "infirmière infirmier aide-soignante ids ide",
}
_RELATED = {word: relation for relation, words in _RELATIONS.items() for word in words.split()}
# "Schwester" is a sister to patients and a nurse to clinicians.
_AMBIGUOUS = {"schwester": ("sister", "nurse"), "sr": ("", "nurse"), "sister": ("sister", "nurse")}
_TITLES = {
    "en": "mr mrs ms miss mx mstr master baby bub",
    "de": "herr herrn frau hr hrn fr",
    "es": "sr sra srta señor señora don doña d",
    "fr": "m mme mlle madame monsieur",
}
_PATIENT = {
    language: frozenset(
        f"{words} pt pts patient patients pat patientin patienten paciente px pte patiente lady gentleman "
        "client resident name re betr named nombre nom".split()
    )
    for language, words in _TITLES.items()
}
_BETWEEN = listed(
    "s his her their my our the is was called mr mrs ms herr frau hr fr der die das dem den sein "
    "seine ihr ihre "
    "ihrer seiner su sus la el llamado llamada llamé sa son ses le appelé appelée first last in"
)
_OF = listed("of von de des del d vom")  # "the mother of Jonas" does not name the mother
_ABBREVIATED = re.compile(r"\b(mr|mrs|ms|hr|fr|hrn|pt|pat|sr|sra|dtr|m|d|dr)\.", re.IGNORECASE)
_AGED = re.compile(
    r",?\s\(?\d{1,3}\s?(?:[,)]|y|[mf]\b|j|a)|[\s,(]{0,3}(?:dob|geb\b|\*|mrn|nhs)|\s[ds]/o\b", re.IGNORECASE
)


@dataclass(slots=True)
class Person:
    """Somebody who is named in a text; `role` is "patient", a relation, "clinician" or nothing."""

    words: set[str] = field(default_factory=set)
    initials: set[str] = field(default_factory=set)
    role: str = ""


def persons(source: Source, found: Sequence[Found]) -> dict[int, Person]:
    """The person whom each span of a person's name means, by the span's index."""
    spans = [index for index, one in enumerate(found) if one.kind in (Kind.NAME, Kind.CLINICIAN)]
    # Full names first: they tell to whom the others belong.
    ordered = sorted(spans, key=lambda index: -min(2, len(_words(source, found[index]))))
    known: list[tuple[Kind, Person]] = []
    meant: dict[int, Person] = {}
    for index in ordered:
        one = found[index]
        words = _words(source, one)
        person = next((who for kind, who in known if kind == one.kind and _same(who, words)), None)
        if person is None:
            person = Person()
            known.append((one.kind, person))
        _learn(person, words)
        meant[index] = person
    for index in spans:
        person = meant[index]
        role = _role(source, found[index])
        if person.role in ("", "patient", "clinician"):
            person.role = role or person.role
    return meant


def _words(source: Source, one: Found) -> list[str]:
    """The words of a name, folded: lower case, no marks, no particles, no possessive."""
    text = re.sub(r"'s\b", "", source.text[one.start : one.end])
    words = [_folded(word) for word in _WORD.findall(text)]
    return [word for word in words if word not in _PARTICLES or len(words) == 1]


def _folded(word: str) -> str:
    plain = unicodedata.normalize("NFD", word.casefold())
    return "".join(char for char in plain if not unicodedata.combining(char))


def _letters(words: Sequence[str]) -> str:
    """Initials, in the order of the alphabet: "A.K." and "K., A." are the same."""
    return "".join(sorted(word[0] for word in words))


def _same(person: Person, words: Sequence[str]) -> bool:
    whole = [word for word in words if len(word) > 1]
    short = [word for word in words if len(word) == 1]
    if whole and all(word in person.words for word in whole):
        return all(any(one.startswith(letter) for one in person.words) for letter in short)
    # "AK", "A. K.": initials of somebody whose full name stands in the text, or the same initials again.
    compact = "".join(words) if len("".join(words)) <= 3 else ""
    return bool(compact) and "".join(sorted(compact)) in person.initials


def _learn(person: Person, words: Sequence[str]) -> None:
    person.words.update(word for word in words if len(word) > 1)
    if len(words) > 1:
        person.initials.add(_letters(words))
        person.initials.add(_letters([words[0], words[-1]]))
    elif len("".join(words)) <= 3:
        person.initials.add("".join(sorted("".join(words))))


def _role(source: Source, one: Found) -> str:
    """What the words before a name say: nearest first, over articles and titles."""
    text = source.text
    line = text[max(0, one.start - _REACH) : one.start].rsplit("\n", 1)[-1]
    if re.search(r"\b[ds]/o\s$", line, re.IGNORECASE):
        return "relative"
    clause = re.split(r"[.;!?](?=\s)|\s-\s", _ABBREVIATED.sub(r"\1", line))[-1]
    clinician = one.kind is Kind.CLINICIAN
    patient = of = False
    for word in reversed(re.findall(r"[^\W\d_]+(?:-[^\W\d_]+)*", clause)):
        low = word.casefold()
        relation = _AMBIGUOUS[low][clinician] if low in _AMBIGUOUS else _RELATED.get(low, "")
        if clinician:
            return relation if relation == "nurse" else "clinician"
        if relation and relation != "nurse":
            if low in ("son", "fr") and source.language == "fr":  # "his" in French
                continue
            return "patient" if of else relation
        if low in _PATIENT[source.language]:
            patient = True
        elif low in _OF:
            of = True
        elif low not in _BETWEEN:
            break
    if clinician:
        return "clinician"
    return "patient" if patient or _AGED.match(text[one.end : one.end + 24]) else ""
