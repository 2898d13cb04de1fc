"""The words by which rooms are told from grades, amounts and durations: data for `rooms`."""

from __future__ import annotations

import re

from bot.deid.recognizers import shapes

# What rooms, beds and wards are called; alternations in lower case.
ENGLISH = (
    r"rooms?|rms?\.?|beds?|bd|bed ?space|bays?|wards?|wd|cubicles?|cubes?|cube|curtain|"
    r"stretchers?|gurney|pods?|theatres?|"
    r"op room|operating room|ot|resus(?: bay)?|trauma(?: bay| room| bed)?|zone|hall(?:way)?(?: "
    r"bed)?|corridor(?: bed)?|hall bed|"
    r"chairs?|recliner|side ?room|sr|iso(?:lation)?(?: room)?|exam(?: room)?|clinic room|"
    r"consulting room|suite|flat|"
    r"step-?down|fast ?track|triage|pacu|recovery|obs bed|cath lab|lab ?room|x-?ray|unit|floor|"
    r"cots?|crib|isolette|incubator|delivery|swing|angio|tower|wing|room no|bed no|pit"
)
UNITS = (
    r"[MSCNPBTR]?ICU|ICCU|CV[I]?CU|CVICU|CTICU|NSICU|NICU|PICU|MICU|SICU|TICU|NCCU|CCU|HDU|ITU|AMU|"
    r"MAU|SAU|ASU|EAU|CDU|NNU|SCBU|PCU|TCU|LDRP|PACU|"
    r"ED|ER|A&E|L&D|LDR|OBS|MDU|SSU|CICU|IMCU|IMC|ITS|ICUs|HCU|KDU|ZNA|INA|UCI|USC"
)
GERMAN = (
    r"zi\.?|zim\.?|zimmern?|bett(?:en|platz|pl)?\.?|stat\.?|stg\.?|station(?:en)?|st\.|koje|kabine|box|"
    r"saal|säle|op(?:-saal)?|platz|"
    r"bettenplatz|bettplatz|einheit|ebene|its|intensiv|imc|zna|schockraum|kreißsaal|kreissaal|"
    r"behandlungszimmer|angio|raum|eingriffsraum"
)
SPANISH = (
    r"habitaci[oó]n|habitaciones|hab\.?|camas?|c\.|box(?:es)?|boxe|sill[oó]n|sala|planta|"
    r"quir[oó]fano|q\.|puesto|cub[ií]culo|pabell[oó]n|"
    r"uci|urpa|paritorio|consulta|control|ala"
)
FRENCH = (
    r"chambres?|ch\.?|lits?|box(?:es)?|salle|bloc|étage|secteur|unité|service|poste de soins(?: "
    r"du)?|sas|réa|usc|usi|brancard|"
    r"fauteuil|couloir|déchoc|pavillon|aile|bureau"
)
# Words before "ward" that are no name of one.
COMMON = shapes.bag(
    "surgical medical maternity antenatal postnatal labour labor isolation paediatric "
    "pediatric general acute stroke renal "
    "cardiac respiratory gastro geriatric elderly care children's childrens psychiatric psych "
    "mental health open closed locked private male "
    "female mixed the that this which every each our your his her my their next last first "
    "second third oncology haematology "
    "hematology orthopaedic orthopedic trauma burns neuro neurology rehab rehabilitation "
    "admissions assessment high intensive day "
    "night step down infectious diseases tb covid virtual home parent another whole same old "
    "new busy quiet delivery recovery "
    "discharge no on from back any some either one two medicine surgery ortho ob gyn gynae obs "
    "ent urology vascular thoracic "
    "transplant emergency icu chest short stay observation left right east west north south "
    "main bedroom patient both all"
)
# Whoever is "in 14".
PERSON = (
    r"guy|man|woman|lady|gent(?:leman)?|kid|boy|girl|baby|child|pt|patient|bloke|fella|chap|"
    r"dude|gran(?:ny|dpa|dma)?|"
    r"opa|oma|herr|frau|mann|junge[nr]? mann|kerl|patientin|pat|dame|señor|señora|paciente|"
    r"chico|chica|abuel[oa]|monsieur|madame|"
    r"dame|mr|mrs|ms|miss|hip|nof|chf|dka|sickler|copd|gi bleed|gib|stroke|trachy|trach|vent|"
    r"code|rapid|admit|transfer|fall|sitter|one|everyone|all|staff|nurses|crew|team|folks|nan|"
    r"mum|mom|dad|s?he(?:['’]?s)?|they(?:['’]?re)?"
)
# What is graded, staged or numbered: the letter or number behind it is no room.
GRADED = re.compile(
    r"(?<![^\W_])(?:ckd|stage|stadium|grade|grad|gr|type|typ|class|klasse|child|gleason|"
    r"kat(?:egorie)?|cat(?:egory)?|level|phase|fig(?:ure)?|table|tab|"
    r"gartland|garden|weber|fontaine|rutherford|hinchey|stanford|debakey|nyha|ccs|asa|aast|"
    r"birads|bi-rads|pirads|lirads|li-rads|rads|tirads|"
    r"figo|tnm|[pcy]?[tnm]\d?|zone|salter|mason|nice|paris|groupe|group|gruppe|grupo|stade|"
    r"estadio|estadío|grado|tipo|bethesda|"
    r"bosniak|los|forrest|killip|step|stufe|segment|version|v|phase|level|tanner|apgar|bristol|"
    r"mallampati|cormack|option|part|"
    r"section|abschnitt|§|ziffer|question|item|point|line|trial|drg|icd|factor|faktor|hepatitis|"
    r"influenza|vitamin|b|h|dose|"
    r"avnrt|block|mobitz|ii|iii|iv|schedule|guideline|leitlinie|box|cohort|arm|mode|vs|temp|um|gegen|ab|grupos|"
    r"factor|annex|appendix|class)\W{0,2}$",
    re.I,
)
# A number before these counts something.
COUNTED = shapes.bag(
    "neck injury injuries trauma flexor retroperitoneal years year yrs yo days day hours hour "
    "hrs weeks week wks months month minutes "
    "minute mins min mg ml mcg g kg units unit times x doses beds patients people percent of "
    "half quarter hundred thousand per "
    "fractions ebenen ebene o "
    "asian american african indian korean coast pole wks d h wk cycles rounds attempts "
    "shocks litres liters points pts and-a "
    "tagen tage wochen stunden minuten jahren monaten uhr mal jours heures semaines minutes "
    "mois ans días horas semanas meses años "
    "centres centers hospitals countries sites studies trials rcts degrees deg grad grados "
    "degrés cases am pm a.m p.m nights shifts goes shots tries leads views vessels or bags eb "
    "ssw lebenswoche lebensjahr woche tag monat jahr packs sets steps flights parts places "
    "kids years wo fraktionen sitzungen zyklen miles km point pages"
)
# "back in 5", "round in 10": what stands before "in" when no room follows.
NOT_PLACED = shapes.bag(
    "round rounds coffee break lunch back home there be done up ready rosc follow review again "
    "down due landing lands here out call started occurred occurs seen "
    "only fell died first since happened published diagnosed dx resected implanted placed born "
    "retired survived mortality risk "
    "increase decrease drop rise incidence available open responded sooner later reassess "
    "recheck repeat fu f/u see came got nine "
    "eight seven six five four three two one arrives arriving eta leaving leave"
)
# Lines that begin with a number are beds when the post speaks of these.
HANDOVER = re.compile(
    r"(?<![^\W_])(?:hand ?over|sign ?-?out|signout|hand-?off|übergabe|relève|transmissions|pase|"
    r"guardia|night|nights|list|census|rounds?|board|"
    r"beds?|rooms?|bett|side|floor|ward|charge|report|team|dept|department|station|its|icu)(?![^\W_])",
    re.I,
)
