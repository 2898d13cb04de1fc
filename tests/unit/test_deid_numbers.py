"""Record, plan, account, licence, device and vehicle numbers: behind labels, by form, and what stays."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import devices, numbers
from tests.support.deid_marks import differences

FOUND = [
    "mrn [[00718823]] dka again",
    "her hosp no ends …[[4093]] that's all",
    "number on the wristband is [[8840213]], screen says [[8840231]]",
    "last four [[8812]]",
    "The right number ends in [[XQ41]].",
    "MRN ending [[4471]] is a dup of the one ending [[9932]]",
    "MR # [[55-41-09]]",
    "unit no [[K448812]] and UR [[1 884 302]], daughter",
    "member ID [[W2207 14493]], ref # [[PA-8830217]]",
    "case [[24-006913]] with the police",
    "accession [[H2284417]]. He is fine",
    "NMC PIN [[14H2907E]] if you want",
    "IP no [[2024/118734]] male medical",
    "chart [[H48-22913]], donation number [[G0552 24 118 227]]",
    "Rx#[[0071882-114]] was sent twice",
    "policy [[HI/2207/884130]]",
    "two charts, [[0048 117 293]] is the old one",
    "arrived as [[Unknown Cobalt 37]]",
    "card [[4111 1111 1111 1111]]",
    "passcode [[staff22]]",
    "door code [[4471]]",
]
GERMAN = [
    "Fallnr lautet [[20240081]]",
    "Aufn.-Nr. [[H 24 / 006 713]]",
    "liegt unter [[7701 3365]] im Labor",
    "SV endet auf [[290252]]",
    "Konserve [[D 2760 24 119084]]",
    "IBAN [[DE89 3704 0044 0532 0130 00]]",
]
OTHERS = [
    ("NHC [[30 44 178]]", "es"),
    ("SIP [[4 871 203]] y nada más", "es"),
    ("fiche [[69-0417-2231]].", "fr"),
]
STAYS = [
    "PMID 31995857, NCT04280705, PMC5689591, doi:10.1161/CIR.0000000000001063",
    "ICD-10 E11.9, I50.23, CPT 99291 x1 and 99292 x2, SNOMED 73211009, LOINC 4548-4",
    "BRAF V600E, EGFR L858R, HLA-B*5701, rs1801133, c.1521_1523del, KEYNOTE-189, SWOG S1826, EORTC 55971",
    "Plt 214000, ferritin 1240, CK 48210, BNP 11250, viral load 1200000 copies, D-Dimer 3200",
    "5000 units SQH tid, 25,000/250, TPN 1850 kcal, PEEP 12, 100-0-100",
    "BP 142/88 150/92, gas 7.21 / 68 / 62 / 26, drain amylase 11 400",
    "case 5 of today, group 1, stage 3, type 2, no 2000 mg, report 2023, order 2 units",
    "in 2016 (n=1,193), 2016-2021, SPRINT (NEJM 2015;373:2103-16), SARS-CoV-2, COVID-19, 4-2-1 rule",
    "shift ends 0730, pain ends in 20 min, visit 3 of 5, dose ends 2 weeks later",
    "MRN not to hand, DOB 12/03/1958, age 64, room air 88",
    "Na 128, K 5.9, Cr 3.4, trop 214, CRP 288, INR 1.9; 112345 beats",
    "clozapine 150-0-250, labetalol 20-40-80, TPHA 1:10240, how do you bill 99233 twice",
]
THINGS = [
    "serial [[HF-20418-C]] is in my boot",
    "lot [[7KR32]] from the card; LOT [[HUEV1129]], exp 2026",
    "Implant sticker: LOT [[MKJ4X9]]",
    "UDI [[(01)00643169007222(17)260131(21)PXY882716H]]",
    "recorder ([[RLA 604417S]]) nobody declared",
    "plate [[KDR-4471]], security has it",
    "grey Hilux [[482 XKD]] blocks the bay",
    "VIN on the papers [[JTELB71J907041128]]",
    "reg [[161-D-48213]] and [[GH-482-TR]]",
    "taxi [[MH 01 CT 7736]]",
]
NO_THINGS = [
    "a lot 2000 ml of fluid, SN 5 weeks, series 3, lot of 400 patients",
    "CD19 CAR, PHQ-A 19, HDL 1000 LDL, Azure XT DR, 780G, Evolut 29, leads 5076 x2",
    "IgG 1240, C3 44, T2N1M0, RR 18, Xience 3,0 x 18",
]


def _things(source: Source) -> Iterable[Hit]:
    return devices.find(source)


@pytest.mark.parametrize("marked", FOUND)
def test_found_with_exact_borders(marked: str) -> None:
    assert differences(numbers.find, marked) == ([], [])


@pytest.mark.parametrize("marked", GERMAN)
def test_found_in_german(marked: str) -> None:
    assert differences(numbers.find, marked, "de") == ([], [])


@pytest.mark.parametrize(("marked", "language"), OTHERS)
def test_found_in_spanish_and_french(marked: str, language: str) -> None:
    assert differences(numbers.find, marked, language) == ([], [])


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
@pytest.mark.parametrize("text", STAYS)
def test_literature_codes_and_measures_stay(text: str, language: str) -> None:
    assert differences(numbers.find, text, language) == ([], [])


@pytest.mark.parametrize("marked", THINGS)
def test_devices_and_vehicles(marked: str) -> None:
    assert differences(_things, marked) == ([], [])


@pytest.mark.parametrize("text", NO_THINGS)
def test_models_and_measures_are_no_serials(text: str) -> None:
    assert differences(_things, text) == ([], [])


def test_a_labelled_record_number_is_proven() -> None:
    (hit, *_) = numbers.find(Source("MRN 00718823", "en"))
    assert (hit.kind, hit.trust) == (Kind.RECORD, Trust.PROVEN)
