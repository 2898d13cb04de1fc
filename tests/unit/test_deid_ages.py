"""Ages over 89 are found, in figures and words; values that look like them are not."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid.model import Kind, Source, Trust
from bot.deid.recognizers import ages

EN = """
{94}yo F with sepsis
a {91} y/o man
{102} year old lady
{102}-year-old lady
{97} yrs old
{95} yrs, lives alone
{93}M DNACPR done
{101}F NIHSS 17
{94} F from home
bed 11- {93}M hip
a {ninety-four} year old
{ninety two} yo M
she's {101}, lives at home
he is {94} and fell
until he was {90}, got told
she turned {100} last year
age {93}, whose sons
Age: {96}
aged {95}
Mrs Abosede is {ninety-six} and refusing
Ivy P. is {101} and furious
his mother is {92}, still drives
her {100th} birthday party
lady of {ninety-six} in for TAVI
lady of {101}, Miss Spurgeon
room 118 is {ninety-seven}, DNR
Usha Kelkar, {91}, lives alone
the lady ({91}) is delighted
from Elms, {101} (!!), fell
Odessa Tillery) {98}, pna
{a hundred and two} year old
her nan is {one hundred and one}
"""
DE = """
die {93}-Jährige stürzte
{92}j. Pat. mit Sturz
eine {94} Jahre alte Dame
{zweiundneunzig}jährige Patientin
Jankowska, {93} J., POD 2
Tadeusz, {91}, Aneurysma
(Zenzi, {95}) gibt an
Patient Heinrich P. ({94}, K 7,2)
ist heut {101} geworden
bei Hrn. Frost ({zweiundneunzig}!), Katheter
Alter: {96}
{95}W mit Delir
{hundertzwei} Jahre alt
sein Vater starb mit {92} am selben
"""
ES = """
tiene {95} años y cae
paciente de {noventa y uno} años
Nélida, {noventa y uno}, DNI
socorro ({93} a, ICC)
cumple {cien} años
"""
FR = """
{92} ans amenée
patiente de {nonante-deux} ans
{quatre-vingt-dix-sept} ans
monsieur lebon, {94} ans
fêter ses {101} ans
Simone Aubin, {97}, en est
"""
NOT = {
    "en": """
SpO2 94 on RA, sats 92%, sat 91
O2 sat, 94, on room air
HR 101, BP 98/60, RR 28, pulse 110
wt 94 kg, weight 101, 94.1 kg
temp 101F, fever 102, T 101.4, Tmax 103
glucose 110, Na 138, plt 98, Hb 112
89yo F, an 85 year old, 9 yo
90 mg daily, 100 mcg, 95 percent
ninety mg, ninety percent, ninety days
room 101, bed 98, ext 4491, page 112
age 45, aged 89, turned 70
she is 100% sure, he is 95% better
a hundred times, 100 patients, 110 bpm
in 1991, the 90s, 1990
QTc 490, EF 35, egfr 92, score of 95
PHQ-9 is 12, IQ is 110
""",
    "de": """
SpO2 94, Sättigung von 91
RR 110/70, HF 98, Puls 101
94 kg, Gewicht 101, 95 %
89-jährig, 85 J., 45 Jahre
neunzig mg, hundert Tage
Zimmer 112, Station 93
seit 90 Minuten, 100 mg
""",
    "es": """
sat 94, TA 110/70, FC 98
89 años, 100 mg, cien metros
""",
    "fr": """
sat 91, TA 110/70, FC 98
89 ans, 100 mg, cent mètres
""",
}


def _cases(texts: dict[str, str]) -> list[tuple[str, str]]:
    return [(language, line) for language, text in texts.items() for line in text.strip().splitlines()]


FOUND = _cases({"en": EN, "de": DE, "es": ES, "fr": FR})


@pytest.mark.parametrize(("language", "line"), FOUND, ids=[line for _, line in FOUND])
def test_ages_over_89_are_found(language: str, line: str) -> None:
    text = re.sub(r"[{}]", "", line)
    found = {text[hit.start : hit.end] for hit in ages.find(Source(text, language))}
    assert found == {re.search(r"\{(.+?)\}", line)[1]}  # type: ignore[index]


@pytest.mark.parametrize(("language", "line"), _cases(NOT), ids=[line for _, line in _cases(NOT)])
def test_values_and_other_ages_stay(language: str, line: str) -> None:
    assert [line[hit.start : hit.end] for hit in ages.find(Source(line, language))] == []


def test_a_unit_makes_it_certain() -> None:
    (hit,) = {(one.kind, one.trust) for one in ages.find(Source("94yo", "en"))}
    assert hit == (Kind.AGE, Trust.SURE)
    assert all(one.trust is Trust.SOFT for one in ages.find(Source("he is 94 and fell", "en")))


@settings(max_examples=60, deadline=None)
@given(st.text(alphabet="0129 yoJansMF,()%.kg", max_size=60), st.sampled_from(["en", "de", "es", "fr"]))
def test_hits_are_numbers_over_89(text: str, language: str) -> None:
    for hit in ages.find(Source(text, language)):
        covered = text[hit.start : hit.end]
        assert not covered.isdigit() or 90 <= int(covered) <= 119
