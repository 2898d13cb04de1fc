"""Which language a post is in; what is not known is refused."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.deid.language import SUPPORTED, detect

KNOWN = {
    "en": [
        "62M POD2 lap chole, temp 38.9, wbc 14, cx pending. start zosyn or wait",
        "any1 seen a rash like this after lamotrigine?? pt is 19f, day 10",
        "can someone cover my clinic tmrw am, kid is sick",
        "Q for EP: Medtronic Azure, AAIR, 4% AF burden, longest run 14 h. The trials seem to point in "
        "different directions. Anticoagulate? pt is 76, HAS-BLED 2",
        "K 6.8, no ecg changes, gave calcium + insulin, rpt 6.5. dialyse?",
        "Dear colleague, thank you for seeing this man with progressive dysphagia. Kind regards",
        "CXR RLL infiltrate, plt 84, K 3.1, NKDA, on RA",
        "pt cofused after the op, no focal neuro, CT neg, wat next",
    ],
    "de": [
        "Pat. 78w, AZ red., RR 90/50, Z.n. Hüft-TEP, CRP 210, Antibiose läuft. Noch was?",
        "wer übernimmt morgen den spätdienst auf der 3b",
        "Kollegen, hat jemand Erfahrung mit Dupilumab bei Prurigo?",
        "V.a. LE, D-Dimere erhöht, CT bds unauffällig, weiter Luftnot",
        "bitte um rückruf wegen konsil, pat ist nüchtern",
        "Hb 6,9, zwei EKs gegeben, Gastro nachts wer?",
    ],
    "es": [
        "Paciente de 70 años con disnea, sat 88, rx con infiltrado, pongo ceftriaxona o espero",
        "alguien me cambia la guardia del finde? es el cumple de mi hija",
        "HTA, DM2, ingresa por dolor torácico, troponina negativa, qué haríais",
        "compis, dosis de apixabán con FG 22?",
    ],
    "fr": [
        "Patiente de 60 ans, fièvre depuis hier, CRP 180, je mets de l'augmentin ou j'attends le scanner ?",
        "qui peut prendre ma garde de demain soir svp",
        "atcd hta, bpco, sat 88 sous 2L, tdm sans ep. des idées ?",
        "avis cardio svp, tropo en hausse et ecg normal",
    ],
}
# Some 60 sentences that clinicians might type in other languages.
FOREIGN = """
Paziente di 67 anni ricoverata per scompenso cardiaco, stanotte ha desaturato e abbiamo iniziato la CPAP
qualcuno ha esperienza con rivaroxaban in dialisi? il nefrologo non risponde
Ragazzi il turno di domani è scoperto, chi può venire?
TC addome negativa, la febbre però continua, emocolture in corso. Cosa aggiungereste?
Donna, dolore toracico da ieri sera, troponina dubbia, ECG senza sopraslivellamento
Doente de 54 anos com dispneia desde ontem, raio-x com derrame pleural à direita, já fez furosemida
alguém pode cobrir o meu plantão de domingo? tenho a formatura da minha filha
Paciente intubada, noradrenalina em dose alta, lactato subindo. Vocês fariam corticoide?
Criança com febre há 5 dias e exantema, pensamos em Kawasaki, o que acham?
Patiënt van 72 met koorts en hoesten, saturatie 88, we hebben gestart met amoxicilline
wie kan mijn dienst van morgen overnemen? ik lig ziek op bed
Mevrouw is gisteren gevallen, heupfractuur rechts, orthopeed komt zo kijken
Heeft iemand ervaring met deze dosering bij nierfalen? De apotheek weet het ook niet
Pacjentka lat 45 z bólem brzucha od wczoraj, USG bez zmian, CRP rośnie. Co robicie?
czy ktoś może mnie zastąpić jutro na dyżurze? dziecko ma gorączkę
Po operacji chory splątany, sód 121, uzupełniać powoli?
Patienten är 80 år och har feber sedan igår, vi satte in antibiotika men hon blir inte bättre
kan någon ta min jour på lördag? jag behöver hjälp
Röntgen visar en fraktur på höger handled, ortopeden vill operera imorgon
Patienten har haft feber i tre dage og får nu antibiotika, men der er ikke bedring
er der nogen der kan tage min vagt i aften? jeg er blevet syg
Pasienten har ikke hatt avføring på fem dager, noen som har forslag til hva vi gjør?
kan noen bytte vakt med meg på fredag? jeg må hente barna
Hasta 60 yaşında, göğüs ağrısı ile geldi, EKG normal ama troponin yüksek, ne yapalım?
yarın nöbetimi alabilecek biri var mı? çocuğum hasta
Ameliyat sonrası ateşi çıktı, kültür aldık, antibiyotik başladık
Pacientă de 58 de ani cu durere toracică de ieri, EKG fără modificări, ce mai facem?
poate cineva să mă înlocuiască mâine la gardă? sunt bolnavă
Pacient 70 let, od včera horečka a kašel, nasadili jsme antibiotika, ale není to lepší
může někdo vzít moji službu zítra? jsem nemocný
Pacientka má od včera bolesti brucha, sono je v norme, čo by ste robili ďalej?
A beteg 66 éves, tegnap óta lázas, az antibiotikum nem hat, mit javasoltok?
valaki át tudja venni a holnapi ügyeletemet? beteg a gyerek
Potilas on 75-vuotias ja kuumeillut eilisestä asti, antibiootti aloitettu mutta vointi ei ole parempi
voiko joku ottaa huomisen päivystykseni? olen kipeänä
Pacijent ima 63 godine, od jučer bolovi u prsima, EKG uredan, što biste vi napravili?
Pacient de 70 anys amb febre des d'ahir, hem començat antibiòtic però no millora, què faríeu?
Pasien umur 55 tahun dengan nyeri dada sejak kemarin, EKG normal tapi troponin naik, bagaimana ya?
pesakit ini sudah demam tiga hari, ubat apa yang boleh saya bagi? dia juga hamil
Pasyente na 40 taon, may lagnat mula kahapon at hindi kumakain, ano po ang dapat kong gawin?
Bệnh nhân 60 tuổi đau ngực từ hôm qua, điện tim bình thường nhưng men tim tăng, làm gì tiếp?
Mgonjwa ana miaka 30, ana homa tangu jana na maumivu ya kichwa, tumempa dawa lakini hajapona
Pacienti është 50 vjeç me dhimbje gjoksi që nga dje, çfarë duhet të bëjmë?
Пациентка 54 лет, боль в груди со вчерашнего дня, тропонин повышен, что делаем?
кто может подменить меня завтра на дежурстве?
Хвора 60 років, гарячка з учора, почали антибіотик, але не краще
Пациент на 70 години с температура от вчера, какво ще предложите?
Ασθενής 65 ετών με πόνο στο στήθος από χθες, τι να κάνουμε;
مريض عمره ٥٠ سنة يعاني من ألم في الصدر منذ أمس، ما رأيكم؟
מטופלת בת 60 עם כאבים בחזה מאתמול, מה עושים?
بیمار ۶۰ ساله با درد سینه از دیروز، چه کار کنیم؟
病人六十岁，昨天开始胸痛，心电图正常，怎么办？
患者は70歳、昨日から発熱、抗生剤を開始しましたが改善しません
환자 65세, 어제부터 흉통이 있고 심전도는 정상입니다
मरीज की उम्र 60 साल है, कल से सीने में दर्द है, क्या करें?
நோயாளிக்கு நேற்றிலிருந்து காய்ச்சல், என்ன செய்யலாம்?
ผู้ป่วยอายุ 60 ปี เจ็บหน้าอกตั้งแต่เมื่อวาน ทำอย่างไรดี
Pacientei ir 60 gadi, kopš vakardienas sāp krūtis, EKG normāla, ko darīt?
Pacientui 60 metų, nuo vakar skauda krūtinę, EKG be pakitimų, ką daryti?
Patsient on 60 aastane, eilsest valu rinnus, EKG normis, mida teha?
Bolnica stara 60 let, od včeraj bolečina v prsih, EKG brez posebnosti, kaj storiti?
Bukaanku waa 50 jir, xanuun laabta ah ayuu leeyahay ilaa shalay, maxaan sameynaa?
Gaixoak 60 urte ditu, atzotik bularreko mina du, zer egin dezakegu?
"""


@pytest.mark.parametrize(
    ("language", "text"), [(key, text) for key, texts in KNOWN.items() for text in texts]
)
def test_terse_posts_are_recognised(language: str, text: str) -> None:
    assert detect(text, default=language) == language
    other = "de" if language == "en" else "en"
    assert detect(text, default=other) == language


@pytest.mark.parametrize("text", FOREIGN.strip().splitlines())
def test_other_languages_are_refused(text: str) -> None:
    assert detect(text, default="en") is None
    assert detect(text, default="de") is None


@pytest.mark.parametrize(
    "text", ["", "😀", "ok 5mg", "danke", "7/10", "K 3.1", "Tazobac?", "120/80 94% 37.2"]
)
def test_what_is_too_short_counts_as_the_default(text: str) -> None:
    assert detect(text) == "en"
    assert detect(text, default="de") == "de"


def test_a_quotation_does_not_change_the_language() -> None:
    text = (
        "Pt is 40 with chest pain since last night, troponin negative twice, ECG normal. "
        "He only says 'mi fa male il petto' and we have no interpreter tonight. What would you do?"
    )
    assert detect(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "Kindly see this pt with cough. Il paziente ha febbre da ieri sera e non mangia, ha dolore",
        "Patient has a fever, we began antibiotics. Die Patientin ist seit gestern schläfrig und isst nicht",
        "Please help with this one today. Пациентка жалуется на боль в груди со вчерашнего дня",
    ],
)
def test_a_large_part_in_another_language_is_refused(text: str) -> None:
    assert detect(text) is None


@settings(max_examples=80, deadline=None)
@given(st.text(max_size=200))
def test_any_text_has_an_answer(text: str) -> None:
    assert detect(text) in {*SUPPORTED, None}
