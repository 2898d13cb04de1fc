"""Dates: what is one, and what only looks like one."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid import calendars, holidays
from bot.deid.calendars import When
from bot.deid.model import Kind, Source, Trust
from bot.deid.recognizers import dates

# Marked with braces is what has to be found.
EN = """
Lev r u on CPEP {sun}?? swap {sun} for {tues}?, off the {first week of July}, {last weekend of May}
farewell is {Fri 28th}, TOE {Thursday week}, clinic {Tues 11.3.}
away until {wk of 4/14}, back the {nineteenth}
shared call room from {6th} to {11th}
born {june of 71} he thinks
undetected on {19.1.} and again
admitted {12/3/2024} with sepsis
seen on {12/3}, d/c'd {15/3}
CT {9/26} showed it
labs from {04/02} attached
echo {3-12-24} EF 35
collected {2024-03-12} 06:12
acquired {20240312} per the console
script dated {04-OCT-24}
her DOB is {12.3.58}
DOB {02 11 1955}
d.o.b. "{1 Jan 1990}"
dob: {120358}
born {March 3, 2019} at home
seen {12 March}
leave {12-15 March}
leave from {3 to 9 March}
{March 12th} she fell
on {Oct 3 1949} she
{the end of October} maybe
surgery in {March}
since {Sept} she has
worse since {May}
in {early June} then
{mid-August} review
{Feb of 2023} is when
prior {March 2023} film
COMPARISON: {10/2022}, 12/2021
implanted {7/08} at the county
the {3rd of May} it was
the {third of may} it was
{May third} she came
{twenty-first of June} at noon
she came {last tues} to clinic
on {Monday} she left
he left {Weds} night
bloods {Thurs} please
back on {Mon} pls
he is off {Sat} and {Sun} too
she went home {sat} night
cover me {fri} pm?
every {Wednesday} she comes
clinic on {Tuesdays}
this {Friday the 13th} again
by {Wednesday 19th} latest
{Sat 8 June} clinic
on {Christmas eve} the
over {Thanksgiving} he
after {Diwali} she
on {Boxing Day} she
since {Paddy's Day} he
before {Good Friday} ok
at {New Year's} he
swap {Labour Day weekend}
after {Eid} she
{Super Bowl Sunday} he drank
on {Canada Day} he
on {Founders Day} he
the {October bank holiday} shift
due {Q2 2024}
first noted in {spring 2017}
worse in the {fall of 2019}
{first quarter of 2023} it was
it was on the {19th}.
since the {13th} she
until {21st} he
{22feb} he came
{14/Mar/2022} was the op
{Jan-24} was the first
fitted {Sept '19} at
flare {Nov/Dec} last
away {Jan-March} this
{12/03/24}-{15/03/24} inpatient
on {2024/03} it
clinic w/c {12th} then
LMP {2/3} says
"""
DE = """
stellten wir am {11. d. M.} vor, er ist {siebter achter neunzehnhundertfünfundsechzig} geboren
sie {zweiter siebter einundsechzig}, war dritter oder vierter im Dienst
nächstes Mal {2. Juniwoche}, Dienst Koller {Mo}, Stark {Di}
Actemra bis {letzten Herbst}, am {Kirchweihmontag} gestürzt
Aufnahme am {12.3.2024} mit Fieber
vom {3.2.} bis {12.2.2024}
OP {31.5.} geplant
stationär {12.3.}-15.3.2024 hier
{12.-15. März} im Urlaub
geb. {4.11.61}, wohnt hier
*{4.4.1997} ohne Brief
Geburtsdatum: {30. September 1988}
am {zweiten Januar} kam sie
{zweiter Januar} war es
seit {Anfang März} Husten
{Ende August} MRT
{Mitte Juni} Termin
im {Oktober 2017} implantiert
seit {März} schlechter
im {Mai} war er da
{29. Feber 1952} ist richtig
kommt {Dienstag} wieder
{letzten Dienstag} gestürzt
{vorigen Freitag} da
am {Mo} bitte
Brief von {Mi} fehlt
{Do} 13.30 Termin
erst {fr} dienst
Dienste {Mo}-{Mi} frei
{Dienstagabend} kam er
{Mittwoch, 17. April} Termin
zu {Ostern} bin ich weg
seit {Silvester} krank
an {Heiligabend} raus
nach {Pfingsten} wieder
an {Mariä Empfängnis} war es
am {1. Advent} gestürzt
im {1. Quartal 2024} Kontrolle
{Q3 2023} CT
im {Sommer 2019} erkrankt
seit dem {12.} hier
am {23.}, der Chef
Kontrolle am {05.06} bitte
ED {7/63} gesichert
(07/63-12/63) war {01.04.2063}
Im {August 27} zog er um
Mi, {3.4.} Visite
Urlaub {KW 12} und
am {3.10} OP
{30.6.}/{1.7.} Dienst
"""
ES = """
ingreso el {17/02/2025} por la noche
visto el {3 de junio} a las 9
desde {marzo de 2023} con eso
TC de {enero} pendiente
libra hasta el {jueves}
el {lunes} viene
el {pasado miércoles} se cayó
el {lunes pasado} se cayó
guardia del {viernes 13} por favor
{Nochebuena} y yo aquí
en {Semana Santa de 2019} fue
puente: {puente de mayo} no
F. nac.: {04/11/1951}
nacido el {2 de febrero de 1960}
el {28/ago} lo vi
{tres de mayo} fue
a {finales de mayo} vuelve
{1º de mayo} guardia
en {primavera de 2018} debutó
visto el {12}, mejor
"""
FR = """
vu le {14 novembre 2022} en consult
DDN {22/08/1948} F
née le {3 février 1950} à
depuis {octobre} elle
{fin octobre} pour moi
le {1er mai} astreinte
rdv {jeudi en huit} avec
{mardi} il revient
{lundi dernier} il est
vers {noël 2018} il
à {pâques} elle
{samedi} matin
datée au {2/5} pas
depuis le {6 mars}, sa
en {été 2019} elle
au {début mars} elle
"""
NOT_EN = """
ramp up 10-20-50-70 mg, off in the sun, avoids sun exposure
see in 3/12, repeat in 6/52, ED at 8/40, on 12/6 bipap, back on 1/16 NC
Barthel on admission 6/20, now 15/20, FRAX 24/9, PIP 22/5
Christmas disease, Arctic Sun, fat-sat, Sat phone
buddy tape the 4th and 5th, hard sole
62M, diagnosed 2019, worse in the 1990s
3 days ago he fell, yesterday better, POD 2, day 3
take 1/2 tab, then 2-3 times daily
BP 120/80 then 98/60, HR 90/min
pain 7/10 now 3/10, GCS 14/15, strength 4/5, 2/6 murmur
available 24/7 and 24-7
32+4 weeks, VA 20/40 and 6/12
T2N1M0, C5/6 disc, L4/5, T12
sepsis bundle v2.1.10 software 3.4
at 14:30 and 1430 and 8am
it may help, she may need it, may be septic, May-Thurner
march fracture, marching band, a march of time
oct shows fluid, OCT of the macula, MAR reviewed, dec in size
O2 sat 94, sats 92, sat 91%, she sat up, pt sat on bed
the sun was out, sunburn
Wells 3, CURB-65 2, 5/7 abx, 4/52 course, 2/12 review
1st rib, 2nd degree block, 3rd dose, 5th metatarsal, 90th percentile
the 2nd patient, 1st line, 4th floor
4-2-1 rule, 1-0-1 dosing, 10-20 mg
ratio 1:200, 1/3 of the dose, 3/4 done
C.diff 2/3 samples, 4/12 nodes positive
Q2H turns, q6 obs, Q3 hourly
same day discharge, Day 3, next day
a fall 2 weeks ago, had a fall
ventilator 18/5 fio2 40
PHQ-9 12/27, MMSE 24/30, MoCA 11/30
12-15 L, 5-7 days, 2-3 weeks
PEEP 5, 24/12 settings
pmid 12/2022 no
SpO2 88-92
ext 4417, 555 mg
it may or may not, may to be honest
"""
NOT_DE = """
Apgar 9/10/10, Kultur neg, seit 9 Mo
seit 3 Tagen, gestern, vorgestern, morgen früh
RR 120/80, SpO2 94, GCS 15
1-0-1, 1/2 Tabl., 3x tgl.
Hb 12.3. Krea 1.2.
am 3. postop Tag, am 2. Tag, 32. SSW, 5. Finger
um 10.30 Uhr, gegen 8 Uhr
1. Anamnese
Mal sehen, so ist es, do hob i
Fr. Keller und Hr. Mo
es ist so, mi reicht's
L4/5, HWK 5/6
im 2. OG, 3. Stock, 4. Zyklus
seit 2007 bekannt
Grad 2.-3., 1. - 3. Grades
"""
NOT_ES = """
hace 3 días, ayer, desde 2019
PA 120/80, sat 94, 1/2 comp
mayor de edad, Mayo Clinic
3 al día, 2-3 veces
el 50 % y el 12 mg
"""
NOT_FR = """
depuis 3 jours, hier, en 2019
TA 12/8, sat 94, 1/2 cp
le 5e jour, le 2 mg, au 3e mois
il marche, la mer
"""
FOUND = [
    (language, line)
    for language, text in (("en", EN), ("de", DE), ("es", ES), ("fr", FR))
    for line in text.strip().splitlines()
]
CLEAR = [
    (language, line)
    for language, text in (("en", NOT_EN), ("de", NOT_DE), ("es", NOT_ES), ("fr", NOT_FR))
    for line in text.strip().splitlines()
]


def _hits(text: str, language: str) -> list[str]:
    return [text[hit.start : hit.end] for hit in dates.find(Source(text, language))]


@pytest.mark.parametrize(("language", "line"), FOUND, ids=[line for _, line in FOUND])
def test_dates_are_found(language: str, line: str) -> None:
    text = re.sub(r"[{}]", "", line)
    covered = {at for hit in dates.find(Source(text, language)) for at in range(hit.start, hit.end)}
    for marked in re.finditer(r"\{(.+?)\}", line):
        start = marked.start() - 2 * line[: marked.start()].count("{")
        wanted = {at for at in range(start, start + len(marked[1])) if text[at].isalnum()}
        assert wanted <= covered, _hits(text, language)


@pytest.mark.parametrize(("language", "line"), CLEAR, ids=[line for _, line in CLEAR])
def test_what_only_looks_like_a_date_stays(language: str, line: str) -> None:
    assert _hits(line, language) == []


def test_no_more_than_the_date_is_covered() -> None:
    assert set(_hits("seen on Monday the 3rd with Dr Keller", "en")) >= {"Monday the 3rd"}
    assert _hits("on the Sunday night", "en") == ["Sunday"]
    assert set(_hits("am 12. März um 14 Uhr", "de")) >= {"12. März"}
    assert all("Uhr" not in hit and "14" not in hit for hit in _hits("am 12. März um 14 Uhr", "de"))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("DOB 12/3/1958", "en"),
        ("born 3 March 2024 at 04:12", "en"),
        ("geb. 4.11.1961", "de"),
        ("*4.4.1997", "de"),
        ("née le 3 février 1950", "fr"),
        ("F. nac.: 04/11/1951", "es"),
    ],
)
def test_birth_dates_are_proven(text: str, language: str) -> None:
    hits = list(dates.find(Source(text, language)))
    assert any(hit.trust is Trust.PROVEN and hit.rule == "date:birth" for hit in hits)
    assert all(hit.kind is Kind.DATE for hit in hits)
    assert max(hit.end for hit in hits) == len(text)


@pytest.mark.parametrize(
    ("text", "language", "when"),
    [
        ("2024-03-12", "en", When(2024, 3, 12)),
        ("12.3.24", "de", When(2024, 3, 12)),
        ("12.3.", "de", When(None, 3, 12)),
        ("15/8", "en", When(None, 8, 15, order=True)),
        ("9/26/24", "en", When(2024, 9, 26, order=False)),
        ("3/4/24", "en", When(2024, 3, 4, swapped=True)),
        ("3/4/24", "fr", When(2024, 4, 3)),
        ("3rd of May 2021", "en", When(2021, 5, 3)),
        ("Jan 22, 1986", "en", When(1986, 1, 22)),
        ("the third of may", "en", When(None, 5, 3)),
        ("14-15 Aug", "en", When(None, 8, 14, 15)),
        ("2. bis 14. September 2023", "de", When(2023, 9, 2, 14)),
        ("zweiter Januar", "de", When(None, 1, 2)),
        ("9 de abril de 2024", "es", When(2024, 4, 9)),
        ("28/ago", "es", When(None, 8, 28)),
        ("1er mai", "fr", When(None, 5, 1)),
        ("March 2023", "en", When(2023, 3, None)),
        ("10/2022", "en", When(2022, 10, None)),
        ("last tues", "en", When()),
        ("20240312", "en", When(2024, 3, 12)),
        ("120358", "de", When(1958, 3, 12)),
    ],
)
def test_reading(text: str, language: str, when: When) -> None:
    assert calendars.read(text, language) == when


def test_feasts_of_all_languages_are_compiled() -> None:
    for language in ("en", "de", "es", "fr"):
        assert re.compile(holidays.names(language))
        assert len(holidays.beginnings(language)) > 20


@settings(max_examples=60, deadline=None)
@given(
    st.text(alphabet="0123456789/.-: abmryjunsetdoc'äé\n", max_size=120),
    st.sampled_from(["en", "de", "es", "fr"]),
)
def test_hits_lie_within_the_text(text: str, language: str) -> None:
    for hit in dates.find(Source(text, language)):
        assert 0 <= hit.start < hit.end <= len(text)
        assert calendars.read(text[hit.start : hit.end], language) is not None
