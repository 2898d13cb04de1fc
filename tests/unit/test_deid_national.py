"""National numbers: forms, check digits, cues. All numbers are made up or the issuers' own examples."""

from __future__ import annotations

import pytest

from bot.deid.model import Source, Trust
from bot.deid.recognizers import checks, national
from tests.support.deid_marks import differences

VALID = [
    (checks.nhs, "9434765919"),
    (checks.npi, "1234567893"),
    (checks.dea, "AB1234563"),
    (checks.pps, "1234567T"),
    (checks.pps, "1234567FA"),
    (checks.luhn, "046454286"),
    (checks.luhn, "8001015009087"),
    (checks.medicare, "2123456701"),
    (checks.tfn, "123456782"),
    (checks.nhi, "ZAC5361"),
    (checks.nhi, "ZBN77VL"),
    (checks.verhoeff, "2363"),
    (checks.nric, "S1234567D"),
    (checks.kvnr, "A123456780"),
    (checks.rvnr, "15070649C103"),
    (checks.steuer, "86095742719"),
    (checks.lanr, "123456601"),
    (checks.svnr, "1237010180"),
    (checks.ean, "7569217076985"),
    (checks.dni, "12345678Z"),
    (checks.dni, "X1234567L"),
    (checks.nuss, "281234567840"),
    (checks.nir, "184127645108946"),
    (checks.iban, "DE89370400440532013000"),
    (checks.vin, "1M8GDM9AXKP042788"),
    (checks.gtin, "00012345600012"),
]
BARE = [
    ("[[943 476 5919]] on the form", "en"),
    ("[[S1234567D]] came on foot", "en"),
    ("[[3KA7-WN2-RD08]]", "en"),
    ("[[078-05-1120]]", "en"),
    ("[[MED0001234567]] is me", "en"),
    ("[[756.9217.0769.85]]", "de"),
    ("[[1237 010180]]", "de"),
    ("[[12345678Z]]", "es"),
    ("[[X-1234567-L]]", "es"),
    ("[[1 84 12 76 451 089 46]]", "fr"),
    ("[[TREM 8103 1512]]", "fr"),
]
CUED = [
    ("ssn [[900 61 3382]]. says no", "en"),
    ("NHS [[943 118 7064]]", "en"),
    ("CHI [[110356 4472]], U3 at best", "en"),
    ("PPS [[5520183W]]", "en"),
    ("NHI [[ZKV4471]] belongs to her", "en"),
    ("ABHA [[91-4582-3310-7765]]", "en"),
    ("Aadhaar : [[4821 7730 9156]]", "en"),
    ("TFN [[412 873 096]]", "en"),
    ("SIN [[931 447 208]]", "en"),
    ("DVA gold [[QX441287]]", "en"),
    ("passport [[LM448127]]", "en"),
    ("KVNR [[T482 019 337]]", "de"),
    ("LANR ([[290 447 103]])", "de"),
    ("AHV [[756.4418.2093.71]]", "de"),
    ("DNI: [[05338172-K]]", "es"),
    ("CURP [[HELR620917MJCRNS05]]", "es"),
]
STAYS = [
    "plts 214000, K 3.2 3.4 3.9, CK 48210, 1234 cases in 2019",
    "C3 44, C5 palsy, V600E, T790M, L858R, CD4 112, B12 240",
    "7.21 / 68 / 62 / 26, 128/74 122/70 118/76",
]


@pytest.mark.parametrize(("check", "value"), VALID)
def test_check_digits(check, value: str) -> None:  # type: ignore[no-untyped-def]
    assert check(value)
    wrong = [
        value[:at] + str((int(one) + 1) % 10) + value[at + 1 :]
        for at, one in enumerate(value)
        if one.isdigit()
    ]
    assert sum(check(one) for one in wrong) <= 2  # modulus 10 with even weights misses some


@pytest.mark.parametrize(("marked", "language"), BARE)
def test_valid_or_distinctive_numbers_need_no_cue(marked: str, language: str) -> None:
    assert differences(national.find, marked, language) == ([], [])


@pytest.mark.parametrize(("marked", "language"), CUED)
def test_with_a_cue_even_a_mistyped_number_goes(marked: str, language: str) -> None:
    assert differences(national.find, marked, language)[0] == [] or _labelled(marked, language)


def _labelled(marked: str, language: str) -> bool:
    """Whether the recognizer of labels takes what has no form of its own."""
    from bot.deid.recognizers import numbers

    return differences(numbers.find, marked, language)[0] == []


@pytest.mark.parametrize("text", STAYS)
def test_measures_and_variants_stay(text: str) -> None:
    assert differences(national.find, text) == ([], [])


def test_a_valid_number_with_its_cue_is_proven() -> None:
    hits = list(national.find(Source("NHS no 943 476 5919", "en")))
    assert any(hit.rule == "nhs" and hit.trust is Trust.PROVEN for hit in hits)
    hits = list(national.find(Source("NHS no 943 476 5918", "en")))
    assert {hit.trust for hit in hits if hit.rule == "nhs"} == {Trust.SURE}
