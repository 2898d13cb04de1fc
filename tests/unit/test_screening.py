"""Orders are told from questions, and plain identifiers noticed: labelled examples, precision first."""

import time

import pytest

from bot.screening import identifiers, orders
from bot.screening.identifiers import Identifier

ORDERS = [
    "Please order a CT head.",
    "please order labs and a chest x-ray",
    "give 5 mg morphine now",
    "Give 5 mg of morphine IV now.",
    "start heparin",
    "Start heparin drip, bolus 5000 units.",
    "discontinue metformin",
    "Discontinue all anticoagulation.",
    "K 6.8: give calcium gluconate 10 ml iv now",
    "AF, rate 140. Start metoprolol 5 mg iv.",
    "Hold warfarin tonight",
    "Transfuse 2 units of blood.",
    "please give 1 g paracetamol",
    "Please start ceftriaxone 2 g.",
    "Please prescribe enoxaparin 40 mg.",
    "Can you please order an MRI?",
    "Could you please prescribe furosemide 40 mg?",
    "Can you order a CT angiogram for bed 4?",
    "increase furosemide to 80 mg",
    "Increase the noradrenaline.",
    "Reduce insulin by 4 units.",
    "Do not give NSAIDs.",
    "then stop the heparin infusion",
    "Administer 300 mg amiodarone.",
    "Verbal order: potassium chloride 40 mmol",
    "Orders: NPO, CT abdomen",
    "titrate propofol to RASS -2",
    "switch to meropenem 1 g tds",
    "Obtain blood cultures and start vancomycin",
    "order troponin and ecg",
    "bitte CT anordnen",
    "Bitte Heparin absetzen.",
    "Bitte 5 mg Morphin geben",
    "Bitte anordnen: Röntgen Thorax",
    "Geben Sie 5 mg Morphin i.v.",
    "Setzen Sie Metformin ab.",
    "Gib 1 g Novalgin",
    "Beginnen Sie mit Heparin.",
    "Heparin absetzen!",
    "Clexane sofort absetzen",
    "Können Sie bitte ein CT anordnen?",
    "Anordnung: Kalium 40 mmol",
    "Bitte Blutkulturen abnehmen und Antibiose starten",
]
QUESTIONS = [
    "start heparin or wait?",
    "Start heparin now?",
    "new AF, rate 140: cardiovert?",
    "new AF, rate 140, BP 95/60: cardiovert or rate control?",
    "Should I give 5 mg morphine now",
    "Would you start heparin with platelets of 40?",
    "Would you stop metformin before contrast?",
    "give lysis?",
    "Is it safe to give ceftriaxone with a penicillin allergy",
    "On heparin since Monday, platelets 60: HIT? Stop heparin?",
    "Started heparin yesterday, now melaena: continue?",
    "We gave 5 mg morphine; still in pain. What next?",
    "Received amiodarone 300 mg. Still in VT. Options?",
    "Increase in creatinine since start of vancomycin.",
    "Increase of troponin from 20 to 400: angio?",
    "Start of symptoms 10:40, NIHSS 12: lysis?",
    "potassium 7.1",
    "neutropenic fever: which antibiotics?",
    "left hemiparesis for 40 minutes: lysis?",
    "blistering rash: biopsy?",
    "Please advise on anticoagulation.",
    "Please give me your view on heparin in HIT.",
    "please give advice: warfarin after GI bleed",
    "Please call me about the CT.",
    "Please see this patient with sepsis.",
    "Please review the CT and the heparin dose.",
    "Can you see bed 4 today?",
    "Could you look at the CT with me?",
    "Hold on, the CT is back: bleed.",
    "Order for CT was placed yesterday, no result: who reads it?",
    "CT ordered, troponin pending.",
    "Plan: start heparin tonight. Agree?",
    "My plan: stop metformin. Do you agree?",
    "I would give 40 mg furosemide. Agree?",
    "if unstable, give 5 mg metoprolol",
    "cardiovert if unstable, else metoprolol",
    "When to start apixaban after stroke",
    "How to wean noradrenaline in a patient on ECMO",
    "Which dose of meropenem with GFR 20",
    "Give or withhold steroids in PJP?",
    "Bitte um Rat: Heparin trotz Blutung",
    "Bitte um Rückruf wegen CT.",
    "Bitte Rückmeldung geben wegen Heparin",
    "Heparin absetzen oder weiter?",
    "Soll ich Heparin geben",
    "Würden Sie lysieren?",
    "Geben Sie bei HIT Argatroban?",
    "Seit Start der Antibiose Fieber",
    "Hat 5 mg Morphin bekommen, weiter Schmerzen. Was noch?",
    "Patient will Metformin absetzen. Was spricht dagegen?",
    "Welche Antibiose bei Penicillinallergie",
    "worum geht es?",
    "one question",
    "",
    "?",
]


@pytest.mark.parametrize("text", ORDERS)
def test_an_order_is_one(text: str) -> None:
    assert orders.find(text) is not None


@pytest.mark.parametrize("text", QUESTIONS)
def test_a_question_that_names_a_drug_is_no_order(text: str) -> None:
    assert orders.find(text) is None


def test_an_order_is_found_among_other_sentences_and_shown() -> None:
    found = orders.find("72 years, AF.\nBP 95/60. Give 5 mg  metoprolol iv now.\nThanks!")
    assert found is not None
    assert found.words.startswith("Give 5 mg metoprolol") or found.words.startswith("Give 5 mg")


@pytest.mark.parametrize(
    "text", ["give " * 12_000, "please " * 8_000, "bitte " * 9_000, "a, " * 20_000, "x" * 60_000]
)
def test_hostile_texts_take_no_longer_than_they_are(text: str) -> None:
    begun = time.monotonic()
    orders.find(text)
    identifiers.find(text)
    assert time.monotonic() - begun < 5.0


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("DOB 03/05/1961, chest pain", Identifier.BIRTH),
        ("D.O.B.: 1961-05-03", Identifier.BIRTH),
        ("born 3 May 1961", Identifier.BIRTH),
        ("geb. 03.05.1961", Identifier.BIRTH),
        ("* 3.5.1961", Identifier.BIRTH),
        ("MRN 00482913", Identifier.NUMBER),
        ("MRN: AB-123456", Identifier.NUMBER),
        ("Fallnummer 20481234", Identifier.NUMBER),
        ("SSN 123-45-6789", Identifier.NUMBER),
        ("Mr Miller has new AF", Identifier.NAME),
        ("Frau Sommer, 82", Identifier.NAME),
        ("patient named Quill", Identifier.NAME),
    ],
)
def test_a_plain_identifier_is_noticed(text: str, kind: Identifier) -> None:
    assert kind in identifiers.find(text)


@pytest.mark.parametrize(
    "text",
    [
        "72 years, new AF, rate 140, BP 95/60",
        "callback 4711-22 ward B12",
        "CT on 21.11.2026 showed a bleed",
        "symptoms since 03/05",
        "Frau Dr. Berg bat um Rat",
        "Herr Kollege, was meinen Sie?",
        "Ms. with two lesions on MRI",
        "MR angiography normal",
        "troponin 20-400-1200",
        "Miss rate of the score 2%",
        "5*3 mg",
        "",
    ],
)
def test_what_is_no_identifier_gives_no_hint(text: str) -> None:
    assert identifiers.find(text) == ()
