"""Rooms, beds and wards in the forms that people type, and the numbers that look like them."""

from __future__ import annotations

import pytest

from bot.deid.recognizers import rooms
from tests.support.deid_marks import differences

FOUND = [
    "rm [[412]] and bed [[7B]], bd[[12]] too",
    "bed [[thirty-one]] needs a line, bay [[two]] is full, OR [[five]] is next",
    "beds [[4]] or [[5]] today, OT [[3]] now",
    "W4 bed [[3]] is empty".replace("W4", "[[W4]]"),
    "transfer from [[4 West]], now MICU [[12]]",
    "ICU bed [[9]] needs a line, ICCU [[3]] too",
    "now in Male Surgical [[2]], female medical ward [[3]] is full",
    "the guy in [[14]] wants to go home",
    "mk in [[7b]], lactate 3.1",
    "bay [[C4]], side room [[2]]",
    "the fall in [[B-pod 9]], stretcher [[C]] is wet",
    "beds [[3]], [[4]] and [[7]] are free",
    "bed [[3]] 64M CAP, bed [[4]] empty",
    "going to OR [[4]] now",
    "[[9B]] is febrile, [[10A]] wants meds, [[11]] is asleep",
    "room [[5114]], room [[1.23]], room # [[2217-1]]",
    "I'm covering [[6E]] and [[6W]] tonight",
    "she's in [[B12]] now not [[B14]]",
    "Room [[C]] please",
    "night handover\n[[3]]: Achol, PV bleed\n[[7]]: old mate, syncope\n[[11]]: kid with an arm",
    "signout\n[[501]] chf, lasix\n[[503-2]] gib, hgb q6\n[[506]] pna",
    "[[12]] needs pain meds, [[14]] wants to leave",
    "hold the lovenox on [[19]], bloods on [[221]] pls",
    "[[4C-2]] is up, cot [[3]] is hungry",
    "nobody told me [[6]]'s wife called",
    "I'm the new sister on [[22]]",
]
GERMAN = [
    "Zi. [[12]], Bett [[2]], Zimmer [[204]]",
    "Pat. in Zimmer [[zwölf]], der in Bett [[drei]] auch",
    "Station [[3B]], Stat. [[4a]], Bettplatz [[7]]",
    "auf der [[4C]] und von der [[21B]]",
    "Zuständig für Zi. [[204]]-[[211]] ab 20 h",
    "Koje [[N12]], Kabine [[7]], Stg. [[C4]]",
    "der Opa in [[11]], will heim",
    "die [[31]] will abführen, die [[108]] hat Fieber",
    "Frau Klein aus [[12]] will gehen",
    "liegt auf der [[2]], nicht auf der [[5]]",
    "Bett [[Tür]] ist frei",
    "Übergabe\n[[501/1]] Hr. Anders, 74\n[[501/2]] Fr. Beispiel\n[[503/1]] leer",
]
OTHERS = [
    ("habitación [[204]], cama [[2]], box [[6]]", "es"),
    ("la de la [[512-2]] otra vez", "es"),
    ("chambre [[12]], lit [[3]]", "fr"),
    ("le monsieur de la [[214]] dort", "fr"),
]
STAYS = [
    "stage 3B, grade 2, type 2, CKD 3b, T2N1M0, Weber B, Child B, class IIa, NYHA III",
    "male medical 2 days ago, a female surgical 3 hours job",
    "L4/5 disc, C5 palsy, T12 burst, V3 lead, M1 occlusion, S1 nerve",
    "4 units PRBC, bed 0 to 30 degrees, bed rest x 2 days, room air 88, room temp 21",
    "stay in bed one more day, give one or two, a room two people share, tablets come in 10s 50s",
    "in 5 days, in 2016, back in 10, 3 in 48 h, 1 in 14 risk, in 14 centres, in 6 weeks",
    "OR 2.4 (95% CI 1.2-4.8), HR 0.60, POD 3, POD3, pod 2",
    "zone 2 neck injury, level 1 trauma, unit dose, 5 mg bd 3 days, stat 5 mg",
    "BP 120/80, FiO2 60, PEEP 14, 18G, 16F foley, 37C, 44M, 62F",
    "ICU day 3, ICU x 3 days, NICU 24 weeks, ward round, ED 3 hours",
    "question 12 on the form, table 3, figure 2B, step 5, page 14, item 3",
    "1. Na 128\n2. K 5.9\n3. Cr 3.4",
    "a woman of 38, a man of 71, 2nd fit in 24h, tube station 4, neck zone 2",
    "dose moved up, F1 on call, its 14 pages, cath lab 141 miles away",
]


@pytest.mark.parametrize("marked", FOUND)
def test_found_with_exact_borders(marked: str) -> None:
    assert differences(rooms.find, marked) == ([], [])


@pytest.mark.parametrize("marked", GERMAN)
def test_found_in_german(marked: str) -> None:
    assert differences(rooms.find, marked, "de") == ([], [])


@pytest.mark.parametrize(("marked", "language"), OTHERS)
def test_found_in_spanish_and_french(marked: str, language: str) -> None:
    assert differences(rooms.find, marked, language) == ([], [])


@pytest.mark.parametrize("text", STAYS)
def test_grades_doses_and_durations_stay(text: str) -> None:
    assert differences(rooms.find, text) == ([], [])
