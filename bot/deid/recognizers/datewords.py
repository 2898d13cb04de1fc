"""Words beside dates and beside what only looks like one, in lower case."""

from __future__ import annotations

import re


def words(text: str) -> frozenset[str]:
    """The words of a text."""
    return frozenset(text.split())


# Words after which a pair of numbers, an abbreviation or a bare ordinal is a date.
CUES = words(
    "lmp edd tcu tci doa dod appt on since from dated til till until 'til by before after due starting "
    "started thru through of dos am vom seit bis ab zum den dem zuletzt zwischen le du au depuis avant "
    "après dès el del desde hasta al ayer hoy yesterday today tomorrow tmrw gestern heute morgen hier "
    "demain"
)
MONTH_CUES = CUES | words(
    "in this last next past early late mid during between around for end im ab anfang mitte ende nach "
    "en and or and/or past prior previous until seit vor de pour fin début mi courant debut a para"
)
EVENTS = words(
    "seen admitted adm admit d/c d/c'd dc dc'd discharged surgery op or'd s/p ct mri cxr echo labs lab "
    "bloods fitted implanted placed appt f/u visit exam study collected coll drawn done repeat prior "
    "comparison scan biopsy bx inr hb a1c culture cultures eeg egd cabg appy lap xr us clinic wound "
    "postop referred scheduled booked slot missed last dose given admission imaging films injury fall "
    "onset shot jab vax out abd befund aufnahme aufn entlassung entl op kontrolle labor termin mrt ct "
    "rückverlegung ingreso "
    "alta tac cita parte rdv scanner irm consult datée date dates signed wrote born fecha"
)
SCORES = words(
    "gcs bp rr pain vas nrs strength power motor reflexes reflex murmur vision va visual acuity apgar "
    "apgars phq phq-9 phq9 gad gad-7 mmse moca scale score ratio dose cage ef curb curb-65 chads nyha "
    "asa grade stage hr sats sat spo2 ta hta tension tas pa rass cam nihss wells qsofa sofa heart abcd2 "
    "timi hasbled peep ps bipap cpap vent ventilator fio2 settings mrc kg tab tabs tablet tablets half "
    "eva schmerz kraft glasgow visus od os ou r l ns vs quad dtrs dtr deltoid biceps grip edema oedema "
    "pulses pitting fab frax pip niv barthel berg tinetti "
    "suboxone zubsolv entresto symbicort targin "
    "cultures bcx bottles sets c l5 l4 c5 c6 c7 t12 l3 s1 fractions"
)
UNITS = words(
    "mg mcg ml l kg g tab tabs tablet tablets cap caps strength power murmur systolic sem esm psm "
    "diastolic dose doses weeks wk wks week days day d yrs years year months mths month mo hours hrs hr "
    "h min mins pain mmhg cm mm times x cups pack packs liter liters bilat bilaterally throughout lower "
    "upper uhr tage wochen monate jahre stunden tabl amp ampullen hüb patients pts nodes lymph cores "
    "biopsies positive blood pitting edema of lb lbs kgs units unit u iu stick puffs días semanas meses "
    "horas años jours semaines mois ans comprimidos comprimés tonsils litres reps people visits "
    "criteria beds staff nurses percent"
)
# Right behind one of these a pair of figures is a date, whatever the figures are.
HAPPENED = words(
    "admitted adm discharged dc'd d/c'd seen dated bday birthday inserted changed exchanged removed replaced "
    "clipped coiled stented extubated intubated trached trachy decannulated transferred born died opened "
    "resited repatriated evd tcu tci"
)
VENTILATED = words("bipap cpap niv nc bilevel hfnc hfno simv psv vni nasal")
VERBS = words(
    "be have need needs not also require cause help well still indicate represent respond want get go "
    "or come take lead occur show i we they he she you it the just only even then help benefit develop "
    "contribute explain reflect suggest include do feel look make mean mask present see start stop use "
    "work add as never already actually always potentially possibly consider give worsen precipitate "
    "increase reduce differ prefer"
)
LABS = words(
    "hb k na krea crp inr tsh lac lactat ph leuko leukos kalium natrium hst kreatinin bili ca mg "
    "phosphat wert faktor version dosis temp albumin pct ft3 ft4 ldl hba1c bz thrombos hkt dd be cr wbc "
    "hgb plt"
)
DOUBTFUL = words("may mar dec march set mars oct sep")
TITLES = words(
    "herr herrn frau hr hrn fr dr mr mrs ms miss prof don doña señor señora sr sra m mme madame monsieur"
)
PART_OF_DAY = words(
    "am pm morning afternoon evening eve night nights arvo noon lunchtime lunch duty list clinic call "
    "round rounds früh morgen vormittag nachmittag abend nacht mittag vormittags nachmittags abends "
    "nachts ganztags dienst"
)
SAT_VERB = words(
    "he she they pt pts patient who and i we it o2 spo2 sao2 his her low room probe the a up just then "
    "drop resting maintaining keep keeps ox pulse still been baby mum mom dad rr hr bp target goal"
)
SAT_AFTER = words(
    "up down in at there with still for back next upright drop dropped drops probe here beside outside "
    "around by on of through >"
)
DE_CUES = words(
    "am ab bis seit von vom zum erst nächsten nächste letzten letzte jeden diesen kommenden vorigen "
    "heute gestern morgen spätestens für"
)
NO_DAY = words(
    "same every each next first last one other post hospital operative postoperative study treatment "
    "clinic rest off leave the good this sick per snow bad long busy late early whole all half full "
    "great lovely nice new any some day race game match big wedding pre post-op discharge admission "
    "hectic match change over list theatre my another second third fourth birth working week present "
    "judgement judgment d-day school sports field cheat open"
)
DAY_PLACE = words(
    "surgery case cases hospital centre center unit care clinic ward nursery procedure admission team "
    "school program programme stay one two"
)
MARCHES = words("fracture fractures hemoglobinuria haemoglobinuria on past in")
# Short German weekdays beside each other, and what is planned for one.
PAIRED = re.compile(r"\s?(?:-|/|,|\+|&|u\.|und|bis|oder|auf)\s?(?:mo|di|mi|do|fr|sa|so)\b", re.IGNORECASE)
PAIRED_BEFORE = re.compile(
    r"\b(?:mo|di|mi|do|fr|sa|so)\s?(?:-|/|,|\+|&|u\.|und|bis|oder|auf)\s?$", re.IGNORECASE
)
# In small letters two of them are days where one may be a verb or an article: "do u fr nicht".
SMALL_PAIR = re.compile(r"\s?(?:/|\+|&|u\.?|und)\s?(?:mo|di|mi|do|fr|sa)\b")
SMALL_PAIR_BEFORE = re.compile(r"\b(?:mo|di|mi|do|fr|sa)\s?(?:/|\+|&|u\.?|und)\s?$")
PLANNED = frozenset(
    ["op", "termin", "mrt", "kontrolle", "entlassung", "verlegung", "visite", "konsil", "erst", "geht"]
)
NEAR_WEEKDAY = re.compile(r"(?<!\w)(?:Mo|Di|Mi|Do)(?!\w)")
