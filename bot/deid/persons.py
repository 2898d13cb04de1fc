"""Which of a text's names belong to one person, and what that person is. Pure.

A full name makes a person; a name alone or initials belong to somebody whom they fit. Relatives share
surnames: a surname alone is not the daughter's, nor a Mr's what is a Mrs's. What a person is (the patient, a
daughter, a doctor) is said only where the words right before the name say it.
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


_MALE = listed("mr mstr master herr herrn hr hrn señor don monsieur")
_FEMALE = listed("mrs ms miss frau sra srta señora doña mme mlle madame")
_BY_LANGUAGE = {"de": {"fr": "f"}, "es": {"sr": "m", "d": "m"}, "fr": {"m": "m"}}
_SEXES = {
    **dict.fromkeys(("husband", "father", "son", "brother"), "m"),
    **dict.fromkeys(("wife", "mother", "daughter", "sister"), "f"),
}
# Whose relative somebody is, seen from the relative: "the son says that his father" means the patient.
_INVERSE = {
    **dict.fromkeys(("father", "mother"), ("son", "daughter")),
    **dict.fromkeys(("son", "daughter"), ("father", "mother")),
    "husband": ("wife",),
    "wife": ("husband",),
}
_SURELY = listed("pt pts patient patients pat patientin patienten paciente px pte patiente")
_ACADEMIC = listed("dr prof med priv doz habil pd")
_STAFF = listed(
    "consultant surgeon registrar attending physician doctor sho intern anaesthetist anesthetist "
    "cardiologist neurologist radiologist oncologist psychiatrist psychologist physio physiotherapist "
    "pharmacist dietitian dentist gp hospitalist fellow neurosurgeon urologist midwife paramedic "
    "therapist specialist professor "
    "arzt ärztin oberarzt oberärztin chefarzt chefärztin assistenzarzt assistenzärztin stationsarzt "
    "stationsärztin hausarzt hausärztin facharzt chirurg chirurgin operateur anästhesist anästhesistin "
    "internist kardiologe kardiologin hebamme physiotherapeut physiotherapeutin apotheker apothekerin "
    "kollege kollegin kollegen médico médica doctora cirujano cirujana residente adjunto adjunta anestesista "
    "farmacéutico farmacéutica médecin docteur chirurgien chirurgienne interne anesthésiste pharmacien "
    "pharmacienne kiné sage-femme"
)
_OTHERS = listed(
    "lawyer solicitor attorney barrister interpreter translator chaplain priest teacher employer landlord "
    "officer constable detective judge anwalt anwältin rechtsanwalt rechtsanwältin dolmetscher dolmetscherin "
    "pfarrer lehrer lehrerin richter richterin polizist polizistin vermieter abogado abogada intérprete "
    "profesor profesora juez avocat avocate interprète professeur juge"
)
_TOLD = listed(
    "tell told ask asked asking inform informed notify notified call called page paged let updated hat haben "
    "informiert gefragt avisado dijo prévenu"
)
_LISTED = re.compile(r"(?:,|\s(?:and|und|y|e|et|&))\s")
_MOST = 32  # bearers of one word that are looked at
_FOLDED = str.maketrans("ıøłđ", "iold", "")
_SPELT = re.compile(r"(?<![aeiou])([aou])e(?!l$)")  # Mueller, but neither Bauer nor Samuel


@dataclass(slots=True)
class Person:
    """Somebody who is named in a text; `role` is "patient", a relation, "clinician" or nothing."""

    words: set[str] = field(default_factory=set)
    initials: set[str] = field(default_factory=set)
    role: str = ""
    given: set[str] = field(default_factory=set)
    sex: str = ""
    sure: int = 0  # how surely it is what `role` says: 1 by a title, 2 by a word before it, 3 the patient
    first: int = 0
    titled: bool = False
    staff: bool = False
    mister: bool = False  # one of the staff who is called "Mr" or "Ms"


@dataclass(frozen=True, slots=True)
class _Said:
    """What the words before a name say."""

    role: str = ""
    surely: bool = False
    sex: str = ""
    titled: bool = False


@dataclass(frozen=True, slots=True)
class _Mention:
    spans: tuple[int, ...]
    start: int
    kind: Kind
    said: _Said
    parts: tuple[tuple[str, ...], ...]  # the given name first; words joined by a hyphen are one part
    words: tuple[str, ...]  # of two letters and more
    letters: tuple[str, ...]  # the words of one
    initials: str  # if it may be initials, in the order of the alphabet

    @property
    def staff(self) -> bool:
        """Whether a clinician is meant."""
        return self.kind is Kind.CLINICIAN or self.said.role in ("clinician", "nurse")

    @property
    def kin(self) -> bool:
        """Whether somebody beside the patient is meant, a relative or a lawyer."""
        return not self.staff and self.said.role not in ("", "patient")

    @property
    def full(self) -> bool:
        """Whether a surname and more is there."""
        return len(self.parts) > 1 and bool(self.words)


def persons(source: Source, found: Sequence[Found]) -> dict[int, Person]:
    """The person whom each span of a person's name means, by the span's index."""
    mentions = [_mention(source, found, spans) for spans in _joined(source.text, found)]
    known = _Known(_main(mentions))
    meant: dict[int, Person] = {}
    # Full names first: they tell to whom the others belong.
    full = sorted((one for one in mentions if one.full), key=lambda one: (-min(3, len(one.words)), one.start))
    pairs = [(one, known.full(one)) for one in full]
    for one, person in sorted(pairs, key=lambda pair: pair[0].start):
        known.hear(person, one)
        meant.update(dict.fromkeys(one.spans, person))
    known.relations.clear()
    for one in mentions:
        if one.full:
            known.relations.add(one.said.role)
            continue
        person = known.alone(one)
        known.hear(person, one)
        meant.update(dict.fromkeys(one.spans, person))
    for person in meant.values():
        if person.role == "other":
            person.role = ""
        elif person.staff and not person.role:
            person.role = "clinician"
    return meant


def _main(mentions: Sequence[_Mention]) -> _Mention | None:
    """The mention that says first, and best, who the patient is."""
    patients = [one for one in mentions if one.said.role == "patient"]
    return min(patients, key=lambda one: (not one.said.surely, one.start), default=None)


class _Known:
    """The persons of a text so far, by the words and initials of their names."""

    def __init__(self, main: _Mention | None) -> None:
        self.relations: set[str] = set()  # heard so far, in the order of the text
        self._main = main
        self._bearers: dict[tuple[bool, str], list[Person]] = {}
        self._exact: dict[tuple[bool, frozenset[str]], Person] = {}

    def full(self, one: _Mention) -> Person:
        """The person of a full name, who may be new."""
        exact = (one.staff, frozenset(one.words))
        person = None if one.letters else self._exact.get(exact)
        if person is None:
            fitting = [*self._bearing(one.staff, one), *self._misters(one)]
            person = next((who for who in fitting if _same(who, one)), None)
        person = person or Person(first=one.start, staff=one.staff)
        if not one.letters:
            self._exact[exact] = person
        self._learn(person, one)
        return person

    def alone(self, one: _Mention) -> Person:
        """The person of one name or of initials, who may be new."""
        fitting = [who for who in self._bearing(one.staff, one) if _fits(who, one)]
        person = next((who for who in fitting if one.words and who.given.issuperset(one.words)), None)
        if person is None and len(one.initials) > 1:
            person = next((who for who in fitting if one.initials in who.initials), None)
        if person is None:
            way = self._for_kin if one.kin else self._for_others
            ranked = [(rank, who) for who in fitting if (rank := way(who, one))]
            ranked += [(9, who) for who in self._misters(one) if _fits(who, one) and who.first < one.start]
            person = min(ranked, key=lambda pair: pair[0])[1] if ranked else None
        person = person or Person(first=one.start, staff=one.staff)
        self._learn(person, one)
        return person

    def hear(self, person: Person, one: _Mention) -> None:
        """Learn what a person is; what is said more surely counts, else what was said first."""
        role = one.said.role
        if not role:
            return
        sure = 2 if role not in ("patient", "clinician") else 3 if one.said.surely else 1
        if one is self._main and person.sure < 2:
            sure = 3
        self.relations.add(role)
        if sure > person.sure and not (person.staff and role == "patient"):
            person.role, person.sure = role, sure

    def _for_kin(self, who: Person, one: _Mention) -> int:
        """How well somebody's surname fits a relative's, 1 best and 0 not at all."""
        if who.role == one.said.role:
            return 1
        if who.sure == 3:
            seen = any(role in self.relations for role in _INVERSE.get(one.said.role, ()))
            child = one.said.role in ("son", "daughter", "grandchild")
            return 2 if seen or (child and not one.said.titled and not who.titled) else 0
        lone = not who.given or (who.titled and one.said.titled)
        return 3 if lone and who.role in ("", "patient") else 0

    def _for_others(self, who: Person, one: _Mention) -> int:
        """How well somebody's surname fits one of whom no relation is said, 1 best and 0 not at all."""
        if one.staff or who.role in ("", "patient"):
            return 1
        if one.said.surely or who.first >= one.start:
            return 0
        if not who.given:
            return 2
        return 3 if all(len(self._bearers[False, word]) == 1 for word in one.words) else 0

    def _bearing(self, staff: bool, one: _Mention) -> list[Person]:
        """Persons with the rarest word of a name, and those with its letters as initials."""
        lists = [self._bearers.get((staff, word), []) for word in one.words]
        bearing = min(lists, key=len, default=[])[:_MOST]
        return bearing + self._bearers.get((staff, f".{one.initials}"), [])[:_MOST]

    def _misters(self, one: _Mention) -> list[Person]:
        """Those of the staff who are called "Mr" or "Ms": surgeons in Britain."""
        if one.staff or one.kin or one.said.surely:
            return []
        return [who for who in self._bearing(True, one) if who.mister]

    def _learn(self, person: Person, one: _Mention) -> None:
        initials = {one.initials} - {""}
        if one.full:
            person.given.update(word for word in one.parts[0] if len(word) > 1)
            firsts = [word[0] for part in one.parts for word in part]
            initials = {"".join(sorted(firsts)), "".join(sorted(firsts[0] + firsts[-1]))}
        for word in dict.fromkeys(one.words):
            if word not in person.words:
                self._bearers.setdefault((person.staff, word), []).append(person)
        for letters in initials - person.initials:
            self._bearers.setdefault((person.staff, f".{letters}"), []).append(person)
        person.words.update(one.words)
        person.initials.update(initials)
        person.first = min(person.first, one.start)
        person.sex = person.sex or one.said.sex
        person.titled = person.titled or one.said.titled
        person.mister = person.mister or (person.staff and one.kind is Kind.NAME)


def _joined(text: str, found: Sequence[Found]) -> list[tuple[int, ...]]:
    """The spans of persons; those that are parts of one name ("HOLLOWAY^DENISE", "BELL, ANNA") together."""
    groups: list[list[int]] = []
    signs = ""
    for index, one in enumerate(found):
        if one.kind not in (Kind.NAME, Kind.CLINICIAN):
            continue
        last = groups[-1][-1] if groups else index
        near = last == index - 1 and one.kind is found[last].kind
        between = text[found[last].end : one.start] if near else ""
        if "^" in between and not between.strip("^"):
            groups[-1].append(index)
            signs = "^"
        elif between == ", " and signs == "" and _capitals(text, found[last]) and _capitals(text, one):
            another = _LISTED.match(text, one.end)
            if another is None:
                groups[-1].append(index)
            else:
                groups.append([index])
            signs = ","
        else:
            groups.append([index])
            signs = "," if between == ", " else ""
    return [tuple(group) for group in groups]


def _capitals(text: str, one: Found) -> bool:
    name = text[one.start : one.end]
    return name.isupper() and len(name) > 2 and " " not in name


def _mention(source: Source, found: Sequence[Found], spans: tuple[int, ...]) -> _Mention:
    texts = [re.sub(r"'s\b", "", source.text[found[index].start : found[index].end]) for index in spans]
    text = f"{texts[0]}, {' '.join(texts[1:])}" if len(texts) > 1 else texts[0]
    last, comma, first = text.partition(",")
    parts = _parts(f"{first} {last}" if comma else text)
    words = [word for part in parts for word in part]
    initials = "".join(words)
    if len(initials) > 3 or not (text.isupper() or text.islower()):
        initials = ""
    return _Mention(
        spans,
        found[spans[0]].start,
        found[spans[0]].kind,
        _said(source, found[spans[0]], found[spans[-1]].end),
        parts,
        tuple(word for word in words if len(word) > 1),
        tuple(word for word in words if len(word) == 1),
        "".join(sorted(initials)),
    )


def _parts(text: str) -> tuple[tuple[str, ...], ...]:
    """The parts of a name, their words folded, without particles."""
    parts = [tuple(_folded(word) for word in _WORD.findall(part)) for part in text.split()]
    if sum(map(len, parts)) > 1:
        parts = [tuple(word for word in part if word not in _PARTICLES) for part in parts]
    return tuple(part for part in parts if part)


def _folded(word: str) -> str:
    """Lower case, no marks, umlauts as their vowels however they are spelt."""
    plain = unicodedata.normalize("NFD", word.casefold().replace("œ", "oe").replace("æ", "ae"))
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return _SPELT.sub(r"\1", plain.translate(_FOLDED))


def _same(person: Person, one: _Mention) -> bool:
    """Whether a full name is a person's, whole or with initials."""
    if not all(word in person.words for word in one.words):
        return False
    others = person.words.difference(one.words)
    if not one.letters or sum(1 for part in one.parts if any(len(word) > 1 for word in part)) > 1:
        return True
    whole = all(any(word.startswith(letter) for word in others) for letter in one.letters)
    again = "".join(sorted(word[0] for part in one.parts for word in part)) in person.initials
    return (whole or again) and not _of_other_sex(person, one)


def _fits(person: Person, one: _Mention) -> bool:
    if _of_other_sex(person, one):
        return False
    if one.initials and one.initials in person.initials:
        return True
    return bool(one.words) and all(word in person.words for word in one.words)


def _of_other_sex(person: Person, one: _Mention) -> bool:
    return bool(person.sex and one.said.sex) and person.sex != one.said.sex


def _sex(word: str, language: str) -> str:
    """Whose title a word is."""
    own = _BY_LANGUAGE.get(language, {}).get(word, "")
    return own or ("m" if word in _MALE else "f" if word in _FEMALE else "")


def _said(source: Source, one: Found, end: int) -> _Said:
    """What the words before a name say: nearest first, over articles and titles."""
    text = source.text
    line = text[max(0, one.start - _REACH) : one.start].rsplit("\n", 1)[-1]
    if re.search(r"\b[ds]/o\s$", line, re.IGNORECASE):
        return _Said("relative")
    clause = re.split(r"[.;!?](?=\s)|\s-\s", _ABBREVIATED.sub(r"\1", line))[-1]
    clinician = one.kind is Kind.CLINICIAN
    before = list(re.finditer(r"[^\W\d_]+(?:-[^\W\d_]+)*", clause))
    words = [match[0].casefold() for match in before]
    sex, titles = "", 0
    for word in reversed(words):
        if not sex and (sex := _sex(word, source.language)):
            titles += 1
        elif word not in _ACADEMIC:
            break
        else:
            titles += 1
    titled = bool(sex)
    patient = of = surely = False
    for at in range(len(words) - 1, -1, -1):
        low = words[at]
        relation = _AMBIGUOUS[low][clinician] if low in _AMBIGUOUS else _RELATED.get(low, "")
        if clinician:
            return _Said(relation if relation == "nurse" else "clinician", False, sex, titled)
        work = "nurse" if relation == "nurse" else "clinician" if low in _STAFF else ""
        work = "other" if low in _OTHERS else work
        apart = clause[before[at].end() : before[at + 1].start()].strip() if at + 1 < len(words) else ""
        # "told nurse Mr Bell is worse": whom one told, and then the patient.
        if (relation or work) and titled and at + titles + 1 == len(words) and not apart:
            earlier = next((word for word in reversed(words[:at]) if word not in _BETWEEN), "")
            if earlier in _TOLD:
                break
        if work and titled and not _is_patient(low, source.language):
            return _Said(work, False, sex, titled)
        if relation and relation != "nurse":
            if low in ("son", "fr") and source.language == "fr":  # "his" in French
                continue
            of_relation = _SEXES.get(relation, "")
            if of:
                patient = True
            elif not sex or of_relation in ("", sex):
                return _Said(relation, False, sex or of_relation, titled)
            break
        if _is_patient(low, source.language):
            patient = True
            if low in _SURELY:
                surely = True
                if not of:
                    break
        elif low in _OF:
            of = True
        elif low not in _BETWEEN:
            break
    if clinician:
        return _Said("clinician", False, sex, titled)
    patient = patient or _AGED.match(text[end : end + 24]) is not None
    return _Said("patient" if patient else "", surely, sex, titled)


def _is_patient(word: str, language: str) -> bool:
    return word in _PATIENT[language]
