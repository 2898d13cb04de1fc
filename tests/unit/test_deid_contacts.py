"""E-mail, web, network addresses, handles and telephone numbers: what goes and what stays."""

from __future__ import annotations

import pytest

from bot.deid.model import Kind, Source, Trust
from bot.deid.recognizers import contacts
from tests.support.deid_marks import differences

FOUND = [
    "back line [[440 555-0114]] [[x 7]], work [[216/555-0190]] [[ext. 31]]",
    # e-mail
    "send it to [[k.thorne+oncall@med.example.edu]] pls",
    "pls mail [[radiology.import @ stmarys dot org]], thanks",
    "[[anna.keller (at) uk-nord punkt example]]",
    "write to [[jo at stmarys dot org]]",
    # web
    "login at [[portal.stmarys-hospital.org/records?id=8812]]",
    "see [[https://pics.outback.example/v/8841-k]].",
    "text [[t.me/drkofi]]",
    # networks
    "viewer on [[10.44.7.212]] is down, mac [[00:1A:2B:3C:4D:5E]]",
    "allow [[10.44.7.0/24]] and [[fe80::1ff:fe23:4567:890a]]",
    # handles
    "[[@l.macisaac:capebreton.chat]] is me, room [[#ward-seven:capebreton.chat]]",
    "mum posts as [[@mamaohnechemie_91]]",
    "she is on insta ([[jonas.mom.1987]])",
    "@[[fionn]] can you look",
    # telephone numbers by their form
    "his son [[+91-91670-55284]] or [[+44 7700 900 123]]",
    "([[952)555-0144]], Marybeth",
    "daughter [[0491 570 156]] and [[07911 123456]]",
    "Rückruf [[04121 / 88 23 10]]",
    "fille [[06 44 19 02 77]]",
    "[[647.555.0162]] any time",
    "brother [[94440 71582]]",
    # behind a word
    "pager [[31774]] just rings busy",
    "anyone got the new pgr? [[0914]]",
    "Bleep me on [[4418]] till 0830 then I'm gone",
    "ext. [[55 214]] or [[55 215]]",
    "call [[(555) 010-7788]] x[[12]]",
    "already tried x[[7740]] twice",
    "ring me. [[2-6019]]. thanks",
    "Kirsty on [[93-4451]] was going to",
]
GERMAN = [
    "Pieper [[4417]] tot, nehmt die -[[4420]]",
    "Durchwahl -[[4412]], Fax [[030 / 450 5 12345]]",
    "Sucher [[5 31 07]], bitte schnell",
    "Handy [[0043 664 998 8123]]",
]
STAYS = [
    "BP 142/88 150/92 138/80, HR 84 92 101, sats 94 95 93",
    "retics 1288 x10^9/L, wcc 3210 x10*9",
    "4-2-1 rule gives 65 mL/h for 25 kg. lactate 2.2 1.8 1.1",
    "there's a gap 0210–0335 I can't explain, called at 0215 and 0340",
    "cell count 4200, 92% PMN; line day 4; plt 214000",
    "Vt 420 RR 18 PEEP 8 FiO2 40, 7.21 / 68 / 62 / 26",
    "uptodate.com and nice.org.uk/guidance/ng28, doi.org/10.1056/NEJMoa2007764, www.mdcalc.com",
    "@home she takes 5 mg @ night, @8am again, pain.in 5 min",
    "Collected 14/08/2024 06:12, read 2024-08-14",
    "telephone review in 2 weeks, called 3 times, phone clinic 2019",
    "IgG 12.5, IG pending; ratio 1:1000; 10:42 and 14:30",
    "Apixaban 10 bd x 7 days then 5 bd, INR 2-3, 100-0-100, dose 2000 units",
    "version 5.1.2 of the guideline, p<0.001 (95% CI 1.2-4.8)",
    "pH 7.22/68/76 and a taper of 50-40-30-20",
]


@pytest.mark.parametrize("marked", FOUND)
def test_found_with_exact_borders(marked: str) -> None:
    assert differences(contacts.find, marked) == ([], [])


@pytest.mark.parametrize("marked", GERMAN)
def test_found_in_german(marked: str) -> None:
    assert differences(contacts.find, marked, "de") == ([], [])


@pytest.mark.parametrize("language", ["en", "de", "es", "fr"])
@pytest.mark.parametrize("text", STAYS)
def test_clinical_figures_and_public_sites_stay(text: str, language: str) -> None:
    assert differences(contacts.find, text, language) == ([], [])


def test_kinds_and_trust() -> None:
    text = "fax 617-555-0136, mail j.petrakis@northshore.example"
    told = {text[hit.start : hit.end]: (hit.kind, hit.trust) for hit in contacts.find(Source(text, "en"))}
    assert told["617-555-0136"][0] in (Kind.FAX, Kind.PHONE)
    assert told["j.petrakis@northshore.example"] == (Kind.EMAIL, Trust.PROVEN)
    assert any(hit.kind is Kind.FAX for hit in contacts.find(Source(text, "en")))
