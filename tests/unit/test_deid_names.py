"""Names after cues, by form and by dictionaries; what looks like a name and is none; names found again."""

from __future__ import annotations

import re
import time

import pytest

from bot.deid import merging
from bot.deid.lexicon import terms, words
from bot.deid.model import Hit, Kind, Source, Trust
from bot.deid.recognizers import names

_MARK = re.compile(r"\[\[(.+?)\]\]")


def _read(marked: str) -> tuple[str, list[str]]:
    """A text whose names stand in [[ ]], and the names."""
    return _MARK.sub(r"\1", marked), _MARK.findall(marked)


def _found(text: str, language: str) -> list[str]:
    source = Source(text, language)
    spans = merging.merge(text, names.find(source), (), None, names.exempt(source))
    return [text[span.start : span.end] for span in spans]


def _hits(text: str, language: str = "en") -> list[Hit]:
    return list(names.find(Source(text, language)))


@pytest.mark.parametrize(
    "marked",
    [
        "mrs [[hope]] rang again re her results",
        "Mr. [[Benedetto Caruso]], 83, came up from the ED",
        "Bx on mrs. [[pruitt]]'s left axilla came back",
        "pt [[kaveri]] w/o [[shanmugam]] needs an echo",
        "54/M [[Murugesan]] s/o [[Perumal]], K 6.8",
        "daughter [[hope]] says zyprexa made her worse",
        "wife, [[Ini]], was told by me",
        "Mom = [[Farzaneh]], sleeps in the chapel",
        "his sister ([[Lorraine]]) says no",
        "per Dr. [[Hollis Venkataraman]] in clinic",
        "left TKA by Prof [[Strachan-Obi]] in 2018",
        "Nurse [[Adeyemi]] was there at 0405",
        "our registrar [[Yusuf Demirci-Hale]] did a cracking job",
        "@[[priya]] resus 2 please",
        "hi [[sam]], quick one",
        "thanks [[Shirin]]!",
        "the patient goes by [[Leo]] and has since 1984",
        "real name is [[Ifeoma]], cancelled",
        "Re: Mr [[Ebenezer OWUSU-ANSAH]]  D.O.B. later",
        "Mrs [[O'S]] decided I'm her nephew",
        "my view of Mrs [[Tran Thi Kim Lien]] is different",
        "can i let mr [[ng]] go",
    ],
)
def test_names_after_english_cues(marked: str) -> None:
    text, expected = _read(marked)
    assert _found(text, "en") == expected


@pytest.mark.parametrize(
    "marked",
    [
        "hr [[kowalczyk]] sättigt 86 unter 4l",
        "Frau [[Maria-Luise von Hagen]] kommt später",
        "fr [[nguyen]] in zwei Stunden nochmal",
        "Herr Prof. Dr. med. [[Terhorst]] kommt zur Visite",
        "Hrn. [[Frost]] bitte spülen",
        "mit dem OA [[Pospischil]] geredet",
        "Herr Koll. [[Wäfler]] hat angerufen",
        "Tochter [[Friederike]] ruft stündlich an",
        "Schwester [[Katarzyna]] hat Tee gekocht",
        "seine Frau [[Danuta]] liest alle Werte mit",
        "Er heißt [[Volker]], mehr weiß sie nicht",
        "Pat.: [[Öztürk, Emine]]  geboren in Wien",
        "Zuweiser: Dr. [[Hagedorn]], Pneumologie",
        "bitte löschen. lg [[steffi]]",
        "Kollegin [[Wagenbrenner]] macht Vertretung",
        "Die Mama von [[Jonas W.]] schreibt mir",
    ],
)
def test_names_after_german_cues(marked: str) -> None:
    text, expected = _read(marked)
    assert _found(text, "de") == expected


@pytest.mark.parametrize(
    ("marked", "language"),
    [
        ("Ha fallecido don [[Anselmo]] esta noche", "es"),
        ("El hijo de la señora [[Wang Xiulan]] habla español", "es"),
        ("ya hablé con el Dr. [[Barragán]] y nada", "es"),
        ("se llama [[Volodymyr]] y es ucraniano", "es"),
        ("Le fils de M. [[Tanguy]] est arrivé", "fr"),
        ("Mme [[Le Goff]] refuse la sonde", "fr"),
        ("il s'appelle [[Loïc Tanneau]] et il dort", "fr"),
    ],
)
def test_names_in_spanish_and_french(marked: str, language: str) -> None:
    text, expected = _read(marked)
    assert _found(text, language) == expected


@pytest.mark.parametrize(
    "marked",
    [
        "pt [[J.S.]] needs MRI",
        "re [[mk]] in 7b, lactate 3.1",
        "Patient: [[VANDERMEER, LOIS K]]",
        "Ordering: [[Prentiss, Alan]] MD",
        "[[ZWICKER, BURNLEY]]\nTAKE ONE TABLET",
        "whoever has [[leilani k.]] tmrw",
        "bounceback. [[j. okonkwo]] 44m dka again",
        "bed 22 is [[Nguyen]] not the other",
        "[[edith]] in 7c has pain",
        "[[Desmond Achebe]], 71, GI bleed",
        "spoke with [[R. MacAskill]] about it",
        "ok so [[Tigist Haile]] is ready",
        "ADDENDUM: CORRECT NAME IS [[MARY LANG]]",
        "I told him so.\n— [[Nkechi]]",
    ],
)
def test_names_by_their_form(marked: str) -> None:
    text, expected = _read(marked)
    assert _found(text, "en") == expected


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Crohn's pt on ustekinumab, calpro 1850, feels great", "en"),
        ("Foley out POD1 or POD2 after lap sigmoid?", "en"),
        ("Wells score 4.5, Parkinson disease, Baker cyst, Bell's palsy", "en"),
        ("He has May-Thurner and a Colles fracture, Dix-Hallpike negative", "en"),
        ("GCS 14, NIHSS 9 after Keppra and Dilantin, now on Zosyn", "en"),
        ("Salter-Harris II distal radius, Monteggia or Galeazzi, Hinchey III", "en"),
        ("He'd had three seizures. I've called Medtronic, X-ray at noon, D-dimer 510.", "en"),
        ("hope for the best, may need a second line, long day", "en"),
        ("doctor is aware, nurse called, patient refused, mom says no", "en"),
        ("12 fr Foley, sr lytes pending, mr spine normal", "en"),
        ("Patient: denies chest pain", "en"),
        ("Morbus Crohn, Calprotectin hoch, Infliximab läuft, Abszess im MRT ausgeschlossen", "de"),
        ("Die Patientin hatte Fieber und Husten, Sauerstoff läuft, Aufnahme auf Station", "de"),
        ("Frau mittleren Alters, Lehrerin, seit einem halben Jahr verändert", "de"),
        ("bitte herr doktor, frau kollegin, danke", "de"),
        ("Hashimoto + Sprue: wer denkt noch an Addison? Natrium 124", "de"),
        ("z.B. i.v. Gabe, Z.n. Apoplex, V.a. Sepsis, p.o. möglich", "de"),
        ("j'ai vu la patiente ce matin, score de Wells à 4", "fr"),
        ("el señor pesa 142 kg y la señora no", "es"),
    ],
)
def test_nothing_is_a_name_there(text: str, language: str) -> None:
    assert _found(text, language) == []


def test_eponyms_are_exempt_as_diseases_and_never_after_a_title() -> None:
    text = "Mr Parkinson has Parkinson disease"
    source = Source(text, "en")
    assert [text[start:end] for start, end in names.exempt(source)] == ["Parkinson"]
    assert names.exempt(source)[0][0] > text.index("has")
    assert _found(text, "en") == ["Parkinson"]


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Dr. Oyelaran called", "en", True),
        ("Mrs. Petrosyan is here", "en", True),
        ("Name: Keller, Anna", "de", True),
        ("Frau Petrović ist da", "de", True),
        ("Mr Wells is here", "en", False),  # an eponym too: sure, not proven
        ("mrs hope rang", "en", False),
        ("with Priya today", "en", False),
    ],
)
def test_proven_is_what_is_hardly_ever_anything_else(text: str, language: str, expected: bool) -> None:
    assert any(hit.trust is Trust.PROVEN for hit in _hits(text, language)) is expected


def test_clinicians_have_a_kind_of_their_own() -> None:
    def kinds(text: str) -> set[Kind]:
        return {span.kind for span in merging.merge(text, _hits(text), ())}

    assert kinds("@priya please call Dr. Venkataraman, RN Kaur knows") == {Kind.CLINICIAN}
    assert kinds("Mrs. Venkataraman is here") == {Kind.NAME}


def test_names_found_once_go_everywhere() -> None:
    text = "Mr. Grant Okafor came. grant money is gone, but okafor's wife says Grant left, OKAFOR too."
    source = Source(text, "en")
    start = text.index("Grant Okafor")
    found = merging.merge(text, [Hit(start, start + 12, Kind.NAME, Trust.SURE, "t")], ())
    again = names.everywhere(source, found)
    assert [text[hit.start : hit.end] for hit in again] == ["okafor", "Grant", "OKAFOR"]
    assert {hit.trust for hit in again} == {Trust.SURE}


def test_an_eponym_is_not_taken_again() -> None:
    text = "Mrs. Graves has Graves disease"
    source = Source(text, "en")
    found = merging.merge(text, names.find(source), (), None, names.exempt(source))
    assert names.everywhere(source, found) == []


def test_hits_keep_within_the_text_and_leave_titles_and_possessives() -> None:
    text = "Delgado-Ruiz's JP, Dr Kessler's note, Frau Engel's Sohn 🏃 @x"
    for hit in _hits(text):
        assert 0 <= hit.start < hit.end <= len(text)
        assert not text[hit.start : hit.end].endswith(("'s", "’s"))
        assert not text[hit.start : hit.end].startswith(("Dr", "Frau"))


def test_the_word_list_knows_words_and_names() -> None:
    assert words.flags("lactate") == "w"
    assert set(words.flags("priya")) & {"f"}
    assert "l" in words.flags(words.fold("Müller"))
    assert "t" in words.flags("bad oeynhausen")
    assert words.flags("qqqxxz") == words.flags("") == words.flags("é") == ""
    assert words.fold("O’Neïl-Łukasz Groß") == "oneil-lukasz gross"


def test_terms_know_drugs_by_list_and_by_stem() -> None:
    assert terms.is_drug("novalgin")
    assert terms.is_drug("risankizumab")
    assert terms.is_drug("fostemsavir")
    assert not terms.is_drug("joaquin")
    assert terms.is_clinical("myokardinfarkt")
    assert terms.is_clinical("cholezystektomie")
    assert terms.is_only_eponym("hinchey")
    assert not terms.is_only_eponym("wells")


def test_the_lists_stay_small() -> None:
    size = sum(path.stat().st_size for path in words.FILE.parent.iterdir() if path.suffix in (".txt", ".gz"))
    assert size < 3_000_000


@pytest.mark.parametrize("unit", ["Mr. Tou Xiong, 71, and daughter hope says Dr Okafor ", "Smith, J. "])
def test_looking_again_takes_linear_time(unit: str) -> None:
    """The rest is in test_deid_speed."""

    def seconds(size: int) -> float:
        source = Source((unit * (size // len(unit) + 1))[:size], "de")
        found = list(names.find(source))
        best = 1e9
        for _ in range(2):
            start = time.process_time()
            spans = merging.merge(source.text, found, (), None, names.exempt(source))
            names.everywhere(source, spans)
            best = min(best, time.process_time() - start)
        return best

    seconds(500)
    assert seconds(8_000) < 8 * 2.2 * seconds(1_000) + 0.05
