"""Places smaller than a state, addresses, postcodes; hospitals, employers and schools with a name."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import pytest

from bot.deid import merging
from bot.deid.model import Hit, Kind, Source
from bot.deid.recognizers import organisations, places

_MARK = re.compile(r"\[\[(.+?)\]\]")
_FINDERS: list[Callable[[Source], Iterable[Hit]]] = [places.find, organisations.find]


def _found(text: str, language: str) -> list[str]:
    hits = [hit for find in _FINDERS for hit in find(Source(text, language))]
    return [text[span.start : span.end] for span in merging.merge(text, hits, ())]


def _check(marked: str, language: str) -> None:
    assert _found(_MARK.sub(r"\1", marked), language) == _MARK.findall(marked)


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("is at [[2127 Tchoupitoulas St, 70130]] now", "en"),
        ("lives alone at [[7 Fallowfield Rise, Otley, LS21 9QX]].", "en"),
        ("he is at [[618 Kern Ave, Apt 3, Rice Lake, WI 54868]]\nEmerg contact", "en"),
        ("been to [[14 Heol y Graig, Llandeilo]]. Grade 3", "en"),
        ("moved to [[17 Devonshire Rd, Sunshine]], mob", "en"),
        ("at [[2281 HWY 332, RIVERPORT NS B0J 2W0]]", "en"),
        ("stays at [[Blk 61 Moh Guan Terrace #03-22]].", "en"),
        ("[[Flat 3, 118 Linthorpe Ct, Middlesbrough TS5 7ZZ]]", "en"),
        ("wohnt [[Lindenallee 17, 31134 Hildesheim]], wurde", "de"),
        ("wohnhaft [[Am Mühlgraben 17, 37154 Northeim]], der", "de"),
        ("Domicilio: [[C/ Bravo Murillo 388, 4º izq, 28020 Madrid]]", "es"),
        ("[[17 montée de la Grande-Côte 69001 LYON]]", "fr"),
        ("Schlaganfall aus der [[Quellenstraße 88]]?", "de"),
        ("found on [[Canal St]] again", "en"),
        ("lives off [[Allen Avenue]] somewhere", "en"),
    ],
)
def test_addresses(marked: str, language: str) -> None:
    _check(marked, language)


@pytest.mark.parametrize(
    "marked",
    [
        "postcode [[TS5 7ZZ]] please",
        "Eircode [[H91 XK7P]], right?",
        "mail to [[H1V 1J9]] please",
        "zip [[98029]] it says",
        "somewhere in MA [[02134]] I think",
        "near [[Issaquah 98029]] is dark",
    ],
)
def test_postcodes(marked: str) -> None:
    _check(marked, "en")


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("she lives near [[Brighton Beach]] now", "en"),
        ("picked near [[Lake Sammamish]] on a walk", "en"),
        ("a deputy in [[Wexford County]] says", "en"),
        ("transferred from [[Leeds]] overnight", "en"),
        ("he is from [[katowice]]", "en"),
        ("Ablation in [[Leipzig]] angefragt", "de"),
        ("Frage an die Rhythmologie in [[Bad Oeynhausen]] und alle", "de"),
        ("kommt aus [[Untergriesbach]] zu uns", "de"),
        ("La madre está en [[Linares]] con la abuela", "es"),
        ("la CPAM de [[Quimper]] rejette tout", "fr"),
    ],
)
def test_towns_and_landmarks(marked: str, language: str) -> None:
    _check(marked, language)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("We're in Ohio, she is from Texas, he flew in from Germany via Asia", "en"),
        ("Boston criteria, Glasgow 7, Ottawa ankle negative, Ann Arbor stage III", "en"),
        ("VT 400, RR 30, PEEP 14, ASA 81, 5 mg/kg, 4-2-1 rule = 72 mL/h", "en"),
        ("Patient aus Bayern, in Behandlung, nach Hause entlassen", "de"),
        ("A2L3B1, G12C, C34.1, E71B, J44.82", "en"),
        ("sent to clinic, the ward and the ICU; call the hospital or the nursing home", "en"),
        ("Aufnahme in der Kinderklinik, im Krankenhaus, am Wochenende im Dienst", "de"),
        ("at bedside, at 3 am, at PEEP 14, at home", "en"),
    ],
)
def test_no_place_and_no_organisation_there(text: str, language: str) -> None:
    assert _found(text, language) == []


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("transferred to [[Penrose Hospital]] last night", "en"),
        ("seen at [[Mercy Clinic]] before", "en"),
        ("he was seen at [[MGH]] before", "en"),
        ("they said no at [[St Mary's]] again", "en"),
        ("worse at [[st. e's]], melatonin for now", "en"),
        ("ICD in situ, [[Galway Hospice]] wants it off", "en"),
        ("Oberarzt am [[Klinikum Fulda]] hier", "de"),
        ("nachtdienst im [[AKH]] war lang", "de"),
        ("Nacht im [[Marienhospital]], Bett sechs", "de"),
        ("[[St. Josef-Krankenhaus]], Radiologie", "de"),
        ("he works at [[Kessler Foods]] on nights", "en"),
        ("she's an attorney w/ [[Crane Pruitt LLP]] so chart well", "en"),
        ("Schichtführer bei [[Kugellager Röhrig]] seit Jahren", "de"),
        ("Kind aus der [[Kita Pusteblume]] mit Ausschlag", "de"),
        ("a sophomore of [[Brandt Valley High]] now", "en"),
    ],
)
def test_hospitals_employers_and_schools(marked: str, language: str) -> None:
    _check(marked, language)


def test_kinds() -> None:
    kinds = {
        hit.kind
        for hit in organisations.find(Source("He works at Kessler Foods. Seen at Penrose Hospital.", "en"))
    }
    assert kinds == {Kind.ORG, Kind.HOSPITAL}
    assert {hit.kind for hit in places.find(Source("he is from Leeds", "en"))} == {Kind.PLACE}
